"""Guest configurations before the real `xl` of Debian 12 and 13: what we write it takes, what it refuses we find."""

import os
import re
import subprocess
from functools import cache

import pytest

from runbook import releases
from runbook.guests import config, probe
from runbook.guests.validate import validate
from runbook.params import HostParams, load
from tests.guests import oracle
from tests.guests.oracle import packages
from tests.guests.test_validate import BROKEN, CASES, ROOT, SOUND

RELEASES = ("bookworm", "trixie")
VICTORY = load(ROOT / "params/victory.yml")
PARAMS = {name: load(ROOT / f"params/{name}.yml") for name in ("example", "testbed", "victory")}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """Return a function from a release to its xl, or skip with the reason."""
    known = {}

    def get(release):
        try:
            if release not in known:
                known[release] = oracle.open_xl(release, tmp_path_factory.mktemp(release))
        except oracle.NotHere as reason:
            pytest.skip(str(reason))
        return known[release]

    return get


def with_guest(**values):
    """Return victory with other values for its Windows guest."""
    raw = VICTORY.model_dump()
    raw["guests"] = [{**g, **values} if g["name"] == "windows" else g for g in raw["guests"]]
    raw["passthrough"]["devices"][1]["permissive"] = True
    return HostParams.model_validate(raw)


OTHERS = {
    "no card, no disc": with_guest(nics=[], install_media=None, mmio_hole_mib=None),
    "other cards": with_guest(
        nics=[
            {"bridge": "xenbr1", "mac": "00:16:3e:14:04:00", "model": "virtio-net"},
            {"bridge": "xenbr0", "mac": "00:16:3e:14:04:01", "model": "rtl8139"},
        ]
    ),
    "a disc with blanks": with_guest(install_media="/srv/iso/Windows 10, 64 bit.iso"),
    "on all addresses": with_guest(vnc_listen="0.0.0.0"),
    "linux": with_guest(os="linux", vcpus=128),
}
RENDERED = [
    pytest.param(params, guest, installed, id=f"{name}-{guest.name}-{'disk' if installed else 'disc'}")
    for name, params in (PARAMS | OTHERS).items()
    for guest in params.guests
    if name in PARAMS or guest.name == "windows"
    for installed in (False, True)
]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("params", "guest", "installed"), RENDERED)
def test_xl_takes_what_is_rendered_and_understands_it(real, release, params, guest, installed):
    """Memory, processors, cards, devices, disks and screen are in libxl's hands what the parameters say."""
    said = real(release).judge(config.render(params, guest, releases.get(release), installed))
    assert (said.status, unexpected(said.said)) == (0, [])
    assert understood(said.made) == wanted(params, guest, installed)


def wanted(params, guest, installed):
    discs = [(guest.install_media, "hdc", False)] if guest.install_media else []
    return {
        "name": guest.name,
        "uuid": config.uuid_of(params, guest),
        "type": "hvm",
        "memory": (guest.memory_mib * 1024, guest.memory_mib * 1024),
        "vcpus": guest.vcpus,
        "disks": [(config.volume_of(params, guest), "hda", True), *discs],
        "nics": [(nic.mac, nic.bridge, nic.model) for nic in guest.nics],
        "pci": [
            (bdf, params.device_of(bdf).rdm_policy, params.device_of(bdf).permissive) for bdf in guest.pci
        ],
        "vnc": (guest.vnc_listen, guest.vnc_display, False),
        "boot": ("cd" if installed else "dc") if discs else "c",
        "hole": (guest.mmio_hole_mib or 0) * 1024,
        "is windows": guest.os == "windows",
        "on_crash": "restart" if guest.autostart else "preserve",
    }


def understood(made):
    """Return the same of libxl's own description, which leaves out what is zero or the default."""
    build, hvm = made["b_info"], made["b_info"]["type.hvm"]
    vnc = hvm["vnc"]
    assert vnc["enable"] == "True"
    return {
        "name": made["c_info"]["name"],
        "uuid": made["c_info"]["uuid"],
        "type": made["c_info"]["type"],
        "memory": (build["target_memkb"], build["max_memkb"]),
        "vcpus": build["max_vcpus"],
        "disks": [(d["pdev_path"], d["vdev"], bool(d.get("readwrite"))) for d in made.get("disks", [])],
        "nics": [(n["mac"], n["bridge"], n["model"]) for n in made.get("nics", [])],
        "pci": [
            (bdf_of(p), p.get("rdm_policy", "strict"), bool(p.get("permissive")))
            for p in made.get("pcidevs", [])
        ],
        "vnc": (vnc["listen"], vnc["display"], vnc["findunused"] == "True"),
        "boot": hvm["boot"],
        "hole": hvm.get("mmio_hole_memkb", 0),
        "is windows": (build.get("localtime"), hvm.get("viridian")) == ("True", "True"),
        "on_crash": made["on_crash"],
    }


def bdf_of(pci):
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*(pci.get(key, 0) for key in ("domain", "bus", "dev", "func")))


def unexpected(said):
    """Return what xl prints beside the lines that say nothing about a file; 4.17 repeats a tsc_mode."""
    usual = ("Parsing config from ", "Failed to read config file: /etc/xen/xl.conf", "got a tsc mode string")
    return [line for line in said.splitlines() if not line.startswith(usual)]


@pytest.mark.parametrize("release", RELEASES)
def test_xl_takes_the_probes_configuration(real, release):
    """The tiny guest that proves a passed card: its configuration is written by a shell, and xl reads it."""
    shell = re.search(r"(?ms)^write_config\(\) \{.*?^\}", probe.program())
    values = "name=probe release=6.12 work=/var/tmp/x console=/c bdf=0000:00:05.0 rdm=relaxed permissive=1\n"
    text = subprocess.run(
        ["sh", "-eu", "-c", values + shell[0] + "\nwrite_config"], capture_output=True, text=True, check=True
    ).stdout
    said = real(release).judge(text)
    assert (said.status, unexpected(said.said)) == (0, [])
    assert [(bdf_of(p), p["rdm_policy"], bool(p["permissive"])) for p in said.made["pcidevs"]] == [
        ("0000:00:05.0", "relaxed", True)
    ]
    assert said.made["b_info"]["kernel"] == "/boot/vmlinuz-6.12"
    assert said.made["b_info"]["type.hvm"]["serial"] == "file:/c"


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("case", ["ipfire", "windows"])
def test_xl_takes_the_guides_own_files(real, release, case):
    """The files of 2013 are still read, so their faults are not xl's to tell."""
    assert real(release).judge((CASES / f"guide_{case}.cfg").read_text()).status == 0


LINE, DISK = "vcpus = 4", "format=raw, vdev=hda, access=rw, target=/dev/guests/windows"
CARD, PCI = "mac=00:16:3e:14:04:00, bridge=xenbr1, model=e1000", '"0000:0f:00.0"'


def more(*lines):
    """Return a case in which these lines are added."""
    return LINE, "\n".join([LINE, *lines])


REFUSED = [
    # (status of xl, what stands there, what is put in its place)
    (1, 'name = "windows"\n', ""),
    (1, 'type = "hvm"', 'type = "kvm"'),
    (1, 'type = "hvm"\n', ""),
    (1, 'type = "hvm"\nfirmware = "bios"', 'type = "pvh"'),
    (1, *more('builder = "generic"')),
    (1, *more('builder = "kvm"')),
    (1, "debf73ba-", "debf73ba"),
    (1, 'uuid = "debf', 'uuid = "xebf'),
    (1, "debf73ba-03bb-574f-9448-2b946086e7cf", "debf73ba03bb574f94482b946086e7cf"),
    (1, *more("maxvcpus = 2")),
    (1, *more('cpus = "2-x"')),
    (1, *more('cpus = [ "2", "3-" ]')),
    (1, *more('cpus_soft = "^all"')),
    (1, 'on_crash = "preserve"', 'on_crash = "keep"'),
    (1, 'on_reboot = "restart"', 'on_reboot = "reboot"'),
    (1, 'on_poweroff = "destroy"', 'on_poweroff = "off"'),
    (1, *more('on_watchdog = "bark"')),
    (1, *more('tsc_mode = "fast"')),
    (1, *more("tsc_mode = 9")),
    (1, *more('timer_mode = "fast"')),
    (1, *more('bios = "award"')),
    (1, *more('hdtype = "scsi"')),
    (1, 'vga = "stdvga"', 'vga = "radeon"'),
    (1, *more('device_model_version = "qemu"')),
    (1, *more('passthrough = "on"')),
    (1, *more('gfx_passthru = "nvidia"')),
    (1, *more('altp2m = "on"')),
    (1, *more('ms_vm_genid = "new"')),
    (3, *more('vendor_device = "other"')),
    (3, '[ "defaults"', '[ "default"'),
    (1, "mmio_hole = 3072", "mmio_hole = 100"),
    (1, "mmio_hole = 3072", "mmio_hole = 4000"),
    (1, '"127.0.0.1"', '"127.0.0.1:10"'),
    (1, '"127.0.0.1"', '"::1"'),
    (1, "format=raw, vdev=hda", "format=rw, vdev=hda"),
    (1, "access=rw", "access=write"),
    (1, "vdev=hda, ", ""),
    (1, "vdev=hda", "dev=hda"),
    (1, "vdev=hda", "vdev=hda, vdef=x"),
    (1, "devtype=cdrom", "devtype=dvd"),
    (1, "vdev=hda", "backendtype=file, vdev=hda"),
    (1, ", target=/dev/guests/windows", ""),
    (1, DISK, "/dev/guests/windows,raw,hda,w,x"),
    (1, DISK, "/dev/guests/windows,raw"),
    (1, DISK, "/dev/guests/windows,iso,hda,w"),
    (1, DISK, "lvm:/dev/guests/windows,raw,hda,w"),
    (1, CARD, f"{CARD}, rate=fast"),
    (6, PCI, '"0f:00.8"'),
    (6, PCI, '"0f:00"'),
    (6, PCI, '"0f:20.0"'),
    (6, PCI, '""'),
    (6, PCI, '"0f:00.0@xy"'),
    (6, PCI, '"0f:00.0,permissive"'),
    (6, PCI, '"0f:00.0,rdmpolicy=relaxed"'),
    (3, PCI, '"0f:00.0,rdm_policy=lax"'),
    (1, *more('usbctrl = [ "type=emulated" ]')),
    (1, *more('usbctrl = [ "typ=pv" ]')),
    (1, *more('usbdev = [ "bus=1" ]')),
    (1, *more('irqs = [ "x" ]')),
    (1, *more('irqs = [ "0x6" ]')),
    (1, *more('ioports = [ "zz" ]')),
    (1, *more('iomem = [ "x" ]')),
    (1, *more('max_grant_frames = "x"')),
    (1, *more('channel = [ "x" ]')),
    (1, *more('vtpm = [ "x" ]')),
    (1, *more('p9 = [ "x" ]')),
    (3, *more('mca_caps = [ "x" ]')),
    (1, LINE, "vcpus 4"),
    (1, LINE, "vcpus ="),
    (1, LINE, "vcpus = four"),
    (1, LINE, "vcpus = -4"),
    (1, LINE, 'vcpus = "4'),
    (1, LINE, "= 4"),
    (1, LINE, "v-cpus = 4"),
    (1, LINE, "vcpus == 4"),
    (1, LINE, "vcpus = { 4 }"),
    (1, 'type = "hvm"', 'type = [ "hvm" "pv" ]'),
    (1, '"0000:03:00.1",', '"0000:03:00.1"'),
]  # fmt: skip

_NAMES = [f"{number}-{new.removeprefix(LINE).strip()[:32]}" for number, (_, _, new) in enumerate(REFUSED)]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("status", "old", "new"), REFUSED, ids=_NAMES)
def test_what_xl_refuses_is_found(real, release, status, old, new):
    """xl ends with its own status, and our own check, which needs no xl, says no as well."""
    assert old in SOUND
    text = SOUND.replace(old, new, 1)
    assert real(release).judge(text).status == status
    assert [f.what for f in validate(text, release) if f.level == "fail"]


@pytest.mark.parametrize("release", RELEASES)
def test_no_broken_file_of_the_other_tests_is_refused_by_xl_alone(real, release):
    """Of the files that our check is tested with, those that xl refuses are called failures here too."""
    texts = [SOUND.replace(old, new, 1) for old, new, *_ in BROKEN]
    refused = [text for text in texts if real(release).judge(text).status]
    assert len(refused) >= 5
    assert [text for text in refused if not any(f.level == "fail" for f in validate(text, release))] == []


SILENT = [
    # (what stands there, what is put in its place, what xl then leaves out)
    (SOUND[SOUND.index("disk = [") : SOUND.index("boot =")], f'disk = "{DISK}"\n', "disks"),
    (SOUND[SOUND.index("vif = [") : SOUND.index("# Devices")], f'vif = "{CARD}"\n', "nics"),
    (SOUND[SOUND.index("pci = [") : SOUND.index("# Its screen")], f"pci = {PCI}\n", "pcidevs"),
    (LINE, 'vcpus = "four"', None),
    (CARD, CARD.replace("model", "modell"), None),
    (CARD, f"{CARD}, type=virtual", None),
    (PCI, '"0f:00.0,permissive=yes"', None),
    ("target=/dev/guests/windows", "target=", None),
    (*more('rdm = "policy=lax"'), None),
]


@pytest.mark.parametrize(("old", "new", "missing"), SILENT, ids=[new[:40] for _, new, _ in SILENT])
def test_what_xl_skips_is_found(real, old, new, missing):
    """xl takes these files and starts another guest than was meant; our check is stricter than xl."""
    text = SOUND.replace(old, new, 1)
    said = real("trixie").judge(text)
    assert (old in SOUND, said.status, missing in said.made) == (True, 0, False)
    assert [f for f in validate(text, "trixie") if f.level == "fail"]


TAKEN = [
    more("maxvcpus = 8", 'cpus = "2-5,^3"', 'cpus_soft = [ "0", "1", "all" ]'),
    more('tsc_mode = "always_emulate"', 'timer_mode = "one_missed_tick_pending"', 'hdtype = "ahci"'),
    more('vga = "stdvga"', "videoram = 16", 'bios = "seabios"', 'passthrough = "share_pt"'),
    more("gfx_passthru = 1", "altp2m = 0", 'ms_vm_genid = "generate"', 'vendor_device = "none"'),
    more('irqs = [ "5", "6" ]', 'ioports = [ "2f8-2ff", "3f8" ]', 'iomem = [ "fed40,5", "fed50,1@fed60" ]'),
    more('usbctrl = [ "type=devicemodel,version=3,ports=8" ]', 'usbdev = [ "hostbus=1,hostaddr=3" ]'),
    more('channel = [ "connection=pty,name=a", "name=b, path=/run/b, connection=socket" ]'),
    more('vtpm = [ "backend=domU" ]', 'mca_caps = [ "lmce" ]', 'rdm = "strategy=host,policy=relaxed"'),
    more('p9 = [ "tag=share,security_model=none,path=/srv" ]'),
    (DISK, "/dev/guests/windows,raw,hda,w"),
    (DISK, "/dev/guests/windows,,hda"),
    (DISK, "phy:/dev/guests/windows,hda,w"),
    (DISK, "vdev=hda, discard, direct-io-safe, backendtype=phy, target=/dev/guests/windows"),
    (DISK, "/dev/guests/windows, format=raw, vdev=hda, access=rw"),
    (DISK, "format=qcow2, vdev=hda, script=block-x, target=/srv/a=b,c.qcow2"),
    ("format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/srv/iso/windows.iso", "/srv/x.iso,,hdc:cdrom,r"),
    ("format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/srv/iso/windows.iso", ",,hdc,cdrom"),
    ("format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/srv/iso/windows.iso", "/srv/x.iso,,hdc,r,devtype=cdrom"),
    (CARD, f"{CARD}, rate=10Mb/s, type=ioemu, vifname=win0, trusted"),
    (CARD, f"{CARD}, rate=1MB/s@20ms"),
    (PCI, '"0f:00.0@1f,permissive=0,msitranslate=1,power_mgmt=1,rdm_policy=strict"'),
    (PCI, '"bdf=0f:00.0,rdm_policy=strict"'),
    ('[ "defaults", "stimer"', '[ "all", "!stimer"'),
    (LINE, "vcpus = '4'; # four"),
]  # fmt: skip


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("old", "new"), TAKEN, ids=[new.removeprefix(LINE).strip()[:40] for _, new in TAKEN])
def test_what_xl_takes_is_no_failure(real, release, old, new):
    """Every way of saying it that xl knows passes our check too: nobody is stopped for a matter of taste."""
    assert old in SOUND
    text = SOUND.replace(old, new, 1)
    said = real(release).judge(text)
    assert (said.status, unexpected(said.said)) == (0, [])
    assert [f.what for f in validate(text, release) if f.level == "fail"] == []


def test_without_a_compiler_the_reason_is_said(monkeypatch, tmp_path):
    """A machine that lacks what the oracle needs skips with a reason that names it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(oracle.NotHere, match="no C compiler; install gcc"):
        oracle.open_xl("trixie", tmp_path)


def test_without_a_network_both_releases_are_given_up_after_one_try(monkeypatch, tmp_path):
    """apt's own words are the reason, nothing half is left behind, and apt is not tried again."""
    monkeypatch.setattr(packages, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(packages, "_network", cache(list))
    tried = tmp_path / "tried"
    (tmp_path / "apt-get").write_text(
        f"#!/bin/sh\necho x >>{tried}; echo 'E: no route to it' >&2; exit 100\n"
    )
    (tmp_path / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for release in RELEASES:
        with pytest.raises(oracle.NotHere, match="could not be fetched: E: no route to it"):
            oracle.open_xl(release, tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []
    assert tried.read_text().split() == ["x"]
