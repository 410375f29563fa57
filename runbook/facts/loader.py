"""Which boot loader started the machine, and whether GRUB is there to be asked."""

from __future__ import annotations

from dataclasses import dataclass

from runbook.model.ask import Ask, Facts

_PROGRAMS = ("/usr/sbin/update-grub", "/usr/sbin/grub-reboot", "/usr/bin/grub-editenv")
_MENU = "/boot/grub/grub.cfg"
# The variable is made anew by the loader at each boot (systemd's boot loader interface): UTF-16 behind four bytes of flags.
_LOADER = Ask.shell(
    "i=/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f;"
    " [ ! -e $i ] || echo \"loader $(tail -c +5 $i | tr -d '\\0')\";"
    f' for f in {_MENU} {" ".join(_PROGRAMS)}; do [ ! -e $f ] || echo "has $f"; done'
)

COMMANDS = (_LOADER,)


@dataclass(frozen=True)
class Loader:
    """The boot loader."""

    name: str
    """As it calls itself, such as `systemd-boot 257.7-1` or `GRUB 2.12-9`; '' where it does not say."""
    has_menu: bool
    """True when GRUB's generated menu is there."""
    missing: tuple[str, ...]
    """GRUB's programs that are not there."""

    @property
    def is_other(self) -> bool:
        """True when another loader than GRUB started the machine; one that does not say so may be GRUB."""
        return bool(self.name) and not self.name.upper().startswith("GRUB")


def parse(facts: Facts) -> Loader:
    """Return the boot loader of the facts."""
    lines = facts[_LOADER].out.splitlines()
    there = {line.removeprefix("has ") for line in lines if line.startswith("has ")}
    return Loader(
        name=next((line.removeprefix("loader ").strip() for line in lines if line.startswith("loader ")), ""),
        has_menu=_MENU in there,
        missing=tuple(program for program in _PROGRAMS if program not in there),
    )
