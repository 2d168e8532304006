"""Moment tables of strata on plain arrays."""
