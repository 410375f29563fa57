"""What a run says it was made with."""

import subprocess

import pytest

from runbook.evidence import provenance
from runbook.evidence.provenance import author, packages, source
from runbook.params import load
from runbook.params.host import Local, Recorded, Ssh


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


def test_what_git_does_not_know_is_no_change(tree):
    """Parameters and reports of one's own leave the source clean: nothing of it is altered."""
    (tree / "params").mkdir()
    (tree / "params" / "mine.yml").write_text("host: mine\n")
    found = source(tree)
    assert found["dirty"] is False
    assert found.keys() == {"commit", "dirty"}


def test_a_new_file_among_the_programs_is_named(tree):
    """Git does not know it and a run might use it: it is named, with a digest, and the commit counts as unchanged."""
    (tree / "runbook").mkdir()
    (tree / "runbook" / "new module.py").write_text("1")
    found = source(tree)
    assert (found["dirty"], found["untracked"]) == (False, ["runbook/new module.py"])
    assert len(found["changes"]) == 64


@pytest.fixture
def as_ana(monkeypatch):
    monkeypatch.setenv("LOGNAME", "ana")
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(provenance.platform, "node", lambda: "desk")
    monkeypatch.setattr(provenance.keys, "comment", lambda: "ana@desk")


def author_over(connection):
    return author(load("params/example.yml").model_copy(update={"connection": connection}))


def test_who_ran_it_is_said(as_ana, monkeypatch):
    """User, controller, signing key, and who became that user by sudo."""
    assert author_over(Recorded(recording="recordings/testbed")) == {
        "user": "ana", "controller": "desk", "key": "ana@desk",
    }  # fmt: skip
    monkeypatch.setenv("SUDO_USER", "eve")
    assert author_over(Local())["by_sudo"] == "eve"
    assert author_over(Local())["login"] == "ana, on the machine itself"


def test_as_whom_the_host_is_entered_is_what_ssh_decides(as_ana, tmp_path, monkeypatch):
    """An alias says nothing to a reader; a configuration that the parameters name is not read, it may run programs."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        '#!/bin/sh\n[ "$*" = "-G -- box" ] && printf "user root\\nhostname victory\\nport 2222\\n"\n'
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert author_over(Ssh(to="box"))["login"] == "root@victory port 2222"
    assert author_over(Ssh(to="other"))["login"] == "other"
    assert author_over(Ssh(to="box", config="ssh.conf"))["login"] == "box by ssh.conf"


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
