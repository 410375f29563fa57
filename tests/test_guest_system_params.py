"""A guest with a system in the parameters: six lines are enough, and what cannot be is said by name."""

import pytest
from pydantic import ValidationError

from runbook.builds import guest_system
from runbook.params import HostParams
from runbook.params.guest_system import keys_of
from runbook.params.guests import Guest

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIyuuHx1CcJ9zfJAGhNGscjMVnJPm0mkgEx5Chsngymp ana@home"
WEB = {
    "name": "web",
    "type": "pvh",
    "memory_mib": 512,
    "volume": {"name": "web", "size_gib": 4},
    "system": {"debian": "trixie"},
}
HOST = {"host": "box", "connection": {"kind": "ssh", "to": "box"}}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"os": "windows", "type": "hvm"}, "os is windows"),
        ({"install_media": "/srv/x.iso", "type": "hvm"}, "would both install the guest"),
        ({"volume": None}, "must be a volume of its own"),
        (
            {"volume": None, "disks": [{"cd": ""}, {"volume": "web", "size_gib": 4}]},
            "must be a volume of its own",
        ),
        ({"volume": None, "disks": [{"volume": "web", "group": "other"}]}, "must be a volume of its own"),
        ({"volume": {"name": "web", "size_gib": 4096}}, "a disk of 1 to 2048 GiB"),
        ({"type": "hvm", "boot": {"kernel": "/boot/vmlinuz"}}, "leave boot.kernel out"),
        ({"system": {"debian": "trixie", "ipv4": "keep"}}, "no address to keep"),
        ({"system": {"debian": "trixie", "gateway": "10.0.0.1"}}, "`gateway` belongs to a fixed address"),
        (
            {"system": {"debian": "trixie", "ipv4": "10.0.0.2/24", "gateway": "10.1.0.1"}},
            "is not in the network",
        ),
        ({"system": {"debian": "sid"}}, "'trixie' or 'bookworm'"),
    ],
)
def test_what_cannot_be_is_said(values, says):
    """Each misfit of a system and its guest is named before any kernel starts."""
    with pytest.raises(ValidationError, match=says):
        Guest.model_validate({**WEB, **values})


def test_a_system_without_a_key_is_refused_and_takes_the_hosts():
    """Nobody could log in; the keys of the installation, else of the users, are taken where it has none of its own."""
    with pytest.raises(ValidationError, match="nobody could log in to the system of guest 'web'"):
        HostParams.model_validate({**HOST, "guests": [WEB]})
    installed = HostParams.model_validate(
        {**HOST, "guests": [WEB], "installation": {"authorized_keys": [KEY]}}
    )
    assert keys_of(installed, installed.guests[0]) == (KEY,)
    users = {"users": [{"name": "ana", "keys": [KEY]}, {"name": "ben", "keys": [KEY]}]}
    host = HostParams.model_validate({**HOST, "guests": [WEB], "configuration": users})
    assert keys_of(host, host.guests[0]) == (KEY,)


def test_the_image_is_one_for_a_kind():
    """Name, keys and size change nothing of it; packages, release, a mirror and passed devices do."""

    def key(**values):
        return guest_system.recipe(Guest.model_validate({**WEB, **values})).key

    same = key()
    assert key(name="other", volume={"name": "o", "size_gib": 9}) == same
    assert key(system={"debian": "trixie", "ipv4": "10.0.0.2/24", "keys": [KEY]}) == same
    others = {
        key(system={"debian": "bookworm"}),
        key(system={"debian": "trixie", "packages": ["nginx"]}),
        key(system={"debian": "trixie", "mirror": "http://mirror.example/debian"}),
        key(type="hvm", pci=["0000:05:00.0"]),
    }
    assert len({*others, same}) == 5


def test_the_kernel_fits_the_guest():
    """Debian's small kernel for virtual machines; the whole one for a guest with devices, or the one that is asked for."""

    def kernels(**values):
        found = guest_system.recipe(Guest.model_validate({**WEB, **values})).packages
        return [name for name in found if name.startswith("linux-image")]

    assert kernels() == ["linux-image-cloud-amd64"]
    assert kernels(type="hvm", pci=["0000:05:00.0"]) == ["linux-image-amd64"]
    assert kernels(system={"debian": "trixie", "packages": ["linux-image-rt-amd64"]}) == [
        "linux-image-rt-amd64"
    ]


def test_the_other_recipes_keep_their_digests():
    """A recipe without a mirror of its own has the digest that it had before there was one: what was built stays built."""
    from runbook.builds.recipe import Recipe

    made = Recipe(name="x", release="trixie", packages=("a",), script="true")
    assert made.digest() == "df644252c634"
    assert Recipe.from_json(made.to_json()) == made
