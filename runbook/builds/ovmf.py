"""The recipe of OvmfXen: the UEFI firmware that knows Xen, from Debian's own source package edk2.

Debian's package `ovmf` is built for QEMU alone: edk2 took Xen out of that build in 2021 and put it into one of its
own, OvmfXen.dsc, which no package of Debian 12 or 13 has. The result is one package, `ovmf-xen`, with one file.
"""

from __future__ import annotations

from importlib.resources import files

from runbook.builds.recipe import Recipe
from runbook.params import HostParams

PACKAGE = "ovmf-xen"
IMAGE = "/usr/share/ovmf-xen/OVMF.fd"
"""Where the package puts the firmware: what a guest says as its firmware_image."""
_TOOLS = ("acpica-tools", "build-essential", "nasm", "patch", "python3", "uuid-dev", "xz-utils")

#: Takes the tarballs of Debian's source package, upstream's and Debian's own with its security patches: the newest
#: version whose two files the archive holds. apt compares them with the signed index, and so does this; a missing
#: .dsc, which mirrors have been seen to lose, does no harm.
_FETCH = """\
cd sources
index() { apt-cache showsrc edk2 | sed -n "s/^ \\([0-9a-f]\\{64\\}\\) [0-9]* \\($1\\)$/\\1  \\2/p" | sort -u; }
for version in $(apt-cache showsrc edk2 | sed -n 's/^Version: //p' | sort -Vru); do
    echo "trying Debian's source of edk2 $version"
    apt-get -q -o APT::Sandbox::User=root source --download-only "edk2=$version" || true
    upstream=edk2_${version%-*}.orig.tar.xz debian=edk2_$version.debian.tar.xz
    if [ -e "$upstream" ] && [ -e "$debian" ] &&
        { index "$upstream"; index "$debian"; } | sha256sum --strict --status --check -; then
        find . -type f ! -name "$upstream" ! -name "$debian" -delete
        echo "$version" >version.txt
        exit 0
    fi
done
echo "E: the archive has no whole source of edk2" >&2
exit 1
"""


def recipe(params: HostParams) -> Recipe:
    """Return the recipe of the firmware for a host's release. It leaves the package and `built-from.txt`."""
    return Recipe(
        name=PACKAGE,
        release=params.release,
        packages=_TOOLS,
        fetch=_FETCH,
        script=(files("runbook.builds") / "ovmf.sh").read_text(encoding="utf-8"),
        source_packages=True,
        results=(f"{PACKAGE}_*.deb", "built-from.txt"),
        needs_mib=4096,
    )
