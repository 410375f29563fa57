"""`runbook new` takes what a person chose, whole groups, and nothing else; what is hidden already stays so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runbook import proposal
from runbook.cli import main
from runbook.errors import ParamsError, Refused
from runbook.facts import modules
from runbook.hosts import capture
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import HostParams, loads
from runbook.params.host import Ssh
from runbook.proposal.chosen import NOTHING, Choice, choice
from runbook.show.form.draft import Draft
from runbook.show.form.picker import HIDDEN, give, rows
from runbook.survey import read
from tests.machines import build
from tests.machines.form import machines
from tests.proposal.test_new import RECORDED, offered, root, uncommented
from tests.survey.machines import Pci, _file, bare, devices, dom0

TWO = (
    Pci("0000:03:00.0", "10de:1b80", "030000", group=7),
    Pci("0000:03:00.1", "10de:10f0", "040300", group=7),
)
CARD, OTHER = Pci("0000:04:00.0", group=8), Pci("0000:05:00.0", group=9)


def written(facts: Facts, asked: Choice = NOTHING) -> tuple[str, HostParams]:
    text = proposal.write("box", Ssh(to="root@box"), proposal.read(root(facts), asked))
    return text, loads(text, Path("box.yml"))


def taken(params: HostParams) -> list[str]:
    return [d.bdf for d in params.passthrough.devices]


def with_file(facts: Facts, text: str) -> Facts:
    return Facts({**facts, Ask.read(modules.OPTIONS): Answer(0, text)})


def test_nothing_is_taken_that_nobody_chose():
    """Without a word nothing is hidden; by one address its whole group is, and the example guest has it; --all takes the rest."""
    machine = devices(*TWO, CARD, OTHER)
    text, params = written(machine)
    assert (taken(params), offered(text)) == (
        [],
        ["0000:03:00.0", "0000:03:00.1", "0000:04:00.0", "0000:05:00.0"],
    )
    text, params = written(machine, choice(("03:00.1",)))
    assert (taken(params), offered(text)) == (
        ["0000:03:00.0", "0000:03:00.1"],
        ["0000:04:00.0", "0000:05:00.0"],
    )
    assert "#     pci: [0000:03:00.0, 0000:03:00.1]" in text
    text, params = written(machine, choice((), takes_all=True))
    assert (len(taken(params)), offered(text)) == (4, [])


def test_an_offer_can_be_uncommented():
    """The block uncommented as an editor does it hides all that is offered, and says nothing else."""
    text, params = written(devices(*TWO, CARD, OTHER))
    more = loads(uncommented(text), Path("box.yml"))
    assert taken(more) == offered(text)
    assert more.model_copy(update={"passthrough": params.passthrough}) == params


def test_an_offer_can_be_picked_in_the_form(tmp_path):
    """The form's first choice becomes an item above the offers, which stay as they are."""
    facts = devices(*TWO, CARD)
    text, _ = written(facts)
    (tmp_path / "box.yml").write_text(text)
    draft = Draft.open(tmp_path / "box.yml")
    row = next(
        r for r in rows(draft.values(), read(facts)) if r.group.bdfs == ("0000:03:00.0", "0000:03:00.1")
    )
    after = give(draft, row.group, HIDDEN)
    checked = after.check()
    assert isinstance(checked, HostParams)
    assert taken(checked) == ["0000:03:00.0", "0000:03:00.1"]
    assert offered(after.text) == offered(text)


REFUSED = {
    "0000:00:08.0": "dom0 uses /, /boot, /boot/efi on its disk vda",
    "0000:00:03.0": "it carries this ssh session (enp0s3)",
    "0000:00:00.0": "it is a bridge, and Xen gives no bridge to a guest",
}


@pytest.mark.parametrize("address", REFUSED)
def test_what_must_stay_is_refused_with_the_reason(address):
    """The root disk's controller, the card of the session and a bridge are given to nobody, whoever asks."""
    with pytest.raises(Refused, match=f"{address}.* must stay with dom0") as caught:
        written(bare(), choice((address,)))
    assert REFUSED[address] in caught.value.why
    assert caught.value.do


def test_an_address_that_is_none_is_an_error():
    """A slot that is empty, and a word that is no address, say how to find the right one."""
    with pytest.raises(ParamsError, match=r"There is no device 0000:09:00\.0") as caught:
        written(bare(), choice(("09:00.0",)))
    assert "lspci -D" in caught.value.do
    with pytest.raises(ParamsError, match="--pass names no device"):
        choice(("the graphics card",))


def test_a_device_that_no_file_can_name_is_refused():
    """What Linux numbers behind a controller has no address that Xen knows, and is refused as that."""
    with pytest.raises(Refused, match=r"10000:e1:00\.0"):
        written(devices(Pci("10000:e1:00.0", "144d:a80a", "010802", group=3)), choice(("10000:e1:00.0",)))


def test_a_card_that_only_a_suggestion_keeps_can_be_chosen():
    """Idle cards that `new` would put on a second bridge are guests' when a person says so, and it is not made."""
    _, params = written(bare())
    assert [b.name for b in params.network.bridges] == ["xenbr0", "xenbr1"]
    _, params = written(bare(), choice(("00:04.0", "00:05.0")))
    assert [b.name for b in params.network.bridges] == ["xenbr0"]
    assert taken(params) == ["0000:00:04.0", "0000:00:05.0"]


def test_what_is_hidden_stays_hidden():
    """Under Xen the devices that pciback holds stand active, those that it could have besides are offers.

    So is an idle card: where Xen runs already, no bridge is suggested beside its owner's.
    """
    idle = ["0000:00:04.0"]
    text, params = written(dom0())
    assert (taken(params), offered(text)) == (["0000:00:05.0", "0000:00:06.0", "0000:00:07.0"], idle)
    assert "The first ones are hidden now, and stay so." in text
    bound = _file("pci-links").replace("drivers/e1000e", "drivers/pciback")
    links = "".join(line for line in bound.splitlines(keepends=True) if "iommu_group" not in line)
    text, params = written(dom0(pci_links=links))
    assert (taken(params), offered(text)) == (["0000:00:05.0"], [*idle, "0000:00:06.0", "0000:00:07.0"])
    text, params = written(dom0(pci_links=links), choice(("00:07.0",)))
    assert (taken(params), offered(text)) == (["0000:00:05.0", "0000:00:07.0"], [*idle, "0000:00:06.0"])


def test_what_plain_debian_is_told_to_hide_stays_so():
    """On plain Debian the hide list of its file is kept; an address that dom0 needs, or of no device, is said and left out."""
    text, params = written(with_file(
        bare(), "options xen-pciback hide=(0000:00:06.0)(00:08.0)(0000:09:00.0)\nsoftdep xhci_pci pre: xen-pciback\n"
    ))  # fmt: skip
    assert (taken(params), offered(text)) == (["0000:00:06.0"], ["0000:00:05.0", "0000:00:07.0"])
    said = " ".join(text.replace("#", " ").split())
    assert "hides 0000:00:08.0 too, but dom0 needs it: it is left out here." in said
    assert "hides 0000:09:00.0 too, but no such device is there now: it is left out here." in said


def call(*words: str) -> Any:
    return CliRunner().invoke(main, ["new", "demo", "--like", str(RECORDED), *words], catch_exceptions=False)


def test_the_command_takes_what_it_is_told(tmp_path):
    """--pass is repeatable, says how many it took and how many are on offer, and writes nothing when it refuses."""
    out = tmp_path / "demo.yml"
    done = call("--out", str(out), "--pass", "00:05.0", "--pass", "0000:00:07.0")
    assert done.exit_code == 0
    assert "2 devices for guests, 1 more on offer" in done.stderr
    assert taken(loads(out.read_text(), out)) == ["0000:00:05.0", "0000:00:07.0"]
    out.unlink()
    done = call("--out", str(out), "--pass", "00:08.0")
    assert (done.exit_code, out.exists()) == (3, False)
    assert "dom0 uses /" in done.output
    assert "--pass" in CliRunner().invoke(main, ["new", "--help"]).output


def of_machine(name: str, place: Path) -> Path:
    """Return a capture of a machine of the corpus."""
    facts = build.facts(next(m for m in machines() if m.name == name))
    capture.save(
        place, "2026-11-30", [capture.Said(f"q{n}", a, facts[a]) for n, a in enumerate(facts)], "host: box\n"
    )
    return place


def test_all_of_nothing_is_said(tmp_path):
    """--all on a machine where nothing is offered writes the file, and says that it took nothing."""
    place = of_machine("x58-gtx570", tmp_path / "box")
    for words, is_said in ((["--all"], True), ([], False)):
        out = tmp_path / f"{is_said}.yml"
        done = CliRunner().invoke(main, ["new", "box", "--capture", str(place), "--out", str(out), *words])
        assert done.exit_code == 0, done.output
        assert ("--all took nothing" in done.stderr) is is_said
        assert taken(loads(out.read_text(), out)) == []


def test_what_nobody_would_offer_is_taken_with_a_word(tmp_path):
    """A card without a known group is taken when it is named, and the terminal says why it was no offer, and the move."""
    place, out = of_machine("katana-17-vmd", tmp_path / "box"), tmp_path / "box.yml"
    words = ["new", "box", "--capture", str(place), "--out", str(out), "--pass", "01:00.0"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "0000:01:00.0 is taken, and would not be offered: " in done.stderr
    offered_one = CliRunner().invoke(
        main, ["new", "box", "--like", str(RECORDED), "--out", str(tmp_path / "x.yml"), "--pass", "00:05.0"]
    )
    assert "would not be offered" not in offered_one.stderr


def test_a_card_whose_functions_lie_in_several_groups_names_them_all():
    """It goes to one guest whole, so no group's number alone stands above it."""
    split = (*TWO, Pci("0000:03:00.2", "10de:1ad6", "0c0330", group=8))
    text, _ = written(devices(*split))
    assert "## one device in the IOMMU groups 7, 8: these go to one guest together" in text
    assert "## IOMMU group 7: these go" in written(devices(*TWO))[0]
