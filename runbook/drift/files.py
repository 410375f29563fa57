"""Files: content, mode and owner, of those that some step reads."""

from __future__ import annotations

from runbook.drift.answers import by_file, reads, runs, scripts
from runbook.drift.named import Things
from runbook.facts import files
from runbook.model.ask import MISSING, Facts

_OTHERS = ("/proc/", "/sys/", "/run/", "/mnt/", "/boot/grub/grub.cfg", "/etc/machine-id", "/etc/os-release")
"""State rather than files, files of a system that is not the host's own, and what is compared by its meaning."""
_MODES = ("-maxdepth", "0", "-printf", "%m %u:%g %Y %p\\n")
_FOLDERS = ("/etc/xen/*.cfg", "/etc/network/interfaces.d/*", "/etc/apt/sources.list /etc/apt")


def paths(facts: Facts) -> tuple[str, ...]:
    """Return the files that are watched by name: those that some step reads, and those in watched folders."""
    return tuple(sorted({*some(facts), *folders(facts)}))


def some(facts: Facts) -> Things:
    """Return the files that were asked for by name: text, mode, owner; one that does not exist says so."""
    found: Things = {}
    inside = folders(facts)
    for path, answer in reads(facts):
        if not path.startswith(_OTHERS) and path not in inside:
            text = "is not there" if answer.status == MISSING else answer.out
            found[path] = {"": text or "(empty)\n"}
            if mode := facts.mode(path):
                found[path] |= {"mode": mode[0], "owner": mode[1]}
    for argv, answer in runs(facts, "find"):
        if argv[-4:] == _MODES:
            for path, fields in _modes(argv[:-4], answer.out).items():
                found.setdefault(path, {}).update(fields)
    for argv, answer in runs(facts, "find", "/etc/default/grub"):
        if "-newer" in argv:
            newer = [path for path in answer.out.split() if "" not in found.get(path, {})]
            found["/boot/grub/grub.cfg"] = {"older than": ", ".join(newer)}
    return found


def _modes(paths: tuple[str, ...], text: str) -> Things:
    rows = {entry.path: entry for entry in files.entries(text)}
    mine = [path for path in paths if not path.startswith(_OTHERS)]
    missing = {"mode": "not there"}
    return {p: {"mode": rows[p].mode, "owner": rows[p].owner} if p in rows else missing for p in mine}


def folders(facts: Facts) -> Things:
    """Return the files in the folders that are read whole: one that is missing is gone."""
    found: Things = {}
    for fragment in _FOLDERS:
        for answer in scripts(facts, fragment):
            for path, text in by_file(answer.out).items():
                found[path] = {"": text}
    return found
