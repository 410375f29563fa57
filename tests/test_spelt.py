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


SAYS = "open-sesame"
TOKEN = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"AWS_SECRET_ACCESS_KEY={TOKEN}", TOKEN),
        (f"export AWS_SECRET_ACCESS_KEY='{TOKEN}'", TOKEN),
        (f"Environment=AWS_SECRET_ACCESS_KEY={TOKEN}", TOKEN),
        ('Environment="RESTIC_PASSWORD=open sesame, please" "X=1"', "sesame"),
        ("Environment='RESTIC_PASSWORD=open sesame'", "sesame"),
        ("aws_access_key_id = AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("B2_ACCOUNT_KEY=K001abcdefgh", "K001abcdefgh"),
        ("B2_APPLICATION_KEY=K001abcdefgh", "K001abcdefgh"),
        ("CF_API_TOKEN=abcdefgh1234", "abcdefgh1234"),
        ("CF_API_KEY=abcdefgh1234", "abcdefgh1234"),
        ("export CF_Key=abcdefgh1234", "abcdefgh1234"),
        ("dns_cloudflare_api_token = abcdefgh1234", "abcdefgh1234"),
        ("HETZNER_DNS_KEY=abcdefgh1234", "abcdefgh1234"),
        ("apikey: abcdefgh1234", "abcdefgh1234"),
        ("  api_key = abcdefgh1234", "abcdefgh1234"),
        ('{"apiKey": "abcdefgh1234", "x": 1}', "abcdefgh1234"),
        (r'echo "{\"token\": \"abcdefgh1234\"}"', "abcdefgh1234"),
        ("wget https://dyn.example/update?token=abcdefgh1234", "abcdefgh1234"),
        ("Authorization: Bearer abcdefgh1234", "abcdefgh1234"),
        ('curl -H "Authorization: Basic YWxhZGRpbjpvcGVu" https://x.example', "YWxhZGRpbjpvcGVu"),
        ("curl -H 'Authorization: abcdefgh1234' https://x.example", "abcdefgh1234"),
        ("curl -H 'X-Api-Key: abcdefgh1234' https://x.example", "abcdefgh1234"),
        (f"curl -fsS -u ana:{SAYS} https://x.example", SAYS),
        (f"curl --user 'ana:{SAYS}' https://x.example", SAYS),
        (f"sshpass -p {SAYS} ssh nas", SAYS),
        (f"sshpass -p'{SAYS}' ssh nas", SAYS),
        (f"mysqldump -u root -p{SAYS} all", SAYS),
        (f"mysql --password={SAYS} -e 'show tables'", SAYS),
        (f"smbclient -U ana%{SAYS} //nas/x", SAYS),
        (f"ldapsearch -x -D cn=x -w {SAYS}", SAYS),
        (f"nsupdate -y hmac-sha256:host:{TOKEN}=", TOKEN),
        (f"SMB_PASS={SAYS}", SAYS),
        (f"//nas/x /srv cifs username=ana,pass={SAYS},uid=0 0 0", SAYS),
        (f"//nas/x /srv cifs username=ana,password={SAYS},uid=0 0 0", SAYS),
        (f"password={SAYS},with,commas", "commas"),
        ("psk=open sesame please", "please"),
        (f"  secret {TOKEN}==;", TOKEN),
        (f'key host {{ algorithm hmac-md5; secret  "{TOKEN}="; }};', TOKEN),
        ("wep-key0=abcde12345", "abcde12345"),
        ('\twep_key1="abcde12345"', "abcde12345"),
        ("    wpa-wep-key0 abcde12345", "abcde12345"),
        ("pin=1234", "1234"),
        ('  "pin": "12345678"', "12345678"),
        (f"machine x.example login ana password {SAYS}", SAYS),
        (f"password       {SAYS}", SAYS),
        (f"ExecStart=/usr/bin/agent --api-key {SAYS} --user x", SAYS),
        ("url = https://ghp_0123456789012345678901234567890123456789@x.example", "ghp_0123456789"),
    ],
)
def test_a_secret_of_a_program_is_hidden(line, secret):
    """Keys of stores and of DNS, headers, words on command lines, options of mounts: each is hidden, and what is around it stays."""
    text = f"# a file\n{line}\nmore = 1\n"
    assert holds(text)
    kept = hidden(Answer(0, text), "k").out
    assert secret not in kept
    assert "hidden-" in kept
    assert kept.startswith("# a file\n")
    assert kept.endswith("\nmore = 1\n")
    assert hidden(Answer(0, kept), "k").out == kept


@pytest.mark.parametrize(
    "text",
    [
        "Package: *\nPin: release a=trixie-backports\nPin-Priority: 1001\n",
        "Pin: version 6.12*\nPin: origin deb.example\n",
        "PWD=/root\nOLDPWD=/srv\n",
        "passwd:         files systemd\n",
        "# <file system> <mount point> <type> <options> <dump> <pass>\nUUID=1 / ext4 errors=remount-ro 0 1\n",
        "PasswordAuthentication no\nPermitEmptyPasswords no\npasswordauthentication no\n",
        "auth [success=1 default=ignore] pam_unix.so nullok try_first_pass\npassword requisite pam_deny.so\n",
        "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n@include common-password\n",
        "bypass=1\ncompass: north\npass-through=on\nxen-pciback.passthrough=1\n",
        "CONFIG_SYSTEM_TRUSTED_KEYS=y\nCONFIG_PERSISTENT_KEYRINGS=y\nCONFIG_MODULE_SIG_KEY=y\n",
        "ana ALL=(root) NOPASSWD: /usr/sbin/xl list\n",
        "monkey = 1\nkeymap=de\nturkey: x\nhotkey=F2\nXKBLAYOUT=de\n",
        "mysql -p\nmkdir -p /srv\ncurl -u https://x.example\nssh -p 22 nas\nmkdir -p mysql\n",
        "token=::2\nToken=static:::1a\nsecretary: ana\n",
        "password =\nuser = ana\n",
        "credentials=/root/.smb\nRESTIC_PASSWORD_FILE=/root/key\nAuthorizedKeysFile .ssh/authorized_keys\n",
        "vcpus_pin: 0-3\nspin=1\nkeyring=1234\n",
        "net 10.0.0.0 is there\nthe pass is closed\n",
    ],
)
def test_ordinary_words_stay(text):
    """A pin of apt's, a shell's folder, PAM's and sshd's words, kernel options: nothing of them is a secret."""
    assert hidden(Answer(0, text), "k").out == text
    assert not holds(text)
