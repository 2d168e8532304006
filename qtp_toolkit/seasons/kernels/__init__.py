"""Onsets and degree days on plain arrays."""
