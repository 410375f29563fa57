"""Backups that the host makes by itself: its programs, what to do, and the timers; what is no longer asked for goes."""

from __future__ import annotations

from runbook.actions import Action, InstallPackages, Remove, Run, WriteFile
from runbook.backups import names, program, schedule
from runbook.backups.schedule import BOOT, MAKE
from runbook.facts import backups, nights, packages, services
from runbook.model.ask import UNREADABLE, Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.shared import apt, left_out, own_folders, own_units
from runbook.text.plural import plural

TITLE = "Let the host back guests up by itself"
GUIDE = "Not in the guide: its backups were made by hand, and when somebody thought of it"
RISK: Risk = "safe"

_TIMERS = tuple(f"{unit}.timer" for unit in (MAKE, BOOT))
_FILES = tuple(Ask.read(f"{schedule.UNITS}/{unit}") for unit in _TIMERS)
_KEY = 'umask 077; mkdir -p "${1%/*}"; head -c 32 /dev/urandom | base64 >"$1.new" && sync "$1.new" && mv -n "$1.new" "$1"'


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about the units of ours; where a schedule is asked for, about all that belongs to it."""
    asked = params.management.backups
    if not asked.schedule:
        return (*_FILES, Ask.read(schedule.KEEP))
    wanted = {
        **schedule.programs(),
        **schedule.trials(params),
        **schedule.units(params),
        schedule.CONFIG: "",
        schedule.KEEP: "",
    }
    return (
        *_FILES,
        *(Ask.read(path) for path in wanted),
        *program.COMMANDS,
        *packages.commands(_packages(params)),
        *services.commands(*_TIMERS),
        *(nights.calendar(words) for words in _times(params)),
        *((nights.key(asked.second.key),) if asked.second else ()),
        backups.look(asked.folder),
        *nights.COMMANDS,
    )


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write what is missing or other, make the key where there is none, and start the timers."""
    asked = params.management.backups
    if not asked.schedule:
        return Plan(_gone(params, facts, _TIMERS), unasked="management.backups.schedule is empty")
    if stops := (*_not_understood(params, facts), *_key_lost(params, facts)):
        return Plan(findings=stops)
    installed = packages.parse(facts, _packages(params))
    actions: list[Action] = []
    if missing := installed.missing(_packages(params)):
        actions.append(InstallPackages(missing, installed.delta))
    actions += program.install(facts)
    actions += [WriteFile(p, t) for p, t in schedule.programs().items() if facts.text(p) != t]
    files = {schedule.CONFIG: schedule.config(params), **schedule.trials(params)}
    if facts.text(schedule.CONFIG) is None:
        folders = sorted({own_folders.FOLDER, *(path.rpartition("/")[0] for path in files)})
        actions += [own_folders.made(folder, "the settings lie in it", "0700") for folder in folders]
    actions += [WriteFile(p, t, mode="0600") for p, t in files.items() if facts.text(p) != t]
    if asked.second and not nights.key_and_repository(facts, asked.second.key)[0]:
        actions.append(
            Run(("sh", "-c", _KEY, "key", asked.second.key), "a key of 256 bits, which only the host has")
        )
    actions += _timers(params, facts)
    actions += _gone(
        params, facts, tuple(t for t in _TIMERS if f"{schedule.UNITS}/{t}" not in schedule.units(params))
    )
    findings = (
        *apt.before_installing(installed),
        *_no_package(installed, missing),
        *(_cautions(params) if actions else ()),
    )
    return Plan(tuple(actions), findings)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The timers wait for their time, and the last night and the last trial went well."""
    asked = params.management.backups
    if not asked.schedule:
        return []
    units = services.parse(facts, *_TIMERS)
    wanted = [t for t in _TIMERS if f"{schedule.UNITS}/{t}" in schedule.units(params)]
    found = [
        Finding("fail", f"{name} does not run", f"systemd says {units[name].active}, {units[name].enabled or 'no such unit'}",
                "run the step schedule_backups in mode apply", "systemd.timer(5)")
        for name in wanted
        if not (units[name].starts_at_boot and units[name].active == "active")
    ]  # fmt: skip
    return [
        *found,
        *night_findings(nights.parse(facts), has_trials=bool(asked.boot_test)),
        *left_out.notes(params, asked.guests),
    ]


def night_findings(seen: nights.Nights, *, has_trials: bool) -> list[Finding]:
    """Return what went wrong in the last night, and in the last trial where guests still start on trial."""
    turns = ((seen.make, MAKE), (seen.boot, BOOT))
    return [
        Finding("fail", f"The host's own backups went wrong: {why}", f"in the run that ended on {_day(turn.ended)}",
                f"correct what it names, then on the host: `systemctl start {unit}`; `journalctl -u {unit}` has all of it")
        for turn, unit in turns[: 1 + has_trials]
        for why in turn.errors
    ]  # fmt: skip


def _day(moment: int) -> str:
    return names.when(names.date_of(moment))


def _times(params: HostParams) -> tuple[str, ...]:
    asked = params.management.backups
    return tuple(dict.fromkeys(filter(None, (asked.schedule, asked.boot_test))))


def _packages(params: HostParams) -> tuple[str, ...]:
    asked = params.management.backups
    is_far = any(q.how == "freeze" for q in asked.quiesce) or (
        asked.second and asked.second.repository.startswith("sftp:")
    )
    return ("python3", *(("restic",) if asked.second else ()), *(("openssh-client",) if is_far else ()))


def _timers(params: HostParams, facts: Facts) -> list[Action]:
    wanted = schedule.units(params)
    changed = [path for path, text in wanted.items() if facts.text(path) != text]
    actions: list[Action] = [WriteFile(path, wanted[path]) for path in changed]
    if changed:
        actions.append(own_units.RELOAD)
    units = services.parse(facts, *_TIMERS)
    for name in _TIMERS:
        path = f"{schedule.UNITS}/{name}"
        if path in wanted and not (units[name].starts_at_boot and units[name].active == "active"):
            undo = ("systemctl", "disable", "--now", name)
            actions.append(
                Run(("systemctl", "enable", "--now", name), "waits for its time from now on", undo=undo)
            )
        elif path in changed:
            actions.append(Run(("systemctl", "restart", name), "it waits for the new time", again=True))
    return actions


def _gone(params: HostParams, facts: Facts, timers: tuple[str, ...]) -> tuple[Action, ...]:
    """Return how timers that nobody asks for go, and with the first of them what may be deleted."""
    found: list[Action] = []
    for name in timers:
        path = f"{schedule.UNITS}/{name}"
        if Ask.read(path) in facts and facts[Ask.read(path)].status != UNREADABLE:
            found += own_units.away(facts, name, path, schedule.timer(name.removesuffix(".timer"), ""))
    if found:
        found = [*(a for a in found if a != own_units.RELOAD), own_units.RELOAD]
    if (
        not schedule.keep(params)
        and Ask.read(schedule.KEEP) in facts
        and facts.text(schedule.KEEP) is not None
    ):
        found.append(Remove(schedule.KEEP))
    return tuple(found)


def _not_understood(params: HostParams, facts: Facts) -> tuple[Finding, ...]:
    answers = ((words, facts[nights.calendar(words)]) for words in _times(params))
    return tuple(
        Finding("refuse", f"The host's systemd does not understand the time '{words}'", answer.err.strip().partition("\n")[0],
                "write management.backups in its words: `systemd-analyze calendar 'Sun 04:00'` says when that is", "systemd.time(7)")
        for words, answer in answers
        if not answer.ok
    )  # fmt: skip


def _key_lost(params: HostParams, facts: Facts) -> tuple[Finding, ...]:
    second = params.management.backups.second
    if not second:
        return ()
    is_there, repository = nights.key_and_repository(facts, second.key)
    if is_there or not repository:
        return ()
    return (
        Finding("refuse", f"The key {second.key} of the second place is gone",
                f"the repository {repository[:8]} at {second.repository} was written with it, and nothing else reads it",
                f"put the key back from where you keep its copy. If there is none: what is there is lost; remove {schedule.SECOND_ID} on "
                "the host, name another place in management.backups.second.repository, and begin anew"),
    )  # fmt: skip


def _no_package(now: packages.Packages, missing: tuple[str, ...]) -> tuple[Finding, ...]:
    if not (missing and now.unknown):
        return ()
    return (
        Finding("refuse", f"apt finds no package {', '.join(now.unknown)}", "its lists are missing or too old, or its sources do not offer it",
                "run the step install_tools or `apt-get update` on the host, then run again", "sources.list(5)"),
    )  # fmt: skip


def _cautions(params: HostParams) -> tuple[Finding, ...]:
    asked = params.management.backups
    found = list(left_out.notes(params, asked.guests))
    if asked.second:
        found.append(
            Finding("warn", f"Keep a copy of {asked.second.key} elsewhere than on this host",
                    f"without it nobody reads what is in {asked.second.repository}, when the host is gone least of all",
                    f"print it, or store it with your passwords: `cat {asked.second.key}`")
        )  # fmt: skip
        if asked.second.repository.startswith("sftp:"):
            found.append(
                Finding("info", "root of the host has to reach the second place by ssh without a question",
                        "the timer has nobody to ask", f"try it on the host: `sftp -o BatchMode=yes {asked.second.repository[5:].partition(':')[0]}`")
            )  # fmt: skip
    if not schedule.keep(params):
        found.append(
            Finding("info", f"No backup is ever deleted: {plural(len(asked.guests), 'guest')} at each time of '{asked.schedule}'",
                    "management.backups.keep is empty", "say how many stay, such as `keep: {last: 3, daily: 7, weekly: 4, monthly: 12}`")
        )  # fmt: skip
    return tuple(found)
