"""What is said of a configuration, what becomes of it as a guest, and what is rendered."""

from runbook import releases
from runbook.guests import config, effect
from runbook.guests.refusals import refusals
from runbook.guests.syntax import Unreadable, parse
from runbook.guests.validate import validate
from runbook.params import HostParams
from tests.guests import again

RELEASES = ("bookworm", "trixie")


def _xl(case, files):
    """Each release's xl takes the file, or stops; test_oracle.py asks it whether that is so."""
    for name, verdicts in files.items():
        for release, is_taken in verdicts.items():
            if stops(case.text(name), release) == is_taken:
                yield f"{name}, {release}: it is said that xl {'stops' if is_taken else 'goes on'}"


def stops(text, release):
    """Return whether it is said that a release's xl stops at a configuration."""
    try:
        return any(refusals(parse(text), release))
    except Unreadable:
        return True


def _says(case, files):
    """Each piece of text stands in what is found wrong with the file, on every release."""
    for name, pieces in files.items():
        for release in RELEASES:
            said = _findings(case, name, release)
            yield from (f"{name}, {release}: nothing says {piece!r}" for piece in pieces if piece not in said)


def _silent(case, files):
    """No piece of text stands in what is found wrong with the file."""
    for name, pieces in files.items():
        for release in RELEASES:
            said = _findings(case, name, release)
            yield from (f"{name}, {release}: it says {piece!r}" for piece in pieces if piece in said)


def _findings(case, name, release):
    found = validate(case.text(name), release, name)
    return "\n".join(f"{f.what} | {f.why} | {f.do}" for f in found)


def _fits(case, files):
    """The parameters can say the file, but for the words that xl skips: what is rendered again asks the same of xl."""
    for name, skipped in files.items():
        there = parse(case.text(name))
        for release in RELEASES:
            made = again.adopted(there, release)
            if sorted(made.skipped) != sorted(skipped):
                yield f"{name}, {release}: skipped are {sorted(made.skipped)}"
            for other in effect.differences(there, parse(again.rendered(made, release)), release):
                if other.what != "uuid" or "uuid" in there.values:
                    yield f"{name}, {release}: {other}"


def _renders(_case, claim):
    """A guest of five lines with these fields renders these lines."""
    params = HostParams.model_validate(
        {
            "host": "box",
            "connection": {"kind": "local"},
            "guests": [{"name": "a", "memory_mib": 1024, **claim["guest"]}],
        }
    )
    lines = config.render(params, params.guests[0], releases.get("trixie"), False).splitlines()
    yield from (f"no line `{line}` is rendered" for line in claim["lines"] if line not in lines)


JUDGES = {"xl": _xl, "says": _says, "silent": _silent, "fits": _fits, "renders": _renders}
