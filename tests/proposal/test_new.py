"""`runbook new`: from a machine's answers to a parameter file that validates, with every reason in it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook import proposal
from runbook.book import Book
from runbook.cli import main
from runbook.controller.atomic import write_atomic
from runbook.engine.journal import Journal
from runbook.errors import ParamsError, Refused
from runbook.hosts import connect
from runbook.model.ask import Answer, Facts
from runbook.params import load, loads
from runbook.params.host import Ssh
from runbook.params.yaml12 import parse, scalar
from runbook.proposal import file
from runbook.proposal.chosen import choice
from runbook.proposal.disks import BY_ID, by_id
from runbook.steps import name_of, notebooks
from tests.recorded import recorded
from tests.storage_answers import findmnt
from tests.survey.machines import Pci, _file, bare, devices, dmar, dom0, lsblk

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "params/example.yml"
CARD = "0000:03:00.0"
WAY = Ssh(to="root@box")


class Machine:
    """A machine that only answers, counts how often it is talked to, and can do nothing else."""

    describe, is_real = "box", True

    def __init__(self, facts):
        self.facts, self.round_trips, self.is_closed = facts, 0, False

    def gather(self, asks):
        self.round_trips += 1
        return Facts({ask: self.facts[ask] if ask in self.facts else Answer(0) for ask in asks})

    def close(self):
        self.is_closed = True


def root(facts, **more):
    """Return facts as root reads them, with more answers by the question's key."""
    answers = {**{a: facts[a] for a in facts}}
    for ask in answers:
        said = {"id -u": "0\n", "uname -n": "box\n", **more}.get(ask.key)
        answers[ask] = answers[ask] if said is None else Answer(0, said)
    return Facts(answers)


def written(facts, *chosen, all=False):
    """Return the file for the machine of the facts, and its parameters."""
    text = proposal.write("box", WAY, proposal.read(root(facts), choice(chosen, takes_all=all)))
    return text, loads(text, Path("box.yml"))


def offered(text):
    """Return the addresses that stand as comments to uncomment above the line of what is not offered."""
    part = text[text.index("\npassthrough:") : text.index("\nstorage:")].partition("## Not offered")[0]
    return re.findall(r"(?m)^    # - bdf: (\S+)$", part)


def uncommented(text):
    """Return a file with the whole block under passthrough.devices uncommented, as an editor does it."""
    start, end = text.index("\npassthrough:"), text.index("\nstorage:")
    return text[:start] + re.sub(r"(?m)^    (?:# |#(?=#))", "    ", text[start:end]) + text[end:]


def call(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def test_the_recorded_host_gets_a_file_that_validates(tmp_path):
    """With --all the file from the recording passes the spare devices by id; its bridges are on the other two cards."""
    done = call("new", "demo", "--like", str(RECORDED), "--all", "--out", str(tmp_path / "demo.yml"))
    assert done.exit_code == 0
    assert done.stdout == f"{tmp_path / 'demo.yml'}\n"
    host, example = load(tmp_path / "demo.yml"), load(RECORDED)
    pinned = [(d.bdf, d.id) for d in host.passthrough.devices]
    assert pinned == [(d.bdf, d.id) for d in example.passthrough.devices]
    assert [(b.name, b.ports) for b in host.network.bridges] == [
        ("xenbr0", ("enp0s3",)),
        ("xenbr1", ("enp0s4",)),
    ]
    assert (host.host, host.connection, host.ram_mib) == ("demo", example.connection, 5925)
    assert host.dom0.memory_mib == example.dom0.memory_mib


DISKS = {"write_guest_configs", "start_guests"}
"""These ask what each disk of the guests is, and the new file has other guests."""


@pytest.mark.parametrize("notebook", [n for n in notebooks() if n != "03_debian_configuration"])
def test_the_recorded_host_can_be_planned_with_it(tmp_path, notebook):
    """Every notebook plans from the recording with the new file and refuses nothing; only 03 asks for the packages
    that the example chose."""
    path = tmp_path / "demo.yml"
    assert call("new", "demo", "--like", str(RECORDED), "--all", "--out", str(path)).exit_code == 0
    host = load(path)
    book = Book(host, "plan", connect(host, notebook), notebook, Journal(None))
    for step in notebooks()[notebook]:
        if not all(ask in book.facts for ask in step.asks(host)):
            # Its questions are newer than the recording, or name the disks of the recording's guests.
            assert name_of(step) not in recorded(notebook) or name_of(step) in DISKS
            continue
        shown = book.plan(name_of(step))
        assert shown.text.startswith(step.TITLE)
        assert not [f for f in step.plan(host, book.facts).findings if f.level in ("refuse", "fail")]


def test_one_round_trip_and_nothing_else():
    """The machine is asked once and let go; whatever else were tried on it would be an error."""
    machine = Machine(root(bare()))
    proposal.look(machine)
    assert (machine.round_trips, machine.is_closed) == (1, True)


def test_a_file_that_is_there_is_not_touched(tmp_path):
    """A second `new` refuses before it looks at the machine; --force writes anew and says so."""
    path = tmp_path / "box.yml"
    path.write_text("mine\n")
    done = call("new", "box", "--to", "root@nowhere.invalid", "--out", str(path))
    assert (done.exit_code, path.read_text()) == (2, "mine\n")
    assert "is there already" in done.output
    done = call("new", "box", "--like", str(RECORDED), "--out", str(path), "--force")
    assert done.exit_code == 0
    assert "written over" in done.stderr
    assert load(path).host == "box"


def test_a_file_that_appears_meanwhile_is_not_touched(tmp_path):
    """What somebody else wrote while the machine was read stays, and nothing of ours is left beside it."""
    path, (text, _) = tmp_path / "box.yml", written(bare())
    path.write_text("mine\n")
    with pytest.raises(FileExistsError):
        write_atomic(path, text, is_new=True)
    assert path.read_text() == "mine\n"
    with pytest.raises(ParamsError, match="is there already"):
        file.save(path, text, force=False)
    assert path.read_text() == "mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["box.yml"]


def test_what_is_not_right_is_not_written(tmp_path):
    """A text that does not validate never becomes a file."""
    with pytest.raises(ParamsError):
        file.save(tmp_path / "x.yml", "host: box\n", force=True)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_cannot_be_reached(tmp_path):
    """The usual error and exit code, and no file."""
    done = call("new", "box", "--to", "root@nowhere.invalid", "--out", str(tmp_path / "box.yml"))
    assert done.exit_code == 5
    assert "Cannot reach root@nowhere.invalid" in done.output
    assert list(tmp_path.iterdir()) == []


def test_ways_exclude_each_other_and_a_name_must_be_one():
    """Two ways to one machine, and an address for a name, are wrong usage."""
    assert call("new", "box", "--local", "--to", "root@box").exit_code == 2
    done = call("new", "192.168.0.10")
    assert done.exit_code == 2
    assert "--to root@192.168.0.10" in " ".join(done.output.split())


def test_only_root_sees_enough():
    """A user's view has no volume groups; the questions are refused as the book refuses them."""
    with pytest.raises(Refused, match="Not root"):
        proposal.read(bare())


def test_what_must_stay_stands_there_with_the_reason():
    """The root disk's controller, the card of the session and that of a bridge have no entry, and a line that says why."""
    text, host = written(bare())
    assert host.passthrough.devices == ()
    said = " ".join(text.replace("#", " ").split())
    for bdf, why in (
        ("0000:00:08.0", "must stay: dom0 uses /, /boot, /boot/efi on its disk vda"),
        (
            "0000:00:03.0",
            "must stay: it carries this ssh session (enp0s3); it carries the default route (enp0s3)",
        ),
        ("0000:00:04.0", "must stay: it becomes a port of the bridge xenbr1 above"),
        ("0000:00:09.0", "must stay: its disk vdb holds the guests' volume group guests"),
    ):
        assert f"{why}: {bdf} (" in said
        assert f"- bdf: {bdf}" not in text


def test_the_screen_stays():
    """The primary graphics card, and its sound in the same slot, are not offered."""
    text, host = written(devices(
        Pci("0000:00:02.0", "8086:0162", "030000", boot_vga=True),
        Pci(CARD, "1002:6738", "030000"),
        Pci("0000:03:00.1", "1002:aa88", "040300"),
    ))  # fmt: skip
    assert (host.passthrough.devices, offered(text)) == ((), [CARD, "0000:03:00.1"])
    assert "needs care, so it is for you to decide: the machine's own screen is on it" in text
    assert "one device: these go to one guest together" in text


def test_groups_are_whole():
    """A device whose neighbour in the IOMMU group must stay is not offered, however far the neighbour is."""
    text, host = written(devices(
        Pci(CARD, group=7),
        Pci("0000:04:00.0", "8086:1234", "010601", ("0000:00:1c.0",), group=7, reset="bus"),
        Pci("0000:04:00.1", "8086:1235", "0c0500", ("0000:00:1c.0",), group=8, reset="bus"),
        Pci("0000:05:00.0", group=9),
        Pci("0000:06:00.0", group=9),
    ))  # fmt: skip
    assert (host.passthrough.devices, offered(text)) == ((), ["0000:05:00.0", "0000:06:00.0"])
    said = " ".join(text.replace("#", " ").split())
    assert (
        "one device in the IOMMU groups 7, 8: these go to one guest together needs care, so it is for you to decide: 0000:04:00.1: it is a bus of the board"
        in said
    )


def test_reserved_memory_gets_the_relaxed_policy():
    """A device for which the firmware keeps memory is offered with the policy that Xen wants for it."""
    text, _ = written(
        devices(Pci("0000:00:1d.0", "8086:1e26", "0c0320"), firmware_tables=dmar(((0, (0x1D, 0)),)))
    )
    host = loads(uncommented(text), Path("box.yml"))
    assert [(d.bdf, d.rdm_policy) for d in host.passthrough.devices] == [("0000:00:1d.0", "relaxed")]


def test_disks_have_names_that_last():
    """A real machine is asked for /dev/disk/by-id, and the name that says most is shown with what is on it."""
    links = "virtio-1234 ../../vda\nvirtio-1234-part1 ../../vda1\nlvm-pv-uuid-x ../../vdb\nwwn-0x5 ../../vdb\nlvm-pv-uuid-y ../../vdc\n"
    facts = root(bare())
    text = proposal.write("box", WAY, proposal.read(Facts({**facts, BY_ID: Answer(0, links)})))
    assert "vda  11.5 GiB, /dev/disk/by-id/virtio-1234: /, /boot, /boot/efi" in text
    assert "vdb  8.0 GiB, /dev/disk/by-id/wwn-0x5: volume group guests" in text
    assert "vdc" not in by_id(links)
    assert BY_ID in proposal.asks()
    assert BY_ID not in proposal.asks(is_real=False)


ROOTS = {
    ("overlay", "overlay"): "/ is on no disk (overlay): this is a live system, and `live` installs from it",
    ("zfs", "rpool/ROOT/debian"): "Debian is there already, and stays as it is; / is zfs, rpool/ROOT/debian",
    ("nfs4", "10.0.0.1:/root"): "Debian is there already, and stays as it is; / is nfs4, 10.0.0.1:/root",
    (): "nobody says where / lies; it stays as it is",
}  # fmt: skip


@pytest.mark.parametrize("root", ROOTS)
def test_a_live_system_is_told_from_an_installed_one(root):
    """Where / is on no disk, the file says what it is, and only of one in memory that it is a live system."""
    blocks = lsblk({"name": "sda", "size": 10**12})
    mounts = findmnt(("/", root[1], root[0], "rw")) if root else ""
    links = "sda ../../devices/pci0000:00/0000:00:1f.2/ata1/sda\n"
    text, _ = written(bare(lsblk_json=blocks, findmnt_json=mounts, block_links=links))
    assert f"method: none  # {ROOTS[root]}\n" in text
    assert "sda  931.3 GiB, no lasting name known: nothing" in text


def test_a_fixed_address_goes_on_the_bridge():
    """A machine with an address of its own keeps it, and the file says which it is."""
    address = re.sub(r'"dynamic":true,', "", _file("ip-addr.json"))
    text, host = written(bare(ip_addr_json=address))
    assert (host.network.bridges[0].ipv4, host.network.bridges[0].gateway) == ("keep", None)
    assert "it keeps 10.0.2.15/24 (fixed)" in text


def test_a_way_that_no_bridge_takes_gets_none():
    """A machine reached over a wireless card gets no bridge on it but one that the host routes for, and the file says why."""
    renamed = {
        n: _file(n).replace("enp0s3", "wlp0s3") for n in ("ip-addr.json", "ip-route.json", "net-links")
    }
    text, host = written(bare(**{n.replace("-", "_").replace(".", "_"): said for n, said in renamed.items()}))
    assert [(b.ports, b.nat) for b in host.network.bridges] == [((), True)]
    assert "No bridge on the way out: wlp0s3 is a wireless card" in text


def test_under_xen_the_machine_is_the_same():
    """dom0 sees neither IOMMU groups nor all memory; what it hides is what plain Debian offers, and stays hidden."""
    text, before = written(bare())
    _, after = written(dom0())
    assert [d.bdf for d in after.passthrough.devices] == offered(text)
    assert (before.ram_mib, after.ram_mib) == (5925, 6137)


def test_without_groups_the_file_warns():
    """Where Linux shows no IOMMU group at all, the file says what is then unknown, and how to know it."""
    facts = {
        "what goes together is not known. To see them, switch the IOMMU on in the firmware": devices(
            Pci(CARD), pci_capabilities=None
        ),
        "To see them, start the host once without Xen, by the plain Debian entry": dom0(kept=None),
        "Under Xen it shows none: Xen says that the IOMMU works (hvm_directio).": dom0(kept=None),
        "Xen says that it has no IOMMU to use.": dom0(kept=None, xl_info="virt_caps : pv hvm\n"),
    }
    for said, seen in facts.items():
        assert said in " ".join(written(seen)[0].replace("#", " ").split())
    assert "Xen says" not in written(dom0(kept=None, xl_info=None))[0].partition("# Linux shows")[2]
    for seen in (bare(), dom0()):
        assert "Linux shows no IOMMU groups" not in written(seen)[0]


def test_another_system_is_named():
    """On a machine that runs no Debian of ours the file validates and says what has to happen first."""
    text, host = written(bare(os_release='PRETTY_NAME="Ubuntu 24.04"\nVERSION_CODENAME=noble\n'))
    assert host.release == "trixie"
    assert "# The machine runs Ubuntu 24.04" in text


def test_the_comments_are_right_too():
    """The guest and the devices in the comments validate when the comment signs are taken away."""
    text, _ = written(bare(), all=True)
    guest = text[text.index("# guests:") :].split("\n\n")[0].replace("# guests", "guests")
    rest = uncommented(text.split("# A guest,")[0])
    host = loads(rest + re.sub(r"(?m)^# ", "", guest), Path("box.yml"))
    assert [g.pci for g in host.guests] == [("0000:00:05.0",)]
    assert [d.bdf[8:] for d in host.passthrough.devices] == ["05.0", "06.0", "07.0", "1f.2", "1f.3"]
    text, _ = written(bare())
    assert re.search("(?m)^#     pci: \\[\\]$", text)


@pytest.mark.parametrize(
    "text",
    [
        "a: b",
        "x #y",
        "- z",
        "null",
        "~",
        "'",
        '"',
        "[x]",
        "{",
        "é",
        "a\nb",
        "a\x85b",
        "\u2028",
        "\x1b",
        "\U0001f600",
        "0123",
        "*a",
        "!x",
    ],
)
def test_any_text_survives_as_a_value(text):
    """A text from a machine comes back from the file as it was, whatever YAML means by its signs."""
    assert parse(f"host: {scalar(text)}\n", Path("x"))[0] == {"host": text}
