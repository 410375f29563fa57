"""Pages for people: a notebook as HTML, a run, the runs of a host, and all runs.

Every page stands alone: one file, styles inside, nothing fetched, and no script but the one that filters the
list of runs. Its content security policy tells the browser so, which also keeps a notebook's output from
fetching or running anything.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from jinja2 import DictLoader, Environment, PackageLoader
from nbformat import NotebookNode

from runbook.drift.compare import counted
from runbook.evidence.host import Fact
from runbook.evidence.outcomes import GOOD

MODES = {
    "auto": "mode auto: replays a recorded host, only plans on a real one",
    "plan": "mode plan: nothing was changed",
    "apply": "mode apply: the host was changed where it was not right",
    "check": "mode check: the host was only verified",
}
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]
Json = dict[str, Any]
EMPTY: Mapping[str, Json] = MappingProxyType({})


def run_page(run: Json, drift: Json | None = None) -> str:
    """Return the page of one run from the content of its `run.json`, and of its `drift.json` if it has one."""
    page = _environment().get_template("run.html")
    return page.render(run=run, modes=MODES, verdict=verdict(run), drift=drift, style=_file("style.css"))


def runs_page(
    runs: Iterable[Json],
    host: str | None = None,
    facts: Sequence[Fact] = (),
    drift: Mapping[str, Json] = EMPTY,
) -> str:
    """Return the page of one host, or of all of them: what it is, what changed since, and its runs, newest first.

    `drift` is what each run's `drift.json` says, by the run's id. The one script on the page filters the list
    of runs; its digest stands in the page's security policy, so that nothing else can run.
    """
    rows = []
    for run in sorted(runs, key=lambda run: str(run["started"]), reverse=True):
        folder = run["id"] if host else f"{run['host']}/{run['id']}"
        changed = [s for book in run["notebooks"] for s in book["steps"] if s["status"] == "changed"]
        found = drift.get(run["id"])
        rows.append({**run, "link": f"{folder}/index.html", "changed": len(changed), "where": _where(run),
                     "drifted": _drifted(found), "text": _text(run, found)})  # fmt: skip
    newest = {row["host"]: row for row in reversed(rows)}
    counts = Counter(row["host"] for row in rows)
    said = {row["host"]: row["drifted"] for row in reversed(rows) if row["drifted"]}
    hosts = [
        {**newest[name], "count": counts[name], "drifted": said.get(name, "")} for name in sorted(newest)
    ]
    script = _file("search.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _environment().get_template("runs.html").render(
        runs=rows, host=host, heading=host or "Reports", hosts=hosts, facts=facts, style=_file("style.css"),
        drift=next((drift[row["id"]] for row in rows if row["id"] in drift), None) if host else None,
        script=script, script_hash=f"sha256-{digest}",
    )  # fmt: skip


def notebook_page(nb: NotebookNode, book: Json) -> str:
    """Return an executed notebook as HTML.

    `book` has `name`, `title`, `host`, `status`, `when`, `failure` (None or `name`, `cell`, `message`) and
    `siblings`, the notebooks of the run: links to them lead to their HTML.
    """
    from nbconvert.exporters import HTMLExporter, TemplateExporter
    from nbconvert.filters import Highlight2HTML
    from traitlets.config import Config

    config = Config({"NbConvertBase": {"display_data_priority": SHOWN}})
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        config=config,
        template_name="basic",
        template_file="notebook.html",
        extra_loaders=[DictLoader({"notebook.html": _file("notebook.html")})],
    )
    style = "\n".join((_pygments(), _file("style.css"), ".highlight { background: none; }"))
    highlight = Highlight2HTML(pygments_lexer="ipython3", parent=exporter)  # type: ignore[no-untyped-call]
    exporter.register_filter("highlight_code", highlight)  # type: ignore[no-untyped-call]
    # HTMLExporter's own would read the whole page once more, for images without a text; that takes half the time.
    html, _ = TemplateExporter.from_notebook_node(exporter, nb, {"runbook": {**book, "style": style}})
    names = "|".join(map(re.escape, book["siblings"]))
    return re.sub(rf'href="(?:\./)?({names})\.ipynb(#[^"]*)?"', r'href="\1.html\2"', html)


def verdict(run: Json) -> str:
    """Return in one sentence what a run came to."""
    ends = [step["status"] for book in run["notebooks"] for step in book["steps"]]
    said = [f"{n} {word}" for word in dict.fromkeys(ends) if (n := ends.count(word))]
    tally = f"Of {len(ends)} steps: {', '.join(said)}." if ends else "It had no steps."
    if run["outcome"] == "running":
        return f"It has not ended, or its runner was killed. {tally}"
    if run["outcome"] != "completed" and run["mode"] == "check":
        return f"Not everything is as the parameters say ({run['outcome']}). {tally}"
    if run["outcome"] != "completed":
        return f"It stopped early ({run['outcome']}). {tally}"
    if ends and all(end == "unchanged" for end in ends):
        return f"Everything was right already; nothing was changed. {tally}"
    if ends and all(end == "skipped" for end in ends):
        planned = sum(step["actions"] or 0 for book in run["notebooks"] for step in book["steps"])
        return f"Nothing was changed; {planned} actions are planned, as far as can be told now. {tally}"
    return f"Every notebook completed. {tally}"


def when(iso: str) -> str:
    """Return a time as people write it.

    >>> when("2026-01-31T10:15:00.123Z")
    '31 Jan 2026, 10:15 UTC'
    """
    return f"{datetime.fromisoformat(iso):%-d %b %Y, %H:%M} UTC"


def spent(seconds: float | None) -> str:
    """Return a duration as people say it.

    >>> spent(0.04), spent(7.31), spent(75), spent(4000), spent(None)
    ('0.0 s', '7.3 s', '1 min 15 s', '1 h 06 min', '')
    """
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _drifted(drift: Json | None) -> str:
    return "" if drift is None or drift["since"] is None else f"{counted(drift['changes'])} changed before it"


def _text(run: Json, drift: Json | None) -> str:
    """Return all words by which a run may be looked for, in lower case."""
    books = [word for book in run["notebooks"] for word in (book.get("name", ""), *_steps_text(book))]
    lines = [change["line"] for change in (drift or {}).get("changes", ())]
    words = (run["host"], run["id"], run["mode"], run["outcome"], when(run["started"]), *books, *lines)
    return " ".join((*words, str((run.get("failure") or {}).get("message", "")))).lower()


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


@cache
def _environment() -> Environment:
    environment = Environment(loader=PackageLoader("runbook.evidence"), autoescape=True)
    environment.filters.update(when=when, spent=spent)
    return environment


@cache
def _file(name: str) -> str:
    return (files("runbook.evidence") / "templates" / name).read_text(encoding="utf-8")


@cache
def _pygments() -> str:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    light = HtmlFormatter(style="default").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
