"""Pages that are made from the code are as the code is, and leave nothing out."""

import re
import tomllib
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import TypeAdapter

from runbook import __version__
from runbook.documents import decisions, parameters
from runbook.params import yaml12

ROOT = Path(__file__).parents[1]
ALL = list(parameters.parameters())
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_page_of_parameters_is_what_the_models_say():
    """`docs/parameters.md` has every parameter as its model has it; `make parameters` writes it."""
    page = parameters.page()
    assert parameters.PAGE.read_text(encoding="utf-8") == page, "make parameters"
    assert page.count("\n| `") == len(ALL)


def test_every_parameter_says_what_it_means():
    """None is without a sentence, nor any section."""
    assert [one.where for one in ALL if not (one.field.description or "").strip()] == []
    assert [one.section for one in ALL if not (one.model.__doc__ or "").strip()] == []


@pytest.mark.parametrize("one", ALL, ids=lambda one: f"{one.model.__name__}.{one.key}")
def test_the_example_of_a_parameter_is_one_that_it_takes(one):
    """The line of YAML on the page is read by the reader of parameter files, and the model takes it."""
    values, _ = yaml12.parse(parameters.example(one), Path("example.yml"))
    rules = (
        Annotated[one.field.annotation, *one.field.metadata] if one.field.metadata else one.field.annotation
    )
    TypeAdapter(rules).validate_python(values[one.key])


def test_the_list_of_decisions_has_each_once():
    """`docs/decisions/README.md` is what `make decisions` writes, and no two decisions have one number."""
    assert decisions.PAGE.read_text(encoding="utf-8") == decisions.page(), "make decisions"
    numbers = [path.name[:4] for path in decisions.PLACE.glob("[0-9]*.md")]
    assert len(set(numbers)) == len(numbers)
    assert decisions.page().count("\n- [") == len(numbers)


def test_the_version_has_its_section_in_the_changelog():
    """The newest version of CHANGELOG.md is the project's own, in both places where it stands."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = next(name for name in re.findall(r"(?m)^## (\S+)", CHANGES) if name != "Unreleased")
    assert newest == own == __version__


def test_the_changelog_is_short():
    """A version's section is read in two minutes: at most 40 lines, of at most 200 characters."""
    for section in CHANGES.split("\n## ")[1:]:
        lines = [line for line in section.splitlines()[1:] if line.strip()]
        assert len(lines) <= 40, section.partition("\n")[0]
        assert [line for line in lines if len(line) > 200] == []


def test_the_shares_of_the_set_ups_are_counted():
    """What the page's end says of all shares together is what its rows add up to."""
    page = (ROOT / "docs" / "set-ups.md").read_text(encoding="utf-8")
    sums: dict[str, float] = {}
    for share, kind in re.findall(r"(?m)^\| (?!set-up|---).+? \| ([^|]+) % \| (\w+)", page):
        numbers = [float(number) for number in re.findall(r"\d+", share)]
        # "1 to 2 %" counts as the middle, "under 1 %" as the half of it.
        middle = numbers[0] / 2 if share.startswith("under") else sum(numbers) / len(numbers)
        sums[kind] = sums.get(kind, 0) + middle
    whole = sum(sums.values())
    said = [f"*{kind}* {100 * sums[kind] / whole:.1f} %" for kind in ("works", "says", "refuses")]
    assert sums.keys() == {"works", "says", "refuses"}
    assert ", ".join(said) in page


def test_what_shows_a_set_up_is_there():
    """Each test and each host that `docs/set-ups.md` names as a witness exists under that name."""
    page = (ROOT / "docs" / "set-ups.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| (?!set-up|---)(.+?) \|.*\| ([^|]+) \|$", page)
    assert len(rows) == page.count("\n| ") - 2 * page.count("| set-up |")
    for what, shown_by in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)([\w:\[\]-]*)`", shown_by)
        assert named, f"nothing shows {what}"
        for file, inside in named:
            text = (ROOT / file).read_text(encoding="utf-8")
            for name in filter(None, inside.split("::")):
                assert re.search(rf"(?m)^\s*(def|class) {name}\b", text), f"{what}: {file} has no {name}"
        for host in re.findall(r"`([\w-]+)`", "".join(re.findall(r"\(([^)]*)\)", shown_by))):
            assert (ROOT / "tests/cases/host" / host / "expect.json").exists(), f"{what}: no host {host}"
