"""The freshly installed Debian, set up (notebook 03)."""

from runbook.steps.debian_configuration import (
    add_firmware_component,
    add_users,
    close_ports,
    fetch_package_lists,
    generate_locales,
    install_packages,
    remove_packages,
    require_ssh_keys,
    schedule_updates,
    set_clock,
    set_names,
    set_umask,
    start_without_screen,
    trim_disks,
)

NOTEBOOK = "03_debian_configuration"
STEPS = (
    add_firmware_component,
    fetch_package_lists,
    remove_packages,
    install_packages,
    start_without_screen,
    trim_disks,
    set_names,
    set_clock,
    generate_locales,
    set_umask,
    schedule_updates,
    add_users,
    require_ssh_keys,
    close_ports,
)
