"""Whether the firmware can start something once: UEFI's BootNext, and what an entry for it needs (efibootmgr(8))."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

ESP, LABEL = "/boot/efi", "Xen, once"
_PROGRAMS = ("efibootmgr", "grub-mkstandalone")
_MODULES = "/usr/lib/grub/x86_64-efi/normal.mod"
_LOOK = Ask.shell(
    "[ ! -d /sys/firmware/efi/efivars ] || echo uefi;"
    f" for p in {' '.join(_PROGRAMS)}; do ! command -v $p >/dev/null || echo has $p; done;"
    f" [ ! -e {_MODULES} ] || echo has modules;"
    f" e=$(findmnt -n -o SOURCE {ESP}); b=/sys/class/block/${{e##*/}};"
    ' [ ! -e "$b/partition" ] || { p=$(readlink -f "$b"); p=${p%/*}; echo "esp ${p##*/} $(cat "$b/partition")"; };'
    " for t in fs_uuid abstraction; do echo $t $(grub-probe --target=$t /boot/grub 2>/dev/null); done;"
    " echo path $(grub-mkrelpath /boot/grub 2>/dev/null); efibootmgr 2>/dev/null; true"
)

COMMANDS = (_LOOK,)


@dataclass(frozen=True)
class BootNext:
    """What the firmware, and GRUB's own programs, offer for a start that holds once."""

    is_uefi: bool
    missing: tuple[str, ...]
    """Programs that such an entry is made with and that are not there."""
    esp: tuple[str, str]
    """Disk and number of the partition that the firmware reads, such as `("sda", "1")`; empty where it is none."""
    fs_uuid: str
    """By what GRUB finds the file system that its menu lies on."""
    abstraction: str
    """What lies between that file system and the disks, in GRUB's words: `lvm`, `diskfilter mdraid1x`, ''."""
    path: str
    """GRUB's folder as GRUB names it: within a btrfs, its subvolume stands in front."""
    chosen: str
    """The number of the entry that the firmware starts next, '' when there is none."""

    @property
    def obstacle(self) -> str:
        """Why nothing can be started once by the firmware, '' when it can."""
        if not self.is_uefi:
            return "this machine starts the BIOS way, which knows no choice for once"
        if self.missing:
            return f"{', '.join(self.missing)} is not installed"
        if not all(self.esp):
            return f"{ESP} is no partition of its own"
        if "cryptodisk" in self.abstraction:
            return "/boot is encrypted"
        return "" if self.fs_uuid and self.path else "GRUB cannot say where its own menu is"


def parse(facts: Facts) -> BootNext:
    """Return what the facts say."""
    lines = [line.split() for line in facts[_LOOK].out.splitlines()]
    told = {words[0]: words[1:] for words in lines if words}
    has = {words[1] for words in lines if words[:1] == ["has"] and len(words) > 1}
    esp = told.get("esp", ())
    return BootNext(
        is_uefi="uefi" in told,
        missing=tuple(
            name
            for name in (*_PROGRAMS, "grub-efi-amd64-bin")
            if ("modules" if name == "grub-efi-amd64-bin" else name) not in has
        ),
        esp=(esp[0], esp[1]) if len(esp) == 2 else ("", ""),
        fs_uuid=" ".join(told.get("fs_uuid", ())),
        abstraction=" ".join(told.get("abstraction", ())),
        path=" ".join(told.get("path", ())),
        chosen=chosen(facts[_LOOK].out),
    )


def chosen(text: str) -> str:
    """Return the number of the entry that `efibootmgr` says is started next, and once.

    >>> chosen("BootNext: 0007\\nBootCurrent: 0003\\nTimeout: 0 seconds")
    '0007'
    """
    found = re.search(r"(?m)^BootNext: ([0-9A-Fa-f]{4})$", text)
    return found[1] if found else ""
