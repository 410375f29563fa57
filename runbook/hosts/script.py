"""The shell that runs on the host: one script a round trip, POSIX sh and coreutils only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from runbook.ask import MISSING, UNREADABLE, Answer, Ask
from runbook.errors import HostError

ENVIRONMENT = (
    "export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
    "DEBIAN_FRONTEND=noninteractive SYSTEMD_COLORS=0 SYSTEMD_PAGER= TERM=dumb"
)
_READ = f"""ask_file() {{
  if [ ! -e "$2" ]; then :>"$t/o"; :>"$t/e"; emit "$1" {MISSING}
  elif cat -- "$2" >"$t/o" 2>"$t/e"; then emit "$1" 0
  else emit "$1" {UNREADABLE}; fi
}}"""
_RUN = """ask_run() {
  i=$1; shift
  timeout 60 "$@" >"$t/o" 2>"$t/e" </dev/null; emit "$i" $?
}"""
_EMIT = """emit() {
  printf '@@ %s %s %s\\n' "$1" "$2" "$(stat -c %s "$t/o" "$t/e" | tr '\\n' ' ')"
  cat "$t/o" "$t/e"
}"""
_HEADER = re.compile(rb"@@ (\d+) (\d+) (\d+) (\d+) ?\n")


def gather_script(asks: Sequence[Ask]) -> str:
    """Return a script that answers all questions on standard output, framed by length."""
    lines = [ENVIRONMENT, 't=$(mktemp -d) || exit 1', "trap 'rm -rf \"$t\"' EXIT", _EMIT, _RUN, _READ]
    for i, ask in enumerate(asks):
        function = "ask_file" if ask.kind == "read" else "ask_run"
        lines.append(f"{function} {i} {shlex.join(ask.argv)}")
    return "\n".join([*lines, "echo '@@ end'", ""])


def parse_answers(asks: Sequence[Ask], out: bytes) -> dict[Ask, Answer]:
    """Return the answers framed in the script's output.

    >>> parse_answers([Ask.run("uname")], b"@@ 0 0 6 0 \\nLinux\\n@@ end\\n")[Ask.run("uname")].out
    'Linux\\n'

    Raises `HostError` when the output ends early: half an answer is no answer.
    """
    answers: dict[Ask, Answer] = {}
    at = 0
    for i, ask in enumerate(asks):
        header = _HEADER.match(out, at)
        if not header or int(header[1]) != i:
            raise HostError(
                "The host's answers are cut off",
                why=f"answer {i} ({ask.key}) is missing; the connection may have been lost",
                do="run it again",
            )
        status, out_size, err_size = (int(header[n]) for n in (2, 3, 4))
        start = header.end()
        answers[ask] = Answer(
            status,
            out[start : start + out_size].decode("utf-8", "replace"),
            out[start + out_size : start + out_size + err_size].decode("utf-8", "replace"),
        )
        at = start + out_size + err_size
    if out[at:].strip() != b"@@ end":
        raise HostError("The host's answers are cut off", why="the end mark is missing", do="run it again")
    return answers


def write_script(path: str, mode: str, owner: str, check: Iterable[str]) -> str:
    """Return a script that reads a file's new content from standard input and puts it in place.

    The temporary name has a dot in it: sudo and cron ignore such files.
    """
    quoted = shlex.quote(path)
    checks = shlex.join(tuple(check))
    return "\n".join(
        [
            ENVIRONMENT,
            "set -eu; umask 077",
            f'd=$(dirname {quoted}); mkdir -p "$d"',
            f'if [ -L {quoted} ]; then f=$(readlink -f {quoted}); else f={quoted}; fi',
            't=$(mktemp "$(dirname "$f")/.runbook.XXXXXX.tmp")',
            "trap 'rm -f \"$t\"' EXIT",
            'cat >"$t"',
            f'{checks} "$t"' if checks else ":",
            f'chown {shlex.quote(owner)} "$t"; chmod {shlex.quote(mode)} "$t"; sync "$t"',
            'mv -f "$t" "$f"; trap - EXIT; sync "$(dirname "$f")"',
        ]
    )


def run_command(argv: Sequence[str]) -> str:
    """Return a shell line that reports its process group on standard error and becomes the command."""
    return f"{ENVIRONMENT}; echo \"@@ pgid $$\" >&2; exec {shlex.join(argv)}"
