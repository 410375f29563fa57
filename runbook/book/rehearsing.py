"""A rehearsal from a cell: `runbook rehearse` as a process of its own, with what it says and its PC's console live, and its page in the end."""

from __future__ import annotations

import base64
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from runbook import params as parameters
from runbook.controller.project import project
from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.show.live import Live
from runbook.show.pieces import Shown, badge, code
from runbook.text.html import link
from runbook.text.visible import visible

PROGRAM = (sys.executable, "-c", "from runbook.cli import main; main()", "rehearse")
_ENDS = {0: "held", 3: "refused", 130: "interrupted"}
_PLACE = re.compile(r"its (console|screen): (/.+)")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|.)")
_LAST = 12
"""Lines of what it said that are shown in the end."""


class Rehearsing:
    """What a book has to try its host's parameters in a virtual PC first."""

    params: HostParams
    _file: str | Path

    def rehearse(self, *, to: str = "", broken: str = "", keep: bool = False, fresh: bool = False) -> Shown:
        """Rehearse this host, and return how it ended with a link to its page; it takes about an hour, and the cell shows how far it is.

        `to` is a step to stop behind, `broken` what breaks once (`power@STEP`, `network`, `xen`); `keep` leaves the virtual PC
        running, `fresh` begins with empty disks. The host is looked at once, and not touched. Interrupting the cell ends the
        rehearsal, and switches the PC off. Raises `ParamsError` without a parameter file.
        """
        if not str(self._file):
            raise ParamsError(
                "There is no parameter file to rehearse", do="open the host by its file: open_host(params, …)"
            )
        args = [str(Path(parameters.file_of(self._file)).absolute())]
        if self.params.connection.kind == "capture":
            args += ["--capture", str(Path(self.params.connection.folder).absolute())]
        args += ["--to", to] if to else []
        args += ["--break", broken] if broken else []
        args += [f"--{name}" for name, is_on in (("keep", keep), ("fresh", fresh)) if is_on]
        return followed([*PROGRAM, *args], Live(is_real=True))


def followed(command: Sequence[str], live: Live) -> Shown:
    """Run a rehearsal's command to its end, showing what it says and what its PC's console says, and return how it ended."""
    lines: queue.Queue[str | None] = queue.Queue()
    with subprocess.Popen(
        command, cwd=project(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        threading.Thread(target=_read, args=(process, lines.put), daemon=True).start()
        watch = _Watch(live)
        live.begin("rehearsal")
        try:
            watch.until_end(lines)
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            live.begin("interrupted: it switches its virtual PC off, and writes its page")
            watch.until_end(lines)
            live.fail()
            raise
        status = process.wait()
    shown = watch.ended(_ENDS.get(status, "failed"))
    live.end(shown)
    return shown


def _read(process: subprocess.Popen[str], put: Callable[[str | None], None]) -> None:
    for line in process.stdout or ():
        put(line.rstrip("\n"))
    put(None)


class _Watch:
    """What is heard of a rehearsal: its own lines, the console that it names, its screen, and its page."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._output: list[str] = []
        self._places: dict[str, Path] = {}
        self._heard = 0

    def until_end(self, lines: queue.Queue[str | None]) -> None:
        while True:
            try:
                line = lines.get(timeout=1)
            except queue.Empty:
                self._console()
                continue
            if line is None:
                return
            self._line(line)

    def _line(self, line: str) -> None:
        self._output.append(line)
        if found := _PLACE.search(line):
            place = Path(found[2])
            if self._places.get(found[1]) != place:
                self._places[found[1]], self._heard = place, 0
        if line.endswith("…"):
            self._live.begin(line)
        else:
            self._live.line(line)

    def _console(self) -> None:
        """Pass on what the console said since; it is a machine's word, and no line of it acts."""
        log = self._places.get("console")
        if log is None or not log.exists():
            return
        size = log.stat().st_size
        if size < self._heard:  # another machine's, or a fresh one's
            self._heard = 0
        with log.open("rb") as file:
            file.seek(max(self._heard, size - 4096))
            text = file.read().decode(errors="replace")
        self._heard = size
        for line in _ESCAPES.sub("", text).splitlines():
            if line.strip():
                self._live.line(f"│ {visible(line.rstrip())}")

    def ended(self, how: str) -> Shown:
        """Return how it ended: its last words, its page, and its screen where it has one."""
        last = "\n".join(self._output[-_LAST:])
        page = next((Path(line) for line in reversed(self._output) if line.endswith("/index.html")), None)
        leads = os.path.relpath(page) if page and page.exists() else ""
        picture, screen = self._places.get("screen"), ""
        if picture and picture.exists():
            data = base64.b64encode(picture.read_bytes()).decode()
            screen = f'<img alt="The screen of the virtual PC" style="max-width:100%" src="data:image/png;base64,{data}">'
        word = badge(how, {"held": "changed"}.get(how, "failed"))
        html = f"<div>{word} {link('The page of this rehearsal', leads) if leads else ''}</div>{code(last)}{screen}"
        return Shown(html, f"{how}\n{last}")
