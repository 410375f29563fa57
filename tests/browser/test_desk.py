"""The page that `runbook jupyter` begins with: from one's hosts to one's own notebooks, with nothing to spoil."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from runbook.desk import copies
from tests.browser.lab import PANEL, ROOT

pytestmark = pytest.mark.browser
NOTEBOOKS = ("00_introduction", "01_uefi")


@pytest.fixture
def start(server):
    """Return the first page of a project with two notebooks."""
    for name in NOTEBOOKS:
        shutil.copy(ROOT / f"notebooks/{name}.ipynb", server.folder / "notebooks")
    return copies.start(server.folder)


def test_from_the_first_page_to_a_hosts_own_notebook_and_on(lab, server, start):
    """A frozen cell is run and not edited; the copies are made, a click opens one, and its last link the next one."""
    notebook = lab(start)
    page = notebook.page
    shown = notebook.step("desk")
    expect(shown.get_by_role("cell", name="example", exact=True)).to_be_visible()
    code = notebook.cell("notebooks").locator(".cm-content")
    code.click()
    page.keyboard.type("spoilt ")
    expect(code).to_have_text("desk.notebooks(host)")
    notebook.step("host")
    made = notebook.step("notebooks")
    made.get_by_role("link", name="Introduction").click()
    tab = page.locator(".lm-TabBar-tab.lm-mod-current")
    expect(tab.filter(has_text="00_introduction.ipynb")).to_be_visible()
    opened = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(opened.get_by_text('params = "params/example.yml"')).to_be_visible()
    opened.get_by_role("link", name="01 The firmware's settings").click()
    expect(tab.filter(has_text="01_uefi.ipynb")).to_be_visible()
    for name in NOTEBOOKS:
        committed = (ROOT / f"notebooks/{name}.ipynb").read_bytes()
        assert (server.folder / f"notebooks/{name}.ipynb").read_bytes() == committed
    page.screenshot(path=str(server.folder.parent / "desk.png"))


def typed_into(notebook, name):
    """Type a word at the end of a cell; return whether the cell has it then, and take it out again."""
    code = notebook.cell(name).locator(".cm-content")
    code.click()
    notebook.page.keyboard.press("Control+End")
    notebook.page.keyboard.type("  # mine")
    has_it = "# mine" in code.inner_text()
    for _ in range(len("  # mine") if has_it else 0):
        notebook.page.keyboard.press("Backspace")
    return has_it


def test_a_steps_cells_are_edited_until_it_is_done_and_the_projects_own_are_never_saved(lab, server, start):
    """After a plan both cells still take a word; after the step neither does, and the saved copy keeps that."""
    copy = copies.make(server.folder, "params/example.yml", "frozen")[1]
    notebook = lab(copy)
    cells = ("plan-verify-settings", "apply-verify-settings")
    parameters = notebook.cell("parameters").locator(".cm-content")
    for mode, may in (("plan", True), ("auto", False)):
        parameters.click()
        notebook.page.keyboard.press("Control+A")
        notebook.page.keyboard.type(f'params = "params/example.yml"\nmode = "{mode}"')
        notebook.run_all()
        assert [typed_into(notebook, name) for name in cells] == [may, may], mode
    assert typed_into(notebook, "parameters")
    notebook.page.keyboard.press("Control+S")
    expect(notebook.page.locator(".jp-mod-dirty")).to_have_count(0)
    saved = {cell["id"]: cell["metadata"] for cell in json.loads(copy.read_text())["cells"]}
    assert {name for name, data in saved.items() if data.get("editable") is False} >= set(cells)
    assert saved["parameters"].get("editable") is not False

    own = server.folder / "notebooks/01_uefi.ipynb"
    before = own.read_bytes()
    original = lab(own)
    expect(original.page.get_by_text("notebook is read-only")).to_be_visible()
    original.step("open")
    original.page.keyboard.press("Control+S")
    original.page.evaluate(f"{PANEL}.context.save().catch(() => 0)")  # what its clock would do
    assert own.read_bytes() == before
