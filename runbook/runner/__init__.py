"""Notebooks run: which, in what order, each in a kernel of its own, and the way back. Reports are kept by `evidence`."""

import runbook.evidence  # noqa: F401 - before papermill: it imports what papermill does, and faster

# papermill looks up our engine by its entry point while papermill itself is being imported. Importing
# it here, before `runbook.runner.engine`, makes that work from both directions.
import papermill  # noqa: F401 # isort: skip
