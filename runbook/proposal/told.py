"""What a person has to know of a guest that was taken in, and what it cannot do without."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from runbook.guests import config, devices, disk_spec
from runbook.guests.standing import told_apart
from runbook.guests.syntax import Config
from runbook.model.ask import Facts
from runbook.proposal import guests
from runbook.proposal.guests import Entry, Found

_SCRIPTS = "/etc/xen/scripts"
"""Where xl looks for a script that is named without a folder (xl-disk-configuration(5))."""
_SEEN = ("memory", "vcpus", "disk", "second disk", "device ")
"""What a person would miss who starts a guest again; how Xen spells the rest is no difference."""


def parts(found: Found) -> tuple[str, ...]:
    """Return the paths without which a guest cannot start: of its disks, its kernel, its scripts."""
    if found.config is None:
        return ()
    disks = [disk_spec.parse(spec) for spec in found.config.items("disk")]
    paths = [d.path for d in disks if not (d.is_cdrom or d.options.get("backend") or d.options.get("script"))]
    paths += [found.config.text(key) for key in ("kernel", "ramdisk", "firmware", "bios_path_override")]
    paths += [
        posixpath.join(_SCRIPTS, script) for script in _scripts(found.config, [d.options for d in disks])
    ]
    return tuple(dict.fromkeys(path for path in paths if path.startswith("/")))


def _scripts(config: Config, disks: list[dict[str, str]]) -> Iterator[str]:
    """Yield the programs that plug a guest's disks and network cards in, where its configuration names them."""
    for options in (*disks, *map(devices.words_of, config.items("vif"))):
        # What another domain serves is plugged in there.
        if (script := options.get("script")) and options.get("backend", "0") in ("", "0", "Domain-0"):
            yield script


def of_files(one: Entry) -> Iterator[str]:
    """Yield what becomes of the file and the link of a guest where they have not the names that the runbook gives."""
    found = one.found
    if not found.is_named_as_ours:
        whose = f"{found.path} stays where it is, for you to remove" if found.path else "it has no file yet"
        yield f"{whose}; notebook 08 writes {config.path_of(one.guest['name'])} for it"
    if found.starts_by and "autostart" not in one.guest:
        yield f"{found.starts_by} in /etc/xen/auto starts it with the host, and stays your own"


def of(one: Entry, facts: Facts) -> Iterator[str]:
    """Yield what a person has to know of a guest that was taken in."""
    name, found = one.guest["name"], one.found
    if one.skipped:
        yield f"{name}: xl does not know {', '.join(one.skipped)}; it skipped them, so they are left out"
    for key in found.config.repeated if found.config else ():
        yield f"{name}: `{key}` is given twice in its file; the last one counts, and is taken"
    for ref in one.secrets:
        yield (
            f"{name}: its screen has a password, which is in no parameter file: set {ref.removeprefix('env:')} in the "
            "environment of the runbook, or say at screen.password where else it is"
        )
    if found.unsaid:
        yield f"{name}: Xen has more of it that nothing here says: {', '.join(found.unsaid)}"
    yield from (f"{name}: {line}" for line in of_files(one))
    now = guests.running(facts, found.name) if found.path else None
    other = told_apart(now.config, found.config, "") if now and now.config and found.config else ()
    if said := [str(d) for d in other if d.what.startswith(_SEEN)]:
        yield f"{name}: it runs otherwise than its file says, and changes at its next start: {', '.join(said)}"
