"""What a host that is lived in has already, as sections of its parameter file: nothing of it is to change."""

from __future__ import annotations

import re
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from runbook.proposal import adopting, guests, told
from runbook.proposal.commented import above, beside, clean, flow, flow_map, folded, quoted
from runbook.proposal.entries import device_entry, is_writable
from runbook.proposal.filters import Filters
from runbook.proposal.machine import Proposal

_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_ADOPTED = """\
# The guests that are on this host. Each file in /etc/xen asks for the same guest as its entry here, and stays as it is."""
_WORDS = (
    "Xen runs here with these words. The runbook writes its own files where they are not there yet (for GRUB, for hiding "
    "devices, a unit that ends the guests before the host goes down, and xendomains' settings, so that none is saved), with "
    "the same words{}, and starts Xen once with them; plain Debian is the default meanwhile. What is not installed yet of "
    "Xen's packages, and of the tools for guests' disks, comes first, with new package lists where those are old."
)
_KEPT = (
    "What proved itself gets second names in /boot/proved, and an entry of its own in the boot menu, for the day when an "
    "update replaces it."
)


def add_configuration(top: CommentedMap, seen: Proposal) -> None:
    """Add what notebook 03 would change if the file were silent, each as it is now."""
    here = CommentedMap()
    if seen.os_prober:
        here["remove_os_prober"] = False
        beside(here, "remove_os_prober", seen.os_prober)
    if seen.filters.tcp not in ((), (22,)) or seen.filters.udp:
        here["firewall"] = flow_map(_ways_in(seen.filters))
        beside(here, "firewall", "the ways in that are in use; `kind: ssh-only` would leave these open alone")
    if seen.has.trim:
        here["trim"] = inner = CommentedMap()
        for key, (value, comment) in seen.has.trim.items():
            inner[key] = value
            beside(inner, key, comment)
    if here:
        top["configuration"] = here
        above(
            top,
            "configuration",
            ["", "# What notebook 03 would change otherwise. All that is not named here it leaves as it is."],
        )


def _ways_in(found: Filters) -> dict[str, Any]:
    first, *more = found.tcp or (22,)
    here: dict[str, Any] = {"kind": "keep", "ssh_port": first}
    here |= {"open_tcp": flow(more)} if more else {}
    return here | ({"open_udp": flow(found.udp)} if found.udp else {})


def add_xen(top: CommentedMap, seen: Proposal) -> None:
    """Add the words that Xen was started with, and what no parameter can say of them."""
    said = [line for text in seen.has.said for line in folded(f"{text}.", 0)]
    words = [*folded(_WORDS.format(_more(seen))), *folded(_KEPT)] if seen.machine.system.is_dom0 else []
    if not seen.has.xen:
        above(top, "dom0", ["", *words, *said])
        return
    here = CommentedMap(seen.has.xen)
    if "options" in here:
        here["options"] = flow(here["options"])
    if here.get("iommu") == "yes":
        beside(
            here,
            "iommu",
            "`required` is not asked for now; it would stop the boot when the IOMMU is off (H615)",
        )
    top["xen"] = here
    above(top, "xen", ["", *words, *said])


def _more(seen: Proposal) -> str:
    """Return in words which of the runbook's own words Xen and dom0's kernel run without now.

    What is put there for whom is in the step set_boot_menu; a test holds the two together.
    """
    memory, iommu = f"{seen.dom0_mib}M", seen.has.xen.get("iommu", "required")
    ours = (
        f"dom0_mem={memory},max:{memory}",
        f"dom0_max_vcpus={seen.max_vcpus}",
        f"iommu={iommu}",
        "ucode=scan",
        "panic=30",
    )
    new = [word for word in ours if word not in seen.has.running]
    return f" and besides {', '.join(new)}" if new else ""


def add_services(top: CommentedMap, seen: Proposal) -> None:
    """Add the watchdog and the rights as they are."""
    if seen.has.services:
        top["services"] = CommentedMap(seen.has.services)
        above(top, "services", [""])


def guests_of(host: str, seen: Proposal) -> adopting.Guests:
    """Return which of the guests that are there can stand in the file: those whose devices are out of dom0 already."""
    base = {
        "host": host,
        "release": seen.release,
        "connection": {"kind": "local"},
        "storage": {"guest_volume_group": seen.guest_group},
        "network": {"bridges": [{"name": b.name, "ports": list(b.ports)} for b in seen.bridges]},
    }
    known = {
        member.device.bdf: device_entry(member)
        for group in seen.groups
        for member in group.members
        if member.device.bdf in seen.chosen and is_writable(member)
    }
    files = tuple(found for found in seen.there if found.path)
    there = adopting.adopt(files, base, known, guests.size_of(seen.machine.storage))
    only = (
        (found, "it runs, and has no configuration in /etc/xen; `runbook guest adopt` takes it in")
        for found in seen.there
        if not found.path
    )
    return adopting.Guests(there.adopted, there.devices, (*there.left, *only))


def add_guests(top: CommentedMap, there: adopting.Guests, after: list[str]) -> None:
    """Add the guests that are there, name those that stay outside, and put the rest of the comments behind."""
    lines = [line for found, why in there.left for line in _left(found, why)]
    if there.adopted:
        top["guests"] = CommentedSeq([_guest(one) for one in there.adopted])
        above(top, "guests", ["", *lines, *_ADOPTED.splitlines()])
        last, lines = top["guests"][-1], []
        beside(last, list(last)[-1], "", after)
        return
    key = list(top)[-1]
    inner = top[key]
    _behind(inner, [*(["", *lines] if lines else []), *after])


def _behind(section: CommentedMap, lines: list[str]) -> None:
    """Put lines behind a section, and keep the comment beside its last value."""
    key = list(section)[-1]
    old = section.ca.items.get(key)
    said = old[2].value.strip().removeprefix("#").strip() if old and old[2] else ""
    beside(section, key, said, lines)


def _left(found: guests.Found, why: str) -> list[str]:
    starts = f"; {found.starts_by} in /etc/xen/auto starts it with the host" if found.starts_by else ""
    whose = found.path or f"The guest {found.name}"
    return folded(
        f"{clean(whose)} is not among the guests here, and stays as it is{starts}: {clean(why)}. A guest of that name "
        "here would be asked about."
    )


def _guest(one: guests.Entry) -> CommentedMap:
    entry = CommentedMap({key: _flowing(value) for key, value in one.guest.items()})
    said = [f"xl does not know {', '.join(one.skipped)}: it skips them"] if one.skipped else []
    said += told.of_files(one)
    said += [f"the password of its screen stands in {one.found.path}, not here: {ref}" for ref in one.secrets]
    if said:
        beside(entry, "name", clean("; ".join(said)))
    return entry


def _flowing(value: Any) -> Any:
    """Return lists and mappings on one line each, a list of mappings with a line for each."""
    if isinstance(value, dict):
        return flow_map({key: _flowing(part) for key, part in value.items()})
    if isinstance(value, list | tuple):
        members = [_flowing(part) for part in value]
        return CommentedSeq(members) if any(isinstance(m, dict) for m in members) else flow(members)
    return quoted(value) if isinstance(value, str) and _MAC.fullmatch(value) else value
