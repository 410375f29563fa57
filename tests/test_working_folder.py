"""A folder to work in without a clone: handed out whole, brought up to date, and nobody's edit is lost."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from runbook import params as parameters
from runbook.cli import main
from runbook.controller import shipped, working_folder
from runbook.controller.project import SOURCE, project
from runbook.errors import ParamsError, RunbookError
from runbook.site.build import build

BOOK = "notebooks/06_xen_configuration.ipynb"
EXAMPLE = "params/example.yml"


def _notebook(*sources, outputs=()):
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [*outputs]}
    return json.dumps({"cells": [{**cell, "source": source} for source in sources], "metadata": {}})


class Edition:
    """What is shipped, as a folder that a test writes anew."""

    def __init__(self, root, monkeypatch):
        self.root, self.version = root, "1"
        monkeypatch.setattr(
            shipped, "handed_out", lambda: {p.relative_to(root).as_posix(): p for p in root.rglob("*.*")}
        )
        monkeypatch.setattr(shipped, "version", lambda: self.version)

    def ship(self, version, **files):
        self.version = version
        shutil.rmtree(self.root, ignore_errors=True)
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


@pytest.fixture
def edition(tmp_path, monkeypatch):
    made = Edition(tmp_path / "shipped", monkeypatch)
    made.ship("1", **{BOOK: _notebook("book.plan()"), EXAMPLE: "host: a\n"})
    return made


@pytest.fixture
def folder(tmp_path, edition):
    working_folder.make(tmp_path / "mine")
    return tmp_path / "mine"


def _update(folder):
    return {one.name: (one.what, one.beside) for one in working_folder.update(folder)}


def test_a_folder_is_made_whole(folder):
    """Notebooks, parameters, a page that says how, and room for reports."""
    assert (folder / EXAMPLE).read_text() == "host: a\n"
    assert "runbook init --update" in (folder / "README.md").read_text()
    assert (folder / "reports").is_dir()
    assert project(folder / "params") == folder
    assert _update(folder) == {}


def test_files_of_others_are_not_written_over(tmp_path, edition):
    """A folder that has such a name with another content is refused, and gets nothing."""
    (tmp_path / "README.md").write_text("my own\n")
    with pytest.raises(ParamsError, match=r"other files where the runbook's would be\n.*README\.md"):
        working_folder.make(tmp_path)
    assert not (tmp_path / "notebooks").exists()


def test_a_working_folder_is_not_made_twice(folder):
    """Who says init again is told of --update."""
    with pytest.raises(ParamsError, match="runbook init --update"):
        working_folder.make(folder)


def test_what_nobody_touched_is_replaced(folder, edition):
    """A newer runbook's files take the place of those that are as they were handed out; no second copy stays."""
    edition.ship("2", **{BOOK: _notebook("book.plan(2)"), EXAMPLE: "host: b\n", "docs/new.md": "new\n"})
    assert working_folder.stale(folder) == "1"
    assert _update(folder) == {
        BOOK: ("replaced", ""), EXAMPLE: ("replaced", ""), "docs/new.md": ("added", ""),
    }  # fmt: skip
    assert (folder / EXAMPLE).read_text() == "host: b\n"
    assert working_folder.stale(folder) == ""
    assert sorted(p.name for p in folder.rglob("*.*") if p.suffix in (".new", ".old")) == []


def test_what_was_edited_stays_and_the_new_one_lies_beside_it(folder, edition):
    """An edit is kept at every update; the new one is laid beside it once, and under another name when there is one."""
    mine = _notebook("book.plan()", "my own cell")
    (folder / BOOK).write_text(mine)
    edition.ship("2", **{BOOK: _notebook("book.plan(2)"), EXAMPLE: "host: a\n"})
    assert working_folder.edited(folder) == [BOOK]
    assert _update(folder) == {BOOK: ("kept", "06_xen_configuration.ipynb.new")}
    assert _update(folder) == {BOOK: ("kept", "")}
    edition.ship("3", **{BOOK: _notebook("book.plan(3)"), EXAMPLE: "host: a\n"})
    assert _update(folder) == {BOOK: ("kept", "06_xen_configuration.ipynb.new-2")}
    assert (folder / BOOK).read_text() == mine
    assert (folder / f"{BOOK}.new").read_text() == _notebook("book.plan(2)")
    assert (folder / f"{BOOK}.new-2").read_text() == _notebook("book.plan(3)")


def test_a_notebook_that_was_only_run_is_replaced_and_kept(folder, edition):
    """Outputs are no edit: the newer notebook takes the place, and the run one is not lost."""
    run = _notebook("book.plan()", outputs=[{"output_type": "stream", "name": "stdout", "text": "done"}])
    (folder / BOOK).write_text(run)
    assert _update(folder) == {}
    edition.ship("2", **{BOOK: _notebook("book.plan(2)"), EXAMPLE: "host: a\n"})
    assert _update(folder) == {BOOK: ("run", "06_xen_configuration.ipynb.old")}
    assert (folder / BOOK).read_text() == _notebook("book.plan(2)")
    assert (folder / f"{BOOK}.old").read_text() == run


def test_what_no_longer_comes_goes_unless_it_was_edited(folder, edition):
    """A run takes every notebook of the folder, so an old one must not stay; an edited one is kept beside."""
    (folder / EXAMPLE).write_text("host: mine\n")
    edition.ship("2", **{"docs/new.md": "new\n"})
    assert _update(folder)[BOOK] == ("gone", "")
    assert not (folder / BOOK).exists()
    assert (folder / f"{EXAMPLE}.old").read_text() == "host: mine\n"


def test_what_was_taken_away_comes_back(folder):
    """A notebook that somebody removed is needed by the next run."""
    (folder / BOOK).unlink()
    assert _update(folder) == {BOOK: ("added", "")}


def test_parameters_and_reports_of_ones_own_are_left_alone(folder, edition):
    """What was never handed out is never looked at."""
    (folder / "params/mine.yml").write_text("host: mine\n")
    (folder / "reports/mine").mkdir()
    edition.ship("2", **{EXAMPLE: "host: b\n"})
    _update(folder)
    assert (folder / "params/mine.yml").read_text() == "host: mine\n"
    assert (folder / "reports/mine").is_dir()


@pytest.mark.parametrize(
    "note", ["", "{", "[]", '{"version": 1, "files": {}}', '{"version": "1", "files": {"a": "b"}}']
)
def test_a_note_that_cannot_be_read_changes_nothing(folder, edition, note):
    """Without what was handed out nobody's edits can be told, so nothing is replaced."""
    (folder / working_folder.NOTE).write_text(note)
    edition.ship("2", **{EXAMPLE: "host: b\n"})
    with pytest.raises(ParamsError, match="keeps what was handed out"):
        working_folder.update(folder)
    assert (folder / EXAMPLE).read_text() == "host: a\n"


def test_a_clone_is_not_updated(tmp_path):
    """git brings a clone up to date."""
    with pytest.raises(ParamsError, match=r"was not made by `runbook init`\n.*git"):
        working_folder.update(tmp_path)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A working folder of what is really shipped."""
    folder = tmp_path_factory.mktemp("real") / "xen host"
    assert CliRunner().invoke(main, ["init", str(folder)], catch_exceptions=False).exit_code == 0
    return folder


def test_the_example_plays_there(real, monkeypatch):
    """Its parameters are right, though the recording that they name stays with the runbook."""
    monkeypatch.chdir(real)
    assert not (real / "recordings").exists()
    assert parameters.load(EXAMPLE).host == "testbed"
    assert parameters.find("recordings/testbed") == SOURCE / "recordings/testbed"


def test_a_path_of_ones_own_is_not_found_in_the_package(real, monkeypatch):
    """Only recordings are: a parameter file that is not there is said to be missing."""
    monkeypatch.chdir(real)
    for name in ("params/testbed.yml", "pyproject.toml"):
        with pytest.raises(ParamsError, match="There is no"):
            parameters.find(name)


def test_every_link_in_it_leads_somewhere(real, tmp_path):
    """The site of a working folder is whole: every page that a notebook or a page leads to was handed out."""
    assert build(real, tmp_path / "site").exists()
    (real / "docs/errors.md").rename(real / "errors.md")
    try:
        with pytest.raises(RunbookError, match="lead nowhere"):
            build(real, tmp_path / "broken")
    finally:
        (real / "errors.md").rename(real / "docs/errors.md")


def test_an_editor_finds_the_schema(real):
    """The parameter files name the schema that lies beside them, in their first line."""
    for path in (real / "params").glob("*.yml"):
        assert path.read_text().splitlines()[0] == "# yaml-language-server: $schema=schema.json"
    assert json.loads((real / "params/schema.json").read_text())["title"] == "HostParams"


@pytest.mark.parametrize(
    "command",
    [["run"], ["plan", "params/x.yml"], ["new", "x"], ["lint"], ["site"], ["report", "list"]],
    ids=" ".join,
)
def test_outside_of_a_folder_the_next_move_is_init(tmp_path, monkeypatch, command):
    """Where there are no notebooks, every command that needs them says how to get them."""
    monkeypatch.setattr("runbook.controller.project.SOURCE", tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, command)
    assert done.exit_code in (1, 2)
    assert "runbook init FOLDER" in done.output


def test_doctor_names_what_is_to_be_done(tmp_path, monkeypatch):
    """Outside of a folder one line of doctor's is wrong, and says init; an older folder says --update."""
    from runbook.doctor import machine

    monkeypatch.setattr("runbook.controller.project.SOURCE", tmp_path)
    monkeypatch.chdir(tmp_path)
    said = machine.project_folder()
    assert (said.state, "\n" in said.says, "runbook init FOLDER" in said.do) == ("wrong", False, True)
    assert machine.disk().state == "ok"


def test_doctor_says_that_a_folder_is_of_another_version(folder, edition, monkeypatch):
    """After an upgrade the notebooks are brought up to date too."""
    from runbook.doctor import machine

    monkeypatch.chdir(folder)
    edition.version = "2"
    said = machine.project_folder()
    assert (said.state, said.do) == ("lacks", "runbook init --update")
    assert "is of 1, and the runbook is 2" in said.says


def test_init_says_what_it_did(folder, edition, tmp_path):
    """A line a file, with the name of what lies beside it; without FOLDER nothing is guessed."""
    assert CliRunner().invoke(main, ["init"]).exit_code == 2
    (folder / EXAMPLE).write_text("host: mine\n")
    edition.ship("2", **{BOOK: _notebook("book.plan(2)"), EXAMPLE: "host: b\n"})
    said = CliRunner().invoke(main, ["init", "--update", str(folder)], catch_exceptions=False).output
    assert f"  {BOOK}: replaced\n" in said
    assert f"  {EXAMPLE}: kept as you edited it, the new one is example.yml.new\n" in said
    assert said.endswith("is of 2 now.\n")
