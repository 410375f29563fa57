"""How a host's own packet filter is told, in its own words, to let guests behind the host out, and ask the host."""

from __future__ import annotations

from collections.abc import Iterable


def pass_on(who: str, bridges: Iterable[str], way_out: str) -> str:
    """Return what lets guests' packets out by an interface, and the answers in, in the words of who drops them."""
    names, out = list(bridges), way_out or "the way out"
    if who == "Docker":
        each = "; ".join(
            f"iptables -I DOCKER-USER {way} {n} -j ACCEPT" for n in names for way in ("-i", "-o")
        )
        return f"run `{each}` and make it lasting, then run again"
    if who == "ufw":
        each = "; ".join(f"ufw route allow in on {n}; ufw allow in on {n}" for n in names)
        return f"run `{each}`, which lets guests out and lets them ask this host for addresses and names; then run again"
    if who == "firewalld":
        return _zone(
            names,
            f"the bridge and {out} have to be in one zone that passes on among its interfaces (`firewall-cmd "
            "--query-forward` has to say yes)",
        )
    if who.startswith("iptables"):
        each = "; ".join(f"iptables -I FORWARD {way} {n} -j ACCEPT" for n in names for way in ("-i", "-o"))
        return f"run `{each}` and make it lasting, then run again"
    rules = " and ".join(
        f'`iifname "{n}" accept`, `oifname "{n}" ct state established,related accept`' for n in names
    )
    return f"write {rules} in front of what drops there, in the file that it comes from, and load that; then run again"


def let_ask(who: str, bridges: Iterable[str]) -> str:
    """Return what lets guests ask the host for their address and for names, in the words of who drops that."""
    names = list(bridges)
    if who in ("ufw", "Docker"):
        return f"run `{'; '.join(f'ufw allow in on {n}' for n in names)}`, then run again"
    if who == "firewalld":
        return _zone(names, "nothing but what serves guests answers there")
    if who.startswith("iptables"):
        each = "; ".join(
            f"iptables -I INPUT -i {n} -p udp --dport {port} -j ACCEPT" for n in names for port in (53, 67)
        )
        return f"run `{each}` and make it lasting, then run again"
    rules = " and ".join(f'`iifname "{n}" udp dport {{ 53, 67 }} accept`' for n in names)
    return f"write {rules} in front of what drops there, in the file that it comes from, and load that; then run again"


def _zone(names: Iterable[str], why: str) -> str:
    """Return the commands for the zone that rules an interface which no zone names: the default one."""
    listed = ", ".join(names)
    return (
        f"run `firewall-cmd --add-service=dhcp --add-service=dns` and the same with `--permanent`, which is about the "
        f"default zone: it rules {listed}, as long as no other one names it; {why}; then run again"
    )
