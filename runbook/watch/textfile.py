"""A look in the text form of Prometheus, for node_exporter's textfile collector or any that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runbook.watch.condition import Gauge
from runbook.watch.news import State

PREFIX = "xen_runbook_"
HELP = {
    "looked_seconds": "When the host was last looked at, in seconds since 1970: silence of the watch is its age.",
    "up": "Whether the host could be looked at.",
    "conditions": "How many things are not well.",
    "condition": "One thing that is not well, and since when, in seconds since 1970.",
    "raid_disks_missing": "Disks that an array lacks.",
    "disk_healthy": "Whether a disk says that it is well.",
    "filesystem_used_percent": "How full a file system of the host is.",
    "volume_used_percent": "How full a thin pool or a snapshot is.",
    "celsius": "Degrees of a sensor.",
    "memory_errors_corrected": "Memory errors since the start that were corrected.",
    "memory_errors_uncorrected": "Memory errors since the start that were not.",
    "updates_waiting": "Packages that apt would upgrade.",
    "guest_up": "Whether a guest runs.",
    "clock_skew_seconds": "How far the host's clock is ahead.",
    "backup_age_seconds": "The age of the newest good backup of a guest.",
    "backup_booted_age_seconds": "How long ago a guest last started from a backup of its own.",
}  # fmt: skip


def render(looks: Iterable[tuple[State, tuple[Gauge, ...]]]) -> str:
    """Return the file of some hosts: each name once with its help, a line for each value."""
    rows: dict[str, list[str]] = {}
    for state, gauges in looks:
        for gauge in (*_of_state(state), *gauges):
            labels = (("host", state.host), *gauge.labels)
            inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
            rows.setdefault(gauge.name, []).append(f"{PREFIX}{gauge.name}{{{inside}}} {gauge.value!r}")
    return "".join(
        f"# HELP {PREFIX}{name} {HELP[name]}\n# TYPE {PREFIX}{name} gauge\n" + "\n".join(lines) + "\n"
        for name, lines in rows.items()
    )


def _of_state(state: State) -> Iterator[Gauge]:
    yield Gauge("looked_seconds", (), state.looked)
    yield Gauge("up", (), int("reach" not in state.keys))
    yield Gauge("conditions", (), len(state.active))
    for one in state.active:
        yield Gauge("condition", (("key", one.condition.key), ("topic", one.condition.topic)), one.since)


def _escaped(text: str) -> str:
    """Return a label's value as the text form wants it.

    >>> _escaped('a "b" \\\\ c')
    'a \\\\"b\\\\" \\\\\\\\ c'
    """
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
