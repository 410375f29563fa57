"""The answers of a host kept with the run: `facts/<notebook>.json`, without anything secret."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shlex
from pathlib import Path

from runbook.controller import plain
from runbook.controller.atomic import write_atomic
from runbook.facts import identity
from runbook.model.ask import Answer, Ask, Facts
from runbook.redaction import KNOWN
from runbook.redaction.spelt import PATTERNS

FOLDER = "facts"
RawAnswer = tuple[int, str, str]
LAST = "last"
"""The name of the look after a run's last change, beside those of the notebooks."""
_MACHINE = identity.COMMANDS[0]
_IN_ADDRESS = re.compile(r"(://[^/\s:@]*:)([^@\s/]+)(?=@)")
_HASH = re.compile(r"(?m)(^[^:\s]+:)([!*]?\$[^:\s]+)(?=:)")
_HIDDEN = re.compile(r"hidden-[0-9a-f]{12}")
_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(.*?)(?=-----END|-----BEGIN|\Z)", re.S)


def keep(run_dir: Path, notebook: str, facts: Facts) -> None:
    """Add the answers of one look to those of this notebook; the newest answer to a question stays.

    Raises `OSError` when the folder cannot be written.
    """
    path = run_dir / FOLDER / f"{notebook}.json"
    path.parent.mkdir(exist_ok=True)
    key = facts[_MACHINE].out.strip() if _MACHINE in facts else ""
    known = _answers(path)
    for ask, answer in facts.items():
        kept = Answer(0, identity.parse(facts)) if ask == _MACHINE else hidden(answer, key)
        known[ask.key] = (kept.status, kept.out, kept.err)
    text = json.dumps({"format": 1, "answers": known}, indent=1, ensure_ascii=False, sort_keys=True)
    write_atomic(path, KNOWN.text(text) + "\n")


def load(run_dir: Path) -> Facts:
    """Return the newest answer to every question that a run asked; no answers when it kept none."""
    folder = run_dir / FOLDER
    paths = sorted(folder.glob("*.json"), key=lambda path: (path.stem == LAST, path.stem))
    merged: dict[str, RawAnswer] = {}
    for path in paths:
        merged.update(_answers(path))
    return _facts(merged)


def of(run_dir: Path, notebook: str) -> Facts:
    """Return the newest answers of one notebook's looks alone, or of the `LAST` look; none when it kept none."""
    return _facts(_answers(run_dir / FOLDER / f"{notebook}.json"))


def machine(facts: Facts) -> str:
    """Return which installation kept facts are of (`runbook.facts.identity`), '' when they do not say."""
    return facts[_MACHINE].out if _MACHINE in facts else ""


def notebooks(run_dir: Path) -> frozenset[str]:
    """Return the notebooks whose facts a run kept."""
    return frozenset(path.stem for path in (run_dir / FOLDER).glob("*.json")) - {LAST}


def ask_of(key: str) -> Ask:
    """Return the question of a key.

    >>> ask_of("< /etc/fstab") == Ask.read("/etc/fstab"), ask_of("uname -r") == Ask.run("uname", "-r")
    (True, True)
    """
    return Ask.read(key[2:]) if key.startswith("< ") else Ask.run(*shlex.split(key))


def hidden(answer: Answer, key: str) -> Answer:
    """Return an answer in which every password, password hash and private key is a keyed digest.

    Two different secrets have different digests. The key is the machine's id, which no report holds, so
    that nobody can try out passwords against a report.

    >>> hidden(Answer(0, 'vncpasswd = "abc"\\n'), "k").out
    'vncpasswd = "hidden-342e519ce0ad"\\n'
    >>> hidden(Answer(0, "password requisite pam_deny.so"), "k").out
    'password requisite pam_deny.so'
    >>> hidden(Answer(0, "ana ALL=(root) NOPASSWD: /usr/sbin/xl list"), "k").out
    'ana ALL=(root) NOPASSWD: /usr/sbin/xl list'
    """

    def digest(match: re.Match[str]) -> str:
        bare = match[2].strip("\"'\\") or match[2]
        if _HIDDEN.fullmatch(bare):
            return match[0]
        mark = hmac.new(key.encode(), bare.encode(), hashlib.sha256).hexdigest()[:12]
        return match[1] + match[2].replace(bare, f"hidden-{mark}")

    def clean(text: str) -> str:
        for pattern in (_KEY, _HASH, _IN_ADDRESS, *PATTERNS):
            text = pattern.sub(digest, text)
        return text

    return Answer(answer.status, clean(answer.out), clean(answer.err))


def _facts(answers: dict[str, RawAnswer]) -> Facts:
    return Facts({ask_of(key): Answer(status, out, err) for key, (status, out, err) in answers.items()})


def _answers(path: Path) -> dict[str, RawAnswer]:
    try:
        answers: dict[str, RawAnswer] = plain.read_json(path)["answers"]
        if not all(map(_is_said, answers.values())):
            return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return answers


def _is_said(answer: object) -> bool:
    """Return whether it is what a host answered: a status, and two texts."""
    match answer:
        case [int(), str(), str()]:
            return True
    return False
