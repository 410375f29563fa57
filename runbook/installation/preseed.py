"""The answers of the unattended installer, as debian-installer reads them from `preseed.cfg`.

Pure: parameters in, text out. What only root may see (the password's hash) comes in as `Secrets`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from runbook.installation.layout import LEAST_REST_MIB, TABLE_MIB, Layout, LogicalVolume, Partition, layout
from runbook.params import HostParams

MIB = 1024 * 1024
#: No password at all: nobody can log in with one (shadow(5)). The installer takes `!` for no answer, and asks.
LOCKED = "*"
#: The partitioner rounds each partition to its own grid; so much more keeps every promised MiB.
GRID_MB = 4
#: In the partitioner's shares of what is left, counted in whole percent: the host's own partition, and the guests'.
SHARES = (99, 1)


@dataclass(frozen=True)
class Mirror:
    """Where the installer gets Debian from. Addresses without a closing slash."""

    main: str
    security: str = ""
    """Empty leaves the installer's own, which is Debian's."""
    components_of: str = ""
    """The suite that the installer fetches its own components from; empty is the release's."""


@dataclass(frozen=True)
class Answers:
    """What the parameters only refer to, found on the controller."""

    mirror: Mirror
    password_hash: str = field(default=LOCKED, repr=False)
    has_modules: bool = False
    """Whether kernel modules come with the answers; the mirror may then have none of this kernel."""


def preseed(params: HostParams, answers: Answers) -> str:
    """Return the text of `preseed.cfg` for one host (example-preseed.txt of the installation guide)."""
    wanted, disk_layout = params.installation, layout(params)
    lines = [
        *_language(params),
        *_mirror(answers.mirror),
        *(["d-i anna/no_kernel_modules boolean true"] if answers.has_modules else []),
        "d-i passwd/root-login boolean true",
        "d-i passwd/make-user boolean false",
        f"d-i passwd/root-password-crypted password {answers.password_hash}",
        "d-i clock-setup/utc boolean true",
        f"d-i time/zone string {wanted.time_zone}",
        "d-i clock-setup/ntp boolean true",
        *_disk(disk_layout),
        f"d-i partman-auto/expert_recipe string {recipe(disk_layout)}",
        "d-i apt-setup/non-free-firmware boolean true",
        "d-i apt-setup/services-select multiselect security, updates",
        f"tasksel tasksel/first multiselect {', '.join(wanted.tasks)}",
        "d-i pkgsel/include string openssh-server lvm2",
        "d-i pkgsel/upgrade select full-upgrade",
        "popularity-contest popularity-contest/participate boolean false",
        "d-i grub-installer/only_debian boolean true",
        "d-i grub-installer/force-efi-extra-removable boolean true",
        "d-i preseed/early_command string sh /runbook/early.sh",
        "d-i partman/early_command string sh /runbook/before_partitioning.sh",
        "d-i preseed/late_command string sh /runbook/late.sh",
        "d-i finish-install/reboot_in_progress note",
        f"d-i debian-installer/exit/poweroff boolean {_yes(wanted.afterwards == 'poweroff')}",
    ]
    return "\n".join(lines) + "\n"


def recipe(disk_layout: Layout) -> str:
    """Return the partitioner's recipe on one line (partman-auto-recipe.txt of debian-installer).

    The guests' partition is merely kept (`late.sh` makes their group), since two physical volumes on one
    disk need exact device names, which the partitioner does not match on NVMe.

    The host's own partition asks for next to nothing and grows to its size. Else its size and those of
    the volumes inside it count together when the partitioner asks whether the disk is large enough
    (`choose_recipe` in recipes.sh of partman-auto), and on most disks it would take a recipe of its own.
    """
    entries = [_partition(part) for part in disk_layout.partitions]
    entries += [_volume(volume, disk_layout.system.name) for volume in disk_layout.system.volumes]
    return "runbook :: " + " ".join(f"{entry} ." for entry in entries)


def least_disk_mib(disk_layout: Layout) -> int:
    """Return the size of the smallest disk that the recipe fits on, in MiB.

    On a smaller one the partitioner would silently take another recipe; so this is checked before it runs.
    """
    sizes = [_size_mb(part.size_mib) for part in disk_layout.partitions if part.size_mib]
    # Until the host's own partition has its size the guests' share grows as well.
    own, guests = SHARES
    share = -(-sizes[-1] * guests // own)
    return -(-(sum(sizes) + share + megabytes(LEAST_REST_MIB) + GRID_MB) * 1_000_000 // MIB) + TABLE_MIB


def megabytes(mib: int) -> int:
    """Return the decimal megabytes, rounded up, that hold so many MiB: the partitioner counts in those.

    >>> megabytes(60 * 1024)
    64425
    """
    return -(-mib * MIB // 1_000_000)


def _language(params: HostParams) -> list[str]:
    wanted = params.installation
    return [
        f"d-i debian-installer/locale string {wanted.locale}",
        f"d-i keyboard-configuration/xkb-keymap select {wanted.keyboard}",
        "d-i netcfg/choose_interface select auto",
        f"d-i netcfg/hostname string {params.host}",
        f"d-i netcfg/get_hostname string {params.host}",
        f"d-i netcfg/get_domain string {wanted.domain}",
        "d-i netcfg/wireless_wep string",
        "d-i hw-detect/load_firmware boolean false",
    ]


def _mirror(mirror: Mirror) -> list[str]:
    main = urlsplit(mirror.main)
    lines = [
        f"d-i mirror/protocol string {main.scheme}",
        "d-i mirror/country string manual",
        f"d-i mirror/{main.scheme}/hostname string {main.netloc}",
        f"d-i mirror/{main.scheme}/directory string {main.path or '/'}",
        f"d-i mirror/{main.scheme}/proxy string",
    ]
    if mirror.components_of:
        lines.append(f"d-i mirror/udeb/suite string {mirror.components_of}")
    if mirror.security:
        security = urlsplit(mirror.security)
        lines += [
            f"d-i apt-setup/security_protocol string {security.scheme}",
            f"d-i apt-setup/security_host string {security.netloc}",
            f"d-i apt-setup/security_path string {security.path}",
        ]
    return lines


def _disk(disk_layout: Layout) -> list[str]:
    """The disk, the label, and every question between an empty disk and a written one."""
    needed = sum(megabytes(volume.size_mib) for volume in disk_layout.system.volumes)
    return [
        "d-i partman-efi/non_efi_system boolean true",
        "d-i partman-partitioning/choose_label select gpt",
        "d-i partman-partitioning/default_label string gpt",
        f"d-i partman-auto/disk string {disk_layout.disk}",
        "d-i partman-auto/method string lvm",
        f"d-i partman-auto-lvm/new_vg_name string {disk_layout.system.name}",
        # Exactly the volumes' sum: what the group has beyond it stays free, for snapshots.
        f"d-i partman-auto-lvm/guided_size string {needed} MB",
        "d-i partman-lvm/device_remove_lvm boolean true",
        "d-i partman-md/device_remove_md boolean true",
        "d-i partman-lvm/confirm boolean true",
        "d-i partman-lvm/confirm_nooverwrite boolean true",
        "d-i partman-partitioning/confirm_write_new_label boolean true",
        # Else it asks whether the guests' partition was really meant to have no file system.
        "d-i partman-basicmethods/method_only boolean false",
        "d-i partman/choose_partition select finish",
        "d-i partman/confirm boolean true",
        "d-i partman/confirm_nooverwrite boolean true",
        "d-i partman-auto/choose_recipe select runbook",
    ]


def _size_mb(mib: int) -> int:
    return megabytes(mib) + GRID_MB


def _partition(part: Partition) -> str:
    own, guests = SHARES
    if part.size_mib is None:
        least = megabytes(LEAST_REST_MIB)
        return f"{least} {least + 1000 * guests} -1 ext4 $primary{{ }} method{{ keep }}"
    size = _size_mb(part.size_mib)
    if part.group:
        sizes = f"1 {1 + 1000 * own} {size}"
        return f"{sizes} ext4 $primary{{ }} $defaultignore{{ }} method{{ lvm }} vg_name{{ {part.group} }}"
    sizes = f"{size} {size} {size}"
    if part.fs == "vfat":
        return f"{sizes} free $iflabel{{ gpt }} $reusemethod{{ }} method{{ efi }} format{{ }}"
    return f"{sizes} ext4 $primary{{ }} $bootable{{ }} {_filesystem(part.fs, part.mount, part.options)}"


def _volume(volume: LogicalVolume, group: str) -> str:
    size = megabytes(volume.size_mib)
    head = f"{size} {size} {size} {'linux-swap' if volume.fs == 'swap' else volume.fs}"
    place = f"$lvmok{{ }} in_vg{{ {group} }} lv_name{{ {volume.name} }}"
    if volume.fs == "swap":
        return f"{head} {place} method{{ swap }} format{{ }}"
    return f"{head} {place} {_filesystem(volume.fs, volume.mount, volume.options)}"


def _filesystem(fs: str, mount: str, options: tuple[str, ...]) -> str:
    lines = [
        "method{ format } format{ } use_filesystem{ }",
        f"filesystem{{ {fs} }}",
        f"mountpoint{{ {mount} }}",
    ]
    return " ".join([*lines, *(f"options/{option}{{ {option} }}" for option in options)])


def _yes(value: bool) -> str:
    return "true" if value else "false"
