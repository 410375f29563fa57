"""What the host does for a card by its name, where the card's addresses move to a bridge: nothing of it is lost unsaid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runbook.facts.by_card_name import Line
from runbook.facts.network import Network
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.steps.shared import port_lines


def find(params: HostParams, now: Network, lines: Iterable[Line]) -> Iterator[Finding]:
    """Yield each file that does for a card what belongs to its addresses, and does not name its bridge."""
    owner = {
        port: bridge.name
        for bridge in params.network.bridges
        for port in bridge.ports
        if (card := now.interface(port)) is not None and card.master != bridge.name
    }
    files: dict[str, list[Line]] = {}
    for line in lines:
        files.setdefault(line.file, []).append(line)
    for path, of_file in sorted(files.items()):
        named = {name for line in of_file for name in line.names}
        needed = {name for line in of_file if _is_about_addresses(line) for name in line.names}
        yield from (_unnamed(path, c, owner[c]) for c in owner if c in needed and owner[c] not in named)


def _is_about_addresses(line: Line) -> bool:
    about = port_lines.kinds(line.text)
    return about != {"link"} if line.is_setting else "address" in about


def _unnamed(path: str, card: str, bridge: str) -> Finding:
    return Finding(
        "refuse",
        f"{path} names {card}, whose addresses move to {bridge}",
        f"what it does for {card} would not be done for {bridge}, by which the same packets come then",
        f"say there for {bridge} too what belongs to the addresses, beside {card} (until the bridge is there it does "
        "nothing), and restart what reads it; as soon as the file names both, run again",
    )
