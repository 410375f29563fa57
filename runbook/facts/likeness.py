"""What a machine has beyond its packages, for whoever builds one like it: files of /etc, links, packages, people.

No step asks this: a capture holds it beside what the steps ask (`runbook.captures`), and a rehearsal is built from it.
A file that is word for word what its package brought comes with the package, and is not asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

LARGEST_KIB = 64
"""A file that is larger is named, and its content left out."""
#: What decides network, boot, ssh, packages, modules and mounts; no folder of keys or of passwords.
FOLDERS = (
    "/etc/network", "/etc/netplan", "/etc/NetworkManager", "/etc/systemd/network", "/etc/systemd/system",
    "/etc/systemd/resolved.conf.d", "/etc/resolvconf", "/etc/nftables.d", "/etc/iptables", "/etc/default", "/etc/grub.d",
    "/etc/modprobe.d", "/etc/modules-load.d", "/etc/sysctl.d", "/etc/udev/rules.d", "/etc/initramfs-tools",
    "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d", "/etc/pam.d", "/etc/sudoers.d", "/etc/apt/sources.list",
    "/etc/apt/sources.list.d", "/etc/apt/apt.conf", "/etc/apt/apt.conf.d", "/etc/apt/preferences", "/etc/apt/preferences.d",
    "/etc/fstab", "/etc/crypttab", "/etc/mdadm", "/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf", "/etc/modules",
    "/etc/sysctl.conf", "/etc/nftables.conf", "/etc/systemd/resolved.conf", "/etc/resolv.conf", "/etc/hosts",
    "/etc/hostname", "/etc/locale.gen", "/etc/dhcpcd.conf", "/etc/dhcp", "/etc/xen",
)  # fmt: skip
_IN = " ".join(FOLDERS)
# Conffiles by dpkg's own sums (deb-conffiles(5)): what has the sum of its package is passed over, what is gone is told.
# A file of the owner's own that a file of /etc names, such as a hook of ifupdown, is a part of the configuration.
_FILES = Ask.shell(rf"""export LC_ALL=C
show() {{ stat -c '= %04a %U:%G %n' -- "$1" || return
[ -r "$1" ] || {{ echo '! permission denied'; return; }}
[ -z "$(find "$1" -size +{LARGEST_KIB}k)" ] || {{ echo '! too large'; return; }}
[ ! -s "$1" ] || grep -qI . -- "$1" || {{ echo '! no text'; return; }}
sed 's/^/ /;$a\' -- "$1"; }}
list=$({{ dpkg-query -W -f '${{Conffiles}}\n' 2>/dev/null | awk 'NF == 2 {{ print "c", $2, $1 }}'
find {_IN} -xdev -type f ! -name '*.dpkg-*' -exec md5sum -- {{}} + 2>/dev/null | sed 's/^/h /'; }} | awk '
$1 == "c" {{ of[$3] = $2; next }} $2 ~ /^\\/ {{ next }}
{{ path = substr($0, 37); seen[path] = 1; if (of[path] != $2) print path }}
END {{ n = split("{_IN}", top, " "); for (path in of) for (i = 1; i <= n; i++)
if (!(path in seen) && index(path, top[i] "/") == 1) print "- " path }}' | sort)
printf '%s\n' "$list" | grep '^- '
printf '%s\n' "$list" | grep '^/' | while IFS= read -r f; do show "$f"; done
printf '%s\n' "$list" | grep '^/' | tr '\n' '\0' | xargs -0r grep -ohIsE '/usr/local/s?bin/[[:alnum:]_.-]+' -- | sort -u |
while IFS= read -r f; do [ ! -f "$f" ] || show "$f"; done
true""")
_LINKS = Ask.shell(f"find {_IN} /etc/localtime -xdev -type l -printf '%p\\t%l\\n' 2>/dev/null; true")
_PACKAGES = Ask.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}|${Architecture}\\n")
# apt-mark(8) says the same, and may take 20 s to build its cache first.
_AUTOMATIC = Ask.shell(
    "awk '/^Package:/ { p = $2 } /^Auto-Installed: 1/ { print p }' /var/lib/apt/extended_states 2>/dev/null; true"
)
_MOVED = Ask.shell("dpkg-divert --list 2>/dev/null | grep '^local ' || true")
# No full name, and of a password only whether it lets somebody in.
_PEOPLE = Ask.shell(
    "getent passwd | awk -F: '$3 == 0 || ($3 >= 1000 && $3 < 60000) { print $1, $3, $6, $7 }' | "
    'while read -r n u h s; do printf \'%s %s %s %s %s\\n\' "$n" "$u" "$h" "$s" "$(id -nG "$n" | tr \' \' ,)"; done'
)

COMMANDS = (_FILES, _LINKS, _PACKAGES, _AUTOMATIC, _MOVED, _PEOPLE)


@dataclass(frozen=True)
class File:
    """A file that is not as a package brought it."""

    path: str
    mode: str
    owner: str
    text: str
    kept_back: str = ""
    """Why its text is not known: `permission denied`, `too large` or `no text`; '' where it is."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account, root too."""

    name: str
    number: int
    home: str
    shell: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Likeness:
    """What a machine has beyond its packages, and those."""

    files: tuple[File, ...]
    gone: tuple[str, ...]
    """Configuration files of packages that somebody took away."""
    links: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str, str], ...]
    """Name, version and architecture of each installed package."""
    manual: frozenset[str]
    held: frozenset[str]
    moved: tuple[tuple[str, str], ...]
    """Files of packages that their owner has elsewhere (dpkg-divert(1)), and where."""
    people: tuple[Person, ...]


def is_held(facts: Facts) -> bool:
    """Return whether the answers hold all of this; earlier captures do not."""
    return all(ask in facts and facts[ask].status != 127 for ask in COMMANDS)


def parse(facts: Facts) -> Likeness:
    """Return what the machine of the facts has.

    >>> from runbook.model.ask import Answer
    >>> said = {_FILES: "- /etc/grub.d/30_os-prober\\n= 0600 root:root /etc/netplan/a.yaml\\n network:\\n", _PACKAGES: "ii |nano|8.4|amd64\\n"}
    >>> seen = parse(Facts({ask: Answer(0, said.get(ask, "")) for ask in COMMANDS}))
    >>> seen.files[0].text, seen.gone, seen.manual
    ('network:\\n', ('/etc/grub.d/30_os-prober',), frozenset({'nano'}))
    """
    files, gone = _files(facts[_FILES].out)
    rows = [line.split("|") for line in facts[_PACKAGES].out.splitlines()]
    packages = tuple((r[1], r[2], r[3]) for r in rows if len(r) == 4 and r[0].startswith(("ii", "hi")))
    automatic = set(facts[_AUTOMATIC].out.split())
    moved = re.findall(r"(?m)^local diversion of (\S+) to (\S+)$", facts[_MOVED].out)
    return Likeness(
        files=files,
        gone=gone,
        links=tuple(line.partition("\t")[::2] for line in facts[_LINKS].out.splitlines() if "\t" in line),
        packages=packages,
        manual=frozenset(name for name, _, _ in packages) - automatic,
        held=frozenset(r[1] for r in rows if len(r) == 4 and r[0].startswith("h")),
        moved=tuple(moved),
        people=tuple(_people(facts[_PEOPLE].out)),
    )


def _files(text: str) -> tuple[tuple[File, ...], tuple[str, ...]]:
    """Return the files, and those that are gone."""
    found: list[tuple[list[str], list[str], str]] = []
    gone = []
    for line in text.split("\n"):
        if line.startswith("- "):
            gone.append(line[2:])
        elif line.startswith("= ") and len(head := line[2:].split(" ", 2)) == 3:
            found.append((head, [], ""))
        elif line.startswith("! ") and found:
            found[-1] = (found[-1][0], [], line[2:])
        elif line.startswith(" ") and found:
            found[-1][1].append(line[1:])
    files = (
        File(path, mode, owner, "".join(f"{line}\n" for line in lines), why)
        for (mode, owner, path), lines, why in found
    )
    return tuple(files), tuple(gone)


def _people(text: str) -> list[Person]:
    rows = (line.split(" ") for line in text.splitlines())
    return [
        Person(name, int(number), home, shell, tuple(groups.split(",")))
        for name, number, home, shell, groups in (row for row in rows if len(row) == 5)
        if number.isdigit()
    ]
