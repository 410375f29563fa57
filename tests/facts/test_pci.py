"""PCI devices as sysfs and lspci tell them."""

from runbook.facts import pci
from tests.survey.machines import Pci, bare, devices


def test_the_testbeds_spare_card():
    """Every field of one real device."""
    assert pci.at(pci.parse(bare()), "0000:00:05.0") == pci.Device(
        bdf="0000:00:05.0",
        id="8086:10d3",
        class_code="020000",
        class_name="Ethernet controller",
        name="Intel Corporation 82574L Gigabit Network Connection",
        driver="e1000e",
        modules=("e1000e",),
        group=3,
        reset_methods=("pm",),
        is_boot_vga=False,
        path=(),
        secondary_bus=None,
        is_express=True,
    )


def test_all_devices_in_order():
    """All twelve devices are there, ordered by address, bridges known as such."""
    found = pci.parse(bare())
    assert [d.bdf[5:] for d in found] == [
        "00:00.0", "00:01.0", "00:03.0", "00:04.0", "00:05.0", "00:06.0",
        "00:07.0", "00:08.0", "00:09.0", "00:1f.0", "00:1f.2", "00:1f.3",
    ]  # fmt: skip
    assert [d.bdf[5:] for d in found if d.is_bridge] == ["00:00.0", "00:1f.0"]


def test_a_hidden_device_keeps_its_module():
    """Bound to pciback, a device still tells the module that would claim it, named unlike its driver."""
    links = "/sys/bus/pci/devices/0000:00:06.0/driver ../../../bus/pci/drivers/pciback\n"
    found = pci.at(pci.parse(bare(pci_links=links)), "0000:00:06.0")
    assert found is not None
    assert (found.driver, found.modules) == ("pciback", ("xhci_pci",))


def test_without_lspci_the_class_is_known():
    """On a machine without pciutils the class has a name, and the device its number."""
    found = pci.at(pci.parse(bare(lspci=None)), "0000:00:1f.2")
    assert found is not None
    assert (found.class_name, found.name) == ("SATA controller", "device 8086:2922")


def test_path_and_bridge_by_header():
    """A device lists the bridges over it; what has a bus behind it is a bridge whatever its class."""
    port, card = pci.parse(devices(
        Pci("0000:00:1c.0", code="ff0000", bus=3), Pci("0000:03:00.0", above=("0000:00:1c.0",)),
    ))  # fmt: skip
    assert (port.is_bridge, port.secondary_bus) == (True, 3)
    assert (card.is_bridge, card.path) == (False, ("0000:00:1c.0",))
