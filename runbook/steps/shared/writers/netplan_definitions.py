"""Which definition of netplan a card has, in which files, and what another of its own would be called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.facts import netplan
from runbook.facts.netplan import FOLDER, Netplan
from runbook.facts.network import Network
from runbook.facts.networkd import Networkd
from runbook.model.ask import Facts
from runbook.model.plan import Finding
from runbook.steps.shared.kept import Held
from runbook.steps.shared.writers import netplan_findings as said
from runbook.steps.shared.writers import netplan_text as texts
from runbook.steps.shared.writers.given_up import belongs
from runbook.steps.shared.writers.netplan_data import InYaml, place
from runbook.steps.shared.writers.networkd_names import link_of

_WORK_ON_A_PORT = ("vlans", "ethernets")
"""What has a card as its `link` and takes frames before the bridge does: VLANs, and virtual functions of the card."""


@dataclass
class Work:
    """What one host's bridges come to."""

    told: Netplan
    daemon: Networkd
    now: Network
    facts: Facts = field(repr=False)
    files: dict[str, str | None] = field(default_factory=dict)
    """Each file by its path as it shall be, None for gone."""
    findings: list[Finding] = field(default_factory=list)
    holds: dict[str, Held] = field(default_factory=dict)
    gateways: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def text(self, path: str) -> str:
        return self.files.get(path) or self.told.texts.get(path, "")

    def told_now(self, kind: str, name: str) -> dict[str, Any]:
        """Return what the files say of a definition, as they shall be."""
        found: dict[str, Any] = {}
        for path in files_of(kind, name, self):
            found = netplan.merged(found, (texts.as_told(self.text(path)).get(kind) or {}).get(name) or {})
        return found


def definition_of(name: str, told: Netplan, daemon: Networkd, now: Network) -> str:
    """Return netplan's definition of a card, '' when netplan has none."""
    link = link_of(name, now)
    unit = daemon.network(link)
    if unit is not None:
        return netplan.generated(unit)
    return name if told.kind(name) else told.of_profile(name, link.mac)


def beside(port: str, name: str, work: Work) -> str:
    """Return what a definition of one card alone is called, so that it comes before the one that has others too."""
    if not name:
        return port
    told = work.told
    if told.kind(name) != "ethernets" or any(
        name in (*_interfaces(one), str(one.get("link")))
        for kind in netplan.KINDS
        for one in _every(told, kind)
    ):
        work.findings.append(said.by_hand(f"`{name}`, which is about other cards too", port, "its bridge"))
    if ways := [way for version in (4, 6) for way in InYaml(told.definition(name)).gateways(version)]:
        work.findings.append(said.by_hand(f"the gateway {ways[0]} of `{name}`", port, "its bridge"))
    new = f"00-{port}"
    if not new < name:
        work.findings.append(said.by_hand(f"`{name}`, before which no other can come,", port, "its bridge"))
    return new


def is_own(port: str, name: str, work: Work) -> bool:
    """Return whether a definition is about one card alone, in files that are ours to change."""
    kind = work.told.kind(name)
    match = work.told.definition(name).get("match") or {}
    is_narrow = not match or set(match) <= {"macaddress"} or match == {"name": port}
    unit = work.daemon.network(link_of(port, work.now))
    others = (i.name for i in work.now.interfaces if i.name != port and not i.is_bridge and not i.parent)
    is_shared = unit is not None and any(work.daemon.network(link_of(o, work.now)) is unit for o in others)
    return is_narrow and not is_shared and all(p.startswith(FOLDER) for p in files_of(kind, name, work))


def unsure(port: str, name: str, bridge: str, work: Work) -> list[Finding]:
    keys = [key for key in work.told.definition(name) if place(key) == "unknown"]
    found = [said.by_hand(f"`{key}` of {name}", port, bridge) for key in keys]
    for kind in ("bridges", "bonds", "vrfs"):
        found += [
            belongs(port, bridge, f"{kind}: {other}: interfaces")
            for other, one in (work.told.whole.get(kind) or {}).items()
            if name in _interfaces(one) and other != bridge
        ]
    on_top = [
        other
        for kind in netplan.KINDS
        for other, one in (work.told.whole.get(kind) or {}).items()
        if kind not in _WORK_ON_A_PORT and isinstance(one, dict) and one.get("link") == name
    ]
    return [*found, *(said.by_hand(f"`link: {name}` of {other}", port, bridge) for other in on_top)]


def files_of(kind: str, name: str, work: Work) -> list[str]:
    """Return the files that say something of a definition, as they shall be."""
    every = dict.fromkeys((*work.told.texts, *work.files))
    yaml = [path for path in every if path.endswith(".yaml")]
    return [path for path in yaml if name in (texts.as_told(work.text(path)).get(kind) or {})]


def _every(told: Netplan, kind: str) -> list[dict[str, Any]]:
    return [one for one in (told.whole.get(kind) or {}).values() if isinstance(one, dict)]


def _interfaces(one: Any) -> list[str]:
    return (one.get("interfaces") or []) if isinstance(one, dict) else []
