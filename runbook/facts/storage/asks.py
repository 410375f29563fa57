"""The questions about storage: one for each tool, with one set of columns that serves all readers.

lsblk(8), findmnt(8) and losetup(8) as of util-linux 2.38, lvm-fullreport(8) as of lvm2 2.03.
"""

from __future__ import annotations

from runbook.facts import xl
from runbook.model.ask import Ask

LSBLK = Ask.run(
    "lsblk", "-J", "-b", "-o", "NAME,PATH,KNAME,MAJ:MIN,TYPE,SIZE,LOG-SEC,PHY-SEC,RO,DISC-MAX,MODEL,SERIAL,TRAN,"
    "PTTYPE,PARTTYPE,FSTYPE,LABEL,UUID,MOUNTPOINTS",
)  # fmt: skip
# Without the columns of size: they would ask every file system, and a network's that is gone never answers.
FINDMNT = Ask.run("findmnt", "-J", "-l", "-o", "TARGET,SOURCE,FSTYPE,OPTIONS")
LVM = Ask.run(
    "lvm", "fullreport", "--reportformat", "json", "--units", "b", "--nosuffix",
    "--configreport", "vg", "-o", "vg_name,vg_size,vg_free,vg_extent_size",
    "--configreport", "pv", "-o", "pv_name,vg_name,pv_size,pv_missing",
    "--configreport", "lv", "-o", "vg_name,lv_name,lv_size,lv_attr,lv_layout,lv_tags,lv_uuid,lv_dm_path,lv_kernel_major,"
    "lv_kernel_minor,lv_health_status,origin,pool_lv,data_percent,metadata_percent",
    "--configreport", "pvseg", "-o", "pv_uuid", "--configreport", "seg", "-o", "segtype",
)  # fmt: skip
LOOPS = Ask.run("losetup", "-J", "-l", "-O", "NAME,BACK-FILE,OFFSET,SIZELIMIT,RO")
LINKS = Ask.shell(
    "find /sys/class/block/ /sys/class/nvme-subsystem/*/ -maxdepth 1 -type l"
    " -printf '%f %l\\n' 2>/dev/null; true"
)

COMMANDS = (LSBLK, FINDMNT, LVM, LOOPS, LINKS)
"""What every reader of storage asks."""

# One process a disk: given several, sfdisk leaves the JSON of all of them open.
TABLES = Ask.shell('for d in $(lsblk -dnpo NAME -e 1,2,7,11); do sfdisk --json "$d" 2>/dev/null; done; true')
"""The partition tables as they are on the disks, for whoever writes one or draws it: it wakes sleeping disks."""

LONG = Ask.run("xl", "list", "-l")
BACKENDS = Ask.run("xenstore-ls", "-f", "/local/domain/0/backend")
IS_DOM0 = Ask.read("/proc/xen/capabilities")
GUESTS = (xl.LIST, LONG, BACKENDS, IS_DOM0)
"""Which guests have which disks, for whoever touches what may be one's."""
WITH_GUESTS = (*COMMANDS, *GUESTS)
