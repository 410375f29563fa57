"""Guests as folders: configurations, disks, messages, and `expect.json` with what is right for them.

README.md says in a sentence why it is right and where it comes from. Each key of `expect.json` is a kind of claim,
and a module of tests/cases/judges says whether it holds:

`xl`, `says`, `silent`, `fits`, `renders`  of a configuration: judges/configurations.py;
`claims`           what two configurations of the folder both claim: judges/claims.py;
`held`             what a running guest has, so that another cannot start;
`replaced`         a configuration of a person's own, and what would be lost with it;
`inside`           what is said of a volume that answered so;
`messages`         what is explained of a log.

A kind that no module judges yet does not hold. A case of which not everything holds has a file `unmet`: whoever mends
it removes that file, and a test says where one is too many.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from tests.cases import judges

GUESTS = Path(__file__).parent / "guests"
NAMES = sorted(path.parent.name for path in GUESTS.glob("*/expect.json"))
UNMET = sorted(path.parent.name for path in GUESTS.glob("*/unmet"))


@dataclass(frozen=True)
class Case:
    """One guest, or what belongs to one."""

    name: str

    @cached_property
    def expected(self) -> dict[str, Any]:
        """What is right, by kind."""
        return json.loads(self.text("expect.json"))  # type: ignore[no-any-return]

    @property
    def configurations(self) -> dict[str, str]:
        """Each configuration of the folder by its name."""
        return {path.name: self.text(path.name) for path in sorted(self.folder.glob("*.cfg"))}

    @property
    def folder(self) -> Path:
        return GUESTS / self.name

    def text(self, name: str) -> str:
        # A line end is a part of the case.
        with (self.folder / name).open(encoding="utf-8", newline="") as file:
            return file.read()

    def wrong(self) -> Iterator[str]:
        """Yield in words each thing that is not as it is right."""
        for kind, claim in self.expected.items():
            if kind in JUDGES:
                yield from JUDGES[kind](self, claim)
            else:
                yield f"nothing judges the kind `{kind}`"


Judge = Callable[[Case, Any], Iterator[str]]
JUDGES: dict[str, Judge] = {
    kind: judge
    for found in iter_modules(judges.__path__)
    for kind, judge in import_module(f"{judges.__name__}.{found.name}").JUDGES.items()
}
"""What judges each kind of claim: `JUDGES` of every module in tests/cases/judges."""
