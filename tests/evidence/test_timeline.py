"""The picture of a run's time: true to the journal, whole in words, and absent where nothing is known."""

import xml.etree.ElementTree as ET

from runbook.engine.journal import read
from runbook.evidence import archive
from runbook.evidence.timeline import Span, outline, timeline, tracks
from tests.drift.recorded import ROOT

SVG = "{http://www.w3.org/2000/svg}"
RUN = {
    "started": "2026-01-01T00:00:00.000Z", "outcome": "failed",
    "notebooks": [
        {"name": "00_a", "status": "completed", "seconds": 10.0},
        {"name": "01_b", "status": "killed", "seconds": 20.0},
        {"name": "02_c", "status": "never-run", "seconds": None},
    ],
}  # fmt: skip


def line(second, event, notebook, **more):
    """Return a line of a journal; its clock was corrected by an hour in between, its ticks were not."""
    hour = 0 if second < 5 else 1
    at = f"2026-01-01T0{hour}:00:{second:02}.000Z"
    return {"at": at, "tick_s": 1000.0 + second, "event": event, "notebook": notebook, **more}


LINES = [
    line(4, "gather", "00_a", elapsed_s=2.5),
    line(5, "step-begin", "00_a", step="one"),
    line(8, "gather", "00_a", elapsed_s=0.5),
    line(9, "step-end", "00_a", step="one", status="changed"),
    line(10, "close", "00_a"),
    line(15, "gather", "01_b", elapsed_s=1.0),
    line(16, "step-begin", "01_b", step="two"),
    line(30, "action-begin", "01_b", step="two"),
]


def test_spans_are_those_of_the_journal():
    """Notebooks end with their last line, steps have their status, one without an end was killed; ticks count."""
    first, second = tracks(RUN, LINES)
    assert first.whole == Span("00_a", "completed", 0.0, 10.0)
    assert first.parts == (
        Span("one", "changed", 5.0, 9.0),
        Span("reading the host", "reading", 1.5, 4.0),
        Span("reading the host", "reading", 7.5, 8.0),
    )
    assert second.whole == Span("01_b", "killed", 10.0, 30.0)
    assert second.parts[0] == Span("two", "killed", 16.0, 30.0)


def test_the_time_is_told_to_who_cannot_see_it():
    """Each notebook is one line: when it began, how long it took, and on what."""
    assert outline(tracks(RUN, LINES)) == [
        "00_a: after 0.0 s for 10.0 s; 3.0 s reading the host, one changed in 4.0 s",
        "01_b: after 10.0 s for 20.0 s; 1.0 s reading the host, two killed in 14.0 s",
    ]


def test_the_picture_is_to_scale():
    """The second notebook is drawn twice as wide as the first and begins where that one ends."""
    root = ET.fromstring(timeline(RUN, LINES))
    whole = [rect for rect in root.iter(f"{SVG}rect") if rect.get("stroke-dasharray")]
    (a, b) = [(float(rect.get("x")), float(rect.get("width"))) for rect in whole]
    assert abs(b[1] - 2 * a[1]) < 0.2
    assert abs(a[0] + a[1] - b[0]) < 0.2
    assert root.find(f"{SVG}title").text == "Where the time went: 30.0 s in 2 notebooks"


def test_without_a_journal_there_is_no_picture():
    """A run that wrote no line has no timeline, and its page no heading for one."""
    assert timeline(RUN, []) == ""


def test_the_page_of_a_run_that_ended_has_its_timeline():
    """The sample's first run shows its longest step; a run that is under way shows none yet."""
    place = min((ROOT / "reports/sample/testbed").glob("*/run.json")).parent
    (run,) = (r for r in archive.find_runs(ROOT / "reports/sample") if r["id"] == place.name)
    page = archive.run_page(place, run)
    assert "hide_devices changed in 6 min 50 s" in page
    assert len(tracks(run, read(place / "journal.jsonl"))) == 11
    assert "Where the time went" not in archive.run_page(place, {**run, "outcome": "running", "ended": None})
