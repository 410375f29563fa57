"""The answers that no watched thing reads: compared as text, but for those that say nothing that lasts."""

from __future__ import annotations

import re

from runbook.drift.named import Things
from runbook.model.ask import Ask, Facts

_PASSING = (
    # What changes by itself.
    r"< /proc/(sys/kernel/random/boot_id)$",
    r"< /run/", r"grep -Hs '' /run/", r"/run/xen-runbook", r"^printenv ", r"^df ", r"^losetup ", r"^lsblk ", r"^ss ", r"^iptables -S$",
    r"^xl (list|info|pci-assignable-list)", r"^xenstore-ls ",
    r"/sys/class/block", r"/sys/class/net", r"^networkctl ", r"/var/lib/apt/lists", r"/proc/locks",
    r"^lvm fullreport ", r"^fstrim ", r"^grep -m2 .* /proc/cpuinfo", r"^find /boot ", r"^ip ",
    r"--exclude-dir=scripts",
    # What lies inside a guest's disk, and the backups of it.
    r"partx -g", r"blkid -p", r"date \+%s", r"/mnt/",
    # What follows from a file or a package that is watched itself.
    r"xl create -n", r"apt-get -s", r"^dpkg-query ", r"nft -f -", r"modprobe -R", r"/sys/hypervisor/",
    r"command -v", r"ls -v /boot/config-", r"/var/lib/xen-runbook/probe", r"/sys/bus/pci/devices", r"grep -cE", r"^readlink -f /dev/",
    r"< /(boot/grub/grub.cfg|etc/machine-id|proc/xen/capabilities)", r"-printf '%m %u:%g", r"/etc/shadow",
    # Parts of the devices that are watched, and what hangs on them at the moment.
    r"lspci -Dnv", r"/sys/kernel/iommu_groups", r"drm/\*/status", r"/sys/class/iscsi_connection",
    r"^find /etc/(default/grub|xen/auto) ", r"^id -u$", r"^findmnt ", r"lsblk -dnpo", r"^find /mnt",
)  # fmt: skip
_IGNORED = re.compile("|".join(_PASSING))
_MODULES = re.compile(r"/lib/modules/[^/\s]+/")
"""Which kernel runs is watched itself; a file of its modules is no other one because of it."""


def read(facts: Facts, used: set[Ask]) -> Things:
    """Return each answer as a thing that nothing else looked at."""
    left = (ask for ask in facts if ask not in used and not _IGNORED.search(ask.key))
    return {_short(ask.key): {"": _text(facts, ask)} for ask in left}


def _text(facts: Facts, ask: Ask) -> str:
    answer = facts[ask]
    return (
        _MODULES.sub("/lib/modules/*/", answer.out.rstrip("\n"))
        if answer.ok
        else f"ended with status {answer.status}"
    )


def _short(key: str) -> str:
    """Return a question in one line of at most 100 characters, the script itself where it is one."""
    line = " ".join(key.removeprefix("sh -c ").strip("'").split())
    return line if len(line) <= 100 else line[:99] + "…"
