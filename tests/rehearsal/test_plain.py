"""What the plain system brings that the packages come from is not left in the virtual PC, and what it needs stays until it has gone."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runbook.evidence import rehearsals
from runbook.evidence.rehearsals import StepPlayed
from runbook.facts import likeness
from runbook.model.ask import Answer, Facts
from runbook.rehearsal import building, described, disks, files, noted
from runbook.steps.shared import boot_menu, owners_words
from runbook.testbed.machines.model import Pc
from tests.rehearsal.test_described import twin
from tests.test_testbed_returns import MENU


def whole(text: str = "", packages: str = "") -> files.Files:
    """Return the files of a machine that told of all of them."""
    said = {likeness.COMMANDS[0]: text, likeness.COMMANDS[2]: packages}
    seen = likeness.parse(Facts({ask: Answer(0, said.get(ask, "")) for ask in likeness.COMMANDS}))
    return files.read(seen, (), disks.Disks())


def inside() -> list[str]:
    layout = twin().description.layout
    assert layout
    return list(layout.inside)


def test_the_plain_systems_words_for_grub_go() -> None:
    """They would stand behind the host's own, and in their place."""
    lines = inside()
    away = lines.index(f"rm -f {files.PLAIN_WORDS}")
    assert away < next(at for at, line in enumerate(lines) if "carried.tar" in line)


def test_what_grub_sources_last_adds_and_takes_nothing_away(tmp_path: Path) -> None:
    """Linux's words stay, also under Xen, where nobody put others in their place; Xen's words for the emulator are the last."""
    own = next(file.text for file in whole().carried if file.path == files.OWN_WORDS)
    ours = 'GRUB_CMDLINE_LINUX="net.ifnames=0"\nGRUB_CMDLINE_XEN_DEFAULT="dom0_max_vcpus=1"\n'
    shown = (
        'printf "%s\\n" "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_XEN_REPLACE" "$GRUB_CMDLINE_XEN_DEFAULT"'
    )
    done = subprocess.run(["sh", "-euc", ours + own + shown], capture_output=True, text=True, check=True)
    linux, under_xen, xen = done.stdout.splitlines()
    assert linux.split()[0] == under_xen.split()[0] == "net.ifnames=0"
    assert under_xen.endswith(" console=hvc0")
    assert xen.startswith("dom0_max_vcpus=1 rehearsal com1=")
    assert Path(files.OWN_WORDS).name > Path(boot_menu.OPTIONS_FILE).name


@pytest.mark.parametrize(("more", "are_kept"), [("rehearsal com1=115200,8n1", False), ("com1=9600", True)])
def test_the_plan_of_the_boot_menu_is_the_hosts_own(more: str, are_kept: bool) -> None:
    """What the emulator needs is nobody's word to keep: else its plan, and the digest, would be another one than the host's."""
    from runbook.facts import grub
    from runbook.params import load

    params = load("params/testbed.yml")
    mine = (*boot_menu.xen_always(params), *boot_menu.xen_normal(params))
    told = f"placeholder {' '.join(mine)}"
    menu = "\n".join(
        f"{line.split(told)[0]}{told} {more}" if "multiboot2" in line and told in line else line
        for line in MENU.splitlines()
    )
    facts = Facts({ask: Answer(0, menu if grub.CONFIG in ask.key else "") for ask in grub.COMMANDS})
    now = grub.parse(facts)
    assert now.xen is not None
    assert more.split()[-1] in now.xen.xen_options
    read = owners_words.read(params, replace(now, entries=(now.xen,)), _Nothing(facts))
    assert read.are_kept is are_kept


class _Nothing(Facts):
    """Facts of a host without files."""

    def __init__(self, facts: Facts) -> None:
        super().__init__({ask: facts[ask] for ask in facts})

    def text(self, path: str) -> str | None:
        return None


def test_the_plain_system_keeps_its_way_into_the_network() -> None:
    """What a host with NetworkManager alone has not goes where the disks are made; before, nobody would reach it."""
    found = twin()
    gone = ("cron", "dhcpcd-base", "ifupdown")
    found = replace(found, description=found.description.model_copy(update={"without": gone}))
    hooks = "\n".join(building.recipe_of(found).hooks)
    assert "for p in cron; do" in hooks
    assert "ifupdown" not in hooks
    made = described._layout(disks.Disks(), Pc(firmware="bios"), files.Files(), gone, [])
    assert made.inside[0].startswith("for p in dhcpcd-base ifupdown; do")
    assert not [line for line in made.inside if "cron" in line]


def test_files_of_an_installer_go_where_the_host_has_none() -> None:
    """Of a host that tells of all its files: a file of ifupdown's would make it a host of ifupdown's."""
    assert files.of_the_installer(whole()) == ["/etc/network/interfaces", "/etc/default/locale"]
    has = whole("= 0644 root:root /etc/network/interfaces\n auto lo\n")
    assert files.of_the_installer(has) == ["/etc/default/locale"]


@pytest.mark.parametrize(
    ("line", "is_few"), [("MODULES=dep", True), ("# MODULES=dep", False), ("MODULES=most", False)]
)
def test_a_ram_disk_for_the_hosts_disks_alone_gets_all_drivers(line: str, is_few: bool) -> None:
    """It is made beside other disks than those that the PC has then; the page says so."""
    found = whole(f"= 0644 root:root /etc/initramfs-tools/conf.d/driver-policy\n {line}\n")
    assert (
        any(file.path == files.ALL_DRIVERS and file.text == "MODULES=most\n" for file in found.carried)
        is is_few
    )
    assert any("RAM disk has all drivers" in clause for clause in found.unlike) is is_few


PLAYED = {
    name: StepPlayed(book, name, "", "changed", "0123456789ab")
    for book, name in (("05_xen_installation", "install_xen"), ("06_xen_configuration", "set_boot_menu"))
}


def test_steps_are_kept_until_the_checkpoint(tmp_path: Path) -> None:
    """Those of later notebooks are played anew."""
    noted.keep(PLAYED, tmp_path, "0" * 12)
    assert noted.kept(tmp_path, "0" * 12, "06_xen_configuration") == PLAYED
    assert list(noted.kept(tmp_path, "0" * 12, "05_xen_installation")) == ["install_xen"]


@pytest.mark.parametrize("change", ["edition", "machine", "cut", "none"])
def test_nothing_is_kept_of_another_edition_or_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Nor of a file that cannot be read: consent comes of what was carried out, and of nothing else."""
    machine = "0" * 12
    noted.keep(PLAYED, tmp_path, machine)
    (file,) = tmp_path.iterdir()
    if change == "edition":
        monkeypatch.setattr(rehearsals, "edition", lambda: "another")
    elif change == "machine":
        machine = "f" * 12
    elif change == "cut":
        file.write_text(file.read_text()[:40])
    else:
        noted.forget(tmp_path)
    assert noted.kept(tmp_path, machine, "99") == {}


def test_the_first_plan_of_a_step_counts() -> None:
    """One that ran again did what was left: the host's plan is the first one."""
    from tests.rehearsal.test_playing import ended

    played: dict[str, StepPlayed] = {}
    first, again = ended(), ended()
    book = again.record.notebooks[0]
    book.steps = [replace(book.steps[0], digest="f" * 12)]
    noted.note(played, first, ())
    noted.note(played, again, ())
    assert played["configure_bridges"].digest == "0123456789ab"
    bad: Any = ended(1, "no", "failed", "failed")
    noted.note(played, bad, ())
    assert played["configure_bridges"].status == "failed"
