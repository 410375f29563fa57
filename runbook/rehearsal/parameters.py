"""The person's parameters for the virtual PC: the very same, but for how it is reached, who agrees, and the stand-ins' identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runbook import params as parameters
from runbook.controller.atomic import write_atomic
from runbook.params import HostParams
from runbook.params.here import step_names
from runbook.proposal.commented import dump
from runbook.testbed.hardware import ALIAS
from runbook.testbed.machine import Machine


def write(
    params: HostParams,
    ids: Mapping[str, tuple[str, str]],
    machine: Machine,
    user: str,
    exact: Iterable[str] = (),
) -> Path:
    """Write them beside the virtual PC, and return the file; `exact` are further lines of consent, each to one plan.

    Every step may run there. Raises `ParamsError` when they are none any more, which is a fault of the runbook's.
    """
    values: dict[str, Any] = params.model_dump(mode="json", exclude_unset=True)
    for key in ("consent", "approvers", "notify", "watch"):
        values.pop(key, None)
    connection = {"kind": "ssh", "to": ALIAS, "config": str(machine.ssh_config)}
    values["connection"] = connection | ({"become": "sudo"} if user != "root" else {})
    for device in values.get("passthrough", {}).get("devices", []):
        device["id"] = ids.get(device["bdf"], ("", device["id"]))[1]
    lines = ", ".join([*exact, *step_names()])
    path = machine.state / f"{params.host}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{dump(values)}consent: [{lines}]\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomic(path, text)
    parameters.load(path)
    return path
