"""The runbook's marks of what it mounted itself: one small file a mount, in a folder that a restart empties.

What carries a mark and is no longer among the parameters' mounts is unmounted; what somebody mounted by hand
carries none and is left alone.
"""

from __future__ import annotations

from runbook.actions import Run, WriteFile
from runbook.model.ask import Ask, Facts
from runbook.params import HostParams
from runbook.params.management import Mount
from runbook.steps.shared import guest_volumes

FOLDER = "/run/xen-runbook/mounts"
ASK = Ask.shell(f"grep -Hs '' {FOLDER}/*; true")


def parse(facts: Facts) -> dict[str, str]:
    """Return the mount point by mark, of every mark on the host.

    >>> from runbook.model.ask import Answer
    >>> parse(Facts({ASK: Answer(0, "/run/xen-runbook/mounts/comm:1:/mnt/comm\\n")}))
    {'comm:1': '/mnt/comm'}
    """
    rows = (line.removeprefix(f"{FOLDER}/").rpartition(":") for line in facts[ASK].out.splitlines())
    return {name: at for name, colon, at in rows if colon}


def volume(params: HostParams, mount: Mount) -> str:
    """Return the name of the volume that a mount looks into: the guest's, or a snapshot of it."""
    return mount.snapshot or guest_volumes.first_of(params, mount.guest)


def name(params: HostParams, mount: Mount) -> str:
    """Return the name of a mount's mark: the volume and the partition."""
    return f"{volume(params, mount)}:{mount.partition}"


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about all marks, and about those that the listed mounts will have."""
    return (ASK, *(Ask.read(_path(name(params, mount))) for mount in params.management.mounts))


def set_mark(params: HostParams, mount: Mount) -> WriteFile:
    """Return the action that marks a mount. It goes first, so that a run cut off leaves no mount unmarked."""
    return WriteFile(_path(name(params, mount)), f"{mount.at}\n")


def remove(mark: str) -> Run:
    """Return the action that takes a mark away; the way back of an unmounting is the next mount."""
    return Run(("rm", "-f", "--", _path(mark)), "the mark of that mount")


def _path(mark: str) -> str:
    return f"{FOLDER}/{mark}"
