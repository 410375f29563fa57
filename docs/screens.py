"""Make the pictures of docs/screens.md, section 'Site and reports', anew: `make screens`. Needs Chromium and poppler-utils.

Everything is real: the site of this tree, the sample report with its pages as this source makes them, a fleet of
recorded hosts, and what runs write on a terminal, at the end and in the middle; only the names of the machine's
folders are replaced.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from benchmarks.fleet import copies
from runbook.evidence import archive
from runbook.site.build import build
from tests.browser import pages
from tests.browser.pages import ROOT, RUNBOOK
from tests.evidence.toys import beat, parameterised, project
from tests.test_terminal import SLOW, TOY

IMAGES = ROOT / "docs/images"
COLUMNS, LINES = 100, 60
_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\r|\n")


def main() -> None:
    """Make all pictures."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for image, path, width, height, scheme, jump in surfaces(folder):
            page = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            ).new_page()
            page.goto(path.as_uri())
            if jump.startswith("?"):
                page.fill("input[type=search]", jump[1:])
                page.locator("#found li").first.wait_for()
            elif jump and jump != "whole":
                page.locator(jump).first.evaluate("(e) => e.scrollIntoView()")
            page.screenshot(path=IMAGES / f"{image}.png", full_page=jump == "whole")
            if image == "report-notebook":
                printed(page, folder / "printed.pdf")
            page.context.close()


def surfaces(folder: Path) -> list[tuple[str, Path, int, int, str, str]]:
    """Make what there is to see; return of each picture its name, page, width, height, colours, and where to look."""
    site = build(ROOT, folder / "site").parent
    built, host = reports(folder / "reports")
    fleet, notebook = fleet_page(folder), built / "06_xen_configuration.html"
    return [
        ("site-page", site / "notebooks/06_xen_configuration.html", 1280, 800, "light",
         '[id="cell-id=plan-hide-devices"]'),
        ("site-search", site / "index.html", 1280, 700, "light", "?pciback softdep"),
        ("site-fleet", site / "notebooks/fleet.html", 1280, 800, "light", "#Who-has-which-card"),
        ("report-run", built / "index.html", 1060, 900, "light", ""),
        ("report-notebook", notebook, 1280, 800, "light", "text=Start Xen once"),
        ("host-page", host, 1060, 860, "light", "#fact-2"),
        ("host-network-dark", host, 1060, 900, "dark", "#fact-5"),
        ("host-phone", host, 390, 844, "light", "#fact-5"),
        ("reports", fleet.parents[2] / "index.html", 1060, 760, "light", ""),
        ("fleet-page", fleet, 1060, 640, "light", ""),
        *((name, page, 860, 100, "dark", "whole") for name, page in terminals(folder)),
    ]  # fmt: skip


def reports(out: Path) -> tuple[Path, Path]:
    """Copy the sample, make its pages anew; return the folder of its first run, and the host's page."""
    found = sorted((ROOT / "reports/sample").glob("*/*/run.json"))
    places = [pages.copied(file.parent, out) for file in found]
    host = places[-1].parent
    archive.refresh(out, host.name)
    return min(host.glob("*/run.json")).parent, host / "index.html"


def fleet_page(folder: Path) -> Path:
    """Run the first notebook on three recorded hosts, of which one lost its recording; return the page."""
    page = pages.fleet(folder / "hosts", folder / "fleets", 3)
    page.write_text(told(page.read_text(), folder))
    return page


def printed(page, file: Path) -> None:
    """Print a page and take its second sheet."""
    page.pdf(path=file, format="A4")
    words = ("-f", "2", "-l", "2", "-r", "90", "-png", "-singlefile")
    subprocess.run(["pdftoppm", *words, str(file), str(IMAGES / "printed")], check=True)


def terminals(folder: Path) -> list[tuple[str, Path]]:
    """Return pages of a terminal: a run's end, a run in the middle, and a fleet in the middle."""
    ended = typed(*RUNBOOK, "run", "--only", "06", "--reports", str(folder / "runs"))
    toys = (sys.executable, "-c", TOY, "run", "params/toy.yml")
    books = {"n05_one": parameterised(beat("one")), "n06_two": parameterised(SLOW, beat("three"))}
    place = project(folder / "toys", **books)
    typed(*toys, cwd=place)
    running = typed(*toys, cwd=place)
    files = copies(folder / "many", 4)
    many = typed(
        *RUNBOOK, "fleet", *files, "--parallel", "3", "--from", "08", "--reports", str(folder / "all")
    )
    shown = {
        "terminal": screen("".join(ended)),
        "terminal-running": moment(
            running, lambda text: re.search(r"[1-9]\.\d s of .*Unpacking", text, re.S)
        ),
        "terminal-fleet": moment(many, lambda text: "completed" in text and text.count(" running ") == 3),
    }
    return [
        (name, as_html(folder / f"{name}.html", told("\n".join(lines), folder)))
        for name, lines in shown.items()
    ]


def told(text: str, folder: Path) -> str:
    """Return text with the machine's folders named as a reader's would be."""
    for name, shown in (
        (folder / "hosts", "params"),
        (folder / "runs", "reports"),
        (ROOT, "/home/ana/runbook"),
    ):
        text = text.replace(str(name), str(shown))
    return text


def typed(*words: str, cwd: Path = ROOT) -> list[str]:
    """Return all that a command writes on a terminal, control characters and all, piece by piece as it came."""
    chunks = []

    def keep(descriptor: int) -> bytes:
        chunks.append(os.read(descriptor, 4096))
        return chunks[-1]  # pty.spawn shows it here, too

    os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(LINES), PYTHONPATH=str(ROOT))
    before = Path.cwd()
    os.chdir(cwd)
    pty.spawn(words, keep)
    os.chdir(before)
    return [chunk.decode(errors="replace") for chunk in chunks]


def moment(said: Sequence[str], is_it: Callable[[str], object]) -> list[str]:
    """Return the lines of the first screen of which something is true."""
    for end in range(1, len(said) + 1):
        lines = screen("".join(said[:end]))
        if is_it(Text.from_ansi("\n".join(lines)).plain):
            return lines
    raise SystemExit("The moment for the picture did not come; try again on a machine that does less else.")


def as_html(page: Path, said: str) -> Path:
    """Write a terminal's screen as a page."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(Text.from_ansi(said))
    frame = (
        "<body style='background:#14171a;color:#e3e6e8;margin:0;padding:14px;font-size:13px'>"
        "<pre style='margin:0;font-family:monospace;line-height:1.35'>{code}</pre></body>"
    )
    page.write_text(console.export_html(theme=MONOKAI, inline_styles=True, code_format=frame))
    return page


def screen(said: str) -> list[str]:
    """Return the lines that stand on a terminal in the end: what was erased and written over is gone.

    >>> screen("one\\r\\ntwo\\r\\n\\x1b[1A\\x1b[2Ksix\\r\\n")
    ['one', 'six', '']
    """
    lines, row, at = [""], 0, 0
    for found in _CONTROL.finditer(said + "\n"):
        if text := said[at : found.start()]:
            lines[row] += text
        at = found.end()
        if found[0] == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif found[2] == "A":
            row = max(row - int(found[1] or 1), 0)
        elif found[2] == "K":
            lines[row] = ""
        elif found[2] == "m":
            lines[row] += found[0]
    return lines[:-1]


if __name__ == "__main__":
    main()
