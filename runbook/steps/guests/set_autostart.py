"""Link the guests that start with the host into /etc/xen/auto, in the order in which they start."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runbook.actions import Link, Remove, Run
from runbook.facts.guest_files import AUTO, AUTOSTART, FILES, AutoEntry, parse_autostart, parse_files
from runbook.guests import config
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import left_guests, own_folders

TITLE = "Set which guests start with the host, and in which order"
GUIDE = "Autostart VM's: a link in /etc/xen/auto, which does not exist there, in no said order (H712)"
RISK: Risk = "safe"

_OURS = re.compile(r"\d\d-(.+\.cfg)")


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the folder's entries, and whose the configurations are."""
    return (AUTOSTART, FILES)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return the folder and the links that are missing, and the removal of our links that are stale."""
    entries = parse_autostart(facts)
    links = _wanted(params)
    there = {entry.name: entry for entry in entries or ()}
    actions: list[Run | Remove | Link] = []
    if entries is None and links:
        actions.append(own_folders.made(AUTO, "Debian's packages do not make it (H712)"))
    actions += [
        Remove(f"{AUTO}/{entry.name}", link=entry.target)
        for entry in there.values()
        if entry.name not in links and _is_ours(entry, facts)
    ]
    actions += [Link(f"{AUTO}/{name}", target) for name, target in links.items() if name not in there]
    actions += [
        Link(f"{AUTO}/{name}", target, before=there[name].target)
        for name, target in links.items()
        if name in there and there[name].is_link and there[name].target != target
    ]
    said = (*_in_the_way(links, there), *_foreign(params, links, there, facts))
    return Plan(tuple(actions), (*said, *_left(params, links, there, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each link that is missing, wrong, too many, or leads nowhere."""
    there = {entry.name: entry for entry in parse_autostart(facts) or ()}
    links = _wanted(params)
    found = [
        Finding("fail", f"{AUTO}/{name} is missing", do="run this step in mode apply", source="H712")
        for name in links
        if name not in there
    ]
    for name, entry in there.items():
        if name in links and entry.is_link and entry.target != links[name]:
            found.append(
                Finding("fail", f"{AUTO}/{name} leads to {entry.target}", do="run this step in mode apply")
            )
        if name not in links and _is_ours(entry, facts):
            found.append(
                Finding("fail", f"{AUTO}/{name} starts a guest that is not to start", do="run this step")
            )
        if name in links and entry.is_dangling:
            why = "the guest's configuration does not exist yet"
            found.append(
                Finding(
                    "wait",
                    f"{AUTO}/{name} leads nowhere",
                    why,
                    "run write_guest_configs first",
                    after="write_guest_configs",
                )
            )
    return [*found, *_in_the_way(links, there)]


def _wanted(params: HostParams) -> dict[str, str]:
    """Return the target of each link by its name; xendomains starts them in the order of the names."""
    ordered = sorted((g for g in params.guests if g.autostart), key=lambda g: g.autostart or 0)
    return {f"{guest.autostart:02d}-{guest.name}.cfg": f"../{guest.name}.cfg" for guest in ordered}


def _is_ours(entry: AutoEntry, facts: Facts) -> bool:
    """Return whether a link has our form and leads to a configuration of ours, or to none: a person's link may look so."""
    match = _OURS.fullmatch(entry.name)
    if not match or entry.target != f"../{match[1]}":
        return False
    return config.is_ours(parse_files(facts).get(config.path_of(match[1].removesuffix(".cfg")), config.MARK))


def _left(
    params: HostParams, links: dict[str, str], there: dict[str, AutoEntry], facts: Facts
) -> Iterator[Finding]:
    """Yield a warning for each link that goes because its guest was taken out of the parameters."""
    mine = {guest.name for guest in params.guests}
    files = parse_files(facts)
    for entry in there.values():
        name = entry.target.removeprefix("../").removesuffix(".cfg")
        is_left = config.path_of(name) in files and name not in mine
        if entry.name not in links and _is_ours(entry, facts) and is_left:
            yield left_guests.no_longer_started(name, entry)


def _in_the_way(links: dict[str, str], there: dict[str, AutoEntry]) -> list[Finding]:
    return [
        Finding(
            "refuse",
            f"{AUTO}/{name} is a file of its own, not a link",
            "a link in its place would destroy what it says",
            f"compare it with /etc/xen/{links[name].removeprefix('../')}, then move it away",
            "H712",
        )
        for name, entry in there.items()
        if name in links and not entry.is_link
    ]


def _foreign(
    params: HostParams, links: dict[str, str], there: dict[str, AutoEntry], facts: Facts
) -> list[Finding]:
    """Return a warning for each entry that is somebody else's and starts one of our guests."""
    own = {f"{guest.name}.cfg" for guest in params.guests}
    return [
        Finding(
            "warn",
            f"{AUTO}/{entry.name} also starts the guest of {entry.target}",
            "it was not made by the runbook, and may start the guest at another time than asked",
            f"remove it if autostart of that guest is said in the parameters: rm {AUTO}/{entry.name}",
            "H712",
        )
        for entry in there.values()
        if entry.name not in links and not _is_ours(entry, facts) and entry.target.rpartition("/")[2] in own
    ]
