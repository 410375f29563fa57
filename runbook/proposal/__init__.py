"""A first parameter file for a machine: what it has, read once, and what is suggested with the reason.

`machine.read` asks and decides, `text.write` makes the YAML. Nothing on the machine is changed.
"""

from __future__ import annotations

from runbook.proposal.machine import Proposal, asks, look, read
from runbook.proposal.text import write

__all__ = ["Proposal", "asks", "look", "read", "write"]
