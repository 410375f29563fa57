"""The page that `runbook jupyter` begins with: from one's hosts to one's own notebooks, with nothing to spoil."""

import shutil

import pytest
from playwright.sync_api import expect

from runbook.desk import copies
from tests.browser.lab import ROOT

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
