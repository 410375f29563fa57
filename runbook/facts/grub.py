"""GRUB's menu as it was generated, what it will start next, and whether it is older than its sources."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.facts.grub_menu import Entry as Entry
from runbook.facts.grub_menu import entries as entries
from runbook.facts.grub_menu import root_of
from runbook.model.ask import Ask, Facts

CONFIG = "/boot/grub/grub.cfg"
_MENU = Ask.read(CONFIG)
_ENVIRONMENT = Ask.run("grub-editenv", "list")
_HYPERVISORS = Ask.run("find", "/boot", "-maxdepth", "1", "-name", "xen-*.gz", "-printf", "%f\\n")
_NEWER = Ask.run(
    "find", "/etc/default/grub", "/etc/default/grub.d", "/etc/grub.d", "-newer", CONFIG, "-printf", "%p\\n"
)
_MOUNT = Ask.run("findmnt", "-n", "-o", "SOURCE,FSTYPE", "-T", "/boot/grub")

_RUNNING = Ask.read("/proc/cmdline")

COMMANDS = (_MENU, _ENVIRONMENT, _HYPERVISORS, _NEWER, _MOUNT, _RUNNING)
PLACE = (_MOUNT,)
"""What `place` asks."""


@dataclass(frozen=True)
class Grub:
    """The boot menu at one moment."""

    entries: tuple[Entry, ...]
    default: str
    """What `set default=` says when nothing is chosen for once, such as `${saved_entry}` or `0`."""
    saved_entry: str
    next_entry: str
    """The entry chosen for the next boot only; '' when there is none."""
    hypervisors: tuple[str, ...]
    """Hypervisor images in /boot."""
    newer_sources: tuple[str, ...]
    """Files that changed since the menu was generated from them."""
    can_write_choice: bool
    """False when GRUB cannot clear a one-time choice: its file is on LVM, RAID or btrfs."""
    running_root: str = ""
    """What the running system was told to mount as `/`, as `root=` names it."""

    @property
    def linux(self) -> Entry | None:
        """The plain Debian entry: the running system's without Xen, by preference Debian's own simple one."""
        own = [e for e in self.entries if self.is_plain(e)]
        simple = (e for e in own if e.id.startswith("gnulinux-simple-"))
        return next(simple, next(iter(own), None))

    @property
    def xen(self) -> Entry | None:
        """The Xen entry: the first that starts Xen's .gz image, not the .efi, by preference one of Debian's own script.

        GRUB's settings reach those alone, and not one that a person wrote.
        """
        usable = [e for e in self.entries if e.is_xen and not e.is_recovery and e.image.endswith(".gz")]
        by_debian = (e for e in usable if e.id.startswith("xen-gnulinux-"))
        return next(by_debian, next(iter(usable), None))

    @property
    def starts(self) -> Entry | None:
        """What the machine starts by itself; GRUB takes the first entry when the name means none."""
        name = self.saved_entry if self.default == "${saved_entry}" else self.default
        return self.entry(name) or self.entry("")

    def is_plain(self, entry: Entry) -> bool:
        """Return whether an entry starts the running system's Debian without Xen, and not for recovery.

        Another Debian, a live system or a memory test is none. Where the running system's `root=` stands
        in no entry, what Debian's own script wrote for this system counts.
        """
        if not entry.is_linux or entry.is_recovery or not entry.root:
            return False
        if any(e.root == self.running_root for e in self.entries if e.is_linux):
            return entry.root == self.running_root
        return not self.running_root or entry.id.startswith("gnulinux-")

    @property
    def recoveries(self) -> tuple[Entry, ...]:
        return tuple(e for e in self.entries if e.is_recovery)

    def entry(self, name: str) -> Entry | None:
        """Return the entry that a saved value means: id, title, number or a path of such; '' is the first.

        Two submenus of Debian's menu share one id: only the ids of top entries are sure.
        """
        if not name:
            return self.entries[0] if self.entries else None
        return next((e for e in self.entries if e.is_named(name)), None)


def parse(facts: Facts) -> Grub:
    """Return the boot menu of the facts."""
    text = facts.text(CONFIG) or ""
    environment = dict(line.split("=", 1) for line in facts[_ENVIRONMENT].out.splitlines() if "=" in line)
    return Grub(
        entries=entries(text),
        default=default(text),
        saved_entry=environment.get("saved_entry", ""),
        next_entry=environment.get("next_entry", ""),
        hypervisors=tuple(sorted(facts[_HYPERVISORS].out.split())),
        newer_sources=tuple(sorted(facts[_NEWER].out.split())),
        can_write_choice=can_write(*_mount(facts)),
        running_root=root_of((facts.text("/proc/cmdline") or "").split()),
    )


def place(facts: Facts) -> str:
    """Return where GRUB's environment lies when GRUB cannot write it there, '' when it can, or nobody knows."""
    source, kind = _mount(facts)
    return "" if can_write(source, kind) else f"{source} ({kind})"


def _mount(facts: Facts) -> tuple[str, str]:
    source, _, kind = facts[_MOUNT].out.strip().partition(" ")
    return source, kind.strip()


def can_write(source: str, kind: str) -> bool:
    """Return whether GRUB can write its environment on a file system.

    It writes blocks in place, on plain partitions only (grub manual, "Environment block").

    >>> can_write("/dev/vda2", "ext4"), can_write("/dev/mapper/xen-root", "ext4")
    (True, False)
    """
    return not source.startswith(("/dev/mapper/", "/dev/dm-", "/dev/md")) and kind not in ("btrfs", "zfs")


def default(text: str) -> str:
    """Return the value that `default` has without a one-time choice.

    >>> default('if x\\n  set default="${next_entry}"\\nelse\\n  set default="${saved_entry}"\\nfi')
    '${saved_entry}'
    """
    sets = (
        line.strip().partition("=")[2]
        for line in text.splitlines()
        if line.strip().startswith("set default=")
    )
    values = [value.strip().strip("\"'") for value in sets]
    return next((v for v in values if v != "${next_entry}"), "")
