"""The parameters with which the virtual PC proves guests' systems, and what a guest of each type is started by."""

import pytest

from runbook import releases
from runbook.builds import guest_system
from runbook.guests import config, system
from runbook.params import load
from runbook.testbed import systems

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp proof"
STARTED_BY = {
    "pvh": 'kernel = "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"',
    "pv": 'bootloader = "pygrub"',
    "hvm": 'boot = "c"',
}


@pytest.mark.parametrize("release", ["trixie", "bookworm"])
@pytest.mark.parametrize("kind", systems.TYPES)
def test_the_proofs_parameters_are_valid_and_the_disk_is_one_for_all_types(tmp_path, kind, release):
    """Each type's file loads, starts the guest in its own way, and changes neither image nor the disk's identity."""
    params = load(systems.asked(tmp_path, release, kind, KEY))
    guest = params.guests[-1]
    assert STARTED_BY[kind] in config.render(params, guest, releases.get(release), False)
    assert "install_systems" in params.consent
    other = load(systems.asked(tmp_path, release, "hvm", KEY))
    assert guest_system.recipe(guest).key == guest_system.recipe(other.guests[-1]).key
    assert system.root_uuid(params, guest) == system.root_uuid(other, other.guests[-1])


def test_without_a_finished_machine_it_says_what_makes_one(tmp_path, monkeypatch):
    """There is nothing to begin at, and the command that makes it is named."""
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path / "testbed"))
    with pytest.raises(systems.TestbedError, match=r"runbook testbed test --release trixie"):
        systems.main()
