"""A browser, the project's site, and a report as this source makes it."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from runbook.evidence import archive
from runbook.evidence.files import read_notebook
from runbook.evidence.record import RunRecord
from runbook.site.build import build
from tests.browser.lab import Notebook, Server

ROOT = Path(__file__).parents[2]
if not importlib.util.find_spec("playwright"):
    collect_ignore_glob = ["*.py"]  # the extra `browser` is installed by `make test-browser` alone


@pytest.fixture(scope="session")
def chromium():
    """Return a running Chromium, the one of the system."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # for a machine with other work
    path = shutil.which("chromium")
    assert path, "Chromium is missing: make browser-deps (as root)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look(chromium):
    """Return a function that opens a page of the disk; what a script complains about is an error at the end."""
    contexts, said = [], []

    def look(path, *, dark=False, width=1280, **options):
        scheme = "dark" if dark else "light"
        context = chromium.new_context(
            viewport={"width": width, "height": 850}, color_scheme=scheme, **options
        )
        contexts.append(context)
        context.on("page", lambda page: page.on("pageerror", lambda error: said.append(str(error))))
        context.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page = context.new_page()
        page.goto(path if path == "about:blank" else Path(path).as_uri())
        return page

    yield look
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of the project's site."""
    return build(ROOT, tmp_path_factory.mktemp("made") / "site").parent


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """Return the folder of the sample's newest run, with all pages made anew, in a folder of reports."""
    reports = tmp_path_factory.mktemp("reports")
    newest = max((ROOT / "reports/sample").glob("*/*/run.json")).parent
    place = shutil.copytree(newest, reports / newest.parent.name / newest.name)
    record = RunRecord.from_dict(json.loads((place / "run.json").read_text()))
    for entry in record.notebooks:
        assert archive.notebook_page(place, record, entry, read_notebook(place / f"{entry.name}.ipynb"))
    (place / "index.html").write_text(archive.run_page(place, json.loads((place / "run.json").read_text())))
    archive.refresh(reports, place.parent.name)
    return place


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Return a running JupyterLab, ended by its own process."""
    server = Server(tmp_path_factory.mktemp("jupyter"))
    try:
        server.wait()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def desk(chromium):
    """Return a browser context for all notebooks: JupyterLab is loaded from the server once."""
    context = chromium.new_context(viewport={"width": 1280, "height": 850})
    yield context
    context.close()


@pytest.fixture
def lab(server, desk):
    """Return a function that opens a notebook in JupyterLab; what a script complains about is an error at the end."""
    opened, said = [], []

    def lab(path):
        page = desk.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        opened.append(Notebook(page, server, path))
        return opened[-1]

    yield lab
    for notebook in opened:
        notebook.close()
    assert said == []
