"""Steps on a host where the runbook is root by sudo: nobody who came in that way is locked out."""

import pytest

from runbook.facts import files, sudo_rules
from runbook.facts.ssh_server import KEY
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import HostParams
from runbook.steps.debian_configuration import require_ssh_keys
from runbook.steps.debian_installation import prepare_live_system
from runbook.steps.introduction import survey_machine
from runbook.steps.xen_configuration import allow_xl_by_sudo
from tests.steps import disk_machine

USER = Ask.run("printenv", "SUDO_USER")
ROOT_KEYS = Ask.run("grep", "-hcsE", KEY, "/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2")
SSHD = Ask.run("/usr/sbin/sshd", "-T")
SESSION = Answer(0, "10.0.0.9 50000 10.0.0.2 22\n")


def params(become="sudo", **more):
    """Return parameters of a host that is reached by ssh."""
    connection = {"kind": "ssh", "to": "ana@box", "become": become}
    return HostParams.model_validate({"host": "box", "connection": connection, **more})


def facts(step, params, answers):
    """Return the answers to all that a step asks, missing where nothing else is said."""
    asks = step.asks(params)
    assert answers.keys() <= {*asks}
    return Facts({ask: answers.get(ask, Answer(44 if ask.kind == "read" else 1)) for ask in asks})


def ssh(become, own="", roots="", root_login="no"):
    """Return what the step of the ssh server plans, with so many keys of ana's and of root's."""
    asked = params(become, configuration={"ssh": "keys-only"})
    said = f"permitrootlogin {root_login}\npubkeyauthentication yes\npasswordauthentication yes\n"
    answers = {
        SSHD: Answer(0, said),
        ROOT_KEYS: Answer(0, roots),
        Ask.run("printenv", "SSH_CONNECTION"): SESSION,
    }
    if become == "sudo":
        answers |= {USER: Answer(0, "ana\n"), sudo_rules.KEYS[1]: Answer(0, own)}
    return require_ssh_keys.plan(asked, facts(require_ssh_keys, asked, answers))


def test_root_stays_shut_out_and_anas_key_counts():
    """With root's login off and no key of root's, the switch is planned, and says nothing of root."""
    planned = ssh("sudo", own="1\n")
    assert planned.stops == ()
    (action,) = planned.actions
    assert "PermitRootLogin" not in action.content
    assert "the home of ana" in action.doubt


def test_whoever_came_in_by_password_is_not_locked_out():
    """Without a key of ana's it is refused, though root has some: root may not log in."""
    planned = ssh("sudo", own="0\n", roots="3\n")
    assert [finding.what for finding in planned.stops] == ["No key may log in as ana"]
    assert planned.actions == ()


def test_by_roots_login_it_is_as_it_was():
    """Root's keys count, and a server that shuts root out is refused."""
    assert [f.what[:38] for f in ssh("none", roots="1\n").stops] == ["The ssh server says that root may not "]
    assert ssh("none", roots="1\n", root_login="yes").stops == ()
    assert ssh("none", roots="0\n", root_login="yes").stops[0].what == "No key may log in as root"


FILE = Ask.read(allow_xl_by_sudo.FILE)
OWN = "ana ALL=(ALL:ALL) NOPASSWD: ALL\n"


def xl(kind, text):
    """Return what the step of sudo's file plans where that file holds a text, and what it checks."""
    asked = params(services={"sudo_xl": kind})
    paths = ("/usr/sbin/visudo", allow_xl_by_sudo.FILE)
    listed = "".join(f"440 root:root f {path}\n" for path in paths)
    seen = facts(
        allow_xl_by_sudo, asked, {FILE: Answer(0, text), files.commands(*paths)[0]: Answer(0, listed)}
    )
    return allow_xl_by_sudo.plan(asked, seen), allow_xl_by_sudo.check(asked, seen)


@pytest.mark.parametrize("kind", ["none", "read-only", "full"])
@pytest.mark.parametrize(
    "text", [OWN, f"# xl's commands that only show something.\n%sudo ALL=(root) NOPASSWD: ALL\n{OWN}"]
)
def test_a_rule_of_somebody_elses_is_neither_removed_nor_replaced(kind, text):
    """A file of that name by which people are root stays; where ours is asked for, that is refused."""
    planned, found = xl(kind, text)
    assert planned.actions == ()
    assert [f.what for f in planned.stops] == (
        [] if kind == "none" else [f"{allow_xl_by_sudo.FILE} was written by hand, and would be written over"]
    )
    assert kind != "none" or found == []


def test_our_own_rule_is_taken_back():
    """What the step wrote it removes, when nothing is asked for any more."""
    ours = allow_xl_by_sudo.content(params(services={"sudo_xl": "full"}))
    planned, found = xl("none", ours)
    assert [action.title for action in planned.actions] == ["remove /etc/sudoers.d/xl"]
    assert [f.what for f in found] == ["/etc/sudoers.d/xl is still there"]


@pytest.mark.parametrize(
    ("said", "is_told"),
    [
        ("    env_reset, use_pty, log_input\n", True),
        ("    (ALL : ALL) NOPASSWD: LOG_INPUT: ALL\n", True),
        ("    env_reset, !log_input\n    (ALL : ALL) ALL\n", False),
        ("", False),
    ],
)
def test_a_log_of_all_input_is_told_of(said, is_told):
    """sudo's log of input holds what the runbook writes: 00 says so, and names the line that ends it."""
    rules = sudo_rules.parse(Facts({USER: Answer(0, "ana\n"), sudo_rules.COMMANDS[1]: Answer(0, said)}))
    found = [*survey_machine._sudo(rules)]
    assert bool(found) == is_told
    assert all("Defaults:ana !log_input" in finding.do for finding in found)


def test_sudo_is_asked_about_only_where_it_is_used():
    """A host that is reached as root is asked nothing new: its recording has the answers."""
    for step in (survey_machine, require_ssh_keys):
        more = {"configuration": {"ssh": "keys-only"}}
        new = {*step.asks(params("sudo", **more))} - {*step.asks(params("none", **more))}
        assert new == {*(sudo_rules.COMMANDS if step is survey_machine else sudo_rules.KEYS)}


@pytest.mark.parametrize(("become", "stopped"), [("sudo", 1), ("none", 0)])
def test_a_live_system_is_not_installed_by_who_is_gone_after_it(become, stopped):
    """The new system has no account of the live system's: that is said before the disk is touched."""
    installation = disk_machine.params().installation.model_dump(exclude_unset=True)
    asked = params(become, installation=installation)
    planned = prepare_live_system.plan(asked, disk_machine.Machine().facts(prepare_live_system.asks(asked)))
    found = [f for f in planned.stops if f.what.startswith("Nobody could go on after the restart")]
    assert len(found) == stopped
    assert all("/root/.ssh/authorized_keys" in f.do for f in found)
    assert bool(planned.actions) != bool(stopped)
