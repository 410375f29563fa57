"""Bridged packets pass the host's filter where the parameters ask for it: first, again, broken, taken away."""

import re
import subprocess

import pytest

from runbook.actions import Remove, Run, WriteFile
from runbook.facts import services
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.steps.xen_configuration import pass_bridged_packets as step
from runbook.steps.xen_configuration.pass_bridged_packets import UNIT, UNIT_FILE
from tests.steps.machine import like_testbed

PARAMS = like_testbed()
ASKED = PARAMS.model_copy(update={"network": PARAMS.network.model_copy(update={"pass_bridged": True})})
DROPS = "-P FORWARD DROP\n-N DOCKER-USER\n-A FORWARD -j DOCKER-USER\n"
PASSES = f"{DROPS}-A DOCKER-USER -m physdev --physdev-is-bridged -j ACCEPT\n"


def host(rules, *, is_there):
    """Return the facts of a host with these rules, with the unit or without."""
    state = ("loaded", "active", "enabled") if is_there else ("not-found", "inactive", "")
    said = "Id={}\nLoadState={}\nActiveState={}\nUnitFileState={}\n".format(UNIT, *state)
    return Facts(
        {
            Ask.read(UNIT_FILE): Answer(0, step.content()) if is_there else Answer(MISSING),
            Ask.read("/proc/sys/net/bridge/bridge-nf-call-iptables"): Answer(0, "1\n"),
            Ask.run("iptables", "-S"): Answer(0, rules),
            services.commands(UNIT)[0]: Answer(0, "running"),
            services.commands(UNIT)[1]: Answer(0, said),
        }
    )


def test_first_run_and_again():
    """The unit is written, known, enabled and started, in this order; then nothing is left to do."""
    actions = step.plan(ASKED, host(DROPS, is_there=False)).actions
    assert isinstance(actions[0], WriteFile)
    assert [a.argv[1] for a in actions if isinstance(a, Run)] == ["daemon-reload", "enable", "restart"]
    assert step.plan(ASKED, host(PASSES, is_there=True)).actions == ()
    assert step.check(ASKED, host(PASSES, is_there=True)) == []


def test_a_rule_that_somebody_flushed_is_found_and_comes_again():
    """The unit is active, and its rule is gone: the check says who drops, the plan starts it anew."""
    flushed = host(DROPS, is_there=True)
    assert [f.what for f in step.check(ASKED, flushed)] == ["Docker still drops bridged packets"]
    assert [a.argv for a in step.plan(ASKED, flushed).actions] == [("systemctl", "restart", UNIT)]


def test_it_goes_when_nobody_asks_any_more():
    """The unit is stopped, which takes the rule out, then removed."""
    actions = step.plan(PARAMS, host(PASSES, is_there=True)).actions
    assert [type(a) for a in actions] == [Run, Remove, Run]
    assert actions[0].argv == ("systemctl", "disable", "--now", UNIT)
    assert step.plan(PARAMS, host(DROPS, is_there=False)).actions == ()
    by_hand = Facts({Ask.read(UNIT_FILE): Answer(0, "[Unit]\nDescription=mine\n")})
    assert step.plan(PARAMS, by_hand).actions == ()


IPTABLES = """#!/bin/sh
# Knows as much of iptables as one rule needs: its chains, and the rules in them, as files.
d={folder}/${{0##*/}}; mkdir -p $d
case $1 in
  -n) [ -e $d/$3 ] ;;
  -C) grep -qsxF -e "$*" $d/$2.rules || grep -qs . $d/$2.rules ;;
  -I) echo "$*" >>$d/$2.rules ;;
  -D) [ -s $d/$2.rules ] && : >$d/$2.rules ;;
esac
"""


@pytest.mark.parametrize("chain", ["DOCKER-USER", "FORWARD"])
def test_the_unit_s_shell_adds_the_rule_once_and_takes_it_out(tmp_path, chain):
    """What systemd would run, run: in Docker's chain for people where it is, else in FORWARD, for IPv4 and IPv6; out of
    either, wherever it came to stand."""
    for name in ("iptables", "ip6tables"):
        (tmp_path / name).write_text(IPTABLES.format(folder=tmp_path / "state"))
        (tmp_path / name).chmod(0o755)
        (tmp_path / "state" / name).mkdir(parents=True)
        (tmp_path / "state" / name / chain).touch()
    start, stop = (
        re.search(rf"{key}=-?/bin/sh -c '(.*)'\n", step.content())[1].replace("$$", "$")
        for key in ("ExecStart", "ExecStop")
    )
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    for _ in range(2):
        subprocess.run(["sh", "-c", start], env=env, check=True)
    rules = [tmp_path / "state" / name / f"{chain}.rules" for name in ("iptables", "ip6tables")]
    wanted = f"-I {chain} -m physdev --physdev-is-bridged -j ACCEPT\n"
    assert [file.read_text() for file in rules] == [wanted, wanted]
    for name in ("iptables", "ip6tables"):  # Docker starts only now
        (tmp_path / "state" / name / "DOCKER-USER").touch()
    subprocess.run(["sh", "-c", stop], env=env, check=False)
    assert [file.read_text() for file in rules] == ["", ""]
