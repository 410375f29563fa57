"""Carrying out: the only place where an action becomes an effect."""

from __future__ import annotations

import fnmatch
import json
import shlex
from dataclasses import asdict
from functools import singledispatch
from pathlib import Path

from runbook.actions import (
    Action,
    Deliver,
    InstallPackages,
    Link,
    PurgePackages,
    Reboot,
    Remove,
    ReplaceNetwork,
    Run,
    RunIn,
    SetPassword,
    Switch,
    WriteFile,
    WritePartitionTable,
)
from runbook.engine.command import command
from runbook.engine.network_switch import replace_network
from runbook.errors import CommandFailed, HostError
from runbook.hosts.base import Host, OnLine
from runbook.params.secrets import password_hash
from runbook.redaction import mark

_APT = ("apt-get", "-qq", "-y", "-o", "Dpkg::Use-Pty=0")
_KEEP_OURS = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
# Those that dpkg knows. What would go with them and is none of them stops it, before anything is removed.
_PURGE = f"""known=$(dpkg-query -W -f '${{db:Status-Status}} ${{Package}}\\n' "$@" 2>/dev/null | sed -n '/^not-installed /!s/.* //p')
[ -n "$known" ] || exit 0
more=$(apt-get -s purge $known | awk '$1=="Purg"||$1=="Remv"{{print $2}}' | grep -vxF "$(printf '%s\\n' "$@")") || :
[ -z "$more" ] || {{ echo "this would take along:" $more; exit 1; }}
exec {shlex.join(_APT)} purge $known"""
# In a mount namespace of its own, so that nothing stays mounted. Without udev's database LVM waits ten
# seconds for each device; without efivarfs grub-install cannot name its entry to the firmware.
_ENTER = """t=$1; shift
mount --rbind /dev "$t/dev"; mount -t proc proc "$t/proc"; mount --rbind /sys "$t/sys"
v=sys/firmware/efi/efivars; [ ! -d "/$v" ] || mountpoint -q "/$v" || mount -t efivarfs efivarfs "$t/$v"
mount -t tmpfs -o mode=755 tmpfs "$t/run"; mkdir "$t/run/lock" "$t/run/udev"
[ ! -d /run/udev ] || mount --bind /run/udev "$t/run/udev"
exec chroot "$t" "$@\""""


@singledispatch
def carry_out(action: Action, host: Host, on_line: OnLine) -> str:
    """Do one action on the host and return what it printed.

    Raises `CommandFailed`, `TimedOut` or `HostError`; what was done before stays done, and a
    second run goes on from there.
    """
    raise TypeError(f"{type(action).__name__} is not an action")


@carry_out.register
def _(action: WriteFile, host: Host, on_line: OnLine) -> str:
    host.write(action.path, action.content.encode(), mode=action.mode, owner=action.owner, check=action.check)
    return ""


@carry_out.register
def _(action: Remove, host: Host, on_line: OnLine) -> str:
    return command(host, ("rm", "-f", "--", action.path), 60, on_line)


@carry_out.register
def _(action: Link, host: Host, on_line: OnLine) -> str:
    return command(host, ("ln", "-sfn", "--", action.target, action.path), 60, on_line)


@carry_out.register
def _(action: Run, host: Host, on_line: OnLine) -> str:
    return command(host, action.argv, action.timeout_s, on_line)


@carry_out.register
def _(action: InstallPackages, host: Host, on_line: OnLine) -> str:
    argv = (*_APT, *_KEEP_OURS, "install", "--no-install-recommends", *action.names)
    return command(host, argv, action.timeout_s, on_line)


@carry_out.register
def _(action: PurgePackages, host: Host, on_line: OnLine) -> str:
    return command(
        host, ("sh", "-euc", _PURGE, "sh", *action.names), action.timeout_s, on_line, said_as=action.title
    )


@carry_out.register
def _(action: Reboot, host: Host, on_line: OnLine) -> str:
    host.reboot(action.wait_s, on_line)
    host.lock()
    return ""


@carry_out.register
def _(action: ReplaceNetwork, host: Host, on_line: OnLine) -> str:
    return replace_network(action, host, on_line)


@carry_out.register
def _(action: Switch, host: Host, on_line: OnLine) -> str:
    """Arm the way back first, switch, and disarm only over a connection that is new."""
    old, new = action.kept, f"{action.path}.xen-runbook-new"
    revert, switched = f"xen-runbook-{action.what}-revert", f"/run/xen-runbook-{action.what}-switched"
    host.write(new, action.content.encode(), mode="0644", owner="root:root", check=action.check)
    # A run that was cut off in the middle left the true old file and perhaps the timer behind.
    copy = f": >{old}" if action.is_new else f"cp -a -- {action.path} {old}.part && mv {old}.part {old}"
    keep = f"systemctl --quiet stop {revert}.timer 2>/dev/null; [ -e {old} ] || {{ {copy}; }} || exit 1"
    # What fails on the way is not confirmed by an old program that still answers.
    switch = _shell(action.leave, f"{_copied(new, action.path)} && {{ {action.enter}; }} && touch {switched}")
    arm = _later(revert, action.revert_s, _way_back(action, switched))
    go = _later(f"xen-runbook-{action.what}-switch", action.pause_s, switch)
    command(host, ("sh", "-c", f"{keep}; rm -f {switched}; {arm} && {go}"), 60, on_line)
    try:
        host.reconnect(("test", "-e", switched), action.revert_s - 15, on_line)
    except HostError:
        is_back = ("test", "!", "-e", action.path) if action.is_new else ("cmp", "-s", old, action.path)
        host.reconnect(is_back, action.revert_s + 60, on_line)
        command(host, ("rm", "-f", "--", old, new), 60, on_line)
        raise CommandFailed(
            f"The new {action.what} configuration cut the connection",
            where=host.describe,
            why=f"no new connection within {action.revert_s - 15} s, or it could not be put in force (`journalctl -u "
            f"xen-runbook-{action.what}-switch` on the host says); the old configuration is back in force",
            do=action.doubt or "correct the parameters, then run again",
        ) from None
    command(host, ("sh", "-c", f"systemctl stop {revert}.timer && rm -f -- {old} {new}"), 60, on_line)
    return ""


@carry_out.register
def _(action: WritePartitionTable, host: Host, on_line: OnLine) -> str:
    """Old signatures go with the old table: what stood there must not show through later."""
    wipe = ("--wipe", "always", "--wipe-partitions", "always")
    said = command(host, ("sfdisk", *wipe, action.disk), 120, on_line, action.table.encode())
    return said + command(host, ("udevadm", "settle"), 120, on_line)


@carry_out.register
def _(action: RunIn, host: Host, on_line: OnLine) -> str:
    enter = ("unshare", "--mount", "sh", "-euc", _ENTER, "sh", action.root)
    said_as = shlex.join(("chroot", action.root, *action.argv))
    return command(host, (*enter, *action.argv), action.timeout_s, on_line, said_as=said_as)


@carry_out.register
def _(action: SetPassword, host: Host, on_line: OnLine) -> str:
    """A replay has no use for the hash, and its recording holds the mark in its place."""
    secret = password_hash(action.reference) if host.is_real else mark(action.reference)
    line = f"root:{secret}\n".encode()
    return command(host, ("chroot", action.root, "chpasswd", "--encrypted"), 60, on_line, line)


@carry_out.register
def _(action: Deliver, host: Host, on_line: OnLine) -> str:
    """The manifest is written last: a copy that was cut off is no delivery, and is made again."""

    def supply() -> list[Path]:
        from runbook.builds import build

        built = build(action.recipe, on_line, jobs=action.jobs)
        files = [built.folder / file.name for file in (*built.debs, *built.others)]
        return [f for f in files if any(fnmatch.fnmatch(f.name, pattern) for pattern in action.wanted)]

    command(host, ("rm", "-rf", "--", action.folder), 60, on_line)
    sent = host.put(action.folder, action.recipe.key, supply)
    manifest = {"recipe": action.recipe.key, "files": [asdict(file) for file in sent]}
    text = json.dumps(manifest, indent=1) + "\n"
    host.write(action.manifest, text.encode(), mode="0644", owner="root:root")
    return "".join(f"{file.sha256}  {file.name}\n" for file in sent)


def _way_back(action: Switch, switched: str) -> str:
    """Return the script that brings the old file back; from its first line on the new one cannot be confirmed."""
    restore = f"rm -f -- {shlex.quote(action.path)}" if action.is_new else _copied(action.kept, action.path)
    return _shell(f"rm -f {switched}", action.leave, restore, action.back or action.enter)


def _copied(file: str, path: str) -> str:
    """A file that is there keeps its mode and owner."""
    return f"cp -- {shlex.quote(file)} {shlex.quote(path)}"


def _shell(*steps: str) -> str:
    return "; ".join(step for step in steps if step)


def _later(unit: str, seconds: int, script: str) -> str:
    """Return shell that has the host itself run a script, in some seconds or at once, whatever becomes of this connection."""
    timer = (f"--on-active={seconds}", "--timer-property=AccuracySec=100ms") if seconds else ()
    return shlex.join(("systemd-run", "--quiet", "--collect", f"--unit={unit}", *timer, "sh", "-c", script))
