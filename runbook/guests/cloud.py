"""What a cloud image is told by its seed: the files of cloud-init's source NoCloud."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from typing import Any

from runbook.params.guests import Guest


def seed(name: str, identity: str, guest: Guest, keys: tuple[str, ...]) -> dict[str, str]:
    """Return the three files of a seed. JSON is YAML, so nothing that stands in a key or a name can be more than it is.

    The host adds the ssh host key to user-data when it makes the disc: its private half is in no plan.
    """
    system = guest.system
    if system is None:
        raise ValueError(f"the guest {guest.name} gets no system")
    user: dict[str, Any] = {
        "ssh_authorized_keys": list(keys),
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_deletekeys": True,
        "preserve_hostname": False,
    }
    if system.packages:
        user |= {"package_update": True, "packages": list(system.packages)}
    return {
        "meta-data": _json({"instance-id": identity, "local-hostname": name}),
        "user-data": "#cloud-config\n" + _json(user),
        "network-config": _json(_network(guest)),
    }


def _network(guest: Guest) -> dict[str, Any]:
    """Return the first network card in version 2 of the format: by its address, else whatever begins with e."""
    system = guest.system
    mac = next((nic.mac for nic in guest.nics), None)
    card: dict[str, Any] = {"match": {"macaddress": mac} if mac else {"name": "e*"}}
    if system and system.ipv4 == "dhcp":
        card["dhcp4"] = True
    elif system and system.ipv4 != "none":
        card["addresses"] = [ip_interface(system.ipv4).with_prefixlen]
    if system and system.gateway:
        card["routes"] = [{"to": "0.0.0.0/0", "via": system.gateway}]
    if system and system.name_servers:
        card["nameservers"] = {"addresses": list(system.name_servers)}
    return {"version": 2, "ethernets": {"first": card}}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1) + "\n"
