"""A server of 137 functions: its file is a page, whatever a processor counts among its parts, and quickly made."""

from __future__ import annotations

import re
import time
from pathlib import Path

from runbook import proposal
from runbook.params import loads
from runbook.params.host import Ssh
from tests.proposal.test_new import root
from tests.survey.machines import Pci, devices

_UNCORE = ("8086:6fbe", "8086:6fb1", "8086:6f76", "8086:6f94", "8086:6fea", "8086:6fd5")
"""Some parts of a Xeon E5 v4, as lspci of such a machine lists them."""


def server() -> list[Pci]:
    """Return two processors with 60 parts each, their bridges, and what stands in the slots."""
    parts = []
    for bus, start in (("7f", 100), ("ff", 200)):
        slots = [(slot, function) for slot in range(8, 31) for function in range(4)][:60]
        parts += [
            Pci(f"0000:{bus}:{slot:02x}.{function}", _UNCORE[n % 6], ("088000", "110100")[n % 2], group=start + slot, reset="",
                express=False)
            for n, (slot, function) in enumerate(slots)
        ]  # fmt: skip
    ports = [Pci(f"0000:00:0{n}.0", "8086:6f02", "060400", group=n, bus=n) for n in range(1, 5)]
    own = [Pci(f"0000:00:1{n:x}.0", "8086:8d26", "0c0320", group=20 + n) for n in range(10, 12)]
    board = [
        Pci(f"0000:00:1f.{n}", "8086:8d22", code, group=40) for n, code in ((2, "010601"), (3, "0c0500"))
    ]
    slots = [
        *(Pci(f"0000:01:00.{n}", "8086:1521", "020000", ("0000:00:01.0",), group=50 + n) for n in range(4)),
        Pci("0000:02:00.0", "1000:005d", "010400", ("0000:00:02.0",), group=60),
        *(Pci(f"0000:03:00.{n}", "10de:1db6", ("030200", "040300")[n], ("0000:00:03.0",), group=61) for n in (0, 1)),
        *(Pci(f"0000:04:0{n}.0", "144d:a804", "010802", ("0000:00:04.0",), group=70 + n) for n in range(2)),
    ]  # fmt: skip
    return [*ports, *own, *board, *slots, *parts]


def test_a_server_is_a_page():
    """137 functions make fewer than 80 lines about devices, those of the processors one; each offer has its entry."""
    built = server()
    assert len(built) == 137
    seen = proposal.read(root(devices(*built)))
    text = proposal.write("box", Ssh(to="root@box"), seen)
    part = text[text.index("\n# Devices that guests") : text.index("\nstorage:")]
    assert len(part.splitlines()) < 80
    assert len(re.findall("(?m)^.*(?:0000:7f:|0000:ff:).*$", text)) <= 2
    assert len(text.splitlines()) < 130
    offers = [bdf for group in seen.groups if group.is_offered for bdf in group.bdfs]
    assert len(offers) == 11
    assert re.findall(r"(?m)^    # - bdf: (\S+)$", part.partition("Not offered")[0]) == offers
    assert loads(text, Path("box.yml")).passthrough.devices == ()


def test_a_server_is_read_and_written_in_half_a_second():
    """The survey of the largest machine and its whole file take less than half a second of this processor."""
    facts = root(devices(*server()))
    proposal.write("box", Ssh(to="root@box"), proposal.read(facts))
    start = time.process_time()
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(facts))
    took = time.process_time() - start
    assert text
    assert took < 0.5, took
