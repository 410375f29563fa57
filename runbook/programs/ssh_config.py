"""What an ssh configuration would run here (ssh_config(5)): everything in it that is not known to be harmless."""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from runbook.errors import ParamsError
from runbook.params.files import UnfitFile, read_bytes

LARGEST = 256 * 1024
"""Bytes of one configuration file."""
_DEEPEST = 8
_WORDS = re.compile(r"[\w.,@+=/:*^-]+( [\w.,@+=/:*^-]+)*")
# ssh puts names into the commands of ProxyCommand and the like, so they have no sign of a shell.
_NAMES = re.compile(r"[\w.:*?!@%\[\]-]+( +[\w.:*?!@%\[\]-]+)*")
_PATH = re.compile(r"[^$`]+")
# ssh writes into these: a file of another name could be one that a shell reads.
_KNOWN_HOSTS = re.compile(r'"?(?:[^$`"]*/)?[\w.-]*known_hosts[\w.-]*"?|"?/dev/null"?|none')
_HARMLESS: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(("host", "hostname", "user", "hostkeyalias"), _NAMES),
    **dict.fromkeys(("identityfile", "certificatefile"), _PATH),
    **dict.fromkeys(("userknownhostsfile", "globalknownhostsfile"), _KNOWN_HOSTS),
    "identityagent": re.compile("none"),
    **dict.fromkeys(
        (
            "addressfamily", "batchmode", "casignaturealgorithms", "checkhostip", "ciphers", "compression",
            "connectionattempts", "connecttimeout", "fingerprinthash", "hashknownhosts", "hostkeyalgorithms",
            "identitiesonly", "kbdinteractiveauthentication", "kexalgorithms", "loglevel", "macs",
            "nohostauthenticationforlocalhost", "numberofpasswordprompts", "passwordauthentication", "port",
            "preferredauthentications", "pubkeyacceptedalgorithms", "pubkeyauthentication", "rekeylimit",
            "requiredrsasize", "serveralivecountmax", "serveraliveinterval", "stricthostkeychecking",
            "tcpkeepalive", "updatehostkeys", "visualhostkey",
        ),
        _WORDS,
    ),
}  # fmt: skip


def would_run(path: Path) -> list[str]:
    """Return the lines of a configuration that may run something; none for one that is harmless or not there.

    An included file stands with its checksum, so that a change of it is seen too.
    Raises `ParamsError` for a file that cannot be read, and for an inclusion that cannot be followed.
    """
    return list(_lines(path, 0)) if path.exists() else []


def _lines(path: Path, depth: int) -> Iterator[str]:
    # Only a line feed ends a line for ssh: what Python takes for an end too must not hide a keyword.
    for number, line in enumerate(_text(path).split("\n"), 1):
        keyword, value = _parts(line)
        if not keyword or ((form := _HARMLESS.get(keyword)) and form.fullmatch(value)):
            continue
        yield f"{path}, line {number}: {' '.join(line.split())}"
        if keyword == "include":
            yield from _included(value, path, number, depth)


def _text(path: Path) -> str:
    try:
        return read_bytes(path, LARGEST).decode("utf-8", "backslashreplace")
    except UnfitFile as error:
        raise ParamsError(
            f"Cannot read the ssh configuration {path}", why=error.why, do="correct connection.config"
        ) from None


def _parts(line: str) -> tuple[str, str]:
    """Return a line's keyword in small letters and its value, ('', '') for an empty line or a comment.

    >>> _parts("  HostName = 127.0.0.1"), _parts("# Match exec"), _parts('"ProxyCommand" id')
    (('hostname', '127.0.0.1'), ('', ''), ('"proxycommand"', 'id'))
    """
    line = line.strip(" \t\r\f")
    if not line or line.startswith("#"):
        return "", ""
    found = re.match(r"([^\s=]+)(?:[ \t]*=[ \t]*|[ \t]+)?(.*)", line, re.DOTALL)
    return (found[1].lower(), found[2]) if found else (line.lower(), "")


def _included(value: str, path: Path, number: int, depth: int) -> Iterator[str]:
    for pattern in value.split():
        if depth == _DEEPEST or re.search(r"[%$\"'\\]", pattern):
            raise ParamsError(
                "An ssh configuration includes what cannot be followed",
                where=f"{path}, line {number}",
                why=f"`Include {value}`",
                do="include files by their whole paths, without quotes and variables, or write their lines there",
            )
        whole = Path("~/.ssh").expanduser() / Path(pattern).expanduser()
        for name in sorted(glob.glob(str(whole))):  # noqa: PTH207 - as ssh: a whole path, or below ~/.ssh
            digest = hashlib.sha256(_text(Path(name)).encode()).hexdigest()
            yield f"{name}: SHA-256 {digest}"
            yield from _lines(Path(name), depth + 1)
