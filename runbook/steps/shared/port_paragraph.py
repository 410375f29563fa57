"""A card's paragraphs when the card becomes a port: its addresses go to the bridge, and its wire stays with it."""

from __future__ import annotations

from dataclasses import replace

from runbook.facts.interfaces import Paragraph, words_of
from runbook.model.plan import Finding
from runbook.params.host import Bridge
from runbook.steps.shared import port_lines
from runbook.steps.shared.bridge_paragraph import PORTS, Carried

_MOVE = {"inet": ("static", "dhcp"), "inet6": ("static", "dhcp", "auto")}
_SWITCH = "/proc/sys/net/ipv6/conf/$IFACE/disable_ipv6"
NO_ADDRESS = (
    f"    up [ ! -e {_SWITCH} ] || echo 1 >{_SWITCH}",
    f"    down [ ! -e {_SWITCH} ] || echo 0 >{_SWITCH}",
)
"""A port that comes up by itself, before the bridge takes it, would take the address that a router announces (H652).
Not before it is up: a VLAN is not there by then."""


def taken_over(
    paragraph: Paragraph, port: str, bridge: Bridge, carried: Carried, found: list[Finding]
) -> list[Paragraph]:
    """Return what stays of a port's paragraph; the rest is added to what the bridge gets, or found to be lost."""
    family, method = (*paragraph.words[1:], "", "")[:2]
    if paragraph.option(*PORTS):
        found.append(_refuse_bridge(port, paragraph.option(*PORTS)))
        return [paragraph]
    if method == "manual":
        return [_manual(paragraph, port, bridge, carried)]
    if method not in _MOVE.get(family, ()):
        found.append(by_hand(port, bridge.name, paragraph.lines[0]))
        return [paragraph]
    stays, goes = _split(paragraph, port, bridge, found)
    is_first = family == "inet" and not carried.method
    if is_first:
        carried.method, carried.port = method, port
        carried.own += [line for line in goes if _is_address(line)]
        carried.lines += [line for line in goes if not _is_address(line)]
    elif family == "inet" and method == "dhcp":
        found.append(by_hand(port, bridge.name, paragraph.lines[0]))
    else:
        head = f"iface {bridge.name} {family} {method}"
        before = ("",) if stays else ("", *(line for line in paragraph.before if line))
        carried.more.append(Paragraph("iface", (bridge.name, family, method), (head, *goes), before))
        if not stays:
            return []
    if not is_first and not stays:
        return [Paragraph("", (), (), paragraph.before, paragraph.file)]
    lines = (f"iface {port} inet manual", *(NO_ADDRESS if stays or "." in port else ()), *stays)
    return [replace(paragraph, words=(port, "inet", "manual"), lines=lines)]


def by_hand(port: str, bridge: str, line: str) -> Finding:
    """Return that it is not known what a line about a card means once the card is a port."""
    return Finding(
        "refuse",
        f"It is not sure what becomes of `{line}` when {port} is a port of {bridge}",
        f"the addresses of {port} are {bridge}'s then, and nobody but its author knows which of the two it means",
        f"write the paragraphs of {bridge} (with `bridge_ports {port}`) and of {port} (`inet manual`) into the file "
        "yourself, with this line where it belongs, and run again: a bridge that is as asked is left as it is",
        "interfaces(5)",
    )


def belongs(port: str, bridge: str, line: str) -> Finding:
    """Return that another paragraph has the card already."""
    return Finding(
        "refuse",
        f"{port} belongs to another by `{line}`, and cannot be a port of {bridge} as well",
        "a card is a port of one bridge or bond only",
        "name that bridge in network.bridges, with its own ports, instead of a second one: what it has in the file "
        "stays; of a bond, name the bond as port",
        "H651",
    )


def _refuse_bridge(port: str, ports: tuple[str, ...]) -> Finding:
    return Finding(
        "refuse",
        f"{port} is a bridge in the file, and no bridge can be a port of another",
        "the kernel does not put a bridge into a bridge",
        f"call the bridge {port} in network.bridges, with `ports: [{', '.join(ports)}]`; the guests' configurations "
        "name it then",
        "H651",
    )


def _manual(paragraph: Paragraph, port: str, bridge: Bridge, carried: Carried) -> Paragraph:
    """A paragraph without an address stays, but for hooks that give the card one by its name."""
    stays: list[str] = []
    for line in paragraph.lines[1:]:
        words = tuple(words_of(line)) or ("#",)
        is_address = port_lines.is_hook(words) and port_lines.place(words, port) == "bridge"
        if is_address and port_lines.names(line, port):
            carried.lines.append(port_lines.renamed(line, port, bridge.name))
        else:
            stays.append(line)
    return replace(paragraph, lines=(paragraph.lines[0], *stays))


def _split(
    paragraph: Paragraph, port: str, bridge: Bridge, found: list[Finding]
) -> tuple[list[str], list[str]]:
    """Return the lines that stay with the port and those that go; a comment goes with the line behind it."""
    stays: list[str] = []
    goes: list[str] = []
    comments: list[str] = []
    for line in paragraph.lines[1:]:
        words = tuple(words_of(line))
        if not words or words[0].startswith("#"):
            comments.append(line)
            continue
        place = port_lines.place(words, port)
        if place == "unknown":
            found.append(by_hand(port, bridge.name, line.strip()))
        if place in ("port", "both"):
            stays += [*(comments if place == "port" else ()), line]
        if place != "port":
            moved = port_lines.renamed(line, port, bridge.name) if port_lines.is_hook(words) else line
            goes += [*comments, moved]
        comments = []
    return stays, goes


def _is_address(line: str) -> bool:
    return words_of(line)[:1] != [] and words_of(line)[0] in port_lines.ADDRESS
