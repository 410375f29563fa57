"""Evidence: notebooks run headless with honest statuses, and the archive of what happened."""

# papermill looks up our engine by its entry point while papermill itself is being imported. Importing
# it here, before `runbook.evidence.engine`, makes that work from both directions.
import papermill  # noqa: F401
