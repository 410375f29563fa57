"""Notebooks in JupyterLab, stepped through by a person: what is shown, how quickly, and that nothing happens unasked."""

import re
import statistics

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
MEDIAN_MS = 100
#: How many times the plan cell is run in a round, and how many rounds there are at most.
RUNS, ROUNDS = 15, 3


def code_cells(notebook):
    return [name for name, kind in notebook.kinds() if kind == "code"]


def differing(notebook):
    """Return the cells that show another thing than the committed notebook, with both."""
    pairs = {name: (notebook.shown(name), notebook.committed(name)) for name in code_cells(notebook)}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def test_stepped_through_it_shows_what_is_committed(lab, server):
    """Cell by cell, 06 shows exactly its committed outputs; the bar goes along and says what is done and next."""
    notebook = lab(server.copy("06_xen_configuration"))
    for name in code_cells(notebook):
        notebook.step(name)
        if name == "open":
            assert notebook.bars() == [("open", "0 of 10 steps done · next stop_saving_guests")]
        if name == "plan-hide-devices":
            said = "▶ 2 of 10 steps done · now hide_devices · next set_boot_menu"
            assert notebook.bars() == [(name, f"✓ ✓ {said}")]
    assert differing(notebook) == {}
    assert notebook.bars() == [("apply-boot-xen-once", "✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ ✓ 10 of 10 steps done")]


def test_run_all_shows_what_is_committed(lab, server):
    """By "Run All Cells", 08 shows exactly its committed outputs; an output that differs is found."""
    notebook = lab(server.copy("08_guests"))
    notebook.run_all()
    assert differing(notebook) == {}
    changed = "document.querySelectorAll('.jp-OutputArea-output b')[2].textContent = 'another'"
    notebook.page.evaluate(changed)
    assert len(differing(notebook)) == 1


@pytest.fixture
def gate(server, tmp_path):
    """Return a function that writes a notebook over the slow toy, and the folder of its gate."""

    def make(mode, risk="safe"):
        words = [f'book = book("{tmp_path}", "{mode}", "{risk}")\nbook']
        words += [
            f'book.{word}("{step}")' for step in ("unpack", "turn_on", "rest") for word in ("plan", "apply")
        ]
        return server.write("99_toy", "from tests.browser.toys import book", *words), tmp_path

    return make


@pytest.mark.parametrize("mode", ["auto", "apply"])
def test_run_all_applies_nothing_without_the_word(lab, gate, mode):
    """ "Run All Cells" on a real machine plans and changes nothing; only `mode="apply"` writes."""
    path, folder = gate(mode)
    (folder / "go").write_text("well")
    notebook = lab(path)
    notebook.run_all()
    assert (folder / "written").exists() == (mode == "apply")
    said = notebook.bars()[-1][1]
    assert ("0 of 3 steps done · 3 skipped" in said) == (mode == "auto")
    assert ("3 of 3 steps done" in said) == (mode == "apply")


def test_a_disruptive_step_waits_for_a_person(lab, gate):
    """With `mode="apply"` a disruptive step asks; the wrong answer is refused and shown in the bar, the right one goes on."""
    path, folder = gate("apply", "disruptive")
    (folder / "go").write_text("well")
    notebook = lab(path)
    for name in ("c1", "c2", "c3", "c4", "c5"):
        notebook.step(name)
    cell, box = notebook.begin("c6"), notebook.page.locator("input.jp-Stdin-input")
    expect(cell.get_by_text("turn_on is disruptive. Type")).to_be_visible()
    assert not (folder / "written").exists()
    box.fill("yes")
    box.press("Enter")
    expect(cell.get_by_text("ConsentMissing: turn_on is disruptive and nobody agreed to it")).to_be_visible()
    assert notebook.bars() == [("c6", "✓ ✗ 1 of 3 steps done · turn_on refused: read why, then run it again")]
    assert not (folder / "written").exists()
    cell = notebook.begin("c6")
    asked = cell.get_by_text("turn_on is disruptive. Type")
    expect(asked).to_be_visible()
    box.fill(re.search("Type ([0-9a-f]{4})", asked.text_content())[1])
    box.press("Enter")
    expect(cell.get_by_text("done and checked")).to_be_visible()
    assert (folder / "written").read_text() == "/etc/on"
    assert notebook.bars() == [("c6", "✓ ✓ 2 of 3 steps done · next rest")]


def test_long_output_is_folded_while_it_runs(lab, gate, server):
    """A running command shows its last lines and the time left; unfolded it stays so; at its end all of it is there."""
    server.took("99_toy", "toy", unpack=3600)
    path, folder = gate("apply")
    notebook = lab(path)
    for name in ("c1", "c2", "c3"):
        notebook.step(name)
    cell = notebook.begin("c4")
    expect(cell.get_by_text("about 60 min left")).to_be_visible()
    assert notebook.bars() == [("c4", "▶ 0 of 3 steps done · now unpack (about 60 min) · next turn_on")]
    expect(cell.get_by_text("Unpacking part 620 of 620").first).to_be_visible()
    assert "Unpacking part 615 " not in cell.inner_text()
    cell.get_by_text("Output so far (620 lines, the last 500 here)").click()
    expect(cell.get_by_text("Unpacking part 121 of 620")).to_be_visible()
    head = cell.get_by_text("run apt-get install xen ·")
    before = head.text_content()
    expect(head).not_to_have_text(before, timeout=10_000)  # renewed, although the command is silent
    expect(cell.get_by_text("Unpacking part 121 of 620")).to_be_visible()
    (folder / "go").write_text("well")
    notebook.ended("c4")
    expect(cell.get_by_text("done and checked")).to_be_visible()
    assert cell.get_by_text("Output so far").count() == 0
    folded = cell.locator("details", has_text="1. run apt-get install xen (620 lines)")
    folded.locator("summary").click()
    assert all(f"part {number} of" in folded.inner_text() for number in (1, 300, 620))


def test_what_a_failed_command_said_stays(lab, gate):
    """When a command fails, all that it said until then can be unfolded above the error."""
    path, folder = gate("apply")
    notebook = lab(path)
    for name in ("c1", "c2", "c3"):
        notebook.step(name)
    cell = notebook.begin("c4")
    expect(cell.get_by_text("Unpacking part 620 of 620").first).to_be_visible()
    (folder / "go").write_text("no space is left")
    expect(cell.get_by_text("CommandFailed:")).to_be_visible(timeout=10_000)
    folded = cell.locator("details", has_text="run apt-get install xen was not finished (620 lines)")
    folded.locator("summary").click()
    assert all(f"part {number} of" in folded.inner_text() for number in (1, 300, 620))
    assert notebook.bars() == [("c4", "✗ 0 of 3 steps done · unpack failed: read why, then run it again")]


def test_a_plan_is_there_at_once(lab, server, record_property, capsys):
    """A plan stands on the screen less than 100 ms after what a cell without work would show, in the median.

    How long JupyterLab itself takes, from Shift+Enter to the paint, is the machine's: 165 to 191 ms were measured.
    Other work on the machine only adds to the time, so the quietest of at most three rounds counts.
    """
    folded = "from IPython.display import HTML\nHTML('<details>nothing</details>')"
    notebook, rounds = lab(server.copy("06_xen_configuration", floor=folded, behind="")), []
    for name in ("parameters", "open", "plan-set-boot-menu", "floor"):
        notebook.step(name)
    while len(rounds) < ROUNDS and min(rounds, default=MEDIAN_MS) >= MEDIAN_MS:
        pairs = [(notebook.timed("plan-set-boot-menu"), notebook.timed("floor")) for _ in range(RUNS)]
        plan, floor = (statistics.median(times) for times in zip(*pairs, strict=True))
        rounds.append(plan - floor)
        with capsys.disabled():
            print(
                f"\nplan cell in JupyterLab: {plan:.0f} ms, a cell without work: {floor:.0f} ms, medians of {RUNS}"
            )
    record_property("plan_median_ms", round(min(rounds)))
    assert min(rounds) < MEDIAN_MS
