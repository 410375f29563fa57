"""Taking in guests of a host: which are wanted, what the host says of them, and the parameter file with them."""

from __future__ import annotations

import difflib
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from runbook.errors import ParamsError, Refused
from runbook.guests.adoption import Unadoptable
from runbook.guests.syntax import Unreadable, parse
from runbook.model.ask import MISSING, Ask, Facts
from runbook.params import HostParams
from runbook.proposal import guests, into, machine, told
from runbook.proposal.guests import Entry, Found

RUNNING = "running"


@dataclass(frozen=True)
class Wanted:
    """What a person asked for."""

    names: tuple[str, ...]
    source: str
    """A file of the host, `running`, or '' for what is found."""
    takes_all: bool = False
    replaces: bool = False


@dataclass(frozen=True)
class Seen:
    """What a host says of its guests."""

    facts: Facts
    machine: machine.Proposal
    file: tuple[str, str] | None
    """Path and content of the file that was named; None where none was."""
    absent: frozenset[str] = frozenset()
    """Paths of disks and kernels that the host was asked for and does not have."""


@dataclass(frozen=True)
class Taken:
    """A parameter file with the guests in it."""

    text: str
    diff: tuple[str, ...]
    names: tuple[str, ...]
    """The guests that were written into it."""
    left: tuple[tuple[str, str], ...]
    """Those that could not be, with the reason."""
    notes: tuple[str, ...]


def asks(wanted: Wanted) -> tuple[Ask, ...]:
    """Return the question for a file that was named; none where none was. Raises `ParamsError` for what is no path."""
    if wanted.source in ("", RUNNING):
        return ()
    if not wanted.source.startswith("/"):
        raise ParamsError(
            f"'{wanted.source}' is no path on the host",
            why="the configuration is read on the host, so its path begins with /",
            do="give it whole, such as --from /root/web.cfg; or `--from running` for what runs now",
        )
    return (Ask.read(wanted.source),)


def read(facts: Facts, params: HostParams, wanted: Wanted) -> Seen:
    """Return what the facts say; which of the guests' parts the host lacks is asked after that."""
    file = _file(facts, wanted.source, params) if asks(wanted) else None
    return Seen(facts, machine.read(facts), file)


def existing_parts(seen: Seen, wanted: Wanted) -> tuple[str, ...]:
    """Return the paths that the guests which may be taken in cannot do without."""
    there = [_of_file(*seen.file, wanted)] if seen.file else guests.read(seen.facts)
    return tuple(dict.fromkeys(path for found in there for path in told.parts(found)))


def _file(facts: Facts, path: str, params: HostParams) -> tuple[str, str]:
    there = next((found.text for found in guests.read(facts) if found.path == path), None)
    if there is not None:
        return path, there
    ask = Ask.read(path)
    if ask not in facts or facts[ask].status == MISSING:
        raise ParamsError(
            f"There is no {path} on the host",
            where=params.host,
            why="nothing of that name is there" if ask in facts else "the capture does not hold it",
            do="see on the host where the guest's configuration lies: `ls /etc/xen`, or `xl list` and --from running",
        )
    return path, facts.text(path) or ""


def take(text: str, path: Path, params: HostParams, seen: Seen, wanted: Wanted) -> Taken:
    """Return a parameter file's text with the wanted guests. `text` is its content, `path` where it stands.

    Raises `ParamsError` or `Refused` where one that was named cannot be taken in; of all guests, those that cannot
    stay outside with the reason. Nothing is half done: the text is whole, or an error is raised.
    """
    size = guests.size_of(seen.machine.machine.storage)
    change = into.begun(text, path, into.place_of(seen.machine), replaces=wanted.replaces)
    made, left = list[Entry](), list[tuple[str, str]]()
    for found in _chosen(seen, params, wanted):
        try:
            one = guests.entry(found, params.host, params.storage.guest_volume_group, params.release, size)
            _require_parts(one, seen)
            if change.add(one):
                made.append(one)
        except (Unadoptable, ParamsError) as error:
            if not wanted.takes_all:
                raise _refused(found, error, params) from None
            left.append((found.name, _reason(error)))
    new, made = _proven(text, path, change, made, left, params, wanted)
    diff = difflib.unified_diff(text.splitlines(), new.splitlines(), str(path), str(path), lineterm="", n=2)
    notes = tuple(note for one in made for note in told.of(one, seen.facts))
    return Taken(new, tuple(diff), tuple(one.guest["name"] for one in made), tuple(left), notes)


def _proven(
    text: str, path: Path, change: into.Change, made: list[Entry], left: list[tuple[str, str]], params: HostParams,
    wanted: Wanted,
) -> tuple[str, list[Entry]]:  # fmt: skip
    """Return the new text and the guests in it, each proven to be the one that is there.

    Where not all of them can stand in one file, those that were named are refused; of all, each that cannot stands outside.
    """
    try:
        wrong = into.prove(change, made)
        if not wrong:
            return into.write(text, path, change), made
        if not wanted.takes_all:
            one = next(one for one in made if one.guest["name"] in wrong)
            raise _refused(one.found, Unadoptable(wrong[one.guest["name"]]), params)
    except ParamsError:
        if not wanted.takes_all:
            raise
    kept: list[Entry] = []
    change = _as_many(into.begun(text, path, change.place, replaces=wanted.replaces), made, kept, left)
    return into.write(text, path, change), kept


def _as_many(
    change: into.Change, made: list[Entry], kept: list[Entry], left: list[tuple[str, str]]
) -> into.Change:
    """Return the change with those of some guests that can stand in one file; halves are tried where the whole cannot."""
    more = deepcopy(change)
    try:
        for one in made:
            more.add(one)
        wrong = into.prove(more, made)
        error: Exception | None = Unadoptable(next(iter(wrong.values()))) if wrong else None
    except (Unadoptable, ParamsError) as raised:
        error = raised
    if error is None:
        kept += made
        return more
    if len(made) == 1:
        left.append((made[0].found.name, _reason(error)))
        return change
    half = len(made) // 2
    return _as_many(_as_many(change, made[:half], kept, left), made[half:], kept, left)


def _reason(error: Exception) -> str:
    return (error.why or error.what) if isinstance(error, ParamsError) else str(error)


def _require_parts(one: Entry, seen: Seen) -> None:
    """Raise `Unadoptable` where the host does not have a disk, a kernel or a script of a guest."""
    gone = [path for path in told.parts(one.found) if path in seen.absent]
    if gone:
        raise Unadoptable(
            f"{' and '.join(gone)}, which its configuration names, {'is' if len(gone) == 1 else 'are'} not on the host: "
            "bring it back, or correct the configuration"
        )


def _chosen(seen: Seen, params: HostParams, wanted: Wanted) -> list[Found]:
    """Return the guests that were asked for. Raises `ParamsError` for one that is not there, or there twice."""
    if seen.file:
        return [_of_file(*seen.file, wanted)]
    there = guests.read(seen.facts)
    if wanted.takes_all:
        return list(there)
    if wanted.source == RUNNING:
        return [_running(seen, params, name) for name in wanted.names or _no_name()]
    return [_named(there, params, name) for name in wanted.names]


def _no_name() -> tuple[str, ...]:
    raise ParamsError(
        "It is not said which of the running guests is meant",
        why="`--from running` takes a guest by its name",
        do="name it; `xl list` on the host shows those that run",
    )


def _of_file(path: str, text: str, wanted: Wanted) -> Found:
    try:
        said = parse(text)
    except Unreadable as error:
        return Found(PurePosixPath(path).stem, path, text, None, str(error))
    name = said.text("name")
    if wanted.names and (name,) != wanted.names:
        raise ParamsError(
            f"{path} is the configuration of '{name}', not of '{', '.join(wanted.names)}'",
            why="a guest is taken in under the name that it has",
            do=f"leave the name out, or say {name or 'another file'}",
        )
    return Found(name or PurePosixPath(path).stem, path, text, said)


def _running(seen: Seen, params: HostParams, name: str) -> Found:
    if found := guests.running(seen.facts, name):
        return found
    raise ParamsError(
        f"No guest '{name}' runs on {params.host}",
        why="`xl list -l` does not have it",
        do="leave `--from running` out to read its configuration, or start it and run this again",
    )


def _named(there: tuple[Found, ...], params: HostParams, name: str) -> Found:
    found = [one for one in there if one.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise ParamsError(
            f"{len(found)} configurations are of a guest '{name}': {', '.join(one.path for one in found)}",
            where=params.host,
            why="which of them is meant is not for the runbook to guess",
            do=f"say which with --from {found[0].path}",
        )
    names = ", ".join(one.name for one in there) or "none at all"
    raise ParamsError(
        f"There is no guest '{name}' on {params.host}",
        why=f"below /etc/xen, and among those that run, there are: {names}",
        do="name one of those, or give the file of it with --from /path/of/its.cfg",
    )


def _refused(found: Found, error: Unadoptable | ParamsError, params: HostParams) -> ParamsError | Refused:
    if isinstance(error, ParamsError):
        return error
    whose = found.path or f"what runs as {found.name}"
    return Refused(
        f"The guest '{found.name}' cannot be taken in: {error}",
        where=f"{whose} on {params.host}",
        why="what the parameters would say has to be the very guest that is there; nothing was written",
        do="correct it there and run this again; until then the guest stays as it is, outside the parameters",
    )
