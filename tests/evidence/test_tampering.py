"""Whatever is done to attested reports, `verify` ends with 1, soon: generated, not a list of examples."""

import os
import random
import shutil
import time

import pytest

from runbook.attestation import keys, ledger
from runbook.attestation.verify import GOOD, verify
from runbook.errors import CheckFailed
from runbook.evidence import abandoned, archive
from tests.evidence.attested import alone, archived, record
from tests.evidence.tamper import HALF, MAY_WAIT, SOON_S, WAYS, clear, runs, soon

EACH = 6
"""So many inputs of each kind."""


@pytest.fixture(scope="module")
def grove(tmp_path_factory):
    """Return a folder with a key in `config/`, five signed runs of two hosts in `reports/`, two others in `other/`."""
    folder = tmp_path_factory.mktemp("grove")
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder / "config")
        keys.make()
        for number, host in enumerate(("toy", "plum", "toy", "plum", "toy")):
            with_facts(folder / "reports", number, host)
        for number in (7, 8):
            archived(folder / "other", number)
    return folder


def with_facts(reports, number, host):
    run = record(number, host)
    file = reports.with_name("params.yml")
    file.write_text(f"host: {host}\n")
    place = archive.create(reports, run, file)
    (place / "facts").mkdir()
    (place / "facts" / "last.json").write_text(f'{{"answers": {{"{number}": [0, "", ""]}}}}')
    (place / "journal.jsonl").write_text(f'{{"event": "open", "machine": "00eaea0f29a{number}"}}\n')
    archive.save(place, run)
    run.close("completed", 0)
    archive.close(place, run)


@pytest.fixture
def copy(grove, tmp_path, monkeypatch):
    """Return a way to get a fresh copy of these reports, with their key at hand."""
    shutil.copytree(grove, tmp_path / "all", copy_function=shutil.copy2)
    alone(monkeypatch, tmp_path / "all" / "config")
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # hundreds of lists are written, and none must last

    def again(number):
        target = tmp_path / str(number)
        shutil.copytree(tmp_path / "all", target)
        return target / "reports"

    return again


def word(reports):
    """Return 1 for what is named as altered, the status of the first run that is not good, or '' for all good."""
    try:
        verdicts = list(verify(reports, keys.own()))
    except CheckFailed as error:
        return 1 if str(error).replace("\n", "").isprintable() else f"acts on a terminal: {error!r}"
    return next((v.status for v in verdicts if v.status not in GOOD), "")


def test_reports_that_nobody_altered_are_good(copy):
    """Copied as they are, and listed, they verify."""
    reports = copy(0)
    assert word(reports) == ""
    abandoned.finish_orphans(reports)
    archive.refresh(reports, "toy", "plum")
    assert word(reports) == ""


@pytest.mark.parametrize("way", WAYS)
def test_what_was_altered_is_named(copy, way):
    """Each way, with other choices each time: named within seconds, before and after a list of runs was made."""
    for number in range(EACH):
        rng = random.Random(f"{way} {number}")
        reports = copy(number)
        WAYS[way](reports, rng)
        allowed = {1, "not entered"} if way in MAY_WAIT else {1}
        with soon():
            assert word(reports) in allowed, f"input {number}"
            abandoned.finish_orphans(reports)
            archive.write_index(reports)
            after = word(reports)
        if way not in MAY_WAIT and way not in HALF:
            assert after == 1, f"input {number}, after a list was made"
        clear(reports.parent)


def test_what_the_ledgers_end_hides_its_head_shows(copy):
    """The newest run removed with its own line is a shorter ledger that is right in itself, but not the one that was."""
    reports = copy(0)
    entries = ledger.load(reports)
    head = entries[-1].head
    assert ledger.compare(entries, head, reports) == 0
    assert ledger.compare(entries, entries[1].head, reports) == len(entries) - 2
    newest = max(runs(reports), key=lambda run: run.name)
    shutil.rmtree(newest)
    lines = (reports / ledger.FILE).read_bytes().splitlines(keepends=True)
    (reports / ledger.FILE).write_bytes(b"".join(lines[:-1]))
    assert word(reports) == ""
    with pytest.raises(CheckFailed, match="does not continue"):
        ledger.compare(ledger.load(reports), head, reports)


def test_a_hostile_folder_is_listed_soon(copy):
    """Whatever lies in a folder of reports, lists are made of what can be read, within seconds, without an error."""
    for number, way in enumerate(sorted(WAYS)):
        reports = copy(number)
        WAYS[way](reports, random.Random(way))
        with soon():
            began = time.monotonic()
            abandoned.finish_orphans(reports)
            archive.refresh(reports, *(path.name for path in reports.iterdir() if path.is_dir()))
        assert time.monotonic() - began < SOON_S
        clear(reports.parent)
