"""Secrets of network managers by how they are spelt: hidden where answers are kept, and no file with one is written anew."""

import pytest

from runbook.drift.kept import hidden
from runbook.model.ask import Answer
from runbook.redaction.spelt import holds

KEY = "4GgaQCy68nzNsUE5aJ9fuLzHhB65tAlwbmA72MWnOm8="


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ('          password: "open sesame"', "open sesame"),
        ("    wpa-psk open-sesame", "open-sesame"),
        ("\twpa-passwd open-sesame", "open-sesame"),
        (f"PrivateKey={KEY}", KEY),
        (f"PresharedKey = {KEY}", KEY),
        (f"      key: {KEY}", KEY),
        (f"            shared: {KEY}", KEY),
        (f'            private: "{KEY}"', KEY),
    ],
)
def test_a_managers_secret_is_hidden_and_known(line, secret):
    """Netplan's, networkd's and ifupdown's words for it, as they stand in files of people."""
    text = f"# a file\n{line}\nmore\n"
    assert holds(text)
    kept = hidden(Answer(0, text), "k").out
    assert secret not in kept
    assert "hidden-" in kept
    assert kept.startswith("# a file\n")


@pytest.mark.parametrize(
    "text",
    [
        "[IPv6AcceptRA]\nToken=eui64\n",
        "ipv6-address-token: ::2\n",
        "iface eno1 inet static\n    address 10.0.0.2/24\n    dns-search example.org\n",
        "network:\n  version: 2\n  ethernets:\n    eno1:\n      dhcp4: true\n      macaddress: 52:54:00:00:00:01\n",
        f"PublicKey={KEY}\n",
        "key-management: none\n",
    ],
)
def test_what_is_none_stays_as_it_is(text):
    """An address's token, a public key, plain configuration."""
    assert not holds(text)
