"""The installer's answers: complete, in the installer's own units, and without a password."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.installation.layout import layout
from runbook.installation.preseed import Answers, Mirror, least_disk_mib, megabytes, preseed, recipe
from tests.installation.hosts import host

SAMPLES = Path(__file__).parent / "samples"
MIRROR = Mirror("http://mirror.example/debian", "http://mirror.example/debian-security")


def text(**values) -> str:
    return preseed(host(**values), Answers(MIRROR))


def answers(**values) -> dict[str, str]:
    """Return question → value of every line."""
    lines = (line.split(" ", 3) for line in text(**values).splitlines())
    return {line[1]: line[3] if len(line) > 3 else "" for line in lines}


def entries(**values) -> list[str]:
    """Return the recipe's entries."""
    return recipe(layout(host(**values))).split(":: ", 1)[1].removesuffix(" .").split(" . ")


def test_the_default_hosts_answers_are_the_sample():
    """Every answer of the guide's disk, line by line: a change of one shows here."""
    assert text() == (SAMPLES / "victory.cfg").read_text()


def test_debconf_takes_every_line():
    """Debian's own reader of such files finds nothing wrong with their form."""
    program = shutil.which("debconf-set-selections")
    if not program:
        pytest.skip("this machine has no debconf")
    done = subprocess.run([program, "-c"], input=text(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_two_lines_answer_one_question():
    """The second of two answers would silently win."""
    questions = [line.split(" ")[1] for line in text().splitlines()]
    assert len(questions) == len(set(questions))


def test_without_a_hash_no_password_opens_the_door():
    """A locked password lets root in by key only; a hash is taken as it is."""
    assert answers()["passwd/root-password-crypted"] == "*"  # it would ask for one after `!`
    hashed = preseed(host(), Answers(MIRROR, "$6$a$b"))
    assert "d-i passwd/root-password-crypted password $6$a$b\n" in hashed
    assert "$6$a$b" not in repr(Answers(MIRROR, "$6$a$b"))
    assert "passwd/root-password " not in hashed


def test_partitions_stand_in_the_order_that_the_partitioner_keeps():
    """EFI, /boot, the kept remainder, and as the last the one physical volume."""
    outside = [entry for entry in entries() if "$lvmok" not in entry]
    assert [re.findall(r"method{ (\w+) }", entry)[0] for entry in outside] == ["efi", "format", "keep", "lvm"]
    assert sum("method{ lvm }" in entry for entry in entries()) == 1


@pytest.mark.parametrize("disk", ["/dev/sda", "/dev/nvme0n1"])
def test_the_recipe_names_no_device(disk):
    """The partitioner cannot match the partition of an NVMe disk, so one recipe serves both kinds."""
    assert "device{" not in recipe(layout(host(disk=disk)))
    assert answers(disk=disk)["partman-auto/disk"] == disk


def expand(scheme: list[list[int]], free: int) -> list[int]:
    """Return the sizes that partman-auto gives to (least, share, most), `free` being what there is, in MB.

    The arithmetic of `expand_scheme` in its recipes.sh, in whole numbers as a shell counts.
    """
    total = sum(entry[1] - entry[0] for entry in scheme)
    now = [(least, (wanted - least) * 100 // total, most) for least, wanted, most in scheme]
    while True:
        shares, left = sum(share for _, share, _ in now), max(free - sum(least for least, _, _ in now), 0)
        grown = []
        for least, share, most in now:
            size = least + (left * share // shares if shares else 0)
            grown.append((most, 0, most) if most != -1 and size > most else (size, share, most))
        if grown == now:
            return [size for size, _, _ in now]
        now = grown


def numbers(entry: str) -> list[int]:
    return [int(word) for word in entry.split()[:3]]


@pytest.mark.parametrize("system_gib", [49, 60, 500])
@pytest.mark.parametrize("spare_mib", [0, 1, 700, 8_000, 400_000, 16_000_000])
def test_on_every_disk_that_is_large_enough_the_guests_get_what_is_left(system_gib, spare_mib):
    """EFI, /boot and the host's own partition have their sizes, on the smallest disk as on a vast one."""
    asked = layout(host(system_gib=system_gib))
    free = (least_disk_mib(asked) + spare_mib - 2) * 1024 * 1024 // 1_000_000
    outside = [numbers(entry) for entry in entries(system_gib=system_gib) if "$lvmok" not in entry]
    esp, boot, guests, system = expand(outside, free)
    assert [esp, boot, system] == [most for _, _, most in (outside[0], outside[1], outside[3])]
    assert esp + boot + guests + system in (free, free - 1)
    assert guests >= megabytes(1024)


@pytest.mark.parametrize("system_gib", [60, 500])
def test_the_partitioner_does_not_find_the_disk_too_small(system_gib):
    """It adds up the least sizes of all entries, partitions and volumes; beyond the disk it takes another recipe."""
    asked = layout(host(system_gib=system_gib))
    least = sum(numbers(entry)[0] for entry in entries(system_gib=system_gib))
    assert least * 1_000_000 <= least_disk_mib(asked) * 1024 * 1024


@pytest.mark.parametrize("mib", [128, 500, 2048, 4096, 20480, 65536, 1024 * 1024])
def test_a_volume_gets_exactly_its_extents(mib):
    """The installer turns decimal kB into extents, rounding down, an extent being 4194.30 kB to it."""
    extents = -(-mib // 4)
    assert megabytes(extents * 4) * 1_000_000 // 4_194_300 == extents


def test_partitions_are_never_smaller_than_promised():
    """Rounding to the disk's grid takes up to a MiB at either end."""
    asked = layout(host())
    fixed = [numbers(entry)[2] for entry in entries() if "$lvmok" not in entry and "keep" not in entry]
    promised = [p.size_mib for p in asked.partitions if p.size_mib]
    assert all(mb * 1_000_000 >= (mib + 2) * 1024 * 1024 for mb, mib in zip(fixed, promised, strict=True))


def test_the_group_keeps_free_room():
    """The installer is told the volumes' exact sum; `max` would give the last volume all that is left."""
    volumes = sum(int(entry.split()[0]) for entry in entries() if "$lvmok" in entry)
    assert answers()["partman-auto-lvm/guided_size"] == f"{volumes} MB"


def test_noatime_is_in_the_recipe_only_when_asked_for():
    """Five file systems have it: /boot, /, /home, /var/log, /tmp."""
    assert sum("options/noatime{ noatime }" in entry for entry in entries()) == 5
    assert not any("noatime" in entry for entry in entries(noatime=False))


def test_a_https_mirror_is_asked_by_https():
    """The protocol's own questions are answered; those of the other are not asked."""
    found = preseed(host(), Answers(Mirror("https://mirror.example:8443/debian")))
    assert "d-i mirror/protocol string https\n" in found
    assert "d-i mirror/https/hostname string mirror.example:8443\n" in found
    assert "mirror/http/" not in found
    assert "security_host" not in found


def test_afterwards_is_off_or_restarted():
    """`poweroff` switches off, `reboot` does not."""
    assert answers()["debian-installer/exit/poweroff"] == "true"
    assert answers(afterwards="reboot")["debian-installer/exit/poweroff"] == "false"


def test_there_is_no_desktop_and_no_user_but_root():
    """The guide de-selects the desktop and works as root."""
    assert answers()["tasksel/first"] == "standard, ssh-server"
    assert answers()["passwd/make-user"] == "false"


def test_components_of_another_suite_and_modules_that_came_along_are_answered():
    """The installer neither looks under the release's own name, nor asks about modules that it has."""
    said = preseed(host(), Answers(Mirror(MIRROR.main, components_of="stable"), has_modules=True))
    assert "d-i mirror/udeb/suite string stable\n" in said
    assert "d-i anna/no_kernel_modules boolean true\n" in said
    assert "mirror/udeb/suite" not in text()
    assert "no_kernel_modules" not in text()
