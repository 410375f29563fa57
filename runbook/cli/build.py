"""`runbook build`: a kernel or Xen of one's own, guests' systems and firmware, in a clean root on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from runbook.cli.output import Group
from runbook.text.sizes import human_size

if TYPE_CHECKING:
    from runbook.builds import Built, Recipe
    from runbook.params import HostParams

_PARAMS = click.argument("params", metavar="PARAMS")
_STOP = click.option("--stop", is_flag=True, help="End a running build, and throw away what it began.")


@click.group(cls=Group, short_help="Build a kernel, Xen, or guests' systems, on this machine.")
def build() -> None:
    """Build a kernel, Xen, or guests' systems for a host, in a clean root of its Debian release on this machine.

    \b
    Examples:
      runbook build kernel params/myhost.yml           Ctrl-C only stops watching
      runbook build kernel params/myhost.yml --flags   what becomes of the flags
      runbook build kernel params/myhost.yml --stop    end it
      runbook build xen params/myhost.yml
      runbook build system params/myhost.yml web       the system of the guest web
      runbook build firmware params/myhost.yml         UEFI for guests

    Neither the host nor this machine is changed. The packages are kept in builds/ and used by the
    notebooks 04, 05 and 08, on every host with the same parameters. Needs mmdebstrap and a range of
    user ids, not root: a build owns nothing of this machine (`runbook doctor` looks).
    """


@build.command()
@_PARAMS
@click.option("--flags", "only_flags", is_flag=True, help="Only configure; show asked, got and why.")
@_STOP
def kernel(params: str, only_flags: bool, stop: bool) -> None:
    """Build the kernel of `kernel` in PARAMS, or go on watching it.

    \b
    Example:
      runbook build kernel params/myhost.yml --flags
    """
    from runbook import params as parameters
    from runbook.builds import kernel as recipes

    host = parameters.load(params)
    make = recipes.configuration if only_flags else recipes.recipe
    built = _run(make(host, _base(host)), host, stop)
    if built and only_flags:
        _show_flags(built)


@build.command()
@click.argument("release", type=click.Choice(["trixie", "bookworm"]))
def flags(release: str) -> None:
    """Hold the guide's flags against a RELEASE's kernel source.

    For authors: it looks whether what the runbook says of them is so, and puts the guide's flags on Debian's own configuration by the kernel's own tools.
    Exits with 1 and names each difference if there is one.

    \b
    Example:
      runbook build flags trixie
    """
    from runbook import builds, releases
    from runbook.builds import flags as known
    from runbook.builds import kconfig, kernel
    from runbook.facts.kernel_config import values

    built = builds.build(kernel.guide_on_debian(release), _say, every_s=60)
    base, config = values(built.text("base.config")), values(built.text("config"))
    linux = releases.get(release).linux
    found = known.differences(linux, base, config, kconfig.read(built.folder / "kconfig.gz"))
    for line in found:
        click.echo(line)
    click.echo(f"{len(known.guide(linux))} flags, {len(found)} differences", err=True)
    click.get_current_context().exit(1 if found else 0)


@build.command()
@_PARAMS
@_STOP
def xen(params: str, stop: bool) -> None:
    """Build Xen as `xen.source` in PARAMS says, or go on watching it.

    \b
    Example:
      runbook build xen params/myhost.yml
    """
    from runbook import params as parameters
    from runbook.builds import xen as recipes

    host = parameters.load(params)
    _run(recipes.recipe(host), host, stop)


@build.command()
@_PARAMS
@_STOP
def firmware(params: str, stop: bool) -> None:
    """Build UEFI for guests (OvmfXen), or go on watching it.

    It is that of the release in PARAMS.

    \b
    Example:
      runbook build firmware params/myhost.yml
    """
    from runbook import params as parameters
    from runbook.builds import ovmf as recipes

    host = parameters.load(params)
    _run(recipes.recipe(host), host, stop)


@build.command()
@_PARAMS
@click.argument("guest")
@_STOP
def system(params: str, guest: str, stop: bool) -> None:
    """Make the image of a GUEST's system, or go on watching it.

    \b
    Example:
      runbook build system params/myhost.yml web
    """
    from runbook import params as parameters
    from runbook.builds import guest_system as recipes
    from runbook.errors import ParamsError

    host = parameters.load(params)
    known = [one for one in host.guests if one.system]
    found = next((one for one in known if one.name == guest), None)
    if found is None:
        names = ", ".join(one.name for one in known) or "none"
        raise ParamsError(
            f"No guest '{guest}' with a system is in {params}",
            why=f"those with `system` are: {names}",
            do="name one of them, or give the guest `system: {debian: trixie}`",
        )
    _run(recipes.recipe(found), host, stop)


def _run(recipe: Recipe, host: HostParams, stop: bool) -> Built | None:
    from runbook import builds

    if stop:
        click.echo("ended" if builds.stop(recipe) else "nothing was being built")
        return None
    if builds.kept(recipe):
        click.echo(f"{recipe.key} was built before", err=True)
    built = builds.build(recipe, _say, jobs=host.kernel.jobs, every_s=1 if sys.stderr.isatty() else 60)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    for deb in built.debs:
        click.echo(f"{deb.sha256}  {deb.name}  {human_size(deb.size)}", err=True)
    click.echo(str(built.folder))
    return built


def _say(text: str) -> None:
    """One line that renews itself on a terminal; else a line now and then."""
    is_terminal = sys.stderr.isatty()
    click.echo(f"\r\x1b[K{text[:110]}" if is_terminal else text, nl=not is_terminal, err=True)


def _base(host: HostParams) -> str | None:
    """Return the configuration to start from, read from the host; None for the small one."""
    if host.kernel.base != "running":
        return None
    from runbook.errors import Refused
    from runbook.facts import kernel_config
    from runbook.hosts import connect
    from runbook.steps.shared import own_kernel

    wanted = host.model_copy(update={"kernel": host.kernel.model_copy(update={"build": True})})
    machine = connect(wanted, "04_custom_kernel")
    try:
        kernel = kernel_config.parse(machine.gather(kernel_config.commands(wanted)), wanted)
    finally:
        machine.close()
    if missing := own_kernel.no_base(wanted, kernel):
        raise Refused(missing[0].what, where=host.host, why=missing[0].why, do=missing[0].do)
    return kernel.base


def _show_flags(built: Built) -> None:
    from runbook.builds import flags, kconfig
    from runbook.facts.kernel_config import values

    wanted, config = (values(built.text(name)) for name in ("asked.config", "config"))
    rows = flags.explained(wanted, config, kconfig.read(built.folder / "kconfig.gz"))
    wide = max(len(row.flag) for row in rows)
    for row in rows:
        click.echo(f"{row.flag:<{wide}}  {row.wanted:<5} {row.got:<5} {row.why}")
    lost = sum(row.got != row.wanted for row in rows)
    click.echo(f"{len(rows)} asked, {len(rows) - lost} as asked", err=True)
