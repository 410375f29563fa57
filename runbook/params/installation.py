"""How Debian gets onto the disk: the disk's layout, and the few answers an installer needs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runbook.params.types import Closed, VolumeName


class SystemVolumes(Closed):
    """Sizes of the host's own volumes in MiB; what Debian 12 and 13 need (H206 to H208)."""

    root_mib: Annotated[int, Field(ge=4096)] = 20 * 1024
    home_mib: Annotated[int, Field(ge=256)] = 20 * 1024
    swap_mib: Annotated[int, Field(ge=256)] = 2 * 1024
    var_log_mib: Annotated[int, Field(ge=256)] = 4 * 1024
    tmp_mib: Annotated[int, Field(ge=128)] = 2 * 1024


class Installation(Closed):
    """The guide's disk: GPT with EFI, /boot, a volume group for the host and one for the guests."""

    method: Literal["none", "preseed", "live"] = "none"
    """`none`: Debian is there already and its layout is only shown; `preseed`: by the unattended
    installer; `live`: from a live system that the connection reaches (destructive)."""
    disk: str = "/dev/sda"
    """The whole disk that is overwritten, such as /dev/sda or /dev/nvme0n1."""
    esp_mib: Annotated[int, Field(ge=64)] = 768
    boot_mib: Annotated[int, Field(ge=256)] = 1024
    system_volume_group: VolumeName = "xen"
    system_gib: Annotated[int, Field(ge=8)] = 60
    """Size of the partition that holds the host's own volume group; the rest of the disk is the guests'."""
    volumes: SystemVolumes = SystemVolumes()
    noatime: bool = True
    domain: str = ""
    locale: str = "en_US.UTF-8"
    keyboard: str = "us"
    time_zone: str = "Etc/UTC"
    root_password_hash: str = ""
    """Where the hash of root's password is (env:NAME, file:PATH or command:…); never the password (crypt(5))."""
    authorized_keys: tuple[str, ...] = ()
    """Public ssh keys that may log in as root."""
    mirror: str = ""
    """The Debian mirror's address, such as http://HOST/debian; empty: the controller's own apt source."""
