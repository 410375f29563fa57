"""What a run says it was made with."""

import subprocess

import pytest

from runbook.evidence.provenance import packages, source


def git(folder, *words):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


def test_a_clean_tree_gives_its_commit(tree):
    """The commit is named in full and the tree is said to be clean."""
    found = source(tree)
    assert len(found["commit"]) == 40
    assert found["dirty"] is False


def test_changes_that_are_not_committed_are_told(tree):
    """A changed file makes the source dirty."""
    (tree / "a").write_text("2")
    assert source(tree)["dirty"] is True


def test_which_changes_it_had_is_told_too(tree):
    """Other changes have another digest, also in files that are new or no text; without changes there is none."""
    assert "changes" not in source(tree)
    seen = set()
    for name, content in (
        ("a", b"2"),
        ("a", b"3"),
        ("a", b"\xff\x00"),
        ("runbook/new", b"1"),
        ("runbook/new", b"2"),
    ):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_bytes(content)
        seen.add(source(tree)["changes"])
    assert len(seen) == 5
    assert source(tree)["changes"] in seen


def test_the_tree_of_somebody_else_is_not_ours(tree):
    """Installed below another project's tree, that project's commit is not given."""
    (tree / "site-packages").mkdir()
    assert source(tree / "site-packages") == {"commit": None, "dirty": None}


def test_without_git_the_source_is_not_known(tree, monkeypatch):
    """A controller without git makes reports all the same."""
    monkeypatch.setenv("PATH", "")
    assert source(tree) == {"commit": None, "dirty": None}


def test_packages_are_those_that_decide():
    """Direct dependencies and ourselves are listed with versions; test tools are not."""
    found = packages()
    assert {"papermill", "nbclient", "pydantic", "xen-host-runbook"} <= set(found)
    assert "pytest" not in found
