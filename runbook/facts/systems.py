"""The systems that the host put on guests' disks: which volume has one, which was half written, with which host key."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

from runbook.guests.system import STATE, holds
from runbook.model.ask import Ask, Facts

NOTES = Ask.shell(f"grep -Hs '' {STATE}/*/installed {STATE}/*/writing {STATE}/*/host_key.pub; true")
"""What the program that installs systems has noted."""


@dataclass(frozen=True)
class Systems:
    """What the host noted; volumes by their LVM uuid, which no rename changes."""

    installed: frozenset[str] = frozenset()
    half: frozenset[str] = frozenset()
    """Volumes that were half written when a run was cut off: theirs is nobody's data."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The ssh host key that the system on a volume was given: type and key."""


def heads(paths: tuple[str, ...]) -> Ask:
    """Return the question what some volumes hold: what blkid recognises, and where that is nothing, what stands in them.

    For the second some 10 MiB of each are read (`runbook/guests/holds.pl`).
    """
    return Ask.shell(
        f"for d in {shlex.join(paths)}; do\n"
        '  [ -e "$d" ] || continue\n'
        '  echo "== $d"; blkid -p -o export "$d" 2>/dev/null; s=$?; echo "STATUS=$s"\n'
        f'  [ $s -ne 2 ] || perl -e {shlex.quote(holds())} "$d"\n'
        "done; true"
    )


def parse(facts: Facts) -> Systems:
    """Return what the host noted.

    >>> from runbook.model.ask import Answer
    >>> said = f"{STATE}/web/installed:3xTf0Q-a\\n{STATE}/web/host_key.pub:ssh-ed25519 AAAA\\n{STATE}/db/writing:9bQ-b\\n"
    >>> found = parse(Facts({NOTES: Answer(0, said)}))
    >>> found.installed, found.half, found.keys
    (frozenset({'3xTf0Q-a'}), frozenset({'9bQ-b'}), {'3xTf0Q-a': 'ssh-ed25519 AAAA'})
    """
    notes = {
        (match[1], match[2]): match[3].strip()
        for line in facts[NOTES].out.splitlines()
        if (match := re.fullmatch(rf"{STATE}/([^/]+)/([a-z_.]+):(.*)", line))
    }
    done = {name: text for (name, kind), text in notes.items() if kind == "installed"}
    half = frozenset(text for (_, kind), text in notes.items() if kind == "writing")
    keys = {
        volume: notes[name, "host_key.pub"]
        for name, volume in done.items()
        if (name, "host_key.pub") in notes
    }
    return Systems(frozenset(done.values()) - half, half, keys)


def is_kept(facts: Facts, name: str) -> bool:
    """Return whether the host keeps anything of the system of a guest of that name."""
    return f"{STATE}/{name}/" in facts[NOTES].out


@dataclass(frozen=True)
class Head:
    """What a volume holds, as far as it is told from outside."""

    is_empty: bool
    """True when blkid recognises nothing and nothing was found, or only what stood there before LVM made the volume."""
    what: str
    """What blkid recognised, such as `ext4` or a `dos` partition table; '' for what it does not know."""
    disk_id: str = ""
    """The identifier of its partition table."""
    half: str = ""
    """The LVM uuid in the mark that a cut-off run left, and of which nothing was written over."""
    at: int | None = None
    """The byte at which something stands that blkid does not know."""


def seen(facts: Facts, paths: tuple[str, ...]) -> dict[str, Head]:
    r"""Return what each volume holds, by its path; one that is not there is left out.

    >>> from runbook.model.ask import Answer
    >>> said = "== /dev/g/a\nDEVNAME=/dev/g/a\nTYPE=ext4\nSTATUS=0\n== /dev/g/b\nSTATUS=2\nHOLDS=data 512\n"
    >>> [(one.is_empty, one.what, one.at) for one in seen(Facts({heads(("/dev/g/a",)): Answer(0, said)}), ("/dev/g/a",)).values()]
    [(False, 'ext4', None), (False, '', 512)]
    """
    rows = re.split(r"(?m)^== (.*)\n", facts[heads(paths)].out)
    return {path: _head(text) for path, text in zip(rows[1::2], rows[2::2], strict=True)}


def _head(text: str) -> Head:
    pairs = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    table = pairs.get("PTTYPE", "")
    what = pairs.get("TYPE", "") or (f"a {table} partition table" if table else "")
    kind, _, more = pairs.get("HOLDS", "").partition(" ")
    return Head(
        pairs.get("STATUS") == "2" and kind in ("nothing", "leftovers"),
        what,
        pairs.get("PTUUID", ""),
        more if kind == "half" else "",
        int(more) if kind == "data" and more.isdecimal() else None,
    )
