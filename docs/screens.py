"""Make the pictures of docs/screens.md, section 'Site and reports', anew: `make screens`. Needs Chromium and poppler-utils.

Everything is real: the site of this tree, the sample report with its pages as this source makes them, a fleet of
recorded hosts, and what runs write on a terminal, at the end and in the middle; only the names of the machine's
folders are replaced.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.fleet import copies
from runbook.evidence import archive
from runbook.site.build import build
from tests.browser import pages
from tests.browser.pages import ROOT, RUNBOOK
from tests.browser.terminal import as_html, moment, screen, typed
from tests.evidence.toys import beat, parameterised, project
from tests.test_terminal import SLOW, TOY

IMAGES = ROOT / "docs/images"


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
        ("site-phone", site / "index.html", 400, 700, "light", "?hide device"),
        ("site-volumes-dark", site / "notebooks/09_management.html", 1200, 800, "dark",
         '[id="cell-id=show-volumes"]'),
        ("site-search", site / "index.html", 1280, 700, "light", "?pciback softdep"),
        ("site-fleet", site / "notebooks/fleet.html", 1280, 800, "light", "#Who-has-which-card"),
        ("report-run", built / "index.html", 1060, 900, "light", ""),
        ("report-notebook", notebook, 1280, 800, "light", "text=Start Xen once"),
        ("host-page", host, 1060, 860, "light", "#show-devices"),
        ("host-network-dark", host, 1060, 900, "dark", "#show-network"),
        ("host-phone", host, 390, 844, "light", "#show-network"),
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
    """Run the first notebook on three recorded hosts, of which one has an empty recording; return the page."""
    page = pages.fleet(folder / "hosts", folder / "fleets", 3)
    page.write_text(told(page.read_text(), folder))
    return page


def printed(page, file: Path) -> None:
    """Print a page and take its third sheet."""
    page.pdf(path=file, format="A4")
    words = ("-f", "3", "-l", "3", "-r", "100", "-png", "-singlefile")
    subprocess.run(["pdftoppm", *words, str(file), str(IMAGES / "printed")], check=True)


def terminals(folder: Path) -> list[tuple[str, Path]]:
    """Return pages of a terminal: a run's end, a run in the middle, and a fleet in the middle."""
    ended = typed(*RUNBOOK, "run", "--only", "06", "--reports", str(folder / "runs"))
    toy = (sys.executable, "-c", TOY, "run", "params/toy.yml")
    books = {"n05_one": parameterised(beat("one")), "n06_two": parameterised(SLOW, beat("three"))}
    place = project(folder / "toy", **books)
    typed(*toy, cwd=place)  # the next one knows how long it takes
    running = typed(*toy, cwd=place)
    words = ("--parallel", "3", "--serial", "1,3", "--from", "08", "--reports", str(folder / "all"))
    many = typed(*RUNBOOK, "fleet", *copies(folder / "many", 4), *words)
    shown = {
        "terminal": screen("".join(ended)),
        "terminal-running": moment(running, r"(?s)[1-9]\.\d s of .*│ Unpacking"),
        "terminal-fleet": moment(
            many, r"(?s)completed(?=.*0[89]_\w+ +[a-z]\w+ +running)(.*0[89]_\w+ [^\n]*running){3}"
        ),
    }
    return [(name, as_html(folder / f"{name}.html", told("\n".join(shown[name]), folder))) for name in shown]


def told(text: str, folder: Path) -> str:
    """Return text with the machine's folders named as a reader's would be."""
    for name, shown in (
        (folder / "hosts", "params"),
        (folder / "runs", "reports"),
        (ROOT, "/home/ana/runbook"),
    ):
        text = text.replace(str(name), str(shown))
    return text


if __name__ == "__main__":
    main()
