"""Systems put into guests: once, on a disk that holds nothing; whatever holds anything is refused."""

import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook import releases
from runbook.actions import Deliver, InstallPackages, Run, WriteFile
from runbook.book.acts.remove_guest import RemoveGuest
from runbook.book.acts.rename_guest import RenameGuest
from runbook.builds import guest_system
from runbook.builds.foreign import foreign
from runbook.facts import delivered, guest_files, packages, space, systems
from runbook.guests import config, system
from runbook.model.ask import MISSING, Answer
from runbook.params import HostParams, load
from runbook.steps.guests import install_systems, start_guests
from runbook.steps.shared import guest_systems
from tests.guests.machine import configured, running
from tests.steps.test_guests import actions, problems, stops

ROOT = Path(__file__).parents[2]
PARAMS = load(ROOT / "params/testbed.yml")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp"
GIVEN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB2zJcYxH0aR1cYJ9zfJAGhNGscjMVnJPm0mkgEx5Chs"
VOLUME = "/dev/guests/web"


def with_web(**values):
    """Return the testbed with one more guest, of six lines, that gets a system."""
    raw = PARAMS.model_dump()
    web = {
        "name": "web",
        "type": "pvh",
        "memory_mib": 512,
        "volume": {"name": "web", "size_gib": 4},
        "nics": [{"bridge": "xenbr0"}],
        "system": {"debian": "trixie", "keys": [KEY]},
        **values,
    }
    return HostParams.model_validate({**raw, "guests": [*raw["guests"], web]})


WEB = with_web()
RECIPE = guest_system.recipe(WEB.guests[-1]).key


def host(params=WEB, *, head="STATUS=2\nHOLDS=nothing\n", notes="", image=False, grub=True, key="", **values):
    """Return a host with the volumes of all guests, and what the new questions are answered."""
    made = configured(params, **values)
    for ask in install_systems.asks(params):
        if ask == systems.NOTES:
            made.answers[ask] = Answer(0, notes)
        elif ask == systems.heads((VOLUME,)):
            made.answers[ask] = Answer(0, f"== {VOLUME}\n{head}" if "guests/web" in made.volumes else "")
        elif ask in space.commands("/var/cache"):
            made.answers[ask] = Answer(127)
        elif ask in packages.commands((install_systems.GRUB,)):
            said = (
                "ii |grub-xen-host|2.12-9\n"
                if grub
                else "Inst grub-xen-host (2.12-9 Debian:13/stable [amd64])\n"
            )
            made.answers[ask] = Answer(0, said if "grub-xen-host" in ask.key else "")
        elif ask in delivered.files(RECIPE):
            file = f'{{"name": "{guest_system.IMAGE}", "size": 7}}'
            whole = (
                f'{{"recipe": "{RECIPE}", "files": [{file}]}}'
                if ask.kind == "read"
                else f"7 {guest_system.IMAGE}\n"
            )
            made.answers[ask] = Answer(0, whole) if image else Answer(MISSING if ask.kind == "read" else 0)
    for ask in guest_systems.asks(params):
        if ask == systems.NOTES:
            made.answers[ask] = Answer(0, notes)
        elif "ssh-keyscan" in ask.key:
            made.answers[ask] = Answer(0, f"{key}\n" if key else "")
    return made


def identity(made):
    return guest_systems.identity(made.params, made.facts(install_systems), made.params.guests[-1])


def noted(made, kind="installed", key=GIVEN):
    """Return what the host has noted of the volume of `web`."""
    said = f"{system.STATE}/web/{kind}:{identity(made)}\n"
    return said + (f"{system.STATE}/web/host_key.pub:{key}\n" if kind == "installed" else "")


def test_a_host_without_systems_is_asked_nothing_and_plans_nothing():
    """Where no guest has `system`, the step asks no question, plans nothing, and says which parameter would ask."""
    assert install_systems.asks(PARAMS) == ()
    made = configured(PARAMS)
    assert install_systems.plan(PARAMS, made.facts(install_systems)).unasked == "no guest has `system`"
    assert problems(install_systems, made) == []
    assert start_guests.asks(PARAMS) == start_guests.asks(HostParams.model_validate(PARAMS.model_dump()))
    assert not any("ssh-keyscan" in ask.key for ask in start_guests.asks(PARAMS))


def test_an_empty_disk_gets_image_files_and_system_in_this_order():
    """The image is brought, the program and the guest's own files are written, then the disk is."""
    made = host(grub=False)
    plan = install_systems.plan(WEB, made.facts(install_systems))
    assert plan.stops == ()
    kinds = [type(action) for action in plan.actions]
    assert kinds == [InstallPackages, Deliver, *[WriteFile] * 7, Run]
    last = plan.actions[-1]
    assert last.argv[:4] == (system.PROGRAM, "web", VOLUME, identity(made))
    assert last.argv[-1] == delivered.folder(RECIPE)
    files = {a.path.partition("/files/")[2]: a.content for a in plan.actions if isinstance(a, WriteFile)}
    assert files["etc/hostname"] == "web\n"
    assert files["root/.ssh/authorized_keys"] == f"{KEY}\n"
    assert last.argv[5] in files["etc/fstab"]
    assert (
        f"root=UUID={last.argv[5]} ro console=tty0 console=ttyS0 console=hvc0 quiet\n"
        in files["boot/grub/grub.cfg"]
    )


def test_a_second_guest_of_the_same_kind_takes_the_image_that_is_there():
    """What lies on the host whole is not sent again; what lies there in part is."""
    assert not any(isinstance(a, Deliver) for a in actions(install_systems, host(image=True)))
    cut = host(image=True)
    _manifest, listing = delivered.files(RECIPE)
    cut.answers[listing] = Answer(0, "3 system.tar.gz\n")
    assert any(isinstance(a, Deliver) for a in actions(install_systems, cut))


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("TYPE=ext4\nSTATUS=0\n", "it begins with ext4"),
        ("PTTYPE=gpt\nPTUUID=1c7a\nSTATUS=0\n", "it begins with a gpt partition table"),
        ("STATUS=2\n", "something stands on it that is not known"),
        ("STATUS=2\nHOLDS=data 1048576\n", "something stands on it that is not known, at byte 1048576"),
        ("STATUS=2\nHOLDS=half 3xTf0Q-a\n", "something stands on it that is not known"),
        ("STATUS=8\nHOLDS=nothing\n", "something stands on it that is not known"),
        ("STATUS=127\nHOLDS=nothing\n", "something stands on it that is not known"),
    ],
)
def test_a_disk_that_holds_anything_is_refused(head, why):
    """Known content, unknown content, more than one thing, and a host that cannot look: no system is put there."""
    made = host(head=head)
    (finding,) = install_systems.plan(WEB, made.facts(install_systems)).stops
    assert (finding.level, finding.what) == (
        "refuse",
        "The disk of the guest 'web', guests/web, is not empty, and gets no system",
    )
    assert finding.why.startswith(why)
    assert actions(install_systems, made) == ()


def test_a_host_that_does_not_answer_the_new_question_is_refused_not_overwritten():
    """An answer that is missing reads as not known: the disk is left as it is."""
    made = host()
    made.answers[systems.heads((VOLUME,))] = Answer(127)
    made.answers[systems.NOTES] = Answer(127)
    (finding,) = install_systems.plan(WEB, made.facts(install_systems)).stops
    assert "what is on it cannot be read" in finding.why


def test_a_disk_in_use_is_refused():
    """A disk that a running guest has is not written to under it."""
    made = host(running=(running(WEB, "web"),))
    assert [what for _, what in stops(install_systems, made)] == [
        "guests/web gets no system now: it is the disk of the guest 'web', which is running"
    ]


def test_half_a_system_is_begun_anew():
    """The note of a cut-off run, and its mark on the volume, make it ours to overwrite."""
    half = host(head=f"STATUS=2\nHOLDS=half {identity(host())}\n", notes=noted(host(), "writing"), image=True)
    assert stops(install_systems, half) == []
    assert isinstance(actions(install_systems, half)[-1], Run)
    assert problems(install_systems, half) == [("fail", "The disk of the guest 'web' has half a system")]


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("TYPE=ext4\nSTATUS=0\n", "it begins with ext4, and it is not what a run left there"),
        (
            "STATUS=2\nHOLDS=data 0\n",
            "something stands on it that is not known, at byte 0, and it is not what",
        ),
        ("STATUS=2\nHOLDS=half another\n", "something stands on it that is not known, and it is not what"),
    ],
)
def test_half_a_system_that_somebody_wrote_over_is_refused(head, why):
    """The note of a cut-off run is no leave to overwrite what its owner put there since."""
    taken = host(head=head, notes=noted(host(), "writing"), image=True)
    (finding,) = install_systems.plan(WEB, taken.facts(install_systems)).stops
    assert finding.level == "refuse"
    assert finding.why.startswith(why)
    assert actions(install_systems, taken) == ()
    assert problems(install_systems, taken) == [("fail", "The disk of the guest 'web' has no system")]


def test_what_an_older_volume_left_in_the_place_of_a_new_one_does_not_hinder():
    """LVM clears the beginning of a new volume alone."""
    assert isinstance(actions(install_systems, host(head="STATUS=2\nHOLDS=leftovers 9000000\n"))[-1], Run)


def test_what_is_installed_stays():
    """With the note, whatever the guest made of its disk since, nothing is planned and nothing found."""
    done = host(head="TYPE=LVM2_member\nSTATUS=0\n", notes=noted(host()))
    assert actions(install_systems, done) == ()
    assert problems(install_systems, done) == []
    assert problems(install_systems, host()) == [("fail", "The disk of the guest 'web' has no system")]


def test_a_disk_is_known_by_its_own_identifier_too():
    """A host that was installed anew has no notes, and yet does not take its guests' disks for a stranger's."""
    guest = WEB.guests[-1]
    kept = host(head=f"PTTYPE=dos\nPTUUID={system.disk_id(WEB, guest)}\nSTATUS=0\n")
    assert (actions(install_systems, kept), problems(install_systems, kept)) == ((), [])


def test_before_its_volume_is_made_the_plan_waits_and_foresees():
    """What will be written is shown; the digest of a guess is no consent."""
    made = host()
    made.volumes.pop("guests/web")
    made.answers[systems.heads((VOLUME,))] = Answer(0)
    plan = install_systems.plan(WEB, made.facts(install_systems))
    assert plan.after == ("create_volumes",)
    assert plan.actions[-1].title == f"put a system on {VOLUME}"


def test_grub_for_pvh_is_installed_though_the_system_is_there():
    """A host that lost the loader gets it back; nothing else is done."""
    made = host(notes=noted(host()), grub=False)
    (action,) = actions(install_systems, made)
    assert isinstance(action, InstallPackages)
    assert [what for _, what in problems(install_systems, made)] == [
        "grub-xen-host is not installed, so no PVH guest starts the kernel of its own disk"
    ]


class TestCloud:
    """A cloud image: copied whole, told who it is by a disc."""

    params = with_web(type="hvm", system={"cloud": "/srv/images/x.qcow2", "sha256": "ab" * 32, "keys": [KEY]})

    def test_the_image_is_made_a_disk_away_from_the_host(self):
        """The host gets a plain disk; what reads the image that came from elsewhere is nobody on the controller."""
        recipe = guest_system.recipe(self.params.guests[-1])
        assert (recipe.name, recipe.sources[0].path, recipe.fetch) == (
            "cloud-image",
            "/srv/images/x.qcow2",
            "",
        )
        assert foreign(recipe) == ()
        far = with_web(system={"cloud": "https://images.example/x.qcow2", "sha256": "ab" * 32, "keys": [KEY]})
        there = guest_system.recipe(far.guests[-1])
        assert (there.sources, there.checksums) == ((), (("image", "ab" * 32),))
        assert "https://images.example/x.qcow2" in there.fetch

    def test_its_seed_says_name_keys_and_network(self):
        """Three files of NoCloud, each YAML that is JSON; no private key among them."""
        guest = self.params.guests[-1]
        files = system.files_of(self.params, guest, guest.system)
        assert json.loads(files["meta-data"])["local-hostname"] == "web"
        first, _, rest = files["user-data"].partition("\n")
        assert first == "#cloud-config"
        assert json.loads(rest)["ssh_authorized_keys"] == [KEY]
        assert json.loads(files["network-config"])["ethernets"]["first"]["dhcp4"] is True

    @pytest.mark.parametrize(("kind", "drive"), [("hvm", "vdev=hdc"), ("pvh", "vdev=xvdb")])
    def test_the_seed_is_in_the_configuration(self, kind, drive):
        """A PC has it in its CD drive, a PVH guest as a disk that it can only read."""
        raw = {"type": kind, "system": {"cloud": "/srv/x.qcow2", "sha256": "ab" * 32, "keys": [KEY]}}
        params = with_web(**raw)
        text = config.render(params, params.guests[-1], releases.get("trixie"), False)
        (line,) = (line for line in text.splitlines() if "/seed.iso" in line)
        assert drive in line
        assert "access=ro" in line

    def test_the_host_gets_what_makes_discs(self):
        """xorriso is installed where it is missing, before the disk is written."""
        made = host(self.params)
        for ask in packages.commands(("xorriso",)):
            made.answers[ask] = Answer(
                0, "Inst xorriso (1.5.6 Debian:13/stable [amd64])\n" if "-s" in ask.key else ""
            )
        for ask in delivered.files(guest_system.recipe(self.params.guests[-1]).key):
            made.answers[ask] = Answer(MISSING if ask.kind == "read" else 0)
        kinds = [type(action) for action in actions(install_systems, made)]
        assert kinds == [InstallPackages, Deliver, *[WriteFile] * 4, Run]


class TestAnswers:
    """The proof: the system answers with the host key that it was given."""

    params = with_web(start=True)

    def started(self, **values):
        return host(self.params, notes=noted(host(self.params)), running=self.running(), **values)

    def running(self):
        return tuple(running(self.params, g.name, n + 1) for n, g in enumerate(self.params.guests) if g.start)

    def test_the_start_waits_for_a_new_system(self):
        """After `xl create` comes a wait; a system that answers is not waited for."""
        waits = [a for a in actions(start_guests, self.started()) if "ssh-keyscan" in a.argv[-1]]
        assert [a.why for a in waits] == ["until the system of web answers by ssh"]
        assert actions(start_guests, self.started(key=GIVEN)) == ()

    def test_its_own_key_is_right_and_another_one_is_not(self):
        """The key given at the installation is the proof; another one, and silence, are failures."""
        assert problems(start_guests, self.started(key=GIVEN)) == []
        assert problems(start_guests, self.started()) == [
            ("fail", "The system of the guest 'web' does not answer by ssh")
        ]
        (found,) = problems(start_guests, self.started(key=KEY))
        assert found[1].startswith("Another machine answers in place of the guest 'web'")

    def test_a_fixed_address_is_asked_at_that_address(self):
        """Without DHCP nobody has to find it."""
        fixed = with_web(start=True, system={"debian": "trixie", "keys": [KEY], "ipv4": "192.168.7.9/24"})
        assert "key web 192.168.7.9 0; true" in guest_systems.host_key(fixed.guests[-1]).argv[-1]

    @pytest.mark.parametrize(
        ("said", "wanted"),
        [
            (f"192.168.7.9 {GIVEN}\n", GIVEN),
            (f"# 192.168.7.9:22 SSH-2.0-OpenSSH_10.0p2 Debian-7\n192.168.7.9 {GIVEN}\n", GIVEN),
            ("# 192.168.7.9:22 SSH-2.0-OpenSSH_10.0p2 Debian-7\n", ""),
            ("", ""),
        ],
    )
    def test_the_key_is_read_as_each_ssh_keyscan_prints_it(self, tmp_path, said, wanted):
        """OpenSSH 10 prints the banner beside the key; a banner alone is no system that answers."""
        program = tmp_path / "ssh-keyscan"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{said}'\n")
        program.chmod(0o755)
        fixed = with_web(start=True, system={"debian": "trixie", "keys": [KEY], "ipv4": "192.168.7.9/24"})
        ask = guest_systems.host_key(fixed.guests[-1])
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        out = subprocess.run(ask.argv, capture_output=True, text=True, env=env, check=True).stdout
        assert out.strip() == wanted

    @pytest.mark.parametrize(
        ("listed", "status", "says"),
        [
            ("Name ID Mem VCPUs State Time(s)\nweb 2 384 1 ---sc- 323.9", 1, "the guest has crashed"),
            ("Name ID Mem VCPUs State Time(s)\nweb 2 384 1 -b---- 3.9", 0, ""),
            ("", 1, "the guest is gone"),
        ],
    )
    def test_nobody_waits_for_a_guest_that_crashed(self, tmp_path, listed, status, says):
        """A kernel that panicked does not answer any more, and neither does a guest that is gone; one that starts is waited for."""
        (tmp_path / "xl").write_text(f"#!/bin/sh\n[ -n '{listed}' ] || exit 1\ncat <<'EOF'\n{listed}\nEOF\n")
        tried = f"[ -e {tmp_path}/second ] && echo '192.168.7.9 {GIVEN}'; : >{tmp_path}/second"
        (tmp_path / "ssh-keyscan").write_text(f"#!/bin/sh\n{tried}\n")
        (tmp_path / "sleep").write_text("#!/bin/sh\n")
        for program in ("xl", "ssh-keyscan", "sleep"):
            (tmp_path / program).chmod(0o755)
        fixed = with_web(start=True, system={"debian": "trixie", "keys": [KEY], "ipv4": "192.168.7.9/24"})
        wait = guest_systems.wait(fixed.guests[-1])
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        done = subprocess.run(wait.argv, capture_output=True, text=True, env=env, timeout=60, check=False)
        assert done.returncode == status
        assert done.stderr.startswith(says)


class TestActs:
    """What the host keeps of a system goes with its guest, and follows its name."""

    def facts(self, act, params, notes):
        made = host(params, notes=notes)
        made.answers[systems.NOTES] = Answer(0, notes)
        made.answers[guest_files.dry_run(config.path_of("web"))] = Answer(MISSING)
        return SimpleNamespace(asks=lambda _: act.asks(params)), made

    def test_a_removal_takes_the_notes_and_the_seed_along(self):
        """Once: what is gone is not removed again; the seed is not said to stay."""
        cloud = with_web(system={"cloud": "/srv/x.qcow2", "sha256": "ab" * 32, "keys": [KEY]})
        act = RemoveGuest("web")
        for notes, wanted in ((f"{system.STATE}/web/installed:x\n", True), ("", False)):
            step, made = self.facts(act, cloud, notes)
            plan = act.plan(cloud, made.facts(step))
            runs = [a.argv for a in plan.actions if isinstance(a, Run)]
            assert (("rm", "-rf", "--", f"{system.STATE}/web") in runs) == wanted
            assert not [f.what for f in plan.findings if f.what.startswith("Stays")]
        assert systems.NOTES not in RemoveGuest("comm").asks(PARAMS)

    def test_a_rename_takes_them_along_and_can_be_taken_back(self):
        """The seed is a disk of the guest: the new configuration names its new place."""
        act = RenameGuest("web", "www", WEB)
        raw = WEB.model_dump()
        params = HostParams.model_validate(
            {**raw, "guests": [*raw["guests"][:-1], {**raw["guests"][-1], "name": "www"}]}
        )
        step, made = self.facts(act, params, f"{system.STATE}/web/installed:x\n")
        made.files[config.path_of("web")] = config.render(WEB, WEB.guests[-1], releases.get("trixie"), False)
        (move,) = (
            a for a in act.plan(params, made.facts(step)).actions if isinstance(a, Run) and a.argv[0] == "mv"
        )
        assert move.argv == ("mv", "-T", "--", f"{system.STATE}/web", f"{system.STATE}/www")
        assert move.undo == ("mv", "-T", "--", f"{system.STATE}/www", f"{system.STATE}/web")
