"""The testbed under Xen, and without it."""

from runbook.facts import xen, xl
from runbook.model.ask import Answer, Ask, Facts
from tests.steps.machine import sample

ASSIGNED = """\
/local/domain/0/backend/pci/4/0/frontend = "/local/domain/4/device/pci/0"
/local/domain/0/backend/pci/4/0/key-0 = "0000:00:05.0"
/local/domain/0/backend/pci/4/0/dev-0 = "0000:00:05.0"
/local/domain/0/backend/pci/4/0/vdevfn-0 = "28"
"""

NO_SUCH_PATH = Answer(1)


def parsed(assigned: Answer = NO_SUCH_PATH, **changes: str) -> xen.Xen:
    texts = {"info": "xl-info.txt", "list": "xl-list.txt", "assignable": "xl-assignable.txt"}
    return xen.parse(
        Facts(
            {
                xl.INFO: Answer(0, sample(texts["info"])),
                xl.LIST: Answer(0, changes.get("list", sample(texts["list"]))),
                xen.ASSIGNABLE: Answer(0, sample(texts["assignable"])),
                xen._ASSIGNED: assigned,
                Ask.read("/proc/cmdline"): Answer(0, sample("cmdline-xen.txt")),
            }
        )
    )


def test_the_testbed_under_xen():
    """Version, abilities, command lines and dom0 as the real machine told them."""
    now = parsed()
    assert (now.version, now.full_version, now.cpus) == ("4.20", "4.20.5-pre", 2)
    assert "hvm_directio" in now.capabilities
    assert now.commandline[0] == "dom0_mem=2048M,max:2048M"
    assert now.commandline[-2:] == ("no-real-mode", "edd=off")
    assert now.dom0 == xl.Row("Domain-0", 0, 2048, 2, "r-----")
    assert now.guests == ()
    assert now.hidden_on_kernel_line == ("xen-pciback.hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)",)


def test_assignable_devices_are_sorted_and_bare():
    """xl lists them backwards, each with a blank behind it."""
    assert parsed().assignable == ("0000:00:05.0", "0000:00:06.0", "0000:00:07.0")


def test_devices_of_guests():
    """xenstore tells which guest has which device; without guests it has no such path."""
    assert parsed(Answer(0, ASSIGNED)).assigned == (("0000:00:05.0", 4),)
    assert parsed().assigned == ()


def test_guests_are_the_domains_but_dom0():
    """Any state of a guest is read, a name without xenstore too."""
    rows = "ipfire    4   256     1     -b----      10.1\n(null)    5   256     1     --p---       0.0\n"
    now = parsed(list=sample("xl-list.txt") + rows)
    assert [(g.name, g.id) for g in now.guests] == [("ipfire", 4), ("(null)", 5)]


def test_a_host_without_xen():
    """Nothing runs, but the kernel's own words are there."""
    failed = {
        ask: Answer(1, "", "ERROR:  Can't find hypervisor information in sysfs!") for ask in xen.COMMANDS
    }
    now = xen.parse(Facts({**failed, Ask.read("/proc/cmdline"): Answer(0, "root=/dev/vda3 ro quiet\n")}))
    assert (now.version, now.dom0, now.assignable) == ("", None, ())
    assert now.kernel_commandline == ("root=/dev/vda3", "ro", "quiet")
