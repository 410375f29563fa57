"""What xl accepts silently is found; each rule fires on one broken line and not on the sound file."""

from pathlib import Path

import pytest

from runbook import releases
from runbook.guests import config
from runbook.guests.claims import conflicts
from runbook.guests.syntax import Unreadable, parse
from runbook.guests.validate import validate
from runbook.params import load

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
VICTORY = load(ROOT / "params/victory.yml")
SOUND = config.render(VICTORY, VICTORY.guests[3], releases.get("trixie"), False)

BROKEN = [
    # (what stands there, what is put in its place, level, words of the finding, its source)
    ("vcpus = 4", "vcpu = 4", "fail", "xl does not know `vcpu`", ""),
    ("vcpus = 4", "vcpus = 4\nvcpus = 2", "warn", "`vcpus` is given twice", "xl.cfg(5)"),
    ('name = "windows"\n', "", "fail", "no `name`", "xl.cfg(5)"),
    ('type = "hvm"\n', "", "warn", "no `type`", "H706"),
    ('type = "hvm"', 'builder = "hvm"', "warn", "`builder`", "H706"),
    ("vcpus = 4", 'device_model_version = "qemu-xen-traditional"', "fail", "qemu-xen-traditional", "H705"),
    ("vcpus = 4", 'tsc_mode = "native"', "warn", "tsc_mode", "H707"),
    ('on_crash = "preserve"\n', "", "warn", "no `on_crash`", "H710"),
    ('firmware = "bios"', 'firmware = "ovmf"', "warn", 'firmware is "ovmf"', ""),
    ('firmware = "bios"', 'firmware = "efi"', "fail", 'firmware is "efi"', ""),
    ("maxmem = 8192", "maxmem = 9000", "fail", "maxmem (9000) is more than memory (8192)", "H710"),
    ("memory = 8192\n", "", "fail", "no `memory`", "xl.cfg(5)"),
    ("mmio_hole = 3072", "mmio_hole = 4096", "fail", "mmio_hole is 4096", "xl.cfg(5)"),
    ('boot = "dc"', 'boot = "xyz"', "fail", 'boot is "xyz"', ""),
    ("devtype=cdrom, ", "", "warn", "there is no disc", "H701"),
    ("vnc = 1", "sdl = 1\nvnc = 1", "fail", "sdl is 1", ""),
    ('"127.0.0.1"', '"0.0.0.0"', "warn", "VNC listens on 0.0.0.0", "H702"),
    (
        '"127.0.0.1"',
        '"127.0.0.1:10"',
        "fail",
        "VNC listens on 127.0.0.1:10, and there is a vncdisplay",
        "xl.cfg(5)",
    ),
    ("vncunused = 0\n", "", "warn", "vncunused is not 0", ""),
    ("vcpus = 4", 'passthrough = "disabled"', "fail", 'passthrough is "disabled"', ""),
    ("vcpus = 4", 'rdm = "strategy=hst"', "fail", 'strategy "hst"', ""),
    ("vcpus = 4", "pci_seize = 1", "warn", "pci_seize is 1", ""),
    ('"0000:03:00.1"', '"03:00.0"', "fail", "the device 0000:03:00.0 is given twice", ""),
    ('"0000:0f:00.0"', '"0f:0.x"', "fail", "not a PCI address", "xl-pci-configuration(5)"),
    ("rdm_policy=relaxed", "rdmpolicy=relaxed", "fail", "no option rdmpolicy", "xl-pci-configuration(5)"),
    ("rdm_policy=relaxed", "seize=1", "warn", "says seize=1", ""),
    ("mac=00:16:3e:14:04:00, ", "", "warn", "has no mac=", "H704"),
    ("00:16:3e:14:04:00", "00:16:3e:14:04", "fail", "not six pairs", ""),
    ("00:16:3e:14:04:00", "01:16:3e:14:04:00", "fail", "multicast", ""),
    ("bridge=xenbr1, ", "", "warn", "names no bridge", "xl-network-configuration(5)"),
    ("vdev=hdc", "vdev=hda", "fail", "two disks are the drive hda", "xl-disk-configuration(5)"),
    (
        "vdev=hdc, access=ro, devtype=cdrom, target=/srv/iso/windows.iso",
        "vdev=hdb, target=/dev/mapper/guests-windows",
        "fail",
        "/dev/guests/windows is in the list twice",
        "",
    ),
    ("vcpus = 4", "vcpus = [ 4", "fail", "xl cannot read it", "xl.cfg(5), SYNTAX"),
]


@pytest.mark.parametrize(("old", "new", "level", "words", "source"), BROKEN, ids=[b[3][:30] for b in BROKEN])
def test_a_broken_line_is_found(old, new, level, words, source):
    """Each fault gives a finding of its level that says what is wrong and what to do."""
    assert old in SOUND
    found = validate(SOUND.replace(old, new, 1), "trixie", "x.cfg")
    assert (level, source) in [(f.level, f.source) for f in found if words in f.what]
    assert all(f.what.startswith("x.cfg") and f.do for f in found)


def test_the_sound_file_has_no_finding():
    """The file that the cases above break is itself without a finding."""
    assert validate(SOUND, "trixie") == []


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("ipfire", {"H702", "H704", "H706", "H707", "H710", ""}),
        ("windows", {"H702", "H704", "H705", "H706", "H710", ""}),
    ],
)
def test_the_guides_own_files_are_read_and_their_faults_named(case, expected):
    """The guide's configurations of 2013 are understood, and their faults found in them."""
    found = validate((CASES / f"guide_{case}.cfg").read_text(), "trixie")
    assert {f.source for f in found} == expected


def test_two_files_that_claim_the_same_are_named():
    """A disk, a device, a MAC, an identity and a VNC display in two files are each reported with both files."""
    other = SOUND.replace('name = "windows"', 'name = "copy"').replace("/dev/guests/", "/dev/mapper/guests-")
    found = conflicts({"/etc/xen/a.cfg": SOUND, "/etc/xen/b.cfg": other})
    assert {f.what.split(" is claimed")[0] for f in found} == {
        "The MAC 00:16:3e:14:04:00",
        "The VNC display 10",
        "The uuid debf73ba-03bb-574f-9448-2b946086e7cf",
        "The disk /dev/guests/windows",
        *(f"The device 0000:{bdf}" for bdf in ("00:1d.0", "03:00.0", "03:00.1", "0e:00.0", "0f:00.0")),
    }
    assert all("/etc/xen/a.cfg and /etc/xen/b.cfg" in f.what for f in found)


def test_the_guests_of_one_host_do_not_conflict():
    """The four guests share one installation disc and nothing else."""
    release = releases.get("trixie")
    assert conflicts({g.name: config.render(VICTORY, g, release, False) for g in VICTORY.guests}) == []


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1;b='x' # c\n", {"a": 1, "b": "x"}),
        ("a = [\n 'x', # first\n\n 'y'\n,\n]\n", {"a": ("x", "y")}),
        ("a = ['x']\na += ['y']", {"a": ("x", "y")}),
        ("a = 0x10", {"a": "0x10"}),
        ('a = "it\'s; [#] = x"', {"a": "it's; [#] = x"}),
        ("", {}),
    ],
)
def test_the_syntax_of_xl_is_read(text, values):
    """Comments, both quotation marks, lists over lines and `+=` mean what they mean to xl."""
    assert parse(text).values == values


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("a = 1\nb", 2, "the file ends"),
        ("a = 1\n= 2", 2, "starts with `=`"),
        ("a = x", 1, "texts need quotation marks"),
        ("a = ['x' 'y']", 1, "a comma is missing"),
        ("a = 'x\n", 1, "is a quotation mark missing?"),
        ("a = 1 2", 1, "stands after the value"),
        ("a =\nb = 1", 1, "the end of the line"),
        ("a = ['x',\n", 1, "is a `]` missing?"),
    ],
)
def test_a_syntax_error_names_its_line(text, line, why):
    """What xl would call a syntax error is refused with line and reason."""
    with pytest.raises(Unreadable, match=r".") as error:
        parse(text)
    assert (error.value.line, why in error.value.why) == (line, True)
