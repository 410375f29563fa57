"""What several tests of reports begin with."""

import shutil

import pytest

from runbook.attestation import keys
from tests.evidence.attested import alone, archived


@pytest.fixture(scope="session")
def attested(tmp_path_factory):
    """Return a folder with a signing key in `config/` and four signed runs of the host toy in `reports/`."""
    folder = tmp_path_factory.mktemp("attested")
    with pytest.MonkeyPatch.context() as patch:
        alone(patch, folder / "config")
        keys.make()
        for number, outcome in enumerate(("completed", "failed", "completed", "completed")):
            archived(folder / "reports", number, outcome)
    return folder


@pytest.fixture
def reports(attested, tmp_path, monkeypatch):
    """Return a copy of those reports, with their key at hand."""
    shutil.copytree(attested, tmp_path, dirs_exist_ok=True)
    alone(monkeypatch, tmp_path / "config")
    return tmp_path / "reports"
