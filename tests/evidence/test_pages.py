"""Pages for people: true, alone in one file, and harmless."""

import re
from dataclasses import asdict

import pytest

from runbook.evidence import notebook_html
from runbook.evidence.notebook_html import notebook_page, warm_up
from runbook.evidence.outcomes import CONSENTS, StepEnd
from runbook.evidence.pages import run_page, runs_page, verdict
from runbook.evidence.record import NotebookRecord
from runbook.site.links import broken
from tests.evidence.attested import record
from tests.evidence.toys import fetches, notebook

BOOK = {
    "name": "05_now",
    "title": "Now <b>",
    "host": "toy",
    "status": "completed",
    "when": "31 Jan 2026, 10:15 UTC",
    "failure": None,
    "home": "../",
    "siblings": [("05_now", "Now", None), ("06_next", "Next", None)],
}


def output(kind, **data):
    return {"output_type": kind, "metadata": {}, **data}


def page_with(*outputs, prose="# T", **book):
    nb = notebook("1", prose=prose)
    nb.cells[1].outputs = list(outputs)
    nb.cells[1].metadata.papermill = {"status": "completed"}
    return notebook_page(nb, {**BOOK, **book})


def test_a_notebook_page_fetches_and_runs_nothing():
    """Prose, tables, text and pictures are in the file; widgets and scripts are left out."""
    html = page_with(
        output("display_data", data={"text/html": "<table><tr><td>NIC</td></tr></table>"}),
        output("display_data", data={"application/javascript": "alert(1)", "text/plain": "a script"}),
        output(
            "display_data",
            data={"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a widget"},
        ),
        output("display_data", data={"image/png": "iVBORw0KGgo="}),
        {"output_type": "stream", "name": "stdout", "text": "\x1b[31mred\x1b[0m <tag>"},
    )
    assert fetches(html) == []
    for text in (
        "<td>NIC</td>",
        "a script",
        "a widget",
        "data:image/png;base64,iVBORw0KGgo=",
        "ansi-red-fg",
        "&lt;tag&gt;",
    ):
        assert text in html
    assert "alert(1)" not in html
    assert "default-src 'none'" in html


def test_a_page_owes_nothing_to_the_one_before_it():
    """All pages come from one exporter; links go where their own page's siblings are, in any order of making."""

    def linked(page):
        return page_with(prose="# T\n\nSee [the next](06_next.ipynb).", status="completed",
                         siblings=[("05_now", "Now", None), ("06_next", "Next", page)])  # fmt: skip

    notebook_html.get_exporter.cache_clear()
    first, other = linked(None), page_with(prose="# Other", name="06_next")
    notebook_html.warm_up()
    assert linked(None) == first
    assert other == page_with(prose="# Other", name="06_next")
    assert 'href="06_next.html"' in first


def test_a_link_to_what_is_not_in_the_report_is_words():
    """A report lies elsewhere than the documents: their links would lead nowhere, and stay as their text."""
    html = page_with(
        prose="# T\n\nSee [what errors mean](../docs/errors.md#x07) and [Xen](https://xenproject.org)."
    )
    assert "See what errors mean and" in html
    assert "errors.md" not in html
    assert 'href="https://xenproject.org"' in html


@pytest.mark.parametrize("to", ["http://[", "https://[::1", "http://\u2100.example"])
def test_an_address_that_is_none_stays_and_costs_no_page(tmp_path, to):
    """What cannot be taken apart is left as it was written; a page that holds it is looked at all the same."""
    assert notebook_html._sibling(to, {}) == to
    (tmp_path / "index.html").write_text(f'<a href="{to}">that way</a>')
    assert broken(tmp_path) == [f"index.html: {to}"]


def test_the_check_for_fetches_sees_them():
    """The helper that these tests rest on does find what a browser would fetch or run."""
    bad = '<script>1</script><img src="https://x/y.png"><link rel="stylesheet" href="//x"><p onclick="f()">'
    assert len(fetches(bad)) == 4
    assert fetches("<style>@import 'x'</style>") == ["style"]
    assert fetches('<a href="https://x">x</a><img src="data:image/png;base64,x">') == []


def test_links_between_notebooks_of_a_run_lead_to_pages():
    """A link to a notebook of the same run leads to its page; to one that the run left out there is no page, so words."""
    html = page_with(prose="[a](06_next.ipynb#b) [c](99_not.ipynb) [d](https://xenproject.org/06_next.ipynb)")
    assert 'href="06_next.html#b"' in html
    assert "99_not" not in html
    assert "</a> c <a" in html
    assert 'href="https://xenproject.org/06_next.ipynb"' in html


def test_a_failed_notebook_begins_with_its_reason():
    """The page names the error and links to the cell; nothing of it is taken for markup."""
    html = page_with(status="failed", failure={"name": "Refused", "cell": "c0", "message": "no <b> here"})
    assert 'href="#cell-id=c0"' in html
    assert 'id="cell-id=c0"' in html
    assert "no &lt;b&gt; here" in html
    assert "Now &lt;b&gt;" in html


def run_of(id_, started, outcome="completed", ends=("changed",), host="toy"):
    books = [{"steps": [{"step": f"s{i}", "status": end, "actions": 2} for i, end in enumerate(ends)]}]
    failure = None if outcome == "completed" else {"notebook": "05_now"}
    return {
        "id": id_, "host": host, "place": f"{host}/{id_}", "started": started, "seconds": 3.0, "mode": "apply",
        "outcome": outcome, "notebooks": books, "failure": failure,
    }  # fmt: skip


@pytest.mark.parametrize(("how", "words"), CONSENTS.items())
def test_a_runs_page_says_who_ran_it_and_how_each_step_was_agreed_to(how, words):
    """User, controller, login and key's name; beside the step the way of its consent and the plan's digest."""
    run = {**record(1).as_dict(), "signed_by": "SHA256:abc", "outcome": "completed"}
    run["by"] = {
        "user": "root",
        "by_sudo": "ana",
        "controller": "desk<1>",
        "login": "root@victory port 22",
        "key": "ana@desk",
    }
    end = StepEnd("one", "One", "changed", "done", 1, "d1g2", 1.0, how)
    run["notebooks"] = [asdict(NotebookRecord("05_now", "Now", "completed", steps=[end]))]
    page = run_page(run)
    for text in (
        "root, by sudo from ana",
        "desk&lt;1&gt;",
        "root@victory port 22",
        "ana@desk, <span",
        words,
        "d1g2",
    ):
        assert text in page
    assert fetches(page) == []


def test_runs_are_listed_newest_first_with_links():
    """All runs of all hosts, or of one, each with a link that works from where the page lies."""
    runs = [
        run_of("old", "2026-01-01T00:00:00.000Z"),
        run_of("new", "2026-01-02T00:00:00.000Z", "failed", ("changed", "failed")),
    ]
    every, mine = runs_page(runs), runs_page(runs, "toy")
    assert every.index("toy/new/index.html") < every.index("toy/old/index.html")
    assert 'href="new/index.html"' in mine
    assert "05_now · s1" in mine
    assert fetches(every) == fetches(mine) == []
    assert fetches(mine.replace("box.value", "box.evil")) == ["script"]


@pytest.mark.parametrize(
    ("outcome", "ends", "expected"),
    [
        ("completed", ("unchanged", "unchanged"), "nothing was changed. Of 2 steps: 2 unchanged."),
        (
            "completed",
            ("changed", "unchanged"),
            "Every notebook completed. Of 2 steps: 1 changed, 1 unchanged.",
        ),
        ("completed", ("skipped", "skipped"), "Nothing was changed; 4 actions are planned"),
        ("refused", ("refused", "never-run"), "stopped early (refused). Of 2 steps: 1 refused, 1 never-run."),
        ("running", ("changed",), "has not ended, or its runner was killed."),
    ],
)
def test_the_verdict_counts_steps(outcome, ends, expected):
    """One sentence says what the run came to, and every step is counted in it."""
    assert expected in verdict(run_of("x", "2026-01-01T00:00:00.000Z", outcome, ends))


@pytest.mark.parametrize("kind", ["display_data", "execute_result"])
def test_what_a_cell_shows_is_on_its_page(kind):
    """A plan is a cell's result and an outcome is displayed: both are on the page."""
    shown = {"data": {"text/html": "<b>the plan</b>", "text/plain": "x"}}
    more = {"execution_count": 1} if kind == "execute_result" else {}
    assert "<b>the plan</b>" in page_with(output(kind, **shown, **more))


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_long_output_is_folded_and_whole():
    """Many lines are folded, without a script, and all there; few lines are not folded."""
    many = "".join(f"line {n}\n" for n in range(31))
    html = page_with(stream(many))
    assert "<details><summary>Output of 31 lines</summary><pre>line 0\n" in html
    assert "line 30" in html
    assert "<details" not in page_with(stream(many[: many.rindex("line")]))


def test_output_of_a_cell_that_failed_is_open():
    """Whoever comes for the failure need not unfold it."""
    nb = notebook("1")
    nb.cells[1].outputs = [stream("x\n" * 50)]
    nb.cells[1].metadata.papermill = {"status": "failed"}
    assert "<details open><summary>Output of 50 lines" in notebook_page(nb, BOOK)


def test_very_long_output_is_shortened_and_says_so():
    """Of very many lines the first and the last are there; how many are left out, and where they are, is said."""
    html = page_with(stream("".join(f"line {n:06}\n" for n in range(20_000))))
    assert "line 000000\n" in html
    assert "line 019999\n" in html
    assert "line 010000" not in html
    shown = len(re.findall(r"line \d{6}", html))
    assert f"… {20_000 - shown:,} lines are left out on this page" in html
    assert '<a href="05_now.ipynb">05_now.ipynb</a> has all of it' in html
    assert "Output of 20,000 lines" in html


def test_to_be_ready_is_no_news(caplog):
    """What is made before the first page leaves no complaint in a run's log."""
    warm_up()
    assert caplog.text == ""


def test_what_no_file_has_is_not_promised():
    """Where the middle of an output was not kept, the page says that the notebook has its ends only."""
    half = "".join(f"line {n:06}\n" for n in range(5_000))
    html = page_with(stream(f"{half}[… 1,234,567 bytes left out …]\n{half}"))
    assert "05_now.ipynb</a> has more, as far as it was kept: its beginning and its end …" in html
    assert "has all of it" not in html
    assert "Output of at least 10,001 lines" in html


def test_one_very_long_line_is_shortened():
    """Output without line ends is cut too."""
    html = page_with(stream("x" * 200_000))
    assert "The middle of it is left out on this page" in html
    assert len(html) < 120_000


def test_a_picture_says_what_it_shows():
    """A picture's text alternative is the text that the cell gave with it."""
    html = page_with(output("display_data", data={"image/png": "iVBORw0KGgo=", "text/plain": 'a "disk"'}))
    assert '<img alt="a &quot;disk&quot;" src="data:image/png' in html


def test_a_page_has_its_contents_and_the_runs_notebooks():
    """The contents have the run's notebooks, and the headings of this one; what may never be written is no page."""
    three = [("04_past", "Past", "04_past.html"), *BOOK["siblings"], ("07_late", "Late", None)]
    html = page_with(prose="# T\n\n## A part\n\nx", siblings=three)
    assert '<a href="#A-part">A part</a>' in html
    assert '<a rel="prev" href="04_past.html">' in html
    assert '<a rel="next" href="06_next.html">' in html
    assert '<a href="index.html#07_late">Late</a>' in html
    stopped = page_with(siblings=three, status="failed")
    assert '<a rel="next"' not in stopped
    assert '<a href="index.html#06_next">Next</a>' in stopped
