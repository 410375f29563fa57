"""The way back of a network: of several files at once, from what a journal says of them, new form and old."""

import json

import pytest

from runbook.actions import NetworkFile, Renumbered, ReplaceNetwork
from runbook.drift import authors
from runbook.engine import network_switch, undo, undo_files
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.model.plan import Plan

ONE, TWO, OLD = "/etc/netplan/one.yaml", "/etc/netplan/two.yaml", "/etc/netplan/old.yaml"
SWITCH = ReplaceNetwork(
    (NetworkFile(ONE, "new\n", "0600"), NetworkFile(TWO, "two\n"), NetworkFile(OLD, None)),
    "netplan",
    made=("xenbr0",),
    up=("a",),
    up_before=("b",),
    renumbered=(Renumbered("inet", ("xenbr0", "eno1"), ("10.0.0.2/24",), ("eno1",)),),
)


def facts(**texts):
    """Return what is at the three paths; None for nothing."""
    answers = {}
    for path, text in zip((ONE, TWO, OLD), (texts[n] for n in ("one", "two", "old")), strict=True):
        answers[Ask.read(path)] = Answer(MISSING) if text is None else Answer(0, text, "0600 root:root")
    return Facts(answers)


BEFORE = facts(one="was\n", two=None, old="old\n")
AFTER = facts(one="new\n", two="two\n", old=None)


def lines(action=SWITCH, status="done"):
    """Return what a journal holds of a switch."""
    begin = {"event": "action-begin", "at": "1", "step": "configure_bridges", "title": action.title,
             "undo": undo.pack(action.inverse(BEFORE)), **undo.left_by(action)}  # fmt: skip
    return json.loads(
        json.dumps([{"event": "open", "machine": "m"}, begin, {"event": "action-end", "status": status}])
    )


def done(status="done"):
    """Return what the way back knows of it."""
    return undo.history({"run": lines(status=status)}, "m")


def test_the_inverse_is_the_other_direction():
    """Files, modes, links, profiles and what is measured are those of before."""
    (found,) = done()
    assert found.back == ReplaceNetwork(
        (NetworkFile(ONE, "was\n", "0600"), NetworkFile(TWO, None), NetworkFile(OLD, "old\n", "0600")),
        "netplan",
        unmade=("xenbr0",),
        up=("b",),
        up_before=("a",),
        renumbered=(Renumbered("inet", ("xenbr0", "eno1"), ("eno1",), ("10.0.0.2/24",)),),
        is_back=True,
    )
    assert undo.risk([found], {}) == "disruptive"


def test_a_file_of_several_that_somebody_changed_is_refused():
    """Each is compared, not the first alone."""
    assert list(undo_files.changed(done(), AFTER)) == []
    found = undo_files.changed(done(), facts(one="new\n", two="mine\n", old=None))
    assert [f.what for f in found] == [f"{TWO} was changed since configure_bridges wrote it"]
    found = undo_files.changed(done(), facts(one="new\n", two="two\n", old="mine\n"))
    assert [f.what for f in found] == [f"{OLD} was changed since configure_bridges removed it"]


def test_a_switch_that_failed_left_the_old_files():
    """They are taken back from either state."""
    assert list(undo_files.changed(done("failed"), BEFORE)) == []


def host(files, unconfirmed=False, why=""):
    """Return what a host answers of its files and of the last switch."""
    said = dict(
        zip(network_switch.TAKEN_BACK, (Answer(0 if unconfirmed else MISSING), Answer(0, why)), strict=True)
    )
    return Facts({**dict(files.items()), **said})


@pytest.mark.parametrize(("files", "more", "count"), [
    (BEFORE, {}, 0),
    (BEFORE, {"why": "xenbr0 was not made"}, 0),
    (AFTER, {}, 1),
    (BEFORE, {"unconfirmed": True}, 1),
    (BEFORE, {"why": "x\nthe old files are back, and could not be put in force\n"}, 1),
])  # fmt: skip
def test_what_the_host_took_back_itself_is_not_taken_back_again(files, more, count):
    """A switch that failed is no reason to interrupt the network once more, unless something of it is left."""
    facts, failed = host(files, **more), done("failed")
    assert set(undo.asks(failed)) <= {*facts, *undo_files.links((ONE, TWO, OLD))}
    assert len(undo.plan(failed, facts).actions) == count
    assert [d.key for d in undo.needed(failed, facts)] == [d.key for d in failed]
    assert len(undo.plan(done(), host(AFTER)).actions) == 1


def test_of_a_switch_that_failed_and_one_that_went_well_one_is_taken_back():
    """The way back of the newer one leads to where that of the failed one would."""
    runs = {"a": lines(status="failed"), "b": lines()}
    both = undo.history(runs, "m")
    assert [d.is_sure for d in both] == [True, False]
    planned = undo.plan(both, host(AFTER))
    assert planned.actions == (both[0].back,)
    assert not planned.stops


def test_every_file_of_several_has_to_be_back():
    """The proof looks at content and mode of each."""
    plan = Plan((SWITCH.inverse(BEFORE),))
    assert undo_files.check(plan, BEFORE) == {}
    assert list(undo_files.check(plan, AFTER)) == [ONE, TWO, OLD]
    loose = Facts({**dict(BEFORE.items()), Ask.read(ONE): Answer(0, "was\n", "0644 root:root")})
    assert [f.what for f in undo_files.check(plan, loose).values()] == [
        f"{ONE} has mode 0644, and had 0600 before"
    ]


def test_each_file_has_its_author(tmp_path):
    """A change is told to be the runbook's for each of the files; a switch that failed wrote none for sure."""
    for run, status in (("a", "done"), ("b", "failed")):
        (tmp_path / run).mkdir()
        (tmp_path / run / "journal.jsonl").write_text(
            "".join(json.dumps(line) + "\n" for line in lines(status=status))
        )
    assert [(d.path, d.failed) for d in authors.deeds([tmp_path / "a"], "m")] == [
        (ONE, False),
        (TWO, False),
        (OLD, False),
    ]
    assert [d.failed for d in authors.deeds([tmp_path / "b"], "m")] == [True] * 3


def test_the_way_back_of_earlier_versions_is_still_gone():
    """Their journals knew one file, of ifupdown."""
    old = {
        "type": "ReplaceNetwork",
        "content": "auto lo\n",
        "revert_s": 90,
        "path": "/etc/network/interfaces",
    }
    assert undo.unpack(old) == ReplaceNetwork(
        (NetworkFile("/etc/network/interfaces", "auto lo\n"),), "ifupdown", 90
    )


@pytest.mark.parametrize(
    "more",
    [{"manager": "sh"}, {"files": [["a", "b"]]}, {"files": [{"path": "/etc/x", "content": None, "x": 1}]}],
)
def test_a_journal_that_says_anything_else_is_refused(more):
    """No other manager, and no other kind of file, comes out of a journal."""
    with pytest.raises((ValueError, TypeError)):
        undo.unpack({**undo.pack(SWITCH), **more})
