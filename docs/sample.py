"""Make `reports/sample` anew: `make sample`. One host and one fleet, all of them replays, signed by a key that is not kept.

`testbed` is the recorded host: its survey, then everything from the installation of Xen on. `alder` and `birch` replay
one notebook of the same recordings: the machine as it was before its first run, and after it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from runbook.attestation import keys
from runbook.controller.atomic import write_atomic
from runbook.runner import source

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "reports/sample"
RUNBOOK = (sys.executable, "-c", "from runbook.cli import main; main(prog_name='runbook')")
FLEET = {"alder": "recordings/testbed", "birch": "recordings/testbed-again"}


def make(out: Path) -> None:
    """Put the sample in place of what is at `out`; what was there stays until all runs have completed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        secret, reports = keys.make(folder / "key"), folder / "reports"
        for which in (("--only", "00"), ("--from", "05")):
            run(ROOT, secret, reports, "run", "params/example.yml", *which)
        run(folder, secret, reports, "fleet", *described(folder), "--only", "01")
        public = keys.load(secret).public.line
        (reports / "signing-key.pub").write_text(f"{public}\n", encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(reports, out, ignore=shutil.ignore_patterns(".*"))


def described(folder: Path) -> list[str]:
    """Make a folder a project with the fleet's parameters in it; return their names."""
    (folder / "recordings").symlink_to(ROOT / "recordings")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    text = (ROOT / "params/example.yml").read_text(encoding="utf-8")
    for host, recording in FLEET.items():
        named = re.sub(r"(?m)^host: .*", f"host: {host}", text)
        named = re.sub(r"(?m)^  recording: .*", f"  recording: {recording}", named)
        (folder / f"{host}.yml").write_text(named, encoding="utf-8")
    return [f"{host}.yml" for host in FLEET]


def run(place: Path, secret: Path, reports: Path, *words: str) -> None:
    """Run the runbook in a folder, in mode apply; the reports are signed by the key of a file."""
    argv = [*RUNBOOK, *words, "--mode", "apply", "--quiet", "--reports", str(reports)]
    subprocess.run(argv, cwd=place, env={**os.environ, keys.ENV: str(secret)}, check=True)


def main() -> None:
    """Make the sample, and then the notebook that shows its hosts."""
    make(SAMPLE)
    notebook = ROOT / "notebooks/fleet.ipynb"
    write_atomic(notebook, source.execute(notebook))


if __name__ == "__main__":
    main()
