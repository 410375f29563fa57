"""What a host has that the parameters would change: on one that runs Xen its boot words, hidden devices and rights, else its TRIM."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from runbook.facts import grub, grub_menu, modules, os_prober, packages, services, trim, xen, xl
from runbook.model.ask import Ask, Facts
from runbook.params.host import Dom0
from runbook.params.host import Xen as XenParams
from runbook.proposal import guests
from runbook.survey.machine import Machine

_SUDO = Ask.read("/etc/sudoers.d/xl")
_WATCHDOG = Ask.read(f"/etc/systemd/system/{services.XEN_WATCHDOG}")
_INSTALLED = Ask.run(
    "dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}\\n", "xen-system-amd64", "xen-upstream"
)  # fmt: skip
_HIDDEN = Ask.read(modules.OPTIONS)
_TIMER = services.commands(trim.TIMER)
COMMANDS = (
    *xen.COMMANDS, *grub.COMMANDS, *os_prober.COMMANDS, *guests.COMMANDS, _SUDO, _WATCHDOG, _INSTALLED, _HIDDEN, trim.LVM, *_TIMER,
)  # fmt: skip
_DEBIANS = "pkg-xen-devel"
"""Who compiles Debian's packages of Xen, as they say themselves."""
_BY_GRUB = ("no-real-mode", "edd=off", "placeholder")
_OURS = ("dom0_mem=", "dom0_max_vcpus=", "ucode=scan")
_IOMMU_ON = ("1", "on", "yes", "true", "enable", "required", "force")
"""What `xen.iommu` says of the IOMMU (xen-command-line(5)); all else that stands behind `iommu=` goes on beside it."""
_IOMMU_OFF = tuple(f"iommu={value}" for value in ("0", "off", "no", "false", "disable"))


@dataclass(frozen=True)
class Adopted:
    """What is found and stands in the file as it is; each with its comment, '' for none."""

    dom0: dict[str, Any]
    xen: dict[str, Any]
    services: dict[str, Any]
    trim: dict[str, tuple[bool, str]]
    """Value and comment of what configuration.trim would change."""
    hidden: frozenset[str]
    """Devices that xen-pciback holds now."""
    named: tuple[str, ...]
    """Devices that it is to hold from the next start under Xen on, as its file says."""
    running: tuple[str, ...]
    """Words that Xen and dom0's kernel were started with."""
    said: tuple[str, ...]
    """Sentences on what no parameter can say."""


def read(machine: Machine, facts: Facts) -> Adopted:
    """Return what the facts say; nothing where nobody asked."""
    hidden = frozenset(d.bdf for d in machine.devices if d.driver in ("pciback", "xen-pciback"))
    named = modules.hidden_by(facts.text(modules.OPTIONS) or "") if _HIDDEN in facts else ()
    found = Adopted({}, {}, {}, _trim(facts), hidden, named, (), ())
    if not machine.system.is_dom0 or any(ask not in facts for ask in xen.COMMANDS):
        return found
    now = xen.parse(facts)
    said: list[str] = []
    dom0 = _dom0(now, said)
    if options := _kernel_options(now, facts):
        dom0 |= _if_valid(Dom0, {"kernel_options": options}, "dom0's kernel", said)
    words = _xen(now, facts)
    if off := [word for word in words.get("options", ()) if word in _IOMMU_OFF]:
        said.append(
            f"Xen was started with {off[-1]}, so no guest can have a device; it stays among the options"
        )
    if _is_by_hand(facts):
        said.append(
            "The Xen that runs came from no package of Debian's: 05 puts none beside it, and says how it is taken away"
        )
    return Adopted(
        dom0,
        _if_valid(XenParams, words, "Xen", said),
        _services(facts),
        found.trim,
        hidden,
        named,
        (*now.commandline, *now.kernel_commandline),
        tuple(said),
    )


def mib(word: str) -> int:
    """Return the MiB of `dom0_mem=…`: its fixed size, else its upper bound; 0 when it names none (xen-command-line(5)).

    >>> [mib(word) for word in ("dom0_mem=2048M,max:2048M", "dom0_mem=4G", "dom0_mem=min:1G,max:3G", "dom0_mem=max:50%")]
    [2048, 4096, 3072, 0]
    """
    parts = re.findall(r"(?:^|,)(max:|)(\d+)([KMGkmg]?)(?=,|$)", word.partition("=")[2])
    sizes = {
        bound: int(number) * {"g": 2**20, "m": 2**10}.get(unit.lower(), 1) for bound, number, unit in parts
    }
    return (sizes.get("") or sizes.get("max:") or 0) // 1024


def _is_by_hand(facts: Facts) -> bool:
    """Return whether neither a package nor who compiled it (`xl info`) says that the running Xen is Debian's."""
    packaged = packages.installed(facts[_INSTALLED].out) if _INSTALLED in facts else {"unknown": ""}
    return not packaged and xl.info(facts).get("cc_compile_by", _DEBIANS) != _DEBIANS


def _dom0(now: xen.Xen, said: list[str]) -> dict[str, Any]:
    memory = _last(now.commandline, "dom0_mem=")
    cpus = _last(now.commandline, "dom0_max_vcpus=").partition("=")[2]
    if not mib(memory):
        said.append(
            f"Xen was started {f'with {memory}' if memory else 'without dom0_mem'}, so dom0's memory is not fixed: the next "
            "start gives it what stands here"
        )
    there = now.dom0.vcpus if now.dom0 else 0
    found = {"memory_mib": mib(memory), "max_vcpus": int(cpus) if cpus.isdecimal() else there}
    return {key: value for key, value in found.items() if value}


def _last(words: tuple[str, ...], start: str) -> str:
    """Return the word that counts of those that begin so: the last one, as where one stands there by two files."""
    return next((word for word in reversed(words) if word.startswith(start)), "")


def _xen(now: xen.Xen, facts: Facts) -> dict[str, Any]:
    iommu = [part for w in now.commandline if w.startswith("iommu=") for part in w[6:].split(",")]
    words = map(_beside_ours, dict.fromkeys(now.commandline))  # a word may stand there by two files
    options = [w for w in dict.fromkeys(words) if w and not w.startswith(_OURS) and w not in _BY_GRUB]
    found: dict[str, Any] = {} if {"required", "force"} & {*iommu} else {"iommu": "yes"}
    installed = packages.installed(facts[_INSTALLED].out) if _INSTALLED in facts else {}
    if "xen-upstream" in installed:
        found = {"source": "debian-source"} | found
    return found | ({"options": options} if options else {})


def _beside_ours(word: str) -> str:
    """Return what of a word for Xen no parameter of its own says, '' for nothing.

    >>> [_beside_ours(word) for word in ("iommu=1", "iommu=verbose,required,no-intremap", "iommu=off", "smt=off")]
    ['', 'iommu=verbose,no-intremap', 'iommu=off', 'smt=off']
    """
    name, _, value = word.partition("=")
    if name != "iommu":
        return word
    more = ",".join(part for part in value.split(",") if part not in _IOMMU_ON)
    return f"iommu={more}" if more else ""


def _kernel_options(now: xen.Xen, facts: Facts) -> list[str]:
    """Return dom0's own words: those that plain Debian's entry does not have."""
    if any(ask not in facts for ask in grub.COMMANDS):
        return []
    plain = grub.parse(facts).linux
    if plain is None:
        return []
    known = ("BOOT_IMAGE=", "root=", *xen.HIDES, "panic=")
    return [
        word
        for word in dict.fromkeys(now.kernel_commandline)
        if not word.startswith(known) and word not in ("ro", "rw", *plain.kernel_options)
    ]


def _if_valid(
    model: type[Dom0] | type[XenParams], values: dict[str, Any], whose: str, said: list[str]
) -> dict[str, Any]:
    """Return values that the parameters take; the words that they do not take are said."""
    kept = dict(values)
    for key in ("options", "kernel_options"):
        good = [word for word in values.get(key, ()) if _takes(model, key, word)]
        bad = [word for word in values.get(key, ()) if word not in good]
        if bad:
            said.append(
                f"{whose} was started with {' '.join(bad)}, which no parameter takes: the file that sets it keeps it"
            )
        kept |= {key: good} if good else {}
        if not good:
            kept.pop(key, None)
    return kept


def _takes(model: type[Dom0] | type[XenParams], key: str, word: str) -> bool:
    try:
        model.model_validate({key: [word]})
    except ValidationError:
        return False
    return True


def why_os_prober(facts: Facts) -> str:
    """Return why os-prober is not to go, '' where nothing needs it, or nobody asked."""
    if any(ask not in facts for ask in grub.COMMANDS):
        return ""
    menu = grub.parse(facts).entries
    if others := [e.title for e in menu if e.id.startswith(grub_menu.OTHER_SYSTEM)]:
        return f"it puts {', '.join(others)} into the boot menu"
    path = os_prober.switched_on_by(facts)
    return f"{path} switches it on" if path else ""


def _services(facts: Facts) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if _WATCHDOG in facts:
        text = facts.text(_WATCHDOG.argv[0])
        seconds = re.search(r"xenwatchdogd (\d+)", text or "")
        found |= {"watchdog": True, "watchdog_timeout_s": int(seconds[1])} if seconds else {"watchdog": False}
    if _SUDO in facts:
        text = facts.text(_SUDO.argv[0]) or ""
        kind = (
            "read-only"
            if "commands that only show something" in text
            else "full"
            if "equals root" in text
            else ""
        )
        found |= {"sudo_xl": kind} if kind else {}
    return found


def _trim(facts: Facts) -> dict[str, tuple[bool, str]]:
    found = {}
    if trim.LVM in facts and trim.settings(facts[trim.LVM].out).get("issue_discards") == "1":
        found["removed_volumes"] = (True, "LVM tells the disks about removed volumes now (issue_discards)")
    if all(ask in facts for ask in _TIMER):
        timer = services.parse(facts, trim.TIMER)[trim.TIMER]
        if timer.exists and not timer.starts_at_boot:
            found["weekly"] = (False, f"{trim.TIMER} is switched off now; true switches it on")
    return found
