"""Canaries: secrets that come out in every way on purpose, and are found nowhere."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import threading
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote, quote_plus

import nbformat
import pytest
from click.testing import CliRunner
from nbclient.exceptions import CellExecutionComplete
from rich.console import Console

import runbook.steps
from runbook.cli import main
from runbook.cli.progress import Live
from runbook.evidence import archive
from runbook.evidence.provenance import provenance
from runbook.evidence.record import RunRecord
from runbook.redaction import learn, mark
from runbook.runner.gate import Client
from runbook.runner.run import run
from tests.evidence.toys import begin, end, notebook, parameterised, project, steps
from tests.word import give

#: As a password's hash looks; it is the one that the parameters refer to.
OF_ENV = "$6$canary$Bm/WxjOOY7pqF14DdI5basdPqaurWAwtKqWmcwfM3kd6nLBhfw.QGF3AswJsR65h9ZFunepRF0kpROlYKcal6x"
OF_FILE = "CANARY \"file\" <&> \\/ 'é' 100%+~"
OF_COMMAND = "CANARY-command/~+=?&é;x"
CANARIES = {"env": OF_ENV, "file": OF_FILE, "command": OF_COMMAND}

FETCH = """import base64, hashlib, json, re, subprocess, sys, html
from urllib.parse import quote
from runbook.params.secrets import resolve
values = [resolve(reference) for reference in REFERENCES]
assert [hashlib.sha256(v.encode()).hexdigest() for v in values] == DIGESTS
def torn(text, size, out=sys.stdout):
    for i in range(0, len(text), size):
        out.write(text[i : i + size]); out.flush(); time.sleep(0.002)
    out.write("\\n"); out.flush()"""
WHOLE = """for v in values:
    print("whole:", v); print(repr(v), [v], {"v": v})
    print(v, file=sys.stderr)
    torn("torn: " + v, 7)
    torn(v, 11, sys.stderr)
for v in values:
    sys.stdout.write(v[:9]); sys.stdout.flush(); time.sleep(0.05)
    sys.stderr.write("between"); sys.stderr.flush(); time.sleep(0.05)
    sys.stdout.write(v[9:] + "\\n"); sys.stdout.flush()
print("the beginning of one at the very end:", OF_ENV_IS[:40], end="")""".replace("OF_ENV_IS", "values[0]")
ENCODED = """for v in values:
    for before in ("", "x", "xy", "root:"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            said = encode((before + v + before).encode()).decode()
            print(said); torn(said, 31); print("https://x/?k=" + quote(said, safe=""))
            torn("\\n".join(said[i : i + 20] for i in range(0, len(said), 20)), 33)
    print(quote(v), quote(v, safe=""), re.sub("%..", lambda m: m[0].lower(), quote(v)))
    print(json.dumps({"v": v}), json.dumps(v, ensure_ascii=False), html.escape(json.dumps([v])))
    torn(json.dumps(v), 9); torn(quote(v, safe=""), 9)"""
SHOWN = """from IPython.display import HTML, display
from runbook.actions import WriteFile
from runbook.model.ask import Answer, Ask, Facts
from runbook.show.live import Live
h = display(HTML("<i>first</i>"), display_id=True)
for v in values:
    display(HTML(f"<b>{html.escape(v)}</b><a href='?{quote(v)}'>{v}</a>"))
    h.update(HTML(f"<i>{html.escape(v)}</i>"))
    before = Facts({Ask.read("/etc/x"): Answer(0, f"old = {v}\\n")})
    print(WriteFile("/etc/x", f"new = {v}\\n").preview(before))
    live = Live(is_real=True); live.begin("work"); live.line("." * 150 + v); live._show(at_once=True)
values[1]"""
BELOW = """for v in values:
    subprocess.run(["cat"], input=v.encode()); subprocess.run(["sh", "-c", "cat >&2"], input=v.encode())
    os.write(2, v.encode() + b"\\n")
sys.stderr.flush(); time.sleep(0.5)
for v in values:
    log = sys.stderr._original_stdstream_copy
    os.write(log, b"straight: " + v[:10].encode()); time.sleep(0.05); os.write(log, v[10:].encode() + b"\\n")
    journal.write("action-begin", notebook=name, step="leak", title=f"write {v}",
                  undo={"content": json.dumps({"p": v}), "b": base64.b64encode(v.encode()).decode()})"""
FAIL = f"""from runbook.actions import SetPassword
from runbook.engine.apply import carry_out
from runbook.hosts.local import LocalHost
class Echo(LocalHost):
    def run(self, argv, **more):
        return super().run(("sh", "-c", "tee /dev/stderr; sleep 0.5; exit 3 # a toy"), **more)
try:
    carry_out(SetPassword("/mnt", REFERENCES[0]), Echo(), print)
except Exception as error:
    {end("leak", "failed", "{error}").replace('"{error}"', "str(error)")}
    raise RuntimeError(" ".join(values)) from error"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project whose notebook fetches three canaries and lets each out in every way, until it is told to behave."""
    (tmp_path / "secret").write_text(f"{OF_FILE}\nsecond line\n")
    (tmp_path / "other").write_text(f"{OF_COMMAND}\n")
    references = ["env:CANARY", f"file:{tmp_path / 'secret'}", f"command:cat {tmp_path / 'other'}"]
    monkeypatch.setenv("CANARY", OF_ENV)
    monkeypatch.setattr(runbook.steps, "notebooks", lambda: steps(n05_leaks=["leak"]))
    fetch = f"REFERENCES = {references}\nDIGESTS = {[_digest(v) for v in CANARIES.values()]}\n{FETCH}"
    fail = f"if not Path({str(tmp_path / 'behave')!r}).exists():\n" + re.sub("^", "    ", FAIL, flags=re.M)
    early = 'print("early:", os.environ["CANARY"])'
    cells = [early, begin("leak"), fetch, WHOLE, ENCODED, SHOWN, BELOW, fail, end("leak")]
    made = project(tmp_path / "project", n05_leaks=parameterised(*cells))
    params = made / "params" / "toy.yml"
    params.write_text(params.read_text() + "\ninstallation:\n  root_password_hash: env:CANARY\n")
    monkeypatch.chdir(made)
    give(monkeypatch, tmp_path / "config", ("a secret", f"sh -c: cat {tmp_path / 'other'}"))
    return tmp_path


class ProcessList(threading.Thread):
    """Collects the command lines of all processes while it is on."""

    def __init__(self):
        super().__init__(daemon=True)
        self.lines, self._is_over = set(), threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self.join()

    def run(self):
        while not self._is_over.wait(0.1):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.lines.add(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue


def _digest(value):
    import hashlib

    return hashlib.sha256(value.encode()).hexdigest()


@cache
def encodings(value):
    """Return how a canary may look, also without its blanks: made here, apart from what the redactor thinks of."""
    return {form for way in _encodings(value) for form in (way, re.sub(r"\s", "", way))}


def _encodings(value):
    raw = value.encode()
    yield from (value, quote(value), quote(value, safe=""), quote_plus(value))
    yield re.sub("%..", lambda m: m[0].lower(), quote(value))
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    yield from (
        html.escape(value),
        html.escape(json.dumps(value)[1:-1]),
        json.dumps(html.escape(value))[1:-1],
    )
    yield json.dumps(json.dumps(value)[1:-1])[1:-1]
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in (b"", b"x", b"xy"):
            said = encode(before + raw).decode()
            middle = said[4 if before else 0 : len(said) // 4 * 4 - 4]
            yield from (middle, quote(middle, safe=""))


def leaks(where, text):
    """Return which canaries stand in a text, as it is or with its line breaks, tags and escapes undone."""
    plain = html.unescape(re.sub(r"<[^>]*>", "", text))
    views = {text, plain, re.sub(r"\s", "", text), re.sub(r"\s", "", plain)}
    found = [
        f"{kind} in {where}: {form}"
        for kind, value in CANARIES.items()
        for form in encodings(value)
        if any(form in view for view in views)
    ]
    # Half a hash is as bad.
    return found + [f"half in {where}" for view in views if OF_ENV[:30] in view or OF_ENV[-30:] in view]


def report(folder):
    """Yield everything in a folder of reports: each file, and each notebook's streams with their pieces joined."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield str(path.relative_to(folder)), path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".ipynb":
            for cell in nbformat.read(path, 4).cells:
                outputs = cell.get("outputs", [])
                for stream in ("stdout", "stderr"):
                    pieces = [out.text for out in outputs if out.get("name") == stream]
                    yield f"{path.name} {cell.id} {stream}", "".join(pieces)


def test_no_canary_leaves_a_run(place, monkeypatch, caplog):
    """Report, terminal and process list of a run that lets its secrets out in every way hold none; nor of the next."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # a kernel that sees it leaves its own streams alone
    reports, screen = place / "reports", io.StringIO()
    with ProcessList() as processes, Live(Console(file=screen, force_terminal=True, width=4000)) as live:
        events = []

        def listen(event):
            events.append(event)
            live.event(event)
            live._live.refresh()

        done = run("params/toy.yml", "apply", reports=reports, on_event=listen)
    assert (done.outcome, done.record.failure.cell, done.record.failure.name) == (
        "failed",
        "c7",
        "RuntimeError",
    )

    texts = dict(report(reports))
    texts["events"], texts["screen"] = json.dumps(events, ensure_ascii=False), screen.getvalue()
    texts["message"], texts["record"] = done.message, json.dumps(done.record.as_dict(), ensure_ascii=False)
    texts["processes"] = "\n".join(processes.lines)
    assert [leak for where, text in texts.items() for leak in leaks(where, text)] == []

    # None of that is empty: the masks stand where the values would.
    marks = [mark(reference) for reference in ("env:CANARY", f"file:{place / 'secret'}", "command:cat")]
    id_ = done.record.id
    everywhere = ("05_leaks.ipynb", "05_leaks.html", "kernel.log", "journal.jsonl", "run.json", "index.html")
    for file in everywhere:
        assert [m for m in marks if m not in texts[f"testbed/{id_}/{file}"]] == [], file
    for where in ("events", "message", "record"):
        assert [m for m in marks if m not in texts[where]] == [], where
    assert marks[0] in texts["screen"]
    for cell, least in {
        "c0 stdout": 1,
        "c3 stdout": 15,
        "c3 stderr": 6,
        "c4 stdout": 90,
        "c6 stdout": 3,
    }.items():
        said = texts[f"05_leaks.ipynb {cell}"]
        assert sum(said.count(m) for m in marks) >= least, cell
    assert "at the very end: [secret env:CANARY]" in texts["05_leaks.ipynb c3 stdout"]
    assert texts["05_leaks.ipynb c3 stderr"].count("between") == 3
    assert "/dev/stderr; sleep 0.5" in texts["processes"]
    assert (
        sum(len(re.findall(r"straight: \[secret \S+\]\n", t)) for w, t in texts.items() if "kernel.log" in w)
        == 3
    )

    (place / "behave").touch()
    shown = CliRunner().invoke(main, ["run", "params/toy.yml", "--mode", "apply", "--reports", str(reports)])
    assert shown.exit_code == 0, shown.output
    texts = {**dict(report(reports)), "terminal": shown.output}
    assert [leak for where, text in texts.items() for leak in leaks(where, text)] == []
    assert "leak: changed" in shown.output
    assert [
        r for r in caplog.records if "held a secret" in r.message
    ] == []  # the last look had nothing to mask


def test_what_was_written_before_it_was_known_is_masked_at_the_end(tmp_path):
    """The last look at a report masks what came out before the value was fetched."""
    record = RunRecord("1", "toy", "trixie", "local", "plan", {"path": "", "digest": ""}, provenance())
    params = tmp_path / "toy.yml"
    params.write_text("host: toy\n")
    folder = archive.create(tmp_path, record, params)
    secret = "late-canary-4711"
    (folder / "kernel.log").write_bytes(b"\xff said: late-canary-4711\n")
    learn("env:LATE", secret)
    archive.close(folder, record)
    assert (folder / "kernel.log").read_bytes() == "\ufffd said: [secret env:LATE]\n".encode()


def test_what_waited_is_said_where_it_belongs():
    """The end of a stream that could have become a secret comes before the error that followed it, in one piece."""
    learn("env:WAITED", "words are wind")
    nb, heard = notebook("1"), []
    client = Client(nb, SimpleNamespace(take=lambda: None), lambda *said: heard.append(said))
    client.reset_execution_trackers()
    client.clear_before_next_output, client.record_timing = False, False

    def says(kind, **content):
        header = {"msg_type": kind, "header": {"msg_type": kind}, "parent_header": {"msg_id": "1"}}
        client.process_message({**header, "content": content}, nb.cells[1], 1)

    says("stream", name="stdout", text="last words")
    says("error", ename="E", evalue="words are wind", traceback=[])
    with pytest.raises(CellExecutionComplete):
        says("status", execution_state="idle")
    stream, failed = nb.cells[1].outputs
    assert (stream.text, failed.evalue) == ("last words", "[secret env:WAITED]")
    assert heard == [("stdout", "last "), ("stdout", "words")]
