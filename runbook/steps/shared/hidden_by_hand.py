"""What a person wrote into the files by which xen-pciback is told its devices: kept beside ours, or named."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.facts import modules, pci
from runbook.facts.modules import EARLY, OPTIONS
from runbook.facts.soft_dependencies import plain
from runbook.model.ask import Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared.edits import lines_of

MODULE = "xen-pciback"
_DRIVERS = ("pciback", "xen-pciback")
HEAD = "# Devices that belong to guests. Changed by the runbook; see params passthrough.devices."


def kept(text: str) -> list[str]:
    r"""Return the lines of the modprobe.d(5) file that stay beside ours: all but the list and what has the module load early.

    >>> kept("options xen-pciback hide=(03:00.0) permissive\nsoftdep nvme pre: xen-pciback\nblacklist nouveau\n")
    ['options xen-pciback permissive', 'blacklist nouveau']
    """
    return [
        line for old in lines_of(re.sub(r"\\\n", " ", text)) if (line := _rest(old)).strip() and line != HEAD
    ]


def early(text: str, *, wanted: bool) -> str:
    """Return /etc/initramfs-tools/modules with the line `xen-pciback`, or without it; a list that stood there goes.

    >>> early("# raid1\\n", wanted=True), early("xen-pciback hide=(03:00.0)\\n", wanted=True)
    ('# raid1\\nxen-pciback\\n', 'xen-pciback\\n')
    """
    lines = lines_of(text)
    mine = [i for i, line in enumerate(lines) if _is_module(line.split()[:1])]
    if wanted and mine:
        told = [" ".join(_without_list(line.split())) if i in mine and "hide=" in line else line
                for i, line in enumerate(lines)]  # fmt: skip
        return text if told == lines else "".join(f"{line}\n" for line in told)
    if not wanted and not mine:
        return text
    left = [line for i, line in enumerate(lines) if i not in mine]
    return "".join(f"{line}\n" for line in [*left, *([MODULE] if wanted else [])])


def lost(params: HostParams, facts: Facts) -> Iterator[Finding]:
    """Yield a finding for devices that are hidden by hand, and that the parameters do not name."""
    named = {device.bdf for device in params.passthrough.devices}
    ours = facts.text(OPTIONS) or ""
    told = [*named, *modules.hidden_by(ours), *modules.hidden_by(facts.text(EARLY) or "")]
    if held := [bdf for bdf in _held(params, facts) if bdf not in told]:
        yield Finding(
            "warn",
            f"xen-pciback holds {', '.join(held)}, which the parameters do not name",
            "where another file of /etc/modprobe.d hides it (`grep -r pciback /etc/modprobe.d`), one list alone counts from the "
            "next start on, and it may be ours; what `xl pci-assignable-add` gives it is given it again",
            "name it under passthrough.devices (`runbook new` writes those that are hidden now), then run again; or take it out "
            "of that file",
            "H611",
        )
    for path in (OPTIONS, EARLY):
        text = facts.text(path) or ""
        hidden = () if path == OPTIONS and text.startswith(HEAD) else modules.hidden_by(text)
        if others := [bdf for bdf in hidden if bdf not in named]:
            yield Finding(
                "loss",
                f"{path} hides {', '.join(others)} by hand, and would not any more",
                "the parameters do not name it: at the next start under Xen dom0's own driver would take it",
                "name it under passthrough.devices (`runbook new` writes those that are hidden now), then run again; to leave "
                "it to dom0, agree to this very plan",
                "H611",
            )


def _held(params: HostParams, facts: Facts) -> list[str]:
    """Return the devices that it holds now, [] where nobody asked, or nothing is written for it."""
    if not params.passthrough.devices or any(ask not in facts for ask in pci.COMMANDS):
        return []
    return [device.bdf for device in pci.parse(facts) if device.driver in _DRIVERS]


def _rest(line: str) -> str:
    """Return what stays of a line, '' for nothing."""
    words = line.split()
    if words[:1] == ["options"] and _is_module(words[1:2]) and "hide=" in line:
        more = _without_list(words[2:])
        return " ".join(["options", MODULE, *more]) if more else ""
    is_load = (
        words[:1] == ["softdep"] and words[2:3] == ["pre:"] and len(words) == 4 and _is_module(words[3:])
    )
    return "" if is_load else line


def _without_list(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith("hide=")]


def _is_module(words: list[str]) -> bool:
    return list(map(plain, words)) == [plain(MODULE)]
