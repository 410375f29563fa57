"""The proof of upgrades: a hypervisor that hangs, a kernel that panics, a power cut in the installation, and a good pair.

Each of the first three ends with the old pair running, its guests up, and a report that says what failed; the last one
with the new pair as what starts. Nobody touches the machine but for the reset of the one that hangs.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from runbook import params as parameters
from runbook.errors import RunbookError
from runbook.evidence.record import Event
from runbook.facts.proved_pair import ID
from runbook.runner.run import Run, run
from runbook.runner.telling import OnEvent
from runbook.testbed import RELEASE, Machine, TestbedError, hardware, newer, state_dir, up
from runbook.testbed.acceptance import PARAMS
from runbook.testbed.checkpoints import find_all, restore
from runbook.testbed.cuts import pulls_the_plug
from runbook.testbed.monitor import monitor
from runbook.testbed.newer import Hypervisor
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.testbed.remote import must, shell

NOTEBOOK = "11_upgrades"
CONSENT = ("install_updates", "boot_updates_once", "make_updates_default")
_HANGS_S = 240
"""So long after the restart began the machine that hangs is reset: more than a boot to GRUB takes."""
_LOOK = "xl info | sed -n 's/^build_id *: *//p'; uname -r; grub-editenv list | sed -n 's/^saved_entry=//p'"
_GUESTS = "xl list | awk 'NR > 2 { print $1 }' | sort"
_DOWN = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y --allow-downgrades install linux-image-amd64"
_REPAIR = "DEBIAN_FRONTEND=noninteractive dpkg --configure -a && DEBIAN_FRONTEND=noninteractive apt-get -qq -y -f install"


def main(*, release: str = RELEASE, keep: bool = False) -> int:
    """Upgrade the finished machine in each way, and see what comes of it; return an exit code.

    Begins at the last checkpoint of an acceptance. Raises `TestbedError` when there is none after 08.
    """
    began = time.monotonic()
    machine = Machine(state_dir(release))
    there = [point for point in find_all(machine.state) if point.name >= "08_guests"]
    if not there:
        raise TestbedError(
            "There is no checkpoint of a finished machine",
            where=str(machine.state),
            why="what is upgraded is a machine on which 08 has run",
            next_move=f"have them made: runbook testbed test --release {release}",
        )
    restore(machine, there[-1])
    try:
        machine = up(release=release)
        Proof(machine, agreed(machine.state, PARAMS[release])).run()
    except (RunbookError, TestbedError) as error:
        print(
            f"\nThe proof of upgrades failed.\n{error}\n\nThe console ends with:\n{machine.console_tail(40)}"
        )
        return 1
    finally:
        if not keep:
            machine.down()
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


@dataclass
class Proof:
    """One machine, and what it was before the first upgrade."""

    machine: Machine
    params: str
    build: str = ""
    kernel: str = ""
    guests: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Go through all cases. Raises `CheckFailed` at the first claim that does not hold."""
        carry_out(self.params, 1, "apply", only="07_first_boot")
        self.build, self.kernel, _ = shell(self.machine, _LOOK).split()
        self.guests = shell(self.machine, _GUESTS).split()
        known = newer.hypervisor(self.machine)
        self._hangs(known)
        self._panics(known)
        self._power_cut(known)
        self._holds()
        newer.withdraw(self.machine)

    def _hangs(self, known: Hypervisor) -> None:
        image = newer.hanging(
            self._another(known, 1)
        )  # with the running one's build id it would be taken for that
        newer.offer_hypervisor(self.machine, known, image, self._version(1))
        done = self._upgrade(self._resets())
        self._old_pair("a hypervisor that hangs", done, "another hypervisor")

    def _panics(self, known: Hypervisor) -> None:
        meta = shell(self.machine, "dpkg-query -W -f '${Version}' linux-image-amd64").strip()
        newer.offer_kernel(self.machine)
        newer.offer_hypervisor(self.machine, known, self._another(known, 2), self._version(2))
        self._old_pair("a kernel that panics", self._upgrade(), "another kernel")
        newer.withdraw(self.machine)
        shell(self.machine, f"dpkg --purge --force-depends linux-image-{newer.KERNEL}; {_DOWN}={meta}")

    def _power_cut(self, known: Hypervisor) -> None:
        newer.offer_hypervisor(self.machine, known, self._another(known, 3), self._version(3))
        done = self._upgrade(pulls_the_plug(self.machine.kill_power, "run apt-get -qq -y"))
        must(self.machine.running is None, "The power was never cut", f"{done.steps}")
        hardware.switch_on(self.machine.folder)
        say(f"on again, answered ssh after {self.machine.wait_ready():.0f} s")
        self._old_pair("a power cut in the installation", done, "")
        shell(self.machine, _REPAIR)

    def _holds(self) -> None:
        began = time.monotonic()
        done = self._upgrade()
        must(done.exit_code == 0, "The good pair was not taken", f"exit {done.exit_code}, {done.message}")
        build, _, saved = shell(self.machine, _LOOK).split()
        must(build != self.build, "The old hypervisor runs still", build)
        must(saved != ID, "The new pair is not what starts", saved)
        must(shell(self.machine, _GUESTS).split() == self.guests, "Guests are missing", "xl list")
        nothing_changed(self._upgrade())
        say(
            f"a good pair: taken, proved and the default after {time.monotonic() - began:.0f} s: {done.folder}"
        )

    def _upgrade(self, on_event: OnEvent | None = None) -> Run:
        return run(self.params, mode="apply", only=NOTEBOOK, upgrades="install", on_event=on_event)

    def _old_pair(self, what: str, done: Run, said: str) -> None:
        """Raise `CheckFailed` unless the old pair runs and starts, its guests are up, and the report says what failed."""
        shell(self.machine, "systemctl is-system-running --wait >/dev/null || true")
        build, kernel, saved = shell(self.machine, _LOOK).split()
        is_old = (build, kernel) == (self.build, self.kernel)
        must(is_old, f"{what}: the old pair does not run", f"{build} {kernel}")
        must(saved == ID, f"{what}: the old pair is not what starts", saved)
        must(shell(self.machine, _GUESTS).split() == self.guests, f"{what}: guests are missing", "xl list")
        must(bool(done.exit_code), f"{what}: the run ended well", str(done.folder))
        must(said in done.message, f"{what}: the report does not say what failed", done.message)
        say(
            f"{what}: the old pair runs, {len(self.guests)} guests are up, and it was reported: {done.folder}"
        )

    def _resets(self) -> OnEvent:
        """Return a listener that resets the machine some time after it was restarted."""

        def reset() -> None:
            with monitor(self.machine.folder / hardware.MACHINE.monitor_socket) as qemu:
                qemu.tell("system_reset")
            say("the machine hangs, and was reset")

        def listen(event: Event) -> None:
            if event.get("event") == "action-begin" and str(event.get("title")).startswith("reboot into"):
                clock = threading.Timer(_HANGS_S, reset)
                clock.daemon = True
                clock.start()

        return listen

    def _another(self, known: Hypervisor, number: int) -> bytes:
        return newer.another(known.image, bytes.fromhex(self.build), number)

    def _version(self, number: int) -> str:
        now = shell(self.machine, "dpkg-query -W -f '${Version}' 'xen-hypervisor-*-amd64'").split("+proof")[0]
        return f"{now}+proof{number}"


def agreed(state: Path, params: str) -> str:
    """Write the machine's parameters with consent to an upgrade, and return the file. JSON is YAML."""
    raw = parameters.load(params).model_dump(mode="json")
    file = state / "upgrades.yml"
    file.write_text(json.dumps({**raw, "consent": [*raw["consent"], *CONSENT]}, indent=1) + "\n")
    return str(file)
