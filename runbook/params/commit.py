"""Which commit of a repository is meant: its whole name, that nobody can move."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator


def commit_name(text: str) -> str:
    """Return a whole commit name in small letters, or ''. Raises `ValueError` for a branch, tag or part of one.

    >>> commit_name("C3C4CA6A1E5B0A4C7A57B6D8FBC2D4E0F0A1B2C3")
    'c3c4ca6a1e5b0a4c7a57b6d8fbc2d4e0f0a1b2c3'
    """
    if re.fullmatch(r"|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}", text):
        return text.lower()
    if re.fullmatch(r"[0-9A-Fa-f]{4,63}", text):
        raise ValueError(
            f"'{text}' is a part of a commit's name; write all 40 or 64 digits, as `git log` prints them"
        )
    shown = text if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", text) else "BRANCH"
    raise ValueError(
        f"'{text}' is no commit: a branch or tag may mean another one tomorrow; write the 40 digits that "
        f"`git ls-remote REPOSITORY {shown}` shows"
    )


Commit = Annotated[str, AfterValidator(commit_name)]


def require_commit(repository: str, branch: str) -> ValueError:
    """Return the error of a source that says no commit, with the command that shows one."""
    return ValueError(
        "`source: git` needs `commit:`, for a branch or tag may mean another source tomorrow; "
        f"`git ls-remote {repository} {branch or 'BRANCH'}` shows the commit that it is now"
    )
