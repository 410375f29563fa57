"""Chapter 04: nothing by default; else built, brought, installed beside the old kernel, tried once, proved."""

from __future__ import annotations

import re

import pytest

from runbook.actions import Deliver, InstallPackages, Run, WriteFile
from runbook.params import HostParams
from runbook.show import kernel_flags
from runbook.steps.kernel import (
    STEPS,
    boot_kernel_once,
    build_kernel,
    install_kernel,
    prove_kernel,
    resolve_flags,
)
from tests.steps.kernel_machine import DEBIAN, OWN, SIMPLE, Machine, digest, params, path_of
from tests.steps.machine import carry, faults, stops

DEFAULT = HostParams.model_validate({"host": "h", "connection": {"kind": "local"}})
WORK = (build_kernel, install_kernel, boot_kernel_once)


def built(machine: Machine | None = None, asked: HostParams | None = None, upto=WORK) -> Machine:
    """Return a machine on which these steps have been run."""
    machine = machine or Machine()
    for step in upto:
        carry(machine, step, asked or params())
    return machine


@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_done_by_default(step):
    """With `build: false` no step has an action or a finding, and each says why."""
    machine = Machine()
    planned = step.plan(DEFAULT, machine.facts(step.asks(DEFAULT)))
    assert (planned.actions, planned.findings) == ((), ())
    assert planned.note
    assert step.check(DEFAULT, machine.facts(step.asks(DEFAULT))) == []


def test_by_default_the_host_is_asked_two_things():
    """A host that builds nothing is asked for its kernel's name and flags alone."""
    assert len({ask for step in STEPS for ask in step.asks(DEFAULT)}) == 2


def test_the_flags_are_counted():
    """The note counts all 81 flags against Debian's kernel, as the facts have them: 42 are as asked."""
    machine = Machine()
    note = resolve_flags.plan(DEFAULT, machine.facts(resolve_flags.asks(DEFAULT))).note
    numbers = [int(n) for n in re.findall(r"(\d+) (?:are|flags)", note)]
    assert "81 flags in Linux 6.12.117+deb13-amd64" in note
    assert "42 are as the guide wants them" in note
    assert "14 are gone or have another name" in note
    assert sum(numbers[-4:]) == 81


def test_the_table_of_flags_says_asked_got_and_why():
    """Each of the 81 rows has what the guide asked, what the running kernel has, and the reason."""
    machine = Machine()
    table = kernel_flags.table(DEFAULT, machine.facts(resolve_flags.asks(DEFAULT)))
    assert len(table) == 81
    assert list(table.loc["XEN_PCIDEV_BACKEND"]) == [
        "y",
        "m",
        "a module: changes passthrough: built in, it hides devices from the first moment (H410)",
    ]
    assert list(table.loc["XEN_TMEM"]) == ["y", "–", "gone: gone in 5.3, and from Xen in 4.13"]
    assert table.loc["XEN_SCRUB_PAGES"]["why"].startswith("XEN_SCRUB_PAGES_DEFAULT = y")
    assert all(table["why"])


def test_a_kernel_that_cannot_be_dom0_is_a_fault():
    """Without XEN_DOM0 GRUB writes no Xen entry; a kernel whose configuration is not there is only warned of."""
    machine = Machine()
    machine.configs[DEBIAN] = machine.configs[DEBIAN].replace(
        "CONFIG_XEN_DOM0=y", "# CONFIG_XEN_DOM0 is not set"
    )
    assert faults(machine, resolve_flags, DEFAULT) == [f"The running kernel {DEBIAN} cannot be dom0"]
    machine.configs.clear()
    assert faults(machine, resolve_flags, DEFAULT, "warn") == [f"There is no /boot/config-{DEBIAN}"]


def test_the_kernel_is_brought_once():
    """The first run builds and brings the package; what lies there already is not brought again."""
    machine = Machine()
    planned = build_kernel.plan(params(), machine.facts(build_kernel.asks(params())))
    (action,) = planned.actions
    assert isinstance(action, Deliver)
    assert action.recipe.key == f"kernel-{digest(params())}"
    assert action.wanted == ("linux-image-*.deb",)
    assert carry(machine, build_kernel, params())
    assert carry(machine, build_kernel, params()) == []


def test_other_flags_are_another_kernel():
    """A changed parameter makes another recipe, so what lies there does not count."""
    machine = built(upto=(build_kernel,))
    changed = params(flags="guide")
    assert build_kernel.plan(changed, machine.facts(build_kernel.asks(changed))).actions
    assert faults(machine, build_kernel, changed) == [f"kernel-{digest(changed)} is not on the host"]


def test_an_installed_kernel_needs_no_packages_on_the_host():
    """Whoever frees the room of the packages does not cause another build."""
    machine = built()
    machine.delivered, machine.listing = {}, ""
    for step in WORK:
        assert carry(machine, step, params()) == []


def test_a_delivery_cut_short_is_brought_again():
    """When a package on the host is shorter than the manifest says, it is brought anew."""
    machine = built(upto=(build_kernel,))
    machine.listing = machine.listing.replace("9 ", "8 ", 1)
    assert build_kernel.plan(params(), machine.facts(build_kernel.asks(params()))).actions
    assert stops(machine, install_kernel, params())[0][0] == "wait"


def test_the_base_is_debians_newest_configuration():
    """`base: running` starts from Debian's configuration, also when one's own kernel runs already."""
    asked = params(base="running")
    machine = Machine()
    (action,) = build_kernel.plan(asked, machine.facts(build_kernel.asks(asked))).actions
    assert "CONFIG_XEN_PCIDEV_BACKEND=m" in dict(action.recipe.files)["base.config"]
    built(machine, asked)
    assert machine.running == OWN
    for step in WORK:
        assert carry(machine, step, asked) == []


def test_without_a_configuration_nothing_is_built():
    """A /boot without a Debian kernel's configuration is refused with both ways out."""
    machine = Machine(configs={})
    assert stops(machine, build_kernel, params(base="running")) == [
        ("refuse", "There is no configuration of a Debian kernel in /boot")
    ]


def test_the_old_kernel_is_pinned_before_the_new_one_is_installed():
    """The saved entry names the running kernel by version before the package puts its own on top."""
    machine = built(upto=(build_kernel,))
    planned = install_kernel.plan(params(), machine.facts(install_kernel.asks(params())))
    kinds = [type(a) for a in planned.actions]
    assert kinds == [Run, WriteFile, Run, InstallPackages]
    assert planned.actions[0].argv == ("grub-set-default", path_of(DEBIAN))
    assert "GRUB_DEFAULT=saved" in planned.actions[1].content
    assert planned.actions[-1].delta == (f"linux-image-{OWN} 6.12.117-1+{digest(params())}",)
    carry(machine, install_kernel, params())
    assert machine.kernels[0] == OWN
    assert machine.saved_entry == path_of(DEBIAN)
    assert carry(machine, install_kernel, params()) == []


def test_headers_are_installed_only_when_asked_for():
    """`headers: true` brings and installs a second package."""
    asked = params(headers=True)
    machine = built(asked=asked, upto=(build_kernel, install_kernel))
    assert sorted(machine.installed) == [f"linux-headers-{OWN}", f"linux-image-{OWN}"]
    del machine.installed[f"linux-headers-{OWN}"]
    assert faults(machine, install_kernel, asked) == [f"kernel-{digest(asked)} is not installed"]


def test_an_untried_kernel_that_starts_by_itself_is_a_fault():
    """If the default is "the first entry", the check names the danger."""
    machine = built(upto=(build_kernel, install_kernel))
    machine.saved_entry = SIMPLE
    assert faults(machine, install_kernel, params()) == [f"{OWN} starts by itself, and was never tried"]


def test_installing_waits_for_the_packages():
    """Without packages on the host there is nothing to install yet."""
    assert stops(Machine(), install_kernel, params()) == [
        ("wait", f"kernel-{digest(params())} is not on the host yet")
    ]


def test_the_running_kernels_modules_are_not_replaced():
    """A new build of the same name is refused while the old one runs (H411)."""
    machine = built()
    asked = params(more=["CONFIG_HZ_1000=y"])
    carry(machine, build_kernel, asked)
    assert stops(machine, install_kernel, asked) == [
        ("refuse", f"The running kernel has the same name as the new one: {OWN}")
    ]


def test_no_way_back_no_installation():
    """Without another kernel in the menu, or where GRUB cannot clear a choice, nothing is installed."""
    machine = built(upto=(build_kernel,))
    machine.kernels, machine.running = ["6.12.100-xenhost"], "6.12.100-xenhost"
    assert ("refuse", "The boot menu has no other kernel to go back to") in stops(
        machine, install_kernel, params()
    )
    machine = built(upto=(build_kernel,))
    machine.boot_on = "/dev/mapper/xen-root ext4"
    assert stops(machine, install_kernel, params()) == [
        ("refuse", "GRUB could not clear a choice for once on this /boot")
    ]


def test_a_full_boot_is_refused():
    """A /boot without room for kernel and RAM disk stops the installation before it begins."""
    machine = built(upto=(build_kernel,))
    machine.boot_mib = 100
    assert stops(machine, install_kernel, params()) == [
        ("refuse", "/boot has 100 MiB free; about 128 MiB are needed")
    ]


def test_the_new_kernel_is_started_once():
    """The new entry is chosen for one start; it runs, the mark is gone, the saved default is still the old."""
    machine = built(upto=(build_kernel, install_kernel))
    assert carry(machine, boot_kernel_once, params())[0] == f"run grub-reboot '{path_of(OWN)}'"
    assert (machine.running, machine.next_entry, machine.saved_entry) == (OWN, "", path_of(DEBIAN))
    assert carry(machine, boot_kernel_once, params()) == []


def test_starting_waits_for_the_installation():
    """A kernel without an entry in the menu is not started."""
    assert stops(built(upto=(build_kernel,)), boot_kernel_once, params())[0][0] == "wait"


def test_a_kernel_that_gives_up_brings_the_old_one_back():
    """When the new kernel panics, the next start is the old one, and the check says so."""
    machine = built(upto=(build_kernel, install_kernel))
    machine.starts = False
    machine.apply(boot_kernel_once.plan(params(), machine.facts(boot_kernel_once.asks(params()))))
    assert machine.running == DEBIAN
    assert faults(machine, boot_kernel_once, params()) == [f"The host runs {DEBIAN}, not {OWN}"]
    assert faults(machine, prove_kernel, params()) == [f"The host runs {DEBIAN}, not {OWN}"]


def test_a_mark_that_stays_is_a_fault():
    """A choice for once that GRUB did not clear would start the kernel for ever."""
    machine = built()
    machine.next_entry = path_of(OWN)
    assert faults(machine, boot_kernel_once, params()) == [
        f"The choice for once is still there: {path_of(OWN)}"
    ]


def test_running_guests_are_named_before_a_restart():
    """Under Xen the guests that will be shut down are named."""
    machine = built(upto=(build_kernel, install_kernel))
    machine.domains = (
        "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
        "Domain-0                                     0  2048     1     r-----     100.0\n"
        "ipfire                                       1   256     1     -b----      10.0\n"
    )
    found = boot_kernel_once.plan(params(), machine.facts(boot_kernel_once.asks(params()))).findings
    assert [f.what for f in found] == ["Running guests will be shut down: ipfire"]


def test_the_proof_reads_what_runs():
    """The proof holds for the built kernel, and fails when pciback is a module after all."""
    machine = built()
    facts = machine.facts(prove_kernel.asks(params()))
    assert prove_kernel.check(params(), facts) == []
    machine.builtin = ()
    assert faults(machine, prove_kernel, params()) == ["xen-pciback is not built into the running kernel"]


def test_a_line_of_ones_own_that_vanished_is_said():
    """A line of `more` that the kernel does not have is a warning; of the guide's list it is expected."""
    asked = params(more=["CONFIG_NO_SUCH_THING=y"])
    assert faults(built(asked=asked), prove_kernel, asked, "warn") == [
        "CONFIG_NO_SUCH_THING was asked for and is not known to this kernel"
    ]
    guide = params(flags="guide")
    machine = built(asked=guide)
    found = prove_kernel.check(guide, machine.facts(prove_kernel.asks(guide)))
    assert [f.level for f in found] == ["info"]
    assert "of the 81 flags are not as asked" in found[0].what


def test_a_newer_kernel_of_debians_is_said():
    """When Debian's kernel has become newer than one's own, the proof warns."""
    machine = built()
    machine.configs["6.12.130+deb13-amd64"] = machine.configs[DEBIAN]
    assert faults(machine, prove_kernel, params(), "warn") == [
        f"Debian's kernel 6.12.130+deb13-amd64 is newer than {OWN}"
    ]
