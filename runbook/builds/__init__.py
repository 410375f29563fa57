"""Builds in a clean root of the target's release, on the controller; the host stays clean.

    built = build(recipe, say)          # an hour, or nothing when it is there already
    built.debs                          # names, sizes and checksums of the packages
    built.folder                        # builds/<release>/<name>-<digest>/

The work is done by a process of its own that no lost terminal or connection ends. Building the
same recipe again goes on watching that process, or gives what it made.
"""

from runbook.builds.errors import BuildFailed, StillBuilding
from runbook.builds.recipe import OUT, WORK, Recipe, Source
from runbook.builds.store import Built, Deb
from runbook.builds.watch import Say, build, kept, running, stop

__all__ = [
    "OUT",
    "WORK",
    "BuildFailed",
    "Built",
    "Deb",
    "Recipe",
    "Say",
    "Source",
    "StillBuilding",
    "build",
    "kept",
    "running",
    "stop",
]
