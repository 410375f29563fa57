"""Rename a guest: its configuration and its start get another name, its identity and its disks stay."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.actions import Link, Remove, Run, WriteFile
from runbook.book import acts
from runbook.facts import guests, systems
from runbook.guests import config, system
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.steps.guests import set_autostart, write_guest_configs


@dataclass(frozen=True)
class RenameGuest:
    """The renaming of a guest; the parameters that it is planned with have the new name already."""

    old: str
    new: str
    before: HostParams
    """The parameters with the old name."""

    TITLE = "Rename a guest"
    GUIDE = acts.GUIDE
    RISK: Risk = "safe"
    __name__ = "rename_guest"

    def asks(self, params: HostParams) -> tuple[Ask, ...]:
        more = (*write_guest_configs.asks(self.before), *set_autostart.asks(params))
        return (
            *write_guest_configs.asks(params),
            *more,
            *((systems.NOTES,) if self._has_system(params) else ()),
        )

    def plan(self, params: HostParams, facts: Facts) -> Plan:
        """Return the new configuration, its links, and the removal of the old one."""
        domains = guests.parse(facts)
        old, new = config.path_of(self.old), config.path_of(self.new)
        found = [
            acts.still_runs(domain, "renamed")
            for domain in map(domains.named, (self.old, self.new))
            if domain
        ]
        if facts.text(new) is not None:
            do = "choose another name, or move that file away"
            found.append(Finding("refuse", f"{new} is there already", "it is some other guest's", do))
        standing = write_guest_configs.standings(self.before, facts)[old]
        if standing.kind == "other":
            why = "it asks xl for something else than the parameters do, and would be written anew from those"
            do = f"take it into the parameters as it is: `runbook guest adopt PARAMS {self.old}`"
            found.append(Finding("refuse", f"{old} was changed by hand", why, do))
        written = write_guest_configs.plan(params, facts)
        actions = [a for a in written.actions if isinstance(a, WriteFile) and a.path == new]
        links = [a for a in set_autostart.plan(params, facts).actions if self._is_mine(a)]
        gone = [Remove(old)] if facts.text(old) is not None else []
        return Plan((*self._system(params, facts), *actions, *links, *gone), (*found, *self._backups(params)))

    def check(self, params: HostParams, facts: Facts) -> list[Finding]:
        """The new configuration is there, and the old one is not."""
        old, new = config.path_of(self.old), config.path_of(self.new)
        do = "run the notebook 08_guests in mode apply"
        found = [Finding("fail", f"{new} is missing", do=do)] if facts.text(new) is None else []
        return [
            *found,
            *([Finding("fail", f"{old} is still there", do=do)] if facts.text(old) is not None else []),
        ]

    def _has_system(self, params: HostParams) -> bool:
        return any(guest.system for guest in params.guests if guest.name == self.new)

    def _system(self, params: HostParams, facts: Facts) -> tuple[Run, ...]:
        """Return the move of what the host keeps of its system: a cloud image's seed is a disk of the guest."""
        if not self._has_system(params) or not systems.is_kept(facts, self.old):
            return ()
        old, new = (f"{system.STATE}/{name}" for name in (self.old, self.new))
        move = ("mv", "-T", "--")
        return (Run((*move, old, new), "what the host keeps of its system", undo=(*move, new, old)),)

    def _is_mine(self, action: object) -> bool:
        targets = (f"../{self.old}.cfg", f"../{self.new}.cfg")
        if isinstance(action, Remove):
            return action.link in targets
        return (isinstance(action, Link) and action.target in targets) or isinstance(action, Run)

    def _backups(self, params: HostParams) -> tuple[Finding, ...]:
        if self.new not in params.management.backups.guests:
            return ()
        why = "a backup is restored to the guest that it was made of, so they will not be restored to it"
        what = f"Backups that were made of '{self.old}' keep that name"
        return (Finding("warn", what, why, f"make a new one soon: `runbook backup make PARAMS {self.new}`"),)
