"""The book of many hosts: what their reports say of all of them, as tables for reading in a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from runbook import params as parameters
from runbook.attestation.places import hosts_in
from runbook.errors import ParamsError
from runbook.evidence import archive
from runbook.evidence.fleets import record
from runbook.evidence.fleets.page import verdict
from runbook.evidence.fleets.record import FOLDER
from runbook.fleet import facts as tables
from runbook.show.pieces import Shown
from runbook.show.tables import styled
from runbook.text.html import escape
from runbook.text.plural import plural

if TYPE_CHECKING:
    import pandas as pd

NO_RUN = "No fleet run is among these reports."
NO_XEN = "no"
"""What stands for Xen's version where a host has been started without it (`runbook.drift.boot`)."""
VERSIONS = (("system", "is"), ("kernel", "runs"), ("Xen", "runs"))


def open_fleet(reports: str = "reports", hosts: str = "*") -> FleetBook:
    """Return the book of the hosts whose names fit a pattern, from their reports; no host is reached.

    Raises `ParamsError` when there is no such folder, or no report of such a host in it.
    """
    place = parameters.find(reports)
    names = hosts_in(place)
    wanted = [name for name in names if fnmatch(name, hosts)]
    if not wanted:
        raise ParamsError(
            f"There is no report of a host '{hosts}'",
            where=reports,
            why=f"there are reports of: {', '.join(names) or 'no host'}",
            do="make some: runbook fleet params/*.yml",
        )
    return FleetBook(place, reports, wanted)


class FleetBook:
    """What the reports say of these hosts. `facts` is all of it in one pandas table (`runbook.fleet.facts`)."""

    def __init__(self, reports: Path, name: str, hosts: list[str]) -> None:
        self._reports, self._name, self.hosts = reports, name, hosts
        self.without: list[str] = []
        rows: list[tables.Row] = []
        for host in hosts:
            try:
                rows += tables.of_report(reports, host)
            except ParamsError:
                self.without.append(host)
        self.facts = tables.table(rows)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return self._title()._repr_mimebundle_(include, exclude)

    def _title(self) -> Shown:
        lines = [f"{plural(len(self.hosts), 'host')} in {self._name}: {', '.join(self.hosts)}"]
        if len(self.facts):
            seen = self.facts["seen"].str[:16]
            lines.append(f"{plural(len(self.facts), 'fact')}, seen from {seen.min()} to {seen.max()} (UTC)")
        if self.without:
            lines.append(f"without a good report: {', '.join(self.without)}")
        return Shown(f"<div>{'<br>'.join(map(escape, lines))}</div>", "\n".join(lines))

    def show(self, what: str) -> Shown:
        """Return one of the tables. Raises `ParamsError` for a name that is none."""
        views: dict[str, Callable[[], pd.DataFrame]] = {
            "hosts": lambda: tables.summary(self.facts),
            "devices": self._devices,
            "versions": self._versions,
            "drift": self._drift,
            "run": self._run,
        }
        if what == "run" and not self._newest():
            return Shown(f"<div>{NO_RUN}</div>", NO_RUN)
        if what not in views:
            raise ParamsError(f"There is no table '{what}'", do=f"there are: {', '.join(views)}")
        return styled(what, views[what]())

    def summary(self) -> Shown:
        """Return what deserves a look, a line each."""
        lines = [f"{host} has no good report: runbook check" for host in self.without]
        for name, count in tables.summary(self.facts)["drifted"].items():
            if count == tables.NEVER:
                lines.append(f"{name}: nobody has looked for drift yet")
            elif count:
                lines.append(f"{name}: {plural(count, 'thing')} drifted")
        for what, field in VERSIONS:
            count = len(set(tables.values(self.facts, what, field)) - {NO_XEN})
            lines += [f"{what}: {count} versions run side by side"] if count > 1 else []
        newest = self._newest()
        lines += [verdict(newest.as_dict())] if newest and newest.unfinished else []
        lines = lines or ["Nothing deserves a look."]
        return Shown(f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>", "\n".join(lines))

    def _devices(self) -> pd.DataFrame:
        """Return one row per kind of card: what it is, how many there are, and where each one is and whose."""
        import pandas as pd

        rows = self.facts[self.facts.kind == "device"]
        fields = rows.pivot(index=["host", "name"], columns="field", values="value").reset_index()
        found = [
            {"card": card, "is": group["is"].iloc[0], "count": len(group), "where": "; ".join(_places(group))}
            for card, group in (fields.groupby("id") if len(fields) else ())
        ]
        return pd.DataFrame(found, columns=["card", "is", "count", "where"]).set_index("card")

    def _versions(self) -> pd.DataFrame:
        """Return one row per version of system, kernel and Xen, with the hosts where it runs."""
        import pandas as pd

        found = [
            {"what": what, "version": version, "count": len(group), "hosts": ", ".join(group.index)}
            for what, field in VERSIONS
            for here in [tables.values(self.facts, what, field)]
            for version, group in here.groupby(here)
        ]
        return pd.DataFrame(found, columns=["what", "version", "count", "hosts"]).set_index("what")

    def _drift(self) -> pd.DataFrame:
        """Return one row per change that a host's newest check found; one that was never looked for is said, too."""
        import pandas as pd

        found = [
            {"host": host, "looked": looked, "what changed": line, "by": by}
            for host in self.hosts
            for looked, line, by in self._changes(host)
        ]
        return pd.DataFrame(found, columns=["host", "looked", "what changed", "by"]).set_index("host")

    def _changes(self, host: str) -> Iterable[tuple[str, str, str]]:
        newest = archive.newest_drift(self._reports, archive.newest_first(self._reports, host))
        if newest is None:
            return [("never", "nobody looked: runbook check", "")]
        run, found = newest
        looked = run["started"][:16]
        if not found["since"]:
            return [(looked, "nothing to compare with yet", "")]
        changes = [(looked, change["line"], change["by"]) for change in found["changes"]]
        return changes or [(looked, "nothing", "")]

    def _newest(self) -> record.FleetRecord | None:
        has_any = any((self._reports / FOLDER).glob(f"*/{record.FILE}"))
        return record.last(self._reports) if has_any else None

    def _run(self) -> pd.DataFrame:
        """Return how each host ended in the newest fleet run, with the first line of why."""
        import pandas as pd

        newest = self._newest()
        found = [
            {
                "host": host.host,
                "state": host.state,
                "exit code": "" if host.exit_code is None else str(host.exit_code),
                "at": " · ".join(filter(None, (host.notebook, host.step))),
                "seconds": "" if host.seconds is None else f"{host.seconds:.0f}",
                "why": host.message.strip().splitlines()[0] if host.message.strip() else "",
            }
            for host in (newest.hosts if newest else [])
        ]
        columns = ["host", "state", "exit code", "at", "seconds", "why"]
        return pd.DataFrame(found, columns=columns).set_index("host")


def _places(devices: pd.DataFrame) -> Iterable[str]:
    for _, device in devices.sort_values(["host", "name"]).iterrows():
        owner = device.get("belongs to")  # without Xen nobody but the one system can have it
        place = f"{device['host']} {device['name'].removeprefix('0000:')}"
        yield f"{place} ({owner})" if isinstance(owner, str) else place
