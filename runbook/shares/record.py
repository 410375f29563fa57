"""The record of a machine: a closed form, and the signed envelope that it is kept in."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from runbook.attestation import dsse
from runbook.attestation.keys import PublicKey, SigningKey
from runbook.text.printable import printable, unprintable
from runbook.text.visible import visible

KIND = "urn:xen-host-runbook:machine:v1"
"""The kind of statement, in-toto's predicateType."""
_FORM = re.compile(
    r"(?i)(?<![0-9a-f])[0-9a-f]{2}([:-][0-9a-f]{2}){5}(?![0-9a-f])|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|@"
)


def _one_line(text: str) -> str:
    if why := unprintable(text):
        raise ValueError(why)
    if visible(text) != text:
        raise ValueError("it holds a character that nobody sees")
    if _FORM.search(text):
        raise ValueError("it holds a MAC address, a UUID or an @, which no board's name has")
    return text


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


Words = Annotated[str, StringConstraints(max_length=120), AfterValidator(_one_line)]
PciId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
XEN = r"[0-9]{1,3}(\.[0-9]{1,4}){1,2}(-pre|-rc[0-9]{0,2})?"
KERNEL = r"[0-9]{1,3}(\.[0-9]{1,4}){1,2}((\+(deb|bpo)[0-9]{0,3})?(-[0-9]{1,4})?(-cloud|-rt)?-amd64)?"
"""A number, and what Debian adds to it: a kernel of one's own may bear a name, so that is left out."""


class _Closed(BaseModel):
    """Values that are never changed; a key that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Proved(_Closed):
    """What reports say of a device."""

    hidden: bool
    """Under Xen it was seen bound to pciback and assignable, or with a guest (`prove_devices`)."""
    probe: bool
    """A guest with this device alone drove it, got a DHCP lease and pinged through it (`prove_passthrough`)."""
    starts: Annotated[int, Field(ge=0, le=1_000_000)]
    """How often the runbook started a guest with it, and saw that guest right afterwards; the probe's guest counts."""
    xen: Annotated[str, StringConstraints(pattern=f"^({XEN})?$")]
    kernel: Annotated[str, StringConstraints(pattern=f"^({KERNEL})?$")]
    """The versions of Xen and of dom0's Linux in the newest of these proofs; '' where nothing says which."""
    release: Literal["trixie", "bookworm", "wheezy"]
    date: Day
    """The day on which the newest report that says so ended."""

    @property
    def is_passed(self) -> bool:
        """True when a guest has had the device."""
        return self.probe or self.starts > 0


class Card(_Closed):
    """One function of a device that is no bridge."""

    id: PciId
    subsystem: PciId | Literal[""]
    """vendor:device of the card that the chip is on; '' where it is not known."""
    class_code: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{6}$")]
    group: Annotated[int, Field(ge=0, le=65535)] | None
    """Its IOMMU group; those of one number are one group. None where it is not known."""
    resets: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,20}$")], ...], Field(max_length=9)
    ]
    proved: Proved | None
    """None where nothing was proved of it."""


class Firmware(_Closed):
    """What starts the machine."""

    version: Words
    uefi: bool | None
    iommu: Annotated[tuple[Literal["DMAR", "RMAD", "IVRS"], ...], Field(max_length=3)] | None
    """The tables by which it announces an IOMMU. None, as for `uefi`, where the report was not asked."""


class Record(_Closed):
    """One machine, without whose it is."""

    format: Literal[1]
    date: Day
    """The day on which the newest report that went into it ended."""
    board: Words
    firmware: Firmware
    chipset: Annotated[tuple[PciId, ...], Field(max_length=16)]
    """The ids of its host bridge and of its bridges to ISA."""
    cards: Annotated[tuple[Card, ...], Field(max_length=1024)]

    @property
    def proved(self) -> int:
        """Of how many cards something was proved."""
        return sum(card.proved is not None for card in self.cards)


def said_by_firmware(text: str) -> str:
    """Return a name that the firmware gives as a record holds it: one line that only is seen, and not too long."""
    return visible(printable(text))[:120].strip()


def machine_of(record: Record, signer: PublicKey | None) -> str:
    """Return what tells machines apart: 16 hex digits of signer, board and chipset, for a record has no number of its machine.

    Twins of one signer are one.
    """
    told = json.dumps([signer.line if signer else None, record.board, sorted(record.chipset)])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def seal(record: Record, key: SigningKey | None) -> str:
    """Return a record in its envelope, signed where there is a key (`runbook.attestation.dsse`)."""
    return dsse.seal(KIND, {}, record.model_dump(mode="json"), key)


def unseal(data: bytes) -> tuple[Record, PublicKey | None]:
    """Return the record of an envelope, and the key that signed it, None for one that nobody signed.

    Raises `ValueError` with the reason, in printable words: for an envelope that was altered, and for a record
    that is not of the form.
    """
    statement = dsse.read(data, KIND)
    if statement.subjects:
        raise ValueError("it speaks of files, and a record has none")
    content = {key: value for key, value in statement.predicate.items() if key != "signer"}
    try:
        record = Record.model_validate_json(json.dumps(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = printable(".".join(map(str, first["loc"])))[:80]
        raise ValueError(f"{place}: {printable(first['msg'])[:160]}") from None
    return record, statement.signer
