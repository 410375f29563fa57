"""Debian on the disk, in the guide's layout (notebook 02)."""

NOTEBOOK = "02_debian_installation"
STEPS = ()
