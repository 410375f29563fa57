"""A host made up for measuring: the recorded one with as many devices or guests as asked.

Its answers are the recording's; what they say of one network card, or of one guest, they say of each further one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runbook import survey
from runbook.facts import network
from runbook.facts.storage import asks
from runbook.guests.config import uuid_of
from runbook.hosts.recording import in_order
from runbook.hosts.recording import load as load_files
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import HostParams, load
from runbook.steps import steps_of

ROOT = Path(__file__).parent.parent
CARD, INTERFACE, GUEST = "0000:00:05.0", "enp0s5", "nginx"
"""What is multiplied: it is in the recording."""
GUESTS_MOST = 100
"""A screen has a number of two digits, and each guest one of its own."""


def with_devices(count: int) -> HostParams:
    """Return the recorded host's parameters with so many devices that are passed through."""
    recorded = load(ROOT / "params/example.yml")
    content = recorded.model_dump(mode="json", exclude_unset=True)
    card = next(device for device in content["passthrough"]["devices"] if device["bdf"] == CARD)
    have = len(content["passthrough"]["devices"])
    content["passthrough"]["devices"] += [card | {"bdf": bdf} for bdf in addresses(count - have)]
    return HostParams.model_validate(content)


def with_guests(count: int) -> HostParams:
    """Return the recorded host's parameters with so many guests, at most `GUESTS_MOST`."""
    recorded = load(ROOT / "params/example.yml")
    content = recorded.model_dump(mode="json", exclude_unset=True)
    one = next(guest for guest in content["guests"] if guest["name"] == GUEST)
    screens = (
        number for number in range(GUESTS_MOST) if number not in {g["vnc_display"] for g in content["guests"]}
    )
    for name, screen in zip(names(count - len(content["guests"])), screens, strict=False):
        nics = [{**one["nics"][0], "mac": f"00:16:3e:15:{screen:02x}:00"}]
        volume = {**one["volume"], "name": name}
        content["guests"].append(
            one | {"name": name, "autostart": None, "volume": volume, "nics": nics, "vnc_display": screen}
        )
    return HostParams.model_validate(content)


def addresses(count: int) -> list[str]:
    """Return so many PCI addresses, none of them the recorded host's: buses 10 and up, one function a slot."""
    return [f"0000:{0x10 + number // 32:02x}:{number % 32:02x}.0" for number in range(count)]


def names(count: int) -> list[str]:
    """Return so many names of guests."""
    return [f"guest{number:03}" for number in range(count)]


def facts_of(params: HostParams, notebook: str) -> Facts:
    """Return what the host answers to all that a notebook's steps ask, as its recording says it at last."""
    recorded = load(ROOT / "params/example.yml")
    more = sorted({d.bdf for d in params.passthrough.devices} - {d.bdf for d in recorded.passthrough.devices})
    guests = [g.name for g in params.guests[len(recorded.guests) :]]
    wanted = _asks(params, notebook)
    known = _answers(notebook)
    ids = {name: uuid_of(params, params.guests[-1].model_copy(update={"name": name})) for name in guests}
    answers: dict[Ask, Answer] = {}
    for ask in wanted:
        answer = known[_recorded(ask, params, recorded).key]
        if mine := next((name for name in _named(ask) if name in ids), ""):
            answers[ask] = Answer(answer.status, re.sub(rf"\b{GUEST}\b", mine, answer.out), answer.err)
        else:
            out = _grown(ask, answer.out, more)
            grown = _with_volumes(out, guests) if ask == asks.LSBLK else _multiplied(out, GUEST, guests)
            answers[ask] = Answer(answer.status, grown, answer.err)
    return Facts(answers)


def _answers(notebook: str) -> dict[str, Answer]:
    """Return the last answer to each question of a recording, by the question's key."""
    folder = ROOT / load(ROOT / "params/example.yml").connection.recording
    known: dict[str, Answer] = {}
    for _, entry in in_order(load_files(folder, notebook), steps_of(notebook)):
        known |= {key: Answer(*parts) for key, parts in entry.get("gather", {}).items()}
    return known


def _asks(params: HostParams, notebook: str) -> list[Ask]:
    return list(
        dict.fromkeys(a for step in steps_of(notebook, params.release).values() for a in step.asks(params))
    )


def _recorded(ask: Ask, params: HostParams, recorded: HostParams) -> Ask:
    """Return the question that the recorded host was asked in the place of this one."""

    def listed(of: HostParams) -> str:
        return " ".join(sorted(device.bdf for device in of.passthrough.devices))

    def said_once(word: str) -> str:
        """A question about each guest's disk names the one that the others are made of many times."""
        first, end, rest = word.partition("\n")
        return (
            " ".join(dict.fromkeys(first.split(" "))) + end + rest if first.startswith("{ printf") else word
        )

    argv = (
        re.sub(r"\bguest\d{3}\b", GUEST, word.replace(listed(params), listed(recorded))) for word in ask.argv
    )
    return Ask(ask.kind, tuple(map(said_once, argv)))


def _named(ask: Ask) -> list[str]:
    return re.findall(r"\bguest\d{3}\b", " ".join(ask.argv))


def _multiplied(text: str, what: str, others: Sequence[str]) -> str:
    """Return the text with each part that speaks of a thing said again of each of the others."""
    if what not in text or not others:
        return text
    out: list[str] = []
    for part in _parts(text.splitlines(keepends=True), what):
        out.append(part)
        if what in part:
            out += [_moved(part, what, other, number) for number, other in enumerate(others)]
    return "".join(out)


def _moved(part: str, what: str, other: str, number: int) -> str:
    """Each device is in an IOMMU group of its own, and each card has an interface of its own."""
    text = re.sub(rf"\b{re.escape(what)}\b", other, part)
    return text.replace("iommu_groups/3\n", f"iommu_groups/1{number}\n").replace(INTERFACE, f"card{number}")


def _grown(ask: Ask, text: str, more: Sequence[str]) -> str:
    """Return an answer that speaks of the card with as much about each further one."""
    if ask == network.COMMANDS[0] and INTERFACE in text:
        rows = json.loads(text)
        one = next(row for row in rows if row["ifname"] == INTERFACE)
        return json.dumps([*rows, *(one | {"ifname": f"card{number}"} for number in range(len(more)))])
    if ask == Ask.read(survey.PATH) and CARD in text:
        kept = json.loads(text)
        kept["pci"] |= {bdf: kept["pci"][CARD] | {"iommu_group": 100 + i} for i, bdf in enumerate(more)}
        return json.dumps(kept)
    return _multiplied(text, CARD, more)


def _with_volumes(text: str, guests: Sequence[str]) -> str:
    """Return the answer of lsblk with the volume of each guest beside the one that is multiplied."""

    def grown(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = [
            node | {"children": grown(node["children"])} if "children" in node else node for node in nodes
        ]
        mine = [json.dumps(node) for node in found if node["name"].endswith(f"-{GUEST}")]
        return found + [json.loads(re.sub(rf"\b{GUEST}\b", name, node)) for node in mine for name in guests]

    return json.dumps({"blockdevices": grown(json.loads(text)["blockdevices"])})


def _parts(lines: Iterable[str], what: str) -> Iterator[str]:
    """Yield runs of lines that all or none name the thing; what stands below `= THING` belongs to it."""
    part, is_named, is_below = "", False, False
    for line in lines:
        is_below = line.startswith(f"= {what}") or (is_below and not line.startswith("= "))
        if (what in line or is_below) != is_named and part:
            yield part
            part = ""
        is_named = what in line or is_below
        part += line
    yield part
