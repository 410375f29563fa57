"""Units as `systemctl show` tells them."""

import pytest

from runbook.facts import services
from runbook.model.ask import Answer, Facts

SHOWN = """\
Id=xen.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=xen-watchdog.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
"""


def facts(state: str = "running", out: str = SHOWN) -> Facts:
    asked, shown = services.commands("xen.service", "xen-watchdog.service")
    return Facts({asked: Answer(1, state + "\n"), shown: Answer(0, out)})


def test_units_by_name():
    """A running unit and one that does not exist."""
    units = services.parse(facts(), "xen.service", "xen-watchdog.service")
    assert units["xen.service"] == services.Unit("xen.service", "loaded", "active", "enabled")
    assert not units["xen-watchdog.service"].exists


def test_a_host_without_systemd_has_no_units():
    """Every unit asked about is answered, even when systemctl said nothing."""
    assert not services.parse(facts(out=""), "xen.service", "xen-watchdog.service")["xen.service"].exists


@pytest.mark.parametrize(
    ("enabled", "starts"),
    [("enabled", True), ("generated", True), ("disabled", False), ("masked", False), ("", False)],
)
def test_what_starts_at_boot(enabled, starts):
    """Bookworm's units are generated from init scripts, and they start too."""
    assert services.Unit("xen.service", "loaded", "active", enabled).starts_at_boot is starts


@pytest.mark.parametrize(("state", "booting"), [("starting", True), ("running", False), ("degraded", False)])
def test_the_end_of_the_boot(state, booting):
    """A degraded system has ended its boot."""
    assert services.is_booting(facts(state)) is booting
