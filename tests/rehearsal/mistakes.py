"""Ten mistakes that people make: each as a change of the recorded host's parameters or answers, and where it is found.

`found` is the first place that tells of it, with the step and its words: `parameters` (the file is refused), `plan` (a plan on the
host, or on its capture, refuses or warns), or `rehearsal` (nothing before the virtual PC can know, and what has to end it there).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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


def _second_factor(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("authenticationmethods")]
    return "\n".join([*lines, "authenticationmethods publickey,keyboard-interactive", ""])


MISTAKES = (
    Mistake("the bridge's port is the card without a cable", "?", "configure_bridges", params=_wrong_card),
    Mistake("the bridge gets the router's address", "?", "configure_bridges", params=_routers),
    Mistake("the volume group is full", "?", "create_volumes", answers=_said("lvm fullreport", lambda t: __import__("re").sub(r'"vg_free":"\d+"', '"vg_free":"0"', t))),
    Mistake("words that make Xen stop", "?", "boot_xen_once", params=lambda v: v["xen"]["options"].append("mem=64M")),
    Mistake("root's controller is hidden by hand", "?", "hide", answers=_said("xen-pciback.conf", lambda t: "options xen-pciback hide=(0000:00:08.0)\n")),
    Mistake("what VFIO needed is left", "?", "hide", answers=_said("modprobe.d", lambda t: t + "options vfio-pci ids=8086:10d3\n")),
    Mistake("the mirror does not answer", "?", "survey_debian", answers=_said("indextargets", lambda t: "silent debian http://mirror.example/debian/dists/trixie/ Could not connect\n")),
    Mistake("sshd asks for a second proof", "?", "require_ssh_keys", answers=_said("sshd -T", _second_factor)),
    Mistake("/boot is full", "?", "install_xen", answers=_said("avail /boot", lambda t: "Avail\n1048576\n")),
    Mistake("the parameters are for another release", "?", "survey_debian", params=lambda v: v.__setitem__("release", "bookworm")),
)  # fmt: skip
