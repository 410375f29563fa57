"""/etc/network/interfaces in paragraphs, and who else manages a card."""

from runbook.facts import interfaces
from runbook.model.ask import Answer, Facts
from tests.steps.machine import sample

FOLDER = """\
/etc/network/interfaces.d/50-cloud-init:auto enp0s3
/etc/network/interfaces.d/50-cloud-init:iface enp0s3 inet dhcp
/etc/network/interfaces.d/wifi:iface wlan0 inet dhcp
"""


def parsed(
    text: str, folder: str = "", manager: str = "", networkd: str = "", wireless: str = ""
) -> interfaces.Interfaces:
    texts = (text, folder, manager, networkd, wireless)
    return interfaces.parse(Facts({a: Answer(0, t) for a, t in zip(interfaces.COMMANDS, texts, strict=True)}))


def test_the_installers_file():
    """The testbed's real file, its comments left out."""
    found = parsed(sample("interfaces.txt")).paragraphs
    assert [(p.keyword, p.words) for p in found] == [
        ("source", ("/etc/network/interfaces.d/*",)),
        ("auto", ("lo",)),
        ("iface", ("lo", "inet", "loopback")),
        ("allow-hotplug", ("enp0s3",)),
        ("iface", ("enp0s3", "inet", "dhcp")),
    ]


def test_options_belong_to_their_interface():
    """Indented or not, and over a line's end, an option stays with the iface before it."""
    found = parsed(
        "iface a inet static\n  address 10.0.0.2/24\nup echo \\\n  hello\n# b\nauto b c\n"
    ).paragraphs
    assert [len(p.lines) for p in found] == [3, 1]
    assert found[1].names == ("b", "c")


def test_files_in_the_folder():
    """Each interface is told with the file that configures it, one file or several."""
    assert parsed("source interfaces.d/*", FOLDER).elsewhere == (
        ("enp0s3", "/etc/network/interfaces.d/50-cloud-init"),
        ("wlan0", "/etc/network/interfaces.d/wifi"),
    )


def test_files_that_nothing_takes_in_sleep():
    """A file of the folder counts where the main file names it, by a pattern or as a directory."""
    assert parsed("", FOLDER).elsewhere == ()
    assert parsed("source /etc/network/interfaces.d/*.cfg", FOLDER).elsewhere == ()
    assert len(parsed("source-directory interfaces.d", FOLDER).elsewhere) == 2
    assert parsed("source interfaces.local interfaces.d/*").unread == ("interfaces.local",)


def test_other_managers():
    """NetworkManager and systemd-networkd count only for the cards that they hold."""
    now = parsed(
        "",
        manager="enp0s3:connected\nenp0s4:unmanaged\n",
        networkd=("  2 enp0s5 ether routable configured\n"),
    )
    assert now.managers == (("enp0s3", "NetworkManager"), ("enp0s5", "systemd-networkd"))


def test_wireless_cards():
    """What no bridge can be built on."""
    assert parsed("", wireless="/sys/class/net/wlp2s0/phy80211\n").wireless == ("wlp2s0",)
