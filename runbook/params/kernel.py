"""An own kernel: whether, with which flags, and where it is built."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from runbook.params.paths import TarballPath
from runbook.params.types import Closed, name_of

Suffix = Annotated[
    str,
    AfterValidator(
        name_of(
            "kernel",
            r"-[a-z0-9][a-z0-9.-]{0,30}",
            "begin with a hyphen, then small letters, digits, . and -, like -xenhost",
        )
    ),
]
Line = Annotated[
    str,
    AfterValidator(
        name_of(
            "kernel option",
            r'CONFIG_[A-Za-z0-9_]+=("[^"\\$`\x00-\x1f]*"|[A-Za-z0-9]+)|# CONFIG_[A-Za-z0-9_]+ is not set',
            "write a line of a configuration, like CONFIG_DRM=n or CONFIG_HZ_1000=y",
        )
    ),
]
Sha256 = Annotated[
    str,
    AfterValidator(name_of("SHA-256", r"[0-9a-f]{64}", "64 small hexadecimal digits, as `sha256sum` prints")),
]


class Tarball(Closed):
    """A kernel source of one's own, such as one from kernel.org, instead of Debian's package."""

    path: TarballPath = Field(examples=["/srv/linux-6.12.60.tar.xz"])
    """Where it is on the controller: the whole path of a .tar.xz, .tar.gz or .tar.zst."""
    sha256: Sha256 = Field(examples=["0123456789abcdef" * 4])
    """Its checksum, as its authors publish it. It is compared before anything is started (H406)."""


class Kernel(Closed):
    """The guide's custom kernel. The default is Debian's own, which carries everything."""

    build: bool = False
    """Build and install an own kernel."""
    flags: Literal["passthrough", "guide"] = "passthrough"
    """`passthrough`: only XEN_PCIDEV_BACKEND=y, the one flag that changes passthrough (H410);
    `guide`: all of the guide's 81 flags, as far as this kernel has them."""
    more: tuple[Line, ...] = Field(default=(), examples=[["CONFIG_DRM=n", "CONFIG_HZ_1000=y"]])
    """More lines for the configuration, such as CONFIG_DRM=n."""
    base: Literal["running", "small"] = "running"
    """Start from Debian's configuration of this kernel, or from a small one for a virtual machine."""
    tarball: Tarball | None = None
    """Another source than Debian's package linux-source."""
    suffix: Suffix = "-xenhost"
    """The end of the new kernel's name, so that it never replaces another's modules (H411)."""
    headers: bool = False
    """Install its headers too: only modules that are compiled on the host (DKMS) need them."""
    jobs: Annotated[int, Field(ge=1, le=512)] | None = Field(default=None, examples=[4])
    """Compilers at once; by default one more than there are processors."""
