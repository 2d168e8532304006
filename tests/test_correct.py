"""Troposphere, ramps, reference, masks."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults, noted, refuse_strangers, without_note
from pyproj import Transformer
from scipy.interpolate import RegularGridInterpolator

from qtp_toolkit import correct
from qtp_toolkit._pairs import minus_difference
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.correct._reference import _great_circle
from qtp_toolkit.correct.kernels import delay

WAVELENGTH = 0.05546576
LEVELS = np.array([200.0, 250, 300, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000])
DATES = np.array(["2018-08-31", "2018-09-12", "2018-09-24"], dtype="datetime64[ns]")

MINUTES = np.arange(60) * np.timedelta64(1, "m")


def image(values, *, units="rad", name="phase", crs="EPSG:32646"):
    values = np.asarray(values)
    ny, nx = values.shape[-2:]
    dims = ("pair", "y", "x")[-values.ndim :]
    coords = {"y": 3_900_000.0 - 1000 * np.arange(ny), "x": 450_000.0 + 1000 * np.arange(nx)}
    if values.ndim == 3:
        start = DATES[0] + 12 * np.arange(len(values)) * np.timedelta64(1, "D")
        coords |= {"reference": ("pair", start), "secondary": ("pair", start + np.timedelta64(12, "D"))}
    return xr.DataArray(values, dims=dims, coords=coords, name=name, attrs={"units": units}).rio.write_crs(crs)


def isothermal(surface_hPa=1000.0, *, temperature=250.0, vapor_hPa=0.0, scale_height=2000.0, levels=LEVELS):
    """Atmosphere whose pressure at height 0 is given, with vapor pressure falling by its own scale height."""
    height = delay.GAS_DRY * temperature / delay.GRAVITY_STANDARD * np.log(surface_hPa / levels)
    vapor = vapor_hPa * np.exp(-height / scale_height)
    ratio = delay.GAS_DRY / delay.GAS_VAPOR
    humidity = ratio * vapor / (levels - (1 - ratio) * vapor)
    return height * delay.GRAVITY_STANDARD, np.full(len(levels), temperature), humidity


def reanalysis(
    columns, *, levels=LEVELS, times=DATES, latitude=(37.0, 36.0, 35.0, 34.0), longitude=(91.0, 92.0, 93.0, 94.0)
):
    """ERA5-like data, the same column everywhere, one a date."""
    shape = (len(times), len(levels), len(latitude), len(longitude))
    stacked = [np.stack([column[k] for column in columns]) for k in range(3)]
    fields = zip(("geopotential", "temperature", "specific_humidity"), stacked, ("m2 s-2", "K", "kg/kg"), strict=True)
    dims = ("time", "level", "y", "x")
    data = {
        name: (dims, np.broadcast_to(values[:, :, None, None], shape).copy(), {"units": units})
        for name, values, units in fields
    }
    return xr.Dataset(data, coords={"time": times, "level": levels, "y": list(latitude), "x": list(longitude)})


def terrain(height=4500.0, n=6):
    return image(np.full((n, n), height), units="m", name="elevation")


def looking(angle=39.0):
    return xr.DataArray(angle, attrs={"units": "degree"}, name="incidence")


def millimetres(phase):
    return phase * WAVELENGTH / (4 * np.pi) * 1000


def test_closed_form_one_hectopascal_is_2_2767_mm():
    columns = [isothermal(1000.0), isothermal(1001.0), isothermal(990.0)]
    phase = correct.tropospheric_delay(reanalysis(columns), terrain(0.0), looking(0.0))
    zenith = millimetres(phase - phase.isel(time=0)).isel(y=0, x=0)
    np.testing.assert_allclose(zenith, [0.0, 2.2767, -22.767], atol=2e-3)
    slant = millimetres(correct.tropospheric_delay(reanalysis(columns), terrain(0.0), looking(39.0)))
    assert float((slant[1] - slant[0])[0, 0]) == pytest.approx(2.93, abs=5e-3)


def test_closed_form_isothermal_moist_atmosphere():
    """Dry and wet integrals in closed form, at a height between levels and between the rows of the table."""
    temperature, vapor, scale = 265.0, 6.0, 1900.0
    for height in (0.0, 2345.0, 4567.0):
        columns = [isothermal(1013.0, temperature=temperature, vapor_hPa=vapor, scale_height=scale)] * 3
        phase = correct.tropospheric_delay(reanalysis(columns), terrain(height), looking(0.0))
        pressure_scale = delay.GAS_DRY * temperature / delay.GRAVITY_STANDARD
        pressure = 101300 * np.exp(-height / pressure_scale) - LEVELS[0] * 100
        top = pressure_scale * np.log(1013.0 / LEVELS[0])
        rate = (delay.K2 - delay.GAS_DRY / delay.GAS_VAPOR * delay.K1) / temperature + delay.K3 / temperature**2
        wet = 1e-6 * rate * vapor * 100 * scale * (np.exp(-height / scale) - np.exp(-top / scale))
        dry = 1e-6 * delay.K1 * delay.GAS_DRY / delay.GRAVITY_MEAN * pressure
        assert millimetres(phase.values[0, 0, 0]) == pytest.approx(1000 * (wet + dry), abs=0.1)


def test_closed_form_wet_delay_by_the_published_constants():
    """Vapor of 6 hPa at 265 K that falls by a scale height of 1900 m, with K1, K2 and K3 of Jolivet et al. (2011)."""
    moist, dry = (
        correct.tropospheric_delay(
            reanalysis([isothermal(1013.0, temperature=265.0, **vapor)] * 3), terrain(0.0), looking(0.0)
        )
        for vapor in ({"vapor_hPa": 6.0, "scale_height": 1900.0}, {})
    )
    top = 287.05 * 265.0 / 9.80665 * np.log(1013.0 / 200.0)
    rate = (0.716 - 287.05 / 461.495 * 0.776) / 265.0 + 3750.0 / 265.0**2
    expected = 1e-6 * rate * 600.0 * 1900.0 * (1 - np.exp(-top / 1900.0))
    assert millimetres((moist - dry).values[0, 0, 0]) == pytest.approx(1000 * expected, abs=0.05)


def test_closed_form_delay_falls_with_height_and_is_phase_of_subsidence():
    columns = [isothermal(1000.0, vapor_hPa=5.0)] * 3
    dem = image(np.linspace(3000, 6500, 36).reshape(6, 6), units="m", name="elevation")
    phase = correct.tropospheric_delay(reanalysis(columns), dem, looking())
    assert (phase > 0).all()
    assert (np.diff(phase.values[0].ravel()) < 0).all()


def test_closed_form_bilinear_in_space():
    """A surface pressure that is linear in longitude and latitude comes back linear."""
    era5 = reanalysis([isothermal(1000.0)] * 3)
    factor = 1 + 0.001 * (era5.x - 92) + 0.002 * (era5.y - 35)
    heights = era5.geopotential + delay.GAS_DRY * 250.0 * np.log(factor)
    era5["geopotential"] = heights.transpose(*era5.geopotential.dims).assign_attrs(units="m2 s-2")
    dem = image(np.zeros((40, 40)), units="m", name="elevation")
    phase = millimetres(correct.tropospheric_delay(era5, dem, looking(0.0)).isel(time=0))
    lon, lat = Transformer.from_crs("EPSG:32646", "EPSG:4326", always_xy=True).transform(*np.meshgrid(dem.x, dem.y))
    expected = 2.2767 * 1000 * (0.001 * (lon - 92) + 0.002 * (lat - 35))
    np.testing.assert_allclose(phase - phase[0, 0], expected - expected[0, 0], atol=0.02)


def test_closed_form_outside_is_nan_and_far_outside_is_refused():
    era5 = reanalysis([isothermal(1000.0)] * 3, longitude=(91.0, 92.48))
    with pytest.warns(UserWarning, match="67% of the terrain lies outside"):
        phase = correct.tropospheric_delay(era5, terrain(n=12), looking())
    assert phase.isnull().any()
    assert phase.notnull().any()
    with pytest.raises(QtpDataError, match="outside the reanalysis"):
        correct.tropospheric_delay(era5.assign_coords(x=[10.0, 11.5]), terrain(), looking())


def test_closed_form_delays_over_height_are_those_of_the_terrain():
    """What others integrated, linear between their heights; beyond them nothing, and no 360 degrees to go around."""
    heights = np.array([0.0, 3000.0, 6000.0])
    coords = {"time": DATES, "height": heights, "y": [34.0, 35.0, 36.0], "x": [91.0, 92.0, 93.0, 94.0]}
    of_height = xr.DataArray(2.4 - heights / 5000, {"height": heights}, "height")
    zenith = (
        of_height
        + 0.01 * xr.DataArray([0.0, 1.0, 2.0], {"time": DATES}, "time")
        + xr.DataArray(0.001 * np.arange(4), {"x": coords["x"]}, "x")
    )
    zenith = zenith.expand_dims(y=coords["y"]).transpose(*coords).assign_attrs(units="m")
    given = zenith.to_dataset(name="zenith_delay")
    for height in (0.0, 1500.0, 4321.0):
        phase = correct.tropospheric_delay(given, terrain(height), looking(60.0))
        lon, _ = Transformer.from_crs("EPSG:32646", "EPSG:4326", always_xy=True).transform(450_000.0, 3_900_000.0)
        expected = 2 * (2.4 - height / 5000 + 0.001 * (lon - 91.0) + 0.01 * np.arange(3))
        np.testing.assert_allclose(millimetres(phase)[:, 0, 0], 1000 * expected, atol=0.5)
    assert correct.tropospheric_delay(given, terrain(7000.0), looking()).isnull().all()
    lazy = correct.tropospheric_delay(given.chunk(time=1), terrain(4321.0).chunk(y=3), looking(60.0))
    xr.testing.assert_allclose(lazy.compute(), phase)
    with pytest.raises(QtpDataError, match="wrong unit"):
        correct.tropospheric_delay(given.assign(zenith_delay=zenith.assign_attrs(units="mm")), terrain(), looking())


def test_closed_form_dates_are_matched_by_day():
    times = DATES + np.timedelta64(23, "h")
    era5 = reanalysis([isothermal(p) for p in (1000.0, 1001.0, 1002.0)], times=times)
    phase = correct.tropospheric_delay(era5, terrain(), looking(), dates=DATES[::-1])
    np.testing.assert_array_equal(phase.time, DATES[::-1])
    assert float(phase[0, 0, 0]) > float(phase[1, 0, 0]) > float(phase[2, 0, 0])
    with pytest.raises(QtpDataError, match=r"no time.*2018-10-06"):
        correct.tropospheric_delay(era5, terrain(), looking(), dates=["2018-08-31", "2018-10-06"])
    twice = xr.concat([era5, era5.isel(time=[0]).assign_coords(time=times[:1] - np.timedelta64(6, "h"))], dim="time")
    with pytest.raises(QtpDataError, match=r"several times.*2018-08-31"):
        correct.tropospheric_delay(twice, terrain(), looking(), dates=DATES)


def test_closed_form_the_nearest_hour_may_be_of_the_next_day():
    """I30: a pass at 23:47 takes 00:00; the result is of the day of the pass."""
    passes = DATES + np.timedelta64(23 * 60 + 47, "m")
    columns = [isothermal(p) for p in (1000.0, 1001.0, 1002.0)]
    midnight = reanalysis(columns, times=DATES + np.timedelta64(24, "h"))
    phase = correct.tropospheric_delay(midnight, terrain(), looking(), dates=passes)
    np.testing.assert_array_equal(phase.time, DATES)
    same = correct.tropospheric_delay(reanalysis(columns), terrain(), looking(), dates=DATES)
    np.testing.assert_array_equal(phase, same)
    noon = reanalysis(columns, times=DATES + np.timedelta64(12, "h"))
    hourly = xr.concat([midnight, noon.assign(geopotential=noon["geopotential"] * 2)], "time")
    near = correct.tropospheric_delay(hourly, terrain(), looking(), dates=[str(t)[:16] for t in passes])
    np.testing.assert_array_equal(near, phase)
    with pytest.raises(QtpDataError, match="time of day"):
        correct.tropospheric_delay(midnight, terrain(), looking(), dates=DATES)
    with pytest.raises(QtpDataError, match="no time") as told:
        correct.tropospheric_delay(noon, terrain(), looking(), dates=passes + np.timedelta64(3, "D"))
    assert told.value.hint is None


def test_closed_form_delay_is_linear_in_time_around_the_pass():
    """A pass at 23:45 between hours of 1000 and 1004 hPa, the later one of the next day: three quarters of the way."""
    hours = DATES[:1] + np.array([23, 24], "timedelta64[h]")
    era5 = reanalysis([isothermal(1000.0), isothermal(1004.0)], times=hours)
    ends = [correct.tropospheric_delay(era5, terrain(0.0), looking(0.0), dates=hours[:1] + m) for m in MINUTES[[0, 59]]]
    (day,) = DATES[:1]
    quarter = correct.tropospheric_delay(era5, terrain(0.0), looking(0.0), dates=hours[:1] + MINUTES[45])
    assert quarter.time.values == day
    assert float(millimetres(quarter - ends[0]).mean()) == pytest.approx(3 * 2.2767, abs=5e-3)
    assert float(millimetres(ends[1] - ends[0]).mean()) == pytest.approx(4 * 59 / 60 * 2.2767, abs=5e-3)


def test_property_times_beyond_three_hours_have_no_part():
    """One time 4 h before the pass, one 2 h after it: the latter alone."""
    times = DATES[:1] + np.array([8, 14], "timedelta64[h]")
    era5 = reanalysis([isothermal(900.0), isothermal(1000.0)], times=times)
    phase = correct.tropospheric_delay(era5, terrain(), looking(), dates=DATES[:1] + np.timedelta64(12, "h"))
    alone = correct.tropospheric_delay(era5.isel(time=[1]), terrain(), looking())
    np.testing.assert_array_equal(phase, alone)


def test_closed_form_troposphere_refusals():
    era5 = reanalysis([isothermal(1000.0)] * 3)
    with pytest.raises(QtpDataError, match="hPa"):
        correct.tropospheric_delay(era5.assign_coords(level=LEVELS * 100), terrain(), looking())
    with pytest.raises(QtpDataError, match="lacks"):
        correct.tropospheric_delay(era5.drop_vars("temperature"), terrain(), looking())
    with pytest.raises(QtpDataError, match="meters"):
        correct.tropospheric_delay(era5, terrain(), looking(), wavelength=5.55)


def test_closed_form_pair_difference():
    series = xr.DataArray(
        [[1.0], [4.0], [9.0]], dims=("time", "pixel"), coords={"time": DATES}, name="phase", attrs={"units": "rad"}
    )
    pairs = xr.Dataset(coords={"reference": ("pair", DATES[[0, 0]]), "secondary": ("pair", DATES[[2, 1]])})
    out = correct.pair_difference(series.isel(time=[2, 0, 1]), pairs)
    np.testing.assert_array_equal(out, [[8.0], [3.0]])
    assert out.dims == ("pair", "pixel")
    assert out.attrs["units"] == "rad"
    with pytest.raises(QtpDataError, match="2018-09-24"):
        correct.pair_difference(series.isel(time=[0, 1]), pairs)


@pytest.mark.parametrize("dims", [("pair", "y", "x"), ("y", "x", "pair")])
@pytest.mark.parametrize("flat", [False, True])
def test_lazy_a_stack_less_the_differences_is_the_same_bits_however_it_is_cut(no_compute, rng, dims, flat):
    days = DATES[0] + np.arange(5) * np.timedelta64(12, "D")
    ends = {"reference": ("pair", days[[0, 3, 1]]), "secondary": ("pair", days[[4, 2, 2]])}
    stack = xr.DataArray(rng.normal(size=(3, 4, 6)).astype("float32"), dims=("pair", "y", "x"), coords=ends)
    stack = stack.transpose(*dims)
    shape, over = ((5,), ("time",)) if flat else ((5, 4, 6), ("time", "y", "x"))
    series = xr.DataArray(rng.normal(size=shape).astype("float32"), {"time": days[::-1]}, over)
    expected = (stack - correct.pair_difference(series, stack)).transpose(*dims).values
    assert np.array_equal(minus_difference(stack, series), expected)
    for cut in ({"y": 2, "x": 3}, {"pair": 2, "y": 3}):
        with no_compute():
            lazy = minus_difference(stack.chunk(cut), series if flat else series.chunk(time=2, y=cut["y"]))
        assert lazy.dims == dims
        assert lazy.dtype == np.float32
        assert np.array_equal(lazy, expected)
    assert minus_difference(stack, series.astype(float)).dtype == np.float64
    assert minus_difference(stack, series.astype(float), dtype="float32").dtype == np.float32


def test_oracle_trilinear_is_that_of_scipy_also_beside_points_outside(rng):
    table = rng.normal(size=(7, 5, 4, 3)).astype("float32")
    at = [rng.uniform(0, size - 1, (90, 60)) for size in table.shape[1:]]
    at[0][3, 4] = at[2][8, 9] = np.nan
    at[1][0, 0], at[0][1, 1] = 3.0, 4.0  # the last of the axis
    found = delay.trilinear(table, tuple(at))
    grids = [np.arange(size) for size in table.shape[1:]]
    expected = RegularGridInterpolator(grids, np.moveaxis(table, 0, -1), bounds_error=False)(np.stack(at, axis=-1))
    np.testing.assert_allclose(found, np.moveaxis(expected, -1, 0), atol=1e-6)
    assert found.dtype == np.float32
    assert np.isnan(delay.trilinear(table, tuple(np.full(3, np.nan) for _ in range(3)))).all()


def plane(shape, offset, across, along):
    ny, nx = shape
    return offset + across * np.linspace(-1, 1, nx)[None, :] + along * np.linspace(1, -1, ny)[:, None]


def test_closed_form_ramp():
    phase = image(np.stack([plane((5, 8), 1.0, 2.0, -3.0), plane((5, 8), 0.0, 0.5, 0.0)]))
    ramp = correct.fit_ramp(phase)
    np.testing.assert_allclose([ramp.offset, ramp.ramp_x, ramp.ramp_y], [[1, 0], [2, 0.5], [-3, 0]], atol=1e-12)
    np.testing.assert_allclose(correct.deramp(phase), 0, atol=1e-12)


def test_closed_form_ramp_of_the_quicklook_serves_the_whole_grid(no_compute):
    """Planes found on means of 8 x 8 pixels, whose edges lie elsewhere, are those of the pixels."""
    values = np.stack([plane((16, 24), 1.0, 2.0, -3.0), plane((16, 24), 0.0, 0.5, 0.0)])
    phase = image(values)
    small = phase.coarsen(y=8, x=8).mean().assign_attrs(units="rad")
    ramp = correct.fit_ramp(small)
    with no_compute():
        flat = correct.deramp(phase.chunk(y=8, x=8), ramp=ramp)
    assert flat.data.numblocks == (1, 2, 3)
    assert max(flat.data.chunksize) == 8
    np.testing.assert_allclose(flat, 0, atol=1e-12)
    np.testing.assert_allclose(correct.deramp(phase, ramp=ramp), 0, atol=1e-12)
    np.testing.assert_allclose(correct.deramp(phase.chunk(y=1, x=1), ramp=ramp), 0, atol=1e-12)
    with pytest.raises(QtpDataError, match="no planes of fit_ramp"):
        correct.deramp(phase, ramp=ramp.drop_attrs())
    with pytest.raises(QtpDataError, match="of other pairs"):
        correct.deramp(phase, ramp=ramp.isel(pair=[1, 0]))


def test_closed_form_ramp_leaves_out_mask_missing_and_weightless(rng):
    surface = plane((20, 20), 1.0, 2.0, -3.0)
    signal = np.zeros((20, 20))
    signal[5:9, 5:9], signal[12:14] = 30.0, 50.0
    values = surface + signal
    values[0, 0] = np.nan
    phase = image(values[None])
    mask, weight = image(signal == 30, units="1", name="mask"), image((signal != 50).astype(float)[None], units="1")
    weight[0, 1, 1] = np.nan
    out = correct.deramp(phase, weight=weight, mask=mask)
    expected = signal.copy()
    expected[0, 0] = np.nan
    np.testing.assert_allclose(out[0], expected, atol=1e-9)
    assert out.attrs["units"] == "rad"


def test_closed_form_ramp_of_too_few_pixels_does_not_explode():
    values = np.full((2, 6, 6), np.nan)
    values[0, 2, :] = np.arange(6.0)
    out = correct.deramp(image(values))
    np.testing.assert_allclose(out[0, 2], 0, atol=1e-9)
    assert np.isnan(out[1]).all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_oracle_ramp_against_dense_least_squares(seed):
    rng = np.random.default_rng(seed)
    values, gamma = rng.normal(size=(2, 7, 9)), rng.uniform(0, 1, (2, 7, 9))
    values[rng.random(values.shape) < 0.2] = np.nan
    out = correct.deramp(image(values), weight=image(gamma, units="1"))
    columns = [np.ones((7, 9)), plane((7, 9), 0, 1, 0), plane((7, 9), 0, 0, 1)]
    design = np.stack(columns, axis=-1).reshape(-1, 3)
    for k in range(2):
        flat, ok = values[k].ravel(), np.isfinite(values[k].ravel())
        root = np.sqrt(gamma[k].ravel())[ok]
        solution = np.linalg.lstsq(root[:, None] * design[ok], root * flat[ok], rcond=None)[0]
        np.testing.assert_allclose(out.values[k].ravel()[ok], (flat - design @ solution)[ok], atol=1e-9)


def test_closed_form_reference_by_mask_and_window():
    values = np.arange(2 * 4 * 5, dtype=float).reshape(2, 4, 5)
    values[0, 1, 1] = np.nan
    phase = image(values)
    inside = image(np.zeros((4, 5), bool), units="1")
    inside[1, 1:3] = True
    out = correct.set_reference(phase, inside)
    np.testing.assert_allclose(out[0], values[0] - values[0, 1, 2])
    np.testing.assert_allclose(out[1], values[1] - values[1, 1, 1:3].mean())
    window = correct.set_reference(phase, (450_500.0, 3_898_500.0, 452_500.0, 3_899_500.0))
    xr.testing.assert_identical(window, out)
    assert out.attrs == phase.attrs
    level = correct.reference_level(phase, inside)
    np.testing.assert_allclose(level, [values[0, 1, 2], values[1, 1, 1:3].mean()])
    assert level.attrs["units"] == "rad"


def test_closed_form_reference_refusals():
    """I21, I22: a reference area off the grid or without valid phase in some pairs is refused."""
    values = np.ones((3, 4, 5))
    values[1:, 1, 1] = np.nan
    phase = image(values)
    inside = image(np.zeros((4, 5), bool), units="1")
    with pytest.raises(QtpDataError, match="empty"):
        correct.set_reference(phase, inside)
    inside[1, 1] = True
    with pytest.raises(QtpDataError, match=r"2 of 3.*2018-09-12/2018-09-24, 2018-09-24/2018-10-06") as caught:
        correct.set_reference(phase, inside)
    assert "all interferograms have: x 451000, y 3900000; x 450000, y 3899000; " in caught.value.hint
    with pytest.raises(QtpDataError, match="all interferograms have: none"):
        correct.set_reference(phase.where(phase["pair"] == 0), inside)
    with pytest.raises(QtpDataError, match="no pixel"):
        correct.set_reference(phase, (0.0, 0.0, 1.0, 1.0))


def test_closed_form_reference_area():
    template = image(np.zeros((41, 41)))
    lonlat = correct._reference.grid.lonlat(template)
    lon, lat = float(lonlat.longitude[20, 20]), float(lonlat.latitude[20, 20])
    area = correct.reference_area(template, longitude=lon, latitude=lat, radius_m=5100.0)
    y, x = np.mgrid[-20:21, -20:21]
    assert abs(int(area.sum()) - int((np.hypot(y, x) <= 5.1).sum())) <= 4
    assert int(correct.reference_area(template, longitude=lon, latitude=lat, radius_m=1.0).sum()) == 1
    for place in ((lat, lon), (lon + 1, lat), (lon - 1, lat), (lon, lat + 1), (lon, lat - 1)):
        with pytest.raises(QtpDataError, match=r"outside the grid.*Longitude comes first") as caught:
            correct.reference_area(template, longitude=place[0], latitude=place[1])
        assert caught.value.code == "I22"


def test_property_reference_area_is_the_same_however_it_is_cut(monkeypatch):
    """Large grids are looked at slab by slab, also for the nearest pixel of an area smaller than one."""
    phase = image(np.zeros((1, 13, 9)))
    places = [{"longitude": 92.46, "latitude": 35.225}, {"longitude": 92.46, "latitude": 35.225, "radius_m": 1.0}]
    whole = [correct.reference_area(phase, **place) for place in places]
    assert int(whole[1].sum()) == 1
    monkeypatch.setattr("qtp_toolkit.correct._reference._SLAB", 20)
    for place, expected in zip(places, whole, strict=True):
        xr.testing.assert_identical(correct.reference_area(phase, **place), expected)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 70),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    radius=st.sampled_from([1.0, 900.0, 5000.0, 1e6]),
    crs=st.sampled_from([32646, 4326]),
)
def test_oracle_reference_area_is_that_of_all_distances(rows, columns, at, radius, crs):
    """Found on a thinned grid first; here every pixel is asked."""
    step = 1000.0 if crs == 32646 else 0.01
    corner = (450_000.0, 3_900_000.0) if crs == 32646 else (92.0, 35.0)
    axes = {"y": corner[1] - step * np.arange(rows), "x": corner[0] + step * np.arange(columns)}
    template = xr.DataArray(np.zeros((rows, columns)), axes, ("y", "x")).rio.write_crs(crs)
    row, column = (int(share * (size - 1)) for share, size in zip(at, template.shape, strict=True))
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(*np.meshgrid(axes["x"], axes["y"]))
    found = correct.reference_area(template, longitude=lon[row, column], latitude=lat[row, column], radius_m=radius)
    off = _great_circle(lon, lat, lon[row, column], lat[row, column])
    np.testing.assert_array_equal(found.values, (off <= radius) | (off == off.min()))


@pytest.mark.parametrize(
    ("lead", "named"),
    [("pair", "2018-09-12/2018-09-24"), ("time", "2018-09-12"), ("band", "1"), ("pair of no dates", "1")],
)
def test_closed_form_layers_without_a_reference_are_named(lead, named):
    phase = image(np.zeros((2, 4, 4)))
    phase[1] = np.nan
    if lead != "pair":
        phase = phase.drop_vars(["reference", "secondary"]).rename(pair=lead.split()[0])
    phase = phase.assign_coords(time=DATES[:2]) if lead == "time" else phase
    with pytest.raises(QtpDataError, match=f"1 of 2 interferograms.*found: {named}\\b"):
        correct.set_reference(phase, image(np.ones((4, 4), bool), units="1"))


def test_closed_form_coherent_area():
    gamma = np.full((3, 9, 9), 0.5)
    gamma[:, 4:7, 5:8] = 0.8
    gamma[1, 0, 0] = np.nan
    area = correct.coherent_area(image(gamma, units="1"), size=3)
    assert area.values[4:7, 5:8].all()
    assert int(area.sum()) == 9


def test_closed_form_remove_delay():
    delay = image(np.array([[[1.0]], [[4.0]], [[9.0]]]), units="rad", name="tropospheric_phase")
    delay = delay.rename(pair="time").drop_vars(["reference", "secondary"]).assign_coords(time=DATES)
    phase = image(np.zeros((2, 1, 1), np.float32))
    out = correct.remove_delay(phase, delay)
    np.testing.assert_array_equal(out.values.ravel(), [-3, -5])
    assert out.dtype == np.float32
    assert out.attrs["units"] == "rad"
    assert correct.remove_delay(phase.chunk(y=1), delay).chunks is not None
    wide = image(np.zeros((2, 6, 4), np.float32)).chunk(pair=1, y=4, x=3)
    across = image(np.broadcast_to(delay.values, (3, 6, 4))).drop_vars(["reference", "secondary"])
    across = across.rename(pair="time").assign_coords(time=DATES)
    for series in (across, across.chunk(y=4, x=3)):
        out = correct.remove_delay(wide, series)
        assert out.chunks == wide.chunks
        np.testing.assert_array_equal(out[:, 5, 3], [-3, -5])


def test_closed_form_mask():
    hidden = image(np.array([[True, False]]), units="1", name="mask")
    series = xr.Dataset(
        {
            "phase": image(np.ones((2, 1, 2))),
            "reason": image(np.zeros((1, 2), np.uint8), units="1", name="reason"),
            "count": ("pair", [1, 2]),
        }
    )
    out = correct.apply_mask(series, hidden)
    np.testing.assert_array_equal(out.phase, [[[np.nan, 1]], [[np.nan, 1]]])
    assert out.reason.values.tolist() == [[7, 0]]
    assert out.reason.dtype == np.uint8
    assert out["count"].values.tolist() == [1, 2]
    assert out.attrs["masked"] == "50.0% of pixels"
    assert out.phase.attrs["units"] == "rad"
    np.testing.assert_array_equal(correct.apply_mask(series.phase, hidden), out.phase)


@pytest.mark.parametrize("lazy", [False, True])
def test_property_the_coordinate_system_survives(rng, lazy):
    era5 = reanalysis([isothermal(1000.0)] * 3)
    phase = image(rng.normal(size=(2, 6, 6)).astype(np.float32))
    dem, hidden = terrain(), image(np.eye(6, dtype=bool), units="1", name="mask")
    inside = image(np.ones((6, 6), bool), units="1")
    if lazy:
        phase, dem, era5 = phase.chunk(y=3), dem.chunk(y=3), era5.chunk(time=1)
    delay = correct.tropospheric_delay(era5, dem, looking())
    results = [delay, correct.remove_delay(phase, delay), correct.deramp(phase, weight=abs(phase))]
    results += [correct.set_reference(phase, inside), correct.apply_mask(phase, hidden)]
    results += [correct.apply_mask(phase.to_dataset(), hidden).phase, correct.coherent_area(abs(phase))]
    results += [correct.reference_area(phase, longitude=92.46, latitude=35.225)]
    for result in results:
        assert result.rio.crs == phase.rio.crs


def test_lazy_stack(no_compute, rng):
    values = rng.normal(size=(3, 8, 9)).astype(np.float32)
    values[0, 3, 3] = np.nan
    phase, gamma = image(values), image(rng.uniform(0.2, 1, values.shape).astype(np.float32), units="1")
    hidden = image(rng.random((8, 9)) < 0.2, units="1", name="mask")
    inside = image(np.ones((8, 9), bool), units="1")

    def chain(phase, gamma):
        flat = correct.deramp(phase, weight=gamma, mask=hidden)
        return correct.apply_mask(correct.set_reference(flat, inside), hidden)

    with no_compute():
        lazy = chain(phase.chunk(y=4, x=5), gamma.chunk(y=4, x=5))
    assert lazy.chunks is not None
    assert lazy.dtype == np.float32
    xr.testing.assert_allclose(lazy.compute(), chain(phase, gamma), atol=1e-5)


def test_lazy_reference_refuses_when_computed(no_compute):
    values = np.full((2, 4, 4), np.nan)
    with no_compute():
        lazy = correct.set_reference(image(values).chunk(y=2), (450_500.0, 3_898_500.0, 452_500.0, 3_899_500.0))
    with pytest.raises(QtpDataError, match="2 of 2"):
        lazy.compute()


def test_lazy_troposphere(no_compute):
    era5 = reanalysis([isothermal(p, vapor_hPa=4.0) for p in (1000.0, 1003.0, 1006.0)])
    dem = image(np.linspace(4000, 5500, 48).reshape(6, 8), units="m", name="elevation")
    eager = correct.tropospheric_delay(era5, dem, looking())
    pairs = xr.Dataset(coords={"reference": ("pair", DATES[:2]), "secondary": ("pair", DATES[1:])})
    with no_compute():
        lazy = correct.tropospheric_delay(era5.chunk(time=1), dem.chunk(y=3, x=4), looking())
        between = correct.pair_difference(lazy, pairs)
    assert lazy.dtype == np.float32
    xr.testing.assert_allclose(lazy.compute(), eager)
    xr.testing.assert_allclose(between.compute(), correct.pair_difference(eager, pairs))


def test_closed_form_defaults_are_the_promised_ones():
    length = {"wavelength": 0.05546576}
    assert defaults(correct) == {
        "bias_shares": {"unbiased": 300.0},
        "fit_phase_bias": {"unbiased": 300.0, "cell": 8, "harmonics": 2, "stiffness": 1.0},
        "choose_ramp": length,
        "choose_reference": {"radius_m": 1000.0},
        "coherent_area": {"size": 5},
        "delay_phase": length,
        "dem_error_phase": length,
        "fit_dem_error": {"harmonics": 1},
        "fit_elevation": {"relief": 50.0},
        "fit_ramp": {"degree": 1},
        "reference_area": {"radius_m": 5000.0},
        "reference_motion": length,
        "solid_earth_tide": length,
        "tropospheric_delay": length,
        "weigh_ramp": {"give_back": "share", **length},
    }


def test_strangers_are_refused():
    era5 = reanalysis([isothermal(1000.0)] * 3)
    ground = {"dem": terrain(), "incidence": looking()}
    refuse_strangers(
        lambda **ground: correct.tropospheric_delay(era5, **ground), ground, units="dem incidence", dims="dem"
    )
    delay = correct.tropospheric_delay(era5, **ground)
    phase = image(np.zeros((2, 6, 6), np.float32))
    refuse_strangers(correct.remove_delay, {"phase": phase, "delay": delay}, units="phase delay", dims="phase delay")
    refuse_strangers(lambda series: correct.pair_difference(series, phase), {"series": delay}, dims="series")
    refuse_strangers(correct.deramp, {"phase": phase}, units="phase", dims="phase")
    refuse_strangers(correct.coherent_area, {"coherence": abs(phase)}, dims="coherence")
    inside = image(np.ones((6, 6), bool), units="1")
    refuse_strangers(correct.set_reference, {"phase": phase, "where": inside}, dims="phase where")
    refuse_strangers(correct.apply_mask, {"da": phase, "mask": inside}, dims="mask")
    for name in ("geopotential", "temperature", "specific_humidity"):
        with pytest.raises(QtpDataError, match="lacks dims"):
            correct.tropospheric_delay(era5.assign({name: era5[name].isel(level=0, drop=True)}), **ground)
    for angle in (-1.0, 90.0):
        with pytest.raises(QtpDataError, match="incidence"):
            correct.tropospheric_delay(era5, terrain(), looking(angle))


def test_results_say_that_they_are_synthetic(rng):
    phase, era5 = noted(image(rng.normal(size=(2, 6, 6)).astype("f4"))), noted(reanalysis([isothermal(1000.0)] * 3))
    delay, inside = correct.tropospheric_delay(era5, terrain(), looking()), image(np.ones((6, 6), bool), units="1")
    results = {"delay": delay, "difference": correct.pair_difference(delay, phase)}
    results |= {"removed": correct.remove_delay(phase, delay), "deramped": correct.deramp(phase)}
    results |= {"ramp": correct.fit_ramp(phase), "level": correct.reference_level(phase, inside)}
    results |= {"referred": correct.set_reference(phase, inside), "masked": correct.apply_mask(phase, ~inside)}
    assert without_note(**results) == []


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("name", "scale", "add"),
    [("temperature", 1.0, -273.15), ("specific_humidity", 1000.0, 0.0), ("geopotential", 1 / 9.80665, 0.0)],
)
def test_closed_form_a_reanalysis_in_other_units_is_refused(name, scale, add, lazy):
    """M11: degC, g/kg and heights have made delays of any size."""
    good = reanalysis([isothermal(vapor_hPa=5.0)] * 3)
    correct.tropospheric_delay(good, terrain(), looking()).compute()
    odd = good.assign({name: good[name] * scale + add})
    with pytest.raises(QtpDataError, match="leaves its physical range") as told:
        correct.tropospheric_delay(odd.chunk() if lazy else odd, terrain(), looking()).compute()
    assert told.value.code == "M11"
    assert told.value.variable == name


@pytest.mark.parametrize("name", ["temperature", "specific_humidity"])
def test_closed_form_fill_values_of_a_reanalysis_are_no_air(name):
    """M11: unknown below them, as above ground that is higher."""
    good = reanalysis([isothermal(vapor_hPa=5.0)] * 3)
    filled = good.copy(deep=True)
    filled[name][:, -1] = 1e20
    high, low = (correct.tropospheric_delay(filled, terrain(height), looking()) for height in (4500.0, 0.0))
    xr.testing.assert_allclose(high, correct.tropospheric_delay(good, terrain(4500.0), looking()))
    assert bool(low.isnull().all())


@pytest.mark.parametrize("turn", [-360.0, 0.0, 360.0])
def test_closed_form_reference_by_any_longitude(turn):
    """Grids that count to 360, and areas that count to -180; UTM across the date line."""
    axes = {"y": 35 - 0.01 * np.arange(20), "x": 272 + 0.01 * np.arange(30)}
    grid = xr.DataArray(np.ones((1, 20, 30)), axes, ("pair", "y", "x")).rio.write_crs(4326)
    point = {"longitude": 272.1 + turn, "latitude": 34.9}
    assert int(correct.reference_area(grid, **point, radius_m=1200.0).sum()) == 5
    bounds = (272.095 + turn, 34.885, 272.115 + turn, 34.915)
    assert int(correct.choose_reference(grid, bounds=bounds).sum()) == 6
    axes = {"y": 3.9e6 - 900 * np.arange(20), "x": 2.26e5 + 900 * np.arange(30)}
    across = xr.DataArray(np.ones((20, 30)), axes, ("y", "x")).rio.write_crs(32601)
    lon, lat = Transformer.from_crs(32601, 4326, always_xy=True).transform(axes["x"][2], axes["y"][3])
    area = correct.reference_area(across, longitude=lon + turn, latitude=lat, radius_m=950.0)
    assert int(area.sum()) == 5
    assert bool(area[3, 2])


def test_closed_form_a_reanalysis_around_the_world_has_no_seam():
    """Beyond its last column the first one is next."""
    world = reanalysis([isothermal(vapor_hPa=5.0)] * 3, longitude=np.arange(-180.0, 180.0, 1.0))
    axes = {"y": 35.5 - 0.01 * np.arange(5), "x": 179.6 - 360 + 0.1 * np.arange(8)}
    dem = xr.DataArray(np.full((5, 8), 4500.0), axes, ("y", "x"), "elevation", {"units": "m"}).rio.write_crs(4326)
    phase = correct.tropospheric_delay(world, dem, looking())
    np.testing.assert_allclose(phase, phase[0, 0, 0], rtol=1e-5)


def test_closed_form_a_terrain_partly_outside_the_reanalysis_is_told():
    """I22: NaN there, and a word."""
    part = reanalysis([isothermal()] * 3, longitude=(91.0, 92.5))
    axes = {"y": 35.5 - 0.01 * np.arange(5), "x": 92.0 + 0.1 * np.arange(11)}
    dem = xr.DataArray(np.full((5, 11), 4500.0), axes, ("y", "x"), "elevation", {"units": "m"}).rio.write_crs(4326)
    with pytest.warns(UserWarning, match=r"about \d\d% of the terrain lies outside"):
        phase = correct.tropospheric_delay(part, dem, looking())
    np.testing.assert_array_equal(np.isnan(phase[0, 0]), axes["x"] > 92.5 + 1e-6)


def test_closed_form_empty_and_odd_sizes_are_refused():
    """I06."""
    phase = image(np.zeros((2, 4, 4)))
    with pytest.raises(QtpDataError, match="needs pixels"):
        correct.deramp(phase[:, :0])
    for size in (0, 4):
        with pytest.raises(QtpDataError, match="odd number"):
            correct.coherent_area(phase, size=size)
    bare = phase.drop_vars("spatial_ref")
    with pytest.raises(QtpDataError, match="coordinate reference system"):
        correct.reference_area(bare, longitude=92.0, latitude=35.0)
