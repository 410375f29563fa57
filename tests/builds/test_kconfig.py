"""Kconfig as it is: parts of the real files of Linux 6.12, and what they say of a flag."""

from __future__ import annotations

import gzip
from pathlib import Path

from runbook.builds import flags, kconfig
from runbook.builds.kconfig import Symbol

SAMPLE = (Path(__file__).parent / "samples" / "kconfig-6.12.txt").read_text(encoding="utf-8")
SYMBOLS = kconfig.parse(SAMPLE)


def test_a_flag_with_a_question_can_be_set():
    """A flag whose entry has a prompt can be set; one without only follows from others."""
    assert SYMBOLS["XEN_PCIDEV_BACKEND"].can_be_set
    assert SYMBOLS["XENFS"].can_be_set
    assert not SYMBOLS["XEN_SAVE_RESTORE"].can_be_set


def test_a_choice_is_told_apart():
    """HZ_1000 is one of a choice; the flag behind the choice is not."""
    assert SYMBOLS["HZ_1000"].in_choice
    assert not SYMBOLS["HZ"].in_choice


def test_words_of_a_help_text_are_no_properties():
    """Nothing that stands in a help text makes a flag settable or dependent."""
    text = '@@ Kconfig\nconfig A\n\tdef_bool y\n\thelp\n\t  It looks like\n\t  bool "A"\n\t  depends on NOTHING\nconfig B\n'
    found = kconfig.parse(text)
    assert (found["A"].can_be_set, found["A"].depends) == (False, [])
    assert "B" in found


def test_entries_of_one_flag_are_one():
    """A flag that is defined twice can be set if one of its entries asks; the first file is named."""
    text = '@@ arch/Kconfig\nconfig A\n\tbool\n@@ lib/Kconfig\nconfig A\n\tbool "A"\n'
    assert kconfig.parse(text)["A"] == Symbol("A", "arch/Kconfig", can_be_set=True)


def test_what_was_compressed_is_read(tmp_path):
    """The file that a build leaves is read as the text it holds."""
    with gzip.open(tmp_path / "kconfig.gz", "wt", encoding="utf-8") as file:
        file.write(SAMPLE)
    assert kconfig.read(tmp_path / "kconfig.gz") == SYMBOLS


def test_each_way_to_lose_a_line_is_explained():
    """Asked, got and why: as asked, unknown, forced by another, one of a choice, or in want of another."""
    text = (
        '@@ Kconfig\nconfig ASKED\n\tbool "a"\nconfig FORCED\n\tbool\nconfig FORCING\n\tbool "f"\n\tselect FORCED\n'
        'choice\nconfig ONE\n\tbool "one"\nconfig TWO\n\tbool "two"\nendchoice\n'
        'config WANTING\n\tbool "w"\n\tdepends on NET\n'
    )
    asked = {f"CONFIG_{name}": "y" for name in ("ASKED", "GONE", "FORCED", "TWO", "WANTING")} | {
        "CONFIG_HZ": "1000"
    }
    asked["CONFIG_FORCED"] = "n"
    config = {"CONFIG_ASKED": "y", "CONFIG_FORCED": "y", "CONFIG_FORCING": "y", "CONFIG_ONE": "y"}
    rows = {r.flag: (r.got, r.why) for r in flags.explained(asked, config, kconfig.parse(text))}
    assert rows == {
        "CONFIG_ASKED": ("y", "as asked"),
        "CONFIG_GONE": ("–", "this kernel has no such flag"),
        "CONFIG_FORCED": ("y", "forced: selected by FORCING"),
        "CONFIG_TWO": ("n", "one of a choice, and another was taken"),
        "CONFIG_WANTING": ("n", "it needs NET"),
        "CONFIG_HZ": ("–", "this kernel has no such flag"),
    }
