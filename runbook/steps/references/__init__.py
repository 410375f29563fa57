"""Where to read on; it has no steps (notebook 10)."""

NOTEBOOK = "10_references"
STEPS = ()
