"""The rendered xl.cfg of a guest: deterministic, readable, and free of the guide's faults."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from runbook import releases
from runbook.guests import config
from runbook.guests.syntax import parse
from runbook.guests.validate import known_keys, validate
from runbook.params import HostParams, load

ROOT = Path(__file__).parents[2]
VICTORY = load(ROOT / "params/victory.yml")
TRIXIE = releases.get("trixie")


def rendered(name, installed=False, params=VICTORY):
    guest = next(g for g in params.guests if g.name == name)
    return config.render(params, guest, TRIXIE, installed)


def changed(name, **values):
    """Return victory with other values for one guest."""
    raw = VICTORY.model_dump()
    raw["guests"] = [{**g, **values} if g["name"] == name else g for g in raw["guests"]]
    return HostParams.model_validate(raw)


@pytest.mark.parametrize("name", ["ipfire", "comm", "nginx", "windows"])
@pytest.mark.parametrize("installed", [False, True])
@pytest.mark.parametrize("release", ["trixie", "bookworm"])
def test_every_guest_of_the_guide_breaks_no_rule(name, installed, release):
    """What is rendered for the guide's guests passes every check, on both releases."""
    assert validate(rendered(name, installed), release) == []


def test_the_same_parameters_give_the_same_text():
    """Rendering twice gives the same bytes, so a second run changes nothing."""
    assert rendered("windows") == rendered("windows")


def test_windows_is_as_the_guide_wants_it_without_its_faults():
    """The guide's largest guest, value by value (H701-H715)."""
    assert parse(rendered("windows")).values == {
        "name": "windows",
        "uuid": "debf73ba-03bb-574f-9448-2b946086e7cf",
        "type": "hvm",
        "firmware": "bios",
        "vcpus": 4,
        "memory": 8192,
        "maxmem": 8192,
        "mmio_hole": 3072,
        "localtime": 1,
        "viridian": ("defaults", "stimer", "reference_tsc", "hcall_remote_tlb_flush"),
        "disk": (
            "format=raw, vdev=hda, access=rw, target=/dev/guests/windows",
            "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/srv/iso/windows.iso",
        ),
        "boot": "dc",
        "vga": "stdvga",
        "videoram": 16,
        "vif": ("mac=00:16:3e:14:04:00, bridge=xenbr1, model=e1000",),
        "pci": (
            "0000:00:1d.0,rdm_policy=relaxed",
            "0000:03:00.0",
            "0000:03:00.1",
            "0000:0e:00.0",
            "0000:0f:00.0",
        ),
        "vnc": 1,
        "vnclisten": "127.0.0.1",
        "vncdisplay": 10,
        "vncunused": 0,
        "serial": "pty",
        "usb": 1,
        "usbdevice": ("tablet",),
        "on_poweroff": "destroy",
        "on_reboot": "restart",
        "on_crash": "preserve",
    }


def test_a_linux_guest_has_no_windows_words():
    """Clock in local time and viridian are for Windows only (H708)."""
    assert not {"localtime", "viridian", "mmio_hole"} & set(parse(rendered("comm")).values)


def test_an_installed_guest_starts_from_its_disk_first():
    """Once the disk is written, the disc is only second (H701)."""
    assert parse(rendered("comm", installed=True)).values["boot"] == "cd"


def test_a_guest_without_a_disc_has_one_disk():
    """Without install_media there is no CD-ROM and nothing else to boot from."""
    made = parse(rendered("comm", params=changed("comm", install_media=None)))
    assert (made.text("boot"), len(made.items("disk"))) == ("c", 1)


def test_permissive_is_said_for_the_device_that_needs_it_only():
    """A permissive device does not make the others permissive (H614)."""
    raw = VICTORY.model_dump()
    raw["passthrough"]["devices"][1]["permissive"] = True
    pci = parse(rendered("windows", params=HostParams.model_validate(raw))).items("pci")
    assert [word for word in pci if "permissive" in word] == ["0000:03:00.0,permissive=1"]


def test_free_text_cannot_leave_its_comment():
    """A description of several lines is none; one that holds a setting stays a comment."""
    with pytest.raises(ValidationError, match="one line of printable"):
        changed("comm", what="mail\nnestedhvm = 1")
    params = changed("comm", what="mail # nestedhvm = 1")
    assert "nestedhvm" not in parse(rendered("comm", params=params)).values


def test_another_host_gives_another_identity():
    """Two hosts with a guest of the same name do not share its uuid."""
    other = HostParams.model_validate({**VICTORY.model_dump(), "host": "other"})
    assert config.uuid_of(other, other.guests[0]) != config.uuid_of(VICTORY, VICTORY.guests[0])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("install_media", "debian.iso", "not a file on the host"),
        ("install_media", '/srv/"x.iso', "not a file on the host"),
        ("vnc_listen", "0.0.0.0:15", "not an address to listen on"),
        ("vnc_listen", "::1", "not an address to listen on"),
    ],
)
def test_a_value_that_would_break_the_file_is_refused(key, value, said):
    """A path or address that cannot stand in an xl.cfg ends at the parameters."""
    with pytest.raises(ValueError, match=said):
        changed("comm", **{key: value})


@pytest.mark.parametrize(("release", "count"), [("trixie", 166), ("bookworm", 158), ("wheezy", 0)])
def test_the_words_of_each_release_are_known(release, count):
    """The key lists hold every word that the release's xl reads; wheezy has no list."""
    assert len(known_keys(release)) == count
