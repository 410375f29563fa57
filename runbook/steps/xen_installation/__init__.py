"""Installing Xen, from Debian's packages or from source (notebook 05)."""

from runbook.steps.xen_installation import build_xen, install_built_xen, install_xen, refresh_package_lists

NOTEBOOK = "05_xen_installation"
STEPS = (refresh_package_lists, build_xen, install_built_xen, install_xen)
