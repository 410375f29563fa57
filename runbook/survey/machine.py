"""The whole machine put together from its facts, before Xen and under it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from runbook.facts import (
    bars,
    cpu,
    displays,
    firmware,
    isolation,
    memory,
    network,
    pci,
    sessions,
    space,
    storage,
    system,
    usb,
)
from runbook.facts.storage.rests import unplaced
from runbook.model.ask import Ask, Facts
from runbook.survey import islands, kept, regions, virtual, xen_quirks
from runbook.survey.remotes import with_remotes

Key = TypeVar("Key")
_KEPT = Ask.read(kept.PATH)
_BOOT = space.commands("/boot")


@dataclass(frozen=True)
class Machine:
    """One machine. Under Xen its devices are completed from the kept survey."""

    system: system.System
    cpu: cpu.Cpu
    firmware: firmware.Firmware
    memory: memory.Memory
    devices: tuple[pci.Device, ...]
    storage: storage.Storage
    boot_free_mib: int | None
    """What is free where /boot lies; None when the host could not say."""
    network: network.Network
    keyboards: tuple[usb.Keyboard, ...]
    kept: kept.Kept | None
    """What the machine showed before Xen; only read under Xen."""
    isolation: isolation.Isolation
    """What keeps its devices apart."""
    plugged: tuple[usb.Plugged, ...] = ()
    """What is plugged into USB beside keyboards."""
    bars: bars.Bars = field(default_factory=bars.Bars)
    """What the devices have in memory."""
    displays: displays.Displays = field(default_factory=displays.Displays)
    """Which card shows the console, and where monitors are."""
    xen_options: tuple[str, ...] = ()
    """What the parameters add to Xen's line, as far as there are any."""

    @property
    def virtualisation(self) -> tuple[str, str]:
        """The names of hardware virtualisation and of nested paging, '' for one that is missing.

        Under Xen, dom0's kernel sees neither flag: Xen itself is asked, then the kept survey.
        """
        caps = self.cpu.xen_caps
        if self.system.is_dom0 and caps:
            return "hvm" * ("hvm" in caps), "hap" * ("hap" in caps)
        source = self.kept if self.system.is_dom0 and self.kept else self.cpu
        return source.virtualisation, source.nested_paging

    @cached_property
    def iommu_off(self) -> xen_quirks.SwitchedOff | None:
        """The chipset for which Xen switches the IOMMU off; None where it does not, or where it says that it did not."""
        if self.system.is_dom0 and "hvm_directio" in self.cpu.xen_caps:
            return None
        return xen_quirks.iommu_off(self.devices, self.xen_options)

    def device(self, bdf: str) -> pci.Device | None:
        """Return the device at an address, None when there is none."""
        return self._by_address.get(bdf)

    def mates(self, device: pci.Device) -> tuple[pci.Device, ...]:
        """Return the devices that the IOMMU cannot tell from this one, bridges left out.

        These are its IOMMU group, and what bears its number; where no group is known of one of them, what the bus and
        ACS say (`islands`).
        What is another's mate has it as mate.
        """
        found = self._grouped([device])
        near = [d for one in found for d in self._by_number.get(one.bdf, ())]
        if self._has_groupless:
            near += [d for one in found for d in self._by_island[self._islands[one.bdf]] if _is_guess(one, d)]
        if near:
            found = self._grouped([*found, *near])
        return tuple(d for d in dict.fromkeys(found) if d != device and not d.is_bridge)

    def on_bus(self, device: pci.Device) -> list[pci.Device]:
        """Return all that is on a device's own bus, itself among them."""
        return self._by_bus[device.bdf.rpartition(":")[0]]

    def functions(self, device: pci.Device) -> tuple[pci.Device, ...]:
        """Return the other functions of the same slot, bridges among them."""
        return tuple(d for d in self._by_slot[device.slot] if d != device)

    def siblings(self, device: pci.Device) -> tuple[pci.Device, ...]:
        """Return the other functions of the same slot, bridges left out."""
        return tuple(d for d in self.functions(device) if not d.is_bridge)

    @cached_property
    def unplaced(self) -> tuple[str, ...]:
        """What dom0 has mounted on no disk that is known, in words."""
        return unplaced(self.storage)

    @cached_property
    def has_card_in_use(self) -> bool:
        """True when some card is known to carry something."""
        return any(self.network.uses_of(device.bdf) for device in self.devices)

    def is_conventional(self, bridge: str) -> bool:
        """Return whether a bridge leads to conventional PCI: behind a PCI Express port all is PCI Express.

        What leads on and is no bridge, such as Intel's VMD, has no bus of that kind behind it, whatever it says of itself.
        """
        above = self.device(bridge)
        if above is not None and not above.is_bridge:
            return False
        below = [d for d in self._behind.get(bridge, []) if d.path[-1] == bridge]
        return (above is not None and not above.is_express) or any(not d.is_express for d in below)

    def behind(self, bridge: str) -> tuple[pci.Device, ...]:
        """Return all devices below a bridge, however deep."""
        return tuple(self._behind.get(bridge, ()))

    @cached_property
    def judged(self) -> dict[tuple[object, ...], Any]:
        """What `verdict.own` found about each device: with many in one group each is asked about for all the others."""
        return {}

    @cached_property
    def regions(self) -> tuple[regions.Region, ...]:
        """The pieces of memory that the firmware keeps for devices."""
        return regions.regions(self)

    @cached_property
    def physical(self) -> dict[str, tuple[str, ...]]:
        """For each virtual function its physical function; several where it is not known which (`virtual`)."""
        return virtual.physical(self)

    @cached_property
    def virtual(self) -> dict[str, tuple[str, ...]]:
        """For each physical function its virtual ones."""
        return virtual.virtual(self.physical)

    # A machine is asked about each of its devices in turn: each answer is looked up, not searched for.

    @cached_property
    def _by_address(self) -> dict[str, pci.Device]:
        return {device.bdf: device for device in self.devices}

    @cached_property
    def _by_group(self) -> dict[int | None, list[pci.Device]]:
        return _indexed(self.devices, lambda device: [device.group])

    @cached_property
    def _has_groupless(self) -> bool:
        return any(device.group is None for device in self.devices)

    @cached_property
    def _islands(self) -> dict[str, str]:
        return {device.bdf: islands.island(self, device) for device in self.devices}

    @cached_property
    def _by_number(self) -> dict[str, tuple[pci.Device, ...]]:
        """For each device those that send under its number, whatever Linux says."""
        found = {device.bdf: islands.in_its_name(self, device) for device in self.devices}
        return {bdf: others for bdf, others in found.items() if others}

    @cached_property
    def _by_island(self) -> dict[str, list[pci.Device]]:
        return _indexed(self.devices, lambda device: [self._islands[device.bdf]])

    def _grouped(self, devices: list[pci.Device]) -> list[pci.Device]:
        """Return devices with all of their IOMMU groups, each once."""
        groups = dict.fromkeys(d.group for d in devices if d.group is not None)
        return list(dict.fromkeys([*devices, *(d for group in groups for d in self._by_group[group])]))

    @cached_property
    def _by_slot(self) -> dict[str, list[pci.Device]]:
        return _indexed(self.devices, lambda device: [device.slot])

    @cached_property
    def _by_bus(self) -> dict[str, list[pci.Device]]:
        return _indexed(self.devices, lambda device: [device.bdf.rpartition(":")[0]])

    @cached_property
    def _behind(self) -> dict[str, list[pci.Device]]:
        """For each bridge all devices below it, however deep."""
        return _indexed(self.devices, lambda device: dict.fromkeys(device.path))


def _is_guess(one: pci.Device, other: pci.Device) -> bool:
    """Return whether Linux says nothing about two devices, since one of them has no group."""
    return one.group is None or other.group is None


def _indexed(
    devices: Iterable[pci.Device], keys: Callable[[pci.Device], Iterable[Key]]
) -> dict[Key, list[pci.Device]]:
    found: dict[Key, list[pci.Device]] = defaultdict(list)
    for device in devices:
        for key in keys(device):
            found[key].append(device)
    return found


def asks() -> tuple[Ask, ...]:
    """Return every question of the survey, each once."""
    modules = (system, cpu, firmware, memory, pci, isolation, bars, displays, storage, sessions, network, usb)
    questions = (ask for module in modules for ask in module.COMMANDS)
    return tuple(dict.fromkeys([*questions, *network.MORE, *_BOOT, _KEPT]))


def kept_text(facts: Facts) -> str | None:
    """Return the kept survey as it lies on the host, None when there is none."""
    return facts.text(kept.PATH)


def read(facts: Facts, xen_options: tuple[str, ...] = ()) -> Machine:
    """Return the machine of the facts; `xen_options` are those that the parameters add to Xen's line (`xen.options`).

    Raises `HostError` under Xen when there is a kept survey that cannot be read.
    """
    booted = system.parse(facts)
    content = kept_text(facts) if booted.is_dom0 else None
    before = kept.parse(content) if content is not None else None
    memory_of = bars.parse(facts)
    disks = storage.parse(facts)
    apart = isolation.parse(facts)
    devices = _revised(pci.parse(facts), memory_of.revisions or {})
    return Machine(
        system=booted,
        cpu=cpu.parse(facts),
        firmware=firmware.parse(facts),
        memory=memory.parse(facts),
        devices=kept.complete(_believed(devices, apart), before),
        storage=disks,
        boot_free_mib=space.free_mib(facts, "/boot"),
        network=with_remotes(network.parse(facts), disks, sessions.parse(facts)),
        keyboards=usb.parse(facts),
        kept=before,
        isolation=apart,
        plugged=usb.plugged(facts),
        bars=memory_of,
        displays=displays.parse(facts),
        xen_options=xen_options,
    )


def _believed(devices: tuple[pci.Device, ...], apart: isolation.Isolation) -> tuple[pci.Device, ...]:
    """Return the devices, without their groups where these are only what somebody wished for."""
    return tuple(replace(device, group=None) for device in devices) if apart.is_forced else devices


def _revised(devices: tuple[pci.Device, ...], revisions: dict[str, int]) -> tuple[pci.Device, ...]:
    """Return the devices with the revision that sysfs gives, where lspci names none: lspci leaves out 0."""
    return tuple(
        replace(d, revision=revisions[d.bdf]) if d.revision is None and d.bdf in revisions else d
        for d in devices
    )
