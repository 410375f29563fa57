"""What the host needs to make backups by itself: programs, what to do, what may be deleted, and units of systemd."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from runbook import releases
from runbook.backups import boot_test
from runbook.guests import trial
from runbook.params import HostParams
from runbook.params.backups import Keep, Quiesce
from runbook.params.guests import Guest

CONFIG = "/etc/xen-runbook/backups.json"
"""What the host reads: which guests, from where, where to, and how."""
KEEP = "/etc/xen-runbook/keep.json"
"""What the host may delete. Without it nothing is ever deleted."""
TRIALS = "/etc/xen-runbook/boot-test"
"""The configurations of the guests on trial, one a guest."""
STATE = "/var/lib/xen-runbook/backups"
NIGHT, SECOND_ID = f"{STATE}/night.json", f"{STATE}/second.id"
"""How the last nights went; which repository the second place is."""
PYTHON = "/usr/local/lib/xen-runbook/python"
MODULES = ("called", "names", "keeping", "night_store", "second", "night_second", "boot_test", "night")
"""The modules that the host runs, as they are here; they import each other and Python's own library."""
UNITS = "/etc/systemd/system"
MAKE, BOOT = "xen-runbook-backups", "xen-runbook-boot-test"
WAIT_S = 900
"""How long a guest on trial may take until it asks for a login."""


@cache
def programs() -> dict[str, str]:
    """Return the text of each module by the path that it has on the host."""
    room = files("runbook.backups")
    return {
        f"{PYTHON}/runbook/backups/{name}.py": (room / f"{name}.py").read_text(encoding="utf-8")
        for name in MODULES
    }


def config(params: HostParams) -> str:
    """Return what the host is told to do, as JSON."""
    wanted = params.management.backups
    told = {
        "format": 1,
        "folder": wanted.folder,
        "content": wanted.content,
        "source": wanted.source,
        "guests": [_guest(params, _of(params, name)) for name in wanted.guests],
        "second": second(params),
    }
    return _json(told)


def second(params: HostParams) -> dict[str, Any] | None:
    """Return what the host is told of the second place, None where there is none."""
    wanted = params.management.backups.second
    if wanted is None:
        return None
    return {
        "repository": wanted.repository,
        "key": wanted.key,
        "limit_kib_s": wanted.limit_kib_s,
    }


def keep(params: HostParams) -> str:
    """Return what the host may delete, and of which guests, as JSON; '' for nothing."""
    wanted = params.management.backups
    told: dict[str, Any] = {"format": 1, "folder": wanted.folder, "guests": sorted(wanted.guests)}
    if wanted.keep:
        told["rules"] = _rules(wanted.keep)
    if wanted.second and wanted.second.keep:
        told["second"] = {"repository": wanted.second.repository, "rules": _rules(wanted.second.keep)}
    return _json(told) if len(told) > 3 else ""


def trials(params: HostParams) -> dict[str, str]:
    """Return the configuration of each guest on trial, by its path."""
    wanted = params.management.backups
    if not wanted.boot_test:
        return {}
    release = releases.get(params.release)
    return {
        _trial(name): trial.render(params, _of(params, name), release, boot_test.NAME)
        for name in wanted.guests
    }


def units(params: HostParams) -> dict[str, str]:
    """Return the units of systemd by their paths, each timer behind its service."""
    wanted = params.management.backups
    found = {}
    for unit, word, when in ((MAKE, "make", wanted.schedule), (BOOT, "boot", wanted.boot_test)):
        if when:
            found[f"{UNITS}/{unit}.service"] = _SERVICE.format(what=_WHAT[unit], word=word, python=PYTHON)
            found[f"{UNITS}/{unit}.timer"] = timer(unit, when)
    return found


def timer(unit: str, when: str) -> str:
    """Return the timer of one of the two units."""
    return _TIMER.format(what=_WHAT[unit], when=when)


_WHAT = {MAKE: "back guests up", BOOT: "start guests from their newest backups on trial"}
_SERVICE = """[Unit]
Description=xen-runbook: {what}
After=network-online.target xendomains.service

[Service]
Type=oneshot
Environment=PYTHONPATH={python} PYTHONDONTWRITEBYTECODE=1
ExecStart=/usr/bin/python3 -m runbook.backups.night {word}
Nice=10
IOSchedulingClass=idle
"""
_TIMER = """[Unit]
Description=xen-runbook: when to {what}

[Timer]
OnCalendar={when}
Persistent=true

[Install]
WantedBy=timers.target
"""


def _guest(params: HostParams, guest: Guest) -> dict[str, Any]:
    wanted = params.management.backups
    group, volume = params.storage.guest_volume_group, guest.own_volumes[0]
    told: dict[str, Any] = {"name": guest.name, "volume": f"/dev/{group}/{volume.name}"}
    if still := next((q for q in wanted.quiesce if q.guest == guest.name), None):
        told["still"] = _still(still)
    if wanted.boot_test:
        told["trial"] = {
            "group": group,
            "pool": volume.thin_pool or "",
            "config": _trial(guest.name),
            "wait_s": WAIT_S,
        }
    return told


def _still(wanted: Quiesce) -> list[str]:
    """Return the words that the program that makes backups takes for it."""
    return [wanted.how] if wanted.to is None else [wanted.how, wanted.to, *wanted.folders]


def _trial(name: str) -> str:
    return f"{TRIALS}/{name}.cfg"


def _of(params: HostParams, name: str) -> Guest:
    return next(guest for guest in params.guests if guest.name == name)


def _rules(wanted: Keep) -> dict[str, int]:
    return {
        "last": wanted.last,
        "daily": wanted.daily,
        "weekly": wanted.weekly,
        "monthly": wanted.monthly,
    }


def _json(told: dict[str, Any]) -> str:
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
