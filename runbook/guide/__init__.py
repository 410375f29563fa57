"""The guide of 2013 as data, the wheezy profile that plans it, and the map from it to the steps of today."""

from runbook.guide.entries import Entry, entries
from runbook.guide.profile import steps_of

__all__ = ["Entry", "entries", "steps_of"]
