"""The proof of guests that are systems: one goes from parameters to ssh, as PVH, as HVM and as PV from one disk."""

from __future__ import annotations

import json
import time
from pathlib import Path

from runbook import params as parameters
from runbook.errors import CheckFailed, RunbookError
from runbook.testbed import RELEASE, Machine, TestbedError, state_dir, up
from runbook.testbed.acceptance import PARAMS, pause_guests
from runbook.testbed.checkpoints import find_all, restore
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.testbed.remote import must, shell

NAME = "system-proof"
ADDRESS = "10.0.0.20"
TYPES = ("pvh", "hvm", "pv")
KEY = "/root/system-proof"
NOTEBOOK = "08_guests"
_MAKE_KEY = f"rm -f {KEY} {KEY}.pub; ssh-keygen -q -t ed25519 -N '' -C proof -f {KEY}; cat {KEY}.pub"
_LOG_IN = (
    f"ssh -i {KEY} -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "
    f"root@{ADDRESS} 'hostname; systemctl is-system-running --wait; cat /sys/hypervisor/type'"
)


def main(*, release: str = RELEASE, keep: bool = False) -> int:
    """Install a system into a guest of the finished machine, and see it answer as each type; return an exit code.

    Begins at the last checkpoint of an acceptance. Raises `TestbedError` when there is none after 08.
    """
    began = time.monotonic()
    machine = Machine(state_dir(release))
    there = [point for point in find_all(machine.state) if point.name >= NOTEBOOK]
    if not there:
        raise TestbedError(
            "There is no checkpoint of a finished machine",
            where=str(machine.state),
            why="the guest is installed on a machine on which 08 has run",
            next_move=f"have them made: runbook testbed test --release {release}",
        )
    restore(machine, there[-1])
    machine = up(release=release)
    try:
        _prove(machine, release)
    except (RunbookError, TestbedError) as error:
        print(
            f"\nThe proof of guests' systems failed.\n{error}\n\nThe console ends with:\n{machine.console_tail(40)}"
        )
        return 1
    finally:
        if not keep:
            machine.down()
    say(f"all held, in {(time.monotonic() - began) / 60:.1f} minutes")
    return 0


def _prove(machine: Machine, release: str) -> None:
    pause_guests(machine)
    key = shell(machine, _MAKE_KEY).strip()
    for number, kind in enumerate(TYPES, 1):
        params, began = asked(machine.state, release, kind, key), time.monotonic()
        done = carry_out(str(params), number, "apply", only=NOTEBOOK)
        say(f"{kind}: answered by ssh {time.monotonic() - began:.0f} s after the run began")
        installs = done.steps.get("install_systems")
        wanted = "changed" if number == 1 else "unchanged"
        must(installs == wanted, f"install_systems was not {wanted}", f"it was {installs}")
        said = shell(machine, _LOG_IN).split()
        must(
            said == [NAME, "running", "xen"],
            "The system is not what was asked for",
            f"it said: {' '.join(said)}",
        )
        nothing_changed(carry_out(str(params), number, "apply", only=NOTEBOOK))
        shell(machine, f"xl shutdown -F -w {NAME}")
    _refuses(machine, release, key)


def _refuses(machine: Machine, release: str, key: str) -> None:
    """Without its note and with another identifier the disk is a stranger's: not a byte of it may change."""
    volume = f"/dev/{parameters.load(PARAMS[release]).storage.guest_volume_group}/{NAME}"
    shell(
        machine,
        f"rm -r /var/lib/xen-runbook/systems/{NAME}; sfdisk -q --no-reread --no-tell-kernel --disk-id {volume} 0x1",
    )
    before = shell(machine, f"sha256sum <{volume}")
    try:
        carry_out(str(asked(machine.state, release, "pvh", key)), 9, "apply", only=NOTEBOOK)
    except CheckFailed as error:
        must(
            "is not empty, and gets no system" in str(error),
            "The disk was refused for another reason",
            str(error),
        )
    else:
        raise CheckFailed("A disk that holds a system was not refused", where="the testbed")
    must(
        shell(machine, f"sha256sum <{volume}") == before,
        "A refused disk was written to",
        "its bytes are others",
    )
    say("a disk that holds something was refused, and is the same to the byte")


def asked(state: Path, release: str, kind: str, key: str) -> Path:
    """Write the machine's parameters with one more guest, which gets a system, and return the file. JSON is YAML."""
    raw = parameters.load(PARAMS[release]).model_dump(mode="json")
    guest = {
        "name": NAME,
        "type": kind,
        "memory_mib": 384,
        "volume": {"name": NAME, "size_gib": 2},
        "nics": [{"bridge": "xenbr1", "mac": "00:16:3e:14:05:00"}],
        "system": {"debian": release, "keys": [key], "ipv4": f"{ADDRESS}/24"},
        "start": True,
    }
    values = {**raw, "guests": [*raw["guests"], guest], "consent": [*raw["consent"], "install_systems"]}
    file = state / "systems.yml"
    file.write_text(json.dumps(values, indent=1) + "\n")
    return file
