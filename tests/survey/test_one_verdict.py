"""One verdict of a device: table, page, picker, plan and `runbook new` say the same word, whatever is in the machine."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from runbook import proposal, survey
from runbook.model.ask import Answer, Facts
from runbook.params import HostParams, loads
from runbook.params.host import Ssh
from runbook.proposal.chosen import Choice
from runbook.show import tables
from runbook.show.form import looks, words
from runbook.show.form.picker import rows
from runbook.steps.introduction import survey_devices
from runbook.survey import CARE, MAY, STAY
from runbook.survey.together import together
from runbook.survey.verdict import ports
from tests.survey.machines import Pci, devices, dmar, params

KINDS = (
    ("8086:10d3", "020000"), ("8086:1533", "020000"), ("10de:1b80", "030000"), ("10de:10f0", "040300"),
    ("1002:67df", "030000"), ("1002:aaf0", "040300"), ("8086:2922", "010601"), ("8086:a12f", "0c0330"),
    ("8086:2930", "0c0500"), ("8086:3e92", "030000"), ("1022:1481", "080600"), ("8086:2918", "060100"),
)  # fmt: skip
WORDS = (STAY, CARE, MAY)


def machine(seed: int) -> tuple[Facts, list[Pci], list[str]]:
    """Return the facts of a made-up machine, its devices, and the names of its network cards."""
    chance = random.Random(seed)
    built = [
        Pci("0000:00:1c.0", code="060400", bus=3),
        Pci("0000:00:1d.0", code="060400", bus=4, express=False),
    ]
    used = {d.bdf for d in built}
    groups = [chance.randint(1, 6) for _ in range(12)]
    for number in range(chance.randint(2, 9)):
        bus, above = chance.choice([("00", ()), ("03", ("0000:00:1c.0",)), ("04", ("0000:00:1d.0",))])
        bdf = f"0000:{bus}:{chance.randint(2, 5):02x}.{chance.randint(0, 2)}"
        if bdf in used:
            continue
        used.add(bdf)
        id_, code = chance.choice(KINDS)
        built.append(Pci(
            bdf, id_, code, above, group=chance.choice([None, groups[number]]), reset=chance.choice(["flr", "pm", ""]),
            express=bus != "04", boot_vga=chance.random() < 0.3,
        ))  # fmt: skip
    cards = [d for d in built if d.code == "020000"]
    links = "".join(f"/sys/class/net/eth{n} ../../devices/pci0000:00/{'/'.join((*d.above, d.bdf))}/net/eth{n}\n"
                    for n, d in enumerate(cards))  # fmt: skip
    changes = {"net_links": links, "ip_addr_json": _addresses(len(cards))}
    if chance.random() < 0.4:
        reserved = [d for d in built if not d.above and d.code not in ("060400", "060100")][:2]
        scopes = tuple((0, (int(d.bdf[8:10], 16), int(d.bdf[11]))) for d in reserved)
        changes["firmware_tables"] = dmar(scopes) if scopes else None
    facts = devices(*built, **{name: text for name, text in changes.items() if text is not None})
    as_root = {
        a: Answer(0, {"id -u": "0\n", "uname -n": "box\n"}[a.key])
        for a in facts
        if a.key in ("id -u", "uname -n")
    }
    return Facts({**facts, **as_root}), built, [f"eth{n}" for n in range(len(cards))]


def _addresses(count: int) -> str:
    import json

    return json.dumps([
        {"ifname": f"eth{n}", "flags": ["UP"], "address": f"52:54:00:00:00:{n:02x}", "addr_info": []} for n in range(count)
    ])  # fmt: skip


def asked(seed: int, facts: Facts, built: list[Pci], cards: list[str]) -> HostParams:
    """Return parameters that hide every device that is no bridge, some of them on bridges, some in guests."""
    chance = random.Random(-seed)
    hidden = [d for d in built if not d.code.startswith("06")]
    bridges = [
        {"name": f"xenbr{n}", "ports": [card]} for n, card in enumerate(cards) if chance.random() < 0.3
    ]
    policy = {"rdm_policy": chance.choice(["strict", "relaxed"])}
    return params(*({"bdf": d.bdf, "id": d.id, **policy} for d in hidden), network={"bridges": bridges})


def by_table(facts: Facts, wanted: HostParams) -> dict[str, str]:
    table = survey.survey_table(facts, wanted)
    return dict(zip(table["address"], table["verdict"], strict=True))


def by_page(facts: Facts, wanted: HostParams) -> dict[str, str]:
    """Return the verdicts in the HTML that a cell and a host's page show."""
    html = tables.show("devices", wanted, facts).html
    lines = re.findall(r"(?s)<tr>(.*?)</tr>", html)
    found = {}
    for line in lines:
        cells = [
            re.sub("<.*?>", "", cell).strip() for cell in re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", line)
        ]
        if cells and re.fullmatch(r"[0-9a-f]{4}:\S+", cells[0]):
            (found[cells[0]],) = [cell for cell in cells if cell in WORDS]
    return found


def by_picker(facts: Facts, wanted: HostParams) -> dict[str, str]:
    found = {}
    for row in rows(wanted.model_dump(mode="json"), survey.read(facts)):
        (seen,) = re.findall("|".join(WORDS), looks.group(row).split("<small>")[0])
        assert words.reason(row).startswith(seen)
        assert bool(row.group.why) is (seen != MAY)
        assert (len(row.choices) == 1) is (seen == STAY and row.owner == row.choices[0])
        found |= dict.fromkeys(row.group.bdfs, seen)
    return found


def by_plan(facts: Facts, wanted: HostParams) -> dict[str, str]:
    """Return what the plan says of each device: nothing said is that it may be passed."""
    findings = survey_devices.plan(wanted, facts).findings
    found = {}
    for device in wanted.passthrough.devices:
        mine = [f for f in findings if f.what.startswith(device.bdf)]
        said = {word for f in mine for word in WORDS if f"{device.what}) {word}" in f.what}
        found[device.bdf] = next((word for word in WORDS if word in said), MAY)
        assert (STAY in said) <= any(f.level == "refuse" for f in mine)
    return found


ADDRESS = r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
SOME = rf"({ADDRESS}(?:(?:, | to ){ADDRESS})*)"


def by_new(facts: Facts) -> tuple[dict[str, str], HostParams]:
    """Return what the written file says of each device, and the parameters with all that it offers.

    An entry in a comment stands below the cares of its group; what has no entry has a line a reason.
    """
    seen = proposal.read(facts)
    text = proposal.write("box", Ssh(to="root@box"), seen)
    part = text[text.index("\npassthrough:") : text.index("\nstorage:")]
    order = sorted(bdf for group in seen.groups for bdf in group.bdfs)
    found: dict[str, str] = {}
    cares: list[str] = []
    every: list[str] = []
    for line in part.replace("\n    ##   ", " ").splitlines():
        if entry := re.match(rf"    # - bdf: [\"']?({ADDRESS})", line):
            whose = [re.match(rf"needs care[^:]*: {SOME}: ", care) for care in cares]
            mine = [m is None or entry[1] in spelt(m[1], order) for m in whose]
            found[entry[1]] = CARE if any(mine) else MAY
        elif rest := re.match(rf"    ## (must stay|needs care): .*?: {SOME} \(", line):
            found |= dict.fromkeys(spelt(rest[2], order), rest[1])
        elif re.match("    ## (IOMMU group|one device)", line):
            cares = [*every, *([line[7:]] if "go to one guest" in line else [])]
        elif line.startswith("    ## All that follow need care"):
            every.append(line[7:])
        elif line.startswith("    ## needs care"):
            cares.append(line[7:])
    taken = proposal.write("box", Ssh(to="root@box"), proposal.read(facts, Choice(takes_all=True)))
    return found, loads(taken, Path("box.yml"))


def spelt(text: str, order: list[str]) -> set[str]:
    """Return the addresses that a text lists; `A to B` are all devices of the machine from A to B."""
    found: set[str] = set()
    for stretch in text.split(", "):
        one, _, other = stretch.partition(" to ")
        found |= {*order[order.index(one) : order.index(other or one) + 1]}
    return found


@pytest.mark.parametrize("seed", range(150))
def test_all_say_the_same_word(seed):
    """Table, page, picker and plan agree about every device of a machine; only bridges and the IOMMU itself are not picked."""
    facts, built, cards = machine(seed)
    wanted = asked(seed, facts, built, cards)
    table = by_table(facts, wanted)
    assert set(table) == {d.bdf for d in built}
    assert by_page(facts, wanted) == table
    picked = by_picker(facts, wanted)
    assert picked == {bdf: table[bdf] for bdf in picked}
    left_out = [d.code for d in built if d.bdf not in picked]
    assert all(code.startswith(("06", "0806")) for code in left_out)
    planned = by_plan(facts, wanted)
    assert planned == {bdf: table[bdf] for bdf in planned}


@pytest.mark.parametrize("seed", range(150))
def test_so_does_the_file_that_new_writes(seed):
    """Each device stands there with the verdict that the table gives it for that very file."""
    facts, _, _ = machine(seed)
    said, wanted = by_new(facts)
    table = by_table(facts, wanted)
    assert said == {bdf: table[bdf] for bdf in said}
    assert {*said} == {bdf for group in proposal.read(facts).groups for bdf in group.bdfs}
    hidden = {device.bdf for device in wanted.passthrough.devices}
    assert {table[bdf] for bdf in hidden} <= {MAY, CARE}


@pytest.mark.parametrize("silent", [False, True])
def test_what_goes_together_is_whole(silent):
    """What is a device's mate has it as mate, and all that go together name the same company, with ACS known and without."""
    for seed in range(150):
        _, built, _ = machine(seed)
        here = survey.read(devices(*built, **({"pci_capabilities": None} if silent else {})))
        for device in (d for d in here.devices if not d.is_bridge):
            assert all(device in here.mates(mate) for mate in here.mates(device))
            company = together(here, device)
            assert all(together(here, other) == company for other in company)


def test_every_word_is_met():
    """The made-up machines have devices of each verdict, and of each reason that a survey may give without disks."""
    seen, kinds = set(), set()
    for seed in range(150):
        facts, built, cards = machine(seed)
        wanted = asked(seed, facts, built, cards)
        seen |= set(by_table(facts, wanted).values())
        here = survey.read(facts)
        kept = ports(here, ((bridge.name, bridge.ports) for bridge in wanted.network.bridges))
        kinds |= {r.kind for d in here.devices for r in survey.judge(here, d, "guests", kept)}
    assert seen == set(WORDS)
    assert kinds >= {
        "port",
        "held",
        "bridge",
        "iommu",
        "group",
        "siblings",
        "board",
        "rmrr",
        "screen",
        "nvidia",
        "amd-reset",
        "reset",
    }


def test_the_other_port_of_dom0s_card_may_be_had():
    """Of a card with two ports, each in a group of its own, one that dom0 uses does not hold the other one back."""
    two = (Pci("0000:03:00.0", group=8), Pci("0000:03:00.1", group=9))
    links = "/sys/class/net/eth0 ../../devices/pci0000:00/0000:03:00.0/net/eth0\n"
    facts = devices(*two, net_links=links, ip_addr_json=_addresses(1))
    wanted = params({"bdf": "03:00.1"}, network={"bridges": [{"name": "xenbr0", "ports": ["eth0"]}]})
    said = {"0000:03:00.0": STAY, "0000:03:00.1": MAY}
    assert by_picker(facts, wanted) == by_table(facts, wanted) == said
    assert by_plan(facts, wanted) == {"0000:03:00.1": MAY}
