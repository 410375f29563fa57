"""The questions about what runs and what waits, asked of files and programs as a host has them."""

import gzip
import os
import subprocess

import pytest

from runbook.facts import grub, proved_pair, waiting_updates
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.steps.shared import kept_pair

BUILD = "150a00373fd64b321593bf987fd923cd10dabadac4"
KERNEL = "6.12.118+deb13-amd64"
BUILT = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.118-1 (2026-11-20)"
ENTRY = f"menuentry 'Proved: Xen 4.20.5 and Linux {KERNEL}' $menuentry_id_option 'xen-proved' {{\n multiboot2 /proved/xen.gz\n}}\n"
CHANGELOG = """\
linux-signed-amd64 (6.12.120+1) trixie-security; urgency=high

  * Sign kernel from linux 6.12.120-1
    - x86/xen: mend a fault (CVE-2026-1234, XSA-480), and CVE-2026-1234 again

 -- A Person <a@example.org>  Fri, 27 Nov 2026 10:00:00 +0000

linux-signed-amd64 (6.12.119+1) trixie-security; urgency=high

  * For DSA-6000-1

 -- A Person <a@example.org>  Fri, 20 Nov 2026 10:00:00 +0000

linux-signed-amd64 (6.12.118+1) trixie; urgency=medium

  * CVE-2025-1

 -- A Person <a@example.org>  Sun, 01 Nov 2026 10:00:00 +0000
"""


class Host:
    """A folder in the place of a host's /boot, with `uname` and what Xen tells of itself."""

    def __init__(self, place):
        self.place, self.boot, self.modules = place, place / "boot", place / "modules"
        (self.modules / KERNEL).mkdir(parents=True)
        self.boot.mkdir()
        self.tool("uname", f'case $1 in -r) echo "{KERNEL}";; -v) echo "{BUILT}";; esac')
        self.tool(
            "xl",
            f'[ "$1" = info ] && printf "xen_version            : 4.20.5-pre\\nbuild_id               : {BUILD}\\n"',
        )
        self.write("xen-4.20-amd64.gz", gzip.compress(b"xen" + bytes.fromhex(BUILD) + bytes(999)))
        self.write(f"vmlinuz-{KERNEL}", f"\0{KERNEL} (a@b) {BUILT}\0".encode())
        self.write(f"initrd.img-{KERNEL}", b"ram disk", age=True)

    def tool(self, name, script):
        """Put a program on the path."""
        file = self.place / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def write(self, name, data, *, age=False):
        """Write a file as dpkg does it: a new one, which takes the old one's name."""
        new = self.boot / "new"
        new.write_bytes(data)
        if age:
            os.utime(new, (1, 1))
        new.rename(self.boot / name)

    def run(self, script, *words):
        """Return what a script printed on this host."""
        for path, here in (("/boot", self.boot), ("/lib/modules", self.modules)):
            script = script.replace(path, str(here))
        env = {"PATH": f"{self.place}/bin:/usr/bin:/bin"}
        argv = ["sh", "-euc" if words else "-c", script, "sh", *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, env=env).stdout

    def keep(self, script=kept_pair._FORGET):
        """Keep the pair, and its entry."""
        self.run(script, "xen-4.20-amd64.gz", f"vmlinuz-{KERNEL}", f"initrd.img-{KERNEL}")
        (self.boot / "proved/entry").write_text(ENTRY)

    @property
    def pair(self):
        """What the facts say of it."""
        entry = self.boot / "proved/entry"
        said = Answer(0, entry.read_text()) if entry.exists() else Answer(MISSING)
        answers = {
            proved_pair._PAIR: Answer(0, self.run(proved_pair._PAIR.argv[2])),
            Ask.read(proved_pair.ENTRY): said,
        }
        return proved_pair.parse(Facts({ask: Answer(MISSING) for ask in grub.COMMANDS} | answers))


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_what_runs_is_known_by_what_is_in_the_files(host):
    """The hypervisor by its build id, the kernel by its build, the RAM disk by its age; nothing is kept yet."""
    pair = host.pair
    assert pair.runs.lacks == ()
    assert pair.kept.lacks == proved_pair.KEPT
    assert pair.tells_build
    assert not pair.is_kept_running
    assert pair.entry is None


def test_what_is_kept_takes_no_room_and_outlives_an_update(host):
    """Kept are second names with their sums; what dpkg and update-initramfs put in the first ones' place is another."""
    host.keep()
    assert (host.boot / "proved/xen.gz").stat().st_nlink == 2
    assert host.pair.kept.lacks == ()
    sums = (host.boot / "proved/SHA256SUMS").read_text().split()
    assert sums[1::2] == list(proved_pair.KEPT)
    host.write("xen-4.20-amd64.gz", gzip.compress(b"another" + bytes(20)))
    host.write(f"initrd.img-{KERNEL}", b"made anew")
    pair = host.pair
    assert pair.runs.lacks == ("xen.gz", "initrd.img")
    assert pair.kept.lacks == ("xen.gz", "initrd.img")
    assert pair.is_kept_running
    assert pair.entry is not None


def test_a_kernel_that_was_exchanged_under_its_name_is_another(host):
    """Debian 12 updates a kernel within its name now and then: the file is there, and it is not what runs."""
    host.keep()
    host.write(f"vmlinuz-{KERNEL}", f"{KERNEL} (a@b) {BUILT.replace('118-1', '118-2')}".encode())
    assert host.pair.runs.lacks == ("vmlinuz",)
    assert host.pair.is_kept_running


def test_the_pair_before_is_set_aside_with_its_entry(host):
    """Keeping the next pair after an upgrade leaves the one before it, whose entry starts its own files."""
    host.keep()
    host.keep(kept_pair._SET_ASIDE)
    before = (host.boot / "proved-before/entry").read_text()
    assert "'xen-proved-before'" in before
    assert "/proved-before/xen.gz" in before
    assert before.startswith("menuentry 'Proved before: Xen 4.20.5 ")
    assert (host.boot / "proved-before/initrd.img").read_bytes() == b"ram disk"
    host.keep(kept_pair._SET_ASIDE)
    assert "proved-before-before" not in (host.boot / "proved-before/entry").read_text()
    for _ in range(2):
        host.run(kept_pair._TAKE_BACK, "")
        assert (host.boot / "proved/entry").read_text() == ENTRY
    assert not (host.boot / "proved-before").exists()


def test_a_kernel_that_lacks_something_is_told(host):
    """A kernel without its RAM disk or its modules; and a kept one whose package is gone is no way back."""
    host.keep()
    host.write("vmlinuz-6.12.120", b"another")
    assert host.pair.bare == (("modules", "6.12.120"), ("initrd.img", "6.12.120"))
    (host.modules / KERNEL).rmdir()
    assert host.pair.entry is None


def test_without_xen_nobody_says_which_build_runs(host):
    """Plain Debian has no build id to tell, and a Xen that keeps it to itself leaves its file unknown."""
    host.tool("xl", "exit 1")
    pair = host.pair
    assert not pair.tells_build
    assert pair.runs.lacks == ("xen.gz",)


def waiting(host, *, simulated, changelog):
    """Return what waits on a host whose apt says this."""
    (host.place / "simulated").write_text(simulated)
    (host.place / "changelog").write_text(changelog)
    get = f'case "$*" in *changelog*) cat {host.place}/changelog; [ -s {host.place}/changelog ];; *) cat {host.place}/simulated;; esac'
    host.tool("apt-get", get)
    host.tool("apt-mark", "echo linux-image-amd64")
    asks = (*waiting_updates.COMMANDS, *waiting_updates.CHANGELOGS)
    return waiting_updates.parse(Facts({ask: Answer(0, host.run(ask.argv[2])) for ask in asks}))


KERNELS = (
    "Inst linux-image-6.12.120+deb13-amd64 (6.12.120-1 Debian-Security:13/stable-security [amd64])\n"
    "Inst linux-image-amd64 [6.12.118-1] (6.12.120-1 Debian-Security:13/stable-security [amd64])\n"
)


def test_what_waits_is_told_with_what_it_mends_and_since_when(host):
    """Of the versions that are not installed, and of no older one; each number once."""
    found = waiting(host, simulated=f"NOTE: a simulation\n{KERNELS}Conf x (1)\n", changelog=CHANGELOG)
    assert [(u.kind, u.new, u.old) for u in found.updates] == [
        ("kernel", "6.12.120-1", ""),
        ("kernel", "6.12.120-1", "6.12.118-1"),
    ]
    told = found.changes["linux-image-amd64"]
    assert (told.fixes, told.since) == (("CVE-2026-1234", "XSA-480", "DSA-6000"), "20 Nov 2026")
    assert found.held == ("linux-image-amd64",)
    assert all(update.is_security for update in found.updates)


def test_a_source_that_answers_half_is_told(host):
    """No changelog: which faults are mended is not known, and the next ones are not waited for."""
    more = "Inst libc6 [2.41-12] (2.41-13 Debian:13.8/stable [amd64])\n"
    found = waiting(host, simulated=KERNELS + more, changelog="")
    assert [(name, c.is_known) for name, c in found.changes.items()] == [("linux-image-amd64", False)]
    assert len(found.updates) == 3


def test_a_look_fetches_no_changelogs(host):
    """What only counts what waits does not wait for eight changelogs."""
    host.tool("apt-mark", "true")
    host.tool(
        "apt-get",
        f'case "$*" in *changelog*) touch {host.place}/fetched;; *) cat {host.place}/simulated;; esac',
    )
    (host.place / "simulated").write_text(KERNELS)
    assert host.run(waiting_updates.COMMANDS[0].argv[2]).startswith("Inst linux-image")
    assert not (host.place / "fetched").exists()


def test_an_apt_that_cannot_say_is_told(host):
    """Its own words are kept; nothing is taken for nothing waiting."""
    host.tool("apt-mark", "true")
    host.tool("apt-get", "echo 'E: Unmet dependencies. Try apt --fix-broken install'; exit 100")
    said = host.run(waiting_updates._WAITING.argv[2])
    found = waiting_updates.parse(Facts({waiting_updates._WAITING: Answer(0, said)}))
    assert found.error == "Unmet dependencies. Try apt --fix-broken install"
    assert found.updates == ()
