"""The testbed's real boot menus, before Xen and with it."""

import pytest

from runbook.facts import grub
from runbook.model.ask import Answer, Ask, Facts
from tests.steps.machine import PLAIN, ROOT, XEN, sample


def parsed(menu: str, environment: str = "", mount: str = "/dev/vda2 ext4") -> grub.Grub:
    answers = {
        Ask.read(grub.CONFIG): sample(menu),
        grub._ENVIRONMENT: environment,
        grub._HYPERVISORS: "xen-4.20-amd64.gz\n",
        grub._NEWER: "/etc/default/grub.d\n/etc/default/grub.d/zz.cfg\n",
        grub._MOUNT: mount + "\n",
        grub._RUNNING: f"BOOT_IMAGE=/vmlinuz root=UUID={ROOT} ro quiet\n",
    }
    return grub.parse(Facts({ask: Answer(0, text) for ask, text in answers.items()}))


def test_a_menu_without_xen():
    """Debian's own menu has a plain entry, a recovery entry and no Xen."""
    now = parsed("grub-bare.cfg")
    assert [e.numbers for e in now.entries] == ["0", "1>0", "1>1", "2"]
    assert now.linux is not None
    assert now.linux.path == PLAIN
    assert now.linux.kernel_options == (f"root=UUID={ROOT}", "ro", "console=ttyS0,115200n8", "quiet")
    assert [e.numbers for e in now.recoveries] == ["1>1"]
    assert now.xen is None
    assert now.default == "0"


def test_a_menu_with_xen():
    """The Xen entry is known by its image, and its two lines are read in words."""
    now = parsed("grub-xen.cfg", f"saved_entry={PLAIN}\nnext_entry=\n")
    assert now.xen is not None
    assert now.xen.path == XEN
    assert now.xen.image == "/xen-4.20-amd64.gz"
    assert now.xen.xen_options == (
        "dom0_mem=2048M,max:2048M", "com1=115200,8n1", "console=com1",
        "dom0_max_vcpus=2", "iommu=required", "ucode=scan",
    )  # fmt: skip
    assert now.xen.kernel_options[-1] == "xen-pciback.hide=(0000:00:05.0)(0000:00:06.0)(0000:00:07.0)"
    assert now.linux is not None
    assert now.linux.path == PLAIN
    assert now.default == "${saved_entry}"
    assert (now.saved_entry, now.next_entry) == (PLAIN, "")


def test_the_efi_image_is_never_the_xen_entry():
    """Of the four Xen entries in submenus, those of the .efi image are passed over."""
    text = sample("grub-xen.cfg")
    images = [e.image for e in grub.entries(text) if e.is_xen]
    assert images == ["/xen-4.20-amd64.gz"] * 3 + ["/xen-4.20-amd64.efi"] * 2
    only_efi = grub.entries(text.replace("/xen-4.20-amd64.gz", "/xen-4.20-amd64.efi"))
    assert grub.Grub(only_efi, "", "", "", (), (), True).xen is None


def test_recovery_entries_hide_nothing():
    """The three recovery entries of the real menu start Linux without a hide list."""
    recoveries = parsed("grub-xen.cfg").recoveries
    assert [e.numbers for e in recoveries] == ["1>1", "3>0>1", "3>1>1"]
    assert not any("hide" in word for e in recoveries for word in e.kernel_options)


@pytest.mark.parametrize(
    ("saved", "numbers"),
    [
        ("", "0"), ("0", "0"), (PLAIN, "0"), (XEN, "2"), ("Debian GNU/Linux", "0"), ("3>0>1", "3>0>1"),
        (f"gnulinux-advanced-{ROOT}>gnulinux-6.12.117+deb13-amd64-recovery-{ROOT}", "1>1"),
    ],
)  # fmt: skip
def test_a_saved_value_means_an_entry(saved, numbers):
    """GRUB takes ids, titles and positions, and paths of them; nothing means the first entry."""
    entry = parsed("grub-xen.cfg").entry(saved)
    assert entry is not None
    assert entry.numbers == numbers


@pytest.mark.parametrize("saved", ["9", "xen-gnulinux-simple-other", "Debian GNU/Linux, with Xen hypervisor"])
def test_a_value_may_mean_nothing(saved):
    """An id of another disk, or the title that trixie no longer has, is no entry (H619)."""
    assert parsed("grub-xen.cfg").entry(saved) is None


@pytest.mark.parametrize(
    ("mount", "writable"),
    [
        ("/dev/vda2 ext4", True), ("/dev/mapper/xen-boot ext4", False), ("/dev/md0 ext4", False),
        ("/dev/sda2 btrfs", False),
    ],
)  # fmt: skip
def test_where_grub_can_clear_a_choice(mount, writable):
    """Only a plain partition takes GRUB's writes."""
    assert parsed("grub-xen.cfg", mount=mount).can_write_choice is writable


def test_sources_newer_than_the_menu():
    """They are told in order."""
    assert parsed("grub-xen.cfg").newer_sources == ("/etc/default/grub.d", "/etc/default/grub.d/zz.cfg")


def test_no_menu_at_all():
    """A host without grub.cfg has no entries, and that is no crash."""
    answers = {ask: Answer(1) for ask in grub.COMMANDS} | {Ask.read(grub.CONFIG): Answer(44)}
    now = grub.parse(Facts(answers))
    assert (now.entries, now.linux, now.xen, now.entry("")) == ((), None, None, None)
