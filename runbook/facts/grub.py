"""GRUB's menu as it was generated, what it will start next, and whether it is older than its sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts.shell_words import shell_words
from runbook.model.ask import Ask, Facts

CONFIG = "/boot/grub/grub.cfg"
_MENU = Ask.read(CONFIG)
_ENVIRONMENT = Ask.run("grub-editenv", "list")
_HYPERVISORS = Ask.run("find", "/boot", "-maxdepth", "1", "-name", "xen-*.gz", "-printf", "%f\\n")
_NEWER = Ask.run(
    "find", "/etc/default/grub", "/etc/default/grub.d", "/etc/grub.d", "-newer", CONFIG, "-printf", "%p\\n"
)
_MOUNT = Ask.run("findmnt", "-n", "-o", "SOURCE,FSTYPE", "-T", "/boot/grub")

COMMANDS = (_MENU, _ENVIRONMENT, _HYPERVISORS, _NEWER, _MOUNT)
_LOADERS = ("linux", "linuxefi", "multiboot", "multiboot2", "module", "module2")


@dataclass(frozen=True)
class Entry:
    """One line of the menu that starts something."""

    title: str
    id: str
    path: str
    """What grub-reboot and grub-set-default take: its id, behind those of its submenus (`a>b`)."""
    numbers: str
    """The same by position, such as `1>0`."""
    commands: tuple[tuple[str, ...], ...]
    """The loader's commands, each as words: `multiboot2`, the image, its arguments …"""

    @property
    def is_xen(self) -> bool:
        return any(c[0].startswith("multiboot") for c in self.commands)

    @property
    def is_linux(self) -> bool:
        """True for Linux without Xen."""
        return any(c[0].startswith("linux") for c in self.commands)

    @property
    def is_recovery(self) -> bool:
        return "-recovery-" in self.id or "single" in self.kernel_options

    @property
    def image(self) -> str:
        """The first image that is loaded: the hypervisor, or the kernel."""
        return self.commands[0][1] if self.commands else ""

    @property
    def xen_options(self) -> tuple[str, ...]:
        """Arguments of the hypervisor; what GRUB's own variables add is left out."""
        return next((_words(c) for c in self.commands if c[0].startswith("multiboot")), ())

    @property
    def kernel_options(self) -> tuple[str, ...]:
        """Arguments of the Linux kernel, with Xen or without."""
        loaders = ("module", "linux")
        return next(
            (_words(c) for c in self.commands if c[0].startswith(loaders) and "--nounzip" not in c), ()
        )


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

    @property
    def linux(self) -> Entry | None:
        """The plain Debian entry: the first that starts Linux without Xen, not for recovery."""
        return next((e for e in self.entries if e.is_linux and not e.is_recovery), None)

    @property
    def xen(self) -> Entry | None:
        """The Xen entry: the first that starts Xen's .gz image, not the .efi."""
        usable = (e for e in self.entries if e.is_xen and not e.is_recovery)
        return next((e for e in usable if e.image.endswith(".gz")), None)

    @property
    def recoveries(self) -> tuple[Entry, ...]:
        return tuple(e for e in self.entries if e.is_recovery)

    def entry(self, name: str) -> Entry | None:
        """Return the entry that a saved value means: id, title, number or a path of such; '' is the first.

        Two submenus of Debian's menu share one id: only the ids of top entries are sure.
        """
        if not name:
            return self.entries[0] if self.entries else None
        return next((e for e in self.entries if name in (e.path, e.numbers, e.title)), None)


def parse(facts: Facts) -> Grub:
    """Return the boot menu of the facts."""
    text = facts.text(CONFIG) or ""
    environment = dict(line.split("=", 1) for line in facts[_ENVIRONMENT].out.splitlines() if "=" in line)
    source, _, kind = facts[_MOUNT].out.strip().partition(" ")
    return Grub(
        entries=entries(text),
        default=default(text),
        saved_entry=environment.get("saved_entry", ""),
        next_entry=environment.get("next_entry", ""),
        hypervisors=tuple(sorted(facts[_HYPERVISORS].out.split())),
        newer_sources=tuple(sorted(facts[_NEWER].out.split())),
        can_write_choice=can_write(source, kind.strip()),
    )


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


def entries(text: str) -> tuple[Entry, ...]:
    """Return the entries of a grub.cfg in their order, those of submenus too.

    >>> head = "menuentry 'Debian' $menuentry_id_option 'gnulinux-simple-1' {"
    >>> entries(head + "\\n linux /vmlinuz root=/dev/a ro quiet\\n}")[0].kernel_options
    ('root=/dev/a', 'ro', 'quiet')
    """
    return tuple(_read(iter(text.splitlines()), "", "", {}))


def _read(lines: Iterator[str], path: str, numbers: str, sizes: dict[str, int]) -> Iterator[Entry]:
    """Yield the entries up to the end of this menu; `sizes` counts the items of each menu so far."""
    for line in lines:
        words = line.split()
        if words == ["}"]:
            return
        if not words or words[0] not in ("menuentry", "submenu"):
            if words and words[0] == "function":
                _skip(lines)
            continue
        title, name = _heading(line)
        number = sizes.get(numbers, 0)
        sizes[numbers] = number + 1
        here, count = f"{path}{name}", f"{numbers}{number}"
        if words[0] == "submenu":
            yield from _read(lines, f"{here}>", f"{count}>", sizes)
        else:
            yield Entry(title, name, here, count, tuple(_loads(lines)))


def _heading(line: str) -> tuple[str, str]:
    """Return title and id; an entry without an id goes by its title, as GRUB does it."""
    words = shell_words(line)
    option = next((i for i, w in enumerate(words) if w in ("$menuentry_id_option", "--id")), None)
    return words[1], words[option + 1] if option else words[1]


def _loads(lines: Iterator[str]) -> Iterator[tuple[str, ...]]:
    for line in lines:
        words = line.split()
        if words == ["}"]:
            return
        if words and words[0] in _LOADERS:
            yield tuple(words)


def _skip(lines: Iterator[str]) -> None:
    for line in lines:
        if line.startswith("}"):
            return


def _words(command: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in command[2:] if w != "placeholder" and not w.startswith("${"))
