"""Keep or refuse for netplan, as a property: what definitions of any make had, they or the bridge have in the new files."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from runbook.facts import netplan, network, networkd
from runbook.model.ask import Answer, Facts
from runbook.steps.shared.writers import netplan as writer
from tests.steps.machine import files_said, like_testbed
from tests.steps.test_kept_networkd import effective

FOLDER = "/etc/netplan"
MAC = "52:54:00:00:00:01"
KEYS = (
    "dhcp4: true", "dhcp6: true", "mtu: 9000", "optional: true", "wakeonlan: true", "accept-ra: false", "link-local: [ipv4]",
    "addresses: [192.168.1.10/24, \"2001:db8::5/64\"]", "addresses:\n- 192.168.1.10/24  # the old server\n- 10.1.0.2/24:\n    lifetime: 0",
    "gateway4: 192.168.1.1", "nameservers:\n  addresses: [192.168.1.1, 9.9.9.9]\n  search: [example.org]",
    "routes:\n- to: 10.8.0.0/16\n  via: 192.168.1.2\n# by night\n- {to: default, via: 192.168.1.1, metric: 50}",
    "routing-policy: [{from: 10.1.0.0/24, table: 7}]", "dhcp4-overrides: {route-metric: 50}", "ipv6-privacy: true",
    "dhcp-identifier: mac", "receive-checksum-offload: true", "critical: true",
)  # fmt: skip
REFUSED = ("openvswitch: {}", "activation-mode: manual", "auth: {key-management: none}")
MATCHES = {"eno1": "", "lan": f"match: {{macaddress: \"{MAC}\"}}\nset-name: eno1", "all-en": "match: {name: en*}",
           "own": "match:\n  name: eno1", "wired": f"match:\n  macaddress: {MAC}"}  # fmt: skip
COMMENTS = ("", "", "", "# a person's words\n")


def indented(text, by):
    return "".join(" " * by + line + "\n" if line.strip() else "\n" for line in text.splitlines())


@st.composite
def files(draw):
    name = draw(st.sampled_from((*MATCHES, "eno1")))
    few = draw(st.integers(0, 15))
    found = {}
    for path in draw(st.sampled_from((["50-cloud-init"], ["01-netcfg"], ["10-a", "60-b"]))):
        keys = draw(st.lists(st.sampled_from(KEYS), max_size=4, unique_by=lambda line: line.split(":")[0]))
        body = MATCHES[name] + "\n" if not found and MATCHES[name] else ""
        body += "".join(draw(st.sampled_from(COMMENTS)) + f"{key}\n" for key in keys)
        body += f"{draw(st.sampled_from(REFUSED))}\n" if few == 7 else ""
        more = draw(st.sampled_from((
            "", "vlans:\n  eno1.10: {id: 10, link: NAME, addresses: [10.5.0.1/24]}\n", "bridges:\n  br9:\n    dhcp4: false  # later\n",
            "renderer: networkd\n")))  # fmt: skip
        card = f"ethernets:\n  {name}:\n{indented(body, 4)}" if body else f"ethernets:\n  {name}: {{}}\n"
        text = "version: 2\n" + card + draw(st.sampled_from(COMMENTS)) + more.replace("NAME", name)
        found[f"{FOLDER}/{path}.yaml"] = draw(st.sampled_from(COMMENTS)) + "network:\n" + indented(text, 2)
    return name, found


BRIDGES = [
    [{"name": "xenbr0", "ports": ["eno1"]}],
    [{"name": "xenbr0", "ports": ["eno1"]}, {"name": "xenbr1", "ports": ["eno2"]}, {"name": "xenbr2"}],
    [{"name": "br0", "ports": ["eno1"], "ipv4": "dhcp"}],
    [{"name": "xenbr0", "ports": ["eno1"], "ipv4": "192.168.1.10/24", "gateway": "192.168.1.1"}],
]  # fmt: skip
PARAMS = [like_testbed(guests=[], management={}, network={"bridges": bridges}) for bridges in BRIDGES]


def facts(name, texts, cloud="/usr/bin/cloud-init\n"):
    rows = [
        {"ifname": n, "address": m, "flags": ["UP"], "addr_info": []}
        for n, m in (("eno1", MAC), ("eno2", "52:54:00:00:00:02"))
    ]
    said = {ask: Answer(0, "[]") for ask in network.COMMANDS}
    said[network._ADDR] = Answer(0, json.dumps(rows))
    said[network._SESSION] = Answer(0, "")
    said[network._LINKS] = Answer(0, "".join(
        f"/sys/class/net/eno{i} ../../devices/pci0000:00/0000:0{i}:00.0/net/eno{i}\n" for i in (1, 2)))  # fmt: skip
    made = generated(name, texts)
    said[networkd._FILES] = Answer(0, files_said(made | texts, {}))
    said[networkd._STATUS] = Answer(0, "● 2: eno1\n  DHCPv4 Client ID: IAID:0xe09cd7cf/DUID\n")
    said[netplan._FILES] = Answer(0, files_said({p: t for p, t in texts.items() if "systemd" not in p}, {}))
    said[netplan._CLOUD] = Answer(0, cloud)
    return Facts(said)


def whole(texts):
    """Return what all files say together, by a reader of the test's own."""
    found = {}
    for _, text in sorted(texts.items()):
        if "network:" in text:
            found = (
                netplan.merged(found, YAML(typ="safe", pure=True).load(text)["network"] or {})
                if "cloud.cfg" not in _
                else found
            )
    return found


def generated(name, texts):
    """Return the [Match] of what netplan makes of each definition of a card or a bridge."""
    made = {}
    for kind in ("ethernets", "bridges"):
        for one, value in (whole(texts).get(kind) or {}).items():
            match = (value or {}).get("match") or {"name": one}
            lines = [f"PermanentMACAddress={match['macaddress']}"] if "macaddress" in match else []
            names = (value or {}).get("set-name") or match.get("name")
            lines += [f"Name={names}"] if names else []
            made[f"/run/systemd/network/10-netplan-{one}.network"] = "[Match]\n" + "\n".join(lines) + "\n"
    return made


def parts(data):
    """Return each value of a definition, those of a list for themselves."""
    return {f"{key}: {json.dumps(one, sort_keys=True)}" for key, value in (data or {}).items()
            for one in (value if isinstance(value, list) and value else [value])}  # fmt: skip


def comments(texts):
    return sorted(line.partition("#")[2] for t in texts.values() for line in t.splitlines() if "#" in line)


def carried_out(texts, done):
    return {p: t for p, t in (texts | {f.path: f.content for f in done.files}).items() if t is not None}


@settings(max_examples=150, deadline=None)
@given(files(), st.sampled_from(range(len(BRIDGES))))
def test_nothing_is_dropped_from_any_file(host, which):
    """Whatever the card's definition has in however many files goes on, or the plan stops or names it."""
    (name, texts), params, bridge = host, PARAMS[which], BRIDGES[which][0]
    done = writer.write(params, facts(name, texts))
    if any(finding.stops for finding in done.findings):
        assert all(f.why and f.do for f in done.findings)
        return
    new = carried_out(texts, done)
    before, after = whole(texts), whole(new)
    above = after["bridges"][bridge["name"]]
    (card,) = above["interfaces"]
    kept = parts(after["ethernets"][card]) | parts(above)
    named = " ".join(finding.what for finding in done.findings)
    lost = {
        one
        for one in parts(before["ethernets"][name]) - kept
        if not any(w in named for w in one.replace('"', "").split(": ")[1:])
    }
    lost = {one for one in lost if not one.startswith(("match", "set-name"))} if card != name else lost
    assert {one for one in lost if not (one.startswith("dhcp4") and "DHCP" in named)} == set()
    assert not {"dhcp4", "dhcp6", "addresses", "routes", "nameservers"} & set(after["ethernets"][card] or {})
    assert before["ethernets"].items() <= (after["ethernets"] | {name: before["ethernets"][name]}).items()
    assert after.get("vlans") == before.get("vlans")
    assert [c for c in comments(texts) if c not in comments(new)] == []
    is_renewed = any("cloud-init" in p and new[p] != texts[p] for p in texts)
    assert is_renewed == (netplan.CLOUD_DROP_IN in new)
    again = writer.write(params, facts(name, new))
    assert again.changes(facts(name, new)) == ()
    assert again.holds == done.holds


def run_netplan(texts, made):
    """Return the files that the installed netplan puts into a folder for some of its own, and what it finds wrong."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("NETPLAN_TMP")) as folder:
        for path, text in texts.items():
            file = Path(folder + path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o600)
        ran = subprocess.run(
            ["netplan", "generate", "--root-dir", folder], capture_output=True, text=True, check=False
        )
        wrong = [line for line in ran.stderr.splitlines() if "rror" in line or "ERROR" in line]
        files = Path(folder, made).glob("*.n*")
        return {f"/{made}/{p.name}": p.read_text(encoding="utf-8") for p in files}, wrong


def made_by_netplan(texts):
    """Return networkd's files as the installed netplan makes them of some."""
    made, wrong = run_netplan(texts, "run/systemd/network")
    extra = {p: t for p, t in texts.items() if p.startswith("/etc/systemd")}
    return {p: t for p, t in made.items() if p.endswith(".network")} | extra, wrong


@pytest.mark.skipif(not shutil.which("netplan"), reason="netplan is not installed here")
@settings(max_examples=25, deadline=None)
@given(files())
def test_netplan_itself_makes_the_same_of_it(host):
    """What the installed netplan makes for the card is, after the change, what it makes for the card or the bridge."""
    name, texts = host
    made, wrong = made_by_netplan(texts)
    if wrong:
        return
    done = writer.write(PARAMS[0], facts(name, texts))
    if any(finding.stops for finding in done.findings):
        return
    after, wrong = made_by_netplan(carried_out(texts, done))
    assert wrong == []
    before, wire = effective(made, "eno1", MAC), effective(after, "eno1", MAC)
    above = effective(after, "xenbr0", MAC, "bridge")
    assert before - wire - above == set()
    assert ("Network", "Bridge", "xenbr0") in wire


DROP_IN = "/etc/systemd/network/10-netplan-{}.network.d/more.conf"
MORE = "# by hand\n[Link]\nMTUBytes=9000\n\n[Network]\n# found by name\nMulticastDNS=yes\n\n[Route]\nDestination=10.8.0.0/16\nGateway=192.168.1.2\n"


def test_what_is_added_to_netplans_own_file_goes_to_the_bridges():
    """A drop-in of the card's generated file, for what netplan has no word for, is parted like a file of networkd's."""
    texts = {
        f"{FOLDER}/a.yaml": "network:\n  ethernets:\n    eno1:\n      addresses: [192.168.1.10/24]\n",
        DROP_IN.format("eno1"): MORE,
    }
    done = writer.write(PARAMS[0], facts("eno1", texts))
    new = carried_out(texts, done)
    assert done.findings == ()
    assert new[DROP_IN.format("eno1")] == "# by hand\n[Link]\nMTUBytes=9000\n\n[Network]\n"
    assert "# found by name\nMulticastDNS=yes\n" in new[DROP_IN.format("xenbr0")]
    assert "Destination=10.8.0.0/16\nGateway=192.168.1.2\n" in new[DROP_IN.format("xenbr0")]
    assert "10.8.0.0/16" in done.holds["xenbr0"].named
    again = writer.write(PARAMS[0], facts("eno1", new))
    assert (again.changes(facts("eno1", new)), again.holds) == ((), done.holds)


def test_a_drop_in_with_nothing_left_goes():
    """What is about addresses alone is the bridge's altogether, its comments included."""
    texts = {
        f"{FOLDER}/a.yaml": "network:\n  ethernets:\n    eno1: {dhcp4: true}\n",
        DROP_IN.format("eno1"): "# why\n[DHCPv4]\nSendHostname=no\n# end\n",
    }
    new = carried_out(texts, writer.write(PARAMS[0], facts("eno1", texts)))
    assert DROP_IN.format("eno1") not in new
    assert new[DROP_IN.format("xenbr0")] == "# why\n[DHCPv4]\nSendHostname=no\n# end\n"


@pytest.mark.parametrize(
    ("name", "text"), [("eno1", "[Network]\nMACVLAN=mv0\n"), ("all-en", "[DHCPv4]\nSendHostname=no\n")]
)
def test_a_drop_in_that_is_unsure_is_refused(name, text):
    """A line that nobody can place, or a drop-in of several cards' definition, is named with its file."""
    body = "match: {name: en*}\n      dhcp4: true" if name == "all-en" else "dhcp4: true"
    texts = {
        f"{FOLDER}/a.yaml": f"network:\n  ethernets:\n    {name}:\n      {body}\n",
        DROP_IN.format(name): text,
    }
    (found,) = writer.write(PARAMS[0], facts(name, texts)).findings
    assert found.level == "refuse"
    assert found.what.startswith(f"It is not sure what becomes of {DROP_IN.format(name)}")


CARD = "network:\n  ethernets:\n    eno1:\n      addresses: [192.168.1.10/24]\n"
VXLAN = "  tunnels:\n    vx0: {mode: vxlan, id: 5, link: LINK}\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"{CARD}{VXLAN.replace('LINK', 'eno1')}", "`link: eno1` of vx0"),
        (CARD.replace("eno1:", "eno1: &lan") + "    eno2: *lan\n", f"{FOLDER}/a.yaml"),
        (CARD.replace("[192", "&lan [192") + "    eno2: {addresses: *lan}\n", f"the files of {FOLDER} (found undefined alias 'lan')"),
    ],
)  # fmt: skip
def test_what_would_mean_another_thing_elsewhere_is_refused(text, what):
    """A tunnel on the card, and lines that another definition takes over by an alias, are not changed unsaid."""
    found = writer.write(PARAMS[0], facts("eno1", {f"{FOLDER}/a.yaml": text})).findings
    assert [(f.level, f.what.partition(" when ")[0]) for f in found] == [
        ("refuse", f"It is not sure what becomes of {what}")
    ]


def test_a_tunnel_of_another_card_is_no_reason_to_stop():
    """A VLAN works on a port, a virtual function too, and what stands on others is not touched."""
    more = "    eno2: {link: eno1}\n  vlans:\n    lan5: {id: 5, link: eno1}\n"
    text = f"{CARD}{more}{VXLAN.replace('LINK', 'eno2')}"
    assert writer.write(PARAMS[0], facts("eno1", {f"{FOLDER}/a.yaml": text})).findings == ()


def test_the_guests_ends_are_left_alone():
    """What netplan has networkd make of `match: {name: "*"}` takes in the guests' ends of their cables too."""
    texts = {
        f"{FOLDER}/a.yaml": 'network:\n  ethernets:\n    all:\n      match: {name: "*"}\n      dhcp4: true\n'
    }
    new = carried_out(texts, writer.write(PARAMS[0], facts("all", texts)))
    (path,) = (path for path in new if "xen-guests" in path)
    assert path < "/etc/systemd/network/10-netplan-all.network"
    assert new[path].endswith("[Match]\nName=vif*\n\n[Link]\nUnmanaged=yes\n")
