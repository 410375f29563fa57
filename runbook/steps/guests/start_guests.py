"""Start the guests that are to run, and see them run with their devices and network cards."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from runbook import releases
from runbook.actions import Run
from runbook.facts import configurations, guests, xen
from runbook.facts.guests import Domain, Domains
from runbook.facts.storage import guests as storage_guests
from runbook.facts.storage.asks import GUESTS
from runbook.guests import config, ending
from runbook.guests.syntax import parse
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan, Risk
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.params.model import guest_need_mib
from runbook.steps.guests import write_guest_configs
from runbook.steps.shared import guest_needs, guest_systems, left_guests, taken

TITLE = "Start the guests and see them run"
GUIDE = (
    "Xen DomU Configurations: guests are started by hand, and nobody looks whether they have their devices"
)
RISK: Risk = "safe"

BRIDGES = Ask.shell("ls -d /sys/class/net/*/bridge 2>/dev/null; true")


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions about running guests, their files, and the bridges."""
    own = (*write_guest_configs.asks(params), *GUESTS, BRIDGES, xen.ASSIGNABLE)
    return (*own, *guest_systems.asks(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Return one `xl create` for each guest with `start: true` that does not run."""
    domains = guests.parse(facts)
    due = [guest for guest in params.guests if guest.start and domains.named(guest.name) is None]
    left = tuple(_left(params, facts, domains))
    silent = [g for g in guest_systems.answering(params) if not facts[guest_systems.host_key(g)].out.strip()]
    waits = tuple(guest_systems.wait(guest) for guest in silent)
    if not due:
        unasked = "" if any(guest.start for guest in params.guests) else "no guest has `start: true`"
        return Plan(waits, left, unasked=unasked)
    xl = releases.get(params.release).xl
    actions = (*(_start(xl, guest) for guest in due), *waits)
    if missing := guest_needs.xen(domains):
        return Plan(actions, missing)
    return Plan(actions, (*_obstacles(params, facts, domains, due), *left))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Return what is missing from each guest that should run: itself, a device, a network card."""
    wanted = [guest for guest in params.guests if guest.start]
    domains = guests.parse(facts)
    if wanted and (missing := guest_needs.xen(domains)):
        return list(missing)
    found = [f for guest in wanted for f in _judge(guest, domains.named(guest.name))]
    answering = (g for g in guest_systems.answering(params) if domains.named(g.name))
    found += [f for guest in answering for f in guest_systems.judge(params, facts, guest)]
    return [*found, *_left(params, facts, domains)]


def _left(params: HostParams, facts: Facts, domains: Domains) -> Iterator[Finding]:
    """Yield a warning for each guest that runs and was taken out of the parameters."""
    found = left_guests.left(params, configurations.parse_all(facts).texts)
    yield from left_guests.running(found, domains)


def _start(xl: str, guest: Guest) -> Run:
    return Run(
        (xl, "create", config.path_of(guest.name)),
        guest.what or f"the guest {guest.name}",
        timeout_s=600,
        undo=_stop(xl, guest.name),
    )


def _stop(xl: str, name: str) -> tuple[str, ...]:
    """Return the command that shuts a guest down and waits for its end; one that does not run is right."""
    name = shlex.quote(name)
    return ("sh", "-c", f"! {xl} list {name} >/dev/null 2>&1 || {xl} shutdown -F -w {name}")


def _obstacles(params: HostParams, facts: Facts, domains: Domains, due: list[Guest]) -> Iterator[Finding]:
    files = write_guest_configs.standings(params, facts)
    known = write_guest_configs.identities(params, facts)
    running = storage_guests.parse(facts)
    bridges = {line.split("/")[-2] for line in facts[BRIDGES].out.splitlines()}
    for guest in due:
        path = config.path_of(guest.name)
        if files[path].is_due:
            what, do = f"{path} is not as wanted", "run write_guest_configs first"
            yield Finding("wait", what, do=do, after="write_guest_configs")
        # What a script of another kind plugs into, such as Open vSwitch's, is no bridge of the kernel's.
        usual = {nic.bridge for nic in guest.nics if nic.bridge and nic.script in (None, "vif-bridge")}
        for bridge in sorted(usual - bridges):
            yield Finding(
                "wait",
                f"The bridge {bridge} of the guest '{guest.name}' does not exist",
                "the guest's network card would be left unplugged, and xl would give up",
                "run notebook 06_xen_configuration, step configure_bridges",
                "H650",
                after="configure_bridges",
            )
        read = parse(write_guest_configs.in_force(params, facts)[path])
        shared = write_guest_configs.shared(params, guest)
        yield from taken.taken(guest.name, read, domains, running, known, shared)
        yield from _gone(params, guest, domains, xen.assignable(facts))
    need = sum(guest_need_mib(guest) for guest in due)
    if domains.free_mib is not None and need > domains.free_mib:
        names = ", ".join(guest.name for guest in due)
        yield Finding(
            "refuse",
            f"There is not enough memory to start {names}",
            f"they need {need} MiB, Xen has {domains.free_mib} MiB left",
            "stop another guest (`xl list` shows them), or give these less memory_mib",
        )


def _gone(
    params: HostParams, guest: Guest, domains: Domains, waiting: tuple[str, ...] | None
) -> Iterator[Finding]:
    """Yield a refusal for each device that neither waits for a guest nor is with one; xl takes a `seize` by itself."""
    seized = {device.bdf for device in params.passthrough.devices if device.seize}
    for bdf in guest.pci:
        if waiting is None or bdf in waiting or bdf in seized or domains.holder_of(bdf):
            continue
        yield Finding(
            "refuse",
            f"The guest '{guest.name}' cannot start: its device {bdf} cannot be given to it",
            "`xl pci-assignable-list` does not name it: it is not on the bus any more, or a driver of dom0 has it",
            f"`lspci -nnk -s {bdf}` on the host says which: a card that moved is found by `runbook survey`; "
            "one that a driver has is hidden from it by notebook 06, hide_devices, and a restart",
            "xl(1), PCI PASS-THROUGH",
        )


def _judge(guest: Guest, domain: Domain | None) -> Iterator[Finding]:
    if domain is None:
        log = f"/var/log/xen/xl-{guest.name}.log"
        yield Finding(
            "fail", f"The guest '{guest.name}' does not run", do=f"run this step in mode apply, or see {log}"
        )
        return
    if "s" in domain.state and not set(domain.state) & set("cd"):
        yield Finding(
            "warn",
            f"The guest '{guest.name}' is just ending or restarting: its state is {domain.state}",
            "a guest without a system on its disk is restarted by its BIOS every few minutes",
            "look again in a moment: `xl list`",
            "xl(1), list",
        )
    elif not domain.is_alive:
        yield Finding(
            "fail",
            f"The guest '{guest.name}' is there and does not run: its state is {domain.state}",
            "c: it crashed; d: it is being removed (xl(1), list)",
            f"see /var/log/xen/qemu-dm-{guest.name}.log, then `xl destroy {guest.name}` and start it again",
            "xl(1)",
        )
    yield from _lacks(guest, domain)


def _lacks(guest: Guest, domain: Domain) -> Iterator[Finding]:
    """What a guest that is there was to have, and has not: devices and bridges."""
    lost = [bdf for bdf in guest.pci if bdf not in domain.pci]
    if lost:
        yield Finding(
            "fail",
            f"The guest '{guest.name}' runs without its device {', '.join(lost)}",
            "it was started before the device was given to it, or lost it at a restart",
            f"stop it ({ending.by_hand(guest.name)}) and run this step again",
        )
    asked = ", ".join(sorted(nic.bridge for nic in guest.nics if nic.bridge)) or "none"
    got = ", ".join(sorted(domain.bridges)) or "none"
    if asked != got:
        yield Finding(
            "fail",
            f"The guest '{guest.name}' is on other bridges than asked",
            f"its network cards are on {got}; asked are {asked}",
            f"stop it ({ending.by_hand(guest.name)}) and run this step again",
            "H650",
        )
