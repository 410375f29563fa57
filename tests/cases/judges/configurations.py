"""What is said of a configuration, and what is rendered."""

from runbook.guests.validate import validate


def _says(case, files):
    """Each piece of text stands in what is found wrong with the file, on every release."""
    for name, pieces in files.items():
        for release in ("bookworm", "trixie"):
            said = _findings(case, name, release)
            yield from (f"{name}, {release}: nothing says {piece!r}" for piece in pieces if piece not in said)


def _silent(case, files):
    """No piece of text stands in what is found wrong with the file."""
    for name, pieces in files.items():
        for release in ("bookworm", "trixie"):
            said = _findings(case, name, release)
            yield from (f"{name}, {release}: it says {piece!r}" for piece in pieces if piece in said)


def _findings(case, name, release):
    found = validate(case.text(name), release, name)
    return "\n".join(f"{f.what} | {f.why} | {f.do}" for f in found)


JUDGES = {"says": _says, "silent": _silent}
