"""What an auditor asks of a run, answered from its report: what, when, by whom, approved how, with what, and whether it holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook import params as parameters
from runbook.attestation.keys import PublicKey
from runbook.attestation.verify import verify_run
from runbook.drift import kept
from runbook.engine import journal
from runbook.errors import CheckFailed, ParamsError
from runbook.evidence import archive, layout, pages
from runbook.evidence.outcomes import CONSENTS
from runbook.facts import system, xen, xl
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.steps.shared import open_eyes
from runbook.text.moments import when
from runbook.text.plural import plural

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]
ALTERED = "altered"
"""How a run stands that is not as it was written."""


@dataclass(frozen=True)
class Audit:
    """One run in an auditor's words. Each answer is a list of lines; an empty one means that there is nothing to say."""

    host: str
    run: str
    what: tuple[str, ...]
    when: str
    by: tuple[str, ...]
    approved: tuple[str, ...]
    versions: tuple[str, ...]
    differs: tuple[str, ...]
    devices: tuple[str, ...]
    forced: tuple[str, ...]
    verifies: str
    """How `runbook report verify` judges it: a status, and why."""
    status: str


QUESTIONS: Mapping[str, str] = {
    "what": "What was done?",
    "when": "When?",
    "by": "By whom?",
    "approved": "Approved how?",
    "versions": "With which versions?",
    "differs": "What differs from the last good report?",
    "devices": "Who may use which device?",
    "forced": "Was anything forced?",
    "verifies": "Does the report verify?",
}
_NONE = {
    "approved": "nothing needed consent",
    "differs": "nothing",
    "devices": "no device is passed",
    "forced": "no",
}
"""What is said where there is nothing to say."""


def of_run(reports: Path, run: Json, known: Collection[PublicKey]) -> Audit:
    """Return the answers about a run, from its record, its journal, its parameters and what it kept of the host."""
    place = reports / run["place"]
    lines, facts = journal.read(place / "journal.jsonl"), kept.load(place)
    try:
        params = parameters.load(place / "params.yml", is_kept=True)
    except ParamsError:
        params = None
    status, about = _verified(place, known)
    return Audit(
        host=run["host"],
        run=run["id"],
        what=tuple(_what(run)),
        when=when(run["started"]) + (f" to {when(run['ended'])}" if run.get("ended") else ", no end"),
        by=tuple(_by(run)),
        approved=tuple(_approved(run, lines)),
        versions=tuple(_versions(run, facts)),
        differs=tuple(_differs(archive.drift(place), run)),
        devices=tuple(_devices(params, facts)),
        forced=tuple(_forced(run, lines, params)),
        verifies=f"{status}: {about}",
        status=status,
    )


def page(audits: Sequence[Audit]) -> str:
    """Return the answers as one page, which prints on one sheet a run."""
    return layout.render("audit.html", audits=[answers(audit) for audit in audits])


def answers(audit: Audit) -> Json:
    """Return an audit's questions with their answers, each a list of lines that is never empty."""
    found = {}
    for key, question in QUESTIONS.items():
        value = getattr(audit, key)
        found[question] = [value] if isinstance(value, str) else list(value) or [_NONE.get(key, "not known")]
    return {"host": audit.host, "run": audit.run, "answers": found}


def table(audits: Sequence[Audit]) -> pd.DataFrame:
    """Return a row for each run, its answers as text, for a spreadsheet."""
    import pandas as pd

    def text(value: Any) -> Any:
        return "\n".join(value) if isinstance(value, tuple) else value

    names = list(asdict(audits[0])) if audits else ["host", "run", *QUESTIONS, "status"]
    return pd.DataFrame([{k: text(v) for k, v in asdict(one).items()} for one in audits], columns=names)


def _what(run: Json) -> Iterator[str]:
    yield f"{pages.MODES.get(run['mode'], run['mode'])}; it ended as {run['outcome']}"
    yield pages.verdict(run)
    for book in run["notebooks"]:
        for step in book["steps"]:
            if step["status"] not in ("unchanged", "skipped", "never-run"):
                yield f"{step['step']}: {step['status']}, {step.get('title', '')}"


def _by(run: Json) -> Iterator[str]:
    by = run.get("by") or {}
    user = by.get("user", "not known: an earlier report")
    yield user + (f", by sudo from {by['by_sudo']}" if by.get("by_sudo") else "")
    if by.get("controller"):
        yield f"on the controller {by['controller']}"
    if by.get("login"):
        yield f"the host was entered as {by['login']}"
    key = " ".join(filter(None, (by.get("key"), run.get("signed_by"))))
    yield f"signed with the key {key}" if run.get("signed_by") else "NOT SIGNED"
    if run.get("change"):
        yield f"change {run['change']}"


def _approved(run: Json, lines: Sequence[journal.Line]) -> Iterator[str]:
    if told := run.get("approval"):
        plan = told["plan"]
        planner = " ".join(filter(None, (plan["by"].get("user"), plan.get("key"))))
        yield f"plan {plan['digest']} of {when(plan['made'])}, by {planner or 'nobody who is named'}"
        yield f"approved by {told['by']} on {when(told['at'])}" + (
            f": {told['comment']}" if told["comment"] else ""
        )
    for line in lines:
        if line["event"] == "consent":
            how = CONSENTS.get(str(line.get("how")), str(line.get("how")))
            by = f" by {line['by']}" if line.get("by") else ""
            yield f"{line.get('step')} ({line.get('risk')}): {how}{by}, plan {line.get('digest')}, run by {line.get('who')}"


def _versions(run: Json, facts: Facts) -> Iterator[str]:
    made, source = run.get("made_with") or {}, (run.get("made_with") or {}).get("source") or {}
    packages = made.get("packages") or {}
    own = packages.get("xen-host-runbook", "of an unknown version")
    commit = f"commit {source['commit'][:12]}" if source.get("commit") else "not from a git tree"
    yield f"the runbook {own}, {commit}" + (
        ", with changes that are not committed" if source.get("dirty") else ""
    )
    yield f"parameters {run['params']['digest']} ({run['params']['path']})"
    seen = system.parse(facts) if _holds(facts, system.COMMANDS) else None
    if seen and seen.kernel:
        hypervisor = xl.info(facts).get("xen_version") if _holds(facts, (xl.INFO,)) else "was not asked for"
        running = f"Xen {hypervisor}" if hypervisor else "no Xen"
        yield f"the host: {seen.pretty_name}, Linux {seen.kernel}, {running}"
    yield f"Debian {run['release']}, Python {made.get('python', 'unknown')} on {made.get('controller', 'unknown')}"


def _holds(facts: Facts, asks: Iterable[Ask]) -> bool:
    """Return whether a run asked all of these: one of a part of the notebooks asks some."""
    return all(ask in facts for ask in asks)


def _differs(drift: Json | None, run: Json) -> Iterator[str]:
    if drift is None:
        why = "" if run["mode"] == "check" else f": {pages.MODES.get(run['mode'], run['mode'])}"
        yield f"not looked at{why}"
    elif drift["since"] is None:
        yield "there was no good report to compare with"
    else:
        since = f"since {drift['since']['run']}"
        yield from (f"{change['line']} [{change['by']}], {since}" for change in drift["changes"])
        if missing := drift.get("not_looked_at"):
            yield f"not looked at: {', '.join(missing)}"


def _devices(params: HostParams | None, facts: Facts) -> Iterator[str]:
    if params is None:
        yield "not known: the parameters that were kept cannot be read"
        return
    owners = {bdf: guest.name for guest in params.guests for bdf in guest.pci}
    for device in params.passthrough.devices:
        owner = (
            f"the guest {owners[device.bdf]}" if device.bdf in owners else "no guest; dom0 has given it up"
        )
        yield f"{device.bdf} {device.id} {device.what}: {owner}"
    running = xen.parse(facts) if _holds(facts, xen.COMMANDS) else None
    if running and running.assigned:
        names = {domain.id: domain.name for domain in running.domains}
        having = (f"{bdf} by {names.get(guest, f'domain {guest}')}" for bdf, guest in running.assigned)
        yield f"seen in use: {', '.join(having)}"


def _forced(run: Json, lines: Sequence[journal.Line], params: HostParams | None) -> Iterator[str]:
    for line in lines:
        if line["event"] == "consent" and line.get("risk") == "destructive":
            yield f"{line.get('step')} destroyed what was there, with consent to plan {line.get('digest')}"
        if line["event"] == "open" and line.get("unsigned"):
            yield f"taken back at their word, though no known key signed them: {', '.join(line['unsigned'])}"
        if (
            line["event"] == "action-begin"
            and line.get("step") == "stop_guest"
            and " -k " in str(line.get("title"))
        ):
            yield f"the plug was pulled of guests that did not end in time: {line['title']}"
    source = (run.get("made_with") or {}).get("source") or {}
    if untracked := source.get("untracked"):
        yield f"{plural(len(untracked), 'file')} among the programs that git does not know: {', '.join(untracked)}"
    if params is not None:
        yield from _consented(params)


def _consented(params: HostParams) -> Iterator[str]:
    """Yield what the parameters let pass that is refused without them."""
    if eyes := [word for word in params.consent if word.startswith(f"{open_eyes.STEP}:")]:
        yield f"IOMMU groups are parted with open eyes: {', '.join(eyes)}"
    for device in params.passthrough.devices:
        loose = [name for name in ("permissive", "seize") if getattr(device, name)]
        loose += ["rdm_policy: relaxed"] if device.rdm_policy == "relaxed" else []
        if loose:
            yield f"{device.bdf} is passed with {', '.join(loose)}"
    if params.installation.method != "none" and params.installation.overwrite:
        yield "the installer may overwrite a disk that is not empty"


def _verified(place: Path, known: Collection[PublicKey]) -> tuple[str, str]:
    try:
        verdict = verify_run(place, known)
    except CheckFailed as error:
        return ALTERED, f"{error.what}: {error.why}"
    return verdict.status, verdict.about
