"""What is known of cards and chipsets, and what a machine shows of them, leads to the right word about each device."""

import pytest

from runbook import survey
from runbook.facts import bars, displays, usb
from runbook.survey import CARE, MAY, STAY
from runbook.survey.groups import groups
from runbook.survey.settings import settings
from tests.survey.machines import DOM0, Pci, bare, devices, dmar, params

PORT, CARD = "0000:00:1c.0", "0000:03:00.0"
INSIDE = "0000:00:08.1"
HOST = Pci("0000:00:00.0", "8086:3405", "060000")
MOUSE = """\
1-2:1.0/bInterfaceClass:03
1-2:1.0/bInterfaceProtocol:02
1-3:1.0/bInterfaceClass:08
1-2/product:Optical Mouse
"""
MOUSE_LINKS = """\
1-2:1.0 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0
1-2 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-2
1-3 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-3
1-3:1.0 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0
"""
SCREENS = """\
drm/card0-HDMI-A-1/status:connected
drm/card0-DP-1/status:disconnected
dmi/id/chassis_type:{chassis}
drm/card0 ../../devices/pci0000:00/0000:00:02.0/drm/card0
drm/card0-HDMI-A-1 ../../devices/pci0000:00/0000:00:02.0/drm/card0/card0-HDMI-A-1
drm/card0-DP-1 ../../devices/pci0000:00/0000:00:02.0/drm/card0/card0-DP-1
graphics/fb0 ../../devices/pci0000:00/0000:00:02.0/graphics/fb0
"""


def lspci(*rows):
    """Return lspci's lines for (address, revision); '' for one that it leaves out."""
    return "".join(f'{bdf} "Host bridge [0600]" "Intel [8086]" "IOH [3406]"{r} "A" "B"\n' for bdf, r in rows)


def kinds(facts, bdf=CARD):
    """Return the kinds of reasons about a device."""
    machine = survey.read(facts)
    return [reason.kind for reason in survey.judge(machine, machine.device(bdf))]


def text(facts, bdf=CARD):
    """Return the reasons about a device in words."""
    machine = survey.read(facts)
    return "; ".join(reason.text for reason in survey.judge(machine, machine.device(bdf)))


def word(facts, bdf=CARD):
    """Return the verdict about a device."""
    machine = survey.read(facts)
    return survey.verdict(survey.judge(machine, machine.device(bdf)))


def offered(facts):
    """Return the addresses that are proposed for guests."""
    return {bdf for group in groups(survey.read(facts)) if group.is_offered for bdf in group.bdfs}


def state(facts, name, **more):
    """Return how a setting of the firmware stands."""
    machine = survey.read(facts, tuple(more.get("xen", {}).get("options", ())))
    return {s.name: s.state for s in settings(params(**more), machine, facts)}[name]


# --- Xen's own quirks


@pytest.mark.parametrize(
    ("identity", "revision", "expected"),
    [
        ("8086:3405", " -r13", "wrong"),
        ("8086:3405", " -r22", "wrong"),
        ("8086:3405", "", "wrong"),
        ("8086:3406", " -r13", "wrong"),
        ("8086:3403", " -r21", "wrong"),
        ("8086:3406", " -r22", "right"),
        ("8086:3406", "", "take care"),
        ("8086:3404", " -r13", "right"),
    ],
)
def test_chipsets_on_which_xen_has_no_iommu(identity, revision, expected):
    """X58 always, 5500 and 5520 below revision 22; where no revision is named, neither right nor wrong is claimed."""
    host = Pci("0000:00:00.0", identity, "060000")
    facts = devices(host, Pci(CARD, above=(PORT,)), lspci=lspci((host.bdf, revision)), firmware_tables=dmar())
    assert state(facts, "iommu") == state(facts, "interrupt-remapping") == expected
    assert word(facts) == {"wrong": STAY, "take care": CARE, "right": MAY}[expected]
    assert (CARD in offered(facts)) is (expected == "right")


def test_a_revision_that_lspci_leaves_out_is_read_from_sysfs():
    """lspci names no revision 0; sysfs does, and so the chipset is known not to be a newer one."""
    host = Pci("0000:00:00.0", "8086:3406", "060000")
    shown = "0000:00:00.0/revision:0x00\n"
    assert state(devices(host, pci_windows=shown, firmware_tables=dmar()), "iommu") == "wrong"
    newer = shown.replace("0x00", "0x22")
    assert state(devices(host, pci_windows=newer, firmware_tables=dmar()), "iommu") == "right"


def test_xens_own_word_comes_first():
    """Where Xen runs and names hvm_directio, no list says that it has no IOMMU."""
    running = devices(HOST, Pci(CARD, above=(PORT,)), **DOM0)
    assert survey.read(running).iommu_off is None


def test_only_the_first_function_of_a_bus_is_looked_at():
    """As Xen looks: device 0, function 0 of domain 0."""
    for bdf in ("0000:00:01.0", "0000:00:00.1", "0001:00:00.0"):
        assert survey.read(devices(Pci(bdf, "8086:3405", "060000"))).iommu_off is None
    assert survey.read(devices(Pci("0000:80:00.0", "8086:3405", "060000"))).iommu_off is not None


def test_without_interrupt_remapping_the_iommu_stays():
    """With iommu=no-intremap in xen.options Xen leaves the IOMMU on; then interrupts want care, and devices may be passed."""
    facts = devices(HOST, Pci(CARD, above=(PORT,)), firmware_tables=dmar())
    more = {"xen": {"options": ["iommu=no-intremap"]}}
    assert state(facts, "iommu", **more) == "right"
    assert state(facts, "interrupt-remapping", **more) == "take care"
    machine = survey.read(facts, ("iommu=no-intremap",))
    assert survey.judge(machine, machine.device(CARD)) == ()


@pytest.mark.parametrize("identity", ["1b4b:9172", "1b4b:9230", "1b4b:9120", "1b4b:9215", "1103:0642"])
def test_a_phantom_function_names_the_word_for_xen(identity):
    """The reason has the word as it must stand on Xen's line, the domain left out where it is 0."""
    facts = devices(Pci(CARD, identity, "010601", above=(PORT,)))
    assert kinds(facts) == ["phantom"]
    assert "pci-phantom=03:00,1" in text(facts)
    far = devices(Pci("0001:03:00.0", identity, "010601"))
    assert "pci-phantom=0001:03:00,1" in text(far, "0001:03:00.0")


def test_a_function_that_is_there_is_no_phantom():
    """Where function 1 is a device, both belong together, and no word would help."""
    facts = devices(
        Pci(CARD, "1b4b:9172", "010601", above=(PORT,)),
        Pci("0000:03:00.1", "1b4b:91a4", "01018f", above=(PORT,)),
    )
    assert "phantom-real" in kinds(facts)
    assert "pci-phantom" not in text(facts)


def test_msix_registers_of_an_old_xen():
    """An AX210 needs care under Debian 12's Xen, and none under Debian 13's."""
    card = Pci(CARD, "8086:2725", "028000", above=(PORT,))
    release = 'PRETTY_NAME="Debian"\nVERSION_CODENAME={}\n'
    assert kinds(devices(card, os_release=release.format("bookworm"))) == ["msix-page"]
    assert kinds(devices(card, os_release=release.format("trixie"))) == []


# --- Graphics


@pytest.mark.parametrize(
    "identity",
    ["1002:1304", "1002:9874", "1002:15dd", "1002:15d8", "1002:1636", "1002:1638", "1002:1681", "1002:164e",
     "1002:15bf", "1002:1900", "1002:150e", "1002:1586", "1002:13c0", "1002:163f"],
)  # fmt: skip
@pytest.mark.parametrize("code", ["030000", "038000"])
def test_graphics_in_an_amd_processor(identity, code):
    """From Kaveri to Strix: integrated by its id, wherever it sits, and never offered; nor is its sound."""
    own, sound = (
        Pci(CARD, identity, code, above=(INSIDE,)),
        Pci("0000:03:00.1", "1002:15de", "040300", above=(INSIDE,)),
    )
    facts = devices(own, sound)
    assert "integrated" in kinds(facts)
    assert "laptop" not in kinds(facts)
    assert "board" in kinds(facts, sound.bdf)
    assert offered(facts) == set()


def test_graphics_in_an_intel_processor():
    """Any Intel display without a bridge above it is integrated; an Arc card in a slot is not, and wants Resizable BAR."""
    assert kinds(devices(Pci("0000:00:02.0", "8086:a780", "030000")), "0000:00:02.0") == ["integrated"]
    assert kinds(devices(Pci(CARD, "8086:56a0", "030000", above=(PORT,)))) == ["rebar"]
    assert kinds(devices(Pci(CARD, "8086:e20b", "030000", above=(PORT,)))) == ["rebar"]


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ("1002:67b1", ["amd-reset"]),  # Hawaii
        ("1002:665c", ["amd-reset"]),  # Bonaire
        ("1002:699f", ["amd-reset"]),  # Polaris 12
        ("1002:687f", ["amd-reset"]),  # Vega 10
        ("1002:66af", ["amd-reset"]),  # Vega 20
        ("1002:731f", ["amd-reset"]),  # Navi 10
        ("1002:7340", ["amd-reset"]),  # Navi 14
        ("1002:73df", []),  # Navi 22
        ("1002:73ff", ["reset-reported"]),  # Navi 23
        ("1002:744c", ["reset-reported"]),  # Navi 31
        ("1002:747e", ["reset-reported"]),  # Navi 32
        ("1002:7480", ["reset-reported"]),  # Navi 33
        ("1002:7550", ["reset-reported"]),  # Navi 48
        ("1002:7590", ["reset-reported"]),  # Navi 44
        ("10de:2204", ["nvidia"]),  # Ampere, whose first drivers are older than 465
        ("10de:2684", []),  # Ada
        ("10de:2b85", ["reset-reported"]),  # Blackwell
        ("1a03:2000", ["console"]),
        ("102b:0538", ["console"]),
    ],
)
def test_graphics_cards(identity, expected):
    """What is known of each family of cards in a slot, and nothing of those that simply work."""
    assert kinds(devices(Pci(CARD, identity, "030000", above=(PORT,)))) == expected


@pytest.mark.parametrize(
    ("identity", "code", "chassis", "expected"),
    [
        ("10de:11e1", "030200", 10, ["laptop", "nvidia"]),
        ("10de:11e1", "030200", None, ["laptop", "nvidia"]),
        ("10de:11e1", "030200", 3, ["nvidia"]),
        ("10de:1eb8", "030200", None, ["nvidia"]),  # Tesla T4
        ("10de:2330", "030200", None, ["nvidia"]),  # H100
        ("1002:73df", "038000", 10, ["laptop"]),
    ],
)
def test_the_second_processor_of_a_laptop(identity, code, chassis, expected):
    """A display without a connector is a laptop's, unless the machine is no laptop or the card is made for computing."""
    shown = f"dmi/id/chassis_type:{chassis}\n" if chassis else None
    facts = devices(Pci(CARD, identity, code, above=(PORT,)), displays=shown)
    assert sorted(kinds(facts)) == expected
    assert (CARD in offered(facts)) is ("laptop" not in expected)


def test_monitors_and_the_console():
    """The card with the console is the machine's screen though another is primary, and the monitor is named."""
    own, card = (
        Pci("0000:00:02.0", "8086:a780", "030000"),
        Pci(CARD, "1002:73bf", "030000", above=(PORT,), boot_vga=True),
    )
    facts = devices(own, card, displays=SCREENS.format(chassis=3))
    assert text(facts, own.bdf).startswith("dom0's console is on it (a monitor at HDMI-A-1)")
    assert kinds(facts) == ["screen"]
    assert ("monitors", "0000:00:02.0 (HDMI-A-1)") in survey.tables.machine_rows(survey.read(facts))
    unknown = devices(own, card)
    assert kinds(unknown, own.bdf) == ["integrated"]
    assert not [what for what, _ in survey.tables.machine_rows(survey.read(unknown)) if what == "monitors"]


def test_what_displays_say():
    """The first frame buffer's card, connected connectors only, and the kind of machine."""
    found = displays.parse(bare(displays=SCREENS.format(chassis=10)))
    assert found == displays.Displays("0000:00:02.0", {"0000:00:02.0": ("HDMI-A-1",)}, is_laptop=True)
    assert displays.parse(bare(displays=SCREENS.format(chassis=2))).is_laptop is None
    assert displays.parse(bare()) == displays.Displays()


# --- Parts of the platform


@pytest.mark.parametrize(
    ("identity", "code", "above"),
    [
        ("8086:a360", "078000", ()),  # management engine
        ("8086:a363", "070002", ()),  # serial over LAN
        ("8086:a368", "0c8000", ()),  # I2C
        ("8086:a323", "0c0500", ()),  # SMBus
        ("8086:a379", "118000", ()),  # thermal
        ("8086:a36f", "050000", ()),  # shared memory
        ("8086:9d35", "000000", ()),  # sensor hub
        ("8086:1e3c", "010185", ()),  # IDE redirection
        ("8086:15eb", "088000", (PORT,)),  # Thunderbolt 3
        ("8086:9a1b", "0c0340", ()),  # Thunderbolt 4
        ("1022:15df", "108000", (INSIDE,)),  # security processor
        ("1022:1649", "108000", (INSIDE,)),
        ("1022:148a", "130000", (INSIDE,)),  # dummy
        ("1022:15e4", "118000", (INSIDE,)),  # sensor fusion
        ("1022:790b", "0c0500", ()),
        ("103c:3307", "088000", (PORT,)),  # iLO
        ("10ec:522a", "ff0000", (PORT,)),  # card reader
    ],
)
def test_parts_of_the_platform(identity, code, above):
    """A guest has no use for them: they need care, are not offered, and no example guest gets one."""
    facts = devices(Pci(CARD, identity, code, above=above))
    assert kinds(facts) == ["board"]
    assert offered(facts) == set()


@pytest.mark.parametrize(
    ("identity", "code", "above"),
    [
        ("10de:1ad7", "0c8000", (PORT,)),  # USB-C of a graphics card
        ("8086:10d3", "020000", ()),
        ("1022:149c", "0c0330", (INSIDE,)),
        ("1022:1487", "040300", (INSIDE,)),
        ("1022:7901", "010601", (INSIDE,)),
        ("1912:0014", "0c0330", (PORT,)),
        ("8086:19e2", "0b4000", (PORT,)),  # QuickAssist
        ("1415:c158", "070002", (PORT,)),  # a serial card
    ],
)
def test_what_a_guest_may_use_is_no_part_of_the_platform(identity, code, above):
    """USB, sound, SATA and cards in slots are offered, also in AMD's processors behind their internal bridges."""
    facts = devices(Pci(CARD, identity, code, above=above))
    assert kinds(facts) == []
    assert CARD in offered(facts)


# --- Resets, USB, windows


@pytest.mark.parametrize(
    ("reset", "company", "expected"),
    [("bus", True, True), ("bus", False, False), ("flr bus", True, False), ("pm", True, False)],
)
def test_a_reset_of_the_bus_is_none_in_company(reset, company, expected):
    """`bus` alone resets only what is alone on its bus."""
    built = [Pci(CARD, above=(PORT,), reset=reset)]
    built += [Pci("0000:03:00.1", code="040300", above=(PORT,), reset="flr")] if company else []
    assert ("reset-shared" in kinds(devices(*built))) is expected


def test_what_is_plugged_in_is_said():
    """A mouse and a stick are cares, named; the keyboard beside them makes the controller stay."""
    controller = Pci("0000:00:14.0", "8086:a12f", "0c0330")
    facts = devices(controller, usb=MOUSE, usb_links=MOUSE_LINKS)
    assert kinds(facts, controller.bdf) == ["plugged"]
    assert text(facts, controller.bdf) == "plugged into it: a mouse (Optical Mouse), a disk or a memory stick"
    keys = MOUSE + "1-4:1.0/bInterfaceClass:03\n1-4:1.0/bInterfaceProtocol:01\n"
    where = MOUSE_LINKS + "1-4:1.0 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0\n"
    assert word(devices(controller, usb=keys, usb_links=where), controller.bdf) == STAY


@pytest.mark.parametrize(
    ("code", "protocol", "expected"),
    [("03", "00", "an input device or a UPS"), ("e0", "01", "a radio such as Bluetooth"), ("0b", "00", "a smart card reader"),
     ("03", "01", ""), ("01", "00", "sound"), ("ff", "ff", "a device of its maker's own kind"), ("09", "01", "")],
)  # fmt: skip
def test_what_usb_classes_mean(code, protocol, expected):
    """Each class in words; a hub is nothing by itself."""
    answer = f"1-2:1.0/bInterfaceClass:{code}\n1-2:1.0/bInterfaceProtocol:{protocol}\n"
    assert [p.kind for p in usb.plugged(bare(usb=answer, usb_links=""))] == ([expected] if expected else [])


def test_windows_of_a_card():
    """Sizes, which may lie above 4 GiB, and the ROM; the windows of a bridge and of virtual functions are left out."""
    rows = """\
0000:01:00.0/revision:0xa1
0000:01:00.0/resource:1:0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200
0000:01:00.0/resource:2:0x0000004000000000 0x000000400fffffff 0x000000000014220c
0000:01:00.0/resource:7:0x00000000f7000000 0x00000000f707ffff 0x0000000000046200
0000:01:00.0/resource:8:0x00000000f8000000 0x00000000f80fffff 0x0000000000140204
0000:00:1c.0/resource:9:0x0000000500000000 0x00000005001fffff 0x0000000000102201
"""
    found = bars.parse(bare(pci_windows=rows))
    mib = 1 << 20
    assert found.windows == {
        "0000:01:00.0": (
            bars.Window(16 * mib, is_64_bit=False),
            bars.Window(256 * mib, is_64_bit=True),
            bars.Window(mib // 2, is_64_bit=False, is_rom=True),
        )
    }
    assert not found.lacks_rom("0000:01:00.0")
    assert found.lacks_rom("0000:00:1c.0")
    assert found.above_4g == ("0000:01:00.0", "0000:00:1c.0")
    assert found.revisions == {"0000:01:00.0": 0xA1}
    assert not bars.parse(bare()).lacks_rom("0000:00:1c.0")
    card = Pci(CARD, "10de:11e1", "030200", above=(PORT,))
    assert "without a ROM" in text(devices(card, pci_windows=rows))
    assert "without a ROM" not in text(devices(card, pci_windows=rows.replace("0000:01:00.0", CARD)))
    assert "without a ROM" not in text(devices(card))
