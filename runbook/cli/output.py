"""What a command prints for programs: `--json`, and then nothing else on standard output."""

from __future__ import annotations

from typing import Any

import click

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for programs.")


def print_json(value: Any) -> None:
    """Print a value as JSON, the same way for every command; what is no value of JSON is printed as text."""
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
