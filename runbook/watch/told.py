"""Those whom the parameters name are told what is news, each once; what cannot be told waits for the next look."""

from __future__ import annotations

import logging
from typing import Any

from runbook.evidence import notices
from runbook.params import HostParams
from runbook.params.notices import Notice
from runbook.params.secrets import resolve
from runbook.redaction import KNOWN
from runbook.text.printable import printable
from runbook.watch.news import Message

log = logging.getLogger("runbook.watch")
Json = dict[str, Any]


def tell(
    params: HostParams, message: Message | None, waiting: list[Json]
) -> tuple[list[Json], tuple[str, ...]]:
    """Tell each notice what waits for it and then the news; return what waits now, and what could not be told and why.

    Who gave no answer gets all of it at a later look, in order; the others are not told twice.
    """
    left: list[Json] = []
    unsent: list[str] = []
    for notice in params.notify:
        if notice.about == "runs":
            continue
        queue = [row for row in waiting if row.get("to") == notice.whereto]
        queue += [{"to": notice.whereto, **content(message)}] if message else []
        for number, row in enumerate(queue):
            try:
                _send(notice, row)
            except Exception as error:  # whatever goes wrong with telling, the look was made
                unsent.append(KNOWN.text(f"not told ({notice.whereto}): {notices.why(error)}"))
                log.warning("%s", unsent[-1])
                left += queue[number:]
                break
    return left, tuple(unsent)


def content(message: Message) -> Json:
    """Return a message as it is told: cleaned of secrets, and of characters that act on a screen."""
    return dict(
        KNOWN.clean(
            {
                "host": message.host,
                "at": message.at,
                "subject": printable(message.subject)[:300],
                "lines": [printable(line)[:600] for line in message.lines],
                "well": not message.left,
                "came": [
                    {"key": printable(c.key), "what": printable(c.what), "do": printable(c.do)}
                    for c in message.came
                ],
                "went": [
                    {"key": printable(a.condition.key), "what": printable(a.condition.what)}
                    for a in message.went
                ],
            }
        )
    )


def beat(params: HostParams) -> str:
    """Call the other side that notices when the watch falls silent; return why it could not be, '' when all is well."""
    watch = params.watch
    if not (watch.heartbeat or watch.heartbeat_at):
        return ""
    try:
        notices.post(watch.heartbeat or resolve(watch.heartbeat_at), b"", {})
    except Exception as error:  # the look was made, and told
        return KNOWN.text(f"the heartbeat was not taken: {notices.why(error)}")
    return ""


def _send(notice: Notice, row: Json) -> None:
    told = {key: value for key, value in row.items() if key != "to"}
    notices.send(notice, str(row["subject"]), [str(line) for line in row["lines"]], told)
