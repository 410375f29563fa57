"""The files of a machine for the one made like it: what is taken over, what another stands for, and what stays away.

A capture comes from anybody. A file outside of the folders that a rehearsal asks for, or with a path that leads elsewhere, makes
the whole of it hostile; what is taken over is carried as a tar(5) and unpacked in the virtual PC alone.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from runbook.facts import likeness
from runbook.facts.likeness import File, Likeness
from runbook.model.ask import Facts
from runbook.rehearsal import fence
from runbook.rehearsal.disks import KEYS, Disks
from runbook.steps.shared.owners_words import REHEARSAL

MARK = "hidden-"
"""What stands before the digest of a secret in a capture (`runbook.drift.kept`)."""
OWN_WORDS = "/etc/default/grub.d/zzz-rehearsal.cfg"
"""The last of them by its name, behind the runbook's own too: what that one sets stays as it is on the host."""
_OWN_WORDS = f"""\
# Of the rehearsal: a serial console, and what Xen needs in software emulation.
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX_XEN_REPLACE="${{GRUB_CMDLINE_LINUX_XEN_REPLACE:-$GRUB_CMDLINE_LINUX}} console=hvc0"
GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX console=ttyS0,115200n8 no_timer_check"
GRUB_CMDLINE_XEN_DEFAULT="$GRUB_CMDLINE_XEN_DEFAULT {REHEARSAL} com1=115200,8n1 console=com1 spec-ctrl=eager-fpu"
"""
PLAIN_WORDS = "/etc/default/grub.d/serial-console.cfg"
"""The words of the plain system that the packages come from, which would stand in the place of the host's."""
ALL_DRIVERS = "/etc/initramfs-tools/conf.d/zz-rehearsal"
_PLACES = (*(PurePosixPath(folder) for folder in likeness.FOLDERS), PurePosixPath("/usr/local/bin"),
           PurePosixPath("/usr/local/sbin"), PurePosixPath("/etc/localtime"))  # fmt: skip
_SOURCES = re.compile(r"/etc/apt/sources\.list(\.d/.*\.(list|sources))?")
_MODE, _OWNER = re.compile(r"[0-7]{4}"), re.compile(r"[\w.@$-]{1,32}:[\w.@$-]{1,32}")
_NOT_THERE = "#rehearsal:"
_FEW = re.compile(r"(?m)^[ \t]*MODULES=[\"']?(?:dep|list)\b")
_KERNELS = (
    "proc",
    "sysfs",
    "tmpfs",
    "devpts",
    "devtmpfs",
    "cgroup2",
    "efivarfs",
    "debugfs",
    "overlay",
    "none",
)


@dataclass
class Files:
    """What is carried into the virtual PC, and what is not like the machine's."""

    carried: list[File] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)


def read(seen: Likeness, sources: Iterable[File], made: Disks) -> Files:
    """Return the files of a machine; `sources` are package sources that stand in the place of its own, `made` its disks.

    Raises `ValueError` for a path that no look at a machine gives.
    """
    found = Files(gone=[path for path in seen.gone if _prove(path)])
    secrets, back, away = 0, list[str](), list[str]()
    for file in seen.files:
        _prove(file.path)
        if not (_MODE.fullmatch(file.mode) and _OWNER.fullmatch(file.owner)):
            raise ValueError(
                f"{file.path} would be of {file.owner!r:.60} with the rights {file.mode!r:.20}, which are none"
            )
        if file.kept_back:
            back.append(f"{file.path} ({file.kept_back})")
        elif fence.stays_away(file):
            away.append(file.path)
        elif not _SOURCES.fullmatch(file.path):
            secrets += MARK in file.text
            found.carried.append(file)
    links = [(path, to) for path, to in seen.links if _prove(path) and _is_quiet(to)]
    found.links = fence.links_left(links, away)
    found.carried = [_adapted(fence.without_proxy(file), made, found.unlike) for file in found.carried]
    found.unlike += [fence.NOTHING_OUT, fence.NO_CRON]
    found.unlike += [f"these units of its owner's stay away: {', '.join(away)}"] if away else []
    found.carried += [*sources, File(OWN_WORDS, "0644", "root:root", _OWN_WORDS)]
    found.unlike += [
        f"{OWN_WORDS} is there besides, with a serial console and words for Xen in software emulation"
    ]
    if any(
        file.path.startswith("/etc/initramfs-tools/") and _FEW.search(file.text) for file in found.carried
    ):
        found.carried.append(File(ALL_DRIVERS, "0644", "root:root", "MODULES=most\n"))
        found.unlike += ["its RAM disk has all drivers, and not those of the host's disks alone"]
    found.unlike += [f"in {secrets} files other secrets stand than the machine's"] if secrets else []
    found.unlike += (
        [f"these files are as their packages bring them, if at all: {', '.join(back)}"] if back else []
    )
    found.unlike += ["packages come from the sources of this controller, and not from the machine's"]
    found.unlike += [
        f"nobody types a passphrase for {name}: it opens with a key of its own" for name in made.crypts
    ]
    return found


def of_the_installer(files: Files) -> list[str]:
    """Return the files that an installer leaves and a host, all of whose files are known, has no more."""
    has = {*(file.path for file in files.carried), *(path for path, _ in files.links)}
    return [path for path in ("/etc/network/interfaces", "/etc/default/locale") if path not in has]


def packed(files: Files) -> bytes:
    """Return the files and links as one tar, the same for the same."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for file in sorted(files.carried, key=lambda f: f.path):
            entry = tarfile.TarInfo(file.path.lstrip("/"))
            user, _, group = file.owner.partition(":")
            entry.mode, entry.uname, entry.gname = int(file.mode, 8), user, group
            entry.size = len(data := file.text.encode())
            tar.addfile(entry, io.BytesIO(data))
        for path, to in sorted(files.links):
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, to
            tar.addfile(entry)
    return whole.getvalue()


def _prove(path: str) -> bool:
    """Return True for a path that a look gives. Raises `ValueError` for any other."""
    pure = PurePosixPath(path)
    is_plain = path.startswith("/") and ".." not in pure.parts and str(pure) == path and _is_quiet(path)
    if not is_plain or not any(pure.is_relative_to(place) for place in _PLACES):
        raise ValueError(f"it would put a file at {path!r:.120}, where no look at a machine takes one from")
    return True


def _is_quiet(text: str) -> bool:
    return text.isprintable() and len(text) < 4096


def _adapted(file: File, made: Disks, unlike: list[str]) -> File:
    """Return a file as the virtual PC can have it: a container of LUKS opens by itself, and it waits for no other's disk."""
    if file.path == "/etc/crypttab":
        known = frozenset(made.crypts)
        lines = [_opened(line, known) for line in file.text.splitlines()]
    elif file.path == "/etc/fstab":
        lines = [_in_force(line, made.known) for line in file.text.splitlines()]
        gone = [line.split()[2] for line in lines if line.startswith(_NOT_THERE)]
        unlike += [f"nothing is mounted at {place}" for place in gone]
    else:
        return file
    return replace(file, text="".join(f"{line}\n" for line in lines if line))


def _in_force(line: str, known: Iterable[str]) -> str:
    """Return a line of fstab(5), out of force where it mounts what is not there.

    >>> _in_force("UUID=1 / ext4 defaults 0 1", {"UUID=1"})
    'UUID=1 / ext4 defaults 0 1'
    >>> _in_force("nas:/x /srv nfs defaults 0 0", {"UUID=1"})
    '#rehearsal: nas:/x /srv nfs defaults 0 0'
    """
    words = line.split()
    if len(words) < 3 or words[0].startswith("#") or words[2] in _KERNELS or words[0].startswith("/swap"):
        return line
    names = {words[0], words[0].replace('"', ""), words[0].replace("/dev/disk/by-uuid/", "UUID=")}
    return line if names & {*known} or words[0].startswith("PARTLABEL=") else f"{_NOT_THERE} {line}"


def _opened(line: str, crypts: frozenset[str]) -> str:
    """Return a line of crypttab(5) with a key in the place of a passphrase, '' for a container that is not there.

    >>> _opened("vda3_crypt UUID=1 none luks,discard", frozenset({"vda3_crypt"}))
    'vda3_crypt UUID=1 /etc/cryptsetup-keys.d/vda3_crypt.key luks,discard,initramfs'
    """
    words = line.split()
    if not words or words[0].startswith("#"):
        return line
    if words[0] not in crypts or len(words) < 2:
        return ""
    options = [
        o
        for o in (words[3].split(",") if len(words) > 3 else ["luks"])
        if not o.startswith(("keyscript=", "tries="))
    ]
    more = [] if "initramfs" in options else ["initramfs"]
    return " ".join((words[0], words[1], f"{KEYS}/{words[0]}.key", ",".join([*options, *more])))


def told(facts: Facts) -> Likeness:
    """Return what a capture tells that was made before rehearsals: files that steps ask for, and packages they look for."""
    files = tuple({file.path: file for file in _answered(facts) if any(
        PurePosixPath(file.path).is_relative_to(place) for place in _PLACES)}.values())  # fmt: skip
    packages: dict[str, str] = {}
    for ask, answer in facts.items():
        if ask.argv[0] == "dpkg-query" and "--admindir" not in " ".join(ask.argv):
            rows = (line.split("|") for line in answer.out.splitlines())
            packages |= {row[1]: row[2] for row in rows if len(row) == 3 and row[0].startswith("ii")}
    known = tuple((name, version, "") for name, version in sorted(packages.items()))
    return Likeness(files, (), (), known, frozenset(packages), frozenset(), (), ())


def _answered(facts: Facts) -> Iterator[File]:
    for ask, answer in facts.items():
        if ask.kind == "read" and answer.ok:
            mode, _, owner = answer.err.partition(" ")
            yield File(
                ask.argv[0],
                mode if re.fullmatch(r"0[0-7]{3}", mode) else "0644",
                owner or "root:root",
                answer.out,
            )
        elif ask.patterns:
            yield from _shown(answer.out)
        elif answer.ok and "grep -" in ask.argv[-1] and "H" in ask.argv[-1]:
            lines: dict[str, list[str]] = {}
            for path, line in re.findall(r"(?m)^(/etc/[^\s:]+):(.*)$", answer.out):
                lines.setdefault(path, []).append(line)
            # Only those of which every line is told, and not some.
            if " ''" in ask.argv[-1] or "grep -sH . /etc/network" in ask.argv[-1]:
                yield from (
                    File(p, "0644", "root:root", "".join(f"{x}\n" for x in ls)) for p, ls in lines.items()
                )


def _shown(text: str) -> Iterator[File]:
    for part in re.split(r"(?m)^= ", text)[1:]:
        head, *lines = part.split("\n")
        words = head.split(" ", 2)
        if len(words) == 3 and not any(line.startswith("! ") for line in lines):
            mode, owner = words[0] if _MODE.fullmatch(words[0]) else "0600", words[1]
            yield File(
                words[2], mode, owner, "".join(f"{line[1:]}\n" for line in lines if line.startswith(" "))
            )
