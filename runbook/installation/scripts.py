"""What the installer runs by itself, as the shell scripts that its answers name. Pure: values in, text out.

They run inside debian-installer, which has busybox's shell and little else.
"""

from __future__ import annotations

import shlex

from runbook.installation.layout import LVM_TYPE, Layout

#: Says a line on every console that somebody may look at.
_SAY = """say() {
	for screen in /dev/console /dev/tty1; do
		{ printf 'runbook: %s\\r\\n' "$1" >>"$screen"; } 2>/dev/null || true
	done
	logger -t runbook "$1"
}
"""

_EARLY = """#!/bin/sh
# Modules that came with the answers are of no use before they are in the index.
{depmod}
exit 0
"""

_BEFORE = """#!/bin/sh
# Nothing is written before this ends. It ends only if the disk is the right one.
{say}
stop() {{
	while :; do
		say "STOPPED: $1"
		say "Nothing was changed. Switch the machine off; $2."
		sleep 60
	done
}}
# The other disks here, by names that do not depend on the order.
others() {{
	for link in /dev/disk/by-id/*; do
		case $link in *-part[0-9]* | */lvm-* | */dm-* | */wwn-* | */nvme-eui.*) continue ;; esac
		[ ! -e "$link" ] || [ "$(readlink -f "$link")" = "$real" ] || printf ' %s' "$link"
	done
}}
disk={disk}
least_mib={least}
overwrite={overwrite}
real=$(readlink -f "$disk")
name=${{real##*/}}
[ -b "$real" ] || stop "there is no disk $disk here" "name one that 'lsblk -d' shows in installation.disk"
# Names like /dev/sda go by who answers first, and a stick may.
for label in /dev/disk/by-partlabel/{stick}; do
	case $(readlink -f "$label") in
	"$real"*) stop "$disk is the stick this installer came on" "name a disk in installation.disk as one of$(others)" ;;
	esac
done
size_mib=$(($(cat "/sys/block/$name/size") / 2048))
[ "$size_mib" -ge "$least_mib" ] ||
	stop "$disk has $size_mib MiB, the layout needs $least_mib" "ask for less, or take another disk"
if [ "$overwrite" = no ]; then
	for part in "/sys/block/$name/$name"*; do
		[ -e "$part" ] && stop "$disk is not empty, it has ${{part##*/}}" "installation.overwrite: true overwrites it"
	done
	# The first MiB holds what LVM, file systems and RAIDs leave of themselves without a partition table.
	[ "$(dd if="$real" bs=64k count=16 2>/dev/null | tr -d '\\000' | wc -c)" -eq 0 ] ||
		stop "$disk is not empty, something is written at its start" "installation.overwrite: true overwrites it"
fi
debconf-set partman-auto/disk "$real"
say "installing on $disk, $size_mib MiB"
"""

_LATE = """#!/bin/sh
# Debian is installed under /target: the guests' volume group, and the keys that may log in.
set -eu
{say}
disk=$(readlink -f {disk})
case $disk in
*[0-9]) part=${{disk}}p ;;
*) part=$disk ;;
esac
[ -b "${{part}}{last}" ] || {{
	say "STOPPED: $disk has no partition {last}: the partitioner made another layout than it was told"
	exit 1
}}
say "making volume group {group} on ${{part}}{number}"
in-target sfdisk --no-reread --force --part-type "$disk" {number} {lvm_type} || true
in-target pvcreate -ff -y "${{part}}{number}"
in-target vgcreate {group} "${{part}}{number}"
mkdir -p -m 700 /target/root/.ssh
cp /runbook/authorized_keys /target/root/.ssh/authorized_keys
chmod 600 /target/root/.ssh/authorized_keys
sync
say "the installation is complete"
"""

_APT = """#!/bin/sh
# What the controller's apt is told about the mirror that both use; apt asks the mirror soon after this.
mkdir -p /target/etc/apt/apt.conf.d
cat >/target/etc/apt/apt.conf.d/90mirror <<'END'
{lines}END
"""


def early(index_modules: bool) -> str:
    """Return what runs first of all; `index_modules` when kernel modules came with the answers."""
    return _EARLY.format(depmod="depmod -a" if index_modules else "true")


def before_partitioning(disk_layout: Layout, least_mib: int, overwrite: bool, stick: str) -> str:
    """Return the script that refuses the wrong disk: absent, too small, not empty, or the stick itself.

    `least_mib` is the size the disk must have, `stick` the name of the installer's own partition.
    """
    return _BEFORE.format(
        say=_SAY,
        disk=shlex.quote(disk_layout.disk),
        least=least_mib,
        overwrite="yes" if overwrite else "no",
        stick=stick,
    )


def apt_options(options: tuple[tuple[str, str], ...]) -> str:
    """Return the script that hands apt's options on, as (name, value), once the base system is there."""
    return _APT.format(lines="".join(f'{name} "{value}";\n' for name, value in options))


def late(disk_layout: Layout) -> str:
    """Return the script that ends the installation: the guests' volume group, root's keys."""
    guests = disk_layout.guests
    return _LATE.format(
        say=_SAY,
        disk=shlex.quote(disk_layout.disk),
        group=guests.name,
        number=guests.partition,
        last=disk_layout.system.partition,
        lvm_type=LVM_TYPE,
    )
