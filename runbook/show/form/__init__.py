"""A parameter file as a form: every field with its help, a device picker, and nothing saved unseen."""

from __future__ import annotations

from pathlib import Path

from runbook import hosts, survey
from runbook import params as parameters
from runbook.errors import ParamsError, RunbookError
from runbook.hosts import Host
from runbook.model.ask import Facts
from runbook.show.form.draft import Draft
from runbook.show.form.page import Form

__all__ = ["Form", "form"]


def form(params: str | Path, host: Host | None = None) -> Form:
    """Return the form of a parameter file; in a notebook its last expression shows it.

    The machine is looked at once, for its devices; without it all fields are there but the picker.
    `host` is a connection that somebody has to it already, and keeps.
    Raises `ParamsError` when there is no such file, or it is no YAML.
    """
    if not str(params):
        raise ParamsError("There is no parameter file to show", do="give its path: runbook.form(PATH)")
    draft = Draft.open(parameters.find(params))
    try:
        # A replay goes on in its own order, so another question must not come in between.
        facts = host.gather(survey.asks()) if host and host.is_real else _facts(draft)
        return Form(draft, survey.read(facts, _xen_options(draft)), "")
    except RunbookError as error:
        return Form(draft, None, str(error))


def _xen_options(draft: Draft) -> tuple[str, ...]:
    """Return what the file adds to Xen's line: with some words Xen treats the machine otherwise."""
    checked = draft.check()
    return () if isinstance(checked, ParamsError) else checked.xen.options


def _facts(draft: Draft) -> Facts:
    checked = draft.check()
    if isinstance(checked, ParamsError):
        raise checked
    host = hosts.connect(checked, "00_introduction")
    try:
        return host.gather(survey.asks())
    finally:
        host.close()
