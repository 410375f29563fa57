"""The survey of a machine: what it can do, and which of its devices a guest may have.

`machine.read(facts)` puts the facts together, `verdict.judge` says what may be done with a
device and why, `tables` shows both. Under Xen much is invisible; `kept` is the file that the
host keeps of what it showed before.
"""

from __future__ import annotations

from runbook.survey.kept import PATH
from runbook.survey.machine import Machine, asks, read
from runbook.survey.reasons import CARE, MAY, STAY, Reason
from runbook.survey.tables import machine_table, survey_table
from runbook.survey.verdict import judge, verdict

__all__ = [
    "CARE", "MAY", "PATH", "STAY", "Machine", "Reason",
    "asks", "judge", "machine_table", "read", "survey_table", "verdict",
]  # fmt: skip
