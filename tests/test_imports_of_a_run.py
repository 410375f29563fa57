"""A run makes the pages' tools ready beside its first kernel: two threads, which must not import one package at once."""

import subprocess
import sys

from tests.recorded import ROOT

_SPY = """
import sys, threading
import runbook.cli.running
from runbook.cli import main
from runbook.runner import under_way

class Spy:
    def __init__(self): self.seen = []
    def find_spec(self, name, path=None, target=None):
        self.seen.append((threading.current_thread() is threading.main_thread(), name))

spy, notebooks = Spy(), under_way.Runner._notebooks
def spied(self):
    start, join = self._warm.start, self._warm.join
    self._warm.start = lambda: (sys.meta_path.insert(0, spy), start())
    self._warm.join = lambda: (join(), sys.meta_path.remove(spy))
    notebooks(self)
under_way.Runner._notebooks = spied
main(["run", "params/example.yml", "--mode", "plan", "--only", "00", "-q", "--reports", sys.argv[1]], standalone_mode=False)
for is_main, name in spy.seen:
    print("seen", is_main, name)
"""


def test_no_package_is_imported_by_both_threads_of_a_run(tmp_path):
    """What one thread begins to import the other leaves alone: a package half made is a KeyError, or a circular import."""
    argv = [sys.executable, "-c", _SPY, str(tmp_path)]
    said = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout
    lines = [line.split() for line in said.splitlines() if line.startswith("seen ")]
    begun = {name for _, _, name in lines if "." not in name}
    by = {
        who: {name.partition(".")[0] for _, is_main, name in lines if (is_main == "True") == who} & begun
        for who in (True, False)
    }
    assert by[False] >= {"bleach", "defusedxml"}, "the thread of the pages was seen"
    assert by[True] & by[False] == set()
