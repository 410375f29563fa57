"""When a host is not well: limits of the watch, and the other side that notices its silence."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from runbook.params.notices import WebAddress
from runbook.params.secrets import SecretReference
from runbook.params.types import Closed

Percent = Annotated[int, Field(ge=10, le=100)]


class Watch(Closed):
    """What `runbook watch` holds for too much; whom it tells is `notify`."""

    room_percent: Percent = 90
    """From so much on a file system of the host counts as nearly full, in room or in inodes."""
    pool_percent: Percent = 85
    """From so much on a thin pool or a snapshot counts as nearly full."""
    celsius: Annotated[int, Field(ge=30, le=150)] = 90
    """From so many degrees on a sensor is too warm; a limit of its own chip's that is lower counts first."""
    backup_age_h: Annotated[int, Field(ge=1, le=100_000)] | None = Field(default=None, examples=[36])
    """From so many hours on a guest's newest backup is too old; empty is one and a half of max_age_h."""
    drift_h: Annotated[int, Field(ge=0, le=100_000)] = 24
    """After so many hours the whole host is compared with its last good report; 0 for never."""
    heartbeat: WebAddress = Field(default="", examples=["https://example.org/ping/myhost"])
    """An address that is called after each look that was told; whoever is there tells you when the calls stop."""
    heartbeat_at: SecretReference = Field(default="", examples=["env:HEARTBEAT_ADDRESS"])
    """Where such an address is that is a secret itself."""

    @model_validator(mode="after")
    def _one_address(self) -> Watch:
        if self.heartbeat and self.heartbeat_at:
            raise ValueError("watch: say heartbeat or heartbeat_at, not both")
        return self
