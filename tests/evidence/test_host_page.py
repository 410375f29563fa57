"""A host's page: what it is, from the cells that show it; what changed since; and all of its runs."""

import re
import shutil

import nbformat
import pytest
from nbformat.v4 import new_output

from runbook.drift import kept
from runbook.engine.journal import Journal
from runbook.evidence import archive
from runbook.evidence.moments import moment
from runbook.evidence.notebook_html import notebook_page
from runbook.evidence.record import NotebookRecord, RunRecord, StepEnd
from tests.drift.recorded import ROOT, facts
from tests.evidence.test_drift import MADE_WITH
from tests.evidence.toys import fetches, notebook

DRIFT = {"since": {"run": "old", "started": "2026-01-01T00:00:00.000Z", "mode": "check"}, "not_looked_at": [],
         "changes": [{"line": "file /etc/a: x <1> → 2", "by": "not the runbook", "diff": "-x 1\n+x 2"}]}  # fmt: skip


@pytest.fixture
def reports(tmp_path):
    """Make two runs of a host, the second without its last notebook, and one of another host."""

    def make(day, host, books):
        siblings = [(name, name, None) for name, _, _ in books]
        record = RunRecord(f"2026010{day}T000000Z-00000{day}", host, "trixie", "ssh", "check",
                           {"path": "p", "digest": "d"}, MADE_WITH)  # fmt: skip
        record.started = f"2026-01-0{day}T00:00:00.000Z"
        place = archive.create(tmp_path, record, ROOT / "params/example.yml")
        for name, cell, shown in books:
            nb = notebook("book")
            nb.cells[1].id = cell
            nb.cells[1].outputs = [new_output("execute_result", {"text/html": shown}, execution_count=1)]
            nbformat.write(nb, place / f"{name}.ipynb")
            page = {
                "name": name,
                "title": name,
                "host": host,
                "status": "completed",
                "when": "",
                "failure": None,
                "home": "../",
            }
            (place / f"{name}.html").write_text(notebook_page(nb, {**page, "siblings": siblings}))
            entry = NotebookRecord(
                name, name, "completed", steps=[StepEnd(f"step{day}", "Do", "changed", "done")]
            )
            entry.file, entry.html = f"{name}.ipynb", f"{name}.html"
            record.notebooks.append(entry)
        record.close("completed", 0)
        return place, record

    machine, xen = ("00_introduction", "show-machine"), ("07_first_boot", "show-xen")
    guests = ("08_guests", "show-guests", "<table><tr><th>guest</th></tr></table>")
    cables = ("06_xen_configuration", "show-network", "<p>xenbr0</p>")
    first, record = make(
        1,
        "alpha",
        [(*machine, "<table><tr><td>OLD board</td></tr></table>"), cables, (*xen, "<b>Xen 4.20</b>"), guests],
    )
    for name in ("00_introduction", "08_guests"):
        kept.keep(first, name, facts())
    archive.close(first, record)
    place, record = make(2, "alpha", [(*machine, "<table><tr><td>NEW board</td></tr></table>")])
    (place / archive.DRIFT).write_text(__import__("json").dumps(DRIFT))
    archive.close(place, record)
    archive.close(*make(3, "beta", [(*machine, "<p>beta's</p>")]))
    return tmp_path


def test_each_fact_is_what_the_newest_cell_shows_and_leads_there(reports):
    """The newest run that has a cell says it; each link leads to an existing anchor of an existing page."""
    page = (reports / "alpha" / "index.html").read_text()
    assert "NEW board" in page
    assert "OLD board" not in page
    assert "Xen 4.20" in page
    links = re.findall(r'href="([^"]+)#(cell-id=[^"]+)"', page)
    assert [anchor for _, anchor in links] == [
        "cell-id=show-machine",
        "cell-id=show-network",
        "cell-id=show-xen",
        "cell-id=show-guests",
    ]
    for path, anchor in links:
        assert f'id="{anchor}"' in (reports / "alpha" / path).read_text()
    assert "xenbr0" in page
    assert "beta" not in page


def test_what_changed_and_how_it_was_built_are_on_the_page(reports):
    """The newest drift with its author and lines, and every run; nothing of it is taken for markup."""
    page = (reports / "alpha" / "index.html").read_text()
    assert "file /etc/a: x &lt;1&gt; → 2" in page
    assert "not the runbook" in page
    assert page.count("<tr data-text=") == 2
    assert fetches(page) == []


def test_all_hosts_are_listed_with_what_changed(reports):
    """The page above has each host once with its last run, and the runs of all hosts."""
    page = (reports / "index.html").read_text()
    hosts = page.partition('id="runs"')[0]
    assert hosts.count('<a href="alpha/index.html">') == hosts.count('<a href="beta/index.html">') == 1
    assert "1 thing changed" in hosts
    assert page.count("<tr data-text=") == 3


def test_a_run_is_found_by_its_steps_and_by_what_changed(reports):
    """The words that the filter looks through hold steps, outcome and drift; without the script all is listed."""
    page = (reports / "index.html").read_text()
    texts = re.findall(r'<tr data-text="([^"]*)"', page)
    assert [("step2" in text, "file /etc/a" in text) for text in texts] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    assert '<p class="search" hidden>' in page


def test_what_a_run_read_is_drawn_above_its_table(reports):
    """Memory is drawn from the answers that the cell's run kept; what a run did not ask is left out."""
    page = (reports / "alpha" / "index.html").read_text()
    assert page.index("If every guest ran at once") < page.index("<th>guest</th>")
    first = min(reports.glob("alpha/*/params.yml"))
    first.write_text("host: alpha\n")
    archive.refresh(reports, "alpha")
    page = (reports / "alpha" / "index.html").read_text()
    assert "If every guest" not in page
    assert "<th>guest</th>" in page


def look(at, kernel, is_dom0, notebook="00_introduction"):
    return {"event": "gather", "notebook": notebook, "at": at, "kernel": kernel, "is_dom0": is_dom0}


def test_a_moment_is_what_the_last_look_before_it_found():
    """A notebook that restarts the machine sees it before and after; an old journal says nothing of it."""
    lines = [
        look("2026-01-01T10:00:00.000Z", "6.12.1", False),
        look("2026-01-01T10:05:00.000Z", "6.12.1", True),
        look("2026-01-01T10:01:00.000Z", "5.10", True, "07_first_boot"),
    ]
    assert moment(lines, "00_introduction", "2026-01-01T10:04:59+00:00").ran == "without Xen, Linux 6.12.1"
    assert moment(lines, "00_introduction", "2026-01-01T10:05:00+00:00").ran == "under Xen, Linux 6.12.1"
    assert (
        moment(
            [{"event": "gather", "notebook": "a", "at": "2026-01-01T10:00:00.000Z"}], "a", "2026-01-02T00:00Z"
        ).ran
        == ""
    )


def test_what_was_seen_before_xen_stands_apart(reports):
    """Two moments of one run are not mixed: what was seen last comes first, and each fact says what ran."""
    first = next(path for path in (reports / "alpha").iterdir() if path.name.endswith("-000001"))
    journal = Journal(first / "journal.jsonl")
    for name, is_dom0 in (
        ("00_introduction", False),
        ("06_xen_configuration", False),
        ("07_first_boot", True),
    ):
        journal.write("gather", notebook=name, kernel="6.12.1", is_dom0=is_dom0)
    stamps = {
        "06_xen_configuration": "2026-01-01T00:05:00+00:00",
        "07_first_boot": "2026-01-01T00:09:00+00:00",
    }
    for name, at in stamps.items():
        nb = nbformat.read(first / f"{name}.ipynb", 4)
        nb.cells[1].metadata["papermill"] = {"start_time": at}
        nbformat.write(nb, first / f"{name}.ipynb")
    archive.refresh(reports, "alpha")
    page = (reports / "alpha" / "index.html").read_text()
    under, before = page.index(">Under Xen</h2>"), page.index(">Before: without Xen</h2>")
    assert under < page.index('id="show-xen"') < before < page.index('id="show-network"')
    assert "1 Jan 2026, 00:09 UTC, under Xen, Linux 6.12.1" in page
    assert "1 Jan 2026, 00:05 UTC, without Xen, Linux 6.12.1" in page


def test_after_a_look_at_the_end_all_facts_are_of_that_moment(reports, monkeypatch):
    """What a cell showed before the change gives way to what the finished host answered, and says so."""
    first = next(path for path in (reports / "alpha").iterdir() if path.name.endswith("-000001"))
    kept.keep(first, kept.LAST, facts())
    shutil.rmtree(next(path for path in (reports / "alpha").iterdir() if path.name.endswith("-000002")))
    archive.refresh(reports, "alpha")
    page = (reports / "alpha" / "index.html").read_text()
    assert "OLD board" not in page
    assert page.count(", at the end of the run, under Xen, Linux ") >= 2
