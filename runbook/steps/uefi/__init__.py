"""The firmware's settings, verified from the running system (notebook 01)."""

NOTEBOOK = "01_uefi"
STEPS = ()
