"""What a capture holds names nobody, and is judged as the machine was."""

import random
import re
import string
from pathlib import Path

import pytest

from runbook import proposal
from runbook.captures import cleaned, people, questions, taken
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import loads
from runbook.params.host import Local
from runbook.redaction import aliases as redaction
from runbook.redaction.aliases import Aliases
from runbook.steps import notebooks, steps_of
from tests.captures.hosts import BLOB, CANARIES, MACHINES, PARAMS, Toy, accounts, everything, files, lived_in


def clean(answers, params=PARAMS, text=""):
    extra = {ask: answer for ask, answer in accounts().items() if ask not in answers or len(answers) > 2}
    return cleaned.clean(answers, extra, (params,), text)


def surviving(text):
    low = text.lower()
    return {canary for canary in CANARIES if canary.lower() in low}


def test_no_canary_survives_in_the_answer_to_any_question():
    """Each of all questions, answered with every name, number and secret in many forms, is written without them."""
    answers = everything()
    done = clean(answers, text=BLOB)
    left = {
        ask.key: found for ask, a in done.answers.items() if (found := surviving(ask.key + a.out + a.err))
    }
    assert left == {}
    assert len(done.answers) == len(answers)
    assert not surviving(done.params)


def test_no_canary_survives_in_the_folder_of_a_host_that_is_lived_in(tmp_path):
    """Asked, cleaned and written as a person does it: no file and no name of a file holds one."""
    found = taken.take(Toy(lived_in()), PARAMS, None)
    taken.save(found, tmp_path / "box")
    assert found.warnings == ()
    written = files(tmp_path / "box")
    assert len(written) > 60
    assert {path: names for path, text in written.items() if (names := surviving(path + text))} == {}


def test_the_canaries_are_in_what_is_cleaned():
    """The test before this one has something to find."""
    raw = "".join(a.out + a.err for a in lived_in().values())
    assert len(surviving(raw)) >= 12


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_a_cleaned_machine_is_judged_as_it_was(kind):
    """Verdicts, reasons, and all of the file that `runbook new` writes say of the one what they say of the other."""
    answers = MACHINES[kind]()
    found = taken.take(Toy(answers), PARAMS.model_copy(update={"host": "box"}), None)
    assert found.warnings == ()
    after = proposal.write("box", Local(), proposal.read(Facts(found.cleaned.answers)))
    before = re.sub(r"^host: .*$", "host: box", found.cleaned.params, flags=re.M)
    assert _bare(after) == _bare(before)
    assert taken._verdicts(found.facts) == taken._verdicts(Facts(found.cleaned.answers))


def _bare(text):
    return [
        line
        for line in text.splitlines()
        if not line.startswith("# ")
        or ("written by" not in line and "calls itself" not in line and "nics: [" not in line)
    ]


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_a_cleaned_machine_is_planned_as_it_was(kind):
    """Every step decides as much of the one as of the other, and asks the one nothing that was not asked of the other."""
    machine = Toy(MACHINES[kind]())
    found = taken.take(machine, PARAMS, None)
    after = loads(found.cleaned.params, Path("box.yml"))
    before = loads(proposal.write(PARAMS.host, Local(), proposal.read(found.facts)), Path("box.yml"))
    for notebook in notebooks():
        for name, step in steps_of(notebook, after.release).items():
            assert set(step.asks(after)) <= found.cleaned.answers.keys(), name
            was = step.plan(before, machine.gather(step.asks(before)))
            now = step.plan(after, Facts(found.cleaned.answers))
            assert [f.level for f in was.findings] == [f.level for f in now.findings], name
            assert [type(a) for a in was.actions] == [type(a) for a in now.actions], name


def test_the_same_stands_for_the_same():
    """A card's MAC, its names and its IPv6 address become one other card's; an address stays in its network."""
    aliases = Aliases()
    text = aliases.text(
        "3c:ec:ef:c0:ff:ee enx3cecefc0ffee fe80::3eec:efff:fec0:ffee 84.17.49.201 84.17.48.1/20"
    )
    assert text == "3c:ec:ef:00:00:01 enx3cecef000001 fe80::3eec:efff:fe00:1 198.18.49.201 198.18.48.1/20"
    assert aliases.text(text) == text.replace("3c:ec:ef:00:00:01", "3c:ec:ef:00:00:02").replace(
        "ef000001", "ef000002"
    ).replace("fe00:1", "fe00:2")


def test_what_is_everybodys_stays():
    """Types of partitions, private addresses, versions, projects' names and PCI addresses are not touched."""
    text = (
        "10.0.2.15/24 192.168.1.1 fe80::1 0000:00:1f.2 c12a7328-f81f-11d2-ba4b-00a0c93ec93b 6.12.118+deb13-amd64 "
        "chacha20-poly1305@openssh.com getty@tty1.service https://www.debian.org/ ii |fdisk|2.41.5.1-0+deb13u1"
    )
    assert Aliases(constants=["c12a7328-f81f-11d2-ba4b-00a0c93ec93b"]).text(text) == text


def test_what_looks_like_a_name_and_is_none_stays():
    """A bridge is what the parameters call it, and the address of a USB controller is not its root hub's number."""
    links = Ask.run("ip", "-j", "addr", "show")
    label = '{"label":"br0","valid_life_time":86359,"preferred_life_time":75559}'
    card = f'[{{"ifname":"br0","addr_info":[{label}]}}]'
    numbers = "/sys/bus/usb/devices/usb1/serial:0000:00:06.0\n/sys/bus/usb/devices/1-2/serial:LAUTREC:4242\n"
    devices = Ask.run("lspci", "-D")
    answers = {links: Answer(0, card), devices: Answer(0, "0000:00:06.0 LAUTREC:4242\n0000:01:06.0\n")}
    done = cleaned.clean(answers, {people.ASKS[1]: Answer(0, numbers)}, (PARAMS,), "").answers
    assert done[links].out == card
    before, _, after = done[devices].out.split()
    assert (before, after) == ("0000:00:06.0", "0000:01:06.0")
    assert not re.search("LAUTREC|4242", done[devices].out)


def test_a_host_called_like_a_word_of_the_trade_keeps_its_name_and_that_is_said():
    """A host called `pciback` is not renamed, or what is written of pciback would be, too; one called otherwise is."""
    name, links = Ask.run("uname", "-n"), questions.of_survey()[0]
    done = clean({name: Answer(0, "pciback\n"), links: Answer(0, "x ../../drivers/pciback\n")})
    assert done.left == ("pciback",)
    assert done.answers[name].out == "pciback\n"
    assert clean({name: Answer(0, "marmalade\n")}).left == ()


def test_names_are_found_in_whatever_they_stand_in():
    """2,000 random names of six letters and more survive in none of the words that they are a part of."""
    seed = random.Random(16)
    letters = string.ascii_lowercase
    names = ["".join(seed.choices(letters, k=seed.randint(6, 12))) for _ in range(2000)]
    aliases = Aliases()
    for name in names:
        aliases.learn("host", name)
    text = " ".join(f"{name}-vg my{name} {name.upper()}2 {name}.lan" for name in names)
    shown = aliases.text(text).lower()
    assert not [name for name in names if name in shown]


@pytest.mark.parametrize("kind", ["mac", "wide", "ipv4", "ipv6", "key"])
def test_each_form_is_what_hides_its_canaries(kind, monkeypatch):
    """Without the pattern of a kind its canaries survive: the tests of survival would see one that fails."""
    forms = tuple(form for form in redaction.FORMS if form[0] != kind)
    monkeypatch.setattr(redaction, "FORMS", forms)
    answers = dict(list(everything().items())[:3])
    assert any(surviving(a.out) for a in clean(answers).answers.values())
