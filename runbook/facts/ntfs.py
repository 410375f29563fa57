"""Whether Windows let go of an NTFS: hibernated and Fast Startup leave it as a sleeper leaves a desk."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from runbook.model.ask import MISSING, Answer, Ask

_WHY = {
    13: "the file system contradicts itself; Windows has to check it (`chkdsk /f`)",
    14: "Windows is hibernated in it, or was shut down with Fast Startup, which is the same",
    15: "Windows did not finish with it: it was switched off, or crashed",
}


@dataclass(frozen=True)
class Ntfs:
    """How an NTFS was left. Exit statuses are those of ntfs-3g.probe(8)."""

    status: int
    said: str = ""

    @property
    def is_clean(self) -> bool:
        """True when it may be written to."""
        return self.status == 0

    @property
    def is_readable(self) -> bool:
        """True when ntfs-3g mounts it read-only: what is on the disk is whole, though perhaps not the newest."""
        return self.status in (0, 14, 15)

    @property
    def is_without_tool(self) -> bool:
        """True when ntfs-3g is not installed."""
        return self.status == 127

    @property
    def why(self) -> str:
        """Why it may not be written to, '' when it may."""
        return (
            "" if self.is_clean else _WHY.get(self.status, self.said or f"ntfs-3g.probe said {self.status}")
        )


def probe(path: str, number: int) -> Ask:
    """Return the question how an NTFS was left, in one partition of a volume (0: the whole volume).

    `ntfs-3g.probe` knows no offset, so a read-only window is opened for it and closed again. Nothing is
    written: through that window nothing can be.
    """
    find = f'set -- $(partx -g -b -n {number}:{number} -o START,SECTORS --raw "$d" 2>/dev/null)'
    whole = 'set -- 0 $(($(blockdev --getsize64 "$d") / 512))'
    return Ask.shell(
        f"d={shlex.quote(path)}\n"
        f'[ -e "$d" ] || exit {MISSING}\n'
        f"{find if number else whole}; [ $# = 2 ] || exit {MISSING}\n"
        "o=$(($1 * 512)) s=$(($2 * 512))\n"
        f'[ "$(blkid -p -O $o -S $s -s TYPE -o value "$d")" = ntfs ] || exit {MISSING}\n'
        'l=$(losetup --read-only --find --show --offset $o --sizelimit $s "$d") || exit 1\n'
        "trap 'losetup --detach \"$l\"' EXIT\n"
        'ntfs-3g.probe --readwrite "$l"'
    )


def parse(answer: Answer) -> Ntfs | None:
    """Return how an NTFS was left, None when the partition holds none.

    >>> parse(Answer(14, "", "Windows is hibernated, refused to mount.\\n")).why
    'Windows is hibernated in it, or was shut down with Fast Startup, which is the same'
    """
    if answer.status == MISSING:
        return None
    # Through a read-only window it always complains first that it cannot open the device for writing.
    lines = [line for line in answer.err.splitlines() if line and not line.startswith("Error opening")]
    return Ntfs(answer.status, lines[0] if lines else "")
