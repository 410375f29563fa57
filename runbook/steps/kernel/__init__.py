"""An own kernel, when it is wanted (notebook 04)."""

NOTEBOOK = "04_custom_kernel"
STEPS = ()
