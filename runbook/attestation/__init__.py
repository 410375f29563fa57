"""Who vouches for a report: an in-toto statement in a DSSE envelope with each run, the runs of a host in a chain."""
