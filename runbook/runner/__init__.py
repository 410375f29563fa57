"""Notebooks run: which, in what order, each in a kernel of its own, and the way back. Reports are kept by `evidence`."""

import sys

# jsonschema, which checks notebooks under papermill, takes up a grammar of IRIs where JupyterLab has brought
# one, and compiles it for a second at each start. No notebook's schema has an IRI: here there is none to import.
_UNWANTED = "rfc3987_syntax"
_HIDDEN = sys.modules.setdefault(_UNWANTED, None) is None  # type: ignore[arg-type]
try:
    # papermill looks up our engine by its entry point while papermill itself is being imported. Importing
    # it here, before `runbook.runner.engine`, makes that work from both directions.
    import papermill  # noqa: F401
finally:
    if _HIDDEN:
        del sys.modules[_UNWANTED]
