"""The entries of GRUB's menu: what each starts, with which words, and the names that GRUB knows it by."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runbook.facts.grub_script import Command, commands

_LOADERS = ("linux", "linuxefi", "multiboot", "multiboot2", "module", "module2")
OTHER_SYSTEM = "osprober-"
"""How the id of an entry begins that os-prober found."""
_Levels = tuple[tuple[str, str, str], ...]


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
    levels: tuple[tuple[str, str, str], ...] = ()
    """Title, id and number of each submenu that it is in, and its own."""

    def is_named(self, name: str) -> bool:
        """Return whether a saved value means it: an id, a title or a number, or a path of such (`a>b`)."""
        parts = [part.replace(">>", ">") for part in re.split("(?<!>)>(?!>)", name)]
        return len(parts) == len(self.levels) and all(
            part in level for part, level in zip(parts, self.levels, strict=True)
        )

    @property
    def is_xen(self) -> bool:
        """True for one that starts Xen, by its image: others are started by `multiboot`, too, such as tboot and the Hurd."""
        images = (c[1] for c in self.commands if c[0].startswith("multiboot") and len(c) > 1)
        return any("xen" in image.rpartition("/")[2] for image in images)

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
    def root(self) -> str:
        """What its kernel mounts as `/`, such as `UUID=…`; '' for a live system, which says it otherwise."""
        return root_of(self.kernel_options)

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


def entries(text: str) -> tuple[Entry, ...]:
    """Return the entries of a grub.cfg in their order, those of submenus too.

    >>> head = "menuentry 'Debian' $menuentry_id_option 'gnulinux-simple-1' {"
    >>> entries(head + "\\n linux /vmlinuz root=/dev/a ro quiet\\n}")[0].kernel_options
    ('root=/dev/a', 'ro', 'quiet')
    """
    return tuple(_read(commands(text), (), {}))


def _read(found: list[Command], above: _Levels, sizes: dict[_Levels, int]) -> Iterator[Entry]:
    """Yield the entries of a menu; `sizes` counts the items of each menu so far."""
    for command in found:
        kind, *_ = command.words or ("",)
        if kind in ("function", ""):
            continue
        if kind not in ("menuentry", "submenu") or len(command.words) < 2:
            yield from _read(command.block, above, sizes)
            continue
        number = sizes.get(above, 0)
        sizes[above] = number + 1
        title, name = _heading(command.words)
        levels = (*above, (title, name, str(number)))
        if kind == "submenu":
            yield from _read(command.block, levels, sizes)
        else:
            path, numbers = (">".join(level[i] for level in levels) for i in (1, 2))
            yield Entry(title, name, path, numbers, tuple(_loads(command.block)), levels)


def _heading(words: tuple[str, ...]) -> tuple[str, str]:
    """Return title and id; an entry without an id goes by its title, as GRUB does it."""
    for option, value in itertools.pairwise(words):
        if option in ("$menuentry_id_option", "--id"):
            return words[1], value
    given = next((w.removeprefix("--id=") for w in words[2:] if w.startswith("--id=")), "")
    return words[1], given or words[1]


def _loads(found: list[Command]) -> Iterator[tuple[str, ...]]:
    for command in found:
        if command.words[:1] and command.words[0] in _LOADERS:
            yield command.words
        yield from _loads(command.block)


def _words(command: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(w for w in command[2:] if w != "placeholder" and not w.startswith("${"))


def root_of(words: Iterable[str]) -> str:
    """Return what `root=` of a kernel's words says, '' when nothing does; the last one counts.

    >>> root_of(["root=UUID=1-2", "ro", "quiet"])
    'UUID=1-2'
    """
    found = [word.removeprefix("root=") for word in words if word.startswith("root=")]
    return found[-1] if found else ""
