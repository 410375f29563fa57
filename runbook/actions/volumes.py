"""Logical volumes that the runbook made, and how each is taken back."""

from __future__ import annotations

TAG = "xen-runbook"
"""The LVM tag of every volume that a step made: what has another origin is never removed by its name."""


def removal(group: str, name: str) -> tuple[str, ...]:
    """Return the argv that removes a volume of the runbook's; one that is gone, or is not ours, is left alone.

    >>> removal("guests", "web")[-1]
    'lv_full_name="guests/web" && lv_tags={"xen-runbook"}'
    """
    return ("lvremove", "--yes", "--select", f'lv_full_name="{group}/{name}" && lv_tags={{"{TAG}"}}')
