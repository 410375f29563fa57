"""The testbed's pure parts: what is asked of QEMU, of apt and of the cache, and what a failure says."""

from __future__ import annotations

import itertools
import os
import re
import tarfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook.cli import virtual_pc
from runbook.controller import apt_sources as sources
from runbook.controller import process
from runbook.controller.apt_sources import AptSource
from runbook.errors import CheckFailed, RunbookError
from runbook.params import load
from runbook.testbed import acceptance, console, disk, hardware, image, machine, qemu, recipe, remote
from runbook.testbed.console import Patience
from runbook.testbed.errors import GaveUp, TestbedError, tail
from runbook.testbed.recipe import Identity, Recipe

ROOT = Path(__file__).parents[1]
MAIN = AptSource(("http://deb.example/debian",), ("trixie", "trixie-updates"), ("main", "contrib"))
SECURITY = AptSource(("http://deb.example/debian-security",), ("trixie-security",), ("main", "contrib"))
RECIPE = Recipe(sources=(MAIN, SECURITY))
IDENT = Identity(
    "ABCD1234",
    "b0070000-0000-4000-8000-000000000001",
    "40070000-0000-4000-8000-000000000002",
    "0" * 32,
    "ssh-ed25519 AAAA testbed\n",
)

ONE_LINE = """\
# a comment
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://deb.example/debian bookworm main contrib
deb http://deb.example/debian bookworm-updates main contrib  # and why
deb-src http://deb.example/debian bookworm main
deb http://deb.example/debian-security bookworm-security main contrib
deb https://tools.example/apt stable-tools main
"""

DEB822 = """\
# the archive
Types: deb deb-src
URIs: http://deb.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.example/debian-security
Suites: bookworm-security
Components: main contrib

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: file:/srv/debian
Suites: bookworm
Components: main
"""


def suites(found: tuple[AptSource, ...]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Every (address, suite, components) of `found`."""
    return {(uri, suite, s.components) for s in found for uri, suite in itertools.product(s.uris, s.suites)}


EXPECTED = suites((MAIN, SECURITY))


def test_sources_in_one_line_form():
    """Each Debian line is said for the other release; comments, options, source and foreign lines are left out."""
    assert suites(sources.for_release({"sources.list": ONE_LINE}, "bookworm", "trixie")) == EXPECTED


def test_sources_in_deb822_form():
    """The same from stanzas; disabled ones and those a virtual PC cannot reach are left out."""
    assert suites(sources.for_release({"debian.sources": DEB822}, "bookworm", "trixie")) == EXPECTED


def test_sources_of_this_machine(tmp_path: Path):
    """Both forms are read from apt's folder; files that apt itself ignores are ignored."""
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://deb.example/debian stable main\n")
    (parts / "other.list.disabled").write_text("deb http://off.example/debian bookworm main\n")
    (tmp_path / "os-release").write_text('NAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\n')
    found = sources.own_sources("trixie", tmp_path, tmp_path / "os-release")
    assert suites(found) == {("http://deb.example/debian", "trixie", ("main",))}


def test_no_debian_source_is_explained():
    """A machine without a Debian source learns what is missing and where it was looked for."""
    with pytest.raises(RunbookError, match=r"(?s)sources.list.*suite 'noble'.*do:"):
        sources.for_release({"sources.list": ONE_LINE}, "noble", "trixie")


def test_sources_round_trip():
    """What is written for the virtual PC reads back as the same sources."""
    assert tuple(sources.parse_deb822(sources.as_deb822((MAIN, SECURITY)))) == (MAIN, SECURITY)
    lines = "\n".join(sources.as_lines((MAIN, SECURITY)))
    assert suites(tuple(sources.parse_one_line(lines))) == EXPECTED


def words(spec: qemu.Spec) -> str:
    return " ".join(qemu.command(spec))


def test_qemu_listens_on_loopback_only():
    """The only TCP port is ssh's, on 127.0.0.1; the rest are sockets in the machine's folder; no VNC."""
    line = words(qemu.Spec(ssh_port=40022))
    assert re.findall(r"hostfwd=(\S+?)(?:,|\s)", line + " ") == ["tcp:127.0.0.1:40022-:22"]
    assert "-display none" in line
    assert "-nodefaults" in line
    assert not re.search(r"0\.0\.0\.0|tcp:[^1]|telnet|vnc|spice", line)


def test_qemu_devices_have_fixed_addresses():
    """Device identity is what the runbook pins: every added device has its own fixed address and MAC."""
    devices = [w for w in qemu.command(qemu.Spec(1)) if ",addr=" in w]
    addresses = [word for w in devices for word in re.findall(r"addr=(0x\w+)", w)]
    assert addresses == ["0x3", "0x4", "0x5", "0x6", "0x7", "0x8", "0x9"]
    assert all("bus=pcie.0" in w for w in devices)
    assert devices[2].startswith("e1000e,")
    assert "mac=52:54:00:13:00:05" in devices[2]
    assert len(set(re.findall(r"mac=([\w:]+)", words(qemu.Spec(1))))) == 3


def test_qemu_has_what_xen_needs():
    """The CPU flags that emulated Xen dies without, an IOMMU with interrupt remapping, UEFI, a logged console."""
    line = words(qemu.Spec(1))
    for part in (
        "q35",
        "EPYC,-smap,-smep,-monitor,-rdtscp",
        "amd-iommu,intremap=on",
        "if=pflash,unit=0",
        "logfile=console.log",
    ):
        assert part in line
    assert "-no-reboot" not in line


def test_second_network_leads_nowhere():
    """Only the network of the second bridge is cut off."""
    nets = [w for w in qemu.command(qemu.Spec(1)) if w.startswith("user,")]
    assert ["restrict=on" in net for net in nets] == [False, True, False]


@pytest.mark.parametrize(
    "changed",
    [
        replace(RECIPE, packages=(*recipe.PACKAGES, "tree")),
        replace(RECIPE, root_mib=20480),
        replace(RECIPE, hostname="other"),
        replace(RECIPE, sources=(MAIN,)),
        replace(RECIPE, apt_options=(("Acquire::Check-Date", "false"),)),
    ],
)
def test_changed_recipe_has_another_key(changed: Recipe):
    """Whatever changes the disk changes its name in the cache; an equal recipe keeps it."""
    assert image.image_key(changed) != image.image_key(RECIPE)
    assert image.image_key(Recipe(sources=(MAIN, SECURITY))) == image.image_key(RECIPE)


def test_changed_code_has_another_key(tmp_path: Path):
    """The modules that follow the recipe belong to the key."""
    code = tmp_path / "build.py"
    code.write_text("one")
    before = RECIPE.key([code])
    code.write_text("two")
    assert RECIPE.key([code]) != before


def test_finished_disk_is_taken_and_half_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A killed build leaves nothing that is taken for good; a finished one is not built again."""
    built = []

    def build(work: Path, _recipe: Recipe, _say: disk.Say) -> None:
        built.append(work)
        (work / "disk.qcow2").write_text("whole")

    monkeypatch.setattr(disk, "build", build)
    monkeypatch.setattr(image, "_require_tools", lambda _work: None)
    half = tmp_path / f"building-base-{image.image_key(RECIPE)}"
    half.mkdir()
    (half / "disk.qcow2").write_text("half")
    for _ in range(2):
        found = image.base_image(tmp_path, RECIPE, print)
        assert found.disk.read_text() == "whole"
    assert len(built) == 1
    assert not half.exists()


def test_failed_build_step_shows_its_last_words(tmp_path: Path):
    """The error names the step, the log and the end of what the command said."""
    with pytest.raises(TestbedError, match=r"(?s)could not try it \(exit 3\).*build\.log.*no space"):
        disk.Steps(tmp_path).run("try it", ["sh", "-c", "echo no space left >&2; exit 3"])


def test_partitions_follow_each_other():
    """ESP, /boot and / lie one behind the other and end before the table's second copy."""
    parts = recipe.partitions(RECIPE)
    ends = [p.start_mib + p.size_mib for p in parts]
    assert [p.start_mib for p in parts[1:]] == ends[:-1]
    assert ends[-1] < recipe.disk_mib(RECIPE)


def test_files_of_a_fresh_machine(tmp_path: Path):
    """fstab by UUID, DHCP on the first card, a serial console that update-grub keeps, no word of Xen."""
    files = recipe.files(RECIPE, IDENT, "6.12.0-amd64")
    fstab = files["etc/fstab"][1]
    assert f"UUID={IDENT.root_uuid} / " in fstab
    assert "UUID=ABCD-1234 /boot/efi" in fstab
    assert "iface enp0s3 inet dhcp" in files["etc/network/interfaces"][1]
    assert 'GRUB_CMDLINE_LINUX="console=ttyS0' in files["etc/default/grub.d/serial-console.cfg"][1]
    assert (
        f"linux /vmlinuz-6.12.0-amd64 root=UUID={IDENT.root_uuid} ro console=ttyS0"
        in files["boot/grub/grub.cfg"][1]
    )
    assert not any("xen" in text.lower() for _, text in files.values())
    disk._write_overlay(tmp_path / "overlay.tar", files)
    with tarfile.open(tmp_path / "overlay.tar") as overlay:
        modes = {m.name: (m.mode, m.uid) for m in overlay.getmembers()}
    assert modes["root/.ssh/authorized_keys"] == (0o600, 0)
    assert modes["root/.ssh"] == (0o700, 0)


def test_failure_shows_the_console(tmp_path: Path):
    """A machine that stops talking fails with the console's end, its file and a next move."""
    log = tmp_path / "console.log"
    log.write_text("(XEN) Brought up 2 CPUs\r\n\x1b[0;31mKernel panic\x1b[0m - not syncing\r\n")
    with pytest.raises(TestbedError) as caught:
        console.wait_until(
            "a login", lambda: False, lambda: True, log, Patience(stall_s=0.05, total_s=5, pause_s=0.01)
        )
    said = str(caught.value)
    assert "a login" in said
    assert "Kernel panic - not syncing" in said
    assert str(log) in said
    assert "nothing new for" in said
    assert "--fresh" in said


REBOOTS = "[ 12.0] Rebooting in 30 seconds..\r\nBdsDxe: a\r\nb\r\nc\r\n"
EMERGENCY = """Timed out waiting for device dev-disk-by\\x2duuid-32E4\\x2d0758.device.\r
You are in emergency mode. After logging in, type "journalctl -xb" to view\r
system logs, "systemctl reboot" to reboot, or "exit"\r\nto continue bootup.\r\n\r
Cannot open access to console, the root account is locked.\r\nSee sulogin(8) man page for more details.\r\n\r
Press Enter to continue.\r
"""
PANICKED = "[ 9.5] Kernel panic - not syncing: Fatal exception\r\n[ 11.8] ---[ end Kernel panic - not syncing ]---\r\n"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (PANICKED, GaveUp),
        (PANICKED + REBOOTS, TestbedError),
        (EMERGENCY, GaveUp),
        (EMERGENCY + REBOOTS * 2, TestbedError),
    ],
    ids=["panic", "panic, and a restart", "emergency mode", "emergency mode, and a restart"],
)
def test_a_machine_that_gave_up_is_told_from_a_slow_one(tmp_path: Path, said: str, error: type):
    """Where that is the last word it is not waited for long; a machine that goes on by itself is."""
    log = tmp_path / "console.log"
    log.write_text(said)
    patience = Patience(stall_s=0.4, panic_s=0.05, total_s=5, pause_s=0.01)
    with pytest.raises(TestbedError) as caught:
        console.wait_until("a login", lambda: False, lambda: True, log, patience)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("panics", "has_run", "boots"), [(0, False, 1), (2, False, 3), (3, False, None), (1, True, None)]
)
def test_a_fresh_machine_may_boot_again(tmp_path, monkeypatch, panics, has_run, boots):
    """A machine that gives up at the first boot is switched off and on, three boots at most; later it is an error."""
    left, switched = iter([True] * panics), []
    monkeypatch.setattr(hardware, "is_assembled", lambda folder: True)
    monkeypatch.setattr(hardware, "switch_on", lambda folder, spec: switched.append("on"))
    monkeypatch.setattr(machine, "provision", lambda *_: None)
    monkeypatch.setattr(machine.Machine, "kill_power", lambda self: switched.append("off"))

    def wait_ready(self):
        if next(left, False):
            raise GaveUp("a", where="b", why="c", next_move="d")
        return 1.0

    monkeypatch.setattr(machine.Machine, "wait_ready", wait_ready)
    (tmp_path / "machine").mkdir()
    if has_run:
        (tmp_path / "machine/answered").touch()
    said = []
    if boots is None:
        with pytest.raises(GaveUp):
            machine.up(state=tmp_path, say=said.append)
        return
    machine.up(state=tmp_path, say=said.append)
    assert switched == ["on", *["off", "on"] * (boots - 1)]
    assert sum("gave up booting" in line for line in said) == boots - 1


def test_progress_is_waited_for(tmp_path: Path):
    """As long as the console grows, a slow machine is no stuck one."""
    log = tmp_path / "console.log"
    log.write_text("")
    polls = itertools.count()

    def ready() -> bool:
        with log.open("a") as file:
            file.write("another line\n")
        return next(polls) > 10

    waited = console.wait_until(
        "a login", ready, lambda: True, log, Patience(stall_s=0.05, total_s=20, pause_s=0.02)
    )
    assert waited > 0.1


def test_ended_process_is_noticed(tmp_path: Path):
    """A virtual PC whose process ended is not waited for."""
    with pytest.raises(TestbedError, match="process ended"):
        console.wait_until(
            "a login", lambda: False, lambda: False, tmp_path / "console.log", Patience(pause_s=0.01)
        )


def test_tail_is_plain_text():
    """Colours, control bytes and empty lines are gone; only the last lines stay."""
    assert tail("one\n\n\x1b[2J\x1b[01;01Htwo\r\nthree\x07\n", 2) == "two\nthree"


def test_only_our_own_process_is_ended(tmp_path: Path):
    """A noted pid whose start time differs is somebody else's: it counts as not running and is left alone."""
    ours = process.start(["sh", "-c", "setsid sleep 60 & echo $! > qemu.pid"], tmp_path, 1)
    assert ours is not None
    other = replace(ours, started=ours.started + 1)
    other.save(tmp_path / "qemu.json")
    assert process.Running.load(tmp_path / "qemu.json") is None
    process.end(other)
    assert ours.is_alive()
    ours.save(tmp_path / "qemu.json")
    assert process.Running.load(tmp_path / "qemu.json") == ours
    process.end(ours)
    assert process.wait_gone(ours, 5)


def test_refused_start_is_no_process(tmp_path: Path):
    """A virtual PC that does not start leaves its words in qemu.log, whole for the next try."""
    assert process.start(["sh", "-c", "echo no memory; exit 1"], tmp_path, 1) is None
    assert (tmp_path / "qemu.log").read_text() == "no memory\n"


def test_ssh_config_is_strict_and_local(tmp_path: Path):
    """The written configuration checks the host's key against our own list and goes to 127.0.0.1."""
    vm = machine.Machine(tmp_path)
    vm.folder.mkdir()
    (vm.folder / "base").write_text("base-abc\n")
    hardware.write_ssh_config(vm.folder, 40022)
    said = vm.ssh_config.read_text()
    for part in (
        "Host runbook-testbed",
        "HostName 127.0.0.1",
        "Port 40022",
        "User root",
        "StrictHostKeyChecking yes",
        "base-abc/id_ed25519",
    ):
        assert part in said


def test_status_and_down_of_a_machine_that_is_not_there(tmp_path: Path):
    """Nothing there is said plainly, and switching it off is no error."""
    assert machine.status(tmp_path)["state"] == "none"
    machine.down(tmp_path)


def test_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`.testbed` in the current folder, unless the environment names another; each release has its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNBOOK_TESTBED_DIR", raising=False)
    assert machine.state_dir() == tmp_path / ".testbed"
    assert machine.state_dir("bookworm") == tmp_path / ".testbed-bookworm"
    monkeypatch.setenv("RUNBOOK_TESTBED_DIR", str(tmp_path / "else"))
    assert machine.state_dir() == tmp_path / "else"
    assert machine.state_dir("bookworm") == tmp_path / "else-bookworm"


def test_each_release_has_its_own_machine(monkeypatch: pytest.MonkeyPatch):
    """Debian 12 comes from its own sources, with its own name, DHCP client and form of sources.list."""
    monkeypatch.setattr(image, "own_sources", lambda release: (replace(MAIN, suites=(release,)),))
    twelve, thirteen = image.default_recipe("bookworm"), image.default_recipe("trixie")
    assert (twelve.release, twelve.sources[0].suites, twelve.hostname) == (
        "bookworm",
        ("bookworm",),
        "testbed-bookworm",
    )
    assert set(twelve.packages) ^ set(thirteen.packages) == {"isc-dhcp-client", "dhcpcd-base"}
    files = recipe.files(twelve, IDENT, "6.1.0-9-amd64")
    assert sources.parse_one_line(files["etc/apt/sources.list"][1]) == [
        AptSource(MAIN.uris, ("bookworm",), MAIN.components)
    ]
    assert "etc/apt/sources.list.d/debian.sources" not in files


def test_every_release_that_can_be_named_has_its_acceptance():
    """What `--release` takes is what the acceptance knows; the first is meant when none is named."""
    assert tuple(acceptance.PARAMS) == virtual_pc.RELEASES
    assert virtual_pc.RELEASES[0] == image.RELEASE


@pytest.mark.parametrize(("release", "file"), acceptance.PARAMS.items())
def test_the_parameters_of_each_release_reach_its_own_machine(release: str, file: str):
    """The acceptance of a release uses parameters that say that release and the ssh_config of its machine."""
    params = load(ROOT / file)
    assert params.release == release
    assert Path(params.connection.config) == machine.state_dir(release).relative_to(Path.cwd()) / "ssh_config"


def test_both_releases_are_asked_for_the_same():
    """The acceptance of Debian 12 asks for everything that Debian 13's asks for."""
    thirteen, twelve = (load(ROOT / acceptance.PARAMS[release]) for release in ("trixie", "bookworm"))
    own = {name: getattr(thirteen, name) for name in ("host", "release", "connection")}
    assert twelve.model_copy(update=own) == thirteen


def test_the_guests_are_paused_and_dom0_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Every running guest is paused by its name; a refusal of `xl` is an error with its words."""
    xl = tmp_path / "xl"
    xl.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = list ] || {{ echo "$@" >>{tmp_path}/log; [ "$2" != comm ] || {{ echo no such guest >&2; exit 1; }}; exit; }}\n'
        'echo "Name                                        ID   Mem VCPUs\tState\tTime(s)"\n'
        'echo "Domain-0                                     0  2048     1     r-----     409.8"\n'
        f"cat {tmp_path}/guests\n"
    )
    xl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    row = "{}                                       4   256     1     ------       6.9\n"
    (tmp_path / "guests").write_text(row.format("ipfire") + row.format("nginx"))
    here = SimpleNamespace(root=("env",))
    acceptance.pause_guests(here)
    assert (tmp_path / "log").read_text() == "pause ipfire\npause nginx\n"
    (tmp_path / "guests").write_text(row.format("comm"))
    with pytest.raises(CheckFailed, match="no such guest"):
        acceptance.pause_guests(here)


@pytest.mark.parametrize(
    ("silent", "says", "asked"),
    [
        (2, "Connection timed out during banner exchange", 3),
        (99, "Connection timed out during banner exchange", 10),
        (1, "ssh: connect to host 127.0.0.1 port 2222: Connection refused", 1),
        (1, "Timeout, server 127.0.0.1 not responding.", 1),
    ],
)
def test_a_machine_that_has_not_heard_yet_is_asked_again(tmp_path: Path, silent: int, says: str, asked: int):
    """Only a connection on which sshd said nothing yet is tried again, and that not for ever: a script is run once."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f"#!/bin/sh\necho again >>{tmp_path}/log\n"
        f'[ "$(wc -l <{tmp_path}/log)" -gt {silent} ] || {{ echo "{says}" >&2; exit 255; }}\nexec "$@"\n'
    )
    ssh.chmod(0o755)
    here = SimpleNamespace(root=(str(ssh),))
    if asked > silent:
        assert remote.shell(here, "echo heard") == "heard\n"
    else:
        with pytest.raises(CheckFailed, match=re.escape(says)):
            remote.shell(here, "echo heard")
    assert len((tmp_path / "log").read_text().splitlines()) == asked
