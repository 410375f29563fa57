"""Keyboards on USB."""

from runbook.facts import usb
from tests.survey.machines import bare

CLASSES = """\
1-2:1.0/bInterfaceClass:03
1-2:1.1/bInterfaceClass:03
1-3:1.0/bInterfaceClass:08
1-2:1.0/bInterfaceProtocol:01
1-2:1.1/bInterfaceProtocol:02
1-3:1.0/bInterfaceProtocol:01
1-2/product:Das Keyboard: Model S
"""
LINKS = """\
1-2 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-2
1-2:1.0 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0
1-2:1.1 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.1
1-3:1.0 ../../../devices/pci0000:00/0000:00:14.0/usb1/1-3/1-3:1.0
"""


def test_a_keyboard_and_its_controller():
    """Only class 03 with protocol 01 is a keyboard: not its mouse half, not a disk with that protocol."""
    found = usb.parse(bare(usb=CLASSES, usb_links=LINKS))
    assert found == (usb.Keyboard("Das Keyboard: Model S", "0000:00:14.0"),)


def test_no_keyboard():
    """The testbed's controller has hubs only."""
    assert usb.parse(bare()) == ()
