"""What a look finds on a host, topic by topic: well, not well, calmer but not yet well, and not known."""

from __future__ import annotations

import json

import pytest

from runbook.errors import HostError
from runbook.facts import (
    backups,
    fullness,
    guests,
    nights,
    raid,
    sensors,
    services,
    smart,
    waiting_updates,
    xl,
)
from runbook.facts.backups import names
from runbook.facts.storage import asks as storage
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams
from runbook.watch import topics
from runbook.watch.condition import Look
from tests.steps import backups_host
from tests.steps.backups_host import SAMPLE, Kept

NOW = names.seconds("20261122T210000Z")
SAVED = {"guests": ["comm"], "schedule": "daily"}
PARAMS = backups_host.params(
    backups=SAVED | {"boot_test": "Sun 04:00", "second": {"repository": "/mnt/nas/xen"}}
)
NAMES = [guest.name for guest in PARAMS.guests if guest.autostart or guest.start]
FOLDER = backups.look("/srv/backups")
MDSTAT = "Personalities : [raid1]\nmd0 : active raid1 vdb1[1] vda1[0]\n      1046528 blocks super 1.2 [2/2] [UU]\n\nunused devices: <none>\n"
DF = "Use% IUse% Avail Mounted on\n {}%   5% 9000000 /\n"
DISK = {"smart_status": {"passed": True}, "temperature": {"current": 30}}


def running(*lacking: str, **states: str) -> str:
    """Return `xl list` with all guests but some, which are in the state r or another."""
    rows = ["Name ID Mem VCPUs State Time(s)", "Domain-0 0 2048 2 r----- 10.0"]
    rows += [
        f"{name} {n} 512 1 {states.get(name, '-b----')} 1.0"
        for n, name in enumerate(NAMES, 1)
        if name not in lacking
    ]
    return "\n".join(rows) + "\n"


def well(**changes: str | Answer) -> Facts:
    """Return the answers of a host that is well, some of them exchanged."""
    host = backups_host.Host(kept=[Kept(SAMPLE)])
    parts: dict[str, tuple[Ask, str | Answer]] = {
        "list": (xl.LIST, running()),
        "mdstat": (raid.COMMANDS[0], MDSTAT),
        "smart": (smart.COMMANDS[0], f"== /dev/sda\n{json.dumps(DISK)}\n"),
        "df": (fullness.COMMANDS[0], DF.format(40)),
        "failed": (services.FAILED, ""),
        "units": (services.commands(services.XEN_WATCHDOG)[1], f"Id={services.XEN_WATCHDOG}\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"),
        "warmth": (sensors.COMMANDS[0], "/sys/class/hwmon/hwmon0/name:coretemp\n/sys/class/hwmon/hwmon0/temp1_input:47000\n"),
        "edac": (sensors.COMMANDS[1], "/sys/devices/system/edac/mc/mc0/ce_count:0\n/sys/devices/system/edac/mc/mc0/ue_count:0\n"),
        "checks": (sensors.COMMANDS[2], ""),
        "night": (nights.COMMANDS[0], Answer(MISSING)),
        "notes": (nights.COMMANDS[1], ""),
        "folder": (FOLDER, host._look()),
        "waiting": (waiting_updates.COMMANDS[0], ""),
    }  # fmt: skip
    answers = {ask: Answer(0) for ask in topics.asks(PARAMS, is_full=True)}
    answers |= {ask: host._answer(ask, PARAMS) for ask in (*storage.COMMANDS,)}
    answers |= {guests.RUNNING[1]: Answer(0, "[]"), xl.INFO: Answer(0, "free_memory : 4000\n")}
    for name, (ask, text) in parts.items():
        said = changes.get(name, text)
        answers[ask] = said if isinstance(said, Answer) else Answer(0, said)
    return Facts(answers)


def look(facts: Facts, *active: str, params: HostParams = PARAMS) -> Look:
    return topics.read(params, facts, frozenset(active), NOW, is_full=True)


def keys(facts: Facts, *active: str) -> list[str]:
    return [one.key for one in look(facts, *active).conditions]


def test_a_host_that_is_well_has_nothing_to_tell() -> None:
    """Every topic is known, and none has a condition."""
    seen = look(well())
    assert seen.conditions == ()
    assert seen.unknown == ()
    assert len(seen.known) == 12


def night(**parts: object) -> str:
    return json.dumps({"make": {"ended": NOW, "errors": [], "guests": {}, **parts}})


SICK = [
    ({"list": running("comm")}, "down:comm"),
    ({"list": running(comm="---c--")}, "crashed:comm"),
    ({"list": Answer(1, "", "xl: no\n")}, "xen"),
    ({"mdstat": MDSTAT.replace("[2/2] [UU]", "[2/1] [U_]")}, "raid:md0"),
    ({"mdstat": MDSTAT.replace("vdb1[1]", "vdb1[1](F)")}, "raid:md0"),
    ({"smart": '== /dev/sda\n{"smart_status":{"passed":false}}\n'}, "disk-fails:/dev/sda"),
    ({"df": DF.format(90)}, "full:/"),
    ({"failed": "smartd.service loaded failed failed x\n"}, "unit:smartd.service"),
    ({"units": f"Id={services.XEN_WATCHDOG}\nLoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n"}, "watchdog"),
    ({"warmth": "/sys/class/hwmon/hwmon0/name:coretemp\n/sys/class/hwmon/hwmon0/temp1_input:95000\n"}, "warm:coretemp 1"),
    ({"edac": "/sys/devices/system/edac/mc/mc0/ue_count:1\n"}, "memory"),
    ({"edac": "/sys/devices/system/edac/mc/mc0/ce_count:7\n"}, "memory-corrected"),
    ({"checks": "mce: [Hardware Error]: Machine check events logged\n"}, "machine-check"),
    ({"folder": backups_host.Host(kept=[])._look()}, "no-backup:comm"),
    ({"folder": backups_host.Host(kept=[Kept("comm-20261120T204155Z")])._look()}, "old-backup:comm"),
    ({"folder": backups_host.Host(kept=[Kept(SAMPLE)], now=NOW + 400)._look()}, "clock"),
    ({"notes": f"{SAMPLE}.booted:no 20261122T205000Z its console said “Kernel panic”\n"}, "unbootable:comm"),
    ({"night": night(guests={"comm": {"error": "backup: comm did not freeze"}})}, "night-backup:comm"),
    ({"night": night(second={"error": "/mnt/nas/xen is full"})}, "night-second:"),
    ({"night": json.dumps({"boot": {"ended": 1, "guests": {"comm": {"booted": "untried", "error": "no room"}}}})}, "night-trial:comm"),
    ({"waiting": "Inst xen-hypervisor-4.20-amd64 [4.20.2-1] (4.20.3-1 Debian-Security:13/stable-security [amd64])\n"}, "update:hypervisor"),
    ({"waiting": "Inst curl [1] (2 Debian-Security:13/stable-security [amd64])\n"}, "updates"),
    ({"waiting": "error Unable to parse package file\n"}, "apt"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "key"), SICK, ids=[f"{n}-{key}" for n, (_, key) in enumerate(SICK)])
def test_what_is_not_well_is_one_condition(changes: dict[str, str | Answer], key: str) -> None:
    """One thing that is amiss is found, alone, with a sentence and a next move."""
    (found,) = look(well(**changes)).conditions
    assert found.key == key
    assert found.what
    assert found.do


GONE = [
    {"notes": f"{SAMPLE}.booted:no 20261122T205000Z its console said “Kernel panic”\n"},
    {"night": night(guests={"nginx": {"error": "backup: nginx did not freeze"}})},
    {"night": night(second={"error": "/mnt/nas/xen is full"})},
    {"night": json.dumps({"boot": {"ended": 1, "guests": {"comm": {"booted": "untried", "error": "no room"}}}})},
]  # fmt: skip


@pytest.mark.parametrize("changes", GONE)
def test_what_nobody_asks_for_any_more_is_nothing_amiss(changes: dict[str, str]) -> None:
    """The last trial, the last copy and the last backup of a guest that is not listed any more stay as they were: for ever."""
    assert look(well(**changes), params=backups_host.params(backups=SAVED)).conditions == ()


def test_the_topics_that_a_look_may_have_are_those_of_the_parameters() -> None:
    """Without guests to back up nobody looks at backups, and without drift_h neither at updates nor at drift."""
    assert look(well()).possible == look(well()).known | {"drift"}
    lean = backups_host.params(backups={})
    lean = lean.model_copy(update={"watch": lean.watch.model_copy(update={"drift_h": 0})})
    assert topics.possible(PARAMS) - topics.possible(lean) == {"backups", "updates", "drift"}


def test_a_container_of_a_firmwares_raid_is_no_array() -> None:
    """It is never active by itself, and nothing is amiss; the array in it is looked at."""
    text = MDSTAT.replace("super 1.2", "super external:/md127/0").replace(
        "unused", "md127 : inactive vdb[1](S) vda[0](S)\n      5288 blocks super external:imsm\n\nunused"
    )
    seen = look(well(mdstat=text))
    assert seen.conditions == ()
    assert [g.labels for g in seen.gauges if g.name == "raid_disks_missing"] == [(("array", "md0"),)]


def test_two_chips_of_one_name_are_two_sensors() -> None:
    """Two NVMe disks of which one is too warm: its name is told, and the curves have two lines."""
    base = "/sys/class/hwmon/hwmon"
    text = "".join(
        f"{base}{n}/name:nvme\n{base}{n}/temp1_input:{warm}\n{base}{n}/device:nvme{n}\n" for n, warm in enumerate((41000, 95000))
    )  # fmt: skip
    seen = look(well(warmth=text))
    assert [c.key for c in seen.conditions] == ["warm:nvme nvme1 1"]
    assert len({g.labels for g in seen.gauges if g.name == "celsius"}) == 3


def test_a_damaged_backup_is_told_beside_the_good_one() -> None:
    """The newest is cut short: it is damaged, and the one before is too old to do."""
    host = backups_host.Host(kept=[Kept("comm-20261120T204155Z"), Kept(SAMPLE, bytes=5)])
    assert keys(well(folder=host._look())) == ["old-backup:comm", f"damaged:{SAMPLE}"]


@pytest.mark.parametrize(
    ("used", "active", "is_told"), [(88, (), False), (88, ("full:/",), True), (84, ("full:/",), False)]
)
def test_what_was_too_full_has_to_come_down_clearly(
    used: int, active: tuple[str, ...], is_told: bool
) -> None:
    """A value about its limit does not come and go at each look."""
    assert (keys(well(df=DF.format(used)), *active) == ["full:/"]) is is_told


def test_a_pool_that_runs_full_is_told() -> None:
    """A thin pool over its limit, in data or in its book-keeping, is named with the command that enlarges it."""
    text = well()[storage.LVM].out
    report = json.loads(text)
    row = next(row for part in report["report"] for row in part.get("lv", []) if row["lv_name"] == "comm")
    row |= {"lv_layout": "thin,pool", "data_percent": "91.00", "metadata_percent": "20.00"}
    answers = dict(well())
    answers[storage.LVM] = Answer(0, json.dumps(report))
    (found,) = look(Facts(answers)).conditions
    assert found.what == "The thin pool guests/comm has used nearly all of its room"
    assert "lvextend" in found.do


def test_what_was_never_asked_is_not_known() -> None:
    """A host that was never asked something, or lacks a program, is not well in that: it is not known."""
    answers = {ask: answer for ask, answer in well().items() if ask not in sensors.COMMANDS}
    answers[smart.COMMANDS[0]] = Answer(127)
    seen = look(Facts(answers))
    assert dict(seen.unknown).keys() == {"disks", "warmth", "checks"}
    assert not {"disks", "warmth", "checks"} & seen.known
    assert seen.conditions == ()


def test_an_answer_that_cannot_be_understood_hides_nothing_else() -> None:
    """One topic is not known then, and the others are as they are."""
    seen = look(
        well(df="Use% IUse% Avail Mounted on\n 40% 5% 9 /\n", edac="x", warmth="\0\0", list=running("comm"))
    )
    assert [one.key for one in seen.conditions] == ["down:comm"]
    answers = dict(well())
    answers[storage.LVM] = Answer(0, '{"report": [{"lv": [{}]}]}')
    seen = look(Facts(answers))
    assert [topic for topic, _ in seen.unknown] == ["volumes"]


def test_what_a_machine_says_acts_nowhere() -> None:
    """Characters that act on a screen are text by the time they are a condition."""
    (found,) = look(well(checks="mce: [Hardware Error] \x1b[2J\u202e\n")).conditions
    assert not {"\x1b", "\u202e"} & {*found.what}


def test_a_host_that_is_silent_is_one_condition_and_nothing_else_is_known() -> None:
    """Nobody says that its guests are down: nobody knows."""
    seen = topics.unreached(PARAMS, HostError("No answer", do="look at it"), NOW)
    assert [one.key for one in seen.conditions] == ["reach"]
    assert seen.known == {"reach"}
