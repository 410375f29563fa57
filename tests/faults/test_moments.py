"""A signal at each of 200 moments of a run: nothing begins after it, and the report says so."""

import json
import os
from pathlib import Path

import pytest

from tests.faults import moments

SHARE = range(7, moments.MOMENTS, 17)
"""Those that every `make test` tries."""


@pytest.fixture(scope="session")
def whole(tmp_path_factory, server):
    """Return seconds and calls of a run that nothing hits."""
    return moments.measure(tmp_path_factory.mktemp("whole"), server)


def strike(place, server, whole, number):
    """Hit a run at one moment and hold it against the promise."""
    moment = moments.moment(number)
    machine = moments.Machine(place, server)
    done, sent, where = moments.strike(machine, moment, *whole)
    what = moments.prove(machine, moment, done, sent)
    if file := os.environ.get("MOMENTS_LOG"):  # for the figures of a whole round
        with Path(file).open("a") as log:
            log.write(
                json.dumps({"moment": str(moment), "end": what, "status": done.status, "in": where}) + "\n"
            )


@pytest.mark.fault("any-moment")
@pytest.mark.parametrize("number", range(moments.MOMENTS), ids=lambda n: f"{n}-{moments.moment(n)}")
def test_a_signal_at_each_moment(tmp_path, server, whole, number):
    """Ctrl-C, SIGTERM or SIGHUP, to the runner or to its group: exit 130, killed, nothing begun afterwards, nothing left running."""
    strike(tmp_path, server, whole, number)


@pytest.mark.parametrize("number", SHARE, ids=lambda n: f"{n}-{moments.moment(n)}")
def test_a_signal_at_some_moments(tmp_path, server, whole, number):
    """The same, at some of them."""
    strike(tmp_path, server, whole, number)


def test_the_moments_are_spread():
    """They cover time and calls from begin to end, and each signal in both ways, in the share too."""
    for chosen in (range(moments.MOMENTS), SHARE):
        found = [moments.moment(number) for number in chosen]
        assert {(m.sig, m.is_group) for m in found} == {
            (s, g) for s in moments.SIGNALS for g in (False, True)
        }
        for is_call in (False, True):
            shares = sorted(m.share for m in found if m.is_call == is_call)
            gaps = [b - a for a, b in zip([0, *shares], [*shares, 1], strict=True)]
            assert max(gaps) < 2.2 / (len(shares) + 1)
