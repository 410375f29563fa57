"""Texts without what tells one person or one machine from others: names and numbers stand as others of their kind.

Passwords and private keys are not for here (`runbook.redaction.spelt`). A name is one that was learnt; numbers are known
by their form. A name that is a word of the trade too, such as a host called `debian`, identifies nobody and stays: without
it the text would say something else.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from runbook.redaction.numbers import Numbers

_LOOSE = 6
"""A name of this many letters is found inside longer words, too."""
PUBLIC = re.compile(
    r"(?i)(^|[.@])(debian\.org|ubuntu\.com|xen\.org|xenproject\.org|kernel\.org|gnu\.org|freedesktop\.org|openssh\.com|"
    r"libssh\.org|lysator\.liu\.se|pool\.ntp\.org|localhost|example\.(org|com|net)|"
    r"(service|socket|timer|mount|slice|target|device|path|scope))$"
)
"""Names that everybody has: of projects, what RFC 2606 sets aside, kinds of units."""
_HEX = r"[0-9A-Fa-f]"
FORMS: tuple[tuple[str, str], ...] = (
    ("key", r"(?<![\w+/])AAAA[\w+/]{40,}=*(?:[ \t]+[^\n\"']*)?"),
    ("print", r"\bSHA256:[\w+/]{43}"),
    ("sum", rf"\b{_HEX}{{64}}(?=\s+\S*ssh_host_)"),
    ("mac", rf"(?<![\w:-]){_HEX}{{2}}(?:(?::{_HEX}{{2}}){{5,}}|(?:-{_HEX}{{2}}){{5,}})(?![\w:-])"),
    ("named_mac", rf"(?<![A-Za-z0-9])(?:en|wl|ww|ib)x{_HEX}{{12}}(?!{_HEX})"),
    ("wide", rf"(?<![A-Za-z0-9]){_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?!\w)"),
    ("wide", r"(?<![A-Za-z0-9-])[A-Za-z0-9]{6}(?:-[A-Za-z0-9]{4}){5}-[A-Za-z0-9]{6}(?![A-Za-z0-9-])"),
    ("wide", rf"(?<![\w:]){_HEX}{{8}}(?::{_HEX}{{8}}){{3}}(?![\w:])"),
    ("wide", rf"(?<![A-Za-z0-9]){_HEX}{{32}}(?![A-Za-z0-9])"),
    ("wide", r"(?<=LVM-)(?:[A-Za-z0-9]{64}|[A-Za-z0-9]{32})(?![A-Za-z0-9])"),
    ("serial", rf"(?<=naa\.)(?:{_HEX}{{32}}|{_HEX}{{16}})|(?<=eui\.)(?:{_HEX}{{32}}|{_HEX}{{16}})"),
    ("serial", rf"(?:(?<=wwn-)|(?<=sas-)|(?<=-fc-)|(?<=exp))0x{_HEX}{{16}}|(?<=scsi-3){_HEX}{{16,32}}"),
    ("serial", rf"(?:(?<=UUID=)|(?<=by-uuid/)|(?<=set=root )){_HEX}{{4}}-{_HEX}{{4}}(?!\w)"),
    ("iqn", r"\biqn\.\d{4}-\d\d\.[^\s,\"';]+"),
    ("mail", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    ("ipv6", rf"(?<![\w:.]){_HEX}{{0,4}}(?::{_HEX}{{0,4}}){{2,7}}(?!\.?\w|:)"),
    ("ipv4", r"(?<![\w.|])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d|[+~]|-\d+(?:[+~]|\s|\)|$|[a-z]))"),
)
"""What is known by its form."""
#: As what a kind is counted.
CALLED = {
    "host": "names of hosts and domains", "user": "names of people and logins", "label": "labels",
    "wifi": "names of connections", "site": "names of sites", "key": "keys", "mail": "mail addresses", "iqn": "iSCSI names",
    "mac": "MAC addresses", "public": "public addresses", "wide": "UUIDs", "serial": "serial numbers",
    "long": "identifiers",
}  # fmt: skip


class Aliases:
    """Knows names and numbers of one machine, and puts others in their place."""

    def __init__(self, trade: Iterable[str] = (), constants: Iterable[str] = ()) -> None:
        """`trade` are its words; `constants` UUIDs that are the same everywhere, such as types of partitions."""
        self._trade = {word.lower() for word in trade}
        self._constants = {constant.lower() for constant in constants}
        self._numbers = Numbers()
        self._names: dict[str, str] = {}
        self._uuids: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._by_kind: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self._pattern: re.Pattern[str] | None = None
        self.left: set[str] = set()
        """Names of hosts and people that stay, because they are words of the trade."""

    def learn(self, kind: str, name: str) -> None:
        """Put something else in the place of a name, a serial number or a MAC address from now on."""
        name, low = name.strip(), name.strip().lower()
        if len(name) < 2 or low in self._names or PUBLIC.search(name) or _is_nothing(low):
            return
        if kind == "mac":
            self._names[re.sub(r"[:-]", "", low)] = re.sub(r"[:-]", "", self._numbers.mac(low))
        elif kind == "serial":
            if len(name) > 3 and low not in self._trade:
                self._names[low] = self._numbers.serial(name)
        elif all(word in self._trade for word in re.findall(r"[^\W_]+", low) if not word.isdigit()):
            self.left |= {name} if kind in ("host", "user") else set()
        else:
            self._counts[kind] += 1
            self._names[low] = f"{kind}{self._counts[kind]}" + (".example" if kind == "site" else "")
        self._pattern = None

    def stand(self, uuid: str, other: str) -> None:
        """Let one UUID stand for another that is made of a name, as it would be made of what stands for the name."""
        self._uuids[uuid.lower()] = other

    def text(self, text: str) -> str:
        """Return a text in which others stand for all that is known, or known by its form."""
        if self._pattern is None:
            self._pattern = self._compiled()
        return self._pattern.sub(self._other, text)

    def replaced(self) -> dict[str, int]:
        """Return how many different names and numbers of each kind there are others for."""
        counts = {kind: self._numbers.count(kind) for kind in CALLED}
        counts |= {kind: len(known) for kind, known in self._by_kind.items()}
        counts |= self._counts
        return {CALLED[kind]: number for kind, number in counts.items() if number}

    def _compiled(self) -> re.Pattern[str]:
        spelt = {form: name for name in self._names for form in _forms(name)}
        self._spelt = spelt
        names = "|".join(self._bounded(form, spelt[form]) for form in sorted(spelt, key=len, reverse=True))
        self._kinds = {f"g{number}": kind for number, (kind, _) in enumerate(FORMS)}
        forms = [f"(?P<g{number}>{form})" for number, (_, form) in enumerate(FORMS)]
        return re.compile("|".join(([f"(?P<name>(?i:{names}))"] if names else []) + forms), re.M)

    def _bounded(self, form: str, name: str) -> str:
        """Return the pattern of a name: short ones, and parts of words of the trade, only as whole words."""
        is_loose = len(name) >= _LOOSE and not any(name in word for word in self._trade)
        if is_loose or not form[:1].isalnum():
            return re.escape(form)
        return rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])"

    def _other(self, match: re.Match[str]) -> str:
        text, group = match[0], str(match.lastgroup)
        if group == "name":
            return self._names.get(self._spelt.get(text.lower(), ""), "name")
        act: Callable[[str], str] = getattr(self, f"_{self._kinds[group]}")
        return act(text)

    def _mac(self, text: str) -> str:
        return self._numbers.mac(text)

    def _named_mac(self, text: str) -> str:
        return text[:3] + self._numbers.mac(":".join(re.findall("..", text[3:]))).replace(":", "")

    def _wide(self, text: str) -> str:
        if made := self._uuids.get(text.lower()):
            return made
        return text if text.lower() in self._constants else self._numbers.wide(text)

    def _serial(self, text: str) -> str:
        return self._numbers.serial(text)

    def _ipv4(self, text: str) -> str:
        return self._numbers.ipv4(text)

    def _ipv6(self, text: str) -> str:
        return self._numbers.ipv6(text)

    def _mail(self, text: str) -> str:
        return text if PUBLIC.search(text) else f"person{self._nth('mail', text.lower())}@example.org"

    def _iqn(self, text: str) -> str:
        return f"iqn.2003-01.org.example:{self._nth('iqn', text)}"

    def _key(self, text: str) -> str:
        key, *comment = text.split(None, 1)
        number, bare = self._nth("key", key), key.rstrip("=")
        other = f"{bare[:19]}{number:0{len(bare) - 19}d}{key[len(bare) :]}"
        return f"{other} key{number}" if comment else other

    def _print(self, text: str) -> str:
        return f"SHA256:{self._nth('key', text):043d}"

    def _sum(self, text: str) -> str:
        return f"{self._nth('key', text):064x}"

    def _nth(self, kind: str, value: str) -> int:
        known = self._by_kind[kind]
        return int(known.setdefault(value, str(len(known) + 1)))


def _forms(name: str) -> set[str]:
    """Return a name as it may be spelt: by device-mapper, systemd, udev, fstab and JSON."""
    plain = {name, name.replace(" ", "_"), name.replace(" ", r"\x20"), name.replace(" ", r"\040")}
    dashed = {name.replace("-", "--"), name.replace("-", r"\x2d"), name.replace(" ", r"\ ")}
    return plain | dashed | {json.dumps(form)[1:-1] for form in plain}


def _is_nothing(low: str) -> bool:
    """Return whether a number or name says nothing: zeros, or what makers write where there is none."""
    return bool(
        re.fullmatch(r"[0x._: -]*|n/?a|none|unknown|default.*|to be filled.*|not .*|\(none\)|\*", low)
    )
