"""The boot words that a person gave Xen and Linux before the runbook came: kept beside ours, or named."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

from runbook.facts.grub import Grub
from runbook.facts.shell_words import shell_words
from runbook.facts.xen import HIDES
from runbook.model.ask import Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared import boot_menu

DEFAULTS = "/etc/default/grub"
_BY_GRUB = ("no-real-mode", "edd=off", "placeholder")
REHEARSAL = "rehearsal"
"""Behind this word of Xen's line stands what a virtual PC needs in which a host is rehearsed: nobody's own words."""
# The kernel takes - and _ in a module's name for one.
_TAKES_DEVICES = ("vfio-pci.ids=", "vfio_pci.ids=", "pci-stub.ids=", "pci_stub.ids=")


@dataclass(frozen=True)
class OwnersWords:
    """Words that other files than ours give the Xen entry."""

    are_kept: bool
    """True when there are such words, also where they are only in recovery, or were when our file was written."""
    findings: tuple[Finding, ...]


def read(params: HostParams, now: Grub, facts: Facts) -> OwnersWords:
    """Return what the menu's Xen entry and GRUB's defaults say beside our own file."""
    mine = (*boot_menu.xen_always(params), *boot_menu.xen_normal(params))
    before = facts.text(boot_menu.OPTIONS_FILE) or ""
    menu = takewhile(lambda word: word != REHEARSAL, now.xen.xen_options if now.xen else ())
    found = [*menu, *_words(facts.text(DEFAULTS) or "")]
    others = [w for w in dict.fromkeys(found) if w not in (*mine, *_BY_GRUB, *_words(before))]
    are_kept = bool(others) or _only_in_recovery(params, now, before) or "${GRUB_CMDLINE_XEN}" in before
    hiding = _hides_too(params, facts) or _menu_hides_too(params, now, before)
    return OwnersWords(are_kept, (*_contradictions(others, mine), *_takes_devices(params, now), *hiding))


def _only_in_recovery(params: HostParams, now: Grub, before: str) -> bool:
    """Return whether Xen's recovery entries have words that the parameters' file would leave to the other ones.

    What its owner wrote into GRUB_CMDLINE_XEN is in both, and `runbook new` takes it for one of xen.options.
    """
    words = {word for entry in now.recoveries for word in entry.xen_options}
    return not words <= {*boot_menu.xen_always(params), *_BY_GRUB, *_words(before)}


def _words(text: str) -> list[str]:
    """Return the words that a file gives Xen.

    >>> _words('GRUB_CMDLINE_XEN="com2=115200,8n1 console=com2,vga"')
    ['com2=115200,8n1', 'console=com2,vga']
    """
    values = re.findall(r"(?m)^\s*(?:export\s+)?GRUB_CMDLINE_XEN(?:_DEFAULT)?=(.*)$", text)
    return [word for value in values for quoted in _unquoted(value) for word in quoted.split()
            if not word.startswith("$")]  # fmt: skip


def _unquoted(value: str) -> list[str]:
    try:
        return shell_words(value)
    except ValueError:  # an open quote: the value goes on in the next line
        return [value.strip("\"'")]


def _contradictions(others: list[str], mine: tuple[str, ...]) -> list[Finding]:
    ours = {word.partition("=")[0]: word for word in mine}
    return [
        Finding(
            "warn",
            f"Xen is told {word} by another file, and {ours[key]} by the parameters",
            "both stand on its line, and of two the later counts: the parameters'",
            f"if {word} is what you want, set it in the parameters (xen.options, dom0 or xen.iommu); else "
            f"take it out of GRUB_CMDLINE_XEN in {DEFAULTS} or {boot_menu.FOLDER}",
            "H610",
        )
        for word in others
        if (key := word.partition("=")[0]) in ours and not _iommu([word]) <= _iommu(mine)
    ]


def _iommu(words: Iterable[str]) -> set[str]:
    """Return what some words say of the IOMMU, where Xen adds up all that is given; other words count as they are.

    >>> _iommu(["iommu=verbose,1"]) <= _iommu(["iommu=yes", "iommu=verbose,no-intremap"])
    True
    """
    same = dict.fromkeys(("1", "on", "true", "enable"), "yes") | {"force": "required"}
    found = (
        word.removeprefix("iommu=").split(",") if word.startswith("iommu=") else [word] for word in words
    )
    return {same.get(part, part) for parts in found for part in parts}


def _hides_too(params: HostParams, facts: Facts) -> list[Finding]:
    """Devices that GRUB's defaults hide stand in every entry, recovery too, beside the list of the parameters."""
    lines = re.findall(r"(?m)^\s*(?:export\s+)?GRUB_CMDLINE_LINUX\w*=.*$", facts.text(DEFAULTS) or "")
    words = [word for line in lines for word in re.findall(r"xen[-_]pciback\.hide=[^\s\"']+", line)]
    if not words or all(word in boot_menu.kernel_normal(params) for word in words):
        return []
    return [
        Finding(
            "refuse",
            f"{DEFAULTS} hides devices as well: {words[0]}",
            "the entries would hide that list and the parameters' too, the recovery entry with them, and nobody could say "
            "which of the two counts",
            f"take the word out of {DEFAULTS}; name each of its devices under passthrough.devices (`runbook new` writes those "
            "that are hidden now), then run again",
            "H611",
        )
    ]


def _menu_hides_too(params: HostParams, now: Grub, before: str) -> list[Finding]:
    """The same by a file that nobody was asked for: its word stands in the menu, where that is neither ours nor outdated."""
    if before or now.newer_sources:
        return []
    mine = boot_menu.kernel_normal(params)
    words = [w for w in (now.xen.kernel_options if now.xen else ()) if w not in mine]
    words += [w for entry in now.recoveries for w in entry.kernel_options]
    if not (words := [w for w in words if w.startswith(HIDES)]):
        return []
    return [
        Finding(
            "refuse",
            f"The boot menu of this host hides devices as well: {words[0]}",
            "a file of GRUB's that is not the runbook's has the word, and the entries would hide that list beside the "
            "parameters'",
            f"`grep -rn xen.pciback.hide {DEFAULTS} {boot_menu.FOLDER}` shows the file: take the word out of it and run "
            "`update-grub`; name each of its devices under passthrough.devices (`runbook new` writes those that are hidden "
            "now), then run again",
            "H611",
        )
    ]


def _takes_devices(params: HostParams, now: Grub) -> list[Finding]:
    """Words of a KVM host give devices to another driver than xen-pciback; dom0's line inherits them."""
    entry = now.xen or now.linux
    words = [w for w in (entry.kernel_options if entry else ()) if w.startswith(_TAKES_DEVICES)]
    if not words or not params.passthrough.devices:
        return []
    return [
        Finding(
            "warn",
            f"dom0's kernel is told {' '.join(words)}",
            "that driver takes devices on plain Debian; under Xen hide_devices has xen-pciback loaded before it, as long as "
            "it is a module as in Debian's kernel",
            f"leave it where KVM is still used on plain Debian; else take the word out of GRUB_CMDLINE_LINUX… "
            f"(`grep -r '{words[0].partition('=')[0]}' {DEFAULTS} {boot_menu.FOLDER}` shows the file), run `update-grub`, then run again",
            "H616",
        )
    ]
