"""Sources of somebody else's choice that a recipe would build, as programs that need the operator's word."""

from __future__ import annotations

from runbook.allowed import Program
from runbook.builds.recipe import Recipe


def foreign(recipe: Recipe) -> tuple[Program, ...]:
    """Return what a recipe takes from outside Debian: an archive of the controller, a git repository."""
    archives = (Program("kernel.tarball", f"build {s.path}, SHA-256 {s.sha256}") for s in recipe.sources)
    if "git clone" not in recipe.fetch:
        return tuple(archives)
    where = recipe.fetch.partition("\n")[0]  # the parameters of the script below it
    return (*archives, Program("xen.source", f"fetch by git and build: {where}"))
