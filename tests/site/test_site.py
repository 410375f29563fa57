"""The site: whole, linked without a gap, read from files, and the same each time."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest

from runbook.errors import ParamsError, RunbookError
from runbook.site.build import HOME, build
from runbook.site.links import broken
from runbook.site.search import sections
from runbook.site.sources import DECISIONS, pages
from tests.evidence.toys import fetches

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the project's own site."""
    return build(ROOT, tmp_path_factory.mktemp("made") / "site").parent


@pytest.fixture
def project(tmp_path):
    """Return a small project: a first page, a chapter, a document, and a file that is no page."""
    place = tmp_path / "project"
    (place / "docs").mkdir(parents=True)
    (place / "notebooks").mkdir()
    (place / "params").mkdir()
    chapter = (ROOT / "notebooks/10_references.ipynb").read_text(encoding="utf-8")
    alone = re.sub(
        r"\[([^\]\[]+)\]\((?:00_introduction\.ipynb|11_upgrades\.ipynb|\.\./docs/)[^)]*\)", r"\1", chapter
    )
    (place / "notebooks/10_references.ipynb").write_text(alone, encoding="utf-8")
    (place / "params/a.yml").write_text("a: 1\n")
    (place / "docs/faults.md").write_text(
        "# Faults\n\n## The first: `one`\n\nBack to [it](../README.md#two).\n"
    )
    (place / "README.md").write_text(
        "# Title\n\n[a](docs/faults.md#the-first-one) [b](params/a.yml) [c](https://xenproject.org/docs/faults.md)\n"
        "\n## Two\n\nSee `10_references`, `notebooks/10_references.ipynb` and `nothing.md`.\n"
    )
    return place


def text(site, name):
    return (site / name).read_text(encoding="utf-8")


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_link_and_anchor_of_the_site_exists(site):
    """No link, picture or script of any page leads to a file or an anchor that is not on the site."""
    assert broken(site) == []


@pytest.mark.parametrize(
    ("what", "link"),
    [
        ("a file", '<a href="missing.html">'),
        ("an anchor here", '<a href="#missing">'),
        ("an anchor there", '<a href="docs/faults.html#missing">'),
        ("a picture", '<img src="missing.png" alt="">'),
    ],
)
def test_what_leads_nowhere_is_found(site, tmp_path, what, link):
    """A link to a missing file, a missing anchor or a missing picture is named, with its page."""
    copy = shutil.copytree(site, tmp_path / "copy")
    (copy / "index.html").write_text(text(site, "index.html") + link)
    assert broken(copy) == [f"index.html: {link.split(chr(34))[1]}"]


def test_every_notebook_and_document_is_a_page(site):
    """All notebooks, all documents and the README are on the site, each under its own name."""
    for path in [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("docs/**/*.md")]:
        assert (site / path.relative_to(ROOT).with_suffix(".html")).is_file()
    assert f"<title>{HOME}</title>" in text(site, "index.html")


def test_who_follows_next_reads_everything(site):
    """From the first page, `next` leads through every page once, and `previous` leads back."""
    at, seen = (site / "index.html").resolve(), []
    while at:
        html = at.read_text(encoding="utf-8")
        back = re.search(r'rel="prev" href="([^"]+)"', html)
        assert (at.parent / back[1]).resolve() == seen[-1] if seen else back is None
        seen.append(at)
        to = re.search(r'rel="next" href="([^"]+)"', html)
        at = (at.parent / to[1]).resolve() if to else None
    assert [path.relative_to(site.resolve()).as_posix() for path in seen] == [
        str(p.place) for p in pages(ROOT)
    ]


def test_each_page_lists_all_pages_and_marks_itself(site):
    """The contents of each page have every page, its own marked, with its headings below; decisions only each other."""
    every = pages(ROOT)
    decisions = [page for page in every if page.group == DECISIONS]
    assert len(decisions) > 40
    for page in every:
        html = text(site, page.place)
        assert html.count('aria-current="page"') == 1
        side = html[html.index('id="contents"') :]
        wanted = [other for other in every if other not in decisions[1:] or page in decisions]
        assert side.count("<li><a ") == len(wanted)
        assert all(other.title.replace("'", "&#39;") in side for other in wanted)
    assert 'href="#Hide-the-devices"' in text(site, "notebooks/06_xen_configuration.html")


def test_pages_fetch_nothing_from_the_network(site):
    """What a page fetches lies beside it, and no script runs but those that its policy names."""
    found = [what for page in site.rglob("*.html") for what in fetches(page.read_text(encoding="utf-8"))]
    assert [what for what in found if not re.fullmatch(r"img src=[\w./-]+", what)] == []


def test_the_site_is_the_same_each_time(site, tmp_path):
    """Two builds give the same files to the byte."""
    again = build(ROOT, tmp_path / "site").parent
    assert files(again) == files(site)


def test_outputs_and_prose_can_be_found(site):
    """The index has prose, outputs and documents, cut at headings, with an address for each piece that is there."""
    script = text(site, "search-index.js")
    index = json.loads(script.removeprefix("window.RUNBOOK_INDEX = ").removesuffix(";\n"))
    hide = next(one for one in index if one["to"] == "notebooks/06_xen_configuration.html#Hide-the-devices")
    assert "options xen-pciback hide=(0000:00:05.0)" in hide["text"]
    assert "Drivers are quick" in hide["text"]
    assert any(one["to"].startswith("docs/faults.html") and "SIGKILL" in one["text"] for one in index)
    ids = {
        page: set(map(unescape, re.findall(r'id="([^"]+)"', text(site, page))))
        for page in {o["to"].split("#")[0] for o in index}
    }
    assert [
        one["to"]
        for one in index
        if "#" in one["to"] and one["to"].split("#")[1] not in ids[one["to"].split("#")[0]]
    ] == []


def test_sections_are_cut_at_headings():
    """Text before the first heading belongs to the page, text after one to that heading; markup parts words."""
    found = sections(
        "a.html", "A", '<p>one</p><h2 id="x">X &amp; <code>y</code></h2><td>two</td><td>three</td>'
    )
    assert [(one["to"], one["title"], one["text"]) for one in found] == [
        ("a.html", "", "one"),
        ("a.html#x", "X & y", "two three"),
    ]


def test_links_of_sources_lead_to_pages_and_files(project, tmp_path):
    """A link to a document leads to its page, to another file to a copy of it; names of pages in code are links."""
    site = build(project, tmp_path / "out").parent
    html = text(site, "index.html")
    for link in (
        'href="docs/faults.html#the-first-one"',
        'href="params/a.yml"',
        'href="https://xenproject.org/docs/faults.md"',
        '<a href="notebooks/10_references.html"><code>notebooks/10_references.ipynb</code></a>',
        "<code>nothing.md</code>",
    ):
        assert link in html
    assert text(site, "params/a.yml") == "a: 1\n"
    assert 'href="../index.html#two"' in text(site, "docs/faults.html")


def test_a_link_that_leads_nowhere_ends_the_build(project, tmp_path):
    """The build names page and link, and leaves the site that was there."""
    site = build(project, tmp_path / "out").parent
    before = files(site)
    (project / "docs/faults.md").write_text("# Faults\n\n[x](gone.md)\n")
    with pytest.raises(RunbookError, match=r"docs/faults.html: gone.md"):
        build(project, tmp_path / "out")
    assert files(site) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "project"]


def test_a_page_that_is_gone_leaves_the_site(project, tmp_path):
    """A site is replaced as a whole: nothing of an earlier one stays."""
    build(project, tmp_path / "out")
    (project / "README.md").write_text("# Title\n")
    (project / "docs/faults.md").unlink()
    build(project, tmp_path / "out")
    assert not (tmp_path / "out/docs").exists()
    assert not (tmp_path / "out/params").exists()


def test_a_folder_with_something_else_is_left_alone(project, tmp_path):
    """The site is not written over files that are none of a site's."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out/letter.txt").write_text("dear")
    with pytest.raises(ParamsError, match="something else"):
        build(project, tmp_path / "out")
    assert (tmp_path / "out/letter.txt").read_text() == "dear"


PICTURES = [
    (path.stem, cell["id"], svg)
    for path in sorted(ROOT.glob("notebooks/*.ipynb"))
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    for output in cell.get("outputs", [])
    for svg in re.findall(
        r"<svg\b.*?</svg>|<img\b[^>]*>", "".join(output.get("data", {}).get("text/html", "")), re.S
    )
]


def faults(svg):
    """Return what keeps a picture from being read: by ear, or on a ground of another colour."""
    drawn = re.sub(r"<(title|desc)>.*?</\1>", "", svg, flags=re.S)
    return [
        fault
        for fault, is_there in (
            ("no text", not re.match(r'<svg [^>]*role="img"[^>]*><title>[^<]{20,}</title>', svg)),
            ("words in a colour of their own", 'fill="currentColor"' not in svg.partition(">")[0]),
            (
                "a colour that covers the page",
                re.search(r'fill="(#|black|white|rgb\((?![^>]*fill-opacity))', drawn),
            ),
            ("a script", re.search(r"<script|\son\w+=", drawn)),
        )
        if is_there
    ]


def test_pictures_say_what_they_show_in_light_and_dark():
    """Every picture of the notebooks has a text, and draws its words in the colour of the page's own."""
    assert {cell for _, cell, _ in PICTURES} >= {"show-disk", "show-volumes"}
    assert {f"{name} {cell}": found for name, cell, svg in PICTURES if (found := faults(svg))} == {}


@pytest.mark.parametrize(
    ("fault", "before", "after"),
    [
        ("no text", "<title>", "<title>x</title><title>"),
        ("words in a colour of their own", 'fill="currentColor"', ""),
        ("a colour that covers the page", "<rect ", '<rect fill="#fff" '),
        ("a script", "<rect ", '<rect onclick="f()" '),
    ],
)
def test_a_picture_that_cannot_be_read_is_found(fault, before, after):
    """Each of the faults is seen when it is there."""
    assert fault in faults(PICTURES[0][2].replace(before, after))
