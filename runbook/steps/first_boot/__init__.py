"""After the first boot into Xen: proving that it is right, then making it the default (notebook 07)."""

from runbook.steps.first_boot import (
    keep_proved_pair,
    make_xen_default,
    prove_bridges,
    prove_devices,
    prove_xen,
)

NOTEBOOK = "07_first_boot"
STEPS = (prove_xen, prove_devices, prove_bridges, make_xen_default, keep_proved_pair)
