"""Which cards the rules of a packet filter name: in its files, in what those include, by a wildcard, and in force."""

import subprocess

import pytest

from runbook.facts import bridge_filter, filter_files
from runbook.model.ask import Answer, Facts

NAMES = ["eno1", "xenbr0"]
CONF = "/etc/nftables.conf"


@pytest.mark.parametrize(("line", "named"), [
    ('iifname "en*" tcp dport 80 accept', {"eno1"}),
    ("-A INPUT -i en+ -j ACCEPT", {"eno1"}),
    ("-A INPUT ! -i xenbr+ -j DROP", {"xenbr0"}),
    ('iifname { "eno*", "xen*" } accept', {"eno1", "xenbr0"}),
    ("-A INPUT -i + -j ACCEPT", set()),
    ('iifname "enp*" accept', set()),
    ('include "/etc/nft/eno*"', set()),
    ("-A FORWARD -m physdev --physdev-in eno1 -j ACCEPT", set()),
    ("net eno+ dhcp", {"eno1"}),
    ("iifname eno1.100 accept", set()),
    ("# iifname eno1 accept", set()),
])  # fmt: skip
def test_a_wildcard_names_each_card_that_it_fits(line, named):
    """A rule for `en+` rules the card as one for `eno1` does, and does not rule the bridge."""
    assert filter_files.read(f"{CONF}:\t{line}\n", NAMES) == ({CONF: named} if named else {})


def test_what_a_file_includes_is_read_too(tmp_path):
    """By a whole path, by one from /etc, with a wildcard, and from there again."""
    etc = tmp_path / "etc"
    (etc / "nft/deep").mkdir(parents=True)
    (etc / "nftables.conf").write_text(
        f'include "{etc}/nft/*.nft"\n\tinclude "own.nft"\n# include "not.nft"\n'
    )
    (etc / "nft/a.nft").write_text(f'include "{etc}/nft/deep/b.rules"\n')
    (etc / "nft/deep/b.rules").write_text('iifname "eno1" accept\n')
    (etc / "own.nft").write_text('iifname "en*" accept\n')
    (etc / "not.nft").write_text('iifname "eno1" accept\n')
    question = filter_files.ask(NAMES)
    done = subprocess.run(
        ["sh", "-c", question.argv[-1].replace("/etc/", f"{etc}/").replace(f"{etc}{etc}", str(etc))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = filter_files.naming(Facts({question: Answer(0, done.stdout)}), NAMES)
    assert found == {f"{etc}/nft/deep/b.rules": {"eno1"}, f"{etc}/own.nft": {"eno1"}}


RULES = (
    "-P INPUT DROP\n-A INPUT -i eno1 -p tcp -m tcp --dport 22 -j ACCEPT\n-A FORWARD -i docker0 -j ACCEPT\n"
)


def test_rules_in_force_that_no_file_tells_of_count():
    """A script loads them, from wherever: what `iptables -S` says is what drops. A file that tells of them is named instead."""
    question = filter_files.ask(NAMES)
    live = {question: Answer(0), bridge_filter.COMMANDS[1]: Answer(0, RULES)}
    assert filter_files.naming(Facts(live), NAMES) == {"`iptables -S`": {"eno1"}}
    told = live | {question: Answer(0, "/etc/iptables/rules.v4:-A INPUT -i eno1 -j ACCEPT\n")}
    assert filter_files.naming(Facts(told), NAMES) == {"/etc/iptables/rules.v4": {"eno1"}}
    both = live | {bridge_filter.COMMANDS[1]: Answer(0, RULES + RULES.replace("eno1", "xenbr0"))}
    assert filter_files.naming(Facts(both), NAMES) == {"`iptables -S`": {"eno1", "xenbr0"}}
    none = live | {bridge_filter.COMMANDS[1]: Answer(127)}
    assert filter_files.naming(Facts(none), NAMES) == {}
