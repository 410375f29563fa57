"""Installing Xen from Debian's packages (notebook 05)."""

from runbook.steps.xen_installation import install_xen, refresh_package_lists

NOTEBOOK = "05_xen_installation"
STEPS = (refresh_package_lists, install_xen)
