"""The guide as data: complete, its corrections sound, and planned by the wheezy profile."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from runbook import open_host
from runbook.documents import coverage
from runbook.errors import Refused
from runbook.guide import entries
from runbook.guide.faults import DATA, faults
from runbook.guide.profile import MARKS, steps_of
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import load
from runbook.steps import name_of, notebooks
from runbook.steps import steps_of as modern_steps_of

WHEEZY = "params/wheezy.yml"
STEPS = {name_of(step): step for steps in notebooks().values() for step in steps}
BLOCKS = "8949d669a5be03e31930cc8f92751d689e751135bfbfe2415cae75e74c38aeba"
"""SHA-256 of all lines of the guide's code blocks but the kernel's flags, stripped, one per line."""


FAULTS = {
    1: 6, 2: 10, 3: 13, 4: 11, 5: 12, 60: 6, 61: 9, 63: 2, 64: 6, 65: 5, 7: 15, 80: 6, 81: 6,
}  # fmt: skip
"""How many faults the guide has in each group: H101 to H106, …, H601 to H606, H610 to H619, and so on."""


def numbers():
    """Return the numbers of the guide's faults."""
    for group, last in FAULTS.items():
        first = 0 if group in (61, 63, 64, 65, 81) else 1
        width = 1 if group >= 10 else 2
        yield from (f"H{group}{n:0{width}}" for n in range(first, last + 1))


def test_every_fault_of_the_guide_is_answered_somewhere():
    """Each of the guide's faults is named where it is corrected: in the package, or in a notebook's prose."""
    files = [
        *Path("runbook").rglob("*.py"),
        *Path("runbook").rglob("*.yml"),
        *Path("notebooks").glob("*.ipynb"),
    ]
    named = set(re.findall(r"\bH\d{3}\b", "\n".join(f.read_text(encoding="utf-8") for f in files)))
    assert set(numbers()) - named == set()
    assert named - set(numbers()) == set()


def test_every_fault_of_the_guide_has_its_sentence():
    """Each fault is told once, in the guide's order, in one sentence of its own."""
    assert list(faults()) == list(numbers())
    assert len(DATA.read_text(encoding="utf-8").splitlines()) == len(faults()) == len(set(faults().values()))
    assert [number for number, what in faults().items() if not re.fullmatch(r"\S.{10,}\.", what)] == []


def test_a_notebook_leads_from_each_fault_to_its_sentence():
    """No number of a fault stands in a notebook's prose without its link, and each link is to that number's line."""
    page = coverage.page()
    for path in Path("notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        prose = re.sub(r"`[^`]*`", "", prose)
        led = re.findall(r"\[(H\d{3})\]\(\.\./docs/coverage\.md#(h\d{3})\)", prose)
        assert len(led) == len(re.findall(r"\bH\d{3}\b", prose)), path.name
        assert all(number.lower() == anchor and f'<a id="{anchor}"></a>' in page for number, anchor in led)


def test_every_line_of_the_guides_code_blocks_is_here_in_order():
    """The data hold the 166 lines of the guide's code blocks, none left out, none changed."""
    lines = [line for e in entries() if e.kind in ("command", "file", "output") for line in e.lines]
    assert len(lines) == 166
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == BLOCKS


@pytest.mark.parametrize("entry", entries(), ids=lambda e: f"{e.step}-{(e.lines or ('flags',))[0][:20]}")
def test_every_entry_has_its_place_and_its_reason(entry):
    """Each entry belongs to a step that exists, and each correction says why and which fault it answers."""
    assert entry.step in STEPS
    if entry.is_corrected and entry.kind != "prose":
        assert entry.why
        assert entry.faults


@pytest.mark.parametrize("step", sorted({e.step for e in entries()}))
def test_the_corrected_commands_are_valid_shell(step):
    """Everything that the profile would run is accepted by bash's parser."""
    for action in steps_of({step: STEPS.get(step)})[step].plan(load(WHEEZY), Facts({})).actions:
        done = subprocess.run(
            ["bash", "-n", "-c", action.argv[2]], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_correction_stands_beside_the_guides_own_line():
    """The plan shows what the guide says, what is done instead, and the number of the fault."""
    step = steps_of(modern_steps_of("06_xen_configuration"))["set_boot_menu"]
    planned = step.plan(load(WHEEZY), Facts({}))
    shown = planned.actions[0].preview(Facts({}))
    assert '-sed -r -i "s/(multiboot.*)/\\1 dom0_mem=4096M/" /etc/grub.d/09_linux_xen' in shown
    assert "dom0_mem=4096M,max:4096M" in shown
    assert " update-grub" in shown.splitlines()
    assert "H610" in planned.findings[0].source


def test_what_was_carried_out_is_not_planned_again():
    """A step's mark on the host, with the digest of its commands, ends the plan; another digest does not."""
    parameters = load("params/testbed.yml")
    step = steps_of(modern_steps_of("06_xen_configuration"))["enable_services"]
    (ask,) = step.asks(parameters)
    assert ask == Ask.read(f"{MARKS}/enable_services")
    digest = step.plan(parameters, Facts({ask: Answer(0, "old\n")})).actions[-1].argv[2].split()[-3]
    assert step.plan(parameters, Facts({ask: Answer(0, digest + "\n")})).actions == ()


def test_the_wheezy_profile_only_plans_on_another_release():
    """On a machine that is not Debian 7 the guide is shown, and carrying it out is refused."""
    book = open_host(WHEEZY, notebook="06_xen_configuration")
    assert book.mode == "plan"
    assert "dpkg-divert" in book.plan("hide_devices").text
    book.host.close()
    with pytest.raises(Refused, match="not wheezy"):
        open_host(WHEEZY, "apply", notebook="06_xen_configuration")


def test_the_map_from_the_guide_to_the_steps_is_current():
    """`docs/coverage.md` is what the data and today's steps say; `make coverage` writes it."""
    assert coverage.PAGE.read_text(encoding="utf-8") == coverage.page()
    assert coverage.page().count("| `CONFIG_") == 81
