"""The proof of guests that are systems: one goes from parameters to ssh, as each kind of virtual machine, from one disk."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runbook import params as parameters
from runbook.builds import guest_system, store
from runbook.builds.recipe import Recipe
from runbook.errors import CheckFailed, RunbookError
from runbook.runner.run import Run
from runbook.testbed import RELEASE, Machine, TestbedError, machines, state_dir, up
from runbook.testbed.acceptance import PARAMS, pause_guests
from runbook.testbed.checkpoints import Checkpoint, find_all, restore
from runbook.testbed.machines import Description
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.testbed.remote import must, shell
from runbook.testbed.systems_guests import FIRST, STAGES, Asked, write
from runbook.testbed.systems_result import Result, Row, save
from runbook.testbed.systems_result import write as write_page
from runbook.testbed.zoo import asked, building
from runbook.testbed.zoo import checkpoints as zoo_checkpoints
from runbook.testbed.zoo.result import commit
from runbook.testbed.zoo.visit import told

KEY = "/root/system-proof"
BEFORE, NOTEBOOK = "07_first_boot", "08_guests"
_MAKE_KEY = f"rm -f {KEY} {KEY}.pub; ssh-keygen -q -t ed25519 -N '' -C proof -f {KEY}; cat {KEY}.pub"
#: Prints name, state, hypervisor, kind of guest, firmware and kernel, as the guest itself says them.
_LOG_IN = (
    f"ssh -i {KEY} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
    "root@{address} 'hostname; systemctl is-system-running --wait; cat /sys/hypervisor/type /sys/hypervisor/guest_type; "
    "[ -d /sys/firmware/efi ] && echo efi || echo none; uname -r'"
)
_XEN = "xl info xen_version"
#: A guest has its console on Xen's own ring, or on a serial port of QEMU's. Who ended already has none.
_LAST_WORDS = """\
xl list {name} 2>/dev/null | tail -n +2 || :
d=$(xl domid {name} 2>/dev/null) || exit 0
for t in console serial/0; do
    p=$(xenstore-read "/local/domain/$d/$t/tty" 2>/dev/null) || continue
    timeout 5 cat "$p" | tail -n 12 | tr -cd '[:print:]\\n' || :
done
xl destroy {name}
"""


def main(name: str = "", *, release: str = RELEASE, keep: bool = False) -> int:
    """Install a system into guests of a machine, and see it answer as each kind; return an exit code.

    The machine is that of the acceptance, or the one of the zoo of that name. Begins at its checkpoint after 07.
    Raises `TestbedError` when there is none.
    """
    began = time.monotonic()
    described = machines.named(name) if name else None
    machine = building.machine_of(described) if described else Machine(state_dir(release))
    made = f"runbook testbed zoo {name}" if name else f"runbook testbed test --release {release}"
    restore(machine, _beginning(machine, made))
    if described:
        (machine.folder / "described").touch()
        machine = building.boot(described, fresh=False)
    else:
        machine = up(release=release)
    proof = Proof(machine, name or "testbed", _parameters(machine, described, release))
    try:
        proof.run()
    except (RunbookError, TestbedError) as error:
        tail = machine.console_tail(40)
        print(f"\nThe proof of guests' systems failed.\n{error}\n\nThe console ends with:\n{tail}")
        return 1
    finally:
        if not keep:
            machine.down()
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _beginning(machine: Machine, made: str) -> Checkpoint:
    there = [point for point in find_all(machine.state) if point.name >= BEFORE]
    if not there:
        raise TestbedError(
            "There is no checkpoint of a machine that runs Xen",
            where=str(machine.state),
            why=f"the guest is installed on a machine on which {BEFORE} has run",
            next_move=f"have them made: {made}",
        )
    return there[0]


def _parameters(machine: Machine, described: Description | None, release: str) -> dict[str, Any]:
    if described is None:
        return parameters.load(PARAMS[release]).model_dump(mode="json")
    file = asked.complete(machine, described, zoo_checkpoints.proposed(described, machine))
    values = parameters.load(asked.with_moves(described, file)).model_dump(mode="json")
    return {**values, "connection": asked.way(machine, described)}


class Proof:
    """What was seen so far, kept after each stage: a proof that fails later has shown what it has shown."""

    def __init__(self, machine: Machine, name: str, of_machine: dict[str, Any]) -> None:
        self._machine, self._name, self._of_machine, self._number = machine, name, of_machine, 0
        self._rows: list[Row] = []
        self._disks: set[str] = set()
        self._key = ""

    def run(self) -> None:
        """Go through all stages. Raises `CheckFailed` when one did not hold, after all others; the result says which."""
        pause_guests(self._machine)
        self._key = shell(self._machine, _MAKE_KEY).strip()
        xen, (recipe, was_kept) = shell(self._machine, _XEN).strip(), self._image()
        refused, failed = False, list[str]()
        try:
            for guest in STAGES:
                try:
                    self._rows.append(self._stage(guest))
                except (RunbookError, TestbedError) as error:
                    failed.append(f"{guest.name} as {guest.kind}: {error}\n{self._last_words(guest)}")
                    say(failed[-1])
            self._refuses()
            refused = True
        except (RunbookError, TestbedError) as error:
            failed.append(str(error))
        finally:
            self._save(xen, recipe, was_kept, refused, failed)
        must(not failed, "Not all that was tried held", "\n".join(failed))

    def _save(self, xen: str, recipe: Recipe, was_kept: bool, refused: bool, failed: list[str]) -> None:
        built = store.load(store.folder_of(recipe))
        result = Result(
            machine=self._name,
            release=self._of_machine["release"],
            on=datetime.now(UTC).date().isoformat(),
            commit=commit(),
            xen=xen,
            image=recipe.key,
            image_s=built.seconds if built else 0.0,
            was_kept=was_kept,
            rows=tuple(self._rows),
            refused=refused,
            failed=told("\n".join(failed)),
        )
        save(result)
        write_page()

    def _last_words(self, guest: Asked) -> str:
        """Return what `xl list` and the console say of a guest that did not hold, and end it.

        Raises `TestbedError` when the whole virtual PC is gone, for nothing can be tried on it any more.
        """
        if self._machine.running is None:
            raise TestbedError(
                f"the virtual PC itself ended while {guest.name} was to start as {guest.kind}",
                where=str(self._machine.console_log),
                why="its QEMU is gone, and nothing more can be tried on it",
                next_move="read the console, and qemu.log beside it",
            )
        return shell(self._machine, _LAST_WORDS.format(name=guest.name)).strip()

    def _image(self) -> tuple[Recipe, bool]:
        recipe = guest_system.recipe(parameters.load(self._asked(STAGES[0])).guests[-1])
        return recipe, store.load(store.folder_of(recipe)) is not None

    def _asked(self, guest: Asked) -> Path:
        return write(self._machine.state / "systems.yml", self._of_machine, guest, self._key)

    def _run(self, guest: Asked) -> Run:
        self._number += 1
        return carry_out(str(self._asked(guest)), self._number, "apply", only=NOTEBOOK)

    def _stage(self, guest: Asked) -> Row:
        is_new = guest.name not in self._disks
        self._disks.add(guest.name)
        before, began = os.getloadavg()[0], time.monotonic()
        done = self._run(guest)
        took, after = time.monotonic() - began, os.getloadavg()[0]
        say(f"{guest.name} as {guest.kind}: answered by ssh {took:.0f} s after the run began")
        must(
            done.steps.get("install_systems") == ("changed" if is_new else "unchanged"),
            "The disk was not treated as it is",
            f"install_systems was {done.steps.get('install_systems')}",
        )
        *said, kernel = shell(self._machine, _LOG_IN.format(address=guest.address)).split()
        wanted = [guest.name, "running", "xen", guest.guest_type, guest.firmware]
        must(said == wanted, "The system is not what was asked for", f"it said: {' '.join(said)}")
        if is_new:
            nothing_changed(self._run(guest))
        shell(self._machine, f"xl shutdown -F -w {guest.name}")
        parts = {end.step: end.seconds or 0.0 for book in done.record.notebooks for end in book.steps}
        return Row(
            guest=guest.name,
            kind=guest.kind,
            to_ssh_s=round(took, 1),
            written_s=round(parts["install_systems"], 1),
            started_s=round(parts["start_guests"], 1),
            load=(round(before, 1), round(after, 1)),
            is_new=is_new,
            kernel=kernel,
        )

    def _refuses(self) -> None:
        """Without its note and with another identifier the disk is a stranger's: not a byte of it may change."""
        volume = f"/dev/{self._of_machine['storage']['guest_volume_group']}/{FIRST}"
        forget = f"rm -r /var/lib/xen-runbook/systems/{FIRST}"
        shell(self._machine, f"{forget}; sfdisk -q --no-reread --no-tell-kernel --disk-id {volume} 0x1")
        before = shell(self._machine, f"sha256sum <{volume}")
        try:
            self._run(STAGES[0])
        except CheckFailed as error:
            refused = "is not empty, and gets no system" in str(error)
            must(refused, "The disk was refused for another reason", str(error))
        else:
            raise CheckFailed("A disk that holds a system was not refused", where="the testbed")
        after = shell(self._machine, f"sha256sum <{volume}")
        must(after == before, "A refused disk was written to", "its bytes are others")
        say("a disk that holds something was refused, and is the same to the byte")
