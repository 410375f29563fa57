"""The five steps of notebook 08: first run, already right, refused; after the plan nothing is left."""

import json
import subprocess
from pathlib import Path

import pytest

from runbook.actions import Link, Remove, Run, WriteFile
from runbook.actions.volumes import TAG, removal
from runbook.facts import discs, guest_files, guests
from runbook.facts.storage import asks, headers
from runbook.guests import probe
from runbook.model.ask import Answer
from runbook.params import HostParams, load
from runbook.steps import guests as chapter
from runbook.steps import name_of
from runbook.steps.guests import (
    create_volumes,
    prove_passthrough,
    set_autostart,
    start_guests,
    write_guest_configs,
)
from tests.guests.machine import GIB, HandMade, Running, configured, proof, running

ROOT = Path(__file__).parents[2]
PARAMS = load(ROOT / "params/testbed.yml")
CARD = "0000:00:05.0"
AUTO = {"01-ipfire.cfg": "../ipfire.cfg", "02-nginx.cfg": "../nginx.cfg", "03-comm.cfg": "../comm.cfg"}


def stops(step, host):
    """Return level and text of the findings that keep a step's plan from being carried out."""
    return [(f.level, f.what) for f in step.plan(host.params, host.facts(step)).stops]


def actions(step, host):
    return step.plan(host.params, host.facts(step)).actions


def problems(step, host):
    """Return level and text of what the check finds."""
    return [(f.level, f.what) for f in step.check(host.params, host.facts(step))]


def with_guests(**values):
    """Return the testbed with other values for its first guest."""
    raw = PARAMS.model_dump()
    raw["guests"] = [{**raw["guests"][0], **values}, *raw["guests"][1:]]
    return HostParams.model_validate(raw)


FIRST = {
    create_volumes: HandMade(PARAMS),
    write_guest_configs: HandMade(PARAMS),
    set_autostart: configured(PARAMS),
    prove_passthrough: configured(PARAMS),
    start_guests: configured(PARAMS),
}


def test_the_chapter_names_its_steps_in_order():
    """Volumes come before files, the proof before the guest that takes the device."""
    assert chapter.NOTEBOOK == "08_guests"
    assert [step for step in chapter.STEPS if step in FIRST] == list(FIRST)


@pytest.mark.parametrize("step", FIRST, ids=name_of)
def test_what_a_step_plans_is_enough_and_twice_is_once(step):
    """The first plan has actions, and after them the plan is empty and the check finds nothing."""
    first = step.plan(PARAMS, FIRST[step].facts(step))
    assert first.actions
    assert not first.stops
    done = FIRST[step].after(*first.actions)
    assert actions(step, done) == ()
    assert problems(step, done) == []


@pytest.mark.parametrize("step", FIRST, ids=name_of)
def test_the_check_finds_what_was_not_done(step):
    """Before the actions the check says that the host is not right."""
    assert any(f.stops for f in step.check(PARAMS, FIRST[step].facts(step)))


@pytest.mark.parametrize("step", [write_guest_configs, prove_passthrough, start_guests])
def test_without_xen_a_step_waits_and_names_the_notebooks(step):
    """Under plain Linux the step says that Xen does not run and where it is started."""
    host = FIRST[step].after()
    host.xen = False
    (finding,) = step.plan(PARAMS, host.facts(step)).stops
    assert (finding.level, finding.what) == ("wait", "Xen does not run on this host")
    assert "Can't find hypervisor" in finding.why
    assert "07_first_boot" in finding.do
    assert ("wait", "Xen does not run on this host") in problems(step, host)


class TestCreateVolumes:
    def test_one_lvcreate_a_missing_volume(self):
        """Only what is missing is created, in the asked size, and cleared of old signatures."""
        host = HandMade(PARAMS, volumes={"guests/ipfire": GIB, "guests/comm": GIB, "guests/nginx": 5 * GIB})
        (run,) = actions(create_volumes, host)
        assert run.argv == (
            *("lvcreate", "--yes", "--wipesignatures", "y", "--zero", "y", "--addtag", TAG),
            *("--size", "2g", "--name", "windows", "guests"),
        )  # fmt: skip
        assert run.undo == removal("guests", "windows")

    def test_a_missing_group_is_refused_and_the_others_named(self):
        """Without the volume group nothing is planned; the finding names those that exist."""
        host = HandMade(PARAMS, groups={"xen": GIB, "data": GIB})
        plan = create_volumes.plan(PARAMS, host.facts(create_volumes))
        assert plan.actions == ()
        assert [(f.level, f.why) for f in plan.findings] == [("refuse", "this host has: data, xen")]

    def test_too_little_room_is_refused(self):
        """Five GiB of volumes do not fit in four; the finding has both numbers."""
        (finding,) = create_volumes.plan(
            PARAMS, HandMade(PARAMS, groups={"guests": 4 * GIB}).facts(create_volumes)
        ).stops
        assert finding.level == "refuse"
        assert "need 5.0 GiB, 4.0 GiB are free" in finding.why

    def test_room_is_counted_in_whole_extents(self):
        """A group with one byte less than needed is too small, one with exactly enough is not."""
        assert stops(create_volumes, HandMade(PARAMS, groups={"guests": 5 * GIB})) == []
        assert stops(create_volumes, HandMade(PARAMS, groups={"guests": 5 * GIB - 1}))

    def test_a_smaller_volume_is_left_alone(self):
        """An existing volume that is too small is left as it is, with a warning that names the step for it."""
        host = HandMade(PARAMS, volumes={"guests/windows": GIB})
        planned = create_volumes.plan(PARAMS, host.facts(create_volumes))
        (finding,) = planned.findings
        assert finding.level == "warn"
        assert finding.what == "The volume guests/windows exists and is smaller than asked"
        assert "grow_volumes" in finding.do
        assert not any("windows" in action.title for action in planned.actions)

    @pytest.mark.parametrize(
        ("place", "where"),
        [("/home", "/home"), ("[SWAP]", "swap")],
    )
    def test_a_volume_of_dom0_is_refused(self, place, where):
        """A volume that is mounted, or is swap, never becomes a guest's disk."""
        host = HandMade(PARAMS, volumes={"guests/ipfire": 9 * GIB}, used_at={"guests/ipfire": place})
        assert stops(create_volumes, host) == [
            ("refuse", f"The volume guests/ipfire is dom0's own: it is in use as {where}")
        ]

    def test_without_lvm_it_waits(self):
        """A host without the LVM tools is sent to the notebook that installs them."""
        host = HandMade(PARAMS, answers={asks.LVM: Answer(127)})
        assert stops(create_volumes, host) == [("wait", "The LVM tools do not answer")]


class TestWriteGuestConfigs:
    def test_the_real_xl_looks_at_each_file_before_it_is_in_place(self):
        """Every file is written with `xl create -n` as its check."""
        planned = actions(write_guest_configs, HandMade(PARAMS))
        assert [a.path for a in planned] == [f"/etc/xen/{g.name}.cfg" for g in PARAMS.guests]
        assert {a.check for a in planned} == {("/usr/sbin/xl", "create", "-n")}

    def test_only_a_changed_file_is_written(self):
        """A file that differs in one word is written again, the others are not."""
        host = configured(PARAMS)
        host.files["/etc/xen/comm.cfg"] = host.files["/etc/xen/comm.cfg"].replace("256", "512")
        assert [a.path for a in actions(write_guest_configs, host)] == ["/etc/xen/comm.cfg"]

    def test_an_installed_disk_changes_the_boot_order(self):
        """As soon as the volume holds a partition table, the file with the disc first is replaced."""
        params = with_guests(install_media="/srv/iso/ipfire.iso")
        host = configured(params)
        assert actions(write_guest_configs, host) == ()
        host.written = ("/dev/guests/ipfire",)
        (write,) = actions(write_guest_configs, host)
        assert 'boot = "dc"' in host.files[write.path]
        assert 'boot = "cd"' in write.content

    @pytest.mark.parametrize(
        "case", ["gpt_no_pmbr", "gpt_first_34", "gpt_list_lost", "gpt_4kn", "gpt_shrunk"]
    )
    def test_a_disk_with_a_hurt_table_is_never_started_from_the_disc(self, case):
        """blkid sees nothing on it, and a header of its GPT is whole: the guest's own disk comes first."""
        params = with_guests(install_media="/srv/iso/ipfire.iso")
        host = configured(params)
        deep = (Path(__file__).parents[1] / f"facts/storage/inside/{case}.deep").read_text(encoding="utf-8")
        host.answers[headers.look("/dev/guests/ipfire")] = Answer(0, deep)
        (write,) = actions(write_guest_configs, host)
        assert 'boot = "cd"' in write.content

    def test_a_missing_disc_is_said(self):
        """An installation disc that is not on the host is named, with the place where it should be."""
        params = with_guests(install_media="/srv/iso/ipfire.iso")
        host = configured(params, answers={guest_files.existing(("/srv/iso/ipfire.iso",)): Answer(0, "")})
        assert problems(write_guest_configs, host) == [
            ("warn", "The installation disc of 'ipfire' is not on the host: /srv/iso/ipfire.iso")
        ]

    def test_a_file_of_somebody_else_that_claims_a_disk_is_said(self):
        """Another configuration in /etc/xen with the same disk is named together with ours."""
        host = configured(PARAMS)
        host.files["/etc/xen/old.cfg"] = "name='old'\nmemory=64\ndisk=['/dev/mapper/guests-comm,,hda,w']\n"
        assert [what for level, what in problems(write_guest_configs, host) if level == "warn"] == [
            "The disk /dev/guests/comm is claimed by /etc/xen/comm.cfg and /etc/xen/old.cfg"
        ]

    def test_what_xl_does_not_take_fails(self):
        """An error of the real xl is passed on in its own words."""
        ask = guest_files.dry_run("/etc/xen/comm.cfg")
        said = Answer(1, "", "config parsing error near `x'")
        host = configured(PARAMS, answers={ask: said})
        (finding,) = write_guest_configs.check(PARAMS, host.facts(write_guest_configs))
        assert (finding.level, finding.what, finding.why) == (
            "fail",
            "xl does not take /etc/xen/comm.cfg",
            said.err,
        )

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"pcidevs": []}, "devices"),
            ({"nics": []}, "network cards"),
            ({"disks": []}, "disk"),
            ({"b_info": {"target_memkb": 1024}}, "memory in MiB"),
            ({"c_info": {"name": "other"}}, "name"),
        ],
    )
    def test_what_xl_reads_otherwise_fails(self, change, what):
        """A file that xl accepts and reads as something else is found."""
        host = configured(PARAMS)
        ask = guest_files.dry_run("/etc/xen/ipfire.cfg")
        made = json.loads(host.facts(write_guest_configs)[ask].out)
        host.answers = {ask: Answer(0, json.dumps({**made, **change}))}
        assert problems(write_guest_configs, host) == [
            ("fail", f"xl reads another {what} in /etc/xen/ipfire.cfg")
        ]


class TestSetAutostart:
    def test_the_folder_is_made_and_the_order_is_in_the_names(self):
        """On a fresh host the folder is made first, then one numbered link a guest."""
        first, *links = actions(set_autostart, configured(PARAMS))
        assert first == Run(
            ("install", "-d", "-m", "0755", "/etc/xen/auto"),
            "Debian's packages do not make it (H712)",
            undo=("sh", "-c", "[ ! -d /etc/xen/auto ] || rmdir --ignore-fail-on-non-empty /etc/xen/auto"),
        )
        assert links == [Link(f"/etc/xen/auto/{name}", target) for name, target in AUTO.items()]

    def test_a_stale_link_of_ours_is_removed_and_a_strange_file_is_not(self):
        """A guest that moved in the order loses its old link; what others put there stays."""
        links = {**AUTO, "07-comm.cfg": "../comm.cfg", "mine.cfg": "", "09-x.cfg": "/srv/x.cfg"}
        assert actions(set_autostart, configured(PARAMS, links=links)) == (
            Remove("/etc/xen/auto/07-comm.cfg", link="../comm.cfg"),
        )
        assert problems(set_autostart, configured(PARAMS, links=links)) == [
            ("fail", "/etc/xen/auto/07-comm.cfg starts a guest that is not to start")
        ]

    def test_a_persons_link_of_our_form_stays(self):
        """On a host that was set up by hand a numbered link leads to a guest of the person's: it is none of ours."""
        host = configured(PARAMS, links={**AUTO, "05-mail.cfg": "../mail.cfg"})
        host.files["/etc/xen/mail.cfg"] = 'name = "mail"\n'
        assert actions(set_autostart, host) == ()
        assert problems(set_autostart, host) == []
        host.files["/etc/xen/mail.cfg"] = host.files["/etc/xen/comm.cfg"]
        assert actions(set_autostart, host) == (Remove("/etc/xen/auto/05-mail.cfg", link="../mail.cfg"),)

    def test_a_link_that_leads_elsewhere_is_made_anew(self):
        """A link of the right name with another target is replaced."""
        links = {**AUTO, "01-ipfire.cfg": "../comm.cfg"}
        assert actions(set_autostart, configured(PARAMS, links=links)) == (
            Link("/etc/xen/auto/01-ipfire.cfg", "../ipfire.cfg", before="../comm.cfg"),
        )
        assert problems(set_autostart, configured(PARAMS, links=links)) == [
            ("fail", "/etc/xen/auto/01-ipfire.cfg leads to ../comm.cfg")
        ]

    def test_a_file_in_the_way_is_refused(self):
        """A real file where a link should be is not overwritten."""
        host = configured(PARAMS, links={**AUTO, "01-ipfire.cfg": ""})
        assert actions(set_autostart, host) == ()
        assert stops(set_autostart, host) == [
            ("refuse", "/etc/xen/auto/01-ipfire.cfg is a file of its own, not a link")
        ]

    def test_a_second_link_to_one_guest_is_said(self):
        """A link that a person made to one of our guests is named, not removed."""
        host = configured(PARAMS, links={**AUTO, "win.cfg": "/etc/xen/windows.cfg"})
        plan = set_autostart.plan(PARAMS, host.facts(set_autostart))
        assert (plan.actions, [f.level for f in plan.findings]) == ((), ["warn"])

    def test_a_link_to_nothing_waits_for_the_files(self):
        """Links without configuration files send the reader to the step that writes those."""
        assert problems(set_autostart, HandMade(PARAMS, links=AUTO)) == [
            ("wait", f"/etc/xen/auto/{name} leads nowhere") for name in AUTO
        ]


class TestTheWayBackOfAStart:
    @pytest.mark.parametrize(("there", "said"), [(True, "shutdown -F -w ipfire\n"), (False, "")])
    def test_a_guest_is_shut_down_and_waited_for_if_it_runs(self, there, said, tmp_path):
        """The way back waits for the guest's end, and has nothing to do where it, or Xen, does not run."""
        xl, log = tmp_path / "xl", tmp_path / "log"
        xl.write_text(f'#!/bin/sh\n[ "$1" != list ] || exit {0 if there else 1}\necho "$@" >>{log}\n')
        xl.chmod(0o755)
        log.touch()
        subprocess.run(start_guests._stop(str(xl), "ipfire"), check=True)
        assert log.read_text() == said


class TestProvePassthrough:
    def test_the_program_is_written_and_run_for_the_device(self):
        """A device without a proof is given to the probe guest by the program that the step brings."""
        write, run = actions(prove_passthrough, configured(PARAMS))
        assert (write.path, write.mode, write.content) == (probe.PROGRAM, "0755", probe.program())
        assert run.argv == (probe.PROGRAM, CARD, "8086:10d3", "strict", "0", "900")
        assert run.timeout_s > probe.TIMEOUT_S

    def test_a_host_without_such_devices_has_nothing_to_prove(self):
        """With `probe: none` everywhere the plan is empty and says why."""
        raw = PARAMS.model_dump()
        raw["passthrough"]["devices"][0]["probe"] = "none"
        host = configured(HostParams.model_validate(raw), xen=False)
        plan = prove_passthrough.plan(host.params, host.facts(prove_passthrough))
        assert (plan.actions, plan.findings) == ((), ())
        assert "probe: network" in plan.unasked
        assert problems(prove_passthrough, host) == []

    def test_a_device_of_a_running_guest_is_refused(self):
        """The step does not stop a guest; it says which one to stop."""
        host = configured(PARAMS, running=(running(PARAMS, "ipfire"),))
        (finding,) = prove_passthrough.plan(PARAMS, host.facts(prove_passthrough)).stops
        assert finding.level == "refuse"
        assert "xl shutdown -F -w ipfire" in finding.do

    def test_a_probe_guest_that_was_left_behind_does_not_stand_in_the_way(self):
        """A probe that was killed is cleared by the next one."""
        left = Running("probe-0000-00-05-0", 7, pci=(CARD,))
        assert stops(prove_passthrough, configured(PARAMS, running=(left,))) == []

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"id": "8086:100e"}, "the guest was given 8086:100e, not 8086:10d3"),
            ({"id": ""}, "the guest was given nothing, not 8086:10d3"),
            ({"module": ""}, "the guest drove it with nothing, not e1000e"),
            ({"module": "igb"}, "the guest drove it with igb, not e1000e"),
            ({"address": ""}, "the guest got no DHCP lease through it"),
            ({"received": 0}, "none of 4 pings of 10.0.3.2 came back"),
        ],
    )
    def test_a_proof_that_proves_nothing_fails_and_is_made_again(self, said, why):
        """What the guest itself said is judged: the device, its driver, the lease, the pings."""
        host = configured(PARAMS, proofs=(proof(PARAMS, CARD, **said),))
        (finding,) = prove_passthrough.check(PARAMS, host.facts(prove_passthrough))
        assert (finding.level, finding.why) == ("fail", why)
        assert any(isinstance(action, Run) for action in actions(prove_passthrough, host))

    def test_a_card_that_was_swapped_is_proven_again(self):
        """A proof of another card at the same address does not count."""
        raw = PARAMS.model_dump()
        raw["passthrough"]["devices"][0]["id"] = "8086:1533"
        host = configured(HostParams.model_validate(raw), proofs=(proof(PARAMS, CARD),))
        assert len(actions(prove_passthrough, host)) == 2
        assert [level for level, _ in problems(prove_passthrough, host)] == ["fail"]

    def test_a_file_that_is_no_proof_is_as_good_as_none(self):
        """A proof file that was cut off is made again."""
        host = configured(PARAMS)
        host.answers = {probe.COMMANDS[1]: Answer(0, f'{probe.RESULTS}/{CARD}.json:{{"bdf":"0000:0\n')}
        assert len(actions(prove_passthrough, host)) == 2

    def test_after_an_upgrade_a_free_device_is_proven_again(self):
        """A proof under an older kernel is renewed while no guest has the device."""
        host = configured(PARAMS, proofs=(proof(PARAMS, CARD),), kernel="6.12.999+deb13-amd64")
        assert any(isinstance(action, Run) for action in actions(prove_passthrough, host))

    def test_after_an_upgrade_a_guest_is_not_stopped_for_a_proof(self):
        """With the device in use an old proof is a warning and nothing is planned for it."""
        host = configured(
            PARAMS,
            proofs=(proof(PARAMS, CARD),),
            kernel="6.12.999+deb13-amd64",
            running=(running(PARAMS, "ipfire"),),
        )
        host.files[probe.PROGRAM] = probe.program()
        assert actions(prove_passthrough, host) == ()
        assert problems(prove_passthrough, host) == [("warn", f"{CARD} was proven before an upgrade")]


class TestStartGuests:
    def test_only_guests_that_are_to_start_are_started(self):
        """`start: true` names the guests that are started; the others are left alone."""
        (run,) = actions(start_guests, configured(PARAMS))
        assert run.argv == ("/usr/sbin/xl", "create", "/etc/xen/ipfire.cfg")

    def test_a_running_guest_is_left_alone(self):
        """A guest that runs with all that it was given is not touched, and the check finds nothing."""
        host = configured(PARAMS, running=(running(PARAMS, "ipfire", 3),))
        assert actions(start_guests, host) == ()
        assert problems(start_guests, host) == []

    @pytest.mark.parametrize(
        ("other", "what"),
        [
            (Running("x", 4, pci=(CARD,)), f"has the device {CARD}"),
            (Running("x", 4, disks=("/dev/guests/ipfire",)), "has the disk /dev/guests/ipfire"),
        ],
    )
    def test_what_another_guest_has_is_refused(self, other, what):
        """A device or disk of another running guest is not taken from it."""
        assert stops(start_guests, configured(PARAMS, running=(other,))) == [
            ("refuse", f"The guest 'ipfire' cannot start: the running guest 'x' {what}")
        ]

    def test_too_little_memory_is_refused(self):
        """One MiB less than the guest and its overhead need is too little."""
        assert stops(start_guests, configured(PARAMS, free_mib=260)) == []
        assert stops(start_guests, configured(PARAMS, free_mib=259)) == [
            ("refuse", "There is not enough memory to start ipfire")
        ]

    def test_a_missing_bridge_waits(self):
        """Without its bridge a guest is not started; the notebook that makes it is named."""
        assert stops(start_guests, configured(PARAMS, bridges=("xenbr0",))) == [
            ("wait", "The bridge xenbr1 of the guest 'ipfire' does not exist")
        ]

    def test_a_file_that_is_not_as_wanted_waits(self):
        """A guest is not started from an old configuration."""
        host = configured(PARAMS)
        host.files["/etc/xen/ipfire.cfg"] += "vcpus = 2\n"
        assert stops(start_guests, host) == [("wait", "/etc/xen/ipfire.cfg is not as wanted")]

    @pytest.mark.parametrize(
        ("values", "what"),
        [
            ({"state": "-----d"}, "is there and does not run: its state is -----d"),
            ({"state": "----c-"}, "is there and does not run: its state is ----c-"),
            ({"pci": ()}, f"runs without its device {CARD}"),
            ({"bridges": ("xenbr0",)}, "is on other bridges than asked"),
        ],
    )
    def test_a_guest_that_runs_badly_fails(self, values, what):
        """A guest that crashed, or runs without a device or a network card, is found."""
        host = configured(PARAMS, running=(running(PARAMS, "ipfire", **values),))
        assert problems(start_guests, host) == [("fail", f"The guest 'ipfire' {what}")]


def test_a_guest_that_is_just_restarting_is_a_warning():
    """A guest seen in the moment of its restart is neither well nor lost: the finding says to look again."""
    host = configured(PARAMS, running=(running(PARAMS, "ipfire", state="---s--"),))
    (found,) = start_guests.check(PARAMS, host.facts(start_guests))
    assert (found.level, "just ending or restarting" in found.what) == ("warn", True)


def test_a_cut_off_answer_of_xl_does_not_make_a_guest_whole():
    """When `xl list -l` gives no JSON, the guest's device counts as not seen."""
    host = configured(PARAMS, running=(running(PARAMS, "ipfire"),))
    host.answers = {guests.RUNNING[1]: Answer(0, "[")}
    assert problems(start_guests, host) == [("fail", f"The guest 'ipfire' runs without its device {CARD}")]


def test_the_files_of_the_host_are_written_by_write_actions_only():
    """No step of this chapter writes a file through a command."""
    runs = [a for step in FIRST for a in actions(step, FIRST[step]) if not isinstance(a, WriteFile | Link)]
    assert {a.argv[0] for a in runs} == {"lvcreate", "install", probe.PROGRAM, "/usr/sbin/xl"}


class TestDiscs:
    """The disc that a guest is installed from by hand."""

    params = with_guests(install_media="/srv/iso/ipfire.iso")

    def said(self, answer, written=()):
        made = configured(self.params, written=written)
        made.answers[discs.look(("/srv/iso/ipfire.iso",))] = Answer(0, answer)
        plan = write_guest_configs.plan(self.params, made.facts(write_guest_configs))
        return [(f.level, f.what) for f in plan.findings if "disc" in f.what]

    @pytest.mark.parametrize(
        ("answer", "what"),
        [
            (
                "== 12 /srv/iso/ipfire.iso\n",
                "The installation disc of 'ipfire' is no disc: /srv/iso/ipfire.iso",
            ),
            (
                "== 700000 /srv/iso/ipfire.iso\niso 400\nlabel IPFIRE\n",
                "The installation disc of 'ipfire' is cut off: /srv/iso/ipfire.iso",
            ),
        ],
    )
    def test_a_broken_disc_is_refused_as_long_as_it_is_needed(self, answer, what):
        """With an empty disk it stops the plan; a guest that is installed is only told."""
        assert self.said(answer) == [("refuse", what)]
        assert self.said(answer, written=("/dev/guests/ipfire",)) == [("warn", what)]

    def test_a_whole_disc_says_how_one_installs(self):
        """The start and the screen are named while the disk is empty, and nothing is said afterwards."""
        whole = "== 819200 /srv/iso/ipfire.iso\niso 400\nlabel IPFIRE\n"
        assert [level for level, _ in self.said(whole)] == ["info"]
        assert self.said(whole, written=("/dev/guests/ipfire",)) == []

    def test_a_host_that_cannot_say_is_not_refused(self):
        """Without an answer nothing is known of the disc, and installing is explained all the same."""
        assert [level for level, _ in self.said("")] == ["info"]
