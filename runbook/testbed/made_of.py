"""What a checkpoint was made of, and what of that is different today."""

from __future__ import annotations

import hashlib
from importlib import import_module
from pathlib import Path

from runbook import params as parameters
from runbook.controller.project import project
from runbook.evidence.files import read_notebook
from runbook.steps import CHAPTERS
from runbook.testbed.checkpoints import FRESH, Checkpoint
from runbook.testbed.image import default_recipe, image_key

_WORDS = {
    "base": "its base disk is of another recipe",
    "params": "the parameters were others",
}


def made_of(params: str, release: str, until: str, base: str = "") -> dict[str, str]:
    """Return what decides how a machine comes out that ran all notebooks until that one, each by a digest.

    Notebooks count by their cells and by their steps' modules. The facts and actions that all of them share do not:
    the second run, which must plan nothing, and the check judge with today's. `base` names another base disk than
    that of the release.
    """
    found = {
        "base": base or f"base-{image_key(default_recipe(release))}",
        "params": parameters.digest(parameters.load(params)),
    }
    if until != FRESH:
        folder = project() / "notebooks"
        found |= {name: _notebook(folder, name, chapter) for name, chapter in _chapters() if name <= until}
    return found


def changed(checkpoint: Checkpoint, params: str, release: str) -> list[str]:
    """Return in words what was different when the checkpoint was made, [] when a run would make the same today."""
    now = made_of(params, release, checkpoint.name)
    names = [name for name in {**checkpoint.made_of, **now} if checkpoint.made_of.get(name) != now.get(name)]
    return [_WORDS.get(name, f"{name} has changed") for name in names]


def notebook_digest(name: str) -> str:
    """Return the digest of a notebook's cells and of its steps' modules."""
    return _notebook(project() / "notebooks", name, dict(_chapters())[name])


def _chapters() -> list[tuple[str, Path]]:
    modules = [import_module(f"runbook.steps.{name}") for name in CHAPTERS]
    return [(module.NOTEBOOK, Path(str(module.__file__)).parent) for module in modules]


def _notebook(folder: Path, name: str, chapter: Path) -> str:
    digest = hashlib.sha256()
    for cell in read_notebook(folder / f"{name}.ipynb").cells:
        digest.update(cell.source.encode() if cell.cell_type == "code" else b"")
    for module in sorted(chapter.rglob("*.py")):
        digest.update(module.name.encode() + module.read_bytes())
    return digest.hexdigest()[:12]
