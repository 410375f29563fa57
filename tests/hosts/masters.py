"""A stand-in for `ssh` that shares connections as OpenSSH does: a socket at ControlPath, `-O exit`, ControlPath=none.

In the folder of the environment's MASTERS it notes in `calls` a line for each: `open` or `own` (a connection), `exit`, and
`run` (a command). A file `down` there refuses connections, `slow` holds them up.
"""

from __future__ import annotations

import sys
from pathlib import Path

PROGRAM = r"""#!/bin/sh
path=none order= idle=
while :; do case $1 in
  -o) case $2 in ControlPath=*) path=${2#ControlPath=};; esac; shift 2;;
  -O) order=$2; shift 2;;
  -F) shift 2;;
  -f|-N) idle=1; shift;;
  --) shift; break;;
esac; done
note() { echo "$*" >>"$MASTERS/calls"; }
if [ "$order" = exit ]; then note "exit $1"; rm -f -- "$path"; exit 0; fi
if [ ! -S "$path" ]; then
  if [ -e "$MASTERS/slow" ]; then touch "$MASTERS/waits"; sleep 60; fi
  [ ! -e "$MASTERS/down" ] || { echo "ssh: connect to host $1 port 22: Connection refused" >&2; exit 255; }
  if [ "$path" = none ]; then note "own $1"; else note "open $1"; PYTHON -ISc "$BIND" "$path"; fi
fi
[ -z "$idle" ] || exit 0
note "run $1"
exec sh -c "$2"
"""
BIND = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"


class Masters:
    """The stand-in, put first into a PATH, and what it noted."""

    def __init__(self, place: Path, monkeypatch) -> None:
        self.place = place
        program = place / "bin/ssh"
        program.parent.mkdir()
        program.write_text(PROGRAM.replace("PYTHON", sys.executable))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        monkeypatch.setenv("MASTERS", str(place))
        monkeypatch.setenv("BIND", BIND)

    @property
    def calls(self) -> list[str]:
        """What was noted so far."""
        file = self.place / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def connections(self) -> list[str]:
        """What was noted, without the commands."""
        return [call for call in self.calls if not call.startswith("run")]

    def put(self, name: str, *, there: bool = True) -> None:
        """Make a file that changes how it behaves, or remove it."""
        (self.place / name).touch() if there else (self.place / name).unlink()
