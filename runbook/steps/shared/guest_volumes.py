"""What the steps of this chapter share: the guests' volumes, and what keeps anybody from touching them."""

from __future__ import annotations

from runbook.facts import storage
from runbook.facts.storage import Storage, Volume, headers, inside
from runbook.model.ask import Ask
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.guests import Volume as Wanted


def guest(params: HostParams, name: str) -> Guest:
    """Return the guest of a name; the parameters were checked to have it."""
    return next(g for g in params.guests if g.name == name)


def owned(params: HostParams) -> list[tuple[Guest, Wanted]]:
    """Return each volume that is some guest's own, with that guest."""
    return [(guest, volume) for guest in params.guests for volume in guest.own_volumes]


def first_of(params: HostParams, name: str) -> str:
    """Return the name of a guest's first own volume; the parameters were checked to have it."""
    return guest(params, name).own_volumes[0].name


def path_of(params: HostParams, volume: str) -> str:
    """Return where a volume of the guests' group stands in /dev."""
    return f"/dev/{params.storage.guest_volume_group}/{volume}"


def asks(params: HostParams, *volumes: str) -> tuple[Ask, ...]:
    """Return the questions who uses the volumes, and what the named ones hold."""
    paths = [path_of(params, name) for name in dict.fromkeys(volumes)]
    return (*storage.WITH_GUESTS, *map(inside.look, paths), *map(headers.look, paths))


def volume_of(params: HostParams, there: Storage, name: str) -> Volume | None:
    """Return a volume of the guests' group, None when it does not exist."""
    return there.volume(params.storage.guest_volume_group, name)


def answers(there: Storage) -> list[Finding]:
    """Return what keeps the host from saying which volumes there are and who uses them."""
    if not there.has_lvm:
        return [
            Finding(
                "wait",
                "The LVM tools do not answer",
                "`lvm fullreport` failed, so the volumes cannot be seen",
                "run notebook 05_xen_installation, which installs lvm2",
                after="install_xen",
            )
        ]
    if there.xen_is_silent:
        return [
            Finding(
                "refuse",
                "Xen runs and does not say which guests have which disks",
                "`xl list` failed; touching a volume that a running guest writes to would destroy it",
                "run `xl list` on the host and correct what it names (`systemctl status xenstored`)",
            )
        ]
    return []


def absent(params: HostParams, volume: str) -> Finding:
    """Return the finding for a volume that does not exist, or is not active."""
    name = f"{params.storage.guest_volume_group}/{volume}"
    return Finding(
        "wait",
        f"There is no volume {name}",
        "neither lvs nor /dev knows it",
        f"run notebook 08_guests, which creates it; if `lvs` shows it, activate it: `lvchange -ay {name}`",
        after="create_volumes",
    )
