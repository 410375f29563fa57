"""The guests' configuration files, what `xl create -n` makes of them, and which start with the host."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from runbook.facts.guests import bdf_of
from runbook.model.ask import MISSING, Ask, Facts

FILES = Ask.shell("grep -Hs '' /etc/xen/*.cfg; true")
"""Every line of every configuration file, each with its path."""
AUTO = "/etc/xen/auto"
"""The folder whose configurations start with the host."""
AUTOSTART = Ask.run("find", AUTO, "-mindepth", "1", "-maxdepth", "1", "-printf", r"%f\t%Y\t%l\n")


def existing(paths: tuple[str, ...]) -> Ask:
    """Return the question which of some files exist; the answer names them, one per line."""
    return Ask.shell(f'for f in {shlex.join(paths)}; do [ ! -e "$f" ] || echo "$f"; done')


def dry_run(path: str) -> Ask:
    """Return the question whether the real xl takes a configuration; it starts nothing (xl(1), create -n)."""
    return Ask.shell(f"[ -e {path} ] || exit {MISSING}; exec xl create -n {path}")


@dataclass(frozen=True)
class DryRun:
    """What xl made of a configuration. `error` is '' when it took it."""

    exists: bool
    error: str
    name: str = ""
    memory_mib: int = 0
    disks: tuple[str, ...] = ()
    nics: tuple[str, ...] = ()
    """Their MAC addresses."""
    pci: tuple[str, ...] = ()


def parse_dry_run(facts: Facts, path: str) -> DryRun:
    """Return what xl made of the configuration at a path."""
    answer = facts[dry_run(path)]
    if answer.status == MISSING:
        return DryRun(False, "there is no such file")
    if not answer.ok:
        return DryRun(True, answer.err.strip() or answer.out.strip() or f"xl ended with {answer.status}")
    try:
        made = json.loads(answer.out[answer.out.index("{") :])
    except ValueError as error:
        return DryRun(True, f"its answer is no JSON: {error}")
    return DryRun(
        True,
        "",
        made["c_info"].get("name", ""),
        made["b_info"].get("target_memkb", 0) // 1024,
        tuple(disk.get("pdev_path", "") for disk in made.get("disks", [])),
        tuple(nic.get("mac", "") for nic in made.get("nics", [])),
        tuple(bdf_of(device) for device in made.get("pcidevs", [])),
    )


def parse_files(facts: Facts) -> dict[str, str]:
    """Return the content of every configuration file in /etc/xen, by path."""
    found: dict[str, list[str]] = {}
    for line in facts[FILES].out.split("\n"):  # a CR is a part of its line: xl stops at it
        path, colon, text = line.partition(".cfg:")
        if colon:
            found.setdefault(f"{path}.cfg", []).append(text)
    return {path: "\n".join(lines) + "\n" for path, lines in found.items()}


@dataclass(frozen=True)
class AutoEntry:
    """One entry of /etc/xen/auto; `target` is '' when it is no link."""

    name: str
    target: str
    is_dangling: bool = False

    @property
    def is_link(self) -> bool:
        """True for a symbolic link."""
        return bool(self.target)


def parse_autostart(facts: Facts) -> tuple[AutoEntry, ...] | None:
    """Return the entries in the order in which they start, None when there is no such folder."""
    answer = facts[AUTOSTART]
    return tuple(sorted(map(_entry, answer.out.splitlines()), key=lambda e: e.name)) if answer.ok else None


def _entry(line: str) -> AutoEntry:
    """Return one line of find(1): name, type behind the link (N: nothing there), target.

    >>> _entry("01-ipfire.cfg\\tf\\t../ipfire.cfg")
    AutoEntry(name='01-ipfire.cfg', target='../ipfire.cfg', is_dangling=False)
    """
    name, kind, target = line.split("\t")
    return AutoEntry(name, target, kind == "N")
