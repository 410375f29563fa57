"""What reaches a machine: OpenSSH's client, and a key that works while nobody is there to type."""

from __future__ import annotations

from pathlib import Path

from runbook.doctor.check import LACKS, OK, WRONG, Check, answer
from runbook.text.plural import plural


def client() -> Check:
    """Check OpenSSH's client."""
    status, output = answer("ssh", "-V")
    if status or not output.startswith("OpenSSH"):
        return Check("ssh", WRONG, f"no OpenSSH client: {output}", "install Debian's package openssh-client")
    return Check("ssh", OK, output)


def keys() -> Check:
    """Check for a key that ssh can use unattended: of an agent, or a file without passphrase.

    Which files those are is what ssh itself says for a host that the user's configuration does not name.
    """
    status, output = answer("ssh-add", "-l")
    if status == 0:
        return Check("ssh keys", OK, f"the agent has {plural(len(output.splitlines()), 'key')}")
    _, configured = answer("ssh", "-G", "any-host")
    named = [line.split(" ", 1)[1] for line in configured.splitlines() if line.startswith("identityfile ")]
    files = [path for path in (Path(name).expanduser() for name in named) if path.is_file()]
    for path in files:
        if answer("ssh-keygen", "-y", "-P", "", "-f", str(path))[0] == 0:
            return Check("ssh keys", OK, f"{path} has no passphrase")
    if files:
        return Check(
            "ssh keys",
            LACKS,
            f"{files[0]} cannot be used without its passphrase, and no agent has a key",
            'start an agent and give it the key: eval "$(ssh-agent)"; ssh-add',
        )
    return Check(
        "ssh keys",
        LACKS,
        "neither an agent nor a key file; a machine is reached only if your ssh config names a key for it",
        "make a key with `ssh-keygen -t ed25519`, and `ssh-copy-id USER@HOST`",
    )
