"""What is not in a guest's backup: only its first volume is, and what lies elsewhere is told."""

from __future__ import annotations

from runbook.guests import drives
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.guests import Guest


def notes(params: HostParams, names: tuple[str, ...]) -> list[Finding]:
    """Return for each guest of these names what of its data is not in its backup, as far as the parameters tell."""
    guests = [guest for guest in params.guests if guest.name in names]
    return [
        Finding(
            "info",
            f"Not in the backup of '{guest.name}': {', '.join(parts)}",
            "a backup holds the guest's first volume and its configuration",
            "back up what is there from inside the guest",
        )
        for guest in guests
        if (parts := _parts(params, guest))
    ]


def _parts(params: HostParams, guest: Guest) -> list[str]:
    first = guest.own_volumes[0].name
    disks = [disk for disk in drives.disks_of(guest) if disk.cd is None]
    others = [drives.target_of(params, d) for d in disks if not (d.is_own and d.volume == first)]
    # A network card has nothing to keep; of the others nobody here knows what hangs on them.
    passed = [params.device_of(bdf) for bdf in guest.pci]
    cards = [
        f"disks on the passed device {d.bdf}" + (f" ({d.what})" if d.what else "")
        for d in passed
        if d.probe != "network"
    ]
    return [*(f"its disk {path}" for path in others), *cards]
