"""Every error has an entry that can be found; one source makes the page, the command and the hints."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import runbook
from runbook import help as pages
from runbook.cli import main
from runbook.documents import errors as page
from runbook.errors import CommandFailed, HostError, Refused, RunbookError
from runbook.testbed import TestbedError
from tests.help.sites import ROOT, _texts, sites

PROJECT = ROOT.parent
XEN = json.loads((Path(__file__).parent / "xen_messages.json").read_text(encoding="utf-8"))
OWN = [entry for entry in pages.entries() if entry.error]
ENDS = {"Interrupted", "KernelDied", "StepFailed", "Drifted"}
"""What a run's failure is called where no error of the runbook's was raised."""


def errors() -> set[str]:
    """Return the name of every class of error in the package."""
    for module in pkgutil.walk_packages(runbook.__path__, "runbook."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def family(kind: type) -> set[str]:
        return {kind.__name__}.union(*map(family, kind.__subclasses__()))

    return family(RunbookError) | {TestbedError.__name__}


def explain(*words: str, stdin: str = ""):
    return CliRunner().invoke(main, ["explain", *words], input=stdin, catch_exceptions=False)


def test_the_page_is_what_the_entries_say():
    """`docs/errors.md` is made from the package; `make errors` writes it."""
    assert (PROJECT / pages.PAGE).read_text(encoding="utf-8") == page.page()
    assert page.page().count("\n### ") == len(pages.entries())


def test_every_class_of_error_has_an_entry():
    """No class of error, and no way in which a run fails, is without an entry for all of it."""
    general = Counter(entry.error for entry in OWN if not entry.says)
    assert set(general) == errors() | ENDS
    assert set(general.values()) == {1}


def test_codes_are_stable_and_true():
    """A code is there once, and its first digit is the exit code of its errors where they have their own."""
    codes = Counter(entry.code for entry in pages.entries())
    assert set(codes.values()) == {1}
    kinds = {kind.__name__: kind.exit_code for kind in (RunbookError, *RunbookError.__subclasses__())}
    for entry in OWN:
        known = kinds.get(entry.error)
        if known is not None and known < 10:
            assert entry.code.startswith(f"R{known}"), entry.code


def test_every_entry_is_complete():
    """Each entry says what one sees, what it means and what to do, in sentences."""
    for entry in pages.entries():
        for part in (entry.see, entry.means, entry.do):
            assert re.search(r"\w{3}.*\.$", part), entry.code


def in_source() -> set[str]:
    """Return every line that stands in a text of the package, with `…` for what is filled in."""
    nodes = [n for path in ROOT.rglob("*.py") for n in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    texts = {text for n in nodes if isinstance(n, ast.Constant | ast.JoinedStr) for text in _texts(n)}
    texts |= {site.text for site in sites(errors())}
    return {pages._bare(line) for text in texts for line in text.splitlines() if len(line) < 200}


@pytest.fixture(scope="module")
def source():
    return in_source()


@pytest.mark.parametrize("entry", [e for e in OWN if e.says], ids=lambda entry: entry.code)
def test_every_entry_is_reached_by_what_the_package_says(entry, source):
    """Each message of an entry stands in the package, and leads to that entry: rewording one fails here."""
    for said in entry.says:
        found = [line for line in source if pages._pattern(said).fullmatch(line)]
        assert found, said
        assert entry in [pages.for_error(entry.error, line) for line in found], said


def test_every_refusal_has_an_entry_of_its_own():
    """Whatever a plan refuses or waits for in words of its own is explained by more than the class."""
    known = [
        s for s in sites(errors()) if s.level in ("refuse", "wait") and len(re.findall(r"\w+", s.text)) > 1
    ]
    assert len(known) > 120
    bare = [s for s in known if not (found := pages.for_error(s.error, s.text)) or not found.says]
    assert [f"{s.place}: {s.text}" for s in bare] == []


def test_every_error_that_is_raised_has_an_entry():
    """Each place that raises an error of the runbook leads to an entry, at least that of its class."""
    known = sites(errors())
    assert len(known) > 300
    assert [s.place for s in known if pages.for_error(s.error, s.text) is None] == []


@pytest.mark.parametrize(("message", "code", "source"), XEN, ids=[code for _, code, _ in XEN])
def test_xens_messages_are_known(message, code, source):
    """Each message of Xen, libxl and the kernel leads to its entry, also in the middle of a log; its text has a source."""
    assert [entry.code for entry in pages.in_text(f"first line\n{message}\nlast line")] == [code]
    assert len(source) > 8


def test_every_wording_of_an_entry_is_tested():
    """No message is listed that no line leads to: each wording is what some line of the list matches."""
    for entry in (entry for entry in pages.entries() if not entry.error):
        lines = [message for message, code, _ in XEN if code == entry.code]
        bare = [said for said in entry.says if not any(pages._pattern(said).search(line) for line in lines)]
        assert bare == [], entry.code


GIVEN = (PROJECT / "tests/cases/guests/messages-given/messages.txt").read_text(encoding="utf-8").splitlines()
"""Messages that people posted, collected before any of them had an entry."""


def test_messages_given():
    """At least nine of ten posted messages are known; here is the share that is."""
    known = [line for line in GIVEN if pages.in_text(line)]
    assert len(GIVEN) == 37
    assert len(known) / len(GIVEN) >= 0.9, sorted(set(GIVEN) - set(known))


POSTED = (Path(__file__).parent / "posted.txt").read_text(encoding="utf-8").splitlines()
"""As many more, each with the thread that it was seen in: 17 of the first 40 and 6 of the others were known before."""


def test_messages_posted():
    """At least nine of ten of them are known, and none leads to two entries."""
    lines = [line.split("\t")[0] for line in POSTED]
    assert all(len(line.split("\t")) == 2 for line in POSTED)
    assert len(lines) >= len(GIVEN)
    assert sum(bool(pages.in_text(line)) for line in lines) / len(lines) >= 0.9
    assert [line for line in lines if len(pages.in_text(line)) > 1] == []


def test_a_whole_log_says_how_much_of_it_is_known():
    """All that was posted, as one log: the causes first, and what is not known is counted."""
    log = "\n".join([*(line.split("\t")[0] for line in POSTED), "a line that nobody ever posted"])
    done = explain("-", stdin=log)
    assert done.exit_code == 0
    assert f"{len(POSTED) + 1} lines: " in done.output
    assert "1 not known" in " ".join(done.output.split())


def test_no_line_of_a_quiet_log_is_known():
    """What xl, Xen and the kernel say when all is well leads to nothing."""
    quiet = (Path(__file__).parent / "quiet.log").read_text(encoding="utf-8")
    assert [entry.code for entry in pages.in_text(quiet)] == []


def test_every_entry_of_xen_has_its_message_or_is_a_symptom():
    """No message is listed that nothing tests; those without one are found by their words."""
    tested = {code for _, code, _ in XEN}
    listed = [entry for entry in pages.entries() if not entry.error]
    assert {entry.code for entry in listed if entry.says} == tested
    for entry in listed:
        assert entry in pages.near(entry.title), entry.code


@pytest.mark.parametrize(
    ("name", "message", "code"),
    [
        ("Refused", "hide_devices: There is no device at 0000:03:00.0 (a card) (and 2 more)\n  do: x", "R320"),
        ("Refused", "something that nobody foresaw", "R300"),
        ("ParamsError", "There is no params/none.yml\n  do: give the path of a parameter file, such as x", "R201"),
        ("CheckFailed", "turn_on: it is off\n  why: nobody turned it on", "R120"),
        ("CheckFailed", "turn_on still has work\n  why: still to do: write /etc/toy", "R124"),
        ("StillBuilding", "You stopped watching", "R820"),
        ("CheckFailed", "keep_survey: the machine has changed since it was written", "R120"),
        ("CheckFailed", "hide_devices: There is no device at 0000:03:00.0 (a card)", "R120"),
        ("ValueError", "Cannot reach anything", None),
    ],
)  # fmt: skip
def test_an_error_leads_to_what_says_most_about_it(name, message, code):
    """Its own words first, then its class; an error that is not the runbook's leads nowhere."""
    entry = pages.for_error(name, message)
    assert (entry and entry.code) == code


@pytest.mark.parametrize("name", sorted(errors() | ENDS))
def test_no_error_leads_to_another_classs_entry(name):
    """Whatever words an error has, its code is one of its own class, whose number tells the exit code."""
    for entry in OWN:
        for said in (*entry.says, "no words that are known"):
            found = pages.for_error(name, said.replace("…", "x"))
            assert found is None or found.error == name, (name, said, found.code)


def test_a_cell_that_fails_names_the_entries():
    """The error in a notebook ends with its code, and with that of Xen's message in the output of the command."""
    error = CommandFailed("'xl create x' ended with status 1", why="Could not find bridge xenbr1")
    assert error._render_traceback_() == [
        f"CommandFailed: {error}\n  more: runbook explain R111 X14, or docs/errors.md#r111"
    ]


def test_a_cell_that_fails_shows_its_error_whatever_happens(monkeypatch):
    """An entry that cannot be read hides no error."""

    def broken(*_):
        raise MemoryError

    monkeypatch.setattr("runbook.help.for_error", broken)
    assert Refused("Not root on x")._render_traceback_() == ["Refused: Not root on x"]


def test_a_command_that_fails_names_the_entry(tmp_path, monkeypatch):
    """The terminal names the code after the message, and the exit code is the error's."""

    def fail(*_, **__):
        raise HostError("Cannot reach root@victory", why="no route")

    monkeypatch.setattr("runbook.cli.running.run", fail)
    done = CliRunner().invoke(main, ["run"])
    assert done.exit_code == 5
    assert done.stderr == (
        "Error: Cannot reach root@victory\n  why: no route\n  more: runbook explain R501\n"
    )


def test_a_code_is_explained():
    """One code, in either case, prints its entry; several print theirs."""
    done = explain("r501", "X14")
    assert done.exit_code == 0
    assert done.stdout.startswith("R501  The host is not reached  [HostError]\n  Cannot reach …\n")
    assert "\nX14  A guest's bridge does not exist\n" in done.stdout
    assert done.stdout.count("What to do\n") == 2


@pytest.mark.parametrize(
    ("number", "code"), [("700", "R700"), ("r700", "R700"), ("14", "X14"), ("100", "R100"), ("101", "R101")]
)
def test_a_code_is_found_by_its_number(number, code):
    """The letter may be small or left out, as text and as JSON; a number that both have is the runbook's own."""
    done = explain(number)
    assert (done.exit_code, done.stdout.split()[0]) == (0, code)
    assert [entry["code"] for entry in json.loads(explain("--json", number).stdout)] == [code]


def test_without_a_code_there_is_the_list():
    """Every code, a line each."""
    done = explain()
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == [
        entry.code for entry in pages.entries()
    ]


@pytest.mark.parametrize(
    ("words", "near"),
    [
        ("R599", "R551"),
        ("X198", "X98"),
        ("799", "R704"),
        ("5", "R500"),
        ("E501", "R501"),
        ("bridge exist", "X14"),
        ("HostError", "R500"),
        ("Could not find brigde xenbr1", "X14"),
        ("Looks like pciback driver isnt loaded", "X05"),
    ],
)
def test_what_is_not_known_gets_the_nearest(words, near):
    """An unknown code or text ends with 2 and names what may be meant; an error's name lists its entries."""
    done = explain(words)
    if words == "HostError":
        assert (done.exit_code, done.stdout.splitlines()[1][2:6]) == (0, near)
        return
    assert done.exit_code == 2
    assert near in done.stderr


@pytest.mark.parametrize(
    "message",
    [
        "libxl: error: libxl_new.c:12:new_thing: Domain 3:some unheard thing failed for the device",
        "qemu-system-i386: the frobnicator of device hda could not be started",
        "(XEN) new warning: domain 3 has too many bananas",
        "device failed for domain",
    ],
)  # fmt: skip
def test_what_is_not_known_is_not_guessed(message):
    """Words that stand in many messages lead nowhere: it is said that it is not known, and what to do with it."""
    assert pages.near(message) == []
    done = explain(message)
    assert done.exit_code == 2
    assert "the nearest" not in done.stderr
    assert "it is not known, and not guessed" in done.stderr
    assert "`runbook explain -`" in done.stderr


def test_a_code_that_is_none_is_named_among_others():
    """Of several codes the wrong one is said, and the whole is not taken for a message."""
    done = explain("R501", "R999")
    assert done.exit_code == 2
    assert "R999" in done.output
    assert "R501 R999" not in done.output


def test_a_pasted_message_is_explained():
    """A message as one argument, or unquoted as many."""
    for words in (["libxl: error: … Looks like pciback driver is not loaded"],
                  ["Looks", "like", "pciback", "driver", "is", "not", "loaded"]):  # fmt: skip
        done = explain(*words)
        assert done.exit_code == 0
        assert done.stdout.startswith("X05 ")


def test_a_log_is_explained_from_standard_input():
    """`explain -` finds each known message once, in the order of the log, and says when there is none."""
    log = "a\nCould not find bridge xenbr1\nLooks like pciback driver is not loaded\nCould not find bridge xenbr1\n"
    done = explain("-", stdin=log)
    assert re.findall(r"(?m)^([RX]\d+) ", done.stdout) == ["X14", "X05"]
    nothing = explain("-", stdin="all is well\n")
    assert nothing.exit_code == 2
    assert "No message in it is known" in nothing.stderr


def test_log_qemu_refused():
    """The cause stands first, what follows from it behind, the harmless line last, and the count above."""
    log = (PROJECT / "tests/cases/guests/log-qemu-refused/log.txt").read_text(encoding="utf-8")
    done = explain("-", stdin=log)
    assert done.exit_code == 0
    head, rest = done.stdout.split("\n\n", 1)
    assert (
        " ".join(head.split())
        == "6 lines: 5 known (2 the cause, 2 that follows from it, 1 only a remark), 1 not known"
    )
    assert re.findall(r"(?m)^([RX]\d+) ", rest) == ["X24", "X25", "X26", "X27", "X15"]
    assert "qemu-dm-NAME.log" in done.stdout
    assert "  (It is a remark, and no cause.)" in rest.splitlines()


def test_lines_that_complain_and_are_not_known_are_shown():
    """A known line does not hide the others: those that complain are listed, without a guess."""
    log = "Parsing config from x\nlibxl: error: frobnication failed\nCould not find bridge xenbr1\n"
    done = explain("-", stdin=log)
    assert "3 lines: 1 known (1 the cause), 2 not known" in done.stdout
    assert "  libxl: error: frobnication failed" in done.stdout
    assert "  Parsing config from x" not in done.stdout


def test_xl_without_root_is_no_missing_xen():
    """The same words with another end are another fault: nobody is sent to restart the host for want of sudo."""
    denied = "xencall: error: Could not obtain handle on privileged command interface: Permission denied"
    missing = denied.replace("Permission denied", "No such file or directory")
    assert [e.code for e in pages.in_text(denied)] == ["X23"]
    assert [e.code for e in pages.in_text(missing)] == ["X12"]
    assert "grub-reboot" not in explain(denied).stdout


def test_only_xens_entries_have_a_role():
    """An entry of the runbook's own errors is a cause; causes, consequences and remarks are all there."""
    assert {entry.role for entry in pages.entries()} == set(pages.ROLES)
    assert {entry.role for entry in OWN} == {"cause"}


def test_a_report_pasted_whole_is_explained():
    """What the terminal showed of the runbook's own errors is found in a pasted text too."""
    text = "05_xen_installation, cell open: HostError\nCannot reach root@victory\n  do: look"
    assert "R501" in explain("-", stdin=text).stdout
