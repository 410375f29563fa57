"""Parameters of hosts to be installed, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from runbook.params import HostParams

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEx8Jm2cN0Fvd0d4bUxPdHl0dHl0dHl0dHl0dHl0dHl0 me@home"


def host(release: str = "trixie", guests: str = "guests", **installation: Any) -> HostParams:
    """Return a host whose `installation` section has these values."""
    return HostParams.model_validate(
        {
            "host": "victory",
            "release": release,
            "connection": {"kind": "local"},
            "storage": {"guest_volume_group": guests},
            "installation": {"method": "preseed", "authorized_keys": [KEY]} | installation,
        }
    )
