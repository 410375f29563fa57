"""What of a run that only planned is sent to whoever is to approve it: each step with its digest, and its plan in words."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook.engine.journal import Line, read
from runbook.evidence import layout
from runbook.evidence.files import read_notebook
from runbook.evidence.record import Run
from runbook.lint.notebook import CALL
from runbook.redaction import KNOWN

Json = dict[str, Any]


def content(done: Run, days: int) -> Json:
    """Return the plan of a run in mode plan, to be approved within so many days. It went through the gates of its report."""
    record, lines = done.record, read(done.folder / "journal.jsonl")
    begun = {(line["notebook"], line["step"]): line for line in lines if line["event"] == "step-begin"}
    texts = {book.name: _texts(done, book.file) for book in record.notebooks if book.file}
    until = datetime.now(UTC) + timedelta(days=days)
    params = (done.folder / "params.yml").read_bytes()
    plan = {
        "host": record.host,
        "release": record.release,
        "connection": record.connection,
        "machine": next((str(line["machine"]) for line in lines if line.get("machine")), ""),
        "params": {**record.params, "sha256": hashlib.sha256(params).hexdigest()},
        "run": record.id,
        "made": record.ended,
        "until": until.isoformat(timespec="seconds"),
        "change": record.change,
        "by": record.by,
        "source": record.made_with["source"],
        "steps": [
            _step(book.name, end, begun.get((book.name, end.step), {}), texts.get(book.name, {}))
            for book in record.notebooks
            for end in book.steps
            if end.digest
        ],
    }
    cleaned: Json = KNOWN.clean(plan)
    return cleaned


def page(plan: Json, *, digest: str, signer: str, approved: Json | None = None) -> str:
    """Return a plan that was sent as a page to read before it is approved."""
    work = working(plan)
    return layout.render("plan.html", plan=plan, work=work, digest=digest, signer=signer, approved=approved)


def working(plan: Json) -> list[Json]:
    """Return the steps of a plan that would do something."""
    return [step for step in plan["steps"] if step.get("actions")]


def _step(notebook: str, end: Any, line: Line, texts: dict[str, str]) -> Json:
    return {
        "notebook": notebook,
        "step": end.step,
        "title": end.title,
        "risk": str(line.get("risk", "")),
        "digest": end.digest,
        "actions": end.actions or 0,
        "message": end.message,
        "stops": [str(found["what"]) for found in end.stops if found["level"] != "wait"],
        "after": list(end.after),
        "text": texts.get(end.step, ""),
    }


def _texts(done: Run, file: str) -> dict[str, str]:
    """Return what the plan cells of a notebook showed, by step."""
    found = {}
    for cell in read_notebook(done.folder / file).cells:
        call = CALL.search(cell.source)
        if cell.cell_type != "code" or not call or call[1] != "plan":
            continue
        texts = (out.get("data", {}).get("text/plain") or out.get("text") or "" for out in cell.outputs)
        found[call[2]] = "\n".join(text.rstrip() for text in texts)
    return found
