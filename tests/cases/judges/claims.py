"""What two configurations both claim."""

from runbook.guests.claims import conflicts


def _claims(case, claimed):
    """Each claim is the beginning of what is found between the folder's files."""
    said = [finding.what for finding in conflicts(case.configurations)]
    yield from (f"of {what} nothing is said" for what in claimed if not any(s.startswith(what) for s in said))


JUDGES = {"claims": _claims}
