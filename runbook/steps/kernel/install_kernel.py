"""The kernel's packages, installed beside Debian's kernel, which stays what starts by itself."""

from __future__ import annotations

from runbook.actions import Action, Foreseen, InstallPackages, Run, WriteFile
from runbook.builds.recipe import Recipe
from runbook.facts import delivered, grub, kernel_config, space
from runbook.facts.grub import Grub
from runbook.facts.kernel_config import Kernels
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import own_kernel, room

TITLE = "Install the kernel beside Debian's"
GUIDE = (
    "“Compiling a Custom Linux Kernel”: dpkg -i, and the new kernel is what starts next, tried or not (H411)"
)
RISK: Risk = "disruptive"

SAVED_FILE = "/etc/default/grub.d/01-own-kernel.cfg"
SAVED = """\
# A new kernel becomes the first entry of the menu; what starts by itself is the saved one.
GRUB_DEFAULT=saved
"""
_BOOT_NEED_MIB = 128


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not params.kernel.build:
        return ()
    own_asks = (*kernel_config.commands(params), *delivered.commands(own_kernel.BUILD))
    return (*own_asks, *grub.COMMANDS, Ask.read(SAVED_FILE), *space.commands("/boot"))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Pin what starts by itself to the kernel that is known to start, then install.

    The package writes the menu anew with its kernel on top, so a default that only means "the first"
    would start a kernel that nobody has tried.
    """
    if not params.kernel.build:
        return Plan(note=own_kernel.NOT_BUILT, unasked=own_kernel.UNASKED)
    now, menu = kernel_config.parse(facts, params), grub.parse(facts)
    if stops := own_kernel.no_base(params, now):
        return Plan(findings=tuple(stops))
    recipe = own_kernel.recipe(params, now)
    if own_kernel.is_installed(params, now, recipe):
        return Plan()
    brought = own_kernel.delivery(facts, recipe)
    if not brought.packages:
        waits = _not_built(recipe)
        if stops := [*_dangers(params, now, menu, ""), *_room(facts)]:
            return Plan(findings=(waits, *stops))
        folder = delivered.folder(own_kernel.BUILD)
        put_in = Foreseen(
            f"install {recipe.key}", f"$ apt-get install {folder}/linux-image-…", "its packages lie there"
        )
        return Plan((*_safe_default(params, facts, now, menu), put_in), (waits,))
    packages = own_kernel.wanted_packages(params, brought)
    if stops := [*_dangers(params, now, menu, packages[0].name), *_room(facts)]:
        return Plan(findings=tuple(stops))
    install = InstallPackages(
        tuple(p.file for p in packages), tuple(f"{p.name} {p.version}" for p in packages)
    )
    return Plan((*_safe_default(params, facts, now, menu), install), note="It is started by the next step.")


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The kernel is installed, has a menu entry, and is not what an untried boot would start."""
    if not params.kernel.build:
        return []
    now, menu = kernel_config.parse(facts, params), grub.parse(facts)
    recipe = own_kernel.recipe(params, now)
    release = now.own_release(recipe.digest())
    if not own_kernel.is_installed(params, now, recipe):
        return [_fail(f"{recipe.key} is not installed", "its packages are not there, or not whole")]
    if own_kernel.plain_entry(menu, release) is None:
        return [_fail(f"The menu has no entry for {release}", "the package should have written it anew")]
    if now.running == release:
        return []
    first = menu.entry(menu.saved_entry if menu.default == "${saved_entry}" else menu.default)
    if first and first.is_linux and first.image.endswith(f"/vmlinuz-{release}"):
        return [
            _fail(f"{release} starts by itself, and was never tried", f"the default entry is '{first.title}'")
        ]
    return []


def _safe_default(params: HostParams, facts: Facts, now: Kernels, menu: Grub) -> list[Action]:
    actions: list[Action] = []
    others = own_kernel.kernels_of_others(menu, params.kernel.suffix)
    entry = own_kernel.plain_entry(menu, now.running if now.running in others else others[0])
    if entry and menu.saved_entry != entry.path:
        back = (
            ("grub-set-default", menu.saved_entry)
            if menu.saved_entry
            else ("grub-editenv", "-", "unset", "saved_entry")
        )
        why = "what starts by itself is a kernel that is known to start"
        actions.append(Run(("grub-set-default", entry.path), why, undo=back))
    if facts.text(SAVED_FILE) != SAVED:
        actions.append(WriteFile(SAVED_FILE, SAVED))
        actions.append(Run(("update-grub",), "the saved entry counts from now on", timeout_s=900, again=True))
    return actions


def _dangers(params: HostParams, now: Kernels, menu: Grub, package: str) -> list[Finding]:
    found = []
    if package == f"linux-image-{now.running}":
        found.append(
            Finding(
                "refuse",
                f"The running kernel has the same name as the new one: {now.running}",
                "installing would replace the modules of the kernel that runs (H411)",
                f"start Debian's kernel first, or give `kernel.suffix` another value than {params.kernel.suffix}",
                "H411",
            )
        )
    if not own_kernel.kernels_of_others(menu, params.kernel.suffix):
        found.append(
            Finding(
                "refuse",
                "The boot menu has no other kernel to go back to",
                "a new kernel that does not start would leave a machine that does not start",
                "run `apt-get install linux-image-amd64`, then `update-grub`",
            )
        )
    if not menu.can_write_choice:
        found.append(
            Finding(
                "refuse",
                "GRUB could not clear a choice for once on this /boot",
                "it writes only to plain partitions: every later boot would start the untried kernel",
                "put /boot on a partition of its own with ext4",
                "H618",
            )
        )
    return found


def _room(facts: Facts) -> list[Finding]:
    return room.lacking(facts, "/boot", _BOOT_NEED_MIB, "the new kernel and its initial RAM disk")


def _not_built(recipe: Recipe) -> Finding:
    return Finding(
        "wait",
        f"{recipe.key} is not on the host yet",
        f"{delivered.folder(own_kernel.BUILD)} does not hold its packages",
        "run the step build_kernel first",
        after="build_kernel",
    )


def _fail(what: str, why: str) -> Finding:
    return Finding(
        "fail", what, why, "run the step install_kernel in mode apply, and read what apt says", "H411"
    )
