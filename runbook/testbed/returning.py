"""The way back of one step, gone on a machine that was only booted for it: it must answer again what it did before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runbook.actions import Reboot
from runbook.engine import undo
from runbook.engine.apply import carry_out
from runbook.engine.journal import read
from runbook.errors import CheckFailed
from runbook.facts import identity
from runbook.hosts import Host
from runbook.model.ask import Ask, Facts
from runbook.testbed.proving import say


class WayBack:
    """The answers to a step's questions before it does anything, and the claim that its way back returns them."""

    def __init__(self, host: Host, asks: Iterable[Ask]) -> None:
        self._host, self._asks = host, (*identity.COMMANDS, *asks)
        self._before = host.gather(self._asks)
        again = host.gather(self._asks)
        self._moving = {ask for ask in self._asks if again[ask] != self._before[ask]}
        """What is different at each look: free room, the age of a lease. Nobody can return it."""

    def prove(self, step: str, journal: Path) -> None:
        """Take back what the step did, as its journal says it. Raises `CheckFailed` with every answer that stays another."""
        done = undo.history({"recording": read(journal)}, identity.parse(self._before))
        mine = [deed for deed in done if deed.step == step]
        if not mine or any(isinstance(deed.back, Reboot) for deed in mine):
            say(
                f"{step} did nothing to take back"
                if not mine
                else f"{step} restarts: its way back is not gone"
            )
            return
        way = undo.plan(mine, self._host.gather(undo.asks(mine)))
        for action in way.actions:
            say(f"  taken back: {action.title}")
            carry_out(action, self._host, _unheard)
        wrong = differences(self._before, self._host.gather(self._asks), self._moving)
        if way.stops or wrong:
            raise CheckFailed(
                f"The way back of {step} does not return what was",
                why="\n".join([*(finding.what for finding in way.stops), *wrong]),
                do="give each Run the command that returns the old value as `undo=`; `again=True` is for a command that makes "
                "something from files, and nothing else",
            )
        say(f"{step} was taken back: all that it asks is answered as before")


def differences(before: Facts, after: Facts, moving: Iterable[Ask] = ()) -> list[str]:
    """Return a line for each question with another answer than before, apart from those that move by themselves."""
    asks = [ask for ask in before if ask not in set(moving) and before[ask] != after[ask]]
    return [f"{ask.key[:100]}: was {_short(before[ask].out)}, is {_short(after[ask].out)}" for ask in asks]


def _short(text: str) -> str:
    said = text.strip()
    return repr(said if len(said) <= 60 else f"{said[:60]}…")


def _unheard(_line: str) -> None:
    """Let what a command says pass."""
