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
    "vmd": (
        STAY,
        "turn VMD off in the firmware, where its menu for storage or for the root ports has it: each drive then has a "
        "controller that can be passed (a Windows beside Debian may need its driver changed first)",
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
    "iommu-off": (
        STAY,
        "use another machine; or, for guests that you trust, add iommu=no-intremap to xen.options",
        "Xen, vtd/quirks.c",
    ),
    "nf200-card": (STAY, "use another card: no slot helps, for the switch is a part of this one", "H104"),
    "held": (STAY, "try another slot, or another card when both are on this one", ""),
    "virtual-held": (STAY, "take off its virtual function first what the host has there", ""),
    "groupless": (
        CARE,
        "switch the IOMMU on in the firmware, start Debian once with it (Intel: `intel_iommu=on` on the kernel's "
        "command line, AMD: no word is needed), and look again",
        "",
    ),
    "groupless-forced": (
        CARE,
        "take pcie_acs_override off the kernel's command line, start Debian once without it, and look again",
        "",
    ),
    "groupless-xen": (
        CARE,
        "start the host once without Xen, by the plain Debian entry of its boot menu, and run notebook 00 in mode "
        "apply: it keeps the groups that it sees for the time under Xen",
        "",
    ),
    "group": (CARE, "pass all of them to the same guest", ""),
    "siblings": (CARE, "pass all of them to the same guest", ""),
    "parted": (CARE, "leave it to dom0 too, or move what dom0 has there to another card first", ""),
    "virtual": (
        CARE,
        "see that it is made at every start, before guests are: a rule of udev(7) or a unit that writes the number of "
        "functions to sriov_numvfs of its physical function, which stays with dom0",
        "",
    ),
    "virtual-parent": (
        CARE,
        "pass its virtual functions instead, where they are in groups of their own, or unmake them first (`echo 0` into its "
        "sriov_numvfs)",
        "",
    ),
    "volumes": (CARE, "be sure that dom0 needs nothing of it", ""),
    "unseen": (CARE, "be sure that it runs on another card: a tunnel does not say by which it goes", ""),
    "iommu-doubt": (
        CARE,
        "look at its revision with `lspci -nn`, and under Xen at `xl dmesg`",
        "Xen, vtd/quirks.c",
    ),
    "phantom": (
        CARE,
        "add the word pci-phantom=… that the reason names to xen.options in the parameters",
        "xen-command-line, pci-phantom",
    ),
    "phantom-real": (CARE, "pass both to the same guest", "Linux, quirk_dma_func1_alias"),
    "msix-page": (CARE, "use Xen 4.19 or newer, which is in Debian 13 (trixie)", "Xen b2cd07a0447b"),
    "board": (CARE, "pass it only when it has to go along with another device", ""),
    "region-held": (
        CARE,
        "leave it to dom0: with `rdm_policy: relaxed` Xen passes it, and its guest can write where dom0's own device "
        "works",
        "H106",
    ),
    "shared-rmrr": (CARE, "set `rdm_policy: relaxed` for it; Xen refuses it otherwise", "H106"),
    "shared-region": (CARE, "pass all that share it to the same guest", ""),
    "open-region": (CARE, "set `rdm_policy: relaxed` for it if its guest does not start", ""),
    "rmrr": (CARE, "set `rdm_policy: relaxed` for it if its guest does not start", "H106"),
    "screen": (
        CARE,
        "make the machine's other graphics the primary display in the firmware, where its menu has that; this screen goes dark",
        "",
    ),
    "only-screen": (CARE, "be sure to reach dom0 over the network: its screen goes dark", ""),
    "nvidia": (CARE, "use a Windows driver from 465 on (2021) in the guest", ""),
    "amd-reset": (CARE, "expect to restart the host whenever its guest is restarted", ""),
    "reset-reported": (
        CARE,
        "start its guest twice before you rely on it; restart the host if that fails",
        "",
    ),
    "integrated": (CARE, "pass a card in a slot instead", ""),
    "laptop": (
        CARE,
        "expect no picture: give its guest the ROM from ACPI, and use it for computing or over the network",
        "",
    ),
    "console": (CARE, "be sure that you need no remote console: it goes dark", ""),
    "rebar": (CARE, "switch Resizable BAR and Above 4G Decoding on in the firmware", ""),
    "reset-shared": (
        CARE,
        "if its guest does not start a second time, restart the host",
        "Linux, pci_parent_bus_reset",
    ),
    "plugged": (CARE, "plug what dom0 or you need into another controller first", ""),
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


FIRM = frozenset({
    "screen", "only-screen", "volumes", "board", "integrated", "laptop", "console", "iommu-doubt",
    "groupless", "groupless-xen", "groupless-forced", "parted", "virtual-parent", "region-held",
    "unseen",
})  # fmt: skip
"""Cares that only a person who knows the machine can take on; a device with others is offered, with the care named."""

PLATFORM = frozenset({"board"})
"""Those of FIRM that say what is a part of the machine itself: nobody wants it, so file, picture and form fold it."""

RESERVED = frozenset({"rmrr", "shared-rmrr", "shared-region", "region-held", "open-region"})
"""The kinds about memory that the firmware keeps: Xen maps it for the guest, and `rdm_policy` says how strictly (H106)."""


USES = frozenset({"disk", "network", "port", "keyboard", "unplaced", "no-card", "unseen"})
"""What dom0 does with a device, or may do."""


def verdict(reasons: tuple[Reason, ...]) -> str:
    """Return the worst verdict of some reasons; a device with none may be passed."""
    found = {reason.verdict for reason in reasons}
    return next((word for word in (STAY, CARE) if word in found), MAY)


def worst(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return the reasons to stay when there are any, all of them otherwise."""
    return tuple(reason for reason in reasons if reason.verdict == STAY) or reasons
