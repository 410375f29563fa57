"""A plan on a fresh machine shows all that would be done, and what is only foreseen cannot be carried out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import runbook.steps
from runbook.actions import Foreseen
from runbook.book import Book
from runbook.engine.apply import carry_out
from runbook.engine.journal import Journal
from runbook.errors import Refused
from runbook.hosts.recorded import RecordedHost
from runbook.model.plan import Finding, Plan
from runbook.show import steps as views
from runbook.steps import kernel, name_of, notebooks
from runbook.steps.debian_installation import STEPS as INSTALLATION
from runbook.steps.xen_configuration import STEPS as CONFIGURATION
from runbook.steps.xen_configuration import allow_xl_by_sudo
from runbook.steps.xen_installation import STEPS as XEN
from tests.recorded import recorded
from tests.steps import disk_machine, fresh, kernel_machine
from tests.steps.machine import Machine, like_testbed, played
from tests.toy import ToyHost

STEPS = [
    (notebook, step)
    for notebook, steps in notebooks().items()
    for step in steps
    if name_of(step) in recorded(notebook)
]
NOT_KNOWN = {
    "survey_machine": "it only looks",
    "survey_devices": "it only looks",
    "survey_debian": "it only looks",
    "verify_settings": "it only looks",
    "confirm_settings": "a person confirms",
    "resolve_flags": "it only looks",
    "remove_packages": "right on that machine: it has neither a mail server nor os-prober",
    "keep_proved_pair": "which files run is known when they run; the note says what becomes of them",
    "prove_next_boot": "it only proves",
    "list_updates": "it only looks, unless an upgrade was asked for",
    "prove_xen": "it only proves",
    "prove_devices": "it only proves",
    "prove_bridges": "it only proves",
    "install_tools": "right on that machine: its image has the tools",
    "look_inside_volumes": "it only looks",
    "unmount_partitions": "it takes away only what is there, and nothing is",
    "remove_snapshots": "it takes away only what is there, and nothing is",
    "grow_volumes": "create_volumes makes them as large as listed",
    "verify_backups": "a backup gets its name when it is made; the note says that it is verified then",
}
"""Every step of which no action can be known on the fresh machine although something is asked of it, and why."""


def _plan(step, params=fresh.PARAMS):
    return step.plan(params, fresh.of(step, params))


@pytest.mark.parametrize(("notebook", "step"), STEPS, ids=lambda x: x if isinstance(x, str) else name_of(x))
def test_a_plan_on_a_fresh_machine_shows_what_would_be_done(notebook, step):
    """Each step has actions, was not asked for, or stands in the list with its reason, and in one of them alone."""
    planned = _plan(step)
    assert planned.refusals == ()
    ways = (bool(planned.actions), bool(planned.unasked), name_of(step) in NOT_KNOWN)
    assert ways.count(True) == 1, (notebook, planned)


@pytest.mark.parametrize(
    ("step", "what", "after"),
    [
        ("configure_bridges", "+    bridge_ports enp0s3", "install_xen"),
        ("set_boot_menu", '+GRUB_CMDLINE_XEN="dom0_mem=2048M,max:2048M', "install_xen"),
        ("set_boot_menu", "$ update-grub", "install_xen"),
        ("stop_saving_guests", "+XENDOMAINS_SAVE=", "install_xen"),
        ("boot_xen_once", "$ grub-reboot xen-gnulinux-simple-", "hide_devices, set_boot_menu"),
        ("boot_xen_once", "$ systemctl reboot", "hide_devices, set_boot_menu"),
        ("make_xen_default", "$ grub-set-default xen-gnulinux-simple-", "set_boot_menu, prove_xen"),
        ("generate_locales", "+en_GB.UTF-8 UTF-8", "install_packages"),
    ],
)
def test_the_dangerous_changes_are_seen_beforehand(step, what, after):
    """The diff, or the command, is in what a plan cell shows, behind the step that it waits for."""
    module = next(module for _, module in STEPS if name_of(module) == step)
    shown = views.plan(module, _plan(module), fresh.of(module)).text
    assert what in shown
    assert f"foreseen, after {after}" in shown.splitlines()[0]
    assert f"  1. after {after}" in shown
    assert "no digest yet" in shown


@pytest.mark.parametrize(
    ("step", "params", "machine"),
    [
        *((step, disk_machine.params(), disk_machine.Machine()) for step in INSTALLATION[:-1]),
        *(
            (step, kernel_machine.params(), kernel_machine.Machine())
            for step in (kernel.build_kernel, kernel.install_kernel, kernel.boot_kernel_once)
        ),
        *(
            (step, like_testbed(xen={"source": source}), Machine(lists=0))
            for step in played(*XEN, *CONFIGURATION)
            for source in ("packages", "debian-source")
        ),
    ],
    ids=lambda x: name_of(x) if hasattr(x, "TITLE") else "",
)
def test_so_does_a_plan_of_an_installation_a_kernel_and_a_built_xen(step, params, machine):
    """On a machine without a system, without our kernel, without Xen, every step that was asked for shows actions."""
    planned = step.plan(params, machine.facts(step.asks(params)))
    assert planned.refusals == ()
    assert bool(planned.actions) is not bool(planned.unasked)


FORESEEN = [
    (notebook, step)
    for notebook, step in STEPS
    if notebook >= "05" and _plan(step).after and _plan(step).actions
]


def test_many_steps_are_foreseen():
    """The list of the tests below is not empty by mistake."""
    assert {name_of(step) for _, step in FORESEEN} >= {
        "install_xen", "stop_saving_guests", "set_boot_menu", "enable_services", "configure_bridges", "boot_xen_once",
        "make_xen_default", "write_guest_configs", "start_guests",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("notebook", "step"), FORESEEN, ids=lambda x: x if isinstance(x, str) else name_of(x)
)
def test_what_was_foreseen_comes_true(notebook, step, monkeypatch):
    """Each action that is foreseen whole is in the plan that the recorded run then carried out; so is no other one."""
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    host = RecordedHost(fresh.RECORDING, notebook)
    book = Book(fresh.PARAMS, "apply", host, notebook, Journal(None))
    for name in book._steps:
        if name == name_of(step):
            break
        book.apply(name)
    book._fresh(name_of(step))
    then, now = step.plan(fresh.PARAMS, book.facts).actions, _plan(step).actions
    assert len(now) == len(then)
    assert [
        said
        for pair in zip(now, then, strict=True)
        if len(said := {_said(*pair), _said(*reversed(pair))}) > 1
    ] == []


def _said(action, other):
    """Return what an action does; only its title, where not all of it is known: of a file, of a number of packages."""
    if isinstance(action, Foreseen) or isinstance(other, Foreseen):
        return action.title
    return (
        (action.title.split()[0], action.names)
        if hasattr(action, "names")
        else (action.title, getattr(action, "content", ""))
    )


@pytest.mark.parametrize(
    ("notebook", "step"), FORESEEN, ids=lambda x: x if isinstance(x, str) else name_of(x)
)
def test_nobody_can_agree_to_what_is_only_foreseen(notebook, step, monkeypatch):
    """In mode apply a step that waits is refused before anything is done, whatever the consent names."""
    planned = _plan(step)
    assert planned.digest() != Plan(planned.actions).digest()
    consent = (
        name_of(step),
        f"{name_of(step)}:{planned.digest()}",
        f"{name_of(step)}:{Plan(planned.actions).digest()}",
    )
    host = ToyHost()
    monkeypatch.setattr(host, "gather", lambda asks: fresh.facts(tuple(asks)))
    monkeypatch.setattr(host, "run", lambda *_, **__: pytest.fail("a command was run"))
    book = Book(fresh.PARAMS.model_copy(update={"consent": consent}), "apply", host, notebook, Journal(None))
    with pytest.raises(Refused):
        book.apply(name_of(step))
    assert host.written == []


def test_what_is_known_in_part_cannot_be_carried_out():
    """An action that is only foreseen is none for the host."""
    with pytest.raises(TypeError, match="not an action"):
        carry_out(Foreseen("write /etc/x", "+x", "it comes"), ToyHost(), print)


def test_every_finding_that_waits_names_the_step():
    """Whatever makes a step wait says for which step, and there is one of that name."""
    calls = [
        (path.name, node)
        for path in Path(runbook.steps.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding" and node.args
        and any(isinstance(n, ast.Constant) and n.value == "wait" for n in ast.walk(node.args[0]))
    ]  # fmt: skip
    assert len(calls) >= 20
    assert [name for name, node in calls if "after" not in {k.arg for k in node.keywords}] == []
    names = {name_of(step) for _, step in STEPS}
    literal = {
        k.value.value
        for _, n in calls
        for k in n.keywords
        if k.arg == "after" and isinstance(k.value, ast.Constant)
    }
    assert literal <= names
    assert {after for _, step in STEPS for after in _plan(step).after} <= names


def test_a_rule_for_sudo_waits_for_sudo_when_notebook_03_installs_it():
    """Where an account is to have sudo, its package comes; elsewhere nobody installs it, and the step refuses."""
    without = Machine(modes={})
    comes = like_testbed(
        configuration={"users": [{"name": "ana", "keys": fresh.PARAMS.configuration.users[0].keys}]}
    )
    never = like_testbed(configuration={})
    plans = [allow_xl_by_sudo.plan(p, without.facts(allow_xl_by_sudo.asks(p))) for p in (comes, never)]
    assert [(bool(p.actions), p.after, [f.what for f in p.refusals]) for p in plans] == [
        (True, ("install_packages",), []),
        (False, (), ["sudo is not installed"]),
    ]


def test_a_refusal_is_not_hidden_behind_a_wait():
    """Of a plan that both waits and refuses the refusal counts, and the digest is of neither."""
    planned = Plan((), (Finding("wait", "a", after="b"), Finding("refuse", "c"), Finding("warn", "d")))
    assert [f.what for f in planned.refusals] == ["c"]
    assert planned.after == ("b",)
