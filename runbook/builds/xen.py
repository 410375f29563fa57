"""The recipe of Xen from source: the guide's steps, with their faults mended (H501-H512).

The result is one package, `xen-upstream`, as `make debball` calls it. It needs no library of Debian's
Xen packages: its own are beside it, and its programs look for them there and nowhere else. Debian's
device model, whose package brings Debian's libraries of the same version, goes on using those.
"""

from __future__ import annotations

from importlib.resources import files

from runbook import releases
from runbook.builds.recipe import Recipe
from runbook.params import HostParams
from runbook.releases import xen as supplies

PACKAGE = supplies.BUILT
LIBRARIES = "/usr/lib/xen/lib"
FLAGS = (
    "--prefix=/usr",  # since Xen 4.3 the default is /usr/local (H506)
    f"--libdir={LIBRARIES}",
    "--enable-systemd",  # units instead of init scripts (H510)
    "--with-sysconfig-leaf-dir=default",
    f"--with-system-qemu={supplies.DEVICE_MODEL}",  # nothing is fetched while it is built (H512)
    "--with-system-seabios=/usr/share/seabios/bios-256k.bin",
    "--disable-qemu-traditional",
    "--disable-stubdom",
    "--disable-pvshim",
    "--disable-ocamltools",
    "--disable-docs",  # the guide installed a large part of TeX for these (H207)
)
_TOOLS = (
    "acpica-tools", "bison", "build-essential", "fakeroot", "flex", "gcc-multilib", "gettext",
    "libbz2-dev", "libext2fs-dev", "libfdt-dev", "libglib2.0-dev", "liblzma-dev", "libncurses-dev",
    "libpixman-1-dev", "libsystemd-dev", "libyajl-dev", "libzstd-dev", "pkgconf", "python3-dev",
    "python3-setuptools", "seabios", "uuid-dev", "xz-utils", "zlib1g-dev",
)  # fmt: skip

#: Takes the upstream tarball of Debian's source package: the newest version, or the one asked for, whose
#: tarball the archive still holds. apt compares it with the signed index, and so does this; a missing .dsc,
#: which mirrors have been seen to lose, does no harm. A mirror that is being brought up to date may hold only
#: what its index under the release's other name lists.
_FETCH_DEBIAN = """\
cd sources
take() {
    for version in ${WANTED:-$(apt-cache showsrc xen | sed -n 's/^Version: //p' | sort -Vru)}; do
        echo "trying Debian's source of xen $version"
        apt-get -q -o APT::Sandbox::User=root source --download-only "xen=$version" || true
        file=xen_${version%-*}.orig.tar.xz
        if apt-cache showsrc xen | sed -n "s/^ \\([0-9a-f]\\{64\\}\\) [0-9]* \\(xen_.*\\.orig\\.tar\\.xz\\)$/\\1  \\2/p" |
            grep -F "  $file" | sort -u | sha256sum --status --check -; then
            rm -f ./*.debian.tar.* ./*.dsc
            echo "Debian's source package xen $version, its upstream tarball" >built-from.txt
            exit 0
        fi
    done
}
take
sed -n "s/^\\(deb-src .*\\) $RELEASE /\\1 $OTHER /p" /etc/apt/sources.list >/etc/apt/sources.list.d/other.list
apt-get -q update || true
if grep -qx "Codename: $RELEASE" /var/lib/apt/lists/*_dists_"$OTHER"_*Release; then take; fi
echo "E: the archive has no source of xen ${WANTED:-}: another version, or git, may be there" >&2
exit 1
"""
#: Takes exactly one commit, with no configuration but its own: no hooks, no filters, no submodules, https alone.
#: A server that gives no single commit gives the branch, in which the commit must be. Nothing is checked out:
#: `git archive` reads the objects, which are compared with their names when they come and once more afterwards.
_FETCH_GIT = """\
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0 GIT_ALLOW_PROTOCOL=https
git init --quiet --template= --object-format="$FORMAT" clone
cd clone
git config core.hooksPath /dev/null
git config core.attributesFile /dev/null
git config fetch.fsckObjects true
take() { git fetch --quiet --no-tags --no-recurse-submodules "$@"; }
take --depth 1 -- "$REPOSITORY" "$COMMIT" || take -- "$REPOSITORY" "$BRANCH"
git update-ref --no-deref HEAD "$COMMIT^{commit}" || {
    echo "E: $REPOSITORY has no commit $COMMIT on $BRANCH" >&2
    exit 1
}
if [ "$(git rev-parse --verify HEAD)" != "$COMMIT" ]; then
    echo "E: $COMMIT is no commit" >&2
    exit 1
fi
git fsck --no-dangling --no-progress HEAD
version=$(git show HEAD:xen/Makefile |
    sed -n 's/^\\(export \\)\\{0,1\\}XEN_\\(SUB\\)\\{0,1\\}VERSION *:\\{0,1\\}= *\\([0-9][0-9]*\\).*/\\3/p' | paste -sd .)
if [ "$version" != "$XEN" ]; then
    echo "E: the commit $COMMIT is of Xen $version, and Debian's device model is made for Xen $XEN" >&2
    exit 1
fi
git archive --prefix=xen/ --output=/build/sources/xen.tar.gz HEAD
cd ..
echo "git commit $COMMIT, of $REPOSITORY" >sources/built-from.txt
rm -rf clone
"""
#: WGET and GIT that fail: a part that is fetched while building would be one that nobody compared.
_BUILD = """\
mkdir xen && tar -xf sources/*.tar.* -C xen --strip-components=1
cp sources/built-from.txt out/
cd xen
export WGET=/bin/false GIT=/bin/false
./configure $(cat ../files/flags)
make -j"$JOBS" APPEND_LDFLAGS=-Wl,-rpath,"$(cat ../files/libraries)" \\
    PYTHON_PREFIX_ARG=--install-layout=deb debball
XEN=$(cat ../files/version)
. ../files/finish.sh
"""


def recipe(params: HostParams) -> Recipe:
    """Return the recipe of the Xen that the parameters ask for.

    Its script leaves in /build/out the package, `built-from.txt` (which source it was) and `contents`
    (what the package holds).
    """
    release = releases.get(params.release)
    finish = (files("runbook.builds") / "xen_finish.sh").read_text(encoding="utf-8")
    is_git = params.xen.source == "git"
    return Recipe(
        name="xen",
        release=params.release,
        packages=(*_TOOLS, *(("ca-certificates", "git") if is_git else ())),
        fetch=_fetch(params),
        script=_BUILD,
        files=(
            ("flags", "\n".join(FLAGS) + "\n"),
            ("libraries", LIBRARIES),
            ("version", release.xen),
            ("finish.sh", finish),
        ),
        source_packages=not is_git,
        results=(f"{PACKAGE}_*.deb", "built-from.txt"),
        needs_mib=4096,
    )


def branch(params: HostParams) -> str:
    """Return the branch or tag for git: the one asked for, else the stable one of the release's version."""
    return params.xen.branch or f"stable-{releases.get(params.release).xen}"


def _fetch(params: HostParams) -> str:
    if params.xen.source == "git":
        xen, wanted = params.xen, releases.get(params.release).xen
        kind = "sha1" if len(xen.commit) == 40 else "sha256"
        names = f"COMMIT={xen.commit} FORMAT={kind} BRANCH={branch(params)} REPOSITORY={xen.repository}"
        return f"{names} XEN={wanted}\n{_FETCH_GIT}"
    names = f"RELEASE={params.release} OTHER={releases.get(params.release).suite}"
    return f"WANTED={params.xen.version} {names}\n{_FETCH_DEBIAN}"
