"""A host with a folder of backups for tests: `volumes_host` and what the backup program does to it.

The sidecar is a real one, made by the program from a disk with GPT, vfat, ext4, ntfs and swap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.actions import WriteFile
from runbook.backups import names, program, schedule
from runbook.facts import backups, nights
from runbook.model.ask import MISSING, Answer, Ask
from runbook.model.plan import Plan
from runbook.params import HostParams
from tests.steps import volumes_host

SIDECAR = (Path(__file__).parents[1] / "backups/sample.json").read_text(encoding="utf-8")
SAMPLE, SIZE, BYTES = "comm-20261122T204155Z", 1024**3, 22583728
NOW = names.seconds("20261122T210000Z")
HOUR = 3600


@dataclass
class Kept:
    """One backup in the folder, as it was written until a test breaks it."""

    name: str
    text: str = ""
    checksum: str = "6a1da40b" * 8
    bytes: int | None = BYTES
    changed: int = 1795380121

    def __post_init__(self) -> None:
        guest = names.guest_of(self.name)
        self.text = self.text or SIDECAR.replace(SAMPLE, self.name).replace(
            '"guest": "comm"', f'"guest": "{guest}"'
        )


@dataclass
class Host(volumes_host.Host):
    """The host; tests change its fields to break it."""

    kept: list[Kept] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    torn: tuple[str, ...] = ()
    free_bytes: int = 10 * 1024**3
    now: int = NOW
    programs: dict[str, str] = field(
        default_factory=lambda: {p: program.text_of(p) for p in (program.PROGRAM, program.BLOCKS)}
    )
    found: str = "/usr/bin/zstd\n/usr/sbin/partclone.ext4\n"
    trials: str = ""
    """What is noted of the backups that guests were started from."""
    uuids: dict[str, str] = field(default_factory=lambda: {"comm": "Zx1-comm", "nginx": "Zx1-nginx"})

    def apply(self, planned: Plan) -> None:
        for action in planned.actions:
            if isinstance(action, WriteFile) and action.path.startswith("/usr/local/lib"):
                self.programs[action.path] = action.content
                self.done.append(action.title)
            else:
                super().apply(Plan((action,)))

    def _run(self, argv: tuple[str, ...]) -> None:
        match argv:
            case (program.PROGRAM, "make", guest, _, _, content, _):
                date = "20261122T210000Z"
                kept = Kept(f"{guest}-{date}")
                kept.text = kept.text.replace('"content": "used-blocks"', f'"content": "{content}"')
                self.kept.append(kept)
                self.torn = ()
            case (program.PROGRAM, "verify", _, name):
                kept = next(k for k in self.kept if k.name == name)
                self.notes[f"{name}.verified"] = (
                    f"{kept.checksum} {kept.bytes} {kept.changed} 20261122T210500Z"
                )
            case (program.PROGRAM, "restore", _, name, guest, volume, checksum, again):
                identity = self.uuids[volume.rpartition("/")[2]]
                self.notes[f"{guest}.restored"] = f"{name} {checksum} {again} {identity} 20261122T211000Z"
                self.notes.pop(f"{guest}.restoring", None)
            case _:
                super()._run(argv)

    def _answer(self, ask: Ask, asked: HostParams) -> Answer:
        if ask == backups.look(asked.management.backups.folder):
            return Answer(0, self._look())
        if ask in nights.COMMANDS:
            return Answer(MISSING) if ask.kind == "read" else Answer(0, self.trials)
        if ask == Ask.read(schedule.CONFIG) or ask.argv[0] in schedule.programs():
            return Answer(MISSING)
        if ask.kind == "read" and ask.argv[0] in (program.PROGRAM, program.BLOCKS):
            text = self.programs.get(ask.argv[0])
            return Answer(MISSING) if text is None else Answer(0, text)
        return super()._answer(ask, asked)

    def uuid_of(self, volume: str) -> str:
        return self.uuids.get(volume, super().uuid_of(volume))

    def _look(self) -> str:
        have = [k for k in self.kept if k.bytes is not None]
        lines = [
            "== now", str(self.now),
            "== free", "      Avail", str(self.free_bytes),
            "== notes", *(f"{program.STATE}/{name}:{text}" for name, text in self.notes.items()),
            "== programs", *self.found.splitlines(),
            "== folders", *self.torn, *(k.name for k in self.kept),
            "== files", *(f"{k.name}/blocks.zst {k.bytes} {k.changed}" for k in have),
            "== sums", *(f"{k.checksum}  {k.name}/SHA256SUMS" for k in self.kept if k.checksum),
            "== sidecars", *(f"{k.name}/backup.json:{row}" for k in self.kept for row in k.text.splitlines()),
        ]  # fmt: skip
        return "\n".join([*lines, ""])


def params(**management: Any) -> HostParams:
    """Return the testbed's parameters with another section `management`."""
    return volumes_host.params(**management)
