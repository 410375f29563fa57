"""Every optional part of the parameters left out in turn: what is left validates, plans, checks and shows."""

import json
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from runbook.errors import ParamsError
from runbook.hosts.recording import names
from runbook.model.ask import Answer, Facts
from runbook.params import HostParams, loads
from runbook.proposal.commented import dump
from runbook.show import steps as views
from runbook.show import tables
from runbook.steps import name_of, notebooks
from tests.recorded import gathers, recorded

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "params/example.yml"
WHOLE = YAML(typ="safe", pure=True).load(EXAMPLE.read_text())
SHOWN = ("machine", "devices", "pci_tree", "settings", "disk", "layout", "packages", "kernel_flags", "network", "xen",
         "guests", "running", "budget", "volumes")  # fmt: skip


def places(value, above=()):
    """Yield the place of every key and item below a value, and of every list or mapping to be emptied."""
    for key, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield (*above, key)
        yield from places(inner, (*above, key))


def without(place):
    """Return the example's values without what is at a place, and without what names it elsewhere."""
    values = json.loads(json.dumps(WHOLE))
    inner = values
    for key in place[:-1]:
        inner = inner[key]
    del inner[place[-1]]
    return values


def loaded(values):
    return loads(dump(values), EXAMPLE)


PLACES = list(places(WHOLE))


def kind(place):
    """Return whether parameters without a place are right: some parts need each other."""
    try:
        return loaded(without(place))
    except ParamsError:
        return None


@cache
def answers(recording):
    """Return what the testbed first said to each question, before anything was done or when all was."""
    found = {}
    folder = ROOT / "recordings" / recording
    for notebook in names(folder):
        for gather in gathers(folder, notebook):
            for key, said in gather.items():
                found.setdefault((notebook, key), Answer(*said))
    return found


def look_at(params, recording):
    """Plan, check and show every step and every table of a host, against what the testbed said."""
    count, said = 0, answers(recording)
    for notebook, steps in notebooks().items():
        steps = [step for step in steps if name_of(step) in recorded(notebook)]
        asks = {ask for step in steps for ask in step.asks(params)}
        everything = {ask: said.get((notebook, ask.key), Answer(0, "")) for ask in asks}
        facts = Facts(everything)
        for step in steps:
            planned = step.plan(params, facts)
            assert views.plan(step, planned, facts).text, name_of(step)
            step.check(params, facts)
            count += 1
        for what in in_notebook(notebook):
            assert tables.show(what, params, facts).text, what
            count += 1
    return count


@cache
def in_notebook(name):
    """Return the tables and pictures that a notebook shows."""
    cells = json.loads((ROOT / f"notebooks/{name}.ipynb").read_text())["cells"]
    source = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return tuple(what for what in SHOWN if f'book.show("{what}")' in source)


def test_every_table_is_shown_somewhere():
    """The tables that are looked at here are all that there are."""
    assert {what for name in notebooks() for what in in_notebook(name)} == set(SHOWN)
    assert set(SHOWN) == {*tables._TABLES, *tables._PICTURES}


def test_each_part_can_be_left_out():
    """Of all keys and items of the example, each that may be left out leaves parameters that can be planned."""
    right, looks, needed = {}, 0, []
    for place in PLACES:
        params = kind(place)
        if params is None:
            needed.append(place)
        else:
            right.setdefault(params.model_dump_json(), (place, params))
    for place, params in right.values():
        try:
            looks += look_at(params, "testbed")
        except Exception as error:
            raise AssertionError(f"without {place}: {error!r}") from error
    print(f"{len(PLACES)} places, {len(needed)} are needed, {len(right)} hosts, {looks} looks")
    assert len(right) > 60
    assert {place[0] for place in needed if len(place) == 1} == {
        "host",
        "connection",
        "passthrough",
        "network",
        "guests",
    }


@pytest.mark.parametrize("recording", ["testbed", "testbed-again"])
@pytest.mark.parametrize("sections", [
    (), ("guests",), ("network",), ("passthrough",), ("guests", "network"), ("guests", "passthrough"), ("storage", "dom0", "xen"),
], ids=lambda s: "-".join(s) or "nothing")  # fmt: skip
def test_whole_sections_can_be_missing(sections, recording):
    """A host of which little or nothing is said plans, checks and shows all the same."""
    values = {"host": "bare", "connection": WHOLE["connection"]}
    if sections:
        values = {key: value for key, value in WHOLE.items() if key not in (*sections, "management")}
        values["guests"] = [] if "guests" in sections else [
            {**guest, **({"nics": []} if "network" in sections else {}), **({"pci": []} if "passthrough" in sections else {})}
            for guest in values["guests"]
        ]  # fmt: skip
    assert look_at(loaded(values), recording)


def test_a_host_without_guests_says_so():
    """The table of guests of a host that has none is a sentence, not an error."""
    params = HostParams.model_validate({"host": "bare", "connection": {"kind": "local"}})
    assert tables.show("guests", params, Facts({})).text == "There are no guests in the parameters yet."
