"""Backups by the host's own timers, and what it may delete, as notebook 09 plans them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from runbook.actions import Remove, Run, WriteFile
from runbook.backups import schedule
from runbook.guests import config as guest_config
from runbook.guests import syntax
from runbook.model.ask import Facts
from runbook.model.plan import Plan
from runbook.steps.management import expire_backups, schedule_backups
from tests.steps import backups_host
from tests.steps.backups_host import SAMPLE, Kept
from tests.steps.nights_host import TIMERS, Host, params

NIGHTLY = params(schedule="*-*-* 02:30")
SECOND = {"repository": "sftp:backup@nas.lan:/srv/xen"}
FAR = params(schedule="daily", second=SECOND)
KEPT = params(schedule="daily", keep={"last": 1})
BOOTED = params(schedule="daily", boot_test="Sun 04:00")


def planned(step, host: Host, asked) -> Plan:
    return step.plan(asked, host.facts(step, asked))


def found(step, host: Host, asked) -> list:
    return step.check(asked, host.facts(step, asked))


def scheduled(asked, host: Host | None = None) -> Host:
    host = host or Host()
    host.apply(planned(schedule_backups, host, asked))
    return host


@pytest.mark.parametrize("asked", [NIGHTLY, FAR, BOOTED], ids=["nightly", "second", "trial"])
def test_a_schedule_is_set_up_once(asked) -> None:
    """Programs, configuration, units and timers; afterwards there is nothing to do and nothing wrong."""
    host = scheduled(asked)
    assert planned(schedule_backups, host, asked).actions == ()
    assert [f.what for f in found(schedule_backups, host, asked) if f.stops] == []
    assert host.files.keys() >= schedule.programs().keys()


def test_without_a_schedule_nothing_is_planned() -> None:
    """Nobody asked: neither step plans or complains of anything, and a host that never heard of it answers nothing."""
    asked = backups_host.params(backups={"guests": ["comm"]})
    for step in (schedule_backups, expire_backups):
        plan = planned(step, Host(), asked)
        assert (replace(plan, unasked=""), bool(plan.unasked)) == (Plan(), True)
        assert replace(step.plan(asked, Facts({})), unasked="") == Plan()
        assert found(step, Host(), asked) == []


def test_the_host_is_told_what_to_do() -> None:
    """Guests in their order, how each holds still, where else the copies go and how fast: all of it in one file."""
    asked = backups_host.params(backups={
        "guests": ["nginx", "comm"], "schedule": "daily", "source": "snapshot",
        "quiesce": [{"guest": "comm", "to": "root@10.0.0.5", "folders": ["/srv", "/"]}, {"guest": "nginx", "how": "pause"}],
        "second": SECOND | {"limit_kib_s": 20480},
    })  # fmt: skip
    told = json.loads(schedule.config(asked))
    assert [(g["name"], g["volume"], g["still"]) for g in told["guests"]] == [
        ("nginx", "/dev/guests/nginx", ["pause"]),
        ("comm", "/dev/guests/comm", ["freeze", "root@10.0.0.5", "/srv", "/"]),
    ]
    assert told["second"] == {
        "repository": SECOND["repository"],
        "key": "/etc/xen-runbook/second.key",
        "limit_kib_s": 20480,
    }


def test_a_time_that_systemd_does_not_understand_is_refused() -> None:
    """The host's own systemd has the last word, in its own words."""
    plan = planned(schedule_backups, Host(understands=False), params(schedule="*-*-* 25:00"))
    assert plan.actions == ()
    assert "does not understand the time '*-*-* 25:00'" in plan.stops[0].what
    assert "Failed to parse" in plan.stops[0].why


def test_another_time_restarts_the_timer() -> None:
    """The file is written anew, systemd reads it, and the timer waits for the new time."""
    host = scheduled(NIGHTLY)
    plan = planned(schedule_backups, host, params(schedule="weekly"))
    assert [a.title for a in plan.actions] == [
        f"write {schedule.UNITS}/{TIMERS[0]}", "run systemctl daemon-reload", f"run systemctl restart {TIMERS[0]}",
    ]  # fmt: skip


def test_a_timer_that_nobody_asks_for_goes_with_its_word_for_deletion() -> None:
    """Without a schedule the timers go, and so does the file that says what may be deleted; what a person wrote stays."""
    host = scheduled(BOOTED)
    host.files[schedule.KEEP] = "{}"
    asked = backups_host.params(backups={"guests": ["comm"]})
    plan = planned(schedule_backups, host, asked)
    assert [a.path for a in plan.actions if isinstance(a, Remove)] == [
        *(f"{schedule.UNITS}/{t}" for t in TIMERS),
        schedule.KEEP,
    ]
    host.apply(plan)
    assert host.units == set()
    host.files[f"{schedule.UNITS}/{TIMERS[0]}"] = "[Timer]\nOnCalendar=daily\n"
    assert planned(schedule_backups, host, asked).actions == ()


def test_the_way_back_of_a_timer() -> None:
    """Undoing takes the timer out of force, and every file that was new away."""
    host = Host()
    facts = host.facts(schedule_backups, NIGHTLY)
    back = [a.inverse(facts) for a in schedule_backups.plan(NIGHTLY, facts).actions]
    assert ("systemctl", "disable", "--now", TIMERS[0]) in [a.argv for a in back if isinstance(a, Run)]
    removed = {a.path for a in back if isinstance(a, Remove)}
    assert removed >= {schedule.CONFIG, *schedule.programs(), *schedule.units(NIGHTLY)}


# the second place


def test_a_key_is_made_once_and_its_copy_asked_for() -> None:
    """The first time a key is made, no undo takes it away, and the reader is told to keep a copy elsewhere."""
    plan = planned(schedule_backups, Host(), FAR)
    (key,) = [a for a in plan.actions if isinstance(a, Run) and a.argv[:2] == ("sh", "-c")]
    assert (key.argv[-1], key.undo) == ("/etc/xen-runbook/second.key", ())
    assert any("Keep a copy of /etc/xen-runbook/second.key" in f.what for f in plan.findings)
    assert "install 2 packages" in [a.title for a in plan.actions]


def test_a_lost_key_is_refused_and_never_made_anew() -> None:
    """Where a repository was written and its key is gone, nothing is planned: a new key would open nothing."""
    plan = planned(schedule_backups, Host(key="5956a3f67a62\n"), FAR)
    assert plan.actions == ()
    assert "The key /etc/xen-runbook/second.key of the second place is gone" in plan.stops[0].what


# what went wrong


def test_a_night_that_went_wrong_fails_the_check() -> None:
    """What the host's own report says is a finding, with the command that tries it once more."""
    host = scheduled(NIGHTLY)
    host.files[schedule.NIGHT] = json.dumps(
        {"make": {"ended": 1795380115, "errors": ["backup: comm did not freeze"], "guests": {}}}
    )
    (finding,) = [f for f in found(schedule_backups, host, NIGHTLY) if f.stops]
    assert "comm did not freeze" in finding.what
    assert "systemctl start xen-runbook-backups" in finding.do
    host.files[schedule.NIGHT] = json.dumps(
        {"boot": {"ended": 1, "errors": ["comm did not start"], "guests": {}}}
    )
    assert [
        f for f in found(schedule_backups, host, NIGHTLY) if f.stops
    ] == []  # nothing starts on trial any more
    assert [f for f in found(schedule_backups, scheduled(BOOTED, host), BOOTED) if f.stops]
    host.files[schedule.NIGHT] = "{half"
    assert [f for f in found(schedule_backups, host, NIGHTLY) if f.stops] == []


def test_a_timer_that_does_not_run_fails_the_check() -> None:
    """Somebody switched it off: the check says so, and the plan switches it on again."""
    host = scheduled(NIGHTLY)
    host.units.clear()
    assert [f.what for f in found(schedule_backups, host, NIGHTLY) if f.stops] == [
        f"{TIMERS[0]} does not run"
    ]
    assert [a.title for a in planned(schedule_backups, host, NIGHTLY).actions] == [
        f"run systemctl enable --now {TIMERS[0]}"
    ]


def test_what_is_not_in_a_backup_is_said() -> None:
    """Further disks and disks behind passed devices are named; a network card has nothing to keep."""
    base = backups_host.params(backups={"guests": ["comm"], "schedule": "daily"}).model_dump()
    guests = [g for g in base["guests"] if g["name"] == "comm"]
    others = [g for g in base["guests"] if g["name"] != "comm"]
    guests[0] |= {
        "volume": None,
        "pci": ["0000:0b:00.0"],
        "disks": [{"volume": "comm", "size_gib": 1}, {"file": "/srv/big.img"}],
    }
    base["passthrough"]["devices"] = [
        *base["passthrough"]["devices"],
        {"bdf": "0000:0b:00.0", "id": "8086:2922", "what": "SATA"},
    ]
    asked = type(NIGHTLY).model_validate(base | {"guests": [*others, *guests]})
    said = [f.what for f in planned(schedule_backups, Host(), asked).findings]
    assert (
        "Not in the backup of 'comm': its disk /srv/big.img, disks on the passed device 0000:0b:00.0 (SATA)"
        in said
    )


# the guest on trial


def test_a_guest_on_trial_has_no_way_out() -> None:
    """Another name and disk, no network, no devices, no screen with a password; it ends for good whatever happens to it."""
    (text,) = schedule.trials(BOOTED).values()
    config = syntax.parse(text)
    assert config.text("name") == "xen-runbook-boot-test"
    assert "target=/dev/guests/xen-runbook-boot-test" in config.items("disk")[0]
    assert not {"vif", "pci", "usbdev", "vncpasswd"} & {*config.values}
    assert {config.text(k) for k in ("on_poweroff", "on_reboot", "on_crash")} == {"destroy"}
    original = next(g for g in BOOTED.guests if g.name == "comm")
    assert original.nics
    assert config.text("uuid") != guest_config.uuid_of(BOOTED, original)
    assert 0 < (config.number("memory") or 0) <= 2048


def test_a_guest_on_trial_shows_no_screen_to_anybody() -> None:
    """Not even where the original's is open to the network behind a password: there is no VNC at all, nor a number for it."""
    shown = {
        "vnc_listen": "0.0.0.0",
        "vnc_display": 7,
        "type": "hvm",
        "screen": {"password": "file:vnc-comm", "vnc": True},
    }
    guests = [
        guest.model_dump() | shown if guest.name == "comm" else guest.model_dump() for guest in BOOTED.guests
    ]
    asked = type(BOOTED).model_validate(BOOTED.model_dump() | {"guests": guests})
    (text,) = schedule.trials(asked).values()
    config = syntax.parse(text)
    assert config.number("vnc") == 0
    assert not {"vnclisten", "vncdisplay", "vncunused", "vncpasswd", "vfb"} & {*config.values}
    assert "0.0.0.0" not in text


# what may be deleted


def test_the_word_for_deletion_is_given_once() -> None:
    """The rules are a file that is written with consent to exactly these rules; afterwards nothing more is asked."""
    assert expire_backups.RISK == "destructive"
    host = Host()
    plan = planned(expire_backups, host, KEPT)
    assert [type(a) for a in plan.actions] == [WriteFile]
    assert [f.level for f in found(expire_backups, host, KEPT)] == ["fail"]
    host.apply(plan)
    assert planned(expire_backups, host, KEPT).actions == ()
    assert found(expire_backups, host, KEPT) == []
    other = planned(expire_backups, host, params(schedule="daily", keep={"last": 2}))
    assert other.digest() != plan.digest()


def test_what_would_go_is_shown() -> None:
    """Below the plan stand the backups that the coming night lets go: it makes another one, and reads what nobody has."""
    host = Host(kept=[Kept("comm-20261120T100000Z"), Kept("comm-20261121T100000Z"), Kept(SAMPLE)])
    host.notes = {f"{k.name}.verified": f"{k.checksum} {k.bytes} {k.changed}" for k in host.kept}
    two = params(schedule="daily", keep={"last": 2})
    said = planned(expire_backups, host, two).findings
    assert said[1].why == "comm-20261120T100000Z, comm-20261121T100000Z"
    host.files["notes"] = f"{SAMPLE}.broken:x\n"
    assert planned(expire_backups, host, two).findings[1].why == f"comm-20261120T100000Z, {SAMPLE}"
    host.files["notes"] = ""
    host.notes = {}
    assert (
        planned(expire_backups, host, two).findings[1].why == "comm-20261120T100000Z, comm-20261121T100000Z"
    )


def test_the_next_time_is_that_of_the_hosts_own_systemd() -> None:
    """One that is made tomorrow takes tomorrow's place: today's newest stays beside it, by the rule of two days."""
    host = Host(kept=[Kept("comm-20261122T010000Z"), Kept(SAMPLE)])
    host.next_time = "Mon 2026-11-23 02:30:00 UTC"
    daily = params(schedule="*-*-* 02:30", keep={"last": 1, "daily": 2})
    assert planned(expire_backups, host, daily).findings[1].why == "comm-20261122T010000Z"
    host.next_time = "Sun 2026-11-22 23:30:00 UTC"
    assert planned(expire_backups, host, daily).findings[1].why == f"comm-20261122T010000Z, {SAMPLE}"


def test_what_would_go_from_the_second_place_is_shown() -> None:
    """What is there is known from the last night; before the first, and of another place, nobody knows it yet."""
    far = params(schedule="daily", second=SECOND | {"keep": {"last": 1}})
    host = Host(kept=[Kept(SAMPLE)])
    assert "is not known yet" in planned(expire_backups, host, far).findings[1].what
    second = {
        "repository": SECOND["repository"],
        "there": {"comm": [SAMPLE], "nginx": ["nginx-20261122T010000Z"]},
    }
    host.files[schedule.NIGHT] = json.dumps(
        {"make": {"ended": 1, "errors": [], "guests": {}, "second": second}}
    )
    found = planned(expire_backups, host, far).findings[1]
    assert (found.what, found.why) == (f"Of the copies in {SECOND['repository']} of 'comm' 1 would go at the next time", SAMPLE)  # fmt: skip
    second["repository"] = "/mnt/old"
    host.files[schedule.NIGHT] = json.dumps(
        {"make": {"ended": 1, "errors": [], "guests": {}, "second": second}}
    )
    assert "is not known yet" in planned(expire_backups, host, far).findings[1].what


def test_another_guest_is_another_question() -> None:
    """What was agreed to names its guests: one that is added later needs the word for it anew."""
    host = Host()
    host.apply(planned(expire_backups, host, KEPT))
    more = backups_host.params(
        backups={"guests": ["nginx", "comm"], "schedule": "daily", "keep": {"last": 1}}
    )
    assert [type(a) for a in planned(expire_backups, host, more).actions] == [WriteFile]
    (finding,) = found(expire_backups, host, more)
    assert "other guests" in finding.why
    assert schedule.keep(more) == schedule.keep(
        backups_host.params(backups={"guests": ["comm", "nginx"], "schedule": "daily", "keep": {"last": 1}})
    )


def test_rules_that_are_taken_back_go_from_the_host() -> None:
    """Without `keep` the file goes with the safe step: to delete nothing any more needs no consent."""
    host = scheduled(KEPT)
    host.apply(planned(expire_backups, host, KEPT))
    plan = planned(schedule_backups, host, params(schedule="daily"))
    assert [a.path for a in plan.actions if isinstance(a, Remove)] == [schedule.KEEP]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"keep": {"last": 3}}, "say a schedule"),
        ({"second": SECOND}, "say a schedule"),
        ({"boot_test": "daily"}, "say a schedule"),
        ({"schedule": "daily", "keep": {"last": 0}}, "greater than or equal to 1"),
        ({"schedule": "daily", "guests": []}, "no guest to back up"),
        ({"schedule": "daily", "quiesce": [{"guest": "comm", "how": "pause"}]}, "source: snapshot"),
        ({"schedule": "daily", "source": "snapshot", "quiesce": [{"guest": "nginx", "how": "pause"}]}, "is not backed up"),
        ({"schedule": "daily", "source": "snapshot", "quiesce": [{"guest": "comm"}]}, "say by `to`"),
        ({"schedule": "daily", "source": "snapshot", "quiesce": [{"guest": "comm", "how": "pause", "to": "root@a"}]}, "leave `to` out"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_no_parameter(words, why: str) -> None:
    """Each contradiction is named before anything is reached."""
    with pytest.raises(ValidationError, match=why):
        params(**words)
