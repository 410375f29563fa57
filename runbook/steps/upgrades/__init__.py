"""What came after the first proof: updates that wait, and a new pair that is tried once (notebook 11)."""

from runbook.steps.upgrades import (
    boot_updates_once,
    install_updates,
    list_updates,
    make_updates_default,
    prove_next_boot,
    prove_updates,
)

NOTEBOOK = "11_upgrades"
STEPS = (
    prove_next_boot,
    list_updates,
    install_updates,
    boot_updates_once,
    prove_updates,
    make_updates_default,
)
