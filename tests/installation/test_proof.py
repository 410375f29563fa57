"""The proof's own parts: the virtual PC's disks, and what is read from an installer's console."""

from __future__ import annotations

import pytest

from runbook.testbed.errors import TestbedError
from runbook.testbed.installer_console import Watch
from runbook.testbed.installer_pc import command

BEGIN = (
    b"\x1b[2J\x1b[01;01H  Booting `Install Debian on installed: /dev/sda is overwritten'\r\n\r\n"
    b"Starting system log daemon: syslogd, klogd.\r\n"
    b"Detecting network hardware  ... 2%... 95%... 100%\r\n"
    b"Detecting link on enp0s3; please wait...  ... 0%\r\n"
)


@pytest.fixture
def watch(tmp_path):
    said: list[str] = []
    found = Watch(tmp_path / "console.log", said.append)
    found.said = said
    return found


def add(watch: Watch, text: bytes) -> None:
    with watch.log.open("ab") as log:
        log.write(text)


def test_progress_is_said_once_a_heading(watch):
    """A bar that grows is one piece of news, also when it is read in pieces."""
    assert watch.look() is False
    add(watch, BEGIN + b"Loading additional components  ... 1%")
    watch.look()
    add(watch, b"... 5%... 9%")
    watch.look()
    add(watch, b"... 100%\r\nStarting up the ")
    watch.look()
    add(watch, b"partitioner  ... 4%")
    watch.look()
    assert [line.strip() for line in watch.said] == [
        "Detecting network hardware",
        "Detecting link on enp0s3; please wait...",
        "Loading additional components",
        "Starting up the partitioner",
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"!! ERROR: Downloading a file failed:\r\n\r\nThe installer failed to download a file",
        b"[Press enter to continue] ",
        b"Note: what you type here will be hidden (unless you select to show it).\r\nRoot password: ",
        b"  1: Retry downloading, 2: Change mirror,\r\nPrompt: '?' for help, default=1> ",
    ],
)
def test_a_question_ends_the_waiting_with_what_the_console_says(watch, text):
    """Nobody answers an unattended installer; the last words say what it wants."""
    add(watch, BEGIN + text)
    with pytest.raises(TestbedError) as caught:
        watch.look()
    assert "asks something and waits" in str(caught.value)
    assert text.decode().split("\r\n")[-1].strip() in str(caught.value)


def test_a_kernel_that_died_ends_the_waiting(watch):
    """So does a firmware that finds nothing to start."""
    add(watch, b"[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n")
    with pytest.raises(TestbedError, match="it did not boot"):
        watch.look()


def test_a_refusal_is_kept_in_the_installers_own_words(watch):
    """The script that looks at the disk says why it stopped."""
    add(
        watch,
        BEGIN + b"runbook: STOPPED: /dev/sda is not empty, it has sda1\r\nrunbook: Nothing was changed.\r\n",
    )
    watch.look()
    assert watch.stopped == "/dev/sda is not empty, it has sda1"
    assert not watch.is_complete


def test_the_last_line_says_complete(watch):
    """A machine that switches itself off without it has not installed anything to be trusted."""
    add(watch, b"Running preseed...  ... 0%runbook: the installation is complete\r\n")
    watch.look()
    assert watch.is_complete


@pytest.mark.parametrize(
    ("disk", "model"), [("/dev/sda", "ide-hd,bus=ide.0"), ("/dev/nvme0n1", "nvme,bus=pcie.0")]
)
def test_the_disk_is_of_the_kind_that_its_name_says(disk, model):
    """SATA for sda, NVMe for nvme0n1; the stick is there only for the installation, and starts first."""
    words = " ".join(command(disk, 2222, stick=True))
    assert f"-device {model}" in words
    assert "usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0" in words
    assert "usb-storage" not in " ".join(command(disk, 2222, stick=False))
    assert "-no-reboot" in words
    assert "amd-iommu" not in words
    assert "hostfwd=tcp:127.0.0.1:2222-:22" in words
