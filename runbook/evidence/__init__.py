"""Evidence: records and reports of runs and fleets, and the archive of what happened."""
