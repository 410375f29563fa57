"""The guide's 81 kernel flags as a table: asked, got, why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook.builds import flags
from runbook.facts import kernel_config
from runbook.model.ask import Facts
from runbook.params import HostParams
from runbook.steps.shared import own_kernel

if TYPE_CHECKING:
    import pandas as pd


def table(params: HostParams, facts: Facts) -> pd.DataFrame:
    """Return a row for each flag, in the guide's order, against the kernel that runs."""
    from runbook.show.tables import indexed

    kernel = kernel_config.parse(facts, params)
    rows = flags.table(own_kernel.linux_of(params, kernel.running), kernel.config)
    shown = [
        {
            "flag": row.flag.removeprefix("CONFIG_"),
            "asked": row.wanted,
            f"in {kernel.running}": row.got,
            "why": row.why.replace("CONFIG_", ""),
        }
        for row in rows
    ]
    return indexed(shown, "flag")
