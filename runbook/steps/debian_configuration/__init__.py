"""The freshly installed Debian, set up (notebook 03)."""

NOTEBOOK = "03_debian_configuration"
STEPS = ()
