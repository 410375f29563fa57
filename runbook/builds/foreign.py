"""Sources of somebody else's choice that a recipe would build, as programs that need the operator's word."""

from __future__ import annotations

from runbook.builds.recipe import Recipe
from runbook.controller.allowed import Program


def foreign(recipe: Recipe) -> tuple[Program, ...]:
    """Return what a recipe takes from outside Debian: an archive of the controller, a git repository."""
    if recipe.name == "cloud-image":
        return ()  # it is read, by a program of Debian's; what is in it runs in its guest alone
    archives = (Program("kernel.tarball", f"build {s.path}, SHA-256 {s.sha256}") for s in recipe.sources)
    where = recipe.fetch.partition("\n")[0]  # the parameters of the script below it
    if "REPOSITORY=" not in where:
        return tuple(archives)
    return (*archives, Program("xen.source", f"fetch by git and build: {where}"))
