"""Tropospheric delay on plain arrays."""
