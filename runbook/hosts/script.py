"""The shell that runs on the host: one script a round trip, POSIX sh and coreutils only."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence

from runbook.errors import HostError
from runbook.model.ask import MISSING, UNREADABLE, Answer, Ask

ENVIRONMENT = (
    "export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
    "DEBIAN_FRONTEND=noninteractive SYSTEMD_COLORS=0 SYSTEMD_PAGER= TERM=dumb"
)
# One process an answer: under emulation a process costs more than a command.
_FUNCTIONS = f"""t=$(mktemp -d) || exit 1
trap 'rm -rf "$t"' EXIT
cd "$t" || exit 1
ask_run() {{
  i=$1; shift
  timeout "$allowed" "$@" >"$i.o" 2>"$i.e" </dev/null; echo "$?" >"$i.s"
}}
ask_file() {{
  if [ ! -e "$2" ]; then s={MISSING}; :>"$1.o"; :>"$1.e"
  elif cat -- "$2" >"$1.o" 2>"$1.e"; then s=0
  else s={UNREADABLE}; fi
  echo "$s" >"$1.s"
}}"""
_END = b"@@ end\n"
_LANES = 4
"""So many questions are answered at the same time: most wait for another process more than they work."""
_TIDY = """trap 'rm -f "$t"' EXIT; trap 'exit 143' HUP INT TERM PIPE"""
LOCK = "/run/xen-runbook.lock"
"""In a folder of root's: in /run/lock anybody on the host could hold it, or make it first."""
# Field 22 of proc(5)'s stat, counted after the name in brackets: when the process began. With the
# number it names one process for good; the number alone will be another's one day.
_SINCE = "read -r s </proc/$p/stat && set -- ${s##*) }"

_ANNOUNCE = f'p=$$; {_SINCE}; echo "@@ pgid $$ ${{20}}" >&2'


SESSION = (
    '[ -n "${SSH_CONNECTION:-}" ] || { p=$$; while [ "${p:-0}" -gt 1 ] && [ -r "/proc/$p/environ" ]; do '
    "s=$(tr '\\0' '\\n' <\"/proc/$p/environ\" | sed -n 's/^SSH_CONNECTION=//p'); "
    '[ -z "$s" ] || { export SSH_CONNECTION="$s"; break; }; '
    "p=$(sed -n 's/^PPid:[[:space:]]*//p' \"/proc/$p/status\"); done; } 2>/dev/null"
)
"""Shell that sets SSH_CONNECTION where sudo dropped it: as the nearest process has it that this one descends from."""


def run_script() -> str:
    """Return a shell line that reports its process group on standard error and runs the script that it is given."""
    return f"{_ANNOUNCE}; exec sh -s"


def gather_script(asks: Sequence[Ask], timeout_s: float = 150, limit: int = 1 << 26) -> str:
    """Return a script that answers all questions on standard output.

    It prints a status a line, then the sizes of all outputs and errors a line each, then their
    bytes, then an end mark. A command that takes longer than `timeout_s` is ended with status 124; one that says
    a little more than `limit` bytes is ended before it fills the host's disk, and is too much for who reads it.
    """
    asks = (*asks, *_modes(asks))
    lines = [
        ENVIRONMENT,
        SESSION,
        f"allowed={timeout_s:g}; trap '' XFSZ; ulimit -f {limit // 512 + 8}",
        _FUNCTIONS,
    ]
    functions = {"read": "ask_file", "run": "ask_run"}
    each = [f"{functions[ask.kind]} {i} {shlex.join(ask.argv)}" for i, ask in enumerate(asks)]
    for lane in filter(None, (each[n::_LANES] for n in range(_LANES))):
        lines += ["{", *lane, "} &"]
    statuses = " ".join(f"{i}.s" for i in range(len(asks)))
    files = " ".join(f"{i}.o {i}.e" for i in range(len(asks)))
    if asks:
        lines.append(f"wait; cat {statuses} && stat -c %s {files} && cat {files}")
    return "\n".join([*lines, "echo '@@ end'", ""])


def parse_answers(asks: Sequence[Ask], out: bytes) -> dict[Ask, Answer]:
    """Return the answers in the script's output.

    >>> parse_answers([Ask.run("uname")], b"0\\n6\\n0\\nLinux\\n@@ end\\n")[Ask.run("uname")].out
    'Linux\\n'

    Raises `HostError` when the output ends early: half an answer is no answer.
    """
    wanted, asks = asks, (*asks, *_modes(asks))
    count = len(asks)
    *numbers, body = out.split(b"\n", 3 * count)
    try:
        statuses, sizes = [int(n) for n in numbers[:count]], [int(n) for n in numbers[count:]]
    except ValueError:
        sizes = []
    if len(sizes) != 2 * count or len(body) != sum(sizes) + len(_END) or not body.endswith(_END):
        raise HostError(
            "The host's answers are cut off",
            why="the connection may have been lost, or the host's disk (/tmp) is full",
            do="look at the host, then run it again",
        )
    answers: dict[Ask, Answer] = {}
    at = 0
    for i, ask in enumerate(asks):
        middle, end = at + sizes[2 * i], at + sizes[2 * i] + sizes[2 * i + 1]
        out_text, err_text = (part.decode("utf-8", "replace") for part in (body[at:middle], body[middle:end]))
        answers[ask] = Answer(statuses[i], out_text, err_text)
        at = end
    rows = (line.split("\t") for ask in asks[len(wanted) :] for line in answers[ask].out.splitlines())
    modes = {row[0]: row[1] for row in rows if len(row) == 2}
    return {
        ask: Answer(0, answers[ask].out, modes.get(ask.argv[0], ""))
        if ask.kind == "read" and answers[ask].ok
        else answers[ask]
        for ask in wanted
    }


def _modes(asks: Sequence[Ask]) -> tuple[Ask, ...]:
    """Return the question about mode and owner of all files that are read: one process for all of them.

    What the kernel shows as files is left out: it takes no mode.
    """
    paths = dict.fromkeys(ask.argv[0] for ask in asks if ask.kind == "read")
    kept = [path for path in paths if not path.startswith(("/proc/", "/sys/"))]
    return (Ask.run("stat", "-L", "-c", "%n\t%04a %U:%G", "--", *kept),) if kept else ()


def write_script(path: str, mode: str, owner: str, check: Iterable[str], sha256: str) -> str:
    """Return a script that reads a file's new content from standard input and puts it in place.

    A connection that breaks ends standard input as a file's end does: only the checksum tells half
    a file from a whole one. The temporary name has a dot in it: sudo and cron ignore such files.
    What a machine without power left of an earlier try goes first.
    """
    quoted = shlex.quote(path)
    checks = shlex.join(tuple(check))
    return "\n".join(
        [
            ENVIRONMENT,
            "set -eu; umask 077",
            f'd=$(dirname {quoted}); mkdir -p "$d"',
            f"if [ -L {quoted} ]; then f=$(readlink -f {quoted}); else f={quoted}; fi",
            'd=$(dirname "$f"); rm -f "$d"/.runbook.??????.tmp',
            't=$(mktemp "$d/.runbook.XXXXXX.tmp")',
            _TIDY,
            'cat >"$t"',
            _whole(sha256),
            f'{checks} "$t"' if checks else ":",
            f'chown {shlex.quote(owner)} "$t"; chmod {shlex.quote(mode)} "$t"; sync "$t"',
            'mv -f "$t" "$f"; trap - EXIT; sync "$d"',
        ]
    )


def put_script(path: str, sha256: str) -> str:
    """Return a script that copies standard input into a file, if its checksum is right when it has arrived."""
    quoted = shlex.quote(path)
    return "\n".join(
        [
            ENVIRONMENT,
            f'set -eu; umask 022; d=$(dirname {quoted}); mkdir -p "$d"',
            't=$(mktemp "$d/.runbook.XXXXXX.tmp")',
            _TIDY,
            'cat >"$t"; chmod 0644 "$t"; sync "$t"',
            _whole(sha256),
            f'mv -f "$t" {quoted}; trap - EXIT; sync "$d"',
        ]
    )


def run_command(argv: Sequence[str]) -> str:
    """Return a shell line that reports its process group on standard error and becomes the command.

    It leaves the same beside the lock, so that the next run knows when it is still at work.
    """
    note = f'{{ echo "$$ ${{20}}" >{LOCK}.command; }} 2>/dev/null'
    return f"{ENVIRONMENT}; {_ANNOUNCE}; {note}; exec {shlex.join(argv)}"


def lock_command() -> str:
    """Return a shell line that says `locked` and holds the lock until its standard input ends.

    It ends with 75 when another run holds it, and with 76, naming the process group, when a command that
    an earlier run began has outlived that run.
    """
    is_left = (
        f"{{ read -r p since <{LOCK}.command && {_SINCE}; }} 2>/dev/null"
        ' && [ "$1" != Z ] && [ "${20}" = "$since" ] && { echo "$p"; exit 76; }'
    )
    held = f"{is_left}; echo locked; cat"
    return f"{ENVIRONMENT}; {_ANNOUNCE}; exec flock -n -E 75 {LOCK} sh -c {shlex.quote(held)}"


def end_command(pgid: int, since: str = "") -> str:
    """Return a shell line that ends a process group; with `since`, only if its leader began then."""
    # Its whole session: timeout(1) gives each command a group of its own. dash knows no `kill -TERM --`.
    each = (
        'for f in /proc/[0-9]*/stat; do read -r s <"$f" || continue; n=${s%% *}; set -- ${s##*) }; '
        f'[ "$4" != {pgid} ] || [ "$n" = $$ ] || kill -s "$k" "$n"; done'
    )
    wait = f'i=0; while [ "$i" -lt 30 ] && kill -s 0 -- -{pgid}; do i=$((i + 1)); sleep 0.1; done'
    end = f"for k in TERM KILL; do kill -s $k -- -{pgid}; {each}; [ $k = KILL ] || {{ {wait}; }}; done 2>/dev/null"
    return f'p={pgid}; {_SINCE}; [ "${{20}}" != "{since}" ] || {{ {end}; }}' if since else end


def _whole(sha256: str) -> str:
    return f'[ "$(sha256sum <"$t")" = "{sha256}  -" ] || {{ echo "it did not arrive whole" >&2; exit 1; }}'
