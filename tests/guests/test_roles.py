"""What a guest's Debian is for: the files of each role, and what the real programs say of them."""

import os
import re
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from pydantic import ValidationError

from runbook.builds import guest_system
from runbook.guests import system
from runbook.params import HostParams
from runbook.params.guests import Guest
from runbook.steps.shared import guest_systems

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp ana@home"
OUTER, INNER = "00:16:3e:14:01:00", "00:16:3e:14:01:01"
NICS = [{"bridge": "xenbr0", "mac": OUTER}, {"bridge": "xenbr1", "mac": INNER}]
ROUTER = {"kind": "router", "inside": "192.168.77.1/24"}
CARD = {"bdf": "0000:05:00.0", "id": "8086:10d3", "what": "the router's card"}
ROOT = os.environ.get("CLEAN_ROOT", "")
in_a_root = pytest.mark.skipif(
    not ROOT or os.geteuid() != 0,
    reason="CLEAN_ROOT names a Debian with nginx-light, nftables, dnsmasq and iproute2 (mmdebstrap), and root enters it",
)


def guest(role, **values):
    """Return a guest with a role; its system is that of the fewest lines."""
    own = {"debian": "trixie", "keys": [KEY], "role": role, **values.pop("system", {})}
    made = {"name": "gate", "memory_mib": 512, "volume": {"name": "gate", "size_gib": 4}, "nics": NICS}
    return Guest.model_validate({**made, "type": "hvm", "start": True, "system": own, **values})


def files(asked):
    """Return the files of a guest on a host with the bridges and the card."""
    raw = {
        "host": "box",
        "connection": {"kind": "ssh", "to": "box"},
        "passthrough": {"devices": [CARD]},
        "network": {"bridges": [{"name": "xenbr0"}, {"name": "xenbr1"}]},
        "guests": [asked.model_dump()],
    }
    params = HostParams.model_validate(raw)
    return system.files_of(params, params.guests[0], params.guests[0].system)


def test_a_bare_debian_has_no_files_of_a_role():
    """Without a role nothing is added, and the image is the one that it was."""
    bare = guest(None)
    assert set(files(bare)) == {
        "etc/hostname",
        "etc/hosts",
        "etc/fstab",
        "etc/systemd/network/50-first.network",
        "boot/grub/grub.cfg",
        "root/.ssh/authorized_keys",
    }
    assert not {"nginx-light", "dnsmasq", "nftables"} & set(guest_system.recipe(bare).packages)


def test_a_web_server_shows_one_folder():
    """Debian's nginx, by every name or by those that are asked for; a listing only where somebody wants it."""
    made = files(guest({"kind": "web"}))
    site = made["etc/nginx/sites-available/default"]
    assert "server_name _;" in site
    assert "root /srv/www;" in site
    assert "autoindex" not in site
    assert "gate" in made["srv/www/index.html"]
    named = files(guest({"kind": "web", "names": ["www.home.arpa", "home.arpa"], "listing": True}))
    assert "server_name www.home.arpa home.arpa;" in named["etc/nginx/sites-available/default"]
    assert "autoindex on;" in named["etc/nginx/sites-available/default"]
    assert "nginx-light" in guest_system.recipe(guest({"kind": "web"})).packages


def test_a_router_knows_its_inside_by_its_address_and_all_else_is_outside():
    """The inner card is in the group of interfaces that the filter lets in; the outer one is the other card."""
    made = files(guest(ROUTER))
    inside, outside = (made[f"etc/systemd/network/{n}.network"] for n in ("50-inside", "60-outside"))
    assert f"MACAddress={INNER}\n" in inside
    assert "Group=10\n" in inside
    assert "Address=192.168.77.1/24\n" in inside
    assert f"MACAddress={OUTER}\n" in outside
    assert "DHCP=ipv4\n" in outside
    assert "RequiredForOnline=no\n" in outside
    assert "etc/systemd/network/50-first.network" not in made
    other = files(guest({**ROUTER, "inside_nic": 1}))
    assert f"MACAddress={OUTER}\n" in other["etc/systemd/network/50-inside.network"]
    assert f"MACAddress={INNER}\n" in other["etc/systemd/network/60-outside.network"]


def test_a_passed_card_is_outside():
    """It has no address that anybody could know before: it is the one that Xen's driver does not have."""
    made = files(guest(ROUTER, nics=NICS[1:], pci=["0000:05:00.0"]))
    assert f"MACAddress={INNER}\n" in made["etc/systemd/network/50-inside.network"]
    assert "Driver=!vif\n" in made["etc/systemd/network/60-outside.network"]
    assert "linux-image-amd64" in guest_system.recipe(guest(ROUTER, pci=["0000:05:00.0"])).packages


def test_nothing_is_let_in_from_outside():
    """Both chains drop what no rule takes, every rule that takes a port names the inside, and no filter is no network."""
    rules = files(guest(ROUTER))["etc/nftables.conf"]
    assert rules.count("policy drop;") == 2
    ports = [line for line in rules.splitlines() if "dport" in line]
    assert len(ports) == 2
    assert all(line.strip().startswith("iifgroup 10 ") for line in ports)
    assert "ip saddr 192.168.77.0/24 oifgroup != 10 masquerade" in rules
    unit = files(guest(ROUTER))["etc/systemd/system/systemd-networkd.service.d/filter.conf"]
    assert "Requires=nftables.service" in unit


@pytest.mark.parametrize(
    "inside", ["192.168.77.1/24", "10.0.0.1/8", "192.168.77.14/28", "192.168.77.8/28", "10.9.0.130/25"]
)
def test_leases_are_of_the_inner_network_and_never_its_own_address(inside):
    """The range lies in the network, without the network's own address, the last one and the router's."""
    text = files(guest({**ROUTER, "inside": inside}))["etc/dnsmasq.d/inside.conf"]
    first, last = map(ip_address, re.search(r"dhcp-range=([\d.]+),([\d.]+),", text).groups())
    own, network = ip_address(inside.partition("/")[0]), ip_network(inside, strict=False)
    assert first <= last
    assert first in network
    assert last in network
    assert network.network_address < first
    assert last < network.broadcast_address
    assert not first <= own <= last


@pytest.mark.parametrize(
    ("role", "values", "says"),
    [
        (ROUTER, {"nics": []}, "hangs on one of its nics, and it has 0"),
        ({**ROUTER, "inside_nic": 3}, {}, "and it has 2"),
        (ROUTER, {"nics": NICS[1:]}, "a router has an outside"),
        (ROUTER, {"nics": [{"bridge": "xenbr0"}, NICS[1]]}, "give each a `mac`"),
        (ROUTER, {"system": {"ipv4": "192.168.77.9/24"}}, "two sides are one network"),
        ({**ROUTER, "inside": "dhcp"}, {}, "no network of its own"),
        ({**ROUTER, "inside": "192.168.77.1/30"}, {}, "no network of its own"),
        ({"kind": "router"}, {}, "inside"),
        ({"kind": "mail"}, {}, "'web', 'router'"),
        ({"kind": "web", "inside": "192.168.77.1/24"}, {}, "inside"),
    ],
)
def test_what_cannot_be_is_said(role, values, says):
    """A router without an outside, with two sides in one network, or with cards that nobody can tell apart."""
    with pytest.raises(ValidationError, match=says):
        guest(role, **values)


def test_a_cloud_image_has_no_role():
    """What is in it, and by which packages, its own cloud-init says."""
    cloud = {"cloud": "/srv/x.qcow2", "sha256": "ab" * 32, "keys": [KEY], "role": {"kind": "web"}}
    with pytest.raises(ValidationError, match="`role` is for `debian`"):
        guest({"kind": "web"}, system={**cloud, "debian": None})


def test_a_router_is_asked_at_its_inner_card():
    """From outside nobody may come in, dom0 neither: it asks over the inner bridge, whatever address the outside has."""
    asked = guest_systems.host_key(guest(ROUTER, system={"ipv4": "10.9.8.7/24"})).argv[-1]
    assert "key gate '' 1; true" in asked
    assert "10.9.8.7" not in asked
    assert (
        "key gate 10.9.8.7 0; true"
        in guest_systems.host_key(guest({"kind": "web"}, system={"ipv4": "10.9.8.7/24"})).argv[-1]
    )


@pytest.fixture
def inside(tmp_path):
    """Give what puts files into the clean root and runs a program there, without the host's network; and take them out."""
    there, kept = Path(ROOT), {}

    def run(made, *argv):
        for path, text in made.items():
            if not path.startswith("etc/systemd/network/"):
                place = there / path
                if place not in kept:
                    kept[place] = place.read_bytes() if place.exists() else None
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
        return subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "chroot", ROOT, *argv],
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    for place, data in kept.items():
        place.unlink() if data is None else place.write_bytes(data)


def role_files(asked):
    """Return the files of a guest beside those that every system has."""
    return {
        p: t
        for p, t in files(asked).items()
        if p.split("/")[1] in ("nginx", "nftables.conf", "dnsmasq.d", "www")
    }


@in_a_root
@pytest.mark.parametrize(
    "role", [{"kind": "web"}, {"kind": "web", "names": ["a.home.arpa"], "listing": True}]
)
def test_nginx_takes_the_site(inside, role):
    """The real program reads its whole configuration, our site in it; a broken one it does not take."""
    made = role_files(guest(role))
    done = inside(made, "nginx", "-t")
    assert (done.returncode, "test is successful" in done.stderr) == (0, True), done.stderr
    broken = {path: text.replace("server {", "server {{") for path, text in made.items()}
    assert inside(broken, "nginx", "-t").returncode != 0


@in_a_root
def test_nft_takes_the_filter(inside):
    """The real program checks and loads the rules, and shows them as they were written."""
    made = role_files(guest(ROUTER))
    done = inside(
        made, "sh", "-euc", "nft -c -f /etc/nftables.conf; nft -f /etc/nftables.conf; nft list ruleset"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("policy drop") == 2
    assert "masquerade" in done.stdout
    broken = {path: text.replace("policy drop", "policy shut") for path, text in made.items()}
    assert inside(broken, "nft", "-c", "-f", "/etc/nftables.conf").returncode != 0


@in_a_root
@pytest.mark.parametrize("address", ["192.168.77.1/24", "10.0.0.1/8", "192.168.77.14/28"])
def test_dnsmasq_takes_names_and_leases(inside, address):
    """The real program reads its configuration with ours in it; a broken one it does not take."""
    made = role_files(guest({**ROUTER, "inside": address}))
    argv = ("dnsmasq", "--test", "--conf-dir=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new")
    done = inside(made, *argv)
    assert (done.returncode, "syntax check OK" in done.stderr) == (0, True), done.stderr
    broken = {path: text.replace("dhcp-range=", "dhcp-range=x") for path, text in made.items()}
    assert inside(broken, *argv).returncode != 0


#: A router between two machines, each in a network namespace: what networkd does in the guest, ip does here.
HOUSE = """
ip netns add client; ip netns add world
ip link add inner type veth peer name eth0 netns client; ip link add outer type veth peer name eth0 netns world
ip link set lo up; ip link set inner group 10; ip addr add 192.168.77.1/24 dev inner; ip link set inner up
ip addr add 203.0.113.2/24 dev outer; ip link set outer up
sysctl -qw "$(tr -d ' ' </etc/sysctl.d/60-router.conf)" 2>/dev/null || echo 1 >/proc/sys/net/ipv4/ip_forward
nsenter --net=/run/netns/world ip addr add 203.0.113.1/24 dev eth0; nsenter --net=/run/netns/world ip link set eth0 up; nsenter --net=/run/netns/client ip link set eth0 up
mkdir -p /run/systemd/resolve /run/world; echo nameserver 203.0.113.1 >/run/systemd/resolve/resolv.conf; echo hello >/run/world/index.html
nft -f /etc/nftables.conf
dnsmasq --conf-dir=/etc/dnsmasq.d --pid-file=/run/proof.pid --dhcp-leasefile=/run/proof.leases
nsenter --net=/run/netns/world busybox httpd -p 80 -h /run/world; busybox httpd -p 22 -h /run/world
cat >/run/got <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip addr add $ip/$mask dev $interface; ip route add default via $router; echo "leased $ip router $router dns $dns domain $domain"
END
chmod +x /run/got
nsenter --net=/run/netns/client busybox udhcpc -i eth0 -n -q -t 5 -F laptop -x hostname:laptop -s /run/got 2>/dev/null
get() { nsenter --net=/run/netns/$1 busybox timeout 5 busybox wget -q -O - "$2" 2>/dev/null || echo nothing; }
echo "out: $(get client http://203.0.113.1/)"
echo "router from inside: $(get client http://192.168.77.1:22/)"
echo "name: $(nsenter --net=/run/netns/client busybox nslookup -type=a laptop.home.arpa 192.168.77.1 2>/dev/null | grep -A9 ^Name | grep -o '192[.0-9]*')"
nsenter --net=/run/netns/world ip route add 192.168.77.0/24 via 203.0.113.2
echo "router from outside: $(get world http://203.0.113.2:22/)"
leased=$(nsenter --net=/run/netns/client ip -4 -o addr show eth0 | grep -o '192[.0-9]*' | head -n 1)
nsenter --net=/run/netns/client busybox httpd -p 8080 -h /run/world
echo "client from outside: $(get world http://$leased:8080/)"
"""


@in_a_root
def test_a_client_inside_gets_an_address_a_name_and_a_way_out_and_nobody_gets_in(inside):
    """The real programs with these files: a lease, the way out, names; from outside neither router nor client answers."""
    made = files(guest(ROUTER))
    kept = {
        p: t for p, t in made.items() if p.startswith(("etc/nftables.conf", "etc/dnsmasq.d", "etc/sysctl.d"))
    }
    script = "mount -t proc proc /proc; mount -t tmpfs tmpfs /run\n" + HOUSE
    done = inside(kept, "sh", "-uc", script)
    said = done.stdout.splitlines()
    assert said[0].startswith("leased 192.168.77."), done.stdout + done.stderr
    leased = said[0].split()[1]
    assert "router 192.168.77.1 dns 192.168.77.1 domain home.arpa" in said[0]
    assert int(leased.rpartition(".")[2]) >= 128
    assert said[1:] == [
        "out: hello",
        "router from inside: hello",
        f"name: {leased}",
        "router from outside: nothing",
        "client from outside: nothing",
    ]
