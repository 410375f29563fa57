"""The rules about a device itself, a subject a module: each yields reasons, in the order in which people read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from runbook.facts.pci import Device
from runbook.survey.machine import Machine
from runbook.survey.reasons import Reason
from runbook.survey.rules.board import board
from runbook.survey.rules.domains import domains
from runbook.survey.rules.graphics import graphics
from runbook.survey.rules.isolation import isolation
from runbook.survey.rules.path import path
from runbook.survey.rules.resets import resets
from runbook.survey.rules.unknown import unknown
from runbook.survey.rules.uses import uses
from runbook.survey.rules.xen import xen

ALL: tuple[Callable[[Machine, Device], Iterator[Reason]], ...] = (
    board, domains, uses, unknown, path, xen, isolation, graphics, resets,
)  # fmt: skip
"""Every rule; `rules.disks` comes before them, because it knows of the guests' volume group besides."""
