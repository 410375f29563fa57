"""The proof of boot-once: Xen entries that cannot boot, started once each, and the machine that comes back.

Each case is a copy of the menu's own Xen entry with one fault, in GRUB's custom.cfg, chosen for once over
plain Debian as the saved default, which is what the step boot_xen_once does with the true entry. Nobody
touches the machine then. What brings it back: GRUB cleared the choice before it booted; Xen restarts the
machine five seconds after a panic of its own, or when dom0's kernel dies; and `panic=30`, which the menu's
entries have, makes the initial RAM disk restart it instead of waiting in a shell for a root that never comes.

The disk's controller has a driver that is built into Debian's kernel, and so has it before any module could
hide it: that case boots a copy of the RAM disk with one more archive behind it, in which the module of the disk
is loaded only after xen-pciback took the controller away.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from runbook import hosts
from runbook import params as parameters
from runbook.errors import CheckFailed, HostError
from runbook.facts import grub, system
from runbook.facts.grub import Entry, Grub
from runbook.runner.run import run
from runbook.testbed.machine import Machine
from runbook.testbed.proving import carry_out, say
from runbook.testbed.ram_disk import newc
from runbook.testbed.remote import must, shell, stop_guests

ENTRY = "xen-runbook-proof"
CUSTOM, RAM_DISK = "/boot/grub/custom.cfg", "xen-runbook-proof.img"
WAIT_S = 2400
_CONFIGURATION, _FIRST_BOOT = "06_xen_configuration", "07_first_boot"
_XEN = "(XEN) "
_RESTARTS = re.compile(
    r"Rebooting automatically due to panic=|Reboot in five seconds|rebooting machine|Rebooting in \d+ seconds"
)
#: The root disk's controller, the driver that has it, and the disk's own module: `0000:00:08.0 virtio-pci virtio_blk`.
_DISK = r"""disk=$(readlink -f "$(findmnt -n -o SOURCE /)")
sys=$(readlink -f "/sys/class/block/${disk##*/}/..")
bdf=$(echo "$sys" | grep -o '[0-9a-f]\{4\}:[0-9a-f]\{2\}:[0-9a-f]\{2\}\.[0-7]' | tail -n 1)
echo "$bdf $(basename "$(readlink -f "/sys/bus/pci/devices/$bdf/driver")") $(basename "$(readlink -f "$sys/device/driver/module")")"
"""


@dataclass(frozen=True)
class Case:
    """One fault: `change` makes it on the lines of the Xen entry."""

    name: str
    change: Callable[[str], str]


def cases(bdf: str) -> tuple[Case, ...]:
    """Return the cases for a machine whose root disk hangs on the controller at `bdf`."""
    nowhere = "root=UUID=00000000-0000-4000-8000-000000000000"
    return (
        Case("dom0's root does not exist", lambda t: _on("module", r"\broot=\S+", nowhere, t)),
        Case("dom0 has 64 MiB", lambda t: _on("multiboot", r"\bdom0_mem=\S+", "dom0_mem=64M,max:64M", t)),
        Case("the disk's controller is hidden", lambda t: _hidden(t, bdf)),
    )


def broken(menu: str, entry: str, change: Callable[[str], str]) -> str:
    """Return a custom.cfg with a copy of the top entry of that id, changed.

    Raises `CheckFailed` when the menu has no such entry or the change changes nothing.
    """
    lines = menu.splitlines()
    first = next(
        (i for i, line in enumerate(lines) if line.startswith("menuentry ") and f"'{entry}'" in line), None
    )
    body = [] if first is None else lines[first + 1 : lines.index("}", first)]
    old = "\n".join(body)
    new = change(old)
    must(bool(body) and new != old, "The broken entry would not be broken", f"{entry}: {len(body)} lines")
    return f"menuentry 'A proof: this cannot boot' --id {ENTRY} {{\n{new}\n}}\n"


def prove_boot_once(machine: Machine, params: str) -> None:
    """Prove each case, then let the runbook start Xen again and make it the default.

    Raises `CheckFailed`, or what the runbook raised, at the first claim that does not hold.
    """
    now = _look(params)
    if now.linux is None or now.xen is None:
        raise CheckFailed("The menu lacks Xen or plain Debian", do="run the acceptance first")
    stop_guests(machine)
    shell(machine, f"grub-set-default '{now.linux.path}'")
    _reboot(params)
    bdf, driver, module = shell(machine, _DISK).split()
    must(module != "module", "The disk's driver is no module", f"{bdf}: it cannot be taken away this way")
    try:
        _ram_disk(machine, now.xen, taken_away(bdf, driver, module))
        for case in cases(bdf):
            _prove(machine, params, case, now.linux, now.xen)
    finally:
        shell(machine, f"rm -f {CUSTOM} /boot/{RAM_DISK}")
    carry_out(params, 5, "apply", only="06")
    carry_out(params, 6, "apply", only="07")
    stop_guests(machine)
    say("the runbook started Xen again and made it the default")


def _prove(machine: Machine, params: str, case: Case, linux: Entry, xen: Entry) -> None:
    custom = broken(shell(machine, f"cat {grub.CONFIG}"), xen.id, case.change)
    shell(machine, f"cat >{CUSTOM} && grub-reboot {ENTRY} && sync", custom.encode())
    size, began = machine.console_log.stat().st_size, time.monotonic()
    try:
        _reboot(params)
    except HostError as error:
        raise CheckFailed(
            f"{case.name}: the machine did not come back by itself",
            where=str(machine.console_log),
            why=f"{error}\n{machine.console_tail(40)}",
        ) from None
    took = time.monotonic() - began
    with machine.console_log.open("rb") as log:
        log.seek(size)
        said = log.read().decode(errors="replace")
    restart = _RESTARTS.search(said[said.find(_XEN) :]) if _XEN in said else None
    must(restart is not None, f"{case.name}: Xen was not tried, or did not give up by itself", said[-2000:])
    _reported(params, case)
    now = _look(params)
    must(
        not now.next_entry and now.saved_entry == linux.path,
        f"{case.name}: GRUB's choice is not the safe default",
        f"next_entry={now.next_entry} saved_entry={now.saved_entry}",
    )
    say(
        f"{case.name}: '{restart[0] if restart else ''}', back in plain Debian after {took:.0f} s, and reported"
    )


def _reported(params: str, case: Case) -> None:
    """The runbook's own proof of Xen fails, with the reason and the next move."""
    done = run(params, mode="check", only=_FIRST_BOOT)
    words = ("The host runs plain Debian, not Xen", "the safe default brought plain Debian back", "do:")
    must(
        done.exit_code == 1
        and done.steps.get("prove_xen") == "failed"
        and all(w in done.message for w in words),
        f"{case.name}: the report does not say what happened",
        f"exit {done.exit_code}, {done.steps}, {done.message}; {done.folder}",
    )


def _reboot(params: str) -> None:
    """Restart by the runbook's own way and come back into plain Debian."""
    host = hosts.connect(parameters.load(params), _CONFIGURATION)
    try:
        host.reboot(WAIT_S)
        is_dom0 = system.parse(host.gather(system.COMMANDS)).is_dom0
    finally:
        host.close()
    must(not is_dom0, "The machine came back under Xen", "plain Debian was the default")


def _look(params: str) -> Grub:
    host = hosts.connect(parameters.load(params), _CONFIGURATION)
    try:
        return grub.parse(host.gather(grub.COMMANDS))
    finally:
        host.close()


def _on(command: str, pattern: str, new: str, text: str) -> str:
    """Return the text with a pattern replaced on the lines of one loader's command."""
    return "\n".join(
        re.sub(pattern, new, line) if line.strip().startswith(command) else line for line in text.splitlines()
    )


def _hidden(text: str, bdf: str) -> str:
    words = _on("module", r"\bxen-pciback\.hide=\S+", f"xen-pciback.hide=({bdf})", text)
    return _on("module", r"(\S*/)initrd\.img-\S+", rf"\g<1>{RAM_DISK}", words)


def taken_away(bdf: str, driver: str, module: str) -> str:
    """Return a file of modprobe.d(5) by which xen-pciback has the controller before the disk's module is loaded."""
    drivers = "/sys/bus/pci/drivers"
    words = (
        f"/sbin/modprobe xen-pciback; echo {bdf} >{drivers}/{driver}/unbind;"
        f" echo {bdf} >{drivers}/pciback/new_slot; echo {bdf} >{drivers}/pciback/bind;"
        f" /sbin/modprobe --ignore-install {module}"
    )
    return f"install {module} {words}\n"


def _ram_disk(machine: Machine, xen: Entry, conf: str) -> None:
    """Lay beside the entry's RAM disk a copy with one more file of modprobe.d."""
    name = next((command[-1] for command in xen.commands if "--nounzip" in command), "")
    must(bool(name), "The Xen entry has no RAM disk", f"{xen.commands}")
    copy = f"cp /boot/{PurePosixPath(name).name} /boot/{RAM_DISK}"
    # The kernel looks for a further archive at multiples of four bytes only.
    more = f"truncate -s %4 /boot/{RAM_DISK} && cat >>/boot/{RAM_DISK}"
    shell(machine, f"{copy} && {more}", newc({"etc/modprobe.d/xen-runbook-proof.conf": conf.encode()}))
