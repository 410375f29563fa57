"""A child that runs nothing: it speaks as `runbook.fleet.child` does, and ends as `wishes/<host>.json` says.

Each leaves its life in `lives/<host>`: a line of JSON when it begins and one when it ends.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

GOOD = {"state": "completed", "exit_code": 0, "report": "", "message": ""}


def say(**event):
    print(json.dumps(event), flush=True)


def live(job, **what):
    with Path("lives", job["host"]).open("a") as file:
        file.write(json.dumps({"at": time.monotonic(), **what}) + "\n")


def main():
    job = json.loads(sys.argv[1])
    file = Path("wishes", f"{job['host']}.json")
    wishes = json.loads(file.read_text()) if file.exists() else {}
    if wishes.get("deaf"):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        work(job, wishes)
        end = {**GOOD, **wishes.get("end", {})}
    except KeyboardInterrupt:
        end = {**GOOD, "state": "killed", "exit_code": 130, "message": "Interrupted"}
    live(job, event="end")
    say(event="end", **end)
    sys.exit(end["exit_code"])


def work(job, wishes):
    env = {name: value for name, value in os.environ.items() if name.startswith(("RUNBOOK_", "JUPYTER_RUN"))}
    live(job, event="begin", pid=os.getpid(), env=env, only=job["only"])
    say(event="notebook-begin", notebook="05_work", place="1/1", title="Work")
    say(event="step-begin", notebook="05_work", step="first")
    print("no event at all", flush=True)
    say(event="output", notebook="05_work", text=wishes.get("text", "working\n"))
    if wishes.get("die"):
        os.kill(os.getpid(), signal.SIGKILL)
    while not Path(wishes.get("until", ".")).exists():
        time.sleep(0.05)
    time.sleep(wishes.get("sleep_s", 0))


if __name__ == "__main__":
    main()
