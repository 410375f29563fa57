"""`runbook site`: the whole runbook as pages to read."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Make a site of the notebooks, to read offline.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The folder to make. A site that is there is replaced; another folder is left alone.",
)
def site(out: Path) -> None:
    """Make a site of the notebooks, with the outputs of the recorded host, and of the documents.

    It is read from its files: no server, no network. Nothing is executed. Fails when a link in it leads
    nowhere. The last line is the path of its first page.

    \b
    Example:
      runbook site --out site
    """
    from runbook.controller.project import project
    from runbook.site.build import build

    click.echo(str(build(project(), out.absolute())))
