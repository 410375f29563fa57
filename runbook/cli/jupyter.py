"""`runbook jupyter`: JupyterLab over the whole project, with a page of one's own to begin with."""

from __future__ import annotations

import click


@click.command(
    short_help="Open JupyterLab, with your hosts and your copies of the notebooks.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def jupyter(options: tuple[str, ...]) -> None:
    """Open JupyterLab on this computer, with the whole project: notebooks, parameters, reports, pages.

    It begins with mine/start.ipynb, a page of your own: your hosts, the check of this computer, the form
    of a host's parameters, and for each host its own copies of the notebooks. What you do there is saved
    there, and the cells of a step that is done can no longer be edited. The runbook's own notebooks and the
    reports can be read, and not saved. Only this computer can reach it, unless OPTIONS name another address.

    OPTIONS go to JupyterLab as they are.

    \b
    Examples:
      runbook jupyter
      runbook jupyter --no-browser --port 8889
    """
    import os
    import sys

    from runbook.controller.project import REPORTS, project, reports_of
    from runbook.controller.signals import go_on
    from runbook.desk import copies
    from runbook.desk.serving import serving

    root = project()
    page = copies.start(root).relative_to(root)
    os.environ[REPORTS] = str(reports_of(root))  # a kernel's own folder is that of its notebook
    # Kernels of programs that do not ask for it themselves are forked too (docs/decisions/0024).
    os.environ.setdefault("JUPYTER_DEFAULT_PROVISIONER_NAME", "runbook-fork")
    argv = [
        sys.executable,
        "-m",
        "jupyterlab",
        *serving(root, options),
        f"--LabApp.default_url=/lab/tree/{page}",
        *options,
    ]
    go_on()
    os.execv(sys.executable, argv)
