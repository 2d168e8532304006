"""MODIS land surface temperature and vegetation index, whatever form the files come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import xarray as xr
from pydantic import Field

from qtp_toolkit.catalog.options import Fraction
from qtp_toolkit.conventions import TIME, QtpDataError, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.dates import centers
from qtp_toolkit.load.temperature import delivered
from qtp_toolkit.load.temperature.composites import Composite
from qtp_toolkit.load.temperature.delivered import Files, Wishes
from qtp_toolkit.load.temperature.viirs import viirs_lst

_BAND_BITS = {"qc_250m": 0x0FF0, "qc_500m": 0x03FC}
"""Bits of the red and the near infrared band in the quality words of M?D09Q1 (4-11) and M?D09A1 (2-9)."""


Sensors = Annotated[Sequence[Literal["terra", "aqua", "snpp", "noaa20"]], Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]


def modis(
    paths: Files, *, quality_mask: bool = True, view_times: bool = False, **options: Any
) -> xr.Dataset | xr.DataArray:
    """Open files as what their product is: by :func:`modis_lst`, :func:`ndvi` or :func:`viirs_lst`, with its defaults.

    ``view_times`` is of temperatures, ``quality_mask`` of the vegetation index.
    """
    found = delivered.scan(paths, view_times=view_times)
    if found.family == "lst":
        return modis_lst(found, view_times=view_times, **options)
    if found.family == "viirs":
        return viirs_lst(found, view_times=view_times, **options)
    return ndvi(found, quality_mask=quality_mask, **options)


def modis_lst(
    paths: Files,
    *,
    chunks: Chunks | None = None,
    sensors: Sensors | None = ("terra", "aqua"),
    max_gap: Count | None = 3,
    duplicates: Literal["error", "newest"] = "error",
    mixed_collections: bool = False,
    area: Sequence[float] | None = None,
    min_cover: Fraction | None = None,
    view_times: bool = False,
) -> xr.Dataset:
    """Open MODIS land surface temperature of Terra and Aqua, day and night, with its quality bytes.

    Products M?D11A1 and M?D11B1 (daily), M?D11A2 and M?D11B2 (8 days), any collection. Layers are found by what they
    are (day or night, kelvin, quality), so 6 km layers and other spellings are read too.

    Parameters
    ----------
    paths : sequence of path
        HDF4-EOS granules (``MOD11A2.A2014001.h25v05.061.*.hdf``, or renamed: product, date and production date are
        read from CoreMetadata and only where that is silent from the name, and tiles are placed by StructMetadata and
        joined), AppEEARS GeoTIFFs (``MOD11A2.061_LST_Day_1km_doy2014001_aid0001.tif``), or AppEEARS NetCDF
        (``MOD11A2.061_1km_aid0001.nc``). A mapping of roles to files is flattened.
    chunks : dict, optional
        Chunk sizes by dim; by default all times and rows to about 128 MB.
    sensors : sequence of {"terra", "aqua"}, optional
        Those that must be there; None takes those that are.
    max_gap : int, optional
        Longest run of missing composites that is let through, counted between the first and the last date of all
        sensors; each missing one is listed in attrs. None lets any through.
    duplicates : {"error", "newest"}
        What to do with two granules of one composite; ``newest`` goes by their production date. What AppEEARS delivered
        twice with the same values is taken once.
    mixed_collections : bool
        Let collections 006 and 061 stand side by side.
    area : (west, south, east, north), optional
        Area of interest, degrees.
    min_cover : float, optional
        Share of the area that the files must cover, 0..1; by default 0.99 for tiles, 0 for cut-outs.
    view_times : bool
        Open the layers of the view times, too; they must be there.

    Returns
    -------
    xarray.Dataset
        ``terra_day``, ``terra_night``, ``aqua_day``, ``aqua_night`` (time, y, x), degC, float32, NaN where the file
        holds fill or leaves the valid range; ``qc_terra_day`` ... uint8, never NaN (3, not produced, where a sensor
        has no composite); with ``view_times`` ``view_time_terra_day`` ... (h, local solar time, float32). Lazy: only
        headers are read. ``time`` is the CENTER of the composite: the first of its days + (days - 1) / 2, where the
        last composite of a year has 5 or 6 days. Not masked by quality: that is
        :func:`qtp_toolkit.lst.mask_quality`. In attrs, by sensor: ``composites_``, ``missing_composites_``,
        ``missing_dates_``, ``duplicates_dropped_`` and, with an area, ``cover_`` (0..1).

    Raises
    ------
    QtpDataError
        All unreadable files at once (M03 to M05); missing layers (M27) and tags that contradict the product (M07, M11,
        M12); the same composite twice (M02); gaps longer than ``max_gap`` (M01); a sensor without files (M21); mixed
        collections or products (M26); a tile outside the area (M17), or too little of it covered (M18).

    Examples
    --------
    >>> stored = {"LST_Day_1km": 13658, "LST_Night_1km": 13000, "QC_Day": 0, "QC_Night": 0}
    >>> kinds = {name: "uint8" if name[:2] == "QC" else "uint16" for name in stored}
    >>> names = {name: f"MOD11A2.061_{name}_doy2019001_aid0001.tif" for name in stored}
    >>> paths = [geotiff(names[key], np.full((2, 2), value, kinds[key])) for key, value in stored.items()]
    >>> lst = load.modis_lst(paths, sensors=["terra"])
    >>> round(float(lst["terra_day"][0, 0, 0]), 2), str(lst["time"].values[0])[:13]
    (0.01, '2019-01-04T12')
    """
    wishes = Wishes(chunks, sensors, max_gap, duplicates, mixed_collections, area, min_cover, view_times)
    return delivered.temperatures(paths, "lst", wishes, quality="qc")


def ndvi(
    paths: Files,
    *,
    chunks: Chunks | None = None,
    sensors: Sensors | None = None,
    max_gap: Count | None = None,
    duplicates: Literal["error", "newest"] = "error",
    mixed_collections: bool = False,
    quality_mask: bool = True,
    area: Sequence[float] | None = None,
    min_cover: Fraction | None = None,
) -> xr.DataArray:
    """Open MODIS vegetation index: M?D13Q1, 13A1, 13A2 (16 days), or from the reflectances of M?D09Q1, 09A1 (8 days).

    ``NDVI = (b02 - b01) / (b02 + b01)`` for the latter, with b01 the red and b02 the near infrared band.

    Parameters
    ----------
    paths : sequence of path
        HDF4-EOS granules, AppEEARS NetCDF, or AppEEARS GeoTIFFs
        (``MOD13Q1.061__250m_16_days_NDVI_doy2019209_aid0001.tif``). Terra and Aqua together: their 16 days are phased
        by 8.
    chunks, duplicates, mixed_collections, area, min_cover
        As in :func:`modis_lst`.
    sensors : sequence of {"terra", "aqua"}, optional
        By default those that are there.
    max_gap : int, optional
        As in :func:`modis_lst`; by default any gap, since often only summers are fetched.
    quality_mask : bool
        Mask by the product's own quality layer where it is among the files: pixel reliability 0 and 1 of M?D13; of
        M?D09 no cloud, shadow or snow in the state word and bands of the highest quality.

    Returns
    -------
    xarray.DataArray
        (time, y, x), 1, float32, lazy; NaN outside the valid range (-0.2..1 for M?D13, -1..1 from reflectances).
        ``time`` is the center of the composite. attrs as in :func:`modis_lst`, and ``quality_mask``: what masked.

    Raises
    ------
    QtpDataError
        As :func:`modis_lst`.

    Examples
    --------
    >>> name = "MOD13Q1.061__250m_16_days_NDVI_doy2019209_aid0001.tif"
    >>> load.ndvi([geotiff(name, np.array([[5000, -3000]], "int16"))]).values.tolist()
    [[[0.5, nan]]]
    """
    wishes = Wishes(chunks, sensors, max_gap, duplicates, mixed_collections, area, min_cover)
    form, found = delivered.scan(paths)
    groups, notes, days = delivered.settled(form, found, ("ndvi", "reflectance"), wishes)
    _refuse_shared_dates(groups)
    kept = sorted((c for group in groups.values() for c in group), key=lambda c: (c.start, c.part))
    layers, boxes = form.stack(kept, chunks=wishes.chunks)
    notes |= delivered.cover(form, layers, boxes, wishes)
    value, masked = _index(layers, quality_mask=quality_mask)
    value = value.assign_coords({TIME: centers(value[TIME].to_numpy(), days)})
    return describe(
        value,
        "ndvi",
        **notes,
        **delivered.tiles_of(groups),
        composite_days=days,
        quality_mask=masked,
        converted="scale 0.0001; fill and values outside the valid range to NaN; time to the center",
    )


def _refuse_shared_dates(groups: Mapping[str, Sequence[Composite]]) -> None:
    sets = [{c.start: c.path.name for c in group} for group in groups.values()]
    shared = sorted(set.intersection(*map(set, sets))) if len(sets) > 1 else []
    if shared:
        both = "; ".join(f"{day}: {sets[0][day]} and {sets[1][day]}" for day in shared)
        raise QtpDataError(
            f"Terra and Aqua have a composite of the same days; {both}",
            code="M02",
            hint="Set parameters.sensors to one of them.",
        )


def _index(layers: xr.Dataset, *, quality_mask: bool) -> tuple[xr.DataArray, str]:
    """Vegetation index of the layers, and in words what masked it."""
    if "ndvi" in layers:
        value = layers["ndvi"]
        accepted = {"pixel reliability 0 and 1": layers["reliability"].isin([0, 1])} if "reliability" in layers else {}
    else:
        red, nir = layers["red"], layers["nir"]
        total = nir + red
        value = ((nir - red) / total.where(total > 0)).astype("float32")
        value = value.where((value >= -1) & (value <= 1))
        accepted = {"clear by the state word": _clear(layers["state"])} if "state" in layers else {}
        for words, band_bits in _BAND_BITS.items():
            if words in layers:
                accepted["bands of the highest quality"] = _good_bands(layers[words], band_bits)
        if "qc_250m" in layers:  # collection 5 has no state word; here are its cloud bits (3: not set, assumed clear)
            accepted["uncloudy by the quality word"] = ((layers["qc_250m"] >> 2) & 3).isin([0, 3])
    if not quality_mask or not accepted:
        return value, "none: not asked for" if accepted else "none: no quality layer among the files"
    for mask in accepted.values():
        value = value.where(mask)
    return value, "; ".join(accepted)


def _clear(state: xr.DataArray) -> xr.DataArray:
    """Say where M?D09 saw no cloud (bits 0-1: 0, or 3, assumed clear; bit 10), shadow (2) or snow (12, 15)."""
    return (state & 3).isin([0, 3]) & ((state & np.uint16(1 << 2 | 1 << 10 | 1 << 12 | 1 << 15)) == 0)


def _good_bands(quality: xr.DataArray, band_bits: int) -> xr.DataArray:
    """Say where M?D09 produced both bands (bits 0-1: 0, 1) in the highest quality (the bits of both bands: 0)."""
    return ((quality & 3) <= 1) & ((quality & np.uint16(band_bits)) == 0)
