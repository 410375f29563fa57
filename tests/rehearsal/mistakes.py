"""Ten mistakes that people make: each as a change of the recorded host's parameters or answers, and where it is found.

`found` is the first place that tells of it, with the step and its words: `parameters` (the file is refused), `plan` (a plan on the
host, or on its capture, refuses), `open` (the host is refused whole), `described` (the virtual PC cannot have it, and its page begins
with that), or `rehearsal` (nothing before the virtual PC says a word of it).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook.facts import package_sources
from runbook.model.ask import Answer, Ask

Answers = dict[Ask, Answer]
Values = dict[str, Any]


@dataclass(frozen=True)
class Mistake:
    """One mistake, planted."""

    what: str
    found: str
    step: str
    words: str = ""
    """What is said of it there, for what is found without the virtual PC."""
    params: Callable[[Values], None] = lambda values: None
    answers: Callable[[Answers], None] = lambda answers: None


def _said(end: str, change: Callable[[str], str]) -> Callable[[Answers], None]:
    """Return a change of the answers to the questions that hold some words."""

    def act(answers: Answers) -> None:
        for ask, answer in list(answers.items()):
            if end in ask.key:
                answers[ask] = Answer(answer.status, change(answer.out), answer.err)

    return act


def _bridge(key: str, value: Any) -> Callable[[Values], None]:
    return lambda values: values["network"]["bridges"][0].__setitem__(key, value)


def _wrong_card(values: Values) -> None:
    first, second = values["network"]["bridges"]
    first["ports"], second["ports"] = second["ports"], first["ports"]


def _routers(values: Values) -> None:
    values["network"]["bridges"][0] |= {"ipv4": "10.0.2.2/24", "gateway": "10.0.2.2"}


def _second_proof(answers: Answers) -> None:
    answers[Ask.run("/usr/sbin/sshd", "-T")] = Answer(
        0, "port 22\nauthenticationmethods publickey,keyboard-interactive\n"
    )


def _full(text: str) -> str:
    return re.sub(r'"vg_free":"\d+"', '"vg_free":"0"', text)


def _hidden(answers: Answers) -> None:
    answers[Ask.read("/etc/modprobe.d/xen-pciback.conf")] = Answer(
        0, "options xen-pciback hide=(0000:00:08.0)\n", "0644 root:root"
    )


def _silent(answers: Answers) -> None:
    """The capture may have waited another time for its package sources: the question is today's."""
    silent = "silent debian http://mirror.example/debian/dists/trixie/ Could not connect\n"
    answers[package_sources.COMMANDS[0]] = Answer(0, silent)


MISTAKES = (
    Mistake(
        "the bridge's port is the card without a cable", "plan", "configure_bridges", "The default route would be cut",
        params=_wrong_card,
    ),
    Mistake("the bridge gets the router's address", "parameters", "configure_bridges", "is the host's own address", params=_routers),
    Mistake("the volume group is full", "plan", "create_volumes", "is too small for the guests' disks", answers=_said("lvm fullreport", _full)),
    Mistake("words that make Xen stop", "rehearsal", "boot_xen_once", params=lambda v: v["xen"]["options"].append("mem=64M")),
    Mistake("root's controller is hidden by hand", "rehearsal", "boot_xen_once", answers=_hidden),
    Mistake(
        "what VFIO needed is left, for the uplink's card", "rehearsal", "boot_xen_once",
        answers=_said("modprobe.d", lambda t: t + "/etc/modprobe.d/vfio.conf\toptions vfio-pci ids=1af4:1041\n"),
    ),
    Mistake("the mirror does not answer", "plan", "survey_debian", "does not answer", answers=_silent),
    Mistake("sshd asks for a second proof", "described", "require_ssh_keys", "ssh asks for a key alone, and not for", answers=_second_proof),
    Mistake("/boot is full", "plan", "install_xen", "/boot has 1 MiB free", answers=_said("avail /boot", lambda t: "Avail\n1048576\n")),
    Mistake("the parameters are for another release", "open", "survey_debian", "not bookworm", params=lambda v: v.__setitem__("release", "bookworm")),
)  # fmt: skip
