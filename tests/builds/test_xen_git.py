"""Xen from git: exactly the commit of the parameters, and nothing of a hostile repository is run."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from runbook.builds import xen
from runbook.errors import ParamsError
from runbook.params import load
from tests.builds.test_xen_recipe import Root, params

ADDRESS = "https://example.org/xen.git"
MAKEFILE = "export XEN_VERSION       = 4\nexport XEN_SUBVERSION    = 20\nexport XEN_EXTRAVERSION ?= .4$(XEN_VENDORVERSION)\n"
EXAMPLE = Path(__file__).parents[2] / "params/testbed.yml"


class Origin:
    """A repository that somebody else owns, with Xen's Makefile on its branch stable-4.20."""

    def __init__(self, folder, *form):
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "stable-4.20", *form)
        self.commit(**{"xen/Makefile": MAKEFILE})

    def git(self, *argv):
        names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", *names, "-C", str(self.folder), *argv], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, **files):
        """Commit files; return the commit's name."""
        for name, text in files.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path):
    return Origin(tmp_path / "origin")


def fetched(tmp_path, origin, commit, git=""):
    """Run the fetching script against a repository on this disk; return its end and the sources' folder.

    `git` is a script that stands before the real one.
    """
    (tmp_path / "root").mkdir()
    root = Root(tmp_path / "root")
    if git:
        root.program("git", git)
    script = xen.recipe(params(source="git", commit=commit, repository=ADDRESS)).fetch
    assert "GIT_ALLOW_PROTOCOL=https\n" in script
    script = script.replace("GIT_ALLOW_PROTOCOL=https", "GIT_ALLOW_PROTOCOL=https:file")
    return root.run(script.replace(ADDRESS, origin.folder.as_uri())), tmp_path / "root/sources"


def holds(archive):
    with tarfile.open(archive) as tar:
        return {member.name for member in tar.getmembers() if member.isfile()}


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_exactly_the_commit_is_taken_though_the_branch_went_on(tmp_path, form):
    """An older commit than the branch's tip becomes the tarball, and its name stands beside it."""
    origin = Origin(tmp_path / "origin", f"--object-format={form}")
    wanted = origin.commit(**{"xen/one": "1"})
    origin.commit(**{"xen/two": "2"})
    done, sources = fetched(tmp_path, origin, wanted)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in sources.iterdir()) == ["built-from.txt", "xen.tar.gz"]
    assert holds(sources / "xen.tar.gz") == {"xen/xen/Makefile", "xen/xen/one"}
    said = (sources / "built-from.txt").read_text()
    assert said == f"git commit {wanted}, of {origin.folder.as_uri()}\n"
    assert not (tmp_path / "root/clone").exists()


def test_a_server_that_gives_no_single_commit_gives_the_branch(tmp_path, origin):
    """The commit is then looked for on the branch."""
    wanted = origin.commit(**{"xen/one": "1"})
    origin.commit(**{"xen/two": "2"})
    server = 'case "$* " in "fetch "*--depth*) exit 128;; esac\nPATH=${PATH#*:} exec git "$@"'
    done, sources = fetched(tmp_path, origin, wanted, git=server)
    assert done.returncode == 0, done.stderr
    assert holds(sources / "xen.tar.gz") == {"xen/xen/Makefile", "xen/xen/one"}


def test_another_source_than_the_commit_is_not_taken(tmp_path, origin):
    """A commit that the repository lacks, a tag's own name and a tree's end the fetch with its name."""
    origin.git("tag", "-a", "RELEASE-4.20.1", "-m", "signed or not")
    names = ["ab" * 20, origin.git("rev-parse", "RELEASE-4.20.1"), origin.git("rev-parse", "HEAD^{tree}")]
    for number, name in enumerate(names):
        place = tmp_path / str(number)
        place.mkdir()
        done, sources = fetched(place, origin, name)
        assert done.returncode != 0, name
        assert name in done.stderr
        assert list(sources.iterdir()) == []


def test_an_altered_object_is_not_taken(tmp_path, origin):
    """A repository whose files are not what their names say is refused by git."""
    blob = origin.git("rev-parse", "HEAD:xen/Makefile")
    path = origin.folder / ".git/objects" / blob[:2] / blob[2:]
    evil = origin.folder / "evil"
    evil.write_text(MAKEFILE + "evil:\n")
    twin = origin.git("hash-object", "-w", str(evil))
    path.chmod(0o644)
    path.write_bytes((origin.folder / ".git/objects" / twin[:2] / twin[2:]).read_bytes())
    done, sources = fetched(tmp_path, origin, origin.git("rev-parse", "HEAD"))
    assert done.returncode != 0
    assert list(sources.iterdir()) == []


def test_another_version_is_not_taken(tmp_path, origin):
    """The source itself says its version, whatever the branch is called."""
    wanted = origin.commit(**{"xen/Makefile": MAKEFILE.replace("20", "21")})
    done, sources = fetched(tmp_path, origin, wanted)
    assert done.returncode == 1
    assert f"E: the commit {wanted} is of Xen 4.21" in done.stderr
    assert list(sources.iterdir()) == []


def test_nothing_of_the_repository_or_of_the_user_is_run(tmp_path, origin, monkeypatch):
    """Filters, hooks, submodules and a monitor, of the repository or of the user's configuration, stay unused."""
    flag = tmp_path / "ran"
    run = f"touch {flag}; cat"
    home = tmp_path / "home"
    (home / "template/hooks").mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor"):
        (home / "template/hooks" / name).write_text(f"#!/bin/sh\n{run}\n")
        (home / "template/hooks" / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        f'[filter "evil"]\n smudge = "{run}"\n clean = "{run}"\n process = "{run}"\n'
        f'[core]\n fsmonitor = "{run}"\n hooksPath = {home}/template/hooks\n sshCommand = "{run}"\n'
        f'[tar "tar.gz"]\n command = "{run}"\n[init]\n templateDir = {home}/template\n'
    )
    origin.commit(
        **{
            ".gitattributes": "* filter=evil diff=evil merge=evil\n",
            ".gitmodules": '[submodule "a"]\n path = a\n url = https://example.org/a.git\n',
            "xen/one": "1",
        }
    )
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},a")
    origin.git("commit", "-q", "-m", "with a submodule")
    environment = subprocess.run

    def in_that_home(argv, *, env=None, **kwargs):
        return environment(argv, env=env and {**env, "HOME": str(home)}, **kwargs)

    monkeypatch.setattr(subprocess, "run", in_that_home)
    done, sources = fetched(tmp_path, origin, origin.git("rev-parse", "HEAD"))
    assert done.returncode == 0, done.stderr
    assert not flag.exists()
    assert "xen/xen/one" in holds(sources / "xen.tar.gz")


@pytest.mark.parametrize("line", ["url = --upload-pack=x", "update = !id", "path = -x"])
def test_a_submodule_that_is_an_attack_ends_the_fetch(tmp_path, origin, line):
    """Objects that git knows as attacks are refused when they come."""
    hostile = origin.commit(
        **{".gitmodules": f'[submodule "a"]\n path = a\n url = https://example.org/a\n {line}\n'}
    )
    done, sources = fetched(tmp_path, origin, hostile)
    assert done.returncode != 0
    assert "gitmodules" in done.stderr
    assert list(sources.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    ["ext::sh -c id", "git://example.org/xen.git", "ssh://example.org/x", "/srv/xen", "--upload-pack=x"],
)
def test_only_https_is_an_address(address):
    """No transport that runs a program, proves nobody or reads this disk."""
    with pytest.raises(ValueError, match="https"):
        params(source="git", commit="ab" * 20, repository=address)


def loaded(tmp_path, lines):
    file = tmp_path / "host.yml"
    block = "".join(f"  {line}\n" for line in ("source: git", *lines))
    text = EXAMPLE.read_text()
    begin = text.index("\nxen:\n") + 6
    file.write_text(text[:begin] + block + text[begin:])
    return load(file)


def test_a_git_source_without_its_commit_is_wrong_at_once(tmp_path):
    """`validate` names the command that shows the commit, with the repository and branch of the file."""
    with pytest.raises(ParamsError) as caught:
        loaded(tmp_path, ["branch: stable-4.20"])
    assert "`git ls-remote https://xenbits.xen.org/git-http/xen.git stable-4.20` shows" in str(caught.value)
    with pytest.raises(ParamsError) as caught:
        loaded(tmp_path, ["commit: stable-4.20"])
    assert "`git ls-remote REPOSITORY stable-4.20` shows" in str(caught.value)


@pytest.mark.parametrize(
    "commit", ["0" * 39 + "1", "1" * 40, "12345678" * 5, "1e" + "3" * 38, "AB" * 20, "ab" * 32]
)
def test_a_commit_survives_its_file(tmp_path, commit):
    """One that looks like a number stays what it is."""
    assert loaded(tmp_path, [f"commit: {commit}"]).xen.commit == commit.lower()
