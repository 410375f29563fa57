"""Hostile YAML: whatever stands in a parameter file, or wherever its path leads, the answer is one error, soon."""

import os
import random
import resource
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.errors import ParamsError
from runbook.params import HostParams, load, loads, yaml12

ROOT = Path(__file__).parents[1]
FILES = [path.read_text() for path in sorted((ROOT / "params").glob("*.yml"))]
BASE = (ROOT / "params/example.yml").read_text()
SOON_S = 5
SEED, CASES = 13, 2000
SIGNS = [
    *"[]{}:,-?&*!|>'\"%@`#~\\\t \n", "\0", "\x1b", "\x85", "\u2028", "\ufeff", "\u202e", "\r\n", "---\n", "...\n", "<<: ", "&a ",
    "*a", "!!python/object/apply:os.system [id]", "!!binary ", "!!set ", "? ", ": ", "- ", "null", "0x1F", "1e400", "9" * 50,
    '"\\ud800"', '"\\UFFFFFFFF"', '"\\x1b"', "%YAML 1.1\n---\n", "%TAG ! x:\n---\n", "[" * 40, "{a: " * 40, "a" * 5000, "😀", "\x7f",
]  # fmt: skip
HOSTILE = {
    "wide bomb": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "map bomb": "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(9))}}}\n" for n in range(1, 12)),
    "merge bomb": "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)),
    "alias in itself": "x: &x [*x]\n", "mapping in itself": "x: &x {y: *x}\n", "aliases in a ring": "x: &x [&y [*x, *y]]\n",
    "deep list": f"a: {'[' * 5000}{']' * 5000}", "deep map": "a: " + "{a: " * 1500 + "}" * 1500, "open deep": "[" * 120_000,
    "deep block": "".join(f"{' ' * n}a:\n" for n in range(500)), "dashes": "- " * 60_000, "questions": "? " * 60_000,
    "list as key": "? [a, b]\n: c\n", "map as key": "? {a: b}\n: c\n", "flow key": "[a]: b", "null key": "? : x\n", "no key": ": x\n",
    "tilde": "~: x", "number": "1: x", "twice": "host: a\nhost: b\n", "acting key": '"\\e[2J": x\n', "long key": f"? {'a' * 5000}\n: b\n",
    "nul": BASE + 'x: "\0"\n', "escape": BASE.replace("web server", "web \x1b server"), "next line": BASE.replace("web server", "web\x85server"),
    "line separator": BASE.replace("web server", "web\u2028consent: []"), "turned": BASE + "# \u202e x\n", "delete": BASE + "# \x7f\n",
    "escaped": BASE.replace("web server", '"web\\n server"'), "half": BASE.replace("web server", '"\\ud800"'), "half host": BASE.replace("host: testbed", 'host: "a\\ud800"'),
    "beyond": BASE.replace("web server", '"\\UFFFFFFFF"'), "python": BASE + "x: !!python/object/apply:os.system [id]\n",
    "binary": BASE.replace("web server", "!!binary aGk="), "set": BASE + "x: !!set {a, b}\n", "own tag": BASE.replace("web server", "!x y"),
    "str tag": BASE.replace("web server", "!!str y"), "merge": BASE + "m: &m {a: 1}\nx: {<<: *m}\n", "two documents": f"{BASE}---\n{BASE}",
    "many documents": "---\na: b\n" * 5000, "empty": "", "scalar": "x", "list": "- a\n", "null": "null\n", "yaml 3": "%YAML 3.0\n---\na: b\n",
    "tag line": "%TAG ! tag:x,2000:\n---\na: !b c\n", "many keys": "".join(f"k{n}: 1\n" for n in range(20_000)), "many items": f"a: [{'a,' * 60_000}]",
    "many faults": f"guests: [{'{a: 1},' * 4000}]", "long line": "a: " + "x" * 250_000, "long text": "a: |\n" + "  x\n" * 50_000,
    "open quote": 'a: "' + "x" * 120_000, "huge": "# x\n" * 200_000, "comments": "#\n" * 100_000, "tabs": "\t" * 100_000, "bangs": "!" * 100_000,
}  # fmt: skip


def error_of(text, path=Path("x.yml")):
    """Return the one error of a text, after proving that it comes soon and says what to do."""
    began = time.monotonic()
    with pytest.raises(ParamsError) as caught:
        loads(text, path)
    assert time.monotonic() - began < SOON_S
    assert caught.value.do or caught.value.others
    return caught.value


@pytest.mark.parametrize("name", HOSTILE)
def test_yaml_bomb_hang_traceback(name):
    """Each hostile text ends in one error with a next move, soon, that shows nothing that acts."""
    error = error_of(HOSTILE[name])
    assert str(error).replace("\n", "").isprintable()
    assert len(str(error)) < 50_000


def test_places_that_are_no_files(tmp_path):
    """A pipe, a socket, a device, a folder and a file in another encoding end at once, on the command line too."""
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "utf16.yml").write_text(BASE, encoding="utf-16")
    (tmp_path / "latin.yml").write_bytes(b"host: \xe9\n")
    (tmp_path / "huge.yml").write_bytes(b"#" * (yaml12.LARGEST + 1))
    (tmp_path / "loop.yml").symlink_to(tmp_path / "loop.yml")
    places = ["/dev/zero", "/dev/full", "/dev/tty", "/dev/random", str(tmp_path), "/proc/self/mem", "x" * 5000,
              *(str(tmp_path / f"{name}.yml") for name in ("pipe", "utf16", "latin", "huge", "loop", "none"))]  # fmt: skip
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.yml"))
        for place in (*places, str(tmp_path / "s.yml")):
            began = time.monotonic()
            done = CliRunner().invoke(main, ["validate", place], catch_exceptions=False)
            assert (done.exit_code, "do: " in done.output) == (2, True), place
            assert time.monotonic() - began < SOON_S


def test_what_is_only_unusual_is_read():
    """A byte-order mark, Windows' line ends and an alias are no attack."""
    wanted = loads(BASE, Path("x"))
    assert loads(f"\ufeff{BASE}", Path("x")) == wanted
    assert loads(BASE.replace("\n", "\r\n"), Path("x")) == wanted
    aliased = BASE.replace("ports: [enp0s3]", "ports: &ports [enp0s3]").replace("tasks:", "tasks:")
    assert loads(aliased, Path("x")) == wanted


def test_two_thousand_spoilt_files_are_parameters_or_one_error():
    """Files with pieces exchanged, doubled, taken away and put in are parameters or one error, each soon."""
    chance, right, slowest = random.Random(SEED), 0, 0.0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(CASES):
        text = spoilt(chance, chance.choice(FILES))
        began = time.monotonic()
        try:
            assert isinstance(loads(text, Path("x.yml")), HostParams)
            right += 1
        except ParamsError:
            pass
        slowest = max(slowest, time.monotonic() - began)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    print(f"{CASES} files, {right} right, the slowest took {slowest:.2f} s, {grown} MiB more")
    assert 0 < right < CASES / 2
    assert slowest < SOON_S
    assert grown < 200


def spoilt(chance, text):
    """Return a text with one to four changes; a short stretch of it, so that 2,000 take a minute."""
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text))
        end = at + chance.choice((0, 1, 3, 20))
        kind = chance.randrange(4)
        new = chance.choice(SIGNS) if kind < 2 else text[end : end + 30] if kind == 2 else text[at:end] * 3
        text = text[:at] + new + text[end:]
    return text


def test_a_file_is_read_by_the_same_rules(tmp_path):
    """`load` reads what `loads` is given."""
    (tmp_path / "x.yml").write_text(HOSTILE["alias in itself"])
    with pytest.raises(ParamsError, match="stands inside what it names"):
        load(tmp_path / "x.yml")
