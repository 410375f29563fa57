"""An own kernel: whether, with which flags, and where it is built."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from runbook.params.types import Closed


class Kernel(Closed):
    """The guide's custom kernel. The default is Debian's own, which carries everything."""

    build: bool = False
    """Build and install an own kernel."""
    flags: Literal["passthrough", "guide"] = "passthrough"
    """`passthrough`: only XEN_PCIDEV_BACKEND=y, the one flag that changes passthrough (H410);
    `guide`: all of the guide's 81 flags, as far as this kernel has them."""
    more: tuple[str, ...] = ()
    """More lines for the configuration, such as CONFIG_DRM=n."""
    base: Literal["running", "small"] = "running"
    """Start from Debian's configuration of this kernel, or from a small one for a virtual machine."""
    suffix: str = "-xenhost"
    """The end of the new kernel's name, so that it never replaces another's modules (H411)."""
    jobs: Annotated[int, Field(ge=1, le=512)] | None = None
    """Compilers at once; by default one more than there are processors."""
