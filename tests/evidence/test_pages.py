"""Pages for people: true, alone in one file, and harmless."""

import pytest

from runbook.evidence.notebook_html import notebook_page
from runbook.evidence.pages import runs_page, verdict
from tests.evidence.toys import fetches, notebook

BOOK = {
    "name": "05_now",
    "title": "Now <b>",
    "host": "toy",
    "status": "completed",
    "when": "31 Jan 2026, 10:15 UTC",
    "failure": None,
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


def test_the_check_for_fetches_sees_them():
    """The helper that these tests rest on does find what a browser would fetch or run."""
    bad = '<script>1</script><img src="https://x/y.png"><link rel="stylesheet" href="//x"><p onclick="f()">'
    assert len(fetches(bad)) == 4
    assert fetches("<style>@import 'x'</style>") == ["style"]
    assert fetches('<a href="https://x">x</a><img src="data:image/png;base64,x">') == []


def test_links_between_notebooks_of_a_run_lead_to_pages():
    """A link to a notebook of the same run leads to its page, any other stays."""
    html = page_with(prose="[a](06_next.ipynb#b) [c](99_not.ipynb) [d](https://xenproject.org/06_next.ipynb)")
    assert 'href="06_next.html#b"' in html
    assert 'href="99_not.ipynb"' in html
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
        "id": id_, "host": host, "started": started, "seconds": 3.0, "mode": "apply",
        "outcome": outcome, "notebooks": books, "failure": failure,
    }  # fmt: skip


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
