"""How long a backup takes, against the guide's `dd | gzip -9`: one image, one run, ratios only.

    .venv/bin/python -m benchmarks.backup [--mib 2048] [--rounds 3] [--place /dev/shm]     or: make bench-backup

The image is an ext4 of programs, libraries and texts from /usr, with deleted random data beside them and the
rest never written. The guide's way is one process for minutes, so it is run once, with ours
before and after it; of ours the median counts. Whatever else the machine does, slows all of them.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.result import Row, load, machine, save

HERE = Path(__file__).parent
PROGRAM = HERE.parent / "runbook/backups"
SOURCES = ("bin", "lib/python3", "lib/x86_64-linux-gnu", "share/doc", "share/locale", "share/perl")
TOOLS = ("gzip", "zstd", "partclone")
USED, DELETED = 0.42, 0.075
"""Shares of the image: files, and random data that was deleted."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--place", default="/dev/shm", help="where image and backups are, %(default)s")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-backup-", dir=args.place) as name:
        folder = Path(name)
        image = make_image(folder, args.mib)
        rows = measure(folder, image, args.rounds)
    used, about = rows["used-blocks"][0], f"{args.mib} MiB, median of {args.rounds} rounds"
    if args.mib >= 1024:  # a trial with less is no result
        guide, copy = rows["guide"][0] / used, used / rows["cp"][0]
        versions = {name: debian(name) for name in TOOLS}
        save(
            "backup", [Row("backup-guide", guide, about), Row("backup-read", copy, about)], versions=versions
        )
    (HERE / "backup.md").write_text(report(rows, args.mib, args.rounds, args.place), encoding="utf-8")
    print((HERE / "backup.md").read_text(encoding="utf-8"))


def make_image(folder: Path, mib: int) -> Path:
    """Return an image that a guest could have left: files, deleted files, free room."""
    tree, image = folder / "tree", folder / "image"
    tree.mkdir()
    limit = int(mib * USED) << 20
    names = [name for name in SOURCES if Path("/usr", name).exists()]
    pack = (
        f"tar -C /usr -cf - {' '.join(names)} 2>/dev/null | head -c {limit} | tar -C {tree} -xf - 2>/dev/null"
    )
    subprocess.run(["sh", "-c", f"{pack}; true"], check=True)
    with (tree / "deleted").open("wb") as file:
        for _ in range(int(mib * DELETED)):
            file.write(os.urandom(1 << 20))
    subprocess.run(["truncate", "-s", f"{mib}M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", tree, image], check=True)
    subprocess.run(["debugfs", "-w", "-R", "rm deleted", image], check=True, capture_output=True)
    shutil.rmtree(tree)
    return image


def measure(folder: Path, image: Path, rounds: int) -> dict[str, tuple[float, int]]:
    """Return seconds and bytes of each way."""
    out = folder / "out"
    packed, back = folder / "packed.gz", folder / "back"
    guide = f"dd if={image} bs=4M status=none | gzip -9 >{packed}; sync {packed}"
    ways: dict[str, Callable[[], int]] = {
        "read": lambda: shell(f"dd if={image} of=/dev/null bs=4M status=none; touch {out}", out),
        "cp": lambda: shell(f"cp --sparse=never {image} {out}; sync {out}", out),
        "whole": lambda: ours(folder, image, "whole"),
        "used-blocks": lambda: ours(folder, image, "used-blocks"),
    }
    if shutil.which("pigz"):
        ways["pigz"] = lambda: shell(f"dd if={image} bs=4M status=none | pigz -9 >{out}; sync {out}", out)
    returns: dict[str, Callable[[], int]] = {
        "guide-back": lambda: shell(f"gzip -dc {packed} | dd of={back} bs=4M status=none; sync {back}", back),
        "used-blocks-back": lambda: ours_back(folder, image, back),
    }
    once = ("pigz",)
    seen: dict[str, list[tuple[float, int]]] = {name: [] for name in (*ways, "guide", *returns)}
    shell(f"cat {image} >{out}", out)  # all of them read from memory
    for number in range(rounds):
        is_middle = number == (rounds - 1) // 2
        for name, way in ways.items():
            if is_middle or name not in once:
                seen[name].append(timed(way))
        if is_middle:
            seen["guide"].append(timed(lambda: kept(guide, packed)))
    kept_backup(folder, image)
    for _ in range(rounds):
        for name, way in returns.items():
            seen[name].append(timed(way))
    return {name: (statistics.median(s for s, _ in runs), runs[0][1]) for name, runs in seen.items()}


def timed(way: Callable[[], int]) -> tuple[float, int]:
    began = time.monotonic()
    size = way()
    return time.monotonic() - began, size


def shell(script: str, out: Path) -> int:
    size = kept(script, out)
    out.unlink()
    return size


def kept(script: str, out: Path) -> int:
    """Run a script and leave what it made."""
    subprocess.run(["bash", "-c", f"set -euo pipefail; {script}"], check=True)
    return out.stat().st_size


def ours(folder: Path, image: Path, content: str) -> int:
    """Make a backup with the program as it is: room, sidecar, checksums and fsync are in the time."""
    store = folder / "store"
    program(folder, "make", "bench", image, store, content, "off")
    size = next(store.glob("*/*.zst")).stat().st_size
    shutil.rmtree(store)
    return size


def kept_backup(folder: Path, image: Path) -> None:
    program(folder, "make", "bench", image, folder / "kept", "used-blocks", "off")


def ours_back(folder: Path, image: Path, volume: Path) -> int:
    """Restore the kept backup to an empty volume: that it is whole is seen before, and that it is the same after."""
    subprocess.run(["truncate", "-s", str(image.stat().st_size), volume], check=True)
    (backup,) = (folder / "kept").iterdir()
    agreed = hashlib.sha256((backup / "SHA256SUMS").read_bytes()).hexdigest()
    program(folder, "restore", backup.parent, backup.name, "bench", volume, agreed, 0)
    size = volume.stat().st_size
    volume.unlink()
    return size


def program(folder: Path, *args: object) -> None:
    """Call the program that makes and restores backups, in a root of its own."""
    root = folder / "root"
    (root / "proc").mkdir(parents=True, exist_ok=True)
    (root / "proc/mounts").touch()
    env = {**os.environ, "BACKUP_ROOT": str(root), "BACKUP_BLOCKS": str(PROGRAM / "blocks.pl")}
    argv = ["bash", str(PROGRAM / "backup.sh"), *map(str, args)]
    subprocess.run(argv, check=True, env=env, capture_output=True)


def debian(package: str) -> str:
    """Return the version of a Debian package, '' when it is not installed."""
    argv = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(argv, capture_output=True, text=True).stdout


def report(rows: dict[str, tuple[float, int]], mib: int, rounds: int, place: str) -> str:
    seconds, size = rows["guide"]
    lines = "\n".join(
        f"| {way} | {seconds / rows[name][0]:.1f} | {rows[name][1] / size:.2f} |"
        for name, way in (
            ("guide", "`dd` to `gzip -9`, the guide's one-liner"),
            ("whole", "`runbook backup make --whole`"),
            ("used-blocks", "`runbook backup make`"),
            ("pigz", "`dd` to `pigz -9`, on all processors"),
            ("cp", "`cp`, the floor: not packed, no checksum"),
            ("read", "`dd` to /dev/null: the volume is read, nothing is kept"),
        )
        if name in rows
    )
    back, ours_again = rows["guide-back"][0], rows["used-blocks-back"][0]
    tools = ", ".join(f"{name} {debian(name)}" for name in TOOLS)
    memory = ", in memory: the way is measured, not the disk" if place == "/dev/shm" else ""
    return f"""# Backup against the guide's way

| way | times as fast as the guide's | size against the guide's |
| --- | --- | --- |
{lines}

One image of {mib} MiB, one run: ext4, {USED:.0%} of it files from /usr, {DELETED:.1%} deleted random data, the rest never
written. Ours and `cp` {rounds} times around the guide's one, medians; every way ends with what it wrote on the disk.
Restored, after the same backups, {rounds} times in turn: `gzip -dc` to `dd` takes {back / ours_again:.1f} times as long as
`runbook backup restore`, which takes {ours_again / rows["cp"][0]:.1f} times as long as `cp`: it reads the backup against its
checksums before, and the volume against the backup after.
Ours contains the reckoning of the room, the choice of blocks, sha256, sidecar and rename. Image and results are in
{place}{memory}.
{machine()}; {tools}. The load at the end was {load()}.

Made by `make bench-backup`.
"""


if __name__ == "__main__":
    main()
