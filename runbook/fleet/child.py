"""The process of one host in a fleet: runs its notebooks, and says a line of JSON for each event.

    python -m runbook.fleet.child JOB

Standard input is its lifeline: when that ends, its parent is gone, and it ends as by Ctrl-C. The last line is
the event `end` with `state`, `exit_code`, `report` and `message`. What it says went through the gates of the run, so
that no secret that the run knows is in it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from runbook.controller.signals import Stops, watching
from runbook.errors import ParamsError, RunbookError
from runbook.evidence.outcomes import INTERRUPTED
from runbook.redaction import KNOWN

_TURN = threading.Lock()
LONGEST = 400
"""Characters of an output that are passed on: the parent shows its last line and keeps no other."""


def main() -> None:
    """Run the job in the first argument; end with its exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the parent deaf to it
    with watching(until_exit=True) as stops:
        code = _main(stops)
    sys.exit(code)


def prepare() -> None:
    """Import what every host's run needs, and compile the templates of its pages."""
    from runbook.evidence import notebook_html
    from runbook.runner import run  # noqa: F401

    notebook_html.warm_up()


def _main(stops: Stops) -> int:
    job = json.loads(sys.argv[1])
    threading.Thread(target=_hold_lifeline, daemon=True).start()
    logging.basicConfig(handlers=[_Saying()], level=logging.WARNING)
    end: dict[str, Any] = {"state": "failed", "exit_code": 1, "report": "", "message": ""}
    try:
        with stops.interruptible():
            end |= _run(job)
    except RunbookError as error:
        end |= {"state": error.status, "exit_code": error.exit_code, "message": str(error)}
    except KeyboardInterrupt:
        end |= {
            "state": "killed",
            "exit_code": INTERRUPTED,
            "message": "Interrupted before its first notebook",
        }
    except Exception:
        end |= {"message": traceback.format_exc(limit=-3)}
    shutil.rmtree(job["sockets"], ignore_errors=True)  # who made it may be gone
    say(event="end", **end)
    return int(end["exit_code"])


def _run(job: dict[str, Any]) -> dict[str, Any]:
    from runbook import params as parameters
    from runbook.runner.run import run

    if parameters.digest(parameters.load(job["params"])) != job["digest"]:
        raise ParamsError(
            "The parameters were changed since the fleet run began",
            where=job["params"],
            do="look at them, then run the fleet again with --resume",
        )
    reports = Path(job["reports"])
    done = run(
        job["params"], job["mode"], job["only"], job["start"], reports, lambda event: say(**event),
        strict=job["strict"], sockets=Path(job["sockets"]),
    )  # fmt: skip
    place = str(done.folder.relative_to(reports))
    return {"state": done.outcome, "exit_code": done.exit_code, "report": place, "message": done.message}


def say(**event: Any) -> None:
    """Say one event. A parent that is gone hears nothing, which ends nothing here: the lifeline does that."""
    if event["event"] == "output":
        event["text"] = event["text"][-LONGEST:]
    data = (json.dumps(KNOWN.clean(event), ensure_ascii=False) + "\n").encode("utf-8", "replace")
    with _TURN, suppress(BrokenPipeError):
        while data:
            data = data[os.write(1, data) :]


def _hold_lifeline() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class _Saying(logging.Handler):
    """Says warnings as events, so that they are masked and the parent can show them."""

    def emit(self, record: logging.LogRecord) -> None:
        say(event="output", notebook="", text=self.format(record))


if __name__ == "__main__":
    main()
