"""The proof of fleets on virtual PCs: the machines are told apart, and no claim of it holds by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runbook.errors import CheckFailed
from runbook.evidence.fleets.record import FleetRecord, HostState
from runbook.params import load
from runbook.testbed import fleet, hardware, qemu, siblings

ROOT = Path(__file__).parents[1]
FAILED = HostState("birch", "", "", "failed", 5)
GOOD = HostState("alder", "", "", "completed", 0)
EARLIER = HostState("alder", "", "", "completed", 0, earlier="first")
DONE = HostState("birch", "", "", "completed", 0)


def test_a_sibling_is_the_testbed_under_another_name(tmp_path: Path) -> None:
    """Its parameters are the testbed's but for the host's name and the ssh configuration that leads to it."""
    text = (ROOT / fleet.PARAMS).read_text(encoding="utf-8")
    file = tmp_path / "alder.yml"
    file.write_text(siblings.params_of(text, "alder", Path("x/alder/ssh_config")), encoding="utf-8")
    one, other = load(file), load(ROOT / fleet.PARAMS)
    assert (one.host, one.connection.config) == ("alder", "x/alder/ssh_config")  # type: ignore[union-attr]
    same = {"host", "connection"}
    assert one.model_dump(exclude=same) == other.model_dump(exclude=same)


def test_siblings_have_folders_and_less_memory_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own folder below the testbed's, and is the same PC with less memory."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", "/t")
    assert {siblings.machine_of(name).state for name in siblings.NAMES} == {
        Path("/t/fleet") / name for name in siblings.NAMES
    }
    words = qemu.command(siblings.SPEC)
    assert words[words.index("-m") + 1] == "2048"
    assert qemu.command(hardware.MACHINE)[: words.index("-m")] == words[: words.index("-m")]


def test_exactly_one_was_lost() -> None:
    """The first run holds only if the lost host failed as unreachable, the other completed, and the exit code says so."""
    fleet.only_one_was_lost(5, [GOOD, FAILED], "birch")
    wrong: list[tuple[int, list[HostState]]] = [
        (0, [GOOD, FAILED]), (5, [GOOD, DONE]), (5, [GOOD]),
        (5, [HostState("alder", "", "", "failed", 5), FAILED]),
        (5, [GOOD, HostState("birch", "", "", "failed", 1)]),
        (5, [HostState("alder", "", ""), FAILED]),
    ]  # fmt: skip
    for code, hosts in wrong:
        with pytest.raises(CheckFailed, match="Not birch alone was lost"):
            fleet.only_one_was_lost(code, hosts, "birch")


def test_exactly_one_was_resumed() -> None:
    """The resumed run holds only if it ran the lost host alone, and that completed."""
    fleet.only_one_was_resumed(0, FleetRecord("", {}, [EARLIER, DONE]), "first", "birch")
    for code, hosts in ((1, [EARLIER, DONE]), (0, [GOOD, DONE]), (0, [EARLIER, FAILED])):
        with pytest.raises(CheckFailed, match="did not run birch alone"):
            fleet.only_one_was_resumed(code, FleetRecord("", {}, hosts), "first", "birch")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """Return a report of alder, installation 0123."""
    (tmp_path / "facts").mkdir()
    (tmp_path / "run.json").write_text('{"host": "alder"}')
    (tmp_path / "facts/last.json").write_text(json.dumps({"answers": {"< /etc/machine-id": [0, "0123", ""]}}))
    (tmp_path / "03.html").write_text("alder is well")
    return tmp_path


def test_a_report_speaks_of_its_own_machine_alone(report: Path) -> None:
    """A report of another host or installation, and one with a word of another machine in any file, are found."""
    fleet.speaks_of_its_own(report, "alder", "0123", ["birch", "4567"])
    for name, installation in (("birch", "0123"), ("alder", "4567")):
        with pytest.raises(CheckFailed, match="A report is not of"):
            fleet.speaks_of_its_own(report, name, installation, [])
    (report / "03.html").write_text("birch is well")
    with pytest.raises(CheckFailed, match="speaks of another machine") as caught:
        fleet.speaks_of_its_own(report, "alder", "0123", ["birch"])
    assert "03.html holds birch" in caught.value.why
