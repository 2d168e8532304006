"""Invert every pixel: checks, options and labels around ``kernels.irls``."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import PAIR, REFERENCE, SECONDARY, TIME, QtpDataError, coordinate, describe, require
from qtp_toolkit.inversion._weights import WEIGHTS, weight_table
from qtp_toolkit.inversion.kernels.elimination import Plan, make_plan
from qtp_toolkit.kernels import pairs as graph

NORMS = ("l1", "wl2", "l2")

_ROW = "row"
_MAPS = {
    "temporal_coherence": np.float32, "overruled": np.uint16, "groups": np.uint16, "redundancy": np.uint16,
    "last_step": np.float32, "reason": np.uint8,
}  # fmt: skip


def invert(
    phase: xr.DataArray,
    coherence: xr.DataArray | None = None,
    *,
    norm: str = "l1",
    weights: str = "coherence",
    reference_date: Any = None,
    snap: bool = False,
    reweightings: int = 3,
    epsilon: tuple[float, float] = (0.5, 0.05),
    relaxation: float = 1.9,
    looks: float = 57.0,
    std: bool = False,
    allow_disconnected: bool = False,
) -> xr.Dataset:
    r"""Invert the phases of pairs to phases at the dates, pixel by pixel.

    .. math:: \min_\phi \sum_k w_k \, |\phi_{b(k)} - \phi_{a(k)} - \phi_{obs,k}|^p, \quad \phi(reference\ date) = 0

    with p = 1 (``"l1"``) or 2 (``"wl2"``; ``"l2"`` has unit weights).

    Parameters
    ----------
    phase : xarray.DataArray
        Unwrapped phase, rad, dim ``pair`` with coords ``reference`` and ``secondary``, any other dims (``y, x`` or one
        ``pixel``). NaN or infinite where missing. Float32 is solved in float32 (about 1e-5 rad), else in float64.
    coherence : xarray.DataArray, optional
        0..1, same pairs in the same order. A pair is missing where its coherence is NaN or 0. Without it, all weights
        are one.
    norm : {"l1", "wl2", "l2"}
        Robust, weighted least squares, or least squares.
    weights : {"coherence", "fisher", "variance", "unit"}
        Weight of a pair: its coherence g (Tong and Schmidt 2016; the paper's), ``2 L g^2 / (1 - g^2)`` (Fisher
        information of the phase), or one over the variance of the phase of L looks (Lee et al. 1994). Of no account for
        ``"l2"``.
    reference_date : datetime64 or str, optional
        Date at which the phase is zero; by default the first one. The paper's master is 2018-08-31.
    snap : bool
        Afterwards take whole cycles out of the residuals and solve once more by least squares, weighted by the Fisher
        information. Best where all outliers are unwrapping errors; the result is then no longer the L1 solution.
    reweightings : int
        Iterations of the L1 norm, 1 or more.
    epsilon : (float, float)
        rad; residuals below it count as squares. Falls geometrically from the first to the second over the iterations.
    relaxation : float
        From 1 to below 2. The last iteration but one, and every second before it, goes that many times as far as its
        weighted least-squares solution; 1 is the plain scheme.
    looks : float
        Effective number of independent looks L, for the weights; 57 is 20 x 6 looks of the Sentinel-1 wide swath.
    std : bool
        Also give the standard deviation of each phase; takes about a quarter more time and twice the output.
    allow_disconnected : bool
        Accept a network of several groups of dates. Only the group of the reference date is then inverted; see
        :func:`invert_linked` for the others.

    Returns
    -------
    xarray.Dataset
        ``phase`` (time, ...) in rad; ``phase_std`` (time, ...) in rad if asked for; and per pixel (...):
        ``temporal_coherence``, modulus of the mean of exp(i residual) over the valid pairs, float32; ``overruled``,
        number of valid pairs whose residual is beyond half a cycle (before any snapping), uint16; ``groups``, number
        of groups of dates that valid pairs connect, uint16; ``redundancy``, valid pairs beyond those that these groups
        need, uint16; ``last_step``, largest change by the last reweighting in rad, float32; ``reason``, uint8. Phases
        are NaN exactly at the dates that valid pairs do not connect to the reference date (all dates if none is
        connected). ``reason`` is 7 where no pair is valid, 4 where fewer pairs are valid than there are unknown dates,
        6 where more are but a date is cut off, else 0. Lazy if the input is lazy; ``pair`` must be one chunk.

    Raises
    ------
    QtpDataError
        For pairs of zero span, in the wrong order or present twice, a network of several groups (listing them), complex
        phases, coherences outside 0..1, coherences of other pairs, or an unknown reference date.

    Notes
    -----
    Three reweightings with epsilon falling from 0.5 to 0.05 rad are as close to the truth as full convergence to the
    L1 minimum, which small noise makes no better than its neighborhood; for the exact minimum use about 60 and
    ``epsilon=(0.5, 1e-4)``. Going too far on purpose makes three do the work of five: each reweighting minimizes a
    parabola that lies above the norm and touches it at the present residuals, and anything short of twice the way to
    its minimum still goes down. Iterations are fixed in number, so none fails to converge: ``last_step`` says how far
    the last one still moved. The paper does not print its solver. Deviation: where a network falls apart, dates are NaN
    instead of the usual minimum-norm values, which are wrong between the groups.

    The standard deviation is the root of ``s^2 (B' W B)^-1``, with W the weights of the last iteration and
    ``s^2 = sum(W r^2) / redundancy``: NaN without redundancy, 0 at the reference date. It takes the errors of pairs as
    independent, which those of pairs that share a date are not: a lower bound, good for comparing dates and pixels.

    References
    ----------
    Chen et al. 2022, section 3.7; Tong and Schmidt 2016; Lee et al. 1994.
    """
    require(phase, dims=(PAIR,), units="rad")
    if phase.dtype.kind != "f":
        raise QtpDataError("'phase' is not a real number", expected="unwrapped phase in rad", found=str(phase.dtype))
    _check_options(norm, weights, reweightings, epsilon, relaxation)
    _check_coherence(phase, coherence)
    dates, plan = _network(phase, reference_date, allow_disconnected=allow_disconnected)
    used = None if norm == "l2" or weights == "unit" else coherence
    options = {
        "plan": plan,
        "table": _table("unit" if used is None else weights, looks),
        "epsilons": np.geomspace(*epsilon, reweightings) if norm == "l1" else np.empty(0),
        "relaxation": relaxation,
        "snap_table": _table("fisher" if coherence is not None else "unit", looks) if snap else None,
        "deviation": std,
    }
    packed = _packed(phase, coherence, dates.size * (2 if std else 1) + len(_MAPS), options)
    note = {key: phase.attrs[key] for key in ("provenance_note",) if key in phase.attrs}
    zero = str(dates[plan.order[-1]].astype("datetime64[D]"))
    variables = {}
    for number, name in enumerate(["phase", "phase_std"][: 2 if std else 1]):
        rows = packed[number * dates.size : (number + 1) * dates.size].rename({_ROW: TIME})
        variables[name] = describe(rows.assign_coords({TIME: dates}), name, reference_date=zero, **note)
    for number, (name, kind) in enumerate(_MAPS.items(), start=packed.sizes[_ROW] - len(_MAPS)):
        variables[name] = describe(packed[number].astype(kind), name, **note)
    return xr.Dataset(
        variables,
        attrs={
            "norm": norm,
            "weights": weights if used is not None else "unit",
            "reference_date": zero,
            "pairs": phase.sizes[PAIR],
            "snap": int(snap),
            **note,
        },
    )


def _packed(phase: xr.DataArray, coherence: xr.DataArray | None, n_rows: int, options: dict[str, Any]) -> xr.DataArray:
    """All results of a pixel as rows of one array.

    Not by apply_ufunc, which would copy every block twice to bring the pairs to the end: blocks are passed as they lie.
    """
    arrays = [phase.transpose(PAIR, ...)]
    if coherence is not None:
        arrays[0], other = xr.align(arrays[0], coherence, join="exact", copy=False)
        arrays.append(other.broadcast_like(arrays[0]).transpose(*arrays[0].dims))
    chunks = next((da.chunksizes for da in arrays if da.chunks is not None), None)
    if chunks is None:
        data = _invert_block(*(da.values for da in arrays), **options)
    else:
        data = _lazily([da.chunk(chunks) if da.chunks is None else da for da in arrays], n_rows, options)
    coords = arrays[0].isel({PAIR: 0}, drop=True).coords
    return xr.DataArray(data, dims=(_ROW, *arrays[0].dims[1:]), coords=coords)


def _lazily(arrays: list[xr.DataArray], n_rows: int, options: dict[str, Any]) -> Any:
    first, *others = (da.data for da in arrays)
    if any(len(da.chunks[0]) > 1 for da in arrays):
        raise QtpDataError(
            "the pairs of a pixel lie in several chunks",
            expected="dim pair in one chunk",
            found=[da.chunksizes[PAIR] for da in arrays],
            hint="Rechunk with .chunk({'pair': -1, ...}).",
        )
    kind = _float(arrays[0])
    return first.map_blocks(
        _invert_block,
        *others,
        dtype=kind,
        chunks=((n_rows,), *first.chunks[1:]),
        meta=np.empty((0,) * first.ndim, kind),
        **options,
    )


def _invert_block(phase: np.ndarray, coherence: np.ndarray | None = None, *, plan: Plan, **rules: Any) -> np.ndarray:
    """Pairs of a block of pixels in; phases at the dates, standard deviations and maps out, as rows."""
    from qtp_toolkit.inversion.kernels.irls import invert_network  # noqa: PLC0415  compiles; not at import

    observed = phase.reshape(len(phase), phase[0].size)
    gamma = None if coherence is None else _in_range(coherence.reshape(observed.shape))
    out = invert_network(observed, gamma, plan, **rules)
    unknown = len(plan.order) - 1
    reason = np.zeros(out.valid.shape, dtype=np.uint8)
    reason[out.cut > 0] = 6
    reason[out.valid < unknown] = 4
    reason[out.valid == 0] = 7
    redundancy = out.valid - (unknown + 1 - out.groups)
    maps = (out.temporal_coherence, out.overruled, out.groups, redundancy, out.last_step, reason)
    rows = out.rows[: len(out.series) + len(out.deviation) + len(maps)]
    for row, values in zip(rows[-len(maps) :], maps, strict=True):
        row[:] = values
    return rows.reshape(len(rows), *phase.shape[1:])


def _in_range(coherence: np.ndarray) -> np.ndarray:
    """Refuse coherences outside 0..1, like bytes 0..255, in arrays in memory as in lazy ones; infinite ones pass."""
    values = coherence
    for _ in range(2):
        least, largest = (float(pick.reduce(values, axis=None, initial=0.0)) for pick in (np.fmin, np.fmax))
        if least >= 0 and largest <= 1 + 1e-3:
            return coherence
        values = values[np.isfinite(values)]  # infinite ones are missing, and rare: a look without them
    raise QtpDataError(
        "'coherence' leaves its physical range",
        variable="coherence",
        expected="0 to 1",
        code="I04",
        found=f"{least:g} to {largest:g}",
        hint="Stored as 0..255? Set its scale when loading.",
    )


def _table(weights: str, looks: float) -> np.ndarray:
    """Weights by coherence; two entries say a straight line, which needs no looking up."""
    table = weight_table(weights, looks=looks)
    return table[[0, -1]] if weights in ("coherence", "unit") else table


def _float(phase: xr.DataArray) -> type:
    return np.float32 if phase.dtype == np.float32 else np.float64


def _network(phase: xr.DataArray, reference_date: Any, *, allow_disconnected: bool) -> tuple[np.ndarray, Plan]:
    """Check the pairs, place the reference date, and plan the elimination."""
    missing = [name for name in (REFERENCE, SECONDARY) if name not in phase.coords]
    if missing:
        raise QtpDataError(
            f"'phase' lacks coords {missing}", expected="reference and secondary on dim pair", found=list(phase.coords)
        )
    reference, secondary = (coordinate(phase, name) for name in (REFERENCE, SECONDARY))
    bad = graph.faults(reference, secondary)
    if bad is not None:
        code, found = bad
        raise QtpDataError(
            "pairs that no inversion can use",
            variable="phase",
            found=found,
            code=code,
            hint="Drop duplicates; network.canonicalise() puts the earlier date first and changes the sign.",
        )
    dates, first, second = graph.index(reference, secondary)
    labels = graph.components(len(dates), first, second)
    if labels.max() > 0 and not allow_disconnected:
        raise QtpDataError(
            f"the network falls into {labels.max() + 1} groups of dates that no pair connects",
            variable="phase",
            found=graph.describe_components(dates, labels),
            code="I01",
            hint="Add pairs that bridge them, drop dates, or pass allow_disconnected=True to invert one group only.",
        )
    return dates, _plan(len(dates), first.tobytes(), second.tobytes(), _ground(dates, reference_date))


@lru_cache(maxsize=16)
def _plan(n_dates: int, first: bytes, second: bytes, ground: int) -> Plan:
    return make_plan(n_dates, np.frombuffer(first, np.int64), np.frombuffer(second, np.int64), ground)


def _ground(dates: np.ndarray, reference_date: Any) -> int:
    if reference_date is None:
        return 0
    day = np.datetime64(str(reference_date)[:10], "D")
    days = dates.astype("datetime64[D]")
    (at,) = np.nonzero(days == day)
    if at.size:
        return int(at[0])
    nearest = days[np.argmin(np.abs(days - day))]
    raise QtpDataError(
        "the reference date is not a date of the network",
        expected=f"one of {len(days)} dates {days[0]} to {days[-1]}",
        found=str(day),
        hint=f"The nearest one is {nearest}.",
    )


def _check_options(norm: str, weights: str, reweightings: int, epsilon: tuple[float, float], relaxation: float) -> None:
    for what, value, allowed in (("norm", norm, NORMS), ("weights", weights, WEIGHTS)):
        if value not in allowed:
            raise QtpDataError(f"unknown {what}", expected=f"one of {allowed}", found=repr(value))
    if reweightings < 1 or min(epsilon) <= 0 or not 1 <= relaxation < 2:
        raise QtpDataError(
            "the L1 norm needs reweightings, a positive epsilon, and steps that do not swing back as far as they came",
            expected="1 or more; rad above 0; relaxation from 1 to below 2",
            found=f"reweightings={reweightings}, epsilon={epsilon}, relaxation={relaxation}",
        )


def _check_coherence(phase: xr.DataArray, coherence: xr.DataArray | None) -> None:
    """Refuse coherences of other pairs."""
    if coherence is None:
        return
    require(coherence, dims=(PAIR,), name="coherence")
    if all(name in coherence.coords for name in (REFERENCE, SECONDARY)):
        ours, theirs = _names(phase), _names(coherence)
        missing, extra = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
        if ours != theirs:
            raise QtpDataError(
                "'coherence' has other pairs than 'phase'",
                expected=f"{len(ours)} pairs in the same order",
                code="I03",
                found=f"{len(theirs)} pairs; missing: {missing or 'none'}; extra: {extra or 'none'}",
            )
    elif coherence.sizes[PAIR] != phase.sizes[PAIR]:
        raise QtpDataError(
            "'coherence' has another number of pairs than 'phase'",
            expected=phase.sizes[PAIR],
            found=coherence.sizes[PAIR],
            code="I03",
        )


def _names(da: xr.DataArray) -> list[str]:
    ends = (coordinate(da, name).astype("datetime64[D]").astype(str) for name in (REFERENCE, SECONDARY))
    return [f"{a}/{b}" for a, b in zip(*ends, strict=True)]
