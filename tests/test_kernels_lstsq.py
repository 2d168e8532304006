"""Batched small least squares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtp_toolkit.kernels import lstsq


def design(rng, shape=(3, 4), n=40, k=3):
    return [rng.normal(size=(n, *shape)) + i for i in range(k)]


# closed form


def test_line_through_two_points():
    y = np.array([1.0, 3.0])
    out = lstsq.solve(y, [np.array([0.0, 1.0]), np.ones(2)])
    np.testing.assert_allclose(out.coefficients, [2.0, 1.0])
    assert out.count == 2
    assert np.isnan(out.covariance).all()  # no degree of freedom is left
    np.testing.assert_allclose(out.rms, 0.0, atol=1e-12)


def test_mean_and_its_standard_error():
    y = np.array([2.0, 4.0, 9.0, np.nan])
    out = lstsq.solve(y, [np.ones(4)])
    assert out.coefficients[0] == pytest.approx(5.0)
    assert out.covariance[0, 0] == pytest.approx(np.var([2, 4, 9], ddof=1) / 3)
    assert out.rms == pytest.approx(np.std([2, 4, 9]))


def test_singular_systems_are_nan_not_errors():
    n = 12
    column = np.arange(n, dtype=float)
    y = np.ones((n, 3))
    y[:, 2] = np.nan
    columns = [np.stack([column, np.zeros(n), column], 1), np.stack([2 * column, column, 3 + column], 1)]
    out = lstsq.solve(y, columns)
    assert np.isnan(out.coefficients).all()
    assert np.isinf(out.condition).all()
    assert out.count.tolist() == [n, n, 0]


# oracle


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_numpy_lstsq(rng, weighted):
    columns = design(rng)
    y = rng.normal(size=(40, 3, 4))
    y[rng.uniform(size=y.shape) < 0.2] = np.nan
    weights = rng.uniform(0.2, 3.0, size=y.shape) if weighted else None
    out = lstsq.solve(y, columns, weights=weights)
    for at in np.ndindex(3, 4):
        here = np.isfinite(y[(slice(None), *at)])
        w = np.ones(here.sum()) if weights is None else weights[(here, *at)]
        matrix = np.stack([c[(here, *at)] for c in columns], 1)
        beta = np.linalg.lstsq(matrix * np.sqrt(w)[:, None], y[(here, *at)] * np.sqrt(w), rcond=None)[0]
        residual = y[(here, *at)] - matrix @ beta
        covariance = (w * residual**2).sum() / (here.sum() - 3) * np.linalg.inv(matrix.T @ (w[:, None] * matrix))
        np.testing.assert_allclose(out.coefficients[(slice(None), *at)], beta, rtol=1e-9)
        np.testing.assert_allclose(out.covariance[(slice(None), slice(None), *at)], covariance, rtol=1e-8)


def test_jackknife_equals_leaving_blocks_out_by_hand(rng):
    columns = design(rng, shape=(2,))
    y = rng.normal(size=(40, 2))
    blocks = np.repeat(np.arange(5), 8)
    out = lstsq.solve(y, columns, blocks=blocks)
    for p in range(2):
        matrix = np.stack([c[:, p] for c in columns], 1)
        full = np.linalg.lstsq(matrix, y[:, p], rcond=None)[0]
        shifts = [np.linalg.lstsq(matrix[blocks != b], y[blocks != b, p], rcond=None)[0] - full for b in range(5)]
        expected = 4 / 5 * sum(np.outer(s, s) for s in shifts)
        np.testing.assert_allclose(out.block_covariance[..., p], expected, rtol=1e-8)


def test_jackknife_covers_errors_shared_within_a_block(rng):
    pixels, years, per = 4000, 8, 15
    t = np.tile(np.linspace(0, 1, per), years)[:, None] + np.zeros((1, pixels))
    wave = np.sin(np.pi * t)
    shared = np.repeat(rng.normal(size=(years, pixels)), per, axis=0) * wave
    y = 2.0 * wave + shared + 0.3 * rng.normal(size=t.shape)
    out = lstsq.solve(y, [wave, np.ones_like(t)], blocks=np.repeat(np.arange(years), per))
    error = np.abs(out.coefficients[0] - 2.0)
    formal = (error <= np.sqrt(out.covariance[0, 0])).mean()
    robust = (error <= np.sqrt(out.block_covariance[0, 0])).mean()
    assert formal < 0.4
    assert 0.58 < robust < 0.72


def test_fewer_than_three_blocks_give_no_jackknife(rng):
    out = lstsq.solve(rng.normal(size=(20, 2)), design(rng, (2,), 20, 2), blocks=np.repeat([0, 1], 10))
    assert np.isnan(out.block_covariance).all()


# property


@settings(max_examples=20, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-50, 50), seed=st.integers(0, 99))
def test_scaling_a_column_scales_its_coefficient(scale, shift, seed):
    rng = np.random.default_rng(seed)
    columns, y = [*design(rng, (2,), 30, 2), np.ones((30, 2))], rng.normal(size=(30, 2))
    first = lstsq.solve(y, columns)
    second = lstsq.solve(y + shift, [columns[0] * scale, *columns[1:]])
    np.testing.assert_allclose(second.coefficients[0] * scale, first.coefficients[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(second.coefficients[2], first.coefficients[2] + shift, atol=1e-6)
    np.testing.assert_allclose(second.condition, first.condition, rtol=1e-6)
