"""Measurements: each prints a table and asserts nothing. `python -m benchmarks` lists them."""
