"""What the steps of this chapter have in common: the recipe, the kernel that it makes, its menu entry."""

from __future__ import annotations

from runbook import releases
from runbook.builds import flags, kernel
from runbook.builds.recipe import Recipe
from runbook.facts import delivered
from runbook.facts.delivered import Delivery, Package
from runbook.facts.grub import Entry, Grub
from runbook.facts.kernel_config import Kernels
from runbook.model.ask import Facts
from runbook.model.plan import Finding
from runbook.params import HostParams

BUILD = "kernel"
UNASKED = "kernel.build is false"
NOT_BUILT = (
    "No kernel is built (kernel.build is false). Debian's own carries every flag of the guide "
    "that this host needs; only hiding devices by the kernel's line needs another, and hide_devices does without it."
)


def recipe(params: HostParams, now: Kernels) -> Recipe:
    """Return the recipe of the kernel that the parameters ask for, on this host."""
    return kernel.recipe(params, now.base if params.kernel.base == "running" else None)


def delivery(facts: Facts, wanted: Recipe) -> Delivery:
    """Return the delivery on the host, empty when it is not of this recipe."""
    found = delivered.parse(facts, BUILD)
    return found if found.recipe == wanted.key else Delivery("", ())


def wanted_packages(params: HostParams, brought: Delivery) -> tuple[Package, ...]:
    """Return the packages of a delivery that are installed."""
    starts = ("linux-image-", *(("linux-headers-",) if params.kernel.headers else ()))
    return tuple(p for p in brought.packages if p.name.startswith(starts))


def is_installed(params: HostParams, now: Kernels, wanted: Recipe) -> bool:
    """Whether the kernel of a recipe, and its headers if asked for, are installed whole."""
    release = now.own_release(wanted.digest())
    headers = now.own.get(f"linux-headers-{release}", "").endswith(f"+{wanted.digest()}")
    return bool(release) and (headers or not params.kernel.headers)


def linux_of(params: HostParams, running: str) -> str:
    """Return the Linux version whose flags are shown: the running kernel's, the release's, or the newest known.

    >>> from runbook.params import load
    >>> linux_of(load("params/example.yml"), "6.1.0-44-amd64")
    '6.1'
    """
    short = ".".join(running.split(".")[:2])
    wanted = (short, releases.get(params.release).linux, flags.versions()[-1])
    return next(linux for linux in wanted if linux in flags.versions())


def plain_entry(menu: Grub, release: str) -> Entry | None:
    """Return the entry that starts one kernel without Xen; rather the one that names its version."""
    usable = [e for e in menu.entries if e.is_linux and not e.is_recovery]
    fits = [e for e in usable if e.image.endswith(f"/vmlinuz-{release}")]
    return next((e for e in fits if release in e.id), next(iter(fits), None))


def kernels_of_others(menu: Grub, suffix: str) -> list[str]:
    """Return the kernels of the menu that are not one's own, the newest first."""
    images = (e.image.rpartition("/vmlinuz-")[2] for e in menu.entries if e.is_linux)
    return list(dict.fromkeys(name for name in images if name and not name.endswith(suffix)))


def no_base(params: HostParams, now: Kernels) -> list[Finding]:
    """Return why there is no configuration to start from, [] when there is one."""
    if params.kernel.base != "running" or now.base:
        return []
    return [
        Finding(
            "refuse",
            "There is no configuration of a Debian kernel in /boot",
            "the new kernel starts from it, so that it knows every device that Debian's does",
            "run `apt-get install linux-image-amd64` on the host, or set `kernel.base: small` for a virtual PC",
            "H403",
        )
    ]
