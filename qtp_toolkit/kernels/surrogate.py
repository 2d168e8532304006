"""Maps that share the spatial correlation of a given map but nothing else: for tests of significance."""

from __future__ import annotations

import numpy as np

from qtp_toolkit.kernels.strata import q_statistic


def random_phase(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Map with the amplitude spectrum of ``values`` and random phases; NaN (kept) counts as the mean."""
    known = np.isfinite(values)
    deviation = np.where(known, values - values[known].mean(), 0.0)
    axes = tuple(range(values.ndim))
    noise = np.fft.rfftn(rng.standard_normal(values.shape), axes=axes)
    turned = np.fft.rfftn(deviation, axes=axes) * (noise / np.abs(noise))
    return np.where(known, np.fft.irfftn(turned, s=values.shape, axes=axes), np.nan)


def block_permutation(values: np.ndarray, rng: np.random.Generator, block: int) -> np.ndarray:
    """Map whose whole blocks of ``block`` pixels a side changed places; the rest beyond whole blocks becomes NaN."""
    block = min(block, *values.shape)
    number = [size // block for size in values.shape]
    whole = values[tuple(slice(0, n * block) for n in number)]
    split = whole.reshape([part for n in number for part in (n, block)])
    outer, inner = list(range(0, split.ndim, 2)), list(range(1, split.ndim, 2))
    stack = split.transpose(outer + inner).reshape(-1, *[block] * values.ndim)
    mixed = rng.permutation(stack).reshape([*number, *[block] * values.ndim])
    back = [axis for d in range(values.ndim) for axis in (d, values.ndim + d)]
    out = np.full(values.shape, np.nan)
    out[tuple(slice(0, n * block) for n in number)] = mixed.transpose(back).reshape(whole.shape)
    return out


def null_distribution(
    values: np.ndarray, codes: np.ndarray, *, sizes: tuple[int, ...], method: str, n: int, seed: int, block: int
) -> np.ndarray:
    """Return q of the map (row 0) and of ``n`` surrogates of it (rows 1..n) for every factor: ``(n + 1, factors)``.

    Parameters
    ----------
    values : (...) array
        The map, NaN where missing.
    codes : (factors, ...) int array
        Strata, -1 where missing.
    sizes : tuple of int
        Number of strata of each factor.
    method : "surrogate" or "block"
    n, seed, block : int
        Number of surrogates, seed of the random numbers, block side in pixels.
    """
    rng = np.random.default_rng(seed)
    values = np.asarray(values, dtype=np.float64)
    flat = codes.reshape(codes.shape[0], -1)
    out = np.empty((n + 1, len(sizes)))
    for row in range(n + 1):
        if row == 0:
            drawn = values
        elif method == "surrogate":
            drawn = random_phase(values, rng)
        else:
            drawn = block_permutation(values, rng, block)
        out[row] = _q_of_all(drawn.ravel(), flat, sizes)
    return out


def _q_of_all(values: np.ndarray, codes: np.ndarray, sizes: tuple[int, ...]) -> list[float]:
    from qtp_toolkit.kernels.moments import factor_tables  # noqa: PLC0415  imports Numba

    table = factor_tables(values, codes, sizes)
    ends = np.cumsum(sizes)
    return [q_statistic(table[:, end - size : end]) for end, size in zip(ends, sizes, strict=True)]
