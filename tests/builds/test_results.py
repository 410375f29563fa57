"""What a build left in its root is taken out by its plain files, whatever a hostile build put there."""

from __future__ import annotations

import os
import random
import socket

import pytest

from runbook.builds import BuildFailed, results, store

SECRET = "of this machine"


@pytest.fixture
def root(tmp_path):
    """Return a root with an empty /build/out, beside a file that is not the build's."""
    (tmp_path / "root/build/out").mkdir(parents=True)
    (tmp_path / "outside").write_text(SECRET)
    (tmp_path / "taken").mkdir()
    return tmp_path / "root"


def take(root, most_mib=4):
    """Take all out; return the texts by their names."""
    taken = root.parent / "taken"
    with results.opened(root, "/build", "out") as out:
        out.described()
        out.copy(taken, most_mib=most_mib)
    return {path.name: path.read_text() for path in taken.iterdir()}


def fifo(out):
    os.mkfifo(out / "a.deb")


def flood(out):
    (out / "a.deb").touch()
    os.truncate(out / "a.deb", 5 * 2**20)


def unix_socket(out):
    here = os.open(out, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{here}/a.deb")
    os.close(here)


HOSTILE = {
    "a link to a file of outside": lambda out: (out / "a.deb").symlink_to(out.parents[2] / "outside"),
    "a link that goes up": lambda out: (out / "a.deb").symlink_to("../../../outside"),
    "a link to nothing": lambda out: (out / "a.deb").symlink_to("nothing"),
    "a link to itself": lambda out: (out / "a.deb").symlink_to("a.deb"),
    "a folder": lambda out: (out / "a.deb").mkdir(),
    "a FIFO": fifo,
    "a socket": unix_socket,
    "the manifest": lambda out: (out / store.MANIFEST).write_text("{}"),
    "the log": lambda out: (out / "log").write_text("all is well"),
    "the job": lambda out: (out / "job.json").write_text("{}"),
    "a hidden file": lambda out: (out / ".a.deb").write_text("a"),
    "a name with an escape": lambda out: (out / "a\x1b[2J.deb").write_text("a"),
    "a name that is an option": lambda out: (out / "--force.deb").write_text("a"),
    "a name that is no text": lambda out: (out / os.fsdecode(b"a\xff.deb")).write_text("a"),
    "too much": flood,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_plain_file_is_not_taken(root, kind):
    """A link, FIFO, socket, folder, foreign name or flood ends the build with its name, and nothing of outside is read."""
    HOSTILE[kind](root / "build/out")
    with pytest.raises(BuildFailed, match="not taken out of its root") as caught:
        take(root)
    assert "\x1b" not in str(caught.value)
    assert not [
        path for path in (root.parent / "taken").iterdir() if SECRET in path.read_text(errors="replace")
    ]


@pytest.mark.parametrize("part", ["build", "build/out"])
def test_no_part_of_the_way_may_be_a_link(root, part):
    """A folder that a build replaced by a link leads nowhere."""
    (root.parent / "elsewhere/out").mkdir(parents=True)
    (root.parent / "elsewhere/out/a.deb").write_text(SECRET)
    (root.parent / "elsewhere/a.deb").write_text(SECRET)
    (root / "build/out").rmdir()
    if part == "build":
        (root / "build").rmdir()
    (root / part).symlink_to(root.parent / "elsewhere")
    with pytest.raises(BuildFailed, match="has no folder"):
        take(root)


def test_names_are_taken_or_refused_by_one_rule(root):
    """Of 500 random names, exactly those of plain letters, digits and . + ~ _ : - that begin well are taken."""
    source = random.Random(47)
    plain = "abcXYZ019"
    taken = 0
    for _ in range(500):
        name = "".join(
            source.choice(plain + ".+~_:-" * 2 + " \n\x1b$'é;*") for _ in range(source.randint(1, 9))
        )
        if name in (".", ".."):
            continue
        is_right = name[0] in plain and set(name) <= set(plain + ".+~_:-")
        path = root / "build/out" / name
        path.write_text(name)
        try:
            assert take(root).pop(name) == name
            taken += 1
            assert is_right, name
        except BuildFailed:
            assert not is_right, name
        path.unlink()
        (root.parent / "taken" / name).unlink(missing_ok=True)
    assert 20 < taken < 480


def test_the_files_are_copies(root):
    """A hard link inside the root cannot change what was taken: it is another file."""
    made = root / "build/out/a.deb"
    made.write_text("first")
    assert take(root) == {"a.deb": "first"}
    made.write_text("second")
    assert (root.parent / "taken/a.deb").read_text() == "first"
