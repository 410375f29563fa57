"""The proof of notebook 09's backups on a machine that boots: kept, destroyed, brought back, compared.

A disk with known files is written into a guest's volume. Each way of keeping it is tried for real, and
each refusal is provoked; whatever is claimed is read from the machine itself, past the runbook's own checks.
"""

from __future__ import annotations

from runbook.errors import CommandFailed, ConsentMissing, Refused
from runbook.params import load
from runbook.testbed.machine import Machine
from runbook.testbed.proving import say
from runbook.testbed.workbench import FOLDER, GUEST, SECTORS, START, Workbench, backups, must

OTHER = "nginx"
_OFFSET, _SIZE = START * 512, SECTORS * 512

# GPT, an ext4 with files and with deleted data, 8 MiB that no tool knows, and nothing behind.
_WRITE_DISK = f"""set -eu
v=$1; t=$(mktemp -d /var/tmp/proof.XXXXXX); trap 'rm -rf "$t"' EXIT
wipefs -qa "$v"; printf 'label: gpt\\nstart={START}, size={SECTORS}, type=L, name=files\\nsize=16384, type=L\\n' |
    sfdisk -q --no-reread --no-tell-kernel "$v"
mkdir "$t/d"; cp -r /etc/apt /etc/fstab /etc/passwd "$t/d"; head -c 20000000 /dev/urandom >"$t/d/noise"
head -c 30000000 /dev/urandom >"$t/d/deleted"
(cd "$t/d" && find . -type f ! -name deleted -exec sha256sum {{}} +) >/var/tmp/proof.sums
l=$(losetup -o {_OFFSET} --sizelimit {_SIZE} --show -f "$v")
mkfs.ext4 -q -d "$t/d" "$l"; debugfs -w -R 'rm deleted' "$l" 2>/dev/null; sync; losetup -d "$l"
head -c 8388608 /dev/urandom | dd of="$v" bs=512 seek={START + SECTORS} conv=notrunc,fsync status=none
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


class _Proof(Workbench):
    """The steps of the proof; each says what it saw."""

    def prepare(self) -> None:
        """Install the tools, take away what is mounted, write the disk."""
        with self.book() as book:
            for step in ("install_tools", "unmount_partitions"):
                book.apply(step)
        self.shell(_WRITE_DISK, self.volume)
        say("a disk with known files was written into the guest's volume")

    def whole(self) -> None:
        """Every byte comes back."""
        before = self.sum()
        name = self.back_up(content="whole")
        self.shell(_DESTROY, self.volume)
        must(self.sum() != before, "destroying the volume changed nothing: the proof would prove nothing")
        self.restore(name, content="whole")
        must(self.sum() == before, "the whole volume is not what it was, byte for byte")
        say(f"{name}: destroyed, restored, the same to the byte (sha256 {before[:16]}…)")

    def used_blocks(self) -> None:
        """The partition table, the files, and the partition that no tool knows come back; deleted data is not kept."""
        table, unknown = self.table(), self.unknown()
        name = self.back_up(content="used-blocks")
        self.shell(_DESTROY, self.volume)
        self.restore(name, content="used-blocks")
        must(self.table() == table, "the partition table is not what it was")
        must(self.unknown() == unknown, "the partition without a file system is not what it was")
        must(self.shell(_READ_FILES, self.volume).strip() == "same", "the files are not what they were")
        used = int(self.shell(f"stat -c %s {FOLDER}/{name}/blocks.zst"))
        whole = int(self.shell(f"stat -c %s {FOLDER}/*/volume.zst").split()[0])
        must(used < whole - 25_000_000, f"deleted data was kept: {used} bytes against {whole}")
        say(f"{name}: table, files, unknown partition the same; {used} bytes, the whole has {whole}")

    def refusals(self) -> None:
        """Each refusal of a restore is provoked, and none of them has written a byte."""
        before, name = self.sum(), self.newest()
        data = f"{FOLDER}/{name}/volume.zst"
        restores = {"restores": [{"guest": GUEST, "backup": name, "again": 9}]}
        digest = self.digest(restores)
        self.refuses(ConsentMissing, "nobody agreed", restores, consent="restore_volumes:000000000000")
        loop = f"$(losetup -r -o {_OFFSET} --sizelimit {_SIZE} --show -f {self.volume})"
        self.shell(f"mkdir -p /mnt/proof; mount -o ro,noload {loop} /mnt/proof")
        try:
            self.refuses(Refused, "is mounted at /mnt/proof", restores, consent=digest)
        finally:
            self.shell(
                f"umount /mnt/proof; losetup -n -O NAME -j $(readlink -f {self.volume}) | xargs -r losetup -d"
            )
        self.shell(
            f"lvremove -q -f {self.group}/small 2>/dev/null; lvcreate -q -y -L 512m -n small {self.group}"
        )
        self.refuses(Refused, "is smaller than the backup", restores, volume="small", consent=digest)
        self.refuses(Refused, f"is a backup of '{GUEST}', not of '{OTHER}'",
                      {"restores": [{"guest": OTHER, "backup": name}]})  # fmt: skip
        keep = f"cp -a {data} {FOLDER}/aside"
        back = f"cp -a {FOLDER}/aside {data}; rm {FOLDER}/aside"
        self.shell(f"{keep}; truncate -s -1000 {data}")
        self.refuses(Refused, "is truncated", restores, consent=digest)
        self.shell(back)
        self.shell(f"{keep}; printf ABCDEFGH | dd of={data} bs=1 seek=5000000 conv=notrunc status=none")
        self.refuses(CommandFailed, "was altered", restores, consent=digest)
        self.shell(back)
        must(self.sum() == before, "a refused restore wrote to the volume")
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
            restores = [{"guest": GUEST, "backup": self.newest(), "again": 9}]
            self.refuses(Refused, "which is running", {"restores": restores})
            # Aside, because a young backup is good enough: there would be nothing to do.
            self.shell(f"mv {FOLDER} {FOLDER}.aside")
            self.refuses(
                Refused, "which is running", {"backups": backups("used-blocks")}, step="back_up_volumes"
            )
            self.shell(f"rm -rf {FOLDER}; mv {FOLDER}.aside {FOLDER}")
            name = self.back_up(content="whole", source="snapshot")
            there = self.shell(f"grep -h '\"source\"' {FOLDER}/{name}/backup.json")
            must("snapshot" in there, f"{name} was not made from a snapshot: {there}")
        finally:
            self.shell(f"xl destroy {GUEST}")
        left = self.shell("lvs --noheadings -o lv_full_name @xen-runbook-backup").strip()
        must(left == "", f"the snapshot is still there: {left}")
        say(f"a running guest is refused; {name} was made from a snapshot, which is gone")
