"""The firmware's answers, and the parts of a DMAR table."""

import dataclasses

from runbook.facts import firmware
from runbook.facts.firmware import Reserved, Scope
from tests.survey.machines import bare, dmar

SECURE = "= efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c\n 06 00 00 00 0%d\n"


def test_the_testbeds_firmware():
    """A UEFI machine of AMD's kind, Secure Boot off; without a board its product is named."""
    assert firmware.parse(bare()) == firmware.Firmware(
        is_uefi=True,
        secure_boot=False,
        board="QEMU Standard PC (Q35 + ICH9, 2009)",
        version="EFI Development Kit II / OVMF 0.0.0",
        tables=("IVRS",),
        interrupt_remapping=None,
        reserved=(),
    )


def test_a_bios_machine_says_nothing():
    """Without UEFI there is no answer about Secure Boot, which is not the same as off."""
    found = firmware.parse(bare(firmware_tables="", dmi=""))
    assert (found.is_uefi, found.secure_boot, found.tables, found.board) == (False, None, (), "")


def test_secure_boot_is_the_fifth_byte():
    """The variable's value follows four bytes of attributes."""
    assert [firmware.parse(bare(firmware_tables=SECURE % on)).secure_boot for on in (0, 1)] == [False, True]


def test_a_board_has_the_first_word():
    """A real board is named, not the system it was sold as."""
    found = firmware.parse(
        bare(dmi="sys_vendor:To Be Filled\nboard_vendor:ASRock\nboard_name:Z77 Extreme9\n")
    )
    assert found.board == "ASRock Z77 Extreme9"


def test_dmar_flags_and_reserved_regions():
    """Bit 0 of the flags is interrupt remapping; each RMRR names its devices by bus and path."""
    found = firmware.parse(
        bare(firmware_tables=dmar(((0, (0x1A, 0)), (0, (0x1D, 0))), ((0, (0x1C, 0, 0, 3)),)))
    )
    assert found.interrupt_remapping is True
    assert found.reserved == (
        Reserved((Scope(0, 0, ((0x1A, 0),)), Scope(0, 0, ((0x1D, 0),)))),
        Reserved((Scope(0, 0, ((0x1C, 0), (0, 3))),)),
    )
    assert firmware.parse(bare(firmware_tables=dmar(flags=2))).interrupt_remapping is False


def test_xen_renames_the_table():
    """Under Xen the same table is called RMAD and says the same."""
    table = dmar(((0, (0x1D, 0)),))
    renamed = firmware.parse(bare(firmware_tables=table.replace("tables/DMAR", "tables/RMAD")))
    plain = firmware.parse(bare(firmware_tables=table))
    assert renamed.tables == ("RMAD",)
    assert dataclasses.replace(renamed, tables=("DMAR",)) == plain


def test_a_broken_table_ends():
    """A structure of length zero ends the reading instead of going on for ever."""
    assert firmware.parse(bare(firmware_tables="= acpi/tables/DMAR\n" + " 00" * 64 + "\n")).reserved == ()
