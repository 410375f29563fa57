"""Ways to alter reports, each with a random choice of where and how.

A way takes the folder of reports and a seeded generator; whatever it chooses, the reports are no longer as they
were written. `MAY_WAIT` are the ways after which nobody can tell them from a runner that was killed in that moment.
"""

from __future__ import annotations

import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runbook.attestation import dsse, keys
from runbook.attestation.ledger import FILE
from runbook.attestation.statement import CLOSING, NAME, RECORD, RUN, digests

Rng = random.Random
Way = Callable[[Path, Rng], None]
NAMES = (
    CLOSING, "attestation.json.part", ".run.json.abc.part", ".hidden", "pruned.json.bak", "RUN.JSON", "run.json ",
    "a\nb", "\x1b[2J\x1b]0;owned\x07", "\u202egnp.sj", "ü", "u\u0308", "-rf", "~", "x" * 255, "attestation.json\u200b",
    os.fsdecode(b"\xff\xfe.txt"), os.fsdecode(b"caf\xe9"), "ledger.jsonl", "index.html.bak", "..data", "facts.json",
)  # fmt: skip
DEEP = b'{"a":' * 100_000
SOON_S = 20
"""Whatever hangs does so for ever; a machine that does much else may take some seconds."""
OUTSIDE = ("/etc/passwd", "/dev/zero", "/nowhere", "..", ".", "journal.jsonl")


def runs(reports: Path) -> list[Path]:
    return sorted(path.parent for path in reports.glob(f"*/*/{NAME}"))


def a_run(reports: Path, rng: Rng) -> Path:
    return rng.choice(runs(reports))


def files(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file())


def a_file(reports: Path, rng: Rng) -> Path:
    return rng.choice(files(a_run(reports, rng)))


def new(reports: Path, rng: Rng) -> Path:
    """Return a path in a run, or in its folder of facts, at which there is nothing."""
    run = a_run(reports, rng)
    folder = rng.choice((run, run, run / "facts"))
    free = [name for name in NAMES if not (folder / name).exists()]
    return folder / rng.choice(free)


def put(path: Path, what: str) -> None:
    """Put something that is no plain file at a path."""
    match what:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            here = Path.cwd()
            os.chdir(path.parent)  # a socket's path is short
            try:
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.bind("s")
                Path("s").rename(path)
            finally:
                os.chdir(here)
        case "device":
            if os.geteuid():
                os.mkfifo(path)
            else:
                os.mknod(path, 0o20644, os.makedev(1, 5))  # /dev/zero
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(what)


def instead(what: str) -> Way:
    def act(reports: Path, rng: Rng) -> None:
        path = a_file(reports, rng)
        path.unlink()
        put(path, what)

    return act


def beside(what: str) -> Way:
    return lambda reports, rng: put(new(reports, rng), what)


def add_file(reports: Path, rng: Rng) -> None:
    new(reports, rng).write_bytes(rng.randbytes(rng.choice((0, 1, 100))))


def add_copy(reports: Path, rng: Rng) -> None:
    path = new(reports, rng)
    path.write_bytes(
        rng.choice(files(path.parent if path.parent.name != "facts" else path.parents[1])).read_bytes()
    )


def add_hard_link(reports: Path, rng: Rng) -> None:
    path = new(reports, rng)
    os.link(rng.choice(files(path.parent)), path)


def add_link(reports: Path, rng: Rng) -> None:
    new(reports, rng).symlink_to(rng.choice(OUTSIDE))


def add_deep_folder(reports: Path, rng: Rng) -> None:
    here = Path.cwd()
    os.chdir(a_run(reports, rng))
    try:
        for _ in range(rng.choice((1, 50, 1500))):
            Path("d").mkdir()
            os.chdir("d")
    finally:
        os.chdir(here)


def add_thousands(reports: Path, rng: Rng) -> None:
    folder = new(reports, rng)
    folder.mkdir()
    for number in range(rng.choice((200, 2000))):
        (folder / f"{number}").touch()


def remove(reports: Path, rng: Rng) -> None:
    a_file(reports, rng).unlink()


def alter_byte(reports: Path, rng: Rng) -> None:
    path = a_file(reports, rng)
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def truncate(reports: Path, rng: Rng) -> None:
    path = a_file(reports, rng)
    os.truncate(path, rng.randrange(path.stat().st_size))


def lengthen(reports: Path, rng: Rng) -> None:
    with a_file(reports, rng).open("ab") as file:
        file.write(rng.randbytes(rng.randint(1, 50)))


def hole(reports: Path, rng: Rng) -> None:
    os.truncate(a_file(reports, rng), 50 << 30)


def rename(reports: Path, rng: Rng) -> None:
    path = a_file(reports, rng)
    path.rename(path.with_name(rng.choice((path.name.upper(), f"{path.name}~", f".{path.name}", "zz"))))


def swap_files(reports: Path, rng: Rng) -> None:
    one, other = rng.sample([p for run in runs(reports) for p in files(run)], 2)
    while one.read_bytes() == other.read_bytes():
        one, other = rng.sample([p for run in runs(reports) for p in files(run)], 2)
    one_text, other_text = one.read_bytes(), other.read_bytes()
    one.write_bytes(other_text)
    other.write_bytes(one_text)


def link_to_copy(reports: Path, rng: Rng) -> None:
    path = a_file(reports, rng)
    copy = reports.parent / "copy"
    path.rename(copy)
    path.symlink_to(copy)


def rights(reports: Path, rng: Rng) -> None:
    a_file(reports, rng).chmod(rng.choice((0o755, 0o777, 0o4644, 0o2644, 0o1644, 0o645, 0o044)))


def nest_json(reports: Path, rng: Rng) -> None:
    (a_run(reports, rng) / rng.choice((NAME, RECORD))).write_bytes(DEEP)


def edit_record_closing(reports: Path, rng: Rng) -> None:
    """Put a last word beside the record, altered or not, and the record at `running` or not."""
    run = a_run(reports, rng)
    text = (run / RECORD).read_text()
    (run / CLOSING).write_text(
        rng.choice((text.replace("completed", "refused") + "\n", text + " ", "{}", ""))
    )
    if rng.random() < 0.5:
        (run / RECORD).write_text(text.replace('"outcome": "completed"', '"outcome": "running"'))


def alter_and_close(reports: Path, rng: Rng) -> None:
    """Let a run look cut off, with its attested last word, and alter another file of it."""
    run = a_run(reports, rng)
    shutil.copy(run / RECORD, run / CLOSING)
    (run / RECORD).write_text('{"outcome": "running"}')
    rng.choice([path for path in files(run) if path.name not in (RECORD, CLOSING)]).write_bytes(b"other")


def duplicate_run(reports: Path, rng: Rng) -> None:
    run = a_run(reports, rng)
    hosts = sorted({path.parent for path in runs(reports)})
    names = (run.name[:-1] + ("0" if run.name[-1] != "0" else "1"), "29990101T000000Z-000000")
    target = rng.choice(hosts) / rng.choice(names)
    shutil.copytree(run, target)


def duplicate_host(reports: Path, rng: Rng) -> None:
    shutil.copytree(a_run(reports, rng).parent, reports / rng.choice(("apple", "zebra", "\x1b[2J")))


def rename_host(reports: Path, rng: Rng) -> None:
    host = a_run(reports, rng).parent
    host.rename(host.with_name(rng.choice(("apple", "zebra", host.name.upper()))))


def remove_run(reports: Path, rng: Rng) -> None:
    shutil.rmtree(a_run(reports, rng))


def remove_newest(reports: Path, rng: Rng) -> None:
    host = a_run(reports, rng).parent
    for run in sorted(run for run in runs(reports) if run.parent == host)[-rng.randint(1, 2) :]:
        shutil.rmtree(run)


def remove_host(reports: Path, rng: Rng) -> None:
    shutil.rmtree(a_run(reports, rng).parent)


def remove_all_hosts(reports: Path, rng: Rng) -> None:
    for host in {run.parent for run in runs(reports)}:
        shutil.rmtree(host)


def rename_run(reports: Path, rng: Rng) -> None:
    run = a_run(reports, rng)
    run.rename(run.with_name(rng.choice((f"{run.name}.bak", "20250101T000000Z-000000", "old"))))


def run_is_link(reports: Path, rng: Rng) -> None:
    run = a_run(reports, rng)
    run.rename(reports.parent / "elsewhere")
    run.symlink_to(reports.parent / "elsewhere")


def swap_runs(reports: Path, rng: Rng) -> None:
    one, other = rng.sample(runs(reports), 2)
    middle = reports.parent / "middle"
    one.rename(middle)
    other.rename(one)
    middle.rename(other)


def swap_attestations(reports: Path, rng: Rng) -> None:
    one, other = (run / NAME for run in rng.sample(runs(reports), 2))
    a, b = one.read_bytes(), other.read_bytes()
    one.write_bytes(b)
    other.write_bytes(a)


def seal_again(reports: Path, rng: Rng) -> None:
    """Alter a run and attest it anew, with a stranger's key or none."""
    run = a_run(reports, rng)
    rng.choice([path for path in files(run) if path.name != NAME]).write_bytes(b"other")
    statement = json.loads(base64.b64decode(json.loads((run / NAME).read_text())["payload"]))
    stranger = keys.SigningKey(Ed25519PrivateKey.generate())
    found = digests(run)
    said = statement["predicate"] | {"sizes": {name: (run / name).stat().st_size for name in found}}
    (run / NAME).write_text(dsse.seal(RUN, found, said, rng.choice((stranger, None))))


def forget(reports: Path, rng: Rng) -> None:
    """Remove an attestation, and let the record say that it never ended, or that there was none."""
    run = a_run(reports, rng)
    (run / NAME).unlink()
    record = json.loads((run / RECORD).read_text())
    if rng.random() < 0.5:
        record["outcome"] = "running"
    else:
        del record["signed_by"]
    (run / RECORD).write_text(json.dumps(record))


def of_ledger(change: Callable[[list[bytes], Rng], None]) -> Way:
    def act(reports: Path, rng: Rng) -> None:
        lines = (reports / FILE).read_bytes().splitlines(keepends=True)
        change(lines, rng)
        (reports / FILE).write_bytes(b"".join(lines))

    return act


def reorder(lines: list[bytes], rng: Rng) -> None:
    before = list(lines)
    while lines == before:
        rng.shuffle(lines)


def drop_lines(lines: list[bytes], rng: Rng) -> None:
    at = rng.randrange(len(lines) - 1)
    del lines[at : min(at + rng.randint(1, 3), len(lines) - 1)]


def cut_tail(lines: list[bytes], rng: Rng) -> None:
    del lines[-rng.randint(2, len(lines)) :]


def cut_last_line(lines: list[bytes], rng: Rng) -> None:
    del lines[-1]


def cut_in_line(lines: list[bytes], rng: Rng) -> None:
    lines[-1] = lines[-1][: rng.randrange(1, len(lines[-1]))]


def repeat_line(lines: list[bytes], rng: Rng) -> None:
    lines.insert(rng.randint(0, len(lines)), rng.choice(lines))


def edit_line(lines: list[bytes], rng: Rng) -> None:
    at = rng.randrange(len(lines))
    line = bytearray(lines[at])
    line[rng.randrange(len(line) - 1)] ^= 1 << rng.randrange(7)
    lines[at] = bytes(line)


def rewrite_line(lines: list[bytes], rng: Rng) -> None:
    """Say another thing in a line, unsigned or signed by a stranger, and make it fit as far as one can."""
    at = rng.randrange(len(lines))
    statement = json.loads(base64.b64decode(json.loads(lines[at])["payload"]))
    said, subjects = statement["predicate"], {s["name"]: s["digest"]["sha256"] for s in statement["subject"]}
    kind = rng.choice(("outcome", "sha", "host", "number"))
    if kind == "sha" or "outcome" not in said:
        subjects = dict.fromkeys(subjects or ["toy/20260101T100000Z-000000/attestation.json"], "0" * 64)
    elif kind == "number":
        said["number"] += 1
    else:
        said[kind] = "refused"
    stranger = keys.SigningKey(Ed25519PrivateKey.generate())
    del said["signer"]
    lines[at] = dsse.seal(
        statement["predicateType"], subjects, said, rng.choice((stranger, None)), True
    ).encode()


def junk(lines: list[bytes], rng: Rng) -> None:
    lines.append(rng.choice((b"\n", b"{}\n", rng.randbytes(20) + b"\n", DEEP + b"\n", b"null\n")))


def half_line(lines: list[bytes], rng: Rng) -> None:
    lines.append(rng.choice((b"x", lines[-1][:-1], lines[-1][: len(lines[-1]) // 2], b'{"payload":"')))


def ledger_removed(reports: Path, rng: Rng) -> None:
    (reports / FILE).unlink()


def ledger_is(what: str) -> Way:
    def act(reports: Path, rng: Rng) -> None:
        (reports / FILE).unlink()
        put(reports / FILE, what)

    return act


def ledger_of_another(reports: Path, rng: Rng) -> None:
    """Put the ledger of a folder in its place in which other runs were made."""
    shutil.copy(reports.parent / "other" / FILE, reports / FILE)


def ledger_begun_again(reports: Path, rng: Rng) -> None:
    """Write a ledger anew that enters all that is left, by a stranger or by nobody."""
    from runbook.attestation.entering import line_of
    from runbook.attestation.ledger import BEGIN, subject
    from runbook.attestation.statement import digest

    if rng.random() < 0.5:
        remove_run(reports, rng)
    subjects = {subject(run.parent.name, run.name): digest(run / NAME) for run in runs(reports)}
    (reports / FILE).write_bytes(line_of(1, "", BEGIN, {"excerpt_of": ""}, subjects, None))


WAYS: dict[str, Way] = {
    "a file added": add_file,
    "a copy of a file added": add_copy,
    "a hard link added": add_hard_link,
    "a link added": add_link,
    "a pipe added": beside("pipe"),
    "a socket added": beside("socket"),
    "a device added": beside("device"),
    "an empty folder added": beside("folder"),
    "deep folders added": add_deep_folder,
    "thousands of files added": add_thousands,
    "a file removed": remove,
    "a byte altered": alter_byte,
    "a file cut short": truncate,
    "a file made longer": lengthen,
    "a file of 50 GB": hole,
    "a file renamed": rename,
    "two files swapped": swap_files,
    "a link to a copy": link_to_copy,
    "a link instead": instead("/etc/passwd"),
    "a pipe instead": instead("pipe"),
    "a socket instead": instead("socket"),
    "a device instead": instead("device"),
    "a folder instead": instead("folder"),
    "other rights": rights,
    "nested JSON": nest_json,
    "a last word beside it": edit_record_closing,
    "altered while being closed": alter_and_close,
    "a run twice": duplicate_run,
    "a host twice": duplicate_host,
    "a host renamed": rename_host,
    "a run removed": remove_run,
    "the newest runs removed": remove_newest,
    "a host removed": remove_host,
    "all hosts removed": remove_all_hosts,
    "a run renamed": rename_run,
    "a link instead of a run": run_is_link,
    "two runs swapped": swap_runs,
    "two attestations swapped": swap_attestations,
    "altered and attested anew": seal_again,
    "an attestation forgotten": forget,
    "ledger: lines reordered": of_ledger(reorder),
    "ledger: lines removed": of_ledger(drop_lines),
    "ledger: its end cut": of_ledger(cut_tail),
    "ledger: its last line cut": of_ledger(cut_last_line),
    "ledger: cut within its last line": of_ledger(cut_in_line),
    "ledger: a line twice": of_ledger(repeat_line),
    "ledger: a byte altered": of_ledger(edit_line),
    "ledger: a line rewritten": of_ledger(rewrite_line),
    "ledger: junk after its end": of_ledger(junk),
    "ledger: half a line after its end": of_ledger(half_line),
    "ledger: removed": ledger_removed,
    "ledger: a pipe": ledger_is("pipe"),
    "ledger: a link": ledger_is("/dev/zero"),
    "ledger: a folder": ledger_is("folder"),
    "ledger: another folder's": ledger_of_another,
    "ledger: begun again": ledger_begun_again,
}
MAY_WAIT = ("ledger: its last line cut",)
HALF = ("ledger: cut within its last line", "ledger: half a line after its end")
"""The next run or list of runs takes half a line away, as it does after a power cut, and enters what is missing."""


def clear(folder: Path) -> None:
    """Remove a folder, also one that is too deep for Python."""
    subprocess.run(["rm", "-rf", "--", str(folder)], check=True)


@contextmanager
def soon() -> Iterator[None]:
    """Fail after some seconds of whatever hangs."""

    def late(*_):
        raise AssertionError(f"not done after {SOON_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SOON_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
