"""A host with timers of its own for tests: files, units, packages, and what its last nights left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runbook.actions import InstallPackages, Remove, Run, WriteFile
from runbook.backups import program, schedule
from runbook.facts import nights, packages, services
from runbook.model.ask import MISSING, Answer, Ask
from runbook.model.plan import Plan
from runbook.params import HostParams
from tests.steps import backups_host

TIMERS = tuple(f"{unit}.timer" for unit in (schedule.MAKE, schedule.BOOT))


@dataclass
class Host(backups_host.Host):
    """The host; tests change its fields to break it."""

    files: dict[str, str] = field(default_factory=dict)
    units: set[str] = field(default_factory=set)
    """The timers that wait."""
    packages: set[str] = field(default_factory=lambda: {"python3"})
    key: str = ""
    """What the question for the key says."""
    understands: bool = True
    next_time: str = ""
    """When its systemd says that the timer comes."""

    def apply(self, planned: Plan) -> None:
        for action in planned.actions:
            self.done.append(action.title)
            match action:
                case WriteFile(path=path, content=text) if path in (program.PROGRAM, program.BLOCKS):
                    self.programs[path] = text
                case WriteFile(path=path, content=text):
                    self.files[path] = text
                case Remove(path=path):
                    del self.files[path]
                case InstallPackages(names=names):
                    self.packages |= set(names)
                case Run(argv=("systemctl", "enable", "--now", unit)):
                    self.units.add(unit)
                case Run(argv=("systemctl", "disable", "--now", unit)):
                    self.units.discard(unit)
                case Run(argv=("systemctl", *_) | ("install", "-d", *_)):
                    pass
                case Run(argv=("sh", "-c", _, "key", _)):
                    self.key = "key\n"
                case _:
                    raise AssertionError(f"the host cannot do: {action.title}")

    def _answer(self, ask: Ask, asked: HostParams) -> Answer:
        known: dict[Ask, Answer] = {
            services.commands(*TIMERS)[0]: Answer(0, "running\n"),
            services.commands(*TIMERS)[1]: Answer(0, "\n\n".join(map(self._unit, TIMERS))),
            nights.COMMANDS[1]: Answer(0, self.files.get("notes", "")),
        }
        second = asked.management.backups.second
        if second:
            known[nights.key(second.key)] = Answer(0, self.key)
        if ask in known:
            return known[ask]
        if ask.argv[:2] == ("systemd-analyze", "calendar"):
            why = f"Failed to parse calendar specification '{ask.argv[2]}': Invalid argument\n"
            return Answer(0, f"Next elapse: {self.next_time}\n") if self.understands else Answer(1, "", why)
        if ask.kind == "read" and ask.argv[0] not in (program.PROGRAM, program.BLOCKS):
            text = self.files.get(ask.argv[0])
            return Answer(MISSING) if text is None else Answer(0, text)
        for names in (
            ("python3",),
            ("python3", "restic"),
            ("python3", "restic", "openssh-client"),
            ("python3", "openssh-client"),
        ):
            if ask in packages.commands(names):
                return self._packages(ask, names)
        return super()._answer(ask, asked)

    def _packages(self, ask: Ask, names: tuple[str, ...]) -> Answer:
        _, lists, _, status, simulation = packages.commands(names)
        if ask == status:
            return Answer(0, "".join(f"ii |{name}|1.0\n" for name in sorted(self.packages)))
        missing = [name for name in names if name not in self.packages]
        if ask == simulation:
            return Answer(0, "".join(f"Inst {name} (1.0 Debian:13/stable [amd64])\n" for name in missing))
        return Answer(0, "list\nfresh\n") if ask == lists else Answer(0)

    def _unit(self, name: str) -> str:
        has_file = f"{schedule.UNITS}/{name}" in self.files
        load, active = (
            ("loaded" if has_file else "not-found"),
            ("active" if name in self.units else "inactive"),
        )
        enabled = "enabled" if name in self.units else ("disabled" if has_file else "")
        return (
            f"Id={name}\nLoadState={load}\nActiveState={active}\nUnitFileState={enabled}\nNeedDaemonReload=no"
        )


def params(**backups: Any) -> HostParams:
    """Return the testbed's parameters with these words under `management.backups`."""
    return backups_host.params(backups={"guests": ["comm"], **backups})
