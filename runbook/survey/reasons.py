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
    "keyboard": (STAY, "plug the keyboard into another controller first", ""),
    "nf200": (STAY, "plug the card into a slot that does not go through that switch", "H104"),
    "held": (STAY, "try another slot", ""),
    "group": (CARE, "pass all of them to the same guest", ""),
    "siblings": (CARE, "pass all of them to the same guest", ""),
    "volumes": (CARE, "be sure that dom0 needs nothing of it", ""),
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


FIRM = frozenset({"screen", "only-screen", "volumes", "board", "integrated"})
"""Cares that only a person who knows the machine can take on; a device with others is offered, with the care named."""

PLATFORM = frozenset({"board"})
"""Those of FIRM that say what is a part of the machine itself: nobody wants it, so file, picture and form fold it."""


def verdict(reasons: tuple[Reason, ...]) -> str:
    """Return the worst verdict of some reasons; a device with none may be passed."""
    found = {reason.verdict for reason in reasons}
    return next((word for word in (STAY, CARE) if word in found), MAY)


def worst(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return the reasons to stay when there are any, all of them otherwise."""
    return tuple(reason for reason in reasons if reason.verdict == STAY) or reasons
