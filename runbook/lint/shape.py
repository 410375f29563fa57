"""The whole: a name, the fixed shape, safe parameters, and the package's steps, each planned and then applied."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from runbook.lint.notebook import Notebook, Wrong, calls, code_cells, headings, source, tags
from runbook.steps import name_of, notebooks

_PARAMETERS = 'params = "params/example.yml"\nmode = "auto"'
_OPEN = 'from runbook import open_host\n\nbook = open_host(params, mode, notebook="{name}")\nbook'
CLOSING = ("What is now true", "How to undo", "What is next")
HEADINGS = ("What must be true before", "Parameters", *CLOSING)


@dataclass(frozen=True)
class Shape:
    """What differs between notebooks: the lines of the first two code cells, and the steps (None: unknown to us)."""

    parameters: str
    opens: str
    steps: tuple[str, ...] | None
    has_place: bool = True
    """Whether its name begins with its place in the order."""


FLEET = Shape(
    'reports = "reports/sample"\nhosts = "*"',
    "from runbook import open_fleet\n\nfleet = open_fleet(reports, hosts)\nfleet",
    steps=(),
    has_place=False,
)
"""The one notebook that is about many hosts reads reports only."""


def shape_of(name: str) -> Shape:
    """Return the shape that a notebook of this name has to have."""
    if name == "fleet":
        return FLEET
    steps = notebooks().get(name)
    known = None if steps is None else tuple(name_of(step) for step in steps)
    return Shape(_PARAMETERS, _OPEN.format(name=name), known)


def has_a_name_in_order(nb: Notebook, name: str) -> Iterator[Wrong]:
    """The file is called by its place and words: `05_xen_installation`; only the one about many hosts has no place."""
    if shape_of(name).has_place and not re.fullmatch(r"\d\d_[a-z0-9]+(_[a-z0-9]+)*", name):
        yield Wrong("", f"'{name}' is not two digits and words", "name it like 05_xen_installation.ipynb")


def has_the_fixed_shape(nb: Notebook, name: str) -> Iterator[Wrong]:
    """Title, prerequisites, parameters, the host, steps, and the three closing headings in order."""
    cells, code = nb["cells"], code_cells(nb)
    ids = [cell["id"] for cell in code]
    if not cells or not re.match(r"# \S.*\n\n\S", source(cells[0])):
        why = "the first cell is not a title and a purpose"
        yield Wrong(
            cells[0]["id"] if cells else "", why, "begin with `# Title`, an empty line, and what it is for"
        )
    if ids[:2] != ["parameters", "open"] or ids[-1:] != ["summary"] or cells[-1]["id"] != "summary":
        why = f"the code cells do not go parameters, open, …, summary: {ids}"
        yield Wrong("", why, "give the first two and the last cell these ids")
    opens = shape_of(name).opens
    if len(code) < 2 or source(code[1]) != opens:
        yield Wrong(
            "open",
            "it does not open the host for this very notebook",
            f"let the second code cell be\n{opens}",
        )
    if [h for h in headings(nb) if h in HEADINGS] != list(HEADINGS):
        why = f"these headings are not there once and in this order: {', '.join(HEADINGS)}"
        yield Wrong("", why, "add or move what is missing")
    last_step = max((i for i, cell in enumerate(cells) if "apply" in tags(cell)), default=0)
    for cell in cells[:last_step]:
        if any(f"## {heading}" in source(cell) for heading in CLOSING):
            yield Wrong(cell["id"], "a closing section stands before the last step", "move it behind")


def has_one_parameters_cell(nb: Notebook, name: str) -> Iterator[Wrong]:
    """Exactly one cell is tagged `parameters`, and its two lines are the safe defaults."""
    found = [cell for cell in nb["cells"] if "parameters" in tags(cell)]
    safe = shape_of(name).parameters
    if [source(cell) for cell in found] != [safe]:
        where = found[0]["id"] if found else ""
        why = f"{len(found)} cells are tagged parameters, or they are not the safe defaults"
        yield Wrong(where, why, f"let one cell have the tag, with these lines\n{safe}")


def applies_what_it_planned(nb: Notebook, name: str) -> Iterator[Wrong]:
    """Every apply stands directly after the plan of the same step, and every plan before its apply."""
    called = calls(nb)
    pairs = [(verb, step) for _, verb, step in called]
    for i, (cell, verb, step) in enumerate(called):
        if verb == "apply" and (i == 0 or pairs[i - 1] != ("plan", step)):
            why = f"apply {step} does not follow its plan"
            yield Wrong(cell, why, f'put book.plan("{step}") before it: nobody applies what was not shown')
        if verb == "plan" and pairs[i + 1 : i + 2] != [("apply", step)]:
            yield Wrong(
                cell, f"plan {step} is not followed by its apply", f'put book.apply("{step}") after it'
            )


def has_the_steps_in_order(nb: Notebook, name: str) -> Iterator[Wrong]:
    """The notebook plans exactly the steps that the package has for it, in that order."""
    known = shape_of(name).steps
    if known is None:
        why = f"the package has no steps for {name}"
        yield Wrong("", why, "name its chapter in runbook/steps/__init__.py (CONTRIBUTING.md shows one)")
        return
    planned = [step for _, verb, step in calls(nb) if verb == "plan"]
    if planned != list(known):
        why = f"it plans {planned}, the package has {list(known)}"
        yield Wrong("", why, "plan each of them once, in that order")
