"""Networks that fall apart: groups of dates, joined by a model of the motion between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._pairs import index_pairs
from qtp_toolkit.conventions import (
    PAIR,
    TIME,
    QtpDataError,
    coordinate,
    describe,
    is_lazy,
    on_pixels_of,
    require,
)
from qtp_toolkit.inversion._invert import find_date, invert
from qtp_toolkit.kernels import lstsq, reasons
from qtp_toolkit.kernels import pairs as graph

_LARGEST_CONDITION = 1e8


def invert_linked(
    phase: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    columns: Sequence[xr.DataArray],
    reference_date: Any = None,
    **options: Any,
) -> xr.Dataset:
    r"""Invert a network of several groups of dates, and join them by a model of the motion.

    No pair says what happened between the groups. Each is inverted by itself; then the offsets :math:`o` of the groups
    are those for which the series is closest to the model,

    .. math:: \min_{o, x, c} \sum_t \Big(\phi_t + o_{g(t)} - \sum_k x_k\, I_k(t) - c\Big)^2,
              \qquad o = 0 \text{ for the group of the reference date}

    Within a group the model changes nothing. Offsets are an *assumption*: they follow the model, not data. To fit the
    model itself no series is needed: ``pecm.fit_pairs`` works on the pairs and needs no offsets.

    Parameters
    ----------
    phase, coherence
        As in :func:`invert`.
    columns : sequence of xarray.DataArray
        What the motion between the groups is made of, dim ``time`` with all dates of the network, like the linear and
        the composite index of ``pecm``. One value a date, or maps.
    reference_date : datetime64 or str, optional
        As in :func:`invert`.
    **options
        Further options of :func:`invert`.

    Returns
    -------
    xarray.Dataset
        As :func:`invert`, with the coord ``group`` (time) that numbers the groups, and the attributes ``linked``
        (number of groups) and ``linked_by`` (names of the columns). ``reason`` is 3, and only the group of the
        reference date is kept, where valid dates do not determine the model. ``phase_std`` is relative to the first
        date of the own group and knows nothing of the offsets. ``temporal_coherence`` is the mean over the groups by
        number of pairs; ``groups`` counts as :func:`invert` does. Lazy if an input is lazy.

    Raises
    ------
    QtpDataError
        As :func:`invert`; or if columns lack dates of the network, or lie on other pixels.

    Notes
    -----
    The limit of small :math:`\gamma` of the usual extra rows :math:`\gamma(\phi_k - v L_k - d I_k - c) = 0` for every
    date (Lopez-Quiroz et al. 2009), without a :math:`\gamma` to choose and without bending the series inside a group.
    The paper keeps its network connected by weighting instead of masking; this is for networks that are not.

    References
    ----------
    Lopez-Quiroz et al. 2009; Doin et al. 2011.
    """
    dates, first, second = index_pairs(phase)
    labels = graph.label_components(len(dates), first, second)
    design = [at_dates(column, dates, phase, what="a column of the link") for column in columns]
    home = labels[find_date(dates, reference_date)]
    parts = invert_groups(phase, coherence, labels, first, zero={home: reference_date}, **options)
    out = _merge(parts).assign_coords(group=(TIME, labels))
    joined, sound = xr.apply_ufunc(
        _join,
        out["phase"],
        *design,
        input_core_dims=[[TIME]] * (1 + len(design)),
        output_core_dims=[[TIME], []],
        kwargs={"labels": labels, "home": home},
        keep_attrs=True,
        dask="parallelized",
        output_dtypes=[out["phase"].dtype, bool],
    )
    keep = (out["reason"] != reasons.OK) | sound
    reason = out["reason"].where(keep, reasons.ILL_CONDITIONED).astype(np.uint8).assign_attrs(out["reason"].attrs)
    names = ", ".join(str(column.name or "unnamed") for column in columns)
    attrs = {**parts[home].attrs, "pairs": phase.sizes[PAIR], "linked": len(parts), "linked_by": names}
    joined = joined.transpose(TIME, ...).assign_attrs(parts[home]["phase"].attrs)
    return out.assign(phase=joined, reason=reason).assign_attrs(attrs)


def invert_groups(
    phase: xr.DataArray,
    coherence: xr.DataArray | None,
    labels: np.ndarray,
    first: np.ndarray,
    *,
    zero: Mapping[int, Any] | None = None,
    **options: Any,
) -> list[xr.Dataset]:
    """Invert each group of dates by itself; ``zero`` gives reference dates of groups, others take their first date.

    Parameters
    ----------
    phase, coherence
        As in :func:`invert`.
    labels : numpy.ndarray
        Group of each date.
    first : numpy.ndarray
        Number of the earlier date of each pair.
    zero : mapping of int to date, optional
    **options
        Further options of :func:`invert`.
    """
    parts = []
    for label in range(labels.max() + 1):
        own = np.flatnonzero(labels[first] == label)
        stack: list[Any] = [da if da is None else da.isel({PAIR: own}) for da in (phase, coherence)]
        parts.append(invert(*stack, reference_date=(zero or {}).get(label), **options))
    return parts


def at_dates(values: xr.DataArray, dates: np.ndarray, phase: xr.DataArray, *, what: str) -> xr.DataArray:
    """Rows of a series at the dates of the network, on the pixels of its phase; refuses what lacks either."""
    require(values, dims=(TIME,), name=what)
    missing = np.setdiff1d(dates, coordinate(values, TIME))
    if missing.size:
        raise QtpDataError(
            f"{what} lacks dates of the network",
            variable=None if values.name is None else str(values.name),
            found=f"{missing.size} missing, the first {missing[0].astype('datetime64[D]')}",
        )
    return on_pixels_of(values.sel({TIME: dates}), phase.isel({PAIR: 0}, drop=True), name=what)


def _merge(parts: list[xr.Dataset]) -> xr.Dataset:
    """One dataset from those of the groups: series by date, maps summed up."""
    layers = xr.concat([part.drop_dims(TIME) for part in parts], dim="part", join="exact")
    series = xr.concat([part.drop_vars(layers.data_vars) for part in parts], dim=TIME, join="exact").sortby(TIME)
    series = series.chunk({TIME: -1}) if is_lazy(series) else series
    pairs = xr.DataArray([part.attrs["pairs"] for part in parts], dims="part")
    coherence = (layers["temporal_coherence"] * pairs).sum("part", skipna=False) / pairs.sum()
    maps = layers[["last_step", "reason"]].max("part").assign(layers[["overruled", "groups", "redundancy"]].sum("part"))
    maps, like = maps.assign(temporal_coherence=coherence), parts[0]
    return series.assign({n: describe(da.astype(like[n].dtype), str(n), like=like) for n, da in maps.items()})


def _join(series: np.ndarray, *columns: np.ndarray, labels: np.ndarray, home: int) -> tuple[np.ndarray, np.ndarray]:
    """Shift the groups onto one model; arrays (..., time)."""
    shape = series.shape
    observed, *design = (
        np.moveaxis(np.broadcast_to(a, shape), -1, 0).reshape(shape[-1], -1) for a in (series, *columns)
    )
    others = [label for label in range(labels.max() + 1) if label != home]
    marks = [np.where(labels == label, -1.0, 0.0)[:, None] for label in others]
    fit = lstsq.solve(observed, [*design, np.ones((shape[-1], 1)), *marks])
    sound = fit.condition < _LARGEST_CONDITION
    out = observed.copy()
    # Without a sound model the groups stay apart: all but that of the reference date are unknown.
    for label, offset in zip(others, fit.coefficients[len(columns) + 1 :], strict=True):
        out[labels == label] += np.where(sound, offset, np.nan)
    return np.moveaxis(out.reshape(shape[-1], *shape[:-1]), 0, -1).astype(series.dtype), sound.reshape(shape[:-1])
