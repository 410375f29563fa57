"""The disc beside Windows' own: the answer file and Xen's drivers, from which setup takes both."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runbook.errors import Refused, RunbookError
from runbook.guests.windows import DRIVERS, FOLDER, Answers, answer_file

ANSWER_FILE = "autounattend.xml"
LABEL = "XEN_ANSWERS"
_PROGRAMS = ("xorrisofs", "genisoimage")
_UNSIGNED = b"\x31\x00"
"""How a catalog ends that nobody signed: with an empty set of signers (RFC 2315, SignedData)."""
_SYSTEM_FILES = (".inf", ".sys", ".cat", ".dll", ".exe")


@dataclass(frozen=True)
class Driver:
    """One driver package, as its files lie on this machine."""

    name: str
    folder: Path
    """The folder of its 64-bit files."""


def drivers(folder: Path) -> tuple[Driver, ...]:
    """Return Xen's driver packages that lie in a folder. Raises `Refused` for one that is missing, not whole, or not signed.

    Whether Windows trusts the signature, only Windows can say.
    """
    found = []
    for name in DRIVERS:
        named = sorted(folder.rglob(f"{name}.inf"))
        fitting = [
            inf for inf in named if "x64" in str(inf.parent.relative_to(folder)).lower().split("/")
        ] or named
        if len(fitting) != 1:
            raise _refused(
                f"{len(fitting)} drivers of the name {name} are in {folder}",
                "one is needed of each: " + ", ".join(DRIVERS),
                "unpack one release of Xen's Windows drivers there, such as xenbus.tar, each into a folder of its name",
            )
        _require_signed(name, fitting[0])
        found.append(Driver(name, fitting[0].parent))
    return tuple(found)


def make(out: Path, answers: Answers, packages: tuple[Driver, ...]) -> None:
    """Write the disc to a file that only its owner reads, for it holds a password; under its name only when it is whole.

    Raises `Refused` where this machine cannot make discs, `RunbookError` when it fails.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise _refused(
            "This machine cannot make the image of a disc",
            f"it has none of {', '.join(_PROGRAMS)}",
            "run `apt-get install xorriso` on the controller",
        )
    part = out.with_name(f".{out.name}.part")
    with tempfile.TemporaryDirectory(prefix="runbook-disc-", dir=out.parent) as name:
        tree = Path(name) / "disc"
        for driver in packages:
            to = tree / FOLDER / driver.name
            to.mkdir(parents=True)
            for file in sorted(driver.folder.iterdir()):
                if file.suffix.lower() in _SYSTEM_FILES and file.is_file():
                    shutil.copyfile(file, to / file.name)
        (tree / ANSWER_FILE).write_text(answer_file(answers), encoding="utf-8")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        argv = [program, "-quiet", "-V", LABEL, "-J", "-r", "-o", str(part), str(tree)]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise RunbookError(
            f"The disc {out} was not made",
            where="the controller",
            why=done.stderr.strip()[-300:] or f"{program} ended with status {done.returncode}",
            do=f"free room there (`df -h {out.parent}`), then run again",
        )
    part.replace(out)


def _require_signed(name: str, inf: Path) -> None:
    text = _text(inf)
    catalog = re.search(r"(?im)^\s*CatalogFile(?:\.[a-z0-9]+)?\s*=\s*\"?([^\"\s;]+)", text)
    files = {file.name.lower(): file for file in inf.parent.iterdir()}
    named = files.get(catalog[1].lower()) if catalog else None
    if f"{name}.sys" not in files or named is None:
        raise _refused(
            f"The driver {name} is not whole",
            f"{inf.parent} has {', '.join(sorted(files))}, without its {'.sys' if named else 'signed catalog (.cat)'}",
            "unpack it again, with all its files",
        )
    data = named.read_bytes()
    if not data.startswith(b"\x30") or data.endswith(_UNSIGNED):
        raise _refused(
            f"The driver {name} is not signed",
            f"{named.name} holds no signature, and Windows installs no driver without",
            "take a signed release; builds for testing are not",
        )


def _text(inf: Path) -> str:
    """Return an .inf, which is UTF-16 with a mark at its beginning, or one byte a letter."""
    data = inf.read_bytes()
    return (
        data.decode("utf-16", errors="replace")
        if data[:2] in (b"\xff\xfe", b"\xfe\xff")
        else data.decode("latin-1")
    )


def _refused(what: str, why: str, do: str) -> Refused:
    return Refused(what, where="the controller", why=why, do=do)
