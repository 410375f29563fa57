"""What the proofs of the ways back need of the machine: a script on it, its guests off, a claim that must hold."""

from __future__ import annotations

import shlex
import subprocess

from runbook.errors import CheckFailed
from runbook.hosts.transport import LOST
from runbook.testbed.machine import Machine

_NO_GUESTS = """[ -e /proc/xen/capabilities ] || exit 0
systemctl is-system-running --wait >/dev/null
xl list | awk 'NR > 2 { print $1 }' | while read -r guest; do xl destroy "$guest"; done
"""
#: sshd has not even said its name yet, so nothing was begun: a machine that waits for its turn is asked again.
_NOT_HEARD = "timed out during banner exchange"
_TIMES = 10


def shell(machine: Machine, script: str, stdin: bytes = b"") -> str:
    """Return what a script printed on the machine, which may read `stdin`.

    Raises `CheckFailed` when it fails.
    """
    argv = [*machine.root, "sh", "-s"] if not stdin else [*machine.root, "sh", "-c", shlex.quote(script)]
    for _ in range(_TIMES):
        done = subprocess.run(argv, input=stdin or script.encode(), capture_output=True, check=False)
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode != LOST or _NOT_HEARD not in said:
            break
    must(done.returncode == 0, "A script on the machine failed", f"exit {done.returncode}: {said[-500:]}")
    return done.stdout.decode(errors="replace")


def stop_guests(machine: Machine) -> None:
    """End every guest: their disks are empty, so there is nobody in them who would shut down when asked."""
    shell(machine, _NO_GUESTS)


def must(claim: bool, what: str, why: str, do: str = "read the report and the machine's console") -> None:
    """Raise `CheckFailed` unless the claim holds."""
    if not claim:
        raise CheckFailed(what, where="the testbed", why=why, do=do)
