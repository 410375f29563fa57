"""The proof of notebook 09's backups on a machine that boots: kept, destroyed, brought back, compared.

A disk with known files is written into a guest's volume. Each way of keeping it is tried for real, and
each refusal is provoked; whatever is claimed is read from the machine itself, past the runbook's own checks.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from runbook.book import Book
from runbook.engine.journal import Journal
from runbook.errors import CheckFailed, CommandFailed, ConsentMissing, Refused, RunbookError
from runbook.hosts import connect
from runbook.params import HostParams, load
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say

NOTEBOOK = "09_management"
GUEST, OTHER = "comm", "nginx"
FOLDER = "/srv/backups-of-the-proof"
_START, _SECTORS = 2048, 819200
_OFFSET, _SIZE = _START * 512, _SECTORS * 512

# GPT, an ext4 with files and with deleted data, 8 MiB that no tool knows, and nothing behind.
_WRITE_DISK = f"""set -eu
v=$1; t=$(mktemp -d /var/tmp/proof.XXXXXX); trap 'rm -rf "$t"' EXIT
wipefs -qa "$v"; printf 'label: gpt\\nstart={_START}, size={_SECTORS}, type=L, name=files\\nsize=16384, type=L\\n' |
    sfdisk -q --no-reread --no-tell-kernel "$v"
mkdir "$t/d"; cp -r /etc/apt /etc/fstab /etc/passwd "$t/d"; head -c 20000000 /dev/urandom >"$t/d/noise"
head -c 30000000 /dev/urandom >"$t/d/deleted"
(cd "$t/d" && find . -type f ! -name deleted -exec sha256sum {{}} +) >/var/tmp/proof.sums
l=$(losetup -o {_OFFSET} --sizelimit {_SIZE} --show -f "$v")
mkfs.ext4 -q -d "$t/d" "$l"; debugfs -w -R 'rm deleted' "$l" 2>/dev/null; sync; losetup -d "$l"
head -c 8388608 /dev/urandom | dd of="$v" bs=512 seek={_START + _SECTORS} conv=notrunc,fsync status=none
"""
_READ_FILES = f"""set -eu
l=$(losetup -r -o {_OFFSET} --sizelimit {_SIZE} --show -f "$1"); trap 'losetup -d "$l"' EXIT
e2fsck -fn "$l" >/dev/null; mkdir -p /mnt/proof; mount -o ro "$l" /mnt/proof
cd /mnt/proof; sha256sum --quiet -c /var/tmp/proof.sums && echo same; cd /; umount /mnt/proof
"""
_DESTROY = (
    "tr '\\0' '\\377' </dev/zero | dd of=$1 bs=4M iflag=fullblock count=256 conv=notrunc,fsync status=none"
)


def prove_backup(machine: Machine, params: str) -> None:
    """Prove backup, verification, restore and every refusal on the volume of one guest.

    What is on that volume is lost, the guest must be off, and what notebook 09 has mounted from it is
    unmounted. Raises `CheckFailed`, or what the runbook raised, at the first claim that does not hold.
    """
    proof = _Proof(machine, load(params))
    proof.shell(f"rm -rf {FOLDER} {FOLDER}.aside")
    proof.prepare()
    proof.whole()
    proof.refusals()
    proof.used_blocks()
    proof.running_guest()
    proof.shell(f"rm -rf {FOLDER} /var/tmp/proof.sums; lvremove -q -f {proof.group}/small 2>/dev/null; true")


class _Proof:
    """The steps of the proof; each says what it saw."""

    def __init__(self, machine: Machine, params: HostParams) -> None:
        self._machine, self._params = machine, params
        self._journal = machine.state / "journal-of-the-proof.jsonl"
        self.group = params.storage.guest_volume_group
        self.volume = f"/dev/{self.group}/{GUEST}"

    def prepare(self) -> None:
        """Install the tools, take away what is mounted, write the disk."""
        with self._book() as book:
            for step in ("install_tools", "unmount_partitions"):
                book.apply(step)
        self.shell(_WRITE_DISK, self.volume)
        say("a disk with known files was written into the guest's volume")

    def whole(self) -> None:
        """Every byte comes back."""
        before = self._sum()
        name = self._back_up(content="whole")
        self.shell(_DESTROY, self.volume)
        _must(self._sum() != before, "destroying the volume changed nothing: the proof would prove nothing")
        self._restore(name, content="whole")
        _must(self._sum() == before, "the whole volume is not what it was, byte for byte")
        say(f"{name}: destroyed, restored, the same to the byte (sha256 {before[:16]}…)")

    def used_blocks(self) -> None:
        """The partition table, the files, and the partition that no tool knows come back; deleted data is not kept."""
        table, unknown = self._table(), self._unknown()
        name = self._back_up(content="used-blocks")
        self.shell(_DESTROY, self.volume)
        self._restore(name, content="used-blocks")
        _must(self._table() == table, "the partition table is not what it was")
        _must(self._unknown() == unknown, "the partition without a file system is not what it was")
        _must(self.shell(_READ_FILES, self.volume).strip() == "same", "the files are not what they were")
        used = int(self.shell(f"stat -c %s {FOLDER}/{name}/blocks.zst"))
        whole = int(self.shell(f"stat -c %s {FOLDER}/*/volume.zst").split()[0])
        _must(used < whole - 25_000_000, f"deleted data was kept: {used} bytes against {whole}")
        say(f"{name}: table, files, unknown partition the same; {used} bytes, the whole has {whole}")

    def refusals(self) -> None:
        """Each refusal of a restore is provoked, and none of them has written a byte."""
        before, name = self._sum(), self._newest()
        data = f"{FOLDER}/{name}/volume.zst"
        restores = {"restores": [{"guest": GUEST, "backup": name, "again": 9}]}
        digest = self._digest(restores)
        self._refuses(ConsentMissing, "nobody agreed", restores, consent="restore_volumes:000000000000")
        loop = f"$(losetup -r -o {_OFFSET} --sizelimit {_SIZE} --show -f {self.volume})"
        self.shell(f"mkdir -p /mnt/proof; mount -o ro,noload {loop} /mnt/proof")
        try:
            self._refuses(Refused, "is mounted at /mnt/proof", restores, consent=digest)
        finally:
            self.shell(
                f"umount /mnt/proof; losetup -n -O NAME -j $(readlink -f {self.volume}) | xargs -r losetup -d"
            )
        self.shell(
            f"lvremove -q -f {self.group}/small 2>/dev/null; lvcreate -q -y -L 512m -n small {self.group}"
        )
        self._refuses(Refused, "is smaller than the backup", restores, volume="small", consent=digest)
        self._refuses(Refused, f"is a backup of '{GUEST}', not of '{OTHER}'",
                      {"restores": [{"guest": OTHER, "backup": name}]})  # fmt: skip
        keep = f"cp -a {data} {FOLDER}/aside"
        back = f"cp -a {FOLDER}/aside {data}; rm {FOLDER}/aside"
        self.shell(f"{keep}; truncate -s -1000 {data}")
        self._refuses(Refused, "is truncated", restores, consent=digest)
        self.shell(back)
        self.shell(f"{keep}; printf ABCDEFGH | dd of={data} bs=1 seek=5000000 conv=notrunc status=none")
        self._refuses(CommandFailed, "was altered", restores, consent=digest)
        self.shell(back)
        _must(self._sum() == before, "a refused restore wrote to the volume")
        say(
            "mounted, smaller, another guest's, truncated, altered, without consent: all refused, nothing written"
        )

    def running_guest(self) -> None:
        """A guest that runs is refused, or copied from a snapshot that is gone afterwards."""
        if self.shell("xl list >/dev/null 2>&1 && ls /etc/xen/comm.cfg 2>/dev/null; true").strip() == "":
            say("Xen does not run, or the guest has no configuration: a running guest was not tried")
            return
        self.shell(f"xl create -p /etc/xen/{GUEST}.cfg")
        try:
            # Again, because this very backup was restored last: there would be nothing to do.
            restores = [{"guest": GUEST, "backup": self._newest(), "again": 9}]
            self._refuses(Refused, "which is running", {"restores": restores})
            # Aside, because a young backup is good enough: there would be nothing to do.
            self.shell(f"mv {FOLDER} {FOLDER}.aside")
            self._refuses(
                Refused, "which is running", {"backups": _backups("used-blocks")}, step="back_up_volumes"
            )
            self.shell(f"rm -rf {FOLDER}; mv {FOLDER}.aside {FOLDER}")
            name = self._back_up(content="whole", source="snapshot")
            there = self.shell(f"grep -h '\"source\"' {FOLDER}/{name}/backup.json")
            _must("snapshot" in there, f"{name} was not made from a snapshot: {there}")
        finally:
            self.shell(f"xl destroy {GUEST}")
        left = self.shell("lvs --noheadings -o lv_full_name @xen-runbook-backup").strip()
        _must(left == "", f"the snapshot is still there: {left}")
        say(f"a running guest is refused; {name} was made from a snapshot, which is gone")

    def shell(self, script: str, *words: str) -> str:
        """Run a script on the machine and return what it printed; `CheckFailed` when it fails."""
        quoted = " ".join(words)
        done = subprocess.run(
            [*self._machine.ssh, f"sh -s -- {quoted}"],
            input=script,
            capture_output=True,
            text=True,
            check=False,
        )
        _must(done.returncode == 0, f"on the machine: {done.stderr.strip()[-500:]}")
        return done.stdout

    def _back_up(self, content: str, source: str = "off") -> str:
        """Make and verify a backup, twice: the second time there is nothing to do. Return its name."""
        before = set(self._names())
        management = {"backups": _backups(content, source)}
        if source == "snapshot":  # a young one of the same content is there: ask for it as a person would
            self.shell(
                f"/usr/local/lib/xen-runbook/backup make {GUEST} {self.volume} {FOLDER} {content} {source}"
            )
        for again in (False, True):
            began = time.monotonic()
            with self._book(management) as book:
                for step in ("back_up_volumes", "verify_backups"):
                    planned = book.plan(step)
                    _must(not again or "nothing to do" in planned.text, f"{step} is not done: {planned.text}")
                    book.apply(step)
            say(
                f"{'nothing to do' if again else 'backed up and verified'} in {time.monotonic() - began:.0f} s"
            )
        new = set(self._names()) - before
        _must(len(new) == 1, f"one new backup was expected: {sorted(new)}")
        return new.pop()

    def _restore(self, name: str, content: str) -> None:
        """Restore with the consent that the refused run named; a second run has nothing to do."""
        management = {"backups": _backups(content), "restores": [{"guest": GUEST, "backup": name}]}
        digest = self._digest(management)
        began = time.monotonic()
        with self._book(management, consent=digest) as book:
            book.plan("restore_volumes")
            book.apply("restore_volumes")
        say(f"restored in {time.monotonic() - began:.0f} s")
        with self._book(management) as book:
            _must(
                "nothing to do" in book.plan("restore_volumes").text, "the restore is planned a second time"
            )
            book.apply("restore_volumes")

    def _digest(self, management: dict[str, Any]) -> str:
        """Return the line of consent that a run without consent says is missing."""
        error = self._refuses(ConsentMissing, "nobody agreed", management)
        match = re.search(r"restore_volumes:[0-9a-f]{12}", str(error))
        _must(match is not None, f"the refusal does not name the consent: {error}")
        return match[0] if match else ""

    def _refuses(
        self,
        kind: type[RunbookError],
        words: str,
        management: dict[str, Any],
        *,
        consent: str = "",
        volume: str = "",
        step: str = "restore_volumes",
    ) -> RunbookError:
        """Return the error of an attempt that must end with it; whatever else happens fails the proof."""
        management = {"backups": {"folder": FOLDER}, **management}
        try:
            with self._book(management, consent=consent, volume=volume) as book, _nobody_at_the_keyboard():
                book.apply(step)
        except RunbookError as error:
            _must(type(error) is kind and words in str(error), f"'{words}' was expected: {error}")
            return error
        raise CheckFailed(f"It was not refused: {words}")

    @contextmanager
    def _book(
        self, management: dict[str, Any] | None = None, consent: str = "", volume: str = ""
    ) -> Iterator[Book]:
        asked = self._params.model_dump() | {"management": management or {}}
        asked["consent"] = [*asked["consent"], *([consent] if consent else [])]
        for guest in asked["guests"]:
            if volume and guest["name"] == GUEST:
                guest["volume"] = {"name": volume, "size_gib": 1}
        params = HostParams.model_validate(asked)
        host = connect(params, NOTEBOOK)
        try:
            yield Book(params, "apply", host, NOTEBOOK, Journal(self._journal))
        finally:
            host.close()

    def _names(self) -> list[str]:
        return self.shell(f"ls -1 {FOLDER} 2>/dev/null; true").split()

    def _newest(self) -> str:
        return self._names()[-1]

    def _sum(self) -> str:
        return self.shell("sha256sum $1", self.volume).split()[0]

    def _table(self) -> str:
        return self.shell("sfdisk --dump $1", self.volume)

    def _unknown(self) -> str:
        return self.shell(
            f"dd if=$1 bs=512 skip={_START + _SECTORS} count=16384 status=none | sha256sum", self.volume
        )


@contextmanager
def _nobody_at_the_keyboard() -> Iterator[None]:
    """Let a question for consent find no one, also when a person runs this in a terminal."""
    terminal = sys.stdin
    with Path(os.devnull).open() as nobody:
        sys.stdin = nobody
        try:
            yield
        finally:
            sys.stdin = terminal


def _backups(content: str, source: str = "off") -> dict[str, Any]:
    return {"folder": FOLDER, "guests": [GUEST], "content": content, "source": source}


def _must(claim: bool, otherwise: str) -> None:
    if not claim:
        raise CheckFailed("A claim about backups does not hold", why=otherwise)
