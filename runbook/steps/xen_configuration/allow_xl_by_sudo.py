"""Who may use xl without being root, in a file that sudo's own checker accepted first."""

from __future__ import annotations

from runbook import releases
from runbook.actions import Remove, WriteFile
from runbook.facts import files
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams

TITLE = "Let the group sudo use xl, as far as the parameters say"
GUIDE = (
    "“Xen Configuration”: appended a broken line to /etc/sudoers, unchecked, for all of xl (H641, H643, H644)"
)
RISK = "safe"

FILE = "/etc/sudoers.d/xl"
_SHOWS, _FULL = "# xl's commands that only show something.", "# This equals root without a password."
READ_ONLY = ("list", "list -v", "info", "dmesg", "uptime", "vcpu-list", "pci-assignable-list")
_VISUDO = "/usr/sbin/visudo"
_INCLUDED = Ask.run(
    "grep", "-cE", "^[#@]includedir[[:space:]]+/etc/sudoers\\.d/?[[:space:]]*$", "/etc/sudoers"
)
_PATHS = (_VISUDO, FILE)


def asks(params: HostParams) -> tuple[Ask, ...]:
    return (Ask.read(FILE), *files.commands(*_PATHS), _INCLUDED)


def plan(params: HostParams, facts: Facts) -> Plan:
    """Write the file with mode 0440 after `visudo` accepted it, or remove it."""
    there = files.parse(facts, *_PATHS)
    wanted = content(params)
    if wanted is None:
        remove = (Remove(FILE),) if FILE in there and is_ours(facts) else ()
        return Plan(remove, unasked="services.sudo_xl is none")
    if _VISUDO not in there and not _comes(params):
        return Plan(findings=(_no_sudo(params),))
    if FILE in there and not is_ours(facts):
        return Plan(findings=(_by_hand(),))
    right = facts.text(FILE) == wanted and there[FILE].mode == "0440" and there[FILE].owner == "root:root"
    waits = () if _VISUDO in there else (_no_sudo(params),)
    findings = (*waits, *((_equals_root(),) if params.services.sudo_xl == "full" else ()))
    actions = () if right else (WriteFile(FILE, wanted, mode="0440", check=(_VISUDO, "-cf")),)
    return Plan(actions, findings)


def check(params: HostParams, facts: Facts) -> list[Finding]:
    """The file is as asked, and sudo reads it."""
    there = files.parse(facts, *_PATHS)
    wanted = content(params)
    found = []
    if wanted is None and FILE in there and is_ours(facts):
        found.append(_differs("is still there"))
    if wanted is not None and _VISUDO not in there:
        return [_no_sudo(params)]
    if wanted is not None and facts.text(FILE) != wanted:
        found.append(_differs("is not as the parameters say"))
    elif wanted is not None and there[FILE].mode != "0440":
        found.append(_differs(f"has mode {there[FILE].mode}; sudo wants 0440"))
    if wanted is not None and facts[_INCLUDED].out.strip() in ("", "0"):
        found.append(
            Finding(
                "fail",
                "/etc/sudoers does not include /etc/sudoers.d",
                "so the rule for xl has no effect",
                "add the line `@includedir /etc/sudoers.d` with `visudo`",
                "sudoers(5)",
            )
        )
    return found


def content(params: HostParams) -> str | None:
    """Return the sudoers(5) file, None when nobody but root may use xl.

    Each command stands with all its arguments: a `*` would match spaces, and so more options.
    """
    xl = releases.get(params.release).xl
    if params.services.sudo_xl == "none":
        return None
    if params.services.sudo_xl == "full":
        return f"{_FULL}\n%sudo ALL=(root) NOPASSWD: {xl}\n"
    commands = ", ".join(f"{xl} {words}" for words in READ_ONLY)
    return f"{_SHOWS}\n%sudo ALL=(root) NOPASSWD: {commands}\n"


def is_ours(facts: Facts) -> bool:
    """Return whether the runbook wrote the file: a rule that a person wrote there, also below ours, is that person's."""
    head, *rules = (facts.text(FILE) or "").splitlines() or [""]
    return head in (_SHOWS, _FULL) and all(rule.startswith("%sudo ALL=") for rule in rules)


def _by_hand() -> Finding:
    return Finding(
        "refuse",
        f"{FILE} was written by hand, and would be written over",
        "it does not begin as the runbook's does, and what it allows would be gone",
        f"move it to another name (`mv {FILE} {FILE}-by-hand`; sudo reads every file there whose name has no dot), then "
        "run again; or set `services.sudo_xl: none`, which leaves it",
        "sudoers(5)",
    )


def _comes(params: HostParams) -> bool:
    """Return whether notebook 03 installs sudo, for the accounts that may use it."""
    return any("sudo" in user.groups for user in params.configuration.users)


def _no_sudo(params: HostParams) -> Finding:
    why = "services.sudo_xl asks for a sudo rule"
    if _comes(params):
        do = "run the step install_packages first"
        return Finding("wait", "sudo is not installed", why, do, after="install_packages")
    return Finding(
        "refuse",
        "sudo is not installed",
        why,
        "run `apt-get install sudo` on the host, or set `sudo_xl: none`",
    )


def _equals_root() -> Finding:
    return Finding(
        "warn",
        "Every member of the group sudo becomes root without a password",
        "a guest's configuration may name any disk and any program as device model",
        "set `sudo_xl: read-only` unless you want exactly this",
        "H644",
    )


def _differs(what: str) -> Finding:
    return Finding("fail", f"{FILE} {what}", do="run the step allow_xl_by_sudo in mode apply")
