"""Who is to know of a run is told when it has ended, over loopback here; whatever goes wrong with that, the run is as it was."""

import contextlib
import json
import re
import socketserver
import threading
import time
from email import message_from_string
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path

import pytest

from runbook import programs
from runbook.cli.running import say_unsigned
from runbook.controller import allowed
from runbook.errors import ConsentMissing
from runbook.evidence import notices
from runbook.evidence.outcomes import Failure, StepEnd
from runbook.evidence.record import NotebookRecord, Run
from runbook.params import HostParams
from tests.evidence.attested import alone, record

SECRET = "correct-horse-battery"


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as one mail takes."""

    def handle(self):
        self.say(220)
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            self.server.heard.append(line)
            if word == "DATA":
                self.say(354)
                body = []
                while (text := self.rfile.readline().decode()) != ".\r\n":
                    body.append(text)
                self.server.mails.append("".join(body))
            self.say(221 if word == "QUIT" else 250)
            if word == "QUIT":
                return

    def say(self, code):
        self.wfile.write(f"{code} x\r\n".encode())


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((self.path, json.loads(data)))
        self.send_response(self.server.answers)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


def served(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def mailbox():
    server = socketserver.TCPServer(("127.0.0.1", 0), Mailbox)
    server.mails, server.heard = [], []
    yield served(server)
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), Hook)
    server.calls, server.answers = [], 200
    yield served(server)
    server.shutdown()
    server.server_close()


def params_of(*told):
    return HostParams.model_validate({"host": "toy", "connection": {"kind": "local"}, "notify": told})


def run_of(outcome="completed", status="unchanged", mode="apply", message=""):
    run = record(1)
    run.mode, run.by, run.change = mode, {"user": "otto", "controller": "desk"}, "CHG-17"
    run.notebooks = [NotebookRecord("05_x", "X", outcome, 1.0, steps=[StepEnd("one", "One", status)])]
    if outcome != "completed":
        run.failure = Failure("05_x", "c", "Refused", message or "no", outcome, 3)
    run.close(outcome, 0 if outcome == "completed" else 3)
    return run.as_dict()


def tell(params, run):
    return notices.tell(params, Path("/reports/toy/x"), run).unsent


def test_what_a_machine_said_is_told_as_text():
    """No character of a failure acts on the screen on which a mail or a webhook's record is read."""
    told = notices.content(Path("/reports/toy/x"), run_of("failed", message="\x1b[2Jgone\u202e"))
    assert "gone" in told["failure"]
    assert not {"\x1b", "\u202e"} & {*told["failure"]}


def test_a_mail_says_how_it_ended_and_where_the_report_is(mailbox):
    """By a mail server of this machine, to all mailboxes, in a few lines."""
    address = f"127.0.0.1:{mailbox.server_address[1]}"
    params = params_of(
        {"mail": ["ops@example.org", "ana@example.org"], "sender": "xen@example.org", "server": address}
    )
    assert tell(params, run_of("refused", message="Would hide the disk\n  where: toy")) == ()
    (mail,) = mailbox.mails
    assert "Subject: toy: refused (apply)" in mail
    assert "From: xen@example.org" in mail
    head = message_from_string(mail)
    assert parsedate_to_datetime(head["Date"]).tzinfo
    assert re.fullmatch(r"<\S+@example\.org>", head["Message-ID"])
    assert head["Auto-Submitted"] == "auto-generated"
    assert re.search(r"by otto on desk: \d+ \w+ \d{4}, \d\d:\d\d UTC, ", mail)
    assert all(
        word in mail
        for word in ("Would hide the disk", "change CHG-17", "by otto on desk: ", "/reports/toy/x/index.html")
    )
    assert [line for line in mailbox.heard if line.lower().startswith("rcpt")] == [
        "rcpt TO:<ops@example.org>", "rcpt TO:<ana@example.org>",
    ]  # fmt: skip


def test_sendmail_is_given_the_mail_and_no_option(tmp_path, monkeypatch):
    """Without a server it is the controller's own program, found where it belongs and not by PATH."""
    program = tmp_path / "sendmail"
    program.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/args\ncat >{tmp_path}/mail\n')
    program.chmod(0o755)
    monkeypatch.setattr(notices, "SENDMAIL", str(tmp_path))
    assert tell(params_of({"mail": ["ops@example.org"]}), run_of()) == ()
    assert (tmp_path / "args").read_text() == "-i -- ops@example.org\n"
    assert "Subject: toy: completed (apply)" in (tmp_path / "mail").read_text()
    monkeypatch.setattr(notices, "SENDMAIL", str(tmp_path / "none"))
    (why,) = tell(params_of({"mail": ["ops@example.org"]}), run_of())
    assert "this machine has no sendmail(8)" in why


def test_a_webhook_is_called_with_a_few_fields(hook, monkeypatch):
    """At its address, or at one that is a secret and stands nowhere else."""
    address = f"http://127.0.0.1:{hook.server_address[1]}/hook"
    monkeypatch.setenv("HOOK_ADDRESS", f"{address}/{SECRET}")
    assert (
        tell(params_of({"webhook": address}, {"webhook_at": "env:HOOK_ADDRESS"}), run_of(status="changed"))
        == ()
    )
    (path, told), (secret_path, _) = hook.calls
    assert (path, secret_path) == ("/hook", f"/hook/{SECRET}")
    assert (told["host"], told["outcome"], told["change"]) == ("toy", "completed", "CHG-17")
    assert told["verdict"] == "Every notebook completed. Of 1 step: 1 changed."


def test_who_was_told_is_told_to_whoever_ran_it(hook, monkeypatch):
    """The report was closed before, so the last lines say it, without an address that is a secret; who could not be told is apart."""
    address = f"http://127.0.0.1:{hook.server_address[1]}/hook"
    monkeypatch.setenv("HOOK_ADDRESS", f"{address}/{SECRET}")
    params = params_of(
        {"webhook_at": "env:HOOK_ADDRESS"}, {"webhook": address, "when": "failed"}, {"webhook_at": "env:NONE"}
    )
    told = notices.tell(params, Path("/reports/toy/x"), run_of(status="changed"))
    assert told.sent == ("call of the address at env:HOOK_ADDRESS",)
    assert [line.partition(":")[0] for line in told.unsent] == ["not told (call of the address at env"]
    out = StringIO()
    with contextlib.redirect_stderr(out):
        say_unsigned(Run(Path("/reports/toy/x"), record(1), told.unsent, told.sent))
    assert "told: call of the address at env:HOOK_ADDRESS\n" in out.getvalue()


def test_no_secret_is_told(hook, mailbox, monkeypatch):
    """What the run knew as a secret is masked in what is sent, and in what is said of a notice that failed."""
    monkeypatch.setenv("HOOK_ADDRESS", f"http://127.0.0.1:1/{SECRET}")
    notices.resolve("env:HOOK_ADDRESS")
    params = params_of(
        {"webhook": f"http://127.0.0.1:{hook.server_address[1]}/x"},
        {"mail": ["a@example.org"], "server": f"127.0.0.1:{mailbox.server_address[1]}"},
        {"webhook_at": "env:HOOK_ADDRESS"},
    )
    address = f"http://127.0.0.1:1/{SECRET}"
    (unsent,) = tell(params, run_of("failed", message=f"it said {address}"))
    assert SECRET not in unsent + json.dumps(hook.calls) + "".join(mailbox.mails)
    assert "it said" in hook.calls[0][1]["failure"]


@pytest.mark.parametrize("answers", [302, 404, 500])
def test_what_is_not_taken_is_said_and_changes_nothing(hook, answers):
    """No other address is followed to; the run is what it was."""
    hook.answers = answers
    (unsent,) = tell(params_of({"webhook": f"http://127.0.0.1:{hook.server_address[1]}/x"}), run_of())
    assert f"it answered {answers}" in unsent
    assert [path for path, _ in hook.calls] == ["/x"]


def test_nobody_there_fails_no_run(monkeypatch):
    """A closed port, a secret that is missing, and an error of our own are each one line."""
    params = params_of(
        {"webhook": "http://127.0.0.1:1/x"},
        {"webhook_at": "env:NO_SUCH_THING"},
        {"mail": ["a@b"], "server": "127.0.0.1:1"},
    )
    unsent = tell(params, run_of())
    assert len(unsent) == 3
    assert "no such variable" in unsent[1]
    monkeypatch.setattr(notices, "content", lambda *_: 1 / 0)
    assert len(tell(params, run_of())) == 3


class Drip(BaseHTTPRequestHandler):
    """Takes the call, and sends its answer a letter at a time, so that no single wait is long."""

    def do_POST(self):
        with contextlib.suppress(OSError):
            while not self.server.given_up.wait(0.1):
                self.wfile.write(b"H")

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("form", ["json", "ntfy"])
def test_an_answer_that_never_ends_is_given_up(monkeypatch, form):
    """It is waited for as long as one that never begins; a timeout of the socket alone would begin anew with each letter."""
    monkeypatch.setattr(notices, "TIMEOUT_S", 0.5)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = served(HTTPServer(("127.0.0.1", 0), Drip))
    server.given_up = threading.Event()
    began = time.monotonic()
    address = f"http://127.0.0.1:{server.server_address[1]}/x"
    (unsent,) = tell(params_of({"webhook": address, "form": form}), run_of())
    assert time.monotonic() - began < 3
    assert unsent == f"not told (call of {address}): no answer within 0.5 s"
    server.given_up.set()
    server.shutdown()
    server.server_close()


def test_a_sendmail_that_hangs_is_given_up_and_what_it_started_is_not_waited_for(tmp_path, monkeypatch):
    """A child of it that holds its output is not what the run is about."""
    program = tmp_path / "sendmail"
    program.write_text("#!/bin/sh\nsleep 20 & sleep 20\n")
    program.chmod(0o755)
    monkeypatch.setattr(notices, "SENDMAIL", str(tmp_path))
    monkeypatch.setattr(notices, "TIMEOUT_S", 0.5)
    began = time.monotonic()
    (unsent,) = tell(params_of({"mail": ["ops@example.org"]}), run_of())
    assert time.monotonic() - began < 5
    assert unsent.endswith("no answer within 0.5 s")


def test_a_host_that_never_answers_is_given_up(monkeypatch):
    """A mail server that takes the connection and says nothing costs some seconds, not the night."""
    monkeypatch.setattr(notices, "TIMEOUT_S", 0.3)
    with socketserver.socket.create_server(("127.0.0.1", 0)) as deaf:
        (unsent,) = tell(
            params_of({"mail": ["a@b"], "server": f"127.0.0.1:{deaf.getsockname()[1]}"}), run_of()
        )
    assert unsent.endswith("no answer within 0.3 s")


@pytest.mark.parametrize(
    ("when", "due"),
    [("always", [True, True, True]), ("changed", [False, True, True]), ("failed", [False, False, True])],
)
def test_who_wants_to_know_of_what(when, due):
    """Of each run, of those that changed something or did not complete, or of the latter alone."""
    (notice,) = params_of({"mail": ["a@b"], "when": when}).notify
    runs = [run_of(), run_of(status="changed"), run_of("refused")]
    assert [notices.is_due(notice, run) for run in runs] == due


def test_of_plans_and_replays_nobody_is_told(hook):
    """They change nothing, and a replay reaches nothing."""
    params = params_of({"webhook": f"http://127.0.0.1:{hook.server_address[1]}/x"})
    assert tell(params, run_of(mode="plan")) == ()
    stored = {"kind": "recorded", "recording": "recordings/testbed"}
    replay = HostParams.model_validate(params.model_dump() | {"connection": stored})
    assert tell(replay, run_of(mode="apply")) == ()
    assert hook.calls == []


def test_who_replays_reads_that_nobody_was_told(tmp_path, monkeypatch):
    """The words stand at the end of the run; without `notify`, and of a plan, there is nothing to say."""
    stored = {"connection": {"kind": "recorded", "recording": "recordings/testbed"}}
    said = [params_of({"mail": ["a@b"]}).model_dump(), params_of().model_dump()]
    assert [notices.is_played(HostParams.model_validate(one | stored)) for one in said] == [True, False]
    assert not notices.is_played(params_of({"mail": ["a@b"]}))


def test_it_needs_the_operators_word(tmp_path, monkeypatch):
    """What leaves this machine by a parameter file is allowed once, and again when it goes elsewhere."""
    alone(monkeypatch, tmp_path / "config")
    params = params_of({"mail": ["ops@example.org"]})
    with pytest.raises(ConsentMissing, match="you did not agree") as error:
        programs.require(params)
    assert "notify.0: mail to ops@example.org by sendmail" in error.value.why
    for program in programs.of(params):
        allowed.allow(program)
    programs.require(params)
    with pytest.raises(ConsentMissing):
        programs.require(params_of({"mail": ["eve@example.org"]}))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "this has none"),
        ({"mail": ["a@b"], "webhook": "https://a/b"}, "this has mail and webhook"),
        ({"mail": ["a@b"], "user": "x"}, "server, user and password"),
        ({"webhook": "http://example.org/"}, "in the clear"),
    ],
)
def test_a_notice_that_fits_nothing_is_refused(said, why):
    """Before anything is started."""
    with pytest.raises(ValueError, match=why):
        params_of(said)
