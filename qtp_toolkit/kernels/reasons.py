"""Codes of the ``reason`` layers: why a pixel is NaN. Words for them are in ``conventions.REASONS``."""

from __future__ import annotations

OK = 0
NEVER_THAWS = 1
NEVER_FREEZES = 2
ILL_CONDITIONED = 3
TOO_FEW = 4
NO_TEMPERATURE = 5
NOT_CONNECTED = 6
MASKED = 7
LONG_GAP = 8
ONE_TRACK = 9
