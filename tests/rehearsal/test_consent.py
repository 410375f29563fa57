"""`consent: rehearsed` is consent to the very plan that ended well in a rehearsal of this host, and to nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runbook.actions import Run
from runbook.book.rehearsed import said_of
from runbook.engine import consent
from runbook.engine.consent import Played, Rehearsed
from runbook.errors import ConsentMissing, ParamsError
from runbook.evidence import rehearsals
from runbook.evidence.rehearsals import Rehearsal, StepPlayed
from runbook.facts import identity
from runbook.model.ask import Answer, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams, loads
from runbook.steps.xen_configuration import configure_bridges

PLAN = Plan((Run(("true",), "nothing"),))
FACTS = Facts({identity.COMMANDS[0]: Answer(0, "0123456789abcdef0123456789abcdef\n", "0444 root:root")})
MACHINE = identity.parse(FACTS)
NAME = "configure_bridges"
GOOD = Played(
    "2026-11-30T10:00:00+00:00", "held", MACHINE, True, False, {NAME: PLAN.digest()}, {NAME: "changed"}
)


def params(line: str) -> HostParams:
    return HostParams.model_validate({"host": "toy", "connection": {"kind": "local"}, "consent": line})


def given(
    *plays: Played, plan: Plan = PLAN, risk: str = "disruptive", line: str = "rehearsed"
) -> consent.Consent | None:
    step: Any = SimpleNamespace(RISK=risk, TITLE="a step")
    return consent.require(NAME, step, plan, params(line), FACTS, None, Rehearsed(plays))


def test_the_very_plan_that_ended_well_runs_unattended() -> None:
    """The same digest, a rehearsal that held, this installation, this edition: the consent says how it was given."""
    found = given(GOOD)
    assert found is not None
    assert (found.how, found.digest) == ("rehearsal", PLAN.digest())


@pytest.mark.parametrize(
    ("play", "words"),
    [
        (
            replace(GOOD, digests={NAME: "0" * 12}),
            "another plan of it was rehearsed on 2026-11-30, 000000000000",
        ),
        (replace(GOOD, digests={}), "it was not rehearsed"),
        (replace(GOOD, outcome="failed"), "in a rehearsal that ended failed"),
        (replace(GOOD, ended={NAME: "failed"}), "was rehearsed on 2026-11-30, and ended failed"),
        (replace(GOOD, is_broken=True), "had something broken in it on purpose"),
        (replace(GOOD, is_current=False), "by another edition of the runbook"),
        (replace(GOOD, to="install_xen"), "was no whole one: it was to stop at install_xen"),
        (replace(GOOD, machine=""), "from a capture"),
        (replace(GOOD, machine="f" * 12), "for another installation"),
    ],
)
def test_anything_else_is_no_consent(play: Played, words: str) -> None:
    """Another digest, a failed or broken rehearsal, an old edition, a capture: it says which, and nothing is done."""
    with pytest.raises(ConsentMissing) as raised:
        given(play)
    assert "`consent: rehearsed` is none here: " in str(raised.value)
    assert words in str(raised.value)


def test_a_newer_rehearsal_of_the_same_plan_that_failed_counts() -> None:
    """The older good one of the very same plan does not help."""
    with pytest.raises(ConsentMissing, match="ended failed"):
        given(replace(GOOD, outcome="failed"), GOOD)
    assert given(replace(GOOD, digests={NAME: "0" * 12}), GOOD)


@pytest.mark.parametrize(
    ("newer", "words"),
    [
        ({"outcome": "failed", "digests": {}, "ended": {NAME: "refused"}}, "ended failed"),
        ({"outcome": "refused", "digests": {NAME: "0" * 12}}, "ended refused"),
        ({"outcome": "interrupted", "digests": {}}, ""),
        ({"outcome": "failed", "digests": {}, "is_broken": True}, ""),
        ({"digests": {}}, ""),
    ],
)
def test_a_newer_rehearsal_that_failed_takes_the_consent_of_an_older_one_away(
    newer: dict[str, Any], words: str
) -> None:
    """Also where it failed before this step's plan was carried out; one that a person stopped, or broke, says nothing of it."""
    plays = (replace(GOOD, made="2026-12-01T10:00:00+00:00", **newer), GOOD)
    if not words:
        assert given(*plays)
        return
    with pytest.raises(ConsentMissing, match=f"a newer rehearsal, of 2026-12-01, {words}"):
        given(*plays)


def test_a_rehearsal_to_a_step_is_no_whole_one(tmp_path: Path) -> None:
    """Its record says where it was to stop, and one of before that lacks the word is known by its undo that was not tried."""
    for number, more in enumerate(({"to": NAME, "left": None}, {"left": None})):
        part = replace(REHEARSAL, **more)
        page = rehearsals.save(part, tmp_path / str(number) / "toy" / "one").read_text()
        said = rehearsals.rehearsed("toy", tmp_path / str(number), "1.0 abc").why_not(
            NAME, PLAN.digest(), MACHINE
        )
        assert "was no whole one" in said
        assert ("this was no whole rehearsal" in page) == ("to" in more)


def test_nobody_else_enters_the_folders_of_rehearsals(tmp_path: Path) -> None:
    """They hold what a host answered: folders are 0700, those that were there before, too."""
    (tmp_path / "rehearsals" / "toy").mkdir(parents=True, mode=0o755)
    rehearsals.save(REHEARSAL, tmp_path / "rehearsals" / "toy" / "one")
    for path in ("rehearsals", "rehearsals/toy", "rehearsals/toy/one"):
        assert (tmp_path / path).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("plan", [PLAN, Plan(PLAN.actions, (Finding("loss", "an address goes"),))])
def test_never_to_what_destroys_and_never_to_a_loss(plan: Plan) -> None:
    """A destructive step, and a plan that loses what is in force, want their own digest."""
    play = replace(GOOD, digests={NAME: plan.digest()})
    with pytest.raises(ConsentMissing):
        given(play, plan=plan, risk="destructive" if plan is PLAN else "disruptive")


def test_without_the_word_no_rehearsal_is_consent() -> None:
    """Who did not write `consent: rehearsed` agreed to nothing."""
    with pytest.raises(ConsentMissing, match="the parameters do not have it"):
        given(GOOD, line=[])  # type: ignore[arg-type]


def test_the_parameters_take_the_word_alone_and_in_a_list(tmp_path: Path) -> None:
    """`consent: rehearsed` and `consent: [rehearsed, …]` are parameters; a word near to it is not."""
    head = "host: toy\nconnection: {kind: local}\nconsent: "
    assert loads(f"{head}rehearsed\n", tmp_path / "a.yml").consent == ("rehearsed",)
    assert loads(f"{head}[rehearsed, set_boot_menu]\n", tmp_path / "a.yml").consent == (
        "rehearsed",
        "set_boot_menu",
    )
    with pytest.raises(ParamsError):
        loads(f"{head}[rehearse]\n", tmp_path / "a.yml")


REHEARSAL = Rehearsal(
    "toy", "2026-11-30T10:00:00+00:00", "held", "0" * 12, "1.0 abc", MACHINE, "toy",
    ("the firmware is QEMU's <script>",), (StepPlayed("06", NAME, "Bridges", "changed", PLAN.digest(), "disruptive", 75.0),),
    {"build": 3.0}, ("files: /etc/x is new",), (),
)  # fmt: skip


def test_a_record_is_read_as_it_was_written_and_its_page_escapes(tmp_path: Path) -> None:
    """What was saved is what a plan is compared with; what a host said is text on the page, in its first paragraph."""
    page = rehearsals.save(REHEARSAL, tmp_path / "toy" / "one").read_text()
    assert rehearsals.read(tmp_path / "toy" / "one") == REHEARSAL
    assert "QEMU&#39;s &lt;script&gt;" in page
    assert "<script>" not in page.partition("<h1>")[2]
    assert page.index("differs from it") < page.index("All went well")
    assert "1 min 15 s" in page
    found = rehearsals.rehearsed("toy", tmp_path, "1.0 abc")
    assert found.why_not(NAME, PLAN.digest(), MACHINE) == ""
    assert "another edition" in rehearsals.rehearsed("toy", tmp_path, "1.1").why_not(
        NAME, PLAN.digest(), MACHINE
    )
    assert rehearsals.rehearsed("other", tmp_path, "1.0 abc").plays == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 1}',
        '{"format": 2, "outcome": "held"}',
        '{"format": 1, "outcome": "held", "steps": 1}',
    ],
)
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """Cut, of another format, or of another shape: nobody is vouched for by it."""
    (tmp_path / rehearsals.RECORD).write_text(text)
    assert rehearsals.read(tmp_path) is None


def test_a_plan_says_whether_it_was_rehearsed_and_how_that_ended() -> None:
    """Of a real host: this very plan, another, none; of a replay nothing is said."""

    def said(rehearsed: Rehearsed | None, plan: Plan = PLAN) -> str:
        beat: Any = SimpleNamespace(rehearsed=rehearsed)
        return said_of(beat, configure_bridges, plan, FACTS)

    assert said(Rehearsed((GOOD,))) == "rehearsed: this very plan ended well on 2026-11-30"
    assert said(Rehearsed((replace(GOOD, digests={NAME: "0" * 12}),))).startswith(
        "not rehearsed: another plan of it"
    )
    assert said(Rehearsed((replace(GOOD, outcome="failed"),))).startswith(
        "not rehearsed: this very plan went well on 2026-11-30, in a"
    )
    assert said(Rehearsed()) == "not rehearsed: `runbook rehearse` tries it in a virtual PC first"
    assert said(None) == said(Rehearsed((GOOD,)), Plan()) == ""
