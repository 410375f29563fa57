"""Two configurations that ask the same of xl, and two that do not."""

import pytest

from runbook import releases
from runbook.guests import config, seal
from runbook.guests.effect import differences
from runbook.guests.standing import standing
from runbook.guests.syntax import parse
from tests.guests.test_config import VICTORY, rendered

WINDOWS = "name = 'w'\ntype = 'hvm'\nmemory = 1024\n"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "builder = 'hvm'\nmemory = '1024'\n",
            "type = 'hvm'\nmemory = 1024\nmaxmem = 1024\nvcpus = 1\nmaxvcpus = 1\n",
        ),
        (
            "disk = ['phy:/dev/guests/w,hda,w']\n",
            "disk = [ 'access=rw, vdev=hda, format=raw, target=/dev/guests/w' ]\n",
        ),
        ("disk = ['file:/a.iso,hdc:cdrom,r']\n", "disk = [ '/a.iso,raw,hdc,ro,cdrom' ]\n"),
        ("type='hvm'\nbios = 'seabios'\nacpi = 1\n", "type='hvm'\nfirmware = 'bios'\nxen_platform_pci = 1\n"),
        (
            "type='hvm'\nstdvga = 1\nvnclisten = '127.0.0.1:2'\n",
            "type='hvm'\nvga = 'stdvga'\nvncdisplay = 2\n",
        ),
        (
            "pci = ['03:00.0']\npci_permissive = 1\n",
            "pci_permissive = 1\npci = ['0000:03:00.0,permissive=1']\n",
        ),
        ("vif = ['mac=00:16:3E:00:00:01, bridge=xenbr0']\n", "vif = ['mac=00:16:3e:00:00:01,type=ioemu']\n"),
        ("usbdevice = 'tablet'\nserial = ['pty']\n", "usbdevice = ['tablet']\nserial = 'pty'\n"),
        ("latency = 0\nlocaldate = 0\n", "on_xend_stop = 'shutdown'\nlatency = 0\n"),
    ],
)
def test_style_is_no_difference(one, other):
    """Old words and new ones, what holds anyway, other orders, and words that xl skips ask for the same guest."""
    assert differences(parse(one), parse(other), "trixie") == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("uuid = '1-2'\n", "uuid: 1-2 → nothing"),
        ("cpus = '2-9'\n", "cpus: 2-9 → nothing"),
        ("firmware = 'ovmf'\n", "firmware: uefi → bios"),
        ("on_crash = 'restart'\n", "on_crash: restart → destroy"),
        ("usbctrl = ['version=3,ports=8']\n", "usbctrl 1: ports=8,version=3 → nothing"),
        (
            "disk = ['/dev/a/b,raw,hda,w', 'phy:/dev/a/c,hdb,w']\n",
            "second disk hdb: /dev/a/c, raw, rw → nothing",
        ),
        ("pci = ['03:00.0,permissive=1']\n", "device 0000:03:00.0: permissive=1 → nothing"),
        ("vif = ['rate=1Mb/s']\n", "network card 1: bridge=xenbr0, rate=1Mb/s → nothing"),
        ("memory = 2048\n", "memory: 2048 → 1024"),
    ],
)
def test_each_thing_that_goes_is_named(more, said):
    """What the one asks for and the other does not is said in the words of xl.cfg, with what comes instead."""
    there, wanted = (
        parse(WINDOWS + more),
        parse(WINDOWS + "disk = ['/dev/a/b,raw,hda,w']\n" * ("hdb" in more)),
    )
    (difference,) = [d for d in differences(there, wanted, "trixie") if d.is_loss]
    assert str(difference) == said


def test_what_the_runbook_wrote_and_nobody_edited_is_its_own():
    """The seal holds for the very text; an edit that changes nothing in effect leaves the file alone, any other is asked about."""
    text = rendered("ipfire")
    other = config.render(
        VICTORY.model_copy(update={"host": "other"}), VICTORY.guests[0], releases.get("trixie"), False
    )
    kinds = {
        "absent": None,
        "wanted": text,
        "sealed": other,
        "equal": text.replace("vnc = 1\n", "# mine\n"),
        "other": text.replace("on_crash", "nomigrate = 1\non_crash"),
    }
    assert seal.is_whole(text)
    assert {kind: standing(there, text, "trixie").kind for kind, there in kinds.items()} == {
        k: k for k in kinds
    }


def test_a_file_that_xl_cannot_read_is_not_thrown_away_unasked():
    """Whatever stands in it, a person wrote it; why xl cannot read it is kept for the finding."""
    found = standing("name = 'w'\nmemory = [ 1024\n", rendered("ipfire"), "trixie")
    assert (found.kind, found.unreadable) == (
        "other",
        "line 2: the file ends in the middle of a value; is a `]` missing?",
    )
