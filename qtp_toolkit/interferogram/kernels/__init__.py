"""Filtering and unwrapping on plain arrays."""
