"""Several virtual PCs beside each other: one base disk, and for each a name, an identity, a port and disks of its own."""

from __future__ import annotations

import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from runbook import params as parameters
from runbook.errors import CheckFailed
from runbook.testbed import hardware
from runbook.testbed.hardware import ALIAS
from runbook.testbed.image import base_image, default_recipe
from runbook.testbed.machine import Machine, state_dir, up
from runbook.testbed.proving import say
from runbook.testbed.remote import shell

NAMES = ("alder", "birch", "cedar")
#: Debian without Xen needs no more, and several have to fit beside each other.
SPEC = replace(hardware.MACHINE, memory_mib=2048)
#: All came from one disk; as installed each by itself, they share neither machine id nor host key.
_BECOME_ONESELF = """set -e
tr -d - </proc/sys/kernel/random/uuid >/tmp/id && install -m 0444 /tmp/id /etc/machine-id && rm /tmp/id
rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C '' -f /etc/ssh/ssh_host_ed25519_key
systemctl restart ssh
cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub
"""


@dataclass(frozen=True)
class Sibling:
    """One of several machines. `params` is its parameter file; `machine_id` is the whole id, which no report holds."""

    name: str
    machine: Machine
    params: Path
    machine_id: str

    @property
    def installation(self) -> str:
        """The 12 hex digits by which reports know this installation."""
        return hashlib.sha256(self.machine_id.encode()).hexdigest()[:12]


def boot(names: tuple[str, ...], example: str) -> list[Sibling]:
    """Return fresh machines of these names, all of which answer ssh; `example` is the parameter file to vary.

    Raises `TestbedError` when one does not come up, `CheckFailed` when two are not told apart.
    """
    base = base_image(state_dir(), default_recipe(), say).folder
    with ThreadPoolExecutor(len(names)) as executor:
        found = list(executor.map(lambda name: _boot(name, base, example), names))
    if len({sibling.machine_id for sibling in found}) != len(names):
        raise CheckFailed("Two machines have one machine id", why=f"{[s.machine_id for s in found]}")
    return found


def machine_of(name: str) -> Machine:
    """Return the machine of that name, which need not be there."""
    return Machine(state_dir() / "fleet" / name)


def switch_on_again(sibling: Sibling) -> float:
    """Return after how many seconds a machine that lost its power answers ssh again."""
    hardware.switch_on(sibling.machine.folder, SPEC)
    return sibling.machine.wait_ready()


def params_of(text: str, name: str, config: Path) -> str:
    """Return a parameter file's text for another host, reached by another ssh configuration.

    >>> params_of("host: testbed\\nconnection:\\n  config: .testbed/ssh_config   # x\\n", "alder", Path("a/ssh_config"))
    'host: alder\\nconnection:\\n  config: a/ssh_config   # x\\n'
    """
    text = re.sub(r"(?m)^host: .*$", f"host: {name}", text, count=1)
    return re.sub(r"(?m)^  config: \S+", f"  config: {config}", text, count=1)


def _boot(name: str, base: Path, example: str) -> Sibling:
    machine = machine_of(name)
    machine.state.mkdir(parents=True, exist_ok=True)
    link = machine.state / base.name
    if not link.exists():
        link.symlink_to(base)
    up(fresh=True, state=machine.state, say=partial(_say, name), spec=SPEC)
    machine_id, key = shell(machine, _BECOME_ONESELF).splitlines()
    (machine.state / "known_hosts").write_text(f"{ALIAS} {key}\n")
    here = Path.cwd()
    config = machine.ssh_config
    config = config.relative_to(here) if config.is_relative_to(here) else config
    params = machine.state / f"{name}.yml"
    params.write_text(params_of(parameters.find(example).read_text(encoding="utf-8"), name, config))
    return Sibling(name, machine, params, machine_id)


def _say(name: str, text: str) -> None:
    say(f"{name}: {text}")
