"""The controller itself: where reports go, room, language, the signing key, and the testbed's tools."""

from __future__ import annotations

import locale as locales
import os
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from runbook.attestation import keys
from runbook.builds import rights
from runbook.builds.root import TOOLS
from runbook.controller import shipped, working_folder
from runbook.controller.project import MAKE, project
from runbook.doctor.check import LACKS, OK, WRONG, Check, answer
from runbook.errors import RunbookError

#: A run with all its pages takes a few MiB; less room than this and a build or a long log fills it up.
LEAST_MIB = 512
_MIB = 1024 * 1024


def project_folder() -> Check:
    """Check that the notebooks are found, and that a report can be written beside them."""
    try:
        folder = project()
    except RunbookError as error:
        return Check("project", WRONG, f"{error.what} in {Path.cwd()}", MAKE)
    reports = folder / "reports"
    place = reports if reports.exists() else folder
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        do = "give it to yourself with chown, or keep reports elsewhere with --reports"
        return Check("project", WRONG, f"nothing can be written in {place}", do)
    if older := working_folder.stale(folder):
        says = f"{folder} is of {older}, and the runbook is {shipped.version()}"
        return Check("project", LACKS, says, "runbook init --update")
    return Check("project", OK, f"{folder}; reports go to {reports}")


def disk() -> Check:
    """Check the room for reports and for temporary files."""
    try:
        places = {"reports": _here(), "temporary files": Path(tempfile.gettempdir())}
        free = {what: shutil.disk_usage(path).free // _MIB for what, path in places.items()}
    except OSError as error:
        why = f"{error.filename or Path.cwd()}: {error.strerror or error}"
        return Check(
            "disk", WRONG, f"nobody can say how much room there is ({why})", "see what `df` says there"
        )
    says = ", ".join(f"{mib} MiB free for {what}" for what, mib in free.items())
    if min(free.values()) < LEAST_MIB:
        do = f"make room, {LEAST_MIB} MiB or more: `runbook report prune HOST --keep 10` makes old reports small"
        return Check("disk", WRONG, says, do)
    return Check("disk", OK, says)


def _here() -> Path:
    """Return the project's folder, and where there is none that which somebody is in."""
    try:
        return project()
    except RunbookError:
        return Path.cwd()


def locale() -> Check:
    """Check that the language settings exist on this machine and write UTF-8."""
    before = locales.setlocale(locales.LC_CTYPE)
    try:
        locales.setlocale(locales.LC_CTYPE, "")
        encoding = locales.getpreferredencoding(False)
    except locales.Error:
        named = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_CTYPE", "LANG"))), "")
        return Check("locale", WRONG, f"this machine has no locale {named}", "export LC_ALL=C.UTF-8")
    finally:
        locales.setlocale(locales.LC_CTYPE, before)
    if encoding.upper().replace("-", "") != "UTF8":
        return Check("locale", WRONG, f"text is written as {encoding}, not UTF-8", "export LC_ALL=C.UTF-8")
    return Check("locale", OK, encoding)


def signing_key() -> Check:
    """Check the key that signs reports."""
    try:
        key = keys.operator()
    except RunbookError as error:
        return Check("signing key", WRONG, f"{error.where}: {error.why}", error.do)
    if key is None:
        return Check("signing key", LACKS, "none: reports are attested, but not signed", "runbook report key")
    return Check("signing key", OK, f"{keys.place()}, {key.public.fingerprint}")


def builds() -> Check:
    """Check whether a kernel or Xen of one's own can be built here: programs, ids, a user namespace."""
    lacking = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if lacking:
        return Check(
            "builds", LACKS, f"not installed: {', '.join(lacking)}", f"apt-get install {' '.join(lacking)}"
        )
    try:
        rights.require()
    except RunbookError as error:
        return Check("builds", LACKS, f"{error.what}: {error.why}", error.do)
    ids = rights.find(rights.me())
    return Check("builds", OK, f"they run as nobody's ids, from {ids.users if ids else '?'} on")


def testbed_tools() -> Check:
    """Check the Debian packages that the virtual PC is built and booted with."""
    name = "testbed"
    wanted = (files("runbook.testbed") / "packages.txt").read_text(encoding="utf-8").split()
    status, output = answer("dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}\\n", *wanted)
    if status == 127:
        return Check(name, LACKS, "this is no Debian: its packages are not known here", "use a Debian for it")
    installed = {line.split("|")[1] for line in output.splitlines() if line.startswith("ii") and "|" in line}
    if missing := [package for package in wanted if package not in installed]:
        return Check(name, LACKS, f"not installed: {', '.join(missing)}", "make testbed-deps (as root)")
    return Check(name, OK, f"all {len(wanted)} packages are there")
