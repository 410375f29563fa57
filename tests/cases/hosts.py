"""Hosts that people live in, as folders: the files of each, and `expect.json` with what a step must make of them.

`why` says what is right there. `step` is planned with `params` (sections of the testbed's exchanged) on a machine that has the folder's files;
`answers` names the file that answers a question, by a part of it. Then must hold, as far as it is there: `actions`, their titles;
`findings`, level and text; `note`, a part of what the plan says besides; `has` and `lacks`, lines of the files that are written; `check`, what the step's check
finds on the host as it is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runbook.facts import grub, network_manager
from runbook.model.ask import Answer, Ask, Facts
from runbook.model.plan import Finding, Plan
from runbook.params import HostParams
from runbook.steps import name_of, notebooks
from tests.steps.machine import PROGRAMS, Machine, like_testbed
from tests.steps.test_debian_configuration import BEFORE

HOSTS = Path(__file__).parent / "host"
NAMES = sorted(path.parent.name for path in HOSTS.glob("*/expect.json"))
_FILES = {
    "grub.cfg": grub.CONFIG,
    "default-grub": "/etc/default/grub",
    "interfaces": "/etc/network/interfaces",
    "initramfs-modules": "/etc/initramfs-tools/modules",
    "20-wired.network": "/etc/systemd/network/20-wired.network",
}


@dataclass(frozen=True)
class Case:
    """One host."""

    name: str

    @cached_property
    def expected(self) -> dict[str, Any]:
        return json.loads(self.text("expect.json"))  # type: ignore[no-any-return]

    @property
    def step(self) -> Any:
        every = {name_of(step): step for steps in notebooks().values() for step in steps}
        return every[self.expected["step"]]

    @cached_property
    def params(self) -> HostParams:
        no_guests = {"guests": [], "management": {}} if "network" in self._asked else {}
        return like_testbed(**no_guests, **self._asked)

    def plan(self) -> Plan:
        return self.step.plan(self.params, self.facts())  # type: ignore[no-any-return]

    def check(self) -> list[Finding]:
        return self.step.check(self.params, self.facts())  # type: ignore[no-any-return]

    def facts(self) -> Facts:
        """Return the machine's answers to the step's questions."""
        asks, answers = self.step.asks(self.params), dict[Ask, Answer]()
        for part, name in self.expected.get("answers", {}).items():
            (ask,) = {ask for ask in asks if part in f"{ask.key}$"}
            answers[ask] = Answer(0, self._answer(name))
        others = tuple(ask for ask in asks if ask not in answers)
        if self.expected.get("chapter") == "debian_configuration":
            return Facts(answers | {ask: BEFORE[ask.key] for ask in others})
        return Facts(answers | dict(zip(others, self._said(others), strict=True)))

    def machine(self) -> Machine:
        """Return a machine with the folder's files."""
        files = {path: self.text(name) for name, path in _FILES.items() if self.has(name)}
        for path in sorted((HOSTS / self.name).glob("*.nmconnection")):
            text = path.read_text(encoding="utf-8")
            # What NetworkManager makes by itself is in memory, and says so.
            folder = network_manager.FOLDERS["nm-generated=true" in text]
            files[f"{folder}/{path.name}"] = text
        machine = Machine(files=files, modes=PROGRAMS | {"/usr/sbin/brctl": "0755"})
        if self.has("ip-addr.json"):
            names = ("eno1", "eno2")
            machine.cards = {name: f"0000:0{i}:00.0" for i, name in enumerate(names, 1)}
            machine.session = "192.168.1.5 51234 192.168.1.10 22\n"
        for name, value in (("address", "ip-addr.json"), ("routes", "ip-route.json")):
            if self.has(value):
                setattr(machine, name, self.text(value))
        more = json.loads(self.text("more.json")) if self.has("more.json") else {}
        if "findmnt" in more:
            machine.boot_on = more.pop("findmnt")
        for name, value in (more | self.expected.get("machine", {})).items():
            assert hasattr(machine, name), name
            setattr(machine, name, value)
        return machine

    def has(self, name: str) -> bool:
        return (HOSTS / self.name / name).exists()

    def text(self, name: str) -> str:
        return (HOSTS / self.name / name).read_text(encoding="utf-8")

    @property
    def _asked(self) -> dict[str, Any]:
        own = json.loads(self.text("params.json")) if self.has("params.json") else {}
        return own | self.expected.get("params", {})  # type: ignore[no-any-return]

    def _answer(self, name: str) -> str:
        """Return a file's text; `NAME as PATH` is the form in which grep says it, with the path before each line."""
        name, _, path = name.partition(" as ")
        return (
            "".join(f"{path}:{line}\n" for line in self.text(name).splitlines()) if path else self.text(name)
        )

    def _said(self, asks: tuple[Ask, ...]) -> list[Answer]:
        found = self.machine().facts(asks)
        return [found[ask] for ask in asks]
