"""Builds and boots a virtual PC with a fresh Debian: UEFI, an IOMMU, spare devices to pass."""

from runbook.testbed.console import Patience
from runbook.testbed.errors import TestbedError
from runbook.testbed.hardware import ALIAS
from runbook.testbed.image import RELEASE
from runbook.testbed.machine import Machine, down, state_dir, status, up

__all__ = ["ALIAS", "RELEASE", "Machine", "Patience", "TestbedError", "down", "state_dir", "status", "up"]
