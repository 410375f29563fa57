"""Bringing what was built to a host: the copy, its record, and a replay that never builds."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from runbook.actions import Deliver, Run
from runbook.builds import store
from runbook.engine.apply import carry_out
from runbook.errors import CommandFailed, NotRecorded
from runbook.facts import delivered
from runbook.hosts import script
from runbook.hosts.local import LocalHost
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recorder import Recorder
from runbook.model.ask import Facts
from tests.builds.controller import recipe

BINARY = bytes(range(256)) * 40
NAME = "linux-image-6.12-xenhost_6.12-1+0123_amd64.deb"


def quiet(text):
    """Take a line of progress."""


@pytest.fixture
def action(tmp_path, monkeypatch):
    """Return a delivery of two packages, of which one is wanted; counts how often it was built."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / NAME).write_bytes(BINARY)
    (kept / "linux-headers-6.12-xenhost_6.12-1+0123_amd64.deb").write_bytes(b"h")
    (kept / "config").write_text("CONFIG_XEN=y\n")
    built = []

    def build(wanted, say, *, jobs=None):
        built.append(wanted.key)
        files = store.describe(list(kept.iterdir()))
        debs = tuple(f for f in files if f.name.endswith(".deb"))
        return store.Built(kept, debs, tuple(f for f in files if f not in debs), (), 1.0)

    monkeypatch.setattr("runbook.builds.build", build)
    there = tmp_path / "host" / "kernel"
    return SimpleNamespace(
        deliver=Deliver(recipe(), str(there), ("linux-image-*.deb",)), built=built, there=there
    )


def unowned(monkeypatch):
    """Let a test that is not root write the manifest: only root may give files to root."""
    monkeypatch.setattr(script, "write_script", lambda path, mode, owner, check, sha256: f"cat >{path}")


def test_the_wanted_files_arrive_whole(action, monkeypatch):
    """Binary packages arrive byte for byte, what was there before is gone, and the manifest names them."""
    unowned(monkeypatch)
    action.there.mkdir(parents=True)
    (action.there / "old.deb").write_text("old")
    carry_out(action.deliver, LocalHost(), quiet)
    assert sorted(p.name for p in action.there.iterdir()) == sorted([NAME, "manifest.json"])
    assert (action.there / NAME).read_bytes() == BINARY
    manifest = json.loads((action.there / "manifest.json").read_text())
    assert manifest["recipe"] == recipe().key
    assert manifest["files"] == [
        {"name": NAME, "size": len(BINARY), "sha256": store.sha256(action.there / NAME)}
    ]


def test_the_delivery_is_read_back(action, monkeypatch):
    """The host's own answers give recipe and packages again; a file cut short is no delivery."""
    unowned(monkeypatch)
    monkeypatch.setattr(delivered, "ROOM", str(action.there.parent))
    carry_out(action.deliver, LocalHost(), quiet)
    found = delivered.parse(LocalHost().gather(delivered.commands("kernel")), "kernel")
    assert found.recipe == recipe().key
    assert [(p.name, p.version) for p in found.packages] == [("linux-image-6.12-xenhost", "6.12-1+0123")]
    (action.there / NAME).write_bytes(BINARY[:-1])
    assert delivered.parse(LocalHost().gather(delivered.commands("kernel")), "kernel").recipe == ""


def test_a_host_with_no_delivery_has_none(monkeypatch, tmp_path):
    """No folder, and a manifest that is no manifest, are both an empty delivery."""
    monkeypatch.setattr(delivered, "ROOM", str(tmp_path))
    assert delivered.parse(LocalHost().gather(delivered.commands("kernel")), "kernel").packages == ()
    (tmp_path / "kernel").mkdir()
    (tmp_path / "kernel" / "manifest.json").write_text("{oops")
    assert delivered.parse(LocalHost().gather(delivered.commands("kernel")), "kernel").packages == ()


def test_a_recording_holds_no_package_and_a_replay_never_builds(action, monkeypatch, tmp_path):
    """The recording keeps names, sizes and checksums; replaying it builds nothing and ends the same."""
    unowned(monkeypatch)
    real = Recorder(LocalHost(), tmp_path / "rec", "04_custom_kernel")
    said = carry_out(action.deliver, real, quiet)
    text = (tmp_path / "rec" / "04_custom_kernel/opening.jsonl").read_text()
    assert NAME in text
    assert len(text) < 2000
    assert len(action.built) == 1
    again = carry_out(action.deliver, RecordedHost(tmp_path / "rec", "04_custom_kernel"), quiet)
    assert again == said
    assert len(action.built) == 1


def test_a_replay_of_another_recipe_is_not_recorded(action, monkeypatch, tmp_path):
    """A recipe that changed since the recording is an error that shows both, not an invented answer."""
    unowned(monkeypatch)
    carry_out(action.deliver, Recorder(LocalHost(), tmp_path / "rec", "04_custom_kernel"), quiet)
    other = Deliver(recipe("true"), action.deliver.folder)
    with pytest.raises(NotRecorded) as caught:
        carry_out(other, RecordedHost(tmp_path / "rec", "04_custom_kernel"), quiet)
    assert recipe("true").key in str(caught.value)


def test_a_copy_that_is_not_what_was_sent_is_refused(action, monkeypatch):
    """A file whose checksum is another one on the host is an error, and leaves nothing behind."""
    wrong = script.put_script
    monkeypatch.setattr(script, "put_script", lambda path, sha256: wrong(path, "0" * 64))
    with pytest.raises(CommandFailed, match="Could not copy"):
        carry_out(action.deliver, LocalHost(), quiet)
    assert list(action.there.iterdir()) == []


def test_the_preview_is_the_recipe():
    """A person reads every package, every command and short inputs before agreeing; long inputs by size."""
    long = "".join(f"CONFIG_{i}=y\n" for i in range(40))
    files = (("base.config", long), ("asked.config", "CONFIG_XEN=y\n"))
    shown = Deliver(recipe(files=files, fetch="apt-get source xen"), "/x").preview(Facts({}))
    for line in ("+ make", "< base.config: 40 lines", "< asked.config: CONFIG_XEN=y", "$ apt-get source xen"):
        assert line in shown
    assert "$ echo it >out/toy_1.0_all.deb" in shown


def test_the_way_back_removes_the_folder():
    """Taking a delivery back removes what was copied, and nothing else."""
    assert Deliver(recipe(), "/x/kernel").inverse(Facts({})) == Run(
        ("rm", "-rf", "--", "/x/kernel"), "the packages that were copied"
    )
