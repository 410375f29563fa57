"""A plan of a machine that refuses says so: in each step, the sentence, the page, the exit code, and in a fleet."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from itertools import chain, combinations
from pathlib import Path

import pytest

from runbook.book import Book
from runbook.cli.running import _table
from runbook.engine.journal import Journal, read
from runbook.errors import Refused
from runbook.evidence import planned
from runbook.evidence.outcomes import StepEnd, step_ends, stopped_by_steps
from runbook.evidence.pages import run_page, verdict
from runbook.evidence.provenance import provenance
from runbook.evidence.record import NotebookRecord, Run, RunRecord
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recording import OPENING, lines
from runbook.hosts.recording import load as load_files
from runbook.params import load
from runbook.text.console import make_console
from tests.evidence.attested import alone
from tests.evidence.test_pages import run_of
from tests.evidence.toys import ROOT

RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")
PARAMS = ROOT / "params/example.yml"
BOOK = "06_xen_configuration"
#: What makes a machine impossible: in which answer, instead of what it said, and the step that refuses it.
CAUSES = {
    "no initramfs-tools": (
        [("find /usr/sbin/update-initramfs", "/usr/sbin/update-initramfs", "/x")],
        "hide_devices",
    ),
    "no xen-pciback": ([("sh -c 'all=", "\npciback\n", "\n")], "hide_devices"),
    "another card": ([("sh -c 'all=", "8086:10d3", "8086:ffff")], "hide_devices"),
    "no ifupdown": ([("find /usr/sbin/ifup", "f /usr/sbin/ifup", "f /x")], "configure_bridges"),
    "a wireless port": (
        [("sh -c 'for p in /sys/class/net/*/phy80211", None, "/sys/class/net/enp0s4/phy80211\n")],
        "configure_bridges",
    ),
    "/boot on LVM, and no UEFI": (
        [
            ("findmnt -n -o SOURCE", "/dev/vda2", "/dev/mapper/a-boot"),
            ("sh -c '[ ! -d /sys/firmware/efi/efivars ]", "uefi\n", ""),
        ],
        "boot_xen_once",
    ),
}
SUBSETS = list(chain.from_iterable(combinations(CAUSES, size) for size in range(len(CAUSES) + 1)))


def spoilt(folder: Path, *causes: str) -> Path:
    """Return a copy of the recording of a machine that is impossible for these reasons."""
    shutil.copytree(ROOT / "recordings/testbed", folder, dirs_exist_ok=True)
    opening = load_files(folder, BOOK)[OPENING]
    for cause in causes:
        for key, old, new in CAUSES[cause][0]:
            (question,) = [question for question in opening[0]["gather"] if question.startswith(key)]
            said = opening[0]["gather"][question]
            assert old is None or old in said[1], cause
            said[:2] = (0, new) if old is None else (said[0], said[1].replace(old, new))
    (folder / BOOK / f"{OPENING}.jsonl").write_text(lines(opening, is_opening=True), encoding="utf-8")
    return folder


def host_file(folder: Path, name: str, *causes: str) -> Path:
    """Return the parameters of a recorded host that is impossible for these reasons."""
    recording = spoilt(folder / f"{name}-recording", *causes)
    text = PARAMS.read_text(encoding="utf-8").replace("recordings/testbed", str(recording))
    path = folder / f"{name}.yml"
    path.write_text(text.replace("host: testbed", f"host: {name}"), encoding="utf-8")
    return path


@pytest.mark.parametrize("causes", SUBSETS, ids=", ".join)
def test_whatever_is_refused_is_counted(causes, tmp_path, monkeypatch):
    """For every mixture of causes just the steps that apply would refuse end as refused, with each reason."""
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    host, journal = RecordedHost(spoilt(tmp_path / "r", *causes), BOOK), tmp_path / "journal.jsonl"
    book = Book(load(PARAMS), "plan", host, BOOK, Journal(journal))
    for name in book._steps:
        book.plan(name)
        book.apply(name)
    ends = step_ends(read(journal), BOOK, [(name, "") for name in book._steps])
    steps = [vars(end) for end in ends]
    wanted = {CAUSES[cause][1] for cause in causes}
    assert {end.step for end in ends if end.status == "refused"} == wanted
    assert {end.status for end in ends} <= {"refused", "skipped"}
    reasons = [found for _, why in planned.refusals(steps) for found in why]
    assert len(reasons) >= len(causes)
    assert all(found["what"] and found["do"] for found in reasons)
    assert stopped_by_steps(ends) == (("refused", 3) if causes else None)
    said = verdict({**run_of("x", "2026-01-01T00:00:00.000Z"), "notebooks": [{"name": BOOK, "steps": steps}]})
    count = len(wanted)
    assert said.startswith(
        f"{count} step{'s' * (count != 1)} would refuse: " if count else "Nothing was changed; "
    )
    _apply_says_the_same(tmp_path / "r", wanted)


def _apply_says_the_same(recording: Path, wanted: set[str]) -> None:
    """In mode apply the first of these steps really is refused."""
    book = Book(load(PARAMS), "apply", RecordedHost(recording, BOOK), BOOK, Journal(None))
    for name in book._steps:
        if name in wanted:
            with pytest.raises(Refused):
                book.apply(name)
            return
        book.apply(name)


def runbook(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNBOOK, *words, "--reports", str(folder / "reports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return an empty folder, for somebody who has no key."""
    alone(monkeypatch, tmp_path / "config")
    return tmp_path


def test_the_command_says_it_last_and_ends_with_3(folder):
    """Count and first reasons stand in the last line but the path; standard error has every reason; the page is red."""
    host = host_file(folder, "alder", "no xen-pciback", "another card", "no ifupdown")
    done = runbook(folder, "plan", str(host), "--only", "06")
    assert done.returncode == 3
    *lines, path = done.stdout.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("2 steps would refuse: "))
    last = " ".join(line.strip() for line in lines[begin:])
    assert last.startswith("2 steps would refuse: hide_devices: At 0000:00:05.0 is 8086:ffff, not 8086:10d3")
    assert "configure_bridges: ifupdown is not installed. Nothing was changed; " in last
    for said in (
        "The running kernel has no module xen-pciback",
        "ifupdown is not installed",
        "more: runbook explain R",
    ):
        assert said in done.stderr
    page = Path(path).read_text(encoding="utf-8")
    assert 'alder <span class="pill s-refused">refused</span>' in page
    assert (
        page.count('<td><span class="pill s-refused">refused</span></td>') == 3
    )  # the notebook, and two steps
    assert "2 steps would refuse" in page
    assert '<span class="pill s-refused">' in (folder / "reports/alder/index.html").read_text(
        encoding="utf-8"
    )


def test_programs_are_told_the_same(folder):
    """run.json, which --json prints, has the outcome, the code, and for each step what stops it or what it waits for."""
    done = runbook(
        folder, "plan", str(host_file(folder, "alder", "/boot on LVM, and no UEFI")), "--only", "06", "--json"
    )
    told = json.loads(done.stdout)
    assert (done.returncode, told["outcome"], told["exit_code"]) == (3, "refused", 3)
    steps = {step["step"]: step for step in told["notebooks"][0]["steps"]}
    boot = steps["boot_xen_once"]
    assert (boot["status"], boot["after"]) == ("refused", ["hide_devices", "set_boot_menu"])
    assert [found["level"] for found in boot["stops"]] == ["wait", "wait", "refuse"]
    assert {name: step["status"] for name, step in steps.items() if name != "boot_xen_once"} == dict.fromkeys(
        set(steps) - {"boot_xen_once"}, "skipped"
    )
    assert steps["hide_devices"]["actions"] == 3
    assert json.loads((folder / "reports/alder/plans" / told["id"] / "run.json").read_text()) == told


def test_a_plan_goes_on_after_a_refusal(folder):
    """All notebooks are planned, not only those before the first refusal."""
    done = runbook(
        folder,
        "run",
        str(host_file(folder, "alder", "no ifupdown")),
        "--mode",
        "plan",
        "--from",
        "06",
        "--json",
    )
    told = json.loads(done.stdout)
    assert [(book["name"][:2], book["status"]) for book in told["notebooks"]] == [
        ("06", "refused"), *((n, "completed") for n in ("07", "08", "09", "10", "11")),
    ]  # fmt: skip


def test_a_fleet_says_which_of_its_hosts_refuse(folder):
    """The summary counts the refused host with its reason, and the fleet's exit code is its one."""
    hosts = [host_file(folder, "alder"), host_file(folder, "beech", "no ifupdown")]
    done = runbook(folder, "fleet", *map(str, hosts), "--only", "06", "--mode", "plan")
    assert done.returncode == 3
    assert "Of 2 hosts: 1 completed, 1 refused." in done.stdout
    assert "1 step would refuse: configure_bridges: ifupdown is not installed" in done.stdout
    again = runbook(folder, "fleet", str(hosts[0]), "--only", "06", "--mode", "plan", "--json")
    assert (again.returncode, json.loads(again.stdout)["hosts"][0]["state"]) == (0, "completed")


def test_what_nobody_asked_for_is_said_so(capsys):
    """A step of which nothing was asked is not called right already: in the sentence, on the page, on the terminal."""
    run = run_of("x", "2026-01-01T00:00:00.000Z", "completed", ("unchanged", "unchanged"))
    run["notebooks"][0]["steps"][0] |= {"unasked": "kernel.build is false"}
    assert verdict(run) == (
        "Whatever was asked for was right already; nothing was changed. Of 2 steps: 2 unchanged (1 not asked for)."
    )
    ends = [
        StepEnd("one", "One", "unchanged", unasked="kernel.build is false"),
        StepEnd("two", "Two", "unchanged"),
    ]
    record = RunRecord("x", "toy", "trixie", "local", "apply", {"path": "x", "digest": "x"}, provenance())
    record.notebooks.append(NotebookRecord(BOOK, "Toy", "completed", steps=ends))
    page = run_page(record.as_dict())
    assert (page.count("not asked for</span>"), page.count("s-unchanged")) == (
        1,
        1 + page.count(".s-unchanged"),
    )
    make_console(width=100).print(_table(Run(Path("x"), record), None))
    table = capsys.readouterr().out
    assert ("not asked for " in table, "[dim]" in table) == (True, False)


def test_an_older_report_has_none_of_it():
    """A run.json of an earlier version says neither what stops a plan nor what was not asked for."""
    run = run_of("x", "2026-01-01T00:00:00.000Z", "completed", ("skipped", "skipped"))
    assert "would refuse" not in verdict(run)
