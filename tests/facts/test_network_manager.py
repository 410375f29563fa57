"""NetworkManager's profiles: read with what is open, and with no secret in them."""

import subprocess

from runbook.facts import network_manager
from runbook.facts.keyfile import Keyfile
from runbook.model.ask import Answer, Ask, Facts

OFFICE = """\
# the office
[connection]
id=Office
uuid=1
type=ethernet
interface-name=eno1

[802-3-ethernet]
mtu=9000

[ipv4]
method=auto
"""
CLOSED = """\
[connection]
id=Home
uuid=2
type=wifi

[wifi]
ssid=kitchen

[wifi-security]
#psk=OPENSESAME1
psk=OPENSESAME2
 wep-key0 = OPENSESAME3
OPENSESAME4

[802-1x]
password=OPENSESAME5

[wireguard-peer.abc=]
preshared-key=OPENSESAME6

[pppoe]
parent=eno2
password=OPENSESAME7

[ipv6]
method=auto
"""
SHOW = "Office:1:802-3-ethernet:eno1:{0}/office.nmconnection\nHome\\: upstairs:2:802-11-wireless::{0}/home\n"
CONFIG = """\
[main]
# rc-manager=auto
plugins=ifupdown,keyfile

[keyfile]
unmanaged-devices={}
"""


def read(tmp_path, config="", show=SHOW):
    """Return what is read of two real files by the question's own program."""
    folder = tmp_path / "system-connections"
    folder.mkdir(exist_ok=True)
    (folder / "office.nmconnection").write_text(OFFICE)
    (folder / "home").write_text(CLOSED.rstrip("\n"))
    script = network_manager._FILES.argv[2].replace(network_manager.FOLDER, str(folder))
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    devices = "eno1:connected\neno2:unavailable\nlo:connected (externally)\n"
    texts = (
        devices,
        show.format(network_manager.FOLDER),
        said.replace(str(folder), network_manager.FOLDER),
        config,
    )
    asked = zip(network_manager.COMMANDS, texts, strict=True)
    return Facts({ask: Answer(0, text) for ask, text in asked})


def test_no_secret_leaves_the_host(tmp_path):
    """Of sections that can hold secrets only the keys' names are read, and no comment."""
    said = read(tmp_path)[network_manager._FILES].out
    assert "OPENSESAME" not in said
    assert "kitchen" not in said
    assert " psk=\n" in said
    assert " parent=eno2\n" in said
    assert " # the office\n" in said


def test_profiles(tmp_path):
    """Each profile is known with its file; one of which something was kept back is not whole, and has no text."""
    facts = read(tmp_path)
    office, home = network_manager.parse(facts).profiles
    assert (office.name, office.kind, office.device, office.interface) == (
        "Office",
        "ethernet",
        "eno1",
        "eno1",
    )
    assert (home.name, home.kind, home.device, home.parent) == ("Home: upstairs", "wifi", "", "eno2")
    assert (office.is_whole, home.is_whole) == (True, False)
    assert office.file.text == OFFICE == facts.text(office.path)
    answer = facts[Ask.read(home.path)]
    assert not answer.ok
    assert "secrets" in answer.err


def test_a_host_without_it(tmp_path):
    """Where there is no NetworkManager nothing is known, and nothing fails."""
    nothing = {ask: Answer(127) for ask in network_manager.COMMANDS}
    found = network_manager.parse(Facts(nothing))
    assert (found.profiles, found.states, found.is_left_alone("xenbr0", "bridge")) == ((), (), False)


def test_what_the_configuration_leaves_alone(tmp_path):
    """Names, patterns, kinds and exceptions of unmanaged-devices (NetworkManager.conf(5))."""
    for devices, is_left in {
        "interface-name:xenbr*": True,
        "interface-name:=xenbr": False,
        "mac:52:54:00:00:00:01;type:bridge": True,
        "*,except:type:wifi": True,
        "except:type:wifi": True,
        "*;except:interface-name:xenbr0": False,
        "interface-name:veth*": False,
        "": False,
    }.items():
        found = network_manager.parse(read(tmp_path, CONFIG.format(devices)))
        assert found.is_left_alone("xenbr0", "bridge") is is_left, devices


def test_scripts_that_name_a_card():
    """A script counts for the names that stand in it as words."""
    names = ("eno1", "xenbr0")
    out = "/d/a:eno1\n/d/a:xenbr0\n/d/b:eno1.10\n/d/c:eno1\n"
    found = network_manager.named(Facts({network_manager.dispatcher(names): Answer(0, out)}), names)
    assert found == {"/d/a": frozenset(names), "/d/c": frozenset({"eno1"})}


def test_a_file_that_is_not_changed_is_word_for_word_what_it_was():
    """Comments, blank lines and order stay; values change in their place."""
    text = "\n# a\n[connection]\nid = x\n\n#b\n[ipv4]\nmethod=auto\nmethod=manual\n\n\n"
    file = Keyfile.read(text)
    assert file.text == text
    assert file.get("ipv4", "method") == "manual"
    changed = file.holding("connection", {"id": "y", "zone": "work"}).holding("ipv4", {"method": None})
    assert changed.text == "\n# a\n[connection]\nid=y\nzone=work\n\n#b\n[ipv4]\n\n\n"
    assert file.holding("ethernet", {"mtu": None}) == file


DEFAULTS = """\
[connection]
ipv4.dhcp-timeout=90
connection.mdns=0

[connection-wired]
match-device=type:ethernet,except:interface-name:eno2
connection.mdns=2

[connection-late]
match-device=interface-name:eno1
connection.mdns=1
ipv6.ip6-privacy=2
stop-match=yes
"""


def test_what_profiles_have_by_the_configuration():
    """The first section that matches counts, the one without a name last of all."""
    has = network_manager.NetworkManager((), (), Keyfile.read(DEFAULTS))
    plain = {"ipv4.dhcp-timeout": "90", "connection.mdns": "0"}
    assert has.defaults("eno1", "ethernet") == plain | {"connection.mdns": "2", "ipv6.ip6-privacy": "2"}
    assert has.defaults("eno2", "ethernet") == has.defaults("xenbr0", "bridge") == plain


def test_a_section_that_stands_there_twice():
    """GLib takes both for one: nothing of the second is lost when the section is read, changed or exchanged."""
    text = "[ipv4]\nmethod=auto\n\n[user]\na=b\n\n[ipv4]\ndns=192.168.1.1;\n"
    file = Keyfile.read(text)
    assert file.text == text
    assert file.section("ipv4").values == {"method": "auto", "dns": "192.168.1.1;"}
    assert (
        file.holding("ipv4", {"method": "disabled"}).text
        == "[ipv4]\nmethod=disabled\ndns=192.168.1.1;\n[user]\na=b\n\n"
    )
