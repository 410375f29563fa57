"""One disk of an xl.cfg, read as xl reads it: new words, old places, older prefixes.

Source: tools/libs/util/libxlu_disk_l.l of Xen 4.20 (4.17 has the same rules), and xl-disk-configuration(5).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

FORMATS = ("raw", "qcow", "qcow2", "vhd", "qed", "empty")
_NAMED = re.compile(
    r"(format|devtype|access|backend|backendtype|specification|vdev|script|colo-host|colo-port|colo-export|active-disk"
    r"|hidden-disk)=([^,]*),?"
)
_FLAG = re.compile(r"(cdrom|direct-io-safe|discard|no-discard|colo|no-colo|trusted|untrusted)(?:,|$)")
_GRANT = re.compile(r"(grant_usage)=([01])(?:,|$)")
_PREFIX = re.compile(r"(raw|qcow2?|vhd|iscsi|e?nbd|drbd|tapdisk|tap2?|aio|ioemu|file|phy):")
_SCRIPTS = ("iscsi", "nbd", "enbd", "drbd")
_UNKNOWN_PREFIX = re.compile(r"([a-z][a-z0-9]*):(?=[^a-z0-9]|$)")
_UNKNOWN = re.compile(r"[a-z][-a-z0-9]*=[^,]")
_PLACED = re.compile(r"[^=,]*,|[^=,]+,?")
_VALUES = {
    "format": ("", *FORMATS), "access": ("", "r", "ro", "w", "rw"), "devtype": ("cdrom", "disk"),
    "backendtype": ("phy", "tap", "qdisk", "standalone"), "specification": ("xen", "virtio"),
}  # fmt: skip
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
    options: dict[str, str] = field(default_factory=dict)
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


def parse(spec: str, release: str = "trixie") -> DiskSpec:
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
    while (rest := rest.lstrip(_BLANKS)) and not reader.is_done:
        if rest.startswith("target="):
            reader.take_target(rest[len("target=") :].removesuffix(","))
            break
        rest = rest[_step(reader, rest, release) :]
    reader.end()
    return reader.disk


def _step(reader: _Reader, rest: str, release: str) -> int:
    """Take the next word, and return how many characters it had. Which rule holds is libxlu_disk_l.l's own order."""
    line = rest.partition("\n")[0]
    match = _PLACED.match(rest)
    if match and match.end() > len(line):
        reader.placed(match[0].removesuffix(","))  # no other rule reaches over a line's end
    elif match := _PREFIX.match(rest):
        reader.prefix(match[1])
    elif match := _UNKNOWN_PREFIX.match(rest):
        reader.stop(f"there is no {match[1]}:")
    elif match := _FLAG.match(rest):
        reader.flag(match[1])
    elif (match := _NAMED.match(rest)) or (release != "bookworm" and (match := _GRANT.match(rest))):
        reader.named(match[1], match[2])
    elif _UNKNOWN.match(rest):
        reader.stop(f"there is no {rest.partition(',')[0]}")
    elif match := _PLACED.match(rest):
        reader.placed(match[0].removesuffix(","))
    elif len(rest) > 1:  # a last `=` alone is not noticed
        reader.stop(f"`{rest}` is no word")
    return match.end() if match else len(rest)


class _Reader:
    """What has been read of one disk so far; words without a key count by what is still unsaid."""

    def __init__(self, disk: DiskSpec) -> None:
        self.disk = disk
        self.is_done = False
        self._given: dict[str, str] = {}
        self._has_place_for_access = True

    def wrong(self, what: str) -> None:
        self.disk.wrong = (*self.disk.wrong, what)

    def stop(self, what: str) -> None:
        self.wrong(what)
        self.is_done = True

    def take_target(self, path: str) -> None:
        self._save("target", path)
        self.disk.target = self._given["target"]

    def prefix(self, name: str) -> None:
        self.disk.prefixes = (*self.disk.prefixes, name)
        if name in FORMATS:
            self._format(name)
        elif name in _SCRIPTS:
            self._word("script", f"block-{name}")

    def flag(self, word: str) -> None:
        if word == "cdrom":
            self.disk.is_cdrom = True
        else:
            self.disk.flags = (*self.disk.flags, word)

    def named(self, key: str, value: str) -> None:
        if value not in _VALUES.get(key, (value,)):
            self.wrong(f"there is no {key}={value}")
        elif key == "devtype":
            self.disk.is_cdrom = value == "cdrom"
        elif key == "format":
            self._format(value)
        elif key == "access":
            self.disk.access = value
        elif key == "vdev":
            self._vdev(value)
        else:
            self._word(key, value)

    def placed(self, word: str) -> None:
        if self.disk.wrong:
            return
        if "target" not in self._given:
            self.take_target(word)
        elif not self.disk.prefixes and "format" not in self._given:
            if self.disk.target or ":" not in word:
                self.named("format", word)
            else:
                self._drive(word)
                self._given["format"] = self.disk.format = "empty"
        elif "vdev" not in self._given:
            self._drive(word)
        elif self._has_place_for_access:
            self._has_place_for_access = False
            self.named("access", word)
        else:
            self.stop(f"`{word}` is one word too many")

    def end(self) -> None:
        """See that it is a drive with something in it, and what a CD is by itself."""
        if self.disk.wrong:
            return
        if "vdev" not in self._given:
            self.wrong("it is no drive; add vdev=hda, or hdb and so on")
        elif "target" not in self._given and not self.disk.is_cdrom:
            self.wrong("it has no target; name the volume or file that it is")

    def _drive(self, word: str) -> None:
        """Take a drive by its place, `:cdrom` or `:disk` behind it told apart."""
        name, colon, kind = word.rpartition(":")
        self._vdev(name if colon else word)
        if colon and kind not in ("cdrom", "disk"):
            self.wrong(f"there is no device type {kind}")
        elif colon:
            self.disk.is_cdrom = kind == "cdrom"

    def _vdev(self, name: str) -> None:
        self._save("vdev", name)
        self.disk.vdev = self._given["vdev"]

    def _format(self, name: str) -> None:
        self._word("format", name or "raw")
        self.disk.format = self._given["format"]

    def _word(self, key: str, value: str) -> None:
        """Take a word that may be said twice only if it says the same, or where it is a text, never."""
        if key in _VALUES and self._given.get(key) == value:
            return
        if key == "colo-port" and not re.match(r"\s*[+-]?0*[1-9]", value):
            self.wrong(f"there is no colo-port={value}")
        self._save(key, value)
        if key != "format":
            self.disk.options[key] = self._given[key]

    def _save(self, key: str, value: str) -> None:
        if self._given.get(key):
            self.wrong(f"its {key} is said twice")
        else:
            self._given[key] = value
