"""GACOS: zenith delays of the troposphere, one file a date."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import TIME, QtpDataError, X, Y, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import AS_DELIVERED, as_paths, no_duplicates, refuse_bad
from qtp_toolkit.load.files.dates import match_names, ymd
from qtp_toolkit.load.files.grids import descending, on_grid
from qtp_toolkit.load.files.headers import Header, headers, nodata_values
from qtp_toolkit.load.files.raw import RawBand, lazy_raw, raw_bands, rsc
from qtp_toolkit.load.files.tiff import Decode, lazy_stack, same_grid

_DATE = r"(?<!\d)(?P<day>\d{8})(?!\d)"
_PLACE = ("X_FIRST", "Y_FIRST", "X_STEP", "Y_STEP")


def gacos(
    paths: Sequence[Path],
    *,
    registration: Literal["corner", "center"] | None = None,
    chunks: Chunks | None = None,
) -> xr.DataArray:
    r"""Open zenith delays of GACOS: ``YYYYMMDD.ztd`` beside ``YYYYMMDD.ztd.rsc``, or ``YYYYMMDD.ztd.tif``.

    Parameters
    ----------
    paths : sequence of path
        One a date.
    registration : {"corner", "center"}, optional
        What ``X_FIRST`` and ``Y_FIRST`` of a ``.ztd.rsc`` are: the outer corner of the first pixel (as MintPy and
        PyGdalSAR take them) or its center (as LiCSBAS does). The files do not tell, and it is half a cell, some 45 m:
        so it must be said. A GeoTIFF tells it, and refuses to be told.
    chunks : dict, optional

    Returns
    -------
    xarray.DataArray
        ``zenith_delay`` (time, y, x), m, in the *zenith* and of each date alone: divide by the cosine of the incidence
        for the line of sight, and take the difference of two dates for a pair. EPSG:4326 for ``.ztd``. ``time`` with
        the hour where all headers tell it. 0 is missing. Lazy.

    Raises
    ------
    QtpDataError
        C10: no file; I27: names without a date; I19: a date twice; M05: unreadable; I05: nobody says what the corner
        is, or somebody says it of a GeoTIFF; I05, I06, I08, I09, I20: unlike grids, or latitude along x; M11, when
        computed: values that are no delay in m.

    Examples
    --------
    >>> np.full((1, 2), 1.5, "<f4").tofile(folder / "20180819.ztd")
    >>> text = "WIDTH 2\nFILE_LENGTH 1\nX_FIRST 93\nY_FIRST 35\nX_STEP 0.1\nY_STEP -0.1\n"
    >>> _ = (folder / "20180819.ztd.rsc").write_text(text)
    >>> load.gacos([folder / "20180819.ztd"], registration="corner")["x"].values.round(2).tolist()
    [93.05, 93.15]
    """
    files = [path for path in as_paths(paths) if path.suffix.lower() != ".rsc"]  # headers, read from beside
    if not files:
        raise QtpDataError("no delay is given", expected="one file or more", code="C10")
    matches = match_names(files, _DATE, "no date in its name", "delay of one date", hint=AS_DELIVERED)
    rows = sorted(zip([ymd(m["day"], p) for m, p in zip(matches, files, strict=True)], files, strict=True))
    days, files = [day for day, _ in rows], [path for _, path in rows]
    no_duplicates(days, files, "date", "I19")
    bare = [path.suffix.lower() == ".ztd" for path in files]
    if any(bare) and not all(bare):
        odd = [(path, "lies beside GeoTIFFs") for path, is_bare in zip(files, bare, strict=True) if is_bare]
        refuse_bad(odd, "GeoTIFF", total=len(files), code="M05", hint="Give all dates in one form.")
    if registration is not None and not any(bare):
        raise QtpDataError(
            "a GeoTIFF tells where its pixels lie: nothing is left to say",
            path=files[0],
            found=f"registration: {registration}",
            hint="Leave parameters.registration out.",
            code="I05",
        )
    if all(bare):
        array = _bare(files, registration, chunks)
        times = [_time(day, path) for day, path in zip(days, files, strict=True)]
        days = [time for time in times if time is not None] if None not in times else days
    else:
        found = headers(files)
        how = Decode((0.0, *nodata_values(found, None)))
        array = lazy_stack(found, same_grid(found), how, dim=TIME, chunks=chunks, variable="zenith_delay")
    array = array.assign_coords({TIME: np.array(days, "datetime64[ns]")})
    return describe(array, "zenith_delay", **({"registration": registration} if registration else {}))  # type: ignore[arg-type]


def _bare(files: Sequence[Path], registration: str | None, chunks: Chunks | None) -> xr.DataArray:
    if registration not in ("corner", "center"):
        raise QtpDataError(
            "nothing tells whether X_FIRST of a .ztd is a corner or a center",
            path=files[0],
            found=registration,
            expected="corner or center",
            hint="Set parameters.registration; half a cell, some 45 m, hangs on it.",
            code="I05",
        )
    all_bands = [raw_bands(path) for path in files]
    odd = [
        (path, f"{len(own)} bands, or numbers of twice the size")
        for path, own in zip(files, all_bands, strict=True)
        if len(own) > 1
    ]
    refuse_bad(odd, "delay: one band of decimals", total=len(files), code="M05")
    bands = [own[0] for own in all_bands]
    grids = [_grid(band, registration) for band in bands]
    crs, (dx, _, left, _, dy, top) = same_grid(grids).crs, grids[0].transform
    turned = [(g.path, "runs the other way") for g in grids if g.transform[4] * dy < 0]
    refuse_bad(turned, "delay whose rows run as those of the first", total=len(files), code="I09")
    array = lazy_raw(bands, Decode((0.0,)), dim=TIME, chunks=chunks, variable="zenith_delay")
    coords = {Y: top + (np.arange(array.sizes[Y]) + 0.5) * dy, X: left + (np.arange(array.sizes[X]) + 0.5) * dx}
    return descending(on_grid(array.data, (TIME, Y, X), coords, crs))


def _header(path: Path) -> dict[str, str]:
    return rsc(path.with_name(path.name + ".rsc"))


def _grid(band: RawBand, registration: str) -> Header:
    """Place of a delay, by the header beside it."""
    from pyproj import CRS  # noqa: PLC0415  slow to import

    said = _header(band.path)
    try:
        left, top, dx, dy = (float(said[key]) for key in _PLACE)
    except (KeyError, ValueError):
        what = "the header of a delay does not tell its place"
        expected = ", ".join(_PLACE)
        raise QtpDataError(what, path=band.path, expected=expected, found=sorted(said), code="M05") from None
    half = 0.0 if registration == "corner" else 0.5
    corner = (dx, 0.0, left - half * dx, 0.0, dy, top - half * dy)
    crs = CRS.from_epsg(4326).to_wkt()
    return Header(band.path, band.height, band.width, corner, crs, "float32", None, (1, band.width), None, {})


def _time(day: np.datetime64, path: Path) -> np.datetime64 | None:
    """Day and hour, as in ``TIME_OF_DAY 12.350000UTC``; None where the header does not tell."""
    match = re.match(r"\s*([\d.]+)", _header(path).get("TIME_OF_DAY", ""))
    return None if match is None else day.astype("M8[s]") + np.timedelta64(round(float(match[1]) * 3600), "s")
