"""What a device is told from where Linux shows no groups, virtual functions, and memory that the firmware keeps."""

import json

import pytest

from runbook import survey
from runbook.facts import ivrs
from runbook.survey import CARE, STAY
from runbook.survey.groups import groups
from tests.survey.machines import Pci, bare, devices, dmar, dom0, kept_survey

PORT, CARD = "0000:00:1c.0", "0000:03:00.0"


def kinds(facts, bdf=CARD):
    """Return the kinds of reasons about a device."""
    machine = survey.read(facts)
    device = machine.device(bdf)
    assert device is not None
    return [reason.kind for reason in survey.judge(machine, device)]


def offered(facts):
    """Return the groups that are offered, each with its addresses."""
    return [group.bdfs for group in groups(survey.read(facts)) if group.is_offered]


def mates(facts, bdf=CARD):
    """Return the addresses of those that a device cannot be told from."""
    machine = survey.read(facts)
    device = machine.device(bdf)
    assert device is not None
    return [mate.bdf for mate in machine.mates(device)]


# Without groups.


def test_where_nothing_is_known_nothing_is_offered():
    """Without groups and without ACS a card in a slot is for a person to decide; the move says how to see groups."""
    box = devices(Pci(PORT, code="060400", bus=3), Pci(CARD, above=(PORT,)), pci_capabilities=None)
    assert (kinds(box), offered(box)) == (["groupless"], [])
    (reason,) = survey.judge(survey.read(box), survey.read(box).devices[1])
    assert reason.verdict == CARE
    assert "intel_iommu=on" in reason.do


def test_a_device_without_a_group_among_those_with_one():
    """Where Linux shows groups of others, a device that has none is not apart either."""
    box = devices(Pci(CARD), Pci("0000:04:00.0", group=3), pci_capabilities=None)
    assert (kinds(box), kinds(box, "0000:04:00.0")) == (["groupless"], [])


def test_groups_that_were_split_by_force_are_not_believed():
    """With pcie_acs_override the groups are a wish: without ACS nothing is offered, with it the hardware decides."""
    forced = {"cmdline": "root=/dev/sda1 pcie_acs_override=downstream,multifunction quiet\n"}
    port = Pci(PORT, code="060400", bus=3, acs=False, group=1)
    cards = (Pci(CARD, above=(PORT,), group=2), Pci("0000:03:01.0", above=(PORT,), group=3))
    assert kinds(devices(port, *cards)) == []
    assert kinds(devices(port, *cards, **forced, pci_capabilities=None)) == ["groupless-forced"]
    assert mates(devices(port, *cards, **forced)) == ["0000:03:01.0"]
    assert kinds(devices(port, *cards, cmdline="root=/dev/sda1 quiet\n", pci_capabilities=None)) == []


def test_capabilities_that_may_not_be_read_are_not_known():
    """lspci without the right to read says so, and a card is then no more apart than without lspci."""
    box = devices(Pci(CARD), pci_capabilities=f"{CARD} 0200: 8086:10d3\n\tCapabilities: <access denied>\n")
    assert kinds(box) == ["groupless"]


def test_under_xen_the_move_is_another_one():
    """Under Xen, which shows no groups, nobody is asked to switch the IOMMU on: the host is to start once without Xen."""
    box = dom0(kept=None)
    assert offered(box) == []
    machine = survey.read(box)
    device = machine.device("0000:00:05.0")
    assert device is not None
    (reason,) = survey.judge(machine, device)
    assert (reason.kind, "without Xen" in reason.do) == ("groupless-xen", True)
    assert "is kept" in reason.text
    assert "groupless-xen" not in kinds(dom0(), "0000:00:05.0")


def test_under_xen_a_card_that_was_not_there_before():
    """A card that the kept survey does not know is not apart, though all others have their groups."""
    other = json.loads(kept_survey())
    del other["pci"]["0000:00:05.0"]
    box = dom0(kept=json.dumps(other))
    assert kinds(box, "0000:00:05.0") == ["groupless-xen"]
    assert "groupless-xen" not in kinds(box, "0000:00:06.0")


@pytest.mark.parametrize(
    ("root", "up", "down", "expected"),
    [
        (True, True, True, []),
        (True, True, False, ["0000:05:00.0"]),
        (True, False, True, ["0000:02:00.1", "0000:05:00.0"]),
        (False, True, True, ["0000:02:00.1", "0000:05:00.0"]),
    ],
)
def test_a_switch_keeps_apart_what_every_port_above_keeps_apart(root, up, down, expected):
    """With ACS in every port on the way up two cards are apart; a port without it joins all that can meet below it."""
    above = Pci("0000:02:00.0", code="060400", above=(PORT,), bus=3, acs=up, express_kind="Upstream Port")
    beside = Pci("0000:02:00.1", code="0c0330", above=(PORT,), acs=up)
    here = (PORT, above.bdf)
    ports = [Pci(f"0000:03:0{n}.0", code="060400", above=here, bus=4 + n, acs=down) for n in (0, 1)]
    cards = [Pci(f"0000:0{4 + n}:00.0", above=(*here, ports[n].bdf)) for n in (0, 1)]
    box = devices(Pci(PORT, code="060400", bus=2, acs=root), above, beside, *ports, *cards)
    assert sorted(mates(box, "0000:04:00.0")) == expected


def test_ports_of_one_slot_without_acs_join_what_is_below():
    """Two root ports that are functions of one slot and have no ACS keep nothing apart: their cards are one."""
    ports = [Pci(f"0000:00:1c.{n}", code="060400", bus=3 + n, acs=False) for n in (0, 4)]
    cards = [Pci("0000:03:00.0", above=(ports[0].bdf,)), Pci("0000:07:00.0", above=(ports[1].bdf,))]
    box = devices(*ports, *cards)
    assert (mates(box), mates(box, "0000:07:00.0")) == (["0000:07:00.0"], ["0000:03:00.0"])
    assert offered(box) == [("0000:03:00.0", "0000:07:00.0")]
    alone = devices(
        ports[0],
        *cards[:1],
        Pci("0000:00:1d.0", code="060400", bus=9, acs=False),
        Pci("0000:09:00.0", above=("0000:00:1d.0",)),
    )
    assert mates(alone) == []


def test_functions_without_acs_are_one():
    """Two functions of a card without ACS cannot be told apart, two with it can; a card with one function needs none."""
    pair = [
        (Pci(CARD, above=(PORT,), acs=acs), Pci("0000:03:00.1", above=(PORT,), acs=acs))
        for acs in (True, False)
    ]
    port = Pci(PORT, code="060400", bus=3)
    assert mates(devices(port, *pair[0])) == []
    assert mates(devices(port, *pair[1])) == ["0000:03:00.1"]
    assert mates(devices(port, pair[1][0])) == []


def test_behind_intels_vmd_there_is_no_conventional_bus():
    """VMD does not always say that it is of PCI Express, and what is behind it is all the same."""
    vmd, port, drive = "0000:00:0e.0", "10000:e0:06.0", "10000:e1:00.0"
    built = (
        Pci(vmd, "8086:467f", code="010400", express=False),
        Pci(port, code="060400", bus=0xE1, above=(vmd,)),
        Pci(drive, code="010802", above=(vmd, port)),
    )
    machine = survey.read(devices(*built))
    assert [machine.is_conventional(bdf) for bdf in (vmd, port)] == [False, False]
    bridge = Pci(PORT, code="060400", bus=3, express=False)
    assert survey.read(devices(bridge, Pci(CARD, above=(PORT,), express=False))).is_conventional(PORT)


def test_what_cannot_be_told_from_what_stays():
    """A card behind the port without ACS that leads to dom0's own card must stay with it."""
    port = Pci(PORT, code="060400", bus=3, acs=False)
    cards = (Pci(CARD, above=(PORT,)), Pci("0000:03:01.0", above=(PORT,)))
    links = f"/sys/class/net/eth0 ../../devices/pci0000:00/{PORT}/{CARD}/net/eth0\n"
    address = json.dumps([{"ifname": "eth0", "flags": ["UP"], "addr_info": []}])
    used = {
        "net_links": links,
        "ip_addr_json": address,
        "ip_route_json": '[{"dst": "default", "dev": "eth0"}]',
    }
    assert kinds(devices(port, *cards, **used), "0000:03:01.0") == ["held"]


@pytest.mark.parametrize(("id_", "expected"), [("1b4b:9172", ["0000:03:00.1"]), ("1b4b:9999", [])])
def test_a_function_that_speaks_in_anothers_name(id_, expected):
    """A controller that sends its requests as its second function, which is there, cannot be told from that one."""
    pair = (Pci(CARD, id_, "010601", (PORT,), 8), Pci("0000:03:00.1", "1b4b:91a4", "010185", (PORT,), 9))
    box = devices(Pci(PORT, code="060400", bus=3), *pair)
    assert mates(box) == expected
    assert mates(box, "0000:03:00.1") == [CARD for _ in expected]


# Virtual functions.

PF, VF, OTHER = "0000:18:00.0", "0000:18:14.3", "0000:18:14.5"
LINKS = f"/sys/bus/pci/devices/{VF}/physfn ../{PF}\n/sys/bus/pci/devices/{OTHER}/physfn ../{PF}\n"


def ports(**more):
    """Return a card with two ports, the first with two virtual functions in one slot, each in a group of its own."""
    built = [Pci(bdf, above=(PORT,), group=40 + n) for n, bdf in enumerate((PF, "0000:18:00.1", VF, OTHER))]
    return devices(Pci(PORT, code="060400", bus=0x18), *built, **more)


def test_virtual_functions_go_alone_and_their_parent_is_not_offered():
    """Each virtual function is passed by itself, with a word; their physical function is none to offer beside them."""
    box = ports(pci_physical=LINKS)
    assert (kinds(box, VF), kinds(box, PF), kinds(box, "0000:18:00.1")) == (
        ["virtual"],
        ["virtual-parent"],
        [],
    )
    assert offered(box) == [("0000:18:00.1",), (VF,), (OTHER,)]


def test_virtual_functions_of_one_slot_are_no_siblings():
    """The slot of a virtual function is only a number: even without a reset that is known none comes with another."""
    built = [Pci(bdf, above=(PORT,), group=n, reset="") for n, bdf in enumerate((VF, OTHER))]
    box = devices(Pci(PORT, code="060400", bus=0x18), *built, pci_physical=LINKS)
    assert kinds(box, VF) == ["virtual", "reset"]
    assert "siblings" in kinds(devices(Pci(PORT, code="060400", bus=0x18), *built), VF)


def test_a_virtual_function_known_by_its_name():
    """Where Linux' link is not known the name tells, and every port of the card may be its parent."""
    row = '{} "Ethernet controller [0200]" "Intel Corporation [8086]" "{} [1565]"\n'
    names = {
        PF: "X550T",
        "0000:18:00.1": "X550T",
        VF: "X550 Virtual Function",
        OTHER: "X550 Virtual Function",
    }
    box = ports(lspci="".join(row.format(bdf, name) for bdf, name in names.items()))
    assert (kinds(box, VF), kinds(box, PF), kinds(box, "0000:18:00.1")) == (
        ["virtual"], ["virtual-parent"], ["virtual-parent"],
    )  # fmt: skip


def test_a_parent_whose_virtual_function_dom0_uses_must_stay():
    """dom0's connection by a virtual function would go with the driver of the physical one."""
    links = f"/sys/class/net/eth0 ../../devices/pci0000:00/{PORT}/{VF}/net/eth0\n"
    address = json.dumps([{"ifname": "eth0", "flags": ["UP"], "addr_info": []}])
    route = '[{"dst": "default", "dev": "eth0"}]'
    box = ports(pci_physical=LINKS, net_links=links, ip_addr_json=address, ip_route_json=route)
    machine = survey.read(box)
    assert [r.text for r in survey.judge(machine, machine.devices[1])] == [
        f"its virtual function {VF} must stay"
    ]
    assert kinds(box, OTHER) == ["virtual"]


# Memory that the firmware keeps.


def table(*blocks):
    """Return a dumped IVRS with these blocks of memory: type, flags, first and last device."""
    body = b"".join(
        bytes([kind, flags, 32, 0]) + first.to_bytes(2, "little") + last.to_bytes(2, "little") + bytes(24)
        for kind, flags, first, last in blocks
    )
    whole = b"IVRS" + bytes(44) + b"\x10\x00\x18\x00" + bytes(20) + body
    return "= efi\n= acpi/tables/IVRS\n" + "".join(
        f" {whole[i : i + 16].hex(' ')}\n" for i in range(0, len(whole), 16)
    )


SATA, USB = Pci("0000:00:11.0", code="010601", group=1), Pci("0000:00:12.0", code="0c0330", group=2)
ROOT = {
    "block_links": "sda ../../devices/pci0000:00/0000:00:11.0/ata1/host0/target0:0:0/0:0:0:0/block/sda\n",
    "lsblk_json": None,
}


def test_amds_memory_blocks():
    """An IVMD block names one device, a range, or all; one that maps nothing, and one cut short, say nothing."""
    raw = bytes.fromhex("".join(line for line in table(
        (0x21, 1, 0x90, 0), (0x22, 8, 0x88, 0x97), (0x20, 9, 0, 0), (0x21, 6, 0x90, 0),
    ).splitlines()[2:]))  # fmt: skip
    found = list(ivrs.blocks(raw))
    assert [(b.first, b.last, b.is_for_all) for b in found] == [
        (0x90, 0x90, False),
        (0x88, 0x97, False),
        (0, 0xFFFF, True),
    ]
    assert list(ivrs.blocks(raw[:-40])) == found[:2]
    assert list(ivrs.blocks(raw[:48] + bytes(64))) == []
    assert [found[0].covers(bdf) for bdf in ("0000:00:12.0", "0000:00:12.1", "0001:00:12.0")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        (((0x21, 1, 0x90, 0),), ["rmrr"]),
        (((0x22, 1, 0x88, 0x97),), ["shared-region"]),
        (((0x20, 1, 0, 0),), ["open-region"]),
        (((0x21, 1, 0x91, 0),), []),
    ],
)
def test_amds_memory_is_read_like_intels(blocks, expected):
    """Memory that AMD's table keeps for a device asks for care as Intel's does, shared or alone."""
    assert kinds(devices(SATA, USB, firmware_tables=table(*blocks)), USB.bdf) == expected


def test_the_table_may_be_named_without_its_bytes():
    """An answer that only names AMD's table says that there is one, and of no memory."""
    assert kinds(devices(USB, firmware_tables="= efi\n= acpi/tables/IVRS\n"), USB.bdf) == []


def used(card, *others, **more):
    """Return the facts of a machine whose default route is on a card."""
    links = f"/sys/class/net/eth0 ../../devices/pci0000:00/{card.bdf}/net/eth0\n"
    address = json.dumps([{"ifname": "eth0", "flags": ["UP"], "addr_info": []}])
    route = '[{"dst": "default", "dev": "eth0"}]'
    return devices(card, *others, net_links=links, ip_addr_json=address, ip_route_json=route, **more)


def test_memory_shared_with_what_stays_is_no_offer():
    """A region that dom0's own card has too is for a person; of many that share it those are named that must stay."""
    many = [Pci(f"0000:00:1{n}.0", code="010700", group=n) for n in range(1, 8)]
    scopes = tuple((0, (0x10 + n, 0)) for n in range(8))
    box = used(Pci("0000:00:10.0", group=9), *many, firmware_tables=dmar(scopes))
    machine = survey.read(box)
    (reason,) = survey.judge(machine, machine.devices[1])
    assert reason.text == "it shares a reserved memory region (RMRR) with 0000:00:10.0, which must stay"
    assert (reason.kind, offered(box)) == ("region-held", [])


def test_usb_controllers_leave_their_memory_alone():
    """Two USB controllers of Intel with one region are the old care, even when dom0's keyboard is on the other."""
    usb = (Pci("0000:00:1a.0", code="0c0320", group=1), Pci("0000:00:1d.0", code="0c0320", group=2))
    keyboard = {
        "usb": "1-2:1.0/bInterfaceClass:03\n1-2:1.0/bInterfaceProtocol:01\n",
        "usb_links": "1-2:1.0 ../../../devices/pci0000:00/0000:00:1a.0/usb1/1-2/1-2:1.0\n",
    }
    shared = dmar(((0, (0x1A, 0)), (0, (0x1D, 0))))
    assert kinds(devices(*usb, firmware_tables=shared, **keyboard), "0000:00:1d.0") == ["shared-rmrr"]
    of_amd = table((0x22, 1, 0x1A << 3, 0x1D << 3))
    assert kinds(devices(*usb, firmware_tables=of_amd, **keyboard), "0000:00:1d.0") == ["region-held"]


def test_where_no_table_is_read_linux_says_which_memory_is_kept():
    """Regions of the type direct count where neither table told any; others, such as that of interrupts, do not."""
    lines = "1/reserved_regions:0x0000000000100000 0x00000000001fffff direct\n2/reserved_regions:0x0000000000100000 0x00000000001fffff direct\n"
    box = devices(SATA, USB, iommu_regions=lines)
    assert kinds(box, USB.bdf) == ["shared-region"]
    assert (
        kinds(devices(SATA, USB, iommu_regions="2/reserved_regions:0xfee00000 0xfeefffff msi\n"), USB.bdf)
        == []
    )


@pytest.mark.parametrize(
    ("id_", "expected"), [("10de:05b1", "slot"), ("10de:05b8", "another card"), ("10de:05be", "another card")]
)
def test_an_nf200_on_the_card_itself(id_, expected):
    """Where the switch is a part of the card, no other slot is advised."""
    box = devices(Pci(PORT, id_, "060400", bus=3), Pci(CARD, above=(PORT,)))
    (reason,) = survey.judge(survey.read(box), survey.read(box).devices[1])
    assert reason.verdict == STAY
    assert expected in reason.do


def test_the_testbed_is_judged_as_before():
    """Of a machine whose groups are all known nothing new is said."""
    found = {r.kind for d in survey.read(bare()).devices for r in survey.judge(survey.read(bare()), d)}
    assert not found & {"groupless", "groupless-xen", "virtual", "parted", "region-held"}
