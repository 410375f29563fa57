"""The guests of a host as they are now, those that the parameters do not have among them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields

from runbook.facts import configurations, guest_files, guests, xl
from runbook.facts.guests import Domain
from runbook.guests import disk_spec
from runbook.guests.syntax import Config, Unreadable, parse
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.show.pieces import Shown

ASKS = (*guests.RUNNING, guest_files.FILES, configurations.ELSEWHERE, guest_files.AUTOSTART)
"""What has to be asked for it."""


@dataclass(frozen=True)
class Row:
    """One guest, in words."""

    guest: str
    state: str
    memory: str
    vcpus: str
    disks: str
    devices: str
    screen: str
    starts: str
    """Its place in the order in which guests start with the host, '' for none."""
    parameters: str
    """Whether the parameters have it."""


def rows(params: HostParams, facts: Facts) -> tuple[Row, ...]:
    """Return every guest: those of the parameters in their order, then those that only the host knows.

    What a guest has is said as it runs, else as its configuration says it.
    """
    domains = guests.parse(facts)
    read = tuple(_files(facts))
    files = {name: written for _, name, written in read}
    vcpus = {row.id: row.vcpus for row in xl.rows(facts[xl.LIST].out)} if domains.answered else {}
    starts = _starts(facts, {path: name for path, name, _ in read})
    own = [guest.name for guest in params.guests]
    running = [domain.name for domain in domains.domains if domain.domid]
    names = dict.fromkeys([*own, *sorted({*running, *files})])
    made = []
    for name in names:
        domain, written = domains.named(name), files.get(name)
        made.append(
            Row(
                name,
                _state(domain, written, is_known=domains.answered),
                f"{domain.memory_mib if domain else _number(written, 'memory')} MiB"
                if domain or written
                else "",
                str(vcpus.get(domain.domid, "")) if domain else _number(written, "vcpus"),
                ", ".join(_disks(domain, written)),
                ", ".join(domain.pci if domain else _devices(written, "pci")),
                _screen(domain, written),
                starts.get(name, ""),
                "yes" if name in own else "no",
            )
        )
    return tuple(made)


def show(params: HostParams, facts: Facts) -> Shown:
    """Return the rows as a table for a cell."""
    from runbook.show.tables import indexed, nothing, styled

    found = [asdict(row) for row in rows(params, facts)]
    return styled("guests", indexed(found, "guest")) if found else nothing("This host has no guests.")


def text(found: tuple[Row, ...]) -> str:
    """Return the rows as a table for a terminal, columns without any content left out."""
    shown = [f.name for f in fields(Row) if any(getattr(row, f.name) for row in found)]
    lines = [shown, *([getattr(row, name) or "-" for name in shown] for row in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(shown))]
    return "\n".join(
        "  ".join(w.ljust(n) for w, n in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _files(facts: Facts) -> Iterator[tuple[str, str, Config]]:
    """Yield path, name and content of each configuration that xl would read; /etc/xen/NAME.cfg comes last, and counts."""
    texts = configurations.parse_all(facts).texts
    for path in sorted(texts, key=lambda path: path.count("/"), reverse=True):
        try:
            written = parse(texts[path])
        except Unreadable:
            continue
        yield path, written.text("name") or posixpath.basename(path).removesuffix(".cfg"), written


def _starts(facts: Facts, names: Mapping[str, str]) -> dict[str, str]:
    """Return each guest's place in the order of /etc/xen/auto: the number that its entry has, else its place.

    `names` are those of the guests by the path of their configuration.
    """
    found = {}
    for place, entry in enumerate(guest_files.parse_autostart(facts) or (), 1):
        number, _, rest = entry.name.partition("-")
        path = posixpath.normpath(posixpath.join(guest_files.AUTO, entry.target or entry.name))
        name = names.get(path) or (rest if number.isdecimal() else entry.name).removesuffix(".cfg")
        found[name] = str(int(number)) if number.isdecimal() else str(place)
    return found


def _state(domain: Domain | None, written: Config | None, *, is_known: bool) -> str:
    if domain is None:
        return ("off" if written else "not made yet") if is_known else "not known: Xen does not run"
    for letter, word in (("c", "crashed"), ("d", "being removed"), ("s", "ending"), ("p", "paused")):
        if letter in domain.state:
            return word
    return "running"


def _number(written: Config | None, key: str) -> str:
    return str(written.number(key) or "") if written else ""


def _devices(written: Config | None, key: str) -> tuple[str, ...]:
    return tuple(word.partition(",")[0] for word in written.items(key)) if written else ()


def _disks(domain: Domain | None, written: Config | None) -> Iterator[str]:
    if domain:
        yield from (path for path in domain.disks if path)
    elif written:
        read = map(disk_spec.parse, written.items("disk"))
        yield from (disk.path for disk in read if disk.path and not disk.is_cdrom)


def _screen(domain: Domain | None, written: Config | None) -> str:
    if domain and domain.screens:
        address, display = domain.screens[0]
        return f"{address}:{5900 + int(display)}" if display.isdecimal() else f"{address}:{display}"
    return ""
