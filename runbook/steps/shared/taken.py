"""What a guest that is to start would take from one that runs, told by what it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from runbook.facts.configurations import Identities
from runbook.facts.guests import Domain, Domains
from runbook.facts.storage.guests import Guests
from runbook.guests import claims, ending
from runbook.guests.claims import Claim
from runbook.guests.syntax import Config
from runbook.model.plan import Finding

_WHY = {"VNC display": "QEMU cannot listen where another does, and the guest does not start"}


def taken(
    name: str,
    config: Config,
    domains: Domains,
    running: Guests,
    known: Identities,
    shared: Collection[str] = (),
) -> Iterator[Finding]:
    """Yield a refusal for each device, disk and screen of a guest, by its configuration, that a running one has.

    `running` are the disks of those that run, `known` what each path leads to, and `shared` the paths of
    disks that its owner has several guests share.
    """
    wanted = claims.of(config, known.same)
    for claim in wanted:
        if claim.kind == "device" and (holder := domains.holder_of(claim.key)):
            yield _refusal(name, f"the device {claim.shown}", holder.name)
        elif claim.kind == "disk" and not (claim.shown in shared and claims.can_share((claim,))):
            for holder_name in _with_disk(claim, running, known):
                yield _refusal(name, f"the disk {claim.shown}", holder_name)
        elif claim.kind == "VNC display":
            for other in domains.domains:
                if _has_screen(other, claim):
                    yield _refusal(name, f"the VNC display {claim.shown}", other.name, _WHY[claim.kind])


def _with_disk(claim: Claim, running: Guests, known: Identities) -> tuple[str, ...]:
    """Return the running guests that have a disk, by its number in xenstore or by any of its names."""
    number = known.number(claim.shown)
    ids = {
        domid
        for domid, at, path in running.disks
        if (at and at == number)
        or (path and known.same(path) == claim.key)
        or _is_part(at, path, claim, known)
        if not (claim.reads and (domid, path) in running.read_only)
    }
    return tuple(sorted(running.names.get(domid, f"number {domid}") for domid in ids))


def _is_part(number: str, path: str, claim: Claim, known: Identities) -> bool:
    """Return whether a running guest has a part of a disk, or the disk of which a part is wanted."""
    return any(known.holds(key, claim.key) for key in (f"b:{number}", known.same(path)))


def _has_screen(domain: Domain, claim: Claim) -> bool:
    return any(
        display == claim.key and claim.meets(Claim(claim.kind, display, display, address=address))
        for address, display in domain.screens
    )


def _refusal(guest: str, what: str, holder: str, why: str = "two guests cannot have it at a time") -> Finding:
    return Finding(
        "refuse",
        f"The guest '{guest}' cannot start: the running guest '{holder}' has {what}",
        why,
        f"stop the other one: {ending.by_hand(holder)}",
    )
