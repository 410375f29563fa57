"""The guide's 81 flags: what the runbook says of them, against what two real kernels' Kconfig said.

The samples are parts of what `runbook build flags` left for each release: the entries of these flags
in the kernel's Kconfig files, and their lines in Debian's configuration before and after the merge.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from runbook import releases
from runbook.builds import flags, kconfig, kernel, store
from runbook.facts.kernel_config import values

SAMPLES = Path(__file__).parent / "samples"
LINUX = {release: releases.get(release).linux for release in ("bookworm", "trixie")}
EXISTING = {"6.1": 69, "6.12": 67}
AS_ASKED = {"6.1": 44, "6.12": 42}


def read(linux):
    """Return Debian's lines, the merged lines and the Kconfig entries of one Linux version."""
    base, final = (values((SAMPLES / f"config-{linux}-{k}.txt").read_text()) for k in ("base", "final"))
    return base, final, kconfig.parse((SAMPLES / f"kconfig-{linux}.txt").read_text())


@pytest.mark.parametrize("linux", LINUX.values())
def test_every_flag_is_as_the_runbook_says(linux):
    """Existence, settable or derived, successor, Debian's value, value after the merge: all 81 agree."""
    assert flags.differences(linux, *read(linux)) == []


@pytest.mark.parametrize("release", LINUX)
def test_every_flag_is_as_the_whole_source_says(release):
    """The same against everything that a real run of Kconfig left here, where there was one."""
    folder = store.folder_of(kernel.guide_on_debian(release))
    built = store.load(folder)
    if built is None:
        pytest.skip(f"no run of Kconfig is kept here; `runbook build flags {release}` makes one")
    base, config = values(built.text("base.config")), values(built.text("config"))
    found = flags.differences(LINUX[release], base, config, kconfig.read(built.folder / "kconfig.gz"))
    assert found == []


@pytest.mark.parametrize("linux", LINUX.values())
def test_each_difference_is_found(linux, monkeypatch):
    """A flag said to be gone, derived, renamed to nothing, or with another value, is reported."""
    known = {flag.name: flag for flag in flags.guide(linux)}
    lies = (
        replace(known["CONFIG_XEN"], state="gone"),
        replace(known["CONFIG_XEN_TMEM"], state="settable"),
        replace(known["CONFIG_XENFS"], state="derived"),
        replace(known["CONFIG_XEN_SCRUB_PAGES"], state="now NOTHING"),
        replace(known["CONFIG_XEN_GNTDEV"], debian="y"),
        replace(known["CONFIG_XEN_WDT"], wanted="y"),
    )
    monkeypatch.setattr(flags, "guide", lambda linux: lies)
    assert [line.split(":")[0] for line in flags.differences(linux, *read(linux))] == [
        lie.name for lie in lies
    ]


@pytest.mark.parametrize("linux", LINUX.values())
def test_the_guides_list_is_whole(linux):
    """81 flags; 69 of them exist in 6.1 and 67 in 6.12; 44 and 42 have the guide's value in Debian's kernel."""
    known = flags.guide(linux)
    exist = [f for f in known if f.state in ("settable", "derived")]
    base, _, _ = read(linux)
    assert (len(known), len(exist)) == (81, EXISTING[linux])
    assert sum(base.get(f.name) == f.wanted for f in known) == AS_ASKED[linux]


@pytest.mark.parametrize("linux", LINUX.values())
def test_what_vanishes_is_named(linux):
    """Of the guide's lines exactly those that do not exist are lost in the merge, and each is explained."""
    _, final, symbols = read(linux)
    rows = flags.explained(dict(kernel.guide_flags()), final, symbols)
    lost = {row.flag: row.why for row in rows if row.got != row.wanted}
    assert set(lost) == {f.name for f in flags.guide(linux) if f.state not in ("settable", "derived")}
    assert set(lost.values()) == {"this kernel has no such flag"}


def test_every_row_has_a_reason():
    """Each row of the table says why, and 'as asked' only where it is so."""
    base, _, _ = read("6.12")
    rows = flags.table("6.12", base)
    assert all(row.why for row in rows)
    assert all((row.got == row.wanted) == row.why.startswith("as asked") for row in rows)
    assert Counter(row.got for row in rows)["–"] == 14


def test_the_versions_are_those_of_the_releases():
    """The runbook knows the flags of both releases' kernels."""
    assert flags.versions() == tuple(LINUX.values())
