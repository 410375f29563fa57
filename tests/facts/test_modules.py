"""Who would claim a device, and whether the RAM disks know: parsed, and asked for real in a small tree."""

import os
import subprocess

from runbook.facts import modules
from runbook.model.ask import Answer, Facts
from tests.steps.machine import like_testbed

CLAIMS = """\
= 0000:00:05.0 8086:10d3 pciback
claims e1000e
= 0000:00:06.0 1b36:000d xhci_hcd
claims xhci_pci
= 0000:00:07.0 8086:293e
claims snd_hda_intel snd_sof_pci_intel_cnl
pciback
builtin ahci
"""
IMAGES = """\
kernel vmlinuz-6.12.117+deb13-amd64 12171200
image initrd.img-6.12.117+deb13-amd64 38205673
stale initrd.img-6.12.117+deb13-amd64
new initrd.img-6.12.117+deb13-amd64
image initrd.img-6.1.0-old.bak 11
stale initrd.img-6.1.0-old.bak
"""


def parsed(claims: str = CLAIMS, images: str = IMAGES) -> modules.Hiding:
    params = like_testbed()
    answers = (claims, images, "", "")
    return modules.parse(
        Facts(dict(zip(modules.commands(params), (Answer(0, a) for a in answers), strict=True))), params
    )


def test_devices_with_drivers_and_modules():
    """A module is told besides the driver: xhci_hcd is the driver, xhci_pci the module."""
    now = parsed()
    assert now.device("0000:00:06.0") == modules.Candidate(
        "0000:00:06.0", "1b36:000d", "xhci_hcd", ("xhci_pci",)
    )
    unbound = now.device("0000:00:07.0")
    assert unbound is not None
    assert (unbound.driver, len(unbound.modules)) == ("", 2)
    assert now.device("0000:00:09.0") is None


def test_built_in_drivers_and_pciback():
    """What cannot be held back is told, and whether the kernel has xen-pciback."""
    assert (parsed().builtin, parsed().has_pciback) == (("ahci",), True)
    assert parsed(claims="").has_pciback is False


def test_images_without_a_kernel_do_not_count():
    """A forgotten copy of an old RAM disk is never rebuilt, so it is not waited for."""
    now = parsed()
    assert now.images == now.stale == ("initrd.img-6.12.117+deb13-amd64",)
    assert now.largest_image_mib == 37
    assert now.built_since_boot is True
    assert parsed(images="image initrd.img-1 5\n").images == ()


def test_the_question_names_age_by_the_folder_too(tmp_path):
    """A real find tells a RAM disk that is older than the folder of options, and forgets it when rebuilt."""
    boot, conf, early = tmp_path / "boot", tmp_path / "modprobe.d", tmp_path / "modules"
    for folder in (boot, conf):
        folder.mkdir()
    for file in (boot / "vmlinuz-6", boot / "initrd.img-6", early):
        file.touch()
    script = modules._IMAGES.argv[2].replace("/boot ", f"{boot} ").replace(modules.EARLY, str(early))
    script = script.replace("/etc/modprobe.d", str(conf))

    def stale(image: float, options: float, listed: float) -> bool:
        os.utime(boot / "initrd.img-6", (image, image))
        os.utime(conf, (options, options))
        os.utime(early, (listed, listed))
        said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert "kernel vmlinuz-6 0" in said.stdout
        assert "image initrd.img-6 0" in said.stdout
        return "stale initrd.img-6" in said.stdout

    assert stale(10, 20, 5)
    assert stale(10, 5, 20)
    assert not stale(30, 20, 20)


def test_no_devices_need_no_question():
    """Without devices the host is not searched for any."""
    params = like_testbed(passthrough={"devices": []}, guests=[], management={})
    assert modules._claims(params).argv == ("sh", "-c", "true")
