"""Somebody is told when a run has ended, or by the watch. That it cannot be done changes nothing of what was done before."""

from __future__ import annotations

import json
import logging
import shutil
import smtplib
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runbook.errors import RunbookError
from runbook.evidence.pages import verdict
from runbook.params import HostParams
from runbook.params.host import Stored
from runbook.params.notices import Notice, is_loopback
from runbook.params.secrets import password, resolve
from runbook.redaction import KNOWN
from runbook.text.moments import spent, when
from runbook.text.printable import printable

TIMEOUT_S = 20
"""How long one of them is waited for, whatever is slow: its name, its answer, or one that comes byte by byte."""
SENDMAIL = "/usr/sbin:/usr/lib:/usr/bin"
"""Where sendmail(8) may be; the caller's PATH is not asked."""
log = logging.getLogger("runbook.evidence")
Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """Who was told of a run: `sent` where to, `unsent` a line for each who could not be, and why."""

    sent: tuple[str, ...] = ()
    unsent: tuple[str, ...] = ()


def tell(params: HostParams, place: Path, run: Json) -> Told:
    """Tell those whom the parameters name of a run that has ended; return who was told, and who could not be.

    Nothing is told of a replay, of a capture, and of a plan. What is told went through the gate of the report.
    """
    if isinstance(params.connection, Stored) or run["mode"] not in ("apply", "check", "undo"):
        return Told()
    sent, unsent = [], []
    for notice in params.notify:
        try:
            if is_due(notice, run):
                told = KNOWN.clean(content(place, run))
                send(notice, f"{told['host']}: {told['outcome']} ({told['mode']})", _lines(told), told)
                sent.append(KNOWN.text(notice.whereto))
        except Exception as error:  # whatever goes wrong, the run has ended as it has
            unsent.append(KNOWN.text(f"not told ({notice.whereto}): {why(error)}"))
            log.warning("%s", unsent[-1])
    return Told(tuple(sent), tuple(unsent))


def is_played(params: HostParams) -> bool:
    """Return whether somebody is named who is told of nothing, because no machine is reached."""
    return bool(params.notify) and isinstance(params.connection, Stored)


def is_due(notice: Notice, run: Json) -> bool:
    """Return whether somebody wants to know of such a run."""
    if notice.about == "watch":
        return False
    changed = any(step["status"] == "changed" for book in run["notebooks"] for step in book["steps"])
    is_well = run["outcome"] == "completed"
    return {"always": True, "changed": changed or not is_well, "failed": not is_well}[notice.when]


def content(place: Path, run: Json) -> Json:
    """Return what is told of a run: how it ended, and where its report is; nothing that a host said at length."""
    failure = run.get("failure") or {}
    return {
        "host": run["host"],
        "run": run["id"],
        "mode": run["mode"],
        "outcome": run["outcome"],
        "exit_code": run["exit_code"],
        "started": run["started"],
        "ended": run["ended"],
        "verdict": verdict(run),
        "failure": printable(str(failure.get("message", "")).partition("\n")[0][:300]),
        "change": run.get("change", ""),
        "by": run.get("by", {}),
        "signed_by": run.get("signed_by"),
        "report": str(place / "index.html"),
    }


def send(notice: Notice, subject: str, lines: Sequence[str], told: Json) -> None:
    """Tell one of those whom the parameters name: `told` as JSON, or subject and lines as text.

    Whatever goes wrong is raised; `why` says it in a sentence. What is told went through the gate of the report before.
    """
    if notice.mail:
        _within(lambda: _mail(notice, subject, lines))
        return
    address = notice.webhook or resolve(notice.webhook_at)
    if notice.form == "ntfy":
        # ntfy takes headers of one line in plain letters, and the text as the body (docs.ntfy.sh, Publishing).
        title = subject.encode("ascii", "replace").decode()
        post(
            address, "\n".join(lines).encode(), {"Title": title, "Content-Type": "text/plain; charset=utf-8"}
        )
    else:
        post(address, json.dumps(told, ensure_ascii=False).encode(), {"Content-Type": "application/json"})


def _lines(told: Json) -> list[str]:
    by = " on ".join(filter(None, (told["by"].get("user"), told["by"].get("controller"))))
    lines = [told["verdict"], told["failure"], f"change {told['change']}" if told["change"] else "",
             f"run {told['run']} by {by or 'nobody who is named'}: {when(told['started'])}, {spent(_seconds(told))}",
             told["report"]]  # fmt: skip
    return list(filter(None, lines))


def _seconds(told: Json) -> float:
    started, ended = (datetime.fromisoformat(told[name]) for name in ("started", "ended"))
    return (ended - started).total_seconds()


def _mail(notice: Notice, subject: str, lines: Sequence[str]) -> None:
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())
    message["From"] = notice.sender or notice.mail[0]
    message["To"] = ", ".join(notice.mail)
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=message["From"].rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence answers it (RFC 3834)
    message.set_content("\n".join(lines) + "\n")
    if not notice.server:
        program = shutil.which("sendmail", path=SENDMAIL)
        if program is None:
            raise FileNotFoundError("this machine has no sendmail(8); name a `server`")
        argv = [program, "-i", "--", *notice.mail]
        subprocess.run(argv, input=message.as_bytes(), timeout=TIMEOUT_S, check=True, capture_output=True)
        return
    relay = urlsplit(f"//{notice.server}")
    host = relay.hostname or ""
    with smtplib.SMTP(host, relay.port or smtplib.SMTP_PORT, timeout=TIMEOUT_S) as server:
        if not is_loopback(host):
            server.starttls(context=ssl.create_default_context())
        if notice.user:
            server.login(notice.user, password(notice.password))
        server.send_message(message)


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows to no other address: what was allowed is this one."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def post(address: str, data: bytes, headers: dict[str, str]) -> None:
    """Call an address by POST, and no other that it may lead to. Raises `OSError` when it does not take it."""
    request = urllib.request.Request(
        address, data, {"User-Agent": "xen-host-runbook", **headers}, method="POST"
    )
    _within(lambda: _open(request))


def _open(request: urllib.request.Request) -> None:
    try:
        urllib.request.build_opener(_Stays).open(request, timeout=TIMEOUT_S).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise


def _within(work: Callable[[], None]) -> None:
    """Do something in a thread of its own, which is left to itself after `TIMEOUT_S`. Raises what it raised, or `TimeoutError`."""
    ended: Future[None] = Future()

    def do() -> None:
        try:
            work()
            ended.set_result(None)
        except BaseException as error:  # it is raised where it is waited for
            ended.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    ended.result(TIMEOUT_S)


def why(error: Exception) -> str:
    """Return in a sentence why somebody could not be told."""
    if isinstance(error, RunbookError):
        return error.what + (f": {error.why}" if error.why else "")
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    if isinstance(error, urllib.error.URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    # smtplib says that a connection was closed when it gave up waiting itself: what it met is behind it.
    if any(isinstance(one, (TimeoutError, subprocess.TimeoutExpired)) for one in (error, error.__context__)):
        return f"no answer within {TIMEOUT_S} s"
    if isinstance(error, subprocess.CalledProcessError):
        return (
            f"sendmail ended with {error.returncode}: {error.stderr.decode(errors='replace').strip()[-200:]}"
        )
    return f"{type(error).__name__}: {error}"[:300]
