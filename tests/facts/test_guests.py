"""Guests, configuration files and volumes, read from what the tools say."""

from pathlib import Path

import pytest

from runbook.facts import guest_files, guests
from runbook.facts.storage import inside
from runbook.model.ask import MISSING, Answer, Ask, Facts

TESTBED = Path(__file__).parent / "guests" / "testbed"
LIST, LONG, INFO, MASTERS = guests.RUNNING


def sample(name):
    """Return an answer that the testbed gave under Xen 4.20."""
    return Answer(0, (TESTBED / name).read_text())


def running():
    answers = {LIST: sample("xl-list.txt"), LONG: sample("xl-list-l.json"), INFO: sample("xl-info.txt")}
    return Facts({**answers, MASTERS: Answer(0)})


def test_the_testbed_under_xen_has_dom0_only():
    """The first boot under Xen shows dom0 with its fixed memory, no device given away, and what is free."""
    found = guests.parse(running())
    assert (found.answered, found.free_mib) == (True, 4026)
    (dom0,) = found.domains
    assert (dom0.name, dom0.domid, dom0.memory_mib, dom0.state) == ("Domain-0", 0, 2048, "r-----")
    assert (dom0.pci, dom0.disks, dom0.bridges, dom0.is_alive) == ((), (), (), True)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(1, "", "ERROR:  Can't find hypervisor information in sysfs!\n"), "Can't find hypervisor"),
        (Answer(127, "", "sh: 1: xl: not found\n"), "xl: not found"),
        (Answer(1), "status 1"),
    ],
)
def test_without_xen_the_reason_is_kept(answer, why):
    """When `xl` does not answer there are no domains, and its own words say why."""
    found = guests.parse(Facts({LIST: answer, LONG: answer, INFO: answer, MASTERS: Answer(0)}))
    assert (found.answered, found.domains, found.free_mib) == (False, (), None)
    assert why in found.why


def test_what_xl_makes_of_a_file_is_read():
    """The testbed's `xl create -n` of a guest with one passed-through card and no disk."""
    facts = Facts({guest_files.dry_run("/etc/xen/probe.cfg"): sample("xl-create-n.json")})
    assert guest_files.parse_dry_run(facts, "/etc/xen/probe.cfg") == guest_files.DryRun(
        True, "", "probe", 256, (), (), ("0000:00:05.0",)
    )


def test_a_dry_run_that_is_refused_keeps_the_error():
    """The words of xl arrive; a file that is not there is another answer."""
    ask = guest_files.dry_run("/etc/xen/x.cfg")
    said = Answer(1, "", "Parsing config from /etc/xen/x.cfg\n/etc/xen/x.cfg:1: config parsing error\n")
    assert guest_files.parse_dry_run(Facts({ask: said}), "/etc/xen/x.cfg").error.endswith(
        "config parsing error"
    )
    assert not guest_files.parse_dry_run(Facts({ask: Answer(MISSING)}), "/etc/xen/x.cfg").exists
    assert "no JSON" in guest_files.parse_dry_run(Facts({ask: Answer(0, "{")}), "/etc/xen/x.cfg").error


def test_the_files_of_the_folder_come_apart_again():
    """Lines of several files, with colons and empty lines in them, are put together by file."""
    out = "/etc/xen/a.cfg:# a: b\n/etc/xen/a.cfg:\n/etc/xen/a.cfg:x = 1\n/etc/xen/b-c.cfg:y = 2\n"
    assert guest_files.parse_files(Facts({guest_files.FILES: Answer(0, out)})) == {
        "/etc/xen/a.cfg": "# a: b\n\nx = 1\n",
        "/etc/xen/b-c.cfg": "y = 2\n",
    }


def test_the_autostart_folder_may_be_missing():
    """No folder is another answer than an empty one."""
    missing = Facts(
        {guest_files.AUTOSTART: Answer(1, "", "find: '/etc/xen/auto': No such file or directory\n")}
    )
    assert guest_files.parse_autostart(missing) is None
    assert guest_files.parse_autostart(Facts({guest_files.AUTOSTART: Answer(0)})) == ()


def test_questions_are_quoted_for_the_shell():
    """A path with a space stays one word in the questions about disks and discs."""
    assert "'/srv/a b.iso'" in guest_files.existing(("/srv/a b.iso",)).argv[2]
    assert "'/dev/g/a b'" in inside.holding(("/dev/g/a b",)).argv[2]


def test_only_four_questions_are_asked_about_what_runs():
    """On a slow machine each question costs: names, details, memory and bridges, no more."""
    assert all(isinstance(ask, Ask) for ask in guests.RUNNING)
    assert len(guests.RUNNING) == 4
