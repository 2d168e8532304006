"""Unwrapping of real fringes, and of a simulated scene that others published with its truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from qtp_toolkit import interferogram, open_catalog

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")]


def wrapped(phase):
    return phase.copy(data=np.angle(np.exp(1j * phase.values))).rename("wrapped_phase").assign_attrs(units="rad")


def off(error):
    """Whether pixels are off by half a cycle or more, once the median cycle is out."""
    return abs(error - 2 * np.pi * np.round(np.nanmedian(error) / (2 * np.pi))) > np.pi


def test_oracle_pairs_of_mexico_come_back_with_the_cycles_that_gamma_found(real_data):
    """30 pairs: of all pixels with a coherence above 0.4, fewer than 0.5 % lie on another cycle."""
    stack = open_catalog(Path(__file__).with_name("real_catalog.yaml"))["interferograms"].load()
    other, clear = 0, 0
    for k in range(stack.sizes["pair"]):
        phase, gamma = (stack[name].isel(pair=k, drop=True) for name in ("phase", "coherence"))
        again = interferogram.unwrap(wrapped(phase), gamma, looks=8)
        seen = (gamma > 0.4).values & np.isfinite(phase.values)
        other += off((again - phase).values)[seen].sum()
        clear += seen.sum()
    assert clear > 50_000
    assert other / clear < 0.005


@pytest.mark.parametrize("method", ["whirlwind", "least_squares"])
def test_oracle_a_scene_in_pieces_is_right_within_each(real_data, method):
    """Islands in noise: no flow knows the cycles between them, all are right inside of them."""
    folder = real_data / "isce2_unw_truth"
    truth = np.fromfile(folder / "sim.unw", "<f4").reshape(300, 2, 300)[:, 1]
    piece = np.fromfile(folder / "snf.unw.conncomp", "u1").reshape(300, 300)
    phase = xr.DataArray(truth, dims=("y", "x"), attrs={"units": "rad"})
    gamma = xr.DataArray(np.fromfile(folder / "sim.cor", "<f4").reshape(300, 300), dims=("y", "x"))
    made = interferogram.unwrap_components(wrapped(phase), gamma, method=method, looks=20)
    error = made["phase"].values - truth
    np.testing.assert_allclose(error / (2 * np.pi), np.round(error / (2 * np.pi)), atol=2e-5)
    for label in (1, 2):
        inside = (piece == label) & (gamma.values > 0.4)
        assert inside.sum() > 10_000
        assert off(error[inside]).mean() < 0.005
    if method == "whirlwind":
        label = made["component"].values
        assert not set(np.unique(label[piece == 1])) & set(np.unique(label[piece == 2])) - {0}
