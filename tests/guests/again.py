"""A configuration taken into the parameters and rendered again, beside what was there."""

from __future__ import annotations

from typing import Any

from runbook import releases
from runbook.guests import adoption, config, disk_spec
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


def effect_of(made: dict[str, Any], *, has_uuid: bool) -> dict[str, Any]:
    """Return a domain as libxl understood it, what it leaves unsaid said, and two ways of one thing made one.

    What holds where nothing is said: libxl__domain_build_info_setdefault and libxl__device_nic_setdefault. A uuid that xl
    drew by chance is none.
    """
    build = {"max_vcpus": 1, "avail_vcpus": [0], **made["b_info"]}
    most = build.get("max_memkb", build.get("target_memkb", 32768))
    build |= {"max_memkb": most, "target_memkb": build.get("target_memkb", most)}
    hvm = build.get("type.hvm")
    if hvm and hvm.get("vga", {}).get("kind") == "std":
        build = {"video_memkb": 16384, **build}
    if hvm is not None:
        build["type.hvm"] = _pc(hvm)
    vfbs = [
        {**vfb, "vnc": _vnc(vfb.get("vnc", {})), "sdl": _said(vfb.get("sdl", {}))}
        for vfb in made.get("vfbs", ())
    ]
    nics = [_card(nic, is_pc=hvm is not None) for nic in made.get("nics", ())]
    who = {key: value for key, value in made["c_info"].items() if has_uuid or key != "uuid"}
    disks = [{**disk, "pdev_path": _path(disk.get("pdev_path", ""))} for disk in made.get("disks", ())]
    return {**made, "c_info": who, "b_info": build, "vfbs": vfbs, "nics": nics, "disks": disks}


def _path(path: str) -> str:
    return disk_spec.usual(path if path.startswith("/") or ":" in path or not path else f"/dev/{path}")


def _pc(hvm: dict[str, Any]) -> dict[str, Any]:
    made = {
        "boot": "cda",
        **hvm,
        "vnc": _vnc(hvm.get("vnc", {})),
        "vga": {"kind": "cirrus", **hvm.get("vga", {})},
    }
    devices = made.pop("usbdevice_list", None) or ([made.pop("usbdevice")] if "usbdevice" in made else [])
    made |= {"usbdevice_list": devices, "usb": "True" if devices else made.get("usb", "False")}
    if made.get("viridian") == "False":
        del made["viridian"]
    if made.get("bios") == "seabios":
        del made["bios"]
    if made["vnc"]["enable"] == "False":
        made["vnc"] = {"enable": "False"}
    serial = made.pop("serial_list", None) or ([made.pop("serial")] if "serial" in made else [])
    return {**made, "serial_list": serial}


def _vnc(vnc: dict[str, Any]) -> dict[str, Any]:
    made = {"enable": "True", "listen": "127.0.0.1", "findunused": "True", "display": 0, **vnc}
    address, colon, display = made["listen"].rpartition(":")
    if colon and ":" not in address and display.isdecimal():
        made |= {"listen": address, "display": int(display)}
    return made


def _said(sdl: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in sdl.items() if value != "False"}


def _card(nic: dict[str, Any], *, is_pc: bool) -> dict[str, Any]:
    plugged = {} if "script" in nic or "gatewaydev" in nic else {"bridge": "xenbr0"}
    made = {**plugged, **nic}
    if is_pc and made.get("nictype") != "vif":
        made = {"model": "rtl8139", **made}
    else:
        made.pop("model", None)
    return made
