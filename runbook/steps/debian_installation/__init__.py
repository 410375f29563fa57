"""Debian on the disk, in the guide's layout (notebook 02)."""

from runbook.steps.debian_installation import (
    boot_installed_system,
    configure_base,
    install_base,
    install_boot_loader,
    install_system,
    installed_layout,
    make_file_systems,
    make_volumes,
    partition_disk,
    prepare_live_system,
)

NOTEBOOK = "02_debian_installation"
STEPS = (
    prepare_live_system,
    partition_disk,
    make_volumes,
    make_file_systems,
    install_base,
    configure_base,
    install_system,
    install_boot_loader,
    boot_installed_system,
    installed_layout,
)
