"""Python, its packages, and what runs a notebook."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from runbook.doctor.check import OK, WRONG, Check, answer
from runbook.evidence.provenance import DISTRIBUTION

LEAST = (3, 11)
_MAKE = "make the environment with `make env`, and use it: `. .venv/bin/activate`"


def python() -> Check:
    """Check the interpreter's version."""
    says = f"Python {platform.python_version()}, {sys.executable}"
    if sys.version_info[:2] < LEAST:
        wanted = ".".join(map(str, LEAST))
        return Check("python", WRONG, says, f"install Python {wanted} or newer, then: make env PYTHON=…")
    return Check("python", OK, says)


def packages() -> Check:
    """Check that each package that the runbook needs is there, in a version of the range that it asks for."""
    try:
        needs = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        return Check("packages", WRONG, "the runbook is not installed in this environment", _MAKE)
    wanted = [
        need for need in map(Requirement, needs) if not need.marker or need.marker.evaluate({"extra": ""})
    ]
    wrong = [lack for lack in map(_lack, wanted) if lack]
    if wrong:
        return Check("packages", WRONG, "; ".join(wrong), _MAKE)
    return Check("packages", OK, f"{len(wanted)} packages, each in the range that it must be in")


def _lack(need: Requirement) -> str:
    try:
        version = metadata.version(need.name)
    except metadata.PackageNotFoundError:
        return f"{need.name} is missing"
    return "" if within(version, str(need.specifier)) else f"{need.name} is {version}, not {need.specifier}"


def within(version: str, ranges: str) -> bool:
    """Return whether a version is in ranges such as `>=8.1,<9`; a preview of the next one is not.

    >>> within("8.1.9", ">=8.1,<9"), within("9.0rc1", "<9,>=8.1"), within("0.10", ">=0.9")
    (True, False, True)
    """
    return SpecifierSet(ranges).contains(version, prereleases=True)


def kernel() -> Check:
    """Check that Jupyter's kernel `python3` exists and is a Python that has the runbook."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Check("jupyter", WRONG, "there is no kernel python3: no notebook can run", _MAKE)
    # Jupyter starts its own interpreter where a kernel names none by its path.
    program = spec.argv[0] if "/" in spec.argv[0] else sys.executable
    status, output = answer(program, "-c", "import ipykernel, runbook")
    if status:
        why = output.splitlines()[-1] if output else f"it ended with {status}"
        do = f"remove that kernel (`jupyter kernelspec list` shows it, in {spec.resource_dir}), or {_MAKE}"
        return Check("jupyter", WRONG, f"the kernel python3 is {program}: {why}", do)
    return Check("jupyter", OK, f"the kernel python3 is {program}")


def engine() -> Check:
    """Check that papermill knows the runbook's engine, which records how each cell ends."""
    names = [point.name for point in metadata.entry_points(group="papermill.engine")]
    if "runbook" not in names:
        return Check("papermill", WRONG, "papermill does not know the engine of the runbook", _MAKE)
    return Check("papermill", OK, "it knows the engine of the runbook")
