"""Configuring Xen and dom0, up to the first boot into Xen (notebook 06)."""

from runbook.steps.xen_configuration import (
    allow_xl_by_sudo,
    boot_xen_once,
    configure_bridges,
    enable_services,
    end_guests_cleanly,
    hide_devices,
    lead_guests_out,
    pass_bridged_packets,
    set_boot_menu,
    stop_saving_guests,
)

NOTEBOOK = "06_xen_configuration"
STEPS = (
    stop_saving_guests,
    end_guests_cleanly,
    hide_devices,
    set_boot_menu,
    enable_services,
    allow_xl_by_sudo,
    pass_bridged_packets,
    configure_bridges,
    lead_guests_out,
    boot_xen_once,
)
