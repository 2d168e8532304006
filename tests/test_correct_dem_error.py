"""Errors of the elevation from perpendicular baselines."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from promised import noted, refuse_strangers, without_note

from qtp_toolkit import correct
from qtp_toolkit.conventions import QtpDataError, displacement_to_phase, phase_to_displacement

DAYS = np.datetime64("2016-01-05", "ns") + np.arange(0, 1440, 24) * np.timedelta64(1, "D")
RANGE, ANGLE = 850_000.0, 39.0


def angle(value=ANGLE):
    return xr.DataArray(value, attrs={"units": "degree"}, name="incidence")


def grid(values, *, units="mm", name="displacement"):
    values = np.asarray(values)
    rows, columns = values.shape[-2:]
    coords = {"y": 3_900_000.0 - 100.0 * np.arange(rows), "x": 450_000.0 + 100.0 * np.arange(columns)}
    if values.ndim == 3:
        coords["time"] = DAYS
    dims = ("time", "y", "x")[-values.ndim :]
    return xr.DataArray(values, coords, dims, name, {"units": units}).rio.write_crs("EPSG:32646")


@pytest.fixture
def baseline(rng):
    values = rng.normal(0, 80.0, len(DAYS))
    return xr.DataArray(values, {"time": DAYS}, "time", "perpendicular_baseline", {"units": "m"})


@pytest.fixture
def height(rng):
    return rng.normal(0, 15.0, (5, 6))


def moved(height, baseline):
    """Displacement in mm of errors of the elevation in m."""
    per_meter = 1000.0 / (RANGE * np.sin(np.deg2rad(ANGLE)))
    return per_meter * baseline.values[:, None, None] * height


def motion():
    """A rate and a season, the same in all pixels."""
    years = (DAYS - DAYS[0]) / np.timedelta64(1, "D") / 365.25
    return (-6.0 * years + 8.0 * np.sin(2 * np.pi * years) + 3.0 * np.cos(2 * np.pi * years) + 40.0)[:, None, None]


def test_closed_form_error_beside_rate_and_season(height, baseline):
    seen = grid(moved(height, baseline) + motion())
    fit = correct.fit_dem_error(seen, baseline, angle(), slant_range=RANGE)
    np.testing.assert_allclose(fit["dem_error"], height, atol=1e-4)
    np.testing.assert_allclose(fit["dem_error_std"], 0.0, atol=1e-4)
    assert fit["dem_error"].attrs["units"] == fit["dem_error_std"].attrs["units"] == "m"
    assert fit["dem_error"].dtype == np.float32


def test_closed_form_one_meter_by_hand():
    """100 m of baseline at 850 km and 39 degrees: 0.187 mm of displacement for each meter."""
    baseline = xr.DataArray([0.0, 100.0], dims="time", attrs={"units": "m"})
    phase = correct.dem_error_phase(xr.DataArray(1.0, attrs={"units": "m"}), baseline, angle(), slant_range=RANGE)
    assert float(phase_to_displacement(phase)[1]) == pytest.approx(0.18694, abs=1e-4)


def test_oracle_error_and_deviation_are_those_of_least_squares(height, baseline, rng):
    seen = grid(moved(height, baseline) + motion() + rng.normal(0, 4.0, (len(DAYS), 5, 6)))
    seen = seen.where(rng.random(seen.shape) > 0.2)
    fit = correct.fit_dem_error(seen, baseline, angle(), slant_range=RANGE)
    years = (DAYS - DAYS[0]) / np.timedelta64(1, "D") / 365.25
    per_meter = 1000.0 / (RANGE * np.sin(np.deg2rad(ANGLE)))
    season = [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    design = np.stack([per_meter * baseline.values, years, *season, np.ones(len(DAYS))], axis=1)
    for at in np.ndindex(5, 6):
        series = seen.values[:, *at]
        known = np.isfinite(series)
        found, squares, *_ = np.linalg.lstsq(design[known], series[known], rcond=None)
        inverse = np.linalg.inv(design[known].T @ design[known])
        std = np.sqrt(squares[0] / (known.sum() - 5) * inverse[0, 0])
        assert float(fit["dem_error"][at]) == pytest.approx(found[0], rel=1e-5)
        assert float(fit["dem_error_std"][at]) == pytest.approx(std, rel=1e-5)


def test_property_the_stated_deviation_is_the_true_one(baseline, rng):
    seen = grid(motion() + rng.normal(0, 4.0, (len(DAYS), 40, 40)))
    fit = correct.fit_dem_error(seen, baseline, angle(), slant_range=RANGE)
    ratio = float(fit["dem_error"].std()) / float((fit["dem_error_std"] ** 2).mean()) ** 0.5
    assert ratio == pytest.approx(1.0, abs=0.06)


def test_closed_form_baselines_of_dates_from_those_of_pairs(baseline):
    first, second = np.triu_indices(len(DAYS), 1)
    near = second - first < 4
    ends = {"reference": ("pair", DAYS[first[near]]), "secondary": ("pair", DAYS[second[near]])}
    pairs = xr.DataArray(np.diff(baseline.values[np.stack([first, second])[:, near]], axis=0)[0], ends, "pair")
    pairs = pairs.assign_attrs(units="m").rename("perpendicular_baseline")
    found = correct.date_baselines(pairs)
    np.testing.assert_allclose(found, baseline - baseline[0], atol=1e-9)
    with pytest.raises(QtpDataError, match="do not tell"):
        correct.date_baselines(
            pairs.isel(
                pair=(pairs["reference"] != DAYS[20]) & (pairs["secondary"] <= DAYS[20])
                | (pairs["reference"] > DAYS[20])
            )
        )
    with pytest.raises(QtpDataError, match="1 unknown"):
        correct.date_baselines(pairs.where(np.arange(pairs.size) > 0))


def test_property_origin_and_order_of_baselines_are_all_one(height, baseline):
    seen = grid(moved(height, baseline) + motion())
    expected = correct.fit_dem_error(seen, baseline, angle())
    for other in (baseline + 500.0, baseline[::-1], baseline.assign_coords(time=DAYS + np.timedelta64(11, "h"))):
        found = correct.fit_dem_error(seen, other.assign_attrs(units="m"), angle())
        xr.testing.assert_allclose(found, expected, atol=1e-3)


def test_closed_form_range_of_the_orbit():
    """Near and far edge of Sentinel-1's swath, 800 and 960 km by the mission's geometry."""
    baseline = xr.DataArray([0.0, 1.0], dims="time", attrs={"units": "m"})
    one = xr.DataArray(1.0, attrs={"units": "m"})
    for theta, slant in ((30.8, 800e3), (46.0, 964e3)):
        own, given = (
            correct.dem_error_phase(one, baseline, angle(theta), **options) for options in ({}, {"slant_range": slant})
        )
        assert float(own[1] / given[1]) == pytest.approx(1.0, abs=0.015)


def test_closed_form_correction_takes_the_error_out_of_pairs_and_series(height, baseline):
    seen = grid(moved(height, baseline) + motion())
    fit = correct.fit_dem_error(seen, baseline, angle(), slant_range=RANGE)
    phase = correct.dem_error_phase(fit["dem_error"], baseline, angle(), slant_range=RANGE)
    np.testing.assert_allclose(seen - phase_to_displacement(phase), motion() + 0 * seen.values, atol=1e-3)
    pairs = xr.Dataset(coords={"reference": ("pair", DAYS[:-1]), "secondary": ("pair", DAYS[1:])})
    between = correct.pair_difference(displacement_to_phase(seen), pairs).rename("phase")
    flat = correct.remove_delay(between, phase)
    np.testing.assert_allclose(flat.std(("y", "x")), 0.0, atol=1e-5)
    assert float(between.std(("y", "x")).max()) > 0.1
    direct = baseline.diff("time").drop_vars("time").rename(time="pair").assign_coords(pairs.coords)
    direct = direct.assign_attrs(units="m")
    of_pairs = correct.dem_error_phase(fit["dem_error"], direct, angle(), slant_range=RANGE)
    xr.testing.assert_allclose(correct.remove_delay(between, of_pairs), flat, atol=1e-5)


def test_pixels_that_cannot_tell_are_empty(height, baseline):
    seen = grid(moved(height, baseline) + motion())
    seen[4:, 0, 0] = np.nan
    fit = correct.fit_dem_error(seen, baseline, angle(), slant_range=RANGE)
    assert np.isnan(fit["dem_error"].values).sum() == 1
    same = correct.fit_dem_error(seen, 0.0 * baseline.assign_attrs(units="m") + 5.0 * xr.ones_like(baseline), angle())
    assert same["dem_error"].isnull().all()


def test_refusals(height, baseline):
    seen = grid(moved(height, baseline))
    good = {"displacement": seen, "baseline": baseline, "incidence": angle()}
    refuse_strangers(correct.fit_dem_error, good, units="displacement baseline incidence", dims="displacement")
    with pytest.raises(QtpDataError, match=r"without a baseline.*2016-01-05"):
        correct.fit_dem_error(seen, baseline[1:], angle())
    with pytest.raises(QtpDataError, match="too few dates"):
        correct.fit_dem_error(seen[:5], baseline, angle())
    with pytest.raises(QtpDataError, match="incidence"):
        correct.fit_dem_error(seen, baseline, angle(0.0))


def test_lazy_dem_error(no_compute, height, baseline):
    seen = grid(moved(height, baseline) + motion())
    tilted = grid(np.full((5, 6), ANGLE), units="degree", name="incidence")
    with no_compute():
        fit = correct.fit_dem_error(seen.chunk(y=2), baseline, tilted.chunk(y=2))
        phase = correct.dem_error_phase(fit["dem_error"], baseline, tilted.chunk(y=2))
    eager = correct.fit_dem_error(seen, baseline, tilted)
    assert fit["dem_error"].chunks == ((2, 2, 1), (6,))
    xr.testing.assert_allclose(fit.compute(), eager, atol=1e-5)
    xr.testing.assert_allclose(
        phase.compute(), correct.dem_error_phase(eager["dem_error"], baseline, tilted), atol=1e-5
    )


def test_property_made_data_are_told_as_such(height, baseline):
    fit = correct.fit_dem_error(noted(grid(moved(height, baseline))), baseline, angle())
    assert not without_note(fit=fit, phase=correct.dem_error_phase(fit["dem_error"], baseline, angle()))
