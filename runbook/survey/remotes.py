"""By which card dom0 has what it mounts over the network: NFS and its like, iSCSI, NVMe over fabrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runbook.facts import network_ways
from runbook.facts.network import Network
from runbook.facts.storage import Storage
from runbook.facts.storage.rests import Remote, remotes

_ADDRESS = re.compile(r"\[[0-9a-fA-F:]+\]|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")


def with_remotes(network: Network, storage: Storage, sessions: dict[str, str]) -> Network:
    """Return the network that knows by which interface each such mount or disk is reached.

    `sessions` are the other sides of iSCSI and NVMe (`facts.sessions`). Of one whose address nobody said nothing is added:
    it runs over some interface with an address, and that counts as in use already.
    """
    found = {
        (f"{remote.what} from {address}", way): None
        for remote in remotes(storage)
        for address in _addresses(remote, sessions)
        if (way := network_ways.way_to(network, address))
    }
    return replace(network, remotes=tuple(found))


def _addresses(remote: Remote, sessions: dict[str, str]) -> Iterator[str]:
    """Yield the addresses that a mount's options tell (`addr=` of nfs(5) and mount.cifs(8), `mon_addr=` of Ceph), else its source."""
    yield from (sessions[name] for name in remote.sessions if name in sessions)
    told = [o.partition("=")[2] for o in remote.options if o.startswith(("addr=", "mon_addr=", "ip="))]
    for text in told or [remote.source]:
        yield from (found.strip("[]") for found in _ADDRESS.findall(text) or _bare(text, told))


def _bare(text: str, told: list[str]) -> list[str]:
    """Return an IPv6 address as an option has it, without brackets."""
    return [text] if told and ":" in text else []
