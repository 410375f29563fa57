"""What is lost with a device that is no bridge: what is behind Intel's VMD, and what a Thunderbolt host interface tunnels.

A Thunderbolt or USB4 host interface (NHI) sets up the tunnels through which PCI Express reaches what is plugged into its
ports: without a driver for it the tunnels fall. Which ports are its own a newer Linux says by a link from the port to
the interface it needs (`usb4-host-interface`, drivers/thunderbolt/acpi.c); else they are looked for: those of the same
switch on a controller of its own, and for one built into the processor every port with another bridge below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine


def hanging_on(machine: Machine, device: Device) -> tuple[Device, ...]:
    """Return the devices that dom0 loses with a device, or may lose; none for a bridge, which is never given away."""
    if device.is_bridge:
        return ()
    found = [*machine.behind(device.bdf), *(_tunnelled(machine, device) if is_host_interface(device) else ())]
    return tuple(d for d in dict.fromkeys(found) if d != device and not d.is_bridge)


def is_host_interface(device: Device) -> bool:
    """Return whether it is a Thunderbolt or USB4 host interface: by its class, or what its driver or its name say."""
    code, words = device.class_code, {*device.name.lower().split()}
    if code == "0c0340" or (code.startswith(("0c03", "0880")) and "nhi" in words):
        return True
    is_named = "thunderbolt" in (device.driver, *device.modules) or bool({"thunderbolt", "usb4"} & words)
    # Controllers of their own are switches: something that Intel calls a system peripheral is behind nothing else there.
    is_on_switch = device.id.startswith("8086:") and len(device.path) > 1
    return code.startswith("0880") and (is_named or is_on_switch)


def _tunnelled(machine: Machine, interface: Device) -> Iterator[Device]:
    yield from machine.siblings(interface)
    ports = [d.bdf for d in machine.devices if interface.bdf in d.suppliers]
    if ports:
        yield from _below(machine, ports)
    elif len(interface.path) > 1:
        yield from machine.behind(interface.path[-2])
    else:
        yield from _below(machine, interface.path)
        domain = interface.bdf.partition(":")[0]
        mine = (d for d in machine.devices if d.bdf.startswith(f"{domain}:"))
        yield from (d for d in mine if len(d.path) > 1)


def _below(machine: Machine, bridges: Iterable[str]) -> Iterator[Device]:
    for bridge in bridges:
        yield from machine.behind(bridge)
