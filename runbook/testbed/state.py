"""What a machine is, as far as a way back must return it: one script asks, one value holds it, two are compared."""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from runbook.facts import grub
from runbook.hosts.script import ENVIRONMENT

ACCOUNTS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")
#: What may differ afterwards, by path or by `section:name`, and why. Nothing else may.
EXCEPTIONS = {
    "files:/etc/passwd-": "the copy that useradd and userdel keep of the file before their last change",
    "files:/etc/group-": "the same of /etc/group",
    "files:/etc/shadow-": "the same of /etc/shadow",
    "files:/etc/gshadow-": "the same of /etc/gshadow",
    "files:/etc/subuid-": "the same of /etc/subuid",
    "files:/etc/subgid-": "the same of /etc/subgid",
    "accounts:*:systemd-timesync": "Debian's packages leave their system accounts when they go",
    "accounts:*:uuidd": "the same, of uuid-runtime",
    "accounts:*:dnsmasq": "the same, of dnsmasq-base",
    "files:/etc/default/locale": "the package locales writes it when it comes, and removes it when it goes",
    "files:/etc/locale.conf": "the same file, where /etc/default/locale is a link to it",
    "files:/etc/resolv.conf": "written by the DHCP client at every lease",
    "files:/etc/lvm/archive": "LVM's own record of each change of a volume group",
    "files:/etc/lvm/archive/*": "the same",
    "files:/etc/lvm/backup": "LVM's own copy of what a volume group is now, with a number that only grows",
    "files:/etc/lvm/backup/*": "the same",
    "files:/etc/ld.so.cache": "made anew by ldconfig after each change of libraries",
}
_QUESTIONS = {
    "links": "find /etc -xdev ! -type f -printf '%y %m %u:%g\\t%l\\t%p\\n'",
    "modes": "find /etc -xdev -type f -printf '%y %m %u:%g\\t\\t%p\\n'",
    "sums": f"find /etc -xdev -type f {' '.join(f'! -path {path}' for path in ACCOUNTS)} -exec sha256sum {{}} +",
    # A password's hash stays on the machine; that it is there, or locked, is its first character.
    "accounts": "for f in passwd group shadow gshadow; do awk -F: -v OFS=: -v f=/etc/$f "
    "'f ~ /shadow/ { $2 = substr($2, 1, 1) } { print f \"\\t\" $0 }' /etc/$f; done",
    "packages": "dpkg-query -W -f '${Package}:${Architecture}\\t${Version} ${db:Status-Abbrev}\\n'",
    "marks": "apt-mark showmanual; apt-mark showhold | sed 's/$/ on hold/'",
    "menu": f"cat {grub.CONFIG}",
    "environment": "grub-editenv list",
    # The numbers of entries, and their devices, are the firmware's own business; what is called what is not.
    "firmware": "{ efibootmgr 2>/dev/null | sed -nE 's/^Boot[0-9A-F]{4}[* ] ([^\\t]*).*/entry \\1/p' | sort -u; "
    "find /boot/efi -xdev -mindepth 1 -type d -printf 'folder %P\\n' 2>/dev/null || :; }",
    # systemd may take its time on a busy machine; a list that was given up is none.
    "units": "SYSTEMD_BUS_TIMEOUT=10min systemctl list-unit-files --no-legend --no-pager --plain | awk '{ print $1 \"\\t\" $2 }'",
    "mounts": "findmnt --real -n -r -o TARGET,SOURCE,FSTYPE",
    "fstab": "findmnt --fstab -n -r -o TARGET,SOURCE,FSTYPE,OPTIONS",
    "volumes": "lvs --noheadings --units b -o vg_name,lv_name,lv_size,lv_uuid",
    # What the network is now, whatever files made it so. A lease's end, and a packet that is counted, are no change.
    "cards": "for d in /sys/class/net/*; do [ -d $d ] || continue; m=$(readlink $d/master || :); "
    "echo ${d##*/} mtu $(cat $d/mtu) address $(cat $d/address) state $(cat $d/operstate) ${m:+of ${m##*/}}; done",
    "addresses": 'ip -o address show scope global | awk \'{ print $2, $4, ($0 ~ / dynamic/ ? "for a time" : "for good") }\'',
    "routes": "{ ip -o -4 route show table all type unicast; ip -o -6 route show table all type unicast; "
    "ip rule | sed 's/^/rule /'; } | sed -E 's/ expires [0-9]+sec//; s/ pref (medium|low|high)//; s/ +$//' | "
    "grep -v '^fe80::/64\\|^multicast\\|^ff00::/8'",
    "resolver": "grep -v '^ *[#;]\\|^ *$' /etc/resolv.conf || :",
    "firewall": "[ ! -x /usr/sbin/nft ] || nft -n list ruleset | sed -E 's/counter packets [0-9]+ bytes [0-9]+/counter/'",
}
SCRIPT = f"{ENVIRONMENT}\n" + "".join(
    f"echo {shlex.quote(f'@@ {name}')}; {{ {question}; }} || exit 1\n"
    for name, question in _QUESTIONS.items()
)
"""One script, one round trip; every section must be answered."""

_BY_INDEX = re.compile(r"( proto dhcp .*metric) (?:1|3)0\d\d$")
"""dhcpcd adds the card's index to 1000 (wireless: 3000); the kernel counts cards anew at each start (dhcpcd.conf(5), metric)."""

Section = dict[str, str]


@dataclass(frozen=True)
class State:
    """A machine at one moment: for each section, a value for each name."""

    sections: dict[str, Section]


def parse(text: str) -> State:
    """Return the state in the script's output.

    Raises `ValueError` when a section is missing or empty that no machine can lack.
    """
    raw: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("@@ "):
            raw[line[3:]] = lines = []
        elif line:
            lines.append(line)
    lacking = [name for name in _QUESTIONS if name not in raw or not (raw[name] or name in _MAY_BE_EMPTY)]
    if lacking:
        raise ValueError(f"the answers lack: {', '.join(lacking)}")
    return State(
        {
            "files": _files(raw["links"], raw["modes"], raw["sums"]),
            "accounts": _accounts(raw["accounts"]),
            "packages": dict(line.partition("\t")[::2] for line in raw["packages"]),
            "marks": dict.fromkeys(raw["marks"], "manual"),
            "menu": _menu("\n".join(raw["menu"]), raw["environment"]),
            "firmware": dict.fromkeys(raw["firmware"], "there"),
            "units": {name: state for name, state in _pairs(raw["units"]) if state not in _PASSING},
            "mounts": dict(line.partition(" ")[::2] for line in raw["mounts"]),
            "fstab": dict(line.partition(" ")[::2] for line in raw["fstab"]),
            "volumes": {"/".join(line.split()[:2]): " ".join(line.split()[2:]) for line in raw["volumes"]},
            "cards": dict(line.partition(" ")[::2] for line in raw["cards"]),
            "addresses": {
                " ".join(line.split()[:2]): " ".join(line.split()[2:]) for line in raw["addresses"]
            },
            "routes": dict.fromkeys((_BY_INDEX.sub(r"\1 by its index", r) for r in raw["routes"]), "there"),
            "resolver": dict.fromkeys((" ".join(line.split()) for line in raw["resolver"]), "there"),
            "firewall": _rules(raw["firewall"]),
        }
    )


def difference(before: State, after: State, exceptions: Iterable[str] = tuple(EXCEPTIONS)) -> list[str]:
    """Return a line for everything that is not as it was, apart from the exceptions.

    >>> difference(State({"marks": {"sudo": "manual"}}), State({"marks": {}}))
    ['marks: sudo is gone; it was: manual']
    """
    allowed, found = tuple(exceptions), []
    for section in sorted({*before.sections, *after.sections}):
        old, new = before.sections.get(section, {}), after.sections.get(section, {})
        for name in sorted({*old, *new}):
            if old.get(name) == new.get(name):
                continue
            if any(fnmatch.fnmatchcase(f"{section}:{name}", pattern) for pattern in allowed):
                continue
            if name not in new:
                found.append(f"{section}: {name} is gone; it was: {old[name]}")
            elif name not in old:
                found.append(f"{section}: {name} is new: {new[name]}")
            else:
                found.append(f"{section}: {name} was: {old[name]}; it is: {new[name]}")
    return found


_MAY_BE_EMPTY = ("environment", "firmware", "volumes", "resolver", "firewall")
_PASSING = ("generated", "transient")
"""Units that are no files of the machine: systemd makes them from other files at each boot."""


def _pairs(lines: list[str]) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (line.partition("\t") for line in lines)]


def _files(links: list[str], modes: list[str], sums: list[str]) -> Section:
    """Return kind, mode, owner and content of everything below /etc; a link by where it leads.

    `/usr/share/zoneinfo/Etc/UTC` and `../usr/share/zoneinfo/Etc/UTC` lead from /etc to the same place.
    """
    content = {path: digest for digest, _, path in (line.partition("  ") for line in sums)}
    found = {}
    for line in (*links, *modes):
        what, target, path = line.split("\t", 2)
        if what.startswith("l"):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        found[path] = " ".join(word for word in (what, target, content.get(path, "")[:16]) if word)
    return found


def _accounts(lines: list[str]) -> Section:
    """Return each line of the four files by `file:name`."""
    return {f"{file}:{row.partition(':')[0]}": row for file, row in _pairs(lines)}


def _rules(lines: list[str]) -> Section:
    """Return each line of a ruleset as nft(8) lists it, by its table and chain and its place there."""
    found: Section = {}
    around: list[str] = []
    for line in map(str.strip, lines):
        if line == "}":
            around.pop()
            continue
        found[
            f"{' '.join(around)} {sum(name.startswith(' '.join(around) + ' ') for name in found)}".strip()
        ] = line
        if line.endswith("{"):
            around.append(line[:-1].strip())
    return found


def _menu(text: str, environment: list[str]) -> Section:
    """Return the commands of each entry by its path, GRUB's default, and what its environment keeps."""
    entries = {
        f"{e.numbers} {e.path}": "; ".join(" ".join(words) for words in e.commands)
        for e in grub.entries(text)
    }
    kept = {name: value for name, _, value in (line.partition("=") for line in environment) if value}
    return {**entries, "default": grub.default(text), **kept}
