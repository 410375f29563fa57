"""Devices for guests, kept from dom0's drivers from the first moment of the boot."""

from __future__ import annotations

from runbook.actions import Action, Remove, Run, WriteFile
from runbook.facts import files, modules, soft_dependencies, space
from runbook.facts.modules import EARLY, OPTIONS, Hiding
from runbook.facts.soft_dependencies import SoftDependency
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import boot_menu, hidden_by_hand, room, takers, wanted_devices
from runbook.steps.shared.hidden_by_hand import MODULE

TITLE = "Keep the guests' devices from dom0's drivers"
GUIDE = "“Xen Configuration”: xen-pciback.hide on the kernel line, which needs a kernel of one's own"
RISK = "safe"

FIRST = "/etc/modprobe.d/00-xen-pciback.conf"
"""Read before the files of others; it is there only where one of them names a module that is ours, too."""
_OURS = (OPTIONS, FIRST)
_UPDATE = "/usr/sbin/update-initramfs"
_REBUILD = Run(
    ("update-initramfs", "-u", "-k", "all"),
    "puts the module and its options into the initial RAM disks, where drivers are loaded",
    timeout_s=1800,
    again=True,
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    own = (*modules.commands(params), *files.commands(_UPDATE), *space.commands("/boot"), Ask.read(FIRST))
    if not params.passthrough.devices:
        return own
    return (*own, *soft_dependencies.COMMANDS, *wanted_devices.asks())


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the hide list and one soft dependency for each driver, then rebuild the RAM disks.

    A soft dependency makes modprobe load xen-pciback before the driver that would claim the
    device: in the initial RAM disk udev loads drivers before the list of modules is read.
    Where a driver has one already (KVM's vfio-pci goes before it, a network card's PHY), both go before it.
    """
    now = modules.parse(facts, params)
    findings = tuple(_refusals(params, facts, now))
    if any(f.stops for f in findings):
        return Plan(findings=findings)
    actions: list[Action] = []
    wanted = options(params, now, _text(facts, OPTIONS) or "")
    for path, text in zip(_OURS, (wanted, shared(params, facts, now)), strict=True):
        if text != _text(facts, path):
            actions.append(WriteFile(path, text) if text else Remove(path))
    early = facts.text(EARLY) or ""
    if (wanted_early := hidden_by_hand.early(early, wanted=bool(params.passthrough.devices))) != early:
        actions.append(WriteFile(EARLY, wanted_early))
    if actions or now.stale:
        actions.append(_REBUILD)
    note = "It takes effect at the next boot." if actions else ""
    if actions == [_REBUILD]:
        note = (
            f"Something in /etc/modprobe.d or {EARLY} changed after the initial RAM disks were made, by a package or by a run that was cut off: "
            "the devices that are hidden stay the same, and the RAM disks get what else stands there. " + note
        )
    return Plan(tuple(actions), (*findings, *hidden_by_hand.lost(params, facts)), note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every installed kernel has a RAM disk that is newer than the list; the proof comes under Xen."""
    now = modules.parse(facts, params)
    found = _missing(params, now)
    if not now.images:
        found.append(
            Finding(
                "fail",
                "There is no initial RAM disk in /boot",
                "devices are hidden by what stands in it",
                "run `update-initramfs -c -k all` on the host",
            )
        )
    found += [
        Finding(
            "fail",
            f"{image} is older than the files it is made from",
            f"something in /etc/modprobe.d, or {EARLY}, changed after it was built; installing a package does that too",
            "run the step hide_devices in mode apply",
        )
        for image in now.stale
    ]
    return found


def options(params: HostParams, now: Hiding, before: str = "") -> str | None:
    """Return the modprobe.d(5) file, None when nothing is hidden; what else a person wrote into it stays."""
    kept = hidden_by_hand.kept(before)
    if not params.passthrough.devices:
        is_others = not before.startswith(hidden_by_hand.HEAD) and not modules.hidden_by(before)
        return (before if is_others else "".join(f"{line}\n" for line in kept)) or None
    claims = sorted({module for candidate in now.candidates for module in candidate.modules})
    lines = [
        hidden_by_hand.HEAD,
        f"options {MODULE} hide={boot_menu.hide_list(params)}",
        *(f"softdep {module} pre: {MODULE}" for module in claims),
        *kept,
    ]
    return "\n".join(lines) + "\n"


def shared(params: HostParams, facts: Facts, now: Hiding) -> str | None:
    """Return the modprobe.d(5) file of modules that have a soft dependency of others as well, None when none has.

    vfio-pci or pci-stub itself waits for xen-pciback where it is loaded at the boot: plain Debian, where xen-pciback
    holds nothing, gives it the devices as before.
    """
    if not params.passthrough.devices:
        return None
    lines = [_before(module, theirs) for module, theirs in _others(facts, now).items()]
    have = soft_dependencies.parse(facts)
    early = set(map(soft_dependencies.plain, _early_words(facts)))
    for driver in takers.DRIVERS:
        if have.bringing(driver).difference(_OURS) or soft_dependencies.plain(driver) in early:
            lines.append(_before(driver, have.of(driver, _OURS)))
    head = (
        "# What stands in other files for these modules, and xen-pciback before it. Written by the runbook."
    )
    return "\n".join([head, *lines]) + "\n" if lines else None


def _others(facts: Facts, now: Hiding) -> dict[str, SoftDependency]:
    """Return the soft dependencies that the claiming modules have without ours and that let xen-pciback come late."""
    have = soft_dependencies.parse(facts)
    claims = sorted({module for candidate in now.candidates for module in candidate.modules})
    found = {module: theirs for module in claims if (theirs := have.of(module, _OURS))}
    return {m: theirs for m, theirs in found.items() if theirs.pre[:1] not in ((MODULE,), ("xen_pciback",))}


def _before(module: str, theirs: SoftDependency | None) -> str:
    """Return the line that has xen-pciback loaded before a module, and before what others want there."""
    pre = [name for name in (theirs.pre if theirs else ()) if soft_dependencies.plain(name) != "xen_pciback"]
    return SoftDependency(FIRST, module, (MODULE, *pre), theirs.post if theirs else ()).line()


def _read_before_ours(facts: Facts, now: Hiding) -> list[Finding]:
    """Of several soft dependencies of one module the first counts, and a file may sort even before ours."""
    return [
        Finding(
            "refuse",
            f"{theirs.file} has the first word on what is loaded before {module}",
            f"`{theirs.line()}` is read before {FIRST}, and of several such lines the first counts: xen-pciback would "
            "come too late for the device",
            "take the line out of that file and write it into one that sorts behind ours, such as "
            "/etc/modprobe.d/local.conf, then run again",
            "modprobe.d(5)",
        )
        for module, theirs in _others(facts, now).items()
        if soft_dependencies.order(theirs.file) < soft_dependencies.order(FIRST)
    ]


def _text(facts: Facts, path: str) -> str | None:
    """Return a file's text, None when there is none, or when a host answered before it was asked for it."""
    return facts.text(path) if Ask.read(path) in facts else None


def _missing(params: HostParams, now: Hiding) -> list[Finding]:
    found = []
    for device in params.passthrough.devices:
        here = now.device(device.bdf)
        if here is None:
            found.append(
                Finding(
                    "refuse",
                    f"There is no device at {device.bdf} ({device.what})",
                    "it was taken out or moved: addresses change when a card is added or the firmware is "
                    "set again (H617)",
                    f"find it with `lspci -Dnn -d {device.id}` and correct passthrough.devices",
                    "H617",
                )
            )
        elif here.id != device.id:
            found.append(
                Finding(
                    "refuse",
                    f"At {device.bdf} is {here.id}, not {device.id} ({device.what})",
                    "another device sits at this address now; hiding it could take dom0's disk or network "
                    "away",
                    f"find yours with `lspci -Dnn -d {device.id}` and correct passthrough.devices",
                    "H617",
                )
            )
    return found


def _taken(facts: Facts, now: Hiding) -> list[Finding]:
    """A host that ran KVM gives its devices to another driver, as early as we give them to xen-pciback."""
    found = takers.holding((c.driver, c.bdf) for c in now.candidates)
    early = [soft_dependencies.plain(name) for name in _early_words(facts)]
    for driver in takers.DRIVERS:
        name = soft_dependencies.plain(driver)
        if name in early and not any(c.driver == driver for c in now.candidates):
            found.append(takers.leftover(driver, f"{EARLY} names {name}"))
    return found


def _early_words(facts: Facts) -> list[str]:
    """Return the modules that the RAM disk loads by their names."""
    lines = [line.split("#")[0].split() for line in (facts.text(EARLY) or "").splitlines()]
    return [words[0] for words in lines if words]


def _refusals(params: HostParams, facts: Facts, now: Hiding) -> list[Finding]:
    if not params.passthrough.devices:
        return []
    # Whoever starts with this notebook must not lose dom0's disk or network either (H616).
    found = _missing(params, now) or wanted_devices.findings(params, facts)
    found += _taken(facts, now)
    found += map(_built_in, now.builtin)
    found += _read_before_ours(facts, now)
    if now.candidates and not now.has_pciback:
        found.append(
            Finding(
                "refuse",
                "The running kernel has no module xen-pciback",
                "it is what holds a device for a guest",
                "boot Debian's own kernel (linux-image-amd64), then run again",
            )
        )
    if _UPDATE not in files.parse(facts, _UPDATE):
        found.append(
            Finding(
                "refuse",
                "This host does not make its initial RAM disk with initramfs-tools",
                f"{_UPDATE} is not there; with dracut the list of early modules is another one",
                "run `apt-get install initramfs-tools`, then run again",
            )
        )
    if now.images:
        found += room.lacking(facts, "/boot", now.largest_image_mib + 16, "a new RAM disk beside the old one")
    return found


def _built_in(driver: str) -> Finding:
    return Finding(
        "refuse",
        f"The driver {driver} is built into this kernel",
        "it takes its devices before any module can be loaded, so they cannot be hidden this way",
        "boot Debian's own kernel, where it is a module, or leave the device out",
    )
