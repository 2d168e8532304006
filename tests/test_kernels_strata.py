"""Class edges, codes, moment tables and surrogates: plain arrays."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtp_toolkit.geodetector import _significance as surrogate
from qtp_toolkit.geodetector.kernels.moments import factor_tables, pair_layout, pair_tables
from qtp_toolkit.kernels import strata

FIBONACCI = np.array([1, 2, 2, 3, 5, 8, 13, 21, 34, 55.0])


@pytest.mark.parametrize(
    ("method", "inner"),
    [
        ("natural", [8, 21, 34]),
        ("quantile", [2.25, 6.5, 19]),
        ("equal", [14.5, 28, 41.5]),
        ("geometric", [2.7233, 7.4162, 20.1963]),
        ("deviation", [-3.315, 14.4, 32.115]),
    ],
)
def test_closed_form_edges_of_the_published_vector(method, inner):
    np.testing.assert_allclose(strata.EDGES[method](FIBONACCI, 4)[1:-1], inner, atol=5e-5)


def test_closed_form_ties_give_one_class_of_their_own():
    values = np.array([0.0] * 60 + list(range(1, 41)))
    edges = strata.quantile_edges(values, 4)
    codes = strata.codes_by_edges(values, edges)
    assert edges[0] == edges[1] == 0
    assert (codes[:60] == 0).all()
    assert (codes[60:] > 0).all()
    assert strata.quantile_edges(np.ones(9), 4).tolist() == [1, 1]


def test_closed_form_codes_by_edges():
    values = np.array([np.nan, -1, 0, 1, 1.5, 2, 3, np.inf])
    edges = np.array([0.0, 1, 2])
    assert strata.codes_by_edges(values, edges).tolist() == [-1, -1, 0, 0, 1, 1, -1, -1]
    assert strata.codes_by_edges(values, edges, "left").tolist() == [-1, -1, 0, 1, 1, 1, -1, -1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8"])
@pytest.mark.parametrize("count", [2, 4, 40])
def test_oracle_codes_are_those_of_a_search_whatever_the_type(dtype, count):
    """Edges between two float32, on one, infinite, beyond all of them; values on an edge belong where they should."""
    rng = np.random.default_rng(count)
    for _ in range(20):
        values = (rng.integers(0, 60, 80) / (1 if "int" in dtype else 7)).astype(dtype)
        if "float" in dtype:
            values[:3] = np.nan, np.inf, -np.inf
        known = values[np.isfinite(values)].astype(np.float64)
        near = np.nextafter(known.astype(np.float32), np.float32(99)).astype(np.float64)
        edges = np.unique(rng.choice(np.concatenate([known, 0.5 * (known + near), np.nextafter(known, 99)]), count))
        edges = np.concatenate([[-np.inf], edges, [rng.choice([1e300, np.inf])]])
        for closed, side in (("right", "left"), ("left", "right")):
            inside = np.isfinite(values) & (values >= edges[0]) & (values <= edges[-1])
            expected = np.where(inside, np.searchsorted(edges[1:-1], values.astype(np.float64), side=side), -1)
            found = strata.codes_by_edges(values, edges, closed)
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == np.int16


def test_oracle_quantiles_of_either_precision_are_those_of_numpy(rng):
    values = np.round(rng.gamma(1.0, 3.0, 501), 1)
    for part in (values, values.astype(np.float32)):
        inner = np.unique(np.quantile(part.astype(np.float64), np.linspace(0, 1, 9)[1:-1]))
        np.testing.assert_allclose(strata.quantile_edges(part, 8)[1:-1], inner, rtol=1e-12)


def test_closed_form_sectors_are_centered_on_north():
    aspect = np.array([359.0, 1, 22.4, 22.6, 180, 337.6, 360, np.nan])
    assert strata.codes_by_sector(aspect, 8).tolist() == [0, 0, 0, 1, 4, 0, 0, -1]
    assert strata.codes_by_sector(np.array([44.9, 45.1, 315.1]), 4).tolist() == [0, 1, 0]


def test_oracle_natural_breaks_by_brute_force(rng):
    values = np.sort(rng.gamma(2.0, 5.0, 24))
    cost = {}
    for cut in combinations(range(1, values.size), 3):
        cost[cut] = sum(part.size * part.var() for part in np.split(values, cut))
    best = min(cost, key=cost.get)
    np.testing.assert_allclose(strata.natural_edges(values, 4)[1:-1], [values[c - 1] for c in best])


def test_natural_breaks_of_many_values_are_near_the_exact_ones(rng):
    values = np.concatenate([rng.normal(m, 1.0, 3000) for m in (0, 10, 30)])
    codes = strata.codes_by_edges(values, strata.natural_edges(values, 3))
    np.testing.assert_array_equal(codes, np.repeat([0, 1, 2], 3000))
    fine = strata.natural_edges(values, 3, bins=20000)
    np.testing.assert_allclose(strata.natural_edges(values, 3, bins=512), fine, atol=0.2)


def test_oracle_moments_of_a_large_offset_and_float32():
    values = np.full(1_200_000, 270.13, dtype=np.float32)
    values[::2] += np.float32(1.0)
    codes = np.tile(np.array([0, 1], dtype=np.int16), 600_000)[None]
    table = factor_tables(values, codes, (2,))
    np.testing.assert_allclose(
        table[1], [np.float64(np.float32(270.13) + np.float32(1)), np.float32(270.13)], rtol=1e-12
    )
    np.testing.assert_allclose(table[2], 0.0, atol=1e-9)


def test_oracle_tables_are_the_moments_of_each_stratum(rng):
    values = np.where(rng.random(3000) < 0.1, np.nan, rng.normal(5, 2, 3000))
    codes = np.stack([rng.integers(-1, 3, 3000), rng.integers(-1, 6, 3000)])
    tables = np.split(factor_tables(values, codes, (3, 6)), [3], axis=1)
    for code, table in zip(codes, tables, strict=True):
        groups = [values[(code == k) & np.isfinite(values)] for k in range(table.shape[1])]
        np.testing.assert_array_equal(table[0], [g.size for g in groups])
        np.testing.assert_allclose(table[1], [g.mean() for g in groups])
        np.testing.assert_allclose(table[2], [g.var() * g.size for g in groups])


def test_oracle_pairs_equal_single_tables(rng):
    values = np.where(rng.random(5000) < 0.1, np.nan, rng.normal(5, 2, 5000))
    codes = np.stack([rng.integers(-1, k, 5000) for k in (3, 5, 4)]).astype(np.int16)
    sizes = (3, 5, 4)
    flat, (pairs, offsets) = pair_tables(values, codes, sizes), pair_layout(sizes)
    for p, (i, j) in enumerate(pairs):
        joint = flat[:, offsets[p] : offsets[p + 1]].reshape(3, sizes[i] + 1, sizes[j] + 1)[:, :-1, :-1]
        cell = np.where((codes[i] >= 0) & (codes[j] >= 0), codes[i] * sizes[j] + codes[j], -1)
        alone = factor_tables(values, cell[None], (sizes[i] * sizes[j],))
        np.testing.assert_allclose(joint.reshape(3, -1), alone, atol=1e-9)


FLOATS = st.floats(-100, 100, width=32)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, 40, elements=FLOATS), st.integers(1, 39), st.floats(-1e4, 1e4))
def test_property_merged_halves_equal_the_whole(values, cut, shift):
    codes = (np.arange(40) % 3)[None]
    parts = [factor_tables(values[s], codes[:, s], (3,)) for s in (slice(0, cut), slice(cut, None))]
    whole = factor_tables(values, codes, (3,))
    np.testing.assert_allclose(strata.merge_tables(np.stack(parts)), whole, atol=1e-7)
    moved = factor_tables(values + shift, codes, (3,))
    np.testing.assert_allclose(moved[2], whole[2], atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, 30, elements=FLOATS), st.integers(2, 6))
def test_property_q_lies_between_0_and_1_and_ignores_labels(values, k):
    codes = np.arange(30) % k
    table = factor_tables(values, codes[None], (k,))
    q = strata.q_statistic(table)
    if np.ptp(values) > 1e-3:
        assert -1e-12 <= q <= 1 + 1e-12
        relabelled = factor_tables(values, (k - 1 - codes)[None], (k,))
        assert q == pytest.approx(strata.q_statistic(relabelled), abs=1e-12)


def test_closed_form_percentiles_by_code():
    values = np.array([1.0, 2, 3, 4, np.nan, 10])
    codes = np.array([0, 0, 0, -1, 0, 2])
    out = strata.percentiles_by_code(values, codes, 3, (0, 50, 100))
    np.testing.assert_array_equal(out, [[1, 2, 3, 3], [np.nan, np.nan, np.nan, 0], [10, 10, 10, 1]])


def test_closed_form_random_phase_keeps_the_spectrum_and_the_gaps(rng):
    values = rng.normal(size=(16, 15))
    drawn = surrogate.random_phase(values, np.random.default_rng(1))
    spectrum = [np.abs(np.fft.rfft2(v - v.mean())) for v in (values, drawn)]
    np.testing.assert_allclose(spectrum[1][1:-1, 1:-1], spectrum[0][1:-1, 1:-1], atol=1e-9)
    values[3, 4] = np.nan
    np.testing.assert_array_equal(np.isnan(surrogate.random_phase(values, rng)), np.isnan(values))


def test_closed_form_blocks_move_as_a_whole(rng):
    values = np.arange(7 * 8, dtype=float).reshape(7, 8)
    drawn = surrogate.block_permutation(values, rng, 2)
    assert np.isnan(drawn[6]).all()
    assert sorted(drawn[:6].ravel()) == sorted(values[:6].ravel())
    corner = drawn[0:2, 0:2]
    np.testing.assert_array_equal(corner - corner[0, 0], [[0, 1], [8, 9]])
