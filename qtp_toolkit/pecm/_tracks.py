"""Tracks that look from unlike directions, joined by the deformation model into vertical and east."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit._look import LOOK
from qtp_toolkit._over_blocks import require_one_chunk
from qtp_toolkit.conventions import (
    DAYS_PER_YEAR,
    TIME,
    VARIABLES,
    QtpDataError,
    describe,
    is_lazy,
    on_pixels_of,
    require,
    require_option,
    xnp,
)
from qtp_toolkit.kernels import reasons
from qtp_toolkit.pecm._run import (
    RAMPS,
    after,
    choose_spread,
    meet,
    run,
    same_dates,
    to_dataset,
    variables_on,
    with_peak,
)
from qtp_toolkit.pecm.kernels import tracks as kernel

SPREADS = ("year_block", "formal")
TRACK = "track"
_PART, _RAMP = "_part", "_ramp"
MOST_DILUTION = 5.0
"""Sigma of a rate for one of the line of sight beyond which directions are nearly parallel."""
_LENGTH = 0.01
"""What a unit vector may be off: files round its parts."""


class Track(NamedTuple):
    """What one line of sight saw: displacement, both indices on its dates, and where the satellite is."""

    displacement: xr.DataArray
    """(time, ...) mm, positive toward the satellite; NaN dates are dropped pixel by pixel."""
    linear: xr.DataArray
    """(time, ...) :func:`linear_index` on the same dates."""
    composite: xr.DataArray
    """(time, ...) :func:`composite_index` on the same dates."""
    look: xr.Dataset
    """``look_east``, ``look_north``, ``look_up``, (...) or numbers: :func:`look_vector`."""
    weights: xr.DataArray | None = None
    """(time, ...) inverse variances in a unit that all tracks share."""
    ramp_std: xr.Dataset | None = None
    """(...) what ramps of this track leave unknown, of ``correct.ramp_std``."""


def fit_tracks(
    tracks: Mapping[str, Track],
    *,
    peak_index: xr.DataArray | None = None,
    uncertainty: Literal["year_block", "formal"] = "year_block",
    upstream_reason: xr.DataArray | None = None,
    min_dates: int = 10,
    max_condition: float = 1e4,
    max_dilution: float = MOST_DILUTION,
) -> xr.Dataset:
    r"""Vertical rate, east rate and vertical amplitude: ``D_k = e_k v_E t + u_k (v_U L_k + d_U I_k) + c_k``.

    Tracks have no date in common. Nothing is interpolated between them: each is held to the same motion at its own
    dates. What moves sideways is taken to move steadily all year round, as the crust does; what moves up and down
    follows thaw and frost, as in :func:`fit`.

    Parameters
    ----------
    tracks : mapping of str to Track
        Any number, by name, each with its own dates and gaps, all on one grid (bring others there by
        :func:`qtp_toolkit.grid.match`) and relative to one reference area. The offset that remains between the
        references, or between their dates, is one unknown a track and pixel, c_k.
    peak_index : xarray.DataArray, optional
        (...) mean annual maximum of I, as in :func:`fit`. Without it the larger of those that the dates of the tracks
        show, which sparse dates make too small.
    uncertainty : {"year_block", "formal"}
        As in :func:`fit`. A calendar year is one block of all tracks: its weather is common to them.
    upstream_reason : xarray.DataArray, optional
        (...) reason codes of earlier steps: pixels other than 0 become NaN and keep their code.
    min_dates : int
        Fewest dates of a track that counts at a pixel. One that has fewer there, or for ``year_block`` has all in one
        calendar year, is left out there. One date more than there are unknowns is needed in any case.
    max_condition : float
        Largest condition number of the normal matrix of unit-length columns.
    max_dilution : float
        Largest sigma of the east or vertical rate for a sigma of 1 in the line of sight, by the directions alone
        (:func:`dilution`). An ascending and a descending track under 39 degrees have 1.15; two neighboring tracks of
        one direction have 5 and more.

    Returns
    -------
    xarray.Dataset
        (...): ``vertical_rate``, ``east_rate`` (mm/yr, up and east positive), ``vertical_amplitude`` (mm, peak to
        trough, >= 0), each with ``_std``; ``correlation_east_vertical``, ``correlation_east_amplitude`` and
        ``correlation_vertical_amplitude`` of their errors; ``vertical_coefficient``; ``rms`` (mm).

        ``north_into_vertical`` and ``north_into_east``: what each mm/yr of steady northward motion, which is not
        modeled, adds to these rates. ``east_into_vertical`` the same of eastward motion where one track is alone; else
        0.

        ``tracks`` (uint8): how many count. ``intercept`` and ``track_rms`` (track, ...): c_k and residual of each; t
        counts from ``attrs["first_date"]``.

        ``reason`` (uint8): 0 valid; **9 seen by one track only: east is NaN, and vertical is what one track gives if
        all its motion is vertical**, off by ``east_into_vertical`` for each mm/yr to the east; 3 ill-conditioned, as
        are tracks that look from nearly one direction; 1, 4, 5, 7 as in :func:`fit`. Everything else is NaN at other
        reasons than 0 and 9. Lazy if the inputs are lazy, block by block along all dims but ``time``, which must be one
        chunk; a block costs the sum of what :func:`fit` needs for each track.

    Raises
    ------
    QtpDataError
        No track, dates that differ between the arrays of a track or repeat, other pixels, a look vector that lacks a
        part or is longer than 1, weights of some tracks only, fewer than three calendar years (or two in one of the
        tracks) for ``year_block``.

    Notes
    -----
    Beyond the paper, which has one track and asks for this separation in its Section 5.3. Steady vertical motion of
    the crust is not told from thaw: it goes to ``vertical_rate``, as in :func:`fit`. Seasonal motion to the side, of
    slopes, goes to the amplitude.

    The uncertainty holds what is noise in time, however far it reaches: ramps and the weather above the reference area
    are in every series. It holds on the average of many maps. In a single map such errors are common to all pixels, so
    that the share of pixels within one sigma scatters, from a third to all. It does not know of motion of the reference
    area, of what north leaks, nor of seasons that grow from year to year, which go to the rate.

    Examples
    --------
    >>> from qtp_toolkit import pecm
    >>> tracks = {}
    >>> for name, heading, first in (("descending", -168.0, "2015-01-01"), ("ascending", -12.0, "2015-01-06")):
    ...     dates = pd.date_range(first, periods=90, freq="24D")
    ...     t = xr.DataArray((dates - pd.Timestamp("2015-01-01")).days / 365.25, {"time": dates}, "time")
    ...     composite, look = 20.0 * abs(np.sin(np.pi * t)), pecm.look_vector(39.0, heading)
    ...     moved = look["look_east"] * 3.0 * t + look["look_up"] * (-5.0 * t - 0.8 * composite) + 7.0
    ...     tracks[name] = pecm.Track(moved.assign_attrs(units="mm"), t, composite, look)
    >>> out = fit_tracks(tracks)
    >>> [round(float(out[name]), 6) for name in ("east_rate", "vertical_rate", "vertical_coefficient")]
    [3.0, -5.0, -0.8]
    """
    require_option("uncertainty", uncertainty, SPREADS)
    if not isinstance(tracks, Mapping) or not tracks:
        raise QtpDataError("no track is given", expected="names and a pecm.Track each", found=type(tracks).__name__)
    stamps = {name: _dates(name, track) for name, track in tracks.items()}
    first = next(iter(tracks.values())).displacement
    pixels = first.isel({TIME: 0}, drop=True)
    given = [dict(_arrays(name, track, pixels, k)) for k, (name, track) in enumerate(tracks.items())]
    weighted = [name for name, track in tracks.items() if track.weights is not None]
    if 0 < len(weighted) < len(tracks):
        raise QtpDataError("weights of some tracks only", expected=list(tracks), found=weighted)
    spread = choose_spread(uncertainty, np.concatenate([dates.year.to_numpy() for dates in stamps.values()]))
    _require_years(uncertainty, stamps)
    layers = run(
        kernel.fit_tracks,
        [pair for fields in given for pair in fields.values()],
        layers=(*kernel.SHARED, *(f"{kind} {name}" for kind in ("intercept", "rms") for name in tracks)),
        given=[list(fields) for fields in given],
        dates=_clocks(stamps, spread),
        spread=spread,
        min_count=min_dates,
        max_condition=max_condition,
        max_dilution=max_dilution,
    )
    layers["peak"], reason = with_peak(layers, peak_index, pixels)
    layers["reason"] = after(reason, upstream_reason)
    begins = str(min(dates.min() for dates in stamps.values()))
    return _assemble(layers, list(tracks), first, uncertainty=uncertainty, first_date=begins)


def forward_track(deformation: xr.Dataset, name: str, track: Track) -> xr.DataArray:
    """Displacement that the joined motion makes in the line of sight of one of its tracks, at the dates of its indices.

    Parameters
    ----------
    deformation : xarray.Dataset
        Of :func:`fit_tracks`.
    name : str
        Of the track there.
    track : Track
        Its ``linear``, ``composite`` and ``look``; ``displacement`` is not read.

    Returns
    -------
    xarray.DataArray
        ``displacement`` (time, ...) in mm. East counts as 0 where one track is alone. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        No track of that name, indices on unlike dates, other pixels, a look vector that lacks a part.

    Examples
    --------
    >>> from qtp_toolkit import pecm
    >>> dates = pd.date_range("2015-01-01", periods=90, freq="24D")
    >>> t = xr.DataArray(np.arange(90) * 24 / 365.25, {"time": dates}, "time")
    >>> moved = (-5.0 * t - 8.0 * abs(np.sin(np.pi * t))).assign_attrs(units="mm")
    >>> alone = pecm.Track(moved, t, abs(np.sin(np.pi * t)), pecm.look_vector(39.0, -168.0))
    >>> seen = forward_track(fit_tracks({"one": alone}), "one", alone)
    >>> abs(seen - moved).values.max() < 1e-9
    np.True_
    """
    known = [] if TRACK not in deformation.indexes else deformation[TRACK].values.tolist()
    if name not in known:
        raise QtpDataError(f"the deformation has no track {name!r}", expected=known, found=name)
    with _of(name):
        same_dates(track.linear, track.composite)
        deformation, (linear, composite) = meet(deformation, track.linear, track.composite)
        look = variables_on(track.look, LOOK.values(), linear, what="the look vector")
    elapsed = (linear[TIME] - np.datetime64(deformation.attrs["first_date"])) / np.timedelta64(1, "D")
    east = deformation["east_rate"].where(deformation["reason"] != reasons.ONE_TRACK, 0.0)
    level = east * (elapsed / DAYS_PER_YEAR) * look[LOOK["east"]]
    up = deformation["vertical_rate"] * linear + deformation["vertical_coefficient"] * composite
    out = level + look[LOOK["up"]] * up + deformation["intercept"].sel({TRACK: name}, drop=True)
    return describe(out.transpose(TIME, ...), "displacement", like=deformation)


def _dates(name: str, track: Track) -> pd.DatetimeIndex:
    with _of(name):
        if not isinstance(track, Track):
            raise QtpDataError("it is no track", expected="pecm.Track", found=type(track).__name__)
        require(track.displacement, dims=(TIME,), quantity="displacement")
        return same_dates(track.displacement, track.linear, track.composite)


def _arrays(name: str, track: Track, pixels: xr.DataArray, k: int) -> Iterator[tuple[str, tuple[xr.DataArray, str]]]:
    """Collect what the kernel takes of a track, by its names, each with the dim that is summed over."""
    own = f"_{TIME}_{k}"
    with _of(name):
        series = {"y": track.displacement, "linear": track.linear, "composite": track.composite}
        if track.weights is not None:
            same_dates(track.displacement, track.weights)
            series["weights"] = track.weights
        for key, da in series.items():
            require_one_chunk(da, TIME)
            label = "displacement" if key == "y" else key
            yield key, (on_pixels_of(da, pixels, name=label).rename({TIME: own}), own)
        look = variables_on(track.look, LOOK.values(), pixels, what="the look vector")
        yield "look", (_stacked(_require_look(look), _PART), _PART)
        if track.ramp_std is not None:
            yield "ramps", (_stacked(variables_on(track.ramp_std, RAMPS, pixels, what="ramp_std"), _RAMP), _RAMP)


def _require_look(look: xr.Dataset) -> xr.Dataset:
    """Refuse what is no unit vector to the satellite, as far as that is in memory."""
    for name in LOOK.values():
        row = VARIABLES[name]
        hint = "It points from the ground to the satellite: pecm.look_vector."
        require(look[name], between=row.valid, name=name, code=row.fault, hint=hint)
    length = xnp.sqrt(sum(look[name] ** 2 for name in LOOK.values()))
    if not is_lazy(length) and bool((abs(length - 1.0) > _LENGTH).any()):
        found = f"{float(length.min()):.3f} to {float(length.max()):.3f}"
        raise QtpDataError("the look vector is not of length 1", found=found, hint="pecm.look_vector makes one.")
    return look


def _stacked(ds: xr.Dataset, dim: str) -> xr.DataArray:
    """Variables of a Dataset as one array with ``dim``."""
    out = ds.to_dataarray(dim)
    return out.chunk({dim: -1}) if is_lazy(out) else out


def _require_years(uncertainty: str, stamps: Mapping[str, pd.DatetimeIndex]) -> None:
    short = {name: dates.year.nunique() for name, dates in stamps.items() if dates.year.nunique() < 2}
    if uncertainty == "year_block" and short:
        hint = 'Without its only year the track would be gone: use uncertainty="formal", or leave it out.'
        raise QtpDataError("year_block needs two calendar years of each track", found=short, hint=hint)


def _clocks(stamps: Mapping[str, pd.DatetimeIndex], spread: Any) -> list[kernel.Dates]:
    """Years, calendar years and cells of the dates of each track, counted from the first date of all."""
    origin = min(dates.min() for dates in stamps.values())
    zero = min(dates.year.min() for dates in stamps.values())
    lengths = np.cumsum([len(dates) for dates in stamps.values()])
    cells = np.zeros(lengths[-1], dtype=np.intp) if spread.blocks is None else spread.blocks.cells
    out = []
    for dates, own in zip(stamps.values(), np.split(cells, lengths[:-1]), strict=True):
        years = (dates - origin).to_numpy() / np.timedelta64(1, "D") / DAYS_PER_YEAR
        out.append(kernel.Dates(years, dates.year.to_numpy() - zero, own))
    return out


def _assemble(layer: dict[str, Any], names: list[str], like: xr.DataArray, **attrs: Any) -> xr.Dataset:
    """Results of :func:`fit_tracks` from the layers of the kernel."""
    peak, sign, reason = layer["peak"], np.sign(layer["coefficient"]), layer["reason"]
    out = {name: layer[name] for name in ("vertical_rate", "east_rate", "vertical_rate_std", "east_rate_std")}
    out |= {
        "vertical_amplitude": abs(layer["coefficient"]) * peak,
        "vertical_amplitude_std": layer["coefficient_std"] * peak,
        "vertical_coefficient": layer["coefficient"],
        "correlation_east_vertical": layer["east_vertical"],
        # The amplitude is the size of the coefficient: where that is negative, so is what goes with it.
        "correlation_east_amplitude": sign * layer["east_coefficient"],
        "correlation_vertical_amplitude": sign * layer["vertical_coefficient"],
        **{name: layer[name] for name in ("north_into_vertical", "north_into_east", "east_into_vertical", "rms")},
    }
    for name, kind in (("intercept", "intercept"), ("track_rms", "rms")):
        own = xr.concat([layer[f"{kind} {track}"] for track in names], pd.Index(names, name=TRACK))
        out[name] = own.chunk({TRACK: -1}) if is_lazy(own) else own
    valid = (reason == reasons.OK) | (reason == reasons.ONE_TRACK)
    kept = {name: da.where(valid) for name, da in out.items()}
    number = describe(layer["tracks"].astype(np.uint8), "tracks", like=like)
    return to_dataset(kept | {"reason": reason}, like, **attrs).assign(tracks=number)


@contextmanager
def _of(name: str) -> Iterator[None]:
    """Say which track an error is about."""
    try:
        yield
    except QtpDataError as error:
        raise error.restated(what=f"track {name!r}: {error.what}") from None
