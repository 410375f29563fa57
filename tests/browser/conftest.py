"""A browser, the project's site, and reports as this source makes them."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from runbook.evidence import archive
from runbook.site.build import build
from tests.browser import pages
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
def fleet(tmp_path_factory):
    """Return the page of a fleet run of two hosts, of which one failed."""
    reports = tmp_path_factory.mktemp("reports")
    return pages.fleet(tmp_path_factory.mktemp("hosts"), reports, 2)


@pytest.fixture(scope="session")
def failed(fleet):
    """Return the folder of a run that failed, of the host that completed in the fleet run."""
    completed = json.loads(fleet.with_name("fleet.json").read_text())["hosts"][0]
    return pages.failed(completed["params"], fleet.parents[2])


@pytest.fixture(scope="session")
def report(fleet, failed):
    """Return the folder of the sample's newest run, with all pages made anew, beside those reports."""
    newest = max((ROOT / "reports/sample").glob("*/*/run.json")).parent
    place = pages.copied(newest, fleet.parents[2])
    archive.refresh(fleet.parents[2], place.parent.name)
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
