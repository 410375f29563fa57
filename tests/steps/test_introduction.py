"""The survey's three steps: on plain Debian, under Xen, and refused."""

import json
import re
from pathlib import Path

import pytest

from runbook.actions import WriteFile
from runbook.model.plan import Plan
from runbook.params import load
from runbook.steps import introduction
from runbook.steps.introduction import keep_survey, survey_debian, survey_devices, survey_machine
from tests.storage_answers import findmnt
from tests.survey.machines import (
    DOM0,
    Pci,
    bare,
    devices,
    dmar,
    dom0,
    guest,
    kept_survey,
    params,
)

FILES = Path(__file__).parents[1] / "survey" / "testbed"
SPARE = {"bdf": "00:05.0"}
SECURE = """\
= efi
= acpi/tables/IVRS
= efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
 06 00 00 00 01
"""


def found(step, parameters, facts):
    """Return level and text of each finding of a step's plan; a survey plans nothing."""
    planned = step.plan(parameters, facts)
    assert planned.actions == ()
    assert step.check(parameters, facts) == list(planned.stops)
    assert all(f.do for f in planned.findings)
    return [(f.level, f.what) for f in planned.findings]


def test_the_chapter_names_its_steps():
    """The notebook's steps come in the order machine, Debian, devices, keep."""
    assert (survey_machine, survey_debian, survey_devices, keep_survey) == introduction.STEPS


@pytest.mark.parametrize("facts", [bare(), dom0()], ids=["bare", "xen"])
def test_the_testbed_is_a_good_machine(facts):
    """Before Xen and under it, nothing is wrong with the testbed and its own parameters."""
    testbed = load("params/testbed.yml")
    assert found(survey_machine, testbed, facts) == []
    assert [level for level, _ in found(survey_devices, testbed, facts)] == ["warn", "warn"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cpuinfo": "flags : fpu\n"}, "The processor shows no hardware virtualisation (VT-x or AMD-V)"),
        ({"cpuinfo": "flags : svm\n"}, "The processor has no nested paging (EPT or NPT)"),
        ({"firmware_tables": "= efi\n"}, "The firmware announces no IOMMU, so no device can be passed"),
        ({"firmware_tables": SECURE}, "Secure Boot is on"),
        (
            {"meminfo": "MemTotal: 1048576 kB\n"},
            "The machine has 1024 MiB of memory, the parameters need 1280 MiB",
        ),
    ],
)
def test_a_machine_that_cannot_be_a_host(changes, expected):
    """Each thing that makes a host impossible is refused, alone."""
    assert found(survey_machine, params(), bare(**changes)) == [("refuse", expected)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"firmware_tables": "= acpi/tables/IVRS\n"}, "The machine was started the BIOS way, not by UEFI"),
        ({"firmware_tables": dmar(flags=0)}, "The IOMMU does not remap interrupts"),
        ({"pci_links": ""}, "Linux shows no IOMMU groups"),
        (
            {"cmdline": "quiet pcie_acs_override=downstream\n"},
            "The kernel was told to split IOMMU groups by force (pcie_acs_override)",
        ),
        (
            {"findmnt_json": findmnt(("/", "/dev/sda1", "ext4", "rw")), "boot_free": "Avail\n104857600\n"},
            "/boot has only 100 MiB free (on /dev/sda1)",
        ),
    ],
)  # fmt: skip
def test_a_machine_that_needs_care(changes, expected):
    """Each thing that a person should know is a warning, and does not stop."""
    assert found(survey_machine, params(), bare(**changes)) == [("warn", expected)]


@pytest.mark.parametrize(
    ("caps", "expected"),
    [
        ("pv", "The processor shows no hardware virtualisation (VT-x or AMD-V)"),
        ("pv hvm hvm_directio", "The processor has no nested paging (EPT or NPT)"),
        ("pv hvm hap", "Xen runs without an IOMMU, so it can pass no device"),
    ],
)
def test_under_xen_xen_decides(caps, expected):
    """Under Xen its own words count, whatever the kept survey and the tables say."""
    assert ("refuse", expected) in found(survey_machine, params(), dom0(xl_info=f"virt_caps : {caps}\n"))


def test_under_xen_without_tools_the_kept_survey_decides():
    """When `xl` does not answer, what was kept is used; when nothing was kept either, nothing is claimed."""
    silent = "Xen is running, but `xl info` does not say what it can do"
    memory = {"meminfo": "MemTotal: 8388608 kB\n"}
    assert found(survey_machine, params(), dom0(xl_info=None, **memory)) == [("warn", silent)]
    assert found(survey_machine, params(), dom0(xl_info=None, kept=None, **memory)) == [("warn", silent)]
    weak = json.loads(kept_survey())
    weak["cpu"] = {"virtualisation": "", "nested_paging": ""}
    facts = dom0(xl_info=None, kept=json.dumps(weak), **memory)
    assert [level for level, _ in found(survey_machine, params(), facts)] == ["warn", "refuse"]


def test_under_xen_without_tools_an_iommu_is_refused_only_when_known_to_be_missing():
    """When neither `xl` nor a table nor the kept survey tells of an IOMMU, only a kept survey is proof."""
    facts = {"xl_info": None, "firmware_tables": "= efi\n", "meminfo": "MemTotal: 8388608 kB\n"}
    without = json.loads(kept_survey())
    without["firmware"]["acpi_tables"] = []
    assert [x for x, _ in found(survey_machine, params(), dom0(**facts))] == ["warn"]
    assert [x for x, _ in found(survey_machine, params(), dom0(**facts, kept=None))] == ["warn"]
    assert [x for x, _ in found(survey_machine, params(), dom0(**facts, kept=json.dumps(without)))] == [
        "warn", "refuse",
    ]  # fmt: skip


def test_under_xen_the_whole_machines_memory_counts():
    """dom0 sees 1.9 GB, and guests of 4 GB still fit the machine."""
    needs = params(dom0={"memory_mib": 4096})
    assert found(survey_machine, needs, dom0()) == []
    assert found(survey_machine, needs, bare(meminfo=DOM0["meminfo"])) != []


def test_a_spare_device_is_accepted():
    """The testbed's third card, at its address and with its id, raises nothing."""
    assert found(survey_devices, params(SPARE), bare()) == []


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ({"bdf": "00:0a.0"}, "a card (8086:10d3) is not at 0000:00:0a.0"),
        ({"bdf": "00:05.0", "id": "8086:10d4"}, "a card (8086:10d4) is not at 0000:00:05.0"),
        ({"bdf": "00:00.0", "id": "8086:29c0"},
         "0000:00:00.0 (a card) must stay with dom0: it is a bridge, and Xen gives no bridge to a guest"),
        ({"bdf": "00:08.0", "id": "1af4:1001"},
         "0000:00:08.0 (a card) must stay with dom0: dom0 uses /, /boot, /boot/efi on its disk vda"),
        ({"bdf": "00:09.0", "id": "1af4:1001"},
         "0000:00:09.0 (a card) must stay with dom0: its disk vdb holds the guests' volume group guests"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("facts", [bare(), dom0()], ids=["bare", "xen"])
def test_a_wrong_device_is_refused(facts, device, expected):
    """A device that is absent, moved, or needed by dom0 is refused, before Xen and under it."""
    assert found(survey_devices, params(device), facts) == [("refuse", expected)]


def test_the_session_is_refused():
    """The card of the ssh session and default route is refused, once for each use."""
    nic = {"bdf": "00:03.0", "id": "1af4:1000"}
    name = "0000:00:03.0 (a card) must stay with dom0: it carries "
    assert found(survey_devices, params(nic), bare()) == [
        ("refuse", name + "this ssh session (enp0s3)"),
        ("refuse", name + "the default route (enp0s3)"),
    ]


def test_a_moved_card_is_found():
    """A refusal of a moved card tells where its id is now, and what is at the old address."""
    moved = survey_devices.plan(params({"bdf": "00:06.0"}), bare()).findings[0]
    assert "is now at 0000:00:05.0" in moved.do
    assert "QEMU XHCI Host Controller (1b36:000d) is there now" in moved.why
    assert "H617" in moved.source


def test_a_device_named_twice():
    """One address twice is refused, even from parameters that were put together in a program."""
    once = params(SPARE)
    device = once.passthrough.devices[0]
    both = (device, device.model_copy())
    twice = once.model_copy(update={"passthrough": once.passthrough.model_copy(update={"devices": both})})
    assert found(survey_devices, twice, bare()) == [
        ("refuse", "0000:00:05.0 is named 2 times under passthrough.devices")
    ]


MATES = (Pci("0000:03:00.0", group=8), Pci("0000:04:00.0", "8086:1533", group=8))
FUNCTIONS = (
    Pci("0000:03:00.0", code="030000", above=("0000:00:1c.0",), group=8),
    Pci("0000:03:00.1", code="040300", above=("0000:00:1c.0",), group=9),
)
FIRST, SECOND = {"bdf": "03:00.0"}, {"bdf": "04:00.0", "id": "8086:1533"}


def test_a_split_group_is_refused():
    """A device without its group mate is refused, and both together are accepted."""
    alone = found(survey_devices, params(FIRST), devices(*MATES))
    assert [level for level, _ in alone] == ["refuse"]
    assert "shares IOMMU group 8 with 0000:04:00.0" in alone[0][1]
    assert [
        f for f in found(survey_devices, params(FIRST, SECOND), devices(*MATES)) if f[0] == "refuse"
    ] == []


def test_a_bridge_in_the_group_splits_nothing():
    """A group whose only other member is a bridge is whole."""
    port = Pci("0000:00:1c.0", code="060400", bus=3, group=8)
    assert found(survey_devices, params(FIRST), devices(port, MATES[0])) == []


def test_mates_in_two_guests_are_refused():
    """Two members of a group given to two guests are refused, to one guest accepted."""
    apart = (guest("a", "03:00.0"), guest("b", "04:00.0", display=2))
    together = (guest("a", "03:00.0", "04:00.0"),)
    said = found(survey_devices, params(FIRST, SECOND, guests=apart), devices(*MATES))
    assert (
        "refuse",
        "0000:03:00.0 (a card) needs care: it goes to a, and 0000:04:00.0 to b, which cannot be told apart",
    ) in said
    whole = found(survey_devices, params(FIRST, SECOND, guests=together), devices(*MATES))
    assert [level for level, _ in whole] == ["info", "info"]


def test_functions_in_two_guests_are_warned_about():
    """Picture and sound of one card in two guests are a warning; hidden together, that is noted."""
    both = (FIRST, {"bdf": "03:00.1"})
    apart = (guest("a", "03:00.0"), guest("b", "03:00.1", display=2))
    planned = survey_devices.plan(params(*both, guests=apart), devices(*FUNCTIONS))
    assert [(f.level, f.why) for f in planned.findings] == [
        ("warn", "they are one physical device"),
        ("warn", ""),
    ]
    assert [level for level, _ in found(survey_devices, params(*both), devices(*FUNCTIONS))] == [
        "info",
        "info",
    ]


def test_a_parted_card_is_warned_about():
    """A graphics card without its sound is a warning."""
    assert found(survey_devices, params(FIRST), devices(*FUNCTIONS)) == [
        (
            "warn",
            "0000:03:00.0 (a card) needs care: it is one physical device with 0000:03:00.1, which stays in dom0",
        )
    ]


def test_nf200_is_refused():
    """A card behind an NF200 switch is refused (H104)."""
    box = devices(
        Pci("0000:02:00.0", "10de:05b1", "060400", bus=3), Pci("0000:03:00.0", above=("0000:02:00.0",))
    )
    assert [level for level, _ in found(survey_devices, params(FIRST), box)] == ["refuse"]


@pytest.mark.parametrize(("policy", "levels"), [("strict", ["fail"]), ("relaxed", ["info"])])
def test_a_shared_reserved_region(policy, levels):
    """A shared reserved region fails under the policy strict, and is right under relaxed (H106)."""
    box = devices(Pci("0000:03:00.0"), firmware_tables=dmar(((0, (0x1A, 0)), (3, (0, 0)))))
    device = {**FIRST, "rdm_policy": policy}
    assert [level for level, _ in found(survey_devices, params(device), box)] == levels


def test_a_port_that_is_not_there():
    """A bridge whose port is no interface of the host is refused, naming the cards that are."""
    network = {"bridges": [{"name": "xenbr0", "ports": ["eth7"]}]}
    planned = survey_devices.plan(params(network=network), bare())
    assert [f.what for f in planned.stops] == ["eth7, a port of the bridge xenbr0, is not on this machine"]
    assert "enp0s3, enp0s4, enp0s5" in planned.stops[0].why


def test_a_card_both_hidden_and_bridged():
    """A card that the parameters hide and also put on a bridge is refused, before the bridge exists."""
    network = {"bridges": [{"name": "xenbr1", "ports": ["enp0s5"]}]}
    assert found(survey_devices, params(SPARE, network=network), bare()) == [
        ("refuse", "0000:00:05.0 (a card) must stay with dom0: it is enp0s5, a port of the bridge xenbr1")
    ]


def test_the_survey_is_kept_once():
    """On plain Debian the survey is written; when it lies there, nothing is left to do."""
    first = keep_survey.plan(params(), bare())
    assert first.actions == (WriteFile("/var/lib/xen-runbook/survey.json", kept_survey()),)
    assert [f.level for f in keep_survey.check(params(), bare())] == ["fail"]
    after = bare(kept=first.actions[0].content)
    assert (keep_survey.plan(params(), after).actions, keep_survey.check(params(), after)) == ((), [])


def test_a_changed_machine_is_kept_anew():
    """When a card was moved, the kept survey is replaced; even one that is not readable JSON."""
    for old in (kept_survey().replace("10d3", "10d4"), "not JSON"):
        planned = keep_survey.plan(params(), bare(kept=old))
        assert [a.content for a in planned.actions] == [kept_survey()]


def test_under_xen_nothing_is_kept():
    """Under Xen nothing is written, and a missing survey is a warning, not an error."""
    assert keep_survey.plan(params(), dom0()) == Plan()
    lost = keep_survey.plan(params(), dom0(kept=None))
    assert (lost.actions, [f.level for f in lost.findings]) == ((), ["warn"])
    assert keep_survey.check(params(), dom0(kept=None)) == []


def test_what_is_kept_can_be_read_back():
    """The kept file is JSON that holds groups and reset methods by address, and ends with a newline."""
    value = json.loads(kept_survey())
    assert value["pci"]["0000:00:05.0"] == {"id": "8086:10d3", "iommu_group": 3, "reset_methods": ["pm"]}
    assert kept_survey().endswith("}\n")


def test_a_device_that_kvm_had_is_told_at_the_start():
    """A guest's device that vfio-pci holds is named here, before anything is installed; another's is nobody's matter."""
    links = "/sys/bus/pci/devices/0000:00:05.0/driver ../../../../bus/pci/drivers/vfio-pci"
    has = [x for x in (FILES / "pci-links").read_text().splitlines() if "05.0/driver" not in x]
    facts = bare(pci_links="\n".join([*has, links]) + "\n")
    said = "vfio-pci takes devices at the boot: 0000:00:05.0 is bound to vfio-pci"
    assert ("warn", said) in found(survey_devices, params(SPARE), facts)
    assert ("warn", said) not in found(survey_devices, params({"bdf": "00:06.0", "id": "1b36:000d"}), facts)


UPLINK = {
    "net_links": "/sys/class/net/eth0 ../../devices/pci0000:00/0000:04:00.0/net/eth0\n",
    "ip_addr_json": '[{"ifname": "eth0", "flags": ["UP"], "addr_info": []}]',
    "ip_route_json": '[{"dst": "default", "dev": "eth0"}]',
}


def _line(planned):
    """Return the line of consent that a refusal names."""
    (line,) = {found for f in planned.findings for found in re.findall(r"survey_devices:[0-9a-f]{12}", f.do)}
    return line


@pytest.mark.parametrize("changes", [{}, UPLINK], ids=["unused", "dom0's uplink"])
def test_a_group_that_cannot_be_split_is_taken_on_with_open_eyes(changes):
    """A device parted from its group is refused, with the line that takes it on; with it the risk is said, and nothing stops."""
    box = devices(*MATES, **changes)
    refused = survey_devices.plan(params(FIRST), box)
    assert refused.refusals
    line = _line(refused)
    agreed = survey_devices.plan(params(FIRST, consent=[line]), box)
    assert agreed.stops == ()
    (risk,) = [f for f in agreed.findings if "with open eyes" in f.what]
    assert risk.level == "warn"
    assert line in risk.why
    assert "0000:04:00.0" in risk.what
    assert ("it carries the default route (eth0)" in risk.why) is bool(changes)
    assert survey_devices.check(params(FIRST, consent=[line]), box) == []
    again = survey_devices.plan(params(FIRST, consent=["survey_devices:0123456789ab", "survey_devices"]), box)
    assert again.refusals == refused.refusals


def test_a_consent_ends_with_the_risk_that_it_was_given_for():
    """Another neighbour, or a use that dom0 did not make of it before, is another risk: the line holds no more."""
    line = _line(survey_devices.plan(params(FIRST), devices(*MATES)))
    agreed = params(FIRST, consent=[line])
    third = Pci("0000:05:00.0", group=8)
    for now in (
        devices(*MATES, **UPLINK),
        devices(*MATES, third),
        devices(MATES[0], Pci("0000:04:00.0", group=8)),
    ):
        assert survey_devices.plan(agreed, now).refusals


def test_consent_to_a_neighbour_covers_nothing_else():
    """What dom0 does with the device itself is refused as ever, whatever its neighbours may be consented to."""
    second = {"bdf": "04:00.0", "id": "8086:1533"}
    box = devices(*MATES, **UPLINK)
    line = _line(survey_devices.plan(params(second), box))
    assert [f.what for f in survey_devices.plan(params(second, consent=[line]), box).refusals] == [
        "0000:04:00.0 (a card) must stay with dom0: it carries the default route (eth0)"
    ]


def test_what_sends_under_one_number_cannot_be_parted():
    """Behind a bridge to conventional PCI no consent helps: Xen sees one sender, which is dom0's or the guest's."""
    bridge = Pci("0000:00:1e.0", code="060400", bus=3)
    here = (bridge.bdf,)
    pair = [Pci(f"0000:03:0{n}.0", above=here, express=False, group=8) for n in (0, 1)]
    (refusal,) = survey_devices.plan(params(FIRST), devices(bridge, *pair)).refusals
    assert "under one number" in refusal.why
    assert "consent" not in refusal.do


def test_a_reserved_region_of_two_guests():
    """Two guests with a piece of reserved memory between them are refused, and warned about where drivers leave it alone."""
    table = dmar(((0, (0x1A, 0)), (0, (0x1D, 0))))
    asked = ({"bdf": "00:1a.0", "rdm_policy": "relaxed"}, {"bdf": "00:1d.0", "rdm_policy": "relaxed"})
    apart = (guest("a", "00:1a.0"), guest("b", "00:1d.0", display=2))
    for code, level in (("0c0320", "warn"), ("010700", "refuse")):
        box = devices(
            *(Pci(f"0000:00:{slot}.0", code=code, group=n) for n, slot in enumerate(("1a", "1d"))),
            firmware_tables=table,
        )
        said = found(survey_devices, params(*asked, guests=apart), box)
        what = "Two guests would share a reserved memory region (RMRR): 0000:00:1a.0 (a card) to a, 0000:00:1d.0 (a card) to b"
        assert (level, what) in said
        one = found(survey_devices, params(*asked, guests=(guest("a", "00:1a.0", "00:1d.0"),)), box)
        assert not any("Two guests" in text for _, text in one)


VIRTUAL = (Pci("0000:18:00.0", group=1), Pci("0000:18:10.0", group=2))
PARENT = "/sys/bus/pci/devices/0000:18:10.0/physfn ../0000:18:00.0\n"


def test_a_virtual_function_is_not_there_at_the_boot():
    """Whoever hides a virtual function reads that its physical function's driver makes it, and how it comes to be there."""
    planned = survey_devices.plan(params({"bdf": "18:10.0"}), devices(*VIRTUAL, pci_physical=PARENT))
    (word,) = planned.findings
    assert (word.level, "sriov_numvfs" in word.do) == ("warn", True)
    assert "virtual function of 0000:18:00.0" in word.what


def test_a_virtual_function_and_its_physical_one_are_not_both_hidden():
    """Without the physical function's driver in dom0 there is no virtual one."""
    both = params({"bdf": "18:10.0"}, {"bdf": "18:00.0"})
    (refusal,) = survey_devices.plan(both, devices(*VIRTUAL, pci_physical=PARENT)).refusals
    assert "which passthrough.devices hides too" in refusal.what
