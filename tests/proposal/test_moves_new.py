"""Each refusal of `runbook new` itself has a move that leads on; a new one is missed here until its move is carried out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from runbook import proposal
from runbook.errors import ParamsError, Refused
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import loads
from runbook.params.host import Ssh
from runbook.proposal import chosen, file, machine, text
from runbook.proposal.chosen import NOTHING, choice
from tests.proposal.test_new import RECORDED, call, offered, root
from tests.survey.machines import Pci, devices

CARD, ROOT_PORT = Pci("0000:04:00.0", group=8), Pci("0000:00:1f.0", "8086:a2c9", "060100", group=3)
WAY = Ssh(to="root@box")


def written(asked=NOTHING, facts=None):
    return proposal.write("box", WAY, proposal.read(facts or root(devices(CARD, ROOT_PORT)), asked))


def a_file_is_there(tmp_path, monkeypatch):
    """Another name, or --force."""
    path = tmp_path / "box.yml"
    path.write_text("mine\n")
    with pytest.raises(ParamsError) as stopped:
        file.prove_free(path, force=False)
    assert "--out" in stopped.value.do
    assert "--force" in stopped.value.do
    assert call("new", "box", "--like", str(RECORDED), "--out", str(tmp_path / "other.yml")).exit_code == 0
    assert call("new", "box", "--like", str(RECORDED), "--out", str(path), "--force").exit_code == 0
    return stopped.value


def no_such_way(tmp_path, monkeypatch):
    """What is refused at --become-password is taken as the message says."""
    with pytest.raises(ParamsError) as stopped:
        file.reached("root@box", file.becoming(None, "secret"))
    assert "env:" in stopped.value.why
    assert file.reached("root@box", file.becoming(None, "env:SECRET")).become == "sudo"
    return stopped.value


def no_such_name(tmp_path, monkeypatch):
    """A short name is taken."""
    with pytest.raises(ParamsError) as stopped:
        file.described("my box", WAY)
    assert "short name" in stopped.value.do
    assert file.described("box", WAY).host == "box"
    return stopped.value


def no_parameter_file(tmp_path, monkeypatch):
    """What is written by hand from the example is right."""
    path = tmp_path / "box.yml"
    with pytest.raises(ParamsError) as stopped:
        file.save(path, "host: box\nnetwork: {bridges: [{name: a name that is too long}]}\n", force=False)
    assert not path.exists()
    file.save(path, RECORDED.read_text(encoding="utf-8"), force=False)
    return stopped.value


def no_device_named(tmp_path, monkeypatch):
    """An address as lspci has it."""
    with pytest.raises(ParamsError) as stopped:
        choice(("the card",))
    assert "lspci -D" in stopped.value.do
    assert CARD.bdf in written(choice((CARD.bdf,)))
    return stopped.value


def no_such_device(tmp_path, monkeypatch):
    """One that is offered is taken."""
    with pytest.raises(ParamsError) as stopped:
        written(choice(("0000:09:00.0",)))
    free = offered(written())
    assert "offers without --pass" in stopped.value.do
    assert loads(written(choice((free[0],))), Path("box.yml")).passthrough.devices[0].bdf == free[0]
    return stopped.value


def it_must_stay(tmp_path, monkeypatch):
    """The move of a device that stays is another one; of a thing that no rule speaks of, too."""
    with pytest.raises(Refused) as stopped:
        written(choice((ROOT_PORT.bdf,)))
    assert stopped.value.do
    monkeypatch.setattr(chosen, "is_writable", lambda member: False)
    with pytest.raises(Refused) as unwritable:
        written(choice((CARD.bdf,)))
    assert "without --pass" in unwritable.value.do
    monkeypatch.undo()
    assert CARD.bdf in written(choice((CARD.bdf,)))
    return stopped.value


def not_what_was_meant(tmp_path, monkeypatch):
    """Written by hand from the example it is right."""
    monkeypatch.setattr(text, "parse", lambda *_: ({}, None))
    with pytest.raises(ParamsError) as stopped:
        written()
    monkeypatch.undo()
    assert "params/example.yml" in stopped.value.do
    assert loads(RECORDED.read_text(encoding="utf-8"), Path("box.yml")).host
    return stopped.value


def not_root(tmp_path, monkeypatch):
    """As root, by sudo or by key, it is written."""
    facts = root(devices(CARD))
    ask = Ask.run("id", "-u")
    with pytest.raises(Refused) as stopped:
        written(facts=Facts({**facts, ask: Answer(0, "1000\n")}))
    assert "--become sudo" in stopped.value.do
    assert written(facts=Facts({**facts, ask: Answer(0, "0\n")}))
    return stopped.value


MOVES = {
    "… is there already": a_file_is_there,
    "The host cannot be reached so: …": no_such_way,
    "'…' cannot name the host": no_such_name,
    "What the machine says makes no parameter file, so … was not written": no_parameter_file,
    "--pass names no device": no_device_named,
    "There is no device …": no_such_device,
    "… (…) must stay with dom0": it_must_stay,
    "The file for … would not say what was meant": not_what_was_meant,
    "Not root on …": not_root,
}


@pytest.mark.parametrize("says", MOVES)
def test_the_move_leads_on(says, tmp_path, monkeypatch):
    """What stopped is gone once a person did what the line `do` says."""
    stopped = MOVES[says](tmp_path, monkeypatch)
    assert all(part in str(stopped.what) for part in says.split("…"))


def test_every_refusal_of_new_has_its_move_here():
    """The texts are read from the source of what `new` is made of."""
    found = set()
    for module in (file, chosen, machine, text):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("ParamsError", "Refused"):
                found.add(_pattern(node.args[0]))
    assert found == set(MOVES)


def _pattern(node):
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(part.value if isinstance(part, ast.Constant) else "…" for part in parts)
