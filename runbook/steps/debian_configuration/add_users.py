"""People's accounts: made with a key, never with a password."""

from __future__ import annotations

from runbook.actions import Action, Run, WriteFile
from runbook.facts import accounts
from runbook.facts.accounts import Account
from runbook.facts.files import Entry
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.params.configuration import User
from runbook.steps.shared.edits import lines_of

TITLE = "Create people's accounts, with their keys"
GUIDE = "The template: useradd with a password, keys fetched from a web account with a password on the command line (H310)"
RISK = "safe"


def asks(params: HostParams) -> tuple[Ask, ...]:
    return accounts.commands(*_names(params))


def plan(params: HostParams, facts: Facts) -> Plan:
    """Make what is missing of each account; keys and groups that are there stay."""
    if not params.configuration.users:
        return Plan(unasked="configuration.users is empty")
    there, groups = accounts.parse(facts, *_names(params))
    findings = [
        f for user in params.configuration.users for f in _refusals(user, there.get(user.name), groups)
    ]
    actions = [a for user in params.configuration.users for a in _actions(user, there.get(user.name))]
    return Plan(tuple(actions), tuple(findings))


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """Every account has its shell, its groups and its keys, in files that sshd accepts."""
    there, _ = accounts.parse(facts, *_names(params))
    found = []
    for user in params.configuration.users:
        for action in _actions(user, there.get(user.name)):
            found.append(
                Finding(
                    "fail",
                    f"The account {user.name} is not complete",
                    f"still to do: {action.title}",
                    "run the step add_users in mode apply",
                    "useradd(8)",
                )
            )
    return found


def _names(params: HostParams) -> tuple[str, ...]:
    return tuple(user.name for user in params.configuration.users)


def _actions(user: User, now: Account | None) -> list[Action]:
    home, actions = f"/home/{user.name}", list[Action]()
    if now is None:
        undo = ("sh", "-c", f"! id -u {user.name} >/dev/null 2>&1 || userdel {user.name}")
        actions.append(Run(("useradd", "--create-home", "--shell", "/bin/bash", user.name), undo=undo))
    missing = [group for group in user.groups if now is None or group not in now.groups]
    if missing:
        # A new account leaves its groups with `userdel`.
        member = "id -nG {0} 2>/dev/null | grep -qw -- {1}"
        leave = (
            "; ".join(
                f"! {{ {member.format(user.name, group)}; }} || gpasswd --delete {user.name} {group}"
                for group in missing
            )
            if now
            else ""
        )
        back = ("sh", "-ec", leave) if leave else ()
        actions.append(Run(("usermod", "--append", "--groups", ",".join(missing), user.name), undo=back))
    folder, file = (now.folder, now.file) if now else (None, None)
    if folder is None or folder.mode != "0700" or not folder.owner.startswith(f"{user.name}:"):
        make = ("install", "-d", "-m", "0700", "-o", user.name, "-g", user.name, f"{home}/.ssh")
        actions.append(
            Run(make, "sshd ignores keys in a folder that others can write to", undo=_as_it_was(folder))
        )
    text = with_keys(now.keys if now else "", user.keys)
    if file is None or text != (now.keys if now else "") or file.mode != "0600":
        actions.append(WriteFile(f"{home}/.ssh/authorized_keys", text, "0600", f"{user.name}:{user.name}"))
    return actions


def _as_it_was(folder: Entry | None) -> tuple[str, ...]:
    """Return the command that gives a folder its rights back; () for one that was not there."""
    if folder is None:
        return ()
    user, _, group = folder.owner.partition(":")
    return ("install", "-d", "-m", folder.mode, "-o", user, "-g", group, folder.path)


def with_keys(text: str, keys: tuple[str, ...]) -> str:
    """Return an authorized_keys file with these keys in it, each once; the others stay. One in a comment lets nobody in.

    >>> with_keys("ssh-ed25519 AAAA me\\n#ssh-rsa BBBB\\n", ("ssh-ed25519 AAAA me@home", "ssh-rsa BBBB"))
    'ssh-ed25519 AAAA me\\n#ssh-rsa BBBB\\nssh-rsa BBBB\\n'
    """
    lines = lines_of(text)
    told = [line for line in lines if not line.lstrip().startswith("#")]
    new = [key for key in keys if not any(" ".join(key.split()[:2]) in line for line in told)]
    return "\n".join([*lines, *new]) + "\n"


def _refusals(user: User, now: Account | None, groups: frozenset[str]) -> list[Finding]:
    found = []
    if unknown := [group for group in user.groups if group not in groups]:
        found.append(
            Finding(
                "wait" if unknown == ["sudo"] else "refuse",
                f"There is no group {', '.join(unknown)}",
                "a package brings it, or it is misspelt",
                "run the step install_packages first"
                if unknown == ["sudo"]
                else "correct configuration.users",
                "group(5)",
                after="install_packages" if unknown == ["sudo"] else "",
            )
        )
    if now and (now.uid < 1000 or now.home != f"/home/{user.name}"):
        found.append(
            Finding(
                "refuse",
                f"{user.name} is no person's account of this runbook",
                f"it exists with the number {now.uid} and the home {now.home}",
                "choose another name in configuration.users",
                "passwd(5)",
            )
        )
    return found
