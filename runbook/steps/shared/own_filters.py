"""Ports kept open by the filter that a host has already: in ufw's and firewalld's own words, and never wider than they are."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from runbook.actions import Run
from runbook.facts import firewalld, ufw
from runbook.model.ask import Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams

UFW, FIREWALLD = "ufw", "firewalld"
_MANUAL = {UFW: "ufw(8)", FIREWALLD: "firewall-cmd(1)"}


def ufw_filters(facts: Facts) -> bool:
    """Return whether ufw is switched on, or nobody can say; installed and switched off it filters nothing."""
    is_known = all(ask in facts for ask in ufw.COMMANDS) and facts.text(ufw.CONF) is not None
    return not is_known or ufw.parse(facts).is_on


def program(unit: str, facts: Facts) -> str:
    """Return ufw or firewalld where that unit is theirs and they answer, else ''."""
    if unit == "ufw.service" and ufw.parse(facts).is_on:
        return UFW
    return FIREWALLD if unit == "firewalld.service" and firewalld.opened(facts).default else ""


def plan(name: str, params: HostParams, facts: Facts) -> Plan:
    """Let in each port that is asked for and that no rule of the host's own is about; take nothing away.

    A rule for some senders alone counts: what its owner narrowed is not made wide.
    """
    note = f"{name} filters here, and goes on to: it is told in its own words, and its other rules stay as they are."
    actions = tuple(_ufw(params, facts) if name == UFW else _firewalld(params, facts))
    findings = tuple(_wide(name, facts, actions))
    return Plan(actions, findings, note) if actions or findings else Plan()


def check(name: str, params: HostParams, facts: Facts) -> list[Finding]:
    """What is asked for is let in, now and after the next start, and what no rule is about is not."""
    missing = _ufw(params, facts) if name == UFW else _firewalld(params, facts)
    do = "run the step close_ports in mode apply"
    closed = [
        Finding("fail", f"{name} was not told: {r.title.removeprefix('run ')}", "", do, _MANUAL[name])
        for r in missing
    ]
    return [*closed, *_wide(name, facts, missing)]


def _ufw(params: HostParams, facts: Facts) -> list[Run]:
    now, asked = ufw.parse(facts), params.configuration.firewall
    wanted: list[tuple[tuple[str, ...], str, int, str]] = [
        ((f"{port}/{kind}",), kind, port, "") for kind, port in _ports(params)
    ]
    for bridge in (b.name for b in params.network.bridges if b.nat):
        for kind, port in (("udp", 67), ("any", 53)):
            words = ("in", "on", bridge, "to", "any", "port", str(port))
            wanted.append(((*words, "proto", kind) if kind != "any" else words, kind, port, bridge))
    why = {asked.ssh_port: "ssh goes on to be let in"}
    return [
        Run(("ufw", "allow", *words), why.get(port, ""), undo=("ufw", "delete", "allow", *words))
        for words, kind, port, bridge in wanted
        if not now.lets_in(kind, port, bridge)
    ]


def _firewalld(params: HostParams, facts: Facts) -> list[Run]:
    """The zone of whatever is bound to none gets the ports; those of another zone, or of a rule for some senders, count.

    What guests ask the host by their bridge, the bridge's own zone has to let in, and for all of them.
    """
    now = firewalld.opened(facts)
    wanted = [(now.default, f"{port}/{kind}", "") for kind, port in _ports(params)]
    for bridge in (b.name for b in params.network.bridges if b.nat):
        wanted += [(now.zone_of(bridge), port, bridge) for port in ("67/udp", "53/udp", "53/tcp")]
    found = {}
    for zone, port, bridge in wanted:
        for is_kept in (False, True):
            how = ("firewall-cmd", *(("--permanent",) if is_kept else ()), f"--zone={zone}")
            is_in = (
                now.serves(bridge, port, is_kept=is_kept) if bridge else now.lets_in(port, is_kept=is_kept)
            )
            if not is_in:
                why = "for each start of firewalld" if is_kept else "from now on"
                run = Run((*how, f"--add-port={port}"), why, undo=(*how, f"--remove-port={port}"))
                found[run.argv] = run
    return list(found.values())


def _ports(params: HostParams) -> list[tuple[str, int]]:
    asked = params.configuration.firewall
    tcp = dict.fromkeys((asked.ssh_port, *asked.open_tcp))
    return [*(("tcp", port) for port in tcp), *(("udp", port) for port in dict.fromkeys(asked.open_udp))]


def _wide(name: str, facts: Facts, missing: Sequence[Run]) -> list[Finding]:
    """Return a refusal where the filter lets in what no rule is about: it closes nothing then.

    Nothing is done then, so the move itself lets the ports in that are still missing, before it closes the others.
    """
    now = firewalld.opened(facts)
    told = [shlex.join(run.argv) for run in missing if name == UFW or "--permanent" in run.argv]
    if name == UFW:
        close = "; ".join((*told, "ufw default deny incoming"))
        return (
            [] if ufw.parse(facts).drops else [_open("ufw lets in what no rule of it is about", close, name)]
        )
    if now.default in now.accepting:
        target = ("firewall-cmd", "--permanent", f"--zone={now.default}", "--set-target=default")
        close = "; ".join((*told, shlex.join(target), "firewall-cmd --reload"))
        return [_open("firewalld lets in what no rule of it is about", close, name)]
    return [
        _open(
            f"firewalld lets in all that comes by {card}: its zone {zone} accepts what no rule is about",
            "; ".join(
                (
                    *told,
                    shlex.join(
                        ("firewall-cmd", "--permanent", f"--zone={now.default}", f"--change-interface={card}")
                    ),
                )
            ),
            name,
            f" and the same without `--permanent`: the zone {now.default} drops what no rule lets in",
        )
        for card in now.cards
        if (zone := now.zone_of(card)) in now.accepting
    ]


def _open(what: str, close: str, name: str, more: str = "") -> Finding:
    why = "all ports but ssh are to be closed, and it closes none"
    return Finding("refuse", what, why, f"run `{close}`{more}; or set `kind: keep`", _MANUAL[name])
