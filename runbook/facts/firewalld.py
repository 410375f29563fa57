"""Which zones of firewalld rule some interfaces, now and after its next start (firewall-cmd(1)); quiet where it does not run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runbook.model.ask import Ask, Facts

_EACH = (
    'echo "now $i $(firewall-cmd --get-zone-of-interface="$i" 2>/dev/null)"; '
    'echo "kept $i $(firewall-cmd --permanent --get-zone-of-interface="$i" 2>/dev/null)"'
)


@dataclass(frozen=True)
class Zones:
    """The zones of a host's interfaces; all empty where firewalld does not run."""

    default: str = ""
    """The zone of whatever is bound to none."""
    now: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    """As its files have it."""


def ask(names: Iterable[str]) -> Ask:
    """Return the question about some interfaces, whether they are there yet or not."""
    each = " ".join(shlex.quote(name) for name in names)
    return Ask.shell(
        "firewall-cmd --state >/dev/null 2>&1 || exit 0; "
        f'echo "default $(firewall-cmd --get-default-zone)"; for i in {each}; do {_EACH}; done; true'
    )


def parse(facts: Facts, names: Iterable[str]) -> Zones:
    """Return what the facts say; nothing where nobody asked."""
    question = ask(names)
    return read(facts[question].out) if question in facts else Zones()


def read(text: str) -> Zones:
    """Return the zones of the lines that the question prints.

    >>> read("default public\\nnow br0 \\nkept br0 \\nnow eno1 home\\nkept eno1 home\\n").kept
    {'eno1': 'home'}
    """
    default, found = "", {"now": dict[str, str](), "kept": dict[str, str]()}
    for words in map(str.split, text.splitlines()):
        if len(words) == 2 and words[0] == "default":
            default = words[1]
        elif len(words) == 3 and words[0] in found:
            found[words[0]][words[1]] = words[2]
    return Zones(default, found["now"], found["kept"])


OPEN = Ask.shell(
    """firewall-cmd --state >/dev/null 2>&1 || exit 0
default=$(firewall-cmd --get-default-zone); echo "default $default"
for z in $({ echo "$default"; firewall-cmd --get-active-zones | sed -n 's/^\\([^ ][^ ]*\\).*/\\1/p'; } | sort -u); do
  echo "target $z $(firewall-cmd --permanent --zone="$z" --get-target)"
  for k in now kept; do
    [ $k = now ] && how= || how=--permanent
    for s in $(firewall-cmd $how --zone="$z" --list-services); do
      echo "$k $z $(firewall-cmd --permanent --service="$s" --get-ports)"
    done
    echo "$k $z $(firewall-cmd $how --zone="$z" --list-ports)"
    firewall-cmd $how --zone="$z" --list-rich-rules | sed "s/^/rich-$k $z /"
  done
done; true"""
)
"""What each zone that rules something lets in, as firewalld runs and as its files have it."""


@dataclass(frozen=True)
class Open:
    """What firewalld lets in."""

    default: str = ""
    """The zone of whatever is bound to none; '' where firewalld does not run."""
    accepting: tuple[str, ...] = ()
    """Zones that let in all that no rule forbids."""
    now: frozenset[str] = frozenset()
    """Ports such as 22/tcp or 5900-5910/tcp, of any zone and from any sender."""
    kept: frozenset[str] = frozenset()

    def lets_in(self, port: str, *, is_kept: bool) -> bool:
        """Return whether a rule is about a port such as 22/tcp already, in whichever zone."""
        number, _, kind = port.partition("/")
        stretches = (
            p.partition("/")[0].partition("-")
            for p in (self.kept if is_kept else self.now)
            if p.endswith(kind)
        )
        return any(int(first) <= int(number) <= int(last or first) for first, _, last in stretches)


def opened(facts: Facts) -> Open:
    """Return what the facts say; nothing where nobody asked."""
    return read_open(facts[OPEN].out) if OPEN in facts else Open()


def read_open(text: str) -> Open:
    """Return what the lines of the question say.

    >>> read_open('default public\\ntarget public default\\nnow public 22/tcp\\nkept public 22/tcp\\nkept public 80/tcp').kept == {"22/tcp", "80/tcp"}
    True
    >>> read_open('rich-now lan rule family="ipv4" source address="10.0.0.0/8" port port="2222" protocol="tcp" accept').now
    frozenset({'2222/tcp'})
    """
    default, accepting = "", list[str]()
    found = {"now": set[str](), "kept": set[str]()}
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        zone, _, words = rest.partition(" ")
        if key == "default":
            default = zone
        elif key == "target" and words.strip() == "ACCEPT":
            accepting.append(zone)
        elif key in found:
            found[key] |= {word for word in words.split() if re.fullmatch(r"\d+(-\d+)?/\w+", word)}
        elif key.startswith("rich-") and key[5:] in found and words.endswith("accept"):
            found[key[5:]] |= {
                f"{p}/{k}" for p, k in re.findall(r'port port="(\d+(?:-\d+)?)" protocol="(\w+)"', words)
            }
            found[key[5:]] |= {"22/tcp"} if 'service name="ssh"' in words else set()
    return Open(default, tuple(accepting), frozenset(found["now"]), frozenset(found["kept"]))
