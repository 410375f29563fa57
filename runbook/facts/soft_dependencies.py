"""Which modules are loaded with others: the lines `softdep` of modprobe.d(5), and those that modules bring along.

Of several such lines for one module modprobe takes the first (`kmod_module_get_softdeps` of libkmod): a line of ours
behind another's does nothing, and another's behind ours does nothing any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from runbook.model.ask import Ask, Facts

# Of files with one name, that of the first folder counts; /lib is /usr/lib wherever the two are merged.
_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/lib/modprobe.d")
_WITH_MODULES = "modules.softdep"
# All files are named first: an empty one, too, hides its namesake of a later folder. A line goes on behind a backslash.
# mawk ends at a file that is not there.
_LINES = Ask.shell(
    f"set --; for f in {' '.join(f'{folder}/*.conf' for folder in _FOLDERS)} /lib/modules/$(uname -r)/{_WITH_MODULES}; do\n"
    '[ -r "$f" ] && echo "$f" && set -- "$@" "$f"; done; [ $# = 0 ] || awk \'FNR == 1 { p = "" }\n'
    '{ l = p $0; if (sub(/\\\\$/, "", l)) { p = l; next } p = "" }\n'
    'l ~ /^[ \\t]*(softdep|options[ \\t]+vfio[-_]pci)[ \\t]/ { print FILENAME "\\t" l }\' "$@"; true'
)
COMMANDS = (_LINES,)


@dataclass(frozen=True)
class SoftDependency:
    """What goes before a module, and what comes behind it."""

    file: str
    module: str
    """Its name, or a pattern of names."""
    pre: tuple[str, ...]
    post: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it as modprobe.d(5) has it.

        >>> SoftDependency("", "e1000e", ("xen-pciback", "vfio-pci")).line()
        'softdep e1000e pre: xen-pciback vfio-pci'
        """
        behind = f" post: {' '.join(self.post)}" if self.post else ""
        before = f" pre: {' '.join(self.pre)}" if self.pre else ""
        return f"softdep {self.module}{before}{behind}"


@dataclass(frozen=True)
class SoftDependencies:
    """All of a host's, in the order in which modprobe reads them."""

    lines: tuple[SoftDependency, ...] = ()
    vfio: frozenset[str] = frozenset()
    """Files that give vfio-pci devices."""

    def of(self, module: str, without: Iterable[str] = ()) -> SoftDependency | None:
        """Return the one that counts for a module where these files are not, None when it has none.

        >>> kvm = SoftDependency("/etc/modprobe.d/vfio.conf", "snd_hda*", ("vfio-pci",))
        >>> SoftDependencies((kvm,)).of("snd-hda-intel") == kvm
        True
        """
        gone, name = set(without), plain(module)
        return next(
            (d for d in self.lines if d.file not in gone and fnmatchcase(name, plain(d.module))), None
        )

    def bringing(self, driver: str) -> frozenset[str]:
        """Return the files that have a driver loaded before another, or give vfio-pci devices.

        >>> kvm = SoftDependency("/etc/modprobe.d/vfio.conf", "snd_hda*", ("vfio_pci",))
        >>> SoftDependencies((kvm,)).bringing("vfio-pci")
        frozenset({'/etc/modprobe.d/vfio.conf'})
        """
        name = plain(driver)
        named = {d.file for d in self.lines if name in map(plain, d.pre)}
        return frozenset(named) | (self.vfio if name == "vfio_pci" else frozenset())


def plain(module: str) -> str:
    """Return a module's name as the kernel has it: `vfio-pci` is vfio_pci.

    >>> plain("xen-pciback")
    'xen_pciback'
    """
    return module.replace("-", "_")


def order(file: str) -> tuple[bool, str]:
    """Return by what modprobe sorts a file: its name, whatever its folder; what the modules bring along comes last.

    >>> order("/run/modprobe.d/a.conf") < order("/etc/modprobe.d/b.conf") < order("/lib/modules/6.12/modules.softdep")
    True
    """
    name = PurePosixPath(file).name
    return name == _WITH_MODULES, name


def parse(facts: Facts) -> SoftDependencies:
    """Return what the facts say; a host that was not asked, as an older capture, has none that are known.

    >>> from runbook.model.ask import Answer
    >>> said = "/etc/modprobe.d/vfio.conf\\tsoftdep e1000e pre: vfio-pci\\n"
    >>> parse(Facts({_LINES: Answer(0, said)})).of("e1000e").pre
    ('vfio-pci',)
    """
    if _LINES not in facts:
        return SoftDependencies()
    rows = [line.partition("\t") for line in facts[_LINES].out.splitlines()]
    place: dict[str, str] = {}
    for file in sorted({file for file, _, _ in rows}, key=_folder):
        place.setdefault(PurePosixPath(file).name, file)
    read = [
        (file, said.split()) for file, _, said in rows if said and place[PurePosixPath(file).name] == file
    ]
    found = [_dependency(file, words) for file, words in read if words[0] == "softdep" and len(words) > 1]
    vfio = {
        file for file, words in read if words[0] == "options" and any(w.startswith("ids=") for w in words)
    }
    return SoftDependencies(tuple(sorted(found, key=lambda d: order(d.file))), frozenset(vfio))


def _folder(file: str) -> int:
    folder = str(PurePosixPath(file).parent)
    return _FOLDERS.index(folder) if folder in _FOLDERS else len(_FOLDERS)


def _dependency(file: str, words: list[str]) -> SoftDependency:
    """Return what a line says; words in front of `pre:` and `post:` mean nothing."""
    where: dict[str, list[str]] = {"pre": [], "post": []}
    now: list[str] = []
    for word in words[2:]:
        if part := re.fullmatch(r"(pre|post):", word):
            now = where[part[1]]
        else:
            now.append(word)
    return SoftDependency(file, words[1], tuple(where["pre"]), tuple(where["post"]))
