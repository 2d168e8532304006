"""Dates as a catalog writes them."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator


def _iso_date(value: object) -> date:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError(f"write the date as YYYY-MM-DD, found {value!r}")
    return date.fromisoformat(value)


Date = Annotated[date, BeforeValidator(_iso_date)]
