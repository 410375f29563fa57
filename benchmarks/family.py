"""Memory and processor time of a process with all that it started."""

from __future__ import annotations

import re
import resource
import subprocess
import threading
import time
from pathlib import Path


def watch(process: subprocess.Popen[bytes], every_s: float = 0.5) -> dict[str, float]:
    """Start looking at a process and all below it; return the peaks in MiB, kept up to date until it ends.

    Memory is the sum of proportional set sizes (proc(5), smaps_rollup): what is shared is counted once.
    """
    peaks = {"parent_mib": 0.0, "all_mib": 0.0, "processes": 0.0, "looks": 0.0}

    def look() -> None:
        while process.poll() is None:
            family = below(process.pid)
            sizes = [pss_mib(pid) for pid in family]
            sizes_now = {"parent_mib": sizes[0], "all_mib": sum(sizes), "processes": len(family)}
            for key, value in sizes_now.items():
                peaks[key] = max(peaks[key], value)
            peaks["looks"] += 1
            time.sleep(every_s)

    threading.Thread(target=look, daemon=True).start()
    return peaks


def below(pid: int) -> list[int]:
    """Return a process and all that it started, itself first."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def pss_mib(pid: int) -> float:
    """Return the proportional set size of a process, 0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    match = re.search(r"^Pss:\s+(\d+)", text, re.M)
    return int(match[1]) / 1024 if match else 0.0


def spent() -> float:
    """Return the processor seconds of all processes below this one that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
