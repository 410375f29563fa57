"""What a run was made with: source, interpreter, packages."""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import re
import subprocess
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from runbook.attestation import keys
from runbook.controller.project import SOURCE
from runbook.evidence import archive
from runbook.evidence.record import RunRecord
from runbook.params import HostParams, digest
from runbook.params.host import Ssh, Stored

DISTRIBUTION = "xen-host-runbook"
_OURS = ("runbook", "notebooks")
"""The folders whose files decide what a run does."""


def new_record(params: HostParams, path: str | Path, mode: str, reports: Path) -> RunRecord:
    """Return the record of a run that begins now, without notebooks yet. `params` is what stands in the file `path`."""
    return RunRecord(
        id=archive.new_id(reports, params.host),
        host=params.host,
        release=params.release,
        connection=params.connection.kind,
        mode=mode,
        params={"path": str(path), "digest": digest(params)},
        made_with=provenance(),
        by=author(params),
    )


def provenance() -> dict[str, Any]:
    """Return source commit (None outside git), whether it had changes, Python, system and packages."""
    return {
        "source": source(SOURCE),
        "python": platform.python_version(),
        "controller": f"{platform.system()} {platform.machine()}",
        "packages": packages(),
    }


def author(params: HostParams) -> dict[str, str]:
    """Return who runs this, and as whom: `user`, `controller`, `login`, and what the signing key is called.

    `user` is the account that the process belongs to, `by_sudo` who became it by sudo(8). `login` is how
    the host is entered, as ssh_config(5) decides it: `root@victory port 22`. `key` is the comment of the
    signing key's public part. What is not known is left out.
    """
    found = {
        "user": _user(),
        "by_sudo": os.environ.get("SUDO_USER", ""),
        "controller": platform.node(),
        "login": _login(params),
        "key": keys.comment(),
    }
    return {name: value for name, value in found.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return f"uid {os.getuid()}"


def _login(params: HostParams) -> str:
    """Return as whom the host is entered, and whether root is by sudo there; `ssh -G` reads one's own configuration and connects to nobody.

    A configuration that the parameters name is not read for this: it could name programs to run.
    """
    connection = params.connection
    if isinstance(connection, Stored):
        return ""
    by_sudo = ", root by sudo" if connection.become == "sudo" else ""
    if not isinstance(connection, Ssh):
        return f"{_user()}, on the machine itself{by_sudo}"
    if connection.config:
        return f"{connection.to} by {connection.config}{by_sudo}"
    config = _output("ssh", "-G", "--", connection.to) or ""
    options = dict(line.split(" ", 1) for line in config.splitlines() if " " in line)
    if not options.keys() >= {"user", "hostname", "port"}:
        return f"{connection.to}{by_sudo}"
    return f"{options['user']}@{options['hostname']} port {options['port']}{by_sudo}"


def source(folder: Path) -> dict[str, Any]:
    """Return commit and dirty flag of the source, both None when `folder` is not the top of a git tree.

    Dirty means that a file of the commit was changed. Files that git does not know, such as parameters of
    one's own, change nothing of the source, unless they lie among its programs or notebooks: those are named
    as `untracked`. With either there is `changes`, a SHA-256 of what is not committed.

    Installed into the environment of another project, it must not give that project's commit.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != folder.resolve():
        return {"commit": None, "dirty": None}
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    found: dict[str, Any] = {"commit": _git(folder, "rev-parse", "HEAD")}
    found["dirty"] = None if changed is None else bool(changed)
    listed = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", *_OURS) or ""
    if new := [name for name in listed.split("\0") if name]:
        found["untracked"] = new
    if changed or new:
        found["changes"] = _digest_of_changes(folder, new)
    return found


def _digest_of_changes(folder: Path, new: list[str]) -> str:
    """Return the SHA-256 of `git diff HEAD --binary`, followed by name and content of each new file in it.

    Whoever keeps a source that was not committed can show with it that it was this one.
    """
    diff = _git(folder, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv") or ""
    digest = hashlib.sha256(diff.encode(errors="surrogateescape"))
    for name in new:
        digest.update(f"\n{name}\n".encode(errors="surrogateescape"))
        with suppress(OSError):
            digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def packages() -> dict[str, str]:
    """Return the versions of this package and of everything it needs directly, as installed."""
    try:
        needs = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        needs = []
    names = {re.split(r"[^A-Za-z0-9._-]", need)[0] for need in needs if "extra ==" not in need}
    versions = {}
    for name in sorted(names | {DISTRIBUTION, "ipykernel", "nbformat"}, key=str.lower):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _git(folder: Path, *args: str) -> str | None:
    return _output("git", "-C", str(folder), *args)


def _output(*argv: str) -> str | None:
    """Return what a command of the controller printed, None when it failed or is not there."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
