"""A configuration taken into the parameters and rendered again, beside what was there."""

from __future__ import annotations

from typing import Any

from runbook import releases
from runbook.guests import adoption, config
from runbook.guests.adoption import Adopted
from runbook.guests.syntax import Config
from runbook.params import HostParams


def host_of(adopted: Adopted, release: str = "trixie") -> HostParams:
    """Return a host that has nothing but this guest, with the bridges and devices which that wants."""
    devices = [
        {"bdf": bdf, "id": "8086:10d3", "what": "a card", **fields} for bdf, fields in adopted.devices.items()
    ]
    return HostParams.model_validate(
        {
            "host": "box",
            "release": release,
            "connection": {"kind": "local"},
            "network": {"bridges": [{"name": name, "ipv4": "none"} for name in adopted.bridges]},
            "passthrough": {"devices": devices},
            "guests": [adopted.guest],
        }
    )


def rendered(adopted: Adopted, release: str = "trixie") -> str:
    """Return the file that the runbook would write for an adopted guest."""
    params = host_of(adopted, release)
    secrets = dict(adopted.secrets)
    return config.render(params, params.guests[0], releases.get(release), True, secrets.__getitem__)


def adopted(config: Config, release: str = "trixie", **how: Any) -> Adopted:
    """Return a configuration as a guest."""
    return adoption.parameters(config, release=release, **how)
