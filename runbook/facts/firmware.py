"""The firmware: how it boots, Secure Boot, the board's names, and its ACPI tables about the IOMMU."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.facts import ivrs
from runbook.model.ask import Ask, Facts

_SECURE_BOOT = "efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_DMI = Ask.shell(
    "cd /sys/class/dmi/id 2>/dev/null"
    " && grep -s . sys_vendor product_name board_vendor board_name bios_vendor bios_version; true"
)
_TABLES = Ask.shell(
    'cd /sys/firmware && for t in efi acpi/tables/IVRS; do [ -e $t ] && echo "= $t"; done;'
    f" for t in acpi/tables/IVRS acpi/tables/DMAR acpi/tables/RMAD {_SECURE_BOOT};"
    ' do [ -r $t ] && echo "= $t" && od -An -v -tx1 $t; done; true'
)

COMMANDS = (_DMI, _TABLES)


@dataclass(frozen=True)
class Reserved:
    """One reserved memory region (RMRR) of a DMAR table, and where its devices are.

    Each scope is the segment, the first bus, and the (slot, function) steps from there; a
    path of more than one step goes through bridges. `covers_below` tells that the scope is a
    bridge and means everything behind it.
    """

    scopes: tuple[Scope, ...]


@dataclass(frozen=True)
class Scope:
    """A device scope of the VT-d specification, section 8.3.1."""

    segment: int
    bus: int
    path: tuple[tuple[int, int], ...]
    covers_below: bool = False


@dataclass(frozen=True)
class Firmware:
    """The machine's firmware."""

    is_uefi: bool
    secure_boot: bool | None
    """None when the firmware does not say (a BIOS boot, or no access to its variables)."""
    board: str
    """Vendor and name of the board, or of the machine where the board has none."""
    version: str
    tables: tuple[str, ...]
    """Those of DMAR (Intel), RMAD (DMAR as Xen renames it for dom0) and IVRS (AMD) that exist."""
    interrupt_remapping: bool | None
    """Bit 0 of the DMAR flags; None where there is no such table."""
    reserved: tuple[Reserved, ...]
    blocks: tuple[ivrs.Block, ...] = ()
    """Memory that AMD's table IVRS holds for devices."""


def parse(facts: Facts) -> Firmware:
    """Return the firmware of the facts.

    >>> dict(line.split(":", 1) for line in ["board_name:Z77 Extreme9"])
    {'board_name': 'Z77 Extreme9'}
    """
    dmi = dict(line.split(":", 1) for line in facts[_DMI].out.splitlines() if ":" in line)
    files = sections(facts[_TABLES].out)
    tables = tuple(name for name in ("DMAR", "RMAD", "IVRS") if f"acpi/tables/{name}" in files)
    dmar = files.get("acpi/tables/DMAR") or files.get("acpi/tables/RMAD") or b""
    secure = files.get(_SECURE_BOOT, b"")
    return Firmware(
        is_uefi="efi" in files,
        secure_boot=secure[4] == 1 if len(secure) > 4 else None,
        board=_words(dmi, "board_vendor", "board_name") or _words(dmi, "sys_vendor", "product_name"),
        version=_words(dmi, "bios_vendor", "bios_version"),
        tables=tables,
        interrupt_remapping=bool(dmar[37] & 1) if len(dmar) > 37 else None,
        reserved=tuple(reserved_regions(dmar)),
        blocks=tuple(ivrs.blocks(files.get("acpi/tables/IVRS", b""))),
    )


def _words(values: dict[str, str], *names: str) -> str:
    return " ".join(values[name].strip() for name in names if values.get(name, "").strip())


def sections(text: str) -> dict[str, bytes]:
    """Return the bytes of each file that was dumped by od(1) behind a `= NAME` line.

    >>> sections("= efi\\n= x/SecureBoot\\n 06 00 00 00 01\\n")
    {'efi': b'', 'x/SecureBoot': b'\\x06\\x00\\x00\\x00\\x01'}
    """
    result: dict[str, bytes] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("= "):
            name = line[2:]
            result[name] = b""
        elif name:
            result[name] += bytes.fromhex(line)
    return result


def reserved_regions(dmar: bytes) -> Iterator[Reserved]:
    """Yield the RMRRs (remapping structures of type 1) of a DMAR table; VT-d specification, 8.4."""
    for kind, body in _structures(dmar, 48, 2):
        if kind == 1:
            segment = int.from_bytes(body[6:8], "little")
            scopes = (
                Scope(segment, scope[5], _path(scope[6:]), covers_below=scope_kind == 2)
                for scope_kind, scope in _structures(body, 24, 1)
                if scope_kind in (1, 2)
            )
            yield Reserved(tuple(scopes))


def _structures(data: bytes, start: int, width: int) -> Iterator[tuple[int, bytes]]:
    """Yield (type, bytes) of a chain of structures whose type and length are `width` bytes each."""
    while start + 2 * width <= len(data):
        kind = int.from_bytes(data[start : start + width], "little")
        length = int.from_bytes(data[start + width : start + 2 * width], "little")
        if length < 2 * width:
            return
        yield kind, data[start : start + length]
        start += length


def _path(steps: bytes) -> tuple[tuple[int, int], ...]:
    return tuple(zip(steps[::2], steps[1::2], strict=False))
