"""Every guest's configuration below /etc/xen, whatever its name, and what the paths in them lead to."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook.facts.guest_files import parse_files
from runbook.guests import disk_spec
from runbook.guests.syntax import Unreadable, parse
from runbook.model.ask import Ask, Facts

FOLDER = "/etc/xen"
_COPY = re.compile(
    r"(~|[.-](bak|backup|orig|old|save[d]?|swp|rej|dpkg-\w+|ucf-\w+|by-hand|example|disabled))$|^xlexample\.|^\."
)
_NUMBERS = re.compile(r"(block special file|regular[^|]*)\|([0-9a-f]+):([0-9a-f]+)\|(\d+:\d+)\|(.+)$")
_LIKELY = re.compile(r"(?m)^\s*(name|builder|kernel|disk|memory|vcpus)\s*\+?=")


def elsewhere(folder: str = FOLDER) -> Ask:
    """Return the question for all that /etc/xen holds beside its *.cfg, links followed, each real file once.

    Each file's path stands behind `= `, its lines behind a blank; `! ` says that it, or a *.cfg, could not be read.
    """
    return Ask.shell(
        f"cd {folder} 2>/dev/null || exit 0\n"
        "known=$(readlink -f -- *.cfg)\n"
        'for f in *.cfg; do [ ! -f "$f" ] || [ -r "$f" ] || printf "= %s/%s\\n! permission denied\\n" "$PWD" "$f"; done\n'
        "find -L . -maxdepth 2 -name scripts -prune -o -type f -size -129 -exec readlink -f -- {} + 2>/dev/null |\n"
        'sort -u | grep -vxF -- "$known" | while IFS= read -r f; do\n'
        '  printf "= %s\\n" "$f"; [ -r "$f" ] || echo "! permission denied"\n'
        "  sed 's/^/ /;$a\\' \"$f\" 2>/dev/null\n"
        "done; true"
    )


ELSEWHERE = elsewhere()


def identities(paths: tuple[str, ...], folder: str = FOLDER) -> Ask:
    """Return the question which block device, or which file, each path is: of these paths, of all configurations and of all that runs.

    Relative paths behind `phy:` are looked for below /dev, as Xen's script `block` does.
    """
    # The longest match counts, so that what `target=` names may hold commas.
    pattern = "target=[^\"']*|phy:[^/\"',][^\"',]*|/[^\"',;]*"
    said = f"printf '%s\\n' {shlex.join(paths)}\n" if paths else ""
    return Ask.shell(
        f"{{ {said}grep -RohsE -D skip --exclude-dir=scripts {shlex.quote(pattern)} {folder}\n"
        'xl list -l 2>/dev/null | sed -n \'s/.*"pdev_path": "\\(.*\\)".*/\\1/p\'\n'
        "} | sed 's/^target=//;s#^phy:#/dev/#;s/ *$//' | sort -u | tr '\\n' '\\0' |\n"
        "xargs -0r stat -L -c '%F|%t:%T|%d:%i|%n' -- 2>/dev/null; true"
    )


def stands_on(folder: str = "/sys/class/block") -> Ask:
    """Return the question for the numbers of each block device and of what it stands on (sysfs).

    A partition stands on its disk, a logical volume on what holds its extents.
    """
    return Ask.shell(
        f"cd {folder} 2>/dev/null || exit 0\n"
        "for d in *; do\n"
        '  for on in "$d/partition" "$d"/slaves/*; do\n'
        '    [ -e "$on" ] || continue\n'
        "    case $on in */partition) on=$d/.. ;; esac\n"
        '    read -r its <"$d/dev" && read -r of <"$on/dev" && echo "$its $of"\n'
        "  done\n"
        "done 2>/dev/null; true"
    )


STANDS_ON = stands_on()


@dataclass(frozen=True)
class Configurations:
    """All configurations of guests on a host."""

    texts: dict[str, str]
    """The content by path; of each real file once, under the name that it has in /etc/xen."""
    unread: dict[str, str]
    """Why xl could not read it, or nobody could, by path."""
    is_whole: bool
    """False where only the *.cfg are known, because nothing answered for the others."""


def parse_all(facts: Facts) -> Configurations:
    """Return every configuration below /etc/xen: what has another name counts where xl would make a guest of it."""
    texts, unread = dict(parse_files(facts)), dict[str, str]()
    is_known = ELSEWHERE in facts and facts[ELSEWHERE].ok
    for path, text, why in _sections(facts[ELSEWHERE].out if is_known else ""):
        name = posixpath.basename(path)
        if why:
            unread[path] = why
        elif not _COPY.search(name) and (name.endswith(".cfg") or _LIKELY.search(text)):
            texts[path] = text
    for path in [path for path in texts if _COPY.search(posixpath.basename(path))]:
        del texts[path]
    for path, text in list(texts.items()):
        try:
            if not path.endswith(".cfg") and not parse(text).text("name"):
                del texts[path]
        except Unreadable as error:
            unread[path] = str(error)
    return Configurations(texts, unread, is_whole=is_known)


def _sections(text: str) -> list[tuple[str, str, str]]:
    r"""Return path, content and reason of each file that `elsewhere` found.

    >>> _sections("= /etc/xen/win7\n name = 'w'\n vcpus = 1\n= /etc/xen/auto/x\n! permission denied\n")
    [('/etc/xen/win7', "name = 'w'\nvcpus = 1\n", ''), ('/etc/xen/auto/x', '', 'permission denied')]
    """
    found: list[tuple[str, str, str]] = []
    for line in text.split("\n"):
        if line.startswith("= "):
            found.append((line[2:], "", ""))
        elif found and line.startswith("! "):
            found[-1] = (found[-1][0], found[-1][1], line[2:])
        elif found and line:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line[1:]}\n", found[-1][2])
    return found


@dataclass(frozen=True)
class Identities:
    """What each path that was asked for leads to."""

    numbers: Mapping[str, str] = field(default_factory=dict)
    """By path: `b:MAJOR:MINOR` of a block device, `f:DEVICE:INODE` of a file."""
    below: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Keys of the devices that a block device stands on, down to whole disks, by its key."""

    def same(self, path: str) -> str:
        """Return one text for all names of one thing; a path that leads nowhere is only itself."""
        return self.numbers.get(path) or self.numbers.get(disk_spec.usual(path)) or disk_spec.usual(path)

    def holds(self, one: str, other: str) -> bool:
        """Return whether one of two keys is of a device that the other stands on: a disk and a partition of it."""
        return one in self.below.get(other, ()) or other in self.below.get(one, ())

    def number(self, path: str) -> str:
        """Return `major:minor` of a block device, '' of everything else."""
        kind, _, number = self.same(path).partition(":")
        return number if kind == "b" else ""

    def names(self, path: str) -> frozenset[str]:
        """Return all known names of what a path leads to, itself among them."""
        mine = self.same(path)
        return frozenset(
            {path, disk_spec.usual(path), *(p for p, key in self.numbers.items() if key == mine)}
        )


def parse_identities(text: str, stands_on: str = "") -> Identities:
    """Return what stat(1) said of the paths, and sysfs of what stands on what.

    >>> parse_identities("block special file|fe:1|5:312|/dev/guests/web\\nregular file|0:0|65024:77|/srv/a.img\\n").numbers
    {'/dev/guests/web': 'b:254:1', '/srv/a.img': 'f:65024:77'}
    >>> known = parse_identities("block special file|8:0|5:9|/dev/sda\\n", "254:1 8:3\\n8:3 8:0\\n8:4 8:0\\n")
    >>> known.holds("b:8:0", "b:254:1"), known.holds("b:254:1", "b:8:4")
    (True, False)
    """
    found = {}
    for line in text.splitlines():
        # A line that stat(1) did not write, as of a path with a line's end in it, is of nothing that a disk can be.
        if match := _NUMBERS.match(line):
            kind, major, minor, inode, path = match.groups()
            block = kind == "block special file"
            found[path] = f"b:{int(major, 16)}:{int(minor, 16)}" if block else f"f:{inode}"
    pairs = re.findall(r"(?m)^(\d+:\d+) (\d+:\d+)$", stands_on)
    return Identities(found, {f"b:{its}": _below(its, pairs) for its, _ in pairs})


def _below(number: str, pairs: list[tuple[str, str]]) -> frozenset[str]:
    """Return the keys of all that a device stands on."""
    found, due = set[str](), {number}
    while due:
        due = {of for its, of in pairs if its in due} - found
        found |= due
    return frozenset(f"b:{of}" for of in found)
