"""The kinds of reasons: the verdict that each leads to, the next move, and which cares are never an offer."""

from __future__ import annotations

from dataclasses import dataclass

STAY, CARE, MAY = "must stay", "needs care", "may be passed"

RULES: dict[str, tuple[str, str, str]] = {
    "bridge": (STAY, "name the devices behind it instead", ""),
    "iommu": (STAY, "leave it out", ""),
    "disk": (STAY, "choose another controller, or move what is on its disks first", ""),
    "network": (
        STAY,
        "choose another card, or take off it what the host configures there: address, route, VLAN, bond or bridge",
        "",
    ),
    "port": (STAY, "take it out of passthrough.devices, or give the bridge another port", ""),
    "carries": (STAY, "choose another device, or plug what dom0 uses in elsewhere first", ""),
    "domain": (
        STAY,
        "turn VMD off in the firmware, where its menu for storage or for the root ports has it: the device then has an "
        "address that Xen knows (a Windows beside Debian may need its driver changed first)",
        "",
    ),
    "unplaced": (
        STAY,
        "see with `findmnt` and `lsblk -f` on which disks it is: as soon as lsblk shows them (as members of the pool, say) "
        "only their controllers stay",
        "",
    ),
    "no-card": (
        STAY,
        "see with `ip -d link` on which card it runs: once one has an address or a route, that one stays and a person can "
        "decide about the others",
        "",
    ),
    "keyboard": (STAY, "plug the keyboard into another controller first", ""),
    "nf200": (STAY, "plug the card into a slot that does not go through that switch", "H104"),
    "held": (STAY, "try another slot", ""),
    "group": (CARE, "pass all of them to the same guest", ""),
    "siblings": (CARE, "pass all of them to the same guest", ""),
    "volumes": (CARE, "be sure that dom0 needs nothing of it", ""),
    "vmd": (
        CARE,
        "turn VMD off in the firmware, where its menu for storage or for the root ports has it: each drive then has a "
        "controller that can be passed (a Windows beside Debian may need its driver changed first)",
        "",
    ),
    "unseen": (CARE, "be sure that it runs on another card: a tunnel does not say by which it goes", ""),
    "board": (CARE, "pass it only when it has to go along with another device", ""),
    "shared-rmrr": (CARE, "set `rdm_policy: relaxed` for it; Xen refuses it otherwise", "H106"),
    "rmrr": (CARE, "set `rdm_policy: relaxed` for it if its guest does not start", "H106"),
    "screen": (CARE, "make the onboard graphics the primary display in the firmware", ""),
    "only-screen": (CARE, "be sure to reach dom0 over the network: its screen goes dark", ""),
    "nvidia": (CARE, "use a Windows driver from 465 on (2021) in the guest", ""),
    "amd-reset": (CARE, "expect to restart the host whenever its guest is restarted", ""),
    "integrated": (CARE, "pass a card in a slot instead", ""),
    "reset": (CARE, "if its guest does not start a second time, restart the host", ""),
}
"""For each kind of reason: the verdict it leads to, the next move, and where the rule comes from."""


@dataclass(frozen=True)
class Reason:
    """One reason for a verdict: its kind, which RULES explains, and what was seen."""

    kind: str
    text: str

    @property
    def verdict(self) -> str:
        return RULES[self.kind][0]

    @property
    def do(self) -> str:
        return RULES[self.kind][1]

    @property
    def source(self) -> str:
        return RULES[self.kind][2]


FIRM = frozenset({"screen", "only-screen", "volumes", "board", "integrated", "vmd", "unseen"})
"""Cares that only a person who knows the machine can take on; a device with others is offered, with the care named."""


USES = frozenset({"disk", "network", "port", "keyboard"})
"""What dom0 does with a device."""


def verdict(reasons: tuple[Reason, ...]) -> str:
    """Return the worst verdict of some reasons; a device with none may be passed."""
    found = {reason.verdict for reason in reasons}
    return next((word for word in (STAY, CARE) if word in found), MAY)


def worst(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return the reasons to stay when there are any, all of them otherwise."""
    return tuple(reason for reason in reasons if reason.verdict == STAY) or reasons
