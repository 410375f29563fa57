"""The proof of what is built: a kernel and a Xen of one's own, in a clean root, on a machine that boots.

Builds first, with no machine running beside it; then the whole runbook on a fresh machine, twice; then
it reads on the machine itself when dom0's kernel took the hidden devices.
"""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass

from runbook import params as parameters
from runbook.builds import Recipe, build, kernel, xen
from runbook.errors import CheckFailed, RunbookError
from runbook.params import HostParams
from runbook.testbed import Machine, TestbedError, up
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.text.sizes import human_size

PARAMS = "params/testbed-build.yml"
EVIDENCE = "hidden-from-the-first-moment.txt"
_LOOK = """\
echo "kernel $(uname -r)"
echo "words $(cat /proc/cmdline)"
grep -q /xen-pciback.ko "/lib/modules/$(uname -r)/modules.builtin" && echo "builtin xen-pciback"
for d in /sys/bus/pci/drivers/pciback/0*; do echo "held ${d##*/}"; done
xl pci-assignable-list | sed 's/^/assignable /'
dmesg | grep -E 'seizing device|Run /init' | sed 's/^/log /'
"""


@dataclass(frozen=True)
class Seen:
    """What dom0 says of its hidden devices."""

    kernel: str
    words: tuple[str, ...]
    is_builtin: bool
    held: tuple[str, ...]
    """Devices that are bound to pciback now."""
    seized: dict[str, float]
    """When pciback took each device, in seconds since the kernel began."""
    init: float
    """When the first program of the initial RAM disk was started: no module could be loaded before."""


def main(*, keep: bool = False, only_prove: bool = False) -> int:
    """Build, boot, run everything, prove; return an exit code.

    `only_prove` takes the machine that runs already and only looks at it. `keep` leaves it running.
    """
    host = parameters.load(PARAMS)
    machine = None
    try:
        if only_prove:
            machine = up()
            _prove(machine, host)
            return 0
        for recipe in (kernel.recipe(host, None), xen.recipe(host)):
            _build(recipe)
        machine = up(fresh=True)
        first = carry_out(PARAMS, 1, "apply")
        _prove(machine, host)
        nothing_changed(carry_out(PARAMS, 2, "apply"))
        nothing_changed(carry_out(PARAMS, 3, "check"))
        say(f"all held; the report: {first.folder}")
    except (RunbookError, TestbedError) as error:
        print(f"\nThe proof of what is built failed.\n{error}")
        if machine:
            print(f"\nThe machine's console ends with:\n{machine.console_tail(60)}")
        return 1
    finally:
        if machine and not keep and not only_prove:
            machine.down()
    return 0


def parse(text: str) -> Seen:
    """Return what the machine printed.

    >>> seen = parse("held 0000:00:05.0\\nlog [    0.9] pciback 0000:00:05.0: xen_pciback: seizing device\\n"
    ...              "log [    4.2] Run /init as init process")
    >>> seen.held, seen.seized, seen.init
    (('0000:00:05.0',), {'0000:00:05.0': 0.9}, 4.2)
    """
    said: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, rest = line.partition(" ")
        said.setdefault(key, []).append(rest.strip())
    log = [m.groups() for line in said.get("log", ()) if (m := re.match(r"\[ *([0-9.]+)\] (.*)", line))]
    taken = [(when, re.search(r"([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])", what)) for when, what in log]
    return Seen(
        kernel=said.get("kernel", [""])[0],
        words=tuple(said.get("words", [""])[0].split()),
        is_builtin="builtin" in said,
        held=tuple(sorted(said.get("held", ()))),
        seized={match[1]: float(when) for when, match in reversed(taken) if match},
        init=next((float(when) for when, what in log if "Run /init" in what), 0.0),
    )


def wrong(seen: Seen, host: HostParams) -> list[str]:
    """Return what keeps this from being the proof, [] when it is one."""
    devices = [device.bdf for device in host.passthrough.devices]
    found = []
    if not seen.kernel.endswith(host.kernel.suffix):
        found.append(f"dom0 runs {seen.kernel}, not the kernel that was built")
    if not seen.is_builtin:
        found.append("xen-pciback is not built into it")
    if not any(word.startswith("xen-pciback.hide=") for word in seen.words):
        found.append("the hide list is not on the kernel's line")
    if not seen.init:
        found.append("the log does not say when the initial RAM disk began")
    found += [f"{bdf} is not held by pciback" for bdf in devices if bdf not in seen.held]
    found += [
        f"{bdf} was not taken before the initial RAM disk began ({seen.seized.get(bdf, 'never')})"
        for bdf in devices
        if not seen.seized.get(bdf, seen.init) < seen.init
    ]
    return found


def _prove(machine: Machine, host: HostParams) -> None:
    out = subprocess.run([*machine.ssh, _LOOK], capture_output=True, text=True, check=False).stdout
    (machine.state / EVIDENCE).write_text(out, encoding="utf-8")
    seen = parse(out)
    if faults := wrong(seen, host):
        raise CheckFailed(
            "The devices were not hidden from the first moment",
            where="the virtual PC, dom0",
            why="; ".join(faults) + f"\n{out}",
            do="compare with CONFIG_XEN_PCIDEV_BACKEND in its /boot/config-*, and with its /proc/cmdline",
        )
    for bdf, when in sorted(seen.seized.items()):
        say(f"{bdf}: hidden {when:.2f} s after the kernel began, {seen.init - when:.2f} s before /init")


def _build(recipe: Recipe) -> None:
    began = time.monotonic()
    built = build(recipe, say, every_s=60)
    names = ", ".join(f"{deb.name} ({human_size(deb.size)})" for deb in built.debs)
    say(f"{recipe.key}: {names}; built in {built.seconds:.0f} s, had in {time.monotonic() - began:.0f} s")
