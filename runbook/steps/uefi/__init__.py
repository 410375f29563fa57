"""The firmware's settings, verified from the running system (notebook 01)."""

from runbook.steps.uefi import confirm_settings, verify_settings

NOTEBOOK = "01_uefi"
STEPS = (verify_settings, confirm_settings)
