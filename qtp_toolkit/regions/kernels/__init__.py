"""Percentiles from counts, on plain arrays."""
