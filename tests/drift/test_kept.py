"""Facts kept with a run: whole, newest first, and without secrets."""

import pytest

from runbook.book import Book
from runbook.drift import kept
from runbook.drift.compare import compare
from runbook.engine.journal import Journal
from runbook.facts import identity
from runbook.hosts.recorded import RecordedHost
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import load
from tests.drift.recorded import ROOT, facts

ID = "26c42ce76bbd4abd925eb35a8dca58ab"
MACHINE = Ask.read("/etc/machine-id")


def test_what_is_kept_comes_back(tmp_path):
    """Every answer of a real host is read back as it was, so nothing drifts by being kept."""
    kept.keep(tmp_path, "00_a", facts())
    back = kept.load(tmp_path)
    assert {ask: back[ask] for ask in back if ask != MACHINE} == {
        a: facts()[a] for a in facts() if a != MACHINE
    }
    assert compare(facts(), back) == []
    assert kept.machine(back) == identity.parse(facts()) != ""
    assert [path.name for path in (tmp_path / "facts").iterdir()] == ["00_a.json"]


def test_the_newest_answer_counts(tmp_path):
    """A later look of a notebook adds to the first; later notebooks, and the last look, have the last word."""
    name, other = Ask.run("uname", "-n"), Ask.run("uname", "-r")
    kept.keep(tmp_path, "05_b", Facts({name: Answer(0, "old"), other: Answer(0, "r")}))
    kept.keep(tmp_path, "05_b", Facts({name: Answer(0, "new")}))
    kept.keep(tmp_path, "00_a", Facts({name: Answer(0, "first")}))
    assert kept.load(tmp_path) == Facts({name: Answer(0, "new"), other: Answer(0, "r")})
    assert kept.notebooks(tmp_path) == {"00_a", "05_b"}
    kept.keep(tmp_path, kept.LAST, Facts({name: Answer(0, "last")}))
    assert kept.load(tmp_path)[name].out == "last"
    assert kept.notebooks(tmp_path) == {"00_a", "05_b"}


@pytest.mark.parametrize(
    "text",
    [
        'vncpasswd = "CANARY-1x"',
        "vnc = 1\nvncpasswd='CANARY-1x'\n",
        'vfb = ["vnc=1,vncpasswd=CANARY-1x"]',
        '{"vnc": {"passwd": "CANARY-1x"}}',
        "root:$y$j9T$CANARY-1x$abc:19000:0:99999:7:::",
        'Acquire::http::Proxy "http://ana:CANARY-1x@proxy:3128/";',
        '    wpa-psk "CANARY-1x"',
        "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY-1x\n-----END OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_no_secret_is_kept_and_a_changed_one_is_still_seen(tmp_path, text):
    """Passwords, their hashes and private keys are kept as digests that nobody can try passwords against."""
    ask = Ask.read("/etc/secret")

    def look(run, content, machine=ID):
        kept.keep(
            tmp_path / run,
            "00_a",
            Facts({MACHINE: Answer(0, f"{machine}\n"), ask: Answer(0, content, content)}),
        )
        return kept.load(tmp_path / run)

    for run in "abcd":
        (tmp_path / run).mkdir()
    was = look("a", text)
    written = (tmp_path / "a" / "facts" / "00_a.json").read_text()
    assert "CANARY" not in written
    assert ID not in written
    assert "hidden-" in written
    assert look("b", text) == was
    assert look("c", text.replace("CANARY-1x", "CANARY-2x"))[ask] != was[ask]
    assert look("d", text, ID[::-1])[ask] != was[ask], (
        "the digest has no key: passwords can be tried against it"
    )


def test_nothing_of_the_testbed_is_taken_for_a_secret():
    """No answer of the recorded host has a secret in it, and none is altered: `NOPASSWD:` is a word of sudo's."""
    assert [ask.key for ask in facts() if kept.hidden(facts()[ask], "k") != facts()[ask]] == []
    assert any("NOPASSWD:" in answer.out for answer in facts().values())


def test_a_torn_or_strange_file_counts_as_nothing_kept(tmp_path):
    """Facts that cannot be read are no facts; they end no run."""
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "00_a.json").write_text('{"answers": {')
    assert len(kept.load(tmp_path)) == 0
    kept.keep(tmp_path, "00_a", Facts({MACHINE: Answer(0, ID)}))
    assert len(kept.load(tmp_path)) == 1


def test_a_book_keeps_what_it_saw(tmp_path):
    """With a run's folder the facts of each look are in it; without one nothing is written."""
    params = load(ROOT / "params/example.yml")
    for path in (tmp_path / "journal.jsonl", None):
        host = RecordedHost(ROOT / "recordings/testbed-again", "08_guests")
        book = Book(params, "check", host, "08_guests", Journal(path))
    assert [path.name for path in (tmp_path / "facts").iterdir()] == ["08_guests.json"]
    assert kept.load(tmp_path).keys() == book.facts.keys()
