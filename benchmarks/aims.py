"""What is to be reached: a row a piece of work, its peer, and the limit. The only place where limits stand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Aim:
    """One row: what is done, beside whom, and the number that it must keep to."""

    row: str
    """The name by which a benchmark reports it."""
    work: str
    peer: str
    sense: str
    """`<=` or `>=`: on which side of the limit the number must be."""
    limit: float
    unit: str = "×"

    def holds(self, value: float) -> bool:
        """Return whether a measured number keeps to the limit."""
        return value <= self.limit if self.sense == "<=" else value >= self.limit

    @property
    def text(self) -> str:
        """The limit for a table, such as `≤ 1.3 ×`."""
        return f"{'≤' if self.sense == '<=' else '≥'} {self.limit:g} {self.unit}".rstrip()


STEEP = 1.2
"""An exponent above this is a curve that bends upwards: linear is 1, quadratic 2, the rest is noise."""

AIMS = (
    Aim("second-run-ansible", "second run of one host over ssh, nothing to change, notebook 03", "ansible-core playbook", ">=", 8),
    Aim("second-run-pyinfra", "the same", "pyinfra", ">=", 2),
    Aim("first-run-ansible", "first run's configuration edits, notebook 03", "ansible-core playbook", ">=", 2),
    Aim("first-run-pyinfra", "the same", "pyinfra", ">=", 1),
    Aim("cells-engine", "200 cells × 100 KB executed and saved, by the engine", "nbclient", "<=", 1.2),
    Aim("cells-run", "the same as a whole `runbook run`, with journal and pages", "nbclient", "<=", 1.2),
    Aim("cells-memory", "the same, memory on top of the imports, 400 cells", "nbclient", "<=", 1.2),
    Aim("run-ratio", "whole runbook on the recorded host, headless", "sum of nbclient times", "<=", 0.4),
    Aim("run-seconds", "the same, by the clock", "", "<=", 8, "s"),
    Aim("run-memory", "memory of one run with its kernel", "", "<=", 250, "MiB"),
    Aim("import-seconds", "`import runbook.cli`, a process", "", "<=", 0.3, "s"),
    Aim("help-seconds", "`runbook --help`, a process", "", "<=", 0.3, "s"),
    Aim("plan-seconds", "plan of one step on the recorded host, book open", "", "<=", 0.2, "s"),
    Aim("backup-guide", "backup of a guest volume, used blocks", "the guide's dd and gzip -9", ">=", 50),
    Aim("backup-read", "the same, in times of a plain copy", "cp, the floor", "<=", 2),
    Aim("round-trips", "facts of one host: round trips a notebook, the most", "one round trip", "<=", 2, ""),
    Aim("round-trips-far", "the same with 100 ms of latency, made by a process", "one round trip", "<=", 2, ""),
    Aim("check-connections", "check of all notebooks on a finished host: connections", "one", "<=", 1, ""),
    Aim("check-round-trips", "the same: round trips", "", "<=", 12, ""),
    Aim("check-facts-far", "the same with 100 ms of latency: seconds for facts", "", "<=", 5, "s"),
    Aim("fleet-ideal", "many recorded hosts, wall time", "ideal for the parallelism", "<=", 1.25),
    Aim("fleet-memory", "the same, peak memory of all processes", "", "<=", 3072, "MiB"),
    Aim("host-seconds", "processor seconds a host of many, notebook 10 each", "", "<=", 1, "s"),
    Aim("growth-hosts", "exponent of processor seconds over hosts, 1 to 200, notebook 10 each", "linear is 1", "<=", STEEP, ""),
    Aim("growth-devices-plan", "exponent of processor seconds of all plans over devices, 10 to 1000", "linear is 1", "<=", STEEP, ""),
    Aim("growth-devices-page", "the same, table of devices", "linear is 1", "<=", STEEP, ""),
    Aim("growth-devices-facts", "the same, table of facts", "linear is 1", "<=", STEEP, ""),
    Aim("growth-guests-plan", "exponent of processor seconds of all plans over guests, 10 to 100", "linear is 1", "<=", STEEP, ""),
    Aim("growth-guests-page", "the same, table of guests", "linear is 1", "<=", STEEP, ""),
    Aim("growth-guests-facts", "the same, table of facts", "linear is 1", "<=", STEEP, ""),
    Aim("growth-output-seconds", "exponent of processor seconds over command output, 1 MB to 1 GB", "linear is 1", "<=", STEEP, ""),
    Aim("growth-output-memory", "the same, peak memory", "flat is 0", "<=", 0.1, ""),
)  # fmt: skip
BY_ROW = {aim.row: aim for aim in AIMS}
