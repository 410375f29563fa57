"""Full and read-only disks, made with real mounts in a namespace of the test's own."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.engine.journal import read
from tests.faults.server import Server
from tests.faults.test_controller import prove
from tests.faults.toy import ROOT
from tests.faults.world import World, prove_recovery

FILL = 'import os\nfile = open(place / "reports/filler", "wb", buffering=0)\n'
FULL = f"""{FILL}size = 1 << 20
while size:
    try:
        file.write(b"x" * size)
    except OSError:
        size //= 2"""


@pytest.fixture
def world(tmp_path):
    """Return a machine whose folders can be mounted upon, where the system lets a user do that."""
    if not (shutil.which("unshare") and shutil.which("nsenter")):
        pytest.skip("unshare and nsenter (util-linux) are not installed")
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", "echo ready; cat"]
    holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if holder.stdout.readline() != b"ready\n":
        holder.kill()
        pytest.skip(f"this system gives no namespace: {holder.communicate()[1].decode().strip()}")
    enter = ["nsenter", "--target", str(holder.pid), "--user", "--mount", "--preserve-credentials"]
    server = Server([*enter, "--"], ROOT)
    world = World(tmp_path, server, f"/proc/{holder.pid}/root")
    world.enter = enter
    yield world
    server.close()
    holder.communicate()


def inside(world, script):
    """Run a shell line where the machine's disks are."""
    subprocess.run([*world.enter, "--", "sh", "-euc", f"cd {world.place}; {script}"], check=True)


def mounting(script):
    """Return a fault that does this in mid-run; the kernel is in the same namespace."""
    return f'import subprocess\nsubprocess.run(["sh", "-euc", {script!r}], cwd=place, check=True)'


@pytest.mark.fault("host-disk-full")
def test_the_hosts_disk_is_full(world, row):
    """The old file stays whole, nothing temporary is left, and the reason is the host's own."""
    inside(world, "mount -t tmpfs -o size=64k tmpfs machine; echo old >machine/config")
    done = world.run()
    assert world.see("machine/config").read_text() == "old\n"
    assert done.record["notebooks"][0]["steps"][2]["status"] == "failed"
    prove(world, done, row, at="third")
    inside(world, "mount -o remount,size=4m machine")
    prove_recovery(world)


@pytest.mark.fault("reports-full")
def test_the_controllers_disk_is_full(world, row):
    """The runner says that it cannot write; what the journal still took is what the report is finished from."""
    inside(world, "mount -t tmpfs -o size=2m tmpfs reports")
    world.fault(py=FULL)
    done = world.run()
    assert done.status == 1
    assert "The report cannot be written" in done.err
    world.see("reports/filler").unlink()
    # A line of the journal that fits on its last page needs no space; the step could then say how it ended.
    if any(
        (line["event"], line.get("step")) == ("step-end", "second")
        for line in read(done.folder / "journal.jsonl")
    ):
        row = replace(row, step="failed")
    assert "  killed  " in world.reports()
    prove(world, done, row)
    prove_recovery(world)


@pytest.mark.fault("reports-read-only")
def test_the_reports_become_read_only(world, row):
    """The same, when the folder takes nothing any more."""
    inside(world, "mount -t tmpfs -o size=4m tmpfs reports")
    world.fault(py=mounting("mount --bind reports reports; mount -o remount,bind,ro reports"))
    done = world.run()
    assert done.status == 1
    assert "The report cannot be written" in done.err
    inside(world, "umount reports")
    assert "  killed  " in world.reports()
    prove(world, done, row)
    prove_recovery(world)


@pytest.mark.fault("notebook-read-only")
def test_the_notebook_becomes_read_only(world, row):
    """The machine was changed and the notebook cannot say so: the run fails, its record says what was done."""
    world.fault(
        py=mounting(
            "cd reports/toy/*; mount --bind 05_work.ipynb 05_work.ipynb; mount -o remount,bind,ro 05_work.ipynb"
        )
    )
    done = world.run()
    assert (done.status, done.record["outcome"], done.record["exit_code"]) == (1, row.run, 1)
    assert done.record["failure"]["name"] == row.says
    assert done.steps == dict.fromkeys(done.steps, row.step)
    assert sorted(world.log) == sorted(set(world.log))
    inside(world, "umount reports/toy/*/05_work.ipynb")
    prove_recovery(world)


@pytest.mark.fault("source-read-only")
def test_the_source_notebooks_are_read_only(world, row):
    """A run reads its notebooks and writes none of them."""
    inside(world, "mount --bind project project; mount -o remount,bind,ro project")
    done = world.run()
    prove(world, done, row)
    assert not (Path(world.see("project")) / "05_work.ipynb").exists()
    prove_recovery(world)
