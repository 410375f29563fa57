"""Every reason for which a device must stay or needs care, and the devices that may be passed."""

import json

import pytest

from runbook import survey
from runbook.errors import HostError
from runbook.survey import CARE, MAY, STAY
from runbook.survey.groups import groups
from tests.storage_answers import lv, lvm
from tests.survey.machines import Pci, bare, devices, dmar, dom0, kept_survey, lsblk

CARD = "0000:03:00.0"
PORT = "0000:00:1c.0"


def reasons_of(facts, bdf, guest_group):
    """Return the reasons about a device of a machine."""
    machine = survey.read(facts)
    device = machine.device(bdf)
    assert device is not None
    return survey.judge(machine, device, guest_group)


def kinds(facts, bdf=CARD, guest_group=""):
    """Return the kinds of reasons about a device."""
    return [reason.kind for reason in reasons_of(facts, bdf, guest_group)]


def said(facts, bdf=CARD, guest_group=""):
    """Return the verdict about a device and its first reason in words."""
    reasons = reasons_of(facts, bdf, guest_group)
    return survey.verdict(reasons), reasons[0].text if reasons else ""


def test_a_spare_card_may_be_passed():
    """The testbed's third card, which nobody uses and which can be reset, may be passed."""
    assert said(bare(), "0000:00:05.0") == (MAY, "")


@pytest.mark.parametrize(
    ("bdf", "why"),
    [
        ("0000:00:00.0", "it is a bridge, and Xen gives no bridge to a guest"),
        ("0000:00:01.0", "it is the IOMMU itself"),
        ("0000:00:03.0", "it carries this ssh session (enp0s3)"),
        ("0000:00:08.0", "dom0 uses /, /boot, /boot/efi on its disk vda"),
    ],
)
def test_what_dom0_needs_must_stay(bdf, why):
    """Bridges, the IOMMU, the session's card and the system disk's controller must stay."""
    assert said(bare(), bdf) == (STAY, why)


def test_of_what_must_stay_nothing_else_is_said():
    """A card that must stay is not also said to be hard to reset."""
    assert kinds(bare(), "0000:00:03.0") == ["network", "network"]


def test_the_guests_disks_must_stay():
    """The controller of the guests' volume group must stay once the parameters name that group."""
    assert said(bare(), "0000:00:09.0", "guests") == (
        STAY,
        "its disk vdb holds the guests' volume group guests",
    )
    assert said(bare(), "0000:00:09.0") == (CARE, "its disk vdb holds the volume group guests")


def test_the_other_half_of_the_root_group_must_stay():
    """A disk without mounts of its own must stay when its volume group has mounted volumes elsewhere."""
    root = {"name": "guests-root", "type": "lvm", "mountpoints": ["/"]}
    disks = lsblk({"name": "vda", "children": [root]}, {"name": "vdb", "fstype": "LVM2_member"})
    report = lvm({"guests": (2**33, 0)}, [("/dev/vdb", "guests", 2**33)], [lv("guests/root", 2**30)])
    assert said(bare(lsblk_json=disks, lvm_json=report), "0000:00:09.0") == (
        STAY, "its disk vdb holds a part of guests, which dom0 has mounted",
    )  # fmt: skip


def test_the_keyboard_must_stay():
    """The USB controller into which a keyboard is plugged must stay."""
    classes = "1-2:1.0/bInterfaceClass:03\n1-2:1.0/bInterfaceProtocol:01\n"
    links = "1-2:1.0 ../../../devices/pci0000:00/0000:00:06.0/usb1/1-2/1-2:1.0\n"
    found = said(bare(usb=classes, usb_links=links), "0000:00:06.0")
    assert found == (STAY, "a keyboard is plugged into it (a keyboard)")


@pytest.mark.parametrize(("switch", "expected"), [("10de:05b1", ["nf200"]), ("10b5:8747", [])])
def test_nf200_on_the_path(switch, expected):
    """A card behind an NF200 must stay (H104); one behind a PLX switch may be passed."""
    bridge = Pci(PORT, switch, "060400", bus=3)
    assert kinds(devices(bridge, Pci(CARD, above=(PORT,)))) == expected


def test_a_group_with_something_that_stays():
    """A device cannot be told from its group mate: when that must stay, it must stay too."""
    stays = Pci("0000:00:1f.5", "8086:0001", "080600", group=8)
    assert said(devices(Pci(CARD, group=8), stays)) == (
        STAY, "it shares IOMMU group 8 with 0000:00:1f.5, which must stay",
    )  # fmt: skip


def test_bridges_in_a_group_do_not_count():
    """A port in the card's group is no reason: Xen does not hand it out, and it stays as it is."""
    assert kinds(devices(Pci(PORT, code="060400", bus=3, group=8), Pci(CARD, above=(PORT,), group=8))) == []


def test_mates_go_together():
    """Two harmless devices in one group need care: they go together."""
    assert kinds(devices(Pci(CARD, group=8), Pci("0000:04:00.0", group=8))) == ["group"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("flr", "flr", []), ("flr", "", []), ("pm", "pm", []), ("", "", ["reset", "siblings"]), ("bus", "bus", ["reset-shared", "siblings"])],
)  # fmt: skip
def test_functions_of_one_card_go_together_unless_each_resets_alone(first, second, expected):
    """A function in a group of its own goes alone when Linux resets it without its neighbours, and with them otherwise."""
    card = Pci(CARD, group=8, above=(PORT,), reset=first)
    assert kinds(devices(card, Pci("0000:03:00.1", group=9, above=(PORT,), reset=second))) == expected


def test_a_graphics_card_keeps_its_sound():
    """Picture and sound of one maker go together, whatever their groups and resets; the chip's USB of another does not."""
    sound, usb = (
        Pci("0000:03:00.1", "1002:1640", "040300", (PORT,), 9),
        Pci("0000:03:00.3", "1022:15b6", "0c0330", (PORT,), 10),
    )
    box = devices(Pci(CARD, "1002:164e", "030000", (PORT,), 8), sound, usb)
    assert "siblings" in kinds(box)
    assert "siblings" in kinds(box, sound.bdf)
    assert "siblings" not in kinds(box, usb.bdf)


def test_functions_of_the_chipset_are_devices_of_their_own():
    """In the root bus no reset of a bus reaches a function: what has a group of its own goes alone."""
    audio, card = (
        Pci("0000:00:1f.3", "8086:a170", "040300", group=10, reset=""),
        Pci("0000:00:1f.6", group=11, reset=""),
    )
    assert kinds(devices(audio, card), audio.bdf) == ["reset"]


def test_what_cannot_be_reset_beside_what_stays_is_for_a_person():
    """A function with a group of its own, no reset, and a neighbour that dom0 uses needs care and is not offered."""
    two = (Pci(CARD, group=8, above=(PORT,), reset=""), Pci("0000:03:00.1", group=9, above=(PORT,), reset=""))
    links = f"/sys/class/net/eth0 ../../devices/pci0000:00/{PORT}/0000:03:00.1/net/eth0\n"
    address = json.dumps([{"ifname": "eth0", "flags": ["UP"], "addr_info": []}])
    route = json.dumps([{"dst": "default", "dev": "eth0"}])
    box = devices(*two, net_links=links, ip_addr_json=address, ip_route_json=route)
    assert said(box) == (CARE, "Linux knows no way to reset it")
    assert kinds(box) == ["reset", "parted"]
    by_bdf = {bdf: group for group in groups(survey.read(box)) for bdf in group.bdfs}
    assert not by_bdf[CARD].is_offered


def test_without_groups_a_conventional_bus_is_one():
    """Where no groups are known, what is behind one bridge to conventional PCI cannot be told apart."""

    def box(*, express):
        return devices(
            Pci(PORT, code="060400", bus=3, express=True),
            Pci(CARD, above=(PORT,), express=express),
            Pci("0000:03:01.0", above=(PORT,), express=express),
            Pci("0000:00:1d.0"),
        )  # fmt: skip

    assert said(box(express=False)) == (CARE, "it shares a conventional PCI bus with 0000:03:01.0")
    assert kinds(box(express=True)) == []


def test_a_reserved_region():
    """A device with a reserved memory region needs care, more so when it shares it (H106)."""
    usb = (Pci("0000:00:1a.0"), Pci("0000:00:1d.0"))
    alone = devices(*usb, firmware_tables=dmar(((0, (0x1D, 0)),)))
    shared = devices(*usb, firmware_tables=dmar(((0, (0x1A, 0)), (0, (0x1D, 0)))))
    assert (kinds(alone, "0000:00:1d.0"), kinds(alone, "0000:00:1a.0")) == (["rmrr"], [])
    assert kinds(shared, "0000:00:1d.0") == ["shared-rmrr"]


def test_a_reserved_region_behind_a_bridge():
    """A scope of two steps is followed through the bridge's own bus number."""
    table = dmar(((0, (0x1C, 0, 0, 0)),))
    box = devices(Pci(PORT, code="060400", bus=3), Pci(CARD, above=(PORT,)), firmware_tables=table)
    assert kinds(box) == ["rmrr"]


def test_screens():
    """The card with the machine's screen needs care, in other words when it is the only one."""
    card, onboard = (
        Pci(CARD, "1002:6738", "030000", boot_vga=True),
        Pci("0000:00:02.0", "8086:0152", "030000"),
    )
    assert kinds(devices(card)) == ["only-screen"]
    assert kinds(devices(card, onboard)) == ["screen"]
    assert kinds(devices(onboard), onboard.bdf) == ["integrated"]


@pytest.mark.parametrize(
    ("identity", "expected"),
    [("1002:67df", ["amd-reset"]), ("1002:6738", []), ("1002:73bf", []), ("10de:1b80", ["nvidia"])],
)
def test_graphics_cards_with_a_history(identity, expected):
    """A Polaris resets badly and an NVIDIA needs a driver; the guide's HD 6870 and an RX 6800 do not."""
    assert kinds(devices(Pci(CARD, identity, "030000"))) == expected


def test_no_way_to_reset():
    """A device without any reset method needs care."""
    assert said(devices(Pci(CARD, reset=""))) == (CARE, "Linux knows no way to reset it")


def test_parts_of_the_board():
    """An SMBus and a memory controller on the root bus need care."""
    smbus, memory = Pci("0000:00:1f.3", code="0c0500"), Pci("0000:00:14.2", code="050000")
    box = devices(smbus, memory, Pci(CARD, code="080501", above=(PORT,)))
    assert kinds(box, "0000:00:1f.3") == kinds(box, "0000:00:14.2") == ["board"]
    assert kinds(box) == []


def test_the_kept_survey_gives_the_groups_back():
    """Under Xen the verdicts are those of before, and only the drivers differ."""
    before, now = survey.survey_table(bare()), survey.survey_table(dom0())
    assert list(now["driver"][4:7]) == ["pciback"] * 3
    assert now.drop(columns="driver").equals(before.drop(columns="driver"))


def test_another_card_gets_nothing_of_the_kept_survey():
    """A device whose id is not the kept one is another device: its group is not known."""
    other = json.loads(kept_survey())
    other["pci"]["0000:00:05.0"]["id"] = "8086:ffff"
    machine = survey.read(dom0(kept=json.dumps(other)))
    assert [d.group for d in machine.devices[4:6]] == [None, 4]


def test_a_tampered_survey_is_an_error():
    """A kept survey that cannot be understood is not guessed at."""
    with pytest.raises(HostError, match="cannot be used"):
        survey.read(dom0(kept="{}"))
