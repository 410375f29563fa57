"""The machines from which a network brings disks: sessions of iSCSI, controllers of NVMe over fabrics."""

from __future__ import annotations

import re

from runbook.model.ask import Ask, Facts

# scsi_transport_iscsi's class of connections, and the address of each NVMe controller, which of one in a slot is PCI's.
_SESSIONS = Ask.shell(
    "grep -s . /sys/class/iscsi_connection/*/persistent_address /sys/class/nvme/*/address; true"
)

COMMANDS = (_SESSIONS,)


def parse(facts: Facts) -> dict[str, str]:
    """Return the address of the other side for each session by its name in sysfs, none where nobody asked."""
    return addresses(facts[_SESSIONS].out) if _SESSIONS in facts else {}


def addresses(text: str) -> dict[str, str]:
    """Return the other side's address of each session, from `PATH:VALUE` lines.

    >>> addresses("/sys/class/iscsi_connection/connection1:0/persistent_address:192.0.2.9\\n"
    ... "/sys/class/nvme/nvme2/address:traddr=192.0.2.7,trsvcid=4420\\n/sys/class/nvme/nvme0/address:0000:07:00.0\\n")
    {'session1': '192.0.2.9', 'nvme2': '192.0.2.7'}
    """
    iscsi = re.findall(r"(?m)/connection(\d+):\d+/persistent_address:(\S+)$", text)
    fabrics = re.findall(r"(?m)/(nvme\d+)/address:(?:\S*,)?traddr=([^,\s]+)", text)
    return {f"session{number}": address for number, address in iscsi} | dict(fabrics)
