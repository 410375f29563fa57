"""The zoo: every described machine is built, booted into proved Xen by the runbook, and taken back to what it was."""
