"""Who else configures a card: files that are taken in, and other managers than ifupdown. Each with the way to go on."""

from __future__ import annotations

from runbook.facts.interfaces import FILE, Interfaces
from runbook.model.plan import Finding


def others_at_work(names: set[str], written: Interfaces) -> list[Finding]:
    """Return a reason to refuse for each card or bridge that something else would configure as well."""
    found = [
        _refuse(
            f"{path} also configures {name}",
            "one interface configured twice gets two addresses or fails",
            f"move the paragraph of {name} from there into {FILE}, then run again: it is changed there",
            "H653",
        )
        for name, path in written.elsewhere
        if name in names
    ]
    unknown = [] if names <= {n for p in written.paragraphs for n in p.names} else written.unread
    found += [
        _refuse(
            f"{FILE} takes in {path}, which is not read",
            f"{', '.join(sorted(names))} may be configured there, and would be configured twice",
            f"copy what {path} holds into {FILE}, in the place of the line that takes it in, then run again",
            "interfaces(5)",
        )
        for path in unknown
    ]
    return found + [
        _refuse(
            f"{manager} manages {name}",
            "it would take the card back from the bridge, and this step writes ifupdown's file only",
            _change_over(manager),
        )
        for name, manager in written.managers
        if name in names
    ]


def _change_over(manager: str) -> str:
    """Return how a host comes to ifupdown without a moment in which nothing has its address.

    Stopping systemd-networkd gives the lease back and takes the address away, over ssh the way in as well.
    """
    units = {"systemd-networkd": "systemd-networkd.socket systemd-networkd"}.get(manager, manager)
    return (
        f"let it run; run `apt-get install ifupdown`, write the card as it is addressed now into {FILE} "
        f"(`auto CARD`, `iface CARD inet dhcp` or static), run `systemctl disable {units}` without --now, restart "
        "the host with its screen in reach, then run again; or leave network.bridges empty"
    )


def _refuse(what: str, why: str, do: str, source: str = "") -> Finding:
    return Finding("refuse", what, why, do, source)
