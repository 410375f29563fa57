"""Put a system on the disk of each guest that is to have one: once, and only on a disk that holds nothing."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.actions import Action, Deliver, Foreseen, InstallPackages, Run, WriteFile
from runbook.builds import guest_system
from runbook.facts import delivered, packages, space, storage, systems
from runbook.facts.storage import Volume
from runbook.facts.systems import Head
from runbook.guests import ending, system
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.guest_system import System
from runbook.params.guests import Guest
from runbook.steps.shared import apt, guest_systems, guest_volumes, room

TITLE = "Put systems into guests"
GUIDE = "Xen DomU Configurations: each guest is installed by hand, from a disc, at its screen (H701)"
RISK: Risk = "disruptive"
GRUB, DISCS = "grub-xen-host", "xorriso"
"""The package whose GRUB starts a PVH guest from its own disk, and the one that makes a cloud image's seed."""
_ROOM, _NEED_MIB = "/var/cache", 512


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about volumes, what they begin with, and the images; none where no guest gets a system."""
    wanted = guest_systems.wanted(params)
    if not wanted:
        return ()
    keys = dict.fromkeys(guest_system.recipe(guest).key for guest, _ in wanted)
    return (
        *storage.WITH_GUESTS,
        systems.NOTES,
        systems.heads(_paths(params)),
        Ask.read(system.PROGRAM),
        *(Ask.read(path) for guest, one in wanted for path in _files(params, guest, one)),
        *(ask for key in keys for ask in delivered.files(key)),
        *space.commands(_ROOM),
        *(packages.commands(needed(params)) if needed(params) else ()),
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return image, files and writing for each guest whose disk is empty; refuse a disk that holds anything else."""
    wanted = guest_systems.wanted(params)
    if not wanted:
        return Plan(unasked="no guest has `system`")
    if stops := guest_volumes.answers(storage.parse(facts)):
        return Plan(findings=tuple(stops))
    due = [(guest, one) for guest, one in wanted if not _is_installed(params, facts, guest)]
    tools = list(_tools(params, facts))
    found = [f for guest, _ in due for f in _obstacles(params, facts, guest)]
    if tools:
        found += apt.before_installing(packages.parse(facts, needed(params)))
    if due:
        found += room.lacking(facts, _ROOM, _NEED_MIB, "the images of the guests' systems")
    if not due or any(f.level == "refuse" for f in found):
        return Plan(tuple(tools) if not due else (), tuple(found))
    return Plan((*tools, *_actions(params, facts, due)), tuple(found), _NOTE)


_NOTE = "An image is made once for all guests of a kind, in some minutes; kept ones are taken."


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a finding for each guest whose disk has no system, or half of one."""
    heads = systems.seen(facts, _paths(params)) if guest_systems.wanted(params) else {}
    found = []
    for guest, _ in guest_systems.wanted(params):
        if _is_installed(params, facts, guest):
            continue
        head = heads.get(guest_systems.volume_path(params, guest))
        is_half = bool(head and head.half and head.half == guest_systems.identity(params, facts, guest))
        found.append(
            Finding(
                "fail",
                f"The disk of the guest '{guest.name}' has {'half a system' if is_half else 'no system'}",
                "its writing was cut off" if is_half else "",
                "run this step in mode apply, with its consent" + ("; it begins anew" if is_half else ""),
            )
        )
    if GRUB in needed(params) and packages.parse(facts, needed(params)).missing((GRUB,)):
        what = f"{GRUB} is not installed, so no PVH guest starts the kernel of its own disk"
        found.append(Finding("fail", what, do="run this step in mode apply"))
    return found


def _actions(params: HostParams, facts: Facts, due: list[tuple[Guest, System]]) -> Iterator[Action]:
    recipes = {guest_system.recipe(guest): guest_system.parts(guest) for guest, _ in due}
    for recipe, parts in recipes.items():
        if not delivered.is_whole(facts, recipe.key, recipe.key):
            yield Deliver(recipe, delivered.folder(recipe.key), parts)
    if facts.text(system.PROGRAM) != system.program():
        yield WriteFile(system.PROGRAM, system.program(), mode="0755")
    for guest, one in due:
        for path, text in _files(params, guest, one).items():
            if facts.text(path) != text:
                yield WriteFile(path, text)
        yield _install(params, facts, guest, guest_system.recipe(guest).key)


def _install(params: HostParams, facts: Facts, guest: Guest, key: str) -> Run | Foreseen:
    volume, identity = guest_systems.volume_path(params, guest), guest_systems.identity(params, facts, guest)
    if not identity:
        title = f"put a system on {volume}"
        return Foreseen(
            title, f"$ {system.PROGRAM} {guest.name} {volume} …", "the volume has its identity then"
        )
    argv = system.command(params, guest, volume, identity, delivered.folder(key))
    return Run(argv, f"the system of {guest.name}, on a disk that holds nothing", timeout_s=system.TIMEOUT_S)


def _obstacles(params: HostParams, facts: Facts, guest: Guest) -> Iterator[Finding]:
    """Yield what keeps a system off a guest's disk."""
    volume = guest_volumes.volume_of(params, storage.parse(facts), guest.own_volumes[0].name)
    if volume is None:
        yield guest_volumes.absent(params, guest.own_volumes[0].name)
        return
    yield from _in_use(volume)
    head = systems.seen(facts, _paths(params)).get(volume.path)
    is_half = volume.uuid in systems.parse(facts).half
    if head and (head.is_empty or (is_half and head.half == volume.uuid)):
        return
    yield _held(guest, volume, head, is_half)


def _held(guest: Guest, volume: Volume, head: Head | None, is_half: bool) -> Finding:
    if head is None:
        why = "what is on it cannot be read"
    elif head.what:
        why = f"it begins with {head.what}"
    else:
        at = "" if head.at is None else f", at byte {head.at}"
        why = f"something stands on it that is not known{at}"
    if is_half:
        why += ", and it is not what a run left there that was cut off while it put a system on it"
    return Finding(
        "refuse",
        f"The disk of the guest '{guest.name}', {volume.full_name}, is not empty, and gets no system",
        f"{why}; a system is put only on a disk that holds nothing",
        "take `system` out of the guest to keep what is there; or give the guest a new volume; or, once what is on it "
        f"is not wanted, `lvremove {volume.full_name}`, and run the notebook again",
    )


def _in_use(volume: Volume) -> Iterator[Finding]:
    for use in volume.uses:
        stop = {
            "guest": f"shut it down: {ending.by_hand(use.who)}",
            "mount": f"unmount it (`umount {use.who}`)",
        }.get(use.kind, f"close what has it open (`lsblk {volume.path}`, `fuser -v {volume.path}`)")
        yield Finding(
            "refuse",
            f"{volume.full_name} gets no system now: it {use.what}",
            "it would be written under what uses it",
            stop,
        )


def needed(params: HostParams) -> tuple[str, ...]:
    """Return the packages that the host needs for its guests' systems."""
    wanted = guest_systems.wanted(params)
    has_pvh = any(guest.type == "pvh" and not guest.has_starter for guest, _ in wanted)
    has_cloud = any(one.cloud for _, one in wanted)
    return (*((GRUB,) if has_pvh else ()), *((DISCS,) if has_cloud else ()))


def _tools(params: HostParams, facts: Facts) -> Iterator[InstallPackages]:
    if needed(params):
        now = packages.parse(facts, needed(params))
        if missing := now.missing(needed(params)):
            yield InstallPackages(missing, now.delta)


def _is_installed(params: HostParams, facts: Facts, guest: Guest) -> bool:
    head = systems.seen(facts, _paths(params)).get(guest_systems.volume_path(params, guest))
    return guest_systems.is_installed(params, facts, guest, head)


def _paths(params: HostParams) -> tuple[str, ...]:
    return tuple(guest_systems.volume_path(params, guest) for guest, _ in guest_systems.wanted(params))


def _files(params: HostParams, guest: Guest, one: System) -> dict[str, str]:
    """Return the files of a guest's own as the host keeps them for the program: path on the host → text."""
    kept = f"{system.STATE}/{guest.name}/files"
    return {f"{kept}/{path}": text for path, text in system.files_of(params, guest, one).items()}
