"""Fleets of real runs on toy notebooks: kernels, journals and reports of hosts that run side by side."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runbook.attestation.verify import verify
from runbook.engine.journal import read
from runbook.evidence.abandoned import held
from runbook.evidence.fleets.record import HostState
from runbook.evidence.provenance import provenance
from runbook.evidence.record import RunRecord
from runbook.fleet.job import Job, _left_behind
from runbook.fleet.members import members
from runbook.fleet.request import FleetRequest
from runbook.fleet.run import run_fleet
from tests.evidence.attested import alone
from tests.evidence.toys import ROOT, SUICIDE, fetches, project
from tests.fleet import toy

CHILD = (sys.executable, "-m", "tests.fleet.toy")
ENV = """import json
from ipykernel import get_connection_info
env = {name: value for name, value in os.environ.items() if "JUPYTER" in name or "RUNBOOK" in name}
print(json.dumps({**env, **get_connection_info(unpack=True)}, default=repr))"""
SECRET = "correct-horse-battery"
TELLS = f"""from runbook.redaction import learn
learn("env:ROOT", {SECRET[:9]!r} + {SECRET[9:]!r})
print({SECRET[:9]!r} + {SECRET[9:]!r})
raise ValueError({SECRET[:9]!r} + {SECRET[9:]!r})"""
CONSENT = """from runbook.model.ask import Facts
from runbook.engine.consent import require
from runbook.params import load
from runbook.model.plan import Plan
from tests.toy import step
require("set_boot_menu", step("disruptive"), Plan(()), load(params), Facts({}))"""
UNREACHABLE = """from runbook.hosts.ssh import SshHost
SshHost("nobody@192.0.2.1", Path("ssh_config").resolve()).run(("true",))"""
KILL_RUNNER = "os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGKILL); time.sleep(60)"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a toy project, which is the current folder."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    place = project(tmp_path / "project", **toy.BOOKS)
    (place / "wishes").mkdir()
    (place / "ssh_config").write_text("ProxyCommand false\n")
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def go(place, tmp_path):
    """Return a function that runs a fleet of hosts, each with what its notebook does."""

    def start(hear=lambda host, event: None, **hosts):
        paths = [write_host(place, name, source) for name, source in hosts.items()]
        found = [HostState(m.host, m.params, m.digest) for m in members(paths)]
        request = FleetRequest(mode="apply", parallel=3)
        return run_fleet(request, found, tmp_path / "reports", hear, command=CHILD)

    return start


def write_host(place: Path, name: str, source: str) -> str:
    (place / "wishes" / f"{name}.py").write_text(source)
    text = f"host: {name}\nconnection: {{kind: recorded, recording: .}}\n"
    text += "consent: [set_boot_menu]\n" if name == "agreed" else ""
    (place / "params" / f"{name}.yml").write_text(text)
    return f"params/{name}.yml"


def notebook_said(folder: Path) -> str:
    cells = json.loads((folder / "05_work.ipynb").read_text())["cells"]
    return "".join("".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", []))


def test_runs_side_by_side_share_nothing(go, tmp_path):
    """A killed kernel, a killed runner, an unreachable host and a failed cell each end their own host alone.

    Consent is each host's own, and nobody is taken to be at a keyboard. A secret that a kernel fetched reaches nobody.
    Every journal speaks of its own run, every kernel had its own sockets, the lists name every run as it ended,
    and what a killed runner left is finished.
    """
    heard = []
    done = go(
        lambda host, event: heard.append(event),
        one=ENV,
        two=ENV,
        tells=TELLS,
        kernel=SUICIDE,
        runner=KILL_RUNNER,
        far=UNREACHABLE,
        bad="1 / 0",
        agreed=CONSENT,
        asks=CONSENT,
    )
    assert {host.host: (host.state, host.exit_code) for host in done.record.hosts} == {
        "one": ("completed", 0), "two": ("completed", 0), "kernel": ("killed", 138), "runner": ("killed", 138),
        "far": ("failed", 5), "bad": ("failed", 1), "tells": ("failed", 1),
        "agreed": ("completed", 0), "asks": ("refused", 4),
    }  # fmt: skip
    assert done.record.exit_code == 138
    reports = tmp_path / "reports"
    for host in done.record.hosts:
        folder = reports / host.report
        record = json.loads((folder / "run.json").read_text())
        assert (record["host"], record["outcome"]) == (host.host, host.state)
        assert read(folder / "journal.jsonl")[0]["step"] == "look"
        assert f'href="../../{host.report}/index.html"' in done.index.read_text()
        assert fetches((reports / host.host / "index.html").read_text()) == []
    assert "ZeroDivisionError" in next(host.message for host in done.record.hosts if host.host == "bad")
    assert "Cannot reach nobody@192.0.2.1" in next(h.message for h in done.record.hosts if h.host == "far")

    envs = [json.loads(notebook_said(next((reports / name).glob("*Z-*")))) for name in ("one", "two")]
    for name, env in zip(("one", "two"), envs, strict=True):
        assert f"/reports/{name}/" in env["RUNBOOK_RUN_DIR"]
        assert env["transport"] == "ipc"
        assert Path(env["ip"]).is_relative_to(env["JUPYTER_RUNTIME_DIR"])
    assert envs[0]["JUPYTER_RUNTIME_DIR"] != envs[1]["JUPYTER_RUNTIME_DIR"]
    assert not Path(envs[0]["JUPYTER_RUNTIME_DIR"]).exists()

    listed = (reports / "index.html").read_text()
    assert "pill s-running" not in listed
    assert all(f"{host.report}/index.html" in listed for host in done.record.hosts)
    assert len(list(verify(reports, ()))) == 9
    assert "[secret env:ROOT]" in next(host.message for host in done.record.hosts if host.host == "tells")
    assert "[secret env:ROOT]" in json.dumps(heard)
    assert SECRET not in json.dumps(heard)
    assert not [path for path in reports.rglob("*.*") if path.is_file() and SECRET in path.read_text()]


def test_ctrl_c_leaves_true_reports(go, tmp_path):
    """Interrupted runs write their reports: the running step is killed, and the fleet says which hosts never ran."""

    def hear(host, event):
        if event["event"] == "step-begin" and event["step"] == "work":
            begun.add(host.host)
        if len(begun) == 3 and not sent:
            sent.append(threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGINT)))
            sent[0].start()

    begun, sent = set(), []
    done = go(hear, **dict.fromkeys("abcd", "time.sleep(300)"))
    sent[0].join()
    assert {host.host: host.state for host in done.record.hosts} == {
        "a": "killed", "b": "killed", "c": "killed", "d": "never-run",
    }  # fmt: skip
    assert done.record.exit_code == 130
    for host in done.record.hosts[:3]:
        record = json.loads((tmp_path / "reports" / host.report / "run.json").read_text())
        assert [step["status"] for step in record["notebooks"][0]["steps"]] == ["unchanged", "killed"]
        assert record["failure"]["name"] == "Interrupted"


def test_children_end_when_their_parent_is_gone(place, tmp_path):
    """A parent that is killed leaves no run behind: each child hears that its lifeline ended, and ends politely."""
    write_host(place, "a", 'Path("begun").write_text(os.environ["JUPYTER_RUNTIME_DIR"]); time.sleep(300)')
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "reports")]) as parent:
        until(lambda: Path("begun").exists())
        parent.kill()
    record = tmp_path / "reports"
    until(lambda: any(json.loads(p.read_text())["outcome"] == "killed" for p in record.glob("a/*/run.json")))
    failure = json.loads(next(record.glob("a/*/run.json")).read_text())["failure"]
    assert (failure["name"], failure["exit_code"]) == ("Interrupted", 130)
    fleet = json.loads(next(record.glob("fleet/*/fleet.json")).read_text())
    until(lambda: not Path(Path("begun").read_text()).exists())
    assert (fleet["outcome"], fleet["hosts"][0]["state"]) == ("running", "running")


PARENT = f"""
import sys
from pathlib import Path
from runbook.fleet.members import members
from runbook.evidence.fleets.record import HostState
from runbook.fleet.request import FleetRequest
from runbook.fleet.run import run_fleet
found = [HostState(m.host, m.params, m.digest) for m in members(["params/a.yml"])]
run_fleet(FleetRequest(mode="apply"), found, Path(sys.argv[1]), lambda host, event: None, command={CHILD!r})
"""


def until(is_so, within_s=120):
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_report_is_finished_although_a_dying_process_holds_it(tmp_path):
    """A runner that was killed while it started a process leaves its lock there for a moment; its report is finished then."""
    record = RunRecord(
        "20261126T000000Z-000000",
        "a",
        "trixie",
        "recorded",
        "apply",
        {"path": "", "digest": "d"},
        provenance(),
    )
    place = tmp_path / "a" / record.id
    place.mkdir(parents=True)
    (place / "run.json").write_text(json.dumps(record.as_dict()))
    (place / "journal.jsonl").touch()
    holder = held(place)
    holder.__enter__()
    threading.Timer(1, holder.__exit__, (None, None, None)).start()
    end = _left_behind(
        Job("a", "a.yml", "d", "apply", str(tmp_path), str(tmp_path), "."), "killed", time.monotonic()
    )
    assert (end.state, end.report) == ("killed", f"a/{record.id}")
    assert json.loads((place / "run.json").read_text())["outcome"] == "killed"
