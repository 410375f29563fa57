"""Every page that a report or the site has of a hostile host: its strings are words on it, and nothing else."""

from __future__ import annotations

import json
import random
import re
import shutil
from contextlib import suppress
from pathlib import Path

import html5lib
import nbformat
import pytest
from nbformat.v4 import new_output

from runbook.book import Book
from runbook.drift import kept
from runbook.engine.journal import Journal
from runbook.errors import RunbookError
from runbook.evidence import archive, layout
from runbook.evidence import host as host_page
from runbook.evidence.fleets.page import fleet_page
from runbook.evidence.fleets.record import FleetRecord, HostState
from runbook.evidence.record import Failure, NotebookRecord, RunRecord, StepEnd
from runbook.params import load
from runbook.show import tables
from runbook.site.build import write
from tests.evidence.attested import alone, record
from tests.text.hostile import MARK, ROOT, HostileHost, attack
from tests.text.inert import inert, plain

PARAMS = ROOT / "params/example.yml"
BOOKS = ("00_introduction", "08_guests")
WORLDS = 3
POLICY = re.compile(
    r"default-src 'none'; style-src 'unsafe-inline'; img-src data:( 'self' file:)?; font-src data:"
    r"(; script-src 'sha256-[\w+/=]{44}'( 'self' file:)?)?"
)


def read(html: str) -> int:
    """Return how many attacks are on a page as words, once its head is what the template says, and no more."""
    seen = inert(html, is_page=True)
    root = html5lib.HTMLParser(namespaceHTMLElements=False).parse(html)
    named = [(m.get("http-equiv") or m.get("name") or "charset", m.get("content")) for m in root.iter("meta")]
    assert [name for name, _ in named] == ["charset", "viewport", "Content-Security-Policy", "color-scheme"]
    assert POLICY.fullmatch(named[2][1]), named[2]
    head = root.find("head")
    assert [node.tag for node in head] == ["meta"] * 4 + ["title", "style"]
    known = {layout.style(name).strip() for name in ("reading.html", "run.html")}
    assert head.find("style").text.strip() in known
    assert len(root.find("body").findall("script")) == len(list(root.iter("script"))) <= 1
    return seen


def opened(notebook: str, seed: int, journal: Journal) -> tuple[Book, HostileHost, list]:
    """Return the book of a hostile host that can be understood, and the errors of those before it that could not."""
    errors: list = []
    for number in range(50):
        host = HostileHost(notebook, seed * 100 + number, share=0.3, only_free=True)
        try:
            return Book(load(PARAMS), "apply", host, notebook, journal), host, errors
        except RunbookError as error:
            errors.append(raised(error))
    raise AssertionError("no hostile host could be understood")


def raised(error: RunbookError):
    """Return the output of a cell that ends with an error of the runbook's own."""
    return new_output(
        "error", ename=type(error).__name__, evalue=str(error), traceback=error._render_traceback_()
    )


def outputs(book: Book, rng: random.Random) -> list:
    """Return what the cells of a notebook could have as outputs on a hostile host."""
    made = []
    acts = [lambda step=step: book.plan(step) for step in book._steps]
    acts += [lambda what=what: book.show(what) for what in (*tables._TABLES, *tables._PICTURES)]
    for act in (*acts, book._title, book.summary):
        try:
            made.append(new_output("display_data", act()._repr_mimebundle_()))
        except RunbookError as error:
            made.append(raised(error))
        except Exception:  # what is no error of the runbook's own is another test's concern
            continue
    # What somebody's own cell prints, returns or raises of what the host said passes no gate before the page.
    made += [new_output("stream", name=name, text=attack(rng) + "\n") for name in ("stdout", "stderr")]
    made.append(new_output("execute_result", {"text/plain": attack(rng)}, execution_count=1))
    made.append(
        new_output("error", ename="OSError", evalue=attack(rng), traceback=[attack(rng), "\x1b[31mred"])
    )
    return made


def executed(notebook: str, seed: int, folder: Path) -> tuple[nbformat.NotebookNode, HostileHost]:
    """Return a notebook whose code cells have such outputs, each cell that the host's page shows its own."""
    nb = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", 4)
    book, host, made = opened(notebook, seed, Journal(folder / "played.jsonl"))
    made += outputs(book, random.Random(seed))
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells):
        cell.outputs = made[number :: len(cells)]
        with suppress(Exception):
            shown = book.show(cell.id.removeprefix("show-"))
            cell.outputs.append(new_output("display_data", shown._repr_mimebundle_()))
    return nb, host


def reported(reports: Path, seed: int, outcome: str) -> Path:
    """Archive a run whose every text comes from a hostile host; return its folder."""
    rng = random.Random(seed)
    run: RunRecord = record(seed, "hostile", "ssh")
    run.release, run.by = attack(rng), {"user": "root", "login": attack(rng)}
    place = archive.create(reports, run, PARAMS)
    for name in BOOKS:
        nb, host = executed(name, seed, reports)
        nbformat.write(nb, place / f"{name}.ipynb")
        kept.keep(place, name, facts_of(host))
        kept.keep(place, kept.LAST, facts_of(host))
        steps = [StepEnd("one", attack(rng), end, attack(rng), 1, "d1", 1.0) for end in ("changed", "failed")]
        entry = NotebookRecord(name, attack(rng), outcome, steps=steps, note=attack(rng))
        run.notebooks.append(entry)
        if outcome != "completed":
            run.failure = Failure(name, "show-machine", "Refused", attack(rng), outcome, 3)
        entry.file, entry.html = f"{name}.ipynb", archive.notebook_page(place, run, entry, nb)
        assert entry.html
    changes = [
        {"line": attack(rng), "by": attack(rng), "diff": attack(rng), "kind": "file", "name": attack(rng)}
    ]
    since = {"run": "r", "started": run.started, "mode": "check"}
    found = {"since": since, "not_looked_at": [attack(rng)], "changes": changes}
    (place / archive.DRIFT).write_text(json.dumps(found))
    run.close(outcome, 0 if outcome == "completed" else 1)
    archive.close(place, run)
    return place


def facts_of(host: HostileHost):
    return host.gather([kept.ask_of(key) for key in host.honest])


@pytest.mark.parametrize("outcome", ["completed", "refused", "failed"])
def test_pages_of_a_report_are_a_hostile_hosts_words(outcome, tmp_path, monkeypatch):
    """A run's page, its notebooks', the host's and the index: attacks are on each, and none is more than text."""
    alone(monkeypatch, tmp_path / "config")
    on_host_page = 0
    for seed in range(WORLDS):
        reports = tmp_path / f"reports{seed}"
        place = reported(reports, seed, outcome)
        pages = [place / "index.html", *(place / f"{n}.html" for n in BOOKS)]
        for page in (*pages, place.parent / "index.html", reports / "index.html"):
            try:
                seen = read(page.read_text(encoding="utf-8"))
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, {page.relative_to(reports)}: {error}") from error
            assert seen, page
        run = json.loads((place / "run.json").read_text(encoding="utf-8"))
        drawn = host_page.facts_of(place.parent, [run | {"place": f"{place.parent.name}/{place.name}"}])
        facts = [fact for _, group in drawn for fact in group]
        assert any(fact.is_last for fact in facts)
        on_host_page += sum(fact.html.count(MARK) for fact in facts)
    assert on_host_page > 5


def test_the_page_of_a_fleet_is_words(tmp_path):
    """Names, files, last lines and messages of a fleet's hosts are words on its page, and in the list of all runs."""
    for seed in range(40):
        rng = random.Random(seed)

        def said(rng=rng) -> str:
            return attack(rng)

        hosts = [
            HostState(
                said(), said(), "d", state, 1, notebook=said(), step=said(), message=said(), seconds=1.0
            )
            for state in ("completed", "refused", "failed", "killed")
        ]
        asked = {"mode": said(), "parallel": 2, "serial": said(), "scheduler": said()}
        fleet = FleetRecord(f"2026010{seed % 9 + 1}T000000.000Z-fleet-00000{seed % 10}", asked, hosts)
        fleet.outcome = rng.choice(("failed", "stopped", "killed", "interrupted"))
        assert read(fleet_page(fleet.as_dict())) >= 20
        place = tmp_path / str(seed) / "fleet" / fleet.id
        place.mkdir(parents=True)
        (place / "fleet.json").write_text(json.dumps(fleet.as_dict()), encoding="utf-8")
        archive.write_index(tmp_path / str(seed))
        assert read((tmp_path / str(seed) / "index.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_chapters_of_the_site_are_a_hostile_hosts_words(seed, tmp_path):
    """The site of notebooks that ran on a hostile host: attacks are words on each chapter, and in the search's index."""
    root, out = tmp_path / "project", tmp_path / "site"
    (root / "notebooks").mkdir(parents=True)
    (root / "README.md").write_text("# Title\n", encoding="utf-8")
    for name in BOOKS:
        nbformat.write(executed(name, seed, tmp_path)[0], root / "notebooks" / f"{name}.ipynb")
    for path in re.findall(r"\]\(\.\./([\w/.-]+)", "".join(p.read_text() for p in root.rglob("*.ipynb"))):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, root / path)
    write(root, out)
    for name in BOOKS:
        assert read((out / "notebooks" / f"{name}.html").read_text(encoding="utf-8")) > 5
    index = (out / "search-index.js").read_text(encoding="utf-8")
    sections = json.loads(index.removeprefix("window.RUNBOOK_INDEX = ").rstrip().removesuffix(";"))
    assert sum(plain(text) for section in sections for text in section.values()) > 10
    assert not any(MARK in section["to"] for section in sections)
