"""Kernels and other processes that are forked from one which has imported everything already."""
