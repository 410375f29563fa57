"""The parameters with which the virtual PC proves guests' systems, what starts each kind, and what is kept of the proof."""

from pathlib import Path

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
