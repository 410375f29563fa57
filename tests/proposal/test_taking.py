"""Guests that are on a host, taken into its parameters: the very same guests, and nothing else in the file is another."""

import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.errors import ParamsError, Refused
from runbook.facts import configurations, guest_files
from runbook.facts.storage.asks import LONG
from runbook.model.ask import Answer
from runbook.params import HostParams, loads
from runbook.proposal import guests, machine, taking
from runbook.steps.guests import set_autostart, write_guest_configs
from tests.cases.guests import NAMES, Case
from tests.guests.machine import HandMade
from tests.proposal.test_living import answered

WEB = "name = 'web'\ntype = 'hvm'\nmemory = 512\nvcpus = 2\ndisk = ['phy:/dev/guests/web,hda,w']\nvif = ['bridge=xenbr1']\n"
PARAMS = """\
# My host.
host: testbed
connection: {kind: local}
network:
  bridges:
    - {name: xenbr0, ports: [enp0s2]}   # outside
    - {name: xenbr1, ports: []}
storage: {guest_volume_group: guests}
# The guests, as I like them.
guests:
  - name: comm            # mail
    what: mail and chat
    memory_mib: 256       # enough
    volume: {name: comm, size_gib: 1}
    autostart: 4
# That is all.
services: {watchdog: false}
"""
PATH = Path("testbed.yml")
FITS = {
    f"{name}/{file}": Case(name).text(file) for name in NAMES for file in Case(name).expected.get("fits", {})
}


def seen(files, running=(), links="", absent=(), file=None):
    """Return what the finished host says, with other configurations and running guests."""
    lines = "".join(f"{p}:{line}\n" for p, t in files.items() for line in t.removesuffix("\n").split("\n"))
    facts = answered(
        machine.asks(),
        {
            guest_files.FILES: Answer(0, lines),
            guest_files.AUTOSTART: Answer(0, links),
            configurations.ELSEWHERE: Answer(0),
            LONG: Answer(0, json.dumps(running)),
        },
    )
    return taking.Seen(facts, machine.read(facts), file, frozenset(absent))


def take(there, *names, text=PARAMS, source="", **how):
    return taking.take(text, PATH, loads(text, PATH), there, taking.Wanted(names, source, **how))


def planned(text, files, step=write_guest_configs, **values):
    """Return what a step plans on the host with these files, from the parameters of a text."""
    host = HandMade(loads(text, PATH), files=files, **values)
    return step.plan(host.params, host.facts(step))


def with_all(text):
    """Return parameters that have the bridges and devices of any guest's file."""
    words = sorted(set(re.findall(r"bridge=(\w+)", text)) - {"xenbr0", "xenbr1"})
    bridges = "".join(f"    - {{name: {name}, ports: []}}\n" for name in words)
    return PARAMS.replace("storage:", f"{bridges}storage:", 1) if bridges else PARAMS


@pytest.mark.parametrize("name", FITS)
def test_every_public_guest_is_taken_in_as_it_is(name):
    """Of each given configuration comes an entry whose plan is empty for that guest, and the comments around it stay."""
    text = FITS[name]
    there = seen({"/etc/xen/it.cfg": text})
    (found,) = (one for one in guests.read(there.facts) if one.path)
    entry = guests.entry(found, "testbed", "guests", "trixie", lambda path: 0)
    devices = "".join(f"    - {{bdf: {bdf}, id: '8086:10d3', what: a card}}\n" for bdf in entry.devices)
    base = with_all(text) + (f"passthrough:\n  devices:\n{devices}" if devices else "")
    taken = take(there, found.name, text=base)
    assert [line for line in taken.text.splitlines() if line not in base.splitlines() and "- name" in line]
    path = f"/etc/xen/{found.name}.cfg"
    plan = planned(taken.text, {path: text}, answers=_no_discs(taken.text))
    assert [a.path for a in plan.actions] == ["/etc/xen/comm.cfg"]
    assert plan.losses == ()
    for line in (
        "# My host.",
        "# The guests, as I like them.",
        "    memory_mib: 256       # enough",
        "# That is all.",
    ):
        assert line in taken.text.splitlines()


def _no_discs(text):
    discs = tuple(g.install_media for g in loads(text, PATH).guests if g.install_media)
    return {guest_files.existing(discs): Answer(0)} if discs else {}


def test_what_is_written_is_what_a_person_would_write():
    """The entry is short, stands behind the others, and a volume has the size that it has."""
    taken = take(seen({"/etc/xen/comm.cfg": "", "/etc/xen/web.cfg": WEB.replace("/web,", "/nginx,")}), "web")
    assert [line[1:] for line in taken.diff if line.startswith("+") and not line.startswith("+++")] == [
        "  - name: web",
        "    vcpus: 2",
        "    memory_mib: 512",
        "    volume: {name: nginx, size_gib: 1}",
        "    nics: [{bridge: xenbr1, model: rtl8139}]",
        "    usb: {devices: []}",
        "    boot: {order: cda}",
        "    serial: []",
        "    on_crash: destroy",
    ]
    assert taken.names == ("web",)


def test_a_guest_of_ours_that_was_taken_out_comes_back():
    """What the runbook wrote is read back, what it is for and its place among those that start with the host too."""
    both = loads(PARAMS, PATH)
    text = write_guest_configs.wanted(both, HandMade(both).facts(write_guest_configs))["/etc/xen/comm.cfg"]
    alone = PARAMS.replace(PARAMS[PARAMS.index("guests:\n  -") : PARAMS.index("# That")], "guests: []\n")
    taken = take(seen({"/etc/xen/comm.cfg": text}, links="04-comm.cfg\tf\t../comm.cfg\n"), "comm", text=alone)
    assert loads(taken.text, PATH).guests == both.guests
    files, links = {"/etc/xen/comm.cfg": text}, {"04-comm.cfg": "../comm.cfg"}
    assert planned(taken.text, files).actions == ()
    assert planned(taken.text, files, set_autostart, links=links).actions == ()


class TestAGuestOfThatNameIsThere:
    OTHER = WEB.replace("'web'", "'comm'").replace("guests/web", "guests/comm")

    def test_and_is_the_same(self):
        """Then nothing is written."""
        once = take(seen({"/etc/xen/web.cfg": WEB}), "web").text
        again = take(seen({"/etc/xen/web.cfg": WEB}), "web", text=once)
        assert (again.text, again.names, again.diff) == (once, (), ())

    def test_and_is_another_one(self):
        """The name is taken: what would become another is named, and so is the option that replaces it."""
        with pytest.raises(ParamsError, match="There is a guest 'comm' in the parameters already") as error:
            take(seen({"/etc/xen/comm.cfg": self.OTHER}), "comm")
        assert "memory: 512 → 256" in error.value.why
        assert "--replace" in error.value.do

    def test_and_is_replaced_when_that_is_said(self):
        """Its values become those of the file, key by key; comments and what no file says stay."""
        taken = take(seen({"/etc/xen/comm.cfg": self.OTHER}), "comm", replaces=True)
        assert "  - name: comm            # mail\n" in taken.text
        assert "    memory_mib: 512       # enough\n" in taken.text
        (guest,) = loads(taken.text, PATH).guests
        assert (guest.what, guest.autostart, guest.vcpus) == ("mail and chat", 4, 2)
        assert planned(taken.text, {"/etc/xen/comm.cfg": self.OTHER}).actions == ()


class TestWhatCannotBe:
    def refused(self, kind, there, *names, **how):
        with pytest.raises(kind) as error:
            take(there, *names, **how)
        return error.value

    def test_a_file_that_is_cut(self):
        """A configuration that ends in the middle is refused with the line where it does."""
        error = self.refused(Refused, seen({"/etc/xen/web.cfg": WEB[:-20]}), "web")
        assert "xl cannot read it: line 6" in error.what
        assert "until then the guest stays as it is" in error.do

    def test_a_file_with_the_line_ends_of_windows(self):
        """xl stops at the first carriage return, and so the file is refused."""
        error = self.refused(Refused, seen({"/etc/xen/web.cfg": WEB.replace("\n", "\r\n")}), "web")
        assert "xl cannot read it: line 1" in error.what

    def test_a_disk_that_is_gone(self):
        """A disk that the host does not have is named; nothing is written for a guest that cannot start."""
        error = self.refused(Refused, seen({"/etc/xen/web.cfg": WEB}, absent=["/dev/guests/web"]), "web")
        assert "/dev/guests/web, which its configuration names, is not on the host" in error.what

    @pytest.mark.parametrize(
        ("more", "script"),
        [
            ("vif = ['bridge=xenbr1,script=vif-mine']\n", "/etc/xen/scripts/vif-mine"),
            ("vif = ['bridge=xenbr1,script=/srv/vif-mine']\n", "/srv/vif-mine"),
            (
                "disk = ['script=block-iscsi,vdev=xvda,target=iqn.2001-05.com.example:web']\n",
                "/etc/xen/scripts/block-iscsi",
            ),
        ],
    )
    def test_a_script_that_is_gone(self, more, script):
        """A script that plugs a disk or a card in is looked for where xl looks, and named."""
        text = "\n".join(line for line in WEB.splitlines() if not line.startswith(more[:4])) + f"\n{more}"
        there = seen({"/etc/xen/web.cfg": text}, absent=[script])
        assert script in taking.existing_parts(there, taking.Wanted(("web",), ""))
        assert (
            f"{script}, which its configuration names, is not on the host"
            in self.refused(Refused, there, "web").what
        )

    @pytest.mark.parametrize(
        ("more", "path"),
        [
            ("kernel = '/srv/vmlinuz'\n", "/srv/vmlinuz"),
            ("kernel = '/vmlinuz'\nramdisk = '/srv/initrd'\n", "/srv/initrd"),
            ("bios_path_override = '/srv/OVMF.fd'\n", "/srv/OVMF.fd"),
        ],
    )
    def test_a_kernel_that_is_gone(self, more, path):
        """A kernel, its RAM disk or a firmware that the guest starts from is looked for, and named."""
        there = seen({"/etc/xen/web.cfg": WEB + more}, absent=[path])
        assert path in taking.existing_parts(there, taking.Wanted(("web",), ""))
        said = f"{path}, which its configuration names, is not on the host"
        assert said in self.refused(Refused, there, "web").what

    def test_a_bridge_that_is_nowhere(self):
        """A bridge that neither the host nor the parameters have is named, with where to write it."""
        error = self.refused(Refused, seen({"/etc/xen/web.cfg": WEB.replace("xenbr1", "br7")}), "web")
        assert "it is on the bridge br7" in error.what

    def test_a_device_that_is_not_in_the_machine(self):
        """A passed device that vanished is named."""
        error = self.refused(Refused, seen({"/etc/xen/web.cfg": WEB + "pci = ['0f:00.0']\n"}), "web")
        assert "it has the device 0000:0f:00.0, which is not in this machine" in error.what

    def test_a_name_that_no_guest_has(self):
        """Those that are there are named instead."""
        error = self.refused(ParamsError, seen({"/etc/xen/web.cfg": WEB}), "wbe")
        assert "there are: web" in error.why

    def test_a_name_that_two_files_have(self):
        """Which of them is meant is asked, with the option that says it."""
        there = seen({"/etc/xen/a.cfg": WEB, "/etc/xen/b.cfg": WEB})
        error = self.refused(ParamsError, there, "web")
        assert "/etc/xen/a.cfg, /etc/xen/b.cfg" in error.what
        assert "--from /etc/xen/a.cfg" in error.do

    def test_what_contradicts_a_guest_of_the_parameters(self):
        """Two guests on one volume cannot stand in one file: nothing is written."""
        there = seen({"/etc/xen/web.cfg": WEB.replace("guests/web", "guests/comm")})
        error = self.refused(ParamsError, there, "web")
        assert "comm" in error.why

    def test_of_all_guests_stays_outside_with_its_reason(self):
        """The others are taken in; each that cannot be is named with why."""
        files = {
            "/etc/xen/web.cfg": WEB,
            "/etc/xen/b.cfg": WEB.replace("web", "b").replace("xenbr1", "br7"),
            "/etc/xen/c.cfg": "name = 'c",
        }
        files["/etc/xen/twin.cfg"] = WEB.replace("name = 'web'", "name = 'twin'")
        taken = take(seen(files), takes_all=True)
        assert taken.names == ("twin",)
        assert {name for name, _ in taken.left} == {"b", "c", "web"}
        assert "br7" in dict(taken.left)["b"]


class TestWhatAPersonIsTold:
    def test_of_words_that_xl_skips_and_keys_that_stand_twice(self):
        """Neither is lost without a word."""
        text = WEB + "localdate = 1\nserial = 'none'\nserial = 'pty'\n"
        notes = "\n".join(take(seen({"/etc/xen/web.cfg": text}), "web").notes)
        assert "xl does not know localdate" in notes
        assert "`serial` is given twice" in notes

    def test_of_a_password(self):
        """It is written nowhere; where it is to be said is told, and until then the file keeps the one it has."""
        text = WEB + "vncpasswd = 'secret7'\n"
        taken = take(seen({"/etc/xen/web.cfg": text}), "web")
        assert "secret7" not in taken.text
        assert "VNC_PASSWORD_WEB" in "\n".join(taken.notes)
        assert [a.path for a in planned(taken.text, {"/etc/xen/web.cfg": text}).actions] == [
            "/etc/xen/comm.cfg"
        ]


RUNNING = {
    "domid": 7,
    "config": {
        "c_info": {"type": "hvm", "name": "web", "uuid": "3ba1e9a2-57dc-4c7b-8f0e-0c1f2e3d4a5b"},
        "b_info": {
            "max_vcpus": 2, "avail_vcpus": [0, 1], "max_memkb": 524288, "target_memkb": 524288,
            "type.hvm": {"vnc": {"enable": "True", "listen": "127.0.0.1", "display": 3, "findunused": "False"}, "boot": "c"},
        },
        "disks": [{"pdev_path": "/dev/guests/web", "vdev": "hda", "format": "raw", "readwrite": 1}],
        "nics": [{"mac": "00:16:3e:00:00:07", "bridge": "xenbr1", "model": "e1000", "nictype": "vif_ioemu"}],
        "on_reboot": "restart",
    },
}  # fmt: skip


class TestAGuestThatRuns:
    def test_without_a_file_is_read_from_xen(self):
        """It goes on as it is; that notebook 08 writes its file is told."""
        taken = take(seen({}, [RUNNING]), "web")
        guest = loads(taken.text, PATH).guests[-1]
        assert (guest.name, guest.vcpus, guest.memory_mib, guest.vnc_display) == ("web", 2, 512, 3)
        assert guest.uuid == "3ba1e9a2-57dc-4c7b-8f0e-0c1f2e3d4a5b"
        assert "notebook 08 writes /etc/xen/web.cfg" in "\n".join(taken.notes)

    def test_otherwise_than_its_file_says_is_told(self):
        """The file counts, for the next start does; what then changes is named."""
        notes = "\n".join(
            take(seen({"/etc/xen/web.cfg": WEB.replace("512", "1024")}, [RUNNING]), "web").notes
        )
        assert "it runs otherwise than its file says" in notes
        assert "memory: 512 → 1024" in notes

    def test_is_read_as_it_runs_when_that_is_said(self):
        """`--from running` passes the file over; one that does not run is said."""
        taken = take(
            seen({"/etc/xen/web.cfg": WEB.replace("512", "1024")}, [RUNNING]), "web", source="running"
        )
        assert loads(taken.text, PATH).guests[-1].memory_mib == 512
        with pytest.raises(ParamsError, match="No guest 'mail' runs on testbed"):
            take(seen({}, [RUNNING]), "mail", source="running")


class TestTheCommand:
    @pytest.fixture
    def file(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            sys.modules["runbook.cli.adopt"], "look", lambda *_: seen({"/etc/xen/web.cfg": WEB})
        )
        path = tmp_path / "testbed.yml"
        path.write_text(PARAMS)
        return path

    def call(self, *words):
        done = CliRunner().invoke(main, ["guest", "adopt", *map(str, words)])
        return done.exit_code, done.output

    def test_writes_the_file_and_says_what_to_do(self, file):
        """The change is shown, and the next command named."""
        code, said = self.call(file, "web")
        assert code == 0
        assert "+  - name: web" in said
        assert f"runbook plan {file} --only 08_guests" in said
        assert [g.name for g in loads(file.read_text(), file).guests] == ["comm", "web"]

    def test_only_looks_when_told_so(self, file):
        """With --dry-run the file stays to the byte."""
        code, said = self.call(file, "web", "--dry-run")
        assert (code, file.read_text()) == (0, PARAMS)
        assert "Nothing was written" in said

    def test_leaves_the_file_alone_where_it_fails(self, file):
        """An error ends with its code, and nothing is half done."""
        code, said = self.call(file, "web", "mail")
        assert (code, file.read_text()) == (2, PARAMS)
        assert "There is no guest 'mail' on testbed" in said

    def test_wants_to_be_told_which(self, file):
        """Without a name, a file or --all it says what there is to say."""
        assert self.call(file)[0] == 2
        assert self.call(file, "web", "--all")[0] == 2


def test_a_hundred_guests_are_taken_in_at_once():
    """They all stand in the file, in the order of their names, each proven to be the one that is there."""
    files = {f"/etc/xen/g{n:02d}.cfg": WEB.replace("web", f"g{n:02d}") for n in range(100)}
    taken = take(seen(files), takes_all=True)
    assert taken.left == ()
    params: HostParams = loads(taken.text, PATH)
    assert [g.name for g in params.guests] == ["comm", *(f"g{n:02d}" for n in range(100))]
