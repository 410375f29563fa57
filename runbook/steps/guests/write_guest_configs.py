"""Write /etc/xen/NAME.cfg for every guest, checked by our own rules and by the real xl."""

from __future__ import annotations

from runbook import releases
from runbook.actions import WriteFile
from runbook.facts import guest_files, guests
from runbook.facts.storage import headers, inside
from runbook.guests import config, validate
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.steps.shared import guest_needs

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
        *(Ask.read(path) for path in paths),
        *(guest_files.dry_run(path) for path in paths),
        *_installing(params),
    )


def _installing(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about disks and discs, none when no guest is to be installed from a disc."""
    wanted = [guest for guest in params.guests if guest.install_media]
    if not wanted:
        return ()
    discs = tuple(dict.fromkeys(str(guest.install_media) for guest in wanted))
    disks = tuple(config.volume_of(params, guest) for guest in wanted)
    return (inside.holding(disks), guest_files.existing(discs), *map(headers.look, disks))


def wanted(params: HostParams, facts: Facts) -> dict[str, str]:
    """Return the text of every guest's configuration, by path."""
    disks = tuple(config.volume_of(params, guest) for guest in params.guests if guest.install_media)
    written = inside.written(facts, disks) if disks else frozenset()
    release = releases.get(params.release)
    return {
        config.path_of(guest.name): config.render(
            params, guest, release, config.volume_of(params, guest) in written
        )
        for guest in params.guests
    }


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return a write for each file that is not as wanted, with what is wrong in and between the files."""
    if not params.guests:
        return Plan(unasked="guests is empty")
    files = wanted(params, facts)
    domains = guests.parse(facts)
    xl = releases.get(params.release).xl
    actions = tuple(
        WriteFile(path, text, check=(xl, "create", "-n"))
        for path, text in files.items()
        if facts.text(path) != text
    )
    others = tuple(_by_hand(path) for path in files if not config.is_ours(facts.text(path) or files[path]))
    said = (*others, *guest_needs.xen(domains), *_rules(params, files, facts), *_discs(params, facts))
    return Plan(actions, said)


def _by_hand(path: str) -> Finding:
    """Return that somebody wrote the file: what stands in it may be all that is known of that guest."""
    return Finding(
        "refuse",
        f"{path} was written by hand, and would be written over",
        "it does not say that the runbook writes it; the plan shows what would change",
        f"move it out of the way (`mv {path} {path}.by-hand`) once the guest in the parameters is what you want, then run "
        "again; or give the guest in the parameters another name, and leave this one as it is",
        "H701",
    )


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what our rules find, and where xl reads something else than was asked for."""
    missing = guest_needs.xen(guests.parse(facts))
    if missing:
        return list(missing)
    found = _rules(params, wanted(params, facts), facts) + _discs(params, facts)
    return found + [f for guest in params.guests for f in _as_xl_reads_it(params, guest, facts)]


def _rules(params: HostParams, files: dict[str, str], facts: Facts) -> list[Finding]:
    found = [f for path, text in files.items() for f in validate.validate(text, params.release, path)]
    return found + validate.conflicts({**guest_files.parse_files(facts), **files})


def _discs(params: HostParams, facts: Facts) -> list[Finding]:
    """Return a warning for each installation disc that is not on the host."""
    questions = _installing(params)
    there = facts[questions[1]].out.splitlines() if questions else []
    return [
        Finding(
            "warn",
            f"The installation disc of '{guest.name}' is not on the host: {guest.install_media}",
            "the guest cannot start without it",
            f"copy it there, or remove install_media from the guest '{guest.name}'",
            "H701",
        )
        for guest in params.guests
        if guest.install_media and guest.install_media not in there
    ]


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
        "network cards": (tuple(nic.mac for nic in guest.nics), made.nics),
        "disk": (config.volume_of(params, guest), made.disks[0] if made.disks else ""),
    }
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
