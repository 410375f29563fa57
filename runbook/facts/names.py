"""What the host calls itself: its name, and what /etc/hosts makes of it (hostname(5), hosts(5))."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

HOSTNAME, HOSTS = "/etc/hostname", "/etc/hosts"
_RUNNING = Ask.run("uname", "-n")


@dataclass(frozen=True)
class Names:
    """The names of a host."""

    written: str
    """In /etc/hostname, '' when it is missing."""
    running: str
    """What the kernel says now."""
    hosts: str
    """The text of /etc/hosts."""
    canonical: str
    """The full name that /etc/hosts gives to the name asked about, '' when it gives none."""


def commands(name: str) -> tuple[Ask, ...]:
    """Return the questions about the host's names, and about one name of it."""
    return (Ask.read(HOSTNAME), Ask.read(HOSTS), _RUNNING, _lookup(name))


def parse(facts: Facts, name: str) -> Names:
    """Return the names of the facts; `name` as given to `commands`."""
    return Names(
        written=(facts.text(HOSTNAME) or "").strip(),
        running=facts[_RUNNING].out.strip(),
        hosts=facts.text(HOSTS) or "",
        canonical=canonical(facts[_lookup(name)].out),
    )


def canonical(text: str) -> str:
    """Return the full name in a line of `getent hosts`, which is hosts(5)'s first name.

    >>> canonical("127.0.1.1       victory.home.arpa victory\\n")
    'victory.home.arpa'
    """
    return next((words[1] for line in text.splitlines() if len(words := line.split()) > 1), "")


def _lookup(name: str) -> Ask:
    """Ask the file only: the network's name server may be slow, or know better."""
    return Ask.run("getent", "-s", "files", "hosts", name)
