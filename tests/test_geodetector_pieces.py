"""Intervals and windows of q, both from the moment tables of pieces of the map; association of neighbors."""

import numpy as np
import pytest
import xarray as xr
from detector_maps import dependent_maps, grid, smooth
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qtp_toolkit import geodetector as gd
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.geodetector._bootstrap import _widening


@pytest.fixture
def maps(rng):
    return dependent_maps(rng)


# closed form


def test_closed_form_windows():
    """Left: the factor tells all. Middle: one stratum only. Right: too few pixels."""
    y = np.tile([[1.0, 1.0], [5.0, 5.0]], (1, 3))
    y[0, 4:] = np.nan
    rows = np.array([[0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1]])
    out = gd.factors_by_window(grid(y), grid(rows, "rows"), window=2, min_count=3)
    np.testing.assert_array_equal(out.q.values.ravel(), [1.0, 0.0, np.nan])
    assert out.n.values.ravel().tolist() == [4, 4, 2]
    assert out.strata.values.ravel().tolist() == [2, 1, 1]
    assert out.x.values.tolist() == [500, 2500, 4500]
    assert out.y.values.tolist() == [500]


def test_closed_form_chains_of_neighbors():
    """Weights of a chain, strata 1, 1, 2, 2: a slope is no border, a step is."""
    strata = xr.DataArray([1, 1, 2, 2], dims="s", name="zone")
    for values, expected in (([1.0, 2.0, 3.0, 4.0], 0.0), ([1.0, 1.0, 5.0, 5.0], 1.0)):
        out = gd.spatial_association(xr.DataArray(values, dims="s", name="y"), strata)
        assert out.q_spatial.item() == pytest.approx(expected)
        assert out.n.item() == 4


# oracle


def test_oracle_windows_are_q_of_what_they_hold(maps):
    y, x = maps
    strata = gd.stratify_factors(x, k=4)
    out = gd.factors_by_window(y, strata, window=12, step=6, min_count=20)
    assert dict(out.sizes) == {"factor": 3, "y": 4, "x": 5}
    for i, j in ((0, 0), (2, 1), (3, 4)):
        part = {"y": slice(6 * i, 6 * i + 12), "x": slice(6 * j, 6 * j + 12)}
        expected = gd.factors(y.isel(part), strata.isel(part))
        np.testing.assert_allclose(out.q[:, i, j], expected.q, rtol=1e-10)
        np.testing.assert_array_equal(out.n[:, i, j], expected.n)
        assert out.y[i].item() == y.y.isel(y=part["y"]).mean().item()


def test_oracle_intervals_of_drawn_maps(maps):
    """The same draws, made of pixels: the standard deviation of q is that of maps put together from blocks."""
    y, x = maps
    strata = gd.stratify(x["first"], k=4)
    out = gd.intervals(y, strata, block=10, n=40, seed=3)
    times = np.random.default_rng(3).multinomial(12, np.full(12, 1 / 12), size=40)
    drawn = []
    for row in times:
        parts = [(slice(10 * (b // 4), 10 * (b // 4) + 10), slice(10 * (b % 4), 10 * (b % 4) + 10)) for b in range(12)]
        picked = [b for b in range(12) for _ in range(row[b])]
        values, codes = (np.concatenate([da.values[parts[b]].ravel() for b in picked]) for da in (y, strata))
        drawn.append(gd.factor(xr.DataArray(values, dims="s"), xr.DataArray(codes, dims="s")).q.item())
    assert out.q_std.item() == pytest.approx(np.std(drawn, ddof=1))
    assert out.q.item() == pytest.approx(gd.factor(y, strata).q.item())
    assert out.q_lower.item() < out.q.item() < out.q_upper.item()
    assert out.blocks.item() == 12


def test_oracle_derivative_of_q_by_a_block(maps):
    """What widens the interval is built on how q changes when a block counts a little more."""
    y, x = maps
    strata = gd.stratify(x["first"], k=3)
    known = np.isfinite(y.values)
    block = np.arange(30)[:, None] // 15 * 2 + np.arange(40)[None] // 20
    deviation = np.where(known, y.values - np.nanmean(y.values), 0.0)
    cell = np.where(known, block * 3 + strata.values, 0)
    sums = np.stack([np.bincount(cell[known], deviation[known] ** m, minlength=12).reshape(4, 3) for m in (0, 1, 2)])

    def q(weights):
        n, s, ss = (weights @ part for part in sums)
        return 1 - (ss - s**2 / n).sum() / (ss.sum() - s.sum() ** 2 / n.sum())

    step = 1e-5 * np.eye(4)
    slope = np.array([(q(1 + d) - q(1 - d)) / 2e-5 for d in step]).reshape(2, 2)
    slope -= slope.mean()
    near = np.array([[1, 0.5], [0.5, 0.25]])
    both = sum(slope[i, j] * slope[k, m] * near[abs(i - k), abs(j - m)] for i, j, k, m in np.ndindex(2, 2, 2, 2))
    assert _widening(sums, (2, 2)) == pytest.approx(np.sqrt(max(both / (slope**2).sum(), 1.0)), rel=1e-6)


@pytest.mark.parametrize("neighbors", ["rook", "queen"])
def test_oracle_association_by_a_whole_matrix_of_weights(neighbors):
    rng = np.random.default_rng(1)
    y, zone = rng.normal(size=(6, 7)), rng.integers(-1, 3, (6, 7))
    y[2, 3] = np.nan
    zone[0, 0], zone[0, 1], zone[1, 0], zone[1, 1] = 4, 1, 1, 1  # a stratum without neighbors of its own
    at = np.stack(np.meshgrid(np.arange(6), np.arange(7), indexing="ij"), -1).reshape(-1, 2)
    apart = np.abs(at[:, None] - at[None])
    weights = ((apart.sum(-1) == 1) if neighbors == "rook" else (apart.max(-1) == 1)).astype(float)
    value, code = y.ravel(), zone.ravel()

    def spread(members):
        w = weights[np.ix_(members, members)]
        return (w * (value[members][:, None] - value[members][None]) ** 2 / 2).sum() / w.sum()

    known = np.flatnonzero(np.isfinite(value) & (code >= 0))
    strata = [np.flatnonzero(np.isfinite(value) & (code == c)) for c in (0, 1, 2)]
    within = sum(len(s) * spread(s) for s in strata) / sum(map(len, strata))
    labelled = grid(zone, "zone", labels=list("abcde"))
    out = gd.spatial_association(grid(y), labelled, neighbors=neighbors)
    assert out.q_spatial.item() == pytest.approx(1 - within / spread(known))
    assert out.n.item() == sum(map(len, strata))


def test_oracle_spade_is_the_mean_over_numbers_of_classes(maps):
    y, x = maps
    out = gd.spade(y, x["first"], k=(3, 5))
    ratio = []
    for k in (3, 5):
        strata = gd.stratify(x["first"], k=k).drop_attrs()
        parts = [gd.spatial_association(da, strata).q_spatial.item() for da in (y, x["first"].where(y.notnull()))]
        ratio.append(parts[0] / parts[1])
    assert out.association.item() == pytest.approx(np.mean(ratio))
    assert 0 < out.association.item() < 1


# on data whose answer is known


def test_intervals_cover_what_they_say():
    """A map that follows a smooth factor, with smooth noise: at nominal 95 % most intervals hold the true q."""
    k, slope = 8, 1.0
    cut = stats.norm.pdf(stats.norm.ppf(np.linspace(0, 1, k + 1)))
    between = (np.diff(cut) ** 2).sum() * k  # variance of the means of eight equally filled classes of a normal factor
    true = slope**2 * between / (slope**2 + 1)
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = smooth(rng, 96, 3)
        y = grid(slope * x + smooth(rng, 96, 3))
        out = gd.intervals(y, gd.stratify(grid(x, "x"), k=k), n=199, seed=seed)
        held += out.q_lower.item() <= true <= out.q_upper.item()
    assert 34 <= held <= 40


def test_the_factor_matters_where_it_acts():
    rng = np.random.default_rng(5)
    x = grid(smooth(rng, 64, 2), "x")
    west = x.x < 32_000
    y = (x.where(west, 0.0) + 0.5 * smooth(rng, 64, 2)).rename("y")
    q = gd.factors_by_window(y, gd.stratify(x, k=5), window=32).q.squeeze("factor")
    chance = gd.factors_by_window(gd.surrogate(y), gd.stratify(x, k=5), window=32).q.squeeze("factor")
    assert q.isel(x=0).min() > 0.5 > q.isel(x=1).max()
    assert q.isel(x=1).mean() < chance.mean() + 0.1


def test_surrogates_keep_gaps_variance_and_smoothness():
    rng = np.random.default_rng(6)
    y = grid(smooth(rng, 80, 4)).where(smooth(rng, 80, 6) < 0.5)
    drawn = gd.surrogate(y, seed=1)
    np.testing.assert_array_equal(np.isnan(drawn), np.isnan(y))
    assert float(drawn.std()) == pytest.approx(float(y.std()), rel=0.35)
    assert float((drawn.diff("x") ** 2).mean() / drawn.var()) < 0.15  # 0.03 in the map, 2 where pixels are independent
    xr.testing.assert_identical(drawn, gd.surrogate(y, seed=1))
    assert abs(float(xr.corr(drawn, y))) < 0.5
    assert np.isnan(gd.surrogate(y * np.nan)).all()


# refusals and what is not known


def test_too_few_blocks_and_constant_maps_have_no_interval(maps):
    y, x = maps
    strata = gd.stratify(x["first"], k=3)
    few = gd.intervals(y, strata, block=30)
    assert few.blocks.item() == 2
    assert np.isfinite(few.q)
    assert np.isnan(few.q_lower)
    level = gd.intervals(y * 0 + 7.1, strata, block=10)
    assert np.isnan(level.q)
    assert np.isnan(gd.factors_by_window(y * 0 + 7.1, strata, window=10).q).all()
    assert np.isnan(gd.spatial_association(y * 0 + 7.1, strata).q_spatial)


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32", "bool"])
def test_targets_of_any_kind(dtype):
    """Whole numbers are numbers; infinite ones are dropped, by all in the same way."""
    rng = np.random.default_rng(2)
    y, zone = grid(rng.integers(0, 2, (20, 20)).astype(dtype)), grid(rng.integers(0, 3, (20, 20)), "zone")
    calls = (
        gd.factor,
        lambda y, s: gd.intervals(y, s, block=5, n=20),
        lambda y, s: gd.factors_by_window(y, s, window=10),
        gd.spatial_association,
        lambda y, s: gd.significance(y, s, n=3),
        lambda y, s: gd.significance(y, s, method="block", block=5, n=3),
        lambda y, s: gd.optimal(y, s.astype(float), k=(2, 3), methods=("equal", "robust"), n=3),
    )
    for call in calls:
        xr.testing.assert_allclose(call(y, zone), call(y.astype("float64"), zone))
    if dtype == "float32":
        for call in calls:
            gap, infinite = (call(y.where(y.x > 3000, value), zone) for value in (np.nan, np.inf))
            xr.testing.assert_allclose(gap, infinite)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda y, s: gd.intervals(y, s, level=95), "level"),
        (lambda y, s: gd.intervals(y, s, n=1), "draws"),
        (lambda y, s: gd.intervals(y, s, block=0), "need pixels"),
        (lambda y, s: gd.intervals(y[0], s[0]), "need a map"),
        (lambda y, s: gd.factors_by_window(y, s, window=10, step=4), "divide"),
        (lambda y, s: gd.factors_by_window(y, s, singletons="no"), "single samples"),
        (lambda y, s: gd.spatial_association(y, s, neighbors="bishop"), "neighbors"),
        (lambda y, s: gd.spade(y, (y * 2).rename("x").chunk()), "lazy"),
    ],
)
def test_refusals(maps, call, match):
    y, x = maps
    with pytest.raises(QtpDataError, match=match):
        call(y, gd.stratify(x["first"], k=3))


# property


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), shift=st.floats(-1e5, 1e5), scale=st.floats(0.01, 100))
def test_property_a_shift_of_the_map_changes_nothing(seed, shift, scale):
    rng = np.random.default_rng(seed)
    y, zone = grid(rng.normal(size=(20, 20))), grid(rng.integers(0, 3, (20, 20)), "zone")
    for call in (
        lambda y: gd.intervals(y, zone, block=5, n=20)[["q", "q_lower", "q_upper"]],
        lambda y: gd.factors_by_window(y, zone, window=10)["q"],
        lambda y: gd.spatial_association(y, zone)["q_spatial"],
    ):
        xr.testing.assert_allclose(call(scale * y + shift), call(y), rtol=1e-5, atol=1e-6)


# lazy


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": 30, "x": 9}, {"y": 1, "x": 40}])
def test_lazy_equals_eager_without_computing(maps, no_compute, chunks):
    y, x = maps
    strata = gd.stratify_factors(x, k=4)
    runs = [
        lambda y, s: gd.intervals(y, s, block=8, n=20),
        lambda y, s: gd.factors_by_window(y, s, window=12, step=4),
        lambda y, s: gd.spatial_association(y, s, neighbors="queen"),
        lambda y, s: gd.significance(y, s, n=3),
        lambda y, s: gd.surrogate(y).to_dataset(),
        lambda y, s: gd.spade(y, x["first"], k=(3,)),
    ]
    with no_compute():
        lazy = [run(y.chunk(chunks), strata.chunk({"y": 10, "x": 20})) for run in runs]
        lazy.append(gd.intervals(y, strata.chunk({"y": 10, "x": 20}), block=8, n=20))
    eager = [run(y, strata) for run in runs]
    for out, expected in zip(lazy, [*eager, eager[0]], strict=True):
        xr.testing.assert_allclose(out.compute(scheduler="sync"), expected)
        assert out.compute(scheduler="sync").attrs == expected.attrs


def test_results_say_that_they_are_synthetic(maps):
    y, x = maps
    y = y.assign_attrs(provenance_note="synthetic scene")
    strata = gd.stratify(x["first"], k=3)
    outs = [
        gd.intervals(y, strata, block=10, n=9),
        gd.factors_by_window(y, strata, window=10),
        gd.spatial_association(y, strata),
        gd.optimal(y, x["first"], k=(3,), n=3),
        gd.spade(y, x["first"], k=(3,)),
    ]
    for out in outs:
        assert out.attrs["provenance_note"] == "synthetic scene"
        assert all(da.attrs["provenance_note"] == "synthetic scene" for da in out.data_vars.values())
