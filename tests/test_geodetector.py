"""Geographical detector: hand numbers, pitfalls G01 to G15, laziness."""

import numpy as np
import pytest
import xarray as xr
from detector_maps import F_TEST, dependent_maps, grid, toy_samples
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults

from qtp_toolkit import geodetector as gd
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.geodetector._detectors import _kinds
from qtp_toolkit.geodetector._significance import random_phase


@pytest.fixture
def toy():
    return toy_samples()


@pytest.fixture
def maps(rng):
    return dependent_maps(rng)


# closed form


def test_closed_form_gdverse_toy(toy):
    out = gd.factor(toy.y, toy.x, singletons="drop")
    assert float(out.q) == pytest.approx(0.771429, abs=1e-6)
    assert (int(out.n), int(out.strata), int(out.dropped), int(out.min_stratum)) == (6, 2, 1, 3)
    with pytest.warns(UserWarning, match=F_TEST):
        p = gd.significance(toy.y, toy.x, method="noncentral", center=False, singletons="drop").p
    assert float(p.item()) == pytest.approx(0.079365, abs=1e-6)


def test_closed_form_edges_through_labels():
    x = xr.DataArray([1, 2, 2, 3, 5, 8, 13, 21, 34, 55.0], dims="sample", name="x", attrs={"units": "m"})
    np.testing.assert_allclose(gd.edges(x, method="natural", k=4), [1, 8, 21, 34, 55])
    strata = gd.stratify(x, method="natural", k=4)
    assert strata.values.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 2, 3]
    assert strata.attrs["labels"] == ["1 to 8", "8 to 21", "21 to 34", "34 to 55"]
    assert strata.attrs["units"] == "m"


def test_closed_form_interaction_kinds():
    q = np.array([0.1, 0.25, 0.3, 0.45, 0.5, 0.5 + 5e-10, 0.6, np.nan])
    first, second = np.full(8, 0.2), np.full(8, 0.3)
    assert _kinds(q, first, second, tolerance=1e-9).tolist() == [
        "Weaken, nonlinear",
        "Weaken, uni-",
        "Weaken, uni-",
        "Enhance, bi-",
        "Independent",
        "Independent",
        "Enhance, nonlinear",
        "",
    ]


def test_closed_form_interaction_kinds_at_their_borders():
    """Within the tolerance of a border a pair of factors belongs to the weaker side of it; of a sum, to the sum."""
    near, off = 1 / 64, 1 / 32
    q = np.array(
        [0.25 - off, 0.25 - near, 0.25 + near, 0.5 + near, 0.5 + off, 0.75 - off, 0.75 - near, 0.75 + near, 0.75 + off]
    )
    found = _kinds(q, np.full(9, 0.25), np.full(9, 0.5), tolerance=near).tolist()
    uni, bi = ["Weaken, uni-"] * 3, ["Enhance, bi-"] * 2
    assert found == ["Weaken, nonlinear", *uni, *bi, "Independent", "Independent", "Enhance, nonlinear"]


def test_closed_form_exclusive_or_is_a_nonlinear_interaction():
    a, b = np.tile([0, 0, 1, 1], 50), np.tile([0, 1, 0, 1], 50)
    ds = xr.Dataset({"y": ("s", (a ^ b).astype(float)), "a": ("s", a), "b": ("s", b)})
    out = gd.interaction(ds.y, ds[["a", "b"]]).sel(factor="a", other="b")
    assert float(out.q) == pytest.approx(1.0)
    assert float(out.q_first) == pytest.approx(0.0)
    assert str(out.interaction.item()) == "Enhance, nonlinear"


def test_closed_form_null_bias(rng):
    q = {}
    for k in (4, 32):
        y = rng.normal(size=(200, 200))
        codes = xr.DataArray(np.arange(200) % k, dims="s")
        q[k] = np.mean([float(gd.factor(xr.DataArray(row, dims="s"), codes).q) for row in y])
    assert q[4] == pytest.approx(0.015, abs=0.003)
    assert q[32] == pytest.approx(0.159, abs=0.006)  # (L - 1) / (N - 1) = 0.156


# pitfalls


def test_g01_one_stratum_explains_nothing():
    y = xr.DataArray([1.0, 2, 3], dims="s")
    with pytest.warns(UserWarning, match="single stratum"):
        assert float(gd.factor(y, xr.DataArray([1, 1, 1], dims="s")).q) == 0.0


@pytest.mark.parametrize("value", [3.0, np.float32(0.1), 1e9 + 0.1])
def test_g02_a_map_that_does_not_vary_is_refused(value):
    y = xr.DataArray(np.full(1000, value), dims="s", name="rate")
    with pytest.raises(QtpDataError, match="does not vary"):
        gd.factor(y, xr.DataArray(np.arange(1000) % 3, dims="s"))


def test_g03_g04_tiny_strata_warn():
    y = xr.DataArray([1.0, 2, 4, 8], dims="s")
    with pytest.warns(UserWarning, match="stratum of its own"):
        assert float(gd.factor(y, xr.DataArray([0, 1, 2, 3], dims="s")).q) == 1.0
    with pytest.warns(UserWarning, match="single sample"):
        out = gd.factor(y, xr.DataArray([0, 0, 0, 1], dims="s"))
    assert int(out.min_stratum) == 1


def test_g05_g06_missing_values_are_dropped_jointly():
    y = xr.DataArray([1.0, 2, 3, 9, 50, np.nan], dims="s")
    x = xr.DataArray([1.0, 1, 2, 2, np.nan, 2], dims="s")
    out = gd.factor(y, x)
    clean = gd.factor(y[:4], x[:4])
    assert float(out.q) == pytest.approx(float(clean.q))
    assert (int(out.n), int(out.dropped)) == (4, 2)


def test_g07_g08_ties_and_outside():
    x = xr.DataArray([0.0] * 6 + [1, 2, 3, 4], dims="s", name="ndvi")
    assert gd.stratify(x, k=4).values.tolist() == [0] * 6 + [1, 2, 2, 2]
    assert gd.stratify(x, edges=[1, 2, 3]).values.tolist() == [-1] * 6 + [0, 0, 1, -1]
    assert gd.stratify(x, edges=[-np.inf, 1, np.inf]).attrs["labels"] == ["< 1", "> 1"]


def test_g09_a_continuous_factor_is_refused():
    y = xr.DataArray(np.arange(500.0), dims="s", name="y")
    with pytest.raises(QtpDataError, match=r"500 values in 500 classes.*at most 100 strata.*discretized"):
        gd.factor(y, xr.DataArray(np.arange(500.0) / 7, dims="s", name="slope"))


def test_g10_aspect_is_circular_and_flat_has_none():
    aspect = xr.DataArray([359.0, 1, 180, 90], dims="s", name="aspect", attrs={"units": "degree"})
    slope = xr.DataArray([10.0, 10, 10, 1], dims="s", name="slope", attrs={"units": "degree"})
    strata = gd.stratify(aspect, method="aspect", slope=slope)
    assert strata.values.tolist() == [0, 0, 4, -1]
    assert strata.attrs["labels"][0] == "N"


def test_g10_centered_sectors_find_more_than_linear_bins():
    rng = np.random.default_rng(0)
    aspect = xr.DataArray(rng.uniform(0, 360, 20000), dims="s", name="aspect")
    y = np.cos(np.deg2rad(aspect)) + xr.DataArray(rng.normal(0, np.sqrt(0.5 / 0.529 - 0.5), 20000), dims="s")
    centered = [float(gd.factor(y, gd.stratify(aspect, method="aspect", k=k)).q) for k in (8, 4)]
    linear = float(gd.factor(y, gd.stratify(aspect, edges=[0, 90, 180, 270, 360])).q)
    assert centered[0] == pytest.approx(0.501, abs=0.02)
    assert centered[1] == pytest.approx(0.428, abs=0.02)
    assert linear == pytest.approx(0.427, abs=0.02)


def test_g11_nodata_codes_are_no_class():
    x = xr.DataArray(np.array([1, 2, 255, 1], dtype="uint8"), dims="s", name="vegetation")
    assert gd.stratify(x, method="classes", nodata=255).values.tolist() == [0, 1, -1, 0]
    assert gd.stratify(x.assign_attrs(_FillValue=255), method="classes").values.tolist() == [0, 1, -1, 0]
    for classes in ({"1": "meadow", "2": "steppe"}, '{"1": "meadow", "2": "steppe"}'):
        strata = gd.stratify(x.assign_attrs(classes=classes), method="classes")
        assert strata.values.tolist() == [0, 1, -1, 0]
        assert strata.attrs["labels"] == ["meadow", "steppe"]


def test_g12_the_map_itself_is_refused(maps):
    y, _ = maps
    with pytest.raises(QtpDataError, match="explained variable itself"):
        gd.factor(y, gd.stratify(y))


def test_g13_the_seed_fixes_the_surrogates(maps):
    y, x = maps
    strata = gd.stratify(x["first"], k=4)
    runs = [gd.significance(y, strata, n=9, seed=seed).q_null.item() for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_g14_sums_are_float64():
    y = np.full(2_000_000, 270.13, dtype=np.float32)
    y[:1_000_000] += np.float32(0.01)
    x = xr.DataArray(np.repeat(np.array([0, 1], dtype=np.int16), 1_000_000), dims="s")
    assert float(gd.factor(xr.DataArray(y, dims="s"), x).q) == pytest.approx(1.0, abs=1e-9)


def test_g15_other_grids_are_refused(maps):
    y, x = maps
    strata = gd.stratify(x["first"])
    with pytest.raises(QtpDataError, match=r"not on the grid.*grid.match"):
        gd.factor(y, strata.assign_coords(x=strata.x + 0.5 * float(strata.x[1] - strata.x[0])))
    with pytest.raises(QtpDataError, match="other dims"):
        gd.factor(y, strata.rename(x="lon"))


def test_grids_that_differ_by_rounding_are_one(maps):
    y, x = maps
    strata = gd.stratify(x["first"])
    xr.testing.assert_identical(gd.factor(y, strata.assign_coords(x=strata.x + 1e-9)), gd.factor(y, strata))


def codes(values, labels=4, **attrs):
    return xr.DataArray(values, dims="s", name="zone", attrs={"labels": [f"c{k}" for k in range(labels)], **attrs})


def test_strata_combined_by_hand_are_taken_whole_or_refused():
    """Codes beyond the labels once ran over the end of the sums, and killed the interpreter."""
    rng = np.random.default_rng(0)
    a, b = codes(rng.integers(0, 4, 400)), codes(rng.integers(0, 4, 400))
    y = xr.DataArray(rng.normal(size=400) + 0.5 * a.values, dims="s", name="rate")
    both = a * 4 + b
    assert len(both.attrs["labels"]) == 4
    other = b.chunk(s=-1)
    calls = [gd.factor, gd.risk, lambda y, s: gd.significance(y, s, n=9)]
    calls += [lambda y, s: gd.interaction(y, xr.Dataset({"a": s, "b": other}))]
    calls += [lambda y, s: gd.ecological(y, xr.Dataset({"a": s, "b": other}))]
    for call in calls:
        for part in (lambda da: da, lambda da: da.chunk(s=-1)):
            with pytest.raises(QtpDataError, match=r"without a label; expected: 0 to 3 .*; found: \[4, 5"):
                call(part(y), part(both)).compute()
    with pytest.raises(QtpDataError, match="without a label"):
        gd.factor(y.chunk(s=100), both.chunk(s=100)).compute()
    out = gd.factor(y, both.drop_attrs())
    means = np.array([y.values[both.values == code].mean() for code in range(16)])
    within = ((y.values - means[both.values]) ** 2).sum()
    assert float(out.q) == pytest.approx(1 - within / ((y.values - y.values.mean()) ** 2).sum())
    assert (int(out.strata), int(out.dropped)) == (16, 0)


@pytest.mark.parametrize(
    "values",
    [[0, 1, 3, 4], [0, 1, -2, 3], [0, 1, -9999, 3], [0.0, 1.5, 2.0, 3.0], [0, 1, 2, 2**40], [0, 1, 255, 3]],
    ids=["too many", "-2", "-9999", "fraction", "huge", "255"],
)
def test_labelled_codes_are_held_to_their_labels(values):
    y = xr.DataArray([1.0, 2.0, 4.0, 8.0], dims="s", name="rate")
    with pytest.raises(QtpDataError, match="codes without a label"):
        gd.factor(y, codes(values))


@pytest.mark.parametrize("none", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_strata_masked_with_nan_are_those_masked_with_a_code(none, dtype):
    rng = np.random.default_rng(1)
    whole = codes(rng.integers(0, 4, 300))
    y = xr.DataArray(rng.normal(size=300) + 0.5 * whole.values, dims="s", name="rate")
    inside = xr.DataArray(np.arange(300) % 3 > 0, dims="s")
    masked, coded = whole.where(inside, none).astype(dtype), whole.where(inside, -1)
    for call in (gd.factor, gd.risk, lambda y, s: gd.significance(y, s, n=9)):
        xr.testing.assert_identical(call(y, masked), call(y, coded))
        xr.testing.assert_allclose(call(y.chunk(), masked.chunk()).compute(), call(y, coded))
    assert int(gd.factor(y, masked).dropped) == 100


def test_labels_of_files_and_none():
    y = xr.DataArray([1.0, 2.0, 4.0], dims="s", name="rate")
    one = xr.DataArray([0, 0, -1], dims="s", name="zone", attrs={"labels": "0 to 4"})  # NetCDF keeps a list of one so
    with pytest.warns(UserWarning, match="single stratum"):
        assert int(gd.factor(y, one).strata) == 1
    with pytest.raises(QtpDataError, match="no class"):
        gd.factor(y, one.assign_attrs(labels=[]))
    with pytest.raises(QtpDataError, match="at most 100 strata"):
        gd.factor(y, codes([0, 1, 2], labels=101))
    for labels in (5, None):
        with pytest.raises(QtpDataError, match="no list of text"):
            gd.factor(y, one.assign_attrs(labels=labels))
    for classes in ("not JSON", ["a", "b"], {"x": "a"}):
        with pytest.raises(QtpDataError, match="no codes and names"):
            gd.factor(y, one.drop_attrs().assign_attrs(classes=classes))
    four = xr.DataArray([1.0, 2.0, 4.0, 8.0], dims="s", name="rate")
    assert int(gd.factor(four, codes(np.array([0, 0, 1, 1], "uint8"))).strata) == 2
    with pytest.raises(QtpDataError, match="must be numbers"):
        gd.factor(y, xr.DataArray(["a", "b", "c"], dims="s", attrs={"labels": ["a", "b", "c"]}))


def test_g11_negative_and_zero_codes():
    x = xr.DataArray(np.array([-2, -1, 0, 1, -9999]), dims="s", name="curvature")
    with pytest.raises(QtpDataError, match=r"negative codes; found: \[-2\]"):
        gd.stratify(x, method="classes")
    named = x.assign_attrs(classes={-2: "hollow", -1: "slightly hollow", 0: "plane", 1: "convex"})
    assert gd.stratify(named, method="classes").values.tolist() == [0, 1, 2, 3, -1]
    assert gd.stratify(x, method="classes", nodata=-2).values.tolist() == [-1, -1, 0, 1, -1]
    zero = xr.DataArray(np.array([0, 1, 2, 0], "uint8"), dims="s", name="permafrost", attrs={"_FillValue": 0})
    assert gd.stratify(zero, method="classes").values.tolist() == [-1, 0, 1, -1]
    said = zero.assign_attrs(classes={0: "seasonally frozen", 1: "permafrost", 2: "lake"})
    assert gd.stratify(said, method="classes").values.tolist() == [0, 1, 2, 0]
    assert gd.stratify(said, method="classes", nodata=0).values.tolist() == [-1, 0, 1, -1]
    with pytest.warns(UserWarning, match="code 255 counts as a class"):
        gd.stratify(xr.DataArray(np.array([1, 2, 255], "uint8"), dims="s", name="soil"), method="classes")


def test_g10_aspect_by_any_convention():
    values = [350.0, -10.0, 360.0, 0.0, -180.0, -1.0, -9999.0, np.nan, np.inf]
    aspect = xr.DataArray(values, dims="s", name="aspect", attrs={"units": "degree"})
    assert gd.stratify(aspect, method="aspect", k=4).values.tolist() == [0, 0, 0, 0, 2, -1, -1, -1, -1]
    with pytest.raises(QtpDataError, match="circular"):
        gd.stratify(aspect)
    with pytest.raises(QtpDataError, match="wrong unit"):
        gd.stratify(aspect.assign_attrs(units="radian"), method="aspect")


WAYS = ["quantile", "quantile_gd", "quantile_gdverse", "equal", "natural", "geometric", "deviation"]


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("values", [[3.0, 3.0, 3.0], [3.0]])
def test_edges_of_a_constant_factor_are_one_class(method, values):
    x = xr.DataArray(values, dims="s", name="slope")
    assert gd.edges(x, method=method, k=4).tolist() == [3, 3]
    assert gd.stratify(x, method=method, k=4).values.tolist() == [0] * len(values)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda y, x: gd.stratify(x, method="jenks"), "unknown way"),
        (lambda y, x: gd.stratify(x, edges=[3, 2]), "must ascend"),
        (lambda y, x: gd.stratify(x, edges=[1, 2], closed="both"), "closed end"),
        (lambda y, x: gd.stratify(x, k=1), "out of range"),
        (lambda y, x: gd.stratify(x, method="geometric"), "positive"),
        (lambda y, x: gd.edges(x * np.nan), "no finite"),
        (lambda y, x: gd.edges(x, method="classes"), "unknown way"),
        (lambda y, x: gd.stratify(x.astype(str), method="classes"), "must be numbers"),
        (lambda y, x: gd.interaction(y, xr.Dataset({"a": gd.stratify(x)})), "two factors"),
        (lambda y, x: gd.factors(y, xr.Dataset()), "no factor"),
        (lambda y, x: gd.factor(y, gd.stratify(x), singletons="no"), "single samples"),
        (lambda y, x: gd.factor(y, gd.stratify(x, edges=[90, 91])), "share no sample"),
        (lambda y, x: gd.significance(y, gd.stratify(x), method="z"), "unknown test"),
        (lambda y, x: gd.significance(y, gd.stratify(x), n=0), "needs surrogates"),
        (lambda y, x: gd.significance(y * 0, gd.stratify(x)), "does not vary"),
    ],
)
def test_refusals(maps, call, match):
    with pytest.raises(QtpDataError, match=match):
        call(maps[0], maps[1]["first"])


# property


def test_property_slices_of_samples_do_not_show(maps, monkeypatch):
    """Nor do slices that are empty: samples are treated some at a time."""
    y, ds = maps
    y = y.where(y.x > 2000)
    strata = gd.stratify_factors(ds, k=4)
    whole = gd.factors(y, strata), gd.interaction(y, strata)
    monkeypatch.setattr("qtp_toolkit.geodetector.kernels.moments.SLICE", 7)
    for one, other in zip((gd.factors(y, strata), gd.interaction(y, strata)), whole, strict=True):
        xr.testing.assert_allclose(
            one.drop_vars("kind", errors="ignore"), other.drop_vars("kind", errors="ignore"), rtol=1e-9
        )


@pytest.mark.parametrize("shape", [(16, 15), (15, 16), (9, 8, 5), (32,)])
def test_property_surrogates_keep_the_amplitude_of_every_wave(rng, shape):
    """Of all waves, those that their own mirror image constrains included; phases change, so the map does."""
    values = rng.normal(3.0, 2.0, shape)
    drawn = random_phase(values, np.random.default_rng(1))
    waves = [np.abs(np.fft.fftn(one)) for one in (values - values.mean(), drawn)]
    np.testing.assert_allclose(waves[1], waves[0], atol=1e-9)
    assert abs(np.corrcoef(values.ravel(), drawn.ravel())[0, 1]) < 0.5
    assert abs(np.corrcoef(drawn.ravel(), random_phase(values, np.random.default_rng(2)).ravel())[0, 1]) < 0.5


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), scale=st.floats(0.01, 100), shift=st.floats(-1e5, 1e5))
def test_property_q_ignores_scale_and_shift(seed, scale, shift):
    rng = np.random.default_rng(seed)
    y = xr.DataArray(rng.normal(size=60), dims="s")
    x = xr.DataArray(np.arange(60) % 4, dims="s")
    q = float(gd.factor(y, x).q)
    assert 0 <= q <= 1
    assert float(gd.factor(y * scale + shift, x).q) == pytest.approx(q, rel=1e-6, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000))
def test_property_a_combination_explains_at_least_what_its_parts_do(seed):
    rng = np.random.default_rng(seed)
    ds = xr.Dataset({name: ("s", rng.integers(0, 3, 80)) for name in ("a", "b")})
    y = xr.DataArray(rng.normal(size=80), dims="s")
    out = gd.interaction(y, ds)
    assert float(out.q[0, 1]) >= max(float(out.q_first[0, 1]), float(out.q_second[0, 1])) - 1e-12
    assert float(out.q[0, 1]) == float(out.q[1, 0])
    assert float(out.q_first[0, 1]) == float(out.q_second[1, 0])


def test_property_quantile_strata_ignore_monotonic_transformations(rng):
    x = xr.DataArray(rng.normal(size=101), dims="s", name="x")
    np.testing.assert_array_equal(gd.stratify(x, k=5), gd.stratify(x**3, k=5))


# lazy


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": 30, "x": 9}])
def test_lazy_equals_eager_without_computing(maps, no_compute, chunks):
    y, x = maps
    strata = gd.stratify_factors(x, k=4)
    runs = [gd.factors, gd.interaction, gd.ecological, lambda y, s: gd.risk(y, s["first"])]
    lazy_y, lazy_strata = y.chunk(chunks), strata.chunk({"y": 10, "x": 20})
    with no_compute():
        lazy = [run(lazy_y, lazy_strata) for run in runs]
    for run, out in zip(runs, lazy, strict=True):
        assert all(da.chunks is not None for da in out.data_vars.values())
        xr.testing.assert_allclose(out.compute(scheduler="sync"), run(y, strata))


def test_lazy_strata(maps, no_compute):
    _, x = maps
    limits = gd.edges(x["first"], k=4)
    aspect = grid(np.linspace(0, 360, 1200).reshape(30, 40), "aspect")
    classes = grid(np.arange(1200).reshape(30, 40) % 3, "vegetation", classes={0: "a", 1: "b"})
    lazy = {"y": 10, "x": 10}
    with no_compute():
        outs = [
            gd.stratify(x["first"].chunk(lazy), edges=limits),
            gd.stratify(aspect.chunk(lazy), method="aspect", slope=aspect.chunk(lazy)),
            gd.stratify(classes.chunk(lazy), method="classes"),
        ]
        with pytest.raises(QtpDataError, match="Find the edges first"):
            gd.stratify(x["first"].chunk(lazy))
        with pytest.raises(QtpDataError, match="which classes it has"):
            gd.stratify(classes.chunk(lazy).drop_attrs(), method="classes")
    eager = [
        gd.stratify(x["first"], k=4),
        gd.stratify(aspect, method="aspect", slope=aspect),
        gd.stratify(classes, method="classes"),
    ]
    for out, expected in zip(outs, eager, strict=True):
        assert out.chunks is not None
        np.testing.assert_array_equal(out.compute(), expected)
        assert out.attrs["labels"] == expected.attrs["labels"]


def test_lazy_significance(maps, no_compute):
    y, x = maps
    strata = gd.stratify_factors(x, k=4)
    with no_compute():
        surrogate = gd.significance(y.chunk(), strata, n=9)
        with pytest.warns(UserWarning, match=F_TEST):
            noncentral = gd.significance(y.chunk({"y": 7}), strata, method="noncentral")
    xr.testing.assert_allclose(surrogate.compute(scheduler="sync"), gd.significance(y, strata, n=9))
    with pytest.warns(UserWarning, match=F_TEST):
        xr.testing.assert_allclose(noncentral.compute(), gd.significance(y, strata, method="noncentral"))


def test_lazy_refusal_comes_when_computed(maps):
    y, x = maps
    strata = gd.stratify(x["first"], k=4)
    lazy = gd.factor((y * 0 + 3).rename("rate").chunk({"y": 10}), strata)
    with pytest.raises(QtpDataError, match="does not vary"):
        lazy.compute()


def test_inputs_are_not_changed_and_results_are_described(maps):
    y, x = maps
    note = y.assign_attrs(provenance_note="synthetic scene")
    before = note.copy(deep=True)
    out = gd.factors(note, gd.stratify_factors(x))
    xr.testing.assert_identical(note, before)
    assert out.q.attrs["units"] == "1"
    assert out.q.attrs["provenance_note"] == "synthetic scene"


def test_stratify_factors_takes_each_by_its_kind(maps, rng):
    _, x = maps
    slope, aspect = grid(rng.uniform(0, 20, (30, 40)), "slope"), grid(rng.uniform(0, 360, (30, 40)), "aspect")
    vegetation = grid(rng.integers(1, 3, (30, 40)), "vegetation", classes={1: "meadow", 2: "steppe"})
    out = gd.stratify_factors(
        xr.Dataset({"slope": slope, "aspect": aspect, "vegetation": vegetation, "first": x["first"]})
    )
    assert [out[name].attrs["method"] for name in out] == ["quantile", "aspect", "classes", "quantile"]
    assert (out["aspect"].values[slope.values < 5] == -1).all()


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(gd) == {
        "ecological": {"alpha": 0.05},
        "edges": {"method": "quantile", "k": 8},
        "factor": {"singletons": "keep"},
        "factors": {"singletons": "keep"},
        "factors_by_window": {"window": 64, "min_count": 100, "singletons": "keep"},
        "interaction": {"tolerance": 1e-09, "singletons": "keep"},
        "intervals": {"n": 999, "level": 0.95, "seed": 0, "singletons": "keep"},
        "optimal": {"n": 99, "seed": 0, "singletons": "keep"},
        "robust_edges": {"k": 8},
        "significance": {
            "method": "surrogate",
            "n": 99,
            "seed": 0,
            "block": 16,
            "center": True,
            "ddof": 0,
            "singletons": "keep",
        },
        "spade": {"method": "quantile", "neighbors": "rook"},
        "spatial_association": {"neighbors": "rook"},
        "surrogate": {"seed": 0},
        "stratify": {"method": "quantile", "k": 8, "closed": "right", "flat_below": 5.0},
        "stratify_factors": {"method": "quantile", "k": 8, "flat_below": 5.0},
    }


def test_aspect_in_radians_is_not_all_north():
    radians = xr.DataArray(np.linspace(0, 6.2, 20), dims="x", name="aspect")
    with pytest.raises(QtpDataError, match="radians"):
        gd.stratify(radians, method="aspect", k=4)
    assert set(gd.stratify(np.rad2deg(radians), method="aspect", k=4).values) == {0, 1, 2, 3}
    assert (gd.stratify(radians.assign_attrs(units="degree"), method="aspect", k=4) == 0).all()
    assert (gd.stratify(radians[:7], method="aspect", k=4) == 0).all()


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_infinite_values_have_no_stratum(dtype):
    """Also where the outer classes are open."""
    factor = xr.DataArray(np.array([-np.inf, -2.0, 0.0, 2.0, np.inf, np.nan], dtype), dims="x", name="ratio")
    codes = gd.stratify(factor, edges=[-np.inf, -1, 1, np.inf])
    assert codes.values.tolist() == [-1, 0, 1, 2, -1, -1]
