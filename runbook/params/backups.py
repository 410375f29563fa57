"""What the host does about backups by itself: when, how many stay, who holds still, and where else they go."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from runbook.params.addresses import SshName
from runbook.params.names import GuestName
from runbook.params.types import Closed

_WORDS = [
    "minutely",
    "hourly",
    "daily",
    "monthly",
    "weekly",
    "yearly",
    "annually",
    "quarterly",
    "semiannually",
]
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_NUMBERS = r"(?:\*|[0-9]+(?:\.\.[0-9]+)?)(?:/[0-9]+)?"
_PART = rf"{_NUMBERS}(?:,{_NUMBERS})*"
_CALENDAR = re.compile(
    rf"(?:{_DAY}(?:(?:\.\.|,){_DAY})*(?: |$))?"
    rf"(?:(?:{_PART}-)?{_PART}[-~]{_PART}(?: |$))?"
    rf"(?:{_PART}:{_PART}(?::{_PART})?(?: |$))?"
    r"(?:UTC|[A-Z][A-Za-z]+/[A-Za-z_]+)?",
    re.I,
)


def calendar(text: str) -> str:
    """Return an expression of systemd.time(7), or nothing. Raises `ValueError` for what cannot be one.

    The host's own systemd has the last word (`systemd-analyze calendar`); this keeps typing errors from getting so far.

    >>> calendar("Mon..Fri *-*-* 02:30")
    'Mon..Fri *-*-* 02:30'
    """
    if text and text.lower() not in _WORDS and not (_CALENDAR.fullmatch(text) and text == text.strip()):
        raise ValueError(
            f"'{text}' is no time in systemd's words; write `daily`, `Sun 04:00` or `*-*-* 02:30` "
            "(systemd.time(7); `systemd-analyze calendar` says when it comes)"
        )
    return text


def repository(text: str) -> str:
    """Return where a repository of restic's is. Raises `ValueError` for other places than a folder or ssh."""
    if not re.fullmatch(
        r"(?:sftp:[A-Za-z0-9_][A-Za-z0-9_.-]*@[A-Za-z0-9][A-Za-z0-9.-]*:)?(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+",
        text,
    ):
        raise ValueError(
            f"'{text}' is no second place; write a folder on another disk or a mounted share, such as /mnt/nas/xen, "
            "or sftp:USER@MACHINE:/FOLDER"
        )
    return text


def key_file(text: str) -> str:
    """Return a file on the host for a key. Raises `ValueError` for one that others could read or that is lost at a start."""
    if not re.fullmatch(r"/(?:etc|root|var/lib)(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+", text):
        raise ValueError(f"'{text}' is no place for a key; write a file below /etc, /root or /var/lib")
    return text


def guest_folder(text: str) -> str:
    """Return a folder inside a guest. Raises `ValueError` for anything else."""
    if not re.fullmatch(r"/|(?:/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+", text):
        raise ValueError(
            f"'{text}' is not a folder of a guest; write it from / on (letters, digits and . _ + - only)"
        )
    return text


Calendar = Annotated[str, AfterValidator(calendar)]
Repository = Annotated[str, AfterValidator(repository)]
KeyFile = Annotated[str, AfterValidator(key_file)]
GuestFolder = Annotated[str, AfterValidator(guest_folder)]
Count = Annotated[int, Field(ge=0, le=10_000)]


class Keep(Closed):
    """How many backups of each guest stay; what any of the four keeps, stays. The newest good one always does."""

    last: Annotated[int, Field(ge=1, le=10_000)] = 3
    """So many of the newest."""
    daily: Count = 0
    """The newest of each of so many days that have one."""
    weekly: Count = 0
    """The newest of each of so many weeks that have one; they begin on Monday."""
    monthly: Count = 0
    """The newest of each of so many months that have one."""


class Quiesce(Closed):
    """How one running guest holds still for the moment in which its snapshot is taken."""

    guest: GuestName = Field(examples=["comm"])
    """The guest, by name."""
    how: Literal["freeze", "pause"] = "freeze"
    """`freeze`: its file systems write out what they hold (fsfreeze(8), by ssh); `pause`: it stands still (xl pause)."""
    to: SshName | None = Field(default=None, examples=["root@10.0.0.5"])
    """How root of the host reaches the guest by ssh, without a question; for `freeze`."""
    folders: tuple[GuestFolder, ...] = ("/",)
    """The guest's file systems that are frozen, in this order, by where they are mounted."""

    @model_validator(mode="after")
    def _with_a_way(self) -> Quiesce:
        if (self.how == "freeze") != bool(self.to):
            raise ValueError(
                f"quiesce: '{self.guest}' "
                + (
                    "is frozen by ssh; say by `to` how it is reached"
                    if self.how == "freeze"
                    else "is paused by xl; leave `to` out"
                )
            )
        return self


class SecondPlace(Closed):
    """A repository of restic's: encrypted, and a block that is there already is not sent again."""

    repository: Repository = Field(examples=["sftp:backup@nas.lan:/srv/xen"])
    """A folder on another disk or a mounted share (NFS), or sftp:USER@MACHINE:/FOLDER."""
    key: KeyFile = "/etc/xen-runbook/second.key"
    """The file on the host with the key; it is made where there is none. Without it nobody reads the repository."""
    limit_kib_s: Annotated[int, Field(ge=16, le=100_000_000)] | None = Field(default=None, examples=[20480])
    """At most so many KiB are sent a second; nothing for no limit."""
    keep: Keep | None = None
    """How many backups of each guest stay there, once you agreed to it; nothing for all of them."""
