"""The parameters of a described machine: what `runbook new` proposes, and what a person adds to that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runbook.hosts import connect
from runbook.params import HostParams, loads, yaml12
from runbook.params.edit import put
from runbook.proposal import file, look, write
from runbook.testbed.hardware import ALIAS
from runbook.testbed.machine import Machine
from runbook.testbed.machines import Description

GUEST = {
    "name": "lodger",
    "what": "proves that guests have a place here",
    "memory_mib": "256",
    "volume": {"name": "lodger", "size_gib": "1"},
    "vnc_display": "11",
    "start": "true",
}
"""The guest that is started where the description names none, beside those that are there; its card is on the first bridge."""
#: Software emulation is slow, and its console is a serial port.
_EMULATED = {
    "dom0": {"memory_mib": "2048", "max_vcpus": "1", "kernel_options": ["console=hvc0"]},
    "xen": {"options": ["com1=115200,8n1", "console=com1", "spec-ctrl=eager-fpu"]},
    "services": {"watchdog_timeout_s": "600"},
    "network": {"revert_s": "300"},
}
#: A host that runs Xen already has the words that emulation needs, and its own stand in the proposal.
_EMULATED_XEN = {"network": _EMULATED["network"]}


def propose(machine: Machine, described: Description) -> Path:
    """Return the file that `runbook new` writes for the running machine, in the machine's folder.

    Raises `HostError` when it cannot be reached, `Refused` when nothing can be proposed.
    """
    connection = HostParams.model_validate({"host": described.name, "connection": way(machine, described)})
    asked = file.described(described.name, connection.connection)
    path = machine.state / f"{described.name}-proposed.yml"
    seen = look(connect(asked, "00_introduction"))
    file.save(path, write(described.name, connection.connection, seen), force=True)
    return path


def way(machine: Machine, described: Description) -> dict[str, Any]:
    """Return the `connection` by which the runbook reaches the machine: its own ssh configuration, as who logs in."""
    found: dict[str, Any] = {"kind": "ssh", "to": ALIAS, "config": str(machine.ssh_config)}
    if described.way.user != "root":
        found["become"] = "sudo"
    return found


def complete(machine: Machine, described: Description, proposed: Path) -> Path:
    """Return the file of the proposal with what the description's person adds, and what emulation needs.

    Raises `ParamsError` when the two do not fit together.
    """
    path = machine.state / f"{described.name}.yml"
    text = proposed.read_text(encoding="utf-8")
    has, _ = yaml12.parse(text, proposed)
    emulated = _EMULATED_XEN if "xen" in has else _EMULATED
    added = merged(emulated, {"passthrough": {"devices": []}, **described.parameters})
    bridges = merged(has, added).get("network", {}).get("bridges") or []
    if "guests" not in added:
        nics = [{"bridge": bridges[0]["name"], "mac": "00:16:3e:20:00:01"}] if bridges else []
        added["guests"] = [*(has.get("guests") or []), GUEST | {"nics": nics}]
    added["consent"] = list(described.consent)
    path.write_text(text, encoding="utf-8")
    return changed(path, added)


def changed(path: Path, more: dict[str, Any]) -> Path:
    """Return the parameters with what a person changes in them after a refusal. Raises `ParamsError`."""
    text = path.read_text(encoding="utf-8")
    for where, value in _leaves(more):
        text = put(text, where, value)
    loads(text, path)
    path.write_text(text, encoding="utf-8")
    return path


def with_moves(described: Description, path: Path) -> Path:
    """Return the parameters as they are behind all of the description's refusals."""
    for refusal in described.refused:
        changed(path, refusal.parameters)
    return path


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return both mappings as one, the other's values before the one's; mappings in them the same way.

    >>> merged({"a": {"b": "1", "c": "2"}}, {"a": {"c": "3"}, "d": ["4"]})
    {'a': {'b': '1', 'c': '3'}, 'd': ['4']}
    """
    found = dict(one)
    for key, value in other.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = merged(found[key], value) if both else value
    return found


def _leaves(values: dict[str, Any], where: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Return every value that is no mapping, with its place."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in values.items():
        at = (*where, key)
        found += _leaves(value, at) if isinstance(value, dict) else [(at, value)]
    return found
