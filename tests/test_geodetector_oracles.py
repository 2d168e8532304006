"""Geographical detector against published numbers, other libraries and its own null distribution."""

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from detector_maps import F_TEST, dependent_maps, grid, smooth, toy_samples
from scipy import stats
from scipy.ndimage import gaussian_filter

from qtp_toolkit import geodetector as gd
from qtp_toolkit.geodetector._detectors import _holm

# fixtures


@pytest.fixture
def toy():
    return toy_samples()


@pytest.fixture
def maps(rng):
    return dependent_maps(rng)


@pytest.fixture(scope="module")
def ntds():
    """185 districts of the neural-tube-defects study; py-geodetector (MIT) ships them."""
    module = pytest.importorskip("geodetector", reason="py-geodetector is a development dependency")
    frame = module.load_example_data()
    frame = frame.rename(columns={"type": "soiltype", "region": "watershed", "level": "elevation"})
    return xr.Dataset({name: ("sample", frame[name].to_numpy()) for name in frame})


# oracle


def test_oracle_anova(maps):
    y, x = maps
    strata = gd.stratify(x["first"], k=5)
    valid = np.isfinite(y.values)
    groups = [y.values[valid & (strata.values == i)] for i in range(5)]
    with pytest.warns(UserWarning, match=F_TEST):
        out = gd.significance(y, strata, method="central")
    f = stats.f_oneway(*groups)
    q, n = float(out.q.item()), valid.sum()
    assert (n - 5) / 4 * q / (1 - q) == pytest.approx(f.statistic)
    assert float(out.p.item()) == pytest.approx(f.pvalue)


def test_oracle_welch(maps):
    y, x = maps
    strata = gd.stratify(x["second"], k=3)
    out = gd.risk(y, strata)
    first, second = (y.values[np.isfinite(y.values) & (strata.values == i)] for i in (0, 2))
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert float(out.t[0, 2]) == pytest.approx(expected.statistic)
    assert float(out.degrees_of_freedom[0, 2]) == pytest.approx(expected.df)
    assert float(out.p[0, 2]) == pytest.approx(expected.pvalue)
    assert float(out["mean"][0]) == pytest.approx(first.mean())
    assert out["mean"].attrs["units"] == "mm"


def test_closed_form_holm():
    p = np.full((3, 3), np.nan)
    p[0, 1], p[0, 2], p[1, 2] = 0.01, 0.04, 0.03
    out = _holm(p)
    np.testing.assert_allclose([out[0, 1], out[0, 2], out[1, 2], out[2, 0]], [0.03, 0.06, 0.06, 0.06])


def test_oracle_py_geodetector(maps):
    module = pytest.importorskip("geodetector", reason="py-geodetector is a development dependency")
    y, x = maps
    strata = gd.stratify_factors(x, k=4)
    y = y.fillna(1000.0)
    frame = pd.DataFrame({"y": y.values.ravel(), **{name: da.values.ravel() for name, da in strata.items()}})
    peer = module.GeoDetector(frame.astype(dict.fromkeys(strata, int)), "y", list(strata))
    table = peer.factor_detector()
    np.testing.assert_allclose(gd.factors(y, strata).q, table.loc["q statistic"].astype(float))
    with pytest.warns(UserWarning, match=F_TEST):
        p = gd.significance(y, strata, method="noncentral", center=False, ddof=1).p
    np.testing.assert_allclose(p, table.loc["p value"].astype(float), rtol=1e-6)
    pairs = peer.interaction_detector()
    q = gd.interaction(y, strata).q
    assert float(q.sel(factor="first", other="third")) == pytest.approx(pairs.loc["third", "first"])


# significance


def test_p_does_not_depend_on_the_reference_of_the_map(maps):
    y, x = maps
    strata = gd.stratify(x["third"], k=4)
    with pytest.warns(UserWarning, match=F_TEST):
        centered = [float(gd.significance(y + c, strata, method="noncentral").p.item()) for c in (0, -1006, 100)]
    np.testing.assert_allclose(centered, centered[0], rtol=1e-6)
    with pytest.warns(UserWarning, match="depends on a constant"):
        literal = [gd.significance(y + c, strata, method="noncentral", center=False).p.item() for c in (0, -1000)]
    assert literal[0] > 2 * literal[1]
    surrogate = [float(gd.significance(y + c, strata, n=19).p.item()) for c in (0, -1006)]
    assert surrogate[0] == surrogate[1]


def test_surrogates_keep_the_false_positive_rate_that_the_f_test_loses():
    rng = np.random.default_rng(5)
    found = {"surrogate": 0, "central": 0}
    mean_q = []
    for trial in range(40):
        y, x = (grid(gaussian_filter(rng.normal(size=(64, 64)), 5, mode="wrap"), name) for name in ("y", "x"))
        strata = gd.stratify(x, k=8)
        out = gd.significance(y, strata, n=19, seed=trial)
        mean_q.append(out.q.item())
        found["surrogate"] += out.p.item() <= 0.05
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found["central"] += gd.significance(y, strata, method="central").p.item() <= 0.05
    assert found["central"] == 40
    assert found["surrogate"] <= 6
    assert np.mean(mean_q) == pytest.approx(0.08, abs=0.03)


@pytest.mark.parametrize(("sigma", "gaps"), [(8, None), (5, 0.0)], ids=["long waves", "gaps"])
def test_surrogates_hold_their_level_on_maps_whose_edges_do_not_meet(sigma, gaps):
    """Unrelated fields at 5 %: 1 to 10 % of 100, where the F test calls nearly all related."""
    rng = np.random.default_rng(8)
    found = {"surrogate": 0, "central": 0}
    for trial in range(100):
        y, x = (grid(smooth(rng, 64, sigma), name) for name in ("y", "x"))
        y = y if gaps is None else y.where(smooth(rng, 64, 6) < gaps)
        strata = gd.stratify(x.where(np.isfinite(y)), k=8)
        found["surrogate"] += gd.significance(y, strata, n=19, seed=trial).p.item() <= 0.05
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found["central"] += gd.significance(y, strata, method="central").p.item() <= 0.05
    assert 1 <= found["surrogate"] <= 10
    assert found["central"] >= 98


def test_a_real_cause_is_found_by_surrogates_and_by_blocks():
    rng = np.random.default_rng(6)
    x = grid(gaussian_filter(rng.normal(size=(64, 64)), 2), "x")
    y = grid(x.values + 0.3 * gaussian_filter(rng.normal(size=(64, 64)), 2), "y")
    strata = gd.stratify(x, k=8)
    for options in ({"method": "surrogate"}, {"method": "block", "block": 8}):
        out = gd.significance(y, strata, n=39, **options)
        assert out.p.item() == pytest.approx(1 / 40)
        assert out.q.item() > out.q_null_95.item() > out.q_null.item()


def test_plain_permutation_for_samples_without_order(toy):
    y = xr.concat([toy.y] * 10, "sample")
    x = xr.concat([toy.x] * 10, "sample")
    assert gd.significance(y, x, method="block", block=1, n=99).p.item() == pytest.approx(0.01)


# published numbers of the NTDs data


def test_oracle_ntds_q(ntds):
    out = gd.factors(ntds.incidence, ntds[["soiltype", "watershed", "elevation"]])
    np.testing.assert_allclose(out.q, [0.38571684, 0.63777367, 0.60670871], atol=5e-9)
    assert out.n.values.tolist() == [185] * 3
    assert out.strata.values.tolist() == [5, 9, 7]
    assert out.dropped.values.tolist() == [0] * 3


@pytest.mark.parametrize(
    ("ddof", "expected"), [(0, [0.372145486, 0.000128803, 0.043382244]), (1, [0.3632363, 0.0001169914, 0.04080407])]
)
def test_oracle_ntds_p_by_both_published_conventions(ntds, ddof, expected):
    factors = ntds[["soiltype", "watershed", "elevation"]]
    with pytest.warns(UserWarning, match=F_TEST):
        out = gd.significance(ntds.incidence, factors, method="noncentral", center=False, ddof=ddof)
    np.testing.assert_allclose(out.p, expected, rtol=1e-5)


def test_oracle_the_published_p_depends_on_a_constant(ntds):
    with pytest.warns(UserWarning, match=F_TEST):
        p = [
            gd.significance(ntds.incidence + c, ntds.soiltype, method="noncentral", center=False).p.item()
            for c in (-6, 100)
        ]
    assert p[0] == pytest.approx(4e-14, rel=0.2)
    assert p[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("singletons", "expected"),
    [("keep", [0.735680548, 0.663523698, 0.713596779]), ("drop", [0.723184, 0.662980, 0.710278])],
)
def test_oracle_ntds_interactions(ntds, singletons, expected):
    factors = ntds[["soiltype", "watershed", "elevation"]]
    out = gd.interaction(ntds.incidence, factors, singletons=singletons)
    pairs = [("soiltype", "watershed"), ("soiltype", "elevation"), ("watershed", "elevation")]
    found = [out.sel(factor=a, other=b) for a, b in pairs]
    np.testing.assert_allclose([ds.q for ds in found], expected, atol=5e-7)
    assert [str(ds.interaction.item()) for ds in found] == ["Enhance, bi-"] * 3


def test_oracle_ntds_ecological(ntds):
    out = gd.ecological(ntds.incidence, ntds[["soiltype", "watershed", "elevation"]])
    soil = out.sel(factor="soiltype")
    np.testing.assert_allclose(soil.f_ratio.sel(other=["watershed", "elevation"]), [1.6959, 1.5619], atol=5e-5)
    np.testing.assert_allclose(soil.p.sel(other=["watershed", "elevation"]), [3.75e-4, 2.63e-3], rtol=2e-3)
    pair = out.sel(factor="watershed", other="elevation")
    assert float(pair.f_ratio) == pytest.approx(0.921, abs=1e-3)
    assert float(pair.p) == pytest.approx(0.577, abs=1e-3)
    np.testing.assert_array_equal(out.significant, out.significant.values.T)
    assert out.significant.values[0].tolist() == [False, True, True]
    assert not pair.significant


def test_oracle_ntds_is_significant_by_permutation_too(ntds):
    factors = ntds[["soiltype", "watershed", "elevation"]]
    out = gd.significance(ntds.incidence, factors, method="block", block=1, n=99)
    np.testing.assert_allclose(out.p, 0.01)
    np.testing.assert_allclose(out.q_null, [4 / 184, 8 / 184, 6 / 184], rtol=0.25)
