"""Prove that the Debian on this machine can be worked with: its boot loader, its packages, and the way to get more."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.facts import boot_next, grub, grub_sources, loader, package_sources, packages, system
from runbook.facts.loader import Loader
from runbook.facts.package_sources import Silent, Sources
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import apt, boot_menu

TITLE = "Survey Debian: boot loader, packages, package sources"
GUIDE = "Nothing like it: a mirror that was down, or GRUB missing, showed hours later (H303, H618)"
RISK: Risk = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about what is installed, what starts it, and whether package sources answer."""
    starts = (*loader.COMMANDS, *grub.PLACE, *grub_sources.COMMANDS, *boot_next.COMMANDS)
    return (*system.COMMANDS, *starts, *package_sources.COMMANDS, packages.AUDIT)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return no action: what stands in the way here is for a person to decide."""
    return Plan(findings=tuple(_findings(params, facts)))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what would stop a later step."""
    return [f for f in _findings(params, facts) if f.stops]


def _findings(params: HostParams, facts: Facts) -> Iterator[Finding]:
    # Where the runbook installs Debian, what runs now is a live system: its own boot and its packages matter to nobody.
    if params.installation.method == "none":
        if not system.parse(facts).is_dom0:
            yield from _loader(loader.parse(facts))
            yield from _once(facts)
        yield from boot_menu.unreadable(grub_sources.parse(facts))
        yield from apt.unfinished(packages.unfinished(facts[packages.AUDIT].out))
    yield from _sources(package_sources.parse(facts))


def _loader(now: Loader) -> Iterator[Finding]:
    if now.is_other:
        yield boot_menu.no_grub(f"{now.name} started it")
    elif now.missing or not now.has_menu:
        lacks = ", ".join((*now.missing, *(() if now.has_menu else ("/boot/grub/grub.cfg",))))
        yield boot_menu.no_grub(f"there is no {lacks}")


def _once(facts: Facts) -> Iterator[Finding]:
    """Xen is started for once at first: GRUB clears that choice, or the firmware does, or nobody can."""
    place = grub.place(facts)
    if place and facts[boot_next.COMMANDS[0]].ok:
        once = boot_next.parse(facts)
        yield boot_menu.choice_would_stay(place, once) if once.obstacle else boot_menu.by_the_firmware(place)


def _sources(now: Sources) -> Iterator[Finding]:
    if now.broken:
        yield Finding(
            "refuse",
            "apt cannot read its list of package sources",
            now.broken,
            "correct the file and line that it names, see that `apt-get update` ends well, then run again",
            "sources.list(5)",
        )
    elif not now.answering and not now.silent:
        yield Finding(
            "refuse",
            "This host has no package source",
            "apt names none, or is not there: neither Xen nor anything else could be installed",
            "write Debian's own into /etc/apt/sources.list.d/debian.sources (sources.list(5) has an example), then run again",
            "sources.list(5)",
        )
    unresolved = [s for s in now.silent if s.is_unresolved]
    if unresolved and not now.answering:
        yield _no_names(now, unresolved)
        return
    yield from (_silent(source) for source in now.silent)


def _no_names(now: Sources, silent: list[Silent]) -> Finding:
    if now.has_name_servers:
        why = f"{silent[0].why}; the name servers of /etc/resolv.conf do not answer, or do not know it"
        do = (
            "see with `getent hosts debian.org` on the host whether another name resolves, correct the name "
            "servers where its addresses are configured, then run again"
        )
    else:
        why = (
            f"{silent[0].why}; /etc/resolv.conf names no name server: dhcpcd-base empties it on a host that does not use "
            "DHCP, and so does a resolver that was removed"
        )
        do = (
            "write a line `nameserver ADDRESS` into /etc/resolv.conf; where dhcpcd-base is installed and nothing uses "
            "it (`systemctl status dhcpcd`), run `apt-get purge dhcpcd-base` first, or the next start empties it "
            "again; then run again"
        )
    return Finding("refuse", "No name of a package source resolves on this host", why, do, "resolv.conf(5)")


def _silent(source: Silent) -> Finding:
    if source.is_debian:
        return Finding(
            "refuse",
            f"The package source {source.uri} does not answer",
            f"{source.why}; it is one of Debian's own, and what it should bring would be missing half way",
            "see with `apt-get update` on the host whether it comes back, or name another mirror in /etc/apt/sources.list "
            "or /etc/apt/sources.list.d; then run again",
            "sources.list(5)",
        )
    return Finding(
        "warn",
        f"The package source {source.uri} does not answer",
        f"{source.why}; it is not Debian's, and the runbook takes nothing from it, but `apt-get update` fails with it: "
        "that step stops if lists have to be fetched",
        "switch it off as long as it is dead: `Enabled: no` in its .sources file, or `# ` in front of its line",
        "sources.list(5)",
    )
