"""Documents that are made from the code, so that they cannot be wrong: each by `python -m`."""
