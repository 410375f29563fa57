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


_CARDS = "/sys/class/net/$i/device /sys/class/net/$i/lower_*/device /sys/class/net/$i/lower_*/lower_*/device"
OPEN = Ask.shell(
    """firewall-cmd --state >/dev/null 2>&1 || exit 0
default=$(firewall-cmd --get-default-zone); echo "default $default"
for z in $({ echo "$default"; firewall-cmd --get-active-zones | sed -n 's/^\\([^ ][^ ]*\\).*/\\1/p'; } | sort -u); do
  echo "target $z $(firewall-cmd --permanent --zone="$z" --get-target)"
  for i in $(firewall-cmd --zone="$z" --list-interfaces); do
    c=; for d in """
    + _CARDS
    + """; do case $(readlink -e "$d") in '' | */vif-*) ;; *) c=card ;; esac; done
    echo "bound $z $i $c"
  done
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
"""What each zone that rules something lets in, as firewalld runs and as its files have it; and the interfaces of each, with
a word for those that stand on a card, by themselves or as a bridge or a bond, rather than on a guest's end alone."""
_SERVICES = {"ssh": ("22/tcp",), "dns": ("53/tcp", "53/udp"), "dhcp": ("67/udp",)}
"""What rich rules name that is asked about here."""


@dataclass(frozen=True)
class Let:
    """A port that something lets in."""

    port: str
    """Such as 22/tcp or 5900-5910/tcp."""
    zone: str
    is_kept: bool
    """Whether by firewalld's files, or as it runs."""
    is_for_all: bool
    """False for a rule for some senders, or for one address of the host."""

    def is_about(self, port: str) -> bool:
        """Return whether it is about a port such as 22/tcp."""
        (stretch, _, own), (number, _, kind) = self.port.partition("/"), port.partition("/")
        first, _, last = stretch.partition("-")
        return own == kind and int(first) <= int(number) <= int(last or first)


@dataclass(frozen=True)
class Open:
    """What firewalld lets in."""

    default: str = ""
    """The zone of whatever is bound to none; '' where firewalld does not run."""
    accepting: tuple[str, ...] = ()
    """Zones that let in all that no rule forbids."""
    lets: frozenset[Let] = frozenset()
    bound: Mapping[str, str] = field(default_factory=dict)
    """The zone of each interface that is bound to one."""
    cards: tuple[str, ...] = ()
    """Those of them by which somebody gets in from outside."""

    def lets_in(self, port: str, *, is_kept: bool) -> bool:
        """Return whether a rule is about a port such as 22/tcp already, in whichever zone and for whomever."""
        return any(let.is_about(port) for let in self.lets if let.is_kept == is_kept)

    def serves(self, interface: str, port: str, *, is_kept: bool) -> bool:
        """Return whether all who ask by an interface are let in to a port, by its zone."""
        zone = self.zone_of(interface)
        lets = (let for let in self.lets if (let.zone, let.is_kept, let.is_for_all) == (zone, is_kept, True))
        return zone in self.accepting or any(let.is_about(port) for let in lets)

    def zone_of(self, interface: str) -> str:
        """Return the zone that rules an interface."""
        return self.bound.get(interface, self.default)


def opened(facts: Facts) -> Open:
    """Return what the facts say; nothing where nobody asked."""
    return read_open(facts[OPEN].out) if OPEN in facts else Open()


def read_open(text: str) -> Open:
    """Return what the lines of the question say.

    >>> found = read_open('default public\\ntarget public default\\nkept public 22/tcp 80/tcp\\nbound trusted eno1 card')
    >>> sorted(let.port for let in found.lets), found.cards, found.zone_of("eno2")
    (['22/tcp', '80/tcp'], ('eno1',), 'public')
    >>> read_open('rich-now lan rule family="ipv4" source address="10.0.0.0/8" port port="2222" protocol="tcp" accept').lets
    frozenset({Let(port='2222/tcp', zone='lan', is_kept=False, is_for_all=False)})
    """
    default, accepting, lets, cards = "", list[str](), set[Let](), list[str]()
    bound = dict[str, str]()
    for line in text.splitlines():
        key, zone, *words = [*line.split(), "", ""]
        if key == "default":
            default = zone
        elif key == "target" and words[0] == "ACCEPT":
            accepting.append(zone)
        elif key == "bound":
            bound[words[0]] = zone
            cards += words[:1] if words[1] == "card" else []
        elif key in ("now", "kept"):
            ports = [word for word in words if re.fullmatch(r"\d+(-\d+)?/\w+", word)]
            lets |= {Let(port, zone, key == "kept", is_for_all=True) for port in ports}
        elif key in ("rich-now", "rich-kept") and re.search(r" accept( limit .*)?$", line):
            is_for_all = not {"source", "destination"} & {*words}
            lets |= {Let(port, zone, key == "rich-kept", is_for_all) for port in _rich(line)}
    return Open(default, tuple(accepting), frozenset(lets), bound, tuple(cards))


def _rich(rule: str) -> set[str]:
    """Return the ports of a rich rule that lets something in (firewalld.richlanguage(5))."""
    ports = {f"{p}/{k}" for p, k in re.findall(r' port port="(\d+(?:-\d+)?)" protocol="(\w+)"', rule)}
    services = re.findall(r'service name="([^"]+)"', rule)
    return ports | {port for name in services for port in _SERVICES.get(name, ())}
