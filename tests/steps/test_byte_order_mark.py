"""A byte order mark in front of a file of the host's: passed over where its program does, else refused with the way to take it off."""

import json
import shutil
import subprocess

import pytest

from runbook.facts import grub_sources, netplan, network, networkd
from runbook.facts.interfaces import FILE, MARK
from runbook.model.ask import MISSING, Answer, Facts
from runbook.steps.debian_configuration import require_ssh_keys
from runbook.steps.introduction import survey_debian
from runbook.steps.shared import byte_order_mark
from runbook.steps.shared.writers import netplan as netplan_writer
from runbook.steps.shared.writers import networkd as networkd_writer
from runbook.steps.xen_configuration import configure_bridges, set_boot_menu
from tests.cases.hosts import Case
from tests.steps.machine import files_said, like_testbed
from tests.steps.test_debian_configuration import BEFORE
from tests.steps.test_network_manager import OFFICE, office, planned
from tests.steps.test_survey_debian import facts as survey_facts

SAYS = "{} begins with a byte order mark"
BRIDGED = like_testbed(
    network={"bridges": [{"name": "br0", "ports": ["eno1"], "ipv4": "keep", "ipv6": "keep"}]},
    guests=[],
    management={},
)


def bridges_of(files):
    """Return the plan of a host with these files besides its own."""
    case = Case("comments-head")
    host = case.machine()
    host.files |= files
    return configure_bridges.plan(case.params, host.facts(configure_bridges.asks(case.params)))


@pytest.mark.parametrize("path", [FILE, "/etc/network/interfaces.d/modem"])
def test_ifup_would_read_nothing(path):
    """Whichever file has it, in front of a comment or of a paragraph, and nothing is written."""
    own = Case("comments-head").text("interfaces")
    more = {} if path == FILE else {FILE: f"source {path}\n{own}"}
    said = bridges_of({**more, path: MARK + (own if path == FILE else "auto lo:1\n")})
    assert (said.actions, [(f.level, f.what) for f in said.findings]) == ((), [("refuse", SAYS.format(path))])
    assert not bridges_of({**more, path: own if path == FILE else "auto lo:1\n"}).findings


def test_a_file_that_sleeps_is_no_matter():
    """ifup never opens a file that no line names."""
    assert bridges_of({"/etc/network/interfaces.d/asleep": f"{MARK}auto lo:1\n"}).actions


def test_network_manager_would_not_read_its_profile():
    """What is in force is from before the mark came: the next start would be without it."""
    host = office()
    host.files[OFFICE] = MARK + host.files[OFFICE]
    said = planned(host)
    assert (said.actions, [(f.level, f.what) for f in said.findings]) == (
        (),
        [("refuse", SAYS.format(OFFICE))],
    )


def grub_said(place):
    """Return what a host says of these files of its own: its shell looks at real ones, below another folder."""
    (ask,) = grub_sources.COMMANDS
    line = ask.argv[-1].replace("/etc/", f"{place}/etc/")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return Answer(0, done.stdout.replace(str(place), ""))


ENDS = "{} has line ends of Windows (CR LF)"
GRUBS = {
    "plain": ({"default/grub": "A=1\n", "default/grub.d/me.cfg": "B=2\n", "grub.d/40_custom": "#!/bin/sh\n"}, []),
    "nothing there": ({}, []),
    "mark": ({"default/grub": f"{MARK}# A\n"}, [SAYS.format("/etc/default/grub")]),
    "mark in an addition": ({"default/grub": "A=1\n", "default/grub.d/m e.cfg": f"{MARK}B=2\n"}, [SAYS.format("/etc/default/grub.d/m e.cfg")]),
    "ends": ({"default/grub": "A=1\r\n\r\n"}, [ENDS.format("/etc/default/grub")]),
    "ends in an addition": ({"default/grub.d/me.cfg": "A=1\nB=2\r\n"}, [ENDS.format("/etc/default/grub.d/me.cfg")]),
    "both": ({"default/grub": f"{MARK}A=1\r\n"}, [SAYS.format("/etc/default/grub"), ENDS.format("/etc/default/grub")]),
    "a script": ({"grub.d/07_me": "#!/bin/sh\r\n"}, [ENDS.format("/etc/grub.d/07_me")]),
    "what nobody reads": ({"default/grub.d/me.txt": f"{MARK}A=1\r\n", "grub.d/asleep": "#!/bin/sh\r\n"}, []),
    "a menu entry's own lines": ({"grub.d/40_custom": "#!/bin/sh\nexec tail -n +3 $0\nmenuentry x {\r\n}\r\n"}, []),
}  # fmt: skip


@pytest.mark.parametrize("case", GRUBS)
def test_what_grub_makes_its_menu_from(case, tmp_path):
    """`update-grub` ends at it, in 05 already, so 00 refuses, and 06 too; the move of each refusal leads on."""
    files, wanted = GRUBS[case]
    for name, text in files.items():
        file = tmp_path / "etc" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        file.chmod(0o644 if "asleep" in name else 0o755)
    params, host = like_testbed(), Case("grub-brace-comment").machine()
    (ask,) = grub_sources.COMMANDS

    def stops(step, known):
        return list(step.plan(params, Facts(known | {ask: grub_said(tmp_path)})).stops)

    menu = dict(host.facts(set_boot_menu.asks(params)).items())
    debian = dict(survey_facts().items())
    assert [f.what for f in stops(set_boot_menu, menu)] == wanted
    found = stops(survey_debian, debian)
    assert [f.what for f in found] == wanted
    for finding in found:
        subprocess.run(
            ["sh", "-c", finding.do.split("`")[1].replace("/etc/", f"{tmp_path}/etc/")], check=True
        )
    assert stops(set_boot_menu, menu) == stops(survey_debian, debian) == []


def test_a_host_that_was_not_asked_about_grubs_files():
    """An answer that is not there says nothing of them."""
    (ask,) = grub_sources.COMMANDS
    for facts in (Facts({}), Facts({ask: Answer(127)}), Facts({ask: Answer(MISSING)})):
        assert grub_sources.parse(facts) == grub_sources.GrubSources()


def test_sshd_says_it_itself():
    """`sshd -T` ends with the line, and so it is what the refusal says."""
    error = r"/etc/ssh/sshd_config: line 1: Bad configuration option: \357\273\277Port"
    params = like_testbed(configuration={"ssh": "keys-only"})
    facts = {ask: BEFORE[ask.key] for ask in require_ssh_keys.asks(params)}
    (effective,) = (ask for ask in facts if ask.argv[-1] == "-T")
    (said,) = require_ssh_keys.plan(params, Facts(facts | {effective: Answer(255, "", error)})).findings
    assert (said.level, said.why) == ("refuse", error)


ADDRESS = json.dumps([{"ifname": "eno1", "address": "52:54:00:00:00:01", "addr_info": [], "flags": ["UP"]}])
UNIT = "# the outside\n[Match]\nName=eno1\n\n[Network]\nDHCP=yes\nDNS=9.9.9.9\n"
PLAN = "# the outside\nnetwork:\n  version: 2\n  ethernets:\n    eno1:\n      dhcp4: true\n      mtu: 9000\n"


@pytest.mark.parametrize(
    ("writer", "ask", "path", "text"),
    [
        (networkd_writer, networkd._FILES, "/etc/systemd/network/20-lan.network", UNIT),
        (networkd_writer, networkd._FILES, "/etc/systemd/network/20-lan.network", UNIT.partition("\n")[2]),
        (netplan_writer, netplan._FILES, "/etc/netplan/a.yaml", PLAN),
        (netplan_writer, netplan._FILES, "/etc/netplan/a.yaml", PLAN.partition("\n")[2]),
    ],
)
def test_it_is_passed_over_where_the_program_does(writer, ask, path, text):
    """systemd and netplan read such a file, and what is written of it is what is written of one without the mark."""

    def written(text):
        status = f"● 2: eno1\n Network File: {path if writer is networkd_writer else '/run/systemd/network/10-netplan-eno1.network'}\n"
        said = {network._ADDR: ADDRESS, network._ROUTE: "[]", networkd._STATUS: status}
        facts = {a: Answer(0, said.get(a, "")) for a in writer.asks(BRIDGED)}
        facts |= {a: Answer(0, said.get(a, "")) for a in (*network.COMMANDS, *network.MORE)}
        return writer.write(BRIDGED, Facts(facts | {ask: Answer(0, files_said({path: text}, {}))}))

    with_mark = written(MARK + text)
    assert with_mark == written(text)
    assert any(f.path == path or "br0" in f.path for f in with_mark.files)
    assert MARK not in "".join(f.content or "" for f in with_mark.files)


@pytest.mark.skipif(not shutil.which("sed"), reason="there is no sed")
def test_the_move_takes_it_off(tmp_path):
    """The command of the refusal leaves the file without the mark, and all else as it was."""
    file = tmp_path / "the file"
    file.write_text(f"{MARK}auto lo\n{MARK}# ä\n", encoding="utf-8")
    (said,) = byte_order_mark.refused([str(file)], "nothing is read")
    subprocess.run(["sh", "-c", said.do.split("`")[1]], check=True)
    assert file.read_text(encoding="utf-8") == f"auto lo\n{MARK}# ä\n"
