"""The testbed before anything was installed, put together from what it answered.

Each question has the first answer that the machine ever gave. Those that were first asked when Xen was
there already, or when some of the work was done, are answered as the machine was before: by what is missing.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from runbook.facts import grub
from runbook.hosts.recording import names
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams, load
from tests.recorded import Said, gathers

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "recordings/testbed"
PARAMS = load(ROOT / "params/example.yml")
_NONE = Answer(0)
_NO_PROGRAM = Answer(127, "", "not found\n")


def facts(asks: tuple[Ask, ...]) -> Facts:
    """Return the answers of the machine before any notebook ran on it."""
    return Facts({ask: _before(ask, _first()[ask.key]) for ask in asks})


def of(step: object, params: HostParams = PARAMS) -> Facts:
    """Return all that a step asks, of that machine."""
    return facts(step.asks(params))  # type: ignore[attr-defined]


@cache
def _first() -> dict[str, Answer]:
    """Return the first answer to every question, and of each notebook that alone which it asked at its beginning."""
    found: dict[str, Answer] = Said()
    for notebook in names(RECORDING):
        opening = gathers(RECORDING, notebook)[0]
        for key, (status, out, err) in opening.items():
            found.setdefault(key, Answer(status, out, err))
    return found


def _before(ask: Ask, said: Answer) -> Answer:
    """Return what the machine would have said before Xen's packages were there."""
    key = ask.key
    if ask.kind == "read":
        if ask.argv[0] == grub.CONFIG:
            xen = r"(?s)### BEGIN /etc/grub.d/20_linux_xen ###.*?### END /etc/grub.d/20_linux_xen ###\n"
            return Answer(said.status, re.sub(xen, "", said.out), said.err)
        return Answer(MISSING) if ask.argv[0] == "/etc/default/xendomains" else said
    if key.startswith("find /boot -maxdepth 1 -name 'xen-"):
        return _NONE
    if ask.argv[0] in ("xl", "xenstore-ls"):
        return _NO_PROGRAM
    if key.startswith("systemctl show"):
        return Answer(said.status, _without_xen(said.out))
    if ask.argv[0] == "find" and ask.argv[1].startswith(
        ("/usr/sbin", "/usr/share/bash-completion", "/usr/libexec")
    ):
        rows = [
            row for row in said.out.splitlines(keepends=True) if not row.rstrip().endswith(("brctl", "/xl"))
        ]
        return Answer(1, "".join(rows))
    if "/sys/class/net/*/bridge" in key:
        return _NONE
    return said


def _without_xen(text: str) -> str:
    units = text.rstrip("\n").split("\n\n")
    return "\n\n".join(_not_found(unit) if unit.startswith("Id=xen") else unit for unit in units) + "\n\n"


def _not_found(unit: str) -> str:
    gone = {"LoadState": "not-found", "ActiveState": "inactive", "UnitFileState": ""}
    lines = (line.partition("=") for line in unit.splitlines())
    return "\n".join(f"{key}={gone.get(key, value)}" for key, _, value in lines)
