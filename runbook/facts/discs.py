"""Images of discs on the host: whether each is one, is whole, and what it is called.

ISO 9660 (ECMA-119, 8.4) begins with its own description in sector 16, which says how many sectors the disc has. Windows'
discs are UDF (ECMA-167) behind a small ISO 9660: there the partition descriptor says it, which sector 256 leads to.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

SECTOR = 2048


@dataclass(frozen=True)
class Disc:
    """One file that is to be a disc."""

    size: int
    """Bytes that the file has."""
    needs: int
    """Bytes that the disc in it has; 0 for a file that is no disc."""
    label: str = ""
    is_udf: bool = False
    """Whether it is UDF, as Windows' own discs are."""

    @property
    def is_whole(self) -> bool:
        """True when nothing of the disc is missing at its end."""
        return 0 < self.needs <= self.size


def look(paths: tuple[str, ...]) -> Ask:
    """Return the question about some images: a dozen small reads each, wherever on a disk they lie."""
    return Ask.shell(
        f"for f in {shlex.join(paths)}; do\n"
        '  [ -f "$f" ] || continue\n'
        '  number() { od -An -v -t "u$2" --endian=little -j "$1" -N "$2" "$f" 2>/dev/null | tr -d " "; }\n'
        '  echo "== $(stat -L -c %s "$f") $f"\n'
        f'  [ "$(dd if="$f" bs=1 skip={16 * SECTOR + 1} count=5 2>/dev/null | tr -d "\\0")" = CD001 ] || continue\n'
        f'  echo "iso $(number {16 * SECTOR + 80} 4)"\n'
        f'  echo "label $(dd if="$f" bs=1 skip={16 * SECTOR + 40} count=32 2>/dev/null | tr -cd "[:print:]")"\n'
        f'  [ "$(number {256 * SECTOR} 2)" = 2 ] || continue\n'
        f"  at=$(number {256 * SECTOR + 20} 4)\n"
        "  for i in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do\n"
        f"    s=$(((at + i) * {SECTOR}))\n"
        '    [ "$(number $s 2)" != 5 ] || echo "udf $(number $((s + 188)) 4) $(number $((s + 192)) 4)"\n'
        "  done\n"
        "done; true"
    )


def parse(facts: Facts, paths: tuple[str, ...]) -> dict[str, Disc]:
    r"""Return the images that are there, by path; one that the host says nothing of is left out.

    >>> from runbook.model.ask import Answer
    >>> said = "== 700000 /a.iso\niso 400\nlabel DEB \n== 12 /b.iso\n== 9000000 /w.iso\niso 20\nlabel CCSA\nudf 257 5000\n"
    >>> list(parse(Facts({look(("/a.iso",)): Answer(0, said)}), ("/a.iso",)).values())
    [Disc(size=700000, needs=819200, label='DEB', is_udf=False), Disc(size=12, needs=0, label='', is_udf=False), Disc(size=9000000, needs=10766336, label='CCSA', is_udf=True)]
    """
    rows = re.split(r"(?m)^== (\d+) (.*)\n", facts[look(paths)].out)[1:]
    return {
        path: _disc(int(size), text) for size, path, text in zip(*(rows[i::3] for i in range(3)), strict=True)
    }


def _disc(size: int, text: str) -> Disc:
    sectors = [int(number) for number in re.findall(r"(?m)^iso (\d+)$", text)]
    sectors += [int(start) + int(count) for start, count in re.findall(r"(?m)^udf (\d+) (\d+)$", text)]
    label = re.search(r"(?m)^label (.*)$", text)
    return Disc(size, max(sectors, default=0) * SECTOR, label[1].strip() if label else "", "\nudf " in text)
