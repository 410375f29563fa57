"""From a description to a machine that answers: its base disk, its virtual PC, and what is done to it once."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import replace

from runbook.errors import CheckFailed
from runbook.testbed import hardware, qemu
from runbook.testbed.errors import GaveUp
from runbook.testbed.image import base_image, default_recipe, image_key
from runbook.testbed.machine import Machine, state_dir, up
from runbook.testbed.machines import Description
from runbook.testbed.monitor import monitor
from runbook.testbed.proving import say
from runbook.testbed.provision import COMMANDS
from runbook.testbed.recipe import Recipe
from runbook.testbed.remote import shell
from runbook.testbed.wire import Wire
from runbook.testbed.zoo import layout

#: An emulated disk may be slow to appear beside other work; systemd's 90 s are for real ones.
_PATIENT = (
    "/etc/systemd/system.conf.d/emulated.conf",
    0o644,
    "[Manager]\nDefaultDeviceTimeoutSec=15min\nDefaultTimeoutStartSec=15min\n",
)
#: A checkpoint of a machine that ran Xen chooses Xen once; GRUB cannot clear that on every /boot.
CHOSEN_NO_MORE = "[ ! -e /boot/grub/grubenv ] || grub-editenv /boot/grub/grubenv unset next_entry"
#: A base disk keeps no fractions of a second: its RAM disk looks as old as what it was made of, so older than it should be.
_RAM_DISK_IS_NEWER = "for i in /boot/initrd.img-*; do [ ! -e $i ] || touch $i; done"
_BOOT = "cat /proc/sys/kernel/random/boot_id"
_EMULATORS_FAULT = "Oops: int3"
_RESTART = "nohup sh -c 'sleep 2; systemctl reboot' >/dev/null 2>&1 &"
#: ssh answers before guests that start with the host are there, and their cards are a part of what the machine is.
UP = "systemctl is-system-running --wait >/dev/null || :"


def recipe_of(described: Description) -> Recipe:
    """Return what the machine's base disk is made of; the plain machine's is that of the acceptance."""
    plain = default_recipe(described.release)
    if described.name == "plain":
        return plain
    packages = [name for name in (*plain.packages, *described.packages) if name not in described.without]
    hooks = [command for user in described.users for command in _account(user.name, user.sudo)]
    return replace(
        plain,
        hostname=described.name,
        # An emulator that waits for its turn loses ticks, and the kernel takes the timer for broken.
        kernel_options=("no_timer_check",),
        packages=tuple(dict.fromkeys(packages)),
        files=(_PATIENT, *((f.path, int(f.mode, 8), f.text) for f in described.files if not f.link)),
        links=tuple((file.path, file.link) for file in described.files if file.link),
        hooks=(*_purged(described.without), *hooks, *described.inside),
        login=described.way.user,
    )


def _purged(names: tuple[str, ...]) -> list[str]:
    """Take away what the bootstrapper's own choice of packages brings."""
    look = 'if dpkg-query -W "$p" >/dev/null 2>&1; then dpkg --purge "$p"; fi'
    return [f"for p in {' '.join(names)}; do {look}; done"] if names else []


def _account(name: str, sudo: str) -> list[str]:
    made = [
        f"useradd --create-home --shell /bin/bash {name}",
        f"install -d -m 0700 -o {name} -g {name} /home/{name}/.ssh",
    ]
    if sudo == "without-password":
        rule = f"{name} ALL=(ALL) NOPASSWD: ALL"
        made.append(f"echo '{rule}' >/etc/sudoers.d/90-{name} && chmod 0440 /etc/sudoers.d/90-{name}")
    return made


def spec_of(described: Description) -> qemu.Spec:
    """Return the virtual PC that it is."""
    plain = hardware.MACHINE
    cards = tuple(
        qemu.Nic(
            # ssh comes in by the first, under whatever name.
            qemu.UPLINK.name if number == 0 else nic.name,
            nic.model,
            hex(nic.slot),
            f"52:54:00:13:00:{nic.slot:02x}",
            nic.net,
            nic.restrict,
            nic.net6,
        )
        for number, nic in enumerate(described.nics)
    )
    way = described.way
    switch, wire = described.switch, None
    if switch is not None:  # the port is chosen when it is switched on
        wire = Wire(switch.vlan, switch.address, switch.router, switch.cards, 0, switch.proxy_port)
    firmware = "" if described.layout and described.layout.firmware == "bios" else plain.firmware
    return replace(
        plain,
        wire=wire,
        nics=cards or plain.nics,
        ssh_at=way.at,
        ssh_to=way.port,
        user=way.user,
        firmware=firmware,
    )


def machine_of(described: Description) -> Machine:
    """Return the machine, which need not be there: each has its folder below the testbed's own."""
    become = () if described.way.user == "root" else ("sudo",)
    return Machine(state_dir() / "zoo" / described.name, become)


def digest(described: Description) -> str:
    """Return 12 hex digits that change when anything changes that is done to the machine once."""
    said = repr((described.once, described.restart, described.nics, described.way))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def base_name(described: Description) -> str:
    """Return the folder's name of its base disk in the cache."""
    recipe = recipe_of(described)
    return f"base-{layout.key(recipe, described.layout) if described.layout else image_key(recipe)}"


def boot(described: Description, *, fresh: bool) -> Machine:
    """Return the machine, switched on and answering; `fresh` throws away the one that is there.

    Raises `TestbedError` when it cannot be built or does not come up, `CheckFailed` for a command that failed.
    """
    machine, recipe = machine_of(described), recipe_of(described)
    machine.state.mkdir(parents=True, exist_ok=True)
    spec, first = spec_of(described), COMMANDS
    base = base_image(state_dir(), recipe, say)
    if described.layout:
        base = layout.moved_in(state_dir(), recipe, described.layout, base, spec, say)
        first = tuple(("sh", "-euc", shlex.quote(command)) for command in described.layout.at_first)
    link = machine.state / base.folder.name
    if not link.exists():
        link.symlink_to(base.folder)
    up(
        fresh=fresh,
        state=machine.state,
        say=say,
        spec=spec,
        recipe=recipe,
        become=machine.become,
        base=base,
        at_first=first,
    )
    if not fresh:
        shell(machine, CHOSEN_NO_MORE)
    done = machine.folder / "described"
    if not done.exists():
        shell(machine, _RAM_DISK_IS_NEWER)
        for command in described.once:
            shell(machine, command)
        if described.once and described.restart:
            restart(machine)
        done.write_text(digest(described))
    return machine


def restart(machine: Machine) -> float:
    """Restart the machine by its own means, to the end of its boot, and return after how many seconds it answers again.

    Raises `TestbedError` when it does not come back. A kernel that dies while it patches its own code, as none does but under an
    emulator with several processors, is no answer of the machine's: it is reset once.
    """
    before = shell(machine, _BOOT)
    shell(machine, _RESTART)

    def is_back() -> bool:
        try:
            return shell(machine, _BOOT) != before
        except CheckFailed:  # it is on its way
            return False

    try:
        seconds = machine.wait_until("a machine that came back", is_back)
    except GaveUp:
        if _EMULATORS_FAULT not in machine.console_tail(100):
            raise
        say(f"the emulator lost its kernel at the start ({_EMULATORS_FAULT}); it is reset, once")
        with monitor(machine.folder / hardware.MACHINE.monitor_socket) as pc:
            pc.tell("system_reset")
        seconds = machine.wait_until("a machine that came back after a reset", is_back)
    shell(machine, UP)
    return seconds
