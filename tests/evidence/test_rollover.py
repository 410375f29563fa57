"""Keys that are followed by others, and keys that are revoked: what they vouch for, and from when on not."""

import os

import pytest
from click.testing import CliRunner

from runbook.attestation import keys, ledger, rollover
from runbook.attestation.verify import verify
from runbook.cli import main
from runbook.errors import ParamsError
from tests.evidence.attested import archived


def call(*words):
    return CliRunner().invoke(main, ["report", *map(str, words)], catch_exceptions=False)


def statuses(reports, *known):
    return [verdict.status for verdict in verify(reports, known or keys.own())]


def test_who_knows_one_of_two_keys_knows_both(reports):
    """A new key takes the old one's place; with either of them alone the runs of both are good."""
    (old,) = keys.own()
    done = call("key", "--follow", "--reports", reports)
    assert done.exit_code == 0, done.output
    (new,) = keys.own()
    assert new != old
    assert keys.operator().public == new
    archived(reports, 4)
    assert statuses(reports, old) == statuses(reports, new) == ["good"] * 5
    assert statuses(reports, keys.PublicKey("ssh-ed25519 AAAA")) == ["unknown key"] * 5
    assert call("verify", reports).exit_code == 0
    call("key", "--follow", "--reports", reports)
    archived(reports, 5)
    assert statuses(reports, old) == statuses(reports) == ["good"] * 6


def test_a_key_that_was_followed_vouches_for_nothing_later(reports, monkeypatch):
    """What the old key signs after that is not good, and a run is not begun with it."""
    old = keys.default_path().read_bytes()
    call("key", "--follow", "--reports", reports)
    stolen = keys.default_path().with_name("stolen")
    stolen.write_bytes(old)
    stolen.chmod(0o600)
    monkeypatch.setattr(rollover, "require_holds", lambda *args: None)
    monkeypatch.setenv(keys.ENV, str(stolen))
    archived(reports, 4)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(stolen.parents[1]))
    monkeypatch.delenv(keys.ENV, raising=False)
    assert statuses(reports) == ["good"] * 4 + ["retired key"]
    done = call("verify", reports)
    assert done.exit_code == 3
    assert "followed on" in done.stdout
    monkeypatch.setenv(keys.ENV, str(stolen))
    with pytest.raises(ParamsError, match="cannot be signed with this key"):
        archived(reports, 5)
    with pytest.raises(ParamsError, match="cannot speak for others"):
        rollover.revoke(reports, keys.load(stolen).public.line, "mine now")


def test_a_revoked_key_vouches_for_what_came_before(reports):
    """Its runs before that line stay good; one after it is not, and the reason and the date are told."""
    (own,) = keys.own()
    archived(reports, 4)
    done = call("key", "--revoke", own.line, "--reason", "the laptop was stolen", "--reports", reports)
    assert done.exit_code == 0, done.output
    assert statuses(reports) == ["good"] * 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollover, "require_holds", lambda *args: None)
        archived(reports, 5)
    assert statuses(reports) == ["good"] * 5 + ["revoked key"]
    done = call("verify", reports)
    assert (done.exit_code, "REVOKED on" in done.stdout, "the laptop was stolen" in done.stdout) == (
        3,
        True,
        True,
    )


def test_a_stranger_revokes_and_follows_nothing(reports, tmp_path, monkeypatch):
    """A word about keys counts only from a key that is known at that line."""
    (own,) = keys.own()
    stranger = keys.load(keys.make(tmp_path / "stranger"))
    with rollover._held(reports, stranger) as book:
        book.revoke(own, "mine now", stranger)
        book.succeed(own, stranger)
    archived(reports, 4)
    assert statuses(reports) == ["good"] * 5
    assert statuses(reports, stranger.public)[0] == "good", "who trusts the stranger trusts its word"


def test_a_key_of_ones_own_file_is_followed_by_another_file(reports, tmp_path, monkeypatch):
    """With RUNBOOK_SIGNING_KEY the new file is named; no file is moved; done twice it says the same once."""
    one, two = keys.make(tmp_path / "one"), keys.make(tmp_path / "two")
    monkeypatch.setenv(keys.ENV, str(one))
    assert call("key", "--follow", "--reports", reports).exit_code == 2
    for _ in range(2):
        assert call("key", "--follow", "--by", two, "--reports", reports).exit_code == 0
    assert [entry.what for entry in ledger.load(reports)[-2:]] == ["follow", "succeed"]
    assert len(ledger.load(reports)) == 7
    assert one.exists()


def test_a_roll_over_that_was_cut_off_goes_on(reports, monkeypatch):
    """Killed between the ledger and the files, or between the two words: the same command finishes it, once."""
    (old,) = keys.own()
    for name in ("runbook.attestation.rollover._take_place", "runbook.attestation.entering.Book.succeed"):
        count = len(ledger.load(reports))
        with monkeypatch.context() as patch:
            patch.setattr(name, lambda *args: (_ for _ in ()).throw(SystemExit("killed")))
            with pytest.raises(SystemExit):
                rollover.follow(reports)
        done = rollover.follow(reports)
        assert len(ledger.load(reports)) == count + 2
        assert keys.own() == [done.new]
    archived(reports, 4)
    assert statuses(reports, old) == statuses(reports) == ["good"] * 5


def pipe(path):
    os.mkfifo(path, 0o600)


ODD = {
    "a pipe": (pipe, "it is a pipe, not a file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a file"),
    "a folder": (lambda path: path.mkdir(), "it is a folder, not a file"),
    "a loop": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("case", ODD)
def test_a_key_that_is_no_file_is_an_error_at_once(tmp_path, monkeypatch, case):
    """A pipe, a device, a folder or a link to itself as signing key or public key: a clear error, and nothing waits."""
    make, why = ODD[case]
    make(tmp_path / "key")
    monkeypatch.setenv(keys.ENV, str(tmp_path / "key"))
    with pytest.raises(ParamsError) as error:
        keys.operator()
    assert why in error.value.why
    with pytest.raises(ParamsError) as error:
        keys.given(str(tmp_path / "key"))
    assert why in error.value.why
