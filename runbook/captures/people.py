"""Who and what a machine's answers name: its people, networks, file systems and serial numbers.

Some is asked for this alone and never written down: a serial number that no step reads may stand in what one does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from runbook.model.ask import Answer, Ask
from runbook.params import HostParams
from runbook.params.host import Ssh
from runbook.redaction.aliases import PUBLIC

_PASSWD = Ask.run("getent", "passwd")
_NUMBERS = Ask.shell(
    "grep -sH . /sys/class/dmi/id/*_serial /sys/class/dmi/id/product_uuid /sys/class/dmi/id/*_asset_tag "
    "/sys/bus/usb/devices/*/serial /sys/class/net/*/address; true"
)
_WWN = Ask.run("lsblk", "-J", "-o", "NAME,SERIAL,WWN,UUID,PARTUUID,PTUUID,LABEL,PARTLABEL")
_BY_ID = Ask.shell("find /dev/disk/by-id -type l -printf '%f %l\\n' 2>/dev/null; true")
ASKS = (_PASSWD, _NUMBERS, _WWN, _BY_ID, *map(Ask.read, ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")))
"""What is asked to know what to clean."""
#: Where a name stands: the kind of it, and the pattern whose group it is.
_NAMED = tuple(
    (kind, re.compile(pattern, re.M))
    for kind, pattern in (
        ("host", r"^\s*(?:dns-search|dns-domain)[ \t]+(.+)$|^ ?Domains=(.+)$"),
        ("host", r"^\s*(?:Search Domains|Route Domains|Connected To): *(.+)$"),
        ("site", r"^\s*(?:NTP|FallbackNTP)[:=] *([A-Za-z][\w.-]*)"),
        ("site", r"\b(?:https?|ftp|nfs|smb|ssh|iscsi)://(?:[^\s/@]*@)?([A-Za-z][\w.-]*)"),
        ("host", r"^cc_compile_domain *: *(\S+)$|^host +: *(\S+)$"),
        ("host", r"may run the following commands on ([\w.-]+)"),
        ("user", r"^cc_compile_by *: *(\S+)$|^User (\S+) may run"),
        ("user", r"/home/([A-Za-z_][\w.-]*)"),
        ("user", r"^(?:= )?0?[0-7]{3,4} ([\w.-]+):[\w.-]+ "),
        ("user", r"^(?:= )?0?[0-7]{3,4} [\w.-]+:([\w.-]+) "),
        ("user", r"(?i)^[ \t]*(?:user|username|user-name|identity|anonymous-identity|login)\s*[:= ]\s*[\"']?([^\"'\n]+?)[\"']?$"),
        ("wifi", r"(?i)^\s*(?:ssid|wpa-ssid|wireless-essid)\s*[= ]\s*[\"']?([^\"'\n]+?)[\"']?$"),
        ("wifi", r"(?m)^ id=(.+)$"),
        ("wifi", r"system-connections/([^/\n]+?)(?:\.nmconnection)?$"),
        ("label", r"\bLABEL=[\"']?([^\s\"',]+)|^LABEL(?:_FATBOOT)?=(.+)$"),
        # What `ip -j` calls an address's label is the card's own name; the address's age comes next.
        ("label", r"\"(?:label|partlabel)\" ?: ?\"([^\"]+)\"(?!, ?\"valid_life_time\")"),
        ("serial", r"\"(?:serial|wwn)\" ?: ?\"(?:0x)?([^\"]+)\""),
        ("serial", r"\"(?:uuid|partuuid|ptuuid|id)\" ?: ?\"(?:0x)?([0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}|[0-9A-Fa-f]{8}(?:-[0-9]+)?|[0-9A-F]{16})\""),
        ("serial", r"^(?:UUID|PTUUID|PARTUUID)=([0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}|(?:0x)?[0-9a-f]{8}|[0-9A-F]{16})$"),
        # The kernel gives a root hub (usb1, usb2 …) its controller's address as serial number.
        ("serial", r"^/sys/(?:class/dmi/id/|bus/usb/devices/(?!usb\d+/))[^:\s]+:(.+)$"),
        ("serial", r"^(?:ata|scsi|nvme|usb|mmc|ieee1394|memstick)-\S*_([A-Za-z0-9.-]{5,}?)(?:_\d)?(?:-\d+:\d+)?(?:-part\d+)? "),
        ("serial", r"^virtio-([^\s-]{4,})(?:-part\d+)? "),
        ("mac", r"^/sys/class/net/\S+/address:(.+)$"),
    )
)  # fmt: skip
_MAC = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?![\w:-])")
_WORD = re.compile(r"[A-Za-z0-9]{2,}")
_TRADE = re.compile(
    r"^(?:ID|VERSION_CODENAME)=\"?([\w-]+)|/drivers/([\w-]+)$|^(?:/sys/class/net/)?((?:en|eth|wl|ww)\w+)(?= |$)",
    re.M,
)
"""What nobody gives a name to: a release, a driver, a network card."""
_SYSTEM = 1000
"""Numbers of accounts below this are the system's (login.defs(5))."""
_STANDARD = """efi esp boot root rootfs swap home data var tmp srv opt log system primary cidata config cloudimg bootfs
uefi bios windows recovery storage backup backups gpt dos linux filesystem partition microsoft reserved basic loopback wired
wireless connection wifi ethernet docker bridge bond team vlan wireguard tun tap vpn main admin user users guest guests test
nobody nogroup none server host client router gateway debian xen local lan arpa localdomain localhost internal example
invalid www lo netplan cloud init"""
"""Names that many give, and so name nobody."""


def of_params(params: HostParams) -> Iterator[tuple[str, str]]:
    """Yield what a parameter file names, each with its kind."""
    yield "host", params.host
    if isinstance(params.connection, Ssh):
        user, _, host = params.connection.to.removeprefix("ssh://").rpartition("@")
        yield "user", user
        yield "host", host.partition(":")[0]
    yield from (("host", domain) for domain in (params.configuration.domain, params.installation.domain))
    yield from (("user", user.name) for user in params.configuration.users)


def of_answers(answers: Mapping[Ask, Answer]) -> Iterator[tuple[str, str]]:
    """Yield what answers name, each with its kind: a host, a user, a label, a connection, a serial number."""
    yield from _of_accounts(answers)
    yield from _of_hosts(answers)
    for ask, answer in answers.items():
        for text in (answer.out, answer.err):
            yield from _of_text(text)
        if ask.argv[:2] == ("findmnt", "-J"):
            yield from (("host", server) for server in _servers(answer.out))


def trade(answers: Mapping[Ask, Answer], asks: Iterable[Ask]) -> set[str]:
    """Return the words of the trade: of the questions, of the programs that the runbook delivers, of releases and drivers,
    the names of network cards, and the system's own accounts."""
    found = {word for text in (*(ask.key for ask in asks), *_own_texts()) for word in _WORD.findall(text)}
    for answer in answers.values():
        found |= {next(filter(None, groups)) for groups in _TRADE.findall(answer.out)}
    return {*found, *_STANDARD.split(), *_system_accounts(answers)}


def is_standard(name: str) -> bool:
    """Return whether a name is made of words that many give."""
    return all(word in _STANDARD.split() for word in re.findall(r"[a-z]+", name.lower()))


@cache
def _own_texts() -> tuple[str, ...]:
    """Return what the runbook delivers to hosts and compares there, such as the program that backs up."""
    top = Path(__file__).parents[1]
    return tuple(
        path.read_text("utf-8") for end in ("sh", "pl", "txt") for path in sorted(top.rglob(f"*.{end}"))
    )


def constants(answers: Mapping[Ask, Answer], asks: Iterable[Ask]) -> set[str]:
    """Return the UUIDs that are the same everywhere: types of partitions, and those that a question names."""
    wide = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    found = {uuid for ask in asks for uuid in re.findall(wide, ask.key)}
    typed = re.compile(rf"\"(?:parttype|type)\" ?: ?\"({wide})\"|^ID_PART_ENTRY_TYPE=({wide})$", re.M)
    return found | {"".join(both) for answer in answers.values() for both in typed.findall(answer.out)}


def _of_text(text: str) -> Iterator[tuple[str, str]]:
    for kind, pattern in _NAMED:
        for match in pattern.finditer(text):
            value = next(group for group in match.groups() if group is not None)
            yield from ((kind, one) for one in (_hosts(value) if kind == "host" else (value,)))
    yield from (("mac", mac) for mac in _MAC.findall(text))
    for block in re.findall(r"access-points:\s*\n((?:[ ]{6,}.*\n?)+)", text):
        yield from (
            ("wifi", name) for name in re.findall(r"^ +[\"']?([^\"'\n:]+)[\"']?:\s*(?:\{.*)?$", block, re.M)
        )


def _hosts(text: str) -> Iterator[str]:
    """Yield the names in a line of them: of one with a domain each part, so that the parts stay what they are."""
    for name in (word.rstrip(".") for word in re.findall(r"[A-Za-z0-9_][\w.-]*", text)):
        if re.fullmatch(r"[\d.]+", name) or PUBLIC.search(name):
            continue
        *parts, _ = name.split(".")
        if not parts or any(len(part) < 3 for part in parts):
            yield name
        yield from (part for part in parts if len(part) > 2)


def _of_hosts(answers: Mapping[Ask, Answer]) -> Iterator[tuple[str, str]]:
    for ask in (Ask.run("uname", "-n"), Ask.read("/etc/hostname")):
        if ask in answers and answers[ask].ok:
            yield from (("host", name) for name in _hosts(answers[ask].out))
    resolver = answers.get(Ask.read("/etc/resolv.conf"), Answer(1)).out
    for line in re.findall(r"^\s*(?:search|domain)[ \t]+(.+)$", resolver, re.M):
        yield from (("host", name) for name in _hosts(line))
    hosts = answers.get(Ask.read("/etc/hosts"), Answer(1))
    for line in hosts.out.splitlines() if hosts.ok else ():
        yield from (
            ("host", name)
            for name in _hosts(" ".join(line.partition("#")[0].split()[1:]))
            if not name.startswith("ip6-")
        )


def _accounts(answers: Mapping[Ask, Answer]) -> Iterator[tuple[str, int, str]]:
    for line in answers.get(_PASSWD, Answer(1)).out.splitlines():
        match line.split(":"):
            case [name, _, number, _, gecos, _, _] if number.isdigit():
                yield name, int(number), gecos


def _of_accounts(answers: Mapping[Ask, Answer]) -> Iterator[tuple[str, str]]:
    for name, number, gecos in _accounts(answers):
        if number >= _SYSTEM and name != "nobody":
            full = [part.strip() for part in gecos.split(",")]
            yield from (
                ("user", one) for one in (name, *full, *(word for word in full[0].split() if len(word) > 2))
            )


def _system_accounts(answers: Mapping[Ask, Answer]) -> set[str]:
    return {name for name, number, _ in _accounts(answers) if number < _SYSTEM or name == "nobody"}


def _servers(text: str) -> Iterator[str]:
    """Yield the machines that file systems come from over a network, in the JSON of findmnt(8)."""
    try:
        mounts: list[dict[str, Any]] = json.loads(text)["filesystems"]
        sources = [
            str(m["source"])
            for m in mounts
            if re.match(r"nfs|cifs|smb|ceph|gluster|fuse\.sshfs", str(m["fstype"]))
        ]
    except (ValueError, KeyError, TypeError):
        return
    for source in sources:
        yield from _hosts(re.sub(r"^//([^/]+)/.*|^(?:[^@/]*@)?([^:/]+):.*", r"\1\2", source))
