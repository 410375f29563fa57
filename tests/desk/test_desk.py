"""The desk: own copies of the notebooks that leave the project's alone, and one's hosts as a page."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from jupyter_server.serverapp import ServerApp

from runbook.cli import main
from runbook.controller.project import PATTERN
from runbook.desk import Desk, copies
from runbook.desk.serving import serving
from runbook.errors import ParamsError

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\(((?!https?:)[^)#]+)")


@pytest.fixture
def project(tmp_path):
    """Return a project with its notebooks, two hosts, an example, and a file that is wrong."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "notebooks", root / "notebooks")
    (root / "params").mkdir()
    example = (ROOT / "params/example.yml").read_text(encoding="utf-8")
    for name in ("example", "victory"):
        shutil.copy(ROOT / f"params/{name}.yml", root / "params")
    (root / "params/my host.yml").write_text(
        example.replace("host: testbed", "host: birch", 1), encoding="utf-8"
    )
    (root / "params/broken.yml").write_text(example + "\nmispelt: 1\n", encoding="utf-8")
    (root / "docs").symlink_to(ROOT / "docs")
    (root / "recordings").symlink_to(ROOT / "recordings")
    return root


def cells(path):
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def test_a_host_gets_its_own_copies_and_the_projects_stay_as_they_are(project):
    """A copy has the host's parameters and no outputs, and is a notebook; the committed ones do not change by a byte."""
    before = {path: path.read_bytes() for path in (project / "notebooks").iterdir()}
    shown = Desk(project).notebooks("my host")
    made = sorted((project / "mine/my host").iterdir())
    assert [path.name for path in made] == sorted(path.name for path in (ROOT / "notebooks").glob(PATTERN))
    assert {path: path.read_bytes() for path in (project / "notebooks").iterdir()} == before
    for path in made:
        nbformat.validate(nbformat.read(path, as_version=4))
        copied = cells(path)
        assert copied["parameters"].source == 'params = "params/my host.yml"\nmode = "auto"'
        assert all(not cell.outputs for cell in copied.values() if cell.cell_type == "code")
    assert 'href="my%20host/05_xen_installation.ipynb"' in shown.html


def test_in_a_copy_prose_is_frozen_and_code_is_not_yet(project):
    """No stray key changes the guide's words, and no cell is lost; code can be edited until its step is done."""
    Desk(project).notebooks("example")
    for path in [*(project / "mine/example").iterdir()]:
        for cell in cells(path).values():
            assert (cell.metadata.get("editable") is False) == (cell.cell_type == "markdown")
            assert cell.metadata["deletable"] is False
    first = cells(copies.start(project))
    assert [id_ for id_, cell in first.items() if cell.metadata.get("editable") is not False] == ["host"]


def test_every_link_of_a_copy_leads_to_a_file(project):
    """A copy lies deeper than its original, and each of its links leads on: to the next notebook, and to the pages."""
    desk = Desk(project)
    desk.notebooks("example")
    seen = 0
    for path in [copies.start(project), *(project / "mine/example").iterdir()]:
        for cell in cells(path).values():
            for link in LINK.findall(cell.source) if cell.cell_type == "markdown" else ():
                if link.startswith("attachment:"):
                    assert link.removeprefix("attachment:") in cell.attachments
                    continue
                assert (path.parent / link).exists(), f"{path.name}: {link}"
                seen += 1
    assert seen > 100


def test_what_was_done_in_a_copy_stays(project):
    """A copy that is there is left alone, with its outputs and a person's own cells; one of an older edition is laid aside."""
    desk = Desk(project)
    desk.notebooks("example")
    path = project / "mine/example/07_first_boot.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.cells.append(nbformat.v4.new_markdown_cell("My own note."))
    nbformat.write(nb, path)
    kept = path.read_bytes()
    desk.notebooks("example")
    assert path.read_bytes() == kept
    original = project / "notebooks/07_first_boot.ipynb"
    original.write_text(
        original.read_text(encoding="utf-8").replace("First boot under Xen", "The first boot"),
        encoding="utf-8",
    )
    desk.notebooks("example")
    assert path.with_name("07_first_boot.old-1.ipynb").read_bytes() == kept
    assert cells(path)["title"].source.startswith("# The first boot")


def test_a_copy_plays_the_recorded_host(project):
    """The copy of the example's first notebook runs as the project's does, from its own folder."""
    Desk(project).notebooks("example")
    code = [
        cell.source
        for cell in cells(project / "mine/example/01_uefi.ipynb").values()
        if cell.cell_type == "code"
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(code)],
        cwd=project / "mine/example",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_hosts_are_shown_with_what_is_wrong_and_their_notebooks(project):
    """A right file, a wrong one with its first line, the last run if there was one, and a lead to the copies once made."""
    desk = Desk(project)
    text = desk.hosts().text
    assert re.search(r"my host +right +never +none yet", text)
    assert re.search(r"broken +.*mispelt.* +never", text)
    assert text.index("broken") < text.index("example")  # the example comes last
    assert "1 other example in params/" in text
    desk.notebooks("my host")
    (sample,) = (ROOT / "reports/sample/alder").glob("*/run.json")
    run = json.loads(sample.read_text()) | {
        "host": "birch",
        "started": "2026-01-01T00:00:00.000Z",
        "mode": "apply",
    }
    place = project / "reports/birch" / run["id"]
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(run))
    assert re.search(r"my host +right +1 Jan 2026, 00:00 UTC, apply: completed +open", desk.hosts().text)
    assert 'href="my%20host/00_introduction.ipynb"' in desk.hosts().html


def test_a_files_name_acts_nowhere(project):
    """What a file is called is text on the page."""
    name = "<b onclick=x>"
    shutil.copy(project / "params/example.yml", project / f"params/{name}.yml")
    assert "<b onclick" not in Desk(project).hosts().html
    assert "<b onclick" not in Desk(project).notebooks(name).html


def test_a_host_that_is_not_there_is_said_with_those_that_are(project):
    """A misspelt name gets the list."""
    with pytest.raises(ParamsError, match="There is no host 'exmaple'") as said:
        Desk(project).notebooks("exmaple")
    assert "my host" in str(said.value)


def test_the_doctor_says_on_the_page_what_it_says_in_the_terminal(project):
    """Each check is a line."""
    from runbook.doctor import CHECKS

    shown = Desk(project).doctor()
    assert shown.html.count("<tr>") == len(CHECKS) + 1


def test_the_first_page_is_a_notebook_whose_cells_are_the_desks(project):
    """It is made once, its calls exist, and only the host's name is edited."""
    path = copies.start(project)
    assert path == project / "mine/start.ipynb"
    page = cells(path)
    assert {id_ for id_, cell in page.items() if cell.metadata.get("editable") is not False} == {"host"}
    for call in re.findall(r"desk\.(\w+)\(", "\n".join(cell.source for cell in page.values())):
        assert callable(getattr(Desk, call))
    kept = path.stat().st_mtime_ns
    assert copies.start(project).stat().st_mtime_ns == kept


def test_the_command_opens_the_project_at_that_page(project, monkeypatch):
    """JupyterLab's root is the project, it listens on this computer alone, and a person's options go to it."""
    called = []
    monkeypatch.chdir(project)
    for name in ("JUPYTER_DEFAULT_PROVISIONER_NAME", "RUNBOOK_REPORTS"):
        monkeypatch.setenv(name, "")  # so that what the command sets is gone afterwards
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "execv", lambda program, argv: called.append(argv))
    done = CliRunner().invoke(main, ["jupyter", "--no-browser", "--port", "8889"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (argv,) = called
    assert f"--ServerApp.root_dir={project}" in argv
    assert "--ServerApp.ip=127.0.0.1" in argv
    assert "--LabApp.default_url=/lab/tree/mine/start.ipynb" in argv
    assert argv[-3:] == ["--no-browser", "--port", "8889"]
    assert os.environ["JUPYTER_DEFAULT_PROVISIONER_NAME"] == "runbook-fork"
    assert (project / "mine/start.ipynb").is_file()


@pytest.mark.parametrize(
    "options", [("--ip", "0.0.0.0"), ("--ip=0.0.0.0",), ("--ServerApp.ip=0.0.0.0",)], ids=" ".join
)
def test_a_person_may_name_another_address(project, options):
    """JupyterLab's own reader takes what it is started with: a container's port leads to all of its addresses."""
    app = ServerApp()
    app.parse_command_line([one for one in (*serving(project, options), *options) if "LabApp" not in one])
    assert app.ip == "0.0.0.0"


def test_git_leaves_the_copies_alone():
    """The folder is named in .gitignore."""
    assert f"/{copies.FOLDER}/" in (ROOT / ".gitignore").read_text().splitlines()
