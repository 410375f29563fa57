"""The probe guest: how a passed-through network card is proven, and what a proof says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from runbook.model.ask import Ask, Facts
from runbook.params.host import Device

PROGRAM = "/usr/local/lib/xen-runbook/probe"
"""Where the host keeps the program that proves a device."""
RESULTS = "/var/lib/xen-runbook/probe"
"""Where the host keeps the proofs, one JSON file a device."""
TIMEOUT_S = 900
"""How long a probe guest may take; a real machine needs 20 s, software emulation minutes."""

_PROOFS = Ask.shell(f"grep -Hs '' {RESULTS}/*.json; true")
_VERSIONS = Ask.shell("grep -Hs '' /sys/hypervisor/version/*; true")
_KERNEL = Ask.run("uname", "-r")

COMMANDS = (Ask.read(PROGRAM), _PROOFS, _VERSIONS, _KERNEL)


@cache
def program() -> str:
    """Return the shell program that proves a device on the host."""
    return (files("runbook.guests") / "probe.sh").read_text(encoding="utf-8")


def command(device: Device) -> tuple[str, ...]:
    """Return the argv that proves a device.

    >>> command(Device(bdf="00:05.0", id="8086:10d3", what="a card"))[1:]
    ('0000:00:05.0', '8086:10d3', 'strict', '0', '900')
    """
    return (PROGRAM, device.bdf, device.id, device.rdm_policy, str(int(device.permissive)), str(TIMEOUT_S))


def domain_name(device: Device) -> str:
    """Return what the guest that proves a device is called.

    >>> domain_name(Device(bdf="00:05.0", id="8086:10d3", what="a card"))
    'probe-0000-00-05-0'
    """
    return f"probe-{device.bdf}".replace(":", "-").replace(".", "-")


@dataclass(frozen=True)
class Proof:
    """What the guest said about the card it was given, and under which Xen and Linux.

    `address`, `gateway`, `driver` and `mac` are '' when the guest did not get so far.
    """

    bdf: str
    id: str
    xen: str
    kernel: str
    wanted_module: str
    """The driver that dom0 found for the card and gave the guest."""
    module: str
    """The driver that the guest says has the card."""
    driver: str
    mac: str
    address: str
    gateway: str
    sent: int
    received: int

    def wrong(self, device: Device) -> str:
        """Return why this does not prove a device, '' when it does."""
        if self.id != device.id:
            return f"the guest was given {self.id or 'nothing'}, not {device.id}"
        if not self.module or _same(self.module) != _same(self.wanted_module):
            return f"the guest drove it with {self.module or 'nothing'}, not {self.wanted_module}"
        if not self.address:
            return "the guest got no DHCP lease through it"
        if not self.received:
            return f"none of {self.sent} pings of {self.gateway or 'a gateway'} came back"
        return ""


@dataclass(frozen=True)
class Proofs:
    """The proofs that the host keeps, and what it runs now."""

    by_bdf: dict[str, Proof]
    xen: str
    kernel: str

    def is_stale(self, proof: Proof) -> bool:
        """True when Xen or dom0's kernel was another one when it was proven."""
        return (proof.xen, proof.kernel) != (self.xen, self.kernel)


def parse(facts: Facts) -> Proofs:
    """Return the proofs of the facts. A file that is not a proof is as good as none."""
    found = (_proof(line.partition(".json:")[2]) for line in facts[_PROOFS].out.splitlines())
    version = dict(line.rpartition("/")[2].split(":", 1) for line in facts[_VERSIONS].out.splitlines())
    xen = f"{version['major']}.{version['minor']}{version.get('extra', '')}" if "major" in version else ""
    return Proofs({proof.bdf: proof for proof in found if proof}, xen, facts[_KERNEL].out.strip())


def _proof(text: str) -> Proof | None:
    """Return the proof of one line.

    >>> _proof('{"bdf":"0000:00:05.0","guest":{"id":"8086:10d3","received":4}}').received
    4
    """
    try:
        kept: dict[str, Any] = json.loads(text)
        seen: dict[str, Any] = kept["guest"]
        return Proof(
            bdf=kept["bdf"],
            xen=kept.get("xen", ""),
            kernel=kept.get("kernel", ""),
            wanted_module=kept.get("module", ""),
            sent=int(seen.get("sent", 0)),
            received=int(seen.get("received", 0)),
            **{
                key: str(seen.get(key, "")) for key in ("id", "module", "driver", "mac", "address", "gateway")
            },
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _same(module: str) -> str:
    """Return a module's name as the kernel writes it: the file has hyphens where it has underscores."""
    return module.replace("-", "_")
