"""The book of one notebook on one host, and how it is opened."""

from __future__ import annotations

import os
from pathlib import Path

from runbook import releases
from runbook.book import stepping
from runbook.book.book import Book
from runbook.engine import gates
from runbook.engine.consent import Approval
from runbook.engine.journal import Journal
from runbook.errors import ParamsError
from runbook.hosts import connect
from runbook.model.modes import MODES
from runbook.params import HostParams, digest, load, on_capture, with_upgrades
from runbook.params.host import Recorded
from runbook.steps import steps_of

__all__ = ["APPROVAL", "CAPTURE", "UPGRADES", "Book", "open_host"]

APPROVAL = "RUNBOOK_APPROVAL"
"""The environment variable that names the file with somebody else's word for the plan (`runbook approve`)."""

CAPTURE = "RUNBOOK_CAPTURE"
"""The environment variable by which a run tells its kernels that a capture stands in place of the host."""

UPGRADES = "RUNBOOK_UPGRADES"
"""The environment variable by which a run tells its kernels what `management.upgrades` is for this once."""


def open_host(params: str, mode: str = "auto", *, notebook: str) -> Book:
    """Return the book of one notebook on the host of a parameter file, after one look at the host.

    `mode` is `plan` (show, change nothing), `apply` (change), `check` (verify a finished host) or
    `auto`: replay on a recorded host, `plan` on any real one.

    Raises `ParamsError` for wrong parameters, `HostError` when the host cannot be used (unreachable,
    not root, another run at work) and `Refused` for another release than the parameters say, and to change a capture.

    In mode `apply` a real host's run is kept among the reports and closed by `summary`, as `runbook run` does it.
    """
    if mode not in MODES:
        raise ParamsError(f"'{mode}' is not a mode", do="use one of " + ", ".join(MODES))
    host_params = load(params)
    begun_with = os.environ.get("RUNBOOK_PARAMS_DIGEST", "")
    if begun_with not in ("", digest(host_params)):
        raise ParamsError(
            "The parameters were changed while the run was under way",
            where=params,
            why=f"it began with {begun_with}, they are {digest(host_params)} now, and its report names only those",
            do="run again: what is done already is found done",
        )
    approval = _approval(host_params) if mode != "check" else None
    host_params = with_upgrades(host_params, os.environ.get(UPGRADES))
    host_params = _of_files(on_capture(host_params, os.environ.get(CAPTURE)), mode)
    gates.require_machine(host_params, mode)
    releases.get(host_params.release)
    host = connect(host_params, notebook)

    def make(journal: Journal) -> Book:
        return Book(host_params, mode, host, notebook, journal, params, approval)

    try:
        if run_dir := os.environ.get("RUNBOOK_RUN_DIR"):
            return make(Journal(Path(run_dir) / "journal.jsonl"))
        steps, is_kept = steps_of(notebook, host_params.release), mode == "apply" and host.is_real
        return stepping.open_book(host_params, params, notebook, steps, make, is_kept=is_kept)
    except BaseException:
        host.close()  # the lock of a book that never came to be
        raise


def _of_files(params: HostParams, mode: str) -> HostParams:
    """Return the parameters; of a recorded host that an earlier run finished, with the recording of it as it is now."""
    if (
        not isinstance(params.connection, Recorded)
        or not params.connection.finished
        or mode in ("auto", "apply")
    ):
        return params
    from runbook.attestation.places import host_of
    from runbook.evidence import finished

    run_dir = os.environ.get("RUNBOOK_RUN_DIR")
    return finished.after_a_run(
        params, mode, host_of(Path(run_dir)).parent if run_dir else stepping.reports()
    )


def _approval(params: HostParams) -> Approval | None:
    """Return what somebody else agreed to, None where the environment names no approval. Raises `ConsentMissing`.

    That it has not ended is asked when a run begins: one that takes hours is not broken off in the middle.
    """
    if not (file := os.environ.get(APPROVAL)):
        return None
    from runbook.attestation import approval, keys

    begun = approval.read_approval(Path(file)).at if os.environ.get("RUNBOOK_RUN_DIR") else ""
    return approval.require(Path(file), params, digest(params), keys.own(), at=begun)[1]
