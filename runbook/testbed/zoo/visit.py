"""The command: one machine of the zoo after the other, each with its result written down."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from runbook.controller.project import project
from runbook.errors import ParamsError, RunbookError
from runbook.testbed import machines
from runbook.testbed.errors import TestbedError
from runbook.testbed.machine import state_dir
from runbook.testbed.machines import Description
from runbook.testbed.proving import say
from runbook.testbed.zoo import page, result
from runbook.testbed.zoo.limit import NOT_REACHED, Limit
from runbook.testbed.zoo.proof import Proof
from runbook.testbed.zoo.result import Result

_DAY_S = 86400
_FAILED, _LATE = "failed", "late"
_MOST = 3000
"""Signs of a failure's message that are kept."""


def main(
    names: tuple[str, ...] = (),
    *,
    keep: bool = False,
    resume: bool = False,
    one: bool = False,
    plan: bool = False,
    within: float = 0,
) -> int:
    """Prove the machines of these names, or all that can be built; return an exit code.

    `one` takes one machine of those that are `proven`, another each day. `keep` leaves a machine running. `resume` goes on at the
    last checkpoint that a run of today would make the same. `plan` applies nothing. `within` are the minutes that a machine may
    take, and the code is `NOT_REACHED` where one took longer and none failed. Raises `ParamsError` for a name that is none, or when
    `one` has none to take.
    """
    chosen = [machines.named(name) for name in names] or _all()
    if one:
        chosen = [of_the_day(proven(chosen, plan=plan), time.time())]
    ends = {d.name: _visit(d, Limit(within), keep=keep, resume=resume, plan=plan) for d in chosen}
    page.write()
    failed, late = (", ".join(n for n, end in ends.items() if end == how) for how in (_FAILED, _LATE))
    if late:
        say(f"not reached in {within:g} minutes, so nothing is said of it: {late}")
    if not late or failed:
        say(f"failed: {failed}" if failed else f"all held: {', '.join(ends)}")
    return 1 if failed else NOT_REACHED if late else 0


def proven(chosen: Sequence[Description], *, plan: bool = False) -> list[Description]:
    """Return those beside the plain one whose last result is *held*, by a whole run: what fails then has been broken since.

    To `plan` a machine it need not have been held, only not have failed. Raises `ParamsError` when there is none: a run of
    nothing would look like one that went well.
    """
    last = {d.name: result.read(d.name) for d in chosen if d.name != "plain"}
    found = [d for d in chosen if (seen := last.get(d.name)) and (
        seen.seen != _FAILED if plan else seen.seen == "held" and not seen.resumed)]  # fmt: skip
    if not found:
        raise ParamsError(
            "No machine of the zoo was held by a whole run yet",
            where=f"{project() / result.FOLDER}",
            why=f"asked for one of: {', '.join(last) or 'none'}; a machine that failed, or went on at a checkpoint, is not taken",
            do="make testbed-zoo MACHINE=server",
        )
    return found


def of_the_day(chosen: list[Description], now: float) -> Description:
    """Return one of the machines, the next one each day."""
    return chosen[int(now // _DAY_S) % len(chosen)]


def told(why: str) -> str:
    """Return an error's text as it is kept: without the folders of this machine, and not too long."""
    return why.replace(f"{state_dir().parent}/", "")[:_MOST]


def _all() -> list[Description]:
    return [d for name in machines.names() if not (d := machines.named(name)).not_built]


def _visit(described: Description, limit: Limit, *, keep: bool, resume: bool, plan: bool) -> str:
    """Return how it ended: held, refused, planned, failed, or late."""
    proof, seen, why = Proof(described, resume=resume, plan=plan), _FAILED, ""
    say(f"{described.name}: {described.summary}")
    try:
        with limit.kept():
            seen = proof.carry_out()
    except (RunbookError, TestbedError, KeyboardInterrupt) as error:
        if limit.is_over:
            say(f"{described.name}: the time was over at {proof.at}")
            return _LATE
        if isinstance(error, KeyboardInterrupt):
            raise
        why = str(error)
        print(f"\n{described.name} failed at {proof.at}.\n{error}\n\nIts console ends with:")
        print(proof.machine.console_tail(40))
    finally:
        if not keep:
            proof.machine.down()
    today = datetime.now(UTC).date().isoformat()
    ended = Result(
        described.name,
        seen,
        today,
        result.commit(),
        proof.minutes,
        proof.resumed,
        proof.at if why else "",
        told(why),
    )
    last = result.read(described.name)
    if plan and not why and last and last.seen == "held":
        say(f"{described.name}: {seen}, in {ended.total} minutes; that it was held stays written down")
    else:
        say(f"{described.name}: {seen}, in {ended.total} minutes; {result.save(ended)}")
    return seen
