"""What is right on each machine of tests/cases/hardware is what table, picker and `runbook new` say of it."""

import pytest

from runbook.survey.tables import moves
from tests.cases.hardware import FOLDER, NAMES, Case

KINDS = {
    "table", "picker", "picker_alone", "offered_without", "reasons", "setting", "same", "text_without",
    "max_lines_about", "bridge_ports_without", "bridges", "new",
}  # fmt: skip


@pytest.fixture(params=NAMES)
def case(request):
    return Case(FOLDER / request.param)


def wrong(case):
    """Yield in words each thing that is not as `expect.json` has it."""
    assert set(case.expected) <= KINDS
    yield from _words(case)
    yield from _reasons(case)
    yield from _company(case)
    yield from _in_the_file(case)
    for name, states in case.expected.get("setting", {}).items():
        if case.states()[name] not in states:
            yield f"the setting {name} is said to be {case.states()[name]}"


def _words(case):
    said = case.expected
    for bdf, words in said.get("table", {}).items():
        if case.table[bdf] not in words:
            yield f"the table says that {bdf} {case.table[bdf]}"
    for bdf, words in said.get("picker", {}).items():
        if case.group(bdf).verdict not in words:
            yield f"the picker says that {bdf} {case.group(bdf).verdict}"
    for bdf in said.get("same", ()):
        if case.table[bdf] != case.group(bdf).verdict:
            yield f"the table says that {bdf} {case.table[bdf]}, the picker that it {case.group(bdf).verdict}"


def _reasons(case):
    for bdf, kind in case.expected.get("reasons", {}).items():
        kinds = {r.kind for m in case.group(bdf).members if m.device.bdf == bdf for r in m.reasons}
        if kind not in kinds:
            yield f"the reasons about {bdf} are {sorted(kinds)}"


def _company(case):
    for bdf in case.expected.get("picker_alone", ()):
        if case.group(bdf).bdfs != (bdf,):
            yield f"{bdf} is picked with {case.group(bdf).bdfs}"
    yield from (
        f"{bdf} is offered" for bdf in case.expected.get("offered_without", ()) if bdf in case.offered
    )


def _in_the_file(case):
    said, text = case.expected, " ".join(case.file.replace("#", " ").split())
    yield from (f"the file says {words!r}" for words in said.get("text_without", ()) if words in text)
    ports = {port for bridge in case.written.network.bridges for port in bridge.ports}
    yield from (f"{name} is a port" for name in said.get("bridge_ports_without", ()) if name in ports)
    there = {bridge.name: list(bridge.ports) for bridge in case.written.network.bridges}
    for name, wanted in said.get("bridges", {}).items():
        if there.get(name) != wanted:
            yield f"the bridges are {there}"
    if "max_lines_about" in said:
        about, most = said["max_lines_about"]
        lines = [line for line in case.file.splitlines() if about in line]
        if len(lines) > most:
            yield f"{len(lines)} lines are about {about}"


def test_the_machine_is_judged_rightly(case):
    """Table, picker and settings say what is right there, and a file is written that offers nothing dangerous."""
    assert case.written.host == "box"
    assert list(wrong(case)) == []


def test_no_slot_helps_where_xen_hands_nothing_out():
    """On a board whose IOMMU Xen switches off the table advises what helps, and no other slot."""
    case = Case(FOLDER / "x58-xen-turns-iommu-off")
    said = [do for do, _ in moves(case.facts)]
    assert any("iommu=no-intremap" in do for do in said)
    assert [do for do in said if "slot" in do] == []
