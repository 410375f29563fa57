"""What the steps of this chapter share about guests that get a system: which, from which image, and what answers."""

from __future__ import annotations

import shlex

from runbook.actions import Run
from runbook.facts import storage, systems
from runbook.guests import system as inside
from runbook.model.ask import Ask, Facts
from runbook.model.plan import Finding
from runbook.params import HostParams
from runbook.params.guest_roles import Router, inside_of
from runbook.params.guest_system import System
from runbook.params.guests import Guest

WAIT_S = 900
"""How long a new system may take to answer by ssh; a real machine needs 20 s, software emulation minutes."""

#: Prints the ssh host key that answers on one of a guest's network cards, nothing when none does. The address is the
#: guest's fixed one; else the one that its card has on the bridge by itself (RFC 4291, appendix A), which needs no
#: DHCP and no address of dom0's in that network; else what dom0 has seen of the card. Since OpenSSH 10 the banner of who
#: answers is printed beside the key, as a line that begins with `#`.
_KEY = """\
key() {
    a=$2
    if [ -z "$a" ]; then
        d=$(xl domid "$1" 2>/dev/null) || return 0
        m=$(xenstore-read "/local/domain/$d/device/vif/$3/mac" 2>/dev/null) || return 0
        b=$(readlink "/sys/class/net/vif$d.$3/master") || return 0
        b=${b##*/}
        set -- $(echo "$m" | tr : ' ')
        a="fe80::$(printf '%02x' $((0x$1 ^ 2)))$2:$3ff:fe$4:$5$6%$b $(ip -4 neigh show dev "$b" | grep -iF " $m " | cut -d ' ' -f 1)"
    fi
    for x in $a; do
        k=$(ssh-keyscan -T 2 -t ed25519 "$x" 2>/dev/null | sed -n 's/^[^#][^ ]* //p')
        [ -z "$k" ] || { echo "$k"; return 0; }
    done
}
"""


def wanted(params: HostParams) -> list[tuple[Guest, System]]:
    """Return the guests that get a system, each with it."""
    return [(guest, guest.system) for guest in params.guests if guest.system]


def volume_path(params: HostParams, guest: Guest) -> str:
    """Return where the disk that a system is put on stands in /dev."""
    return f"/dev/{params.storage.guest_volume_group}/{guest.own_volumes[0].name}"


def identity(params: HostParams, facts: Facts, guest: Guest) -> str:
    """Return the LVM uuid of the volume that a guest starts from, '' when there is none."""
    there = storage.parse(facts)
    volume = there.volume(params.storage.guest_volume_group, guest.own_volumes[0].name)
    return volume.uuid if volume else ""


def is_installed(params: HostParams, facts: Facts, guest: Guest, head: systems.Head | None) -> bool:
    """Return whether a system of the runbook's is on a guest's disk: by the host's note, else by the disk's own identifier.

    The note is lost where the host was installed anew, and its guests' volumes stayed.
    """
    known, volume = systems.parse(facts), identity(params, facts, guest)
    if volume in known.installed or volume in known.half:
        return volume in known.installed
    return head is not None and head.disk_id == inside.disk_id(params, guest)


def answering(params: HostParams) -> list[Guest]:
    """Return the guests that are started and whose system can answer: those with a network."""
    return [g for g, one in wanted(params) if g.start and g.nics and (one.ipv4 != "none" or _is_router(one))]


def asks(params: HostParams) -> tuple[Ask, ...]:
    """Return the questions which host keys answer, and which the systems were given; none where no guest is asked."""
    guests = answering(params)
    return (*storage.COMMANDS, systems.NOTES, *map(host_key, guests)) if guests else ()


def host_key(guest: Guest) -> Ask:
    """Return the question which ssh host key answers in a guest. It takes at most some seconds."""
    return Ask.shell(f"{_KEY}key {_of(guest)}; true")


def wait(guest: Guest) -> Run:
    """Return the waiting for a guest's system to answer."""
    until = f'i=0; until [ -n "$(key {_of(guest)})" ]; do {_alive(guest)}; i=$((i + 1)); '
    loop = f'{until}[ $i -le {WAIT_S // 5} ] || {{ echo "no answer" >&2; exit 1; }}; sleep 3; done'
    what = f"until the system of {guest.name} answers by ssh"
    return Run(("sh", "-c", _KEY + loop), what, timeout_s=3 * WAIT_S)


def _alive(guest: Guest) -> str:
    """Return what ends the waiting for a guest that has crashed or is gone: nobody will answer there."""
    name = shlex.quote(guest.name)
    gone = '{ echo "the guest is gone: it ended, or crashed and was removed" >&2; exit 1; }'
    crashed = "*c*) echo 'the guest has crashed; its last words are on `xl console`' >&2; exit 1 ;;"
    # xl list's state is the second column from behind; a guest's name may hold blanks.
    return f"""s=$(xl list {name} 2>/dev/null | awk 'NR == 2 {{ print $(NF - 1) }}'); [ -n "$s" ] || {gone}; case $s in {crashed} esac"""


def judge(params: HostParams, facts: Facts, guest: Guest) -> list[Finding]:
    """Return what is wrong with the answer of a system that runs: none, or another host key than the one it was given."""
    given = systems.parse(facts).keys.get(identity(params, facts, guest), "")
    said = facts[host_key(guest)].out.strip()
    if not said:
        return [
            Finding(
                "fail",
                f"The system of the guest '{guest.name}' does not answer by ssh",
                "it is still starting, it has no address, or something between it and dom0 holds it back",
                f"run this step in mode apply, which waits; `runbook guest console PARAMS {guest.name}` shows what it says",
            )
        ]
    if given and said != given:
        return [
            Finding(
                "fail",
                f"Another machine answers in place of the guest '{guest.name}', or its host key was changed",
                f"the key that answers is {said}; the one that its system was given is {given}",
                "see which machine has that address (`ip neigh`); if the key was changed on purpose, write the new "
                f"one into {inside.STATE}/{guest.name}/host_key.pub",
                "sshd(8)",
            )
        ]
    return []


def _of(guest: Guest) -> str:
    """Return guest, address and card that are asked: of a router the inner one, for from outside nobody may come in."""
    system = guest.system
    if system and isinstance(system.role, Router):
        return shlex.join((guest.name, "", str(inside_of(guest, system.role))))
    fixed = system.ipv4.partition("/")[0] if system and "/" in system.ipv4 else ""
    return shlex.join((guest.name, fixed, "0"))


def _is_router(system: System) -> bool:
    return isinstance(system.role, Router)
