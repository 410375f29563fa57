"""The proofs of accidents: a network that leads nowhere, and a power cut in the middle of its switch and of a step."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable

from runbook import params as parameters
from runbook.actions.network import FOLDER
from runbook.engine.journal import read
from runbook.errors import CheckFailed
from runbook.evidence.record import Event
from runbook.facts.interfaces import FILE as INTERFACES
from runbook.hosts.transport import LOST
from runbook.runner.run import Run, run
from runbook.steps.shared import boot_menu
from runbook.testbed import hardware
from runbook.testbed.machine import Machine
from runbook.testbed.proving import carry_out, nothing_changed, say
from runbook.testbed.remote import must, shell, stop_guests

NOTEBOOK = "06_xen_configuration"
NO_HOST = 5
_BEGINS_S = 300
"""How long the host may measure before it switches, with whatever else runs on the controller."""
#: A network that leads nowhere: the card's other end is 10.0.2.0/24.
_ELSEWHERE = "ipv4: 10.0.9.9/24\n      gateway: 10.0.9.1"
_LEFT = (
    "find /etc /boot /usr/local $(ls -d /var/lib/xen-runbook 2>/dev/null) -xdev "
    "\\( -name '.runbook.*.tmp' -o -name '*.xen-runbook-old' -o -name '*.xen-runbook-new' "
    f"-o -path {FOLDER} -o -name 'xen-runbook-network-*' \\)"
)
_ADDRESSES = f"sha256sum {INTERFACES}; ip -o -4 address show scope global | awk '{{ print $2, $4 }}'"


def prove_network(machine: Machine, params: str) -> None:
    """Give the first bridge an address where nobody reaches it, and see the old one return by itself.

    Raises `CheckFailed` at the first claim that does not hold.
    """
    before = shell(machine, _ADDRESSES)
    file = machine.state / "params-cut.yml"
    text = cut_off(parameters.find(params).read_text())
    file.write_text(text)
    file.write_text(agreed(text, _digest_to_agree_to(run(str(file), mode="apply", only=NOTEBOOK))))
    say("the bridge gets an address that leads nowhere; the host takes the old one back")
    began = time.monotonic()
    done = run(str(file), mode="apply", only=NOTEBOOK)
    _returned(machine, done, before, "no IPv4 gateway answers")
    nothing_changed(carry_out(params, 7, "check", only="06"))
    say(
        f"the old network returned, and the run said so, after {time.monotonic() - began:.0f} s: {done.folder}"
    )
    say("once more, and the power goes in the middle of the switch")
    done = run(
        str(file),
        mode="apply",
        only=NOTEBOOK,
        on_event=pulls_the_plug(
            lambda: _off_and_on(machine), f"replace {INTERFACES}", lambda: switching(machine)
        ),
    )
    say(f"answered ssh, {machine.wait_ready():.0f} s after the run ended")
    _returned(machine, done, before, "the machine started anew in the middle")
    nothing_changed(carry_out(params, 7, "check", only="06"))
    say(f"the machine started with the old network, and the run said so: {done.folder}")


def _returned(machine: Machine, done: Run, before: str, why: str) -> None:
    """Raise `CheckFailed` unless the run says that, and why, the network returned, and it is what it was, with nothing left."""
    must(
        done.exit_code == 1
        and done.steps.get("configure_bridges") == "failed"
        and why in done.message
        and "the old configuration is back in force" in done.message,
        "The report does not say that the network was cut and returned",
        f"exit {done.exit_code}, {done.steps}, {done.message}; {done.folder}",
    )
    after = shell(machine, _ADDRESSES)
    must(after == before, "The network is not what it was", f"before:\n{before}\nafter:\n{after}")
    nothing_left(machine)


def switching(machine: Machine) -> None:
    """Return in the middle of the switch: the host notes its beginning, and then cuts the connection that told of it.

    Raises `CheckFailed` when it never begins.
    """
    until = f"until [ -e {FOLDER}/switched ]; do sleep 0.1; done"
    words, end = [*machine.root, "sh", "-c", shlex.quote(until)], time.monotonic() + _BEGINS_S
    try:
        # A question that did not get through says nothing; what the host noted is there for the next one.
        while _ask(words, end - time.monotonic()) == LOST:
            time.sleep(1)
    except subprocess.TimeoutExpired:
        raise CheckFailed("The switch of the network never began", do=f"look at {machine.folder}") from None
    time.sleep(2)


def _ask(words: list[str], timeout_s: float) -> int:
    return subprocess.run(words, capture_output=True, check=False, timeout=max(timeout_s, 0)).returncode


def _off_and_on(machine: Machine) -> None:
    machine.kill_power()
    hardware.switch_on(machine.folder)


def cut_off(text: str) -> str:
    """Return the parameters' text with the bridge that leases its address moved to where nobody reaches it.

    Raises `CheckFailed` unless exactly one bridge does.
    """
    pattern = re.compile(r"(?m)\bipv4: dhcp\b")
    count = len(pattern.findall(text))
    must(count == 1, "The parameters cannot be cut off", f"{count} bridges have `ipv4: dhcp`")
    return pattern.sub(_ELSEWHERE, text)


def agreed(text: str, digest: str) -> str:
    """Return the parameters' text with the consent to the very plan that loses the leased address.

    >>> agreed("consent: [configure_bridges, undo]", "0123456789ab")
    'consent: [configure_bridges:0123456789ab, configure_bridges, undo]'
    """
    return text.replace("consent: [", f"consent: [configure_bridges:{digest}, ", 1)


def _digest_to_agree_to(done: Run) -> str:
    """Return the digest that a run asks for which was stopped before it lost the leased address.

    Raises `CheckFailed` when it was not stopped.
    """
    found = re.search(r"add 'configure_bridges:([0-9a-f]{12})'", done.message)
    must(
        found is not None and "no consent to what would be lost" in done.message,
        "An address was given up without a consent of its own",
        f"exit {done.exit_code}, {done.steps}, {done.message}; {done.folder}",
    )
    return found[1] if found else ""


def prove_power_cut(machine: Machine, params: str) -> None:
    """Cut the power while the boot menu is written, and see the next run finish the job, doing nothing twice.

    Raises `CheckFailed`, or what the runbook raised, at the first claim that does not hold.
    """
    shell(machine, f"rm {boot_menu.OPTIONS_FILE}")
    cut = run(
        params, mode="apply", only=NOTEBOOK, on_event=pulls_the_plug(machine.kill_power, "run update-grub")
    )
    must(machine.running is None, "The power was never cut", f"the step was not reached: {cut.steps}")
    must(
        cut.exit_code == NO_HOST and cut.steps.get("set_boot_menu") == "failed",
        "The report does not say that the machine went away in the middle of set_boot_menu",
        f"exit {cut.exit_code}, {cut.steps}, {cut.message}; {cut.folder}",
    )
    say(f"power cut: {cut.message.splitlines()[0]}")
    hardware.switch_on(machine.folder)
    say(f"on again, answered ssh after {machine.wait_ready():.0f} s")
    nothing_left(machine)
    wanted = boot_menu.options_file(parameters.load(params))
    must(
        shell(machine, f"cat {boot_menu.OPTIONS_FILE}") == wanted,
        "A file is half written",
        boot_menu.OPTIONS_FILE,
    )
    again = carry_out(params, 8, "apply", only="06")
    twice = sorted(completed(cut) & begun(again))
    must(not twice, "What had been completed was done again", f"{twice}; {again.folder}")
    carry_out(params, 9, "apply", only="07")
    stop_guests(machine)
    say(f"the next run finished the job: {again.folder}")


def pulls_the_plug(
    pull: Callable[[], None], title: str, wait: Callable[[], None] = lambda: time.sleep(4)
) -> Callable[[Event], None]:
    """Return a listener that calls `pull` once, after it waited from the beginning of the action of that title on."""
    pulled: list[bool] = []

    def listen(event: Event) -> None:
        is_it = event.get("event") == "action-begin" and str(event.get("title")).startswith(title)
        if is_it and not pulled:
            pulled.append(True)
            wait()
            pull()

    return listen


def completed(done: Run) -> set[str]:
    """Return the titles of the actions that a run ended."""
    lines = read(done.folder / "journal.jsonl")
    return {line["title"] for line in lines if line["event"] == "action-end" and line["status"] == "done"}


def begun(done: Run) -> set[str]:
    """Return the titles of the actions that a run began."""
    return {line["title"] for line in read(done.folder / "journal.jsonl") if line["event"] == "action-begin"}


def nothing_left(machine: Machine) -> None:
    """Raise `CheckFailed` when a file was left half way."""
    left = shell(machine, _LEFT).split()
    must(not left, "A file was left half way", ", ".join(left))
