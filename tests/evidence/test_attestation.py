"""The attestation of a run: what it says, and the key that signs it."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from runbook.attestation import dsse, keys
from runbook.attestation.statement import NAME, RUN, digest, read
from runbook.errors import ParamsError
from runbook.evidence import archive
from tests.evidence.attested import alone, archived, record
from tests.evidence.toys import ROOT


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """Return the place of reports that are not there yet; there is no key."""
    alone(monkeypatch, tmp_path / "config")
    return tmp_path / "reports"


def said(folder: Path):
    """Return envelope and statement of a run as any other program would read them."""
    envelope = json.loads((folder / NAME).read_text())
    return envelope, json.loads(base64.b64decode(envelope["payload"]))


def test_an_attestation_is_an_in_toto_statement_about_every_file(empty):
    """Type, subjects with their digests, materials, machine and end of the run stand in a signed envelope."""
    keys.make()
    folder = archived(empty, 1, "failed")
    envelope, statement = said(folder)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert (statement["_type"], statement["predicateType"]) == ("https://in-toto.io/Statement/v1", RUN)
    listed = {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    there = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.name != NAME}
    assert listed == there
    assert set(listed) == {"05_now.ipynb", "index.html", "journal.jsonl", "params.yml", "run.json"}
    predicate = statement["predicate"]
    assert predicate["run"]["outcome"] == "failed"
    assert predicate["materials"]["source"] == {"commit": "c" * 40, "dirty": False}
    assert predicate["materials"]["machines"] == ["00eaea0f29a6"]
    assert predicate["materials"]["packages"] == {"click": "8.1"}
    assert predicate["materials"]["recording"] is None
    assert predicate["previous"] is None
    assert envelope["signatures"][0]["keyid"] == keys.own()[0].fingerprint
    assert json.loads((folder / "run.json").read_text())["signed_by"] == keys.own()[0].fingerprint
    assert keys.own()[0].fingerprint in (folder / "index.html").read_text()


def test_a_replay_is_bound_to_its_recording(empty, tmp_path):
    """The recording's digest is what sha256sum gives for what sha256sum says of its files, folder by folder."""
    params = f"host: toy\nconnection: {{kind: recorded, recording: {ROOT}/recordings/testbed}}\n"
    _, statement = said(archived(empty, 1, params=params))
    command = "cd recordings/testbed && find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    printed = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert statement["predicate"]["materials"]["recording"]["sha256"] == printed.split()[0]


def test_each_run_follows_the_one_that_ended_before_it(empty):
    """The chain is that of endings: a run that began earlier and ended later follows; an open one is left out."""
    first = archived(empty, 1)
    archived(empty, 2, "running")
    third = archived(empty, 3)
    early = archived(empty, 0)
    assert read(first).previous is None
    assert read(third).previous == (first.name, digest(first / NAME))
    assert read(early).previous == (third.name, digest(third / NAME))


def test_without_a_key_the_report_says_so(empty):
    """No key: an empty list of signatures, and the run's page says that nobody signed."""
    folder = archived(empty, 1)
    assert said(folder)[0]["signatures"] == []
    assert "not signed" in (folder / "index.html").read_text()
    assert json.loads((folder / "run.json").read_text())["signed_by"] is None


def test_a_key_that_goes_away_costs_the_signature_not_the_report(empty, monkeypatch):
    """A run whose key is gone at its end is archived all the same, unsigned, and says so in its record."""
    run = record(1)
    file = empty.with_name("params.yml")
    file.write_text("host: toy\n")
    place = archive.create(empty, run, file)
    monkeypatch.setenv(keys.ENV, "/nowhere")
    run.close("completed", 0)
    archive.close(place, run)
    assert said(place)[0]["signatures"] == []
    assert run.signed_by is None


def ssh_keygen(path, *words):
    path.parent.mkdir(exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-C", "x", "-f", str(path), *words], check=True)
    return path


WRONG = {
    "a passphrase": (("-t", "ed25519", "-N", "long enough"), 0o600, "it has a passphrase"),
    "another kind": (("-t", "ecdsa", "-N", ""), 0o600, "it is not an Ed25519 key"),
    "open to others": (("-t", "ed25519", "-N", ""), 0o644, "others can read it"),
    "no key at all": (None, 0o600, "it is no OpenSSH private key"),
    "missing": (None, 0, "No such file"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_key_that_cannot_sign_is_an_error_before_the_run(empty, tmp_path, monkeypatch, case):
    """A passphrase, another kind of key, open permissions, no key: said before anything was started."""
    words, mode, why = WRONG[case]
    path = tmp_path / "key"
    if words:
        ssh_keygen(path, *words)
    elif mode:
        path.write_text("nothing\n")
    if mode:
        path.chmod(mode)
    monkeypatch.setenv(keys.ENV, str(path))
    with pytest.raises(ParamsError, match="cannot be signed with this key") as error:
        archive.create(empty, record(1), tmp_path / "params.yml")
    assert why in error.value.why
    assert not empty.exists()


def test_an_existing_ssh_key_signs(empty, tmp_path, monkeypatch):
    """A key of ssh-keygen is taken from RUNBOOK_SIGNING_KEY; its fingerprint is the one ssh-keygen shows."""
    path = ssh_keygen(tmp_path / "keys" / "id", "-t", "ed25519", "-N", "")
    monkeypatch.setenv(keys.ENV, str(path))
    shown = subprocess.run(["ssh-keygen", "-lf", path], capture_output=True, text=True, check=True).stdout
    signer = read(archived(empty, 1)).signer
    assert signer is not None
    assert signer.fingerprint == shown.split()[1]
    assert keys.own() == [signer] == keys.given(str(path.with_name("id.pub")))


def test_a_made_key_is_its_owners_alone_and_never_made_twice(empty):
    """The key's file is 0600, ssh-keygen reads it, its public part lies beside it, a second one is refused."""
    path = keys.make()
    assert path.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(["ssh-keygen", "-yf", path], capture_output=True, text=True, check=True).stdout
    assert " ".join(shown.split()[:2]) == keys.own()[0].line == keys.load(path).public.line
    with pytest.raises(FileExistsError):
        keys.make()


def test_keys_are_given_in_the_ways_of_ssh(tmp_path):
    """A line, a .pub file and an allowed_signers file are read; lines with options count as not given."""
    lines = [f"ssh-ed25519 {base64.b64encode(bytes([n]) * 51).decode()}" for n in range(3)]
    file = tmp_path / "allowed_signers"
    file.write_text(
        f"# who signs\nops@example.org {lines[0]}\n{lines[1]} a comment\n"
        f'x@example.org valid-before="20200101" {lines[2]}\nx ssh-rsa AAAA\n'
    )
    assert [key.line for key in keys.given(str(file))] == lines[:2]
    assert [key.line for key in keys.given(lines[2])] == [lines[2]]
    for wrong in ("ssh-ed25519 A", str(tmp_path), "ssh-rsa AAAA"):
        with pytest.raises(ParamsError, match=r"no .*public key"):
            keys.given(wrong)


def test_what_is_signed_is_bound_to_its_kind(empty):
    """An envelope of one kind is not taken for one of another."""
    text = dsse.seal("urn:a", {}, {}, None).encode()
    assert dsse.read(text, "urn:a").subjects == {}
    with pytest.raises(ValueError, match="no statement of the kind urn:b"):
        dsse.read(text, "urn:b")
