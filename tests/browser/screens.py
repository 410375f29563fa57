"""The pictures of docs/screens.md in JupyterLab: `python -m tests.browser.screens` makes them anew."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.lab import ROOT, Notebook, Server

IMAGES = ROOT / "docs/images"
_TOY = ('book = book("{gate}", "apply", "disruptive")\nbook', 'book.plan("unpack")', 'book.apply("unpack")',
        'book.plan("turn_on")', 'book.apply("turn_on")')  # fmt: skip


class Screens:
    """Opens notebooks and takes pictures of them."""

    def __init__(self, server: Server, context) -> None:
        self.server, self._context = server, context

    def open(self, path: Path) -> Notebook:
        notebook = Notebook(self._context.new_page(), self.server, path)
        notebook.page.keyboard.press("Control+B")  # the list of files is not the point
        return notebook

    def take(self, notebook: Notebook, name: str, *, dark: bool = False, top: str = "") -> None:
        """Take one picture; `top` is the cell that stands at its top."""
        page = notebook.page
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.wait_for_timeout(1500)  # the theme is loaded, and the pointer's hints are gone
        if top:
            notebook.cell(top).evaluate("(cell) => cell.scrollIntoView({block: 'start'})")
        page.wait_for_timeout(300)
        page.screenshot(path=IMAGES / f"jupyter-{name}.png")


def parameters(screens: Screens) -> None:
    """Take the form, the picker, and the changes before they are saved."""
    cells = "from runbook import form", 'form("params/example.yml")'
    notebook = screens.open(screens.server.write("form", *cells))
    notebook.step("c1")
    cell = notebook.step("c2")
    header = cell.locator(".jupyter-widget-Collapse-header", has_text="dom0")
    header.click()
    field = cell.get_by_label("memory_mib").first
    field.fill("much")
    cell.get_by_text("wrong: ").wait_for()
    screens.take(notebook, "form", top="c2")
    field.fill("3072")
    cell.get_by_text("The parameters are right.").wait_for()
    header.click()
    cell.get_by_role("button", name="Show the changes").click()
    cell.get_by_text("+  memory_mib: 3072").wait_for()
    cell.get_by_text("Devices: who gets which").evaluate("(node) => node.scrollIntoView({block: 'start'})")
    screens.take(notebook, "picker", dark=True)
    cell.get_by_role("button", name="Show the changes").evaluate(
        "(node) => node.scrollIntoView({block: 'center'})"
    )
    screens.take(notebook, "changes")
    notebook.close()


def steps(screens: Screens) -> None:
    """Take a plan with its difference, and what a step of some risk and the end of a notebook look like."""
    notebook = screens.open(screens.server.copy("06_xen_configuration"))
    for name, kind in notebook.kinds():
        if kind == "code":
            notebook.step(name)
        if name == "plan-hide-devices":
            screens.take(notebook, "plan", top=name)
        if name == "apply-set-boot-menu":
            screens.take(notebook, "applied", dark=True, top="plan-set-boot-menu")
    screens.take(notebook, "end", top="apply-boot-xen-once")
    notebook.close()


def findings(screens: Screens) -> None:
    """Take what a check found, with the next move."""
    notebook = screens.open(screens.server.copy("01_uefi"))
    notebook.run_all()
    screens.take(notebook, "findings", dark=True, top="plan-confirm-settings")
    notebook.close()


def running(screens: Screens, gate: Path) -> None:
    """Take the running lines of a command, and a step that was refused."""
    server = screens.server
    server.took("99_toy", "toy", unpack=75)
    words = [word.format(gate=gate) for word in _TOY]
    notebook = screens.open(server.write("99_toy", "from tests.browser.toys import book", *words))
    for name in ("c1", "c2", "c3"):
        notebook.step(name)
    cell = notebook.begin("c4")
    cell.get_by_text("Output so far").click()
    screens.take(notebook, "running", dark=True, top="c3")
    (gate / "go").write_text("well")
    notebook.ended("c4")
    notebook.step("c5")
    cell = notebook.begin("c6")
    box = notebook.page.locator("input.jp-Stdin-input")
    box.fill("no")
    box.press("Enter")
    cell.get_by_text("ConsentMissing").first.wait_for()
    screens.take(notebook, "refused", top="c4")
    notebook.close()


def main() -> None:
    place = Path(tempfile.gettempdir()) / "runbook"
    place.mkdir()
    server = Server(place)
    try:
        server.wait()
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            screens = Screens(server, chromium.new_context(viewport={"width": 1200, "height": 800}))
            parameters(screens)
            steps(screens)
            findings(screens)
            running(screens, place)
            chromium.close()
    finally:
        server.close()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
