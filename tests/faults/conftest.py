"""What the tests of this folder share."""

from __future__ import annotations

import pytest

from tests.faults.server import Server
from tests.faults.table import FAULTS
from tests.faults.toy import ROOT
from tests.faults.world import World

#: A program that the tests start, not a module to look for tests in.
collect_ignore = ["fake_ssh.py"]


@pytest.fixture(scope="session")
def server():
    """Return what starts runs in the common namespace."""
    server = Server([], ROOT)
    yield server
    server.close()


@pytest.fixture
def world(tmp_path, server):
    """Return a toy machine with nothing done to it."""
    return World(tmp_path, server)


@pytest.fixture
def row(request):
    """Return the row of the table that a test is marked with: `@pytest.mark.fault("ctrl-c")`."""
    return FAULTS[request.node.get_closest_marker("fault").args[0]]
