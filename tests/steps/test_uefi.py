"""The firmware's settings: read where they can be, confirmed by eye where they cannot."""

import pytest

from runbook.facts import bars
from runbook.model.ask import Answer, Facts
from runbook.params import load
from runbook.steps.uefi import confirm_settings, verify_settings
from runbook.survey import menus
from tests.steps.test_introduction import SECURE
from tests.survey.machines import Pci, bare, devices, dmar, dom0, params

ABOVE = "0000:01:00.0/resource:2:0x0000004000000000 0x000000400fffffff 0x000000000014220c\n"


def facts_of(machine, above=""):
    """Return a machine's facts with the answer about memory above 4 GiB."""
    return Facts({**machine, bars.COMMANDS[0]: Answer(0, above)})


def states(parameters, facts):
    return {s.name: s.state for s in verify_settings.read(parameters, facts)}


@pytest.mark.parametrize("facts", [bare(), dom0()], ids=["bare", "xen"])
def test_the_testbed_has_every_readable_setting_right(facts):
    """Before Xen and under it nothing is wrong, and only what no system can read is left to the eye."""
    testbed = load("params/testbed.yml")
    now = states(testbed, facts_of(facts))
    unseen = {name for name, state in now.items() if state == "unseen"}
    assert unseen == {"power-loss"}
    assert now["usb-legacy"] == "confirmed"
    assert verify_settings.plan(testbed, facts_of(facts)).findings == ()
    assert set(now) == set(menus.SETTINGS)


@pytest.mark.parametrize(
    ("name", "level", "changes"),
    [
        ("virtualisation", "refuse", {"cpuinfo": "flags : svm\n"}),
        ("iommu", "refuse", {"firmware_tables": "= efi\n"}),
        ("interrupt-remapping", "warn", {"firmware_tables": dmar(flags=0)}),
        ("boot-mode", "warn", {"firmware_tables": "= acpi/tables/IVRS\n"}),
        ("secure-boot", "refuse", {"firmware_tables": SECURE}),
    ],
)
def test_a_wrong_setting_is_named_with_its_place_in_the_menus(name, level, changes):
    """Each wrong setting gives one finding that says where to change it."""
    found = verify_settings.plan(params(), facts_of(bare(**changes))).findings
    assert [f.level for f in found if menus.place("other", name) in f.do] == [level]
    assert verify_settings.check(params(), facts_of(bare(**changes))) == [
        f for f in found if f.level == "refuse"
    ]


@pytest.mark.parametrize(("code", "word"), [("010400", "RAID"), ("01018a", "IDE")])
def test_disks_in_raid_or_ide_mode_are_warned_of(code, word):
    """A disk controller that is not in AHCI mode is named with its mode."""
    machine = devices(Pci("0000:00:1f.2", code=code))
    (found,) = [f for f in verify_settings.plan(params(), facts_of(machine)).findings if "AHCI" in f.what]
    assert found.level == "warn"
    assert f"0000:00:1f.2 in {word} mode" in found.what


def test_a_primary_display_for_a_guest_is_refused():
    """The card that the firmware shows its own screen on cannot be the one that a guest gets."""
    card = Pci("0000:01:00.0", code="030000", boot_vga=True)
    wanted = params({"bdf": "0000:01:00.0"})
    now = states(wanted, facts_of(devices(card)))
    assert now["primary-display"] == "wrong"
    assert states(params(), facts_of(devices(card)))["primary-display"] == "right"


def test_above_4g_decoding_is_seen_from_a_window_up_there():
    """A device with memory above 4 GiB proves the setting; without one, only a passed display asks for it."""
    assert states(params(), facts_of(bare(), ABOVE))["above-4g"] == "right"
    assert states(params(), facts_of(bare()))["above-4g"] == "not needed"


def test_what_a_person_confirmed_is_kept_and_no_longer_asked():
    """A confirmed setting stands in the table with its value and day; the others are still asked for."""
    seen = {"confirmed": [{"setting": "usb-legacy", "value": "disabled", "on": "2026-11-22"}]}
    parameters = params(firmware=seen)
    facts = facts_of(bare())
    table = {s.name: (s.state, s.seen) for s in verify_settings.read(parameters, facts)}
    assert table["usb-legacy"] == ("confirmed", "disabled, seen on 2026-11-22")
    asked = confirm_settings.plan(parameters, facts)
    assert asked.actions == ()
    assert not asked.stops
    assert ["power-loss" in f.do for f in asked.findings] == [True]
    assert list(asked.findings) == confirm_settings.check(parameters, facts)


def test_what_the_system_shows_cannot_be_confirmed_away():
    """A confirmation of what the machine itself contradicts changes nothing."""
    seen = {"confirmed": [{"setting": "interrupt-remapping", "value": "on"}]}
    facts = facts_of(bare(firmware_tables=dmar(flags=0)))
    assert states(params(firmware=seen), facts)["interrupt-remapping"] == "take care"


@pytest.mark.parametrize(
    ("board", "maker"),
    [("ASRock Z77 Extreme9", "asrock"), ("Gigabyte Technology Co., Ltd. X", "gigabyte"), ("", "other"),
     ("Micro-Star International Co., Ltd. B550", "msi"), ("Dell Inc. 0WR7PY", "dell")],
)  # fmt: skip
def test_a_board_names_its_maker(board, maker):
    """The words of the firmware about its board choose whose menus are shown."""
    assert menus.maker_of(board) == maker
    assert all(menus.place(maker, name) for name in menus.SETTINGS)
