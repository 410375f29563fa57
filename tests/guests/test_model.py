"""Every field of a guest: what is rendered, what the real xl makes of it, and what does not go together."""

from functools import reduce

import pytest
from pydantic import ValidationError

from runbook import releases
from runbook.guests import config
from runbook.guests.syntax import parse
from runbook.guests.validate import validate
from runbook.params import HostParams
from tests.guests.test_adoption import real

__all__ = ["real"]
DISK = {"volume": {"name": "web", "size_gib": 1}}
KERNEL = {"type": "pv", "boot": {"kernel": "/boot/vmlinuz"}}


def host(*guests, **sections):
    """Return a host with these guests, each of which has a name and memory unless it says so."""
    return HostParams.model_validate(
        {
            "host": "box",
            "connection": {"kind": "local"},
            "network": {"bridges": [{"name": "br0", "ipv4": "none"}]},
            "guests": [{"name": f"g{n}", "memory_mib": 512, **guest} for n, guest in enumerate(guests)],
            **sections,
        }
    )


def rendered(release="trixie", **guest):
    params = host(guest)
    return config.render(
        params, params.guests[0], releases.get(release), False, {"env:P": "secret12"}.__getitem__
    )


def at(made, path):
    """Return what libxl says at a place such as b_info.type.hvm/vga.kind."""
    keys = [int(key) if key.isdigit() else key for key in path.split("/")]
    return reduce(lambda value, key: value[key], keys, made)


HVM = "b_info/type.hvm"
SAID = [
    # (fields, place in libxl's description, value there)
    ({"type": "pvh", "boot": {"kernel": "/k"}}, "c_info/type", "pvh"),
    ({"type": "pv", "boot": {"bootloader": "pygrub", "bootloader_args": ["-q"]}}, "b_info/bootloader_args", ["-q"]),
    ({"type": "pv", "firmware": "pvgrub64"}, "b_info/kernel", "/usr/lib/xen-4.20/boot/pvgrub64.bin"),
    ({**KERNEL, "boot": {"kernel": "/k", "ramdisk": "/r", "cmdline": 'root="x y"'}}, "b_info/cmdline", 'root="x y"'),
    ({"firmware": "uefi"}, f"{HVM}/bios", "ovmf"),
    ({"firmware": "uefi", "firmware_image": "/srv/OVMF.fd"}, f"{HVM}/system_firmware", "/srv/OVMF.fd"),
    ({"firmware": "/srv/loader"}, f"{HVM}/firmware", "/srv/loader"),
    ({"uuid": "3ba1e9a2-0000-4000-8000-000000000001"}, "c_info/uuid", "3ba1e9a2-0000-4000-8000-000000000001"),
    ({"name": "Windows 10 (old)"}, "c_info/name", "Windows 10 (old)"),
    ({"max_memory_mib": 1024}, "b_info/max_memkb", 1024 * 1024),
    ({"vcpus": 2, "processors": {"max_vcpus": 4}}, "b_info/max_vcpus", 4),
    ({"vcpus": 2, "processors": {"cpus": "2-4,^3"}}, "b_info/vcpu_hard_affinity", [[2, 4], [2, 4]]),
    ({"vcpus": 1, "processors": {"cpus_soft": "0"}}, "b_info/vcpu_soft_affinity", [[0]]),
    ({"processors": {"weight": 512}}, "b_info/sched_params/weight", 512),
    ({"processors": {"cap": 150}}, "b_info/sched_params/cap", 150),
    ({"processors": {"pool": "Pool-1"}}, "c_info/pool_name", "Pool-1"),
    ({"processors": {"nested": True}}, "b_info/nested_hvm", "True"),
    ({"boot": {"order": "nc"}}, f"{HVM}/boot", "nc"),
    ({"vnc_display": 7}, f"{HVM}/vnc/findunused", "False"),
    ({}, f"{HVM}/vnc/findunused", "True"),
    ({"vnc_display": 7, "screen": {"any_display": True}}, f"{HVM}/vnc/findunused", "True"),
    ({"screen": {"password": "env:P"}}, f"{HVM}/vnc/passwd", "secret12"),
    ({"screen": {"vnc": False}}, f"{HVM}/vnc/enable", "False"),
    ({"screen": {"vga": "none"}}, f"{HVM}/vga/kind", "none"),
    ({"screen": {"memory_mib": 32}}, "b_info/video_memkb", 32 * 1024),
    ({**KERNEL, "vnc_display": 3, "vnc_listen": "0.0.0.0"}, "vfbs/0/vnc/listen", "0.0.0.0"),
    ({**KERNEL, "vnc_display": 3}, "vfbs/0/vnc/display", 3),
    ({"serial": ["pty", "/dev/ttyS1"]}, f"{HVM}/serial_list", ["pty", "/dev/ttyS1"]),
    ({"sound": "hda"}, f"{HVM}/soundhw", "hda"),
    ({"local_time": True}, "b_info/localtime", "True"),
    ({"viridian": ["defaults"]}, f"{HVM}/viridian", "True"),
    ({"usb": {"devices": ["tablet", "host:046d:c52b"]}}, f"{HVM}/usbdevice_list", ["tablet", "host:046d:c52b"]),
    ({"usb": {"controllers": [{"type": "devicemodel", "version": 3, "ports": 8}]}}, "usbctrls/0/version", 3),
    ({"usb": {"passed": [{"bus": 1, "address": 3}]}}, "usbdevs/0/type.hostdev/hostaddr", 3),
    ({"on_poweroff": "preserve"}, "on_poweroff", "preserve"),
    ({"on_reboot": "preserve"}, "on_reboot", "preserve"),
    ({"on_crash": "coredump-restart"}, "on_crash", "coredump_restart"),
    ({"on_watchdog": "restart"}, "on_watchdog", "restart"),
    ({"on_soft_reset": "preserve"}, "on_soft_reset", "preserve"),
    ({"autostart": 1}, "on_crash", "restart"),
    ({"extra": {"nomigrate": 1}}, "b_info/disable_migrate", "True"),
    ({"extra": {"irqs": [4, 5]}}, "b_info/irqs", [4, 5]),
    ({"extra": {"bootloader_args": ['say "a\\b"']}}, "b_info/bootloader_args", ['say "a\\b"']),
    ({"extra": {"vncpasswd": "env:P"}}, f"{HVM}/vnc/passwd", "secret12"),
    ({"extra": {"boot": "ndc"}}, f"{HVM}/boot", "ndc"),
    ({"disks": [{"file": "/srv/a, b.qcow2"}]}, "disks/0/format", "qcow2"),
    ({"disks": [{"file": "/srv/a, b.qcow2"}]}, "disks/0/pdev_path", "/srv/a, b.qcow2"),
    ({"disks": [{"zvol": "tank/guests/web"}]}, "disks/0/pdev_path", "/dev/zvol/tank/guests/web"),
    ({"disks": [{"volume": "web", "group": "vg1"}]}, "disks/0/pdev_path", "/dev/vg1/web"),
    ({"disks": [{"volume": "web", "size_gib": 1}, {"cd": ""}, {"device": "/dev/sdb1"}]}, "disks/1/vdev", "hdc"),
    ({"disks": [{"volume": "web", "size_gib": 1}, {"cd": ""}, {"device": "/dev/sdb1"}]}, "disks/1/format", "empty"),
    ({"disks": [{"volume": "web", "size_gib": 1}, {"cd": ""}, {"device": "/dev/sdb1"}]}, "disks/2/vdev", "hdb"),
    ({"disks": [{"device": f"/dev/sd{x}"} for x in "abcde"]}, "disks/4/vdev", "xvde"),
    ({**KERNEL, "disks": [{"device": "/dev/sda"}, {"device": "/dev/sdb"}]}, "disks/1/vdev", "xvdb"),
    ({"disks": [{"device": "/dev/sda", "discard": False}]}, "disks/0/discard_enable", "False"),
    ({"disks": [{"device": "/dev/sda", "backend_type": "qdisk"}]}, "disks/0/backend", "qdisk"),
    ({"disks": [{"device": "iqn:x", "script": "block-iscsi"}]}, "disks/0/script", "block-iscsi"),
    ({"disks": [{"device": "/dev/sda", "backend": "store"}]}, "disks/0/backend_domname", "store"),
    ({"nics": [{"bridge": "br0", "type": "vif"}]}, "nics/0/nictype", "vif"),
    ({"nics": [{"bridge": "br0", "vifname": "web0"}]}, "nics/0/ifname", "web0"),
    ({"nics": [{"script": "vif-route", "gatewaydev": "eth0", "ip": "10.0.0.2"}]}, "nics/0/gatewaydev", "eth0"),
    ({"nics": [{"bridge": "br0", "backend": "router"}]}, "nics/0/backend_domname", "router"),
    ({"nics": [{"bridge": "br0", "mtu": 9000}]}, "nics/0/mtu", 9000),
    ({"nics": [{"bridge": "br0", "rate": "10Mb/s"}]}, "nics/0/rate_bytes_per_interval", 62500),
    ({"nics": [{"bridge": "br0", "trusted": False}]}, "nics/0/trusted", "False"),
    ({"nics": [{"bridge": "br0", "vlan": "10"}]}, "nics/0/vlan", "10"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "place", "value"), SAID, ids=[f"{n}-{p}" for n, (_, p, _) in enumerate(SAID)]
)
def test_the_real_xl_understands_every_field(real, fields, place, value):
    """What a field says is in libxl's hands what it says, and our own check has nothing against it."""
    xl, release = real
    if release != "trixie" and ("vlan" in place or "pvgrub" in str(value)):
        pytest.skip("Xen 4.17 knows no vlan, and has its files elsewhere")
    text = rendered(release, **fields)
    judged = xl.judge(text)
    assert (judged.status, at(judged.made, place)) == (0, value)
    assert [f.what for f in validate(text, release) if f.level == "fail"] == []


WRONG = [
    ({**DISK, "disks": [{"cd": ""}]}, "`volume` is short for one disk"),
    ({"disks": [{"volume": "a", "file": "/srv/a"}]}, "this one is volume and file"),
    ({"disks": [{}]}, "this one is none"),
    ({"disks": [{"file": "/srv/a", "size_gib": 1}]}, "`size_gib` is for a logical volume"),
    ({"disks": [{"volume": "a", "group": "vg1", "size_gib": 1}]}, "makes volumes only in storage.guest_volume_group"),
    ({"disks": [{"volume": "a", "thin_pool": "p"}]}, "say its size_gib too"),
    ({"disks": [{"cd": "", "format": "raw"}]}, "a CD has no format"),
    ({"disks": [{"cd": "", "vdev": "hda"}, {"file": "/a", "vdev": "hda"}]}, "the same drive"),
    ({"nics": [{}]}, "the card has no bridge"),
    ({"nics": [{"bridge": "br1"}]}, "on bridge 'br1', which network.bridges does not have"),
    ({"vcpus": 4, "processors": {"max_vcpus": 2}}, "processors.max_vcpus (2) is less than vcpus (4)"),
    ({"max_memory_mib": 256}, "max_memory_mib (256) is less than memory_mib (512)"),
    ({"type": "pv"}, "starts a kernel, not a disk"),
    ({**KERNEL, "firmware": "uefi"}, "`firmware: uefi` is for `type: hvm`"),
    ({"firmware": "pvgrub64"}, "`firmware: pvgrub64` is for `type: pv`"),
    ({"extra": {"memory": 512}}, "`extra` has `memory`, which `memory_mib` says"),
    ({"extra": {"disk": ["/dev/a,,hda,w"]}, **DISK}, "`extra` has `disk`"),
    ({"extra": {"vga": "qxl"}, "screen": {"vga": "none"}}, "`extra` has `vga`, which `screen.vga` says"),
    ({"extra": {"Memory": 512}}, "is not a key of xl.cfg(5)"),
    ({"extra": {"vncpasswd": "hunter2"}}, "a secret does not belong in a parameter file"),
    ({"extra": {"nomigrate": None}}, "a number, a text, or a list"),
    ({"extra": {"cmdline": "a\nb"}}, "one line of printable characters"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_what_does_not_go_together_is_refused(fields, said):
    """A guest that contradicts itself is refused before anything starts, with what to write."""
    with pytest.raises(ValidationError) as error:
        host(fields)
    assert said in str(error.value)


SHARED = [
    ({"disks": [{"file": "/srv/a"}]}, "guest disk file /srv/a is given more than once"),
    ({"disks": [{"volume": "a", "group": "vg1"}]}, "guest disk volume vg1/a is given more than once"),
    ({"disks": [{"volume": "a", "size_gib": 1}]}, "guest volume a is given more than once"),
    ({"uuid": "3ba1e9a2-0000-4000-8000-000000000001"}, "guest identity"),
    ({"vnc_display": 3}, "VNC display 3 is given more than once"),
]


@pytest.mark.parametrize(("fields", "said"), SHARED, ids=[said[:30] for _, said in SHARED])
def test_two_guests_do_not_share_what_only_one_can_have(fields, said):
    """A disk, an identity and a display are one guest's; a disk that is shared or only read may be two's."""
    with pytest.raises(ValidationError, match=said):
        host(fields, fields)
    if (disk := fields.get("disks", [{}])[0]) and "size_gib" not in disk:
        assert len(host(*[{"disks": [{**disk, "shared": True}]}] * 2).guests) == 2
        assert len(host(*[{"disks": [{**disk, "read_only": True}]}] * 2).guests) == 2


def test_a_guest_without_a_volume_is_not_backed_up():
    """Only volumes of the guests' group are looked into, frozen and backed up; others are refused by name."""
    with pytest.raises(ValidationError, match="has no volume in storage"):
        host({"disks": [{"file": "/srv/a"}]}, management={"backups": {"folder": "/srv/b", "guests": ["g0"]}})


def test_an_extra_key_takes_the_place_of_a_default():
    """A line that is only a default is not written beside what `extra` says of the same thing."""
    values = parse(rendered(extra={"bios": "seabios", "serial": "none", "on_reboot": "destroy"})).values
    assert (values["bios"], values["serial"], values["on_reboot"]) == ("seabios", "none", "destroy")
    assert "firmware" not in values
    assert parse(rendered(extra={"bios": "seabios"})).repeated == ()


def test_an_unknown_key_is_found_before_the_host_is_asked():
    """A word under `extra` that no xl knows is a failure of the plan, with the nearest one."""
    (found,) = [f for f in validate(rendered(extra={"nomigrat": 1}), "trixie") if f.level == "fail"]
    assert "xl does not know `nomigrat`" in found.what
    assert found.do == "did you mean `nomigrate`?"


def test_options_of_a_device_stand_with_the_device():
    """Each option is said per device, in xl's own words."""
    device = {
        "bdf": "07:00.0",
        "id": "8086:10d3",
        "what": "a card",
        "msitranslate": True,
        "power_mgmt": True,
        "seize": True,
    }
    params = host({"pci": ["07:00.0"]}, passthrough={"devices": [device]})
    text = config.render(params, params.guests[0], releases.get("trixie"), False)
    assert parse(text).items("pci") == ("0000:07:00.0,msitranslate=1,power_mgmt=1,seize=1",)
