"""Machines as folders: the answers of each, named as in tests/survey/testbed, and `expect.json` with what is right there.

README.md says in a sentence why it is right and where the machine comes from. A question that has no file was
not answered; board and processor are the testbed's where a folder has none of its own. `expect` may hold:

`table`, `picker`  for an address the words that the table, or the group that is picked, may say;
`picker_alone`     devices that are picked without company;
`offered_without`  devices that are offered to nobody: by no group, no line of the written file, no example;
`reasons`          for an address a kind of reason that is among its own;
`setting`          for a setting of the firmware the states that it may have;
`same`             devices of which table and picker say one word;
`text_without`     what the written file does not say;
`max_lines_about`  a piece of text and the number of lines that may have it;
`bridge_ports_without`  interfaces that no bridge of the written file takes;
`bridges`          bridges of the written file with their ports;
`new`              that a file is written which validates: it always is.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from runbook import proposal, survey
from runbook.facts import bars
from runbook.model.ask import Answer, Ask, Facts
from runbook.params import HostParams, loads
from runbook.params.host import Ssh
from runbook.proposal.chosen import Choice
from runbook.survey import settings
from runbook.survey.groups import Group, groups
from runbook.survey.machine import Machine
from tests.survey.machines import ANSWERS, bare, params

FOLDER = Path(__file__).parent / "hardware"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/expect.json"))
_TESTBEDS = ("cpuinfo", "meminfo", "dmi", "os-release", "boot-free")
"""What a folder without a file of its own takes from the testbed."""
_ROOT = {Ask.run("id", "-u"): Answer(0, "0\n"), Ask.run("uname", "-n"): Answer(0, "box\n")}


@dataclass(frozen=True)
class Case:
    """One machine."""

    folder: Path

    @cached_property
    def expected(self) -> dict[str, Any]:
        """What is right there, by kind."""
        return json.loads((self.folder / "expect.json").read_text())["expect"]  # type: ignore[no-any-return]

    @cached_property
    def facts(self) -> Facts:
        """The machine's answers, as root."""
        files = {name: self.folder / name for name in ANSWERS}
        said = {name: path.read_text() if path.exists() else None for name, path in files.items()}
        named = {
            name.replace(".", "_").replace("-", "_"): text
            for name, text in said.items()
            if text is not None or name not in _TESTBEDS
        }
        nobody_said = {ask: Answer(127) for ask in bars.COMMANDS}
        return Facts({**nobody_said, **bare(**named), **_ROOT})

    @cached_property
    def machine(self) -> Machine:
        return survey.read(self.facts)

    @cached_property
    def file(self) -> str:
        """What `runbook new` writes."""
        return proposal.write("box", Ssh(to="root@box"), proposal.read(self.facts))

    @cached_property
    def written(self) -> HostParams:
        return loads(self.file, Path("box.yml"))

    @cached_property
    def table(self) -> dict[str, str]:
        """The verdict of each device in the table."""
        found = survey.survey_table(self.facts)
        return dict(zip(found["address"], found["verdict"], strict=True))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups that the picker shows."""
        return groups(self.machine)

    def group(self, bdf: str) -> Group:
        (found,) = [group for group in self.groups if bdf in group.bdfs]
        return found

    @property
    def offered(self) -> set[str]:
        """The devices that are offered anywhere: as a group, or, to whoever takes all, to be hidden and for an example."""
        seen = proposal.read(self.facts, Choice(takes_all=True))
        text = proposal.write("box", Ssh(to="root@box"), seen)
        by_group = {bdf for group in (*self.groups, *seen.groups) if group.is_offered for bdf in group.bdfs}
        example = text[text.rindex("pci:") :].partition("\n")[0] if "pci:" in text else ""
        taken = {d.bdf for d in loads(text, Path("box.yml")).passthrough.devices}
        return by_group | taken | {bdf for bdf in self.table if bdf in example}

    def states(self) -> dict[str, str]:
        """The state of each setting of the firmware."""
        found = settings.settings(params(), self.machine, self.facts)
        return {setting.name: setting.state for setting in found}
