"""The result of `benchmarks/peers.py` as a page: ratios of medians, what counts, and where the time goes."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.aims import BY_ROW
from benchmarks.result import Row, machine

Json = dict[str, Any]
PEERS = ("ansible", "pyinfra")
WORDS = {
    "notebook": "`runbook run --only 03 --mode apply`: kernel, evidence, pages, signature",
    "package": "the same steps by the Python package: `open_host`, plan, apply, check",
    "ansible": "ansible-core, `ansible-playbook`",
    "pyinfra": "pyinfra",
}
NAMES = {
    "notebook": "the whole run",
    "package": "the package",
    "ansible": "ansible-core",
    "pyinfra": "pyinfra",
}
STEPS = """\
| step of the runbook | ansible-core: `playbook.yml` | pyinfra: `deploy.py` |
| --- | --- | --- |
| `add_firmware_component`, `start_without_screen` | not asked for by these parameters | the same |
| `remove_packages` | `apt` absent, purge | `apt.packages` |
| `fetch_package_lists`, `install_packages` | `apt` present, all names at once; all are there, so no lists are fetched | `apt.packages` |
| `trim_disks` | `blockinfile`, `systemd_service` | `files.block`, `systemd.service` |
| `set_names` | `hostname`, `lineinfile` | `server.hostname`, `files.line` |
| `set_clock` | `file` (link), `systemd_service` | `files.link`, `systemd.service` |
| `generate_locales` | two `lineinfile`, handler `locale-gen` | two `files.line`, `server.shell` if changed |
| `set_umask` | `lineinfile` | `files.line` |
| `schedule_updates` | `copy` | `files.put` |
| `add_users` | `user`, `file`, `lineinfile` | `server.user` |
| `require_ssh_keys` | `copy` with `validate`, handler | `files.put`, `server.shell` if changed |
| `close_ports` | `template` with `validate`, handler, `systemd_service` | `files.template`, `server.shell` if changed, `systemd.service` |
| the check of each step: what LVM, fstrim, getent, locale, apt-config, sshd and nft report | one `shell` for all of it | one `server.script` for all of it |
"""


def report(found: Json, programs: Path, name: str) -> str:
    """Return the page."""
    first = (
        f"## First run: the configuration's edits\n\n{_FIRST}\n\n{table(found['first'])}\n"
        if "first" in found
        else ""
    )
    compared = f"Python {platform.python_version()}, " + ", ".join(
        f"{tool} {number}" for tool, number in versions(programs).items()
    )
    aims = "\n".join(aim_lines(found))
    command = (
        "`make bench-peers`"
        if name == "peers.md"
        else f"`python -m benchmarks.peers --params`, host {found['host']}"
    )
    return f"""# One host configured over ssh: the runbook, ansible-core, pyinfra

{_INTRO[name == "peers.md"]}

| aim | the whole run | the package alone |
| --- | --- | --- |
{aims}

## Second run: nothing to change

{table(found["second"])}

{first}
## What each does

The same parameter file is behind all of them. Every second run had to find nothing to change, and{_CROSS[name == "peers.md"]}

{STEPS}
{_DIFFERENCES}

## Where the time goes

{profile(found)}

{compared}; {found["rounds"]} rounds, all ways in turn, medians.
{machine()}. Other work on the machine slows all ways, and their seconds
more than their processor seconds.

Made by {command}.
"""


_INTRO = {
    True: "Notebook 03 on a Debian 13 host with systemd that runs on this machine's own processors, in namespaces, behind\n"
    "a virtual network cable. That is the careful comparison: a slower host favours whoever does least on it.",
    False: "Notebook 03 on a host that is configured already.",
}
_CROSS = {
    True: "\nafter every first run another way had to find nothing to do either.",
    False: "\nso each agrees with the others about what is right.",
}
_FIRST = (
    "The packages are there already: installing them is apt's time, whoever asks. Each run has a fresh host."
)
_DIFFERENCES = """\
Ansible runs without facts, without a search for Python, with pipelining and with a connection that stays open
(ControlPersist) from one run to the next; the runbook and pyinfra connect each time. Only the runbook takes a lock on the host,
checks after each step, keeps a way back, and switches ssh server and packet filter so that they go back by themselves
unless a connection that began after the switch gets in: two of them a switch. The peers just reload."""


def table(seen: Json) -> str:
    """Return seconds and ratios of each way, medians."""
    middle = {name: median(run["seconds"] for run in runs) for name, runs in seen.items()}
    lines = [
        "| way | seconds | times the whole run | times the package | processor seconds here | on the host | in all |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in seen.items():
        on_host = [run["there"] for run in runs if run["there"] is not None]
        cells = (
            WORDS[name],
            f"{middle[name]:.2f}",
            f"{middle[name] / middle['notebook']:.2f}",
            f"{middle[name] / middle['package']:.2f}",
            f"{median(run['here'] for run in runs):.2f}",
            f"{median(on_host):.2f}" if on_host else "not measured",
            f"{median(run['here'] + run['there'] for run in runs):.2f}" if on_host else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def times(found: Json, run: str, peer: str, way: str) -> float:
    """Return how many times as fast as a peer one of the runbook's ways is."""
    return _median(found[run][peer]) / _median(found[run][way])


def rows(found: Json) -> list[Row]:
    """Return a row for each aim: the whole run counts, and what the package reaches is said with it."""
    return [
        Row(
            f"{run}-run-{peer}",
            times(found, run, peer, "notebook"),
            f"the whole `runbook run`; the package without notebook {times(found, run, peer, 'package'):.1f} ×",
        )
        for run in ("second", "first")
        for peer in PEERS
    ]


def aim_lines(found: Json) -> list[str]:
    """Return a line for each aim: how many times as fast, and whether that is enough."""
    lines = []
    for run in ("second", "first"):
        for peer in PEERS if run in found else ():
            aim = BY_ROW[f"{run}-run-{peer}"]
            seen = [times(found, run, peer, way) for way in ("notebook", "package")]
            cells = " | ".join(f"{x:.1f} ×, {'reached' if aim.holds(x) else '**not reached**'}" for x in seen)
            lines.append(f"| {run} run: {aim.text} as fast as {NAMES[peer]} | {cells} |")
    return lines


def profile(found: Json) -> str:
    """Return the parts of the runbook's runs, in seconds, and what nobody can save."""
    second, parts = found["second"], []
    looks = [run["times"] for run in second["package"]]
    inside = median(run["notebook"] for run in second["notebook"])
    whole, core = _median(second["notebook"]), {key: median(one[key] for one in looks) for key in looks[0]}
    parts += [
        f"| second run, the package | start of Python and imports | {_median(second['package']) - sum(core.values()) + core['import']:.2f} |",
        f"| | connect, lock, and ask everything in one round trip | {core['look']:.2f} |",
        f"| | plan and check every step, close | {core['steps'] + core['close']:.2f} |",
        f"| second run, the whole run | the notebook: a kernel, the same as above, its page | {inside:.2f} |",
        f"| | before and after: imports, the last look at the host, index, checksums, signature | {whole - inside:.2f} |",
    ]
    if "first" in found:
        steps = [run["steps"] for run in found["first"]["notebook"]]
        slow = {name: median(one[name] for one in steps) for name in steps[0]}
        parts += [f"| first run, its steps | `{name}` | {s:.2f} |" for name, s in slow.items() if s > 0.05]
        waits = slow["require_ssh_keys"] + slow["close_ports"]
        bound = slow["generate_locales"] + waits
        parts.append(
            f"| | of it `locale-gen`, and the two switches, each with a new connection | {bound:.2f} |"
        )
    floors = found["floors"]
    parts.append(f"| the floor | one ssh connection that runs `true` | {floors['connection']:.2f} |")
    parts.append(f"| | one cell by nbclient, which only imports the package | {floors['kernel']:.2f} |")
    return "| of | part | seconds |\n| --- | --- | --- |\n" + "\n".join([*parts, "", floor(found)])


def floor(found: Json) -> str:
    """Return in words what the aims ask of a notebook, beside what no notebook can save."""
    least = sum(found["floors"].values())
    sentence = (
        f"The aims of the second run ask for {_aims(found, 'second')}. A notebook in a kernel, over ssh, takes "
        f"{least:.1f} s before it has asked the host anything."
    )
    if "first" not in found:
        return sentence
    locales = median(run["steps"]["generate_locales"] for run in found["first"]["notebook"])
    return (
        f"{sentence} Those of the first run ask for {_aims(found, 'first')}; of that, `locale-gen` alone, which all "
        f"ways call alike, takes {locales:.1f} s."
    )


def _aims(found: Json, run: str) -> str:
    """Return the seconds that the aims of a run ask for, after how long each peer took in it."""
    aims = []
    for peer in PEERS:
        aim = BY_ROW[f"{run}-run-{peer}"]
        aims.append(f"{_median(found[run][peer]) / aim.limit:.1f} s ({aim.text} as fast as {NAMES[peer]})")
    return " and ".join(aims)


def _median(runs: list[Json]) -> float:
    return median(run["seconds"] for run in runs)


def versions(programs: Path) -> dict[str, str]:
    """Return the versions of what was compared."""
    told = {
        "ansible-core": _output(programs / "ansible-playbook", "--version"),
        "pyinfra": _output(programs / "pyinfra", "--version"),
        "OpenSSH": subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr,
    }
    return {tool: number[0] for tool, text in told.items() if (number := re.search(r"\d[\w.]+", text))}


def _output(*argv: Any) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout
