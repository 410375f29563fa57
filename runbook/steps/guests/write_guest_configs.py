"""Write /etc/xen/NAME.cfg for every guest, checked by our own rules and by the real xl."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runbook import releases
from runbook.actions import WriteFile
from runbook.errors import ParamsError
from runbook.facts import configurations, guest_files, guests
from runbook.facts.configurations import STANDS_ON, Configurations, Identities
from runbook.guests import claims, config, disk_spec, drives, standing, validate
from runbook.guests.standing import Standing
from runbook.guests.syntax import parse
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams, secrets
from runbook.params.guests import Guest
from runbook.steps.shared import by_hand, guest_discs, guest_needs, left_guests

TITLE = "Write the guests' configuration files"
GUIDE = (
    "Xen DomU Configurations: four files to type, without names, without MAC addresses, with no way to "
    "install a guest and with a screen that is open to the whole network (H701-H715)"
)
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the files as they are, what xl makes of them, and the empty disks."""
    paths = [config.path_of(guest.name) for guest in params.guests]
    return (
        *guests.RUNNING,
        guest_files.FILES,
        configurations.ELSEWHERE,
        _named(params),
        *_parts(params),
        *(Ask.read(path) for path in paths),
        *(guest_files.dry_run(path) for path in paths),
        *guest_discs.asks(params),
    )


def _parts(params: HostParams) -> tuple[Ask, ...]:
    """Return the question what stands on what, where a guest has a disk or a partition of the host: volumes are each their own."""
    every = (disk for guest in params.guests for disk in guest.disks)
    return (STANDS_ON,) if any(disk.device and not disk.script for disk in every) else ()


def wanted(params: HostParams, facts: Facts) -> dict[str, str]:
    """Return the text of every guest's configuration, by path."""
    written = guest_discs.written(params, facts)
    release = releases.get(params.release)
    return {
        config.path_of(guest.name): config.render(
            params, guest, release, config.volume_of(params, guest) in written, _passwords(facts, guest)
        )
        for guest in params.guests
    }


def _passwords(facts: Facts, guest: Guest) -> Callable[[str], str]:
    """Return what fetches the passwords of a guest: where nobody says one, the one that its file has stays."""

    def fetch(reference: str) -> str:
        try:
            return secrets.resolve(reference)
        except ParamsError:
            kept = standing.password(facts.text(config.path_of(guest.name)) or "")
            if not kept:
                raise
            return kept

    return fetch


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return a write for each file that is not as wanted, with what is wrong in and between the files.

    What a person wrote or edited stays where it asks xl for the same; where it does not, what would go is a loss.
    """
    there = configurations.parse_all(facts)
    others = tuple(_others(params, there, facts))
    if not params.guests:
        return Plan((), others, unasked="guests is empty")
    files, now = wanted(params, facts), standings(params, facts)
    xl = releases.get(params.release).xl
    actions = tuple(
        WriteFile(path, files[path], check=(xl, "create", "-n")) for path in files if now[path].is_due
    )
    lost = tuple(
        by_hand.lost(guest.name, facts.text(path) or "", now[path])
        for guest in params.guests
        for path in [config.path_of(guest.name)]
        if now[path].kind == "other"
    )
    said = (
        *lost,
        *guest_needs.xen(guests.parse(facts)),
        *_rules(params, there, facts),
        *guest_discs.wrong(params, facts),
        *guest_discs.explained(params, facts),
    )
    return Plan(actions, (*said, *others))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what our rules find, and where xl reads something else than was asked for."""
    missing = guest_needs.xen(guests.parse(facts))
    if missing:
        return list(missing)
    there, now = configurations.parse_all(facts), standings(params, facts)
    found = _rules(params, there, facts) + guest_discs.wrong(params, facts)
    found += [
        by_hand.differs(guest.name, now[config.path_of(guest.name)])
        for guest in params.guests
        if now[config.path_of(guest.name)].kind == "other"
    ]
    found += [f for guest in params.guests for f in _as_xl_reads_it(params, guest, facts)]
    return [*found, *_others(params, there, facts)]


def standings(params: HostParams, facts: Facts) -> dict[str, Standing]:
    """Return how each guest's file stands to the wanted one, by path."""
    return {
        path: standing.standing(facts.text(path), text, params.release)
        for path, text in wanted(params, facts).items()
    }


def in_force(params: HostParams, facts: Facts) -> dict[str, str]:
    """Return the text of every guest's configuration as it is after this step, by path."""
    now = standings(params, facts)
    return {
        path: text if now[path].is_due else facts.text(path) or text
        for path, text in wanted(params, facts).items()
    }


def _others(params: HostParams, there: Configurations, facts: Facts) -> Iterator[Finding]:
    """Yield what is to be said of the host's other configurations: whose they are, and which nobody can read."""
    yield from left_guests.told(left_guests.left(params, there.texts), guests.parse(facts))
    own = {config.path_of(guest.name) for guest in params.guests}
    for path, why in there.unread.items():
        if path not in own:
            yield Finding(
                "warn",
                f"{path} cannot be read: {why}",
                "what its guest takes for itself is not known, so another guest may have the same disk or device",
                "correct it, or move it out of /etc/xen",
                "xl.cfg(5), SYNTAX",
            )


def _rules(params: HostParams, there: Configurations, facts: Facts) -> list[Finding]:
    files = in_force(params, facts)
    found = [f for path, text in files.items() for f in validate.validate(text, params.release, path)]
    known = identities(params, facts)
    agreed = {(config.path_of(guest.name), path) for guest in params.guests for path in shared(params, guest)}
    return found + claims.conflicts({**there.texts, **files}, known.same, known.holds, agreed)


def shared(params: HostParams, guest: Guest) -> frozenset[str]:
    """Return the paths of a guest's disks that another guest may have as well."""
    paths = (drives.target_of(params, disk) for disk in drives.disks_of(guest) if disk.shared)
    return frozenset(disk_spec.usual(path) for path in paths)


def identities(params: HostParams, facts: Facts) -> Identities:
    """Return what the paths in all configurations, and in those of the guests, lead to."""
    stands_on = facts[STANDS_ON].out if STANDS_ON in facts else ""
    return configurations.parse_identities(facts[_named(params)].out, stands_on)


def _named(params: HostParams) -> Ask:
    """Return the question what the guests' disks are, by whatever name."""
    return configurations.identities(tuple(dict.fromkeys(disks(params))))


def disks(params: HostParams) -> Iterator[str]:
    """Yield the path of each disk that a guest of the parameters has, CD-ROMs left out."""
    release = releases.get(params.release)
    for guest in params.guests:
        read = parse(config.render(params, guest, release, False, lambda _: ""))
        specs = map(disk_spec.parse, read.items("disk"))
        yield from (disk.path for disk in specs if disk.path and not disk.is_cdrom)


def _as_xl_reads_it(params: HostParams, guest: Guest, facts: Facts) -> list[Finding]:
    """Return how `xl create -n` differs from what the parameters ask for."""
    path = config.path_of(guest.name)
    made = guest_files.parse_dry_run(facts, path)
    if made.error:
        what = f"xl does not take {path}" if made.exists else f"{path} does not exist"
        return [Finding("fail", what, made.error, "run this step in mode apply", "xl(1), create -n")]
    asked = {
        "name": (guest.name, made.name),
        "memory in MiB": (guest.memory_mib, made.memory_mib),
        "devices": (guest.pci, made.pci),
        "disk": (config.volume_of(params, guest), made.disks[0] if made.disks else ""),
    }
    if all(nic.mac for nic in guest.nics):
        asked["network cards"] = (tuple(nic.mac for nic in guest.nics), made.nics)
    return [
        Finding(
            "fail",
            f"xl reads another {what} in {path}",
            f"it reads {got or 'none'}, the parameters say {want or 'none'}",
            "run this step in mode apply",
            "xl(1), create -n",
        )
        for what, (want, got) in asked.items()
        if want != got
    ]
