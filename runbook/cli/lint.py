"""`runbook lint`: the rules of a notebook, for anybody's own."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Check notebooks against the rules of a notebook.")
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path), metavar="[NOTEBOOK…]")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON, for programs.")
def lint(notebooks: tuple[Path, ...], as_json: bool) -> None:
    """Check notebooks against the rules: shape, ids, tags, prose, plain cells, steps, outputs, file.

    Prints a line for each rule that is broken, with notebook, cell, why and the next move, and exits with
    1 when there is any. A folder stands for the notebooks in it; without an argument it is the project's
    own folder.

    \b
    Examples:
      runbook lint
      runbook lint notebooks/11_greeting.ipynb --json
    """
    import json
    from dataclasses import asdict

    from runbook.controller.project import project
    from runbook.errors import ParamsError
    from runbook.lint import lint as look
    from runbook.text.plural import many

    given = notebooks or (project() / "notebooks",)
    paths = [path for one in given for path in (sorted(one.glob("*.ipynb")) if one.is_dir() else [one])]
    if not paths:
        raise ParamsError(
            "There is no notebook to check",
            where=", ".join(map(str, given)),
            do="give notebooks, or a folder that has some",
        )
    found = [complaint for path in paths for complaint in look(path)]
    if as_json:
        click.echo(json.dumps([asdict(complaint) for complaint in found], indent=2, ensure_ascii=False))
    else:
        for complaint in found:
            click.echo(str(complaint))
        click.echo(
            f"{many(len(paths), 'notebook')}: {f'{len(found)} to mend' if found else 'every rule is kept'}."
        )
    click.get_current_context().exit(1 if found else 0)
