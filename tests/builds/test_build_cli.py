"""`runbook build`: building, watching again, ending, and the table of flags."""

from __future__ import annotations

import gzip

import pytest
from click.testing import CliRunner

from runbook import builds
from runbook.builds import kernel
from runbook.cli import main
from tests.builds.controller import furnish, recipe

PARAMS = "host: h\nconnection: {kind: ssh, to: nowhere}\nkernel: {build: true, base: small, more: [CONFIG_GONE=y]}\n"


@pytest.fixture
def params(tmp_path, monkeypatch):
    furnish(tmp_path, monkeypatch)
    path = tmp_path / "h.yml"
    path.write_text(PARAMS)
    return str(path)


def call(*words):
    return CliRunner().invoke(main, ["build", *words])


def test_a_kernel_is_built_and_its_folder_printed(params, monkeypatch):
    """The last line is the folder of the packages; a second call takes what is kept."""
    monkeypatch.setattr(kernel, "recipe", lambda host, base: recipe())
    first, second = call("kernel", params), call("kernel", params)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.output.splitlines()[-1] == str(builds.kept(recipe()).folder)
    assert "was built before" in second.output
    assert "was built before" not in first.output


def test_a_failed_build_ends_with_its_error(params, monkeypatch):
    """A build that fails says phase, log and the error's line, and exits with 1."""
    monkeypatch.setattr(kernel, "recipe", lambda host, base: recipe("echo 'a.c:1: error: no'; exit 1"))
    result = call("kernel", params)
    assert result.exit_code == 1
    assert "a.c:1: error: no" in result.output
    assert "the next try starts clean" in result.output


def test_stop_with_nothing_running_says_so(params, monkeypatch):
    """`--stop` is no error when nothing is being built."""
    monkeypatch.setattr(kernel, "recipe", lambda host, base: recipe())
    result = call("kernel", params, "--stop")
    assert (result.exit_code, result.output) == (0, "nothing was being built\n")


def test_flags_prints_asked_got_and_why(params, monkeypatch, tmp_path):
    """`--flags` only configures, and prints a line for each flag with the reason."""
    with gzip.open(tmp_path / "k.gz", "wt", encoding="utf-8") as file:
        file.write('@@ drivers/xen/Kconfig\nconfig XEN_PCIDEV_BACKEND\n\ttristate "Xen PCI-device backend"\n')
    script = (
        f"cp {tmp_path}/k.gz out/kconfig.gz; echo CONFIG_XEN_PCIDEV_BACKEND=y >out/config\n"
        "printf 'CONFIG_XEN_PCIDEV_BACKEND=y\\nCONFIG_GONE=y\\n' >out/asked.config\n"
    )
    made = recipe(script, results=("config", "kconfig.gz"))
    monkeypatch.setattr(kernel, "configuration", lambda host, base: made)
    result = call("kernel", params, "--flags")
    assert result.exit_code == 0
    assert "CONFIG_XEN_PCIDEV_BACKEND  y     y     as asked" in result.output
    assert "CONFIG_GONE                y     –     this kernel has no such flag" in result.output
    assert "2 asked, 1 as asked" in result.output
