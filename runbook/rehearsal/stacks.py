"""RAID arrays, LUKS containers and volume groups as the commands that make them anew."""

from __future__ import annotations

import shlex

from runbook.facts.storage import Device, Group, Volume

_VOLUME = "lvcreate --quiet --yes --wipesignatures n"


def raid(device: Device, uuid: str, parts: list[str]) -> str:
    """Return the command that makes an array of parts (words of a shell), taken for equal: nothing is on them yet."""
    known = f" --uuid={shlex.quote(uuid)}" if uuid else ""
    level = shlex.quote(device.kind.removeprefix("raid"))
    return (
        f"mdadm --create {shlex.quote(device.path)} --run --quiet --level={level} --raid-devices={len(parts)}"
        f"{known} --assume-clean {' '.join(parts)}; udevadm settle"
    )


def crypt(device: Device, uuid: str, part: str) -> str:
    """Return the commands that make a container and open it: with a key, for nobody is there to type a passphrase.

    A key that is derived slowly would cost an emulator minutes.
    """
    name, key = shlex.quote(device.name), shlex.quote(f"/root/{device.name}.key")
    known = f" --uuid {shlex.quote(uuid)}" if uuid else ""
    return (
        f"(umask 077; dd if=/dev/urandom of={key} bs=64 count=1 status=none); cryptsetup luksFormat --batch-mode "
        f"--pbkdf pbkdf2 --pbkdf-force-iterations 1000{known} {part} {key}; "
        f"cryptsetup open --key-file {key} {part} {name}"
    )


def group(made: Group, parts: list[str]) -> str:
    """Return the commands that make a volume group on parts."""
    at, name = " ".join(parts), shlex.quote(made.name)
    return f"pvcreate --quiet --yes --force {at}; vgcreate --quiet --physicalextentsize {made.extent}b {name} {at}"


def volume(made: Volume) -> tuple[str, str]:
    """Return the command that makes a volume, '' for a snapshot, and what is not like the host's.

    >>> volume(Volume("guests", "web", 1 << 30))
    ('lvcreate --quiet --yes --wipesignatures n --size 1073741824b --name web guests', '')
    """
    name, in_group = shlex.quote(made.name), shlex.quote(made.group)
    if made.origin and not made.pool:
        return "", f"the snapshot {made.full_name} is not there"
    if "pool" in made.layout:
        return f"{_VOLUME} --type thin-pool --size {made.size}b --name {name} {in_group}", ""
    if made.pool:
        pool = shlex.quote(made.pool)
        return f"{_VOLUME} --virtualsize {made.size}b --thinpool {pool} --name {name} {in_group}", ""
    is_plain = not made.layout or {"linear", "striped"} & {*made.layout}
    remark = "" if is_plain else f"{made.full_name} is linear, and not {','.join(made.layout)}"
    return f"{_VOLUME} --size {made.size}b --name {name} {in_group}", remark
