"""Masks: every form of a value that is known, whole or torn, and nothing else."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from urllib.parse import quote

import pytest
from ruamel.yaml import YAML

from runbook.errors import CommandFailed, NotRecorded, ParamsError
from runbook.hosts.local import LocalHost
from runbook.hosts.recorded import RecordedHost
from runbook.hosts.recorder import Recorder
from runbook.params import HostParams
from runbook.params.secrets import mask_known_secrets, resolve
from runbook.redaction import CHANNEL, KNOWN, Redactor, Stream, has_mark, learn, mark
from tests.word import give

VALUE = "s3cret/\"word\"+é<&>'x'"
MARK = "[secret env:X]"


@pytest.fixture
def known():
    redactor = Redactor()
    redactor.learn("env:X", VALUE)
    return redactor


FORMS = {
    "plain": VALUE,
    "percent": quote(VALUE),
    "percent, all": quote(VALUE, safe=""),
    "JSON": json.dumps(VALUE)[1:-1],
    "repr": repr(VALUE)[1:-1],
    "bytes": repr(VALUE.encode())[2:-1],
    "HTML": "s3cret/&quot;word&quot;+é&lt;&amp;&gt;&#x27;x&#x27;",
    "HTML by number": "s3cret/&#34;word&#34;+é&lt;&amp;&gt;&#39;x&#39;",
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "hexadecimal": VALUE.encode().hex(),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_masked_whole_and_torn(known, form):
    """Wherever a text is torn, in one place or after every letter, what comes out is the same mask."""
    text = f"before {FORMS[form]} after"
    wanted = f"before {MARK} after"
    assert known.text(text) == wanted
    for at in range(len(text)):
        stream = Stream(known)
        assert stream.feed(text[:at]) + stream.feed(text[at:]) + stream.end() == wanted
    stream = Stream(known)
    assert "".join(map(stream.feed, text)) + stream.end() == wanted


def backslashed(special):
    """Return a writer that sets a backslash before some letters."""
    return lambda text: "".join(f"\\{c}" if c in special else c for c in text)


def yaml_line(text):
    """Return a text as the YAML library writes it in single quotes."""
    from ruamel.yaml.scalarstring import SingleQuotedScalarString

    out = io.StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump({"password": SingleQuotedScalarString(text)}, out)
    return out.getvalue()


def csv_line(text):
    """Return a text as the CSV library writes it."""
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow(["a", text])
    return out.getvalue()


QUOTED = {
    "shlex.quote": shlex.quote,
    "shlex.quote in a shell's line": lambda text: shlex.join(["passwd", "--stdin", text, "root"]),
    "shlex.quote twice, as over ssh": lambda text: shlex.join(["sh", "-c", shlex.join(["echo", text])]),
    "JSON in shlex.quote": lambda text: shlex.quote(json.dumps({"password": text})),
    "shlex.quote in JSON": lambda text: json.dumps({"argv": shlex.quote(text)}),
    "single quotes in a script": lambda text: "'" + text.replace("'", "'\\''") + "'",
    "double quotes in a shell": lambda text: f'"{backslashed(chr(34) + "$`" + chr(92))(text)}"',
    "double quotes in an interactive shell": lambda text: f'"{backslashed(chr(34) + "$`!" + chr(92))(text)}"',
    "GRUB and crypt hashes: the dollar alone": backslashed("$"),
    "the double quote alone": backslashed('"'),
    "the single quote alone": backslashed("'"),
    "a crontab": backslashed("%"),
    "systemd": lambda text: text.replace("$", "$$"),
    "systemd, with specifiers": lambda text: text.replace("$", "$$").replace("%", "%%"),
    "systemd, in double quotes": lambda text: (
        backslashed(chr(34) + chr(92))(text).replace("$", "$$").replace("%", "%%")
    ),
    "a format": lambda text: text.replace("%", "%%"),
    "YAML in single quotes": yaml_line,
    "SQL": lambda text: "'" + text.replace("'", "''") + "'",
    "CSV": csv_line,
    "CSV in JSON": lambda text: json.dumps(csv_line(text)),
    "shlex.quote in HTML": lambda text: (
        f"<pre>{shlex.quote(text).replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</pre>"
    ),
}
SPECIAL = "$`\"'\\%!&|;<>(){}[]*?#~^=:,./-+@_ éß€"


def random_secrets(count, seed):
    """Return values of 8 to 24 letters, about half of them special ones."""
    source = random.Random(seed)
    plain = "abcdefXYZ0123456789"
    return [
        source.choice(plain)
        + "".join(
            source.choice((plain, SPECIAL)[source.random() < 0.5]) for _ in range(source.randint(7, 23))
        )
        for _ in range(count)
    ]


def leaks(value, text):
    """Return whether a text still has a plain piece of a value, of five letters or more that stand nowhere else."""
    pieces = {value[i : i + 5] for i in range(len(value) - 4)}
    return any(piece in text for piece in pieces)


@pytest.mark.parametrize("kind", QUOTED)
def test_what_is_quoted_is_masked(kind):
    """Of 150 random values each is masked as each program quotes it, whole and torn, and nothing else is touched."""
    for value in random_secrets(150, seed=8):
        redactor = Redactor()
        redactor.learn("env:X", value)
        before, after = "<<before ", " after>>\n"
        said = QUOTED[kind](value)
        clean = redactor.text(before + said + after)
        assert MARK in clean, (value, said)
        assert not leaks(value, clean), (value, clean)
        assert clean.startswith(before)
        assert clean.endswith(after)
        stream, at = Stream(redactor), len(before) + len(said) // 2
        whole = before + said + after
        assert stream.feed(whole[:at]) + stream.feed(whole[at:]) + stream.end() == clean


def test_the_case_of_the_shell(known):
    """The value with a quote, as shlex.quote, a dollar in GRUB and systemd, YAML and CSV write it, leaves nothing."""
    value = "pa$$'w\"ord$1"
    redactor = Redactor()
    redactor.learn("env:X", value)
    for said, wanted in (
        (shlex.quote(value), f"'{MARK}'"),
        (value.replace("$", "\\$"), MARK),
        (value.replace("$", "$$"), MARK),
        (value.replace("'", "''"), MARK),
        (value.replace('"', '""'), MARK),
    ):
        assert redactor.text(said) == wanted


def test_bash_quotes_are_masked():
    """Bash's own words for 200 values at once: `%q`, `@Q`, and what `set -x` and `declare -p` print."""
    bash = shutil.which("bash") or pytest.skip("bash is needed")
    script = 'for v; do printf "%q\n%s\n" "$v" "${v@Q}"; declare -p v; alias x="$v"; alias x; (set -x; : "$v") 2>&1; done'
    values = random_secrets(200, seed=9)
    argv = [bash, "-c", script, "bash", *values]
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    lines = subprocess.run(
        argv, capture_output=True, text=True, check=True, env=environment
    ).stdout.splitlines()
    assert len(lines) == 5 * len(values)
    for number, line in enumerate(lines):
        value = values[number // 5]
        redactor = Redactor()
        redactor.learn("env:X", value)
        clean = redactor.text(line)
        assert MARK in clean, (value, line)
        assert not leaks(value, clean), (value, clean)


def test_text_without_the_secret_is_never_altered():
    """Of 2000 random lines, none of which has the value, each comes out as it went in; neither is it held for ever."""
    source = random.Random(10)
    for value in random_secrets(40, seed=11):
        redactor = Redactor()
        redactor.learn("env:X", value)
        stream = Stream(redactor)
        for _ in range(50):
            line = "".join(source.choice(SPECIAL + value) for _ in range(source.randint(1, 60))) + "\n"
            unquoted = re.sub(r"[\\'\"$%]", "", line)
            if re.sub(r"[\\'\"$%]", "", value) in unquoted:
                continue
            assert redactor.text(line) == line
            assert stream.feed(line) + stream.end() == line


def test_base64_is_found_inside_a_longer_text_and_across_lines(known):
    """A password in a header, and what `base64` wraps, are masked but for the letters shared with their neighbours."""
    for before in ("", "x", "xy", "root:"):
        said = base64.b64encode(f"{before}{VALUE}:tail".encode()).decode()
        wrapped = "\n".join(said[i : i + 9] for i in range(0, len(said), 9))
        for text in (said, wrapped):
            clean = known.text(text)
            assert MARK in clean
            assert (
                len(clean.replace(MARK, "").replace("\n", "")) <= len(said) - len(VALUE.encode()) * 4 // 3 + 2
            )


def test_ordinary_text_is_neither_changed_nor_kept_waiting(known):
    """What has nothing of a secret in it comes out as it went in, at once."""
    stream = Stream(known)
    for line in ("Unpacking xen\n", "100 %|#####\r", "", "no newline at the end,"):
        assert stream.feed(line) == line
    assert stream.end() == ""
    assert known.clean({"a": [1, None, ("x", True)]}) == {"a": [1, None, ["x", True]]}


def test_a_value_that_never_came_whole_is_masked_too(known):
    """Eight letters of a secret are too many, when nothing follows them; seven may be chance."""
    for size, wanted in ((7, VALUE[:7]), (8, MARK)):
        stream = Stream(known)
        assert stream.feed("x" + VALUE[:size]) + stream.end() == "x" + wanted


def test_a_value_inside_another_hides_neither():
    """Of two values of which one begins like the other, or ends as it begins, nothing is left over."""
    redactor = Redactor()
    for name, value in (("A", "abcdefgh"), ("B", "abcdefghijkl"), ("C", "12341234xx1234")):
        redactor.learn(f"env:{name}", value)
    stream = Stream(redactor)
    text = "abcdefghijkl abcdefgh 12341234xx1234"
    assert "".join(map(stream.feed, text)) + stream.end() == "[secret env:B] [secret env:A] [secret env:C]"


def test_a_short_secret_is_refused(monkeypatch):
    """To mask every `a` would spoil a report, so a value below the least length is not used at all."""
    monkeypatch.setenv("SHORT", "seven77")
    with pytest.raises(ParamsError, match="shorter than 8 characters") as caught:
        resolve("env:SHORT")
    assert "seven77" not in str(caught.value)
    assert KNOWN.text("seven77") == "seven77"


def test_a_mark_says_where_the_secret_is_and_nothing_more():
    """A mark is safe in JSON, HTML and shells, and of a command only the first word is in it."""
    assert mark("command:pass show 'x'") == "[secret command:pass]"
    assert mark('file:/a b/"c"') == "[secret file:/a_b/_c_]"
    assert has_mark(f"x {mark('env:A')} y")
    redactor = Redactor()
    redactor.learn("command:wordsecret", "wordsecret")
    assert redactor.text("wordsecret") == "[secret command:]"


def test_a_command_that_fails_does_not_say_its_secret(tmp_path, monkeypatch):
    """The complaint of a command is shown, without what it had printed as the secret."""
    (tmp_path / "s").write_text("failing-canary\n")
    command = f"cat {tmp_path / 's'}; echo bad $(cat {tmp_path / 's'}) here >&2; exit 3"
    give(monkeypatch, tmp_path / "config", ("a secret", f"sh -c: {command}"))
    with pytest.raises(ParamsError) as caught:
        resolve(f"command:{command}")
    assert caught.value.why == "it ended with 3: bad [secret command:cat] here"


def test_variables_and_files_are_known_before_they_are_used_and_commands_are_not_run(tmp_path, monkeypatch):
    """A look that has no effect is taken at the start; a command waits until its value is needed."""
    monkeypatch.setenv("FORESEEN", "foreseen-canary")
    (tmp_path / "s").write_text("foreseen-in-file\n")
    os.mkfifo(tmp_path / "pipe")
    for place in ("env:FORESEEN", f"file:{tmp_path / 's'}", f"command:touch {tmp_path / 'ran'}",
                  f"file:{tmp_path / 'pipe'}", "env:NOT_THERE"):  # fmt: skip
        values = {
            "host": "toy",
            "connection": {"kind": "local"},
            "installation": {"root_password_hash": place},
        }
        mask_known_secrets(HostParams.model_validate(values))
    assert KNOWN.text("foreseen-canary") == "[secret env:FORESEEN]"
    assert KNOWN.text("foreseen-in-file") == mark(f"file:{tmp_path / 's'}")
    assert not (tmp_path / "ran").exists()


def test_a_secret_is_handed_over_through_the_right_pipe_alone(monkeypatch):
    """The writer of the report is told; another pipe at that handle, or none, is told nothing."""
    reads, writes = os.pipe()
    try:
        monkeypatch.setenv(CHANNEL, f"{writes}:{os.fstat(writes).st_ino}")
        learn("env:HANDED", "handed-canary")
        assert json.loads(os.read(reads, 999)) == ["env:HANDED", "handed-canary"]
        os.set_blocking(reads, False)
        for wrong in (f"{writes}:1", "999:1", "", "x"):
            monkeypatch.setenv(CHANNEL, wrong)
            assert learn("env:HANDED", "handed-canary")
        with pytest.raises(BlockingIOError):
            os.read(reads, 999)
    finally:
        os.close(reads)
        os.close(writes)


SECRET_IN = ("sh", "-c", "cat >&2; exit 3")


def test_a_recording_holds_a_mark_and_replays_without_the_secret(tmp_path):
    """Input, output and content of a file are masked when recorded, and the replay answers with or without the value."""
    learn("env:RECORDED", "recorded-canary")
    stdin = b"root:recorded-canary\n"
    recorder = Recorder(LocalHost(), tmp_path / "rec", "99_toy")
    owner = f"{os.getuid()}:{os.getgid()}"
    recorder.run(SECRET_IN, stdin=stdin)
    recorder.write(str(tmp_path / "f"), b"recorded-canary\n", mode="0600", owner=owner)
    assert (tmp_path / "f").read_text() == "recorded-canary\n"
    text = (tmp_path / "rec/99_toy/opening.jsonl").read_text()
    assert "recorded-canary" not in text
    assert text.count("[secret env:RECORDED]") == 3

    for given in (stdin, b"root:[secret env:RECORDED]\n"):
        replay = RecordedHost(tmp_path / "rec", "99_toy")
        assert replay.run(SECRET_IN, stdin=given).err == "root:[secret env:RECORDED]\n"
        replay.write(str(tmp_path / "f"), b"recorded-canary\n", mode="0600", owner=owner)
    with pytest.raises(NotRecorded):
        RecordedHost(tmp_path / "rec", "99_toy").run(SECRET_IN, stdin=b"root:another\n")


def test_a_password_is_replayed_without_its_hash(tmp_path, monkeypatch):
    """Who replays a recording in which a password was set needs no password."""
    from runbook.actions import SetPassword
    from runbook.engine.apply import carry_out

    rec = tmp_path / "rec"
    (rec / "99_toy").mkdir(parents=True)
    did = {"run": ["chroot", "/mnt", "chpasswd", "--encrypted"], "stdin": "root:[secret env:NO_SUCH]\n"}
    said = {"status": 0, "out": "", "err": ""}
    (rec / "99_toy/opening.jsonl").write_text(json.dumps({"do": did, "said": said}) + "\n")
    assert carry_out(SetPassword("/mnt", "env:NO_SUCH"), RecordedHost(rec, "99_toy"), print) == ""


def test_an_error_at_the_keyboard_is_masked(monkeypatch):
    """What the command line says of an error goes through the redactor too."""
    from click.testing import CliRunner

    from runbook.cli import main

    learn("env:SAID", "said-canary")
    monkeypatch.setattr(
        "runbook.params.load", lambda path: (_ for _ in ()).throw(CommandFailed("said-canary!"))
    )
    shown = CliRunner().invoke(main, ["installer", "x.yml"])
    assert (shown.exit_code, shown.output) == (1, "Error: [secret env:SAID]!\n  more: runbook explain R110\n")


def test_a_process_of_its_own_knows_nothing():
    """What is known is in memory alone: another process finds it nowhere."""
    learn("env:KEPT", "kept-canary")
    code = "from runbook.redaction import KNOWN; print(KNOWN.text('kept-canary'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "kept-canary\n"
