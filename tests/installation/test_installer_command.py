"""`runbook installer` on the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from runbook.cli import main
from runbook.installation import image
from tests.installation.hosts import KEY

PARAMS = """host: victory
connection: {kind: local}
installation:
  method: preseed
  disk: /dev/nvme0n1
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "host.yml").write_text(PARAMS + f"  authorized_keys: ['{KEY}']\n")
    (tmp_path / "nobody.yml").write_text(PARAMS)
    return tmp_path


def test_the_path_of_the_image_is_the_last_word(project, monkeypatch):
    """Standard output is the path alone, for scripts; what a person wants to know goes beside it."""
    asked = {}

    def build(params, out, work, say):
        asked.update(host=params.host, out=out, work=work)
        say("writing the image")
        return image.Image(out, "ab" * 32, 113, ("e2fsprogs-udeb",))

    monkeypatch.setattr(image, "build", build)
    done = CliRunner().invoke(main, ["installer", "host.yml"])
    assert (done.exit_code, done.stdout) == (0, ".installer/victory.img\n")
    assert "installs victory on /dev/nvme0n1; 113 MiB" in done.stderr
    assert "the mirror lacks 1 of the installer's parts" in done.stderr
    CliRunner().invoke(main, ["installer", "host.yml", "--out", "stick.img"])
    assert str(asked["out"]) == "stick.img"


def test_parameters_without_a_key_end_with_2(project):
    """Wrong parameters, nothing started; the message says what is missing."""
    done = CliRunner().invoke(main, ["installer", "nobody.yml"])
    assert done.exit_code == 2
    assert "authorized_keys is empty" in done.stderr
    assert not (project / ".installer").exists()


def test_a_file_that_is_not_there_ends_with_2(project):
    """The name of the parameter file is in the message."""
    done = CliRunner().invoke(main, ["installer", "other.yml"])
    assert done.exit_code == 2
    assert "other.yml" in done.stderr
