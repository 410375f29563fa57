"""The keep rules: a table, what always holds whatever there is, and a year of nights by a clock that nobody waits for."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from runbook.backups import schedule
from runbook.backups.keeping import Known, Rules, dropped, kept

DAY = 86400
START = int(datetime(2026, 1, 1, 2, 30, tzinfo=UTC).timestamp())
ALL = Rules(last=3, daily=7, weekly=4, monthly=12)


def night(number: int, **changes: object) -> Known:
    """Return the backup of one night."""
    return Known(f"n{number:04}", START + number * DAY, **changes)


def nights(count: int) -> list[Known]:
    return [night(number) for number in range(count)]


TABLE = [
    ("the newest three", nights(10), Rules(last=3), {7, 8, 9}),
    ("a rule of nothing keeps the newest", nights(4), Rules(last=1), {3}),
    ("the newest of each day", [night(0), Known("n0000b", START + 3600), night(1)], Rules(1, daily=2), {"n0000b", 1}),
    # 1 January 2026 is a Thursday: the weeks end on the nights 3, 10, 17.
    ("the newest of each week", nights(20), Rules(1, weekly=3), {10, 17, 19}),
    ("the newest of each month", nights(70), Rules(1, monthly=3), {30, 58, 69}),
    ("days without a backup count for nothing", [night(0), night(100), night(200)], Rules(1, daily=3), {0, 100, 200}),
    ("a broken one takes nobody's place", [*nights(3), night(3, is_verified=False)], Rules(last=2), {1, 2, 3}),
    ("a broken one goes when good ones are newer", [night(0, is_verified=False), night(1), night(2)], Rules(last=2), {1, 2}),
    ("what nobody has read stays", [night(0, is_verified=None), night(1), night(2)], Rules(last=1), {0, 2}),
    ("the last that booted stays", [night(0, has_booted=True), night(1), night(2)], Rules(last=1), {0, 2}),
    ("one that starts no guest is not good", [night(0), night(1), night(2, has_booted=False)], Rules(last=1), {1, 2}),
    ("all newer ones are broken", [night(0), *(night(n, is_verified=False) for n in range(1, 9))], Rules(last=2), {*range(9)}),
    ("none is good", [night(n, is_verified=False) for n in range(5)], Rules(last=1), {*range(5)}),
    ("nothing is there", [], Rules(last=1), set()),
]  # fmt: skip


@pytest.mark.parametrize(("what", "some", "rules", "stay"), TABLE, ids=[row[0] for row in TABLE])
def test_the_rules_keep(what: str, some: list[Known], rules: Rules, stay: set[int | str]) -> None:
    """Each rule keeps what its line says, and with it nothing else."""
    now = max((b.at for b in some), default=START)
    names = {n if isinstance(n, str) else f"n{n:04}" for n in stay}
    assert set(kept(some, rules, now)) == names
    assert set(dropped(some, rules, now)) == {b.name for b in some} - names


def test_every_reason_is_told() -> None:
    """Who asks why a backup is still there reads each rule that keeps it."""
    reasons = kept(nights(40), ALL, START + 40 * DAY)
    assert reasons["n0039"] == (
        "the newest good one",
        "last 1",
        "daily 2026-02-09",
        "weekly 2026 week 07",
        "monthly 2026-02",
    )
    assert reasons["n0030"] == ("monthly 2026-01",)


def test_a_year_of_nights_leaves_what_the_rules_say() -> None:
    """After 365 nights, thinned out each night, there is what one look at all of them would have kept."""
    there: list[Known] = []
    for number in range(365):
        there.append(night(number))
        gone = set(dropped(there, ALL, there[-1].at))
        there = [b for b in there if b.name not in gone]
        assert len(there) <= 3 + 7 + 4 + 12
    ends = [datetime.fromtimestamp(b.at, UTC).strftime("%m-%d") for b in there]
    assert ends == [
        "01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30", "10-31", "11-30",
        "12-13", "12-20", "12-25", "12-26", "12-27", "12-28", "12-29", "12-30", "12-31",
    ]  # fmt: skip
    assert [b.name for b in there] == list(kept(nights(365), ALL, there[-1].at))


@pytest.mark.parametrize("seed", range(40))
def test_a_year_of_mishaps_never_costs_the_last_good_one(seed: int) -> None:
    """Nights that fail, backups that break later, guests that do not start, clocks that jump: a good one always stays."""
    chance = random.Random(seed)
    there: list[Known] = []
    clock = START
    was_good = False
    for number in range(365):
        clock += DAY + chance.randrange(-3600, 3600)
        now = clock + chance.choice([0] * 30 + [-40 * 365 * DAY, 12 * 365 * DAY, -3 * DAY, 5 * DAY])
        if chance.random() < 0.9:
            state = chance.choice([True] * 8 + [False, None])
            there.append(Known(f"n{number:04}", now, state, chance.choice([None] * 8 + [True, False])))
        if (
            chance.random() < 0.02 and len(there) > 1
        ):  # one is found broken that was good, and another is left
            broken = chance.choice(there)
            others = [b for b in there if b.name != broken.name]
            if any(b.is_good for b in others):
                there = sorted([*others, Known(broken.name, broken.at, False)], key=lambda b: b.name)
        good_before = [b for b in there if b.is_good]
        gone = set(dropped(there, ALL, now))
        there = [b for b in there if b.name not in gone]
        good = [b for b in there if b.is_good]
        assert good or not good_before
        was_good = was_good or bool(good)
        in_time = [b for b in good_before if b.at <= now]
        assert not in_time or max(in_time, key=lambda b: (b.at, b.name)) in there
    assert was_good


def some(chance: random.Random) -> list[Known]:
    """Return backups of all kinds, some of one moment."""
    return [
        Known(
            f"b{n:03}",
            START + chance.randrange(400) * DAY // 2,
            chance.choice([True, True, False, None]),
            chance.choice([None, None, True, False]),
        )
        for n in range(chance.randrange(60))
    ]


def more(chance: random.Random) -> tuple[Rules, Rules]:
    """Return rules, and others of which none keeps fewer."""
    counts = [chance.randrange(1, 6), *(chance.randrange(8) for _ in range(3))]
    return Rules(*counts), Rules(*(count + chance.randrange(4) for count in counts))


@pytest.mark.parametrize("seed", range(200))
def test_what_always_holds(seed: int) -> None:
    """The order plays no part, twice is once, more rules keep no less, and time alone drops nothing."""
    chance = random.Random(seed)
    there, now = some(chance), START + chance.randrange(-10, 400) * DAY
    few, many = more(chance)
    stay = kept(there, few, now)
    assert kept(chance.sample(there, len(there)), few, now) == stay
    left = [b for b in there if b.name in stay]
    assert set(kept(left, few, now)) == set(stay)
    assert set(kept(there, many, now)) >= set(stay)
    assert any(b.is_good for b in there) == any(b.is_good for b in left)
    # Once no date is in the future any more, no day that goes by makes one go.
    after = START + 500 * DAY
    settled = kept(there, few, after)
    assert kept(there, few, after + 3650 * DAY) == settled


@pytest.mark.parametrize("jump", [timedelta(days=-20000), timedelta(hours=-3), timedelta(days=4000)])
def test_a_clock_that_jumps_drops_nothing_that_it_would_not(jump: timedelta) -> None:
    """With the clock in the past nothing goes that stays at the right time; in the future nothing more goes either."""
    there = nights(60)
    now = there[-1].at
    right = set(kept(there, ALL, now))
    assert set(kept(there, ALL, now + int(jump.total_seconds()))) >= right


def test_a_backup_of_a_wrong_clock_takes_nobodys_place() -> None:
    """One night's clock stood in 2038: its backup stays, the others as if it were not there."""
    wrong = Known("wrong", START + 12 * 365 * DAY)
    there, now = nights(30), START + 29 * DAY
    assert set(kept([*there, wrong], ALL, now)) == {*kept(there, ALL, now), "wrong"}


def test_what_the_host_runs_needs_nothing_but_python() -> None:
    """The modules that the host runs import each other, and of Python only its own library."""
    import ast
    import sys

    known = {f"runbook.backups.{name}" for name in schedule.MODULES}
    for path, text in schedule.programs().items():
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [
                    f"{node.module}.{alias.name}" if node.module == "runbook.backups" else str(node.module)
                    for alias in node.names
                ]
            strange = [
                n for n in names if n not in known and n.partition(".")[0] not in sys.stdlib_module_names
            ]
            assert strange == [], path
