"""HostParams: everything a person decides about one host, and the rules between the parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import ip_interface
from itertools import combinations
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from runbook.params.approvers import ApproversKey, spread
from runbook.params.configuration import Configuration
from runbook.params.firmware import Firmware
from runbook.params.guest_system import require_keys
from runbook.params.guests import Guest
from runbook.params.host import (
    Connection,
    Dom0,
    Network,
    Passthrough,
    Services,
    Storage,
    Stored,
    Xen,
)
from runbook.params.installation import Installation, with_sizes
from runbook.params.kernel import Kernel
from runbook.params.management import Management
from runbook.params.names import Consent, HostName, prove_short
from runbook.params.notices import Notice
from runbook.params.types import Closed
from runbook.params.watch import Watch

XEN_MIB = 256
"""What Xen itself is reckoned to need."""


def _or_by(schema: dict[str, Any]) -> None:
    """Let the schema of `consent` take a mapping, too."""
    listed = {key: schema.pop(key) for key in ("type", "items")}
    by = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    mapping = {"type": "object", "additionalProperties": False, "properties": {"by": by, "steps": listed}}
    schema["anyOf"] = [listed, mapping, {"const": "rehearsed"}]


class HostParams(Closed):
    """The host itself: its name, its Debian, how it is reached, and what may run unattended."""

    host: HostName
    """The host's name, as it calls itself and as its reports are filed."""
    release: Literal["trixie", "bookworm", "wheezy"] = "trixie"
    """The Debian release it runs."""
    connection: Connection
    """How it is reached: ssh, local, recorded or a capture."""
    ram_mib: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] | None = None
    """Memory of the machine in MiB, to check sums before it is reached; it is read from the machine anyway."""
    firmware: Firmware = Firmware()
    installation: Installation = Installation()
    configuration: Configuration = Configuration()
    kernel: Kernel = Kernel()
    dom0: Dom0 = Dom0()
    xen: Xen = Xen()
    passthrough: Passthrough = Passthrough()
    network: Network = Network()
    storage: Storage = Storage()
    services: Services = Services()
    guests: tuple[Guest, ...] = ()
    management: Management = Management()
    consent: Annotated[tuple[Consent, ...], Field(json_schema_extra=_or_by)] = ()
    """Disruptive steps that may run unattended, by name; destructive ones as name:digest. `rehearsed` is for whatever
    `runbook rehearse` carried out to a good end, exactly so planned; `{by: KEY}` leaves it to somebody else, as `approvers` does."""
    approvers: tuple[ApproversKey, ...] = Field(
        default=(),
        examples=[
            [
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA7qxJ1c0H4b2m5vTn8yKkU3kQy7W1p9d0s6f5g4h3j2 ana@example.org"
            ]
        ],
    )
    """Keys of others: a plan that one of them signed (`runbook approve`) runs unattended, exactly as it was signed."""

    notify: Annotated[tuple[Notice, ...], Field(max_length=5)] = ()
    watch: Watch = Watch()

    @property
    def is_by_sudo(self) -> bool:
        """Whether the runbook comes in as somebody who is root by sudo."""
        return not isinstance(self.connection, Stored) and self.connection.become == "sudo"

    @model_validator(mode="before")
    @classmethod
    def _consent_may_be_left_to_others(cls, given: Any) -> Any:
        return spread(given)

    @model_validator(mode="before")
    @classmethod
    def _a_release_may_have_sizes_of_its_own(cls, given: Any) -> Any:
        if isinstance(given, dict):
            given = given | {"installation": with_sizes(given.get("release"), given.get("installation", {}))}
        return given

    @model_validator(mode="after")
    def _names_are_used_once(self) -> HostParams:
        _once("bridge", (b.name for b in self.network.bridges))
        _once("network card", (p for b in self.network.bridges for p in b.ports))
        _once("passthrough device", (d.bdf for d in self.passthrough.devices))
        _once("guest", (g.name for g in self.guests))
        _once("guest identity", (g.uuid for g in self.guests if g.uuid))
        _once("guest volume", (v.name for g in self.guests for v in g.own_volumes))
        _once("guest disk", (name for g in self.guests for name in _alone(g)))
        _once("guest MAC", (n.mac for g in self.guests for n in g.nics if n.mac))
        _once("VNC display", (str(g.vnc_display) for g in self.guests if _is_fixed(g)))
        _once("autostart place", (str(g.autostart) for g in self.guests if g.autostart))
        _once("device given to a guest", (bdf for g in self.guests for bdf in g.pci))
        return self

    @model_validator(mode="after")
    def _bridges_are_apart(self) -> HostParams:
        names = {b.name for b in self.network.bridges}
        for bridge in self.network.bridges:
            if port := next((port for port in bridge.ports if port in names), None):
                raise ValueError(f"'{port}' cannot be a port of '{bridge.name}': it is a bridge itself")
        fixed = [(b.name, ip_interface(address)) for b in self.network.bridges for address in b.fixed]
        for (one, mine), (other, its) in combinations(fixed, 2):
            if one != other and mine.version == its.version and mine.network.overlaps(its.network):
                raise ValueError(
                    f"'{one}' ({mine}) and '{other}' ({its}) would be in one network, and nobody "
                    "could say which way to its machines; give one of them a network of its own"
                )
        return self

    @model_validator(mode="after")
    def _volumes_have_room_for_their_names(self) -> HostParams:
        volumes = (v.name for g in self.guests for v in g.own_volumes)
        for name in (*volumes, *(s.name for s in self.management.snapshots)):
            prove_short(self.storage.guest_volume_group, name)
        return self

    @model_validator(mode="after")
    def _guests_fit_the_host(self) -> HostParams:
        bridges = {b.name for b in self.network.bridges}
        devices = {d.bdf for d in self.passthrough.devices}
        for guest in self.guests:
            require_keys(self, guest)
            for nic in guest.nics:
                if nic.bridge and nic.bridge not in bridges and nic.script in (None, "vif-bridge"):
                    raise ValueError(
                        f"guest '{guest.name}' is on bridge '{nic.bridge}', which network.bridges does not have "
                        f"(it has: {', '.join(sorted(bridges)) or 'none'})"
                    )
            for bdf in guest.pci:
                if bdf not in devices:
                    raise ValueError(
                        f"guest '{guest.name}' is given {bdf}, which passthrough.devices does not hide"
                    )
        gateways = [b.name for b in self.network.bridges if b.gateway or b.ipv4 == "dhcp"]
        if len(gateways) > 1:
            raise ValueError(
                f"{' and '.join(gateways)} would both set a default route; keep one dhcp or gateway (H652)"
            )
        if len(gateways := [b.name for b in self.network.bridges if b.gateway6]) > 1:
            raise ValueError(
                f"{' and '.join(gateways)} would both set a default route; keep one gateway6 (H652)"
            )
        return self

    @model_validator(mode="after")
    def _management_knows_its_guests(self) -> HostParams:
        guests = {g.name for g in self.guests}
        asked = self.management
        parts = (asked.mounts, asked.snapshots, asked.restores)
        named = [*(part.guest for some in parts for part in some), *asked.backups.guests]
        if unknown := sorted(set(named) - guests):
            raise ValueError(
                f"management: there is no guest '{unknown[0]}' (there are: {', '.join(sorted(guests)) or 'none'})"
            )
        if without := sorted(set(named) - {g.name for g in self.guests if g.own_volumes}):
            raise ValueError(
                f"management: the guest '{without[0]}' has no volume in storage.guest_volume_group, and only such a "
                "volume is mounted, frozen, backed up or restored; take the guest out there"
            )
        disks = {v.name: g.name for g in self.guests for v in g.own_volumes}
        for snapshot in self.management.snapshots:
            if snapshot.name in disks:
                raise ValueError(
                    f"management: a snapshot cannot be called '{snapshot.name}': "
                    f"that is the disk of '{disks[snapshot.name]}'"
                )
        return self

    @model_validator(mode="after")
    def _groups_are_two(self) -> HostParams:
        if self.installation.method != "none" and (
            self.installation.system_volume_group == self.storage.guest_volume_group
        ):
            raise ValueError(
                f"the host's and the guests' volume group are both '{self.storage.guest_volume_group}'; "
                "give installation.system_volume_group or storage.guest_volume_group another name (H204)"
            )
        return self

    @model_validator(mode="after")
    def _memory_fits(self) -> HostParams:
        if self.ram_mib and self.memory_needed_mib > self.ram_mib:
            raise ValueError(
                f"dom0 and the guests need {self.memory_needed_mib} MiB, the machine has ram_mib: {self.ram_mib}; "
                "give a guest or dom0 less"
            )
        return self

    @property
    def memory_needed_mib(self) -> int:
        """Memory of dom0, of every guest with its overhead, and of Xen itself (`XEN_MIB`), in MiB."""
        return self.dom0.memory_mib + sum(guest_need_mib(g) for g in self.guests) + XEN_MIB

    def device_of(self, bdf: str):  # type: ignore[no-untyped-def]
        """Return the passthrough device at an address of this host."""
        return next(d for d in self.passthrough.devices if d.bdf == bdf)


def guest_need_mib(guest: Guest) -> int:
    """Return what a guest needs in MiB, with what comes on top of its memory."""
    return need_mib(guest.memory_mib, guest.vcpus)


def _alone(guest: Guest) -> Iterator[str]:
    """Yield what a guest's further disks are, those that no other guest may have."""
    for disk in guest.disks:
        if not (disk.is_own or disk.shared or disk.read_only or disk.cd is not None):
            name = f"{disk.group}/{disk.volume}" if disk.group else getattr(disk, disk.kind)
            yield f"{disk.kind} {name}"


def _is_fixed(guest: Guest) -> bool:
    """Return whether a guest has its VNC display, or none: `any_display` takes another one."""
    return guest.vnc_display is not None and not guest.screen.any_display


def need_mib(memory_mib: int, vcpus: int) -> int:
    """Return what libxl reserves for an HVM guest in MiB: memory, 4 KiB x (256 x vcpus + MiB) and 2 MiB.

    Source: libxl.
    """
    overhead_kib = 4 * (256 * vcpus + memory_mib) + 2048
    return memory_mib + -(-overhead_kib // 2048) * 2


def _once(kind: str, values: Iterable[str]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise ValueError(f"{kind} {', '.join(twice)} is given more than once")
