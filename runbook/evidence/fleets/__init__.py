"""Reports of fleets: their record, their page, the newest of them, and those whose parent died."""
