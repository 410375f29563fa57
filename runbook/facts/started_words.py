"""The words that Xen and dom0's kernel were started with, beside those that an entry of GRUB's menu has for them.

They are not the same texts. Some words come from a variable of the menu (`${xen_rm_opts}`), which the entry only names.
Xen gives dom0's kernel whatever stands behind ` -- ` on its own line, and adds `noapic` and `acpi=` there where it runs so
itself (Xen, arch/x86/setup.c). And GRUB quotes a word that has a space in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from runbook.facts.grub_menu import Entry
from runbook.facts.xen import Xen

BY_THE_MENU = ("no-real-mode", "edd=off")
"""What Debian's menu puts in a variable of its own for a machine that starts by UEFI."""


def is_started_with(entry: Entry, running: Xen) -> bool:
    """Return whether Xen and dom0's kernel run with the words of an entry, in whatever order."""
    return not differences(entry, running)


def differences(entry: Entry, running: Xen) -> list[str]:
    """Return in which words what runs and a Xen entry differ, [] when they do not.

    >>> from runbook.facts.grub_menu import entries
    >>> menu = "menuentry 'X' {\\n multiboot2 /xen.gz placeholder smt=off acpi=strict -- panic=9\\n module2 /vmlinuz ro\\n}"
    >>> runs = Xen("4.20", "4.20.0", (), 1, ("acpi=strict", "edd=off"), ("ro", "panic=9", "acpi=strict"), (), (), ())
    >>> differences(entries(menu)[0], runs)
    ['the hypervisor runs without smt=off']
    """
    own, _, dom0 = _plain(entry.xen_options).partition(" -- ")
    wanted = f"{_plain(entry.kernel_options)} {dom0}".split()
    has = [w for w in _plain(running.kernel_commandline).split() if w in wanted or not _is_added(w)]
    found = _told("the hypervisor", own.split(), _plain(running.commandline).split())
    return [*found, *_told("dom0's kernel", wanted, has)]


def _told(what: str, wanted: list[str], has: list[str]) -> list[str]:
    mine, its = (sorted(w for w in words if w not in BY_THE_MENU) for words in (wanted, has))
    if mine == its:
        return []
    more, less = [w for w in its if w not in mine], [w for w in mine if w not in its]
    told = [f"with {' '.join(more)}"] * bool(more) + [f"without {' '.join(less)}"] * bool(less)
    return [f"{what} runs {' and '.join(told) or 'with another number of its words'}"]


def _is_added(word: str) -> bool:
    """Return whether Xen may have added a word to those of dom0's kernel."""
    return word == "noapic" or word.startswith("acpi=")


def _plain(found: Iterable[str]) -> str:
    """Return words as one text without signs of quoting.

    >>> _plain(['"dyndbg=file', 'a', '+p"']), _plain(["dyndbg=file a +p"])
    ('dyndbg=file a +p', 'dyndbg=file a +p')
    """
    return " ".join(re.sub(r"[\"'\\]", "", " ".join(found)).split())
