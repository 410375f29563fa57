"""The recipe of Xen from source: which source, how it is built, and a package that says what it needs.

The two shell scripts are run for real, with make-believe apt, git and dpkg tools before the real ones.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runbook.builds import xen
from runbook.params import HostParams, load

ROOT = Path(__file__).parents[2]
TESTBED = load(ROOT / "params/testbed.yml")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEWEST, OLDER = "4.20.4+63-g7abfd2bce2-0+deb13u1", "4.20.3+127-gc42374a105-0+deb13u1"


def params(release="trixie", **values):
    """Return the testbed's parameters with Xen from source."""
    raw = TESTBED.model_dump() | {"release": release}
    return HostParams.model_validate(raw | {"xen": {"source": "debian-source", **values}})


def tarball(version):
    return f"xen_{version.rpartition('-')[0]}.orig.tar.xz"


class Root:
    """A folder that stands for the clean root's /build, with programs of its own."""

    def __init__(self, folder, held=(), altered=()):
        self.folder = folder
        for name in ("bin", "sources", "out", "files", "etc/apt/sources.list.d", "var/lib/apt/lists"):
            (folder / name).mkdir(parents=True)
        (folder / "etc/apt/sources.list").write_text(
            "".join(
                f"{kind} [signed-by=/k] http://m.example/debian trixie main\n" for kind in ("deb", "deb-src")
            )
        )
        index = "".join(
            f"Package: xen\nVersion: {v}\nChecksums-Sha256:\n"
            f" {hashlib.sha256(v.encode()).hexdigest()} 5 {tarball(v)}\n\n"
            for v in (OLDER, NEWEST)
        )
        (folder / "index").write_text(index)
        for version in (*held, *altered):
            text = version if version in held else "something else"
            (folder / f"archive-{tarball(version)}").write_text(text)
        self.program("apt-cache", f"cat {folder}/index")
        (folder / "update").write_text("exit 100\n")
        self.program(
            "apt-get",
            f'[ "$2" != update ] || exec sh {folder}/update; '
            f'v=${{6#xen=}}; f=xen_${{v%-*}}.orig.tar.xz; echo "$v" >>{folder}/asked\n'
            f"cp {folder}/archive-$f $f 2>/dev/null; touch x.debian.tar.xz; exit 100",
        )

    def program(self, name, body):
        file = self.folder / "bin" / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(0o755)

    def run(self, script):
        """Run a script as the engine does: sh -eu, in the folder."""
        for place in ("/build/", "/etc/apt/", "/var/lib/apt/"):
            script = script.replace(place, f"{self.folder}{place.replace('/build', '')}")
        return subprocess.run(
            ["sh", "-euc", script],
            cwd=self.folder,
            env={"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "JOBS": "3", "RECIPE": "0123456789ab"},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def sources(self):
        return {path.name: path.read_text().strip() for path in (self.folder / "sources").iterdir()}


def test_the_newest_source_is_taken(tmp_path):
    """The upstream tarball of Debian's newest source package, even when apt fails over another file."""
    root = Root(tmp_path, held=(NEWEST, OLDER))
    assert root.run(xen.recipe(params()).fetch).returncode == 0
    assert root.sources == {
        tarball(NEWEST): NEWEST,
        "built-from.txt": f"Debian's source package xen {NEWEST}, its upstream tarball",
    }


def test_a_version_that_the_mirror_lost_is_passed_over(tmp_path):
    """The next older one is taken, and it is said which."""
    root = Root(tmp_path, held=(OLDER,))
    assert root.run(xen.recipe(params()).fetch).returncode == 0
    assert OLDER in root.sources["built-from.txt"]
    assert (tmp_path / "asked").read_text().split() == [NEWEST, OLDER]


def test_an_altered_tarball_is_not_taken(tmp_path):
    """Its checksum must be the one of the archive's signed index."""
    root = Root(tmp_path, held=(OLDER,), altered=(NEWEST,))
    assert root.run(xen.recipe(params()).fetch).returncode == 0
    assert OLDER in root.sources["built-from.txt"]


def test_the_version_asked_for_is_the_only_one(tmp_path):
    """A named version is built or nothing."""
    root = Root(tmp_path, held=(NEWEST,))
    done = root.run(xen.recipe(params(version=OLDER)).fetch)
    assert done.returncode == 1
    assert f"E: the archive has no source of xen {OLDER}" in done.stderr


def other_name(root, *, codename):
    """Let the archive have the older version under the release's other name only, of that codename."""
    index, lists = root.folder / "index", root.folder / "var/lib/apt/lists/m_dists_stable_InRelease"
    stanzas = index.read_text().split("\n\n")
    index.write_text(f"{stanzas[1]}\n\n")
    (root.folder / "update").write_text(
        f"grep -qx 'deb-src .* stable main' {root.folder}/etc/apt/sources.list.d/other.list || exit 100\n"
        f"echo 'Codename: {codename}' >{lists}\n"
        f"cat >>{index} <<'END'\n{stanzas[0]}\n\nEND\n"
    )


def test_a_mirror_half_brought_up_to_date_has_one_under_the_other_name(tmp_path):
    """What the index of `stable` lists is looked at when nothing under `trixie` is to be had."""
    root = Root(tmp_path, held=(OLDER,))
    other_name(root, codename="trixie")
    assert root.run(xen.recipe(params()).fetch).returncode == 0
    assert OLDER in root.sources["built-from.txt"]


def test_another_releases_source_is_not_taken(tmp_path):
    """Once `stable` is the next release, its Xen is another one."""
    root = Root(tmp_path, held=(OLDER,))
    other_name(root, codename="forky")
    assert root.run(xen.recipe(params()).fetch).returncode == 1


@pytest.mark.parametrize(
    "values",
    [
        {"repository": "git://xenbits.xen.org/xen.git"},
        {"repository": "https://example.org/xen.git; rm -rf /"},
        {"branch": "stable-4.20 --upload-pack=x"},
        {"branch": "--upload-pack=x"},
        {"version": "$(id)"},
        {"commit": "stable-4.20"},
        {"commit": "--upload-pack=x"},
        {"commit": "HEAD"},
        {"commit": "0123456"},
        {"commit": COMMIT + "0"},
        {"commit": COMMIT[:-1] + "g"},
        {"commit": "$(id)"},
        {"commit": COMMIT + "\n"},
    ],
)
def test_what_cannot_stand_in_the_script_ends_at_the_parameters(values):
    """No unverified transport (H501), no option, no shell word."""
    with pytest.raises(ValueError, match="write"):
        params(**{"source": "git", "commit": COMMIT, **values})


def test_the_guides_steps_are_there_without_their_faults():
    """Configure and debball, with the prefix, the units and nothing from the network (H504-H512)."""
    recipe = xen.recipe(params())
    flags = dict(recipe.files)["flags"].split()
    assert {"--prefix=/usr", "--enable-systemd", "--disable-qemu-traditional"} < set(flags)
    assert "--with-system-qemu=/usr/libexec/xen-qemu-system-i386" in flags
    assert "--enable-githttp" not in flags
    assert 'make -j"$JOBS"' in recipe.script
    assert "WGET=/bin/false GIT=/bin/false" in recipe.script
    assert recipe.script.index("./configure") < recipe.script.index("debball") < recipe.script.index("finish")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (params(), params(), True),
        (params(), params(version=OLDER), False),
        (params(), params("bookworm"), False),
        (params(), params(source="git", commit=COMMIT), False),
        (params(source="git", commit=COMMIT), params(source="git", commit=COMMIT.upper()), True),
        (params(source="git", commit=COMMIT), params(source="git", commit="9" * 40), False),
        (params(), params(options=["loglvl=all"]), True),
    ],
)
def test_the_digest_changes_with_what_is_built(one, other, same):
    """Another source, version or release makes another package; how Xen is started does not."""
    assert (xen.recipe(one).digest() == xen.recipe(other).digest()) is same


MADE = {
    "boot/xen-4.20.4.gz": "hypervisor",
    "boot/xen-4.20.4.config": "CONFIG",
    "boot/xen-syms-4.20.4": "symbols",
    "etc/bash_completion.d/xl": "complete",
    "etc/default/xendomains": "XENDOMAINS_SAVE=",
    "etc/init.d/xencommons": "script",
    "usr/include/xenctrl.h": "header",
    "usr/lib/debug/xen-syms": "symbols",
    "usr/lib/xen/bin/xen-init-dom0": "\x7fELF",
    "usr/lib/xen/lib/libxenctrl.a": "archive",
    "usr/lib/xen/lib/libxenctrl.so.4.20": "\x7fELF",
    "usr/lib/xen/lib/pkgconfig/xencontrol.pc": "pc",
    "usr/sbin/xl": "\x7fELF",
    "usr/sbin/xencov": "#!script",
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return the folder of a package that the finishing script made of one like `make debball`'s."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("making a package needs dpkg-deb, Debian's own program")
    root = Root(tmp_path_factory.mktemp("build"))
    made, work = root.folder / "made", root.folder / "xen"
    for path, text in MADE.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(text)
    (made / "boot/xen.gz").symlink_to("xen-4.20.4.gz")
    (made / "usr/lib/xen/lib/libxenctrl.so").symlink_to("libxenctrl.so.4.20")
    (made / "DEBIAN").mkdir()
    (made / "DEBIAN/control").write_text(
        "Package: xen-upstream\nVersion: 4.20.4-pre\nArchitecture: amd64\n"
        "Maintainer: Unmaintained snapshot\nDescription: snapshot\n"
    )
    (work / "dist").mkdir(parents=True)
    build = [
        "dpkg-deb",
        "--root-owner-group",
        "--build",
        str(made),
        str(work / "dist/xen-upstream-4.20.4-pre.deb"),
    ]
    subprocess.run(build, check=True, capture_output=True)
    root.program(
        "dpkg-shlibdeps", f'echo "$@" >{root.folder}/programs; echo "shlibs:Depends=libc6 (>= 2.38)"'
    )
    finish = dict(xen.recipe(params()).files)["finish.sh"]
    done = root.run(f"cd xen\nXEN=4.20\n{finish}")
    assert done.returncode == 0, done.stderr
    return root.folder


def field(package, name):
    (deb,) = (package / "out").glob("*.deb")
    argv = ["dpkg-deb", "--field", str(deb), name]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def test_the_package_says_what_it_needs_and_clashes_with(package):
    """What debball leaves out (H505), and a version that names the recipe."""
    assert field(package, "Version") == "4.20.4-pre+0123456789ab"
    assert field(package, "Depends") == "libc6 (>= 2.38), python3, qemu-system-xen, seabios, udev"
    assert "xen-utils-4.20, xen-utils-common, xenstore-utils" in field(package, "Conflicts")
    assert (package / "out/xen-upstream_4.20.4-pre+0123456789ab_amd64.deb").is_file()


def test_the_package_has_one_hypervisor_and_nothing_for_compilers(package):
    """No links and symbols in /boot (H601), no headers, no archives, no init scripts beside units (H510)."""
    lines = (package / "out/contents").read_text().split()
    assert [line for line in lines if not line.endswith("/")] == [
        "/boot/xen-4.20.4.config",
        "/boot/xen-4.20.4.gz",
        "/etc/default/xendomains",
        "/usr/lib/xen/bin/xen-init-dom0",
        "/usr/lib/xen/lib/libxenctrl.so.4.20",
        "/usr/sbin/xencov",
        "/usr/sbin/xl",
        "/usr/share/bash-completion/completions/xl",
    ]


def test_only_programs_are_asked_for_their_libraries(package):
    """A script is no ELF file, and the package's own libraries are searched first."""
    asked = (package / "programs").read_text().split()
    names = sorted(Path(word).name for word in asked if word.startswith("/"))
    assert names == ["libxenctrl.so.4.20", "xen-init-dom0", "xl"]
    assert f"-l{package}/package/usr/lib/xen/lib" in asked
