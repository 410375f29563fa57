"""The host itself: how it is reached, and what its dom0, passthrough, network and services are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from runbook.params.addresses import (
    FixedAddress,
    HttpsAddress,
    InterfaceAddress,
    Ipv6InterfaceAddress,
    Ipv6MachineAddress,
    MachineAddress,
    SshName,
    prove_gateway,
)
from runbook.params.commit import Commit, require_commit
from runbook.params.names import BootWord, BranchName, GroupName, InterfaceName, SourceVersion
from runbook.params.paths import ControllerPath
from runbook.params.secrets import PasswordReference
from runbook.params.types import Bdf, Closed, Mib, PciId, Sentence


class Answering(Closed):
    """How long and how much a real machine may answer; an action's own time-out is not meant."""

    answer_timeout_s: Annotated[int, Field(ge=10, le=7200)] = 300
    """Seconds for one look at the host, all its questions together; a single command has half of them."""
    answer_limit_mib: Annotated[int, Field(ge=1, le=1024)] = 64
    """MiB that one look, or one command, may say; what says more is ended."""


class Real(Answering):
    """Who is root on a real machine, and how it may answer."""

    become: Literal["none", "sudo"] = "none"
    """`sudo`: we come as somebody who is root there by sudo(8); `none`: as root."""
    become_password: PasswordReference = Field(default="", examples=["env:SUDO_PASSWORD"])
    """Where the password is that sudo asks for: `env:NAME`, `file:PATH`, `command:…`, or `ask` to type it once a run; empty
    where sudo asks for none."""

    @model_validator(mode="after")
    def _a_password_is_for_sudo(self) -> Real:
        if self.become_password and self.become == "none":
            raise ValueError("become_password is for sudo; say `become: sudo` too")
        return self


class Ssh(Real):
    """A real machine, reached by OpenSSH as root, or as somebody who is root there by sudo."""

    kind: Literal["ssh"] = "ssh"
    to: SshName
    """Where to: anything `ssh` itself understands, such as root@victory or an alias of your ssh config."""
    login: Literal["key", "keyboard"] = "key"
    """`key`: ssh asks nobody anything; `keyboard`: you answer what it asks, a code or a password, at the terminal."""
    config: ControllerPath | None = None
    """An ssh configuration file to use instead of your own, relative to the project."""


class Local(Real):
    """This very machine; the runbook runs on it as root, or as somebody who is root by sudo."""

    kind: Literal["local"] = "local"


class Recorded(Closed):
    """A replay of what a real machine said, for reading and testing without one."""

    kind: Literal["recorded"] = "recorded"
    recording: ControllerPath
    """The folder of the recording, relative to the project; one that came with the runbook is found from everywhere."""
    finished: ControllerPath | None = None
    """The recording of the same host when all was done: what `plan` and `check` look at once a run completed."""


class Captured(Closed):
    """What a real machine answered once, kept as files: everything can be looked at and planned, nothing done."""

    kind: Literal["capture"] = "capture"
    folder: ControllerPath = Field(examples=["captures/myhost"])
    """The folder that `runbook survey --save` wrote, relative to the project."""


Stored = Recorded | Captured
"""Hosts whose answers are files: nothing is reached, and nobody has to be root."""
Connection = Annotated[Ssh | Local | Recorded | Captured, Field(discriminator="kind")]


class Dom0(Closed):
    """What dom0, the host's own Debian, keeps for itself."""

    memory_mib: Mib = 4096
    """Fixed memory of dom0 in MiB: minimum and maximum (`dom0_mem=N,max:N`, H613)."""
    max_vcpus: Annotated[int, Field(ge=1, le=256)] = 2
    """Number of virtual CPUs of dom0."""
    kernel_options: tuple[BootWord, ...] = ()
    """More words for dom0's kernel command line in the Xen entries, such as console=hvc0."""


class Xen(Closed):
    """The hypervisor: where it comes from, and its command line."""

    source: Literal["packages", "debian-source", "git"] = "packages"
    """`packages`: Debian's; `debian-source` and `git` build one .deb in a clean root, never beside Debian's."""
    version: SourceVersion = Field(default="", examples=["4.20.0-1"])
    """The version of Debian's source package, as `apt-cache showsrc xen` says it; empty takes the newest."""
    branch: BranchName = Field(default="", examples=["stable-4.20"])
    """The branch or tag that holds the commit, such as stable-4.20; empty takes the release's version."""
    commit: Commit = Field(default="", examples=["0123456789abcdef0123456789abcdef01234567"])
    """The commit that `git` builds, all 40 or 64 digits; `git ls-remote REPOSITORY BRANCH` shows one."""
    repository: HttpsAddress = "https://xenbits.xen.org/git-http/xen.git"
    """Where `git` takes it from, by https: anything else proves neither sender nor content (H501)."""
    iommu: Literal["required", "yes"] = "required"
    """`required` stops the boot when the IOMMU is off (H615); `yes` goes on without it."""
    options: tuple[BootWord, ...] = ()
    """More words for the hypervisor's command line, such as console=com1 (no `;`)."""

    @model_validator(mode="after")
    def _names_its_commit(self) -> Xen:
        if self.source == "git" and not self.commit:
            raise require_commit(self.repository, self.branch)
        return self


class Device(Closed):
    """One PCI device that dom0 gives up so that a guest can have it."""

    bdf: Bdf
    """Its address as `lspci -D` shows it."""
    id: PciId
    """Its vendor:device id. A different id at this address means that a card was moved (H617)."""
    what: Sentence
    """What it is, in your own words; the reports show it."""
    probe: Literal["network", "none"] = "none"
    """`network` proves the device in a small guest: driver, DHCP lease and a ping through it."""
    rdm_policy: Literal["strict", "relaxed"] = "strict"
    """`relaxed` for devices with a reserved memory region, such as Intel's USB 2 controllers (H106)."""
    permissive: bool = False
    """Let the guest write all of the device's configuration space; only where a driver needs it (H614)."""
    msitranslate: bool = False
    """Translate the guest's old interrupts to the device's MSI; for devices whose own ones are shared or lost."""
    power_mgmt: bool = False
    """Let the guest set the device's power states."""
    seize: bool = False
    """Let xl take the device from a driver of dom0's when the guest starts; a device that is hidden needs it not."""


def _or_nothing(schema: dict[str, Any]) -> None:
    """Let the schema of a list take a key with nothing behind it, too."""
    there = {key: schema.pop(key) for key in ("type", "items")}
    schema["anyOf"] = [there, {"type": "null"}]


class Passthrough(Closed):
    """The devices that are hidden from dom0."""

    # A key with nothing behind it is no device: `runbook new` writes its offers below it, as comments to uncomment.
    devices: Annotated[
        tuple[Device, ...],
        BeforeValidator(lambda given: () if given is None else given),
        Field(json_schema_extra=_or_nothing),
    ] = ()


class Bridge(Closed):
    """A network bridge that guests are connected to."""

    name: InterfaceName
    """What it is called on the host, such as xenbr0; at most 15 letters and digits. A bridge of that name that is
    there keeps what it has."""
    ports: tuple[InterfaceName, ...] = ()
    """The host's own network cards on this bridge, or a bond or a VLAN of them; none makes an internal network."""
    ipv4: InterfaceAddress = "keep"
    """dom0's IPv4 on the bridge: keep (all that its port, or the bridge itself, has), dhcp, none, or address/prefix
    like 10.0.0.2/24."""
    gateway: MachineAddress | None = Field(default=None, examples=["10.0.0.1"])
    """The default gateway, on at most one bridge: a machine in the bridge's own network."""
    ipv6: Ipv6InterfaceAddress = Field(default="keep", examples=["2001:db8::2/64"])
    """dom0's IPv6 on the bridge: keep, auto (what its routers announce), none, or address/prefix."""
    gateway6: Ipv6MachineAddress | None = Field(default=None, examples=["fe80::1"])
    """The default gateway of a fixed IPv6 address, on at most one bridge; often fe80::1."""
    more_addresses: tuple[FixedAddress, ...] = Field(default=(), examples=[["10.0.0.3/24"]])
    """Further addresses of dom0 on the bridge, of either family, beside what ipv4 and ipv6 say."""

    nat: bool = False
    """Lead guests out by the host's own way and under its address, and give them theirs by DHCP. For a host whose way
    out cannot be bridged (Wi-Fi, PPPoE, a tunnel); the bridge has no port then, and an address of its own."""

    @property
    def fixed(self) -> tuple[str, ...]:
        """The addresses that are asked for by number, the first ones of both families before the further ones."""
        return (*(a for a in (self.ipv4, self.ipv6) if "/" in a), *self.more_addresses)

    @model_validator(mode="after")
    def _gateways_are_in_their_networks(self) -> Bridge:
        prove_gateway("gateway", self.gateway, self.ipv4, "ipv4")
        prove_gateway("gateway6", self.gateway6, self.ipv6, "ipv6")
        return self

    @model_validator(mode="after")
    def _nat_has_a_network_of_its_own(self) -> Bridge:
        if self.nat and self.ports:
            raise ValueError(
                f"{self.name} has `nat: true` and a card; leave `ports` out, or `nat`: what hangs on the card "
                "would be given addresses as well"
            )
        if self.nat and ("/" not in self.ipv4 or not 8 <= int(self.ipv4.partition("/")[2]) <= 28):
            raise ValueError(
                f"{self.name} has `nat: true` and `ipv4: {self.ipv4}`; its guests need a network of their own: give "
                "dom0 an address in one that nothing else has, with a prefix from 8 to 28, such as 192.168.150.1/24"
            )
        return self

    @model_validator(mode="after")
    def _further_addresses_have_a_first(self) -> Bridge:
        for address in self.more_addresses:
            family, first = ("ipv6", self.ipv6) if ":" in address else ("ipv4", self.ipv4)
            if first == "none":
                raise ValueError(
                    f"'{address}' is one address more, and `{family}: none` says that there is none; write "
                    f"`{family}: {address}` instead"
                )
        if len(set(self.fixed)) < len(self.fixed):
            twice = next(a for a in self.fixed if self.fixed.count(a) > 1)
            raise ValueError(f"'{twice}' is given to {self.name} more than once; once is enough")
        return self


class Network(Closed):
    """Bridges, and how long a new configuration has to prove itself."""

    bridges: tuple[Bridge, ...] = ()
    revert_s: Annotated[int, Field(ge=30, le=3600)] = 120
    """Seconds after which the old network comes back by itself unless a new connection confirms."""
    pass_bridged: bool = False
    """Let packets over a bridge pass a filter of the host that drops what it forwards, as Docker's does: without it
    guests there get neither an address nor answers. What is routed meets the filter as before. ufw and firewalld are
    told in their own words."""


class Storage(Closed):
    """Where the guests' disks live."""

    guest_volume_group: GroupName = "guests"
    """The LVM volume group that holds them; it must exist and is best not the host's own (H204)."""


class Services(Closed):
    """What else the host runs."""

    watchdog: bool = True
    """Run `xenwatchdogd`: the hypervisor restarts the machine when dom0 hangs."""
    watchdog_timeout_s: Annotated[int, Field(ge=10, le=3600)] = 60
    """Seconds without a sign of life from dom0 before the restart."""
    sudo_xl: Literal["none", "read-only", "full"] = "none"
    """What the group `sudo` may do with xl without a password; `full` equals root (H644)."""
