"""What forked processes do in the tests of this folder."""

import atexit
import ctypes
import gc
import json
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path


def look_around():
    handles = [(path.name, str(path.readlink())) for path in Path("/proc/self/fd").iterdir() if path.exists()]
    seen = {
        "argv": sys.argv,
        "cwd": str(Path.cwd()),
        "XY": os.environ["XY"],
        "session": os.getsid(0),
        "parent": os.getppid(),
        "handles": sorted("socket" if to.startswith("socket") else name for name, to in handles),
        "threads": [thread.name for thread in threading.enumerate()],
        "gc": gc.isenabled(),
    }
    print(json.dumps(seen))


def _leave_words():
    atexit.register(print, "atexit")
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()


def nothing():
    _leave_words()


def leave():
    _leave_words()
    sys.exit(7)


def complain():
    _leave_words()
    sys.exit("no more")


def fail():
    _leave_words()
    raise ValueError("no")


def interrupted():
    _leave_words()
    raise KeyboardInterrupt


def wait():
    time.sleep(600)


def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def read_nowhere():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def eat_memory():
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    print(len(bytes(4 << 30)))


def throw_dice():
    import numpy.random

    print(random.random(), numpy.random.random(), tempfile.mktemp())


def begin_a_thread():
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def fork_another():
    from runbook.kernels import server as servers

    server = servers.server()
    with tempfile.TemporaryFile() as out:
        env = {**os.environ, "XY": ""}
        one = server.fork("tests.kernels.targets:look_around", ["x"], "/", env, {1: out.fileno()}, "")
        assert one.wait(30) == 0
        out.seek(0)
        seen = json.loads(out.read())
    print(json.dumps({"parent": seen["parent"], "left in the environment": servers.LENT in os.environ}))
