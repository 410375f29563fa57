"""Which runs a person means: by a host, by HOST/RUN or RUN, by a parameter file, by a path or by the URL of a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from runbook.controller.nearest_path import nearest_path
from runbook.errors import ParamsError
from runbook.text.addresses import parts_of
from runbook.text.nearest import closest, nearest
from runbook.text.printable import printable

WHICH = "[HOST|PATH|URL]"
"""How such an argument is shown."""


@dataclass(frozen=True)
class Meant:
    """Runs in a folder of reports: of a `host`, '' for all of them, and of it one `run`, '' for all."""

    reports: Path
    host: str = ""
    run: str = ""

    @property
    def folder(self) -> Path:
        """The folder of what is meant."""
        from runbook.attestation.places import folder_of

        return folder_of(self.reports, self.host, self.run)

    @property
    def name(self) -> str:
        """HOST or HOST/RUN, as `runbook report` prints it."""
        return "/".join(filter(None, (self.host, self.run)))

    def fits(self, run: dict[str, object]) -> bool:
        """Return whether the content of a `run.json` is one of those that are meant."""
        return self.host in ("", run["host"]) and self.run in ("", run["id"])


def meant(text: str | None, reports: Path) -> Meant:
    """Return what is meant, looked for in the folder `reports` and, for a path or a URL, where that leads.

    A name is a host of the reports before it is a file; a path may lead to any file of a run, such as its page.
    Raises `ParamsError`, with the nearest name, for what is none of these.
    """
    if not text:
        return Meant(reports)
    path = _path(text)
    if path is None:
        if found := _named(text.strip("/"), reports):
            return found
        path = Path(text).expanduser()
    if not path.exists():
        raise _nothing(text, path, reports)
    if path.is_file() and path.suffix in (".yml", ".yaml") and not _above(path):
        from runbook import params

        return Meant(reports, params.load(path).host)
    return _above(path) or Meant(path.resolve() if path.is_dir() else path.resolve().parent)


def of_host(text: str, reports: Path) -> Meant:
    """Return as `meant` does, where the runs of one host are wanted. Raises `ParamsError` for those of all."""
    found = meant(text, reports)
    if not found.host:
        raise ParamsError(
            "The reports of one host are meant here",
            where=printable(text),
            do="name the host, its folder, or one of its runs; there are: "
            + (_hosts(found.reports) or "none"),
        )
    return found


def _path(text: str) -> Path | None:
    """Return the file of a URL, None for what is none. Raises `ParamsError` for one that leads to no file."""
    parts = parts_of(text)
    if "://" not in text and (parts is None or parts.scheme != "file"):
        return None
    if parts is None or parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise ParamsError(
            "A report is read from its files",
            where=printable(text),
            why="that address leads to another machine",
            do="copy the folder here and give its path, or the address that the browser shows for it then: file:///…",
        )
    return Path(unquote(parts.path))


def _named(text: str, reports: Path) -> Meant | None:
    """Return what a name means in a folder of reports: a host, one of its runs, or the run of an id."""
    from runbook.attestation.places import PLANS, folder_of, host_of
    from runbook.attestation.statement import RUN_ID

    host, _, run = text.partition("/")
    run = run.removeprefix(f"{PLANS}/")
    if text in ("", ".", "..") or "/" in run:
        return None
    if RUN_ID.fullmatch(text):
        places = [*reports.glob(f"*/{text}"), *reports.glob(f"*/{PLANS}/{text}")]
        found = sorted(host_of(path).name for path in places if path.is_dir())
        return Meant(reports, found[0], text) if found else None
    if (reports / host).is_dir() and not run:
        return Meant(reports, host)
    return (
        Meant(reports, host, run)
        if RUN_ID.fullmatch(run) and folder_of(reports, host, run).is_dir()
        else None
    )


def _above(path: Path) -> Meant | None:
    """Return the run or the host whose folder a path is, or lies in."""
    from runbook.attestation.places import PLANS, has_reports, host_of
    from runbook.attestation.statement import RUN_ID, runs_in

    whole = path.resolve()
    for folder in (whole, *whole.parents):
        if RUN_ID.fullmatch(folder.name):
            host = host_of(folder)
            return Meant(host.parent, host.name, folder.name)
    folder = whole if whole.is_dir() else whole.parent
    folder = folder.parent if folder.name == PLANS and runs_in(folder) else folder
    return Meant(folder.parent, folder.name) if has_reports(folder) else None


def _nothing(text: str, path: Path, reports: Path) -> ParamsError:
    hosts = _hosts(reports)
    known = f"there are reports of: {hosts}" if hosts else "make one: runbook run"
    return ParamsError(
        f"There is no report of {printable(text)}",
        where=str(reports),
        do="; ".join(filter(None, (_nearest(text.strip("/"), reports) or nearest_path(path), known))),
    )


def _nearest(text: str, reports: Path) -> str:
    """Return the question whether the nearest host or HOST/RUN was meant; '' where none is near."""
    from runbook.attestation.places import hosts_in, plans_in
    from runbook.attestation.statement import runs_in

    hosts = hosts_in(reports)
    runs = [
        f"{host}/{run.name}"
        for host in hosts
        for run in (*runs_in(reports / host), *plans_in(reports / host))
    ]
    names = {name: name for name in runs} | {name.partition("/")[2]: name for name in runs}
    # A run's name begins with its day: one that is of another is not near, and the first half of one is enough.
    begun = [name for name in names if len(text) > len("20260131T1") and name.startswith(text)]
    run = names.get(closest(text, begun or names, 0.6 if begun else 0.92), "")
    host = text.partition("/")[0]
    return f"did you mean '{run}'?" if run else "" if host in hosts else nearest(host, hosts)


def _hosts(reports: Path) -> str:
    from runbook.attestation.places import hosts_in

    return ", ".join(hosts_in(reports))
