"""What `plan`, `run` and `check` have in common: the host, the options, and how a run is begun."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from runbook.cli.reach import CAPTURE
from runbook.cli.reports import REPORTS
from runbook.controller.signals import watching
from runbook.kernels.server import begin, close

DEFAULT_PARAMS = "params/example.yml"


def params_argument(function: Any) -> Any:
    """Add the parameter file of the host."""
    return click.argument("params", default=DEFAULT_PARAMS, metavar="[PARAMS]")(function)


def run_options(function: Any) -> Any:
    """Add the options of every run."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print run.json instead, for programs.")
    quiet = click.option("--quiet", "-q", is_flag=True, help="Only errors and the path of the report.")
    return CAPTURE(as_json(quiet(REPORTS(function))))


def choice_options(function: Any) -> Any:
    """Add the options that choose a part of the notebooks: one of them, or one step."""
    only = click.option(
        "--only", metavar="NOTEBOOK|STEP", help="Only this notebook, such as 5, or this step."
    )
    step = click.option("--step", metavar="STEP", help="Only this step, such as hide_devices.")
    return only(step(function))


def chosen(only: str | None, step: str | None, start: str | None = None) -> str | None:
    """Return the notebook or step that `--only` and `--step` mean together.

    Raises `click.UsageError` for options that exclude each other, `ParamsError` for a step that is none.
    """
    if step and only:
        raise click.UsageError("--only and --step exclude each other")
    if start and (only or step):
        raise click.UsageError(f"{'--only' if only else '--step'} and --from exclude each other")
    if step:
        from runbook.runner.selection import prove_step

        prove_step(step)
    return step or only


def _is_default(name: str) -> bool:
    """Return whether nobody gave this argument of the command."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.DEFAULT


def begin_run(params: str, *args: Any, **options: Any) -> None:
    """Run notebooks and show it; on a capture with the parameters that lie in it, unless others were given."""
    if options.get("capture") and _is_default("params"):
        params = str(options["capture"] / "params.yml")
    with watching() as stops:
        with stops.deferred():
            begin()  # it imports what the kernels need while this process imports what it needs itself
        try:
            from runbook.cli.running import run_and_show

            run_and_show(params, *args, **options)
        finally:
            with stops.deferred():
                close()
