"""What the watch keeps of a host between two looks: `watch.json` beside its reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.redaction import KNOWN
from runbook.watch.condition import Condition
from runbook.watch.news import Active, State

NAME = "watch.json"
Json = dict[str, Any]
MOST = 50
"""So many messages at most wait for somebody who cannot be told; the oldest go."""


def load(place: Path, host: str) -> tuple[State, list[Json]]:
    """Return what is known of a host, and the messages that wait to be told; nothing when it was never looked at."""
    try:
        content: Json = plain.read_json(place / NAME)
        active = tuple(
            Active(Condition(*(str(row[k]) for k in ("key", "topic", "what", "do"))), int(row["since"]))
            for row in content["active"]
        )
        unknown = tuple((str(topic), str(why)) for topic, why in content.get("unknown", ()))
        state = State(host, int(content["looked"]), active, int(content["drifted"]), unknown)
        return state, list(content["waiting"])
    except (OSError, ValueError, KeyError, TypeError):
        return State(host), []


def keep(place: Path, state: State, waiting: list[Json]) -> None:
    """Write down what is known of a host. Raises `OSError`; what was there before is then untouched."""
    place.mkdir(parents=True, exist_ok=True)
    told: Json = {
        "format": 1,
        "host": state.host,
        "looked": state.looked,
        "drifted": state.drifted,
        "active": [
            {
                "key": a.condition.key,
                "topic": a.condition.topic,
                "what": a.condition.what,
                "do": a.condition.do,
                "since": a.since,
            }
            for a in state.active
        ],
        "unknown": [list(one) for one in state.unknown],
        "waiting": waiting[-MOST:],
    }
    write_atomic(place / NAME, json.dumps(KNOWN.clean(told), indent=1, ensure_ascii=False) + "\n")
