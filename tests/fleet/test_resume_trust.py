"""`fleet --resume` goes on only with what the fleet run was asked when it began, and with hosts whose reports prove it."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import pytest

from runbook.attestation import keys
from runbook.evidence.fleets.record import HostState
from runbook.fleet.sealed import FILE, has_completed
from tests.evidence.attested import alone
from tests.evidence.conftest import attested, reports
from tests.fleet.conftest import FAILS
from tests.fleet.test_cli import ALL, call

__all__ = ["attested", "call", "reports"]


@pytest.fixture
def begun(call, fleet, monkeypatch):
    """Return the file of a signed fleet run of four hosts of which one failed, and a parameter file of somebody else."""
    keys.make()
    fleet.wish("b", **FAILS)
    call(*ALL, "--mode", "plan")
    fleet.wish("b")
    evil = fleet.place / "evil.yml"
    mark = fleet.place / "it-ran"
    config = fleet.place / "evil.conf"
    config.write_text(f'Match exec "touch {mark}"\nHost *\n  ProxyCommand touch {mark}\n')
    evil.write_text(f"host: b\nconnection: {{kind: ssh, to: root@192.0.2.1, config: {config}}}\n")
    (file,) = (fleet.place / "reports/fleet").glob("*/fleet.json")
    return SimpleNamespace(file=file, seal=file.with_name(FILE), evil=evil, mark=mark, text=file.read_text())


def lives(fleet):
    return {name: len(fleet.life(name)) for name in "abcd"}


def test_proxycommand_in_params(begun, call, fleet):
    """The given case: another path in fleet.json is refused with 3, and no program that it names has run."""
    content = json.loads(begun.text)
    content["hosts"][1]["params"] = str(begun.evil)
    begun.file.write_text(json.dumps(content))
    before = lives(fleet)
    done = call("--resume", "--mode", "plan")
    assert (done.exit_code, "was altered" in done.output) == (3, True), done.output
    assert (lives(fleet), begun.mark.exists()) == (before, False)


def test_no_alteration_begins_a_host(begun, call, fleet):
    """120 alterations of what it was asked, in fleet.json or the seal: each ends with 3 or 2, and nothing runs."""
    sealed, before = begun.seal.read_text(), lives(fleet)
    for seed in range(120):
        rng = random.Random(seed)
        content = json.loads(begun.text)
        host = rng.choice(content["hosts"])
        match seed % 6:
            case 0:
                host["params"] = rng.choice([str(begun.evil), "../evil.yml", "", "evil.yml"])
            case 1:
                host["host"], host["params"] = "x", str(begun.evil)
            case 2:
                content["hosts"].append(
                    {**host, "host": "e", "params": str(begun.evil), "state": "never-run"}
                )
            case 3:
                content["asked"][rng.choice(["only", "start"])] = "05"
            case 4:
                data = bytearray(sealed.encode())
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(7)
                begun.seal.write_bytes(bytes(data))
            case 5:
                begun.seal.unlink()
        begun.file.write_text(json.dumps(content))
        done = call("--resume", "--mode", "plan")
        assert done.exit_code == 3, (seed, done.output)
        assert (lives(fleet), begun.mark.exists()) == (before, False), seed
        begun.seal.write_text(sealed)
    begun.file.write_text(begun.text)
    assert call("--resume", "--mode", "plan").exit_code == 0
    assert lives(fleet) == {**before, "b": before["b"] + 2}


def test_a_seal_that_nobody_here_signed_is_refused(begun, call, monkeypatch, fleet):
    """With another key than the one that signed it nobody vouches for it; given anew, old runs without a seal go on."""
    alone(monkeypatch, fleet.place / "another")
    keys.make()
    done = call("--resume", "--mode", "plan")
    assert (done.exit_code, "a key that is not known here" in " ".join(done.output.split())) == (3, True)
    begun.seal.unlink()
    done = call("--resume", "--mode", "plan")
    assert (done.exit_code, "runbook fleet params/*.yml --resume" in " ".join(done.output.split())) == (
        3,
        True,
    )
    assert call(*ALL, "--resume", "--mode", "plan").exit_code == 0


def test_only_a_report_proves_that_a_host_completed(reports):
    """A signed run that completed does; one that failed, was altered, is another host's or is not there does not."""
    good, failed, altered, _ = sorted(path for path in (reports / "toy").iterdir() if path.is_dir())

    def says(report, host="toy", state="completed"):
        return has_completed(reports, HostState(host, "toy.yml", "d", state=state, report=report))

    (altered / "journal.jsonl").write_text("")
    answers = [says(f"toy/{run.name}") for run in (good, failed, altered)]
    assert answers == [True, False, False]
    assert not says("")
    assert not says("toy/20990101T000000Z-abcdef")
    assert not says(f"toy/{good.name}", host="other")
    assert not says(f"../reports/toy/../toy/{failed.name}")
    assert not says(f"toy/{good.name}", state="failed")
