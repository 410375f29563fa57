"""Packages as apt and dpkg tell them; the questions themselves are tried with fake programs."""

import os
import subprocess
from pathlib import Path

import pytest

from runbook.facts import packages
from runbook.model.ask import Answer, Facts
from tests.steps.machine import sample

NAMES = ("xen-system-amd64", "lvm2")
EMPTY = Answer(0)


def parsed(simulated: Answer = EMPTY, lists: str = "list\nfresh\n", locks: str = "") -> packages.Packages:
    audit, listed, locked, status, simulation = packages.commands(NAMES)
    answers = {audit: "", listed: lists, locked: locks, status: "ii |lvm2|2.03.31-2\nun |xen-system-amd64|\n"}
    return packages.parse(
        Facts({**{a: Answer(0, out) for a, out in answers.items()}, simulation: simulated}), NAMES
    )


def test_a_real_simulation_gives_every_package_with_its_version():
    """The testbed's answer to `apt-get -s install` holds 47 new packages."""
    delta = packages.delta(sample("apt-simulate.txt"))
    assert len(delta) == 47
    assert delta[0] == "libpython3.13-minimal 3.13.5-2+deb13u5"
    assert [line for line in delta if line.startswith("xen-system")] == [
        "xen-system-amd64 4.20.4+63-g7abfd2bce2-0+deb13u1"
    ]


def test_only_whole_packages_count_as_installed():
    """A package that was removed, never there or is half configured is missing."""
    assert parsed().missing(NAMES) == ("xen-system-amd64",)
    assert packages.installed("iF |sudo|1.9\nrc |lvm2|2.0\nii |less|668-1") == {"less": "668-1"}


def test_sizes_are_summed():
    """The download is the sum of what apt would fetch."""
    assert parsed(Answer(0, "Inst a (1 x)\nsize 863168\nsize 100\n")).download_bytes == 863268


def test_unknown_names_and_the_reason_are_told_apart_from_success():
    """apt's refusal gives the unknown names and its own words."""
    now = parsed(Answer(100, "", "E: Unable to locate package xen-system-amd64\n"))
    assert now.unknown == ("xen-system-amd64",)
    assert now.apt_error == "E: Unable to locate package xen-system-amd64"
    assert parsed().apt_error == ""


@pytest.mark.parametrize(
    ("text", "lists", "fresh"), [("list\nfresh\n", 1, True), ("list\nlist\n", 2, False), ("", 0, False)]
)
def test_lists_are_counted_and_dated(text, lists, fresh):
    """Missing, old and fresh lists are three different things."""
    now = parsed(lists=text)
    assert (now.lists, now.lists_are_fresh) == (lists, fresh)


@pytest.mark.parametrize(
    ("kernel", "holder"),
    [
        ("1: POSIX  ADVISORY  WRITE 8532 fe:00:1460958 0 EOF", "process 8532 (/var/lib/dpkg/lock-frontend)"),
        ("1: POSIX  ADVISORY  WRITE 8532 fe:00:77 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE 8532 08:01:1460958 0 EOF", ""),
        ("1: POSIX  ADVISORY  READ 8532 fe:00:1460958 0 EOF", ""),
        ("", ""),
    ],
    ids=["held", "another file", "another disk", "only read", "nobody"],
)
def test_a_lock_has_a_holder_only_when_file_and_disk_agree(kernel, holder):
    """Real lines of stat and /proc/locks: the holder is named by its process."""
    text = f"254:0 1460958 /var/lib/dpkg/lock-frontend\n254:0 1460959 /var/lib/dpkg/lock\n{kernel}\n"
    assert packages.lock_holder(text) == holder
    assert parsed(locks=text).lock_holder == holder


def fake_path(tmp_path: Path, **programs: str) -> dict[str, str]:
    """Return an environment in which some programs are scripts."""
    for name, script in programs.items():
        file = tmp_path / name.replace("_", "-")
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    return {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_apt_is_not_asked_when_everything_is_installed(tmp_path):
    """With all packages whole, the seconds of reading apt's lists are saved."""
    env = fake_path(tmp_path, dpkg_query="echo ii; echo ii", apt_get="echo asked")
    ask = packages.commands(NAMES)[4]
    assert subprocess.run(ask.argv, env=env, capture_output=True, text=True, check=True).stdout == ""


def test_sizes_are_read_without_the_address_of_the_mirror(tmp_path):
    """Of `apt-get --print-uris` only the size is kept, and apt is never asked to install."""
    script = """case "$*" in
*--print-uris*) echo "'http://deb.example/x_1_amd64.deb' x_1_amd64.deb 863168 SHA256:00aa" ;;
*-s*) echo "Inst x (1 Debian:13/stable [amd64])" ;;
*) echo "installed for real" ;;
esac"""
    env = fake_path(tmp_path, dpkg_query="echo ii", apt_get=script)
    said = subprocess.run(
        packages.commands(NAMES)[4].argv, env=env, capture_output=True, text=True, check=True
    )
    assert said.stdout == "Inst x (1 Debian:13/stable [amd64])\nsize 863168\n"


def test_apts_refusal_is_the_answers_status(tmp_path):
    """When the simulation fails, no sizes are asked for and its status comes back."""
    env = fake_path(tmp_path, dpkg_query="true", apt_get="echo 'E: no' >&2; exit 100")
    said = subprocess.run(
        packages.commands(NAMES)[4].argv, env=env, capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout, said.stderr) == (100, "", "E: no\n")
