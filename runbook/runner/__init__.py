"""Kernels: how they are started, and how notebooks run in them."""
