"""The journal: what is written is on the disk, and what was torn hurts nothing else."""

import json
import os
import time

from runbook.engine.journal import Journal, Tail, read


def test_a_line_says_when_what_and_all_fields(tmp_path):
    """An event is one JSON line with the time in UTC and the given fields, whatever they contain."""
    path = tmp_path / "journal.jsonl"
    Journal(path).write("step-end", step="grub", message="two\nlines", folder=tmp_path)
    raw = path.read_text()
    assert raw.count("\n") == 1
    line = json.loads(raw)
    assert line.pop("at").endswith("Z")
    assert 0 <= time.monotonic() - line.pop("tick_s") < 60
    assert line == {"event": "step-end", "step": "grub", "message": "two\nlines", "folder": str(tmp_path)}


def test_every_line_is_synced_before_write_returns(tmp_path, monkeypatch):
    """Each event is forced to the disk: a power cut right after loses nothing that was announced."""
    synced: list[int] = []

    def sync(handle):
        synced.append(os.fstat(handle).st_size)

    monkeypatch.setattr(os, "fsync", sync)
    journal = Journal(tmp_path / "journal.jsonl")
    journal.write("open")
    journal.write("close")
    assert len(synced) == 2
    assert synced[1] == (tmp_path / "journal.jsonl").stat().st_size


def test_without_a_path_nothing_is_kept(tmp_path, monkeypatch):
    """A book that is not run by the runner writes no journal anywhere."""
    monkeypatch.chdir(tmp_path)
    Journal(None).write("open")
    assert list(tmp_path.iterdir()) == []


def test_a_torn_last_line_is_left_out(tmp_path):
    """A line that its writer did not finish is not read, and those before it are."""
    path = tmp_path / "journal.jsonl"
    Journal(path).write("open")
    with path.open("a") as file:
        file.write('{"event": "step-e')
    assert [line["event"] for line in read(path)] == ["open"]


def test_a_torn_last_line_does_not_swallow_the_next(tmp_path):
    """The next writer begins on a line of its own."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"event": "step-e')
    Journal(path).write("open")
    assert [line["event"] for line in read(path)] == ["open"]


def test_no_journal_reads_as_no_events(tmp_path):
    """A run that never came as far as a journal has no events."""
    assert read(tmp_path / "journal.jsonl") == []


def test_tail_hands_out_each_whole_line_once(tmp_path):
    """A follower sees every line once, and a half-written one only when it is whole."""
    path = tmp_path / "journal.jsonl"
    tail = Tail(path)
    assert tail.new() == []
    path.write_text('{"event": "a"}\n{"event": ')
    assert [line["event"] for line in tail.new()] == ["a"]
    assert tail.new() == []
    with path.open("a") as file:
        file.write('"b"}\n')
    assert [line["event"] for line in tail.new()] == ["b"]
