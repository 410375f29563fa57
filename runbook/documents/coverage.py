"""The map from every command, file, flag and setting of the guide to what became of it."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from runbook import releases
from runbook.builds import flags
from runbook.guide.entries import Entry, entries
from runbook.guide.faults import faults
from runbook.steps import name_of, notebooks

PAGE = Path("docs/coverage.md")
_HEAD = """\
# Where everything of the guide is

Every command block, file, flag and setting of the guide of 2013, in its order, and what became of it.
*Step* is what does it on Debian 12 and 13, in the notebook named; where no step does it, the reason stands there.
*Wheezy profile* is what `release: wheezy` plans: the guide's own line, or its corrected form with the numbers of the faults.
The numbers lead to [the list of the guide's faults](#the-guides-faults).

This page is written by `make coverage`; a test compares it with the data and with the steps that exist.
"""


def page() -> str:
    """Return the whole page as Markdown.

    Raises `KeyError` for an entry whose step does not exist.
    """
    places = {name_of(step): notebook for notebook, steps in notebooks().items() for step in steps}
    parts = [_HEAD]
    for section, group in groupby(entries(), key=lambda e: e.section):
        parts.append(f"## {section}\n")
        parts.append("| the guide | step today | wheezy profile |\n| --- | --- | --- |")
        parts += [_row(entry, places) for entry in group]
        parts.append("")
    parts += [_flags(), _faults()]
    return "\n".join(parts)


def _row(entry: Entry, places: dict[str, str]) -> str:
    today = f"`{entry.today}` in {places[entry.today]}"
    if entry.told:
        today = f"told, not done: {entry.told}"
    numbers = ", ".join(f"[{number}](#{number.lower()})" for number in entry.faults)
    faults = f" ({numbers})" if numbers else ""
    if not entry.is_corrected:
        ours = "as in the guide" + faults
    elif entry.corrected:
        ours = f"{_code(entry.corrected)}{faults}: {entry.why}"
    else:
        ours = f"left out{faults}: {entry.why}"
    return f"| {'the 81 flags below' if entry.kind == 'flags' else _code(entry.lines)} | {today} | {ours} |"


def _code(lines: tuple[str, ...]) -> str:
    return "<br>".join(f"`` {line.replace('|', chr(92) + '|')} ``" for line in lines)


def _flags() -> str:
    """All 81 flags in the kernels of Debian 12 and 13; 04_custom_kernel's `resolve_flags` is their step."""
    kernels = [release.linux for release in releases.RELEASES.values() if not release.reproduction]
    known = {
        linux: {flag.name: flag for flag in flags.guide(linux)} for linux in sorted(kernels, reverse=True)
    }
    rows = [
        "## The kernel's flags\n",
        "`resolve_flags` in 04_custom_kernel shows them for the kernel at hand, and the wheezy profile merges all.",
        "*Debian* is the value in Debian's own configuration.\n",
        "| the guide | " + " | ".join(f"Linux {linux}" for linux in known) + " |",
        "| --- |" + " --- |" * len(known),
    ]
    for name, one in next(iter(known.values())).items():
        rows.append(f"| `{name}={one.wanted}` | " + " | ".join(_flag(k[name]) for k in known.values()) + " |")
    return "\n".join(rows) + "\n"


def _faults() -> str:
    """Every fault of the guide by its number, each with an anchor that the notebooks lead to."""
    rows = [
        f'| <a id="{number.lower()}"></a>{number} | {what.replace("|", chr(92) + "|")} |'
        for number, what in faults().items()
    ]
    head = "## The guide's faults\n\nIn the guide's order; the notebooks lead here by these numbers.\n"
    return "\n".join([head, "| number | what is wrong |\n| --- | --- |", *rows]) + "\n"


def _flag(flag: flags.Flag) -> str:
    texts = {"settable": f"Debian: {flag.debian}", "derived": f"follows from others; Debian: {flag.debian}"}
    return texts.get(flag.state, flag.state)


def main() -> None:
    """Write `docs/coverage.md`."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
