"""What a switch runs on the host: nothing that failed on the way is confirmed."""

import shlex
import subprocess

import pytest

from runbook.actions import Switch
from runbook.engine.apply import carry_out
from runbook.hosts.base import Result


class Listener:
    """A host that only listens: it keeps every command and confirms at once."""

    describe, is_real = "a listener", False

    def __init__(self):
        self.said = []

    def write(self, *_, **__):
        """Take the file and do nothing with it."""

    def run(self, argv, **__):
        self.said.append(argv)
        return Result(argv, 0, "", "")

    def reconnect(self, *_):
        """Be reached at once."""


@pytest.mark.parametrize(
    ("enter", "is_confirmed"), [("true", True), ("false", False), ("true && false", False)]
)
def test_a_part_that_failed_is_a_failed_switch(tmp_path, enter, is_confirmed):
    """The mark that the new connection looks for is made only when the file is in place and in force."""
    host, path = Listener(), tmp_path / "file"
    switch = Switch("toy", str(path), "new\n", enter=enter, leave="false")
    carry_out(switch, host, None)
    (command,) = (argv[-1] for argv in host.said if "--unit=xen-runbook-toy-switch" in argv[-1])
    script = shlex.split(command)[-1]
    mark = tmp_path / "mark"
    (tmp_path / "file.xen-runbook-new").write_text("new\n")
    script = script.replace("/run/xen-runbook-toy-switched", str(mark))
    subprocess.run(["sh", "-c", script], check=False)
    assert path.read_text() == "new\n"
    assert mark.exists() is is_confirmed
