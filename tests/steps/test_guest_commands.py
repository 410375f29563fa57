"""`runbook guest`: what each command plans and does, on a hand-made host."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from runbook import releases
from runbook.cli import main
from runbook.engine.journal import read
from runbook.facts import guest_screens, identity, system
from runbook.guests import config, ending
from runbook.hosts.base import Result as Ran
from runbook.model.ask import MISSING, Answer, Facts
from runbook.params import find, load
from tests.evidence.attested import alone
from tests.guests.machine import GIB, HandMade, Running

PARAMS = load("params/testbed.yml")
RELEASE = releases.get(PARAMS.release)
CREATE = ("/usr/sbin/xl", "create", "/etc/xen/comm.cfg")


class Host:
    """The hand-made host behind the commands: it carries out what they do with guests, files and volumes."""

    def __init__(self) -> None:
        files = {config.path_of(g.name): config.render(PARAMS, g, RELEASE, False) for g in PARAMS.guests}
        links = {f"{g.autostart:02d}-{g.name}.cfg": f"../{g.name}.cfg" for g in PARAMS.guests if g.autostart}
        volumes = {f"guests/{g.name}": GIB for g in PARAMS.guests}
        self.hand = HandMade(PARAMS, volumes=volumes, files=files, links=links)
        self.done: list[tuple[str, ...]] = []
        self.deaf: set[str] = set()
        self.screen = 'vnc-port = "5910"\nvnc-listen = "127.0.0.1"\n'
        self.is_real, self.describe, self.round_trips = True, "a test", 0

    def gather(self, asks) -> Facts:
        self.round_trips += 1
        return Facts({ask: self.answer(ask) for ask in asks})

    def answer(self, ask) -> Answer:
        if ask in identity.COMMANDS or ask in system.COMMANDS:
            return Answer(MISSING)
        if ask in guest_screens.asks(3):
            return Answer(0, self.screen)
        if "backups" in ask.key or "XEN_RUNBOOK" in ask.key:
            return Answer(0, "")
        if "exec xl create -n" in ask.key and not any(
            f"/{g.name}.cfg" in ask.key for g in self.hand.params.guests
        ):
            return Answer(MISSING)
        return self.hand._answer(ask)

    def run(self, argv, **options) -> Ran:
        self.done.append(argv)
        status, said = 0, ""
        match argv:
            case ("/usr/sbin/xl", "create", path):
                name = path.removeprefix("/etc/xen/").removesuffix(".cfg")
                guest = next(g for g in PARAMS.guests if g.name == name)
                bridges = tuple(nic.bridge for nic in guest.nics)
                self.hand.running += (Running(name, 7, pci=guest.pci, bridges=bridges),)
            case (ending.PROGRAM, *_, "--", name):
                if name in self.deaf and "-k" not in argv:
                    status, said = 1, f"{name}: it did not end within 5 s, and runs on\n"
                else:
                    self.hand.running = tuple(g for g in self.hand.running if g.name != name)
            case ("lvremove", "--yes", volume):
                del self.hand.volumes[volume]
            case ("rm", "-f", "--", path):
                if path.startswith("/etc/xen/auto/"):
                    del self.hand.links[path.rpartition("/")[2]]
                else:
                    del self.hand.files[path]
            case ("ln", "-sfn", "--", target, path):
                self.hand.links[path.rpartition("/")[2]] = target
            case _:
                raise AssertionError(f"nobody should run {argv}")
        return Ran(argv, status, said, "")

    def write(self, path, data, **options) -> None:
        self.done.append(("write", path))
        self.hand.files[path] = data.decode()

    def lock(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def host(monkeypatch, tmp_path) -> Host:
    """The host, with a copy of its parameters beside it in `tmp_path`."""
    alone(monkeypatch, tmp_path / "config")
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    fake = Host()
    monkeypatch.setattr("runbook.hosts.connect", lambda asked, notebook: with_params(fake, asked))
    return fake


def with_params(fake: Host, asked) -> Host:
    fake.hand = replace(fake.hand, params=asked)
    return fake


@pytest.fixture
def file(tmp_path) -> Path:
    return Path(shutil.copy(find("params/testbed.yml"), tmp_path / "testbed.yml"))


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["guest", *words], catch_exceptions=False)


def test_list_shows_every_guest(host, file):
    """Those of the parameters, and those that only the host has, in one round trip."""
    host.hand.files["/etc/xen/old.cfg"] = (
        'name = "old"\ntype = "pv"\nmemory = 128\ndisk = ["phy:/dev/x/y,xvda,w"]\n'
    )
    host.hand.running = (
        Running("ipfire", 3, pci=("0000:00:05.0",)),
        Running("Windows 10", 4, state="--p---"),
    )
    del host.hand.files["/etc/xen/nginx.cfg"]
    lines = run("list", str(file)).output.splitlines()
    found = {line[: lines[0].index("state")].strip(): line for line in lines[1:]}
    assert list(found) == ["ipfire", "comm", "nginx", "windows", "Windows 10", "old"]
    assert found["ipfire"].split()[1:4] == ["running", "256", "MiB"]
    assert "0000:00:05.0" in found["ipfire"]
    assert "not made yet" in found["nginx"]
    assert "paused" in found["Windows 10"]
    assert found["old"].split()[1:] == ["off", "128", "MiB", "-", "/dev/x/y", "-", "-", "no"]
    assert found["comm"].split()[-2:] == ["3", "yes"]
    assert host.round_trips == 1


def test_start_shows_first_and_starts_when_told(host, file):
    """The plan of notebook 08, for this guest alone; in a run among the reports when it is carried out."""
    shown = run("start", str(file), "comm")
    assert (shown.exit_code, host.done) == (0, [])
    assert "xl create /etc/xen/comm.cfg" in shown.output
    assert "Nothing was changed" in shown.output
    done = run("start", str(file), "comm", "--apply")
    assert (done.exit_code, host.done) == (0, [CREATE])
    (journal,) = (file.parent / "reports").glob("testbed/*/journal.jsonl")
    assert "start_guests" in {line.get("step") for line in read(journal)}
    again = run("start", str(file), "comm", "--apply")
    assert "nothing to do: it is so already" in again.output
    assert len(host.done) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"free_mib": 100}, "There is not enough memory to start ipfire"),
        ({"vanished": ("0000:00:05.0",)}, "its device 0000:00:05.0 cannot be given to it"),
        ({"running": (Running("x", 9, disks=("/dev/guests/ipfire",)),)}, "the running guest 'x' has the disk"),
        ({"running": (Running("x", 9, pci=("0000:00:05.0",)),)}, "the running guest 'x' has the device"),
        ({"bridges": ("xenbr0",)}, "The bridge xenbr1 of the guest 'ipfire' does not exist"),
        ({"xen": False}, "Xen does not run on this host"),
    ],
)  # fmt: skip
def test_start_has_the_checks_of_the_notebook(host, file, change, said):
    """One implementation: what the step refuses, the command refuses."""
    for key, value in change.items():
        setattr(host.hand, key, value)
    for words in ((), ("--apply",)):
        done = run("start", str(file), "ipfire", *words)
        assert (done.exit_code, host.done) == (3, [])
        assert said in " ".join(done.output.split())


def test_a_guest_that_nobody_knows(host, file):
    """Each command says which there are."""
    for words in (("start", "web"), ("restart", "web"), ("rename", "web", "x"), ("remove", "web")):
        done = run(words[0], str(file), *words[1:])
        assert done.exit_code == 2
        assert "There is no guest 'web'" in done.output
        assert "ipfire, comm, nginx, windows" in done.output
    assert "There is no guest 'web' on this host" in run("stop", str(file), "web").output
    assert "There is no guest 'web'" in run("screen", str(file), "web").output


def test_stop_ends_it_cleanly(host, file):
    """With the program that the host keeps, written first where it is missing; also a guest of nobody's parameters."""
    host.hand.running = (Running("Windows 10", 4),)
    assert run("stop", str(file), "Windows 10").exit_code == 0
    assert host.done == []
    done = run("stop", str(file), "Windows 10", "--limit", "60", "--apply")
    assert done.exit_code == 0
    assert host.done == [("write", ending.PROGRAM), (ending.PROGRAM, "-l", "60", "--", "Windows 10")]
    assert "does not run" in run("stop", str(file), "comm", "--apply").output


def test_a_guest_that_does_not_end_is_named(host, file):
    """No plug is pulled without --kill."""
    host.hand.running, host.deaf = (Running("comm", 4),), {"comm"}
    done = run("stop", str(file), "comm", "--limit", "5", "--apply")
    assert done.exit_code == 1
    assert "comm: it did not end within 5 s, and runs on" in done.output
    assert [guest.name for guest in host.hand.running] == ["comm"]
    assert run("stop", str(file), "comm", "--kill", "--apply").exit_code == 0
    assert "-k" in host.done[-1]


def test_restart_stops_then_starts(host, file):
    """One that does not end is not started a second time."""
    host.hand.running, host.deaf = (Running("comm", 4, bridges=("xenbr1",)),), {"comm"}
    assert run("restart", str(file), "comm", "--apply").exit_code == 1
    assert CREATE not in host.done
    host.deaf = set()
    assert run("restart", str(file), "comm", "--apply").exit_code == 0
    assert host.done[-2:] == [(ending.PROGRAM, "--", "comm"), CREATE]


def test_rename_changes_the_host_and_the_file(host, file):
    """The identity is written down, the volume keeps its name, and every place that names the guest follows."""
    before = config.uuid_of(PARAMS, next(g for g in PARAMS.guests if g.name == "comm"))
    shown = run("rename", str(file), "comm", "mail")
    assert (shown.exit_code, host.done) == (0, [])
    assert "+  - name: mail" in shown.output
    assert run("rename", str(file), "comm", "mail", "--apply").exit_code == 0
    there = load(file)
    guest = next(g for g in there.guests if g.name == "mail")
    assert (guest.uuid, guest.volume.name) == (before, "comm")
    assert there.management.backups.guests == ("mail",)
    assert [m.guest for m in there.management.mounts] == ["mail"]
    assert "/etc/xen/comm.cfg" not in host.hand.files
    assert before in host.hand.files["/etc/xen/mail.cfg"]
    assert host.hand.links["03-mail.cfg"] == "../mail.cfg"
    assert "03-comm.cfg" not in host.hand.links


@pytest.mark.parametrize("taken_by", ["the parameters", "a file of a person's"])
def test_a_name_that_is_taken(host, file, taken_by):
    """A guest gets no name that another has: nothing is done, nothing is written, and another name is the move."""
    name = "nginx" if taken_by == "the parameters" else "mine"
    host.hand.files["/etc/xen/mine.cfg"] = 'name = "mine"\nmemory = 64\n'
    before = file.read_text()
    done = run("rename", str(file), "comm", name, "--apply")
    assert done.exit_code in (2, 3)
    assert name in done.output
    assert "  do: " in done.output
    assert (host.done, file.read_text()) == ([], before)
    assert run("rename", str(file), "comm", "mail", "--apply").exit_code == 0


def test_a_running_guest_is_neither_renamed_nor_removed(host, file):
    """The way out is named."""
    host.hand.running = (Running("nginx", 4),)
    before = file.read_text()
    for words in (("rename", "nginx", "web"), ("remove", "nginx")):
        done = run(words[0], str(file), *words[1:])
        assert done.exit_code == 3
        assert "runbook guest stop PARAMS nginx --apply" in done.output
    assert (host.done, file.read_text()) == ([], before)


def test_remove_asks_for_the_digest(host, file):
    """Everything of that guest goes, in an order in which nothing half is left, and no other guest's."""
    shown = run("remove", str(file), "nginx")
    assert (shown.exit_code, host.done) == (0, [])
    assert "No last backup of 'nginx' is made" in shown.output
    digest = shown.output.split("--consent ")[-1].split()[0]
    assert run("remove", str(file), "nginx", "--apply", "--consent", "123456789abc").exit_code == 4
    assert host.done == []
    assert run("remove", str(file), "nginx", "--apply", "--consent", digest).exit_code == 0
    assert host.done == [
        ("rm", "-f", "--", "/etc/xen/auto/02-nginx.cfg"), ("rm", "-f", "--", "/etc/xen/nginx.cfg"),
        ("lvremove", "--yes", "guests/nginx"),
    ]  # fmt: skip
    assert [guest.name for guest in load(file).guests] == ["ipfire", "comm", "windows"]


def test_a_last_backup_is_made_before(host, file, monkeypatch):
    """Where the parameters back the guest up; a removal that nobody agreed to makes none."""
    made = []
    monkeypatch.setattr(
        "runbook.cli.backups.make_and_verify",
        lambda beat, params, names: made.append((names, list(host.done))),
    )
    shown = run("remove", str(file), "comm")
    assert (
        "A last backup of 'comm' is made and verified in /srv/backups before anything is removed"
        in shown.output
    )
    digest = shown.output.split("--consent ")[-1].split()[0]
    assert run("remove", str(file), "comm", "--apply", "--consent", "123456789abc").exit_code == 4
    assert made == []
    assert run("remove", str(file), "comm", "--apply", "--consent", digest).exit_code == 0
    assert made == [(("comm",), [])]
    assert host.done[-1] == ("lvremove", "--yes", "guests/comm")
    left = load(file)
    assert (left.management.backups.guests, left.management.mounts) == ((), ())


class TestScreens:
    def test_where_it_is(self, host, file, monkeypatch):
        """The port on this machine is said, and it is gone when the connection is."""
        host.hand.running = (Running("windows", 3),)
        asked = []

        class Way:
            def __init__(self, of, address, number):
                asked.append((address, number))

            def __enter__(self):
                return 43211, SimpleNamespace(poll=lambda: 0)

            def __exit__(self, *_):
                return None

        monkeypatch.setattr("runbook.hosts.interactive.port", Way)
        done = run("screen", str(file), "windows")
        assert asked == [("127.0.0.1", 5910)]
        assert "windows's screen is at 127.0.0.1:43211 until Ctrl-C" in done.output
        assert done.exit_code == 5

    def test_a_guest_without_one(self, host, file):
        """Its picture is on the card that it was given."""
        host.hand.running, host.screen = (Running("windows", 3),), 'port = "4"\n'
        done = run("screen", str(file), "windows")
        assert done.exit_code == 3
        assert "has no screen that could be led here" in done.output

    def test_a_guest_that_is_off(self, host, file):
        """The command that starts it is named."""
        done = run("console", str(file), "windows")
        assert done.exit_code == 3
        assert "runbook guest start PARAMS windows --apply" in done.output


class TestFromACell:
    """`book.guests` does what the commands do."""

    @pytest.fixture
    def opened(self, host, file, monkeypatch):
        from runbook.book import Book
        from runbook.engine.journal import Journal

        def book(mode):
            made = object.__new__(Book)
            made.params, made.mode, made.host, made.notebook = PARAMS, mode, host, "08_guests"
            made._beat = SimpleNamespace(journal=Journal(file.parent / "journal.jsonl"))
            made._known = {"start_guests"}
            return made

        return book

    def test_it_shows_itself(self, host, opened):
        """As the table of `runbook guest list`."""
        host.hand.running = (Running("ipfire", 3),)
        assert "running" in repr(opened("plan").guests)

    def test_in_mode_plan_nothing_is_done(self, host, opened):
        """What would be done is shown."""
        assert "xl create /etc/xen/comm.cfg" in opened("plan").guests.start("comm").text
        assert host.done == []

    def test_in_mode_apply_it_acts_and_the_book_looks_anew(self, host, opened, monkeypatch):
        """A guest is stopped, started, and what the book knew of the host is forgotten."""
        monkeypatch.setattr("runbook.show.live.Live.end", lambda *_: None)
        host.hand.running = (Running("comm", 4, bridges=("xenbr1",)),)
        book = opened("apply")
        assert book.guests.restart("comm") is None
        assert [argv for argv in host.done if argv[0] != "write"] == [(ending.PROGRAM, "--", "comm"), CREATE]
        assert book._known == set()
        steps = [line["step"] for line in read(book.journal.path) if line["event"] == "step-end"]
        assert steps == ["stop_guest", "start_guests"]
