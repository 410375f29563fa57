"""Configurations that differ from real ones by a few strokes, as a person's do that was typed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from runbook import releases
from runbook.guests import config
from runbook.params import load

ROOT = Path(__file__).parents[2]
_SIGNS = list(" \t\n=,:;[]'\"#\\/.-+*@!0123456789abcdefhprvwxyzABX_\r~")
_WORDS = (
    "hvm", "pv", "pvh", "raw", "qcow2", "vdev=", "format=", "target=", "access=ro", "cdrom", "discard", "phy:", "file:",
    "tap:aio:", "hda", "xvda", "mac=", "bridge=", "rate=", "type=vif", "model=e1000", "permissive=1", "permissive",
    "rdm_policy=", "seize=1", "@1f", "03:00.0", "1", "0", "-1", "512", "restart", "destroy", "all", "^3", "2-7", "pygrub",
    "node:0", "defaults", "synic", "stdvga", "bios", "uefi", "'", '"', ",", ", ", " ", "\n", "[", "]", "=", "+=", "",
)  # fmt: skip
_LINES = (
    'type = "pv"', 'type = "pvh"', 'kernel = "/boot/x"', 'bootloader = "pygrub"', 'firmware = "pvgrub64"', "vcpus = 0",
    'maxvcpus = 1', 'cpus = "all"', 'cpus = [ "0", "1" ]', 'uuid = "x"', 'vga = "qxl"', "tsc_mode = 1",
    'timer_mode = "no_missed_ticks_pending"', 'viridian = [ "all", "!synic" ]', "viridian = 1", 'on_crash = "keep"',
    'hdtype = "AHCI"', 'bios = "OVMF"', 'usbctrl = [ "type=auto,version=2" ]', 'usbdev = [ "hostbus=1, hostaddr=2" ]',
    'irqs = [ 4 ]', 'ioports = [ "3f8-3ff" ]', 'iomem = [ "fed40,5" ]', 'vtpm = [ "backend=a" ]',
    'channel = [ "connection=pty,name=a" ]', 'p9 = [ "tag=a,security_model=none,path=/srv" ]',
    'vkb = [ "backend-type=qemu" ]', 'smbios = [ "oem=a" ]', 'mca_caps = [ "lmce" ]', "max_grant_frames = 64",
    'device_model_args = [ "-x" ]', 'vfb = [ "vnc=1" ]', 'serial = [ "pty" ]', 'altp2m = "mixed"', 'rdm = "strategy=host"',
    'passthrough = "enabled"', 'gfx_passthru = "igd"', "mmio_hole = 2048", 'vnclisten = "0.0.0.0:1"', "vncdisplay = 2",
    'disk = [ "/dev/a/b,,hda,w" ]', "disk += [ 'phy:/dev/a/c,hdb,r' ]", 'vif = [ "" ]', "pci = [ '01:00.*@10' ]",
)  # fmt: skip


def corpus() -> list[str]:
    """Return the files that are changed: the public ones, the guide's, and those that the runbook writes."""
    found = [
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/cases/guests").glob("*/*.cfg"))
    ]
    found += [
        path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests/guests/cases").glob("*.cfg"))
    ]
    for name in ("victory", "testbed"):
        params = load(ROOT / f"params/{name}.yml")
        release = releases.get(params.release)
        found += [config.render(params, guest, release, False) for guest in params.guests]
    return found


def mutated(count: int, seed: int) -> Iterator[str]:
    """Yield configurations, each another one, the same for the same seed."""
    chance, texts = random.Random(seed), corpus()
    for _ in range(count):
        text = chance.choice(texts)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            text = _changed(text, chance)
        yield text


def _changed(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    at = chance.randrange(len(text) + 1)
    line = chance.randrange(len(lines))
    kind = chance.randrange(8)
    if kind == 0:
        return text[:at] + chance.choice(_SIGNS) + text[at:]
    if kind == 1:
        return text[:at] + text[at + chance.randint(1, 3) :]
    if kind == 2:
        return text[:at] + chance.choice(_SIGNS) + text[at + 1 :]
    if kind == 3:
        return text[:at] + chance.choice(_WORDS) + text[at:]
    if kind == 4:
        return "\n".join([*lines[:line], *lines[line + 1 :]])
    if kind == 5:
        return "\n".join([*lines[:line], chance.choice(_LINES), *lines[line:]])
    if kind == 6:
        other = chance.randrange(len(lines))
        lines[line], lines[other] = lines[other], lines[line]
        return "\n".join(lines)
    return "\n".join([*lines[:line], _changed_word(lines[line], chance), *lines[line + 1 :]])


def _changed_word(line: str, chance: random.Random) -> str:
    """Return a line with one of the words between its commas and quotes exchanged for another, or gone."""
    places = [place for place, sign in enumerate(line) if sign in ",\"'= "]
    if len(places) < 2:
        return line
    first = chance.randrange(len(places) - 1)
    return line[: places[first] + 1] + chance.choice(_WORDS) + line[places[first + 1] :]
