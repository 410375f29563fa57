"""What the runner imports, and what it had better not."""

import importlib.util
import subprocess
import sys

SLOW = "rfc3987_syntax"
AFTER = f"import sys; import runbook.evidence.archive, runbook.runner.run, jsonschema; print({SLOW!r} in sys.modules, 'lark' in sys.modules)"


def test_a_run_compiles_no_grammar_of_addresses():
    """A run imports jsonschema without the grammar that takes it a second, and leaves it to others to import."""
    assert importlib.util.find_spec(SLOW), (
        "JupyterLab no longer brings it: runbook/evidence/__init__.py may forget it"
    )
    done = subprocess.run([sys.executable, "-c", AFTER], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    more = f"{AFTER}; import {SLOW}; print({SLOW}.is_valid_syntax('iri', 'https://example.org/'))"
    done = subprocess.run([sys.executable, "-c", more], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "True"
