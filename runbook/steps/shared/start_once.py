"""Xen for one start only: by GRUB where it can clear its own mark, else by the firmware, which clears its one first."""

from __future__ import annotations

from runbook.actions import Action, Run
from runbook.facts.boot_next import ESP, LABEL, BootNext
from runbook.facts.grub import Grub
from runbook.steps.shared import boot_menu

WAIT = Run(
    ("sh", "-c", "systemctl is-system-running --wait || true"),
    "ssh answers before Xen's own services do",
    timeout_s=900,
)
FOLDER = f"{ESP}/EFI/xen-once"
_MENU = f"{FOLDER}/xen-once.cfg"
_LOADER = r"\EFI\xen-once\grubx64.efi"
_MODULES = "part_gpt part_msdos lvm mdraid09 mdraid1x raid5rec raid6rec ext2 xfs btrfs zfs"
_BUILD = (
    'mkdir -p "$1" && printf %s "$3" >"$2" && grub-mkstandalone -O x86_64-efi --fonts= --locales= --themes= -o "$1/grubx64.efi" '
    '"boot/grub/grub.cfg=$2"'
)
_FIND = f"n=$(efibootmgr | sed -nE 's/^Boot([0-9A-F]{{4}})[* ] {LABEL}.*/\\1/p' | head -n 1)"
_CHOOSE = (
    f'{_FIND}; [ -n "$n" ] || {{ efibootmgr --quiet --create-only --disk "$1" --part "$2" '
    f"--label '{LABEL}' --loader '{_LOADER}' && {_FIND}; }}; [ -n \"$n\" ] && efibootmgr --quiet --bootnext \"$n\""
)
# After the start that was meant there is no BootNext any more, and efibootmgr fails to delete one that is not there.
_FORGET = (
    f'{_FIND}; [ -z "$n" ] || {{ ! efibootmgr | grep -qx "BootNext: $n" || efibootmgr --quiet --delete-bootnext; '
    'efibootmgr --quiet --bootnum "$n" --delete-bootnum; }'
)


def actions(menu: Grub, once: BootNext) -> tuple[Action, ...]:
    """Return what chooses the Xen entry for the next start alone.

    `once` has no obstacle where GRUB cannot clear its mark. The firmware forgets its own (BootNext) before it starts
    what it names (UEFI specification 2.10, section 3.1.1), so nothing on a disk has to be written for the way back.
    """
    entry = boot_menu.foreseen_entry(menu)
    if menu.can_write_choice:
        undo = ("grub-editenv", "-", "unset", "next_entry")
        return (Run(("grub-reboot", entry), "for the next boot only", undo=undo),)
    disk, number = once.esp
    return (
        Run(
            ("sh", "-euc", _BUILD, "sh", FOLDER, _MENU, content(entry, once)),
            "a GRUB beside Debian's, whose one choice is Xen",
            undo=("rm", "-rf", "--", FOLDER),
            timeout_s=300,
        ),
        Run(
            ("sh", "-euc", _CHOOSE, "sh", f"/dev/{disk}", number),
            "the firmware starts it at the next boot only",
            undo=("sh", "-euc", _FORGET),
        ),
    )


def content(entry: str, once: BootNext) -> str:
    """Return the menu of that GRUB: it finds Debian's own, and says beforehand which entry is meant.

    The menu that grub-mkconfig(8) makes takes `next_entry` as its default, wherever it comes from.
    """
    modules = "".join(f"insmod {name}\n" for name in _MODULES.split())
    return (
        "# Started once by the firmware. From params; the entry is the one of Debian's menu that starts Xen.\n"
        f"{modules}search --no-floppy --fs-uuid --set=root {_quoted(once.fs_uuid)}\n"
        f"set prefix=($root){_quoted(once.path)}\nnext_entry={_quoted(entry)}\nexport next_entry\n"
        'configfile "$prefix/grub.cfg"\n'
    )


def _quoted(text: str) -> str:
    """Return a text as one word of GRUB's language, which quotes as a shell does.

    >>> print(_quoted("it's"))
    'it'\\''s'
    """
    return "'" + text.replace("'", "'\\''") + "'"
