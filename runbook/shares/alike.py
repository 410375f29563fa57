"""What records say of a machine's devices: on how many machines a card like it was passed to a guest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts import subsystems
from runbook.model.ask import Facts
from runbook.shares.known import Kept, Known
from runbook.shares.record import Card, Proved, said_by_firmware
from runbook.survey import machine as machines
from runbook.text.plural import plural


@dataclass(frozen=True)
class Alike:
    """The machines with a card like one, on which it was proved: each with the best that it proved of such a card."""

    found: tuple[tuple[Kept, Proved], ...]
    board: str

    def text(self) -> str:
        """Return it as half a sentence, '' when there is none."""
        if not self.found:
            return ""
        proofs = [proved for _, proved in self.found]
        newest = max(proofs, key=lambda proved: proved.date)
        same = sum(bool(self.board) and one.record.board == self.board for one, _ in self.found)
        keys = len({one.signer.line for one, _ in self.found if one.signer})
        unsigned = sum(one.signer is None for one, _ in self.found)
        parts = [
            f"{plural(count, 'machine')}: {what}"
            for count, what in (
                (sum(p.probe for p in proofs), "traffic went through it"),
                (sum(p.starts > 1 for p in proofs), "guests were started with it twice or more"),
            )
            if count
        ]
        under = [f"Xen {newest.xen}" * bool(newest.xen), f"Linux {newest.kernel}" * bool(newest.kernel)]
        newest_of = ", ".join(filter(None, (newest.date, *under, f"Debian {newest.release}")))
        board = f", {same} of them with this board" if same else ""
        by = " and ".join(
            filter(
                None,
                (f"signed by {plural(keys, 'key')}" * bool(keys), f"{unsigned} unsigned" * bool(unsigned)),
            )
        )
        return f"proved on {plural(len(proofs), 'machine')} with this card{board} ({'; '.join((*parts, f'newest {newest_of}', by))})"


def texts(facts: Facts, known: Known) -> dict[str, str]:
    """Return what records say of each device of a machine, by its address; a device of which they say nothing is left out."""
    if not known.kept:
        return {}
    machine = machines.read(facts)
    on = subsystems.parse(facts) if subsystems.COMMANDS[0] in facts else {}
    board = said_by_firmware(machine.firmware.board)
    found = {
        device.bdf: Alike(tuple(_like(device.id, on.get(device.bdf, ""), known)), board).text()
        for device in machine.devices
        if not device.is_bridge
    }
    return {bdf: text for bdf, text in found.items() if text}


def _like(identity: str, subsystem: str, known: Known) -> Iterator[tuple[Kept, Proved]]:
    for one in known.kept:
        proofs = [
            card.proved
            for card in one.record.cards
            if _is_like(card, identity, subsystem) and card.proved and card.proved.is_passed
        ]
        if proofs:
            yield one, max(proofs, key=lambda proved: (proved.probe, proved.starts > 1, proved.date))


def _is_like(card: Card, identity: str, subsystem: str) -> bool:
    """Return whether a card is the same: the same chip, and on the same card where both are known."""
    return card.id == identity and (not card.subsystem or not subsystem or card.subsystem == subsystem)
