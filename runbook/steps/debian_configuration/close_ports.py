"""The host's own packet filter, switched with an automatic way back. Guests' traffic does not meet it."""

from __future__ import annotations

from runbook.actions import Action, Run, Switch
from runbook.facts import firewall, firewalld, listening, services, ssh_server, ufw
from runbook.facts.firewall import FILE, TABLE, Firewall
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.shared import own_filters, own_units, wanted_packages, ways_in

TITLE = "Close all ports but ssh"
GUIDE = "The template: iptables rules loaded from if-up.d, with no way back (H313)"
RISK = "disruptive"

_UNIT = "nftables.service"
_RIVALS = ("ufw.service", "firewalld.service", "netfilter-persistent.service", "shorewall.service")
_NAME = " ".join(TABLE)


def asks(params: HostParams) -> tuple[Ask, ...]:
    if not _is_asked(params):
        return ()
    own = (*firewall.commands(rules(params)), Ask.read(_switch(params).kept))
    theirs = (*ufw.COMMANDS, firewalld.OPEN, listening.RAW)
    return (*own, *ssh_server.COMMANDS, *listening.COMMANDS, *services.commands(_UNIT, *_RIVALS), *theirs)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Switch to the rules when they are not in force or not in the file; then start them at boot.

    Where ufw or firewalld filters, it is told in its own words instead, and no rules stand beside its own.
    """
    if not _is_asked(params):
        return Plan(unasked="configuration.firewall.kind is keep")
    if program := _theirs(params, facts):
        return own_filters.plan(program, params, facts)
    now, units = firewall.parse(facts, rules(params)), services.parse(facts, _UNIT, *_RIVALS)
    waits = () if now.is_installed else (wanted_packages.not_installed("nftables", step="this step"),)
    actions: list[Action] = []
    action = _switch(params, is_new=now.file is None)
    is_confirmed = facts.text(action.kept) is None
    if not (is_confirmed and now.file == action.content and now.is_in_force):
        actions.append(action)
    if not units[_UNIT].starts_at_boot:
        actions.append(Run(("systemctl", "enable", _UNIT), undo=("systemctl", "disable", _UNIT)))
    if not actions:
        return Plan(findings=waits)
    rivals = _rivals(facts)
    # Its package brings a file of its own, which has no rules in it, and the program that judges ours.
    findings = (
        *waits,
        *_refusals(now, rivals),
        *own_units.masked([units[_UNIT]], "else set `kind: keep`"),
        *ways_in.shut(params, ssh_server.parse(facts), listening.parse(facts)),
    )
    note = f"Unless a new connection gets in within {action.revert_s} s, the host takes the rules back by itself."
    return Plan(tuple(actions), findings, note)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Exactly these rules are in force, and will be after the next start."""
    if not _is_asked(params):
        return []
    if program := _theirs(params, facts):
        return own_filters.check(program, params, facts)
    now, unit = firewall.parse(facts, rules(params)), services.parse(facts, _UNIT, *_RIVALS)[_UNIT]
    found = []
    if not now.is_in_force:
        why = "another program changed or flushed them" if now.now else "the table is not there"
        found.append(_fail("The rules in force are not those asked for", why))
    if now.file != rules(params):
        found.append(_fail(f"{FILE} is not as asked", "the next start would load something else"))
    if not unit.starts_at_boot:
        found.append(_fail(f"{_UNIT} does not start at boot", "the next start would leave all ports open"))
    return found


def rules(params: HostParams) -> str:
    """Return /etc/nftables.conf: one table of our own, loaded anew in one step; other tables are left alone.

    There is no chain for forwarded packets: bridged guests pass, with br_netfilter or without it.
    """
    asked = params.configuration.firewall
    tcp = ", ".join(map(str, sorted({asked.ssh_port, *asked.open_tcp})))
    udp = ", ".join(map(str, sorted(set(asked.open_udp))))
    lines = [
        "type filter hook input priority filter; policy drop;",
        "ct state established,related accept",
        "ct state invalid drop",
        'iif "lo" accept',
        "icmp type echo-request accept",
        "icmpv6 type { echo-request, mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept",
        "udp sport 67 udp dport 68 accept",
        "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
        f"tcp dport {{ {tcp} }} accept",
        *([f"udp dport {{ {udp} }} accept"] if udp else []),
        *_for_guests(params),
    ]
    body = "".join(f"\t\t{line}\n" for line in lines)
    return (
        "#!/usr/sbin/nft -f\n# From params configuration.firewall. The first two lines let it be loaded again.\n"
        f"table {_NAME}\ndelete table {_NAME}\n\ntable {_NAME} {{\n\tchain input {{\n{body}\t}}\n}}\n"
    )


def _for_guests(params: HostParams) -> list[str]:
    """Guests behind the host ask it for their address and for names."""
    names = [f'"{bridge.name}"' for bridge in params.network.bridges if bridge.nat]
    if not names:
        return []
    return [
        f"iifname {{ {', '.join(names)} }} {rule} accept" for rule in ("udp dport { 53, 67 }", "tcp dport 53")
    ]


def _rivals(facts: Facts) -> list[str]:
    """Return the units of other programs that filter; ufw's runs on every host that has it, switched on or not."""
    units = services.parse(facts, _UNIT, *_RIVALS)
    idle = [] if own_filters.ufw_filters(facts) else ["ufw.service"]
    return [n for n in _RIVALS if n not in idle and (units[n].active == "active" or units[n].starts_at_boot)]


def _theirs(params: HostParams, facts: Facts) -> str:
    """Return the program that filters here and has words for it, '' where the rules are to be ours."""
    rivals = _rivals(facts)
    if len(rivals) != 1 or firewall.parse(facts, rules(params)).is_in_force:
        return ""
    return own_filters.program(rivals[0], facts)


def _is_asked(params: HostParams) -> bool:
    return params.configuration.firewall.kind == "ssh-only"


def _switch(params: HostParams, *, is_new: bool = False) -> Switch:
    """Return the switch. The way back loads the old file only if it was ours: Debian's flushes all tables."""
    return Switch(
        "firewall",
        FILE,
        rules(params),
        enter=f"nft -f {FILE}",
        leave=f"nft delete table {_NAME} 2>/dev/null",
        back=f"! grep -qs '{_NAME}' {FILE} || nft -f {FILE}",
        revert_s=params.network.revert_s,
        is_new=is_new,
        check=("/usr/sbin/nft", "--check", "-f"),
        doubt="see that configuration.firewall.ssh_port is the port that the host's ssh server listens on",
    )


def _refusals(now: Firewall, rivals: list[str]) -> list[Finding]:
    found = []
    if now.error:
        found.append(
            _refuse(
                "nft does not accept the rules",
                now.error.splitlines()[0],
                "if it says that the operation is not supported: this kernel was built without nf_tables",
            )
        )
    if rivals:
        found.append(
            _refuse(
                f"{', '.join(rivals)} also filters packets",
                "two sets of rules, each sure that it is the only one, close what the other opens",
                f"run `systemctl disable --now {rivals[0]}`, or set `kind: keep`",
            )
        )
    if now.own_rules:
        found.append(
            _refuse(
                f"{FILE} has rules that are not ours",
                "they would be replaced",
                "move them to a table of their own that another unit loads, or set `kind: keep`",
            )
        )
    return found


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "nft(8)")


def _fail(what: str, why: str) -> Finding:
    return Finding("fail", what, why, "run the step close_ports in mode apply", "nft(8)")
