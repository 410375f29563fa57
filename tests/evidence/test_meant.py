"""Runs are named by host, by run, by a parameter file, by a path or by the address of a page: always the same runs."""

import json
import shutil

import pytest

from runbook.attestation.statement import runs_in
from runbook.cli.meant import meant, of_host
from runbook.errors import ParamsError
from tests.evidence.toys import ROOT
from tests.test_cli import call


@pytest.fixture
def run(reports):
    """Return the folder of the newest of four runs of the host toy."""
    return runs_in(reports / "toy")[-1]


def test_a_run_is_meant_by_each_of_its_names(reports, run):
    """HOST/RUN, RUN, its folder, a file in it, and the address that a browser shows for its page."""
    page = (run / "index.html").as_uri()
    for text in (f"toy/{run.name}", run.name, str(run), str(run / "run.json"), page, f"{page}#05_now"):
        assert meant(text, reports).folder == run, text


def test_a_host_is_meant_by_each_of_its_names(reports, tmp_path):
    """Its name, its folder, its page, and its parameter file."""
    params = tmp_path / "any.yml"
    params.write_text("host: toy\nconnection: {kind: local}\n")
    for text in ("toy", "toy/", str(reports / "toy"), str(reports / "toy" / "index.html"), str(params)):
        assert meant(text, reports).folder == reports / "toy", text
    assert meant(None, reports).folder == meant(str(reports), reports).folder == reports


def test_a_path_leads_to_other_reports_than_those_of_the_project(reports, tmp_path):
    """A copy elsewhere is read there."""
    copy = shutil.copytree(reports, tmp_path / "copy")
    assert meant(str(copy / "toy"), reports).reports == copy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tyo", "did you mean 'toy'"),
        ("toy/20990101T000000Z-000000", "There is no report of"),
        ("../toy", "There is no report of"),
        ("http://[", "leads to another machine"),
        ("https://example.org/toy/index.html", "leads to another machine"),
    ],
)
def test_what_is_no_run_is_one_clear_error(reports, text, says):
    """The nearest host is named, or what can be given instead."""
    with pytest.raises(ParamsError) as error:
        meant(text, reports)
    assert says in str(error.value)


def test_a_mistyped_run_is_asked_about_by_its_name_or_its_path(reports, run, tmp_path, monkeypatch):
    """Its day is enough of it; of a path it is the part that is wrong, and a host that is right is not asked about."""
    monkeypatch.chdir(tmp_path)
    link = tmp_path / "kept"
    link.symlink_to(reports)
    whole = f"toy/{run.name}"
    for text, says in (
        (run.name[:-1] + "x", whole), (run.name[:14], whole), (f"tyo/{run.name}", whole), (whole[:-1], whole),
        (f"kept/toy/{run.name[:-1]}/index.html", f"kept/{whole}/index.html"),
        (f"kept/toy/{run.name}/idnex.html", f"kept/{whole}/index.html"),
        (str(run)[:-1], str(run)), ((run / "idnex.html").as_uri(), str(run / "index.html")),
    ):  # fmt: skip
        with pytest.raises(ParamsError) as error:
            meant(text, reports)
        assert f"did you mean '{says}'?" in error.value.do, text
    with pytest.raises(ParamsError) as error:
        meant("toy/20990101T000000Z-000000", reports)
    assert "did you mean" not in error.value.do


def test_where_one_host_is_meant_all_are_an_error(reports):
    """`prune` and `export` take one host."""
    with pytest.raises(ParamsError, match="The reports of one host") as error:
        of_host(str(reports), reports)
    assert "toy" in error.value.do


def test_every_command_about_reports_takes_each_name(reports, run, monkeypatch):
    """list, open, verify, prune and export, by host, path and address alike."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(reports))
    monkeypatch.setattr("runbook.cli.reports.has_display", lambda: False)
    for name in ("toy", str(run), (run / "index.html").as_uri()):
        (first, *_) = json.loads(call("report", "list", name, "--json").stdout)
        assert first["id"] == run.name
        assert call("report", "open", name).stdout.strip() == str(run / "index.html")
        assert json.loads(call("report", "verify", name, "--json").stdout)[-1]["status"] == "good"
        assert "Nothing to prune" in call("report", "prune", name, "--keep", "9").stdout
    out = reports.with_name("out")
    assert call("report", "export", str(run), "--out", str(out)).exit_code == 0
    assert call("report", "verify", str(out), "--key", str(out / "signing-key.pub")).exit_code == 0
