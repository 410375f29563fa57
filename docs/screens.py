"""Make the pictures of docs/screens.md, section 'Site and reports', anew: `make screens`. Needs Chromium.

Everything is real: the site of this tree, the sample report with its pages as this source makes them, a fleet of
recorded hosts, and what a run of the recorded host writes on a terminal; only the names of the machine's folders are
replaced.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from benchmarks.fleet import copies
from runbook.evidence import archive
from runbook.evidence.files import read_notebook
from runbook.evidence.record import RunRecord
from runbook.site.build import build

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")
COLUMNS, LINES = 100, 60
CHAPTER = "notebooks/06_xen_configuration.html"
_CONTROL = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\r|\n")


def main() -> None:
    """Make all pictures."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        site = build(ROOT, folder / "site").parent
        built, host = reports(folder / "reports")
        fleet = fleet_page(folder)
        terminal = folder / "terminal.html"
        said = typed("run", "--only", "06", "--reports", str(folder / "runs"))
        terminal.write_text(as_html(said.replace(str(folder / "runs"), "reports")))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for image, path, width, height, scheme, jump in (
            ("site-page", site / CHAPTER, 1280, 800, "light", "#plan"),
            ("site-search", site / "index.html", 1280, 700, "light", "?pciback softdep"),
            ("report-run", built / "index.html", 1060, 900, "light", ""),
            (
                "report-notebook",
                built / "06_xen_configuration.html",
                1280,
                800,
                "light",
                "text=Start Xen once",
            ),
            ("host-page", host, 1060, 860, "light", "#fact-2"),
            ("host-network-dark", host, 1060, 900, "dark", "#fact-5"),
            ("host-phone", host, 390, 844, "light", "#fact-5"),
            ("fleet-page", fleet, 1060, 640, "light", ""),
            ("terminal", terminal, 860, 100, "dark", "whole"),
        ):
            page = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme
            ).new_page()
            page.goto(path.as_uri())
            if jump.startswith("?"):
                page.fill("input[type=search]", jump[1:])
                page.locator("#found li").first.wait_for()
            elif jump == "#plan":
                page.locator('[id="cell-id=plan-hide-devices"]').evaluate("(e) => e.scrollIntoView()")
            elif jump and jump != "whole":
                page.locator(jump).first.evaluate("(e) => e.scrollIntoView()")
            page.screenshot(path=IMAGES / f"{image}.png", full_page=jump == "whole")
            page.context.close()


def reports(out: Path) -> tuple[Path, Path]:
    """Copy the sample, make its pages anew; return the folder of its first run, and the host's page."""
    for file in sorted((ROOT / "reports/sample").glob("*/*/run.json")):
        place = Path(shutil.copytree(file.parent, out / file.parent.parent.name / file.parent.name))
        run = json.loads((place / "run.json").read_text())
        record = RunRecord.from_dict(run)
        for entry in record.notebooks:
            archive.notebook_page(place, record, entry, read_notebook(place / f"{entry.name}.ipynb"))
        (place / "index.html").write_text(archive.run_page(place, run))
    archive.refresh(out, place.parent.name)
    return min(place.parent.glob("*/run.json")).parent, place.parent / "index.html"


def fleet_page(folder: Path) -> Path:
    """Run the first notebook on three recorded hosts, of which one lost its recording; return the page."""
    files = copies(folder / "hosts", 3)
    text = Path(files[2]).read_text()
    Path(files[2]).write_text(re.sub(r"recording: .*", "recording: nowhere", text))
    command = (*RUNBOOK, "fleet", *files, "--only", "00", "--mode", "apply", "-q",
               "--max-failures", "0", "--reports", str(folder / "fleets"))  # fmt: skip
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    page = next((folder / "fleets/fleet").glob("*/index.html"))
    page.write_text(
        page.read_text().replace(str(folder / "hosts"), "params").replace(str(ROOT), "/home/ana/runbook")
    )
    return page


def typed(*words: str) -> str:
    """Return all that a command of the runbook writes on a terminal, control characters and all."""
    chunks = []

    def keep(descriptor: int) -> bytes:
        chunks.append(os.read(descriptor, 4096))
        return chunks[-1]  # pty.spawn shows it here, too

    os.environ.update(TERM="xterm-256color", COLUMNS=str(COLUMNS), LINES=str(LINES))
    pty.spawn([*RUNBOOK, *words], keep)
    return b"".join(chunks).decode()


def as_html(said: str) -> str:
    """Return a terminal's last screen as a page."""
    shown = Text.from_ansi("\n".join(screen(said)))
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print(shown)
    frame = (
        "<body style='background:#14171a;color:#e3e6e8;margin:0;padding:14px;font-size:13px'>"
        "<pre style='margin:0;font-family:monospace;line-height:1.35'>{code}</pre></body>"
    )
    return console.export_html(theme=MONOKAI, inline_styles=True, code_format=frame)


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
