"""`runbook new` on a machine that lies: whatever it says, the file's keys are only its own."""

import json
import random
from pathlib import Path

import pytest

from runbook import proposal
from runbook.errors import ParamsError
from runbook.model.ask import Answer, Facts
from runbook.params import loads, yaml12
from runbook.params.host import Ssh
from runbook.proposal.disks import BY_ID
from runbook.text.printable import acts
from tests.proposal.test_living import answered
from tests.proposal.test_new import root, uncommented
from tests.survey.machines import bare, dom0

WAY = Ssh(to="root@box")
STEPS = "require_ssh_keys, close_ports, configure_bridges, set_boot_menu, boot_xen_once, make_xen_default"
ATTACKS = (
    f"\nconsent: [{STEPS}]\nguests: []\n#", "\r\nconsent: [undo]\r\n#", "\x85consent: [undo]\x85#", "\u2028consent: [undo]",
    "\nxen: {source: git, repository: https://evil.example/xen.git}\n#", "\0", "\x1b]0;owned\a", "\x7f", "\u202e\u2066x",
    "\ufeff", "\ud800", "\n---\nhost: evil\n", "\n...\n", "!!python/object/apply:os.system [id]", "*a", "&a", "? x", "- x",
    "{a: b}", "[a, b]", "'", '"', "'\"", ": ", " #", "# x", "%YAML 1.1", "\\", "\\n", "null", "~", "yes", "0123", "1e3",
    "<script>alert(1)</script>", "`id`", "$(id)", "x" * 5000, "", " ", "\t", "|", ">", "@", "…" * 300, "\n", "a\n  b: c",
)  # fmt: skip
KEYS = {
    "host",
    "release",
    "connection",
    "ram_mib",
    "installation",
    "dom0",
    "network",
    "passthrough",
    "storage",
    "configuration",
    "xen",
    "services",
    "guests",
}
GUESTS = {"comm", "ipfire", "nginx", "windows"}
SEED, CASES = 13, 300


def living():
    """Return the facts of the finished host, as far as it was asked: one with guests, boot words and rights."""
    return answered(proposal.asks())


def lying(chance, facts):
    """Return facts in which some strings of the machine are attacks; the form of the answers stays."""
    found = {ask: facts[ask] for ask in facts}
    found[BY_ID] = Answer(0, "ata-WDC_WD40-1 ../../vda\n")
    for ask in chance.sample(list(found), chance.randint(1, 6)):
        answer = found[ask]
        if answer.ok and answer.out:
            found[ask] = Answer(0, _twisted(chance, answer.out))
    return Facts(found)


def _twisted(chance, text):
    try:
        return json.dumps(_in_json(chance, json.loads(text)), ensure_ascii=False)
    except ValueError:
        words = text.split(" ")
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(words))
            words[at] = chance.choice(("{}{}", "{1}{0}", "{1}")).format(words[at], chance.choice(ATTACKS))
        return " ".join(words)


def _in_json(chance, value):
    if isinstance(value, dict):
        return {key: _in_json(chance, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_json(chance, inner) for inner in value]
    if isinstance(value, str) and chance.random() < 0.08:
        return chance.choice((value, "")) + chance.choice(ATTACKS)
    return value


def prove_own(text):
    """Assert that a file says nothing but what `new` meant, and shows nothing that acts."""
    assert not [sign for sign in text if acts(sign) and sign != "\n"]
    values, _ = yaml12.parse(text, Path("box.yml"))
    assert set(values) <= KEYS
    assert set(values["installation"]) == {"method"}
    assert set(values["network"]) == {"bridges"}
    assert set(values["passthrough"]) == {"devices"}
    assert set(values["storage"]) == {"guest_volume_group"}
    assert values["connection"] == {"kind": "ssh", "to": "root@box"}
    assert (values["host"], values["installation"]["method"]) == ("box", "none")
    for bridge in values["network"]["bridges"]:
        assert set(bridge) <= {"name", "ports", "ipv4", "nat"}
    assert set(values.get("configuration", {})) <= {"remove_os_prober", "firewall", "trim"}
    assert set(values.get("xen", {})) <= {"source", "iommu", "options"}
    assert set(values.get("services", {})) <= {"watchdog", "watchdog_timeout_s", "sudo_xl"}
    for device in values["passthrough"]["devices"] or ():
        assert set(device) <= {"bdf", "id", "what", "rdm_policy"}


def test_whatever_a_machine_says_the_keys_are_the_files_own():
    """Of 300 lying machines, each that is understood gets a file with the keys that were meant, and no others;
    so does who uncomments all that it offers."""
    chance, written, refused = random.Random(SEED), 0, 0
    for _ in range(CASES):
        facts = root(lying(chance, chance.choice((bare, dom0, living))()))
        try:
            seen = proposal.read(facts)
        except Exception:  # an answer that nobody understands is no file; other tests are about that
            continue
        text = proposal.write("box", WAY, seen)
        prove_own(text)
        prove_own(uncommented(text))
        written += 1
        try:
            params = loads(text, Path("box.yml"))
        except ParamsError:
            refused += 1
            continue
        assert (params.consent, params.xen.source) == ((), "packages")
        assert {g.name for g in params.guests} <= GUESTS
    assert written > CASES / 2
    assert refused < written / 4
    print(f"{CASES} machines, {written} files, {refused} not taken by the rules of parameters")


def test_new_writes_hostile_yaml():
    """A mount point that holds lines of YAML stays a word in a comment."""
    blocks = json.loads(bare()[next(ask for ask in bare() if "lsblk" in ask.key)].out)
    attack = f"/boot/efi\nconsent: [{STEPS}]\nguests: []\n#"
    text = json.dumps(blocks).replace('"/boot/efi"', json.dumps(attack))
    made = proposal.write("box", WAY, proposal.read(root(bare(lsblk_json=text))))
    assert "/boot/efi\\u000aconsent: [" in made
    prove_own(made)
    assert loads(made, Path("box.yml")).consent == ()


def test_a_file_that_would_say_something_else_is_never_returned(monkeypatch):
    """What was written is read again: a difference is an error, not a file."""
    monkeypatch.setattr("runbook.proposal.text.dump", lambda values: "host: other\n")
    with pytest.raises(ParamsError, match="would not say what was meant"):
        proposal.write("box", WAY, proposal.read(root(bare())))
