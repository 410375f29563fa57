"""Tiny notebooks and a tiny project to run them in."""

from __future__ import annotations

import base64
import hashlib
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
SETUP = """import os, signal, time
from pathlib import Path
from runbook.engine.journal import Journal
name = os.environ["RUNBOOK_NOTEBOOK"]
journal = Journal(Path(os.environ["RUNBOOK_RUN_DIR"]) / "journal.jsonl")"""
INTERRUPT = "os.kill(int(os.environ['JPY_PARENT_PID']), signal.SIGINT); time.sleep(60)"
SUICIDE = "os.kill(os.getpid(), signal.SIGKILL)"


def begin(step, actions=1):
    return f'journal.write("step-begin", notebook=name, step="{step}", digest="d1", actions={actions})'


def end(step, status="changed", message="done and checked"):
    return f'journal.write("step-end", notebook=name, step="{step}", status="{status}", message="{message}")'


def beat(step, status="changed"):
    return f"{begin(step)}\n{end(step, status)}"


def notebook(*sources, prose="# A toy\n\nWhy."):
    """Return a notebook whose code cells are named c0, c1 …"""
    cells = [new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)]
    nb = new_notebook(cells=[new_markdown_cell(prose, id="why"), *cells])
    nb.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nb


def parameterised(*sources, prose="# A toy\n\nWhy."):
    """Return a notebook with a parameters cell, a journal at hand, then the cells c0, c1 …"""
    nb = notebook(*sources, prose=prose)
    values = 'params = "params/example.yml"\nmode = "auto"'
    nb.cells[1:1] = [
        new_code_cell(values, id="parameters", metadata={"tags": ["parameters"]}),
        new_code_cell(SETUP, id="setup"),
    ]
    return nb


def project(folder: Path, **notebooks) -> Path:
    """Make a project with notebooks (named without the leading n) and params/toy.yml; return its folder."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "params").mkdir()
    shutil.copy(ROOT / "params" / "testbed.yml", folder / "params" / "toy.yml")
    for name, nb in notebooks.items():
        nbformat.write(nb, folder / "notebooks" / f"{name.removeprefix('n')}.ipynb")
    return folder


def steps(**names):
    """Return what `runbook.steps.notebooks` gives, for steps named per notebook."""
    return {
        book.removeprefix("n"): tuple(
            SimpleNamespace(__name__=f"toys.{step}", TITLE=step.capitalize()) for step in found
        )
        for book, found in names.items()
    }


def statuses(nb):
    """Return the status of each code cell by its id."""
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    return {cell.id: cell.metadata.get("papermill", {}).get("status") for cell in cells}


class _Fetches(HTMLParser):
    """Collects what a browser would fetch or run; a link that is clicked is neither."""

    def __init__(self):
        super().__init__()
        self.found, self._in_style, self._in_script, self.policy = [], False, False, ""

    def handle_starttag(self, tag, attrs):
        self._in_style = tag == "style"
        self._in_script = tag == "script" and not attrs
        if tag == "meta" and dict(attrs).get("http-equiv") == "Content-Security-Policy":
            self.policy = dict(attrs)["content"]
        if tag in ("script", "iframe", "object", "embed") and not self._in_script:
            self.found.append(tag)
        for key, value in attrs:
            fetched = key in ("src", "srcset", "data", "poster") or (
                key == "href" and tag not in ("a", "area")
            )
            if fetched and not (value or "").startswith("data:"):
                self.found.append(f"{tag} {key}={value}")
            if key.startswith("on"):
                self.found.append(f"{tag} {key}")

    def handle_data(self, data):
        digest = base64.b64encode(hashlib.sha256(data.encode()).digest()).decode()
        if self._in_script and f"script-src 'sha256-{digest}'" not in self.policy:
            self.found.append("script")
        self._in_script = False
        if self._in_style and ("@import" in data or "url(" in data):
            self.found.append("style")


def fetches(html: str) -> list[str]:
    """Return everything in a page that a browser would fetch, or run though its policy names no such script."""
    parser = _Fetches()
    parser.feed(html)
    return parser.found
