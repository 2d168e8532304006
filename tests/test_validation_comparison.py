"""Maps against points and other maps, bootstrap intervals of scores, covered area of blocks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from promised import noted, without_note
from scipy import stats

from qtp_toolkit import grid, validation
from qtp_toolkit.conventions import QtpDataError

NAMES = list("ABCDE")
PLACES = pd.DataFrame(
    {
        "station": NAMES,
        "longitude": [92.005, 92.055, 92.105, 92.155, 92.4],
        "latitude": [34.105, 34.055, 34.005, 34.105, 34.0],
    }
)


@pytest.fixture
def rate(rng):
    axes = {"y": 34.105 - 0.01 * np.arange(15), "x": 92.005 + 0.01 * np.arange(20)}
    values = rng.normal(-3, 2, (15, 20))
    da = xr.DataArray(values, axes, ("y", "x"), name="linear_rate", attrs={"units": "mm/yr"})
    return da.rio.write_crs(4326)


@pytest.fixture
def look(rate):
    """Right-looking on a descending pass, 39 degrees."""
    vector = {"look_east": 0.615568, "look_north": -0.130843, "look_up": 0.777146}
    return xr.Dataset({name: xr.full_like(rate, value) for name, value in vector.items()})


def seen_at(rate):
    return grid.sample(rate, PLACES["longitude"], PLACES["latitude"]).values


# closed form


def test_closed_form_line_of_sight(look):
    """The vector of two tracks: east 2, up -5 mm/yr under 39 degrees, heading -168."""
    parts = {
        name: xr.full_like(look["look_up"], value).assign_attrs(units="mm/yr")
        for name, value in (("east", 2.0), ("up", -5.0))
    }
    out = validation.line_of_sight(look, **parts)
    np.testing.assert_allclose(out, -2.654594, atol=2e-6)
    assert out.attrs["units"] == "mm/yr"
    north = validation.line_of_sight(look, north=parts["east"] * 0 + 10.0)
    np.testing.assert_allclose(north, -1.30843, atol=1e-6)


def test_closed_form_points_relative_to_a_station(rate):
    table = PLACES.assign(los=seen_at(rate) + np.array([0, 1, -1, 3, 0]) - 7.0, los_std=0.3)
    out = validation.compare_points(rate, table, reference="A", sigma=xr.full_like(rate, 0.4))
    np.testing.assert_allclose(out["difference"][:4], [0, -1, 1, -3], atol=1e-9)
    assert np.isnan(out["difference"][4])  # outside the map
    assert out["used"].values.tolist() == [False, True, True, True, False]
    assert out["n"].item() == 3
    assert out["bias"].item() == pytest.approx(-1.0)
    assert out["rms"].item() == pytest.approx(np.sqrt(11 / 3))
    assert out["spread"].item() == pytest.approx(np.std([-1, 1, -3], ddof=1))
    np.testing.assert_allclose(out["sigma"][:4], 0.5)
    assert out["map"].sel(station="A").item() == 0.0
    assert out["bias"].attrs["units"] == "mm/yr"


def test_closed_form_points_without_a_common_reference(rate):
    """Another reference of the points changes nothing where both are referred to their own median."""
    noise = np.array([0.3, -0.2, 0.5, -0.6, 0.0])
    outs = [validation.compare_points(rate, PLACES.assign(los=seen_at(rate) + noise + c)) for c in (0.0, 40.0)]
    np.testing.assert_allclose(outs[0]["difference"], outs[1]["difference"], atol=1e-9)
    assert outs[0]["map"][:4].median().item() == pytest.approx(0.0)
    raw = validation.compare_points(rate, PLACES.assign(los=seen_at(rate) + noise + 40.0), reference=None)
    assert raw["bias"].item() == pytest.approx(-40.0)
    expected = stats.linregress(seen_at(rate)[:4] + noise[:4], seen_at(rate)[:4])
    assert raw["slope"].item() == pytest.approx(expected.slope)
    assert raw["correlation"].item() == pytest.approx(expected.rvalue)


def test_closed_form_leveling_is_projected(rate, look):
    """A map of vertical motion seen under 39 degrees, leveled: no difference; nor by GNSS with east."""
    up = seen_at(rate) / 0.777146
    leveled = PLACES.assign(up=up, up_std=1.0)
    out = validation.compare_points(rate, leveled, look=look, reference="B")
    np.testing.assert_allclose(out["difference"][:4], 0.0, atol=1e-5)
    np.testing.assert_allclose(out["sigma"][:4], 0.777146)
    moved = leveled.assign(east=10.0, up=up - 10 * 0.615568 / 0.777146)
    gnss = validation.compare_points(rate, moved, look=look, reference=None)
    np.testing.assert_allclose(gnss["difference"][:4], 0.0, atol=1e-5)
    assert np.isnan(gnss["sigma"]).all()  # the error of the east is not known


def test_closed_form_another_map(rate):
    coarse = rate.coarsen(y=3, x=2).mean()
    other = ((coarse - 5.0) / 0.777146).rename("vertical").assign_attrs(units="mm/yr")
    out = validation.compare_maps(coarse, other)
    assert out["scale"].item() == pytest.approx(0.777146)
    assert out["offset"].item() == pytest.approx(5.0)
    assert out["correlation"].item() == pytest.approx(1.0)
    assert out["scale_both"].item() == pytest.approx(0.777146)
    np.testing.assert_allclose(out["residual"], 0.0, atol=1e-9)
    assert out["n"].item() == coarse.size
    assert out["difference"].rio.crs == coarse.rio.crs
    turned = validation.compare_maps(coarse, -other)
    assert turned["scale"].item() == pytest.approx(-0.777146)
    assert turned["scale_both"].item() == pytest.approx(-0.777146)


def test_oracle_another_map_with_gaps_and_another_grid(rate, rng):
    fine = rate.interp(y=np.arange(34.105, 33.966, -0.004), x=np.arange(92.006, 92.195, 0.004))
    fine = (fine + rng.normal(0, 0.3, fine.shape)).where(rng.random(fine.shape) > 0.1)
    fine = fine.assign_attrs(units="mm/yr").rio.write_crs(4326)
    out = validation.compare_maps(rate.where(rate < 0), fine)
    assert out.attrs["resampling"] == "average"
    matched = grid.match(fine, rate, resampling="average")
    use = np.isfinite(matched.values) & (rate.values < 0)
    line = stats.linregress(matched.values[use], rate.values[use])
    assert out["scale"].item() == pytest.approx(line.slope)
    assert out["offset"].item() == pytest.approx(line.intercept)
    assert out["correlation"].item() == pytest.approx(line.rvalue)
    assert out["n"].item() == use.sum()
    difference = rate.values[use] - matched.values[use]
    assert out["bias"].item() == pytest.approx(difference.mean())
    assert out["rms"].item() == pytest.approx(np.sqrt((difference**2).mean()))
    ratio = rate.values[use].std() / matched.values[use].std()
    assert out["scale_both"].item() == pytest.approx(ratio)


def test_closed_form_covered_area_of_a_block():
    """A square of 200 m on pixels of 100 m, shifted by half a pixel: nine are touched, three of them are missing."""
    y, x = 3_800_000.0 - 100.0 * np.arange(10), 450_000.0 + 100.0 * np.arange(10)
    da = xr.DataArray(np.ones((10, 10)), {"y": y, "x": x}, ("y", "x"), attrs={"units": "mm"}).rio.write_crs(32646)
    da[:, 6] = np.nan
    at = grid.lonlat(da).isel(y=[4, 0], x=[5, 0])
    lon, lat = (np.diag(at[name].values) for name in ("longitude", "latitude"))
    out = validation.block_average(da, lon, lat, size_m=200.0)
    np.testing.assert_allclose(out["covered"], [0.75, 0.5625], atol=1e-4)
    assert out["n"].values.tolist() == [6, 4]
    strict = validation.block_average(da, lon, lat, size_m=200.0, min_covered=0.7)
    np.testing.assert_allclose(strict["value"], [1.0, np.nan])
    assert out["covered"].attrs["units"] == "1"


def test_closed_form_scores_and_their_gain():
    alt, water = np.array([1.5, 2, 2.4, 3, 1.8]), np.array([0.40, 0.30, 0.22, 0.20, 0.35])
    amplitude = np.array([40.0, 38, 33, 41, 42])
    out = validation.score_intervals(alt, amplitude, calibrated=alt * water / 0.3, n=99)
    assert out["r2"].sel(of="value").values == pytest.approx([0.026930, 0.906026, 0.879096], abs=1e-6)
    assert out["rmse"].sel(of="value").values == pytest.approx([3.144263, 0.977125, 0.977125 - 3.144263], abs=1e-6)
    assert out["rmse_unbiased"].sel(of="value", against="x").item() == pytest.approx(4.059226, abs=1e-6)
    assert out.attrs["stations"] == 5
    assert {name: da.attrs["long_name"] for name, da in out.items()} == validation.SCORES
    alone = validation.score_intervals(alt, amplitude, n=99)
    xr.testing.assert_allclose(alone, out.sel(against="x", drop=True))


# oracle


def test_oracle_intervals_of_scores_are_percentiles_of_drawn_stations(rng):
    x, y = rng.normal(size=12), rng.normal(size=12)
    y[3] = np.nan
    out = validation.score_intervals(x, y, n=50, seed=4, level=0.8)
    keep = np.isfinite(y)
    drawn = np.random.default_rng(4).integers(0, 11, (50, 11))
    found = [validation.scores(x[keep][i], y[keep][i])["r2"] for i in drawn]
    expected = np.quantile(found, [0.1, 0.9])
    np.testing.assert_allclose(out["r2"].sel(of=["lower", "upper"]), expected)


def test_gain_is_that_of_the_same_stations_and_intervals_hold_the_truth(rng):
    held, gained = 0, 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        alt, water = draw.uniform(1, 3, 15), draw.uniform(0.15, 0.45, 15)
        amplitude = 27 * alt * water / 0.3 + draw.normal(0, 4, 15)
        out = validation.score_intervals(alt, amplitude, calibrated=alt * water / 0.3, n=199, seed=seed)
        slope = out["slope"].sel(against="calibrated")
        held += slope.sel(of="lower").item() <= 27 <= slope.sel(of="upper").item()
        gained += out["r2"].sel(against="gain", of="lower").item() > 0
    assert 48 <= held <= 60
    assert gained > 40


# refusals


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda r, k: validation.compare_points(r, PLACES), "no motion"),
        (lambda r, k: validation.compare_points(r, PLACES.assign(up=0.0)), "look vector"),
        (lambda r, k: validation.compare_points(r, PLACES.assign(los=0.0), reference="Z"), "unknown reference"),
        (lambda r, k: validation.compare_points(r, PLACES.assign(los=0.0), reference="E"), "not measured by both"),
        (lambda r, k: validation.compare_points(r, PLACES.assign(los=0.0, station="A")), "stands twice"),
        (lambda r, k: validation.compare_points(r, PLACES.drop(columns="latitude")), "lacks columns"),
        (lambda r, k: validation.compare_points(r, PLACES.assign(east=0.0), look=k[["look_up"]]), "lacks parts"),
        (lambda r, k: validation.line_of_sight(k), "no motion"),
        (lambda r, k: validation.line_of_sight(k * 57.3, up=r), "physical range"),
        (lambda r, k: validation.line_of_sight(k, up=r, east=r.assign_attrs(units="mm")), "other units"),
        (lambda r, k: validation.compare_maps(r, r.assign_attrs(units="m/yr")), "other units"),
        (lambda r, k: validation.compare_maps(r, r, resampling="best"), "resampling"),
        (lambda r, k: validation.score_intervals([1.0], [2.0], level=95), "level"),
        (lambda r, k: validation.score_intervals([1.0, 2], [2.0, 3], calibrated=[1.0]), "differ in length"),
    ],
)
def test_refusals(rate, look, call, match):
    with pytest.raises(QtpDataError, match=match):
        call(rate, look)


def test_too_little_is_not_a_number(rate):
    out = validation.compare_points(rate, PLACES.assign(los=[1.0, 2.0, np.nan, np.nan, np.nan]), reference=None)
    assert out["n"].item() == 2
    assert np.isnan(out["correlation"])
    assert np.isnan(validation.compare_maps(rate, rate * 0)["scale"])
    few = validation.score_intervals([1.0, 2.0], [1.0, 2.0])
    assert all(np.isnan(da).all() for da in few.values())


# lazy


def test_comparisons_stay_lazy(rate, look, no_compute):
    table = PLACES.assign(up=seen_at(rate), up_std=1.0)
    sigma = xr.full_like(rate, 0.4)
    with no_compute():
        lazy = [
            validation.compare_points(rate.chunk(y=5), table, look=look.chunk(x=7), sigma=sigma.chunk()),
            validation.compare_points(rate.chunk(y=5), table, look=look, reference="B"),
            validation.compare_maps(rate.chunk(y=5), (rate * 2).chunk(x=6)),
        ]
    eager = [
        validation.compare_points(rate, table, look=look, sigma=sigma),
        validation.compare_points(rate, table, look=look, reference="B"),
        validation.compare_maps(rate, rate * 2),
    ]
    for out, expected in zip(lazy, eager, strict=True):
        xr.testing.assert_allclose(out.compute(scheduler="sync"), expected)


def test_results_say_that_they_are_synthetic(rate):
    table = PLACES.assign(los=1.0)
    x = xr.DataArray([1.0, 2.0, 4.0], dims="station")
    points, maps = validation.compare_points(noted(rate), table), validation.compare_maps(noted(rate), rate)
    scored = validation.score_intervals(noted(x), x)
    assert all(ds.attrs["provenance_note"] == "synthetic scene" for ds in (points, maps, scored))
    assert without_note(points=points, maps=maps, scored=scored) == []
