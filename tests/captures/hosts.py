"""Hosts for tests of captures: the recorded machine as one that can be asked anything, and one full of canaries."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from runbook.captures import people, questions
from runbook.drift.kept import ask_of
from runbook.facts import guest_files
from runbook.model.ask import MISSING, Answer, Ask, Facts
from runbook.params import HostParams, load
from runbook.steps import notebooks
from tests.recorded import AGAIN, FIRST, ROOT, gathers
from tests.survey.machines import SESSION, bare, dom0, lsblk

PARAMS = load(ROOT / "params/testbed.yml")
HOST, DOMAIN, USER, NAME, SURNAME = "zanzibar", "quetzalco.de", "wilhelmina", "Wilhelmina", "Oxenstierna"
MAC, PUBLIC, PUBLIC6 = "3c:ec:ef:c0:ff:ee", "84.17.49.201", "2a01:4f8:c17:9d21::7:1"
SERIAL, WWN, UUID, FAT = (
    "S4EWNX0M917745",
    "5002538e40b4a5c3",
    "7d0c5a1e-93f2-4b6c-8a41-d9f0c2b7e613",
    "9C4B-71DE",
)
LVM, KEY = (
    "Qx7LmT-ab3d-K9fG-h2Jk-Lm4N-pQ5r-sT6uVw",
    "AAAAC3NzaC1lZDI1NTE5AAAAIKq8vXw3ZbnT5rLm2YcPd4fHs9gJk1eWuQoRtVxAzB7N",
)
SECRET, WIFI, LABEL = "hunter2-correct-horse", "Oxenstierna am See", "ZANZI_PHOTOS"
HASH = "9F0C" * 32
EUI64 = "3eec:efff:fec0:ffee"
CANARIES = {
    HOST, "quetzalco", USER, SURNAME, MAC, MAC.replace(":", "-"), MAC.replace(":", ""), PUBLIC, "2a01:4f8:c17", SERIAL, WWN,
    HASH, UUID, UUID.replace("-", ""), FAT, LVM, LVM.replace("-", ""), KEY, SECRET, WIFI, WIFI.replace(" ", "_"), LABEL, EUI64,
}  # fmt: skip
"""What must not stand in any file of a capture, in any case."""
BLOB = f"""\
{HOST} {HOST}.{DOMAIN} root@{HOST} {USER}@{DOMAIN} {HOST}-vg /dev/mapper/{HOST}--vg-root {HOST.title()}s {NAME} {SURNAME}
/home/{USER}/x {MAC} {MAC.upper()} {MAC.replace(":", "-")} enx{MAC.replace(":", "")} fe80::{EUI64} 2a01:4f8:c17:9d21:{EUI64}
{PUBLIC} {PUBLIC}/22 {PUBLIC}:22 [{PUBLIC6}]:22 {PUBLIC6}/64 ::ffff:{PUBLIC} http://{PUBLIC}/ {PUBLIC}-{PUBLIC}
"{SERIAL}" ata-Samsung_SSD_970_{SERIAL}-part1 wwn-0x{WWN}-part2 naa.{WWN} scsi-3{WWN} 0x{WWN}
{UUID} {UUID.upper()} UUID={UUID} simple-{UUID} {UUID.replace("-", "")} UUID={FAT} {LVM} dm-uuid-LVM-{LVM.replace("-", "") * 2}
ssh-ed25519 {KEY} {USER}@{HOST}
vncpasswd = "{SECRET}"
password root {SECRET}
password_pbkdf2 root grub.pbkdf2.sha512.10000.{HASH}
ExecStart=/usr/bin/agent --password {SECRET} --user x
    up /usr/local/sbin/tunnel --token={SECRET}
    wireless-key s:{SECRET}
 psk={SECRET}
"password": "{SECRET}",
http://{USER}:{SECRET}@mirror.{DOMAIN}/debian
-----BEGIN OPENSSH PRIVATE KEY-----
{SECRET}
-----END OPENSSH PRIVATE KEY-----
 ssid={WIFI}
 id={WIFI}
/etc/NetworkManager/system-connections/{WIFI}.nmconnection
LABEL={LABEL} /media/{USER}/{LABEL} by-label/{LABEL}
User {USER} may run the following commands on {HOST}:
"""
"""Every canary in many forms, as the lines of any answer."""


class Toy:
    """A machine that answers what it knows, and is never changed."""

    describe, is_real, round_trips = "a toy", True, 0

    def __init__(self, answers: dict[Ask, Answer]) -> None:
        self.answers = answers

    def gather(self, asks) -> Facts:
        return Facts(
            {ask: self.answers.get(ask, Answer(MISSING if ask.kind == "read" else 127)) for ask in asks}
        )

    def close(self) -> None:
        pass


@cache
def recorded() -> dict[Ask, Answer]:
    """Return the last answer of the recorded machine to all that it was ever asked; Xen runs there."""
    found = {}
    for notebook in notebooks():
        for recording in (FIRST, AGAIN):
            for gather in gathers(recording, notebook):
                found |= {ask_of(key): Answer(*said) for key, said in gather.items()}
    return found


def plain() -> dict[Ask, Answer]:
    """Return a machine on plain Debian, with all that its groups and disks say, asked as root."""
    said = {ask: answer for ask, answer in bare().items() if answer.ok}
    return {
        **recorded(),
        **dom0_less(),
        **said,
        guest_files.FILES: Answer(0),
        Ask.run("id", "-u"): Answer(0, "0\n"),
    }


def dom0_less() -> dict[Ask, Answer]:
    return {ask: Answer(127) for ask in recorded() if ask.argv[0] in ("xl", "xenstore-ls")}


def everything(params: HostParams = PARAMS) -> dict[Ask, Answer]:
    """Return every question of the survey, of `runbook new` and of the steps, each answered with all canaries, twice."""
    asks = dict.fromkeys((*questions.of_survey(), *questions.of_steps(params), *questions.of_likeness()))
    return {ask: Answer(0, BLOB, BLOB) for ask in asks}


def accounts() -> dict[Ask, Answer]:
    """Return what a machine says of its people and its numbers when it is asked for that."""
    passwd = (
        f"root:x:0:0:root:/root:/bin/bash\n{USER}:x:1000:1000:{NAME} {SURNAME},,,:/home/{USER}:/bin/bash\n"
    )
    disks = json.dumps(
        {"blockdevices": [{"name": "sda", "serial": SERIAL, "wwn": f"0x{WWN}", "uuid": FAT, "label": LABEL}]}
    )
    answers = (
        passwd,
        f"/sys/class/net/eno1/address:{MAC}\n/sys/bus/usb/devices/usb1/serial:0000:00:06.0\n",
        disks,
        f"ata-Samsung_SSD_970_{SERIAL} ../../sda\n",
    )
    hosts = f"127.0.0.1 localhost\n127.0.1.1 {HOST}.{DOMAIN} {HOST}\n"
    files = {
        "/etc/hosts": hosts,
        "/etc/hostname": f"{HOST}\n",
        "/etc/resolv.conf": f"search {DOMAIN}\nnameserver {PUBLIC}\n",
    }
    found = dict(zip(people.ASKS[:4], (Answer(0, out) for out in answers), strict=True))
    found[Ask.run("uname", "-n")] = Answer(
        0, f"{HOST}\n"
    )  # else all words of a blob would be names of the host
    return found | {Ask.read(path): Answer(0, text, "0644 root:root") for path, text in files.items()}


def lived_in() -> dict[Ask, Answer]:
    """Return a machine that can be read, planned for, and is full of canaries wherever a person or a maker writes."""
    lines = {
        "52:54:00:13:00:03": MAC,
        "525400130003": MAC.replace(":", ""),
        "10.0.2.": PUBLIC.rpartition(".")[0] + ".",
    }
    lines |= {"testbed": HOST, "ana": USER, "CCA0-CFBE": FAT, "LIgRtF-X4vi-I2tq-dng2-PIkk-oKx2-t8RV0G": LVM}
    lines |= {"699202c6-cc51-4d99-8ed4-22f45a023ae9": UUID}

    def lived(text: str) -> str:
        for before, after in lines.items():
            text = text.replace(before, after) if before != "ana" else _word(text, before, after)
        return text

    found = {
        Ask(ask.kind, tuple(map(lived, ask.argv))): Answer(a.status, lived(a.out), lived(a.err))
        for ask, a in plain().items()
    }
    session = Ask.run("printenv", "SSH_CONNECTION")
    return (
        found
        | accounts()
        | {session: Answer(0, lived(SESSION)), Ask.run("uname", "-n"): Answer(0, f"{HOST}\n")}
    )


def _word(text: str, before: str, after: str) -> str:
    import re

    return re.sub(rf"(?<![A-Za-z]){before}(?![A-Za-z])", after, text)


def files(folder: Path) -> dict[str, str]:
    """Return the text of every file of a folder, names and all."""
    return {str(path): path.read_text("utf-8") for path in sorted(folder.rglob("*")) if path.is_file()}


MACHINES = {
    "testbed": lambda: plain(),
    "under-xen": lambda: {**recorded(), **{a: s for a, s in dom0().items() if s.ok}, Ask.run("id", "-u"): Answer(0, "0\n")},
    "lived-in": lived_in,
    "no-disk": lambda: {**plain(), **{a: s for a, s in bare(lsblk_json=lsblk()).items() if s.ok}, Ask.run("id", "-u"): Answer(0, "0\n")},
}  # fmt: skip
