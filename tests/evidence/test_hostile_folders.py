"""Commands that read reports, in folders to which somebody wrote what hangs, floods or escapes."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from runbook.cli import main
from tests.evidence.attested import archived
from tests.evidence.tamper import DEEP, put, soon

COMMANDS = {
    "verify": ("verify", "{reports}"),
    "verify a host": ("verify", "{reports}/toy"),
    "verify a run": ("verify", "{run}"),
    "list": ("list", "--reports", "{reports}"),
    "open": ("open", "--reports", "{reports}"),
    "compare": ("compare", "toy", "toy", "--reports", "{reports}"),
    "export": ("export", "toy", "--out", "{reports}-out", "--reports", "{reports}"),
    "prune": ("prune", "toy", "--keep", "1", "--reports", "{reports}"),
    "head": ("head", "--reports", "{reports}"),
}
FILES = (
    "attestation.json",
    "run.json",
    "journal.jsonl",
    "drift.json",
    "facts/last.json",
    "05_now.ipynb",
    "pruned.json",
)
WHATS = ("pipe", "/dev/zero", "folder", "hole", "nested", "odd")


@pytest.fixture
def newest(reports):
    """Return the newest run, which kept facts, and looked for drift."""
    place = archived(reports, 4, "running")
    (place / "facts").mkdir()
    (place / "facts" / "last.json").write_text('{"answers": {}}')
    (place / "drift.json").write_text('{"since": null, "changes": [], "not_looked_at": []}')
    run = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps(run | {"outcome": "completed"}))
    return place


def plant(path, what):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    if what == "hole":
        path.touch()
        os.truncate(path, 50 << 30)
    elif what == "nested":
        path.write_bytes(DEEP)
    elif what == "odd":
        path.write_text(json.dumps({"host": path.parent.parent.name, "id": path.parent.name, "notebooks": 7}))
    else:
        put(path, what)


def call(*words):
    """Return how a command ended; it fails where it hangs, and with whatever is no clear error."""
    with soon():
        return CliRunner().invoke(main, ["report", *map(str, words)], catch_exceptions=False)


@pytest.mark.parametrize("what", WHATS)
def test_verify_hangs_on_fifo(reports, newest, what):
    """Whatever stands in a file's place, each command ends soon, without a traceback; verify ends with 1."""
    for name in FILES:
        folder = reports.with_name(f"in-{name.replace('/', '-')}")
        shutil.copytree(reports, folder)
        run = sorted((folder / "toy").glob("2*"))[3]
        plant(run / name, what)
        for command, words in COMMANDS.items():
            done = call(*(word.format(reports=folder, run=run) for word in words))
            assert done.exit_code in (0, 1, 2), (name, command, done.output)
            assert done.exit_code == 1 or not command.startswith("verify"), (name, done.output)


def test_names_with_escapes_are_printed_harmlessly(reports):
    """A file, a run and a host whose names would act on a terminal are named, and nothing in that acts."""
    name = "\x1b[2J\x1b]0;owned\x07\u202e"
    for at, place in enumerate(("a file", "a host")):
        folder = reports.with_name(f"with-{at}")
        shutil.copytree(reports, folder)
        run = sorted((folder / "toy").glob("2*"))[3]
        if place == "a host":
            shutil.copytree(run.parent, folder / name)
        else:
            (run / name).write_text("")
        done, listed = call("verify", folder), call("list", "--reports", folder)
        assert done.exit_code == 1
        assert "owned" in done.output
        for bad in "\x1b\x07\u202e":
            assert bad not in done.output + listed.output
