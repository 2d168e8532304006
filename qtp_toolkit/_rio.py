"""The accessor ``.rio`` of arrays, there as soon as this package handles arrays, loaded when it is first used.

rioxarray registers it when it is imported, and brings rasterio, pyproj and all of ``dask.array``: half a second of a
processor, which programs that never ask for a coordinate reference system need not spend.
"""

from __future__ import annotations

from typing import Any

import xarray as xr


class _Later:
    """Stands in the place of the accessor until rioxarray puts its own there."""

    def __get__(self, data: Any, owner: type) -> Any:
        """Import rioxarray for an array; a class has no accessor yet, so that rioxarray replaces nothing."""
        if data is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute 'rio' yet: import rioxarray")
        import rioxarray  # noqa: F401, PLC0415  registers .rio

        return data.rio


def register() -> None:
    """Let arrays have ``.rio``; what is there already stays."""
    if not hasattr(xr.DataArray, "rio"):
        xr.DataArray.rio = _Later()  # type: ignore[attr-defined]
    if not hasattr(xr.Dataset, "rio"):
        xr.Dataset.rio = _Later()  # type: ignore[attr-defined]
