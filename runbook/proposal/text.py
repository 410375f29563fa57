"""A proposal as a commented parameter file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from runbook.params.host import Local, Recorded, Ssh
from runbook.params.yaml12 import scalar
from runbook.proposal.cards import Bridge
from runbook.proposal.machine import RELEASES, Proposal
from runbook.survey.groups import Group, Member
from runbook.survey.tables import machine_rows
from runbook.survey.verdict import CARE

_WIDTH = 108
_GUEST = """\
# A guest, in the terms of xl.cfg(5); take away the `# ` of these lines to have it. All that a guest can
# have is in params/schema.json, four whole ones are in params/victory.yml.
# guests:
#   - name: first
#     memory_mib: 1024
#     vcpus: 1
#     volume: {{name: first, size_gib: 10}}     # a logical volume in {group}
#     nics: [{nic}]
#     pci: [{pci}]
#     vnc_display: 10
"""
_CONSENT = """\
# Steps that restart the machine, or touch its network or boot menu, ask a person at the keyboard. To let
# a run do them unattended, name them here:
# consent: [configure_bridges, set_boot_menu, boot_xen_once, make_xen_default]
"""


def write(host: str, connection: Ssh | Local | Recorded, seen: Proposal) -> str:
    """Return the whole file as text; it validates as it is."""
    parts = (
        _head(host, seen),
        _identity(host, connection, seen),
        _installation(seen),
        _dom0(seen),
        _network(seen.bridges),
        _passthrough(seen.groups),
        _storage(seen),
        _guests(seen),
        _CONSENT.splitlines(),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def comment(text: str, indent: int = 0) -> list[str]:
    """Return a text as lines of comment, folded."""
    start = " " * indent + "# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=start, subsequent_indent=start, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _head(host: str, seen: Proposal) -> Iterator[str]:
    yield f"# {host}: written by `runbook new` from what the machine said. Nothing on it was changed."
    yield "# Read it line by line and make it yours; `runbook plan` then shows what would be done, and does nothing."
    yield "#"
    rows = [*machine_rows(seen.machine)]
    wide = max(len(what) for what, _ in rows)
    yield from (f"# {what:<{wide}}  {' '.join(value.split())}" for what, value in rows)


def _identity(host: str, connection: Ssh | Local | Recorded, seen: Proposal) -> Iterator[str]:
    system = seen.machine.system
    if host != system.hostname:
        yield from comment(
            f"The machine calls itself {system.hostname}; its reports are filed under this name."
        )
    yield f"host: {scalar(host)}"
    if system.codename not in RELEASES:
        yield from comment(
            f"The machine runs {system.pretty_name}, which the runbook does not install Xen on; "
            "either Debian 13 (trixie) or 12 (bookworm) has to be installed first."
        )
    yield f"release: {seen.release}"
    yield "connection:"
    yield from (f"  {key}: {scalar(str(value))}" for key, value in connection.model_dump().items() if value)
    yield from comment(
        "What Linux can use of the machine's memory; sums are checked against it before the machine is reached."
        if not system.is_dom0
        else "What Xen says that the machine has; sums are checked against it before the machine is reached."
    )
    yield f"ram_mib: {seen.machine.memory.machine_mib}"


def _installation(seen: Proposal) -> Iterator[str]:
    yield "# The disks now:"
    for disk in seen.disks:
        yield f"#   {disk.name}  {disk.size}, {disk.by_id or 'no lasting name known'}: {disk.use}"
    yield "installation:"
    if any("/" in block.mountpoints for block in seen.machine.storage.blocks):
        yield "  method: none  # Debian is there already, and stays as it is"
    else:
        yield "  method: none  # / is on no disk: if this is a live system, `live` installs from it"
    name = next((d.by_id for d in seen.disks if d.by_id), "/dev/disk/by-id/…")
    yield "  # To install anew, with method preseed or live, choose the disk that is overwritten, whole:"
    yield f"  # disk: {name}"


def _dom0(seen: Proposal) -> Iterator[str]:
    yield "dom0:"
    yield from comment(f"{seen.dom0_why[0].upper()}{seen.dom0_why[1:]}.", 2)
    yield f"  memory_mib: {seen.dom0_mib}"
    yield f"  max_vcpus: {seen.max_vcpus}  # of {seen.machine.cpu.threads} threads; guests may use all of them"


def _network(bridges: tuple[Bridge, ...]) -> Iterator[str]:
    yield "network:"
    if not bridges:
        yield from comment(
            "The machine is not reached over one wired card alone (it may be a bond, a VLAN or a wireless card). "
            "Which card a bridge takes is for you to say; guests need a bridge, dom0 does not.", 2
        )  # fmt: skip
        yield "  bridges: []"
        return
    yield "  bridges:"
    for bridge in bridges:
        yield f"    - name: {bridge.name}  # {bridge.why}"
        yield f"      ports: [{scalar(bridge.port)}]  # {bridge.controller}"
        if bridge.ipv4 == "none":
            yield "      ipv4: none  # dom0's own address here, such as 10.0.0.2/24; none keeps dom0 out of it"
        else:
            yield f"      ipv4: {bridge.ipv4}"
        if bridge.gateway:
            yield f"      gateway: {scalar(bridge.gateway)}"


def _passthrough(groups: tuple[Group, ...]) -> Iterator[str]:
    may = [g for g in groups if g.is_offered]
    rest = [g for g in groups if not g.is_offered]
    yield "# Devices that guests can have. dom0 gives up all that stand here: take out what it shall keep."
    yield "# The devices of one IOMMU group, or of one card, go to one guest together. An id pins its device: another"
    yield "# card at that address is refused."
    if all(g.number is None for g in groups):
        yield "# Linux shows no IOMMU groups: what goes together is known by card and PCI bus only. Is the IOMMU on?"
    yield "passthrough:"
    yield "  devices:" if may else "  devices: []"
    for group in may:
        yield from _entries(group, "")
    if rest:
        yield "  # Not offered, each with the reason:"
    for group in rest:
        yield from _entries(group, "# ")


def _entries(group: Group, off: str) -> Iterator[str]:
    place = "one device" if group.number is None else f"IOMMU group {group.number}"
    if not group.is_offered:
        decide = ", so it is for you to decide" if group.verdict == CARE else ""
        yield from comment(f"{place} {group.verdict}{decide}: {group.why}", 4)
    elif len(group.members) > 1:
        yield from comment(f"{place}: these go to one guest together", 4)
    for member in group.members:
        yield from (f"    {off}{line}" for line in _device(member, is_offered=not off))


def _device(member: Member, *, is_offered: bool) -> Iterator[str]:
    entry = device_entry(member)
    policy = entry.pop("rdm_policy", "")
    lines = [f"{key}: {scalar(text)}" for key, text in entry.items()]
    yield from (f"- {lines[0]}", *(f"  {line}" for line in lines[1:]))
    if policy:
        yield f"  rdm_policy: {policy}  # the firmware keeps memory reserved for it (H106)"
    if is_offered:
        for reason in member.reasons:
            yield from comment(f"{reason.verdict}: {reason.text}: {reason.do}", 2)
        if member.device.class_code.startswith("0200"):
            yield "  # probe: network  # proves it in a small guest, where a cable with DHCP is plugged in"


def device_entry(member: Member) -> dict[str, str]:
    """Return a device as it stands under passthrough.devices, pinned by its id."""
    device = member.device
    what = " ".join(f"{device.class_name}, {device.name}".split())
    entry = {"bdf": device.bdf, "id": device.id, "what": what}
    return entry | ({"rdm_policy": "relaxed"} if member.needs_rdm else {})


def _storage(seen: Proposal) -> Iterator[str]:
    yield "storage:"
    yield f"  guest_volume_group: {scalar(seen.guest_group)}  # {seen.guest_group_why}"


def _guests(seen: Proposal) -> list[str]:
    may = next((g for g in seen.groups if g.is_offered), None)
    nic = next((f'{{bridge: {b.name}, mac: "00:16:3e:00:00:01"}}' for b in reversed(seen.bridges)), "")
    pci = ", ".join(may.bdfs) if may else ""
    return _GUEST.format(group=seen.guest_group, nic=nic, pci=pci).splitlines()
