"""The host's network configuration: any number of files, replaced together with one automatic way back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from runbook.actions.files import Remove, WriteFile
from runbook.model.action import GONE, Action, Left
from runbook.model.ask import Ask, Facts

Manager = Literal["ifupdown", "networkd", "netplan", "network-manager"]
"""What can put a network configuration in force, by its files."""
FOLDER = "/var/lib/xen-runbook/network"
"""Where a host keeps the old files, and all that it takes to put them back, as long as the new ones are not confirmed."""
UNCONFIRMED = Ask.read(f"{FOLDER}/not-confirmed")
"""Whether the host has a network configuration in force that nothing confirmed: then that file is there."""


@dataclass(frozen=True)
class NetworkFile:
    """One file of a network configuration as it is to be; `content` None means that it is not to be there."""

    path: str
    content: str | None
    mode: str = ""
    """Four octal digits; '' keeps the mode of the file that is there, and is 0644 for a new one."""


@dataclass(frozen=True)
class Renumbered:
    """What changes its addresses on purpose: measured against what is asked for, not against what was there."""

    family: Literal["inet", "inet6"]
    links: tuple[str, ...]
    """The links whose addresses and routes of this family need not be there afterwards: a bridge, and what becomes its port."""
    wants: tuple[str, ...] = ()
    """What has to be there instead: an address with its prefix, `via GATEWAY` for a default route, or the name of a
    link that must have an address of this family, where DHCP or a router says which."""
    had: tuple[str, ...] = ()
    """What is there now, in the same words: what has to be there again after the way back."""


@dataclass(frozen=True)
class ReplaceNetwork(Action):
    """Replace files of the network configuration together and put them in force, with an automatic way back.

    The host measures before and afterwards (addresses, routes, names, the gateway), and takes the old files back by
    itself when something is missing, when a part fails, when no new connection arrives within `revert_s` seconds, or
    when it starts anew before that.
    """

    files: tuple[NetworkFile, ...]
    manager: Manager = "ifupdown"
    revert_s: int = 120
    links: tuple[str, ...] = ()
    """networkd: the links that are configured anew, those that are new among them."""
    made: tuple[str, ...] = ()
    """Virtual links (bridges, VLANs) that only the new files make: the way back deletes them."""
    unmade: tuple[str, ...] = ()
    """Virtual links that only the old files make: deleted when the new ones are put in force."""
    up: tuple[str, ...] = ()
    """NetworkManager: the profiles (by UUID) to bring up once the new files are loaded, in this order; the name of a
    card stands for the profile that NetworkManager makes for it by itself when it starts."""
    up_before: tuple[str, ...] = ()
    """NetworkManager: the profiles that are up now, and are brought up on the way back, in this order."""
    renumbered: tuple[Renumbered, ...] = ()
    """What is changed on purpose; of everything else nothing may be missing afterwards."""
    is_back: bool = False
    """True for a way back: what IPv6 routers announce, whenever they do, need not be there again at once."""

    @property
    def title(self) -> str:
        paths = ", ".join(file.path for file in self.files)
        old = "the old one" if len(self.files) == 1 else "the old ones"
        return f"replace {paths}, with {old} back after {self.revert_s} s unless confirmed"

    @property
    def leaves(self) -> tuple[Left, ...]:
        return tuple(
            Left(file.path, GONE) if file.content is None else Left.file(file.path, file.content)
            for file in self.files
        )

    def preview(self, facts: Facts) -> str:
        """Return a unified diff of each file against what is there."""
        return "".join(
            Remove(file.path).preview(facts)
            if file.content is None
            else WriteFile(file.path, file.content).preview(facts)
            for file in self.files
        )

    def inverse(self, facts: Facts) -> ReplaceNetwork:
        """Return the same with the files as they are, in the other direction."""
        return replace(
            self,
            files=tuple(_as_it_is(file, facts) for file in self.files),
            made=self.unmade,
            unmade=self.made,
            up=self.up_before,
            up_before=self.up,
            renumbered=tuple(replace(each, wants=each.had, had=each.wants) for each in self.renumbered),
            is_back=not self.is_back,
        )


def _as_it_is(file: NetworkFile, facts: Facts) -> NetworkFile:
    text, (mode, _) = facts.text(file.path), facts.mode(file.path) or ("", "")
    # A link to /dev/null, which masks a file, reads as an empty file that everybody may write. An empty one masks, too.
    return NetworkFile(file.path, text, "0644" if text == "" and mode == "0666" else mode)
