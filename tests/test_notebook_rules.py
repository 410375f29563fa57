"""The shape of every notebook: the rules of the style guide's section on notebooks, enforced.

Each rule is a function from a notebook to the complaints about it. `BREAKAGES` breaks a good
notebook once for every rule, so that a rule which cannot fail fails here.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from runbook.steps import name_of, notebooks

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
PARAMETERS = 'params = "params/example.yml"\nmode = "auto"'
OPEN = 'from runbook import open_host\n\nbook = open_host(params, mode, notebook="{name}")\nbook'
CALL = re.compile(r'book\.(plan|apply|show)\("([a-z_]+)"\)|book\.(summary)\(\)')
CLOSING = ("What is now true", "How to undo", "What is next")
FORBIDDEN = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.AsyncFor,
             ast.While, ast.comprehension)  # fmt: skip

Notebook = dict[str, Any]
Rule = Callable[[Notebook, str], Iterator[str]]


def read(name: str) -> Notebook:
    """Return the notebook as the plain JSON value that stands in its file."""
    value: Notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return value


def source(cell: Notebook) -> str:
    return "".join(cell["source"])


def code_cells(nb: Notebook) -> list[Notebook]:
    return [cell for cell in nb["cells"] if cell["cell_type"] == "code"]


def tags(cell: Notebook) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def headings(nb: Notebook) -> list[str]:
    text = "\n".join(source(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")
    return re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)


def has_the_fixed_shape(nb: Notebook, name: str) -> Iterator[str]:
    """Title, prerequisites, parameters, the host, steps, and the three closing headings in order."""
    cells = nb["cells"]
    if not re.match(r"# \S.*\n\n\S", source(cells[0])):
        yield "the first cell is not a title and a purpose"
    ids = [cell["id"] for cell in code_cells(nb)]
    if ids[:2] != ["parameters", "open"] or ids[-1] != "summary" or cells[-1]["id"] != "summary":
        yield f"the code cells do not go parameters, open, …, summary: {ids}"
    if source(code_cells(nb)[1]) != OPEN.format(name=name):
        yield "the cell `open` does not open the host for this very notebook"
    wanted = ["What must be true before", "Parameters", *CLOSING]
    if [h for h in headings(nb) if h in wanted] != wanted:
        yield f"these headings are not there once and in this order: {wanted}"
    last_step = max((i for i, cell in enumerate(cells) if "apply" in tags(cell)), default=0)
    if any(f"## {heading}" in source(cell) for cell in cells[:last_step] for heading in CLOSING):
        yield "a closing section stands before the last step"


def has_one_parameters_cell(nb: Notebook, name: str) -> Iterator[str]:
    """Exactly one cell is tagged `parameters`, and its two lines are the safe defaults."""
    found = [source(cell) for cell in nb["cells"] if "parameters" in tags(cell)]
    if found != [PARAMETERS]:
        yield f"the cells tagged parameters hold {found}"


def has_ids_of_words(nb: Notebook, name: str) -> Iterator[str]:
    """Cell ids are words, and each is used once: a report traces a result to its source by them."""
    ids = [cell["id"] for cell in nb["cells"]]
    yield from (f"'{i}' is not words" for i in ids if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)*", i))
    yield from (f"'{i}' is used {n} times" for i, n in Counter(ids).items() if n > 1)


def has_tags_and_ids_that_fit(nb: Notebook, name: str) -> Iterator[str]:
    """A cell's id and tag follow from its call: `plan-hide-devices` is tagged `plan`."""
    for cell in code_cells(nb)[2:]:
        match = CALL.fullmatch(source(cell))
        if not match:
            yield f"{cell['id']} is not one call of the book: {source(cell)!r}"
            continue
        verb, what = match[1] or match[3], match[2]
        wanted = [verb] if verb in ("plan", "apply") else []
        if tags(cell) != wanted:
            yield f"{cell['id']} is tagged {tags(cell)}, not {wanted}"
        expected = f"{verb}-{what}".replace("_", "-") if what else verb
        if cell["id"] != expected:
            yield f"{cell['id']} should be called {expected}"


def applies_what_it_planned(nb: Notebook, name: str) -> Iterator[str]:
    """Every apply stands directly after the plan of the same step, and every plan before its apply."""
    calls = [(m[1], m[2]) for cell in code_cells(nb) if (m := CALL.fullmatch(source(cell)))]
    for i, (verb, step) in enumerate(calls):
        if verb == "apply" and (i == 0 or calls[i - 1] != ("plan", step)):
            yield f"apply {step} does not follow its plan"
        if verb == "plan" and calls[i + 1 : i + 2] != [("apply", step)]:
            yield f"plan {step} is not followed by its apply"


def has_prose_before_code(nb: Notebook, name: str) -> Iterator[str]:
    """Prose stands directly before every code cell."""
    for before, cell in zip([None, *nb["cells"]], nb["cells"], strict=False):
        is_told = before and before["cell_type"] == "markdown" and len(source(before).split()) >= 8
        if cell["cell_type"] == "code" and not is_told:
            yield f"no prose before {cell['id']}"


def tells_then_and_now(nb: Notebook, name: str) -> Iterator[str]:
    """The prose before each plan says what was done in 2013, what is done now, and what to expect."""
    for before, cell in zip(nb["cells"], nb["cells"][1:], strict=False):
        if "plan" in tags(cell):
            missing = [w for w in ("In 2013", "**Now**", "**What to expect:**") if w not in source(before)]
            if missing:
                yield f"the prose before {cell['id']} lacks {', '.join(missing)}"


def has_plain_cells(nb: Notebook, name: str) -> Iterator[str]:
    """A code cell has at most ten lines, and no definition, loop, shell escape or template."""
    for cell in code_cells(nb):
        text = source(cell)
        if len(text.splitlines()) > 10:
            yield f"{cell['id']} has more than ten lines"
        try:
            nodes = list(ast.walk(ast.parse(text)))
        except SyntaxError:
            yield f"{cell['id']} is not plain Python (a shell escape?)"
            continue
        yield from (f"{cell['id']} has a {type(n).__name__}" for n in nodes if isinstance(n, FORBIDDEN))
        if sum(isinstance(n, ast.Call) for n in nodes) > 1:
            yield f"{cell['id']} has more than one call"


def has_the_steps_in_order(nb: Notebook, name: str) -> Iterator[str]:
    """The notebook plans exactly the steps that the package has for it, in that order."""
    planned = [m[2] for cell in code_cells(nb) if (m := CALL.fullmatch(source(cell))) and m[1] == "plan"]
    known = [name_of(step) for step in notebooks().get(name, ())]
    if planned != known:
        yield f"it plans {planned}, the package has {known}"


def is_a_small_valid_file(nb: Notebook, name: str) -> Iterator[str]:
    """The file is nbformat 4.5 with the least metadata, so that a diff shows meaning only."""
    try:
        nbformat.validate(copy.deepcopy(nb))
    except nbformat.ValidationError as error:
        yield f"not a valid notebook: {error.message}"
    if (nb["nbformat"], nb["nbformat_minor"]) != (4, 5):
        yield "not nbformat 4.5"
    if nb["metadata"].get("kernelspec", {}).get("name") != "python3":
        yield "not for the kernel python3"
    if extra := set(nb["metadata"]) - {"kernelspec", "language_info"}:
        yield f"more metadata than it needs: {sorted(extra)}"
    if nb["metadata"].get("language_info") != {"name": "python"}:
        yield "language_info says more than the language: it would change with every Python"
    for cell in nb["cells"]:
        if extra := set(cell["metadata"]) - {"tags"}:
            yield f"{cell['id']} has more metadata than tags: {sorted(extra)}"


RULES: tuple[Rule, ...] = (
    has_the_fixed_shape,
    has_one_parameters_cell,
    has_ids_of_words,
    has_tags_and_ids_that_fit,
    applies_what_it_planned,
    has_prose_before_code,
    tells_then_and_now,
    has_plain_cells,
    has_the_steps_in_order,
    is_a_small_valid_file,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Rule, name: str) -> None:
    """Every notebook keeps every rule."""
    assert list(rule(read(name), name)) == []


def test_every_chapter_has_its_notebook() -> None:
    """The notebooks in the folder are exactly those that the package has steps for, in the same order."""
    assert list(notebooks()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_file_is_written_one_way(name: str) -> None:
    """The file is indented by one blank, keeps letters as they are, and ends with one newline."""
    text = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
    assert text == json.dumps(read(name), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def at(nb: Notebook, id_: str) -> int:
    return next(i for i, cell in enumerate(nb["cells"]) if cell["id"] == id_)


def edit(id_: str, **changes: Any) -> Callable[[Notebook], None]:
    """Return a breakage that changes fields of one cell."""
    return lambda nb: nb["cells"][at(nb, id_)].update(changes)


def retag(id_: str, *new: str) -> Callable[[Notebook], None]:
    return edit(id_, metadata={"tags": list(new)})


def add_text(id_: str, text: str) -> Callable[[Notebook], None]:
    def breakage(nb: Notebook) -> None:
        cell = nb["cells"][at(nb, id_)]
        cell["source"] = source(cell) + text

    return breakage


def drop(id_: str) -> Callable[[Notebook], None]:
    return lambda nb: nb["cells"].pop(at(nb, id_))


def swap(one: str, other: str) -> Callable[[Notebook], None]:
    def breakage(nb: Notebook) -> None:
        i, j = at(nb, one), at(nb, other)
        nb["cells"][i], nb["cells"][j] = nb["cells"][j], nb["cells"][i]

    return breakage


BREAKAGES: tuple[tuple[str, Rule, Callable[[Notebook], None]], ...] = (
    ("no title", has_the_fixed_shape, edit("title", source="Installing Xen, which takes some minutes")),
    ("open for another notebook", has_the_fixed_shape, edit("open", source=OPEN.format(name="08_guests"))),
    ("no summary", has_the_fixed_shape, drop("summary")),
    ("undo missing", has_the_fixed_shape, drop("undo")),
    ("closing out of order", has_the_fixed_shape, swap("undo", "next")),
    ("closing too early", has_the_fixed_shape, swap("now-true", "why-install-xen")),
    ("unsafe mode", has_one_parameters_cell,
     edit("parameters", source='params = "params/example.yml"\nmode = "apply"')),
    ("two parameters cells", has_one_parameters_cell, retag("summary", "parameters")),
    ("an id of digits", has_ids_of_words, edit("undo", id="a1b2c3d4")),
    ("an id twice", has_ids_of_words, edit("undo", id="next")),
    ("plan without its tag", has_tags_and_ids_that_fit, retag("plan-install-xen")),
    ("apply tagged plan", has_tags_and_ids_that_fit, retag("apply-install-xen", "plan")),
    ("id of another step", has_tags_and_ids_that_fit, edit("plan-install-xen", id="plan-xen")),
    ("two lines in a step", has_tags_and_ids_that_fit, add_text("plan-install-xen", "\nmode")),
    ("apply before plan", applies_what_it_planned, swap("plan-install-xen", "apply-install-xen")),
    ("apply of another step", applies_what_it_planned,
     edit("apply-install-xen", source='book.apply("hide_devices")')),
    ("plan without apply", applies_what_it_planned, drop("apply-install-xen")),
    ("no prose before apply", has_prose_before_code, drop("before-install-xen")),
    ("empty prose", has_prose_before_code, edit("before-install-xen", source="## Apply")),
    ("2013 not told", tells_then_and_now, edit("why-install-xen", source="**Now** **What to expect:** less")),
    ("nothing to expect", tells_then_and_now, edit("why-install-xen", source="**In 2013** … **Now** …")),
    ("a long cell", has_plain_cells, add_text("open", "\n" * 8 + "book")),
    ("a loop", has_plain_cells, add_text("open", "\nfor _ in '12':\n    book")),
    ("a loop in brackets", has_plain_cells, add_text("open", "\n[book for _ in '12']")),
    ("a function", has_plain_cells, add_text("open", "\ndef f():\n    return book")),
    ("a shell escape", has_plain_cells, add_text("open", "\n!uname")),
    ("two calls", has_plain_cells, add_text("open", "\nprint(book)")),
    ("a step left out", has_the_steps_in_order, drop("plan-install-xen")),
    ("steps swapped", has_the_steps_in_order, swap("plan-refresh-package-lists", "plan-install-xen")),
    ("timings in the metadata", is_a_small_valid_file, edit("open", metadata={"execution": {}})),
    ("another format", is_a_small_valid_file, lambda nb: nb.update(nbformat_minor=4)),
    ("another kernel", is_a_small_valid_file, lambda nb: nb["metadata"].pop("kernelspec")),
    ("a Python's version", is_a_small_valid_file,
     lambda nb: nb["metadata"]["language_info"].update(version="3.11.2")),
    ("editor metadata", is_a_small_valid_file, lambda nb: nb["metadata"].update(toc={})),
    ("not a cell type", is_a_small_valid_file, edit("undo", cell_type="heading")),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "breakage"), [b[1:] for b in BREAKAGES], ids=[b[0] for b in BREAKAGES])
def test_rule_can_fail(rule: Rule, breakage: Callable[[Notebook], None]) -> None:
    """A notebook that breaks a rule is complained about by that rule."""
    nb = read("05_xen_installation")
    breakage(nb)
    assert list(rule(nb, "05_xen_installation"))


def test_every_rule_is_broken_once() -> None:
    """No rule is without a breakage that shows it failing."""
    assert {b[1] for b in BREAKAGES} == set(RULES)
