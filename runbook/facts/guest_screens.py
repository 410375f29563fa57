"""Where a running guest's screen is, as its device model told xenstore (xl(1), vncviewer reads it there too)."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

_ANY = ("", "0.0.0.0", "::", "*")


@dataclass(frozen=True)
class Screen:
    """A VNC server on the host."""

    address: str
    port: int
    has_password: bool


def asks(domid: int) -> tuple[Ask, ...]:
    """Return the question about one guest's console."""
    return (Ask.run("xenstore-ls", f"/local/domain/{domid}/console"),)


def parse(facts: Facts, domid: int) -> Screen | None:
    """Return the guest's screen, None when it has none.

    >>> from runbook.model.ask import Answer
    >>> said = 'port = "4"\\nvnc-listen = "0.0.0.0"\\nvnc-port = "5910"\\nvnc-pass = ""\\n'
    >>> parse(Facts({asks(3)[0]: Answer(0, said)}), 3)
    Screen(address='127.0.0.1', port=5910, has_password=False)
    """
    said = {}
    for line in facts[asks(domid)[0]].out.splitlines():
        key, sign, value = line.partition(" = ")
        if sign and not key.startswith(" "):
            said[key] = value.strip().strip('"')
    port = said.get("vnc-port", "")
    if not port.isdecimal():
        return None
    listen = said.get("vnc-listen", "")
    return Screen("127.0.0.1" if listen in _ANY else listen, int(port), bool(said.get("vnc-pass")))
