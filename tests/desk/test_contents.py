"""What JupyterLab may write: nothing of a clone's own notebooks, nothing of reports."""

import asyncio
import shutil

import pytest
from tornado.web import HTTPError

from runbook.controller import working_folder
from runbook.controller.project import REPORTS
from runbook.desk.contents import AUTHOR, Contents, closed

TEXT = {"type": "file", "format": "text", "content": "spoilt"}
OWN = ("notebooks/a.ipynb", "reports/host/run/b.ipynb")


@pytest.fixture
def contents(tmp_path, monkeypatch):
    """Return the files of a project that is a clone."""
    monkeypatch.delenv(AUTHOR, raising=False)
    for name in (*OWN, "mine/host/a.ipynb", "params/host.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    return Contents(root_dir=str(tmp_path))


def call(coroutine):
    return asyncio.run(coroutine)


@pytest.mark.parametrize("name", [*OWN, "mine/../notebooks/a.ipynb", "/reports/new.txt", "linked/a.ipynb"])
def test_what_is_closed_is_read_and_neither_saved_renamed_nor_deleted(contents, tmp_path, name):
    """Each is refused with 403 and a next move, by whatever path it is meant, and no byte changes."""
    (tmp_path / "linked").symlink_to(tmp_path / "notebooks")
    deeds = (
        lambda: contents.save(dict(TEXT), name),
        lambda: contents.rename_file(name, "params/moved"),
        lambda: contents.rename_file("params/host.yml", name),
        lambda: contents.delete_file(name),
    )
    for deed in deeds:
        with pytest.raises(HTTPError, match="mine/") as raised:
            call(deed())
        assert raised.value.status_code == 403
    assert {(tmp_path / one).read_text() for one in (*OWN, "params/host.yml")} == {"before"}


def test_a_closed_file_says_that_it_is_not_writable(contents):
    """JupyterLab shows it as read-only then, and starts no clock that saves; others are writable."""
    told = {
        name: call(contents.get(name, content=False))["writable"]
        for name in (*OWN, "params/host.yml", "mine")
    }
    assert told == {OWN[0]: False, OWN[1]: False, "params/host.yml": True, "mine": True}


def test_all_else_is_saved(contents, tmp_path):
    """Parameters and copies are a person's own."""
    for name in ("params/host.yml", "mine/host/a.ipynb"):
        call(contents.save(dict(TEXT), name))
        assert (tmp_path / name).read_text() == "spoilt"


def test_who_writes_the_runbook_and_who_has_a_working_folder_may_save_notebooks(
    contents, tmp_path, monkeypatch
):
    """An author says so by a variable; a folder of `runbook init` has notebooks of its person's own. Reports stay closed."""
    monkeypatch.setenv(AUTHOR, "1")
    call(contents.save(dict(TEXT), OWN[0]))
    assert (tmp_path / OWN[0]).read_text() == "spoilt"
    monkeypatch.delenv(AUTHOR)
    shutil.rmtree(tmp_path / "notebooks")
    folder = tmp_path / "made"
    working_folder.make(folder)
    assert closed(folder) == (folder / "reports",)
    assert closed(tmp_path) == (tmp_path / "reports", tmp_path / "notebooks")


@pytest.mark.parametrize("name", OWN)
def test_what_is_closed_gets_no_checkpoint_and_no_copy(contents, tmp_path, name):
    """A checkpoint would be a file beside it, and one that is restored writes it; so would a copy of a folder."""
    beside = tmp_path / name
    kept = beside.parent / ".ipynb_checkpoints" / f"{beside.stem}-checkpoint{beside.suffix}"
    kept.parent.mkdir()
    kept.write_text("spoilt")
    (tmp_path / "mine/host/folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    folder = name.rpartition("/")[0]
    deeds = (
        lambda: contents.create_checkpoint(name),
        lambda: contents.restore_checkpoint("checkpoint", name),
        lambda: contents.delete_checkpoint("checkpoint", name),
        lambda: contents.copy(name),
        lambda: contents.copy("mine/host/folder", folder),
        lambda: contents.copy("params/host.yml", folder),
    )
    for deed in deeds:
        with pytest.raises(HTTPError, match="mine/") as raised:
            call(deed())
        assert raised.value.status_code == 403
    assert sorted(tmp_path.rglob("*")) == before
    assert beside.read_text() == "before"


def test_copies_and_checkpoints_of_ones_own_are_made(contents, tmp_path):
    """A notebook of the project is copied to where one may write, and one's own has its checkpoint."""
    (tmp_path / "notebooks/b.txt").write_text("read")
    assert call(contents.copy("notebooks/b.txt", "mine"))["path"] == "mine/b.txt"
    assert call(contents.create_checkpoint("mine/host/a.ipynb"))["id"] == "checkpoint"
    (tmp_path / "mine/host/a.ipynb").write_text("other")
    call(contents.restore_checkpoint("checkpoint", "mine/host/a.ipynb"))
    assert (tmp_path / "mine/host/a.ipynb").read_text() == "before"


def test_another_folder_of_reports_is_closed_too(contents, tmp_path, monkeypatch):
    """Reports that $RUNBOOK_REPORTS names are evidence as well, and do not go with the folder that they are in."""
    monkeypatch.setenv(REPORTS, str(tmp_path / "out/evidence"))
    (tmp_path / "out/evidence/host").mkdir(parents=True)
    (tmp_path / "out/evidence/host/a.ipynb").write_text("before")
    for deed in (
        lambda: contents.save(dict(TEXT), "out/evidence/host/a.ipynb"),
        lambda: contents.rename_file("out", "gone"),
        lambda: contents.delete_file("out"),
    ):
        with pytest.raises(HTTPError) as raised:
            call(deed())
        assert raised.value.status_code == 403
    assert (tmp_path / "out/evidence/host/a.ipynb").read_text() == "before"
