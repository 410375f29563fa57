"""The ways into a host that a packet filter of ours would shut, each named beforehand."""

from __future__ import annotations

from runbook.facts.listening import Listening
from runbook.facts.ssh_server import SshServer
from runbook.model.plan import Finding
from runbook.params import HostParams


def shut(params: HostParams, server: SshServer, now: Listening) -> list[Finding]:
    """Return what would be shut: a way that people log in by is a reason to refuse, any other is told."""
    asked = params.configuration.firewall
    tcp = {str(port) for port in (asked.ssh_port, *asked.open_tcp)}
    udp = {str(port) for port in asked.open_udp}
    closed = [s for s in now.sockets if s.port not in (tcp if s.kind == "tcp" else udp)]
    found = _ssh(str(asked.ssh_port), tcp, server)
    below = [s for s in closed if s.kind == "udp" and not s.program] if now.tunnel else []
    if below:
        ports = ", ".join(s.port for s in below)
        found.append(
            _refuse(
                f"This session came in through {now.tunnel}, and UDP {ports} would be shut",
                "the new connection runs inside the old tunnel, so all would look well until the tunnel's next "
                "handshake; then nobody gets in",
                f"add the tunnel's own port to configuration.firewall.open_udp: [{ports}]",
            )
        )
    others = [s for s in closed if s not in below and s.port not in server.ports]
    if others:
        found.append(
            Finding(
                "warn",
                f"What listens now would be shut: {', '.join(map(str, others))}",
                "only the ports of the parameters stay open, to guests as to the network",
                "add what others shall reach to configuration.firewall.open_tcp or open_udp",
                "ss(8)",
            )
        )
    return found


def _ssh(port: str, tcp: set[str], server: SshServer) -> list[Finding]:
    """The port of this session, and every port that sshd listens on, must stay open."""
    listens = server.settings.get("port", ())
    why = "every new ssh connection would be dropped"
    if server.session_port not in ("", *tcp):
        what, other = f"This session came in by port {server.session_port}, not {port}", server.session_port
    elif (listens and port not in server.ports) or (listens and not tcp & set(listens)):
        what, other = f"The ssh server listens on port {' and '.join(listens)}, not {port}", listens[0]
    else:
        more = [p for p in server.ports if p not in tcp]
        what = f"The ssh server listens on port {', '.join(more)} as well, which would be shut"
        do = f"add to configuration.firewall.open_tcp: [{', '.join(more)}]"
        return [_refuse(what, "whoever logs in by it would be shut out", do)] if more else []
    return [_refuse(what, why, f"set configuration.firewall.ssh_port: {other}")]


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "nft(8)")
