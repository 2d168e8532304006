"""Network inversion: the toolkit beside a plain loop over pixels."""

from __future__ import annotations

import numpy as np
import xarray as xr
from common import cpu, row

from qtp_toolkit import inversion, network


def paper_stack(n_pixels: int, rng: np.random.Generator) -> tuple[xr.DataArray, xr.DataArray, np.ndarray]:
    """Pairs by the paper's rules with 3 % cycle errors that prefer low coherence, and the true phases."""
    dates = np.union1d(
        np.arange("2014-10-15", "2017-03-01", 24, dtype="datetime64[D]"),
        np.arange("2017-03-03", "2019-12-31", 12, dtype="datetime64[D]"),
    ).astype("datetime64[ns]")
    pairs = network.select_pairs(dates)
    first, second = (np.searchsorted(dates, pairs[name].values) for name in ("reference", "secondary"))
    truth = np.cumsum(rng.normal(0, 0.4, (dates.size, n_pixels)), axis=0).astype(np.float32)
    coherence = rng.uniform(0.2, 0.95, (first.size, n_pixels)).astype(np.float32)
    noise = rng.normal(0, 1, coherence.shape) * np.sqrt((1 - coherence**2) / (2 * 57 * coherence**2))
    slips = (rng.random(coherence.shape) < 0.06 * (1 - coherence)) * rng.choice([-1, 1], coherence.shape)
    phase = truth[second] - truth[first] + noise + 2 * np.pi * slips
    coords = {"reference": ("pair", dates[first]), "secondary": ("pair", dates[second])}
    attrs = {"dims": ("pair", "pixel"), "coords": coords}
    stack = xr.DataArray(phase.astype(np.float32), name="phase", **attrs).assign_attrs(units="rad")
    gamma = xr.DataArray(coherence, name="coherence", **attrs).assign_attrs(units="1")
    return stack, gamma, truth - truth[0]


def loop_inversion(
    phase: np.ndarray, weight: np.ndarray, matrix: np.ndarray, epsilons: tuple[float, ...]
) -> np.ndarray:
    """Weighted least squares, then reweighted once for each epsilon, pixel by pixel with numpy's lstsq."""
    out = np.empty((matrix.shape[1], phase.shape[1]))
    for i in range(phase.shape[1]):
        root = np.sqrt(weight[:, i])
        out[:, i] = np.linalg.lstsq(root[:, None] * matrix, root * phase[:, i], rcond=None)[0]
        for epsilon in epsilons:
            root = np.sqrt(weight[:, i] / np.maximum(abs(phase[:, i] - matrix @ out[:, i]), epsilon))
            out[:, i] = np.linalg.lstsq(root[:, None] * matrix, root * phase[:, i], rcond=None)[0]
    return out


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    stack, gamma, truth = paper_stack(20_000, rng)
    few = 40
    incidence = network.incidence_matrix(stack)
    matrix = incidence.isel(time=slice(1, None)).transpose("pair", "time").values.astype(float)
    table = []
    for name, norm, epsilons in (("L1", "l1", (0.5, 0.28, 0.16, 0.09, 0.05)), ("weighted L2", "wl2", ())):
        ours = 20_000 / cpu(lambda norm=norm: inversion.invert(stack, gamma, norm=norm))
        observed, weight = stack.values[:, :few].astype(float), gamma.values[:, :few].astype(float)
        plain = few / cpu(lambda o=observed, w=weight, e=epsilons: loop_inversion(o, w, matrix, e), repeat=1)
        found = inversion.invert(stack, gamma, norm=norm)["phase"].values
        slow = loop_inversion(observed, weight, matrix, epsilons)
        errors = [float(np.median(abs(found - truth))), float(np.median(abs(slow - truth[1:, :few])))]
        work = f"{name} inversion, {stack.sizes['pair']} pairs, {truth.shape[0]} dates"
        table.append(row(work, "pixels", ours, plain, f"median error {errors[0]:.3f} and {errors[1]:.3f} rad"))
    return table
