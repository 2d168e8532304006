"""Stacks of unwrapped interferograms and coherence: what every producer's files are brought to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import xarray as xr
from pydantic import Field

from qtp_toolkit.catalog.options import Positive
from qtp_toolkit.conventions import PAIR, SENTINEL1_WAVELENGTH, QtpDataError, describe
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import no_duplicates, refuse_bad
from qtp_toolkit.load.files.dates import PairPattern, match_names, ymd
from qtp_toolkit.load.files.headers import Header, headers
from qtp_toolkit.load.files.tiff import Decode, lazy_stack, same_grid

PATTERN = r"(?P<reference>\d{8})(?:T\d{6})?[-_](?P<secondary>\d{8})(?:T\d{6})?"
"""Two dates of eight digits, each perhaps with a time, joined by - or _: HyP3, LiCSAR, GAMMA, ISCE and many more."""


_SIGNS = {"positive_away": 1.0, "positive_toward": -1.0}
_RADIANS = ("", "rad", "radian", "radians")


class Pair(NamedTuple):
    """One interferogram file and its dates as the file names them."""

    first: np.datetime64
    second: np.datetime64
    header: Header

    @property
    def dates(self) -> tuple[np.datetime64, np.datetime64]:
        """Earlier and later date."""
        return min(self.first, self.second), max(self.first, self.second)


def interferograms(
    phase: Sequence[Path],
    *,
    coherence: Sequence[Path] | None = None,
    pattern: PairPattern | None = None,
    nodata: float | None = 0.0,
    coherence_nodata: float | None = None,
    phase_sign: Literal["positive_away", "positive_toward"] = "positive_away",
    require_coherence: bool = True,
    coherence_scale: Positive | None = None,
    wavelength: Annotated[float, Field(ge=0.01, le=1.0)] | None = None,
    extent: Literal["same", "intersection"] = "same",
    baselines: Sequence[float] | None = None,
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open a stack of unwrapped interferograms, one GeoTIFF a pair.

    Parameters
    ----------
    phase : sequence of path
        Unwrapped phase, rad.
    coherence : sequence of path, optional
        Coherence; matched to the phase by the dates in the names.
    pattern : str, optional
        Regular expression with the groups ``reference`` and ``secondary`` (YYYYMMDD); by default :data:`PATTERN`.
    nodata : float, optional
        Value of the phase that means no data beside the files' own tags: 0 for HyP3, GAMMA, ISCE.
    coherence_nodata : float, optional
        The same for the coherence.
    phase_sign : {"positive_away", "positive_toward"}
        Direction of motion that positive phase in the files means. The toolkit's is away from the satellite
        (``phase = -(4 pi / wavelength) * displacement``, displacement positive toward it); the other is negated.
    require_coherence : bool
        Whether pairs without a coherence file are refused. Otherwise their coherence is 1 (unit weight), and attrs
        count them.
    coherence_scale : float, optional
        Stored to 0..1; by default 1/255 for uint8 and 1 otherwise.
    wavelength : float, optional
        m; by default the tag WAVELENGTH_METRES of the files, else that of Sentinel-1.
    extent : {"same", "intersection"}
        Whether aligned grids of unlike extent are refused or cropped to what they share.
    baselines : sequence of float, optional
        Perpendicular baselines in the order of ``phase``, m, NaN where unknown.
    chunks : dict, optional
        By default all pairs and rows to about 128 MB.

    Returns
    -------
    xarray.Dataset
        ``phase`` (pair, y, x), rad, and ``coherence`` (pair, y, x), 0..1, float32, lazy, NaN where there is no data
        or it is infinite, and where it leaves 0..1 or -1000..1000 rad, as undeclared fill values do; coords
        ``reference`` < ``secondary`` (pair), ``perpendicular_baseline`` (pair) if given; attrs ``wavelength``. Pairs
        are sorted by date. A pair written later-earlier is turned round and its phase negated.

    Raises
    ------
    QtpDataError
        All unreadable files at once; names without dates (I27); a pair of one date (I18); a pair twice (I19); missing
        coherence files (I03); unlike grids (I05 to I07, I20); complex or integer phase, degrees (I11); lengths (I12); a
        wavelength that is not in m (I15); an unknown sign (I16). When computed: I11, I04, if the values of a file as a
        whole leave the physical range.

    Examples
    --------
    >>> names = ("20180819_20180831", "20180831_20180912")
    >>> paths = [geotiff(f"{name}.unw.tif", np.full((2, 3), 4.0, "float32")) for name in names]
    >>> stack = load.interferograms(paths)
    >>> stack["phase"].sizes["pair"], stack["phase"].attrs["units"]
    (2, 'rad')
    """
    if phase_sign not in _SIGNS:
        raise QtpDataError("unknown phase_sign", expected=f"one of {list(_SIGNS)}", found=repr(phase_sign), code="I16")
    expression = pattern or PATTERN
    pairs = _pairs(headers(phase), expression)
    _refuse_not_phase(pairs)
    order = sorted(range(len(pairs)), key=lambda k: pairs[k].dates)  # baselines come in the files' order
    pairs = [pairs[k] for k in order]
    found = [p.header for p in pairs]
    grid = same_grid(found, extent=extent)
    decode = Decode(nodata=_nodata(nodata, found))
    turned = np.array([p.first > p.second for p in pairs])
    sign = np.where(turned, -1.0, 1.0) * _SIGNS[phase_sign]
    values = lazy_stack(found, grid, decode, dim=PAIR, chunks=chunks, variable="phase", factors=sign)
    coords = {
        "reference": (PAIR, np.array([p.dates[0] for p in pairs], "datetime64[ns]")),
        "secondary": (PAIR, np.array([p.dates[1] for p in pairs], "datetime64[ns]")),
    }
    out = {"phase": describe(values, "phase")}
    notes: dict[str, object] = {"pairs_turned_round": int(turned.sum())}
    if coherence is not None:
        scale, lacking, array = _coherence(
            coherence,
            pairs,
            grid,
            expression,
            nodata=coherence_nodata,
            scale=coherence_scale,
            extent=extent,
            required=require_coherence,
            chunks=chunks,
        )
        out["coherence"] = describe(array, "coherence")
        notes |= {"coherence_scale": scale, "pairs_without_coherence": lacking}
    data = xr.Dataset(out).assign_coords(coords)
    if baselines is not None:
        own = describe(xr.DataArray(np.asarray(baselines, float)[order], dims=PAIR), "perpendicular_baseline")
        data = data.assign_coords(perpendicular_baseline=own)
    data["phase"].attrs["wavelength"] = _wavelength(pairs, wavelength)
    return data.assign_attrs(notes, wavelength=data["phase"].attrs["wavelength"])


def _pairs(found: Sequence[Header], expression: str) -> list[Pair]:
    what = f"interferogram by the pattern {expression!r}"
    matches = match_names([h.path for h in found], expression, "no two dates in its name", what)
    pairs = [
        Pair(ymd(m["reference"], h.path), ymd(m["secondary"], h.path), h) for h, m in zip(found, matches, strict=True)
    ]
    zero = [(p.header.path, f"both dates are {p.first}") for p in pairs if p.first == p.second]
    refuse_bad(zero, "pair of two dates", total=len(pairs), code="I18")
    names = [f"{p.dates[0]} {p.dates[1]}" for p in pairs]
    no_duplicates(names, [p.header.path for p in pairs], "pair", "I19")
    return pairs


def _refuse_not_phase(pairs: Sequence[Pair]) -> None:
    """Refuse what the type or the unit tag of a file rules out: complex and whole numbers, degrees, lengths."""
    bad = [(p.header.path, f"holds {p.header.dtype}") for p in pairs if not p.header.dtype.startswith("float")]
    refuse_bad(bad, "unwrapped phase in rad (decimal numbers)", total=len(pairs), code="I11")
    units = [(p.header.path, p.header.tags["UNIT"]) for p in pairs]
    odd = [(path, f"its unit is {unit!r}") for path, unit in units if unit.lower() not in _RADIANS]
    degrees = any(unit.lower().startswith("deg") for _, unit in units)
    refuse_bad(odd, "phase in rad", total=len(pairs), code="I11" if degrees else "I12")


def _coherence(
    paths: Sequence[Path],
    pairs: Sequence[Pair],
    grid: Header,
    expression: str,
    *,
    nodata: float | None,
    scale: float | None,
    extent: str,
    required: bool,
    chunks: Chunks | None,
) -> tuple[float, int, xr.DataArray]:
    by_dates = {p.dates: p.header for p in _pairs(headers(paths), expression)}
    found = [by_dates.get(p.dates) for p in pairs]
    lacking = [f"{p.dates[0]} {p.dates[1]}" for p, header in zip(pairs, found, strict=True) if header is None]
    if lacking and required:
        raise QtpDataError(
            f"{len(lacking)} of {len(pairs)} pairs have no coherence file",
            where="; ".join(lacking),
            code="I03",
            hint="Get them, or set parameters.coherence: optional for unit weights where they are missing.",
        )
    present = [h for h in found if h is not None]
    if present:
        same_grid([grid, *present], extent="intersection" if extent == "intersection" else "same")
    stored = {h.dtype for h in present}
    if scale is None:
        scale = 1 / 255 if stored == {"uint8"} else 1.0
    decode = Decode(nodata=_nodata(nodata, present), scale=scale)
    array = lazy_stack(found, grid, decode, dim=PAIR, chunks=chunks, variable="coherence", absent=1.0)
    return float(scale), len(lacking), array


def _nodata(given: float | None, found: Sequence[Header]) -> tuple[float, ...]:
    """Values that mean no data: the given one, and the tags of the files."""
    return tuple(sorted({value for value in (given, *(h.nodata for h in found)) if value is not None}))


def _wavelength(pairs: Sequence[Pair], given: float | None) -> float:
    tags = {p.header.tags["WAVELENGTH_METRES"] for p in pairs if "WAVELENGTH_METRES" in p.header.tags}
    if given is None and len(tags) > 1:
        raise QtpDataError(
            "the files give different wavelengths", found=sorted(tags), hint="Set parameters.wavelength."
        )
    value = float(given if given is not None else tags.pop() if tags else SENTINEL1_WAVELENGTH)
    if not 0.01 <= value <= 1.0:
        raise QtpDataError("wavelength is not in meters", expected="0.01 to 1 m", found=value, code="I15")
    return value
