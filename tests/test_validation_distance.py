"""Variogram, standard deviation of differences and of means, and the published test of accuracy by distance."""

from __future__ import annotations

from itertools import pairwise

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults, noted, without_note

from qtp_toolkit import grid, validation
from qtp_toolkit.conventions import QtpDataError, is_lazy
from qtp_toolkit.grid._frame import WGS84
from qtp_toolkit.validation._variogram import ground_of
from qtp_toolkit.validation.kernels import apart

STD, LENGTH = 10.0, 20.0


def plane(values, step=1e3, units="mm"):
    """Map of square pixels of ``step`` m; or maps, with dim time."""
    values = np.asarray(values, dtype=float)
    coords = {"y": 4e6 - step * np.arange(values.shape[-2]), "x": 3e5 + step * np.arange(values.shape[-1])}
    da = xr.DataArray(values, coords, ("time", "y", "x")[-values.ndim :], name="error", attrs={"units": units})
    return da.rio.write_crs(32646)


def fields(rng, number, shape=(100, 120), *, length=LENGTH):
    """Gaussian fields of exponential covariance, by a torus of twice the size (circulant embedding)."""
    tall, wide = (2 * n for n in shape)
    down, across = (np.minimum(np.arange(n), n - np.arange(n)) for n in (tall, wide))
    power = np.fft.fft2(STD**2 * np.exp(-np.hypot(down[:, None], across) / length)).real
    assert power.min() > -1e-3 * power.max()
    root = np.sqrt(power.clip(min=0.0) / (tall * wide))
    out = []
    for _ in range((number + 1) // 2):
        noise = rng.normal(size=(tall, wide)) + 1j * rng.normal(size=(tall, wide))
        both = np.fft.fft2(root * noise)[: shape[0], : shape[1]]
        out += [both.real, both.imag]
    return np.stack(out[:number])


def distances(first, second=None):
    """Distances in km of all pixels of one mask to all of another, on pixels of 1 km."""
    ends = [np.argwhere(mask) for mask in (first, first if second is None else second)]
    return np.hypot(*(ends[0][:, None] - ends[1][None]).transpose(2, 0, 1))


# closed form


def test_closed_form_difference_of_the_vectors():
    model = validation.error_model(STD, LENGTH)
    sigma = validation.difference_std(model, [1.0, 5.0, 20.0, 50.0])
    np.testing.assert_allclose(sigma, [3.123, 6.651, 11.244, 13.549], atol=5e-4)
    assert sigma.attrs["units"] == "mm"
    dates = pd.date_range("2014-10-12", periods=159, freq="12D")
    rate = validation.difference_std(validation.rate_model(model, dates), 50.0)
    assert rate.item() == pytest.approx(0.7126, abs=5e-5)
    assert rate.attrs["units"] == "mm/yr"


def test_closed_form_thresholds_of_the_test():
    allowed = validation.allowed_difference(np.array([0.1, 1.0, 25.0, 50.0]))
    np.testing.assert_allclose(allowed, [5.265, 8.0, 24.0, 32.284], atol=5e-4)


def test_closed_form_what_pixels_err_by_alone_is_added():
    model = validation.error_model(3.0, 20.0, pixel_std=2.0)
    far = 1e6
    assert validation.difference_std(model, far).item() == pytest.approx(np.sqrt(2 * 9 + 2 * 4))
    assert validation.difference_std(model, far, pixel_std=4.0).item() == pytest.approx(np.sqrt(2 * 9 + 2 * 16))
    assert validation.difference_std(model, far, pixel_std=(4.0, 5.0)).item() == pytest.approx(np.sqrt(18 + 16 + 25))
    assert validation.difference_std(model, [0.0, 1e-9])[0].item() == 0.0
    assert validation.difference_std(model, 1e-9).item() == pytest.approx(np.sqrt(8.0))


@pytest.mark.parametrize("nugget", [True, False])
@pytest.mark.parametrize(("std", "length", "alone"), [(10.0, 20.0, 3.0), (0.4, 3.0, 0.1), (2e3, 60.0, 5e2)])
def test_closed_form_a_curve_is_found_again(std, length, alone, nugget):
    km = np.geomspace(0.5, 100.0, 12)
    alone = alone if nugget else 0.0
    curve = alone**2 + std**2 * -np.expm1(-km / length)
    seen = xr.Dataset({"semivariance": ("distance", curve, {"units": "mm2"}), "pairs": ("distance", np.full(12, 99))})
    out = validation.fit_variogram(seen.assign_coords(distance=km), nugget=nugget)
    assert out["shared_std"].item() == pytest.approx(std, rel=2e-3)
    assert out["shared_length"].item() == pytest.approx(length, rel=5e-3)
    assert out["pixel_std"].item() == pytest.approx(alone, rel=5e-3)
    assert out["sill_reached"]
    assert out["reason"].item() == 0
    assert np.isnan(out["shared_std_se"])  # nothing was left out
    assert out["shared_std"].attrs["units"] == "mm"


def test_closed_form_without_a_sill_only_what_was_seen_is_stated():
    """A variogram that rises like the distance, 2 (mm/yr)2 a km up to 30 km."""
    km = np.geomspace(0.5, 30.0, 12)
    seen = xr.Dataset({"semivariance": ("distance", 2.0 * km, {"units": "(mm/yr)2"})}, {"distance": km})
    out = validation.fit_variogram(seen.assign(pairs=("distance", np.full(12, 99))))
    assert not out["sill_reached"]
    assert out["longest"].item() == pytest.approx(30.0)
    sigma = validation.difference_std(out, [1.0, 10.0, 29.0, 31.0])
    np.testing.assert_allclose(sigma[:3], np.sqrt(4.0 * np.array([1.0, 10.0, 29.0])), rtol=0.03)
    assert np.isnan(sigma[3])
    area = plane(np.zeros((10, 40))) == 0
    left, right, end = (area & where for where in (area.x < 304_500, area.x > 314_500, area.x > 338_000))
    assert np.isnan(validation.mean_std(out, left))
    near = validation.mean_std(out, left, right & (area.x < 319_500))
    apart_, inside = distances(left.values, (right & (area.x < 319_500)).values), distances(left.values)
    assert near.item() == pytest.approx(np.sqrt(4.0 * (apart_.mean() - inside.mean())), rel=0.05)
    assert near.attrs["units"] == "mm/yr"
    assert np.isnan(validation.mean_std(out, left, end))


def test_closed_form_ground_that_is_the_same_everywhere_has_no_error():
    out = validation.fit_variogram(validation.variogram(plane(np.full((30, 30), 7.0))))
    assert out["shared_std"].item() == 0.0
    assert out["pixel_std"].item() == 0.0
    np.testing.assert_array_equal(validation.difference_std(out, [0.0, 1.0, 10.0]), 0.0)


def test_closed_form_means_of_one_pixel_and_of_far_ones():
    model = validation.error_model(4.0, 1e-6, pixel_std=3.0)
    area = plane(np.zeros((6, 8))) == 0
    assert validation.mean_std(model, area).item() == pytest.approx(5.0 / np.sqrt(48))  # independent pixels
    alone = (area.x == area.x[0]) & (area.y == area.y[0]) & area
    assert validation.mean_std(model, alone).item() == pytest.approx(5.0)
    wide = validation.error_model(4.0, 1e9)
    assert validation.mean_std(wide, area).item() == pytest.approx(4.0)  # all err alike
    assert validation.mean_std(wide, area, alone).item() == pytest.approx(0.0, abs=1e-3)
    assert validation.mean_std(model, area, area).item() == pytest.approx(0.0, abs=1e-6)


def test_closed_form_intervals_and_shares():
    """Ten dates 12 days apart have three intervals of 84 days; half of the pixels rise by 1 m in each."""
    rng = np.random.default_rng(3)
    up = rng.random((40, 40)) < 0.5
    days = pd.date_range("2018-01-01", periods=10, freq="12D")
    moved = plane(np.arange(10.0)[:, None, None] * up * 1000.0 / 7.0).assign_coords(time=days)
    out = validation.accuracy_by_distance(moved, pairs=20_000)
    assert out["intervals"].item() == 3
    equal = up.mean() ** 2 + (1 - up.mean()) ** 2
    assert out["share_of_all"].item() == pytest.approx(equal, abs=0.02)
    assert not out["passes"]
    still = validation.accuracy_by_distance(moved, where=moved.isel(time=-1) == 0)
    assert still["share_of_all"].item() == 1.0
    assert still["passes"]
    allowed = validation.allowed_difference(still["distance"])
    np.testing.assert_allclose(still["allowed"], allowed)
    none = validation.accuracy_by_distance(moved, days=365)
    assert none["intervals"].item() == 0
    assert np.isnan(none["share_of_all"])
    assert not none["passes"]


def test_closed_form_a_date_is_not_compared_with_itself():
    """Dates 200 days apart: with a wide tolerance the nearest to 90 days was the date itself, and always passed."""
    rng = np.random.default_rng(3)
    moved = plane(np.stack([np.zeros((30, 30)), rng.choice([0.0, 1000.0], (30, 30))]))
    moved = moved.assign_coords(time=pd.DatetimeIndex(["2018-01-01", "2018-07-20"]))
    out = validation.accuracy_by_distance(moved, tolerance_days=120.0)
    assert out["intervals"].item() == 1
    assert out["share_of_all"].item() == pytest.approx(0.5, abs=0.05)


def test_closed_form_the_requirement_is_four_of_five_over_ninety_days_up_to_50_km():
    """The published numbers are the defaults: 8 of 10 pairs of five stations pass, 7 of 10 do not."""
    promised = defaults(validation)
    for name in ("accuracy_by_distance", "accuracy_at_points"):
        assert (promised[name]["days"], promised[name]["at_least"]) == (90.0, 0.8)
    wide = validation.accuracy_by_distance(plane(np.zeros((80, 80))))
    assert 35.0 < wide["distance"].max() <= 50.0
    places = {"longitude": ("station", [92.0] * 5), "latitude": ("station", 34.0 + 0.01 * np.arange(5))}
    for values, share in (([0.0, 8.4, 0.0, 0.0, 0.0], 0.8), ([0.0, 10.0, 0.0, 0.0, 0.0], 0.7)):
        off = xr.DataArray(values, dims="station", attrs={"units": "mm"}).to_dataset(name="difference")
        out = validation.accuracy_at_points(off.assign_coords(places))
        assert out["share_of_all"].item() == pytest.approx(share)
        assert bool(out["passes"]) == (share >= 0.8)


def test_closed_form_a_distance_that_is_missing_is_no_distance():
    """NaN km was 0 mm; text and numbers of dates were years and nanoseconds."""
    model = validation.error_model(STD, LENGTH)
    np.testing.assert_allclose(validation.difference_std(model, [0.0, np.nan, 20.0]), [0.0, np.nan, 11.244], atol=5e-4)
    rates = [
        validation.rate_model(model, dates)["shared_std"].item()
        for dates in (pd.DatetimeIndex(["2018-01-01", "2019-01-01"]), ["20190101", "2018-01-01"], [20180101, 20190101])
    ]
    assert rates == pytest.approx([STD * np.sqrt(2) * 365.25 / 365] * 3)


def test_values_that_are_infinite_do_not_count(rng):
    values = rng.normal(size=(30, 30))
    one, two = (plane(np.where(values > 1.5, filler, values)) for filler in (np.inf, np.nan))
    xr.testing.assert_identical(validation.variogram(one, pairs=500), validation.variogram(two, pairs=500))
    xr.testing.assert_identical(validation.accuracy_by_distance(one), validation.accuracy_by_distance(two))


def test_closed_form_test_at_points():
    """Stations on a meridian; by hand: 2 of 3 pairs pass. In mm/yr, 90 days make a quarter of it."""
    places = {"longitude": ("station", [92.0] * 4), "latitude": ("station", [34.0, 34.009, 34.09, 39.0])}
    off = xr.DataArray([0.0, 9.0, 10.0, 0.0], {"station": list("ABCD")}, "station", attrs={"units": "mm"})
    out = validation.accuracy_at_points(off.to_dataset(name="difference").assign_coords(places))
    assert int(out["pairs"].sum()) == 3  # D is 545 km away
    assert out["share_of_all"].item() == pytest.approx(2 / 3)  # A-B: 9 mm at 1 km
    assert out["worst"].item() == 0.0
    yearly = off.assign_attrs(units="mm/yr") * 4
    out = validation.accuracy_at_points(yearly.to_dataset(name="difference").assign_coords(places))
    assert out["share_of_all"].item() == pytest.approx(2 / 3)
    lone = off.isel(station=[0]).to_dataset(name="difference").assign_coords(longitude=("station", [92.0]))
    out = validation.accuracy_at_points(lone.assign_coords(latitude=("station", [34.0])))
    assert np.isnan(out["share_of_all"])


def test_closed_form_distances_on_a_grid_in_degrees():
    axes = {"y": np.linspace(36.0, 33.0, 151), "x": np.linspace(91.0, 94.0, 181)}
    da = xr.DataArray(np.zeros((151, 181)), axes, ("y", "x")).rio.write_crs(4326)
    ground = ground_of(da)
    pairs = apart.draw(ground, 181, np.array([1.0, 60.0]), allowed=None, most=300, seed=1)
    ends = [(axes["x"][at[1]], axes["y"][at[0]]) for at in (pairs.first, pairs.second)]
    exact = WGS84.inv(*ends[0], *ends[1])[2] * 1e-3
    np.testing.assert_allclose(pairs.distance, exact, rtol=2e-4)


def test_stable_ground_says_how_it_was_chosen():
    amplitude = plane(np.arange(2500.0).reshape(50, 50))
    maps = xr.Dataset({"linear_rate": amplitude * 0, "seasonal_amplitude": amplitude})
    quiet = validation.stable_ground(maps)
    np.testing.assert_array_equal(quiet, amplitude <= 249.9)
    assert quiet.attrs["pixels"] == 250
    assert quiet.rio.crs == amplitude.rio.crs
    assert quiet.attrs["chosen"].startswith("the quietest 10 %")
    rock = amplitude < 1200
    bare = validation.stable_ground(maps, permafrost=~rock)
    np.testing.assert_array_equal(bare, rock)
    assert bare.attrs["chosen"] == "the ground outside permafrost"
    ring = [[x, y] for x, y in zip(*(where.values for where in corners(amplitude)), strict=True)]
    polygon = pd.DataFrame({"geometry": [{"type": "Polygon", "coordinates": [[*ring, ring[0]]]}]})
    known = validation.stable_ground(maps, known=polygon, permafrost=~rock, min_pixels=100)
    assert 0.9 < known.sum() / 400 < 1.1
    assert known.attrs["chosen"] == "the stable ground given"
    few = validation.stable_ground(maps.where(amplitude > 100), known=amplitude < 50, permafrost=amplitude > 60)
    assert "the stable ground given has 0, the ground outside permafrost has 0 pixels: too few" in few.attrs["chosen"]
    assert few.attrs["pixels"] == 240
    nothing = validation.stable_ground(maps * np.nan)
    assert nothing.attrs["pixels"] == 0


def corners(da):
    """Longitude and latitude of a square of 20 by 20 km."""
    where = grid.lonlat(da).isel(y=[5, 25], x=[5, 25])
    turn = {"y": xr.DataArray([0, 0, 1, 1], dims="c"), "x": xr.DataArray([0, 1, 1, 0], dims="c")}
    return [where[name].isel(turn) for name in ("longitude", "latitude")]


# oracle


def test_oracle_semivariance_is_that_of_all_pairs(rng):
    values = fields(rng, 1, (14, 16), length=3.0)[0]
    where = plane(rng.random((14, 16)) < 0.6) > 0
    values[3, 4] = np.nan
    edges = np.array([0.9, 1.2, 2.1, 4.0, 8.0, 15.0])
    seen = validation.variogram(plane(values), where=where, bins=edges, pairs=60_000)
    at = np.argwhere(where.values & np.isfinite(values))
    z = values[tuple(at.T)]
    i, j = np.triu_indices(len(z), 1)
    far, half = np.hypot(*(at[i] - at[j]).T), 0.5 * (z[i] - z[j]) ** 2
    for k, (low, high) in enumerate(pairwise(edges)):
        chosen = (far >= low) & (far < high)
        # drawn more often in the middle of a bin (even in the logarithm), where distances differ
        weight = 1.0 / far[chosen] ** 2 if k > 1 else np.ones(chosen.sum())
        dense = (half[chosen] * weight).sum() / weight.sum()
        assert seen["semivariance"][k].item() == pytest.approx(dense, rel=0.06)
        assert low <= seen["distance"][k] < high


def test_oracle_leaving_out_a_block_is_leaving_out_its_pixels(rng):
    values = fields(rng, 2, (16, 16), length=3.0)
    drawn = apart.draw(ground_of(plane(values[0])), 16, np.array([1.0, 4.0, 9.0]), allowed=None, most=400, seed=2)
    ends = [values[:, at[0], at[1]] for at in (drawn.first, drawn.second)]
    blocks = np.stack([apart.tiles(at, (16, 16)) for at in (drawn.first, drawn.second)])
    of_all, _, without = apart.half_squares(*ends, drawn.bins, blocks, 2)
    for block in (0, 6, 15):
        left = values.copy()
        left[:, block // 4 * 4 : block // 4 * 4 + 4, block % 4 * 4 : block % 4 * 4 + 4] = np.nan
        ends = [left[:, at[0], at[1]] for at in (drawn.first, drawn.second)]
        np.testing.assert_allclose(without[:, block], apart.half_squares(*ends, drawn.bins, blocks, 2)[0])
    assert of_all.shape == (2, 2)


@pytest.fixture(scope="module")
def simulated():
    """Errors of 40 dates with nuggets, s 10 mm, length 20 km, 1 mm in each pixel alone."""
    rng = np.random.default_rng(11)
    values = fields(rng, 40)
    return plane(values + rng.normal(0.0, 1.0, values.shape))


def test_oracle_sill_and_length_of_simulated_fields(simulated):
    seen = validation.variogram(simulated, pairs=2000, max_km=60.0)
    pooled = validation.fit_variogram(seen.mean("time"))
    for name, true in {"shared_std": STD, "shared_length": LENGTH, "pixel_std": 1.0}.items():
        found, spread = pooled[name].item(), pooled[f"{name}_se"].item()
        assert abs(found - true) < 3 * spread + 0.02 * true, name
        assert spread < 0.25 * true, name
    each = validation.fit_variogram(seen)
    assert each["shared_std"].median().item() == pytest.approx(STD, rel=0.15)
    held = abs(each["shared_std"] - STD) <= 2 * each["shared_std_se"]
    assert held.mean().item() > 0.6  # of single maps, a few lengths wide


def test_oracle_stated_sigma_of_differences_covers(simulated):
    """Fitted on one half of the ground, held against differences on the other."""
    left = xr.ones_like(simulated.isel(time=0), dtype=bool) & (simulated["x"] < simulated["x"].mean())
    model = validation.fit_variogram(validation.variogram(simulated, where=left, pairs=2000).mean("time"))
    drawn = apart.draw(ground_of(simulated), 120, np.array([1.0, 50.0]), allowed=~left.values, most=4000, seed=5)
    ends = [simulated.values[:, at[0], at[1]] for at in (drawn.first, drawn.second)]
    stated = validation.difference_std(model, drawn.distance).values
    for low, high in ((1, 5), (5, 20), (20, 50)):
        use = (drawn.distance >= low) & (drawn.distance < high)
        share = (np.abs(ends[0] - ends[1]) <= stated)[:, use].mean()
        assert 0.6 < share < 0.75, (low, high)


def test_oracle_means_of_areas_by_the_dense_double_sum(rng):
    area, other = (plane(rng.random((25, 30)) < share) > 0 for share in (0.3, 0.5))
    model = validation.error_model(STD, LENGTH, pixel_std=5.0)
    at = np.concatenate([np.argwhere(mask.values) for mask in (area, other)])
    far = np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))
    covariance = STD**2 * np.exp(-far / LENGTH) + 25.0 * (far == 0)  # a pixel of both areas has one error
    n, m = int(area.sum()), int(other.sum())
    one = np.concatenate([np.full(n, 1 / n), np.zeros(m)])
    two = np.concatenate([np.zeros(n), np.full(m, 1 / m)])
    expected = [np.sqrt(w @ covariance @ w) for w in (one, one - two)]
    found = [validation.mean_std(model, area).item(), validation.mean_std(model, area, other).item()]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    sampled = [validation.mean_std(model, *areas, sample=150).item() for areas in ((area,), (area, ~area))]
    dense = [validation.mean_std(model, *areas).item() for areas in ((area,), (area, ~area))]
    np.testing.assert_allclose(sampled[0], dense[0], rtol=0.03)
    np.testing.assert_allclose(sampled[1], dense[1], atol=0.3)


def test_oracle_spread_of_box_means_of_simulated_fields(simulated):
    x, y = simulated["x"], simulated["y"]
    boxes = [xr.ones_like(simulated[0], dtype=bool) & (x >= a) & (x < a + 1e4) & (y > 3.96e6) for a in (3.1e5, 3.6e5)]
    model = validation.error_model(STD, LENGTH, pixel_std=1.0)
    means = [simulated.where(box).mean(("y", "x")) for box in boxes]
    spread = float(np.sqrt(((means[0] - means[1]) ** 2).mean()))
    assert spread == pytest.approx(validation.mean_std(model, *boxes).item(), rel=0.3)  # 40 draws: 11 %
    assert validation.mean_std(model, *boxes) < validation.difference_std(model, 50.0)


def test_oracle_sigma_of_a_rate_is_that_of_fitted_lines(rng):
    dates = pd.date_range("2015-01-03", periods=60, freq="24D")
    years = (dates - dates[0]).days.to_numpy() / 365.25
    ends = rng.normal(size=(2, 60, 4000))
    alike = np.exp(-15.0 / LENGTH)
    ends[1] = alike * ends[0] + np.sqrt(1 - alike**2) * ends[1]
    rates = [np.polyfit(years, STD * end, 1)[0] for end in ends]
    stated = validation.difference_std(validation.rate_model(validation.error_model(STD, LENGTH), dates), 15.0)
    assert np.std(rates[0] - rates[1]) == pytest.approx(stated.item(), rel=0.05)


def test_oracle_shares_of_the_test_by_brute_force(rng):
    moved = plane(fields(rng, 1, (20, 22), length=4.0)[0])
    out = validation.accuracy_by_distance(moved, bins=[0.9, 1.1], pairs=50_000)
    z = moved.values
    steps = np.abs(np.concatenate([np.diff(z, axis=0).ravel(), np.diff(z, axis=1).ravel()]))
    assert out["share"].item() == pytest.approx((steps <= 8.0).mean(), abs=0.02)
    table = pd.DataFrame({"station": list("ABCDEF"), "los": 0.0})
    place = grid.lonlat(moved).isel(y=xr.DataArray([1, 3, 9, 9, 15, 18], dims="s"), x=xr.DataArray(range(6), dims="s"))
    table = table.assign(longitude=place["longitude"].values, latitude=place["latitude"].values)
    compared = validation.compare_points(moved, table, reference=None)
    found = validation.accuracy_at_points(compared)
    off = compared["difference"].values
    i, j = np.triu_indices(6, 1)
    far = WGS84.inv(*(table[name].to_numpy()[k] for k in (i, j) for name in ("longitude", "latitude")))[2] / 1e3
    assert found["share_of_all"].item() == pytest.approx((abs(off[i] - off[j]) <= 4 * (1 + np.sqrt(far))).mean())


def test_a_map_carries_its_errors_along(rng, tmp_path):
    da = plane(rng.normal(size=(20, 20)), units="mm/yr").rename("linear_rate")
    numbers = {"units": "mm/yr"}
    for model in (
        validation.error_model(1.0, 20.0, pixel_std=0.3, **numbers),
        validation.error_model(0.0, 5.0, **numbers),
    ):
        told = validation.with_errors(da, model, how="guessed")
        told.drop_encoding().to_netcdf(tmp_path / "map.nc")
        with xr.open_dataset(tmp_path / "map.nc") as stored:
            back = validation.errors_of(stored["linear_rate"])
        assert back.attrs["how"] == "guessed"
        xr.testing.assert_allclose(
            validation.difference_std(back, [1.0, 50.0]), validation.difference_std(model, [1.0, 50.0])
        )
    far = validation.errors_of(
        validation.with_errors(da, validation.error_model(1.0, 20.0, longest=9.0, **numbers), how="")
    )
    assert np.isnan(validation.difference_std(far, 10.0))
    assert validation.errors_of(da) is None
    unknown = validation.fit_variogram(validation.variogram(da, where=da > 9))
    assert validation.errors_of(validation.with_errors(told, unknown, how="")) is None
    assert told.attrs["units"] == "mm/yr"


# property


@settings(max_examples=20, deadline=None)
@given(
    std=st.floats(0.0, 50.0),
    length=st.floats(0.1, 200.0),
    alone=st.floats(0.0, 20.0),
    far=st.lists(st.floats(0.01, 1e4), min_size=2, max_size=5),
)
def test_property_sigma_grows_with_distance_up_to_a_limit(std, length, alone, far):
    model = validation.error_model(std, length, pixel_std=alone)
    sigma = validation.difference_std(model, sorted(far)).values
    assert (np.diff(sigma) >= -1e-9).all()
    assert sigma[-1] <= np.sqrt(2 * (std**2 + alone**2)) + 1e-9
    assert sigma[0] >= np.sqrt(2) * alone - 1e-9


@settings(max_examples=6, deadline=None)
@given(scale=st.floats(-5.0, 5.0).filter(lambda v: abs(v) > 0.1), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 9))
def test_property_variograms_scale_with_the_square_and_know_no_level(scale, shift, seed):
    da = plane(np.random.default_rng(4).normal(size=(20, 25)))
    one, two = (validation.variogram(da_, pairs=200, seed=seed) for da_ in (da, scale * da + shift))
    np.testing.assert_allclose(two["semivariance"], scale**2 * one["semivariance"], rtol=1e-6)
    fits = [validation.fit_variogram(seen)["pixel_std"] for seen in (one, two)]
    assert fits[1].item() == pytest.approx(abs(scale) * fits[0].item(), rel=1e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), length=st.floats(0.5, 100.0))
def test_property_means_err_less_than_pixels_and_differences_have_no_order(seed, length):
    rng = np.random.default_rng(seed)
    areas = [plane(rng.random((8, 9)) < 0.4) > 0 for _ in range(2)]
    areas = [area | (plane(np.eye(8, 9)) > 0) for area in areas]
    model = validation.error_model(4.0, length, pixel_std=3.0)
    assert validation.mean_std(model, areas[0]) <= 5.0 + 1e-9
    both = [validation.mean_std(model, *order).item() for order in (areas, areas[::-1])]
    assert both[0] == pytest.approx(both[1], abs=1e-9)


# refusals, NaN with a reason


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda da: validation.variogram(da.drop_vars("spatial_ref")), "coordinate reference"),
        (lambda da: validation.variogram(da, bins=[0.0, 1.0]), "do not rise"),
        (lambda da: validation.variogram(da, bins=[3.0]), "do not rise"),
        (lambda da: validation.variogram(da, where=(da > 0).chunk()), "lazy"),
        (lambda da: validation.variogram(da, where=da.isel(x=slice(9))), "not on the grid"),
        (lambda da: validation.fit_variogram(da.to_dataset()), "no variogram"),
        (lambda da: validation.error_model(1.0, 0.0), "no model"),
        (lambda da: validation.rate_model(validation.error_model(1.0, 9.0), ["2018-01-01"] * 2), "two different"),
        (lambda da: validation.mean_std(validation.error_model(1.0, 9.0), da > 99), "no pixel"),
        (lambda da: validation.mean_std(validation.error_model(1.0, 9.0), da > 0, da[:4] > 0), "not on the grid"),
        (lambda da: validation.accuracy_by_distance(da.assign_attrs(units="rad")), "wrong unit"),
        (lambda da: validation.accuracy_at_points(da.to_dataset()), "no comparison"),
        (lambda da: validation.stable_ground(da.to_dataset()), "lack"),
        (lambda da: validation.variogram(da, bins=12.0), "neither counted nor given"),
        (lambda da: validation.variogram(da, bins=0), "neither counted nor given"),
        (lambda da: validation.variogram(da, max_km=np.nan), "longest distance is none"),
        (lambda da: validation.variogram(da, where=(da > 0).expand_dims(k=2)), "other dims"),
        (
            lambda da: validation.variogram(da, where=(da > 0).rio.write_crs(32645)),
            r"EPSG:32646 \(WGS 84 / UTM zone 46N\)",
        ),
        (lambda da: validation.fit_variogram(None), "no variogram.*NoneType"),
        (lambda da: validation.difference_std(da.to_dataset(), 1.0), "no model of errors"),
        (lambda da: validation.difference_std(validation.error_model(1.0, 9.0), -1.0), "no sign"),
        (lambda da: validation.difference_std(validation.error_model(1.0, 9.0), [[1.0]]), "no dims"),
        (lambda da: validation.difference_std(validation.error_model(1.0, 9.0), da), "wrong unit; expected: 'km'"),
        (lambda da: validation.rate_model(validation.error_model(1.0, 9.0, units="mm/yr"), []), "of a rate already"),
        (lambda da: validation.rate_model(validation.error_model(1.0, 9.0), ["06/01/2018", "2019-01-01"]), "one way"),
        (lambda da: validation.mean_std(validation.error_model(1.0, 9.0), da > 0, sample=1), "pair of pixels"),
        (
            lambda da: validation.with_errors(da, validation.error_model(1.0, 9.0, units="mm/yr"), how=""),
            "another unit",
        ),
        (lambda da: validation.with_errors(da, by_date(da), how=""), "expected: scalars.*mean\\('time'\\)"),
        (lambda da: validation.accuracy_by_distance(da, days=0.0), "days is out of range"),
        (lambda da: validation.accuracy_by_distance(da, at_least=80), "at_least is out of range.*at most 1"),
        (lambda da: validation.accuracy_by_distance(dated(da, [20180101, 20180401])), "time is not datetime64"),
        (
            lambda da: validation.accuracy_by_distance(dated(da, np.array(["2018-01-01"] * 2, "M8[ns]"))),
            "repeats dates",
        ),
        (lambda da: validation.stable_ground(maps_of(da), quietest=10), "no share"),
    ],
)
def test_refusals(call, match, rng):
    with pytest.raises(QtpDataError, match=match):
        call(plane(rng.normal(size=(20, 20))))


def dated(da, times):
    return xr.concat([da, da], "time").assign_coords(time=times)


def by_date(da):
    model = validation.error_model(1.0, 9.0)
    return model.assign(shared_std=model["shared_std"].expand_dims(time=2))


def maps_of(da):
    return xr.Dataset({"linear_rate": da, "seasonal_amplitude": abs(da)})


def test_too_few_pixels_are_not_a_number_and_say_why(rng):
    da = plane(rng.normal(size=(20, 20)))
    seen = validation.variogram(da, where=da > 1.5)
    assert seen.attrs["pixels"] < 100
    assert np.isnan(seen["semivariance"]).all()
    out = validation.fit_variogram(seen)
    assert out["reason"].item() == 4
    assert np.isnan(out["shared_std"])
    assert not out["sill_reached"]
    assert np.isnan(validation.difference_std(out, 1.0))
    assert np.isnan(validation.mean_std(out, da > 0))
    tested = validation.accuracy_by_distance(da, where=da > 1.5)
    assert np.isnan(tested["share_of_all"])
    assert not tested["passes"]
    empty = validation.variogram(da * np.nan)
    assert validation.fit_variogram(empty)["reason"].item() == 4


def test_too_few_pixels_of_lazy_maps_are_not_a_number_and_warn_nobody(rng):
    da = plane(rng.normal(size=(20, 20)))
    for where in (da > 1.5, da > 99):
        eager, lazy = validation.variogram(da, where=where), validation.variogram(da.chunk({"y": 7}), where=where)
        assert is_lazy(lazy)
        xr.testing.assert_allclose(lazy.compute(), eager)
        xr.testing.assert_allclose(validation.fit_variogram(lazy).compute(), validation.fit_variogram(eager))
        tested = validation.accuracy_by_distance(da.chunk({"y": 7}), where=where)
        assert np.isnan(tested["share_of_all"].compute())
    places = {"longitude": ("station", [90.0, 100.0]), "latitude": ("station", [34.0, 34.0])}
    off = xr.DataArray([0.0, 1.0], dims="station", attrs={"units": "mm"}).to_dataset(name="difference")
    far = validation.accuracy_at_points(off.assign_coords(places).chunk(station=1)).compute()
    assert np.isnan(far["share_of_all"])
    assert not far["passes"]


# lazy


@pytest.mark.parametrize("chunks", [{"y": 16, "x": 20}, {"y": 5, "x": 36}])
def test_several_lazy_variograms_are_computed_together(rng, chunks):
    """One graph: of two maps from one array, of a series and its mean, with the same and with other pairs."""
    moved = plane(rng.normal(size=(4, 30, 36))).assign_coords(time=pd.date_range("2018", periods=4, freq="30D"))
    moved = moved.chunk({"time": 2, **chunks})
    first, second = (moved.isel(time=k) for k in (0, 1))
    some = (first > 0).compute()
    maps = [first, second, (first + second).assign_attrs(first.attrs), moved.mean("time", keep_attrs=True), moved]
    calls = [
        *(lambda da=da: validation.variogram(da, pairs=200) for da in maps),
        lambda: validation.variogram(first, pairs=200, seed=1),
        lambda: validation.variogram(first, pairs=200, bins=5),
        lambda: validation.variogram(second, pairs=200, where=some),
        lambda: validation.fit_variogram(validation.variogram(moved, pairs=200).mean("time")),
        lambda: validation.accuracy_by_distance(moved, pairs=200),
    ]
    together = dask.compute(*(call() for call in calls))
    for got, call in zip(together, calls, strict=True):
        xr.testing.assert_identical(got, call().compute())


def test_lazy_equals_eager_and_nothing_is_computed_early(rng, no_compute):
    moved = plane(rng.normal(size=(12, 30, 36))).assign_coords(time=pd.date_range("2018", periods=12, freq="12D"))
    where, area = moved[0] > -1.0, moved[0] > 0.0
    dates = moved["time"].values
    options = {"where": where, "pairs": 300}

    def all_of(da):
        seen = validation.variogram(da, **options)
        model = validation.fit_variogram(seen)
        rate = validation.rate_model(model, dates)
        points = xr.Dataset({"difference": da[0, 0, :6].rename(x="station").reset_coords(drop=True)})
        places = {"longitude": ("station", 92 + 0.05 * np.arange(6)), "latitude": ("station", np.full(6, 34.0))}
        return {
            "seen": seen,
            "model": model,
            "pooled": validation.fit_variogram(seen.mean("time")),
            "difference": validation.difference_std(rate, [1.0, 9.0]).to_dataset(),
            "mean": validation.mean_std(model, area, ~area).to_dataset(),
            "test": validation.accuracy_by_distance(da, **options),
            "points": validation.accuracy_at_points(points.assign_coords(places)),
        }

    with no_compute():
        lazy = all_of(moved.chunk({"time": 7, "y": 16, "x": 20}))
    eager = all_of(moved)
    assert all(is_lazy(ds) for ds in lazy.values())
    for name, expected in eager.items():
        for scheduler in ("sync", "threads") if name in ("seen", "test") else ("sync",):
            xr.testing.assert_allclose(lazy[name].compute(scheduler=scheduler), expected)


def test_results_say_that_they_are_synthetic(rng):
    da = noted(plane(rng.normal(size=(30, 30))))
    seen = validation.variogram(da)
    model = validation.fit_variogram(seen)
    results = {"seen": seen, "model": model, "still": validation.stable_ground(maps_of(da)), "rate": None}
    results["rate"] = validation.difference_std(validation.rate_model(model, ["2018-01-01", "2019-01-01"]), [1.0])
    results |= {"mean": validation.mean_std(model, da > 0), "test": validation.accuracy_by_distance(da)}
    assert without_note(**results) == []
