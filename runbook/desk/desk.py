"""The hosts of a project as a person sees them: whether their parameters are right, their last run, their notebooks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runbook import params as parameters
from runbook.controller.project import reports_of
from runbook.desk import copies
from runbook.errors import ParamsError, RunbookError
from runbook.evidence import archive
from runbook.evidence.files import read_notebook, title_of
from runbook.show.pieces import Shown, badge
from runbook.text import html
from runbook.text.moments import when
from runbook.text.plural import plural

if TYPE_CHECKING:
    from runbook.show.form import Form

EXAMPLE = "example"
_OTHERS = re.compile("testbed.*|victory|wheezy")
"""Parameter files that come with the project and are no host of anybody's."""
_TINT = {"ok": "safe", "lacks": "warn", "wrong": "fail", "right": "safe"}


@dataclass(frozen=True)
class _Host:
    """One parameter file: the name of the host in it, and what is wrong with it."""

    file: Path
    name: str
    wrong: str


class Desk:
    """Looks, and changes nothing but copies of notebooks in the folder `mine`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self.hosts()._repr_mimebundle_()

    def __repr__(self) -> str:
        return self.hosts().text

    def hosts(self) -> Shown:
        """Return every host that has parameters: whether they are right, its last run, and its own notebooks."""
        found = [_read(path) for path in sorted((self._root / "params").glob("*.yml"))]
        mine = [host for host in found if not _OTHERS.fullmatch(host.file.stem)]
        rows = [self._row(host) for host in sorted(mine, key=lambda host: host.file.stem == EXAMPLE)]
        more = plural(len(found) - len(mine), "other example") + " in params/"
        return _table(("host", "parameters", "last run", "its notebooks"), rows, more)

    def doctor(self) -> Shown:
        """Return what this computer has and lacks, a line a check, each with the next move."""
        from runbook.doctor import examine

        rows = [
            ((c.name, ""), (c.state, ""), (f"{c.says} {c.do and f'Do: {c.do}'}".strip(), ""))
            for c in examine()
        ]
        return _table(("what", "", "found"), rows, "")

    def form(self, host: str) -> Form:
        """Return the form of a host's parameters. Raises `ParamsError` when there is no such host."""
        from runbook.show.form import form

        return form(self._file(host))

    def notebooks(self, host: str) -> Shown:
        """Make the host's own copies of the notebooks where they are not there, and return where they are.

        Raises `ParamsError` when there is no such host.
        """
        file = self._file(host)
        inside = file.is_relative_to(self._root)
        params = str(file.relative_to(self._root) if inside else file)
        made = copies.make(self._root, params, file.stem)
        rows = [
            ((f"{path.name[:2]} {title_of(read_notebook(path), path.stem)}", f"{file.stem}/{path.name}"),)
            for path in made
        ]
        return _table((f"{copies.FOLDER}/{file.stem}",), rows, "")

    def _file(self, host: str) -> Path:
        """Return the parameter file of a host, by its name or its path."""
        file = self._root / "params" / f"{host}.yml"
        if file.is_file():
            return file
        if host.endswith((".yml", ".yaml")):
            return parameters.find(host, self._root)
        names = ", ".join(path.stem for path in sorted((self._root / "params").glob("*.yml")))
        raise ParamsError(
            f"There is no host '{host}'", where=str(self._root / "params"), do=f"name one of: {names}"
        )

    def _row(self, host: _Host) -> tuple[tuple[str, str], ...]:
        first = next(iter(sorted((self._root / copies.FOLDER / host.file.stem).glob("[0-9]*.ipynb"))), None)
        leads = f"{host.file.stem}/{first.name}" if first else ""
        runs = archive.newest_first(reports_of(self._root), host.name) if host.name else []
        last = f"{when(runs[0]['started'])}, {runs[0]['mode']}: {runs[0]['outcome']}" if runs else "never"
        return (
            (host.file.stem, ""),
            (host.wrong or "right", ""),
            (last, ""),
            ("open" if leads else f'none yet: desk.notebooks("{host.file.stem}")', leads),
        )


def _read(path: Path) -> _Host:
    try:
        return _Host(path, parameters.load(path).host, "")
    except RunbookError as error:
        return _Host(path, "", str(error).partition("\n")[0])


def _table(heads: tuple[str, ...], rows: Sequence[tuple[tuple[str, str], ...]], below: str) -> Shown:
    """Return rows of a text and where it leads, '' for nowhere; a link is one that JupyterLab opens in a tab."""
    note = f"<p><small>{html.escape(below)}</small></p>" if below else ""
    text = ["  ".join(text for text, _ in row) for row in rows]
    shown = html.rows(heads, ([_cell(*cell) for cell in row] for row in rows))
    return Shown(shown + note, "\n".join([*text, below]).strip())


def _cell(text: str, leads: str) -> str:
    return badge(text, _TINT[text]) if text in _TINT and not leads else html.link(text, leads)
