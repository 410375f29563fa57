"""What is looked at of the guests and of their backups."""

from __future__ import annotations

from collections.abc import Iterator

from runbook.backups import names
from runbook.facts import backups, nights
from runbook.facts import guests as running
from runbook.facts.backups import Backup, Store
from runbook.facts.nights import Nights
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.watch.condition import Condition, Gauge
from runbook.watch.machine import Found
from runbook.watch.news import spell

SKEW_S = 300
"""So far the host's clock may be from the controller's."""


def guests(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield the guests that should run and do not, and those that crashed."""
    domains = running.parse(facts)
    if not domains.answered:
        yield Condition("xen", "guests", "Xen does not answer", f"`xl list` on the host says: {domains.why}; `runbook check --only 7` says what it started with")  # fmt: skip
        return
    for guest in params.guests:
        domain = domains.named(guest.name)
        wanted = guest.autostart is not None or guest.start
        is_up = domain is not None and domain.is_alive
        if wanted or domain:
            yield Gauge("guest_up", (("guest", guest.name),), int(is_up))
        if domain is not None and "c" in domain.state:
            yield Condition(f"crashed:{guest.name}", "guests", f"The guest '{guest.name}' crashed", f"`xl dmesg` and /var/log/xen/*{guest.name}* on the host say more; then `runbook guest restart PARAMS {guest.name}`")  # fmt: skip
        elif wanted and not is_up:
            yield Condition(f"down:{guest.name}", "guests", f"The guest '{guest.name}' does not run", f"`runbook guest start PARAMS {guest.name}`; if it is meant to be off, take `autostart` and `start` out of its parameters")  # fmt: skip


def clock(params: HostParams, facts: Facts, active: frozenset[str], moment: int) -> Found:
    """Yield a clock that is wrong: backups and messages are dated by it."""
    store = backups.parse(facts, params.management.backups.folder)
    if not store.now:
        return
    yield Gauge("clock_skew_seconds", (), store.now - moment)
    if abs(store.now - moment) > SKEW_S:
        side = "ahead of" if store.now > moment else "behind"
        yield Condition("clock", "clock", f"The host's clock is {side} this machine's", "look at `timedatectl` on both; the step set_clock sets the host's")  # fmt: skip


def saved(params: HostParams, facts: Facts, active: frozenset[str]) -> Found:
    """Yield backups that are too old, damaged or start no guest, and what went wrong in the last night."""
    settings = params.management.backups
    store = backups.parse(facts, settings.folder)
    seen = nights.parse(facts)
    for name in settings.guests:
        good = [b for b in store.of(name) if not b.wrong and b.name not in seen.broken]
        yield from _age(params, store, name, good)
        if settings.boot_test:
            yield from _boots(store, name, good, seen)
        for backup in store.of(name):
            if backup.wrong or backup.name in seen.broken:
                why = backup.wrong or "it could not be read to its end"
                yield Condition(f"damaged:{backup.name}", "backups", f"The backup {backup.name} is damaged: {why}", f"look at the disk under {settings.folder}: `dmesg`, `smartctl` on the host")  # fmt: skip
    yield from _nights(params, seen)


def _age(params: HostParams, store: Store, name: str, good: list[Backup]) -> Found:
    limit = params.watch.backup_age_h or params.management.backups.max_age_h * 3 // 2
    do = "`runbook backup make PARAMS " + name + "`; with a schedule, on the host: `systemctl list-timers`"
    in_time = [b for b in good if b.age_of <= store.now + SKEW_S]
    if not in_time:
        yield Condition(f"no-backup:{name}", "backups", f"There is no good backup of '{name}'", do)
        return
    age = store.now - in_time[-1].age_of
    yield Gauge("backup_age_seconds", (("guest", name),), age)
    if age > limit * 3600:
        yield Condition(
            f"old-backup:{name}", "backups", f"The newest backup of '{name}' is older than {limit} h", do
        )


def _boots(store: Store, name: str, good: list[Backup], seen: Nights) -> Iterator[Condition | Gauge]:
    tried = [(b, seen.of(b.name)) for b in good]
    up = [names.seconds(t.date) for _, t in tried if t and t.is_up == "yes"]
    if up:
        yield Gauge("backup_booted_age_seconds", (("guest", name),), store.now - max(up))
    last = next((t for _, t in reversed(tried) if t), None)
    if last and last.is_up == "no":
        since = f"the last that did was tried {spell(store.now - max(up))} ago" if up else "none ever did"
        yield Condition(f"unbootable:{name}", "backups", f"'{name}' did not start from its backup: {last.seen}; {since}", f"`runbook backup list PARAMS {name}` shows which backups started it; keep an older one, and look at what the guest says at its own start")  # fmt: skip


def _nights(params: HostParams, seen: Nights) -> Iterator[Condition]:
    settings = params.management.backups
    if not settings.schedule:
        return
    trials = seen.boot.guests if settings.boot_test else ()
    rows = [(kind, name, row) for kind, some in (("backup", seen.make.guests), ("trial", trials)) for name, row in some if name in settings.guests]  # fmt: skip
    rows += [("second", "", seen.make.second)] if seen.make.second and settings.second else []
    for kind, name, row in rows:
        if not (error := row.get("error")) or row.get("booted") == "no":
            continue
        what = {"backup": f"The host could not back '{name}' up", "trial": f"'{name}' could not be started on trial",
                "second": "The second place has no new copies"}[kind]  # fmt: skip
        unit = "xen-runbook-boot-test" if kind == "trial" else "xen-runbook-backups"
        yield Condition(f"night-{kind}:{name}", "backups", f"{what}: {str(error)[:300]}", f"correct what it names, then on the host: `systemctl start {unit}`")  # fmt: skip
