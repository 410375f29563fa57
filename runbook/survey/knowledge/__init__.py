"""What is known of devices beyond what a machine says of them, as data: one file a subject, one line an entry.

`find(subject, …)` returns the entries of a subject that mean a device. A file is read and judged whole when its
subject is first asked for; a wrong line is named with its file and number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from pydantic import ValidationError

from runbook.errors import RunbookError
from runbook.survey.knowledge.entry import Entry

__all__ = ["HEAD", "SUBJECTS", "Entry", "entries", "find", "read"]

SUBJECTS: dict[str, frozenset[str]] = {
    "resets": frozenset({"amd-reset", "reset-reported"}),
    "integrated": frozenset({"integrated"}),
    "graphics": frozenset({"nvidia", "compute", "laptop", "console", "rebar"}),
    "xen": frozenset({"iommu-off", "msix-page"}),
    "phantom": frozenset({"phantom"}),
    "platform": frozenset({"board"}),
}
"""The subjects, each a file of that name here, with the kinds that its entries may have."""
HEAD = list(Entry.model_fields)
"""The columns of every file, in this order; what a column holds says `entry.Entry`."""


def find(
    subject: str, identity: str, class_code: str, revision: int | None, *, in_root: bool
) -> tuple[Entry, ...]:
    """Return the entries of a subject that mean a device of an identity (`8086:3405`), class and revision.

    `in_root` tells that no bridge is above it. Where an entry asks for a revision and none is known, the entry is
    returned: the caller sees by `Entry.is_sure`.
    """
    return _find(subject, identity, class_code, revision, in_root)


@cache
def _find(subject: str, identity: str, code: str, revision: int | None, in_root: bool) -> tuple[Entry, ...]:
    return tuple(e for e in entries(subject) if e.means(identity, code, revision, in_root=in_root))


@cache
def entries(subject: str) -> tuple[Entry, ...]:
    """Return all entries of a subject. Raises `RunbookError` for a line that is not as it should be."""
    name = f"{subject}.csv"
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return tuple(read(name, text, SUBJECTS[subject]))


def read(name: str, text: str, kinds: frozenset[str]) -> Iterator[Entry]:
    """Yield the entries of a file's text; empty lines and those that begin with # are for people.

    Raises `RunbookError` that names file and line: for another number of columns, for a value that is none, for a
    kind that is not of this subject, and for an entry that means nothing in particular.
    """
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    for place, (number, line) in enumerate(lines):
        values = next(csv.reader([line], strict=True))
        if place == 0:
            if values != HEAD:
                raise _wrong(name, number, f"the columns are not {','.join(HEAD)}")
            continue
        if len(values) != len(HEAD):
            raise _wrong(
                name, number, f"{len(values)} columns, not {len(HEAD)}; quote a value that has a comma"
            )
        try:
            entry = Entry.model_validate(dict(zip(HEAD, values, strict=True)))
        except ValidationError as error:
            first = error.errors()[0]
            raise _wrong(name, number, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if entry.kind not in kinds:
            raise _wrong(name, number, f"kind: '{entry.kind}' is none of {', '.join(sorted(kinds))}")
        yield entry


def _wrong(name: str, number: int, why: str) -> RunbookError:
    return RunbookError(
        "What the runbook knows of devices cannot be read",
        where=f"runbook/survey/knowledge/{name}, line {number}",
        why=why,
        do="correct that line; CONTRIBUTING.md, «Add what is known of a device», says what a line holds",
    )
