"""The proof: the whole runbook on a machine that boots, twice, and a check — with every claim computed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runbook import params as parameters
from runbook.errors import CheckFailed, RunbookError
from runbook.hosts.recording import names
from runbook.runner.run import Run
from runbook.runner.way_back import go_back
from runbook.steps import notebooks
from runbook.testbed import RELEASE, Machine, TestbedError, up
from runbook.testbed.ends import prove_ends
from runbook.testbed.keeper import Keeper, begin_again
from runbook.testbed.management import prove_backup
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.testbed.remote import shell, stop_guests
from runbook.testbed.returns import keep_state, kept_state, prove_returns
from runbook.text.sizes import human_size

#: The parameters of each release's machine.
PARAMS = {"trixie": "params/testbed.yml", "bookworm": "params/testbed-bookworm.yml"}


def main(
    record: Path | None = None,
    *,
    release: str = RELEASE,
    keep: bool = False,
    backups: bool = False,
    returns: bool = False,
    ends: bool = False,
    only_prove: bool = False,
    resume: bool = False,
) -> int:
    """Build, boot and install the virtual PC, run everything again, check it; return an exit code.

    `record` names the folder that gets the recording of the first run (and `<record>-again` that of
    the second); it is replaced only when everything held. `keep` leaves the machine running; `backups` has a
    guest's disk destroyed and restored as well, `ends` has a guest without Xen's drivers end with the host, `returns` has every way back proven and takes all back.
    `only_prove` takes a machine that is finished already, by an earlier call with the same options. `resume` goes on
    at the last checkpoint that a run of today would make the same; what came before it is judged by the second run,
    and `returns` takes it back to what the machine was at the beginning of all.
    """
    began = time.monotonic()
    start = begin_again(PARAMS[release], release) if resume else ""
    machine = up(release=release) if only_prove or start else _boot(release)
    try:
        if not (only_prove or start):
            keep_state(machine)
        before = kept_state(machine) if returns else None
        if not only_prove:
            _prove(machine, release, record, start)
        if backups:
            prove_backup(machine, PARAMS[release])
        if ends:
            prove_ends(machine, parameters.load(PARAMS[release]).storage.guest_volume_group)
        if before is not None:
            prove_returns(machine, PARAMS[release], before)
    except (RunbookError, TestbedError) as error:
        print(f"\nThe testbed's acceptance failed.\n{error}\n\nThe machine's console ends with:")
        print(machine.console_tail(60))
        return 1
    finally:
        if not keep:
            _off(machine)
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _off(machine: Machine) -> None:
    """Power the machine off, without the wait for guests that have no system to hear it. One that fails costs time alone."""
    if machine.answers():
        with suppress(CheckFailed):
            stop_guests(machine)
    machine.down()


def _boot(release: str) -> Machine:
    """A boot that does not come up is tried once more; what was asserted never is."""
    try:
        return up(fresh=True, release=release)
    except TestbedError as error:
        say(f"the machine did not come up and is tried once more: {error}")
        return up(fresh=True, release=release)


def _prove(machine: Machine, release: str, record: Path | None, start: str = "") -> None:
    params = PARAMS[release]
    keeper = Keeper(machine, params, release)
    if not start:
        keeper.fresh()
    with _recorded(record, start):
        first = _first(machine, params, keeper, start, retry=record is None)
    _guest_said(machine)
    pause_guests(machine)
    with _recorded(Path(f"{record}-again") if record else None):
        second = carry_out(params, 2, "apply")
    nothing_changed(second)
    nothing_changed(carry_out(params, 3, "check"))
    _taken_back(machine, params)
    say(f"first run's report:  {first.folder}")
    say(f"second run's report: {second.folder}")


def _first(machine: Machine, params: str, keeper: Keeper, start: str, *, retry: bool) -> Run:
    """The first run. A boot into Xen that did not come up is tried once more: emulation is not always exact."""
    try:
        return carry_out(params, 1, "apply", start=start or None, on_event=keeper)
    except CheckFailed as error:
        if not retry or "boot_xen_once" not in str(error):
            raise
        say(f"Xen did not come up and is tried once more: {error}\n{machine.console_tail(40)}")
        return carry_out(params, 1, "apply", start="06", on_event=keeper)


def _taken_back(machine: Machine, params: str) -> None:
    """Undo one step on the machine, see that its trace is gone, and that the next run does just that step again."""
    step, file = "allow_xl_by_sudo", "/etc/sudoers.d/xl"
    done = go_back(params, (step,), "apply", Path("reports"), say)
    there = subprocess.run([*machine.ssh, f"ls {file}"], capture_output=True, check=False).returncode == 0
    if there or not isinstance(done, Run) or done.exit_code:
        raise CheckFailed(f"undo left {file} behind", why=getattr(done, "message", ""))
    again = carry_out(params, 4, "apply", only="06")
    changed = {name for name, status in again.steps.items() if status == "changed"}
    if changed != {step}:
        raise CheckFailed("The run after an undo did not do just what was taken back", why=str(again.steps))
    say(f"undo took {step} back, and the next run did it again")


def _guest_said(machine: Machine) -> None:
    """Read on the machine itself what the guest reported of its device, past all of the runbook's own checks."""
    out = subprocess.run(
        [*machine.ssh, "cat /var/lib/xen-runbook/probe/*.json"], capture_output=True, text=True, check=False
    ).stdout
    try:
        guest = json.loads(out)["guest"]
        traffic = int(guest["received"]) > 0 and guest["address"]
    except (ValueError, KeyError, TypeError) as error:
        raise CheckFailed("The guest did not report its device", why=f"{error}: {out[:500]}") from None
    if not traffic:
        raise CheckFailed("No traffic went through the passed device", why=out)
    say(f"the guest itself said: {json.dumps(guest)}")


def pause_guests(machine: Machine) -> None:
    """Stop the clock of the guests that run: they stay, with their devices, and do nothing.

    Their disks are empty, so their BIOS restarts them every minute, and a check that looks in that moment
    finds a guest that is shutting down. Raises `CheckFailed` when one could not be paused.
    """
    guests = "xl list | awk 'NR > 2 { print $1 }'"
    shell(machine, f"for guest in $({guests}); do xl pause $guest || exit; done")


@contextmanager
def _recorded(folder: Path | None, start: str = "") -> Iterator[None]:
    """Record a run; the old recording is replaced only when the run held. From `start` on it goes on with one that failed.

    Raises `CheckFailed` when the failed run recorded too little to go on with.
    """
    if folder is None:
        yield
        return
    fresh = folder.with_name(f".{folder.name}.new").absolute()
    if not start:
        shutil.rmtree(fresh, ignore_errors=True)
    elif missing := [name for name in notebooks() if name < start and name not in names(fresh)]:
        raise CheckFailed(
            "The recording of the run that failed cannot be gone on with",
            where=str(fresh),
            why=f"{', '.join(missing)} are not in it",
            do="begin with an empty disk, without --resume",
        )
    os.environ["RUNBOOK_RECORD"] = str(fresh)
    try:
        yield
    finally:
        del os.environ["RUNBOOK_RECORD"]
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*.json*"))
    say(f"recorded {folder}: {human_size(size)}")
