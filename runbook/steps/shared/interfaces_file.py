"""/etc/network/interfaces from the parameters, with every paragraph that is about something else kept."""

from __future__ import annotations

from collections.abc import Iterable

from runbook.facts.interfaces import SOURCE_ALL, Paragraph
from runbook.params import HostParams
from runbook.params.host import Bridge

_HEADER = "# Changed by the runbook; bridges come from params network.bridges. See interfaces(5)."


def render(params: HostParams, old: tuple[Paragraph, ...]) -> str:
    """Return the new file: sources, loopback, the ports without addresses, the bridges, then what was there.

    Rendering its own result again gives the same text.
    """
    bridges = params.network.bridges
    mine = {"lo", *(b.name for b in bridges), *(port for b in bridges for port in b.ports)}
    kept = list(_others(old, mine))
    sources = [lines for lines in kept if lines[0].startswith("source")]
    if not any(line[0].split() == SOURCE_ALL.split() for line in sources):
        sources.insert(0, (SOURCE_ALL,))
    blocks = [
        (_HEADER,),
        tuple(line for lines in sources for line in lines),
        ("auto lo", "iface lo inet loopback"),
        *((f"iface {port} inet manual",) for b in bridges for port in b.ports),
        *(_bridge(b) for b in bridges),
        *(lines for lines in kept if not lines[0].startswith("source")),
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _bridge(bridge: Bridge) -> tuple[str, ...]:
    """Return one bridge's paragraph.

    No spanning tree and no forward delay: a guest's network would wait 30 seconds at each start (H653).
    """
    method = {"dhcp": "dhcp", "none": "manual"}.get(bridge.ipv4, "static")
    lines = [f"auto {bridge.name}", f"iface {bridge.name} inet {method}"]
    if method == "static":
        lines.append(f"    address {bridge.ipv4}")
    if bridge.gateway and method == "static":
        lines.append(f"    gateway {bridge.gateway}")
    ports = " ".join(bridge.ports) or "none"
    # systemd gives a new bridge an address of its own, and DHCP then leases another one (H655).
    hardware = [f"    bridge_hw {bridge.ports[0]}"] if bridge.ports else []
    return (
        *lines,
        f"    bridge_ports {ports}",
        *hardware,
        "    bridge_stp off",
        "    bridge_fd 0",
        "    bridge_maxwait 0",
    )


def _others(old: Iterable[Paragraph], mine: set[str]) -> Iterable[tuple[str, ...]]:
    for paragraph in old:
        if paragraph.is_list:
            names = [name for name in paragraph.words if name not in mine]
            if names:
                yield (f"{paragraph.keyword} {' '.join(names)}",)
        elif not mine.intersection(paragraph.names):
            yield paragraph.lines
