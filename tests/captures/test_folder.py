"""A capture as a folder: written whole or not at all, read as what a stranger sent, and never acted on."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner

from runbook.captures import seen, taken
from runbook.cli import main
from runbook.errors import NotRecorded, ParamsError, Refused
from runbook.hosts import capture, connect
from runbook.hosts.captured import CapturedHost
from runbook.model.ask import Answer, Ask
from runbook.params import load, on_capture
from runbook.show import survey as views
from runbook.survey import machine as machines
from runbook.survey import survey_table
from tests.captures.hosts import PARAMS, Toy, plain

ASKS = (Ask.run("uname", "-r"), Ask.read("/etc/fstab"), Ask.shell("echo 'a b'; true"))
SAID = [
    capture.Said("uname", ASKS[0], Answer(0, "6.12\r\n")),
    capture.Said("file-etc-fstab", ASKS[1], Answer(44)),
    capture.Said("echo", ASKS[2], Answer(1, "ä\u2028b", "no\n")),
]


def call(*words):
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path):
    capture.save(tmp_path / "box", "2026-11-30", SAID, "host: box\n")
    return tmp_path / "box"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = tmp_path_factory.mktemp("captures") / "box"
    taken.save(taken.take(Toy(plain()), PARAMS, None), place)
    return place


def changed(folder, **entry):
    """Change the first question of a capture's index."""
    index = json.loads((folder / "capture.json").read_text())
    index["questions"][0] |= entry
    (folder / "capture.json").write_text(json.dumps(index))


def test_what_is_written_is_read(folder):
    """Questions, statuses, both streams and every letter of them come back; there is one file an answer."""
    assert capture.load(folder).answers == {one.ask: one.answer for one in SAID}
    assert names(folder / "answers") == ["echo", "uname"]
    assert (folder / "params.yml").read_text() == "host: box\n"


def test_nothing_takes_the_place_of_what_is_there(folder, tmp_path):
    """Neither a capture without --force, nor with it what is none; with it a capture is made anew, whole."""
    with pytest.raises(ParamsError, match="is there already"):
        capture.save(folder, "2026-12-01", SAID, "")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ParamsError, match="is no capture"):
        capture.save(tmp_path / "mine", "2026-12-01", SAID, "", force=True)
    capture.save(folder, "2026-12-01", SAID[:1], "", force=True)
    assert capture.load(folder).made == "2026-12-01"
    assert names(folder / "answers") == ["uname"]
    assert names(tmp_path) == ["box", "mine"]


def test_half_a_capture_is_none(folder, tmp_path, monkeypatch):
    """When the disk is full at the last file, what was there stays as it was and nothing new stays beside it."""
    before = sorted(os.walk(tmp_path))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(capture, "write_atomic", full)
    with pytest.raises(OSError, match="No space"):
        capture.save(folder, "2026-12-01", SAID, "", force=True)
    with pytest.raises(OSError, match="No space"):
        capture.save(tmp_path / "new", "2026-12-01", SAID, "")
    assert sorted(os.walk(tmp_path)) == before


HOSTILE = {
    "a path out of it": {"file": "../../../etc/passwd"},
    "a path from the root": {"file": "/etc/passwd"},
    "a hidden file": {"file": ".ssh"},
    "a number for a file": {"file": 7},
    "no words": {"run": []},
    "a number among the words": {"run": ["uname", 7]},
    "a text for a status": {"status": "0"},
    "true for a status": {"status": True},
    "no name": {"name": None},
    "a missing answer": {"file": "gone"},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_cannot_be_a_capture_is_refused_whole(folder, kind):
    """Whatever a stranger wrote into the index is an error of ours that names the folder, and opens no file elsewhere."""
    changed(folder, **HOSTILE[kind])
    with pytest.raises(ParamsError, match="capture") as error:
        capture.load(folder)
    assert str(folder) in error.value.where
    assert "root:" not in str(error.value)


def test_a_link_among_the_answers_is_not_followed(folder, tmp_path):
    """An answer that is a link to another file of this machine is no answer."""
    (tmp_path / "private").write_text("mine")
    (folder / "answers" / "uname").unlink()
    (folder / "answers" / "uname").symlink_to(tmp_path / "private")
    with pytest.raises(ParamsError, match="answers/uname: it is a link"):
        capture.load(folder)
    (folder / "answers" / "uname").unlink()
    (folder / "answers" / "uname").write_text("6.12\n")
    (folder / "answers").rename(tmp_path / "elsewhere")
    (folder / "answers").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ParamsError, match="answers is a link"):
        capture.load(folder)


def test_many_large_answers_are_not_all_held(folder, monkeypatch):
    """All answers together have a largest size, also when many questions name one file; the refusal says so."""
    monkeypatch.setattr(capture, "LARGEST", 1000)
    (folder / "answers" / "uname").write_text("x" * 400)
    index = json.loads((folder / "capture.json").read_text())
    one = next(one for one in index["questions"] if one["name"] == "uname")
    for count, is_read in ((2, True), (3, False)):
        index["questions"] = [one | {"run": [f"uname{n}"]} for n in range(count)]
        (folder / "capture.json").write_text(json.dumps(index))
        if is_read:
            assert len(capture.load(folder).answers) == count
        else:
            with pytest.raises(ParamsError, match="cannot be read") as refused:
                capture.load(folder)
            assert "larger than" in refused.value.why


def test_more_questions_than_any_machine_is_asked_are_refused(folder, monkeypatch):
    """An index may not be as long as somebody likes: its length is looked at before any answer is read."""
    monkeypatch.setattr(capture, "MOST", 3)
    assert len(capture.load(folder).answers) == 3
    monkeypatch.setattr(capture, "MOST", 2)
    with pytest.raises(ParamsError, match="cannot be read") as refused:
        capture.load(folder)
    assert "it lists 3 questions" in refused.value.why


def test_another_format_is_named(folder):
    """A capture of a later runbook is not read as one of this."""
    index = json.loads((folder / "capture.json").read_text()) | {"format": 2}
    (folder / "capture.json").write_text(json.dumps(index))
    with pytest.raises(ParamsError, match="another format: 2"):
        capture.load(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 1}', "[" * 100_000, '{"format":1,"made":"","questions":[3]}']
)
def test_an_index_that_is_none_is_said(folder, text):
    """Whatever stands in the index, the error is one of ours."""
    (folder / "capture.json").write_text(text)
    with pytest.raises(ParamsError, match="cannot be read"):
        capture.load(folder)


def test_a_question_that_it_does_not_hold_is_an_error_when_it_is_read(folder):
    """The error says which capture, which question, and how one is made that holds it; what is held is answered."""
    facts = CapturedHost(folder).gather((ASKS[0], Ask.read("/etc/hosts")))
    assert facts[ASKS[0]].out == "6.12\r\n"
    with pytest.raises(NotRecorded) as error:
        facts.text("/etc/hosts")
    assert "< /etc/hosts" in error.value.what
    assert str(folder) in error.value.where
    assert "runbook survey PARAMS --save FOLDER" in error.value.do


ACTS = {
    "run": lambda host: host.run(("reboot",)),
    "write": lambda host: host.write("/etc/fstab", b"", mode="0644", owner="root:root"),
    "put": lambda host: host.put("/srv", "a kernel", lambda: []),
    "reboot": lambda host: host.reboot(1),
    "reconnect": lambda host: host.reconnect(("true",), 1),
    "lock": lambda host: host.lock(),
}


@pytest.mark.parametrize("act", ACTS)
def test_it_never_acts(folder, act):
    """Everything by which a host is changed is refused, and says that no machine is there."""
    host = connect(on_capture(PARAMS, folder), "00_introduction")
    with pytest.raises(Refused, match="A capture cannot be changed"):
        ACTS[act](host)


def test_apply_is_refused_before_anything_starts(whole, tmp_path):
    """`run --mode apply` on a capture ends with 3, and leaves no report."""
    done = call("run", "--mode", "apply", "--capture", str(whole), "--reports", str(tmp_path / "reports"))
    assert done.exit_code == 3, done.output
    assert "a capture cannot be changed" in done.output
    assert not (tmp_path / "reports").exists()


def test_the_survey_is_shown_from_it(whole, tmp_path):
    """Machine, every device with its verdict, and the pictures, on the terminal and as one page without a script."""
    page = tmp_path / "box.html"
    done = call("survey", "--capture", str(whole), "--html", str(page))
    assert done.exit_code == 0, done.output
    for words in ("0000:00:05.0", "must stay", "IOMMU group 3", "/dev/vda", "card enp0s3", "AMD-Vi"):
        assert words in done.output, words
    text = page.read_text("utf-8")
    assert text.count("<svg") >= 3
    assert "<script" not in text
    assert call("survey", "--capture", str(whole), "--html", str(page)).exit_code == 2


def test_the_survey_of_a_capture_needs_no_other_file(whole, tmp_path, monkeypatch):
    """Whoever is sent a capture looks at it from any folder; parameters that cannot be read are said and left out."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(whole, tmp_path / "My box")
    assert "asked for" in call("survey", "--capture", "My box").output
    (tmp_path / "My box" / "params.yml").write_text("host: [")
    done = call("survey", "--capture", "My box")
    assert done.exit_code == 0, done.output
    assert "its params.yml cannot be read" in done.output
    assert "asked for" not in done.output
    (tmp_path / "My box" / "params.yml").unlink()
    done = call("survey", "--capture", "My box")
    assert done.exit_code == 0, done.output
    assert "params.yml" not in done.output


def test_new_writes_a_file_that_plans_on_it(whole, tmp_path):
    """`new --capture` names the capture as the connection, and the steps find each of their questions answered."""
    out = tmp_path / "box.yml"
    done = call("new", "box", "--capture", str(whole), "--out", str(out))
    assert done.exit_code == 0, done.output
    params = load(out)
    assert params.connection.kind == "capture"
    host = connect(params, "00_introduction")
    assert len(host.gather(views.asks())) == len(views.asks())


def test_a_capture_from_before_a_question_was_asked_still_reads(whole, tmp_path):
    """What it was not asked is not known, and named; a question whose words have changed is found by its name."""
    index = json.loads((whole / "capture.json").read_text())
    place = tmp_path / "old"
    place.mkdir()
    shutil.copytree(whole / "answers", place / "answers")
    links = next(one for one in index["questions"] if one["name"] == "pci-links")
    links["run"] = ["sh", "-c", "the words of last year"]
    index["questions"] = [one for one in index["questions"] if one["name"] != "usb-interfaces"]
    (place / "capture.json").write_text(json.dumps(index))
    old, new = seen.see(place), seen.see(whole)
    assert old.unasked == ("usb-interfaces",)
    assert new.unasked == ()
    assert [d.bdf for d in machines.read(old.facts).devices] == [
        d.bdf for d in machines.read(new.facts).devices
    ]


def test_the_recorded_host_is_kept_as_a_capture(tmp_path):
    """`survey --save` writes it, says what others stand for, and that one should look through it."""
    done = call("survey", "--save", str(tmp_path / "box"))
    assert done.exit_code == 0, done.output
    assert "MAC addresses: " in done.output
    assert "Look through it before you send it" in done.output
    assert call("survey", "--save", str(tmp_path / "box")).exit_code == 2
    assert len(survey_table(seen.see(tmp_path / "box").facts)) == 12


def test_a_capture_excludes_what_names_a_host(whole):
    """A capture and a host are not both looked at."""
    assert call("survey", "box", "--capture", str(whole)).exit_code == 2
    assert call("new", "box", "--local", "--capture", str(whole)).exit_code == 2
