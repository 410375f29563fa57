"""One disk of an xl.cfg, read as xl reads it: new words, old places, older prefixes.

Source: tools/libs/util/libxlu_disk_l.l of Xen 4.20 (4.17 has the same rules), and xl-disk-configuration(5).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

FORMATS = ("raw", "qcow", "qcow2", "vhd", "qed", "empty")
_FLAGS = frozenset({
    "direct-io-safe", "discard", "no-discard", "trusted", "untrusted", "colo", "no-colo",
})  # fmt: skip
_PREFIX = re.compile(r"(raw|qcow2?|vhd|iscsi|e?nbd|drbd|tapdisk|tap2?|aio|ioemu|file|phy):")
_SCRIPTS = ("iscsi", "nbd", "enbd", "drbd")
_UNKNOWN_PREFIX = re.compile(r"([a-z][a-z0-9]*):(?=[^a-z0-9]|$)")
_BLANKS = " \t\n"


@dataclass
class DiskSpec:
    """What xl makes of one disk; '' for what it is not told."""

    target: str = ""
    """The volume, file or other thing behind it, without its prefixes: a path, or what a script understands."""
    format: str = ""
    vdev: str = ""
    """The drive that the guest sees: hda, xvda, sda …"""
    access: str = ""
    is_cdrom: bool = False
    words: dict[str, str] = field(default_factory=dict)
    """All other `key=value` words, such as `backendtype` and `script`, in the order in which they stand."""
    flags: tuple[str, ...] = ()
    """Words without a value, such as `discard`."""
    prefixes: tuple[str, ...] = ()
    """The old prefixes before the target, such as ('tap', 'aio')."""
    wrong: tuple[str, ...] = ()
    """What xl would stop at, in its order."""

    @property
    def path(self) -> str:
        """The target by the usual one of its names, '' for none: a volume as /dev/GROUP/NAME, and below /dev what begins nowhere.

        Xen's script `block` looks for `phy:guests/web` below /dev; what a script of another kind is told stays as it is.

        >>> parse("phy:/dev/mapper/my--vg-web,hda,w").path, parse("phy:guests/web,hda,w").path
        ('/dev/my-vg/web', '/dev/guests/web')
        """
        if "phy" in self.prefixes and self.target and not self.target.startswith("/"):
            return usual(f"/dev/{self.target}")
        return usual(self.target)

    @property
    def is_read_only(self) -> bool:
        """True where the guest cannot write: xl takes `w` where nothing is said, and a CD-ROM is never written."""
        return self.is_cdrom or self.access in ("r", "ro")


def usual(path: str) -> str:
    """Return /dev/VG/VOLUME for /dev/mapper/VG-VOLUME, one disk by two names; a hyphen inside a name is doubled (lvm(8)).

    >>> usual("/dev/mapper/xen-comm"), usual("/srv//images/./a.img")
    ('/dev/xen/comm', '/srv/images/a.img')
    """
    if match := re.fullmatch(r"/dev/mapper/((?:[^-]|--)++)-((?:[^-]|--)++)", path):
        return f"/dev/{match[1].replace('--', '-')}/{match[2].replace('--', '-')}"
    return posixpath.normpath(path) if path.startswith("/") else path


def parse(spec: str) -> DiskSpec:
    """Return what xl makes of one member of `disk`.

    >>> parse("phy:/dev/guests/windows,hda,w").target, parse("tap:aio:/srv/a.img,xvda,w").vdev
    ('/dev/guests/windows', 'xvda')
    >>> parse("format=qcow2, vdev=hda, access=ro, target=/srv/a, b.img").target
    '/srv/a, b.img'
    >>> one = parse("file:/srv/w.iso,ioemu:hdc:cdrom,r")
    >>> one.vdev, one.is_cdrom, one.access
    ('hdc', True, 'r')
    """
    reader = _Reader(DiskSpec())
    rest = spec
    while rest := rest.lstrip(_BLANKS):
        if rest.startswith("target="):
            reader.target(rest[len("target=") :].removesuffix(","))
            break
        if match := _PREFIX.match(rest):
            reader.prefix(match[1])
            rest = rest[match.end() :]
        elif match := _UNKNOWN_PREFIX.match(rest):
            reader.wrong(f"there is no {match[1]}:")
            break
        else:
            word, _, rest = rest.partition(",")
            reader.word(word)
    return reader.disk


class _Reader:
    """What has been read of one disk so far; positional words count by what is still unsaid."""

    def __init__(self, disk: DiskSpec) -> None:
        self.disk = disk
        self.said: set[str] = set()

    def wrong(self, what: str) -> None:
        self.disk.wrong = (*self.disk.wrong, what)

    def target(self, path: str) -> None:
        if self.disk.target:
            self.wrong("it has two targets")
        else:
            self.disk.target = path
        self.said.add("target")

    def prefix(self, name: str) -> None:
        self.disk.prefixes = (*self.disk.prefixes, name)
        if name in FORMATS:
            self._set("format", name)
        elif name in _SCRIPTS:
            self.disk.words["script"] = f"block-{name}"

    def word(self, word: str) -> None:
        key, equals, value = word.partition("=")
        if equals:
            self._named(key, value)
        elif word in ("cdrom", *_FLAGS):
            self.disk.is_cdrom |= word == "cdrom"
            self.disk.flags = (*self.disk.flags, *([word] if word != "cdrom" else []))
        else:
            self._placed(word)

    def _named(self, key: str, value: str) -> None:
        if key == "devtype":
            self.disk.is_cdrom = value == "cdrom"
            if value not in ("cdrom", "disk"):
                self.wrong(f"there is no devtype={value}")
        elif key in ("format", "vdev", "access"):
            self._set(key, value)
        else:
            self.disk.words[key] = value

    def _placed(self, word: str) -> None:
        empty = "target" in self.said and not self.disk.target
        if "target" not in self.said:
            self.target(word)
        elif not self.disk.prefixes and "format" not in self.said:
            if empty and ":" in word:
                self._set("format", "empty")
                self._drive(word)
            else:
                self._set("format", word)
        elif "vdev" not in self.said:
            self._drive(word)
        elif "access" not in self.said:
            self._set("access", word)
        else:
            self.wrong(f"`{word}` is one word too many")

    def _drive(self, word: str) -> None:
        """Take a drive by its place, `:cdrom` or `:disk` behind it told apart."""
        name, colon, kind = word.rpartition(":")
        self._set("vdev", name if colon else word)
        if colon and kind not in ("cdrom", "disk"):
            self.wrong(f"there is no device type {kind}")
        self.disk.is_cdrom |= bool(colon) and kind == "cdrom"

    def _set(self, key: str, value: str) -> None:
        known = {"format": ("", *FORMATS), "access": ("", "r", "ro", "w", "rw")}
        if value not in known.get(key, (value,)):
            self.wrong(f"there is no {key} {value}")
        before = getattr(self.disk, key)
        if key in self.said and before and before != value:
            self.wrong(f"its {key} is said twice")
            return
        self.said.add(key)
        setattr(self.disk, key, (value or "raw") if key == "format" else value)
