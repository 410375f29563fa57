"""Which notebooks are run."""

from pathlib import Path

import pytest

from runbook.controller.project import project
from runbook.errors import ParamsError
from runbook.runner.selection import choose, prove_step, select
from tests.evidence.toys import steps

NAMES = ("00_introduction", "05_xen_installation", "06_xen", "06_xen_configuration")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in (*NAMES, "notes", "5_x", "fleet"):
        (folder / f"{name}.ipynb").touch()
    return folder


def names(found):
    return [path.stem for path in found]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, NAMES),
        ({"only": "05"}, NAMES[1:2]),
        ({"only": "5"}, NAMES[1:2]),
        ({"start": "5"}, NAMES[1:]),
        ({"only": "0"}, NAMES[:1]),
        ({"only": "05_xen_installation.ipynb"}, NAMES[1:2]),
        ({"only": "notebooks/05_xen_installation.ipynb"}, NAMES[1:2]),
        ({"start": "05_xen"}, NAMES[1:]),
        ({"only": "xen_installation"}, NAMES[1:2]),
        ({"only": "06_xen"}, NAMES[2:3]),
        ({"start": "00"}, NAMES),
    ],
)
def test_notebooks_are_chosen_by_name_number_or_beginning(folder, options, expected):
    """Numbered notebooks come in order, others are no part of the runbook."""
    assert names(select(folder, **options)) == list(expected)


@pytest.mark.parametrize("name", ["99", "7", "xe", "/", "fleet"])
def test_a_name_that_fits_none_or_several_is_an_error(folder, name):
    """The error names the notebooks to choose from."""
    with pytest.raises(ParamsError, match="00_introduction"):
        select(folder, only=name)


def test_a_step_stands_for_its_notebook(folder, monkeypatch):
    """`only` takes a step's name; the notebook that holds it is chosen, and that one step of it."""
    monkeypatch.setattr("runbook.steps.notebooks", lambda: steps(n05_xen_installation=["install_xen", "pin"]))
    paths, step = choose(folder, only="install_xen")
    assert (names(paths), step) == (["05_xen_installation"], "install_xen")
    assert choose(folder, only="05") == (paths, "")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("instal_xen", "install_xen"),
        ("05_xen_instalation", "05_xen_installation"),
        ("introdution", "introduction"),
    ],
)
def test_a_misspelt_name_is_asked_about(folder, monkeypatch, name, meant):
    """The nearest step or notebook is named, and what can be given instead."""
    monkeypatch.setattr("runbook.steps.notebooks", lambda: steps(n05_xen_installation=["install_xen", "pin"]))
    with pytest.raises(ParamsError, match=f"did you mean '{meant}'"):
        select(folder, only=name)


def test_what_is_no_step_is_asked_about():
    """`--step` takes nothing but a step's name."""
    with pytest.raises(ParamsError, match="There is no step 'hide_device'") as error:
        prove_step("hide_device")
    assert error.value.do == "did you mean 'hide_devices'?"
    prove_step("hide_devices")


def test_the_project_is_found_from_below_and_from_elsewhere(folder, tmp_path):
    """A subfolder leads to its project; a folder outside any leads to the source's own notebooks."""
    below = folder.parent / "params"
    below.mkdir()
    assert project(below) == folder.parent
    assert (project(Path("/")) / "runbook").is_dir()
