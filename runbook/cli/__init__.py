"""The command line: it parses and delegates. All that it can do, a notebook cell can do too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from runbook.cli.adopt import adopt
from runbook.cli.allow import allow
from runbook.cli.approve import CHANGE, SAVE, VALID, approve
from runbook.cli.attestation import export, prune, verify
from runbook.cli.audit import audit
from runbook.cli.backups import backup
from runbook.cli.begun import begin_run, choice_options, chosen, params_argument, run_options
from runbook.cli.build import build
from runbook.cli.completion import completion, teach
from runbook.cli.doctor import doctor
from runbook.cli.explain import explain
from runbook.cli.facts import facts
from runbook.cli.fleet import fleet
from runbook.cli.guest import guest
from runbook.cli.guest_acts import list_, restart, start, stop
from runbook.cli.guest_answers import answers
from runbook.cli.guest_changes import remove, rename
from runbook.cli.guest_screens import console, screen
from runbook.cli.init import init
from runbook.cli.installer import installer
from runbook.cli.jupyter import jupyter
from runbook.cli.ledger import head, key
from runbook.cli.lint import lint
from runbook.cli.new import new
from runbook.cli.output import explained, resolved
from runbook.cli.rehearse import rehearse
from runbook.cli.reports import report
from runbook.cli.site import site
from runbook.cli.survey import survey
from runbook.cli.undo import undo
from runbook.cli.upgrade import upgrade
from runbook.cli.validate import validate
from runbook.cli.virtual_pc import testbed
from runbook.cli.virtual_pc_proofs import systems
from runbook.cli.virtual_pc_proofs import upgrade as prove_upgrade
from runbook.cli.volume import volume
from runbook.cli.watch import watch
from runbook.controller.signals import Stops, watching
from runbook.errors import RunbookError
from runbook.model.modes import MODES
from runbook.model.unreadable import reading
from runbook.redaction import KNOWN
from runbook.text import terminal
from runbook.text.folded import folded

INTERRUPTED = 130
EPILOG = """PARAMS is the parameter file of one host, or the host's name where that file is
params/HOST.yml. Left out, it is params/example.yml, a replay of a recorded run:
nothing is touched, and you see how everything works.
A mistyped name of a file, host, report, notebook or step is answered with
"did you mean …?", and nothing is started.

\b
Start here:
  runbook init xen-host                 make a folder to work in
  runbook doctor                        is this machine fit to run it?
  runbook run                           replay the recorded host
  runbook report open                   look at its report
  runbook new myhost --to root@myhost   write params/myhost.yml from mine
  runbook validate params/myhost.yml    is my parameter file right?
  runbook survey params/myhost.yml      which devices may guests have?
  runbook plan params/myhost.yml        what would be done to my machine?
  runbook rehearse params/myhost.yml    try all of it on a virtual PC like it
  runbook run params/myhost.yml --mode apply     do it
  runbook check params/myhost.yml       is the machine still as it should be?

\b
Exit codes:
  0  done
  1  a step or a check failed
  2  wrong parameters or wrong usage; nothing was started
  3  refused: going on would be dangerous; the message says why
      (`report verify`: nothing was altered, but not every run is vouched for)
  4  consent is missing for a disruptive or destructive step, an approval does
     not hold, or PARAMS would run a program here that you did not allow
  5  the host cannot be used: unreachable, not root, busy
  6  timed out
  7  the recorded host, or a capture, was asked something it does not hold
  130  interrupted by Ctrl-C
  138  the kernel died
What is done is not done twice: correct what is named, and run again.

\b
Every error names a code: `runbook explain CODE` says what to do.
A fleet ends with the code of the host that ended worst: 130, 138, 1, 6, 7, 5,
2, 3 or 4.
"""


class Guarded(click.Group):
    """A group whose commands end with a clear message and the right exit code."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Be the process: from here to its end no signal does anything but ask to stop."""
        with watching(until_exit=True):
            return super().__call__(*args, **options)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with terminal.guarded():
            return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        if os.environ.get("NO_COLOR"):
            ctx.color = False
        with watching() as stops:
            return self._invoke(ctx, stops)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        return resolved(super().resolve_command, ctx, args)

    def _invoke(self, ctx: click.Context, stops: Stops) -> Any:
        try:
            with stops.interruptible(), reading():
                done = super().invoke(ctx)
            stops.go_on()
            return done
        except click.exceptions.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            # Libraries turn an interrupt into errors of their own.
            if isinstance(error, KeyboardInterrupt) or stops.requests:
                return _fail(ctx, "Interrupted", INTERRUPTED)
            if isinstance(error, RunbookError):
                return _fail(ctx, explained(error), error.exit_code)
            if not isinstance(error, OSError) or isinstance(error, BrokenPipeError):
                raise
            name = f" {error.filename}" if error.filename else ""
            return _fail(ctx, f"Operating system error:{name} {error.strerror or error}", 1)


def _fail(ctx: click.Context, text: str, code: int) -> None:
    label = "" if text.startswith("Interrupted") else "Error: "
    terminal.say(folded(f"{label}{KNOWN.text(text)}", hang=4), fg="red", err=True)
    ctx.exit(code)


@click.group(
    cls=Guarded,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(package_name="xen-host-runbook", prog_name="runbook")
def main() -> None:
    """Turn a Debian machine into a Xen host that passes PCI devices to its guests, and keep it so.

    The runbook is a set of notebooks that read as a guide and run as a program. This command runs
    them unattended, shows progress, and archives each run with its evidence under reports/.
    """


@main.command(short_help="Show what would be done; change nothing.")
@params_argument
@choice_options
@SAVE
@VALID
@CHANGE
@run_options
def plan(params: str, only: str | None, step: str | None, **options: Any) -> None:
    """Show what would be done to the host, and change nothing.

    A step that waits for an earlier one shows what is foreseen, behind that step's name. Where the host would
    refuse a step, the last line says so, and the command ends with 3. With --save the plan is a file that somebody
    else reads, and signs with `runbook approve`.

    \b
    Examples:
      runbook plan params/myhost.yml
      runbook plan params/myhost.yml --step hide_devices
      runbook plan params/myhost.yml --only 6 --save plan.json
      runbook plan --capture FOLDER        with the parameters that lie in it
    """
    begin_run(params, "plan", only=chosen(only, step), plans=True, **options)


@main.command(short_help="Run the notebooks and archive a report.")
@params_argument
@click.option("--from", "start", metavar="NOTEBOOK", help="Begin with this notebook, such as 6.")
@choice_options
@click.option("--mode", type=click.Choice(MODES), default="auto", show_default=True, help="See above.")
@click.option(
    "--approval", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Somebody else's word for the plan (`runbook approve`). A mistyped one is answered with \"did you mean …?\".",
)  # fmt: skip
@CHANGE
@run_options
def run(
    params: str, start: str | None, only: str | None, step: str | None, mode: str, **options: Any
) -> None:
    """Run the notebooks on the host and archive the run as a report.

    \b
    Modes:
      auto   replay on a recorded host; on a real one the same as plan
      plan   show what would be done, change nothing
      apply  do it; steps that reboot or change the network need `consent`
      check  verify a finished host, change nothing

    \b
    Examples:
      runbook run                                    replay the recorded host
      runbook run params/myhost.yml --mode apply
      runbook run params/myhost.yml --mode apply --from 7
      runbook run params/myhost.yml --mode apply --approval plan.approved.json

    Stops at the first step that does not end well. To go on, correct what it names and run it
    again: what is done is not done twice. The last line is the path of the report.
    """
    begin_run(params, mode, only=chosen(only, step, start), start=start, **options)


@main.command(short_help="Verify a finished host; change nothing.")
@params_argument
@choice_options
@click.option("--strict", is_flag=True, help="Exit with 1 when anything changed since the last good report.")
@click.option(
    "--updates", is_flag=True,
    help="Exit with 1 when a security fix waits, or the next boot is not a proved one.",
)  # fmt: skip
@run_options
def check(params: str, only: str | None, step: str | None, updates: bool, **options: Any) -> None:
    """Verify a finished host against its parameters, and change nothing.

    Runs the checks of every notebook, and exits with 1 when anything is not as the parameters say.

    Then says what changed on the host since its last good report in all that the notebooks look at,
    whether the parameters speak of it or not: devices, disks, volumes, network, guests, kernel, boot menu,
    firmware settings, and the packages, services, files and modes that some step asks for; and whether
    a later run of the runbook did it. What changes by itself is left out (free space, leases, running
    times). The last good report is the newest earlier run in mode apply or check that completed on this
    installation.

    A change alone does not fail the check: it may be meant. This report then is the last good one, so
    a change is said once. With --strict it fails, and is said again until a check without --strict or
    an apply completes. `runbook report compare A B` compares two hosts, or two runs.

    Notebook 11 says what waits to be installed, and whether the next boot would start exactly what was proved.
    With --updates, or `management.upgrades: require`, either fails the check.

    \b
    Examples:
      runbook check params/myhost.yml --strict
      runbook check params/myhost.yml --only 9
      runbook check params/myhost.yml --step hide_devices
    """
    upgrades = "require" if updates else ""
    begin_run(params, "check", only=chosen(only, step), upgrades=upgrades, **options)


@main.command()
def schema() -> None:
    """Print the JSON schema of a parameter file.

    Editors use it to complete and check parameter files while you type.

    \b
    Example:
      runbook schema > params/schema.json
    """
    import json

    from runbook import params as parameters

    click.echo(json.dumps(parameters.schema(), indent=2))


@main.command()
def notebooks() -> None:
    """Re-execute the committed notebooks on the recorded host.

    For authors: the diff it makes is the change of behaviour to review; none means that nothing
    a reader sees has changed.

    \b
    Example:
      runbook notebooks
    """
    from runbook.controller.project import project
    from runbook.runner import source

    source.refresh(project() / "notebooks", click.echo)


for _command in (
    allow, approve, backup, build, completion, doctor, explain, facts, fleet, guest, init, installer,
    jupyter, lint, new, rehearse, report, site, survey, testbed, undo, upgrade, validate, volume, watch,
):  # fmt: skip
    main.add_command(_command)
guest.add_command(adopt)
for _command in (systems, prove_upgrade):
    testbed.add_command(_command)
for _command in (key, verify, audit, head, prune, export):
    report.add_command(_command)
for _command in (list_, start, stop, restart, console, screen, rename, remove, answers):
    guest.add_command(_command)
teach(main)
