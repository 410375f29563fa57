"""The files of the new system, as Debian's installer would have left them. Values only."""

from __future__ import annotations

from runbook.facts.uplink import Uplink
from runbook.params import HostParams
from runbook.steps.shared.target import Situation

NO_SERVICES = "#!/bin/sh\n# Nothing is started inside a system that does not run yet.\nexit 101\n"
"""A policy for invoke-rc.d(8)."""


def fstab(here: Situation) -> str | None:
    """Return fstab(5) by UUIDs, None as long as a file system has none."""
    lines = ["# <file system> <mount point> <type> <options> <dump> <pass>"]
    for place in here.places:
        device = here.storage.device(place.device)
        if device is None or not device.uuid:
            return None
        if place.fs == "swap":
            lines.append(f"UUID={device.uuid} none swap sw 0 0")
            continue
        options = [*place.options, *(["errors=remount-ro"] if place.mount == "/" else [])]
        check = 1 if place.mount == "/" else 2
        words = ",".join(options) or "defaults"
        lines.append(f"UUID={device.uuid} {place.mount} {place.fs} {words} 0 {check}")
    return "\n".join(lines) + "\n"


def hosts(params: HostParams) -> str:
    """Return hosts(5): the name leads to the host itself, with or without a network."""
    domain = params.installation.domain
    names = f"{params.host}.{domain}\t{params.host}" if domain else params.host
    return (
        f"127.0.0.1\tlocalhost\n127.0.1.1\t{names}\n\n"
        "# The following lines are desirable for IPv6 capable hosts\n"
        "::1     localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n"
    )


def interfaces(uplink: Uplink) -> str:
    """Return interfaces(5) for one card, addressed as the live session has it."""
    name = uplink.lasting_name
    lines = [f"allow-hotplug {name}", f"iface {name} inet {'static' if uplink.address else 'dhcp'}"]
    if uplink.address:
        lines.append(f"    address {uplink.address}")
        lines += [f"    gateway {uplink.gateway}"] if uplink.gateway else []
    return (
        "# This file describes the network interfaces available on your system\n"
        "# and how to activate them. For more information, see interfaces(5).\n\n"
        "source /etc/network/interfaces.d/*\n\n"
        "# The loopback network interface\nauto lo\niface lo inet loopback\n\n"
        "# The primary network interface\n" + "\n".join(lines) + "\n"
    )


def keyboard(params: HostParams) -> str:
    """Return keyboard(5) for a layout, with its variant behind a hyphen."""
    layout, _, variant = params.installation.keyboard.partition("-")
    return (
        f'# See keyboard(5).\n\nXKBMODEL="pc105"\nXKBLAYOUT="{layout}"\nXKBVARIANT="{variant}"\nXKBOPTIONS=""\n\n'
        'BACKSPACE="guess"\n'
    )


def locale_line(locale: str) -> str:
    """Return a locale as locale.gen(5) lists it, '' for those that need no generating.

    >>> locale_line("de_DE.UTF-8"), locale_line("C.UTF-8"), locale_line("de_DE@euro")
    ('de_DE.UTF-8 UTF-8', '', 'de_DE@euro ISO-8859-15')
    """
    if locale.partition(".")[0] in ("C", "POSIX"):
        return ""
    _, dot, charset = locale.partition(".")
    if not dot:
        charset = "ISO-8859-15" if locale.endswith("@euro") else "ISO-8859-1"
    return f"{locale} {charset.partition('@')[0]}"


def console_words(wanted: tuple[str, ...], cmdline: str) -> tuple[str, ...]:
    """Return the kernel words that the new system keeps: the parameters', and where the live one speaks.

    >>> console_words(("quiet",), "boot=live console=ttyS0,115200n8")
    ('quiet', 'console=ttyS0,115200n8')
    """
    spoken = (word for word in cmdline.split() if word.startswith("console="))
    return tuple(dict.fromkeys((*wanted, *spoken)))
