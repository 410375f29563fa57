"""Every fault that is provoked, with what comes of it: the one source of `docs/faults.md`.

`python -m tests.faults.table` writes the page; the suite runs each row and compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/faults.md"


@dataclass(frozen=True)
class Fault:
    """One row. `step` is how the step ends in whose middle it happens; later ones are never-run unless it ended well."""

    what: str
    step: str
    run: str
    """The run's outcome in `run.json`."""
    exit_code: str
    """As a shell sees it; '' in the record means that nobody saw an end."""
    says: str
    """Words that the report's reason contains."""
    next: str
    recorded: bool = True
    """Whether `run.json` has the exit code: a runner that was killed has written none."""


AGAIN = "run again"
WAIT = "run again; while the command still works on the host, that says so and does nothing (exit 5)"
SPACE = "free space, then run again"

FAULTS = {
    # nothing goes wrong, or the runbook itself says no
    "none": Fault("nothing", "changed", "completed", "0", "", "nothing to do"),
    "again": Fault("nothing, on a finished host", "unchanged", "completed", "0", "", "nothing to do"),
    "plan": Fault("mode `plan`", "skipped", "completed", "0", "", "read the plan, then `--mode apply`"),
    "refused": Fault("the plan is dangerous", "refused", "refused", "3", "leave it", "do what it names, run again"),
    "consent": Fault(
        "a destructive step without consent, or with consent to another plan",
        "refused", "refused", "4", "to `consent` in the parameters", "read the plan, add the line it names, run again",
    ),
    "consent-disruptive": Fault(
        "a disruptive step without consent", "refused", "refused", "4", "for this very plan alone",
        "read the plan, add the line it names, run again",
    ),
    "check": Fault("the check finds something", "failed", "failed", "1", "turn it on", "do what it names, run again"),
    # the controller
    "kernel-killed": Fault("kernel killed (SIGKILL)", "killed", "killed", "138", "The kernel died in cell second", WAIT),
    "kernel-oom": Fault(
        "kernel killed between two actions, with the SIGKILL that the OOM killer sends", "killed", "killed", "138", "The kernel died", AGAIN
    ),
    "memory-error": Fault("kernel gets no memory", "failed", "failed", "1", "MemoryError", "free memory, then run again"),
    "runner-killed": Fault(
        "runner killed (SIGKILL), or the controller without power",
        "killed", "killed", "137", "the runner ended without a word", WAIT, recorded=False,
    ),
    "sigterm": Fault("SIGTERM, or a closed terminal", "killed", "killed", "130", "Running when it stopped: second", AGAIN),
    "ctrl-c": Fault("Ctrl-C", "killed", "killed", "130", "Running when it stopped: second", AGAIN),
    "any-moment": Fault(
        "Ctrl-C, SIGTERM or SIGHUP at any of 200 moments of a run, to the runner or to its whole process group",
        "killed", "killed", "130", "Interrupted", "run again; what begun nothing left no report, what was complete says so (exit 0)",
    ),
    "ctrl-c-twice": Fault(
        "Ctrl-C twice, the command does not listen", "killed", "killed", "130", "Running when it stopped: second", WAIT
    ),
    "cell-timeout": Fault(
        "cell time-out (`papermill --execution-timeout`; the runbook sets none)",
        "killed", "timed-out", "6", "The cell took longer than", AGAIN,
    ),
    "clock-back": Fault("the clock is set back an hour in mid-run", "changed", "completed", "0", "", "nothing to do"),
    "clock-forward": Fault("the clock is set forward a day in mid-run", "changed", "completed", "0", "", "nothing to do"),
    "source-read-only": Fault("the source notebooks are read-only", "changed", "completed", "0", "", "nothing to do"),
    "notebook-read-only": Fault(
        "the report's notebook becomes read-only", "changed", "failed", "1", "OSError", "make it writable, run again"
    ),
    "reports-read-only": Fault(
        "the report's folder becomes read-only", "killed", "killed", "1", "the runner ended without a word",
        "make it writable, run again", recorded=False,
    ),
    "reports-full": Fault(
        "the controller's disk is full (`failed`, if the journal still took that)", "killed", "killed", "1", "the runner ended without a word",
        SPACE, recorded=False,
    ),
    # the host
    "command-timeout": Fault("a command's time-out", "timed-out", "timed-out", "6", "took longer than 3 s", AGAIN),
    "host-disk-full": Fault("the host's disk is full", "failed", "failed", "1", "No space left on device", SPACE),
    "ssh-cut": Fault("ssh is cut in mid-command", "failed", "failed", "5", "was ended over a new connection", AGAIN),
    "ssh-cut-writing": Fault("ssh is cut in mid-file", "failed", "failed", "5", "Cannot reach", AGAIN),
    "ssh-gone": Fault(
        "ssh is cut, and the host answers no more", "failed", "failed", "5", "may still be running there", WAIT
    ),
    "no-return": Fault(
        "the machine does not come back from a restart", "failed", "failed", "5", "did not come back within 4 s",
        "a power cycle starts the safe entry; then run again",
    ),
}  # fmt: skip

HEAD = """# What goes wrong, and what the report says

Each row is provoked during a real run by `make test-faults`, and its report compared with what the actions really left behind.
After each, no file on either side is half written, and the next run finishes the job without doing a completed action again.
The steps before the one that is hit keep how they ended; those after it are `never-run`.
*The report says* quotes a few words of the report, by which the test knows it again; `second` is a step of the test's own notebook.

| what goes wrong | the step | the run | exit | the report says | next |
| --- | --- | --- | --- | --- | --- |
"""
TAIL = """
Where the record has no exit code, the runner could not write its last word.
Until somebody looks, its `run.json` says `running`; the next run of that host, `runbook report list` and `runbook report open` see that nobody holds it, and finish it from the journal.

Where no file system of one's own can be mounted (some containers refuse `unshare`), the rows of full disks and read-only folders are skipped, and pytest says so.

These need a machine that boots; `make testbed-returns` provokes them on the virtual PC:

| what goes wrong | the step | exit | the report says | next |
| --- | --- | --- | --- | --- |
| the machine loses its power in mid-step | `set_boot_menu` failed | 5 | that the host went away, and in which command | power on, run again |
| the new network cuts the ssh | `configure_bridges` failed | 1 | cut the connection; the old configuration is back in force | correct the parameters, then run again |
| Xen cannot boot: dom0's root is wrong, its disk controller is hidden, its memory is too small | `prove_xen` failed, in the next check or run | 1 | The host runs plain Debian, not Xen; the safe default brought plain Debian back | do what it names, run again |

This page is written by `python -m tests.faults.table`; the tests compare it.
"""


def page() -> str:
    """Return the page."""
    rows = [
        f"| {f.what} | {f.step} | {f.run} | {f.exit_code}{'' if f.recorded else ', not recorded'} | {f.says} | {f.next} |"
        for f in FAULTS.values()
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
