"""Guests' volumes: looked into, mounted, backed up, restored, grown (notebook 09)."""

NOTEBOOK = "09_management"
STEPS = ()
