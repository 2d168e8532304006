"""Batched small least squares: sums cell by cell, and what follows from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qtp_toolkit.kernels import lstsq
from qtp_toolkit.pecm.kernels import decompose
from qtp_toolkit.pecm.kernels import slabs as slicing


def design(rng, pixels=12, n=40, k=3):
    return [rng.normal(size=(n, pixels)) + i for i in range(k)]


def blocks_of(number, per):
    return lstsq.Blocks.of(np.repeat(np.arange(number), per))


# closed form


def test_line_through_two_points():
    y = np.array([[1.0], [3.0]])
    out = lstsq.solve(y, [np.array([[0.0], [1.0]]), np.ones((2, 1))])
    np.testing.assert_allclose(out.coefficients[:, 0], [2.0, 1.0])
    assert out.count == 2
    assert np.isnan(out.covariance).all()  # no degree of freedom is left
    np.testing.assert_allclose(out.rms, 0.0, atol=1e-12)


def test_mean_and_its_standard_error():
    y = np.array([[2.0], [4.0], [9.0], [np.nan]])
    out = lstsq.solve(y, [np.ones((4, 1))])
    assert out.coefficients[0] == pytest.approx(5.0)
    assert out.covariance[0, 0] == pytest.approx(np.var([2, 4, 9], ddof=1) / 3)
    assert out.rms == pytest.approx(np.std([2, 4, 9]))


def test_singular_systems_are_nan_not_errors():
    n = 12
    column = np.arange(n, dtype=float)
    y = np.ones((n, 3))
    y[:, 2] = np.nan
    columns = [np.stack([column, np.zeros(n), column], 1), np.stack([2 * column, column, 3 + column], 1)]
    blocks = lstsq.Blocks.of(np.repeat([0, 1, 2], 4))
    out = lstsq.solve(y, columns, blocks=blocks)
    assert np.isnan(out.coefficients).all()
    assert np.isinf(out.condition).all()
    assert out.count.tolist() == [n, n, 0]
    assert np.isnan(lstsq.replicate(out.sums, np.ones((2, 3)))).all()
    assert np.isnan(lstsq.bootstrap(out, blocks, draws=20, seed=0)).all()


def test_blocks_of_pairs_hold_every_pair_that_touches_the_year():
    blocks = lstsq.Blocks.of(np.array([2015, 2015, 2016, 2015]), np.array([2015, 2016, 2016, 2017]))
    touched = blocks.member[blocks.cells]
    assert touched.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 1]]


# oracle


@pytest.mark.parametrize("weighted", [False, True])
def test_equals_numpy_lstsq(rng, weighted):
    columns = design(rng, pixels=70)  # more than are worked on together, and not a multiple
    y = rng.normal(size=(40, 70))
    y[rng.uniform(size=y.shape) < 0.2] = np.nan
    columns[1][3, 5] = np.nan
    weights = rng.uniform(0.2, 3.0, size=y.shape) if weighted else None
    before = y.copy()
    out = lstsq.solve(y, columns, weights=weights, blocks=blocks_of(4, 10))
    np.testing.assert_array_equal(y, before)
    for p in range(70):
        here = np.isfinite(y[:, p]) & np.isfinite(columns[1][:, p])
        w = np.ones(here.sum()) if weights is None else weights[here, p]
        matrix = np.stack([c[here, p] for c in columns], 1)
        beta = np.linalg.lstsq(matrix * np.sqrt(w)[:, None], y[here, p] * np.sqrt(w), rcond=None)[0]
        residual = y[here, p] - matrix @ beta
        covariance = (w * residual**2).sum() / (here.sum() - 3) * np.linalg.inv(matrix.T @ (w[:, None] * matrix))
        np.testing.assert_allclose(out.coefficients[:, p], beta, rtol=1e-8)
        np.testing.assert_allclose(out.covariance[:, :, p], covariance, rtol=1e-8)
        assert out.rms[p] == pytest.approx(np.sqrt(np.average(residual**2, weights=w)))


def test_jackknife_equals_leaving_blocks_out_by_hand(rng):
    columns = design(rng, pixels=2)
    y = rng.normal(size=(40, 2))
    blocks = blocks_of(5, 8)
    out = lstsq.jackknife(lstsq.solve(y, columns, blocks=blocks), blocks)
    for p in range(2):
        matrix = np.stack([c[:, p] for c in columns], 1)
        full = np.linalg.lstsq(matrix, y[:, p], rcond=None)[0]
        keep = [blocks.cells != b for b in range(5)]
        shifts = [np.linalg.lstsq(matrix[k], y[k, p], rcond=None)[0] - full for k in keep]
        np.testing.assert_allclose(out[..., p], 4 / 5 * sum(np.outer(s, s) for s in shifts), rtol=1e-7)


def test_bootstrap_equals_drawing_blocks_by_hand(rng):
    columns, y, blocks = design(rng, pixels=2, k=2), rng.normal(size=(40, 2)), blocks_of(5, 8)
    out = lstsq.bootstrap(lstsq.solve(y, columns, blocks=blocks), blocks, draws=60, seed=7)
    counts = np.random.default_rng(7).multinomial(5, [0.2] * 5, size=60)
    for p in range(2):
        matrix = np.stack([c[:, p] for c in columns], 1)
        drawn = [np.repeat(np.arange(40), row[blocks.cells]) for row in counts]
        answers = [np.linalg.lstsq(matrix[k], y[k, p], rcond=None)[0] for k in drawn]
        low, high = np.quantile(answers, [1 - lstsq.ONE_SIGMA, lstsq.ONE_SIGMA], axis=0)
        np.testing.assert_allclose(out[:, p], np.sqrt(5 / 4) * (high - low) / 2, rtol=1e-7)


@pytest.mark.parametrize("kind", ["year_block", "bootstrap"])
def test_blocks_cover_errors_shared_within_a_block(rng, kind):
    pixels, years, per = 3000, 8, 15
    t = np.tile(np.linspace(0, 1, per), years)[:, None] + np.zeros((1, pixels))
    wave = np.sin(np.pi * t)
    shared = np.repeat(rng.normal(size=(years, pixels)), per, axis=0) * wave
    y = 2.0 * wave + shared + 0.3 * rng.normal(size=t.shape)
    blocks = blocks_of(years, per)
    out = lstsq.solve(y, [wave, np.ones_like(t)], blocks=blocks)
    error = np.abs(out.coefficients[0] - 2.0)
    assert (error <= np.sqrt(out.covariance[0, 0])).mean() < 0.4
    assert 0.62 < (error <= decompose.Spread(kind, blocks).of(out)[0]).mean() < 0.74


def test_fewer_than_three_blocks_give_no_spread(rng):
    blocks = blocks_of(2, 10)
    out = lstsq.solve(rng.normal(size=(20, 2)), design(rng, 2, 20, 2), blocks=blocks)
    assert np.isnan(lstsq.jackknife(out, blocks)).all()
    assert np.isnan(lstsq.bootstrap(out, blocks, draws=30, seed=0)).all()


def test_slabs_do_not_change_a_number(rng, monkeypatch):
    arrays = [rng.normal(size=(7, 5, 30)) for _ in range(3)]
    spread = decompose.Spread("bootstrap", blocks_of(3, 10), 50, 1)
    options = {"intercept": True, "spread": spread, "years": np.repeat([0, 1, 2], 10), "min_count": 5}
    options |= {"kernel": decompose.two_indices, "layers": len(decompose.LAYERS), "max_condition": 1e4}
    whole = decompose.by_slabs(*arrays, **options)
    monkeypatch.setattr(slicing, "SLAB", 200)
    np.testing.assert_allclose(decompose.by_slabs(*arrays, **options), whole, rtol=1e-12)
    assert whole.shape == (7, 5, len(decompose.LAYERS))


# property


@settings(max_examples=15, deadline=None)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-50, 50), seed=st.integers(0, 99))
def test_scaling_a_column_scales_its_coefficient(scale, shift, seed):
    rng = np.random.default_rng(seed)
    columns, y = [*design(rng, 2, 30, 2), np.ones((30, 2))], rng.normal(size=(30, 2))
    first = lstsq.solve(y, columns)
    second = lstsq.solve(y + shift, [columns[0] * scale, *columns[1:]])
    np.testing.assert_allclose(second.coefficients[0] * scale, first.coefficients[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(second.coefficients[2], first.coefficients[2] + shift, atol=1e-6)
    np.testing.assert_allclose(second.condition, first.condition, rtol=1e-6)
