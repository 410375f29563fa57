"""A line with latency: start a command and pass bytes between it and this process, each so many seconds late.

    python benchmarks/delay.py SECONDS FILE COMMAND...     (as ssh's ProxyCommand)

Nothing is held back but time: what comes while other bytes wait goes right behind them. At the end FILE gets a line:
how often this side spoke after it had heard something, which is how often it may have waited for the line.
It imports little, because it is started with each connection.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time

Chunks = "queue.SimpleQueue[tuple[float, bytes]]"
turns, heard = 0, True


def take(source: int, chunks: Chunks, delay: float, is_ours: bool) -> None:
    """Put what comes into the queue, with the time when it is due; b"" at the end."""
    global turns, heard
    while True:
        data = os.read(source, 1 << 16)
        if is_ours and data:
            turns, heard = turns + heard, False
        chunks.put((time.monotonic() + delay, data))
        if not data:
            return


def give(sink: int, chunks: Chunks, is_ours: bool) -> None:
    """Write what is due."""
    global heard
    while True:
        due, data = chunks.get()
        time.sleep(max(0.0, due - time.monotonic()))
        if not data:
            os.close(sink)
            return
        heard = heard or is_ours
        while data:
            data = data[os.write(sink, data) :]


def main() -> None:
    delay, path, *argv = sys.argv[1:]
    signal.signal(
        signal.SIGHUP, lambda *_: None
    )  # ssh's way of saying that it ends; the count is still to be written
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        forth, back = queue.SimpleQueue(), queue.SimpleQueue()
        ways = (
            (take, 0, forth, float(delay), True), (give, process.stdin.fileno(), forth, False),
            (take, process.stdout.fileno(), back, float(delay), False), (give, 1, back, True),
        )  # fmt: skip
        threads = [threading.Thread(target=way, args=args, daemon=True) for way, *args in ways]
        for thread in threads:
            thread.start()
        threads[3].join()
        process.kill()
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes long to import
            file.write(f"{turns}\n")
        os._exit(0)


if __name__ == "__main__":
    main()
