"""The kernel that moves the scene's ground against a plain account of one pixel, day by day."""

from __future__ import annotations

import numpy as np
import pytest

from qtp_toolkit.synthetic.kernels import motion

DAYS = np.arange(3 * 365)
NEW_YEAR = np.array([0, 365, 730])
WANTED = np.array([20, 150, 200, 280, 300, 400, 560, 700, 725, 760, 950, 1090])


def calendar():
    angle = 2 * np.pi * (DAYS - 115) / 365
    weather = 2.0 * np.sin(0.9 * DAYS) * np.cos(0.13 * DAYS)
    functions = np.stack([np.ones(DAYS.size), np.sin(angle), np.cos(angle), weather], axis=1).astype(np.float32)
    return motion.Calendar(functions, 3, NEW_YEAR, WANTED, (1, 3))


def moved(fields, ratio):
    """What the kernel makes of pixels with these fields; strengths differ between the years."""
    fields = np.asarray(fields, np.float32).T.copy()
    n = fields.shape[1]
    strength = np.repeat(np.array([[0.9], [1.0], [1.2]], np.float32), n, axis=1)
    single = [np.full(n, v, np.float32) for v in (ratio, 25.0, -4.0, 1.5)]
    yearly, out = np.empty((4, 3, n), np.float32), np.empty((WANTED.size, n), np.float32)
    motion.move(calendar(), motion.Pixels(fields, strength, *single), yearly, out)
    return yearly, out


def plain(fields, ratio):
    """The same for one pixel, from the definitions, in float64."""
    time = calendar().functions.astype(float)
    degrees, smooth = time @ fields, time[:, :3] @ fields[:3]
    upward = np.flatnonzero((smooth[:-1] < 0) & (smooth[1:] >= 0))
    downward = np.flatnonzero((smooth[:-1] >= 0) & (smooth[1:] < 0))
    thaw = np.array([[d for d in upward if y + 60 <= d < y + 206][-1] + 1 for y in NEW_YEAR])
    freeze = np.array([next(d for d in downward if y + 204 <= d < y + 352) + 1 for y in NEW_YEAR])
    stop = np.append(thaw[1:], DAYS.size)
    addt = np.array([np.maximum(degrees[a:b], 0).sum() for a, b in zip(thaw, freeze, strict=True)])
    addf = np.array([np.maximum(-degrees[b:c], 0).sum() for b, c in zip(freeze, stop, strict=True)])
    strength = np.array([0.9, 1.0, 1.2])
    scale = 25.0 / np.mean(np.sqrt(addt) * strength)
    closed = np.where(ratio * addf < addt, np.maximum(addt / addf, ratio), ratio)
    closed[-1] = ratio
    out = []
    for day in WANTED:
        year = max(int((day + 1 > thaw).sum()) - 1, 0)
        at = np.maximum(degrees[thaw[year] : min(day + 1, freeze[year])], 0).sum()
        af = np.maximum(-degrees[freeze[year] : day + 1], 0).sum()
        index = max(np.sqrt(at) - np.sqrt(closed[year] * af), 0.0)
        lost = (addt[:year].sum() + at) / addt[1:].mean()
        out.append(-4.0 * lost + 1.5 * day / 365.25 - scale * strength[year] * index)
    return addt, addf, np.array(out)


@pytest.mark.parametrize("mean", [-3.5, -1.0, 1.0])
def test_agrees_with_a_plain_account(mean):
    fields = np.array([mean, 11.0, 2.0, 1.0])
    yearly, out = moved([fields], 1.4)
    addt, addf, expected = plain(fields, 1.4)
    np.testing.assert_allclose(yearly[2][:, 0], addt, rtol=1e-4)
    np.testing.assert_allclose(yearly[3][:, 0], addf, rtol=1e-4)
    np.testing.assert_allclose(out[:, 0], expected, atol=5e-3)


def test_crossings_of_a_sinusoid():
    yearly, _ = moved([[-3.5, 13.5, 0.0, 0.0]], 1.4)
    lag = np.arcsin(3.5 / 13.5) * 365 / (2 * np.pi)
    np.testing.assert_allclose(yearly[0][:, 0], 115 + 1 + lag, atol=0.01)
    np.testing.assert_allclose(yearly[1][:, 0], 115 + 1 + 182.5 - lag, atol=0.01)


def test_ground_that_never_thaws_or_never_freezes_has_no_onsets():
    yearly, out = moved([[-30.0, 10.0, 0.0, 0.0], [30.0, 10.0, 0.0, 0.0]], 1.4)
    assert np.isnan(yearly[:2]).all()
    assert np.isfinite(out).all()


def test_pixels_do_not_depend_on_their_neighbors():
    fields = np.random.default_rng(3).normal([-3.0, 11.0, 1.0, 1.0], 0.5, (2 * motion.LANES + 3, 4))
    together = moved(fields, 1.3)[1]
    alone = np.concatenate([moved(fields[k : k + 1], 1.3)[1] for k in range(len(fields))], axis=1)
    np.testing.assert_array_equal(together, alone)
