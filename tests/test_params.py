"""Parameters: what the person wrote arrives unchanged, or one clear error says what is wrong."""

import json
import re
from pathlib import Path

import pytest

from runbook.errors import ParamsError
from runbook.params import find, load, schema, yaml12

ROOT = Path(__file__).parents[1]
BASE = """\
host: box
connection: {kind: ssh, to: root@box}
network: {bridges: [{name: xenbr0, ports: [eth0], ipv4: dhcp}]}
passthrough:
  devices:
    - {bdf: 07:00.0, id: 8086:10d3, what: wireless}
guests:
  - name: ipfire
    memory_mib: 512
    volume: {name: ipfire, size_gib: 4}
    nics: [{bridge: xenbr0, mac: "00:16:3e:14:01:00"}]
    pci: [07:00.0]
    vnc_display: 15
"""


@pytest.fixture
def box(tmp_path):
    """Return a function that writes parameters and loads them."""

    def write(text=BASE, *changes):
        for old, new in changes:
            assert old in text, f"the base has no {old!r}"
            text = text.replace(old, new)
        (tmp_path / "box.yml").write_text(text)
        return load(tmp_path / "box.yml")

    return write


def test_a_folded_text_is_one_line(tmp_path):
    """`>-` joins its lines by a blank, and nothing else comes between them."""
    path = tmp_path / "x.yml"
    path.write_text('a: >-\n  one\n  two\n\n  three\nb: "\\a"\n')
    assert yaml12.read(path)[0] == {"a": "one two\nthree", "b": "\a"}


@pytest.mark.parametrize(
    "text",
    [
        "01:00.0",
        "10:00.0",
        "0000:01:00.0",
        "12:34:56:10:20:30",
        "22:22",
        "4.20",
        "0123",
        "on",
        "10e8",
        "1_000",
    ],
)
def test_yaml_keeps_what_yaml_1_1_corrupts(tmp_path, text):
    """A plain value reaches the models as the very text that stands in the file."""
    (tmp_path / "x.yml").write_text(f"key: {text}\n")
    values, _ = yaml12.read(tmp_path / "x.yml")
    assert values == {"key": text}


def test_values_arrive_with_their_meaning(box):
    """Addresses, ids, MACs and numbers get their types from the models."""
    params = box(BASE, ("00:16:3e:14:01:00", "12:34:56:10:20:30"), ("memory_mib: 512", "memory_mib: 0512"))
    assert params.passthrough.devices[0].bdf == "0000:07:00.0"
    assert params.guests[0].nics[0].mac == "12:34:56:10:20:30"
    assert params.guests[0].memory_mib == 512
    assert params.guests[0].autostart is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("memory_mib: 512", "memory: 512", ["guests.0.memory", "did you mean 'memory_mib'?", "line 9"]),
        ("host: box", "hots: box", ["did you mean 'host'?", "line 1"]),
        ("to: root@box", "too: root@box", ["did you mean 'to'?"]),
        ("memory_mib: 512", "memory_mib: lots", ["guests.0.memory_mib", "integer", "'lots'"]),
        ("memory_mib: 512", "memory_mib: 2", ["greater than or equal to 4"]),
        ("size_gib: 4", "size_gib: 4G", ["guests.0.volume.size_gib", "'4G'"]),
        ("bdf: 07:00.0", "bdf: 7:00.0", ["'7:00.0' is not a PCI address", "0000:07:00.0", "line 6"]),
        ("id: 8086:10d3", "id: 8086", ["vendor:device"]),
        ("00:16:3e:14:01:00", "00:16:3e:14:01", ["is not a MAC address"]),
        ("00:16:3e:14:01:00", "01:16:3e:14:01:00", ["multicast"]),
        ("bridge: xenbr0, mac", "bridge: xenbr7, mac", ["xenbr7", "it has: xenbr0"]),
        ("pci: [07:00.0]", "pci: [08:00.0]", ["0000:08:00.0, which passthrough.devices does not hide"]),
        ("ipv4: dhcp", "ipv4: 10.0.0.2", ["no prefix length"]),
        ("host: box", "host: box\nhost: other", ["given twice", "line 2"]),
        ("host: box", "host: box\nram_mib: 4096", ["need 4870 MiB", "ram_mib: 4096"]),
        ("host: box", "host: box\n  bad: [", ["not valid YAML", "line 2"]),
        ("kind: ssh", "kind: telnet", ["telnet"]),
    ],
)
def test_a_wrong_parameter_is_one_clear_error(box, old, new, said):
    """The error names the file and line, the key, the reason and the next move."""
    with pytest.raises(ParamsError) as caught:
        box(BASE, (old, new))
    message = str(caught.value)
    assert "box.yml, line" in message
    assert "do:" in message
    for part in said:
        assert part in message


def test_every_wrong_parameter_is_named(box):
    """All that is wrong is said in the order of the file, unknown keys first, each with its line and next move."""
    with pytest.raises(ParamsError) as caught:
        box(
            BASE,
            ("vnc_display: 15", "vnc_display: 15\n    vcpu: 2"),
            ("id: 8086:10d3", "id: 8086"),
            ("memory_mib: 512", "memory_mib: lots"),
            ("pci: [07:00.0]", "pci: [07:00.0, 1:2]"),
        )
    assert [error.at for error in caught.value.all] == [
        ("guests", 0, "vcpu"), ("passthrough", "devices", 0, "id"), ("guests", 0, "memory_mib"), ("guests", 0, "pci", 1),
    ]  # fmt: skip
    message = str(caught.value)
    assert [int(line) for line in re.findall(r"box.yml, line (\d+)", message)] == [14, 6, 9, 12]
    assert (message.count("  why: "), message.count("  do: ")) == (4, 4)


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        ("memory_mib: 512", "memory: 512", ("guests", 0, "memory")),
        ("host: box", "host: box\nconfiguration: {users: [{name: ana, keys: [no]}]}",
         ("configuration", "users", 0, "keys", 0)),
        ("host: box", "host: box\nconfiguration: {locales: {default: English}}", ("configuration", "locales", "default")),
        ("host: box", "host: box\nconfiguration: {ssh: never}", ("configuration", "ssh")),
        ("to: root@box", "to: root@box, recording: x", ("connection", "recording")),
    ],
)  # fmt: skip
def test_one_mistake_is_said_once_where_it_stands(box, old, new, at):
    """What only follows from a mistake is not said: a misspelt key is not missing too, a wrong item makes no short list."""
    with pytest.raises(ParamsError) as caught:
        box(BASE, (old, new))
    assert [error.at for error in caught.value.all] == [at]
    assert f"'{'.'.join(map(str, at))}'" in str(caught.value)


def test_one_device_cannot_go_to_two_guests(box):
    """A device that two guests ask for is refused by name."""
    second = BASE[BASE.index("  - name: ipfire") :]
    for old, new in (("ipfire", "comm"), ("01:00", "02:00"), ("vnc_display: 15", "vnc_display: 11")):
        second = second.replace(old, new)
    with pytest.raises(ParamsError, match=r"device given to a guest 0000:07:00\.0"):
        box(BASE + second)


def test_the_base_itself_is_right(box):
    """The parameters that the errors above are made from load without one."""
    assert box().guests[0].name == "ipfire"


def test_a_missing_file_says_where_it_was_looked_for(tmp_path):
    """A path that does not exist names the folder and what to give."""
    with pytest.raises(ParamsError, match=r"There is no nope\.yml"):
        find("nope.yml", tmp_path)


def test_the_committed_schema_is_the_models():
    """params/schema.json is what `runbook schema` prints."""
    assert json.loads((ROOT / "params/schema.json").read_text()) == schema()


def test_the_example_is_the_testbed_but_for_the_connection():
    """params/example.yml replays the very parameters that the testbed was built with."""
    example, testbed = load(ROOT / "params/example.yml"), load(ROOT / "params/testbed.yml")
    assert example.connection.kind == "recorded"
    assert example.model_copy(update={"connection": testbed.connection}) == testbed
