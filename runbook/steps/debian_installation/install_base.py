"""Debian's base system, fetched from a mirror and unpacked into the new root."""

from __future__ import annotations

from runbook.actions import Action, Remove, Run, WriteFile
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps.debian_installation import make_file_systems
from runbook.steps.shared import debian_sources, target
from runbook.steps.shared.target import ROOT

TITLE = "Install Debian's base system"
GUIDE = "“Wheezy Installation”: “continue through the options with defaults”"
RISK = "safe"

UNFINISHED = f"{ROOT}/.xen-runbook-unfinished"
"""Stands in the new root while it is unpacked: what is found beside it is half a system, and ours."""
_TOP = Ask.run("find", ROOT, "-xdev", "-mindepth", "1", "-maxdepth", "1", "-printf", "%f\\n")
_STATUS = Ask.run(
    "dpkg-query", f"--admindir={ROOT}/var/lib/dpkg", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Version}\\n"
)  # fmt: skip
_RELEASE = Ask.read(f"{ROOT}/usr/lib/os-release")
# A run whose connection was lost may go on by itself: whoever comes second finds this lock held.
_ALONE = ("flock", "--nonblock", "--conflict-exit-code", "75", "/run/lock/xen-runbook-bootstrap")


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (*target.asks(params), *debian_sources.COMMANDS, Ask.read(UNFINISHED), _TOP, _STATUS, _RELEASE)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Unpack Debian into an empty root; what an interrupted run left there is cleared first."""
    here = target.read(params, facts)
    if nothing := target.nothing_to_do(params, here):
        return nothing
    waits = target.waits(make_file_systems, params, facts)
    top = facts[_TOP].out.split()
    half = UNFINISHED.rpartition("/")[2] in top
    if not waits and not half and {"etc", "usr"} & set(top):
        return Plan(findings=tuple(_not_ours(params, facts)))
    found = debian_sources.read(params, facts)
    if isinstance(found, Finding):
        return Plan(findings=(*waits, found))
    actions: list[Action] = [WriteFile(UNFINISHED, "")]
    if half:
        actions.insert(0, Run((*_ALONE, *_clear()), "an earlier run was interrupted; it begins afresh", 1800))
    why = "about 150 packages; a slow machine needs a quarter of an hour"
    actions += [Run((*_ALONE, *_bootstrap(params, found)), why, 7200), Remove(UNFINISHED)]
    return Plan(tuple(actions), waits)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The base system is whole, and of the release that was asked for."""
    here = target.read(params, facts)
    if target.needless(params, here):
        return []
    return target.still("install_base", plan(params, facts))


def installed(facts: Facts) -> str:
    """Return `ii |NAME|VERSION` lines of the new system's packages, '' when it has none yet."""
    return facts[_STATUS].out if facts[_STATUS].ok else ""


def _bootstrap(params: HostParams, found: debian_sources.Sources) -> tuple[str, ...]:
    """Return the command; the folder is not empty, since other file systems are mounted in it."""
    how = ("--mode=root", "--variant=important", "--format=directory", "--skip=check/empty")
    options = tuple(f"--aptopt={option}" for option in found.options)
    return ("mmdebstrap", *how, *options, params.release, ROOT, *found.lines)


def _clear() -> tuple[str, ...]:
    """Return what removes all but the mark; what is mounted further down is left to be written over."""
    name = UNFINISHED.rpartition("/")[2]
    which = ("!", "-name", name, "!", "-name", "lost+found", "(", "!", "-type", "d", "-o", "-empty", ")")
    return ("find", ROOT, "-xdev", "-depth", "-mindepth", "1", *which, "-delete")


def _not_ours(params: HostParams, facts: Facts) -> list[Finding]:
    if "|base-files|" not in installed(facts):
        return [
            Finding(
                "refuse",
                "The root volume is not empty",
                "something is on it that is no Debian, and nothing is installed over it",
                f"look at {ROOT} on the host; to give it up, run `umount --recursive {ROOT}`, and wipefs(8) on "
                "its volume",
            )
        ]
    release = facts.text(_RELEASE.argv[0]) or ""
    if f"VERSION_CODENAME={params.release}" in release:
        return []
    return [
        Finding(
            "refuse",
            f"Another Debian than {params.release} is on the root volume already",
            next(
                (line for line in release.splitlines() if line.startswith("PRETTY_NAME")),
                "it does not say which",
            ),
            f"set `release` to the one that is there; or give it up: `umount --recursive {ROOT}`, and wipefs(8) on "
            "its volume",
        )
    ]
