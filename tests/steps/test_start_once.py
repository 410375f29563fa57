"""Xen for one start by the firmware: who can, what GRUB is told, and the shell that makes and forgets the entry."""

import subprocess

import pytest

from runbook.facts import boot_next
from runbook.facts.grub import Grub
from runbook.model.ask import Answer, Facts
from runbook.steps.shared import start_once
from tests.steps.test_xen_configuration import UEFI

EFIBOOTMGR = r"""#!/bin/sh
# As much of efibootmgr as one entry needs: its list, an entry made or deleted, the one that is next.
cd {folder}; echo "$*" >>calls
case "$*" in
  "") [ ! -e next ] || echo "BootNext: $(cat next)"; echo "BootCurrent: 0003"; echo "BootOrder: 0003"
      echo "Boot0003* debian"; [ ! -e entry ] || cat entry ;;
  *--create-only*) printf 'Boot0007* Xen, once\tHD(1,GPT)/File(\\EFI\\xen-once\\grubx64.efi)\n' >entry ;;
  *--bootnext*) echo "${{3}}" >next ;;
  *--delete-bootnext*) [ -e next ] || {{ echo "Could not delete BootNext: No such file or directory" >&2; exit 10; }}
      rm next ;;
  *--delete-bootnum*) rm -f entry ;;
esac
"""


def parsed(text):
    """Return what an answer of the host means."""
    return boot_next.parse(Facts({boot_next._LOOK: Answer(0, text)}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (UEFI, ""),
        (UEFI.replace("uefi\n", "", 1), "starts the BIOS way"),
        (UEFI.replace("has efibootmgr\n", ""), "efibootmgr is not installed"),
        (UEFI.replace("has modules\n", ""), "grub-efi-amd64-bin is not installed"),
        (UEFI.replace("esp sda 1\n", ""), "no partition of its own"),
        (UEFI.replace("abstraction diskfilter", "abstraction cryptodisk diskfilter"), "is encrypted"),
        (UEFI.replace("fs_uuid 1f2e", "fs_uuid"), "cannot say where its own menu is"),
        ("", "starts the BIOS way"),
    ],
)
def test_what_stands_in_the_way_is_named(text, why):
    """A machine that cannot is told why; one that can has no obstacle."""
    found = parsed(text).obstacle
    assert why in found
    assert bool(found) == bool(why)


def test_the_menu_finds_debian_s_own_and_says_what_is_meant():
    """An entry with a quotation mark stays one word."""
    text = start_once.content("Debian's Xen", parsed(UEFI))
    assert "--set=root '1f2e'\nset prefix=($root)'/grub'\n" in text
    assert "next_entry='Debian'\\''s Xen'\nexport next_entry\n" in text
    assert "insmod mdraid1x\n" in text


def test_the_entry_is_made_once_chosen_again_and_forgotten(tmp_path):
    """The shell that the host is given, run: a second start finds the entry; undo leaves neither entry nor choice."""
    program = tmp_path / "efibootmgr"
    program.write_text(EFIBOOTMGR.format(folder=tmp_path))
    program.chmod(0o755)
    menu = Grub((), "", "", "", (), (), can_write_choice=False)
    choose = start_once.actions(menu, parsed(UEFI))[1]
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    for _ in range(2):
        subprocess.run(choose.argv, env=env, check=True)
        assert (tmp_path / "next").read_text() == "0007\n"
    calls = (tmp_path / "calls").read_text()
    assert calls.count("--create-only --disk /dev/sda --part 1 --label Xen, once") == 1
    (tmp_path / "next").unlink()  # the firmware forgot it when it started what it names
    for again in (False, True):
        subprocess.run(choose.undo, env=env, check=True)
        assert not (tmp_path / "next").exists()
        assert not (tmp_path / "entry").exists()
        if not again:  # it was never started
            subprocess.run(choose.argv, env=env, check=True)


def test_a_firmware_that_makes_no_entry_fails(tmp_path):
    """Nothing is restarted where the entry did not come to be."""
    program = tmp_path / "efibootmgr"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    menu = Grub((), "", "", "", (), (), can_write_choice=False)
    choose = start_once.actions(menu, parsed(UEFI))[1]
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    assert subprocess.run(choose.argv, env=env, check=False).returncode != 0


def test_the_small_grub_gets_its_menu(tmp_path):
    """What is shown in the plan is written beside it word for word, and packed in."""
    program = tmp_path / "grub-mkstandalone"
    program.write_text(f'#!/bin/sh\nfor a; do echo "$a"; done >{tmp_path}/calls\n')
    program.chmod(0o755)
    menu = Grub((), "", "", "", (), (), can_write_choice=False)
    *head, _, _, text = start_once.actions(menu, parsed(UEFI))[0].argv
    folder = tmp_path / "esp"
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    subprocess.run([*head, str(folder), f"{folder}/xen-once.cfg", text], env=env, check=True)
    assert (folder / "xen-once.cfg").read_text() == text
    assert f"boot/grub/grub.cfg={folder}/xen-once.cfg" in (tmp_path / "calls").read_text().splitlines()
