"""The recipe of a kernel of one's own, from the kernel source that Debian packages."""

from __future__ import annotations

import re
from importlib.resources import files

from runbook import releases
from runbook.builds.recipe import Recipe, Source
from runbook.params import HostParams
from runbook.params.kernel import Kernel

_TOOLS = (
    "bc", "bison", "build-essential", "cpio", "debhelper", "flex", "kmod", "libelf-dev", "libssl-dev",
    "lzop", "python3", "rsync", "xz-utils", "zstd",
)  # fmt: skip

#: Unpacks the one tarball in /build/sources and leaves the finished configuration beside its parts.
_CONFIGURE = """\
mkdir linux && tar -xf sources/*.tar.* -C linux --strip-components=1
cd linux
if [ -e ../files/base.config ]; then cp ../files/base.config .config; else make x86_64_defconfig xen.config; fi
cp .config ../out/base.config
scripts/kconfig/merge_config.sh -m .config $(cat ../files/order)
make olddefconfig
cp .config ../out/config
cat $(cat ../files/order) >../out/asked.config
"""
# Without the files of other processors: a flag may be theirs alone.
_KCONFIG = """\
find . -path './arch/*/*' ! -path './arch/x86/*' -prune -o -name 'Kconfig*' -print |
  sort | xargs awk 'FNR == 1 { print "@@ " substr(FILENAME, 3) } { print }' | gzip -9n >../out/kconfig.gz
"""
_COMPILE = """\
make -j"$JOBS" bindeb-pkg KDEB_PKGVERSION="$(make -s kernelversion)-1+$RECIPE"
mv ../linux-image-*.deb ../linux-headers-*.deb ../out/
rm -f ../out/*-dbg_*.deb
cp include/config/kernel.release ../out/kernelrelease
"""


def recipe(params: HostParams, base: str | None) -> Recipe:
    """Return the recipe of the kernel that the parameters ask for.

    `base` is the configuration to start from (the text of /boot/config-…), None for the small one.
    Its script leaves in /build/out the packages of kernel and headers, `config` (the finished one),
    `base.config`, `asked.config` and `kernelrelease` (what `uname -r` will say).
    """
    return _recipe("kernel", params, base, _CONFIGURE + _COMPILE, ("*.deb", "config"))


def configuration(params: HostParams, base: str | None) -> Recipe:
    """Return the recipe that only makes the configuration: minutes instead of hours.

    Beside the kernel's `config` it leaves `kconfig.gz`, every flag that this kernel knows.
    """
    return _recipe("kernel-config", params, base, _CONFIGURE + _KCONFIG, ("config", "kconfig.gz"))


def guide_on_debian(release: str) -> Recipe:
    """Return the recipe that puts the guide's flags on Debian's own configuration, and compiles nothing.

    It leaves what `configuration` leaves. What the runbook says of the flags is compared with it.
    """
    linux = releases.get(release).linux
    base = f"xzcat /usr/src/linux-config-{linux}/config.amd64_none_amd64.xz >files/base.config\n"
    flags = "".join(f"{flag}={value}\n" for flag, value in guide_flags())
    return Recipe(
        name="kernel-flags",
        release=release,
        packages=(*_TOOLS, f"linux-source-{linux}", f"linux-config-{linux}"),
        fetch=f"ln /usr/src/linux-source-{linux}.tar.* sources/",
        script=base + _CONFIGURE + _KCONFIG,
        files=(("asked.config", flags), ("order", "../files/asked.config")),
        results=("config", "kconfig.gz"),
        needs_mib=4096,
    )


def _recipe(name: str, params: HostParams, base: str | None, script: str, results: tuple[str, ...]) -> Recipe:
    kernel = params.kernel
    linux = releases.get(params.release).linux
    parts = {
        **({"base.config": base} if base is not None else {"small.config": data("small.config")}),
        "asked.config": "".join(f"{line}\n" for line in config_lines(kernel)),
        "own.config": f'{data("own.config")}CONFIG_LOCALVERSION="{kernel.suffix}"\n',
        "more.config": "".join(f"{line}\n" for line in kernel.more),
    }
    order = " ".join(f"../files/{part}" for part in parts if part != "base.config")
    own = kernel.tarball
    return Recipe(
        name=name,
        release=params.release,
        packages=(*_TOOLS, *(() if own else (f"linux-source-{linux}",))),
        fetch="" if own else f"ln /usr/src/linux-source-{linux}.tar.* sources/",
        script=script,
        files=(*parts.items(), ("order", order)),
        sources=(Source(own.path.rpartition("/")[2], own.path, own.sha256),) if own else (),
        results=results,
        needs_mib=6144 if base is None else 16384,
    )


def config_lines(kernel: Kernel) -> tuple[str, ...]:
    """Return the lines of the configuration that the parameters ask for, before `more`."""
    if kernel.flags == "guide":
        return tuple(f"{flag}={value}" for flag, value in guide_flags())
    return ("CONFIG_XEN_DOM0=y", "CONFIG_XEN_PCIDEV_BACKEND=y")


def guide_flags() -> tuple[tuple[str, str], ...]:
    """Return the guide's 81 flags in its order, each with its value."""
    rows = (line.split(",", 2) for line in data("guide_flags.csv").splitlines()[1:])
    return tuple((row[0], row[1]) for row in rows)


def names_now() -> tuple[str, ...]:
    """Return the names, without `CONFIG_`, that replaced one of the guide's in some Linux version."""
    return tuple(sorted(set(re.findall(r",now (\w+)", data("guide_flags.csv")))))


def data(name: str) -> str:
    """Return one of the runbook's own files about Linux."""
    return (files("runbook.releases") / "linux" / name).read_text(encoding="utf-8")
