"""A recorded host under another name: whoever copies a parameter file and calls the host otherwise plays on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from runbook.guests.config import made_uuid
from runbook.guests.seal import is_whole, sealed, unsealed


def renaming(asked: Mapping[str, Any], host: str) -> Callable[[Any], Any]:
    """Return what writes another name for that of a recorded host; `asked` is what the parameters asked for then.

    Questions, deeds and answers are renamed alike, so a replay under another name says what the recorded one does, to
    the letter. The name is one where it stands as a word: `testbed-disk1` stays. What the runbook makes of the name,
    identities and seals of guests, becomes what it makes of the other one.
    """
    own = str(asked.get("host", ""))
    if not host or host == own or not own:
        return lambda value: value
    new = {own: host} | {
        made_uuid(own, guest["name"]): made_uuid(host, guest["name"]) for guest in asked.get("guests", ())
    }
    words = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, new))})(?![\w-])")

    def text(said: str) -> str:
        renamed = words.sub(lambda found: new[found[1]], said)
        return sealed(unsealed(renamed)) if renamed != said and is_whole(said) else renamed

    def rename(value: Any) -> Any:
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return [rename(one) for one in value]
        return {text(key): rename(one) for key, one in value.items()} if isinstance(value, dict) else value

    return rename
