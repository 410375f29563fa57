"""What was built on the controller, brought to the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runbook.actions.commands import Run
from runbook.model.action import Action
from runbook.model.ask import Facts

if TYPE_CHECKING:
    from runbook.builds.recipe import Recipe


@dataclass(frozen=True)
class Deliver(Action):
    """Build packages in a clean root on the controller, or take the kept ones, and copy them to the host.

    Its whole effect on the host is the folder. A replay never builds (`Host.put`).
    """

    recipe: Recipe
    folder: str
    """The folder on the host; what was in it is replaced."""
    wanted: tuple[str, ...] = ("*.deb",)
    """Which of the built files are copied."""
    jobs: int | None = None

    @property
    def manifest(self) -> str:
        """The file that says, on the host, what lies in the folder. It is written last."""
        return f"{self.folder}/manifest.json"

    @property
    def title(self) -> str:
        return f"build {self.recipe.key} in a clean root, and copy it to {self.folder}"

    def preview(self, facts: Facts) -> str:
        """Return the recipe: what is in the clean root, and the script; long inputs by their size."""
        lines = [f"# in a clean root of Debian {self.recipe.release}, on the controller, with:"]
        lines += [f"+ {name}" for name in self.recipe.packages]
        for name, text in self.recipe.files:
            count = text.count("\n")
            lines += (
                [f"< {name}: {count} lines"] if count > 30 else [f"< {name}: {x}" for x in text.splitlines()]
            )
        lines += [f"< {source.path}, SHA-256 {source.sha256}" for source in self.recipe.sources]
        lines += [f"$ {x}" for x in (self.recipe.fetch + "\n" + self.recipe.script).splitlines() if x]
        return "\n".join([*lines, f"# then copied to the host: {' '.join(self.wanted)}"]) + "\n"

    def inverse(self, facts: Facts) -> Run:
        return Run(("rm", "-rf", "--", self.folder), "the packages that were copied")
