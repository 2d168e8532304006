"""Phase that follows the terrain: one slope, and slopes in windows."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import noted, refuse_strangers, without_note

from qtp_toolkit import correct
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.correct.kernels.elevation import hats

DATES = np.array(["2018-08-31", "2018-09-12", "2018-09-24"], "datetime64[ns]")


def terrain(rows=40, columns=50, *, seed=0):
    """Hills of some hundred meters, on a slope."""
    y, x = np.mgrid[:rows, :columns]
    hills = np.random.default_rng(seed).normal(size=(rows, columns)) * 100
    height = 4500.0 + 300 * np.sin(x / 5.0) * np.cos(y / 7.0) + hills + 5.0 * x
    coords = {"y": 3_900_000.0 - 1000 * np.arange(rows), "x": 450_000.0 + 1000 * np.arange(columns)}
    return xr.DataArray(height, coords, ("y", "x"), "elevation", {"units": "m"}).rio.write_crs("EPSG:32646")


def stack(*images, dtype=np.float64):
    pairs = {"reference": ("pair", DATES[:-1]), "secondary": ("pair", DATES[1:])}
    phase = xr.concat([image.drop_vars("spatial_ref") for image in images], "pair").assign_coords(pairs)
    return phase.astype(dtype).rename("phase").assign_attrs(units="rad").rio.write_crs("EPSG:32646")


@pytest.fixture
def dem():
    return terrain()


def tilt(dem):
    return 1e-4 * (dem.x - 460_000) - 2e-4 * (dem.y - 3_880_000)


def test_closed_form_one_slope_beside_a_plane(dem):
    phase = stack(0.004 * dem + tilt(dem) + 7.0, -0.001 * dem)
    fit = correct.fit_elevation(phase, dem)
    np.testing.assert_allclose(fit["slope"].squeeze(), [4.0, -1.0], rtol=1e-9)
    assert fit["slope"].dims == ("pair", "window_y", "window_x")
    np.testing.assert_allclose(fit["level"], float(dem.mean()), rtol=1e-12)
    flat = correct.remove_delay(phase, correct.elevation_phase(fit, dem))
    plane = flat[0] - tilt(dem)
    np.testing.assert_allclose(plane, float(0.004 * dem.mean() + 7.0), atol=1e-4)
    np.testing.assert_allclose(flat[1], -0.001 * float(dem.mean()), atol=1e-5)


def test_closed_form_relief_is_the_spread_about_a_plane(dem):
    fit = correct.fit_elevation(stack(dem * 0, dem * 0), dem)
    terms = np.stack(
        [
            np.ones(dem.size),
            *(np.broadcast_to(dem[c], dem.shape).ravel() for c in "x"),
            np.broadcast_to(dem.y.values[:, None], dem.shape).ravel(),
        ],
        axis=1,
    )
    left = dem.values.ravel() - terms @ np.linalg.lstsq(terms, dem.values.ravel(), rcond=None)[0]
    np.testing.assert_allclose(fit["relief"].squeeze(), left.std() / 1000, rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.lists(st.floats(-1.5, 1.5), min_size=1, max_size=20))
def test_property_windows_add_up_to_one(number, position):
    weights = hats(np.array(position), number)
    assert weights.shape == (len(position), number)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def test_oracle_windows_are_weighted_least_squares(dem, rng):
    """Each window by numpy's own solver, with its weights written out."""
    values = dem.values / 1000
    phase = stack(*(dem * 0 + rng.normal(size=dem.shape) for _ in range(2)))
    phase[0, 3:9, 4:20] = np.nan
    weight = dem * 0 + rng.uniform(0.1, 1.0, dem.shape)
    mask = (dem * 0).astype(bool)
    mask[20:30, 30:] = True
    fit = correct.fit_elevation(phase, dem, windows=(3, 4), weight=weight, mask=mask)
    y, x = (np.linspace(0, n - 1, size) for n, size in ((3, 40), (4, 50)))
    for row in range(3):
        for column in range(4):
            near = np.outer(np.clip(1 - abs(2 - y - row), 0, 1), np.clip(1 - abs(x - column), 0, 1))
            for pair in range(2):
                use = np.sqrt(near * weight.values * ~mask.values * np.isfinite(phase[pair].values)).ravel()
                terms = [np.ones(dem.size), *(g.ravel() for g in np.meshgrid(x, y)), values.ravel()]
                right = np.nan_to_num(phase[pair].values.ravel())
                expected = np.linalg.lstsq(np.stack(terms, 1) * use[:, None], right * use, rcond=None)[0][3]
                assert float(fit["slope"][pair, row, column]) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_closed_form_slopes_that_change_over_the_scene(dem):
    """Slope 2 rad/km in the west, 6 in the east, linear between: windows follow it, a single slope cannot."""
    dem = dem - 0.005 * (dem.x - dem.x[0])
    dem.attrs["units"] = "m"
    share = (dem.x - dem.x[0]) / (dem.x[-1] - dem.x[0])
    pattern = (2 + 4 * share) * (dem - dem.mean()) / 1000
    phase = stack(pattern, pattern)
    left = {}
    for windows in ((1, 1), (1, 5)):
        fit = correct.fit_elevation(phase, dem, windows=windows)
        left[windows] = float(correct.remove_delay(phase, correct.elevation_phase(fit, dem))[0].std())
    assert left[1, 5] < 0.35 * left[1, 1]
    assert left[1, 1] < 0.8 * float(phase[0].std())


def test_property_windows_leave_what_is_wider_than_they_are(dem):
    """A bowl of the size of the scene stays, though it is over ground that rises."""
    y, x = (np.linspace(-1, 1, n) for n in dem.shape)
    bowl = dem * 0 + 5 * np.exp(-(np.add.outer(y**2, x**2)))
    fit = correct.fit_elevation(stack(bowl, bowl), dem, windows=(4, 5))
    taken = correct.elevation_phase(fit, dem)[0]
    assert float(taken.std()) < 0.1 * float(bowl.std())


def test_closed_form_flat_windows_take_the_slope_of_all(dem):
    flat = dem.where(dem.x < 460_000, 4600.0 + 0.002 * (dem.x - 460_000))
    phase = stack(0.003 * flat, 0.003 * flat)
    fit = correct.fit_elevation(phase, flat, windows=(2, 5))
    np.testing.assert_allclose(fit["slope"], 3.0, rtol=1e-6)
    assert float(fit["relief"][0, 0, -1]) < 0.05 < float(fit["relief"][0, 0, 0])
    nowhere = correct.fit_elevation(phase, flat * 0 + 4000.0)
    np.testing.assert_array_equal(nowhere["slope"], 0.0)


def test_closed_form_empty_windows_and_pairs(dem):
    """Pairs without any pixel, and windows that are all water."""
    phase = stack(0.003 * dem, dem * np.nan)
    hidden = dem.x > 470_000
    fit = correct.fit_elevation(phase, dem.where(~hidden), windows=(1, 5), mask=(dem * 0 + hidden).astype(bool))
    np.testing.assert_allclose(fit["slope"][0], 3.0, rtol=1e-6)
    np.testing.assert_array_equal(fit["slope"][1], 0.0)
    assert bool(correct.elevation_phase(fit, dem).notnull().all())


def test_property_slopes_of_a_thinned_grid_go_out_of_the_whole(dem):
    phase = stack(0.004 * dem + tilt(dem), -0.002 * dem)
    fit = correct.fit_elevation(phase[:, ::3, ::2], dem[::3, ::2], windows=(2, 3))
    out = correct.remove_delay(phase, correct.elevation_phase(fit, dem))
    # what is left is the mean elevation of the windows
    assert float(out[1].std()) < 0.35 * float(phase[1].std())
    whole = correct.fit_elevation(phase[:, ::3, ::2], dem[::3, ::2])
    gone = correct.remove_delay(phase, correct.elevation_phase(whole, dem))
    assert float(gone[1].std()) < 1e-5


def test_lazy_elevation(no_compute, dem, rng):
    phase = stack(*(0.003 * dem + rng.normal(size=dem.shape) for _ in range(2)), dtype=np.float32)
    with no_compute():
        fit = correct.fit_elevation(phase.chunk(y=15, x=20), dem.chunk(y=15, x=20), windows=(2, 3))
        taken = correct.elevation_phase(fit, dem.chunk(y=15, x=20))
        out = correct.remove_delay(phase.chunk(y=15, x=20), taken)
    eager = correct.fit_elevation(phase, dem, windows=(2, 3))
    xr.testing.assert_allclose(fit.compute(), eager, rtol=1e-6)
    assert taken.dtype == out.dtype == np.float32
    assert out.chunks == phase.chunk(y=15, x=20).chunks
    xr.testing.assert_allclose(
        out.compute(), correct.remove_delay(phase, correct.elevation_phase(eager, dem)), atol=1e-4
    )
    with no_compute():
        part = correct.elevation_phase(eager, dem.chunk(y=15, x=20))
    assert part.chunks[1:] == dem.chunk(y=15, x=20).chunks


def test_strangers_are_refused(dem):
    phase = stack(dem * 0.001, dem * 0.001)
    good = {"phase": phase, "dem": dem}
    refuse_strangers(correct.fit_elevation, good, units="phase dem")
    with pytest.raises(QtpDataError, match="counted from 1"):
        correct.fit_elevation(phase, dem, windows=(0, 1))
    fit = correct.fit_elevation(phase, dem)
    with pytest.raises(QtpDataError, match="no slopes"):
        correct.elevation_phase(fit[["slope"]], dem)
    with pytest.raises(QtpDataError, match="no slopes"):
        correct.elevation_phase(fit.assign_attrs(dict.fromkeys((), 0)).drop_attrs(), dem)


def test_property_made_data_are_told_as_such(dem):
    fit = correct.fit_elevation(noted(stack(dem * 0.001, dem * 0.001)), noted(dem))
    assert not without_note(fit=fit, phase=correct.elevation_phase(fit, noted(dem)))
