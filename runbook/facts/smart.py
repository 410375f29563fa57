"""What disks say of themselves: smartctl(8), as JSON; a disk that sleeps is not woken."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from runbook.model.ask import Ask, Facts

_SMART = Ask.shell(
    "command -v smartctl >/dev/null || exit 127; for d in $(lsblk -dnpo NAME -e 1,2,7,11,43,230,252,253); do"
    ' echo "== $d"; timeout 20 smartctl --json=c -n standby -H -A "$d" 2>/dev/null; echo; done; true'
)
COMMANDS = (_SMART,)
_COUNTS = {"Reallocated_Sector_Ct": "sectors moved elsewhere", "Current_Pending_Sector": "sectors that cannot be read",
           "Offline_Uncorrectable": "sectors that cannot be corrected"}  # fmt: skip


@dataclass(frozen=True)
class Disk:
    """One disk that answered."""

    path: str
    has_passed: bool | None
    """False when it says that it fails; None when it does not say."""
    troubles: tuple[str, ...] = ()
    """What it counts that it should not, such as `3 sectors that cannot be read`."""
    celsius: int | None = None


def parse(facts: Facts) -> tuple[Disk, ...] | None:
    """Return the disks that answered; None where smartctl is not installed."""
    answer = facts[_SMART]
    return disks(answer.out) if answer.ok else None


def disks(text: str) -> tuple[Disk, ...]:
    """Return the disks of the answer; one without SMART, or asleep, is left out.

    >>> disks('== /dev/sda\\n{"smart_status":{"passed":true},"temperature":{"current":34}}\\n\\n== /dev/vda\\n\\n')
    (Disk(path='/dev/sda', has_passed=True, troubles=(), celsius=34),)
    """
    found = []
    for block in text.split("== ")[1:]:
        path, _, rest = block.partition("\n")
        said = _json(rest)
        status = said.get("smart_status")
        if isinstance(status, dict):
            warmth = said.get("temperature") or {}
            found.append(
                Disk(path.strip(), status.get("passed"), tuple(_troubles(said)), warmth.get("current"))
            )
    return tuple(found)


def _troubles(said: dict[str, Any]) -> list[str]:
    """Return what is counted and should be nothing.

    >>> _troubles({"ata_smart_attributes": {"table": [{"name": "Current_Pending_Sector", "raw": {"value": 3}}]}})
    ['3 sectors that cannot be read']
    >>> _troubles({"nvme_smart_health_information_log": {"critical_warning": 1, "media_errors": 2, "percentage_used": 101}})
    ['a critical warning (1)', '2 media errors', '101 % of its life used']
    """
    rows = (said.get("ata_smart_attributes") or {}).get("table") or []
    found = [
        f"{row['raw']['value']} {_COUNTS[row['name']]}"
        for row in rows
        if row.get("name") in _COUNTS and row["raw"]["value"]
    ]
    log = said.get("nvme_smart_health_information_log") or {}
    if log.get("critical_warning"):
        found.append(f"a critical warning ({log['critical_warning']})")
    if log.get("media_errors"):
        found.append(f"{log['media_errors']} media errors")
    if log.get("percentage_used", 0) >= 100:
        found.append(f"{log['percentage_used']} % of its life used")
    return found


def _json(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
