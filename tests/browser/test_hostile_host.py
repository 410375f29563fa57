"""A host whose every free string is an attack, before a person: in JupyterLab, on the site and in a report."""

from __future__ import annotations

import subprocess

import pytest

from runbook.site import build as site
from tests.browser.pages import ROOT, RUNBOOK
from tests.text.hostile import MARK, record

pytestmark = pytest.mark.browser
BOOKS = ("00_introduction", "06_xen_configuration", "08_guests", "09_management")
SEED = 7
# What an attack would leave behind: a flag, a style on the page, an element or a handler of its own.
BROKEN_OUT = f"""() => {{
    const found = [];
    if (window.{MARK}) found.push("a script ran");
    if (document.title.toLowerCase().includes("{MARK}")) found.push("the title was changed");
    if (getComputedStyle(document.body).getPropertyValue("--{MARK}")) found.push("a style was applied");
    if (getComputedStyle(document.body).display === "none") found.push("the page was hidden");
    if (document.querySelector("mjx-container, .MathJax")) found.push("a formula was set");
    for (const one of document.querySelectorAll("body, body *"))
        for (const {{name, value}} of one.attributes)
            if (name.startsWith("on") || name.includes("{MARK}")
                    || (value.toLowerCase().includes("{MARK}") && !["title", "alt", "data-text"].includes(name)
                        && !one.closest(".jp-Cell-inputWrapper, .cm-editor")))
                found.push(`${{one.tagName}} ${{name}}=${{value}}`);
    return found }}"""


@pytest.fixture(scope="module")
def hostile(server):
    """Return the parameters of the hostile host, whose recording lies beside those of the project."""
    rec = record(server.folder / "hostile", SEED)
    text = (server.folder / "params/example.yml").read_text().replace("recordings/testbed", str(rec))
    path = server.folder / "params/hostile.yml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def reports(hostile, tmp_path_factory):
    """Return the reports of runs of these notebooks on the hostile host, made as `runbook run` makes them."""
    place = tmp_path_factory.mktemp("hostile") / "reports"
    for part in ("00", "08", "09"):
        words = ("run", str(hostile), "--only", part, "--quiet", "--reports", str(place))
        done = subprocess.run([*RUNBOOK, *words], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return place


def left(page, *own: str) -> list[str]:
    """Return all that broke out on a page: what BROKEN_OUT sees, and requests to anywhere else."""
    return page.evaluate(BROKEN_OUT) + [
        url for url in page.asked if not url.startswith((*own, "data:", "blob:"))
    ]


def listening(page):
    page.asked = []
    page.context.on("request", lambda request: page.asked.append(request.url))
    page.on("dialog", lambda dialog: page.asked.append(f"dialog {dialog.message}"))
    page.context.on("page", lambda other: page.asked.append(f"window {other.url}"))
    return page


@pytest.mark.parametrize("name", BOOKS)
def test_in_jupyterlab_it_is_text(lab, server, hostile, name):
    """Every table, picture, plan and outcome of a chapter: all attacks are on the page, as texts."""
    path = server.copy(name)
    path.write_text(path.read_text().replace("params/example.yml", f"params/{hostile.name}"))
    notebook = lab(path)
    listening(notebook.page)
    notebook.run_all()
    said = "".join(notebook.page.locator(".jp-OutputArea-output").all_text_contents())
    assert said.count(MARK) > 0  # a chapter about guests shows more of the parameters than of the machine
    assert left(notebook.page, "http://127.0.0.1:", "ws://127.0.0.1:") == []
    assert notebook.page.url.startswith("http://127.0.0.1:")


ALL = """import pandas as pd
from runbook.model.plan import Finding
from runbook.show import canvas, pieces, tables
from tests.text.hostile import ATTACKS
frame = pd.DataFrame({"what": ATTACKS, "value": ATTACKS, **dict.fromkeys(ATTACKS[:12], "x")}).set_index("what")
findings = pieces.findings_html([Finding("warn", a, a, a, a) for a in ATTACKS])
drawn = canvas.picture(880, 900, "".join(ATTACKS), "".join(ATTACKS), "".join(
    canvas.label(0, 16 * n, a, 800) + canvas.box(0, 16 * n, 9, 9, canvas.GREY, says=a) for n, a in enumerate(ATTACKS)))
display(pieces.Shown(findings + pieces.folded("".join(ATTACKS), "".join(ATTACKS), is_open=True) + drawn, ""))
tables.styled("attacks", frame)"""


def test_each_attack_is_text_in_jupyterlab(lab, server):
    """All attacks at once, as cell, head and index of a table, finding, folded text and picture."""
    notebook = lab(server.write("15_attacks", ALL))
    listening(notebook.page)
    cell = notebook.step("c1")
    notebook.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    notebook.page.wait_for_timeout(1500)  # formulas are set, and pictures fetched, later
    assert cell.locator(".jp-OutputArea-output").last.inner_text().count(MARK) > 100
    assert left(notebook.page, "http://127.0.0.1:", "ws://127.0.0.1:") == []


def test_in_the_form_it_is_text(lab, server, hostile):
    """The form of a hostile machine: its devices are named in the picker, and no widget makes more of them."""
    notebook = lab(server.write("14_hostile", "from runbook import form", f'form("params/{hostile.name}")'))
    listening(notebook.page)
    notebook.step("c1")
    cell = notebook.step("c2")
    cell.locator("select").first.wait_for()
    for head in cell.locator(".jupyter-widget-Collapse-header").all()[:4]:
        head.click()
    assert cell.inner_text().count(MARK) > 5
    assert left(notebook.page, "http://127.0.0.1:", "ws://127.0.0.1:") == []


def test_on_the_pages_of_a_report_it_is_text(look, reports):
    """The list of reports, the host's page, the run's and each notebook's: nothing is fetched, run, styled or left."""
    page = listening(look("about:blank"))
    found, seen = {}, 0
    for path in sorted(reports.rglob("*.html")):
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        page.wait_for_timeout(50)
        assert page.url == path.as_uri()
        seen += page.locator("body").inner_text().count(MARK)
        found |= {path.name: broken} if (broken := left(page, "file://", "about:")) else {}
    assert found == {}
    assert seen > 30


def test_on_the_site_it_is_text(look, reports, tmp_path):
    """A site made of chapters with the hostile host's outputs, and the index of its search, hold them as texts."""
    (tmp_path / "project/notebooks").mkdir(parents=True)
    for path in reports.rglob("*.ipynb"):
        (tmp_path / "project/notebooks" / path.name).write_text(path.read_text())
    site.write(tmp_path / "project", tmp_path / "site")
    page, seen = listening(look("about:blank")), 0
    for path in sorted((tmp_path / "site").rglob("*.html")):
        page.goto(path.as_uri())
        seen += page.locator("body").inner_text().count(MARK)
        assert left(page, "file://", "about:") == []
    assert seen > 30


def test_what_would_break_out_is_seen(look):
    """The check itself finds a script's flag, a handler, a title and a request."""
    page = listening(look("about:blank"))
    page.set_content(f"<p>{MARK}</p>")
    assert left(page, "about:") == []
    page.evaluate(f"""() => {{ window.{MARK} = 1; document.title = "{MARK}";
        document.body.style.setProperty("--{MARK}", "1"); document.body.setAttribute("onclick", "{MARK}()") }}""")
    assert len(left(page, "about:")) >= 4
