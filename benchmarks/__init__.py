"""Measurements against aims and peers. Each is a module with a command: `python -m benchmarks.NAME`; `make bench` runs all."""
