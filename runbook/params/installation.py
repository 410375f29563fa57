"""How Debian gets onto the disk: the disk's layout, and the few answers an installer needs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from runbook.params.addresses import MirrorAddress
from runbook.params.names import BootWord, DomainName, GroupName, InstallerLocale, Keyboard, ZoneName
from runbook.params.secrets import SecretReference
from runbook.params.types import Closed

#: LVM's allocation unit unless somebody asks for another (vgcreate(8)), and what a physical volume
#: keeps for itself at its start (pvcreate(8)), each rounded to one extent.
EXTENT_MIB = 4
#: The sizes of a release that are not the defaults below: the guide's own, which were enough in 2013.
SIZES: dict[str, dict[str, Any]] = {
    "wheezy": {
        "esp_mib": 256,
        "boot_mib": 256,
        "system_gib": 60,
        "volumes": {
            "root_mib": 8192,
            "home_mib": 20480,
            "swap_mib": 2048,
            "var_log_mib": 500,
            "tmp_mib": 500,
        },
    }
}
_DISK = r"/dev/(?:[shv]d[a-z]+|xvd[a-z]+|nvme[0-9]+n[0-9]+|mmcblk[0-9]+|disk/by-id/[A-Za-z0-9._:+-]{1,200})"


def with_sizes(release: object, given: Any) -> Any:
    """Return the values of an installation with a release's own sizes where none are given.

    >>> with_sizes("wheezy", {"esp_mib": 512})["esp_mib"], with_sizes("wheezy", {})["boot_mib"]
    (512, 256)
    """
    sizes = SIZES.get(str(release))
    if sizes is None or not isinstance(given, dict):
        return given
    volumes = given.get("volumes", {})
    merged = sizes["volumes"] | volumes if isinstance(volumes, dict) else volumes
    return sizes | given | {"volumes": merged}


def whole_disk(text: str) -> str:
    """Return the name of a whole disk. Raises `ValueError` for a partition or anything else.

    >>> whole_disk("/dev/nvme0n1")
    '/dev/nvme0n1'
    """
    if not re.fullmatch(_DISK, text) or re.search(r"/by-id/.*-part\d+$", text):
        raise ValueError(
            f"'{text}' is not a whole disk; write it as `lsblk -d` names it, like /dev/sda or /dev/nvme0n1, "
            "or as /dev/disk/by-id/… which does not change when a disk is added"
        )
    return text


def partition_device(disk: str, number: int) -> str:
    """Return the device of a disk's partition, as the kernel and udev name it.

    >>> [partition_device(d, 3) for d in ("/dev/sda", "/dev/nvme0n1", "/dev/disk/by-id/ata-X1")]
    ['/dev/sda3', '/dev/nvme0n1p3', '/dev/disk/by-id/ata-X1-part3']
    """
    if disk.startswith("/dev/disk/"):
        return f"{disk}-part{number}"
    return f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"


def public_key(text: str) -> str:
    """Return a public ssh key on one line. Raises `ValueError` for anything else."""
    line = " ".join(text.split())
    if not re.match(r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/]+=*(?: |$)", line):
        raise ValueError(
            "an authorized key is the one line of a .pub file, such as 'ssh-ed25519 AAAA… me@home'"
        )
    return line


WholeDisk = Annotated[str, AfterValidator(whole_disk)]
PublicKey = Annotated[str, AfterValidator(public_key)]


class SystemVolumes(Closed):
    """Sizes of the host's own volumes in MiB; what Debian 12 and 13 need (H206 to H208)."""

    root_mib: Annotated[int, Field(ge=4096, le=16 * 1024 * 1024)] = 20 * 1024
    """Debian itself, in MiB: all of `/` that has no volume of its own here."""
    home_mib: Annotated[int, Field(ge=256, le=16 * 1024 * 1024)] = 20 * 1024
    """What people keep on the host itself (`/home`), in MiB."""
    swap_mib: Annotated[int, Field(ge=256, le=16 * 1024 * 1024)] = 2 * 1024
    """Where dom0 puts memory that it does not use, in MiB; guests do not use it."""
    var_log_mib: Annotated[int, Field(ge=256, le=16 * 1024 * 1024)] = 4 * 1024
    """Logs (`/var/log`), in MiB: when they fill up, only they do."""
    tmp_mib: Annotated[int, Field(ge=128, le=16 * 1024 * 1024)] = 2 * 1024
    """Files that need not outlive a restart (`/tmp`), in MiB."""


class Installation(Closed):
    """The guide's disk: GPT with EFI, /boot, a volume group for the host and one for the guests."""

    method: Literal["none", "preseed", "live"] = "none"
    """`none`: Debian is there already and its layout is only shown; `preseed`: by the unattended
    installer; `live`: from a live system that the connection reaches (destructive)."""
    disk: WholeDisk = "/dev/sda"
    """The whole disk that is overwritten, such as /dev/sda, /dev/nvme0n1 or /dev/disk/by-id/…"""
    overwrite: bool = False
    """Let the unattended installer overwrite a disk that is not empty; it stops at one otherwise."""
    esp_mib: Annotated[int, Field(ge=64, le=16 * 1024 * 1024)] = 768
    """Size of the EFI partition in MiB, from which the firmware starts the boot loader."""
    boot_mib: Annotated[int, Field(ge=256, le=16 * 1024 * 1024)] = 1024
    """Size of /boot in MiB, which holds the kernels, their initrds and Xen."""
    system_volume_group: GroupName = "xen"
    """The LVM volume group of the host itself; the guests have another one, storage.guest_volume_group."""
    system_gib: Annotated[int, Field(ge=8, le=64 * 1024)] = 60
    """Size of the partition that holds the host's own volume group; the rest of the disk is the guests'."""
    volumes: SystemVolumes = SystemVolumes()
    noatime: bool = True
    """Do not write down when a file was last read: that saves a write for every read (mount(8))."""
    tasks: tuple[Literal["standard", "ssh-server"], ...] = ("standard", "ssh-server")
    """What the unattended installer adds to the base system: `standard` is what a Unix user expects; no desktop."""
    domain: DomainName = ""
    """The domain that the installer gives the host, such as home.arpa; empty for none."""
    locale: InstallerLocale = Field(default="en_US.UTF-8", examples=["en_GB.UTF-8"])
    """The language of the installer and of the system, such as en_GB.UTF-8."""
    keyboard: Keyboard = Field(default="us", examples=["gb"])
    """The layout of the keyboard at the machine, such as us, gb or de."""
    time_zone: ZoneName = Field(default="Etc/UTC", examples=["Europe/Berlin"])
    """The time zone of the machine, such as Europe/Berlin."""
    root_password_hash: SecretReference = Field(default="", examples=["env:ROOT_HASH"])
    """Where the hash of root's password is (env:NAME, file:PATH or command:…); never the password (crypt(5))."""
    authorized_keys: tuple[PublicKey, ...] = Field(
        default=(),
        examples=[
            ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp ana@home"]
        ],
    )
    """Public ssh keys that may log in as root."""
    mirror: MirrorAddress = Field(default="", examples=["http://mirror.example/debian"])
    """The Debian mirror's address, such as http://HOST/debian; empty: the controller's own apt source."""
    kernel_options: tuple[BootWord, ...] = ()
    """More words for the installer's kernel line, kept by the installed system, such as console=ttyS0."""
    afterwards: Literal["poweroff", "reboot"] = "poweroff"
    """What the machine does when the installer is done; after a power-off the stick can be pulled at leisure."""

    @model_validator(mode="after")
    def _volumes_fit(self) -> Installation:
        sizes = self.volumes.model_dump().values()
        needed = sum(-(-size // EXTENT_MIB) * EXTENT_MIB for size in sizes)
        room = self.system_gib * 1024 - 2 * EXTENT_MIB
        if needed > room:
            raise ValueError(
                f"the host's volumes need {needed} MiB, the partition of {self.system_gib} GiB has room for {room}; "
                f"set system_gib to {-(-(needed + 2 * EXTENT_MIB) // 1024)} or more, or make a volume smaller"
            )
        return self
