"""Which lines outside of the network manager's own files name a card: found on a real shell, comments and VLANs aside."""

import subprocess

from runbook.facts import by_card_name
from runbook.model.ask import Answer, Facts

NAMES = ["eno1", "xenbr0"]
FILES = {
    "sysctl.d/40-lan.conf": "# eno1\nnet.ipv6.conf.eno1.accept_ra = 0\nnet.ipv4.conf.eno1/20.rp_filter = 2\nnet.ipv4.conf.eno10.arp_ignore = 1\n",
    "dhcp/dhclient.conf": 'interface "eno1" {\n  supersede domain-name-servers 9.9.9.9;\n}\n',
    "wireguard/wg0.conf": "[Interface]\nPrivateKey = abc\nPostUp = iptables -t nat -A POSTROUTING -o eno1 -j MASQUERADE\n",
    "systemd/system/wol.service": "[Unit]\nAfter=sys-subsystem-net-devices-eno1.device\n[Service]\nExecStart=-/sbin/ethtool -s eno1 wol g\n",
    "rc.local": "ip link set eno1.20 up\nip route add 10.8.0.0/16 dev eno1\n",
    "hosts": "10.0.0.1 eno1\n",
}


def test_the_lines_that_name_a_card(tmp_path):
    """Those of the files that are asked for, without what stands before a command; of secrets no line is read."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    question = by_card_name.ask(NAMES)
    script = question.argv[-1].replace("/etc/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.replace(f"{tmp_path}/", "/etc/")
    assert "abc" not in said
    found = by_card_name.lines(Facts({question: Answer(0, said)}), NAMES)
    assert {(line.file.removeprefix("/etc/"), line.text, line.is_setting) for line in found} == {
        ("sysctl.d/40-lan.conf", "net.ipv6.conf.eno1.accept_ra = 0", True),
        ("dhcp/dhclient.conf", 'interface "eno1" {', True),
        ("wireguard/wg0.conf", "iptables -t nat -A POSTROUTING -o eno1 -j MASQUERADE", False),
        ("systemd/system/wol.service", "/sbin/ethtool -s eno1 wol g", False),
        ("rc.local", "ip route add 10.8.0.0/16 dev eno1", False),
    }
