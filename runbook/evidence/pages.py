"""Pages for people: a run, the runs of a host, and all runs; `notebook_html` has those of notebooks.

Every page stands alone: one file, styles inside, nothing fetched, and no script but its own, which only filters,
copies and unfolds. Its content security policy tells the browser so, which also keeps a notebook's output from
fetching or running anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from runbook.attestation.places import PLANS
from runbook.drift.compare import counted
from runbook.evidence import layout, planned
from runbook.evidence.host import Fact
from runbook.evidence.outcomes import CONSENTS, GOOD
from runbook.evidence.plans import KEPT
from runbook.evidence.standing import Standing
from runbook.text.moments import when
from runbook.text.plural import plural

MODES = {
    "auto": "mode auto: replays a recorded host, only plans on a real one",
    "plan": "mode plan: nothing was changed",
    "apply": "mode apply: the host was changed where it was not right",
    "check": "mode check: the host was only verified",
    "undo": "undo: what earlier runs had changed was taken back",
}
Json = dict[str, Any]
EMPTY: Mapping[str, Json] = MappingProxyType({})


def run_page(run: Json, drift: Json | None = None, timeline: str = "", home: str = "../") -> str:
    """Return the page of one run from the content of its `run.json`, and of its `drift.json` if it has one.

    `timeline` is the picture of where its time went, '' for none; `home` leads to the folder of the host.
    """
    return layout.render(
        "run.html",
        run=run,
        modes=MODES,
        consents=CONSENTS,
        verdict=verdict(run),
        drift=drift,
        timeline=timeline,
        home=home,
    )


def runs_page(
    runs: Iterable[Json],
    host: str | None = None,
    facts: Sequence[tuple[str, Sequence[Fact]]] = (),
    drift: Mapping[str, Json] = EMPTY,
    fleets: tuple[Sequence[Json], int] = ((), 0),
    pruned: Iterable[Json] = (),
    standing: Standing | None = None,
) -> str:
    """Return the page of one host, or of all of them: what it is, what changed since, and its runs, newest first.

    `drift` is what each run's `drift.json` says, by the run's id; `fleets` are the newest fleet runs and how many
    are older (`runbook.evidence.fleets.newest`); `pruned` is what is left of runs that were pruned, a line for each; `standing` is how the host stands. The one script on the page filters the list of runs; its digest stands
    in the page's security policy, so that nothing else can run.
    """
    rows = []
    for run in sorted(runs, key=lambda run: str(run["started"]), reverse=True):
        folder = str(run["place"]).removeprefix(f"{host}/") if host else run["place"]
        changed = [s for book in run["notebooks"] for s in book["steps"] if s["status"] == "changed"]
        found = drift.get(run["id"])
        rows.append({**run, "link": f"{folder}/index.html", "changed": len(changed), "where": _where(run),
                     "drifted": _drifted(found), "text": _text(run, found)})  # fmt: skip
    newest = {row["host"]: row for row in reversed(rows)}
    rows += [_pruned(run) for run in pruned]
    rows.sort(key=lambda row: str(row["started"]), reverse=True)
    counts = Counter(row["host"] for row in rows)
    drifted = {row["host"]: row["drifted"] for row in reversed(rows) if row["drifted"]}
    hosts = [
        {**newest[name], "count": counts[name], "drifted": drifted.get(name, "")} for name in sorted(newest)
    ]
    return layout.render(
        "runs.html", scripts=("search.js",), runs=rows, host=host, heading=host or "Reports", hosts=hosts,
        facts=facts, drift=next((drift[row["id"]] for row in rows if row["id"] in drift), None) if host else None,
        fleets=fleets[0], older=fleets[1], kept=KEPT, has_plans=any(f"/{PLANS}/" in row.get("place", "") for row in rows),
        standing=standing,
    )  # fmt: skip


def _pruned(run: Json) -> Json:
    """Return the row of a pruned run: what its attestation and the record of the pruning still say."""
    text = f"{run['host']} {run['id']} {run['mode']} {run['outcome']} {when(run['started'])} pruned".lower()
    return {**run, "seconds": None, "changed": "", "where": "", "drifted": "", "text": text, "link": ""}


def verdict(run: Json) -> str:
    """Return in one sentence what a run came to."""
    steps = [step for book in run["notebooks"] for step in book["steps"]]
    ends = [step["status"] for step in steps]
    tally = _tally(steps)
    if refusal := planned.would_refuse(steps):
        return f"{refusal} Nothing was changed; {planned.actions(steps)}. {tally}"
    if run["outcome"] == "running":
        return f"It has not ended, or its runner was killed. {tally}"
    if run["outcome"] != "completed" and run["mode"] == "check":
        return f"Not everything is as the parameters say ({run['outcome']}). {tally}"
    if run["outcome"] != "completed":
        return f"It stopped early ({run['outcome']}). {tally}"
    if ends and all(end == "unchanged" for end in ends):
        what = "Whatever was asked for" if any(step.get("unasked") for step in steps) else "Everything"
        return f"{what} was right already; nothing was changed. {tally}"
    if ends and all(end == "skipped" for end in ends):
        return f"Nothing was changed; {planned.actions(steps)}, as far as can be told now. {tally}"
    return f"Every notebook completed. {tally}"


def _tally(steps: list[Json]) -> str:
    """Return how many steps ended in which way; nobody asked for some that are as they were."""
    if not steps:
        return "It had no steps."
    ends, unasked = (
        Counter(s["status"] for s in steps),
        Counter(s["status"] for s in steps if s.get("unasked")),
    )
    counts = [
        f"{n} {word}" + (f" ({unasked[word]} not asked for)" if unasked[word] else "")
        for word, n in ends.items()
    ]
    return f"Of {plural(len(steps), 'step')}: {', '.join(counts)}."


def _drifted(drift: Json | None) -> str:
    return "" if drift is None or drift["since"] is None else f"{counted(drift['changes'])} changed before it"


def _text(run: Json, drift: Json | None) -> str:
    """Return all words by which a run may be looked for, in lower case."""
    books = [word for book in run["notebooks"] for word in (book.get("name", ""), *_steps_text(book))]
    lines = [change["line"] for change in (drift or {}).get("changes", ())]
    texts = (run["host"], run["id"], run["mode"], run["outcome"], when(run["started"]), *books, *lines)
    return " ".join((*texts, str((run.get("failure") or {}).get("message", "")))).lower()


def _steps_text(book: Json) -> Iterator[str]:
    for step in book["steps"]:
        if step["status"] not in ("never-run", "unchanged"):
            yield f"{step['step']} {step['status']} {step.get('title', '')} {step.get('message', '')}"


def _where(run: Json) -> str:
    failure = run.get("failure")
    if not failure:
        return ""
    bad = [s["step"] for b in run["notebooks"] for s in b["steps"] if s["status"] not in (*GOOD, "never-run")]
    return " · ".join(filter(None, (failure["notebook"], ", ".join(bad))))
