"""Memory, on plain Debian and under Xen."""

from runbook.facts import memory
from tests.survey.machines import bare, dom0


def test_plain_debian_sees_all():
    """Without Xen the kernel's own count is the machine's."""
    assert memory.parse(bare()) == memory.Memory(5925, 5925)


def test_under_xen_dom0_sees_its_part():
    """Under Xen the kernel counts dom0's part, and Xen the whole machine."""
    assert memory.parse(dom0()) == memory.Memory(1899, 6137)
