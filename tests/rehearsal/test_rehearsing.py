"""`book.rehearse()`: the command as a process of its own, its lines and its PC's console live, its page and its screen in the end."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.book import rehearsing
from runbook.book.book import Book
from runbook.book.rehearsing import Rehearsing, followed
from runbook.errors import ParamsError
from runbook.params import HostParams
from runbook.rehearsal import screen
from runbook.testbed.machine import Machine

TOY = """
import sys, time, signal
from pathlib import Path
folder = Path(sys.argv[1])
def stop(*_):
    print("It interrupted at apply", folder / "index.html", sep="\\n")
    sys.exit(130)
signal.signal(signal.SIGINT, stop)
print("rehearsal: build …", f"rehearsal: booting; its console: {folder}/console.log", sep="\\n", file=sys.stderr)
(folder / "console.log").write_bytes(b"\\x1b[0;32mGNU GRUB\\r\\n(XEN) it starts <b>\\n\\n")
(folder / "screen.png").write_bytes(b"PNG")
(folder / "index.html").write_text("the page")
print(f"rehearsal: its screen: {folder}/screen.png", file=sys.stderr, flush=True)
time.sleep(float(sys.argv[2]))
print("All was held: 40 steps; undo returned all; 50 minutes.")
print(folder / "index.html")
sys.exit(int(sys.argv[3]))
"""


class Seen:
    """Stands for what shows a running cell."""

    def __init__(self, stops_at: str = "\n") -> None:
        self.titles, self.lines, self.shown = list[str](), list[str](), list[Any]()
        self.has_failed, self._stops_at = False, stops_at

    def begin(self, title: str) -> None:
        self.titles.append(title)

    def line(self, text: str) -> None:
        self.lines.append(text)
        if self._stops_at in text:
            self._stops_at = "\n"
            raise KeyboardInterrupt

    def end(self, shown: Any) -> None:
        self.shown.append(shown)

    def fail(self) -> None:
        self.has_failed = True


def command(folder: Path, seconds: float = 3, status: int = 0) -> list[str]:
    return [sys.executable, "-c", TOY, str(folder), str(seconds), str(status)]


def test_it_is_followed_to_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts are titles, the console's lines are there while it runs, without what would act; the end has link and picture."""
    monkeypatch.chdir(tmp_path)
    live: Any = Seen()
    shown = followed(command(tmp_path), live)
    assert live.titles == ["rehearsal", "rehearsal: build …"]
    console = [line for line in live.lines if line.startswith("│ ")]
    assert console == ["│ GNU GRUB", "│ (XEN) it starts <b>"]
    assert live.lines.index(console[0]) < next(
        n for n, line in enumerate(live.lines) if "All was held" in line
    )
    assert live.shown == [shown]
    assert '<a href="index.html">The page of this rehearsal</a>' in shown.html
    assert "data:image/png;base64,UE5H" in shown.html
    assert shown.text.startswith("held\n")
    assert "50 minutes" in shown.text


@pytest.mark.parametrize(("status", "how"), [(3, "refused"), (1, "failed"), (2, "failed")])
def test_how_it_ended_is_its_exit_code(tmp_path: Path, status: int, how: str) -> None:
    """With its last words, which are the error's where nothing was begun."""
    live: Any = Seen()
    assert followed(command(tmp_path, 0, status), live).text.startswith(f"{how}\n")


def test_what_cannot_begin_is_said_in_the_commands_words(tmp_path: Path) -> None:
    """No page, no link, no picture."""
    toy = [sys.executable, "-c", "print('error: Another rehearsal is under way'); raise SystemExit(5)"]
    live: Any = Seen()
    shown = followed(toy, live)
    assert "Another rehearsal is under way" in shown.text
    assert "<a " not in shown.html
    assert "<img" not in shown.html


def test_an_interrupted_cell_ends_the_rehearsal_and_waits_for_it(tmp_path: Path) -> None:
    """It switches its PC off and writes its page; then the interrupt goes on."""
    live: Any = Seen(stops_at="its screen")
    with pytest.raises(KeyboardInterrupt):
        followed(command(tmp_path, 600), live)
    assert live.titles[-1].startswith("interrupted: it switches its virtual PC off")
    assert any("It interrupted at apply" in line for line in live.lines)
    assert live.has_failed


def book(file: str, **connection: str) -> Any:
    found = Rehearsing()
    found._file = file
    found.params = HostParams.model_validate({"host": "toy", "connection": connection})
    return found


def test_the_command_has_the_books_file_and_the_cells_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its full path, for the process runs in the project's folder; a capture is named as such."""
    words: list[list[str]] = []
    monkeypatch.setattr(rehearsing, "followed", lambda command, live: words.append(command))
    book("params/example.yml", kind="local").rehearse(to="install_xen", keep=True)
    book("params/example.yml", kind="capture", folder="tests/captures/kvm").rehearse(
        broken="network", fresh=True
    )
    start = len(rehearsing.PROGRAM)
    file = str(Path("params/example.yml").absolute())
    assert words[0][start:] == [file, "--to", "install_xen", "--keep"]
    assert words[1][start:] == [
        file,
        "--capture",
        str(Path("tests/captures/kvm").absolute()),
        "--break",
        "network",
        "--fresh",
    ]
    assert rehearsing.PROGRAM[-1] == "rehearse"
    assert issubclass(Book, Rehearsing)
    with pytest.raises(ParamsError, match="no parameter file"):
        book("", kind="local").rehearse()


def test_a_pc_without_a_screen_has_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """QEMU says so, or is gone: nothing is said of it; one with a screen names the picture."""
    said: list[str] = []
    screen.keep(Machine(tmp_path), said.append)
    assert said == []

    class Monitor:
        def __enter__(self) -> Any:
            return SimpleNamespace(tell=lambda command, **more: Path(more["filename"]).write_bytes(b"PNG"))

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(screen, "monitor", lambda path: Monitor())
    screen.keep(Machine(tmp_path), said.append)
    assert said == [f"its screen: {tmp_path}/screen.png"]
    assert (tmp_path / "screen.png").read_bytes() == b"PNG"
