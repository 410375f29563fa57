"""What 00 says of a Debian that cannot be worked with, before anything is done to it; and the questions as a real shell asks them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.facts import boot_next, grub, loader, package_sources, packages, system
from runbook.model.ask import MISSING, Answer, Facts
from runbook.steps.introduction import survey_debian
from tests.steps.test_xen_configuration import UEFI
from tests.survey.machines import params

GRUB = "loader GRUB 2.12-9\n" + "".join(
    f"has {path}\n" for path in ("/boot/grub/grub.cfg", "/usr/sbin/update-grub", "/usr/sbin/grub-reboot", "/usr/bin/grub-editenv")
)  # fmt: skip
MAIN = "http://mirror.example/debian/dists/trixie/"
PHP = "https://dl.example/php/dists/trixie/"
DOCKER = "https://dl.example/linux/debian/dists/trixie/"
FETCH = "Failed to fetch "
UNRESOLVED = f"silent unknown {MAIN} {FETCH}{MAIN}InRelease  Temporary failure resolving 'mirror.example'\n"
SERVERS = "search home.arpa\nnameserver 192.168.1.1\n"


def facts(
    *,
    boots="",
    sources="answers\n",
    resolv: str | None = SERVERS,
    audit="",
    dom0=False,
    boot="/dev/sda2 ext4",
    once="",
):
    """Return a host's answers to the step's questions."""
    said = {
        loader._LOADER: Answer(0, boots or GRUB),
        grub._MOUNT: Answer(0, f"{boot}\n"),
        boot_next._LOOK: Answer(127) if once is None else Answer(0, once),
        package_sources._SOURCES: Answer(0, sources),
        package_sources.COMMANDS[1]: Answer(MISSING) if resolv is None else Answer(0, resolv),
        packages.AUDIT: Answer(0, audit),
        system._HYPERVISOR: Answer(0, "xen\n" if dom0 else ""),
        system._CAPABILITIES: Answer(0, "control_d\n" if dom0 else ""),
    }
    return Facts({ask: said.get(ask, Answer(0)) for ask in survey_debian.asks(params())})


BTRFS = "/dev/sda1[/@rootfs] btrfs"
BIOS = "has grub-mkstandalone\nfs_uuid 1f2e\nabstraction\npath /@rootfs/boot/grub\n"
AUDIT = "The following packages are only half configured, probably due to problems\nconfiguring them the first time.\n"
CASES = {
    "all is well": (facts(), [], ""),
    "a BIOS, where no loader says its name": (facts(boots=GRUB.partition("\n")[2]), [], ""),
    "systemd-boot": (facts(boots="loader systemd-boot 257.7-1\n"), ["refuse"], "This host does not boot with GRUB; systemd-boot 257.7-1 started it"),
    "systemd-boot beside GRUB's leftovers": (
        facts(boots="loader systemd-boot 257.7-1\nhas /usr/sbin/grub-reboot\n"), ["refuse"], "systemd-boot 257.7-1 started it",
    ),
    "systemd-boot, and Xen runs already": (facts(boots="loader systemd-boot 257.7-1\n", dom0=True), [], ""),
    "/boot on RAID, and UEFI": (facts(boot="/dev/md0 ext4", once=UEFI), ["info"], "/boot is on /dev/md0 (ext4)"),
    "/boot on RAID, without efibootmgr": (
        facts(boot="/dev/md0 ext4", once=UEFI.replace("has efibootmgr\n", "")),
        ["refuse"], "efibootmgr is not installed. Every later boot would start Xen, with no way back; run `apt-get install efibootmgr`",
    ),
    "/boot on RAID, the ESP not mounted": (
        facts(boot="/dev/md0 ext4", once=UEFI.replace("esp sda 1\n", "")), ["refuse"], "mount the EFI system partition at /boot/efi",
    ),
    "/boot on btrfs, and a BIOS": (
        facts(boots=GRUB.partition("\n")[2], boot=BTRFS, once=BIOS),
        ["refuse"], "this machine starts the BIOS way, which knows no choice for once. Every later boot would start Xen",
    ),
    "/boot on btrfs, and a BIOS: the move": (facts(boot=BTRFS, once=BIOS), ["refuse"], "put /boot on a plain partition of its own with ext4"),
    "/boot on btrfs, and Xen runs already": (facts(boot=BTRFS, once=BIOS, dom0=True), [], ""),
    "/boot on btrfs, and nobody asked the firmware": (facts(boot=BTRFS, once=None), [], ""),
    "a part of GRUB is gone": (
        facts(boots=GRUB.replace("has /usr/sbin/update-grub\n", "")), ["refuse"], "there is no /usr/sbin/update-grub",
    ),
    "dpkg stopped half way": (facts(audit=AUDIT), ["refuse"], "An installation was interrupted"),
    "Debian's mirror is dead": (
        facts(sources=f"answers\nsilent debian {MAIN} {FETCH}{MAIN}InRelease  Could not connect to mirror.example:80\n"),
        ["refuse"],
        f"The package source {MAIN} does not answer; Could not connect to mirror.example:80; it is one of Debian's own",
    ),
    "another's is dead": (
        facts(sources=f"answers\nsilent other {PHP} {FETCH}{PHP}Release  404  Not Found\n"), ["warn"], "it is not Debian's",
    ),
    "another's is dead, and no lists were fetched yet": (
        facts(sources=f"answers\nsilent unknown {DOCKER} {FETCH}{DOCKER}InRelease  Could not connect\n"), ["warn"], "not Debian's",
    ),
    "one name does not resolve": (
        facts(sources=f"answers\nsilent other {PHP} {FETCH}{PHP}InRelease  Could not resolve 'dl.example'\n"),
        ["warn"],
        "Could not resolve 'dl.example'",
    ),
    "no name resolves": (facts(sources=UNRESOLVED), ["refuse"], "the name servers of /etc/resolv.conf do not answer"),
    "resolv.conf is empty": (facts(sources=UNRESOLVED, resolv="# by dhcpcd\n"), ["refuse"], "`apt-get purge dhcpcd-base`"),
    "resolv.conf is not there": (facts(sources=UNRESOLVED, resolv=None), ["refuse"], "names no name server"),
    "the installer's disc": (
        facts(sources="answers\nsilent unknown cdrom://Debian 13/dists/trixie/ Failed to fetch cdrom://D\n"), ["warn"], "it is a disc",
    ),
    "no source": (facts(sources=""), ["refuse"], "This host has no package source"),
    "a source that cannot be read": (
        facts(sources="broken Malformed entry 1 in list file /etc/apt/sources.list (Component)\n"),
        ["refuse"],
        "Malformed entry 1 in list file /etc/apt/sources.list",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_stands_in_the_way_is_said_first(case):
    """Each obstacle is one finding with what was seen, why it matters and a move; a healthy Debian has none."""
    seen, levels, said = CASES[case]
    found = survey_debian.plan(params(), seen).findings
    assert [f.level for f in found] == levels
    assert survey_debian.check(params(), seen) == [f for f in found if f.stops]
    assert all(f.why and f.do for f in found)
    assert said in "; ".join(f"{f.what}; {f.why}; {f.do}" for f in found)


def test_a_live_system_is_not_judged_by_its_own_boot():
    """Where Debian is to be installed, the loader and the packages of what runs now do not count; its sources do."""
    disk = {"method": "live", "disk": "/dev/disk/by-id/x"}
    seen = facts(boots="loader systemd-boot 257\n", audit=AUDIT, sources="")
    found = survey_debian.plan(params(installation=disk), seen).findings
    assert [f.what for f in found] == ["This host has no package source"]


@pytest.fixture
def apt(tmp_path: Path):
    """Return a function that asks this machine's own apt about some sources, with nothing but a folder of the test's."""
    if not shutil.which("apt-get") or not Path("/usr/lib/apt/apt-helper").exists():
        pytest.skip("this machine has no apt")
    (tmp_path / "lists/partial").mkdir(parents=True)
    repository = tmp_path / "debian/dists/trixie"
    repository.mkdir(parents=True)
    (repository / "Release").write_text("Origin: Debian\nSuite: stable\n")
    conf = tmp_path / "apt.conf"
    conf.write_text(
        f'Dir::State::lists "{tmp_path}/lists";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "{tmp_path}/none";\n'
    )

    def ask(*lines: str) -> package_sources.Sources:
        (tmp_path / "sources.list").write_text("".join(f"{line}\n" for line in lines))
        script = package_sources._SOURCES.argv[-1].replace("l=/var/lib/apt/lists", f"l={tmp_path}/lists")
        environment = {**os.environ, "APT_CONFIG": str(conf), "LC_ALL": "C", "TMPDIR": str(tmp_path)}
        done = subprocess.run(
            ["sh", "-c", script], env=environment, capture_output=True, text=True, timeout=60
        )
        assert not [p for p in tmp_path.iterdir() if p.name.startswith("tmp.")], (
            "the folder of the question stays"
        )
        said = {
            package_sources._SOURCES: Answer(0, done.stdout),
            package_sources.COMMANDS[1]: Answer(0, SERVERS),
        }
        return package_sources.parse(Facts(said))

    return ask


def test_the_question_is_put_by_the_hosts_own_apt(apt, tmp_path):
    """A source that is there answers; a closed port, a name that nobody knows and a disc do not, and no password is said."""
    found = apt(
        f"deb [trusted=yes] file:{tmp_path}/debian trixie main",
        "deb http://user:secret@127.0.0.1:9/debian trixie main",
        "deb http://no-such-name.invalid/php trixie main",
        "deb cdrom:[Debian 13]/ trixie main",
    )
    said = {s.uri: (s.is_debian, s.is_unresolved) for s in found.silent}
    assert found.answering == 1
    assert said == {
        "http://127.0.0.1:9/debian/dists/trixie/": (True, False),
        "http://no-such-name.invalid/php/dists/trixie/": (False, True),
        "cdrom://Debian 13/dists/trixie/": (False, False),
    }
    assert "secret" not in str(found)


def test_apts_own_complaint_comes_through(apt):
    """A line that apt cannot read is said in its words."""
    assert "Malformed" in apt("deb http://mirror.example/debian").broken
