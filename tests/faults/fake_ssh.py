"""A stand-in for `ssh` and sshd. Like sshd it leaves a command alone when its connection breaks.

`links/` in the folder of the environment's TOY_PLACE holds the process id of each connection; SIGUSR1 cuts
it. A file `unreachable` there refuses new ones. `cut-after` holds a number of bytes: a connection that
brings more is cut after so many.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

PLACE = Path(os.environ["TOY_PLACE"])
HEARD = threading.Event()
"""Set when the first words of the command, its process group, have reached the other side."""


def main() -> None:
    words = sys.argv[1:]
    if "-O" in words or "-N" in words:
        sys.exit(0)
    if (PLACE / "unreachable").exists():
        sys.exit(_say("ssh: connect to host toy port 22: No route to host"))
    command = words[words.index("--") + 2]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    there = subprocess.Popen(["sh", "-c", command], start_new_session=True, **pipes)
    link = PLACE / "links" / str(os.getpid())
    link.parent.mkdir(exist_ok=True)
    link.write_text(command)
    signal.signal(signal.SIGUSR1, lambda *_: _cut(there))
    threading.Thread(target=_send, args=(there,), daemon=True).start()
    ways = [
        threading.Thread(target=_relay, args=(there.stdout, 1), daemon=True),
        threading.Thread(target=_relay, args=(there.stderr, 2), daemon=True),
    ]
    for way in ways:
        way.start()
    for way in ways:
        while way.is_alive():
            way.join(0.1)
    link.unlink()
    sys.exit(there.wait())


def _send(there: subprocess.Popen[bytes]) -> None:
    limit = PLACE / "cut-after"
    left = int(limit.read_text()) if limit.exists() else -1
    while data := os.read(0, 4096):
        if 0 <= left < len(data):
            there.stdin.write(data[:left])
            limit.unlink()
            os.kill(os.getpid(), signal.SIGUSR1)
            return
        left -= len(data) if left >= 0 else 0
        there.stdin.write(data)
        there.stdin.flush()
    there.stdin.close()


def _relay(stream, to: int) -> None:
    while data := stream.read1(65536):
        os.write(to, data)
        if to == 2:
            HEARD.set()


def _cut(there: subprocess.Popen[bytes]) -> None:
    """Be gone, and let the other side see no more than closed pipes."""
    HEARD.wait(5)
    (PLACE / "links" / str(os.getpid())).unlink(missing_ok=True)
    os._exit(_say("Connection to toy closed by remote host."))


def _say(text: str) -> int:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
    return 255


if __name__ == "__main__":
    main()
