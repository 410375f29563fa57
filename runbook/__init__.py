"""The Xen host runbook. What a cell may import: `open_host`, `open_fleet`, `open_desk` and `form`."""

from __future__ import annotations

from typing import Any

__all__ = ["form", "open_desk", "open_fleet", "open_host"]
__version__ = "0.7.0"


def __getattr__(name: str) -> Any:
    if name == "open_host":
        from runbook.book import open_host

        return open_host
    if name == "open_fleet":
        from runbook.fleet.book import open_fleet

        return open_fleet
    if name == "open_desk":
        from runbook.desk import open_desk

        return open_desk
    if name == "form":
        from runbook.show.form import form

        return form
    raise AttributeError(f"module 'runbook' has no attribute '{name}'")
