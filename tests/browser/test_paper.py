"""Pages on paper: all of them there, nothing folded, nothing wider than the sheet, black on white."""

import re
import shutil
import subprocess

import pytest

from tests.browser.test_reading import every_page, overflow

pytestmark = pytest.mark.browser
SHEET_PX = 680
"""Width of an A4 sheet without its margins of 15 mm, at 96 px an inch."""
A4_PT = (595, 842)
FOLDED = """() => [...document.querySelectorAll("details:not([open]) > :not(summary, style)")]
    .filter((one) => one.textContent.trim() && !one.checkVisibility({contentVisibilityAuto: true}))
    .map((one) => one.textContent.slice(0, 60))"""
LEAVING = """(wide) => [...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > wide + 1 && getComputedStyle(one).display !== "none")
    .map((one) => Math.ceil(one.getBoundingClientRect().right - wide) + "px: " + one.outerHTML.slice(0, 60))"""


@pytest.fixture
def paper(look, site):
    """Return a page as it is printed, of somebody whose screen is dark."""
    page = look(site / "index.html", dark=True, width=SHEET_PX)
    page.emulate_media(media="print", color_scheme="dark")
    return page


def test_everything_that_is_folded_is_printed(paper, site, report):
    """On paper no output is hidden, on any page of the site or of a report."""
    seen, found = 0, {}
    for path in every_page(site, report):
        paper.goto(path.as_uri())
        seen += paper.locator("details:not([open])").count()
        found |= {str(path): hidden} if (hidden := paper.evaluate(FOLDED)) else {}
    assert seen > 20
    assert found == {}


def test_nothing_is_wider_than_the_sheet(paper, site, report):
    """Code, tables and pictures end within the margins of an A4 sheet."""
    found = {}
    for path in every_page(site, report):
        paper.goto(path.as_uri())
        leaving = paper.evaluate(LEAVING, SHEET_PX)
        found |= {str(path): leaving[:3]} if leaving or overflow(paper) else {}
    assert found == {}


def test_paper_is_white_and_what_only_a_screen_needs_is_left_out(paper, site, report):
    """A dark screen prints dark letters on white; search, contents, buttons and leads to other pages stay away."""
    for path in (site / "index.html", report / "06_xen_configuration.html", report.parent / "index.html"):
        paper.goto(path.as_uri())
        ground, ink = paper.evaluate(
            "() => { const s = getComputedStyle(document.body); return [s.backgroundColor, s.color] }"
        )
        assert (ground, ink) == ("rgba(0, 0, 0, 0)", "rgb(31, 35, 40)")
        for name in ("form", ".side", ".turn", "button", ".search", ".jump"):
            assert not any(one.is_visible() for one in paper.locator(name).all())


def asked(command, *words):
    """Return what a tool of poppler-utils says."""
    assert shutil.which(command), "poppler-utils is missing: make browser-deps (as root)"
    return subprocess.run([command, *words], capture_output=True, text=True, check=True).stdout


def sheets(file):
    """Return the text of each sheet of a PDF."""
    return asked("pdftotext", "-layout", str(file), "-").split("\f")[:-1]


@pytest.mark.parametrize(
    ("name", "fewest", "most"),
    [
        ("chapter", 15, 28),
        ("notebook", 8, 24),
        ("run", 4, 8),
        ("host", 3, 6),
        ("fleet", 1, 1),
        ("failed", 6, 12),
    ],
)
def test_a_page_becomes_a_pdf(paper, site, report, fleet, failed, tmp_path, name, fewest, most):
    """On A4 sheets, none of them empty, as many as the page is long, with all its headings to the last."""
    pages = {
        "chapter": site / "notebooks/03_debian_configuration.html",
        "notebook": report / "08_guests.html",
        "run": report / "index.html",
        "host": report.parent / "index.html",
        "fleet": fleet,
        "failed": failed / "06_xen_configuration.html",
    }
    file = tmp_path / f"{name}.pdf"
    paper.goto(pages[name].as_uri())
    paper.pdf(path=file, format="A4")
    sizes = re.findall(r"Page +\d+ size: +([\d.]+) x ([\d.]+)", asked("pdfinfo", "-l", "999", str(file)))
    assert all((float(wide), float(high)) == pytest.approx(A4_PT, abs=2) for wide, high in sizes)
    texts = sheets(file)
    print(f"{name}: {len(texts)} sheets")
    assert fewest <= len(texts) <= most
    assert [number for number, text in enumerate(texts, 1) if len(text.split()) < 8] == []
    whole = " ".join(" ".join(texts).split())
    headings = [" ".join(text.split()) for text in paper.locator("main :is(h1, h2)").all_text_contents()]
    assert headings
    assert [heading for heading in headings if heading not in whole] == []
