"""The ways into a host that a packet filter of ours would shut, each named beforehand."""

from __future__ import annotations

from runbook.facts.listening import Listening, Socket
from runbook.facts.ssh_server import SshServer
from runbook.model.plan import Finding
from runbook.params import HostParams

_CARRIERS = ("openvpn", "ocserv-main", "charon", "charon-systemd", "pluto", "tincd", "nebula", "vtund", "xl2tpd", "vpnserver",
             "wireguard-go", "boringtun")  # fmt: skip
"""Programs that listen for tunnels; the kernel does so itself for WireGuard. Others, such as Tailscale, reach out."""
_SSH = ("sshd", "dropbear")
_PUBLISHERS = ("docker-proxy", "conmon")
"""Who listens for what is led on to a container before it comes to a rule for the host itself."""


def shut(params: HostParams, server: SshServer, now: Listening) -> list[Finding]:
    """Return what would be shut: a way that people log in by is a reason to refuse, any other is told."""
    asked = params.configuration.firewall
    tcp = {str(port) for port in (asked.ssh_port, *asked.open_tcp)}
    udp = {str(port) for port in asked.open_udp}
    closed = [s for s in now.sockets if s.port not in (tcp if s.kind == "tcp" else udp)]
    listens = [s.port for s in now.sockets if s.kind == "tcp" and s.program in _SSH]
    found = _ssh(str(asked.ssh_port), tcp, server, tuple(dict.fromkeys((*server.ports, *listens))))
    below = [s for s in closed if _carries(s)] if now.tunnel else []
    for kind in ("udp", "tcp"):
        if ports := ", ".join(s.port for s in below if s.kind == kind):
            found.append(
                _refuse(
                    f"This session came in through {now.tunnel}, and {kind.upper()} {ports} would be shut",
                    "the new connection runs inside the old tunnel, so all would look well until the tunnel's next "
                    "handshake; then nobody gets in",
                    f"add the tunnel's own port to configuration.firewall.open_{kind}: [{ports}]",
                )
            )
    published = [s for s in closed if s.program in _PUBLISHERS]
    found += [_published(published)] if published else []
    others = [s for s in closed if s not in (*below, *published) and s.port not in (*server.ports, *listens)]
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
    found += [_by_protocol(now.protocols)] if now.protocols else []
    return found


def _by_protocol(protocols: tuple[str, ...]) -> Finding:
    return Finding(
        "warn",
        f"What comes by protocols without ports would be shut: {', '.join(protocols)}",
        "the filter lets in ports of TCP and UDP, and answers to what this host sent first; a tunnel or IPsec that its other end "
        "begins is dropped",
        "set `kind: keep`, and write a filter of your own that lets them in",
        "nft(8)",
    )


def _published(sockets: list[Socket]) -> Finding:
    return Finding(
        "warn",
        f"What containers publish stays open: {', '.join(map(str, sockets))}",
        "Docker and Podman lead these packets on by rules of their own, before they come to one for the host",
        "publish what others shall not reach on 127.0.0.1 alone (`-p 127.0.0.1:PORT:PORT`)",
        "nft(8)",
    )


def _carries(socket: Socket) -> bool:
    """Return whether a tunnel may come in by it."""
    return socket.program in _CARRIERS or (socket.kind == "udp" and not socket.program)


def _ssh(port: str, tcp: set[str], server: SshServer, every: tuple[str, ...]) -> list[Finding]:
    """The port of this session, and every port that sshd, or another one beside it, listens on, must stay open."""
    listens = server.settings.get("port", ())
    why = "every new ssh connection would be dropped"
    if server.session_port not in ("", *tcp):
        what, other = f"This session came in by port {server.session_port}, not {port}", server.session_port
    elif (listens and port not in server.ports) or (listens and not tcp & set(listens)):
        what, other = f"The ssh server listens on port {' and '.join(listens)}, not {port}", listens[0]
    else:
        more = [p for p in every if p not in tcp]
        what = f"The ssh server listens on port {', '.join(more)} as well, which would be shut"
        do = f"add to configuration.firewall.open_tcp: [{', '.join(more)}]"
        return [_refuse(what, "whoever logs in by it would be shut out", do)] if more else []
    return [_refuse(what, why, f"set configuration.firewall.ssh_port: {other}")]


def _refuse(what: str, why: str, do: str) -> Finding:
    return Finding("refuse", what, why, do, "nft(8)")
