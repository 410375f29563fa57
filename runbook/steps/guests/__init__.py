"""The guests: their disks, their configuration, their order, the proof of their devices, their start."""

from __future__ import annotations

from runbook.steps.guests import (
    create_volumes,
    install_guest_firmware,
    install_systems,
    prove_passthrough,
    set_autostart,
    start_guests,
    write_guest_configs,
)

NOTEBOOK = "08_guests"
STEPS = (
    create_volumes,
    install_systems,
    install_guest_firmware,
    write_guest_configs,
    set_autostart,
    prove_passthrough,
    start_guests,
)
