"""Results of a run, from its products to the files of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from qtp_toolkit import correct, grid, products
from qtp_toolkit.catalog import Catalog
from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, TIME, QtpDataError, describe, require_option
from qtp_toolkit.export._mintpy import mintpy
from qtp_toolkit.export._points import points
from qtp_toolkit.export._rasters import geotiffs

FORMATS = ("mintpy", "geotiff", "gpkg", "csv")
OPTIONS = {"catalog": ("mintpy",), "every": ("gpkg", "csv"), "heading": ("mintpy",)}
"""Formats that an option says something to."""


def results(
    kind: str,
    folder: str | Path,
    *,
    catalog: Catalog | None = None,
    every: int | None = None,
    heading: float | None = None,
) -> list[Path]:
    """Write the time series of a run, and its maps if there are any, as another program wants them.

    Parameters
    ----------
    kind : str
        One of :data:`FORMATS`: :func:`mintpy`, :func:`geotiffs`, or :func:`points` in a GeoPackage or a CSV.
    folder : path
        Made if need be.
    catalog : Catalog, optional
        Gives MintPy's geometry what it knows: ``dem``, ``incidence`` or ``settings.incidence``, the wavelength; and, if
        ``interferograms`` is there, what it says of heading, overpass, wavelength and perpendicular baselines.
    every : int, optional
        Points: every so many rows and columns; by default all.
    heading : float, optional
        MintPy: flight direction, degrees clockwise from north; by default as the interferograms say it.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    MissingSourceError
        If the run has no product ``time_series``; says which notebook makes it.
    QtpDataError
        An option that the format has no use for; as the functions named above.
    """
    require_option("format", kind, FORMATS)
    _refuse_idle(kind, catalog=catalog, every=every, heading=heading)
    series = products.open("time_series")
    maps = products.open("deformation") if products.exists("deformation") else None
    if kind == "geotiff":
        return geotiffs(series, folder)
    if kind != "mintpy":
        return [points(series, Path(folder) / f"points.{kind}", maps=maps, every=1 if every is None else every)]
    known = catalog is not None and catalog.available("interferograms")
    stack = catalog["interferograms"] if catalog is not None and known else xr.Dataset()
    return mintpy(
        series,
        folder,
        maps=maps,
        geometry=_geometry(series, catalog),
        perpendicular_baseline=_baselines(stack, series),
        heading=stack.attrs.get("heading") if heading is None else heading,
        overpass=stack.attrs.get("overpass"),
        wavelength=stack.attrs.get("wavelength", catalog.settings.wavelength if catalog else SENTINEL1_WAVELENGTH),
    )


def _refuse_idle(kind: str, **options: Any) -> None:
    """Refuse what was asked for and would change nothing."""
    for name, value in options.items():
        if value is not None and kind not in OPTIONS[name]:
            raise QtpDataError(
                f"the format {kind} knows no {name}",
                expected=f"{name} with {' or '.join(OPTIONS[name])}",
                found=f"{name} with {kind}",
                hint=f"Leave {name} out.",
            )


def _baselines(stack: xr.Dataset, series: xr.Dataset) -> xr.DataArray | None:
    """Perpendicular baselines of the dates of a series; None where those of the pairs do not tell them all."""
    pairs = stack.coords.get("perpendicular_baseline", stack.get("perpendicular_baseline"))
    if pairs is None:
        return None
    try:
        found = correct.date_baselines(pairs)
    except QtpDataError:  # some are unknown, or leave dates apart: nothing that an export should end at
        return None
    return found.sel({TIME: series[TIME]}) if set(series[TIME].values) <= set(found[TIME].values) else None


def _geometry(series: xr.Dataset, catalog: Catalog | None) -> xr.Dataset | None:
    found = {}
    for source, name, how in (("dem", "elevation", "average"), ("incidence", "incidence", "bilinear")):
        if catalog is not None and catalog.available(source):
            found[name] = grid.match(catalog[source], series, resampling=how)
    if catalog is not None and catalog.settings.incidence is not None and "incidence" not in found:
        flat = xr.full_like(series["displacement"].isel({TIME: 0}, drop=True), catalog.settings.incidence)
        found["incidence"] = describe(flat, "incidence")
    return xr.Dataset(found) if found else None
