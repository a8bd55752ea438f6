"""Metrics: one file lists every name."""
