"""What Xen would do to a machine is said before Xen is started, and each next move leads on."""

import re

import pytest

from runbook.params import HostParams
from runbook.steps.introduction import survey_devices, survey_machine
from runbook.steps.uefi import verify_settings
from tests.survey.machines import Pci, bare, devices, dmar, guest, params

PORT, CARD, MARVELL = "0000:00:1c.0", "0000:03:00.0", "0000:08:00.0"
X58 = Pci("0000:00:00.0", "8086:3405", "060000")
ROOT = "sda ../../devices/pci0000:00/0000:00:1c.0/0000:08:00.0/ata1/host0/target0:0:0/0:0:0:0/block/sda\n"
MIB = 1 << 20


def found(step, wanted: HostParams, facts, words):
    """Return the findings of a step's plan that have some words in what they say."""
    return [f for f in step.plan(wanted, facts).findings if words in f.what]


@pytest.mark.parametrize("step", [survey_machine, verify_settings])
def test_an_x58_is_refused_and_the_move_leads_on(step):
    """00 and 01 refuse with the default; with the word that they name both only warn."""
    facts = devices(X58, Pci(CARD, above=(PORT,)), firmware_tables=dmar())
    (no,) = found(step, params(), facts, "Xen switches the IOMMU off")
    assert no.level == "refuse"
    assert "with iommu=required Xen stops at boot" in no.why
    assert no in step.check(params(), facts)
    (word,) = re.findall(r"add (\S+) to xen\.options", no.do)
    taken = params(xen={"options": [word]})
    assert found(step, taken, facts, "Xen switches the IOMMU off") == []
    assert [f.level for f in found(step, taken, facts, "interrupt remapping off")] == ["warn"]


def test_on_an_x58_no_device_is_passed_before_that():
    """The device is refused with the same words; with interrupt remapping off it may go to a guest."""
    facts = devices(X58, Pci(CARD, above=(PORT,)), firmware_tables=dmar())
    wanted = {"bdf": CARD}
    assert [f.level for f in found(survey_devices, params(wanted), facts, CARD)] == ["refuse"]
    taken = params(wanted, xen={"options": ["iommu=no-intremap"]})
    assert found(survey_devices, taken, facts, CARD) == []


def test_a_revision_that_is_not_known_is_looked_up():
    """A 5520 without a revision is no refusal; the finding says how to look."""
    facts = devices(Pci("0000:00:00.0", "8086:3406", "060000"), firmware_tables=dmar())
    (doubt,) = found(survey_machine, params(), facts, "Xen may switch the IOMMU off")
    assert doubt.level == "warn"
    assert "lspci -s 0000:00:00.0" in doubt.do


def test_dom0s_own_phantom_is_warned_of_before_xen():
    """The controller of dom0's disk would be cut off; with the word in xen.options nothing is said any more."""
    facts = devices(Pci(MARVELL, "1b4b:9172", "010601", above=(PORT,)), block_links=ROOT)
    (loss,) = found(survey_devices, params(), facts, "Under Xen dom0 loses")
    assert loss.level == "warn"
    assert "Marvell 88SE9172" in loss.what
    (word,) = re.findall(r"add (\S+) to xen\.options", loss.do)
    assert word == "pci-phantom=08:00,1"
    assert found(survey_devices, params(xen={"options": [word]}), facts, "dom0 loses") == []


def test_a_guests_phantom_is_noted_once_the_word_is_there():
    """Hidden for a guest it is not dom0's loss: the care names the word, and is only noted when it is given."""
    facts = devices(Pci(MARVELL, "1b4b:9172", "010601", above=(PORT,)))
    wanted = {"bdf": MARVELL, "id": "1b4b:9172"}
    assert found(survey_devices, params(wanted), facts, "dom0 loses") == []
    (care,) = found(survey_devices, params(wanted), facts, MARVELL)
    assert care.level == "warn"
    assert "pci-phantom=08:00,1" in care.what
    taken = params(wanted, xen={"options": ["pci-phantom=08:00,1"]})
    assert [f.level for f in found(survey_devices, taken, facts, MARVELL)] == ["info"]


def row(number, size_mib, flags, start=0x4000000000):
    """Return a line of a resource file."""
    return f"{CARD}/resource:{number}:0x{start:016x} 0x{start + size_mib * MIB - 1:016x} 0x{flags:016x}\n"


@pytest.mark.parametrize(
    ("rows", "memory_mib", "hole", "level", "move"),
    [
        # 16 + 256 + 32 MiB of a graphics card, and its ROM: 338.5 MiB with what QEMU has.
        (
            ((1, 16, 0x40200), (2, 256, 0x14220C), (4, 32, 0x14220C)),
            8192,
            None,
            "info",
            "mmio_hole_mib: 512 for",
        ),
        (((1, 16, 0x40200), (2, 256, 0x14220C), (4, 32, 0x14220C)), 8192, 512, None, ""),
        (((1, 16, 0x40200), (2, 256, 0x14220C), (4, 32, 0x14220C)), 3584, None, None, ""),
        (
            ((1, 16, 0x40200), (2, 256, 0x14220C), (4, 32, 0x14220C)),
            3585,
            None,
            "info",
            "mmio_hole_mib: 512 for",
        ),
        # A window of 16 GiB is above 4 GiB in any case, and asks for nothing below.
        (((1, 16, 0x40200), (2, 16384, 0x14220C)), 8192, None, None, ""),
        # A window of 32 bits cannot go up there.
        (((1, 256, 0x40200),), 8192, None, "fail", "mmio_hole_mib: 512 for"),
        (((1, 1024, 0x40200),), 8192, 1024, "fail", "mmio_hole_mib: 2048 for"),
        (((1, 1024, 0x40200),), 8192, 2048, None, ""),
        (((1, 1024, 0x40200),), 2048, None, None, ""),
    ],
)
def test_windows_find_room_below_4_gib(rows, memory_mib, hole, level, move):
    """As hvmloader lays them out: 192 MiB, or more where the guest's memory leaves it, or what mmio_hole says."""
    facts = devices(Pci(CARD, above=(PORT,)), pci_windows="".join(row(*r) for r in rows))
    one = guest("g", CARD) | {"memory_mib": memory_mib} | ({"mmio_hole_mib": hole} if hole else {})
    wanted = params({"bdf": CARD}, guests=(one,))
    told = [f for f in survey_devices.plan(wanted, facts).findings if f.what.startswith("In g ")]
    assert [f.level for f in told] == ([level] if level else [])
    assert all(move in f.do for f in told)


def test_without_an_answer_nothing_is_said_of_windows():
    """On a host that was not asked nothing is known of them."""
    wanted = params({"bdf": "0000:00:05.0"}, guests=(guest("g", "0000:00:05.0"),))
    assert [f for f in survey_devices.plan(wanted, bare()).findings if f.what.startswith("In g ")] == []
