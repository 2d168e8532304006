"""GMTSAR: unwrapped interferograms in longitude and latitude, one folder a pair, whose name counts days of the year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, QtpDataError, check_wavelength, require_option
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import AS_DELIVERED, as_paths, no_duplicates, told_of
from qtp_toolkit.load.files.dates import match_names, ymd
from qtp_toolkit.load.files.headers import Header, headers, nodata_values
from qtp_toolkit.load.files.limits import stored_scale
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.quantity import Quantity, refuse_not_phase
from qtp_toolkit.load.insar.stack import Pair, Stored, Wavelength, one_wavelength, stack_of, with_orbit

_PAIR = r"(?<!\d)(?P<reference>\d{7})_(?P<secondary>\d{7})(?!\d)"
_WAVELENGTH = re.compile(r"^radar_wavelength\s*=\s*([\d.]+)", re.MULTILINE)


def gmtsar(
    phase: Sequence[Path],
    *,
    first_day: Literal[0, 1] = 0,
    require_coherence: bool = True,
    extent: Literal["same", "intersection"] = "same",
    wavelength: Wavelength | None = None,
    usual_wavelength: Wavelength = SENTINEL1_WAVELENGTH,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open pairs of GMTSAR: ``intf_all/2018005_2018017/unwrap_ll.grd`` beside ``corr_ll.grd``.

    Parameters
    ----------
    phase : sequence of path
        The unwrapped grids in longitude and latitude, masked or not; NetCDF of any kind.
    first_day : {0, 1}
        What 1 January counts in the names of the folders: 0 for Sentinel-1, TerraSAR-X, COSMO-SkyMed and RADARSAT-2,
        where ``2018005`` is 6 January; 1 for ALOS, Envisat and ERS. The files do not tell.
    require_coherence : bool
        As for :func:`interferograms`.
    extent : {"same", "intersection"}
        As for :func:`interferograms`.
    wavelength : float, optional
        m; refused where a ``.PRM`` in the folder of the first pair tells another one.
    usual_wavelength : float
        m; what holds where neither tells it.
    chunks : dict, optional

    Returns
    -------
    xarray.Dataset
        As :func:`interferograms`: phase as it is, since GMTSAR's counts away from the satellite for (earlier, later).
        NaN is missing, 0 is a phase. Lazy.

    Raises
    ------
    QtpDataError
        C10: no file; I27: folders without two dates; I19: a pair twice; I03: no ``corr_ll.grd``; M05: grids in radar
        geometry, or unreadable; I05 to I08, I20: unlike grids; I10 to I12: wrapped phase, displacement, another unit;
        M11: decimals with a scale; I15: a wavelength that is not in m, or two.

    Examples
    --------
    >>> latitude, longitude = xr.Variable("lat", [35.0, 34.9]), xr.Variable("lon", [93.0, 93.1])
    >>> latitude.attrs["units"], longitude.attrs["units"] = "degrees_north", "degrees_east"
    >>> grid = xr.Dataset({"z": (("lat", "lon"), np.full((2, 2), 0.5, "f4"))}, {"lat": latitude, "lon": longitude})
    >>> pair = folder / "2018005_2018017"
    >>> pair.mkdir()
    >>> for name in ("unwrap_ll.grd", "corr_ll.grd"):
    ...     grid.to_netcdf(pair / name, engine="h5netcdf")
    >>> str(load.gmtsar([pair / "unwrap_ll.grd"])["reference"].values[0])[:10]
    '2018-01-06'
    """
    require_option("first_day", first_day, (0, 1))
    paths = as_paths(phase)
    if not paths:
        raise QtpDataError("no interferogram is given", expected="one file or more", code="C10")
    matches = match_names(paths, _PAIR, "no two days of the year in its folder", "GMTSAR pair", hint=AS_DELIVERED)
    ends = [
        [_day(match[end], path, first_day) for end in ("reference", "secondary")]
        for match, path in zip(matches, paths, strict=True)
    ]
    pairs = [Pair(first, second, header) for (first, second), header in zip(ends, headers(paths), strict=True)]
    pairs.sort(key=lambda pair: pair.dates)
    refuse_not_phase([Quantity.of(pair.header) for pair in pairs])
    no_duplicates([f"{p.dates[0]} {p.dates[1]}" for p in pairs], [p.header.path for p in pairs], "pair", "I19")
    beside = [pair.header.path.with_name("corr_ll.grd") for pair in pairs]
    lacking = [path for path in beside if not path.is_file()]
    if lacking and require_coherence:
        raise QtpDataError(
            f"{len(lacking)} of {len(pairs)} pairs have no corr_ll.grd",
            where=told_of([path.parent.name for path in lacking], total=len(pairs)),
            hint="Geocode the coherence too, or set parameters.coherence: optional for unit weights.",
            code="I03",
        )
    gamma = headers([path for path in beside if path not in lacking])
    found = iter(gamma)
    stack = stack_of(
        pairs,
        _stored([pair.header for pair in pairs]),
        [None if path in lacking else next(found) for path in beside],
        _stored(gamma),
        extent=extent,
        wavelength=one_wavelength(_wavelength(paths[0].parent), wavelength) or usual_wavelength,
        chunks=chunks,
    )
    return with_orbit(stack, [], producer="GMTSAR", estimated_from=None)


def _stored(found: Sequence[Header]) -> Stored:
    """Whole numbers by the scale that GMT packed them with, and without its fill value; decimals as they are."""
    scale, offset = stored_scale(found, 1, None, None)
    return Stored(Decode(nodata_values(found, None), scale, offset))


def _day(text: str, path: Path, first_day: int) -> np.datetime64:
    return ymd(f"{text[:4]}{int(text[4:]) - first_day + 1:03d}", path)


def _wavelength(folder: Path) -> float | None:
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.PRM")))
    said = next((match for match in map(_WAVELENGTH.search, texts) if match), None)
    if said is None:
        return None
    check_wavelength(float(said[1]))
    return float(said[1])
