"""`runbook report verify`: the first thing that was altered, removed, added or reordered."""

import base64
import json
import re
import shutil

import pytest
from click.testing import CliRunner

from runbook.attestation import dsse, keys
from runbook.attestation.statement import NAME, RUN, digests
from runbook.attestation.verify import verify
from runbook.cli import main
from runbook.errors import CheckFailed, ParamsError
from tests.evidence.attested import archived
from tests.evidence.toys import ROOT


def runs(reports):
    return sorted((reports / "toy").glob("2026*"))


def call(*words):
    return CliRunner().invoke(main, ["report", "verify", *map(str, words)], catch_exceptions=False)


def statuses(path, known=None):
    return [verdict.status for verdict in verify(path, keys.own() if known is None else known)]


def flat(done):
    """Return what was written, however its lines are folded."""
    return " ".join(done.stdout.split())


def test_reports_as_they_were_written_are_good(reports):
    """Each good run is one line, and the end of the chain is printed; for all hosts, one host and one run."""
    for path, count in ((reports, 4), (reports / "toy", 4), (runs(reports)[1], 1)):
        done = call(path)
        assert done.exit_code == 0, done.output
        assert flat(done).count(", 5 files, signed by SHA256:") == count
        assert ("The chain ends with toy/" in flat(done)) == (count == 4)


def alter(run, name="05_now.ipynb", at=5):
    data = bytearray((run / name).read_bytes())
    data[at] ^= 1
    (run / name).write_bytes(data)


def rewrite(run, change):
    """Alter a statement and make its envelope fit again, as far as one can without the key."""
    envelope = json.loads((run / NAME).read_text())
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(envelope, statement)
    envelope["payload"] = base64.b64encode(json.dumps(statement, separators=(",", ":")).encode()).decode()
    (run / NAME).write_text(json.dumps(envelope, indent=2) + "\n")


def swap(a, b):
    middle = a.with_name("middle")
    a.rename(middle)
    b.rename(a)
    middle.rename(b)


def edit_record(run):
    (run / "run.json").write_text((run / "run.json").read_text().replace("completed", "refused"))


def to_link(run):
    shutil.copy(run / "params.yml", run.parent / "copy.yml")
    (run / "params.yml").unlink()
    (run / "params.yml").symlink_to("../copy.yml")


def truncate(run):
    (run / NAME).write_bytes((run / NAME).read_bytes()[:-200])


def reformat(run):
    (run / NAME).write_text((run / NAME).read_text() + " ")


def unsign(run):
    def change(envelope, statement):
        envelope["signatures"] = []

    rewrite(run, change)


def forge(run):
    """Say that the run was another, keeping the signature."""

    def change(envelope, statement):
        statement["predicate"]["run"]["outcome"] = "refused"

    rewrite(run, change)


def of_another_host(run):
    shutil.copytree(run.parent, run.parent.with_name("apple"))


CASES = {
    "a byte": (lambda r: alter(r[1]), "A file was altered", "2/05_now.ipynb"),
    "the record": (lambda r: edit_record(r[0]), "A file was altered", "1/run.json"),
    "the first of two": (lambda r: (alter(r[2]), alter(r[1], "params.yml")), "A file was altered", "2/params"),
    "a link": (lambda r: to_link(r[0]), "A file was altered", "1/params.yml"),
    "a file removed": (lambda r: (r[2] / "journal.jsonl").unlink(), "A file was removed", "3/journal.jsonl"),
    "a file added": (lambda r: (r[1] / "zz").write_text(""), "A file was added", "2/zz"),
    "a folder's file": (
        lambda r: ((r[1] / "x").mkdir(), (r[1] / "x" / "y").write_text("")), "A file was added", "2/x/y",
    ),
    "two runs swapped": (lambda r: swap(r[0], r[2]), "A run was moved", "1"),
    "two attestations swapped": (lambda r: swap(r[0] / NAME, r[1] / NAME), "A run was moved", "1"),
    "another host's": (lambda r: of_another_host(r[0]), "A run was moved", "1"),
    "the first run dropped": (lambda r: shutil.rmtree(r[0]), "A run was removed", "1"),
    "a middle run dropped": (lambda r: shutil.rmtree(r[1]), "A run was removed", "2"),
    "an attestation dropped": (lambda r: (r[3] / NAME).unlink(), "The attestation was removed", f"4/{NAME}"),
    "all but the journal dropped": (
        lambda r: [p.unlink() for p in r[1].iterdir() if p.name != "journal.jsonl"],
        "An attestation was removed", f"2/{NAME}",
    ),
    "a truncated envelope": (lambda r: truncate(r[3]), "The attestation was altered", f"4/{NAME}"),
    "a space in the envelope": (lambda r: reformat(r[3]), "The attestation was altered", f"4/{NAME}"),
    "the signature removed": (lambda r: unsign(r[3]), "The attestation was altered", f"4/{NAME}"),
    "another outcome": (lambda r: forge(r[1]), "The attestation was altered", f"2/{NAME}"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_was_done_to_reports_is_named(reports, case):
    """Exit code 1; what was altered, where, why and the next move; runs before it are still called good."""
    act, what, where = CASES[case]
    before = runs(reports)
    act(before)
    done = call(reports)
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith(f"Error: {what}\n")
    lines = dict(re.findall(r"(?m)^  (\w+): (.+)$", done.stderr))
    number, _, name = where.partition("/")
    expected = before[int(number) - 1] / name
    if case == "another host's":
        expected = reports / "apple" / expected.name
    assert lines["where"].startswith(str(expected))
    assert lines["why"]
    assert lines["do"]


def test_any_byte_of_an_attestation_counts(reports):
    """Not one bit of an envelope can be altered unseen, also of the newest run, which nothing follows."""
    text = (runs(reports)[3] / NAME).read_bytes()
    dsse.read(text, RUN)
    for at in range(0, len(text), 7):
        altered = bytearray(text)
        altered[at] ^= 1 << at % 8
        with pytest.raises(ValueError, match=r".+"):
            dsse.read(bytes(altered), RUN)


def reseal(run, key=None):
    """Write an attestation anew for what is in the folder now, with another key or none."""
    statement = json.loads(base64.b64decode(json.loads((run / NAME).read_text())["payload"]))
    (run / NAME).write_text(dsse.seal(RUN, digests(run), statement["predicate"], key))


def test_an_attestation_made_anew_breaks_the_chain(reports):
    """Whoever alters a run and attests it again, unsigned, is found by the run that followed."""
    edit_record(runs(reports)[0])
    reseal(runs(reports)[0])
    with pytest.raises(CheckFailed, match="An attestation was altered") as error:
        statuses(reports)
    assert error.value.where == str(runs(reports)[0] / NAME)


def test_two_runs_that_follow_the_same_are_found(reports):
    """A run slipped in beside another, validly signed, is named with the one whose place it takes."""
    last = runs(reports)[3]
    shutil.move(last, reports.with_name("aside"))
    archived(reports, 4)
    with pytest.raises(CheckFailed, match="A run was removed") as error:
        statuses(reports)
    assert error.value.where == str(last)
    shutil.move(reports.with_name("aside"), last)
    with pytest.raises(CheckFailed, match="The order of runs was altered"):
        statuses(reports)


def test_an_unknown_key_is_not_good(reports, tmp_path):
    """A valid signature by a key that is not known is said as such, with its fingerprint: exit code 3."""
    other = f"ssh-ed25519 {base64.b64encode(bytes(51)).decode()}"
    done = call(reports, "--key", other)
    assert done.exit_code == 3
    assert flat(done).count(f"signed by {keys.own()[0].fingerprint}, a key that is NOT KNOWN here") == 4
    file = tmp_path / "signers"
    file.write_text(f"a {other}\nops {keys.own()[0].line}\n")
    assert call(reports, "--key", file).exit_code == 0


def test_a_report_cannot_play_tricks_with_the_terminal(reports, monkeypatch, tmp_path):
    """What an attestation says is shown, so it must not overwrite the verdict on the screen."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    folder = archived(reports, 4, "completed, good\x1b[2K")
    assert call(folder).exit_code == 1
    assert "\x1b" not in call(folder).output


def test_unsigned_is_said_loudly(reports, monkeypatch, tmp_path):
    """A run without a signature is not good, whatever its digests say: exit code 3."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    folder = archived(reports, 4)
    done = call(folder)
    assert done.exit_code == 3
    assert "unsigned: apply completed, 5 files, NOT SIGNED" in done.stdout
    edit_record(folder)
    assert call(folder).exit_code == 1


def test_a_run_that_never_closed_is_no_alteration(reports):
    """Still going, or its runner killed by force: named as that, exit code 3."""
    archived(reports, 4, "running")
    done = call(reports)
    assert done.exit_code == 3
    assert "never closed: it is still going, or its runner was killed" in flat(done)


def test_reports_of_before_are_said_to_have_none(reports):
    """A report that was made before reports were attested has no attestation; that is no alteration."""
    folder = runs(reports)[0]
    run = json.loads((folder / "run.json").read_text())
    del run["signed_by"]
    before = reports.parent / "before" / "toy" / folder.name
    before.mkdir(parents=True)
    (before / "run.json").write_text(json.dumps(run))
    done = call(before.parent.parent)
    assert done.exit_code == 3
    assert "no attestation: made before" in done.stdout
    assert "There is no ledger" in done.stdout
    (folder / "run.json").write_text(json.dumps(run))
    (folder / NAME).unlink()
    assert call(reports).exit_code == 1


def test_the_sample_is_not_altered():
    """Every run of the committed sample is signed by the key beside it, whole, and none is missing."""
    sample = ROOT / "reports" / "sample"
    done = call(sample, "--key", sample / "signing-key.pub")
    assert done.exit_code == 0, done.output
    assert "Nothing speaks against 4 runs: 4 good" in done.stdout
    assert "The ledger has 5 lines, all signed" in done.stdout


def test_no_reports_are_not_good(tmp_path):
    """A folder without runs is wrong usage, not a success."""
    done = call(tmp_path)
    assert done.exit_code == 2
    assert "no report to verify" in done.stderr


@pytest.mark.parametrize("before", ["# ", "@revoked ", "#"])
def test_a_key_that_is_commented_out_or_revoked_is_not_trusted(tmp_path, before):
    """A line that ssh would not trust either."""
    file = tmp_path / "signers"
    file.write_text(f"{before}ssh-ed25519 AAAA old\nops@example.org ssh-ed25519 AAAA new\n")
    assert len(keys.given(str(file))) == 1
    file.write_text(f"{before}ssh-ed25519 AAAA old\n")
    with pytest.raises(ParamsError, match="no Ed25519 public key"):
        keys.given(str(file))


def test_a_run_alone_is_named_by_its_attestation(reports, tmp_path):
    """A copy under another host's name is told as what it is."""
    newest = sorted((reports / "toy").glob("2026*"))[-1]
    copy = tmp_path / "other" / newest.name
    shutil.copytree(newest, copy)
    assert call(copy).stdout.startswith(f"toy/{newest.name}  good")
