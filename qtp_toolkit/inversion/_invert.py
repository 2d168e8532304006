"""Invert every pixel: checks, options and labels around ``kernels.irls``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit._dates import read_times
from qtp_toolkit._pairs import index_pairs, name_pairs
from qtp_toolkit.conventions import (
    ESTIMATED_FROM,
    PAIR,
    REFERENCE,
    SECONDARY,
    TIME,
    QtpDataError,
    describe,
    on_pixels_of,
    provenance,
    require,
)
from qtp_toolkit.inversion._weights import WEIGHTS, weight_table
from qtp_toolkit.inversion.kernels.elimination import Elimination, plan_elimination
from qtp_toolkit.kernels import pairs as graph
from qtp_toolkit.kernels import reasons

NORMS = ("l1", "wl2", "l2")

_BYTES = "Stored as 0..255? Set its scale when loading."
_ROW = "row"
_MAPS = {
    "temporal_coherence": np.float32,
    "overruled": np.uint16,
    "groups": np.uint16,
    "redundancy": np.uint16,
    "last_step": np.float32,
    "reason": np.uint8,
}


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

    Warns
    -----
    UserWarning
        I34: ``fisher`` or ``variance`` of a coherence that says it was estimated from filtered interferograms.

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

    Examples
    --------
    One of six pairs is off by a cycle: the L1 norm stays close to the true 0, 1, 3 and 2, least squares do not.

    >>> from qtp_toolkit import network
    >>> pairs = network.select_pairs(pd.date_range("2020-01-01", periods=4, freq="12D"))
    >>> phase = xr.DataArray([[1.0, 3.0, 2.0 + 2 * np.pi, 2.0, 1.0, -1.0]], pairs.coords, ("pixel", "pair"))
    >>> phase.attrs["units"] = "rad"
    >>> [invert(phase, norm=norm)["phase"].values[:, 0].round(1) for norm in ("l1", "l2")]
    [array([0. , 1.1, 3.1, 2.3]), array([0. , 2.6, 4.6, 5.1])]
    """
    require(phase, dims=(PAIR,), quantity="phase")
    if phase.dtype.kind != "f":
        raise QtpDataError("'phase' is not a real number", expected="unwrapped phase in rad", found=str(phase.dtype))
    _check_options(norm, weights, reweightings, epsilon, relaxation)
    coherence = _check_pairs(phase, coherence)
    dates, plan = _plan_network(phase, reference_date, allow_disconnected=allow_disconnected)
    weights = "unit" if norm == "l2" or coherence is None else weights
    _warn_of_filtered(coherence, weights)
    series = ["phase", "phase_std"] if std else ["phase"]
    block = partial(
        _invert_block,
        plan=plan,
        table=_tabulate(weights, looks),
        epsilons=np.geomspace(*epsilon, reweightings) if norm == "l1" else np.empty(0),
        relaxation=relaxation,
        snap_table=_tabulate("unit" if coherence is None else "fisher", looks) if snap else None,
        deviation=std,
    )
    packed = _map_blocks(block, phase, coherence, len(series) * dates.size + len(_MAPS))
    zero = str(dates[plan.order[-1]].astype("datetime64[D]"))
    layers = {}
    for number, name in enumerate(series):
        rows = packed[number * dates.size : (number + 1) * dates.size].rename({_ROW: TIME})
        layers[name] = describe(rows.assign_coords({TIME: dates}), name, like=phase, reference_date=zero)
    for row, (name, kind) in zip(packed[-len(_MAPS) :], _MAPS.items(), strict=True):
        layers[name] = describe(row.astype(kind), name, like=phase)
    attrs = {"norm": norm, "weights": weights, "reference_date": zero, "pairs": phase.sizes[PAIR], "snap": int(snap)}
    return xr.Dataset(layers, attrs={**attrs, **provenance(phase)})


def _map_blocks(
    function: Callable[..., np.ndarray], phase: xr.DataArray, coherence: xr.DataArray | None, n_rows: int
) -> xr.DataArray:
    """Call a function of all pairs for each block of pixels; its rows are the first dim of the result.

    Not by apply_ufunc, which would copy every block twice to bring the pairs to the end: blocks are passed as they lie.
    """
    arrays = [phase.transpose(PAIR, ...)]
    if coherence is not None:
        arrays[0], other = xr.align(arrays[0], coherence, join="exact", copy=False)
        arrays.append(other.broadcast_like(arrays[0]).transpose(*arrays[0].dims))
    chunks = next((da.chunksizes for da in arrays if da.chunks is not None), None)
    if chunks is None:
        data = function(*(da.values for da in arrays))
    else:
        first, *others = (da.data if da.chunks is not None else da.chunk(chunks).data for da in arrays)
        split = [blocks.chunks[0] for blocks in (first, *others)]
        if max(map(len, split)) > 1:
            raise QtpDataError(
                "the pairs of a pixel lie in several chunks",
                expected="dim pair in one chunk",
                found=split,
                hint="Rechunk with .chunk({'pair': -1, ...}).",
            )
        kind = np.float32 if phase.dtype == np.float32 else np.float64
        meta = np.empty((0,) * first.ndim, kind)
        shape = ((n_rows,), *first.chunks[1:])
        data = first.map_blocks(function, *others, dtype=kind, chunks=shape, meta=meta)
    coords = arrays[0].isel({PAIR: 0}, drop=True).coords
    return xr.DataArray(data, dims=(_ROW, *arrays[0].dims[1:]), coords=coords)


def _invert_block(
    phase: np.ndarray, coherence: np.ndarray | None = None, *, plan: Elimination, **options: Any
) -> np.ndarray:
    """Pairs of a block of pixels in; phases at the dates, standard deviations and maps out, as rows."""
    from qtp_toolkit.inversion.kernels.irls import invert_network  # noqa: PLC0415  compiles; not at import

    observed = phase.reshape(len(phase), phase[0].size)
    if coherence is not None:
        # Here and not at the entrance, so that lazy coherences are looked at, too; estimates are rounded beyond 1.
        require(xr.DataArray(coherence), between=(0.0, 1.001), name="coherence", code="I04", hint=_BYTES)
        coherence = coherence.reshape(observed.shape)
    out = invert_network(observed, coherence, plan, **options)
    unknown = len(plan.order) - 1
    reason = np.full(out.valid.shape, reasons.OK, dtype=np.uint8)
    # The plainest reason wins: each line overrules those above it.
    reason[out.cut > 0] = reasons.NOT_CONNECTED
    reason[out.valid < unknown] = reasons.TOO_FEW
    reason[out.valid == 0] = reasons.MASKED
    # Each group needs one pair less than it has dates, a date alone is a group of its own.
    redundancy = out.valid - (unknown + 1 - out.groups)
    maps = (out.temporal_coherence, out.overruled, out.groups, redundancy, out.last_step, reason)
    # The scratch rows at the end of the kernel's array take the maps: no second array of the size of a block.
    rows = out.rows[: len(out.series) + len(out.deviation) + len(maps)]
    for row, values in zip(rows[-len(maps) :], maps, strict=True):
        row[:] = values
    return rows.reshape(len(rows), *phase.shape[1:])


@lru_cache(maxsize=16)  # the variance takes half a second, and runs by blocks call invert() for each block
def _tabulate(weights: str, looks: float) -> np.ndarray:
    """Weights by coherence; two entries say a straight line, which needs no looking up."""
    table = weight_table(weights, looks=looks)
    return table[[0, -1]] if weights in ("coherence", "unit") else table


def _plan_network(
    phase: xr.DataArray, reference_date: Any, *, allow_disconnected: bool
) -> tuple[np.ndarray, Elimination]:
    """Check the pairs, place the reference date, and plan the elimination."""
    dates, first, second = index_pairs(phase)
    labels = graph.label_components(len(dates), first, second)
    if labels.max() > 0 and not allow_disconnected:
        raise QtpDataError(
            f"the network falls into {labels.max() + 1} groups of dates that no pair connects",
            variable="phase",
            found=graph.describe_components(dates, labels),
            code="I01",
            hint="Add pairs that bridge them, drop dates, or pass allow_disconnected=True to invert one group only.",
        )
    return dates, _plan(len(dates), first.tobytes(), second.tobytes(), find_date(dates, reference_date))


@lru_cache(maxsize=16)
def _plan(n_dates: int, first: bytes, second: bytes, ground: int) -> Elimination:
    return plan_elimination(n_dates, np.frombuffer(first, np.int64), np.frombuffer(second, np.int64), ground)


def find_date(dates: np.ndarray, reference_date: Any) -> int:
    """Position of the reference date among the dates, the first one by default."""
    days = dates.astype("datetime64[D]")
    given = days[0] if reference_date is None else reference_date
    day = read_times(given, name="reference_date").astype("datetime64[D]")[()]
    nearest = int(np.argmin(np.abs(days - day)))
    if days[nearest] != day:
        raise QtpDataError(
            "the reference date is not a date of the network",
            expected=f"one of {len(days)} dates {days[0]} to {days[-1]}",
            found=str(day),
            hint=f"The nearest one is {days[nearest]}.",
        )
    return nearest


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


def _warn_of_filtered(coherence: xr.DataArray | None, weights: str) -> None:
    """Warn where weights take a coherence for that of the phase noise which a filter has raised (I34)."""
    filtered = coherence is not None and coherence.attrs.get(ESTIMATED_FROM) == "filtered"
    if filtered and weights in ("fisher", "variance"):
        text = (
            f"the coherence is that of filtered interferograms, which reads higher: weights={weights!r} trust the best"
        )
        warnings.warn(f"{text} pairs too much; weights='coherence' depend on it less (I34)", stacklevel=3)


def _check_pairs(phase: xr.DataArray, coherence: xr.DataArray | None) -> xr.DataArray | None:
    """Coherence on the coordinates of the phase; that of other pairs or pixels is refused."""
    if coherence is None:
        return None
    require(coherence, dims=(PAIR,), name="coherence")
    named = all(name in coherence.coords for name in (REFERENCE, SECONDARY))
    pairs: list[list[Any]] = [name_pairs(da) if named else [*range(da.sizes[PAIR])] for da in (phase, coherence)]
    ours, theirs = pairs
    missing, extra = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
    if ours != theirs:
        raise QtpDataError(
            "'coherence' has other pairs than 'phase'",
            expected=f"{len(ours)} pairs in the same order",
            found=f"{len(theirs)} pairs; missing: {missing or 'none'}; extra: {extra or 'none'}",
            code="I03",
        )
    return on_pixels_of(coherence, phase, name="coherence")
