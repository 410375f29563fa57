"""The ways to configure one host, for `benchmarks/peers.py`: the runbook's two, ansible-core's and pyinfra's.

All of them take their values from one parameter file. A way says what it is called, how it is run, and how
many changes its answer tells; an answer that tells none is an error, and so is a status that is not 0.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook import params as parameters
from runbook.params import HostParams
from runbook.steps.debian_configuration import set_names
from runbook.steps.shared import wanted_packages as needs

HERE = Path(__file__).parent
PROJECT = HERE.parent
NOTEBOOK = "03_debian_configuration"
Json = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """One way: its label in the result, its command, and how its output tells the number of changes."""

    label: str
    argv: tuple[str, ...]
    changes: Callable[[str], int]
    env: Mapping[str, str] = field(default_factory=dict)
    told: Callable[[str], Json] | None = None
    """What the way tells about where its time went."""


class WayFailed(Exception):
    """A way ended badly, or changed what was right: nothing was measured."""


def values(params: HostParams) -> Json:
    """Return what the peers' files need. Raises `ValueError` for parameters that they have no task for."""
    configuration = params.configuration
    if refused := unlike(params):
        raise ValueError(
            f"the peers' playbook always does these, so the parameters must: {', '.join(refused)}"
        )
    lvm = {"issue_discards": "1" if configuration.trim.removed_volumes else "0", "scan_lvs": "0"}
    lines = "".join(f"\t{key} = {value}\n" for key, value in lvm.items())
    section = f"# From params configuration.trim; in force is what `lvmconfig` says.\ndevices {{\n{lines}}}\n"
    full = set_names.full_name(params)
    return {
        "to": params.connection.to,
        "ssh_config": str((PROJECT / str(params.connection.config)).resolve()),
        "absent": ["exim4*", "os-prober"],
        "absent_names": ["exim4", "exim4-base", "exim4-config", "exim4-daemon-light", "os-prober"],
        "packages": list(needs.wanted(params)),
        "lvm": lvm,
        "lvm_section": section,
        "name_of_host": params.host,
        "full_name": full,
        "zone": configuration.clock.zone,
        "locales": list(configuration.locales.generate),
        "lines": [
            _line("/etc/hosts", r"^127\.0\.1\.1\s", f"127.0.1.1\t{full} {params.host}"),
            *(
                _line("/etc/locale.gen", rf"^#?\s*{re.escape(name)}\s+UTF-8", f"{name} UTF-8")
                for name in configuration.locales.generate
            ),
            _line("/etc/default/locale", r"^\s*LANG=", f"LANG={configuration.locales.default}"),
            _line("/etc/login.defs", r"^\s*UMASK\s", f"UMASK\t\t{configuration.umask}"),
        ],
        "users": [user.model_dump(mode="json") for user in configuration.users],
        "tcp_ports": sorted({configuration.firewall.ssh_port, *configuration.firewall.open_tcp}),
        "udp_ports": sorted(set(configuration.firewall.open_udp)),
    }


def unlike(params: HostParams) -> list[str]:
    """Return what the parameters leave out that the peers' files do, and what they ask for beyond it."""
    configuration = params.configuration
    is_so = {
        "release: trixie": params.release == "trixie",
        "connection.kind: ssh, with a config": params.connection.kind == "ssh"
        and bool(params.connection.config),
        "mail: remove": configuration.mail == "remove",
        "remove_os_prober: true": configuration.remove_os_prober,
        "gui: none": configuration.gui == "none",
        "no group firmware": "firmware" not in configuration.package_groups,
        "trim.weekly: true": configuration.trim.weekly,
        "set_names: true": configuration.set_names,
        "clock.zone": bool(configuration.clock.zone),
        "clock.synchronise: timesyncd": configuration.clock.synchronise == "timesyncd",
        "locales": bool(configuration.locales.generate and configuration.locales.default),
        "umask": bool(configuration.umask),
        "updates: security": configuration.updates == "security",
        "ssh: keys-only": configuration.ssh == "keys-only",
        "firewall.kind: ssh-only": configuration.firewall.kind == "ssh-only",
        "users": bool(configuration.users),
    }
    return [name for name, holds in is_so.items() if not holds]


def _line(path: str, regexp: str, line: str) -> dict[str, str]:
    return {"path": path, "regexp": regexp, "line": line}


def ways(file: Path, programs: Path, folder: Path) -> dict[str, Way]:
    """Return the ways by name. `programs` holds the peers' commands; `folder` takes what the runs leave."""
    given = values(parameters.load(file))
    (folder / "values.json").write_text(json.dumps(given), encoding="utf-8")
    own = str(Path(sys.executable).with_name("runbook"))
    run = (
        "run",
        str(file),
        "--only",
        NOTEBOOK[:2],
        "--mode",
        "apply",
        "--json",
        "--reports",
        str(folder / "reports"),
    )
    key = {"RUNBOOK_SIGNING_KEY": str(signing_key(folder))}
    play = HERE / "peers"
    ansible = {
        "ANSIBLE_CONFIG": str(play / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_SSH_CONTROL_PATH": str(folder / "line"),
        "ANSIBLE_FORCE_COLOR": "0",
    }
    playbook = ("ansible-playbook", "-i", f"{given['to']},", "--ssh-common-args", f"-F {given['ssh_config']}")
    return {
        "notebook": Way("`runbook run`", (own, *run), of_report, key, parts_of_report),
        "package": Way(
            "`open_host` and the steps",
            (sys.executable, "-m", "benchmarks.peers", "--core", str(file)),
            of_core,
            told=parts_of_core,
        ),
        "ansible": Way(
            "ansible-core",
            (
                str(programs / playbook[0]),
                *playbook[1:],
                "-e",
                f"@{folder / 'values.json'}",
                str(play / "playbook.yml"),
            ),
            of_ansible,
            ansible,
        ),
        "pyinfra": Way(
            "pyinfra",
            (str(programs / "pyinfra"), "-y", str(play / "inventory.py"), str(play / "deploy.py")),
            of_pyinfra,
            {"PEERS_VALUES": str(folder / "values.json")},
        ),
    }


def signing_key(folder: Path) -> Path:
    """Return a key for the reports, made now: a signature belongs to a run."""
    key = folder / "signing"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return key


def carried_out(way: Way) -> str:
    """Return what one run of a way said. Raises `WayFailed` when it did not end well."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(PROJECT)} if way.argv[0].startswith(str(Path(sys.executable).parent)) else {}
    done = subprocess.run(
        way.argv, env=env | way.env, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode:
        raise WayFailed(
            f"{way.label} ended with status {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        )
    return done.stdout or done.stderr  # pyinfra says it all on standard error


def of_report(text: str) -> int:
    """Return the changes of a run's `run.json`; every step has to have ended, and the report to be signed."""
    record = json.loads(text)
    if not record["signed_by"]:
        raise WayFailed("the report is not signed")
    ends = [end["status"] for book in record["notebooks"] for end in book["steps"]]
    return _changes_of(ends)


def of_core(text: str) -> int:
    """Return the changes of the last line of `--core`."""
    return _changes_of(json.loads(text.splitlines()[-1])["ends"])


def parts_of_report(text: str) -> Json:
    """Return the seconds of the notebook alone (the rest is begin and end), and of each of its steps."""
    book = json.loads(text)["notebooks"][0]
    return {"notebook": book["seconds"], "steps": {end["step"]: end["seconds"] or 0 for end in book["steps"]}}


def parts_of_core(text: str) -> Json:
    """Return the seconds of imports, of connecting and looking, of the steps, and of closing."""
    return {"times": json.loads(text.splitlines()[-1])["times"]}


def _changes_of(ends: list[str]) -> int:
    if not ends or set(ends) - {"unchanged", "changed"}:
        raise WayFailed(f"the steps ended so: {', '.join(ends) or 'there were none'}")
    return ends.count("changed")


def of_ansible(text: str) -> int:
    """Return the changes of a play's recap.

    >>> of_ansible("x : ok=13   changed=2    unreachable=0    failed=0    skipped=0")
    2
    """
    found = re.findall(r"(?m): ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0\b", text)
    if len(found) != 1:
        raise WayFailed(f"no recap of one host without failures:\n{text[-2000:]}")
    return int(found[0])


def of_pyinfra(text: str) -> int:
    """Return the changes of pyinfra's last table; the verification always counts as one, and is none.

    >>> of_pyinfra("    What is in force      1   1    -   -\\n    Grand total     20      3         -       17")
    2
    """
    total = re.search(r"(?m)^\s*Grand total\s+(\d+)\s+(\S+)\s+-\s+(\S+)", text)
    if not total or not re.search(r"(?m)^\s*What is in force\s+1\s+1\s+-", text):
        raise WayFailed(f"no table without errors:\n{text[-2000:]}")
    return int(total[2]) - 1
