"""JupyterLab with a person before it: a server of its own, copies of notebooks, and what their cells show."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat

from runbook.desk.serving import serving

ROOT = Path(__file__).parents[2]
_SETTINGS = {
    "apputils-extension/themes": '{"adaptive-theme": true}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
    "notebook-extension/tracker": '{"windowingMode": "none", "autoStartDefaultKernel": true}',
}


class Server:
    """A JupyterLab on 127.0.0.1 over a folder with the parameters and the recording, and copies of notebooks."""

    def __init__(self, place: Path) -> None:
        self.folder, self._home = place / "project", place / "home"
        (self.folder / "notebooks").mkdir(parents=True)
        shutil.copytree(ROOT / "params", self.folder / "params")
        (self.folder / "recordings").symlink_to(ROOT / "recordings")
        for name, text in _SETTINGS.items():
            file = self._home / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self._token, self._port = secrets.token_hex(), _free_port()
        self._log = (place / "server.log").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", *serving(self.folder),
             f"--ServerApp.port={self._port}", "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True"],
            env=self._env(), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
        )  # fmt: skip

    def wait(self, seconds: float = 240) -> None:
        """Return when it answers. Raises `AssertionError` with what it said when it does not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(self.url("api")):
                    return
            except (OSError, urllib.error.URLError):
                time.sleep(0.2)
        self._log.seek(0)
        raise AssertionError(f"JupyterLab did not start:\n{self._log.read()}")

    def close(self) -> None:
        """End the server, and with it its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def url(self, path: str) -> str:
        """Return an address of this server that needs no login."""
        return f"http://127.0.0.1:{self._port}/{path}?reset&token={self._token}"

    def copy(self, name: str, **further: str) -> Path:
        """Return a copy of a committed notebook without its outputs, with further code cells by their ids."""
        book = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        book.cells += [nbformat.v4.new_code_cell(text, id=made) for made, text in further.items()]
        return self._write(name, book)

    def write(self, name: str, *cells: str) -> Path:
        """Return a new notebook of these code cells, named c1, c2 …"""
        made = [nbformat.v4.new_code_cell(text, id=f"c{n}") for n, text in enumerate(cells, 1)]
        return self._write(name, nbformat.v4.new_notebook(cells=made))

    def took(self, notebook: str, host: str, **seconds: float) -> None:
        """Leave the report of an earlier run, in which steps took so many seconds."""
        run = self.folder / f"reports/{host}/20260101T000000Z-a/run.json"
        run.parent.mkdir(parents=True)
        steps = [{"step": step, "status": "changed", "seconds": s} for step, s in seconds.items()]
        book = {"name": notebook, "status": "completed", "seconds": sum(seconds.values()), "steps": steps}
        run.write_text(json.dumps({"mode": "apply", "notebooks": [book]}))

    def _write(self, name: str, book: nbformat.NotebookNode) -> Path:
        spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        book.metadata["kernelspec"] = spec
        path = self.folder / f"notebooks/{name}.ipynb"
        nbformat.write(book, path)
        return path

    def _env(self) -> dict[str, str]:
        """The person's own settings, history and reports are neither used nor touched."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "RUNBOOK"))
        }
        dirs = {
            "HOME": "", "IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        }  # fmt: skip
        mine = {name: str(self._home / folder) for name, folder in dirs.items()}
        return {**kept, **mine, "JUPYTER_TOKEN": self._token, "PYTHONPATH": str(ROOT)}


class Notebook:
    """One notebook that is open in the browser."""

    def __init__(self, page, server: Server, path: Path) -> None:
        self.page, self.path = page, path
        page.goto(server.url(f"lab/tree/{path.relative_to(server.folder)}"), timeout=180_000)
        self.cells = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell")
        self.cells.first.wait_for(timeout=180_000)
        page.wait_for_function(_READY, timeout=180_000)

    def close(self) -> None:
        """End the notebook's kernel and close its page, whatever is not saved."""
        self.page.evaluate(f"{PANEL}.sessionContext.shutdown()")
        self.page.close(run_before_unload=False)

    @property
    def ids(self) -> list[str]:
        """The cells' own ids, in order."""
        return [cell.id for cell in nbformat.read(self.path, as_version=4).cells]

    def kinds(self) -> list[tuple[str, str]]:
        """Return id and kind, `code` or `markdown`, of every cell."""
        return [(cell.id, cell.cell_type) for cell in nbformat.read(self.path, as_version=4).cells]

    def cell(self, name: str):
        """Return a cell by its id."""
        return self.cells.nth(self.ids.index(name))

    def step(self, name: str):
        """Run one cell as a person does, with Shift+Enter; return it when it ended."""
        cell = self.cell(name)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        self.ended(name)
        return cell

    def begin(self, name: str):
        """Run one cell and return it while it runs."""
        cell = self.cell(name)
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        return cell

    def timed(self, name: str) -> float:
        """Run one cell, and return the milliseconds from the key to the new output painted."""
        self.cell(name).locator(".cm-content").click()
        self.page.evaluate(_WATCH, self.ids.index(name))
        self.page.keyboard.press("Shift+Enter")
        return float(self.page.evaluate("window.painted"))

    def ended(self, name: str) -> None:
        """Wait until a cell has run."""
        self.page.wait_for_function(_HAS_RUN, arg=self.ids.index(name), timeout=180_000)

    def run_all(self) -> None:
        """Choose "Run All Cells" from the menu, and return when nothing runs any more."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(_IS_STILL, timeout=120_000)

    def shown(self, name: str) -> list[str]:
        """Return the outputs of a cell with all that is folded in them, without the bar of the steps.

        Raises `AssertionError` when one cannot be seen.
        """
        outputs = self.cell(name).locator(".jp-OutputArea-output:not(:has(.runbook-bar))").all()
        said = [(output.is_visible(), plain(output.evaluate(_TEXT))) for output in outputs]
        assert [text for is_visible, text in said if text and not is_visible] == []
        return [text for _, text in said if text]

    def committed(self, name: str) -> list[str]:
        """Return the same of the outputs that are committed, as this browser reads them."""
        source = nbformat.read(ROOT / f"notebooks/{self.path.name}", as_version=4)
        outputs = next(cell.outputs for cell in source.cells if cell.id == name)
        read = f"(html) => ({_TEXT})(new DOMParser().parseFromString(html, 'text/html').body)"
        return [plain(self.page.evaluate(read, output.data["text/html"])) for output in outputs]

    def bars(self) -> list[tuple[str, str]]:
        """Return every bar of the steps that can be seen: the id of its cell, and what it says."""
        return [
            (name, plain(bar))
            for name, cell in zip(
                self.ids, self.cells.all(), strict=False
            )  # JupyterLab adds a cell below the last
            for bar in cell.locator(".runbook-bar").all_inner_texts()
        ]


def plain(text: str) -> str:
    """Return text with its blanks made one each: how lines break depends on the width of the window."""
    return " ".join(text.split())


_TEXT = """(node) => { const copy = node.cloneNode(true);
    copy.querySelectorAll("style").forEach((one) => one.remove()); return copy.textContent }"""
PANEL = "window.jupyterapp.shell.currentWidget"
_READY = f"""() => {{ const panel = window.jupyterapp && {PANEL};
    return panel && panel.sessionContext && panel.sessionContext.session
        && panel.sessionContext.session.kernel && panel.sessionContext.session.kernel.status === "idle" }}"""
_HAS_RUN = f"""(at) => {{ const cell = {PANEL}.content.widgets[at];
    return cell.model.executionState === "idle" && cell.model.executionCount !== null }}"""
# The clock starts at the key; it stops in the frame after that in which the result was put on the page.
_WATCH = f"""(at) => {{
    const cell = {PANEL}.content.widgets[at], area = cell.node.querySelector(".jp-Cell-outputArea");
    window.painted = new Promise((done) => {{
        let began = 0;
        const key = (event) => {{ if (event.key === "Enter") {{
            began = performance.now(); document.removeEventListener("keydown", key, true) }} }};
        document.addEventListener("keydown", key, true);
        const seen = new MutationObserver((changes) => {{
            const isNew = changes.some((one) => [...one.addedNodes].some((node) =>
                node.querySelector && (node.querySelector("details") || node.matches("details"))));
            if (!began || !isNew) return;
            seen.disconnect();
            requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
        }});
        seen.observe(area, {{ childList: true, subtree: true }});
    }});
}}"""
_IS_STILL = f"""() => {PANEL}.content.widgets.every((cell) =>
    cell.model.type !== "code" || cell.model.executionState === "idle")"""


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
