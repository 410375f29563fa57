"""Which notebooks are run."""

from pathlib import Path

import pytest

from runbook.controller.project import project
from runbook.errors import ParamsError
from runbook.runner.selection import select

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
        ({"only": "05_xen_installation.ipynb"}, NAMES[1:2]),
        ({"only": "notebooks/05_xen_installation.ipynb"}, NAMES[1:2]),
        ({"start": "05_xen"}, NAMES[1:]),
        ({"only": "06_xen"}, NAMES[2:3]),
        ({"start": "00"}, NAMES),
    ],
)
def test_notebooks_are_chosen_by_name_number_or_beginning(folder, options, expected):
    """Numbered notebooks come in order, others are no part of the runbook."""
    assert names(select(folder, **options)) == list(expected)


@pytest.mark.parametrize("name", ["0", "99", "xen", "/", "fleet"])
def test_a_name_that_fits_none_or_several_is_an_error(folder, name):
    """The error names the notebooks to choose from."""
    with pytest.raises(ParamsError, match="00_introduction"):
        select(folder, only=name)


def test_the_project_is_found_from_below_and_from_elsewhere(folder, tmp_path):
    """A subfolder leads to its project; a folder outside any leads to the source's own notebooks."""
    below = folder.parent / "params"
    below.mkdir()
    assert project(below) == folder.parent
    assert (project(Path("/")) / "runbook").is_dir()
