"""Names, by the rules of the tool that takes them: the kernel, LVM, xl, Debian, GRUB."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator

from runbook.params.types import name_of

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# What the kernel, ifupdown and bridge-utils-interfaces(5) understand as something else than one interface.
_NO_INTERFACE = {"lo", "all", "default", "none", "regex", "noregex", "bonding_masters"}
_KEPT_HOSTS = {"fleet": "reports/fleet is a fleet's", "sample": "reports/sample is the sample report",
               "plans": "reports of plans lie in a folder of that name",
               "localhost": "every machine calls itself that"}  # fmt: skip
# lvm(8), VALID NAMES; the parts are those of lib/misc/lvm-string.c, old and new.
_LV_STARTS = ("snapshot", "pvmove")
_LV_PARTS = ("_cdata", "_cmeta", "_corig", "_cvol", "_imeta", "_iorig", "_mimage", "_mlog", "_pmspare", "_rimage", "_rmeta",
             "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig")  # fmt: skip
# What is in /dev of every Debian: no volume group can have its folder there (vgcreate(8)).
_DEV = (
    "autofs block btrfs-control bus char console core cpu cpu_dma_latency disk dma_heap dri fb0 fd full fuse hpet "
    "hugepages hwrng initctl input kmsg kvm log loop-control mapper mem mqueue net null nvram port ppp psaux ptmx "
    "pts random raw rfkill rtc serial shm snapshot snd stderr stdin stdout tty uhid uinput urandom usb userfaultfd "
    "vfio vga_arbiter vhci vhost-net watchdog zero"
)
_A_DEVICE = r"(?:[shv]d[a-z]+|xvd[a-z]+|sr|scd|nvme|mmcblk|md|dm-|loop|ram|tty|ttyS|vcs|vcsa|vcsu|nbd|zram|rtc)\d*(?:[np]\d+)*"
# The accounts that every Debian has (base-passwd, systemd): they are no persons'.
_SYSTEM_USERS = (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats _apt nobody "
    "messagebus sshd systemd-network systemd-timesync systemd-resolve"
)
_LV_LONGEST = 127
LAYER = len("-real")
"""What device-mapper appends to a volume's name when it has a snapshot."""


def _taken(kind: str, text: str, why: str) -> ValueError:
    return ValueError(f"'{text}' cannot be the name of a {kind}: {why}")


def host_name(text: str) -> str:
    """Return a machine's short name (RFC 1123). Raises `ValueError` for others and for those that are taken."""
    if not re.fullmatch(_LABEL, text):
        raise _taken(
            "host", text, "use up to 63 small letters, digits and hyphens, with no hyphen at either end"
        )
    if text.isdigit():
        raise _taken("host", text, "a name of digits alone is read as an address; add a letter")
    if text in _KEPT_HOSTS:
        raise _taken("host", text, f"{_KEPT_HOSTS[text]}; choose another")
    return text


def domain_name(text: str) -> str:
    """Return a domain such as home.arpa, or nothing. Raises `ValueError` for anything else (RFC 1123)."""
    if text and (len(text) > 190 or not re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*", text)):
        raise _taken(
            "domain", text, "write it in small letters like home.arpa, each part up to 63 signs long"
        )
    return text


def guest_name(text: str) -> str:
    """Return a name that xl takes for a guest's. Raises `ValueError` for anything else.

    libxl itself refuses none but one in use. xl reads digits alone as a domain's number, and what begins with a
    hyphen as an option; the name is a part of names of files (/etc/xen/NAME.cfg, /var/log/xen/xl-NAME.log), which
    have no `/` and at most 255 characters; and the host itself is Domain-0.
    """
    if not re.fullmatch(r"[A-Za-z0-9](?:[ A-Za-z0-9_.:+@,()-]{0,126}[A-Za-z0-9_+)-])?", text):
        raise _taken(
            "guest",
            text,
            "begin it with a letter or digit, and go on with letters, digits, blanks or _ . : + @ , ( ) -",
        )
    if text.isdigit():
        raise _taken("guest", text, "xl reads digits alone as the number of a domain; add a letter")
    if text.lower() in ("domain-0", "dom0"):
        raise _taken("guest", text, "that is the host itself")
    return text


def interface_name(text: str) -> str:
    """Return a network interface's name that the kernel and ifupdown take. Raises `ValueError` for others."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", text) or ".." in text:
        raise _taken("network interface", text, "at most 15 letters, digits, and single . _ -")
    if text.lower() in _NO_INTERFACE:
        raise _taken("network interface", text, "the kernel and ifupdown mean something else by it")
    return text


def volume_name(text: str) -> str:
    """Return a logical volume's name. Raises `ValueError` for what lvm(8), VALID NAMES, does not allow."""
    _lvm_name("volume", text)
    if text.startswith(_LV_STARTS):
        start = next(start for start in _LV_STARTS if text.startswith(start))
        raise _taken(
            "volume", text, f"LVM keeps names that begin with {start} to itself (lvm(8), VALID NAMES)"
        )
    for part in _LV_PARTS:
        if part in text:
            raise _taken(
                "volume", text, f"LVM keeps names with {part} in them to itself (lvm(8), VALID NAMES)"
            )
    return text


def group_name(text: str) -> str:
    """Return a volume group's name. Raises `ValueError` for what lvm(8) does not allow, or what is in /dev."""
    _lvm_name("volume group", text)
    if text in _DEV.split() or re.fullmatch(_A_DEVICE, text):
        raise _taken("volume group", text, f"its folder would be /dev/{text}, which is something else")
    return text


def _lvm_name(kind: str, text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9+_.][A-Za-z0-9+_.-]*", text) or text in (".", ".."):
        raise _taken(
            kind, text, "use letters, digits and + _ . -, with no hyphen at the start (lvm(8), VALID NAMES)"
        )
    if len(text) > _LV_LONGEST:
        raise _taken(kind, text, f"it has {len(text)} characters, and LVM takes {_LV_LONGEST} (lvm(8))")


def prove_short(group: str, volume: str) -> None:
    """Raise `ValueError` for a volume whose name in device-mapper, group and volume, would be too long.

    Hyphens are doubled there, and a layer's name is appended (lvm2, lib/misc/lvm-string.c).
    """
    mapped = len(f"{group}-{volume}") + f"{group}{volume}".count("-") + LAYER
    if mapped > _LV_LONGEST:
        raise ValueError(
            f"the volume {volume} in the group {group} makes a name of {mapped} characters, and device-mapper "
            f"takes {_LV_LONGEST}; make one of the two shorter"
        )


def package_name(text: str) -> str:
    """Return a Debian package's name. Raises `ValueError` for others; apt takes `NAME-` for a removal."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]", text):
        raise _taken(
            "package",
            text,
            "small letters, digits, + - and . (Debian policy 5.6.7), with no hyphen at the end",
        )
    return text


def person(text: str) -> str:
    """Return the name of a person's account. Raises `ValueError` for others and for the system's own."""
    account(text)
    if text != "root" and text in _SYSTEM_USERS.split():  # of root the configuration says more
        raise _taken("user", text, "Debian has that account for itself")
    return text


def account(text: str) -> str:
    """Return the name of a user or a group (useradd(8)). Raises `ValueError` for anything else."""
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", text):
        raise _taken("user", text, "lower-case letters, digits, - and _")
    return text


def zone_name(text: str) -> str:
    """Return a time zone of the tz database. Raises `ValueError` for others, naming the nearest."""
    wrong = not re.fullmatch(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*", text)
    if wrong or not _is_zone(text):
        near = difflib.get_close_matches(text, zoneinfo.available_timezones(), n=1)
        hint = f"did you mean {near[0]}?" if near else "write it like Europe/Berlin"
        raise _taken("time zone", text, hint)
    return text


def _is_zone(name: str) -> bool:
    """Return whether this machine knows a time zone, or has no list of them that could tell."""
    for known in (name, "Etc/UTC"):
        try:
            zoneinfo.ZoneInfo(known)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            continue
        return known == name
    return True


def zone_or_none(text: str) -> str:
    """Return a time zone, or nothing. Raises `ValueError` as `zone_name` does."""
    return text and zone_name(text)


HostName = Annotated[str, AfterValidator(host_name)]
DomainName = Annotated[str, AfterValidator(domain_name)]
GuestName = Annotated[str, AfterValidator(guest_name)]
InterfaceName = Annotated[str, AfterValidator(interface_name)]
VolumeName = Annotated[str, AfterValidator(volume_name)]
GroupName = Annotated[str, AfterValidator(group_name)]
PackageName = Annotated[str, AfterValidator(package_name)]
PersonName = Annotated[str, AfterValidator(person)]
AccountName = Annotated[str, AfterValidator(account)]
ZoneName = Annotated[str, AfterValidator(zone_name)]
ZoneOrNone = Annotated[str, AfterValidator(zone_or_none)]
LocaleName = Annotated[
    str,
    AfterValidator(
        name_of("locale", r"[a-z]{2,3}(?:_[A-Z]{2})?\.UTF-8(?:@[a-z]+)?", "write it like en_GB.UTF-8")
    ),
]
Consent = Annotated[
    str,
    AfterValidator(
        name_of(
            "step to consent to",
            r"[a-z][a-z0-9_]{0,60}(?::[0-9a-f]{12})?",
            "write a step's name, or name:digest as its plan shows them",
        )
    ),
]
InstallerLocale = Annotated[
    str,
    AfterValidator(
        name_of(
            "locale",
            r"(?:C|[a-z]{2,3}(?:_[A-Z]{2})?)(?:\.[A-Za-z0-9-]{1,20})?(?:@[a-z]+)?",
            "write it like en_GB.UTF-8",
        )
    ),
]
Keyboard = Annotated[
    str,
    AfterValidator(
        name_of("keyboard layout", r"[a-z]{2,20}(?:-[a-z0-9]{1,20})?", "write it like us, gb or de")
    ),
]
BootWord = Annotated[
    str,
    AfterValidator(
        name_of(
            "word on a boot line",
            r"[A-Za-z0-9_.,:=+/@%()\[\]-]{1,255}",
            "GRUB ends a command at `;` and the shell expands quotes, blanks and `$`; write one word per item, "
            "of letters, digits and _ . , : = + / @ % ( ) [ ] -",
        )
    ),
]
"""One word on the command line of a kernel or of Xen."""
BranchName = Annotated[
    str,
    AfterValidator(
        name_of(
            "branch", r"|(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|[/.]$))[A-Za-z0-9][A-Za-z0-9._/-]{0,200}",
            "write it like stable-4.20 or RELEASE-4.20.1",
        )
    ),
]  # fmt: skip
SourceVersion = Annotated[
    str,
    AfterValidator(
        name_of("version", r"|[0-9][A-Za-z0-9.+~:-]{0,100}", "write it as `apt-cache showsrc xen` says it")
    ),
]
