"""The packet filter: the table that is in force, and the same table as nft itself would write it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

FILE = "/etc/nftables.conf"
TABLE = ("inet", "xen_host")
_NOW = Ask.run("nft", "--stateless", "list", "table", *TABLE)
_TABLES = Ask.run("nft", "list", "tables")


@dataclass(frozen=True)
class Firewall:
    """The packet filter of a host."""

    is_installed: bool
    now: str
    """Our table in force, '' when there is none."""
    wanted: str
    """The rules asked about as nft lists them, '' when it does not accept them."""
    error: str
    """Why it does not."""
    file: str | None
    """The text of /etc/nftables.conf."""
    tables: tuple[str, ...]
    """Every table in force, such as `inet xen_host`."""

    @property
    def is_in_force(self) -> bool:
        """True when exactly the rules asked about are in force."""
        return bool(self.wanted) and self.now == self.wanted

    @property
    def own_rules(self) -> bool:
        """True when the file has rules of somebody else: chains alone, as Debian ships them, are none, nor is our table."""
        return has_rules(_without_ours(self.file or ""))


def commands(rules: str) -> tuple[Ask, ...]:
    """Return the questions about the packet filter, and about some rules."""
    return (_NOW, _TABLES, Ask.read(FILE), listed(rules))


def parse(facts: Facts, rules: str) -> Firewall:
    """Return the packet filter of the facts; `rules` as given to `commands`."""
    wanted = facts[listed(rules)]
    return Firewall(
        is_installed=facts[_TABLES].status != 127,
        now=facts[_NOW].out if facts[_NOW].ok else "",
        wanted=wanted.out if wanted.ok else "",
        error="" if wanted.ok else wanted.err.strip(),
        file=facts.text(FILE),
        tables=tuple(re.findall(r"(?m)^table (.+)$", facts[_TABLES].out)),
    )


def has_rules(text: str) -> bool:
    """Return True when a ruleset says more than which chains there are.

    >>> has_rules("flush ruleset\\ntable inet filter {\\n\\tchain input {\\n\\t\\ttype filter hook input priority filter;\\n\\t}\\n}")
    False
    >>> has_rules("table inet filter {\\n\\tchain input {\\n\\t\\ttcp dport 80 accept\\n\\t}\\n}")
    True
    """
    plain = re.compile(r"#.*|flush ruleset|table .*\{|chain .*\{|type [^;]*;|\}|")
    return not all(plain.fullmatch(line.strip()) for line in text.splitlines())


def _without_ours(text: str) -> str:
    """Return a file without our table and the lines that let it be loaded again.

    >>> _without_ours("table inet xen_host\\ntable inet xen_host {\\n\\tchain input { accept }\\n}\\ndefine LAN = eno1\\n").split()
    ['define', 'LAN', '=', 'eno1']
    """
    name = rf"table {' '.join(TABLE)}"
    text = re.sub(rf"(?m)^(?:delete )?{name}$", "", text)
    found = re.search(rf"(?m)^{name} \{{", text)
    if found is None:
        return text
    depth, end = 1, found.end()
    while depth and end < len(text):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[: found.start()] + text[end:]


def listed(rules: str, table: tuple[str, str] = TABLE) -> Ask:
    """Return the question how nft lists the table that some rules make.

    They are loaded into a network namespace of their own, which ends with the command: whatever way nft spells a
    rule, what is in force and what is asked for are then spelt alike.
    """
    name = " ".join(table)
    return Ask.shell(
        f"printf %s {shlex.quote(rules)} | unshare -n sh -c 'nft -f - && nft --stateless list table {name}'"
    )
