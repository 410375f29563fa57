"""A proposal as a commented parameter file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from runbook.errors import ParamsError
from runbook.params.host import Local, Ssh, Stored
from runbook.params.yaml12 import parse
from runbook.proposal import living
from runbook.proposal.cards import Bridge, Cards
from runbook.proposal.commented import above, beside, clean, commented, dump, flow, flow_map, folded, quoted
from runbook.proposal.devices import add_devices
from runbook.proposal.disks import about_root
from runbook.proposal.filters import Filters
from runbook.proposal.machine import RELEASES, Proposal
from runbook.survey.tables import machine_rows

_GUEST = """\
# A guest, in the terms of xl.cfg(5); take away the `# ` of these lines to have it. All that a guest can
# have is in params/schema.json, four whole ones are in params/victory.yml."""
_OWN_CHAIN = (
    "drops packets that guests send over a bridge. It is your own, and stays as it is; notebook 06 says which line lets "
    "them pass."
)
_OF_OTHERS = "no file of a network manager names it, so what made it keeps it; it is not among these, and neither are guests on it."
_CONSENT = """\
# Steps that restart the machine, or touch its network or boot menu, ask a person at the keyboard. To let
# a run do them unattended, name them here:
# consent: [configure_bridges, set_boot_menu, boot_xen_once, make_xen_default]"""


def write(host: str, connection: Ssh | Local | Stored, seen: Proposal) -> str:
    """Return the whole file as text; it validates as it is.

    The YAML library writes it, and what it wrote is read again: whatever a machine said, the file's keys and
    values are those that were meant. Raises `ParamsError` when they would not be.
    """
    top = CommentedMap()
    _identity(top, host, connection, seen)
    _installation(top, seen)
    living.add_configuration(top, seen)
    _dom0(top, seen)
    _network(top, seen.wiring, seen.filters)
    there = living.guests_of(host, seen)
    rest = add_devices(top, seen, there.devices)
    _storage(top, seen, rest)
    living.add_services(top, seen)
    living.add_guests(top, there, ["", *_guest(seen), "", *_CONSENT.splitlines()])
    text = dump(top)
    if parse(text, Path(f"{host}.yml"))[0] != _texts(top):
        raise ParamsError(
            f"The file for {host} would not say what was meant",
            why="the machine gave a name that cannot be written down",
            do="write the file by hand, from params/example.yml",
        )
    return text


def _texts(value: Any) -> Any:
    """Return values as the reader of parameters gives them: every scalar as text."""
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return None
    return [_texts(inner) for inner in value] if isinstance(value, list) else str(value)


def _head(host: str, seen: Proposal) -> Iterator[str]:
    yield f"# {host}: written by `runbook new` from what the machine said. Nothing on it was changed."
    yield "# Read it line by line and make it yours; `runbook plan` then shows what would be done, and does nothing."
    yield "#"
    rows = [*machine_rows(seen.machine)]
    wide = max(len(what) for what, _ in rows)
    yield from (clean(f"# {what:<{wide}}  {' '.join(value.split())}") for what, value in rows)
    yield ""
    if host != seen.machine.system.hostname:
        called = f"The machine calls itself {seen.machine.system.hostname}"
        yield from folded(f"{called}; its reports are filed under this name.")


def _identity(top: CommentedMap, host: str, connection: Ssh | Local | Stored, seen: Proposal) -> None:
    system = seen.machine.system
    top["host"] = host
    above(top, "host", _head(host, seen))
    top["release"] = seen.release
    if system.codename not in RELEASES:
        above(top, "release", folded(
            f"The machine runs {system.pretty_name}, which the runbook does not install Xen on; "
            "either Debian 13 (trixie) or 12 (bookworm) has to be installed first."
        ))  # fmt: skip
    top["connection"] = CommentedMap({"kind": connection.kind} | connection.model_dump(exclude_defaults=True))
    says = (
        "What Xen says that the machine has"
        if system.is_dom0
        else "What Linux can use of the machine's memory"
    )
    top["ram_mib"] = seen.machine.memory.machine_mib
    above(top, "ram_mib", folded(f"{says}; sums are checked against it before the machine is reached."))


def _installation(top: CommentedMap, seen: Proposal) -> None:
    disks = (
        f"#   {disk.name}  {disk.size}, {disk.by_id or 'no lasting name known'}: {disk.use}"
        for disk in seen.disks
    )
    top["installation"] = here = CommentedMap(method="none")
    above(top, "installation", ["", "# The disks now:", *map(clean, disks)])
    name = next((d.by_id for d in seen.disks if d.by_id), "/dev/disk/by-id/…")
    beside(here, "method", about_root(seen.machine.storage), (
        "  # To install anew, with method preseed or live, choose the disk that is overwritten, whole:",
        f"  # disk: {clean(name)}",
    ))  # fmt: skip


def _dom0(top: CommentedMap, seen: Proposal) -> None:
    top["dom0"] = here = CommentedMap(memory_mib=seen.dom0_mib, max_vcpus=seen.max_vcpus)
    above(top, "dom0", [""])
    if words := seen.has.dom0.get("kernel_options"):
        here["kernel_options"] = flow(words)
    living.add_xen(top, seen)
    above(here, "memory_mib", folded(f"{seen.dom0_why[0].upper()}{seen.dom0_why[1:]}.", 2))
    beside(here, "max_vcpus", seen.max_vcpus_why)


def _network(top: CommentedMap, cards: Cards, found: Filters) -> None:
    top["network"] = here = CommentedMap(bridges=CommentedSeq() if cards.bridges else flow(()))
    above(top, "network", [""])
    said = [*_no_bridge(cards.no_way)] if cards.no_way else []
    said += [*folded(f"{', '.join(cards.of_others)}: {_OF_OTHERS}", 2)] if cards.of_others else []
    said += [line for who in found.own_chains for line in folded(f"{who} {_OWN_CHAIN}", 2)]
    said += [line for why in cards.staying.values() for line in folded(f"{why}: it stays as it is.", 2)]
    if said:
        above(here, "bridges", said)
    for bridge in cards.bridges:
        here["bridges"].append(_bridge(bridge))
    if found.pass_bridged:
        here["pass_bridged"] = True
        beside(here, "pass_bridged", found.pass_bridged)


def _no_bridge(why: str) -> Iterator[str]:
    """Yield why the way out has no bridge; a bridge without a port, routed by the host, is what can be had then."""
    yield from folded(
        f"No bridge on the way out: {why}. Guests can have a network of their own instead, a bridge without a card "
        "(`ports: []`, an address, `nat: true`) behind which this host leads them out.", 2
    )  # fmt: skip


def _bridge(bridge: Bridge) -> CommentedMap:
    entry = CommentedMap(name=bridge.name, ports=flow(bridge.ports), ipv4=bridge.ipv4)
    if bridge.nat:
        entry["nat"] = True
    beside(entry, "name", bridge.why)
    beside(entry, "ports", ", ".join(bridge.controllers))
    if bridge.ipv4 == "none":
        beside(entry, "ipv4", "dom0's own address here, such as 10.0.0.2/24; none keeps dom0 out of it")
    return entry


def _storage(top: CommentedMap, seen: Proposal, rest: list[str]) -> None:
    top["storage"] = here = CommentedMap(guest_volume_group=seen.guest_group)
    above(top, "storage", [*rest, ""])
    beside(here, "guest_volume_group", seen.guest_group_why)


def _guest(seen: Proposal) -> list[str]:
    given = seen.chosen - seen.hidden
    may = next((g for g in seen.groups if given.issuperset(g.bdfs)), None)
    nics = [flow_map({"bridge": b.name, "mac": quoted("00:16:3e:00:00:01")}) for b in reversed(seen.bridges)][
        :1
    ]
    in_pool = {"thin_pool": seen.guest_pool} if seen.guest_pool else {}
    guest = CommentedMap(
        name="first", memory_mib=1024, vcpus=1, volume=flow_map({"name": "first", "size_gib": 10} | in_pool),
        nics=flow(nics), pci=flow(may.bdfs if may else ()), vnc_display=10,
    )  # fmt: skip
    where = (
        f"{seen.guest_group}, and takes from its thin pool what is written" if in_pool else seen.guest_group
    )
    beside(guest, "volume", f"a logical volume in {clean(where)}")
    return [*_GUEST.splitlines(), *commented(CommentedMap(guests=CommentedSeq([guest])), 0)]
