"""A host as the description of a virtual PC like it, with all that is not like it: from answers and parameters, and nothing else."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from runbook.errors import ParamsError
from runbook.facts import firmware, likeness, network, system
from runbook.facts.likeness import File, Likeness
from runbook.model.ask import Facts
from runbook.model.unreadable import reading
from runbook.params import HostParams
from runbook.rehearsal import accounts, cards, disks, fence, files, packages, placed
from runbook.rehearsal.accounts import ACCOUNT
from runbook.rehearsal.cards import Cards
from runbook.rehearsal.disks import KEYS, Disks
from runbook.rehearsal.files import Files
from runbook.testbed.machines.model import Description, Layout, Pc, User, Way
from runbook.testbed.placing import place
from runbook.text.plural import plural

MOST_TIB = 64
"""What all disks may have together: QEMU's files grow with what is written, and their tables with their size."""
MOST_DISKS = 20
ALWAYS = (
    "the firmware is QEMU's",
    "no card has its own ROM, resets as it does, or shows its faults",
    "all is slower",
)
"""What no virtual PC of this kind has, whatever the host."""
_DO = "look at what it answered: runbook survey; take the capture anew if it was changed: runbook survey PARAMS --save FOLDER"


@dataclass(frozen=True)
class Twin:
    """A description with what it is carried into it, and what is not like the host."""

    description: Description
    files: Files
    ids: dict[str, tuple[str, str]]
    """For each card to be passed its own `vendor:device`, and its stand-in's."""
    unlike: tuple[str, ...]
    """What is not like the host, each as a clause; computed from what was left out or replaced."""
    is_whole: bool = True
    """False for a capture that was made before rehearsals, of which files and packages are told in part."""
    packages: tuple[str, ...] = field(default=())
    """All that the host has installed, by name."""


@reading()
def describe(facts: Facts, params: HostParams, sources: Iterable[File] = ()) -> Twin:
    """Return the virtual PC like the host of the facts, for the parameters with which it is rehearsed.

    Raises `ParamsError` for answers from which none can be made: no root file system, a hostile path, disks without end.
    """
    is_whole = likeness.is_held(facts)
    seen = likeness.parse(facts) if is_whole else files.told(facts)
    made, wired, carried, (pc, more) = _read(facts, params, seen, tuple(sources))
    carried.carried += [fence.way_of_apt(card.door) for card in wired.cards if card.door]
    unlike = [*_first(facts, params, is_whole), *made.unlike, *wired.unlike, *carried.unlike]
    links = _names(facts, pc)
    carried.carried += links
    unlike += more + [f"{_named(link)} is called so by a file of the rehearsal's" for link in links]
    if pc.firmware == "uefi" and not made.esp:
        raise _none(
            facts,
            "it starts by UEFI, and no EFI system partition is mounted",
            "mount it at /boot/efi, and look again",
        )
    if is_whole:
        carried.gone += files.of_the_installer(carried)
    gone = packages.without(seen, is_whole, pc, params.release)
    people, way, told = accounts.read(seen, params, facts, carried, wired.at)
    description = Description(
        name=params.host if ACCOUNT.fullmatch(params.host) else "host",
        summary=f"like {facts.of or params.host}",
        release="bookworm" if system.parse(facts).codename == "bookworm" else "trixie",
        packages=tuple(sorted({*packages.wanted(seen, pc), *made.packages})),
        without=gone,
        users=people,
        way=way,
        pc=pc,
        layout=_layout(made, pc, carried, gone, [*accounts.grouped(seen.people), *_let_in(people, way)]),
        consent=(),
    )
    return Twin(
        description,
        carried,
        wired.ids,
        (*unlike, *told),
        is_whole,
        tuple(n for n, _, _ in seen.packages),
    )


def _read(
    facts: Facts, params: HostParams, seen: Likeness, sources: tuple[File, ...]
) -> tuple[Disks, Cards, Files, tuple[Pc, list[str]]]:
    """Return disks, cards and files, and the PC. Raises `ParamsError` for answers of which they cannot be made."""
    try:
        made, wired = disks.read(facts), cards.read(facts, params)
        if len(made.sizes) > MOST_DISKS:
            raise ValueError(f"it has {len(made.sizes)} disks; at most {MOST_DISKS} are made")
        if (tib := sum(made.sizes) >> 40) >= MOST_TIB:
            raise ValueError(f"its disks have {tib} TiB together; less than {MOST_TIB} are made")
        pc = placed.read(facts, params, made, wired, sources)
        return made, wired, files.read(seen, sources, made), pc
    except json.JSONDecodeError:
        raise  # which answer it is says whoever reads it (`runbook.model.unreadable`)
    except ValueError as error:
        raise _none(facts, f"{error}"[:600], _DO) from None


def _none(facts: Facts, why: str, do: str) -> ParamsError:
    return ParamsError("No virtual PC can be made like this host", where=facts.of, why=why, do=do)


def _first(facts: Facts, params: HostParams, is_whole: bool) -> list[str]:
    board = firmware.parse(facts)
    found = [f"the firmware is QEMU's, and not {board.version or 'the one'} of {board.board or 'its board'}"]
    if params.passthrough.devices:
        count = plural(len(params.passthrough.devices), "card")
        found.append(
            f"{count} to be passed: stand-ins have no ROM of the card's, reset otherwise, and have none of its faults"
        )
    if not is_whole:
        found.append(
            "files of /etc and packages are those that the steps ask for, and not all: the capture was made before rehearsals"
        )
    codename = system.parse(facts).codename
    if codename not in ("trixie", "bookworm"):
        found.append(f"the release is trixie, and not {codename or 'one that is known'}")
    if codename and codename != params.release:
        found.append(f"the parameters are for {params.release}, and the host runs {codename}")
    return found


def _names(facts: Facts, pc: Pc) -> list[File]:
    """Return a systemd.link(5) for each network card whose name its place does not give it; the host's own go before it."""
    had, found = place([card.address for card in pc.cards]), []
    for interface in network.parse(facts).interfaces:
        card = next((c for c in pc.cards if c.address == interface.controller and c.mac), None)
        if card and (card.address in had.not_had or interface.name != path_name(card.address)):
            text = f"[Match]\nPermanentMACAddress={card.mac}\n\n[Link]\nName={interface.name}\n"
            found.append(
                File(f"/etc/systemd/network/95-rehearsal-{interface.name}.link", "0644", "root:root", text)
            )
    return found


def path_name(address: str) -> str:
    """Return what systemd calls the network card of an address by its place alone (systemd.net-naming-scheme(7)).

    >>> path_name("0000:03:00.0"), path_name("0000:00:1f.6")
    ('enp3s0', 'enp0s31f6')
    """
    _, bus, rest = address.split(":")
    slot, _, function = rest.partition(".")
    return f"enp{int(bus, 16)}s{int(slot, 16)}" + (f"f{function}" if function != "0" else "")


def _named(link: File) -> str:
    return PurePosixPath(link.path).stem.removeprefix("95-rehearsal-")


def _layout(made: Disks, pc: Pc, carried: Files, without: Iterable[str], people: list[str]) -> Layout:
    """Return the disks, and what is done in the system that has moved there."""
    # The key that lets root in while the disks are made.
    inside = [
        *([f"install -d -m 0700 {KEYS}"] if made.crypts else []),
        *(_key_moved(name) for name in made.crypts),
        *packages.purged(name for name in without if name in packages.LATE),
        *(f"rm -f {shlex.quote(path)}" for path in (files.PLAIN_WORDS, *carried.gone)),
        "tar -C / --no-overwrite-dir -xpf /root/carried.tar; rm /root/carried.tar",
        *people,
    ]
    if made.crypts:
        inside += [
            f"echo 'KEYFILE_PATTERN={KEYS}/*.key' >>/etc/cryptsetup-initramfs/conf-hook",
            "echo UMASK=0077 >/etc/initramfs-tools/conf.d/umask",
        ]
    if "mdadm" in made.packages:
        inside.append("mdadm --detail --scan >>/etc/mdadm/mdadm.conf")
    root = made.roots[0] if made.roots else "${disk}1"
    first = ["update-grub", "grub-editenv /boot/grub/grubenv create", "sync"]
    if pc.firmware == "uefi":
        install = f"grub-install --target=x86_64-efi --efi-directory={made.esp or '/boot/efi'}"
        inside.append(f"{install} --removable --no-nvram")
        first.insert(0, f"{install} --bootloader-id=debian --force-extra-removable")
    else:
        inside += [f"grub-install --target=i386-pc {root}"]
    inside += ["update-initramfs -u -k all", "update-grub"]
    return Layout(firmware=pc.firmware, disks_bytes=tuple(made.sizes), make=tuple(made.make), inside=tuple(inside),
                  at_first=tuple(first))  # fmt: skip


def _key_moved(name: str) -> str:
    made, kept = shlex.quote(f"/root/{name}.key"), shlex.quote(f"{KEYS}/{name}.key")
    return f"mv {made} {kept}; chmod 0400 {kept}"


def _let_in(people: Iterable[User], way: Way) -> list[str]:
    """Return the command by which the testbed's key opens an account other than root's."""
    place, own = f"/home/{way.user}/.ssh", f"-o {way.user} -g {way.user}"
    made = f"install -d -m 0700 {own} {place}; install -m 0600 {own} /root/.ssh/authorized_keys {place}/authorized_keys"
    return [made for person in people if person.name == way.user]


__all__ = ["Twin", "describe", "path_name"]
