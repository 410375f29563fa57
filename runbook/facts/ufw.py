"""What ufw lets in, by its own files, which `ufw allow` writes at once (ufw(8), ufw-framework(8)); quiet where it is not installed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

CONF, _DEFAULTS, _RULES = "/etc/ufw/ufw.conf", "/etc/default/ufw", "/etc/ufw/user.rules"
COMMANDS = tuple(map(Ask.read, (CONF, _DEFAULTS, _RULES)))
_ALL = {"0.0.0.0/0", "any"}


@dataclass(frozen=True)
class Rule:
    """One rule that lets something in."""

    kind: str
    """`tcp`, `udp` or `any`."""
    ports: tuple[tuple[int, int], ...]
    """First and last of each stretch; () for all."""
    interface: str = ""
    """The only one that it is for, '' for all."""
    is_for_all: bool = True
    """False for one that some senders, or one address of the host, have to themselves."""

    def lets_in(self, kind: str, port: int, interface: str = "") -> bool:
        """Return whether it is about a port, from everywhere or from some senders alone."""
        is_it = self.kind in ("any", kind) and (
            not self.ports or any(first <= port <= last for first, last in self.ports)
        )
        return is_it and self.interface in ("", interface)


@dataclass(frozen=True)
class Ufw:
    """ufw as it is set up."""

    is_on: bool = False
    drops: bool = True
    """Whether it drops what no rule lets in."""
    rules: tuple[Rule, ...] = ()

    def lets_in(self, kind: str, port: int, interface: str = "") -> bool:
        """Return whether a rule is about a port already: one from some senders alone is not to be made wider.

        With an interface it has to be for all who ask by that one, as guests do.
        """
        return any(
            rule.lets_in(kind, port, interface) for rule in self.rules if rule.is_for_all or not interface
        )


def parse(facts: Facts) -> Ufw:
    """Return what the facts say; switched off where nobody asked."""
    if any(ask not in facts for ask in COMMANDS):
        return Ufw()
    conf, defaults = (_settings(facts.text(path) or "") for path in (CONF, _DEFAULTS))
    return Ufw(
        conf.get("ENABLED", "").lower() == "yes",
        defaults.get("DEFAULT_INPUT_POLICY", "DROP").upper() != "ACCEPT",
        rules(facts.text(_RULES) or ""),
    )


def _settings(text: str) -> dict[str, str]:
    """Return the values of a file of shell settings, as ufw reads them.

    >>> _settings('# ENABLED=no\\nENABLED=yes\\nDEFAULT_INPUT_POLICY="DROP"\\n')
    {'ENABLED': 'yes', 'DEFAULT_INPUT_POLICY': 'DROP'}
    """
    return dict(re.findall(r"""(?m)^\s*(\w+)=["']?([^"'\s]*)""", text))


def rules(text: str) -> tuple[Rule, ...]:
    """Return what the comments of user.rules say of each rule that lets something in; ufw itself reads these.

    >>> rules("### tuple ### limit tcp 22,8000:8010 0.0.0.0/0 any 0.0.0.0/0 in\\n### tuple ### deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 in\\n")
    (Rule(kind='tcp', ports=((22, 22), (8000, 8010)), interface='', is_for_all=True),)
    >>> rules("### tuple ### allow any 53 0.0.0.0/0 any 10.0.0.0/8 in_br0\\n")
    (Rule(kind='any', ports=((53, 53),), interface='br0', is_for_all=False),)
    """
    found = []
    for line in re.findall(r"(?m)^### tuple ### (.+)$", text):
        words = [*line.split(" comment=")[0].split(), *[""] * 6]
        action, kind, port, to, from_port, sender, *rest = words
        way = next((word for word in reversed(rest) if word), "")
        if action.partition("_")[0] in ("allow", "limit") and re.match(r"in(_|$)", way):
            is_for_all = from_port == "any" and {to, sender} <= _ALL
            found.append(Rule(kind, _ports(port), way.partition("_")[2], is_for_all))
    return tuple(found)


def _ports(text: str) -> tuple[tuple[int, int], ...]:
    stretches = (part.partition(":") for part in text.split(",") if re.fullmatch(r"\d+(:\d+)?", part))
    return tuple((int(first), int(last or first)) for first, _, last in stretches)
