"""environment.yml and pyproject.toml describe one environment."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FIXED = {"jupyterlab", "papermill", "nbclient", "ipywidgets", "pandas", "pytest", "nbval"}


def _project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [Requirement(text) for text in project["dependencies"]]
    extra = [Requirement(text) for text in project["optional-dependencies"]["test"]]
    return required, extra


def _conda():
    environment = YAML(typ="safe").load((ROOT / "environment.yml").read_text())
    plain = [text for text in environment["dependencies"] if isinstance(text, str)]
    named = {r.name: r for r in map(Requirement, plain)}
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    return named, pip


def test_conda_has_every_dependency_with_the_same_range():
    """A package that the project needs stands in environment.yml with the same range."""
    named, _ = _conda()
    required, _ = _project()
    assert {r.name: str(r.specifier) for r in required} == {
        r.name: str(named[r.name].specifier) for r in required if r.name in named
    }


def test_conda_adds_nothing_that_the_project_does_not_name():
    """environment.yml names no package, and no range, that pyproject.toml does not."""
    named, pip = _conda()
    required, extra = _project()
    ranges = {r.name: str(r.specifier) for r in [*required, *extra]}
    others = {name: str(r.specifier) for name, r in named.items() if name not in ("python", "pip")}
    assert others == {name: ranges.get(name) for name in others}
    assert pip == ["--editable .[test]"]


def test_conda_takes_the_same_python():
    """What the project needs of Python stands in environment.yml, too."""
    named, _ = _conda()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert str(named["python"].specifier) == project["requires-python"]


def test_the_packages_that_users_fixed_are_named():
    """The packages that were asked for by name are in both."""
    named, _ = _conda()
    required, extra = _project()
    assert set(named) >= FIXED
    assert {r.name for r in [*required, *extra]} >= FIXED
