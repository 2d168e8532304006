"""Stacks of unwrapped interferograms and coherence: what every producer's files are brought to."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_time
from qtp_toolkit.catalog.options import Band, Positive
from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, QtpDataError, check_wavelength, require_option
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import as_paths, no_duplicates, refuse_bad, told_of, unpacked
from qtp_toolkit.load.files.dates import PairPattern, match_names, pair_expression, ymd
from qtp_toolkit.load.files.headers import Header, headers, nodata_values
from qtp_toolkit.load.files.limits import stored_scale
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.quantity import Quantity, refuse_not_phase
from qtp_toolkit.load.insar.stack import Pair, Stored, Wavelength, coherence_notes, one_wavelength, stack_of

_DATE = r"\d{8}|\d{4}-\d{2}-\d{2}|\d{2}[A-Za-z]{3}\d{4}"
_CLOCK = r"(?:[Tt]\d{4}(?:\d{2})?[Zz]?)?"
PATTERN = rf"(?<!\d)(?P<reference>{_DATE}){_CLOCK}[-_](?P<secondary>{_DATE}){_CLOCK}(?!\d)"
"""Two dates, as 20180106, 2018-01-06 or 06Jan2018, each perhaps with a time, joined by - or _: HyP3, LiCSAR, GAMMA,
ISCE, SNAP and many more."""

_SIGNS = {"positive_away": 1.0, "positive_toward": -1.0}


def interferograms(
    phase: Sequence[Path],
    *,
    coherence: Sequence[Path] | None = None,
    pattern: PairPattern | None = None,
    nodata: float | Sequence[float] | None = 0.0,
    coherence_nodata: float | Sequence[float] | None = None,
    band: Band | None = None,
    scale_factor: Positive | None = None,
    phase_sign: Literal["positive_away", "positive_toward"] = "positive_away",
    require_coherence: bool = True,
    coherence_scale: Positive | None = None,
    coherence_band: Band | None = None,
    coherence_from: Literal["filtered", "unfiltered"] | None = None,
    wavelength: Wavelength | None = None,
    usual_wavelength: Wavelength = SENTINEL1_WAVELENGTH,
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
        Regular expression with the groups ``reference`` and ``secondary``, each a date in any usual spelling, year
        first; by default :data:`PATTERN`. Looked for in the name of a file, else of its folder.
    nodata : float or sequence of float, optional
        Stored values of the phase that mean no data beside the files' own tags: 0 for HyP3, GAMMA, ISCE. None: zeros
        are phase, whatever the tags say.
    coherence_nodata : float or sequence of float, optional
        The same for the coherence.
    band : int, optional
        Band of the phase, from 1; needed where files have several, as ISCE's of amplitude and phase (2).
    scale_factor : float, optional
        Stored to rad; by default what the tags of whole numbers say, or 1. It overrules tags of scale and unit.
    phase_sign : {"positive_away", "positive_toward"}
        Direction of motion that positive phase in the files means. The toolkit's is away from the satellite
        (``phase = -(4 pi / wavelength) * displacement``, displacement positive toward it); the other is negated.
    require_coherence : bool
        Whether pairs without a coherence file are refused. Otherwise their coherence is 1 (unit weight), and attrs
        count them.
    coherence_scale : float, optional
        Stored to 0..1; by default what the tags of whole numbers say, else 1/255 for uint8 and 1 otherwise.
    coherence_band : int, optional
        As ``band``.
    coherence_from : {"filtered", "unfiltered"}, optional
        What the coherence was estimated from; by default what the tag COHERENCE_FROM of the files says. Filters raise
        it, so weights that take it for that of the noise warn of the former.
    wavelength : float, optional
        m; by default the tag WAVELENGTH_METRES of the files, which must agree; refused where the files tell another.
    usual_wavelength : float
        m; what holds where neither tells it.
    extent : {"same", "intersection"}
        Whether aligned grids of unlike extent are refused or cropped to what they share.
    baselines : sequence of float, optional
        Perpendicular baselines in the order of ``phase``, m, second date of the name minus first, NaN where unknown.
    chunks : dict, optional
        By default all pairs and rows to about 128 MB.

    Returns
    -------
    xarray.Dataset
        ``phase`` (pair, y, x), rad, and ``coherence`` (pair, y, x), 0..1, float32, lazy, NaN where there is no data
        (by value, tag or mask) or it is infinite, and where it leaves 0..1 or -1000..1000 rad, as undeclared fill
        values do; coherence up to 1.05 is taken for 1. Coords
        ``reference`` < ``secondary`` (pair), ``perpendicular_baseline`` (pair) if given; attrs ``wavelength``. Pairs
        are sorted by date. A pair written later-earlier is turned round, its phase and its baseline negated.

    Raises
    ------
    QtpDataError
        No files (C10); all unreadable files at once; names without dates, or with those of several pairs where no
        pattern says which (I27); a pair of one date (I18); a pair twice (I19); missing coherence files (I03); unlike
        grids (I05 to I07, I20); complex numbers, whole ones without a scale, several bands, degrees (I11); lengths
        (I12); decimals with a scale tag (M11); a wavelength that is not in m, or two (I15); an unknown sign, or
        ``positive_toward`` of files that are turned by their dates already (I16). When computed: I11, I04, if the
        values of a file as a whole leave the physical range.

    Warns
    -----
    UserWarning
        A setting overrules a tag of the files: ``nodata=None`` a tag of 0, a scale the tags of scale and unit.

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
    require_option("extent", extent, ("same", "intersection"))
    expression = pair_expression(pattern) if pattern else PATTERN
    phase = as_paths(phase)
    if not phase:
        raise QtpDataError("no interferogram is given", expected="one file or more", code="C10")
    pairs = _pairs(headers(phase), expression)
    which = _one_band([p.header for p in pairs], band, "band")
    told = [Quantity.of(pair.header, which) for pair in pairs]
    refuse_not_phase(told, scale_factor=scale_factor, scalable=True)
    order = sorted(range(len(pairs)), key=lambda k: pairs[k].dates)  # baselines come in the files' order
    pairs = [pairs[k] for k in order]
    found = [p.header for p in pairs]
    _refuse_two_turns(pairs, phase_sign)
    gamma = None if coherence is None else _match_coherence(coherence, pairs, expression, required=require_coherence)
    scale, offset = stored_scale(found, which, scale_factor, "scale_factor")
    missing = _nodata(nodata, found, aloud=nodata is None)
    stored = Stored(Decode(missing, scale, offset, settings="scale_factor"), which)
    out = stack_of(
        pairs,
        stored,
        gamma,
        None if gamma is None else _stored_coherence(gamma, coherence_nodata, coherence_band, coherence_scale),
        sign=_SIGNS[phase_sign],
        extent=extent,
        baselines=None if baselines is None else np.asarray(baselines, float)[order],
        wavelength=_wavelength(pairs, wavelength) or usual_wavelength,
        chunks=chunks,
    )
    if "coherence" in out:
        out["coherence"].attrs |= coherence_notes(gamma or (), coherence_from)
    return out


def _stored_coherence(
    gamma: Sequence[Header | None],
    nodata: float | Sequence[float] | None,
    band: int | None,
    scale_factor: float | None,
) -> Stored:
    """How the coherence lies in its files: bytes without a scale are 255ths."""
    present = [header for header in gamma if header is not None]
    which = _one_band(present, band, "coherence_band")
    scale, offset = stored_scale(present, which, scale_factor, "coherence_scale")
    plain = scale_factor is None and (scale, offset) == (1.0, 0.0)
    # file by file: a series may go on in another type than it began
    factors = [1 / 255 if plain and h is not None and h.dtype == "uint8" else 1.0 for h in gamma]
    return Stored(Decode(_nodata(nodata, present), scale, offset, settings="coherence_scale"), which, tuple(factors))


def _refuse_two_turns(pairs: Sequence[Pair], phase_sign: str) -> None:
    """Refuse to turn files twice: where most name the later date first, that makes positive mean toward (I16)."""
    late = sum(pair.first > pair.second for pair in pairs)
    if phase_sign == "positive_toward" and late > len(pairs) / 2:
        raise QtpDataError(
            f"{late} of {len(pairs)} pairs are named later-earlier and their phase is said to be positive toward the "
            "satellite",
            path=pairs[0].header.path,
            expected="one of both: turned round for the order of its dates, it would be turned back for its sign",
            hint="Leave phase_sign out: products such as ARIA's count toward because their later date comes first.",
            code="I16",
        )


def _pairs(found: Sequence[Header], expression: str) -> list[Pair]:
    what = f"interferogram by the pattern {expression!r}"
    matches = match_names([h.path for h in found], expression, "no two dates in its name", what)
    pairs = [
        Pair(ymd(m["reference"], h.path), ymd(m["secondary"], h.path), h) for h, m in zip(found, matches, strict=True)
    ]
    unsure = [
        (h.path, f"{m['reference']} and {m['secondary']} may be written day first")
        for h, m in zip(found, matches, strict=True)
        if _is_closer_day_first(m["reference"], m["secondary"])
    ]
    refuse_bad(unsure, "pair of dates with the year first", total=len(found), code="I27")
    if expression == PATTERN:
        several = [(h.path, _other_pairs(m)) for h, m in zip(found, matches, strict=True)]
        refuse_bad([(path, text) for path, text in several if text], "name of one pair", total=len(found), code="I27")
    grids = [
        (h.path, "GMTSAR counts the days of a year from 0")
        for h, m in zip(found, matches, strict=True)
        if len(m["reference"]) == 7 and h.path.name.startswith("unwrap")
    ]
    hint = "Open its unwrap_ll.grd by driver gmtsar, or name the folders by whole dates."
    refuse_bad(grids, "pair whose days of the year count from 1", total=len(found), code="I27", hint=hint)
    zero = [(p.header.path, f"both dates are {p.first}") for p in pairs if p.first == p.second]
    refuse_bad(zero, "pair of two dates", total=len(pairs), code="I18")
    names = [f"{p.dates[0]} {p.dates[1]}" for p in pairs]
    no_duplicates(names, [p.header.path for p in pairs], "pair", "I19")
    return pairs


def _other_pairs(match: re.Match[str]) -> str:
    """Say which pairs a name gives beside the one that was found, as a date of processing before or after it does."""
    found = {frozenset(m.group("reference", "secondary")) for m in re.finditer(f"(?={PATTERN})", match.string)}
    return f"may be any of {sorted('/'.join(sorted(pair)) for pair in found)}" if len(found) > 1 else ""


def _is_closer_day_first(first: str, second: str) -> bool:
    """Whether two dates of six digits lie nearer to each other if their day is written first."""
    if any(len(text) != 6 or not text.isdigit() for text in (first, second)):
        return False
    try:
        turned = [read_time(text[4:] + text[2:4] + text[:2]) for text in (first, second)]
        return bool(abs(turned[1] - turned[0]) < abs(read_time(second) - read_time(first)))
    except ValueError:
        return False


def _one_band(found: Sequence[Header], band: int | None, option: str) -> int:
    """Which band to read; files of several are refused where nobody says."""
    if band is not None and band < 1:
        raise QtpDataError("bands are counted from 1", found=band, where=f"parameters.{option}", code="I11")
    several = [(h.path, f"has {h.bands} bands") for h in found if h.bands > 1 or (band or 1) > h.bands]
    if band is None or any(band > h.bands for h in found):
        hint = f"Say which with parameters.{option}, e.g. 2 where band 1 is the amplitude (ISCE)."
        refuse_bad(several, "file of one band", total=len(found), code="I11", hint=hint)
    return band or 1


def _match_coherence(
    paths: Sequence[Path], pairs: Sequence[Pair], expression: str, *, required: bool
) -> list[Header | None]:
    """Coherence of each pair by its dates, None where there is no file."""
    by_dates = {p.dates: p.header for p in _pairs(headers(paths), expression)}
    found = [by_dates.get(p.dates) for p in pairs]
    lacking = [f"{p.dates[0]} {p.dates[1]}" for p, header in zip(pairs, found, strict=True) if header is None]
    if lacking and required:
        raise QtpDataError(
            f"{len(lacking)} of {len(pairs)} pairs have no coherence file",
            where=told_of(lacking, total=len(pairs)),
            code="I03",
            hint="Get them, or set parameters.coherence: optional for unit weights where they are missing.",
        )
    return found


def companion(phase: Path, own: str, other: str) -> Path:
    """Path of another layer of a product: the part ``own`` of its name exchanged for ``other``.

    Raises
    ------
    QtpDataError
        I03: the name has no such part, so that its other layers cannot be known.
    """
    path = Path(phase)
    if own not in path.name:
        raise QtpDataError(
            f"no name of unwrapped phase: the coherence beside it cannot be found by {own!r}",
            path=path,
            expected=f"*{own}*",
            hint=unpacked([path]) or "Narrow the uri to the unwrapped phase, or use the driver geotiff_stack.",
            code="I03",
        )
    return path.with_name(path.name.replace(own, other))


def _nodata(
    given: float | Sequence[float] | None, found: Sequence[Header], *, aloud: bool = False
) -> tuple[float, ...]:
    """Values that mean no data: those given, and the files' tags; ``aloud`` overrules a tag of 0, and says so."""
    values = set(nodata_values(found, given))
    if aloud and 0.0 in values:
        warnings.warn("nodata: null overrules the tag 0 of the files: zeros are phase (I23)", stacklevel=3)
        values.remove(0.0)
    return tuple(sorted(values))


def _wavelength(pairs: Sequence[Pair], given: float | None) -> float | None:
    tags = {p.header.tags["WAVELENGTH_METRES"] for p in pairs if "WAVELENGTH_METRES" in p.header.tags}
    try:
        said = sorted(map(float, tags))
    except ValueError:
        said = []
    if said and not np.isclose(said[0], said[-1], rtol=1e-3):  # whatever is given: they are no one stack
        raise QtpDataError(
            "the files give different wavelengths",
            found=sorted(tags),
            hint="Narrow the uri to the pairs of one satellite, or mend the tags.",
            code="I15",
        )
    if given is None and tags and not said:
        what = "the wavelength in the files is no number"
        raise QtpDataError(what, found=sorted(tags), hint="Set parameters.wavelength.", code="I15")
    value = one_wavelength(said[0] if said else None, given)
    if value is not None:
        check_wavelength(value)
    return value
