"""Class edges, stratum codes and mergeable moments of strata: plain arrays in, plain arrays out.

A moment table holds ``(count, mean, sum of squared deviations)`` of every stratum. Tables of two blocks merge exactly
(Chan's update), so that a map of any size is read once, block by block, in float64 and without cancellation: nothing
depends on a constant added to the map.
"""

from __future__ import annotations

import numpy as np


def quantile_edges(values: np.ndarray, k: int) -> np.ndarray:
    """Edges of ``k`` equally filled classes; a value that fills more than one class makes one class of its own."""
    ordered = np.sort(values)  # of float32 in a tenth of the time that numpy.quantile takes
    at = np.linspace(0.0, 1.0, k + 1)[1:-1] * (ordered.size - 1)
    low = np.floor(at).astype(np.int64)
    below, above = (ordered[place].astype(np.float64) for place in (low, np.minimum(low + 1, ordered.size - 1)))
    # Ties make quantiles equal: without unique two classes would share the value.
    return _closed_by_range(values, np.unique(below + (at - low) * (above - below)))


def quantile_gd_edges(values: np.ndarray, k: int) -> np.ndarray:
    """Quantiles as the R package GD merges them: of more classes, until ``k`` (or a few more) differ.

    Where fewer values than that differ, each of them ends a class.
    """
    different = np.unique(values)
    if different.size <= k + 1:
        return different
    found = np.unique(np.quantile(values, np.linspace(0.0, 1.0, k + 1)))
    asked = found.size  # GD begins with as many classes as edges differ, which may be fewer than asked for
    while found.size < k + 1:
        found = np.unique(np.quantile(values, np.linspace(0.0, 1.0, asked + 1)))
        asked += 1
    return found


def quantile_gdverse_edges(values: np.ndarray, k: int) -> np.ndarray:
    """Quantiles as the R package gdverse takes them: values of the sorted sample, nothing between two of them."""
    ordered = np.sort(values)
    at = (np.arange(1, k) * (ordered.size - 1) / k).astype(np.int64)
    return _closed_by_range(values, np.unique(ordered[at]))


def equal_edges(values: np.ndarray, k: int) -> np.ndarray:
    """Edges of ``k`` equally wide classes."""
    return np.linspace(values.min(), values.max(), k + 1)


def geometric_edges(values: np.ndarray, k: int) -> np.ndarray:
    """Edges of ``k`` classes of equal ratio; values must be positive."""
    return np.geomspace(values.min(), values.max(), k + 1)


def deviation_edges(values: np.ndarray, k: int) -> np.ndarray:
    """Edges one standard deviation (ddof 1) apart, symmetric about the mean, the outer classes open."""
    steps = np.arange(k - 1) - (k - 2) / 2.0
    return np.concatenate([[-np.inf], values.mean() + values.std(ddof=1) * steps, [np.inf]])


def natural_edges(values: np.ndarray, k: int, bins: int = 2048) -> np.ndarray:
    """Natural breaks (Fisher-Jenks): least sum of squares within ``k`` classes, by dynamic programming.

    Exact where there are at most ``bins`` different values; else the breaks lie on the borders of ``bins`` equal
    bins, whose own counts, sums and squares are exact. Deterministic; cost is one histogram plus ``k * bins**2``.
    """
    upper, *sums = _histogram(values, values, bins)
    (last,) = _last_of_classes(*sums, [k])
    return _closed_by_range(values, upper[last])


def change_edges(values: np.ndarray, response: np.ndarray, numbers: list[int], bins: int = 2048) -> list[np.ndarray]:
    """Change points of ``response`` along the sorted ``values``: least sum of squares of the response within classes.

    Edges for each number of classes in ``numbers``, all from one search. As :func:`natural_edges`, whose response are
    the values themselves; equal values are never parted.
    """
    upper, *sums = _histogram(values, response, bins)
    return [_closed_by_range(values, upper[last]) for last in _last_of_classes(*sums, numbers)]


def _last_of_classes(count: np.ndarray, total: np.ndarray, square: np.ndarray, numbers: list[int]) -> list[list[int]]:
    """Last bin of each class but the highest, of the runs of bins with the least sum of squares, for each number."""
    n, s, q = (np.concatenate([[0.0], np.cumsum(part)]) for part in (count, total, square))
    # Cost of every class from bin i to bin j at once, from differences of running sums.
    size = n[None, 1:] - n[:-1, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        cost = (q[None, 1:] - q[:-1, None]) - (s[None, 1:] - s[:-1, None]) ** 2 / size
    cost[size <= 0] = np.inf
    best = cost[0].copy()
    starts = []
    for _ in range(min(max(numbers), count.size) - 1):
        candidates = best[:-1, None] + cost[1:, :]
        start = np.argmin(candidates, axis=0)
        best = np.minimum.reduce(candidates, axis=0)
        starts.append(start + 1)
    # Where the last class begins tells where the one before it ends, and so on backwards.
    found = []
    for k in numbers:
        last, end = [], count.size - 1
        for start in reversed(starts[: k - 1]):
            end = int(start[end]) - 1
            last.append(end)
        found.append(last[::-1])
    return found


def _histogram(
    values: np.ndarray, response: np.ndarray, bins: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Upper bound of every non-empty bin of the values; count, centered sum and sum of squares of the response."""
    values = np.asarray(values, dtype=np.float64)
    low, high = values.min(), values.max()
    different = np.unique(values) if values.size <= 100 * bins else None  # a sort: dear where there are many
    if different is not None and different.size <= bins:
        upper, index = different, np.searchsorted(different, values)
    else:
        upper = low + (high - low) / bins * np.arange(1, bins + 1)
        index = np.minimum(((values - low) * (bins / (high - low))).astype(np.int64), bins - 1)
    # Raw squares (of elevations) would cancel in the differences of their sums.
    deviation = response - 0.5 * (response.min() + response.max())
    count = np.bincount(index, minlength=upper.size)
    total = np.bincount(index, weights=deviation, minlength=upper.size)
    square = np.bincount(index, weights=deviation**2, minlength=upper.size)
    filled = count > 0
    return upper[filled], count[filled].astype(np.float64), total[filled], square[filled]


def _closed_by_range(values: np.ndarray, inner: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return np.concatenate([[low], inner[inner < high], [high]]).astype(np.float64)


EDGES = {
    "quantile": quantile_edges,
    "quantile_gd": quantile_gd_edges,
    "quantile_gdverse": quantile_gdverse_edges,
    "equal": equal_edges,
    "natural": natural_edges,
    "geometric": geometric_edges,
    "deviation": deviation_edges,
}


MOST_COMPARED = 24
"""Inner edges up to which comparing with each is faster than looking up by halving."""


def codes_by_edges(values: np.ndarray, edges: np.ndarray, closed: str = "right") -> np.ndarray:
    """Class number 0..k-1 (int16) of every value; NaN, infinity and what lies outside the outer edges get -1.

    Classes are ``(e[i], e[i+1]]`` for ``closed="right"`` and ``[e[i], e[i+1])`` for ``"left"``; both outer edges
    belong to the outer classes.
    """
    up = closed == "right"
    inner, (low, high) = edges[1:-1], edges[[0, -1]]
    if values.dtype == np.float32:  # the float32 next to an edge parts the values as the edge does, without a copy
        inner = _nearest_float32(inner, up=not up)
        (low,), (high,) = (_nearest_float32(one, up=side) for one, side in ((edges[:1], True), (edges[-1:], False)))
    if inner.size <= MOST_COMPARED:
        codes = np.zeros(values.shape, dtype=np.int8)
        for edge in inner:
            codes += (values > edge if up else values >= edge).view(np.int8)
    else:
        codes = np.searchsorted(edges[1:-1], values, side="left" if up else "right").astype(np.int16)
    inside = (values >= low) & (values <= high)
    if not np.isfinite(edges[[0, -1]]).all():
        inside &= np.isfinite(values)
    return np.where(inside, codes, np.int8(-1)).astype(np.int16, copy=False)


def _nearest_float32(edges: np.ndarray, *, up: bool) -> np.ndarray:
    """Smallest float32 not below each edge, or largest one not above it."""
    with np.errstate(over="ignore"):
        near = np.asarray(edges, dtype=np.float64).astype(np.float32)
    beyond = near < edges if up else near > edges
    return np.where(beyond, np.nextafter(near, np.float32(np.inf if up else -np.inf)), near)


def codes_by_class(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Position of every value in the sorted ``classes`` (int16), -1 where it is none of them."""
    position = np.searchsorted(classes, values)
    position = np.minimum(position, classes.size - 1)  # a value above all classes lies behind the last
    return np.where(classes[position] == values, position, -1).astype(np.int16)


def codes_by_sector(aspect: np.ndarray, k: int) -> np.ndarray:
    """Sector 0..k-1 of an azimuth in degrees, the first centered on north; NaN, -1 (level) and fill values get -1."""
    width = 360.0 / k
    with np.errstate(invalid="ignore"):
        known = (aspect >= -180.0) & (aspect <= 360.0) & (aspect != -1.0)  # so ArcGIS writes level ground
    turned = np.mod(np.where(known, aspect, 0.0) + width / 2.0, 360.0)
    return np.where(known, np.minimum(turned // width, k - 1), -1).astype(np.int16)  # mod may round up to 360


def interval_label(low: float, high: float) -> str:
    """Text of a class: ``"0.2 to 0.4"``, ``"< -2"``, ``"> -2"``."""
    if np.isneginf(low):
        return "all" if np.isposinf(high) else f"< {high:.4g}"
    return f"> {low:.4g}" if np.isposinf(high) else f"{low:.4g} to {high:.4g}"


def table_from_sums(count: np.ndarray, total: np.ndarray, square: np.ndarray, shift: float) -> np.ndarray:
    """Moment table from counts, sums and sums of squares of ``value - shift``."""
    safe = np.maximum(count, 1.0)  # an empty stratum has mean 0 and weighs nothing when tables merge
    mean = np.where(count > 0, shift + total / safe, 0.0)
    return np.stack([count, mean, np.maximum(square - total * total / safe, 0.0)])


def merge_tables(tables: np.ndarray) -> np.ndarray:
    """Merge moment tables ``(blocks, 3, strata)`` into one ``(3, strata)``: the same as one pass over all samples."""
    count, mean, within = tables[:, 0], tables[:, 1], tables[:, 2]
    number = count.sum(axis=0)
    center = (count * mean).sum(axis=0) / np.maximum(number, 1.0)
    return np.stack([number, center, (within + count * (mean - center) ** 2).sum(axis=0)])


def variance_split(table: np.ndarray, *, singletons: bool = True) -> tuple[float, float, float, int, float]:
    """Within and total sum of squares, samples, non-empty strata and smallest stratum of one ``(3, strata)`` table."""
    table = table[:, table[0] > (0 if singletons else 1)]
    if table.shape[1] == 0:
        return 0.0, 0.0, 0.0, 0, 0.0
    number, _, total = merge_tables(table.T[:, :, None])[:, 0]  # strata merged like blocks: the scatter of all samples
    return float(table[2].sum()), float(total), float(number), table.shape[1], float(table[0].min())


def q_statistic(table: np.ndarray, *, singletons: bool = True) -> float:
    """``1 - SSW / SST`` of one ``(3, strata)`` table, NaN where nothing varies."""
    within, total, *_ = variance_split(table, singletons=singletons)
    return 1.0 - within / total if total > 0 else np.nan


def percentiles_by_codes(
    values: np.ndarray, *codes: np.ndarray, sizes: tuple[int, ...], percentiles: tuple[float, ...]
) -> np.ndarray:
    """As :func:`percentiles_by_code`, of every combination of strata of several factors, the last factor fastest."""
    cell = codes[0].ravel().astype(np.int32)
    for code, size in zip(codes[1:], sizes[1:], strict=True):
        second = code.ravel()
        cell = np.where((cell >= 0) & (second >= 0), cell * size + second, -1)
    return percentiles_by_code(values.ravel(), cell, int(np.prod(sizes)), percentiles)


def percentiles_by_code(values: np.ndarray, codes: np.ndarray, size: int, percentiles: tuple[float, ...]) -> np.ndarray:
    """Exact percentiles and count of the finite values of every stratum: ``(size, percentiles + 1)``, count last."""
    use = np.isfinite(values) & (codes >= 0)
    values, codes = values[use], codes[use].astype(np.int16 if size < 2**15 else np.int64)  # int16 sorts fastest
    counts = np.bincount(codes, minlength=size)
    grouped = values[np.argsort(codes, kind="stable")].astype(np.float64)
    out = np.full((size, len(percentiles) + 1), np.nan)
    out[:, -1] = counts
    ends = np.cumsum(counts)
    for stratum in np.flatnonzero(counts):
        group = grouped[ends[stratum] - counts[stratum] : ends[stratum]]
        out[stratum, :-1] = np.percentile(group, percentiles)
    return out
