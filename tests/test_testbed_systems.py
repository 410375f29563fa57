"""The parameters with which the virtual PC proves guests' systems, what starts each kind, and what is kept of the proof."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook import releases
from runbook.builds import guest_system
from runbook.guests import config, system
from runbook.params import load
from runbook.testbed import systems, systems_guests, systems_result
from runbook.testbed.acceptance import PARAMS
from runbook.testbed.systems_guests import FIRST, KINDS, STAGES, Asked
from runbook.testbed.systems_result import Result, Row

ROOT = Path(__file__).parents[1]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp proof"
STARTED_BY = {
    "pvh": 'kernel = "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"',
    "pv": 'bootloader = "pygrub"',
    "hvm": 'boot = "c"',
    "uefi": 'bios_path_override = "/usr/share/ovmf-xen/OVMF.fd"',
}


def asked(tmp_path, release, kind):
    return load(systems_guests.write(tmp_path / f"{kind}.yml", machine(release), Asked(FIRST, 20, kind), KEY))


def machine(release):
    return load(PARAMS[release]).model_dump(mode="json")


@pytest.mark.parametrize("release", ["trixie", "bookworm"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_proofs_parameters_are_valid_and_the_disk_is_one_for_all_kinds(tmp_path, kind, release):
    """Each kind's file loads, starts the guest in its own way, and changes neither image nor the disk's identity."""
    params = asked(tmp_path, release, kind)
    (guest,) = params.guests
    assert STARTED_BY[kind] in config.render(params, guest, releases.get(release), False)
    assert "install_systems" in params.consent
    other = asked(tmp_path, release, "hvm")
    assert guest_system.recipe(guest).key == guest_system.recipe(other.guests[0]).key
    assert system.root_uuid(params, guest) == system.root_uuid(other, other.guests[0])


def test_all_kinds_are_proven_and_the_second_guest_is_of_the_firsts_kind(tmp_path):
    """A kind that the proof leaves out would be said to work and never be seen."""
    assert [one.kind for one in STAGES if one.name == FIRST] == list(KINDS)
    first, second = STAGES[:2]
    assert first.name != second.name
    params = [
        load(systems_guests.write(tmp_path / "x.yml", machine("trixie"), one, KEY)).guests[0]
        for one in (first, second)
    ]
    assert len({guest_system.recipe(guest).key for guest in params}) == 1
    assert len({(guest.nics[0].mac, guest.own_volumes[0].name) for guest in params}) == 2


def test_without_a_machine_that_runs_xen_it_says_what_makes_one(tmp_path, monkeypatch):
    """There is nothing to begin at, and the command that makes it is named."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path / "testbed"))
    with pytest.raises(systems.TestbedError, match=r"runbook testbed test --release trixie"):
        systems.main()
    with pytest.raises(systems.TestbedError, match=r"runbook testbed zoo kvm"):
        systems.main("kvm")


class Pc:
    """A virtual PC that is there until it is not."""

    running = True
    state = console_log = Path()


@pytest.fixture
def proof(tmp_path, monkeypatch):
    """Return a proof whose runs, scripts and results are noted instead of carried out; `bad` names what does not hold."""
    made = systems.Proof(Pc(), "kvm", machine("trixie"))
    made.bad, made.kept, made.pc = {}, [], made._machine
    made.pc.state = tmp_path

    def carry_out(params, _number, _mode, only):
        asked = load(params).guests[0]
        kind = "uefi" if asked.firmware else asked.type
        if made.is_strange:
            raise systems.CheckFailed("x", why="The disk of the guest is not empty, and gets no system")
        if (asked.name, kind) in made.bad:
            if made.bad[asked.name, kind] == "all":
                made.pc.running = None
            raise systems.CheckFailed("no answer")
        made.now = Asked(asked.name, 20, kind)
        is_new = not any(row.guest == asked.name for row in made._rows)
        ends = [
            SimpleNamespace(step="install_systems", seconds=60.04),
            SimpleNamespace(step="start_guests", seconds=110),
        ]
        record = SimpleNamespace(notebooks=[SimpleNamespace(steps=ends)])
        return SimpleNamespace(steps={"install_systems": "changed" if is_new else "unchanged"}, record=record)

    def shell(_machine, script):
        made.is_strange |= "sfdisk" in script
        if "guest_type" in script:
            return f"{made.now.name}\nrunning\nxen\n{made.now.guest_type}\n{made.now.firmware}\n6.12-cloud\n"
        return "ID state\nKernel panic" if "xl destroy" in script else f"{KEY}\n"

    made.is_strange = False
    for name, value in {
        "carry_out": carry_out, "shell": shell, "pause_guests": lambda _: None, "nothing_changed": lambda _: None,
        "save": made.kept.append, "write_page": lambda: None,
    }.items():  # fmt: skip
        monkeypatch.setattr(systems, name, value)
    return made


def test_a_proof_in_which_all_holds_has_a_row_for_each_stage(proof):
    """Every kind answered; the disk that held something was refused."""
    proof.run()
    (seen,) = proof.kept
    assert [(row.guest, row.kind) for row in seen.rows] == [(one.name, one.kind) for one in STAGES]
    assert [row.is_new for row in seen.rows] == [True, True, False, False, False]
    assert (seen.rows[0].written_s, seen.rows[0].started_s) == (60.0, 110)
    assert (seen.refused, seen.failed) == (True, "")


def test_a_kind_that_fails_keeps_no_other_from_being_tried(proof):
    """Its last words are kept; the proof fails all the same."""
    proof.bad["system-proof", "pv"] = "one"
    with pytest.raises(systems.CheckFailed, match="Not all that was tried held"):
        proof.run()
    (seen,) = proof.kept
    assert [row.kind for row in seen.rows] == ["pvh", "pvh", "uefi", "hvm"]
    assert "system-proof as pv: no answer" in seen.failed
    assert "Kernel panic" in seen.failed
    assert seen.refused


def test_a_virtual_pc_that_ended_ends_the_proof(proof):
    """What was seen before is kept, and what happened is said."""
    proof.bad["system-proof", "uefi"] = "all"
    with pytest.raises(
        systems.CheckFailed, match="the virtual PC itself ended while system-proof was to start as uefi"
    ):
        proof.run()
    (seen,) = proof.kept
    assert [row.kind for row in seen.rows] == ["pvh", "pvh", "pv"]
    assert not seen.refused


def test_a_guest_of_another_kind_than_asked_does_not_hold(proof, monkeypatch):
    """The guest's own kernel says what it is."""
    monkeypatch.setattr(Asked, "guest_type", "PVH")
    monkeypatch.setattr(systems, "STAGES", STAGES[2:3])
    told = systems.shell
    monkeypatch.setattr(systems, "shell", lambda m, s: told(m, s).replace("PVH", "HVM"))
    proof._disks.add(FIRST)
    proof._rows.append(Row(FIRST, "pvh", 1, 1, 1, (1, 1), True, "x"))
    with pytest.raises(systems.CheckFailed):
        proof.run()
    assert "it said: system-proof running xen HVM none" in proof.kept[0].failed


def test_what_was_seen_is_kept_and_read_again(tmp_path):
    """The page has a line for each guest that answered, and the words of what did not hold."""
    row = Row(FIRST, "pvh", 200.5, 60.0, 110.0, (3.0, 4.5), True, "6.12.0-cloud-amd64")
    seen = Result("kvm", "trixie", "2026-11-30", "abc1234", "4.20.0", "guest-system-x", 140.2, True, (row,))
    systems_result.save(seen, tmp_path)
    assert systems_result.read_all(tmp_path) == [seen]
    text = systems_result.page(tmp_path)
    assert "| system-proof | pvh | 200.5 | 60 | 110 | 3 to 4.5 | 6.12.0-cloud-amd64 |" in text
    assert "refused" not in text
    assert "did not hold" not in text
    systems_result.save(Result(**{**vars(seen), "failed": "no\nanswer", "refused": True}), tmp_path)
    text = systems_result.page(tmp_path)
    assert "stayed the same to the byte" in text
    assert "What did not hold:\n\n    no\n    answer\n" in text


def test_the_page_is_the_present_one():
    """`docs/systems.md` is what the results make: `python -m runbook.testbed.systems_result` writes it."""
    assert (ROOT / systems_result.PAGE).read_text(encoding="utf-8") == systems_result.page()
