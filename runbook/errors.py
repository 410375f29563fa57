"""The errors a person meets, each with what happened, where, why, and the next move."""

from __future__ import annotations

from runbook.text.visible import visible


class RunbookError(Exception):
    """Base of every error the runbook raises on purpose.

    `what` is what was attempted and failed, `where` the host, file or line, `why` what came
    back, and `do` the next move; `also` is what else is wrong, each with its own reason and next move.
    `str()` gives all of them, one per line, with what would act on a terminal shown instead.
    """

    exit_code = 1
    status = "failed"

    def __init__(
        self, what: str, *, where: str = "", why: str = "", do: str = "", also: tuple[str, ...] = ()
    ) -> None:
        self.what, self.where, self.why, self.do = what, where, why, do
        labelled = (("where", where), ("why", why), ("do", do), *(("also", text) for text in also))
        lines = [what, *(f"  {label}: {text}" for label, text in labelled if text)]
        super().__init__(visible("\n".join(lines)))

    def _render_traceback_(self) -> list[str]:
        """Show the message instead of a stack in a notebook: the reader needs the next move."""
        return [f"{type(self).__name__}: {self}{_more(type(self).__name__, str(self))}"]


def _more(name: str, message: str) -> str:
    """Return the line that leads to the entries of an error; that it cannot be had hides no error."""
    try:
        from runbook.help import PAGE, for_error, hint

        entry = for_error(name, message)
        return f"{hint(name, message)}, or {PAGE}#{entry.code.lower()}" if entry else ""
    except Exception:
        return ""


class ParamsError(RunbookError):
    """The parameters are wrong; nothing was started.

    `at` is the place in the file that is wrong, () for none or for the whole; `others` is all else that is
    wrong with the same file, and `str()` gives that too.
    """

    exit_code = 2

    def __init__(
        self, what: str, *, where: str = "", why: str = "", do: str = "",
        at: tuple[str | int, ...] = (), others: tuple[ParamsError, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(what, where=where, why=why, do=do)
        self.at, self.others = at, others
        self.args = ("\n".join(map(str, (self, *others))),)

    @property
    def all(self) -> tuple[ParamsError, ...]:
        """This one and the others."""
        return (self, *self.others)


class Refused(RunbookError):
    """Going on would be dangerous or impossible; nothing was changed."""

    exit_code = 3
    status = "refused"


class ConsentMissing(Refused):
    """A disruptive or destructive step was not agreed to; nothing was changed."""

    exit_code = 4


class HostError(RunbookError):
    """The host cannot be used: unreachable, key changed, not root, busy, did not come back."""

    exit_code = 5


class UnreadableAnswer(HostError):
    """The host answered, and what it said cannot be understood; `__cause__` is what Python said to it."""


class TimedOut(RunbookError):
    """A command ran longer than it was allowed to and was ended, on the host too."""

    exit_code = 6
    status = "timed-out"


class CommandFailed(RunbookError):
    """A command on the host ended with a status that is not zero."""


class CheckFailed(RunbookError):
    """The host was read afresh and is not as it should be."""


class NotRecorded(RunbookError):
    """The recorded host was asked something that its recording does not hold."""

    exit_code = 7
