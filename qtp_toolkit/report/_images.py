"""Figures as small files for pages: what they show in words, and fewer pixels than on paper."""

from __future__ import annotations

import base64
import io
from pathlib import Path

WIDE = 1000
"""Pixels across the largest figure in report and gallery: 174 mm at 146 dpi."""
_FULL = 1370
"""Pixels of a figure of 174 mm as it is saved; narrower ones shrink alike, so that text has one size."""


def shrink(path: Path) -> bytes:
    """Return a figure as WebP with fewer pixels."""
    from PIL import Image  # noqa: PLC0415  (comes with matplotlib; only reports and galleries need it)

    with Image.open(path) as opened:
        share = min(WIDE / _FULL, 1.0)
        size = max(round(opened.width * share), 1), max(round(opened.height * share), 1)
        small = opened.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=4)
    return buffer.getvalue()


def inline(path: Path) -> str:
    """Return a figure as an address that holds it whole."""
    return "data:image/webp;base64," + base64.b64encode(shrink(path)).decode()


def words_of(path: Path) -> str:
    """Return what a saved figure says it shows, without its name."""
    from PIL import Image  # noqa: PLC0415

    with Image.open(path) as opened:
        said = str(opened.info.get("Description", ""))
    return said.partition(": ")[2]
