"""What the machine starts by itself until Xen has been proved: this Debian, by the entry that its owner chose."""

from __future__ import annotations

from runbook.actions import Run
from runbook.facts.grub import Entry, Grub
from runbook.model.plan import Finding
from runbook.steps.shared import boot_menu


def missing(now: Grub, *, words_change: bool) -> Entry | None:
    """Return the entry that must become the saved default, None when the saved one may stay.

    What starts by itself now is a person's choice, a kernel that was pinned for a reason, and so the way
    back; but nothing else than Debian is one, and not Xen with words that have not been tried.
    """
    saved = now.entry(now.saved_entry) if now.saved_entry else None
    starts = now.starts
    if now.default == "${saved_entry}" and is_known(now, saved) and saved is starts:
        return now.linux if words_change and saved and saved.is_xen else None
    wanted = starts if starts and now.is_plain(starts) else now.linux
    return None if saved is wanted else wanted


def gives_way(now: Grub, safe: Entry | None) -> list[Finding]:
    """Say which other system started by itself until now."""
    starts = now.starts
    if safe is None or starts is None or starts is safe or starts.is_xen:
        return []
    return [
        Finding(
            "warn",
            f"'{starts.title}' starts by itself now; '{safe.title}' will",
            "until Xen has been proved a power failure must bring this Debian back, and nothing else",
            "when all is done, choose again with `grub-set-default`; the entry stays in the menu",
            "H618",
        )
    ]


def is_known(now: Grub, entry: Entry | None) -> bool:
    """True for an entry that starts this Debian with or without Xen; a pinned kernel is a person's choice.

    Another system's kernel, a live system's and a memory test are loaded as Linux is, and are none.
    """
    return entry is not None and ((entry.is_xen and not entry.is_recovery) or now.is_plain(entry))


def choose(entry: Entry, now: Grub) -> Run:
    """Return the command that makes an entry the saved default."""
    why = "plain Debian is what starts by itself"
    return Run(("grub-set-default", entry.path), why, undo=boot_menu.default_again(now.saved_entry))
