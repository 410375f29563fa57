"""Guests that are on a host already: what a person wrote stays, what is left is told of, what runs keeps what it has."""

from pathlib import Path

import pytest

from runbook.actions import WriteFile
from runbook.actions.volumes import TAG
from runbook.facts import configurations
from runbook.facts.storage import asks
from runbook.model.ask import Answer
from runbook.params import HostParams, load
from runbook.steps.guests import create_volumes, set_autostart, start_guests, write_guest_configs
from tests.guests.machine import GIB, HandMade, Running, configured, running
from tests.storage_answers import lv, lvm

PARAMS = load(Path(__file__).parents[2] / "params/testbed.yml")
COMM = "/etc/xen/comm.cfg"
FORMS = ("/dev/mapper/guests-comm", "/dev/guests/comm", "/dev/disk/by-id/dm-name-guests-comm", "/dev/dm-7")


def planned(step, host):
    return step.plan(host.params, host.facts(step))


def without(name):
    """Return the testbed's parameters without a guest."""
    raw = PARAMS.model_dump()
    raw["guests"] = [guest for guest in raw["guests"] if guest["name"] != name]
    raw["management"] = {}
    return HostParams.model_validate(raw)


def starting(name):
    """Return the testbed's parameters with one guest that is to start."""
    raw = PARAMS.model_dump()
    raw["guests"] = [{**guest, "start": guest["name"] == name} for guest in raw["guests"]]
    return HostParams.model_validate(raw)


def by_hand(text):
    host = configured(PARAMS)
    host.files[COMM] = text
    return host


class TestWhatAPersonWrote:
    def test_is_a_loss_that_names_the_moves(self):
        """The plan is carried out only for those who agreed to it, and says what goes, how to keep it, how it comes back."""
        plan = planned(
            write_guest_configs, by_hand("name = 'comm'\ntype = 'hvm'\nmemory = 4096\nvcpus = 9\n")
        )
        (loss,) = plan.losses
        assert loss.what.startswith(
            f"{COMM} was written by hand, and would be replaced: lost or changed are memory: 4096 → 256"
        )
        assert "runbook guest adopt PARAMS comm" in loss.do
        assert "runbook undo" in loss.do
        assert not plan.stops

    def test_and_edited_in_a_file_of_ours_is_a_loss_too(self):
        """One word changed after the runbook wrote the file is named, and the check fails until somebody decides."""
        host = configured(PARAMS)
        host.files[COMM] = host.files[COMM].replace("vcpus = 1", "vcpus = 2")
        (loss,) = planned(write_guest_configs, host).losses
        assert loss.what.startswith(
            f"{COMM} was edited by hand after the runbook wrote it, and would be replaced"
        )
        assert loss.what.endswith("lost or changed are vcpus: 2 → 1")
        failed = [
            f.what
            for f in write_guest_configs.check(PARAMS, host.facts(write_guest_configs))
            if f.level == "fail"
        ]
        assert (
            f"{COMM} was written by hand, and is not what the parameters say: lost or changed are vcpus: 2 → 1"
            in failed
        )

    def test_stays_where_it_asks_for_the_same(self):
        """A file with other words, comments and order, and the same guest in effect, is not written over for its style."""
        lines = [line for line in configured(PARAMS).files[COMM].splitlines() if not line.startswith("#")]
        host = by_hand("# mine\n" + "\n".join(lines).replace('type = "hvm"', 'builder = "hvm"'))
        assert planned(write_guest_configs, host).actions == ()
        assert planned(write_guest_configs, host).losses == ()
        assert [
            f for f in write_guest_configs.check(PARAMS, host.facts(write_guest_configs)) if f.stops
        ] == []
        assert not any(f.after for f in planned(start_guests, host).findings)

    def test_of_a_host_whose_parameters_changed_is_not_asked_about(self):
        """What the runbook itself wrote, and nobody edited, follows the parameters without a question."""
        raw = PARAMS.model_dump()
        raw["guests"] = [{**g, "vcpus": 3} for g in raw["guests"]]
        host = configured(HostParams.model_validate(raw))
        host.params = PARAMS
        plan = planned(write_guest_configs, host)
        assert [type(a) for a in plan.actions] == [WriteFile] * len(PARAMS.guests)
        assert plan.losses == ()

    def test_and_xl_cannot_read_is_a_loss_that_says_so(self):
        """A file that ends in the middle is not thrown away unasked either."""
        (loss,) = planned(write_guest_configs, by_hand("name = 'comm'\ndisk = [ 'a'\n")).losses
        assert "xl cannot read it (line 2" in loss.what

    def test_for_other_guests_is_named_once_and_left_alone(self):
        """Guests that the parameters never had are one line, with the way to take them in; copies are nobody's guests."""
        host = configured(PARAMS)
        host.files |= {
            "/etc/xen/mail": "name = 'mail'\nmemory = 64\n",
            "/etc/xen/mail.cfg~": "name = 'mail'\nmemory = 64\n",
        }
        (info,) = planned(write_guest_configs, host).findings
        assert (info.level, info.what) == (
            "info",
            "Guests that the parameters do not have, and that stay as they are: mail (/etc/xen/mail)",
        )
        assert "runbook guest adopt PARAMS NAME" in info.do

    def test_and_nobody_can_read_is_said(self):
        """A configuration of another guest that xl cannot read is named, for what it claims is not known."""
        host = configured(PARAMS)
        host.files["/etc/xen/old"] = "name = 'old\nmemory = 64\n"
        (warning,) = planned(write_guest_configs, host).findings
        assert warning.what.startswith("/etc/xen/old cannot be read: line 1")


class TestAGuestThatWasTakenOut:
    def host(self, **values):
        host = configured(PARAMS, **values)
        host.params = without("comm")
        return host

    def test_is_told_of_with_its_file_its_disk_and_the_moves(self):
        """Its configuration has our words, so it was ours: file, data and the way back or away are named, and nothing is done."""
        plan = planned(write_guest_configs, self.host())
        (warning,) = plan.findings
        assert warning.what == "The guest 'comm' is no longer in the parameters, and is still on the host"
        assert warning.why == f"{COMM} is still there, with its data on /dev/guests/comm"
        assert "runbook guest adopt PARAMS comm" in warning.do
        assert f"rm {COMM}" in warning.do
        assert "lvremove guests/comm" in warning.do
        assert plan.actions == ()
        assert warning in write_guest_configs.check(without("comm"), self.host().facts(write_guest_configs))

    def test_and_runs_is_told_of_where_guests_are_started(self):
        """A running one keeps its memory and devices, and nobody would look for it."""
        host = self.host(running=(running(PARAMS, "comm"),))
        said = [f.what for f in planned(start_guests, host).findings]
        assert "The guest 'comm' runs, and the parameters no longer have it" in said
        (warning,) = planned(write_guest_configs, host).findings
        assert warning.what.endswith("is still on the host, where it runs")
        assert "xl shutdown -F -w comm" in warning.do

    def test_loses_its_link_and_that_is_said(self):
        """The link that starts it with the host is the runbook's, and goes; the plan says whose."""
        host = self.host(
            links={
                "03-comm.cfg": "../comm.cfg",
                "01-ipfire.cfg": "../ipfire.cfg",
                "02-nginx.cfg": "../nginx.cfg",
            }
        )
        plan = planned(set_autostart, host)
        assert [a.path for a in plan.actions] == ["/etc/xen/auto/03-comm.cfg"]
        assert [f.what for f in plan.findings] == [
            "The guest 'comm' is no longer in the parameters, and would no longer start with the host"
        ]

    def test_has_a_volume_that_is_told_of(self):
        """A volume with the runbook's tag that no guest has is named; a person's own is not, nor a snapshot."""
        rows = [
            {**lv("guests/comm", GIB, 0), "lv_tags": TAG},
            lv("guests/mine", GIB, 1),
            {**lv("guests/frozen", GIB, 2), "lv_tags": TAG, "origin": "comm"},
        ]
        report = Answer(0, lvm({"guests": (90 * GIB, 80 * GIB)}, (), rows))
        host = HandMade(without("comm"), answers={asks.LVM: report})
        said = [f.what for f in planned(create_volumes, host).findings]
        assert said == [
            "The volume guests/comm was made by the runbook, and no guest of the parameters has it"
        ]


class TestWhatARunningGuestHas:
    def refused(self, other, **values):
        host = configured(starting("comm"), running=(other,), **values)
        return [f.what for f in planned(start_guests, host).stops]

    @pytest.mark.parametrize("name", FORMS)
    def test_is_found_by_every_name_of_the_disk(self, name):
        """The mapper's name, a lasting one and the kernel's own are the volume of the guest that is to start."""
        numbers = dict.fromkeys(("/dev/guests/comm", *FORMS), "block special file|fe:7|5:40")
        what = "The guest 'comm' cannot start: the running guest 'old' has the disk /dev/guests/comm"
        assert what in self.refused(Running("old", 3, disks=(name,)), numbers=numbers)

    def test_is_found_by_the_number_that_xenstore_has(self):
        """A name that leads nowhere any more does not hide the device that the guest has open."""
        said = '/local/domain/0/backend/vbd/3/768/params = "/dev/gone"\n/local/domain/0/backend/vbd/3/768/physical-device = "fe:7"\n'
        found = self.refused(
            Running("old", 3),
            numbers={"/dev/guests/comm": "block special file|fe:7|5:40"},
            answers={asks.BACKENDS: Answer(0, said)},
        )
        assert "The guest 'comm' cannot start: the running guest 'old' has the disk /dev/guests/comm" in found

    def test_is_found_where_the_one_is_a_part_of_the_other(self):
        """A guest that has the whole disk, by its name or by its number, has each partition of it; another's is another."""
        guests = [
            {**guest, "volume": None, "disks": [{"device": "/dev/sdb1"}]}
            if guest["name"] == "comm"
            else guest
            for guest in starting("comm").model_dump()["guests"]
        ]
        params = HostParams.model_validate(
            {**starting("comm").model_dump(), "guests": guests, "management": {}}
        )
        numbers = {"/dev/sdb1": "block special file|8:11|5:40", "/dev/sdb": "block special file|8:10|5:1"}
        below = {configurations.STANDS_ON: Answer(0, "8:17 8:16\n8:18 8:16\n")}
        backend = "/local/domain/0/backend/vbd/3/768/"
        by_number = f'{backend}params = "/dev/gone"\n{backend}physical-device = "8:%s"\n'

        def refused(other, answers):
            host = configured(params, running=(other,), numbers=numbers, answers=answers)
            return "has the disk /dev/sdb1" in " ".join(f.what for f in planned(start_guests, host).stops)

        whole = Running("old", 3, disks=("/dev/sdb",))
        assert refused(whole, below)
        assert not refused(whole, {})
        assert refused(Running("old", 3), {**below, asks.BACKENDS: Answer(0, by_number % "10")})
        assert not refused(Running("old", 3), {**below, asks.BACKENDS: Answer(0, by_number % "12")})

    def test_is_found_whatever_the_guest_is_called(self):
        """A name with blanks is a guest like any other, and the command that stops it can be typed."""
        host = configured(
            starting("comm"), running=(Running("Windows 10 2 3", 3, disks=("/dev/guests/comm",)),)
        )
        (finding,) = planned(start_guests, host).stops
        assert "the running guest 'Windows 10 2 3' has the disk" in finding.what
        assert finding.do == "stop the other one: `xl shutdown -F -w 'Windows 10 2 3'`"
