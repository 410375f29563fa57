"""What a backup says of itself: `backup.json`, written by the program on the host beside the data."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

FORMAT = "xen-runbook-backup 1"


class Part(BaseModel):
    """One partition of the volume, and how it was kept; number 0 is a volume without a partition table."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    number: int
    start: int
    """Its first byte in the volume."""
    size: int
    type: str
    """The file system, as blkid(8) names it; '' when it is unknown."""
    kept: Literal["whole", "used-blocks"]
    why: str
    """Why it was kept whole although used blocks were asked for; '' when it was not."""


class Sidecar(BaseModel):
    """All that is known about a backup. Keys of later versions are ignored, the format says which it is."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    format: str
    name: str
    guest: str
    host: str
    date: str
    """When it was begun, in UTC: 20261122T204155Z."""
    volume: str
    size_bytes: int
    """The size of the volume: a restore needs one that is not smaller."""
    content: Literal["used-blocks", "whole"]
    source: Literal["off", "snapshot"]
    """`snapshot`: the guest ran, and the copy is as after a power cut."""
    kept_bytes: int
    """What was read and packed."""
    file: Literal["blocks.zst", "volume.zst"]
    file_bytes: int
    sha256: str
    macs: tuple[str, ...]
    tools: tuple[str, ...]
    parts: tuple[Part, ...]
    table: str
    """The partition table as `sfdisk --dump` writes it; '' when there is none."""
    config: str
    """The guest's xl.cfg at that moment."""

    @property
    def kept_whole(self) -> tuple[Part, ...]:
        """The partitions of which used blocks were asked for, and every block had to be kept."""
        return tuple(part for part in self.parts if part.why)


def parse(text: str) -> Sidecar | None:
    """Return a sidecar, None for a text that is none or of a format that is not known."""
    try:
        sidecar = Sidecar.model_validate_json(text)
    except ValidationError:
        return None
    return sidecar if sidecar.format == FORMAT else None
