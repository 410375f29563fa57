"""Devices for guests, kept from dom0's drivers from the first moment of the boot."""

from __future__ import annotations

from runbook.actions import Action, Remove, Run, WriteFile
from runbook.facts import files, modules, space
from runbook.facts.modules import EARLY, OPTIONS, Hiding
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import boot_menu, room, vfio, wanted_devices

TITLE = "Keep the guests' devices from dom0's drivers"
GUIDE = "“Xen Configuration”: xen-pciback.hide on the kernel line, which needs a kernel of one's own"
RISK = "safe"

MODULE = "xen-pciback"
_UPDATE = "/usr/sbin/update-initramfs"
_REBUILD = Run(
    ("update-initramfs", "-u", "-k", "all"),
    "puts the module and its options into the initial RAM disks, where drivers are loaded",
    timeout_s=1800,
    again=True,
)


def asks(params: HostParams) -> tuple[Ask, ...]:
    own = (*modules.commands(params), *files.commands(_UPDATE), *space.commands("/boot"))
    return (*own, *wanted_devices.asks()) if params.passthrough.devices else own


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the hide list and one soft dependency for each driver, then rebuild the RAM disks.

    A soft dependency makes modprobe load xen-pciback before the driver that would claim the
    device: in the initial RAM disk udev loads drivers before the list of modules is read.
    """
    now = modules.parse(facts, params)
    findings = tuple(_refusals(params, facts, now))
    if any(f.stops for f in findings):
        return Plan(findings=findings)
    actions: list[Action] = []
    wanted, before = options(params, now), facts.text(OPTIONS)
    if wanted != before:
        actions.append(WriteFile(OPTIONS, wanted) if wanted else Remove(OPTIONS))
    early = facts.text(EARLY) or ""
    if (wanted_early := early_modules(early, bool(wanted))) != early:
        actions.append(WriteFile(EARLY, wanted_early))
    if actions or now.stale:
        actions.append(_REBUILD)
    note = "It takes effect at the next boot." if actions else ""
    return Plan(tuple(actions), findings, note)


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
            f"{OPTIONS} or {EARLY} changed after it was built",
            "run the step hide_devices in mode apply",
        )
        for image in now.stale
    ]
    return found


def options(params: HostParams, now: Hiding) -> str | None:
    """Return the modprobe.d(5) file, None when nothing is hidden."""
    if not params.passthrough.devices:
        return None
    claims = sorted({module for candidate in now.candidates for module in candidate.modules})
    lines = [
        "# Devices that belong to guests. Changed by the runbook; see params passthrough.devices.",
        f"options {MODULE} hide={boot_menu.hide_list(params)}",
        *(f"softdep {module} pre: {MODULE}" for module in claims),
    ]
    return "\n".join(lines) + "\n"


def early_modules(text: str, wanted: bool) -> str:
    """Return /etc/initramfs-tools/modules with the line `xen-pciback`, or without it.

    >>> early_modules("# raid1\\n", True)
    '# raid1\\nxen-pciback\\n'
    """
    lines = text.splitlines()
    has = any(line.split()[:1] in ([MODULE], ["xen_pciback"]) for line in lines)
    if has == wanted:
        return text
    kept = [line for line in lines if line.split()[:1] not in ([MODULE], ["xen_pciback"])]
    return "".join(f"{line}\n" for line in [*kept, *([MODULE] if wanted else [])])


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


def _taken_by_vfio(facts: Facts, now: Hiding) -> list[Finding]:
    """A host that ran KVM gives its devices to vfio-pci, as early as we give them to xen-pciback."""
    early = [
        line.strip() for line in (facts.text(EARLY) or "").splitlines() if line.strip().startswith("vfio")
    ]
    taken = [c.bdf for c in now.candidates if c.driver == vfio.DRIVER]
    if not taken and "vfio_pci" not in {line.split()[0].replace("-", "_") for line in early}:
        return []
    has = f"{', '.join(taken)} is bound to {vfio.DRIVER}" if taken else f"{EARLY} names {', '.join(early)}"
    return [vfio.leftover(has)]


def _refusals(params: HostParams, facts: Facts, now: Hiding) -> list[Finding]:
    if not params.passthrough.devices:
        return []
    # Whoever starts with this notebook must not lose dom0's disk or network either (H616).
    found = _missing(params, now) or wanted_devices.findings(params, facts)
    found += _taken_by_vfio(facts, now)
    found += map(_built_in, now.builtin)
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
