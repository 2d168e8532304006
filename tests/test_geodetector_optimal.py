"""Optimal and robust classes, breaks and p of published packages, and what a search finds by chance."""

from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from detector_maps import F_TEST, dependent_maps, grid, smooth, toy_samples
from scipy import stats

from qtp_toolkit import geodetector as gd
from qtp_toolkit.conventions import QtpDataError


@pytest.fixture
def maps(rng):
    return dependent_maps(rng)


def samples(values, name="x"):
    return xr.DataArray(np.asarray(values, dtype=float), dims="s", name=name)


# closed form


def test_closed_form_quantiles_as_gd_merges_them():
    """Six of ten values are 0: of four quantiles two edges remain, and more are asked for until five differ."""
    x = samples([0.0] * 6 + [1, 2, 3, 4])
    found = gd.edges(x, method="quantile_gd", k=3)
    asked = next(n for n in range(3, 99) if np.unique(np.quantile(x, np.linspace(0, 1, n + 1))).size >= 4)
    assert asked > 3
    np.testing.assert_allclose(found, np.unique(np.quantile(x, np.linspace(0, 1, asked + 1))))
    assert gd.edges(x, method="quantile", k=3).tolist() == [0, 0, 1, 4]  # ours: what fills two classes makes one
    few = samples([1.0] * 9 + [2, 3])
    assert gd.edges(few, method="quantile_gd", k=8).tolist() == [1, 2, 3]
    plain = samples(np.arange(101.0))
    np.testing.assert_allclose(gd.edges(plain, method="quantile_gd", k=4), gd.edges(plain, method="quantile", k=4))


def test_closed_form_quantiles_as_gdverse_takes_them():
    assert gd.edges(samples([1, 2, 4, 8]), method="quantile_gdverse", k=2).tolist() == [1, 2, 8]
    assert gd.edges(samples([1, 2, 4, 8]), method="quantile", k=2).tolist() == [1, 3, 8]


def test_closed_form_change_points():
    y = samples([1, 1, 1, 9, 9, 4, 4, 4], "y")
    x = samples([10, 20, 30, 40, 50, 60, 70, 80])
    assert gd.robust_edges(y, x, k=3).tolist() == [10, 30, 50, 80]
    order = [5, 2, 7, 0, 3, 1, 6, 4]
    assert gd.robust_edges(y[order], x[order], k=3).tolist() == [10, 30, 50, 80]
    assert gd.factor(y, gd.stratify(x, edges=gd.robust_edges(y, x, k=3))).q.item() == 1.0
    y[3], x[4] = np.nan, np.nan
    assert gd.robust_edges(y, x, k=2).tolist() == [10, 30, 80]


# oracle


@pytest.mark.filterwarnings("ignore:factor 'factor' has strata of a single")
@pytest.mark.parametrize("seed", range(3))
def test_oracle_no_other_classes_explain_more_than_change_points(seed):
    rng = np.random.default_rng(seed)
    x, y = samples(rng.integers(0, 9, 30)), samples(rng.normal(size=30) + 1000.0, "y")
    best = max(
        gd.factor(y, gd.stratify(x, edges=[x.min(), *cut, x.max()])).q.item()
        for cut in combinations(np.unique(x)[:-1], 2)
    )
    found = gd.factor(y, gd.stratify(x, edges=gd.robust_edges(y, x, k=3))).q.item()
    assert found == pytest.approx(best, abs=1e-12)


def test_oracle_gd_counts_before_it_drops_single_samples():
    """As the formulas of the package GD read, written out for seven samples."""
    toy = toy_samples()
    y, groups = toy.y.values[1:], [toy.y.values[1:4], toy.y.values[4:]]
    q = 1 - sum(((g - g.mean()) ** 2).sum() for g in groups) / ((y - y.mean()) ** 2).sum()
    f = (7 - 3) / (3 - 1) * q / (1 - q)
    means = np.array([g.mean() for g in groups])
    spread = y.var(ddof=1) * (7 - 1) / 7
    noncentrality = ((means**2).sum() - (means * np.sqrt([3, 3])).sum() ** 2 / 7) / spread
    with pytest.warns(UserWarning, match=F_TEST):
        out = gd.significance(toy.y, toy.x, method="GD")
    assert out.q.item() == pytest.approx(q)
    assert out.p.item() == pytest.approx(stats.ncf.sf(f, 2, 4, noncentrality))


@pytest.mark.parametrize(
    ("name", "center", "ddof", "singletons"), [("gdverse", False, 0, "drop"), ("geodetector", False, 1, "keep")]
)
def test_names_of_packages_are_their_conventions(name, center, ddof, singletons):
    toy = toy_samples()
    with pytest.warns(UserWarning, match="depends on a constant"):
        named = gd.significance(toy.y, toy.x, method=name)
    own = {"center": center, "ddof": ddof, "singletons": singletons}
    with pytest.warns(UserWarning, match="depends on a constant"):
        told = gd.significance(toy.y, toy.x, method="noncentral", **own)
    xr.testing.assert_identical(named, told)


# what the search finds


def test_the_best_of_many_is_too_good_and_says_by_how_much():
    """Data without a cause: q of one division is (L-1)/(N-1) on average, the best of 30 is far above it."""
    rng = np.random.default_rng(3)
    found = []
    for seed in range(12):
        y, x = (grid(rng.normal(size=(16, 16)), name) for name in ("y", "x"))
        found.append(gd.optimal(y, x + 5, methods=(*gd_methods(), "robust"), n=19, seed=seed))
    best = np.array([out.q_best.item() for out in found])
    null = np.array([out.q_null.item() for out in found])
    assert best.mean() > 2 * 7 / 255
    assert null.mean() == pytest.approx(best.mean(), rel=0.2)
    assert np.mean([out.q_adjusted.item() for out in found]) == pytest.approx(0.0, abs=0.02)
    assert np.mean([out.p.item() for out in found]) == pytest.approx(0.5, abs=0.25)
    assert {out.attrs["method"] for out in found} == {"robust"}


def gd_methods():
    return ("quantile", "equal", "natural", "geometric", "deviation")


def test_a_cause_stays_when_the_search_is_taken_off():
    rng = np.random.default_rng(4)
    x = grid(smooth(rng, 40, 3), "slope")
    y = (np.tanh(2 * x) + 0.2 * smooth(rng, 40, 3)).rename("y")
    out = gd.optimal(y, x, n=39)
    assert out.p.item() == pytest.approx(1 / 40)
    assert out.q_best.item() > out.q_adjusted.item() > 0.8
    assert (
        out.q.sel(discretization=out.attrs["method"], k=out.attrs["k"]).item()
        == out.q_best.item()
        == out.q.max().item()
    )
    assert np.isnan(out.q.sel(discretization="geometric")).all()  # not for values below zero
    again = gd.factor(y, gd.stratify(x, edges=out.attrs["edges"]))
    assert again.q.item() == pytest.approx(out.q_best.item())


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda y, x: gd.optimal(y.chunk(), x), "is lazy"),
        (lambda y, x: gd.robust_edges(y, x.chunk()), "is lazy"),
        (lambda y, x: gd.optimal(y, x, methods=("jenks",)), "unknown way"),
        (lambda y, x: gd.optimal(y, x, k=(1,)), "out of range"),
        (lambda y, x: gd.optimal(y, x, n=0), "needs surrogates"),
        (lambda y, x: gd.optimal(y, x, methods=("geometric",)), "no way is left"),
        (lambda y, x: gd.optimal(y, x, k=()), "no way is left"),
        (lambda y, x: gd.optimal(y, x * np.nan), "share no sample"),
        (lambda y, x: gd.optimal(y, x.rename(y.name)), "explained variable itself"),
        (lambda y, x: gd.optimal(y * 0, x), "does not vary"),
        (lambda y, x: gd.optimal(y, (x % 360).rename("aspect")), "circular"),
        (lambda y, x: gd.robust_edges(y, x[:-1]), "not on the grid"),
    ],
)
def test_refusals(maps, call, match):
    with pytest.raises(QtpDataError, match=match):
        call(maps[0], maps[1]["first"])
