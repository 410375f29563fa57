"""`docs/zoo.md`: the machines of the zoo, made from their descriptions and from what they were last seen to do."""

from __future__ import annotations

from pathlib import Path

from runbook.controller.project import project
from runbook.testbed import machines
from runbook.testbed.machines import Description
from runbook.testbed.zoo import result
from runbook.testbed.zoo.result import Result

PAGE = "docs/zoo.md"
HEAD = """\
# The zoo

Machines that people live in, each described in `runbook/testbed/machines/` and built from that as a virtual PC. `make testbed-zoo MACHINE=name`
boots one, writes its parameters with `runbook new`, plans, applies into proved Xen with a guest, looks on the machine itself whether the
network that was in force still is, checks, takes everything back, restarts, and compares the whole machine with what it was before: `/etc`, accounts, packages,
boot menu, units, mounts, volumes, and cards, addresses, routes, resolver and firewall in force.

This page is made from the descriptions and from the results that the command leaves in `docs/zoo/`. *Held* means all of that; *refused* means that the plan must
refuse the machine, said so in the words it must, and changed nothing; *refused, then planned* or *refused, then held* that a person's move behind
that, which the refusal advises, was carried out and led on to a plan without a refusal, or to all of it. The minutes are of software emulation on two cores, with whatever else ran there.

| machine | what is special | last seen | minutes |
| --- | --- | --- | --- |
"""


def page(folder: Path | None = None) -> str:
    """Return the page as Markdown."""
    rows = [(machines.named(name), result.read(name, folder)) for name in machines.names()]
    notes = "".join(_note(seen) for _, seen in rows if seen and seen.seen == "failed")
    return HEAD + "".join(_row(*row) for row in rows) + (f"\n## What failed\n\n{notes}" if notes else "")


def _row(described: Description, seen: Result | None) -> str:
    if seen is None:
        how = f"not built: {described.not_built}" if described.not_built else "never booted yet"
        if described.name == machines.names()[0]:
            how = "with every change: it is the acceptance's, `make testbed-test`"
        return f"| {described.name} | {described.summary} | {how} | |\n"
    how = f"failed at {seen.at}" if seen.seen == "failed" else seen.seen
    if described.refused and described.refused[-1].leads_on and seen.seen != "failed":
        how = f"refused, then {'held' if seen.seen == 'held' else 'planned'}"
    parts = ", ".join(f"{name} {minutes:g}" for name, minutes in seen.minutes.items())
    took = f"{seen.total:g} ({parts}{'; from a checkpoint' if seen.resumed else ''})"
    return f"| {described.name} | {described.summary} | {how}, {seen.on}, {seen.commit} | {took} |\n"


def _note(seen: Result) -> str:
    lines = "\n".join(f"    {line}" for line in seen.why.splitlines())
    return f"{seen.machine}, at {seen.at}:\n\n{lines}\n\n"


def write() -> None:
    """Write the page."""
    (project() / PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
