"""The rules of `runbook lint`: every notebook keeps them, and each of them can fail.

`BREAKAGES` breaks a good notebook once for every rule, so that a rule which cannot fail fails here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from nbval.plugin import metadata_tags

from runbook.cli import main
from runbook.lint import RULES, Rule, cells, form, lint, shape
from runbook.lint.notebook import CALL, Notebook, source
from runbook.steps import notebooks

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
Breakage = Callable[[Notebook], Any]
"""Breaks a notebook in place; returns another name for it, or nothing."""
GOOD = "05_xen_installation"


def read(name: str) -> Notebook:
    """Return the notebook as the plain JSON value that stands in its file."""
    value: Notebook = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule: Rule, name: str) -> None:
    """Every notebook keeps every rule."""
    assert list(rule(read(name), name)) == []


def test_every_chapter_has_its_notebook() -> None:
    """The notebooks in the folder are exactly those that the package has steps for, in the same order, and that of fleets."""
    assert [*notebooks(), "fleet"] == NAMES


@pytest.mark.parametrize("name", ["00_introduction", "06_xen_configuration", "07_first_boot", "08_guests"])
def test_where_something_can_fail_the_prose_leads_to_what_errors_mean(name: str) -> None:
    """The introduction names the page of errors, the chapters that prove lead to entries; each entry is there."""
    page = (FOLDER.parent / "docs/errors.md").read_text(encoding="utf-8")
    led_to = re.findall(r"\]\(\.\./docs/errors\.md(?:#(x\d\d))?\)", "".join(map(source, read(name)["cells"])))
    assert len(led_to) >= (1 if name == "00_introduction" else 3)
    assert [code for code in led_to if code and f"### {code.upper()}\n" not in page] == []


@pytest.mark.parametrize("name", NAMES)
def test_file_is_written_one_way(name: str) -> None:
    """The file is indented by one blank, keeps letters as they are, and ends with one newline."""
    assert list(form.is_written_one_way((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))) == []


def at(nb: Notebook, id_: str) -> int:
    return next(i for i, cell in enumerate(nb["cells"]) if cell["id"] == id_)


def edit(id_: str, **changes: Any) -> Breakage:
    """Return a breakage that changes fields of one cell."""
    return lambda nb: nb["cells"][at(nb, id_)].update(changes)


def retag(id_: str, *new: str) -> Breakage:
    return edit(id_, metadata={"tags": list(new)})


def add_text(id_: str, text: str) -> Breakage:
    def breakage(nb: Notebook) -> None:
        cell = nb["cells"][at(nb, id_)]
        cell["source"] = source(cell) + text

    return breakage


def drop(id_: str) -> Breakage:
    return lambda nb: nb["cells"].pop(at(nb, id_))


def swap(one: str, other: str) -> Breakage:
    def breakage(nb: Notebook) -> None:
        i, j = at(nb, one), at(nb, other)
        nb["cells"][i], nb["cells"][j] = nb["cells"][j], nb["cells"][i]

    return breakage


BREAKAGES: tuple[tuple[str, Rule, Breakage], ...] = (
    ("no title", shape.has_the_fixed_shape, edit("title", source="Installing Xen, which takes some minutes")),
    ("open for another notebook", shape.has_the_fixed_shape, edit("open", source=shape.shape_of("08_guests").opens)),
    ("no summary", shape.has_the_fixed_shape, drop("summary")),
    ("undo missing", shape.has_the_fixed_shape, drop("undo")),
    ("closing out of order", shape.has_the_fixed_shape, swap("undo", "next")),
    ("closing too early", shape.has_the_fixed_shape, swap("now-true", "why-install-xen")),
    ("unsafe mode", shape.has_one_parameters_cell,
     edit("parameters", source='params = "params/example.yml"\nmode = "apply"')),
    ("two parameters cells", shape.has_one_parameters_cell, retag("summary", "parameters")),
    ("an id of digits", cells.has_ids_of_words, edit("undo", id="a1b2c3d4")),
    ("an id twice", cells.has_ids_of_words, edit("undo", id="next")),
    ("plan without its tag", cells.has_tags_and_ids_that_fit, retag("plan-install-xen")),
    ("apply tagged plan", cells.has_tags_and_ids_that_fit, retag("apply-install-xen", "plan")),
    ("id of another step", cells.has_tags_and_ids_that_fit, edit("plan-install-xen", id="plan-xen")),
    ("two lines in a step", cells.has_tags_and_ids_that_fit, add_text("plan-install-xen", "\nmode")),
    ("apply before plan", shape.applies_what_it_planned, swap("plan-install-xen", "apply-install-xen")),
    ("apply of another step", shape.applies_what_it_planned,
     edit("apply-install-xen", source='book.apply("hide_devices")')),
    ("plan without apply", shape.applies_what_it_planned, drop("apply-install-xen")),
    ("no prose before apply", cells.has_prose_before_code, drop("before-install-xen")),
    ("empty prose", cells.has_prose_before_code, edit("before-install-xen", source="## Apply")),
    ("2013 not told", cells.tells_then_and_now, edit("why-install-xen", source="**Now** **What to expect:** less")),
    ("nothing to expect", cells.tells_then_and_now, edit("why-install-xen", source="**In 2013** … **Now** …")),
    ("a long cell", cells.has_plain_cells, add_text("open", "\n" * 8 + "book")),
    ("a loop", cells.has_plain_cells, add_text("open", "\nfor _ in '12':\n    book")),
    ("a loop in brackets", cells.has_plain_cells, add_text("open", "\n[book for _ in '12']")),
    ("a function", cells.has_plain_cells, add_text("open", "\ndef f():\n    return book")),
    ("a shell escape", cells.has_plain_cells, add_text("open", "\n!uname")),
    ("two calls", cells.has_plain_cells, add_text("open", "\nprint(book)")),
    ("a step left out", shape.has_the_steps_in_order, drop("plan-install-xen")),
    ("steps swapped", shape.has_the_steps_in_order, swap("plan-refresh-package-lists", "plan-install-xen")),
    ("a name of one's own", shape.has_a_name_in_order, lambda nb: "My notebook!"),
    ("a notebook without steps", shape.has_the_steps_in_order, lambda nb: "11_greeting"),
    ("no cells at all", shape.has_the_fixed_shape, lambda nb: nb.update(cells=[])),
    ("outputs stripped", form.carries_its_outputs, edit("plan-install-xen", outputs=[])),
    ("executed out of order", form.carries_its_outputs, edit("plan-install-xen", execution_count=99)),
    ("an error on show", form.carries_its_outputs,
     edit("summary", outputs=[{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}])),
    ("timings in the metadata", form.is_a_small_valid_file, edit("open", metadata={"execution": {}})),
    ("another format", form.is_a_small_valid_file, lambda nb: nb.update(nbformat_minor=4)),
    ("another kernel", form.is_a_small_valid_file, lambda nb: nb["metadata"].pop("kernelspec")),
    ("a Python's version", form.is_a_small_valid_file,
     lambda nb: nb["metadata"]["language_info"].update(version="3.11.2")),
    ("editor metadata", form.is_a_small_valid_file, lambda nb: nb["metadata"].update(toc={})),
    ("not a cell type", form.is_a_small_valid_file, edit("undo", cell_type="heading")),
)  # fmt: skip


@pytest.mark.parametrize(("rule", "breakage"), [b[1:] for b in BREAKAGES], ids=[b[0] for b in BREAKAGES])
def test_rule_can_fail(rule: Rule, breakage: Breakage) -> None:
    """A notebook that breaks a rule is complained about by that rule, with a reason and a next move."""
    nb = read(GOOD)
    name = breakage(nb)
    found = list(rule(nb, name if isinstance(name, str) else GOOD))
    assert found
    assert all(wrong.why and wrong.do for wrong in found)


@pytest.mark.parametrize(
    ("rule", "breakage"),
    [
        (shape.has_one_parameters_cell, edit("parameters", source=shape.shape_of(GOOD).parameters)),
        (shape.has_the_fixed_shape, edit("open", source=shape.shape_of(GOOD).opens)),
        (shape.has_the_steps_in_order, edit("show-run", source='fleet.plan("install_xen")')),
        (cells.has_tags_and_ids_that_fit, edit("show-run", source='fleet.show("hosts")')),
    ],
)  # fmt: skip
def test_rules_of_the_fleet_can_fail(rule: Rule, breakage: Breakage) -> None:
    """The notebook about many hosts has parameters and an opening of its own, and no steps."""
    nb = read("fleet")
    breakage(nb)
    assert list(rule(nb, "fleet"))


@pytest.mark.parametrize("verb", ["form", "status"])
def test_the_form_and_the_state_of_the_steps_may_be_shown(verb: str) -> None:
    """A cell that shows either of the book, without a tag, keeps every rule; a fleet has neither."""
    nb = read(GOOD)
    at_end = at(nb, "summary")
    shown = copy.deepcopy(nb["cells"][at_end]) | {"id": verb, "source": f"book.{verb}()"}
    prose = {"cell_type": "markdown", "id": f"before-{verb}", "metadata": {}, "source": "Look at it " * 3}
    nb["cells"][at_end:at_end] = [shown, prose]
    nb["cells"][at_end + 2]["execution_count"] += 1
    assert [wrong for rule in RULES for wrong in rule(nb, GOOD)] == []
    retag(verb, "plan")(nb)
    assert [wrong.cell for wrong in cells.has_tags_and_ids_that_fit(nb, GOOD)] == [verb]
    edit(verb, source=f"fleet.{verb}()", metadata={})(nb)
    assert [wrong.cell for wrong in cells.has_tags_and_ids_that_fit(nb, GOOD)] == [verb]


def test_tags_of_nbval_are_the_authors() -> None:
    """A cell may carry nbval's own tags, all of them, beside those that follow from its call, and no others."""
    assert set(metadata_tags) == cells.NBVAL
    nb = read(GOOD)
    retag("plan-install-xen", "plan", "nbval-ignore-output")(nb)
    assert list(cells.has_tags_and_ids_that_fit(nb, GOOD)) == []
    retag("plan-install-xen", "plan", "nbval-ignore-outputs")(nb)
    assert list(cells.has_tags_and_ids_that_fit(nb, GOOD))


def test_every_rule_is_broken_once() -> None:
    """No rule is without a breakage that shows it failing."""
    assert {b[1] for b in BREAKAGES} == set(RULES)


def written(folder: Path, nb: Notebook, name: str = GOOD) -> Path:
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
    return path


def call(*words: object) -> Any:
    return CliRunner().invoke(main, ["lint", *map(str, words)], catch_exceptions=False)


def test_a_folder_without_notebooks_is_an_error(tmp_path: Path) -> None:
    """A mistyped folder must not pass for one in which every rule is kept."""
    done = CliRunner().invoke(main, ["lint", str(tmp_path)])
    assert done.exit_code == 2
    assert "There is no notebook to check" in done.output


def test_a_step_may_have_a_digit_in_its_name() -> None:
    """`set_ipv4` is a name like any other."""
    assert CALL.fullmatch('book.plan("set_ipv4")')
    assert not CALL.fullmatch('book.plan("4_ways")')


def test_the_command_finds_nothing_in_our_own() -> None:
    """Without an argument the project's notebooks are checked, and all is well."""
    done = call()
    assert (done.exit_code, done.stdout) == (0, f"{len(NAMES)} notebooks: every rule is kept.\n")


def test_the_command_names_notebook_cell_reason_and_next_move(tmp_path: Path) -> None:
    """A broken notebook ends with 1, and each finding says where, why and what to do."""
    nb = read(GOOD)
    edit("plan-install-xen", id="plan-xen")(nb)
    path = written(tmp_path, nb)
    done = call(path)
    assert done.exit_code == 1
    assert done.stdout == (
        f"{path}, cell plan-xen: its id does not follow from its call\n"
        "  do: call it plan-install-xen\n1 notebook: 1 needs fixing.\n"
    )


def test_findings_are_there_for_programs(tmp_path: Path) -> None:
    """--json is a list with notebook, cell, rule, why and do of each; a folder stands for what is in it."""
    nb = read(GOOD)
    retag("plan-install-xen")(nb)
    path = written(tmp_path, nb)
    written(tmp_path, read("06_xen_configuration"), "06_xen_configuration")
    done = call(tmp_path, "--json")
    assert done.exit_code == 1
    tells = [one for one in json.loads(done.stdout) if one["rule"] == "has_tags_and_ids_that_fit"]
    assert tells == [
        {"notebook": str(path), "cell": "plan-install-xen", "rule": "has_tags_and_ids_that_fit",
         "why": "it is tagged [], not ['plan']", "do": "correct its tags"}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no notebook", "it is not JSON"),
        ("[]", "not a valid notebook"),
        ("{}", "not a valid notebook"),
        ('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}', "not nbformat 4.5"),
    ],
)
def test_what_is_no_notebook_is_said_so(tmp_path: Path, text: str, why: str) -> None:
    """Anything else than a notebook of today's format is one finding, not a stack."""
    path = tmp_path / "05_x.ipynb"
    path.write_text(text)
    (found,) = lint(path)
    assert found.why.startswith(why)


def test_another_way_of_writing_is_found(tmp_path: Path) -> None:
    """The same notebook saved by another program would make a diff of noise."""
    path = tmp_path / f"{GOOD}.ipynb"
    path.write_text(json.dumps(read(GOOD)))
    assert [found.rule for found in lint(path)] == ["is_written_one_way"]


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    """Wrong usage is no finding."""
    done = call(tmp_path / "none.ipynb")
    assert done.exit_code == 2
    assert "Cannot read the notebook" in done.stderr
