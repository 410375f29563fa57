"""What a host's reports prove of its devices: nothing but what a step did and found right afterwards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from runbook import releases
from runbook.actions import Run
from runbook.drift import kept
from runbook.engine.journal import Line
from runbook.evidence.outcomes import GOOD
from runbook.facts import xl
from runbook.guests import config, probe
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.params.host import Device
from runbook.shares.record import KERNEL, XEN, Proved
from runbook.shares.reported import Report

HIDDEN, PROBED, STARTED = "prove_devices", "prove_passthrough", "start_guests"
_KERNEL = Ask.run("uname", "-r")


@dataclass(frozen=True)
class _Shown:
    """What one run says of one device."""

    hidden: bool
    probe: bool
    starts: int
    xen: str
    kernel: str


def proved(reports: Iterable[Report], machines: Collection[str]) -> dict[tuple[str, str], Proved]:
    """Return what runs prove of each device of these installations, by its address and its id; the oldest run comes first.

    Of a device that a later run shows elsewhere, or as another one, the proofs stay with what it was.
    """
    found: dict[tuple[str, str], Proved] = {}
    for run in reports:
        if run.content.get("mode") not in ("apply", "check"):
            continue
        for device in run.params.passthrough.devices:
            shown = _shown_by(run, device, machines)
            if not (shown.hidden or shown.probe or shown.starts):
                continue
            before = found.get((device.bdf, device.id))
            found[device.bdf, device.id] = Proved(
                hidden=shown.hidden or bool(before and before.hidden),
                probe=shown.probe or bool(before and before.probe),
                starts=shown.starts + (before.starts if before else 0),
                xen=shown.xen,
                kernel=shown.kernel,
                release=run.params.release,
                date=run.day,
            )
    return found


def _shown_by(run: Report, device: Device, machines: Collection[str]) -> _Shown:
    done = _done(run.lines(machines))
    hidden, probed = HIDDEN in done, False
    facts = run.facts("08_guests")
    if kept.machine(facts) not in machines:
        facts = Facts({})
    xen = kernel = ""
    if PROBED in done and device.probe == "network" and all(ask in facts for ask in probe.COMMANDS):
        proof = probe.parse(facts).by_bdf.get(device.bdf)
        if proof and not proof.wrong(device):
            probed, xen, kernel = True, proof.xen, proof.kernel
    starts = sum(done[PROBED][title] for title in _probes(device)) if probed else 0
    starts += sum(done[STARTED][title] for title in _guests(run.params, device)) if STARTED in done else 0
    if not probed:
        xen, kernel = _running(run, "08_guests" if starts else "07_first_boot")
    return _Shown(hidden, probed, starts, _number(XEN, xen), _number(KERNEL, kernel))


def _done(lines: Iterable[Line]) -> dict[str, Counter[str]]:
    """Return for each step that ended well what was done in it, by the actions' titles, each so often."""
    found: dict[str, Counter[str]] = {}
    begun: Counter[str] = Counter()
    for line in lines:
        step = str(line.get("step"))
        if line["event"] == "step-begin":
            begun = Counter()
        elif line["event"] == "action-end" and line.get("status") == "done":
            begun[str(line.get("title"))] += 1
        elif line["event"] == "step-end" and line.get("status") in GOOD and line.get("status") != "skipped":
            found.setdefault(step, Counter()).update(begun)
            begun = Counter()
    return found


def _probes(device: Device) -> Iterator[str]:
    yield Run(probe.command(device), "").title


def _guests(params: HostParams, device: Device) -> Iterator[str]:
    command = releases.get(params.release).xl
    for guest in params.guests:
        if device.bdf in guest.pci:
            yield Run((command, "create", config.path_of(guest.name)), "").title


def _running(run: Report, notebook: str) -> tuple[str, str]:
    facts = run.facts(notebook)
    xen = xl.info(facts).get("xen_version", "") if xl.INFO in facts else ""
    return xen, facts[_KERNEL].out.strip() if _KERNEL in facts else ""


def _number(pattern: str, text: str) -> str:
    """Return a version without what its builder added: that may be a name.

    >>> _number(KERNEL, "6.12.118+deb13-amd64"), _number(KERNEL, "6.12.118-anas-box"), _number(XEN, "4.20.5-pre")
    ('6.12.118+deb13-amd64', '6.12.118', '4.20.5-pre')
    """
    if re.fullmatch(pattern, text):
        return text
    found = re.match(r"[0-9]{1,3}(\.[0-9]{1,4}){1,2}(?![0-9.])", text)
    return found[0] if found else ""
