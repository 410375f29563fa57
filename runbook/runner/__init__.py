"""Notebooks run: which, in what order, each in a kernel of its own, and the way back. Reports are kept by `evidence`."""
