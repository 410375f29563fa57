"""Bridges in netplan's files: what the card's definition had goes to the bridge's, in the file that it stands in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runbook.actions import NetworkFile
from runbook.actions.network import Manager
from runbook.errors import ParamsError
from runbook.facts import netplan, network, network_manager, networkd
from runbook.facts.netplan import CLOUD_DROP_IN, FOLDER
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams, edit
from runbook.params.host import Bridge
from runbook.steps.shared.writers import netplan_drop_ins, netplan_nm
from runbook.steps.shared.writers import netplan_findings as said
from runbook.steps.shared.writers import netplan_text as texts
from runbook.steps.shared.writers.asked import as_asked
from runbook.steps.shared.writers.given_up import two_givers
from runbook.steps.shared.writers.netplan_data import InYaml, place
from runbook.steps.shared.writers.netplan_definitions import (
    Work,
    beside,
    definition_of,
    files_of,
    is_own,
    unsure,
)
from runbook.steps.shared.writers.network_manager import GUESTS
from runbook.steps.shared.writers.networkd_names import leave_guests_alone, link_of
from runbook.steps.shared.writers.written import Written

MANAGER: Manager = "netplan"
_HEADER = "# Made by the runbook; bridges come from params network.bridges. See netplan(5).\n"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about netplan's files, and what it made of them."""
    guests = Ask.read(GUESTS)
    return (*network.COMMANDS, *networkd.COMMANDS, *netplan.COMMANDS, *network_manager.COMMANDS, guests)


def write(params: HostParams, facts: Facts) -> Written:
    """Return the files with the bridges of the parameters."""
    work = Work(netplan.parse(facts), networkd.parse(facts), network.parse(facts), facts)
    if work.told.broken:
        return Written(findings=tuple(said.unreadable(path, why) for path, why in work.told.broken))
    for bridge in params.network.bridges:
        try:
            _bridge(bridge, work)
        except (ParamsError, KeyError) as error:
            why = error.why if isinstance(error, ParamsError) else str(error)
            found = said.by_hand(f"the files of {FOLDER} ({why})", "a port", bridge.name)
            return Written(findings=(*work.findings, found))
    leave_guests_alone(work.daemon, work.files, work.findings)
    _stay_written(work)
    others = {name for kind in netplan.KINDS for name in work.told.whole.get(kind) or {}}
    files = [NetworkFile(path, text, "0600" if path.startswith(FOLDER) and path not in work.told.texts else "")
             for path, text in work.files.items()]  # fmt: skip
    return Written(
        files=tuple(files),
        findings=tuple(work.findings),
        gateways=frozenset(work.gateways),
        others=frozenset(others),
        holds=work.holds,
        links=tuple(dict.fromkeys(work.links)),
        made=tuple(work.made),
    )


def _bridge(bridge: Bridge, work: Work) -> None:
    whole = (work.told.whole.get("bridges") or {}).get(bridge.name)
    has_ports = (whole or {}).get("interfaces") or []
    work.links += [*bridge.ports, bridge.name]
    ids = {port: definition_of(port, work.told, work.daemon, work.now) for port in bridge.ports}
    new = [port for port in bridge.ports if whole is None or (ids[port] or port) not in has_ports]
    stopped = len(work.findings)
    renderer = _renderer(bridge, ids, work)
    if new and whole is None and renderer == netplan_nm.RENDERER:
        work.findings += netplan_nm.stops(bridge, ids, work)
    if whole is not None:
        work.findings += [said.lacks_port(bridge, port) for port in new]
    elif len(work.findings) > stopped:
        work.holds[bridge.name] = InYaml(work.told.definition(next(iter(ids.values()), ""))).held()
        return
    else:
        work.made.append(bridge.name)
        _new(bridge, ids, renderer, work)
        for port in bridge.ports:
            netplan_drop_ins.carry(port, bridge.name, work)
    _as_asked(bridge, next(iter(bridge.ports), bridge.name), work)
    if renderer == netplan_nm.RENDERER:
        held = work.holds[bridge.name]
        netplan_nm.leave_guests_alone(work)
        work.holds[bridge.name] = replace(held, addresses=held.addresses | netplan_nm.steady(bridge, work))
    for path in files_of("bridges", bridge.name, work):
        work.files.setdefault(path, work.text(path))


def _renderer(bridge: Bridge, ids: dict[str, str], work: Work) -> str:
    """Return the program that has a bridge's ports, or the bridge; a finding stops where it is not one of two."""
    each = {work.told.renderer(name) if name else _usual(work, "ethernets") for name in ids.values()}
    renderers = sorted(each) or [work.told.renderer(bridge.name)]
    if len(renderers) > 1 or renderers[0] not in ("networkd", netplan_nm.RENDERER):
        work.findings.append(said.other_renderers(bridge.name, renderers))
    return renderers[0]


def _new(bridge: Bridge, ids: dict[str, str], renderer: str, work: Work) -> None:
    """Add a bridge: with what its first port has in the files of that port, or in a file of its own."""
    first = next(
        (p for p in bridge.ports if InYaml(work.told.definition(ids[p])).has_any()),
        next(iter(bridge.ports), ""),
    )
    members: dict[str, str] = {}
    for port in bridge.ports:
        if ids[port]:
            work.findings += unsure(port, ids[port], bridge.name, work)
        members[port] = (
            ids[port] if ids[port] and is_own(port, ids[port], work) else beside(port, ids[port], work)
        )
        if port != first and InYaml(work.told.definition(ids[port])).has_any():
            work.findings.append(two_givers(bridge.name, first, port))
    more: dict[str, Any] = {"interfaces": list(members.values())} if members else {}
    if first and (mac := link_of(first, work.now).mac):
        more["macaddress"] = mac
    more["parameters"] = {"stp": "false", "forward-delay": "0"}
    if renderer != _usual(work, "bridges") and "renderer" not in work.told.definition(ids.get(first, "")):
        more["renderer"] = renderer
    card = members.get(first, "")
    goes = {
        k: v for k, v in work.told.definition(ids.get(first, "")).items() if place(k) in ("bridge", "both")
    }
    if card and card == ids[first]:
        _in_place(bridge.name, card, more, work)
    else:
        if not ids.get(first) and bridge.ipv6 == "keep":  # who has no definition takes nothing
            more["link-local"] = []
        _own_file(bridge.name, more | goes, members, ids, work)
    if renderer == netplan_nm.RENDERER:
        netplan_nm.finish(bridge, first, work)
    elif card:
        _keep_lease(bridge.name, first, goes, work)


def _usual(work: Work, kind: str) -> str:
    """Return the program that a definition of a kind is for where it does not say so itself."""
    return str(
        (work.told.whole.get(kind) or {}).get("renderer") or work.told.whole.get("renderer") or "networkd"
    )


def _in_place(bridge: str, card: str, more: dict[str, Any], work: Work) -> None:
    kind = work.told.kind(card)
    for path in files_of(kind, card, work):
        has = work.told.pieces[path][kind][card] or {}
        keys = [key for key in has if place(key) == "bridge"]
        both = {key: value for key, value in has.items() if place(key) == "both"}
        if keys or both or more:
            old = work.text(path)
            text = texts.moved(old, ("network", kind, card), keys, bridge, more | both)
            work.files[path] = text
            got = ((texts.as_told(text).get("bridges") or {}).get(bridge)) or {}
            wanted = more | both | {key: has[key] for key in keys}
            own = ((kind, card), ("bridges", bridge))
            # An anchor of the card's lines may be meant elsewhere (`*name`).
            if got != wanted or texts.besides(old, *own) != texts.besides(text, *own):
                work.findings.append(said.by_hand(path, card, bridge))
        more = {}


def _own_file(
    bridge: str, data: dict[str, Any], members: dict[str, str], ids: dict[str, str], work: Work
) -> None:
    """Add a file for a bridge whose ports have none that is theirs alone."""
    path = f"{FOLDER}/90-{bridge}.yaml"
    lines = ["network:", "  version: 2"]
    cards = {name: port for port, name in members.items() if name != ids[port]}
    if cards:
        lines.append("  ethernets:")
    for name, port in cards.items():
        stays = {k: v for k, v in work.told.definition(ids[port]).items() if place(k) in ("port", "both")}
        stays = {k: v for k, v in stays.items() if k not in ("match", "set-name")}
        match = {"match": {"name": port}} if name != port else {}
        lines.append(f"    {name}: {edit.inline(match | stays)}")
    lines += ["  bridges:", f"    {bridge}:", *(f"      {k}: {edit.inline(v)}" for k, v in data.items())]
    work.files[path] = _HEADER + "".join(f"{line}\n" for line in lines)


def _as_asked(bridge: Bridge, whose: str, work: Work) -> None:
    """Bring the bridge's addresses to what the parameters ask, where it stands in one file; note what it has."""
    paths = files_of("bridges", bridge.name, work)
    every = work.told_now("bridges", bridge.name)
    has = InYaml(every)
    as_asked(bridge, has, whose, work.findings)
    where = ("network", "bridges", bridge.name)
    if has.data != every and (len(paths) != 1 or not paths[0].startswith(FOLDER)):
        work.findings.append(said.in_many(bridge.name, paths))
    elif has.data != every:
        text = work.text(paths[0])
        for key in every.keys() - has.data.keys():
            text = edit.remove(text, (*where, key))
        for key, value in has.data.items():
            text = edit.put(text, (*where, key), value) if every.get(key) != value else text
        work.files[paths[0]] = text
    work.holds[bridge.name] = netplan_drop_ins.with_drop_ins(has.held(), bridge.name, work)
    if has.leases(4) or has.gateways(4):
        work.gateways.add(bridge.name)


def _keep_lease(bridge: str, port: str, goes: dict[str, Any], work: Work) -> None:
    """Have DHCP servers know the bridge as the card that they leased to (H655): netplan has no word for that number."""
    status, has = work.daemon.status.get(port), InYaml(goes)
    lines = [_HEADER.rstrip("\n")]
    if status and status.iaid and has.leases(4) and goes.get("dhcp-identifier", "duid") == "duid":
        lines += ["[DHCPv4]", f"IAID={int(status.iaid, 16)}"]
    if status and status.iaid6 and (has.leases(6) or has.listens()):
        lines += ["[DHCPv6]", f"IAID={int(status.iaid6, 16)}"]
    if len(lines) > 1:
        path = f"{networkd.FOLDER}/10-netplan-{bridge}.network.d/50-lease.conf"
        work.files[path] = "".join(f"{line}\n" for line in lines)


def _stay_written(work: Work) -> None:
    """Keep cloud-init from writing a file anew that is changed here."""
    mine = [
        p
        for p, t in work.files.items()
        if p in work.told.texts and t != work.told.texts[p] and "cloud-init" in p
    ]
    if mine and work.told.is_renewed:
        work.files[CLOUD_DROP_IN] = "network: {config: disabled}\n"
        work.findings.append(said.no_more_renewed(mine[0]))
