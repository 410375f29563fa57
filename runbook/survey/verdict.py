"""What may be done with a device: may be passed, needs care, must stay; and every reason why.

`judge` is the one place where this is decided: the table, the form's picker, the plans that hide devices and
`runbook new` all say what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from runbook.facts.pci import NF200, Device
from runbook.survey.machine import Machine

STAY, CARE, MAY = "must stay", "needs care", "may be passed"

RULES: dict[str, tuple[str, str, str]] = {
    "bridge": (STAY, "name the devices behind it instead", ""),
    "iommu": (STAY, "leave it out", ""),
    "disk": (STAY, "choose another controller, or move what is on its disks first", ""),
    "network": (
        STAY,
        "choose another card, or take off it what the host configures there: address, route, VLAN, bond or bridge",
        "",
    ),
    "port": (STAY, "take it out of passthrough.devices, or give the bridge another port", ""),
    "keyboard": (STAY, "plug the keyboard into another controller first", ""),
    "nf200": (STAY, "plug the card into a slot that does not go through that switch", "H104"),
    "held": (STAY, "try another slot", ""),
    "group": (CARE, "pass all of them to the same guest", ""),
    "siblings": (CARE, "pass all of them to the same guest", ""),
    "volumes": (CARE, "be sure that dom0 needs nothing of it", ""),
    "board": (CARE, "pass it only when it has to go along with another device", ""),
    "shared-rmrr": (CARE, "set `rdm_policy: relaxed` for it; Xen refuses it otherwise", "H106"),
    "rmrr": (CARE, "set `rdm_policy: relaxed` for it if its guest does not start", "H106"),
    "screen": (CARE, "make the onboard graphics the primary display in the firmware", ""),
    "only-screen": (CARE, "be sure to reach dom0 over the network: its screen goes dark", ""),
    "nvidia": (CARE, "use a Windows driver from 465 on (2021) in the guest", ""),
    "amd-reset": (CARE, "expect to restart the host whenever its guest is restarted", ""),
    "integrated": (CARE, "pass a card in a slot instead", ""),
    "reset": (CARE, "if its guest does not start a second time, restart the host", ""),
}
"""For each kind of reason: the verdict it leads to, the next move, and where the rule comes from."""


@dataclass(frozen=True)
class Reason:
    """One reason for a verdict: its kind, which RULES explains, and what was seen."""

    kind: str
    text: str

    @property
    def verdict(self) -> str:
        return RULES[self.kind][0]

    @property
    def do(self) -> str:
        return RULES[self.kind][1]

    @property
    def source(self) -> str:
        return RULES[self.kind][2]


Kept = Mapping[str, str]
"""For the address of a device that the parameters keep in dom0 the reason in words."""
NOTHING: Kept = MappingProxyType({})


def ports(machine: Machine, bridges: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Return the cards that become ports of bridges, each with the reason in words; a bridge is its name and its ports."""
    found = {}
    for bridge, names in bridges:
        cards = {card for name in names for card in machine.network.cards_below(name)}
        for interface in machine.network.interfaces:
            if interface.name in cards and interface.controller:
                found[interface.controller] = f"it is {interface.name}, a port of the bridge {bridge}"
    return found


def verdict(reasons: tuple[Reason, ...]) -> str:
    """Return the worst verdict of some reasons; a device with none may be passed."""
    found = {reason.verdict for reason in reasons}
    return next((word for word in (STAY, CARE) if word in found), MAY)


def judge(
    machine: Machine, device: Device, guest_group: str = "", kept: Kept = NOTHING
) -> tuple[Reason, ...]:
    """Return the reasons about a device: its own, then those of its neighbours.

    Of a device that must stay only the reasons why are given. `guest_group` is the volume group
    of the guests' disks, which dom0 needs as it needs its own; `kept` is what dom0 is to have besides (`ports`).
    """
    mine = own(machine, device, guest_group, kept)
    return worst((*mine, *_neighbours(machine, device, guest_group, kept)))


def worst(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return the reasons to stay when there are any, all of them otherwise."""
    return tuple(reason for reason in reasons if reason.verdict == STAY) or reasons


def own(machine: Machine, device: Device, guest_group: str = "", kept: Kept = NOTHING) -> tuple[Reason, ...]:
    """Return the reasons that lie in the device itself and in what dom0 does with it."""
    if device.is_bridge:
        return (Reason("bridge", "it is a bridge, and Xen gives no bridge to a guest"),)
    rules: tuple[Callable[[Machine, Device], Iterator[Reason]], ...] = (
        _board, _uses, _path, _reserved, _graphics, _reset,
    )  # fmt: skip
    disks = _disks(machine, device, guest_group)
    found = (*disks, *(reason for rule in rules for reason in rule(machine, device)))
    if device.bdf in kept and verdict(found) != STAY:
        return (Reason("port", kept[device.bdf]), *found)
    return found


def _disks(machine: Machine, device: Device, guest_group: str) -> Iterator[Reason]:
    storage = machine.storage
    found = storage.on_controller(device.bdf)
    disks = ", ".join(d.name for d in found)
    mounted = sorted({place for d in found for place in storage.places(d.path)})
    if mounted:
        yield Reason("disk", f"dom0 uses {', '.join(mounted)} on its disk {disks}")
    uses = sorted({use for d in found for use in storage.uses(d.path)}, key=lambda use: (use.kind, use.who))
    for use in uses:
        if use.kind == "group" and use.who == guest_group:
            yield Reason("disk", f"its disk {disks} holds the guests' volume group {use.who}")
        elif use.kind == "group" and use.who and storage.is_mounted(use.who) and not mounted:
            yield Reason("disk", f"its disk {disks} holds a part of {use.who}, which dom0 has mounted")
        elif use.is_part and not mounted:
            yield Reason("volumes", f"its disk {disks} holds {use.whole}")


def _board(_: Machine, device: Device) -> Iterator[Reason]:
    code = device.class_code
    if code.startswith("0806"):
        yield Reason("iommu", "it is the IOMMU itself")
    elif code.startswith("0c05") or (not device.path and code[:2] in ("05", "08", "0b", "11")):
        yield Reason("board", "it is a part of the board, of little use to a guest")


def _uses(machine: Machine, device: Device) -> Iterator[Reason]:
    for use in machine.network.uses_of(device.bdf):
        yield Reason("network", f"it carries {use}")
    for keyboard in machine.keyboards:
        if keyboard.controller == device.bdf:
            yield Reason("keyboard", f"a keyboard is plugged into it ({keyboard.name})")


def _path(machine: Machine, device: Device) -> Iterator[Reason]:
    for bridge in map(machine.device, device.path):
        if bridge and bridge.id in NF200:
            yield Reason("nf200", f"it is behind an NF200 switch ({bridge.bdf}), opaque to the IOMMU")


def _reserved(machine: Machine, device: Device) -> Iterator[Reason]:
    regions = [region for region in machine.reserved if device.bdf in region]
    others = sorted({bdf for region in regions for bdf in region} - {device.bdf})
    if others:
        yield Reason("shared-rmrr", f"it shares a reserved memory region (RMRR) with {', '.join(others)}")
    elif regions:
        yield Reason("rmrr", "the firmware keeps a reserved memory region (RMRR) for it")


def _graphics(machine: Machine, device: Device) -> Iterator[Reason]:
    if not device.class_code.startswith("03"):
        return
    vendor, number = device.id.split(":")
    if device.is_boot_vga and any(d.class_code.startswith("03") and d != device for d in machine.devices):
        yield Reason("screen", "the machine's own screen is on it")
    elif device.is_boot_vga:
        yield Reason("only-screen", "the machine's only screen is on it")
    if vendor == "10de":
        yield Reason("nvidia", "it is an NVIDIA card, whose older drivers refuse to run in a guest")
    elif vendor == "1002" and _resets_once(int(number, 16)):
        yield Reason("amd-reset", "it is of an AMD family that works only once after each start of the host")
    elif vendor == "8086" and not device.path:
        yield Reason("integrated", "it is graphics built into the processor, which few guests can use")


def _resets_once(number: int) -> bool:
    """True for Polaris, Vega 10 and 20, and Navi 1x (the families of gnif/vendor-reset)."""
    ranges = ((0x67C0, 0x67FF), (0x6860, 0x687F), (0x66A0, 0x66AF), (0x6980, 0x699F), (0x7310, 0x7362))
    return any(low <= number <= high for low, high in ranges)


def _reset(_: Machine, device: Device) -> Iterator[Reason]:
    if not device.reset_methods:
        yield Reason("reset", "Linux knows no way to reset it")


def _neighbours(machine: Machine, device: Device, guest_group: str, kept: Kept) -> Iterator[Reason]:
    if device.is_bridge:
        return
    mates = machine.mates(device)
    held = [d.bdf for d in mates if verdict(own(machine, d, guest_group, kept)) == STAY]
    if held:
        yield Reason("held", f"it shares {place(device)} with {', '.join(held)}, which must stay")
    elif mates:
        yield Reason("group", f"it shares {place(device)} with {', '.join(d.bdf for d in mates)}")
    siblings = [d.bdf for d in machine.siblings(device) if d not in mates]
    if siblings:
        yield Reason("siblings", f"{', '.join(siblings)} is the same physical device")


def place(device: Device) -> str:
    """Return in words what a device shares with its mates."""
    return "a conventional PCI bus" if device.group is None else f"IOMMU group {device.group}"
