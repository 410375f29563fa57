"""A stand-in for `ssh` to a machine that answers badly, as the file TOY_HOW says; it leaves its processes' ids.

That is `silent`, `trickle`, `flood` (in lines) or `endless` (without one), and the stream, `out` or `err`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def main() -> None:
    words = sys.argv[1:]
    if "-O" in words:
        return
    command = words[words.index("--") + 2]
    if "kill -s" in command:
        os.execvp("sh", ["sh", "-c", command])
    how, stream = Path(os.environ["TOY_HOW"]).read_text().split()
    there = os.fork()
    if there == 0:
        os.setsid()
        os.write(2, f"@@ pgid {os.getpid()} 1\n".encode())
        _answer(how, {"out": 1, "err": 2}[stream])
    with Path(os.environ["TOY_HOW"] + ".pids").open("a") as file:
        file.write(f"{os.getpid()} {there}\n")
    os.waitpid(there, 0)


def _answer(how: str, stream: int) -> None:
    while True:
        if how == "silent":
            time.sleep(1)
        elif how == "trickle":
            time.sleep(0.1)
            os.write(stream, b"0\n")
        else:
            os.write(stream, (b"x" * 99 + b"\n" if how == "flood" else b"x" * 100) * 650)


if __name__ == "__main__":
    main()
