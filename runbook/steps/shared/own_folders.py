"""Folders of the runbook's own: a file's folder is made with it, and only what was made by itself can be taken back."""

from __future__ import annotations

from runbook.actions import Run

FOLDER = "/etc/xen-runbook"
"""Where the runbook's own programs on a host have their settings."""


def made(path: str, why: str, mode: str = "0755") -> Run:
    """Return how a folder is made, whose way back takes it away as soon as nothing is in it any more."""
    undo = ("sh", "-c", f"[ ! -d {path} ] || rmdir --ignore-fail-on-non-empty {path}")
    return Run(("install", "-d", "-m", mode, path), why, undo=undo)
