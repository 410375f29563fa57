"""A host whose owner set up Xen by hand, through chapters 05 to 07: planned as a whole, carried out, and nothing is lost."""

from dataclasses import dataclass

from runbook import releases
from runbook.facts import grub
from runbook.steps import first_boot, name_of, xen_configuration
from runbook.steps.xen_installation import install_xen
from tests.steps.machine import PLAIN, XEN, Machine, carry, like_testbed, played

TITLE = "Debian GNU/Linux GNU/Linux, with Xen hypervisor"
OWN = """\
GRUB_CMDLINE_XEN="dom0_mem=2048M,max:2048M dom0_max_vcpus=2 com1=115200,8n1 console=com1 spec-ctrl=eager-fpu"
GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="console=hvc0 nosmt"
"""
PARAMS = like_testbed(
    xen={"iommu": "yes", "options": ["com1=115200,8n1", "console=com1", "spec-ctrl=eager-fpu"]},
    dom0={"memory_mib": 2048, "max_vcpus": 2, "kernel_options": ["console=hvc0", "nosmt"]},
    services={"watchdog": False},
    passthrough={"devices": []},
    guests=[],
    management={},
)
STEPS = (install_xen, *xen_configuration.STEPS, *first_boot.STEPS)
ACTS = {
    "install_xen",
    "stop_saving_guests",
    "end_guests_cleanly",
    "set_boot_menu",
    "boot_xen_once",
    "make_xen_default",
}


@dataclass
class ByHand(Machine):
    """A machine whose owner moved Debian's script for Xen before that for Linux."""

    def _update_grub(self):
        super()._update_grub()
        text = self.files[grub.CONFIG].replace('set default="xen"', f'set default="{TITLE}"')
        end = "### END /etc/grub.d/20_linux_xen ###\n"
        head, rest = text.split("### BEGIN /etc/grub.d/10_linux", 1)
        linux, xen = f"### BEGIN /etc/grub.d/10_linux{rest}".split("### BEGIN /etc/grub.d/20_linux_xen", 1)
        xen, tail = xen.split(end, 1)
        self.files[grub.CONFIG] = f"{head}### BEGIN /etc/grub.d/20_linux_xen{xen}{end}{linux}{tail}"

    def menu(self):
        return grub.parse(self.facts(grub.COMMANDS))

    def words(self):
        """Return what Xen and dom0's kernel are told, normally and in recovery."""
        normal, recovery = self.menu().xen, next(e for e in self.menu().recoveries if e.is_xen)
        return [set(w) for e in (normal, recovery) for w in (e.xen_options, e.kernel_options)]


def by_hand():
    """Return such a machine, which has started Xen by itself; its bridges are those of the parameters."""
    machine = ByHand()
    machine._install(releases.get("trixie").xen_packages)
    carry(machine, xen_configuration.configure_bridges, PARAMS)
    machine.files["/etc/default/grub.d/by-hand.cfg"] = OWN
    machine._update_grub()
    machine._reboot()
    machine.state = "running"
    assert machine.is_dom0
    return machine


def test_the_plan_of_the_whole_names_each_step_that_acts():
    """What is planned at once is what is done step by step: no step comes to have something to do on the way."""
    machine, steps = by_hand(), played(*STEPS)
    planned = {name_of(s) for s in steps if s.plan(PARAMS, machine.facts(s.asks(PARAMS))).actions}
    done = {name_of(step) for step in steps if carry(machine, step, PARAMS)}
    assert planned == ACTS
    assert done - {"prove_xen"} == ACTS  # that one waits for the end of the boot
    assert [name_of(step) for step in steps if carry(machine, step, PARAMS)] == []


def test_no_word_is_lost_and_plain_debian_starts_meanwhile():
    """Every entry keeps the owner's words, Xen starts by itself before and after, and plain Debian in between."""
    machine = by_hand()
    before, began = machine.words(), machine.menu().starts
    assert {"spec-ctrl=eager-fpu"} <= before[0] & before[2]
    assert (began.path, machine.saved_entry) == (XEN, "")
    for step in played(install_xen, *xen_configuration.STEPS):
        carry(machine, step, PARAMS)
    assert machine.menu().starts.path == PLAIN
    for step in played(*first_boot.STEPS):
        carry(machine, step, PARAMS)
    assert machine.menu().starts.path == XEN
    lost = [old - new for old, new in zip(before, machine.words(), strict=True)]
    assert lost == [set(), set(), set(), set()]
