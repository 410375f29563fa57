"""`runbook new`, `runbook facts` and the fleet's book on hosts whose every string is an attack: all is text."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook import open_fleet
from runbook.cli import main
from runbook.drift import kept
from runbook.evidence import archive
from runbook.fleet.facts import COLUMNS
from runbook.params import yaml12
from tests.evidence.attested import alone, record
from tests.proposal.test_hostile import KEYS
from tests.text.hostile import FIRST, GENTLE, MARK, HostileHost, answers, attack
from tests.text.inert import inert, plain
from tests.text.test_csv_gate import BEGINS

WORLDS = 10


def call(*words: str) -> tuple[int, int, str]:
    """Return a command's exit code, how many attacks it showed as text, and what it said."""
    done = CliRunner().invoke(main, list(words))
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, plain(done.output), done.output


def prove_own(path: Path) -> int:
    """Return how many attacks a new parameter file has as words; assert that it says only what `new` meant."""
    text = path.read_text(encoding="utf-8")
    values, _ = yaml12.parse(text, path)
    assert set(values) <= KEYS
    assert set(values["installation"]) == {"method"}
    assert set(values["network"]) == {"bridges"}
    assert set(values["passthrough"]) == {"devices"}
    assert values["connection"] == {"kind": "ssh", "to": "root@box"}
    assert values["host"] == "box"
    return plain(text)


def test_a_new_parameter_file_is_only_its_own(tmp_path, monkeypatch):
    """`runbook new` on hostile hosts: the file has the keys that were meant; file and terminal show attacks as text."""
    in_file, shown, made = 0, 0, 0
    for seed in range(WORLDS * 3):
        host = HostileHost("00_introduction", seed, share=(0.02, 0.3, 1.0)[seed % 3], only_free=seed % 3 > 0)
        host.honest = {
            **host.honest,
            "id -u": (0, "0\n", ""),
            "uname -n": (0, f"box {MARK}\x1b[2J\u202e\n", ""),
        }
        monkeypatch.setattr("runbook.hosts.connect", lambda *_, host=host: host)
        path = tmp_path / f"{seed}.yml"
        code, seen, said = call("new", "box", "--to", "root@box", "--out", str(path))
        assert (code == 0) == path.exists(), said
        shown += seen
        if code == 0:
            made += 1
            in_file += prove_own(path)
    print(f"{WORLDS * 3} hosts: {made} files, {in_file} attacks in them, {shown} on the terminal")
    assert made > WORLDS
    assert in_file > 10
    assert shown > 10


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Return reports of hostile hosts, with hostile facts and a hostile drift."""
    folder = tmp_path_factory.mktemp("hostile") / "reports"
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder.parent / "config")
        for seed in range(WORLDS):
            _report(folder, seed)
    return folder


def _report(folder: Path, seed: int) -> None:
    run = record(seed, f"host{seed}")
    more = {"where": GENTLE} if seed % 2 else {}
    host = HostileHost("00_introduction", seed, share=0.3, only_free=True, **more)
    params = folder.parent / f"host{seed}.yml"
    params.write_text(f"host: host{seed}\nconnection: {{kind: recorded, recording: .}}\n", encoding="utf-8")
    place = archive.create(folder, run, params)
    for name in ("00_introduction", "03_debian_configuration", "08_guests"):
        host.honest = answers(FIRST, name)
        kept.keep(place, name, host.gather([kept.ask_of(key) for key in host.honest]))
    change = {key: attack(host._rng) for key in ("line", "by", "kind", "name")}
    found = {"since": {"run": "r", "mode": "check", "started": run.started}, "changes": [change]}
    (place / archive.DRIFT).write_text(json.dumps(found), encoding="utf-8")
    archive.save(place, run)
    run.close("completed", 0)
    archive.seal(place, run, None)


def test_facts_of_hostile_hosts_are_text(reports, tmp_path):
    """`runbook facts`: what it shows and its CSV hold the attacks as text, and no cell is a formula."""
    params = [str(reports.parent / f"host{seed}.yml") for seed in range(WORLDS)]
    out = tmp_path / "facts.csv"
    code, seen, said = call("facts", *params, "--reports", str(reports), "--out", str(out))
    assert code == 0, said
    head, *rows = csv.reader(out.read_text(encoding="utf-8").splitlines(keepends=True))
    assert tuple(head) == COLUMNS
    assert {row[0] for row in rows} == {f"host{seed}" for seed in range(WORLDS)}
    held = 0
    for row in rows:
        assert len(row) == len(COLUMNS)
        for text in row:
            held += plain(text)
            assert not text.startswith(BEGINS), text
    print(f"{len(rows)} rows, {held} attacks in them, {seen} on the terminal")
    assert held > 200
    assert seen > 3


def test_the_book_of_hostile_hosts_is_text(reports):
    """The fleet's book: its tables, title and summary, as HTML and as text."""
    book, counts = open_fleet(str(reports)), {}
    for name in ("hosts", "devices", "versions", "drift"):
        bundle = book.show(name)._repr_mimebundle_()
        counts[name] = inert(bundle["text/html"]) + plain(bundle["text/plain"])
    for shown in (book._title(), book.summary()):
        inert(shown.html)
        plain(shown.text)
    print(counts)
    assert min(counts[name] for name in ("hosts", "devices", "versions", "drift")) > 0, counts
