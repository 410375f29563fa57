"""What may be done with a device: may be passed, needs care, must stay; and every reason why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runbook.facts.pci import NF200, Device
from runbook.survey.machine import Machine

STAY, CARE, MAY = "must stay", "needs care", "may be passed"


@dataclass(frozen=True)
class Reason:
    """One reason for a verdict, what to do about it, and where the rule comes from."""

    verdict: str
    kind: str
    text: str
    do: str
    source: str


def verdict(reasons: tuple[Reason, ...]) -> str:
    """Return the worst verdict of some reasons; a device with none may be passed."""
    found = {reason.verdict for reason in reasons}
    return next((word for word in (STAY, CARE) if word in found), MAY)


def judge(machine: Machine, device: Device, guest_group: str = "") -> tuple[Reason, ...]:
    """Return every reason for care about a device, worst first: its own, then those of its neighbours.

    `guest_group` is the volume group of the guests' disks, which dom0 needs as it needs its own.
    """
    reasons = (*own(machine, device, guest_group), *_neighbours(machine, device, guest_group))
    return tuple(sorted(reasons, key=lambda reason: (STAY, CARE, MAY).index(reason.verdict)))


def own(machine: Machine, device: Device, guest_group: str = "") -> tuple[Reason, ...]:
    """Return the reasons that lie in the device itself."""
    if device.is_bridge:
        return (Reason(STAY, "bridge", "it is a bridge, and Xen gives no bridge to a guest",
                       "name the devices behind it instead", "facts §10 no. 7"),)  # fmt: skip
    rules: tuple[Callable[[Machine, Device], Iterator[Reason]], ...] = (
        _platform, _network, _keyboard, _path, _reserved, _graphics, _reset,
    )  # fmt: skip
    found = [*_disks(machine, device, guest_group)]
    return (*found, *(reason for rule in rules for reason in rule(machine, device)))


def _disks(machine: Machine, device: Device, guest_group: str) -> Iterator[Reason]:
    storage = machine.storage
    disks = ", ".join(storage.disks_of(device.bdf))
    source = "facts §10 no. 15"
    if uses := storage.uses_of(device.bdf):
        yield Reason(STAY, "disk", f"dom0 runs from its disks ({disks} holds {', '.join(uses)})",
                     "choose another controller, or move those file systems first", source)  # fmt: skip
    for group in storage.groups_of(device.bdf):
        mounted = any(b.mountpoints for b in storage.blocks if b.name.startswith(_mapped(group)))
        if group == guest_group:
            yield Reason(STAY, "disk", f"its disk {disks} holds the guests' volume group {group}",
                         "choose another controller; the guests' disks are on this one", source)  # fmt: skip
        elif mounted and not uses:
            yield Reason(STAY, "disk", f"its disk {disks} holds a part of the volume group {group}, "
                         "of which dom0 has volumes mounted", "choose another controller", source)  # fmt: skip
        elif not uses:
            yield Reason(CARE, "disk", f"its disk {disks} holds the volume group {group}",
                         "be sure that dom0 needs nothing of it", source)  # fmt: skip


def _mapped(group: str) -> str:
    """Return how the names of a volume group's mapped devices begin: dm doubles hyphens."""
    return group.replace("-", "--") + "-"


def _platform(_: Machine, device: Device) -> Iterator[Reason]:
    code = device.class_code
    if code.startswith("0806"):
        yield Reason(STAY, "platform", "it is the IOMMU itself", "leave it out", "facts §10 no. 7")
    elif not device.path and code[:2] in ("05", "08", "0b", "11") or code.startswith("0c05"):
        yield Reason(CARE, "platform", "it is a part of the board, of little use to a guest",
                     "pass it only when it has to go along with another device", "facts §10 no. 7")  # fmt: skip


def _network(machine: Machine, device: Device) -> Iterator[Reason]:
    for use in machine.network.uses_of(device.bdf):
        yield Reason(STAY, "network", f"it carries {use}",
                     "choose another card, or move dom0's own connection first", "facts §10 no. 14")  # fmt: skip


def _keyboard(machine: Machine, device: Device) -> Iterator[Reason]:
    for keyboard in machine.keyboards:
        if keyboard.controller == device.bdf:
            yield Reason(STAY, "keyboard", f"the keyboard ({keyboard.name}) hangs on it",
                         "plug the keyboard into another controller, or choose another one",
                         "facts §10 no. 13")  # fmt: skip


def _path(machine: Machine, device: Device) -> Iterator[Reason]:
    for bridge in map(machine.device, device.path):
        if bridge and bridge.id in NF200:
            yield Reason(STAY, "nf200", f"it is behind an NF200 switch ({bridge.bdf}), which no IOMMU sees through",
                         "plug the card into a slot that does not go through that switch", "H104")  # fmt: skip


def _reserved(machine: Machine, device: Device) -> Iterator[Reason]:
    regions = [region for region in machine.reserved() if device.bdf in region]
    others = sorted({bdf for region in regions for bdf in region} - {device.bdf})
    if others:
        yield Reason(CARE, "shared-rmrr", "it shares a reserved memory region (RMRR) with " + ", ".join(others),
                     "set `rdm_policy: relaxed` for it: Xen refuses it otherwise", "H106")  # fmt: skip
    elif regions:
        yield Reason(CARE, "rmrr", "the firmware keeps a reserved memory region (RMRR) for it",
                     "set `rdm_policy: relaxed` for it if the guest does not start", "H106")  # fmt: skip


def _graphics(machine: Machine, device: Device) -> Iterator[Reason]:
    if not device.class_code.startswith("03"):
        return
    vendor, number = device.id.split(":")
    if device.is_boot_vga:
        second = any(d.class_code.startswith("03") and d != device for d in machine.devices)
        yield Reason(CARE, "boot-vga", "the machine's own screen is on it" + ("" if second else ", and it is the only one"),
                     "choose the onboard graphics as primary display in the firmware" if second
                     else "be sure to reach dom0 over the network: its screen goes dark", "facts §10 no. 11")  # fmt: skip
    if vendor == "10de":
        yield Reason(CARE, "nvidia", "an NVIDIA card: its Windows driver accepts a guest since version 465",
                     "use a driver of 2021 or later in the guest", "facts §1")  # fmt: skip
    elif vendor == "1002" and _resets_once(int(number, 16)):
        yield Reason(CARE, "amd-reset", "of an AMD family that resets badly: it works once after each start of the host",
                     "expect to restart the host when the guest is restarted", "facts §9 no. 4")  # fmt: skip
    elif vendor == "8086" and not device.path:
        yield Reason(CARE, "integrated", "graphics built into the processor: few guests can use it",
                     "pass a card in a slot instead", "facts §10 no. 12")  # fmt: skip


def _resets_once(number: int) -> bool:
    """True for Polaris, Vega 10 and 20, and Navi 1x (the families of gnif/vendor-reset)."""
    ranges = ((0x67C0, 0x67FF), (0x6860, 0x687F), (0x66A0, 0x66AF), (0x6980, 0x699F), (0x7310, 0x7362))
    return any(low <= number <= high for low, high in ranges)


def _reset(_: Machine, device: Device) -> Iterator[Reason]:
    if not device.reset_methods:
        yield Reason(CARE, "reset", "Linux knows no way to reset it",
                     "expect trouble when its guest is restarted; restarting the host helps", "facts §10 no. 8")  # fmt: skip


def _neighbours(machine: Machine, device: Device, guest_group: str) -> Iterator[Reason]:
    if device.is_bridge:
        return
    mates = machine.mates(device)
    stay = [d.bdf for d in mates if verdict(own(machine, d, guest_group)) == STAY]
    group = f"IOMMU group {device.group}" if device.group is not None else "conventional PCI bus"
    if stay:
        yield Reason(STAY, "group", f"it shares {group} with {', '.join(stay)}, which must stay",
                     "try another slot", "facts §10 no. 5")  # fmt: skip
    elif mates:
        yield Reason(CARE, "group", f"goes only together with {', '.join(d.bdf for d in mates)} ({group})",
                     "pass all of them to the same guest", "facts §10 no. 5")  # fmt: skip
    alone = [d.bdf for d in machine.siblings(device) if d not in mates]
    if alone:
        yield Reason(CARE, "siblings", f"is best passed together with {', '.join(alone)}, the same physical device",
                     "pass all of them to the same guest", "facts §10 no. 6")  # fmt: skip
