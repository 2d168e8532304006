"""VIIRS land surface temperature, whatever form the files come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import xarray as xr
from pydantic import Field

from qtp_toolkit.catalog.options import Fraction
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.temperature import delivered
from qtp_toolkit.load.temperature.delivered import Files, Wishes

Sensors = Annotated[Sequence[Literal["snpp", "noaa20"]], Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]


def viirs_lst(
    paths: Files,
    *,
    chunks: Chunks | None = None,
    sensors: Sensors | None = None,
    max_gap: Count | None = 3,
    duplicates: Literal["error", "newest"] = "error",
    mixed_collections: bool = False,
    area: Sequence[float] | None = None,
    min_cover: Fraction | None = None,
    view_times: bool = False,
) -> xr.Dataset:
    """Open VIIRS land surface temperature of Suomi NPP and NOAA-20, day and night, with its quality bytes.

    Products VNP21A2 and VJ121A2 (8 days, 1 km, on the tiles and in the calendar of MODIS). They pass at about 13:30 and
    01:30 local solar time. Temperatures are stored as those of MODIS are; the quality bytes are **not**: their highest
    bits count from poor to excellent, where those of MOD11 count from good to bad, so names and attributes keep them
    apart.

    Parameters
    ----------
    paths : sequence of path
        HDF-EOS5 granules (``VNP21A2.A2016001.h25v05.002.*.h5``, or renamed: product, date and production date are read
        from the attributes of the file and only where those are silent from the name, and tiles are placed by
        StructMetadata and joined), or what AppEEARS makes of them, GeoTIFF or NetCDF. A mapping of roles to files is
        flattened.
    chunks, max_gap, duplicates, mixed_collections, area, min_cover, view_times
        As in :func:`modis_lst`.
    sensors : sequence of {"snpp", "noaa20"}, optional
        Those that must be there; by default those that are.

    Returns
    -------
    xarray.Dataset
        ``snpp_day``, ``snpp_night``, ``noaa20_day``, ``noaa20_night`` (time, y, x), degC, float32, NaN where the file
        holds fill or leaves the valid range; ``qc_snpp_day`` ... uint8, never NaN (3, not produced, where a sensor has
        no composite), with the attribute ``quality_bits`` = ``VNP21``, by which :func:`qtp_toolkit.lst.mask_quality`
        reads them. Lazy; ``time`` and attrs as in :func:`modis_lst`.

    Raises
    ------
    QtpDataError
        As :func:`modis_lst`; of HDF5 a file that is cut short is M05.

    Examples
    --------
    >>> stored = {"LST_Day_1KM": 13658, "LST_Night_1KM": 13000, "QC_Day": 192, "QC_Night": 192}
    >>> kinds = {name: "uint8" if name[:2] == "QC" else "uint16" for name in stored}
    >>> names = {name: f"VNP21A2.002_{name}_doy2019001_aid0001.tif" for name in stored}
    >>> paths = [geotiff(names[key], np.full((2, 2), value, kinds[key])) for key, value in stored.items()]
    >>> lst = load.viirs_lst(paths)
    >>> round(float(lst["snpp_day"][0, 0, 0]), 2), lst["qc_snpp_day"].attrs["quality_bits"]
    (0.01, 'VNP21')
    """
    wishes = Wishes(chunks, sensors, max_gap, duplicates, mixed_collections, area, min_cover, view_times)
    return delivered.temperatures(paths, "viirs", wishes, quality="qc_viirs", bits="VNP21")
