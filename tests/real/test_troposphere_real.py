"""ERA5 as others delivered it, and the delays that PyAPS makes of it."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr

from qtp_toolkit import correct, load
from qtp_toolkit.correct.kernels import delay

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")]

PIXELS = [(20, 20), (20, 217), (160, 151), (300, 85), (440, 20), (440, 217)]
PYAPS = [(2.38813, 2.36309), (2.40471, 2.35322), (2.27259, 2.24634), (2.16918, 2.14987), (2.33999, 2.32581)]
PYAPS += [(2.03075, 2.01927)]
"""Zenith delays (m) of both dates at these lines and samples of the radar image, made once with PyAPS 0.3.7 (GPL)."""
UNSHIFTED = [(2.39898, 2.36682), (2.41546, 2.35679), (2.27993, 2.24902), (2.17456, 2.15245), (2.34826, 2.3289)]
UNSHIFTED += [(2.03333, 2.02047)]
"""The same with its wet integral begun at the height itself: as it is, it begins one step of the table above."""
STEPS = [160.097, 158.328]
"""Steps (m) of the table of heights that PyAPS makes of both files."""


@pytest.fixture(scope="module")
def era5(real_data):
    return load.era5(sorted((real_data / "era5_pyaps_japan" / "ERA5").glob("*.grb"))).load()


@pytest.fixture(scope="module")
def radar(real_data):
    folder = real_data / "era5_pyaps_japan"
    layers = {name: np.fromfile(folder / f"{name}.rdr", "<f8").reshape(460, 237) for name in ("hgt", "lat", "lon")}
    return [tuple(layers[name][at] for name in ("hgt", "lat", "lon")) for at in PIXELS]


def zenith(era5, place):
    """Delays in m of both dates at one place, in a terrain of one height around it."""
    height, lat, lon = place
    coords = {"y": [lat + 0.001, lat], "x": [lon, lon + 0.001]}
    dem = xr.DataArray(np.full((2, 2), height), coords, ("y", "x"), attrs={"units": "m"}).rio.write_crs(4326)
    straight = xr.DataArray(0.0, attrs={"units": "degree"})
    around = era5.sel(y=slice(33, 31), x=slice(130, 131.5))
    phase = correct.tropospheric_delay(around, dem, straight, wavelength=0.05)
    return phase.isel(y=1, x=0).values.astype(float) * 0.05 / (4 * np.pi)


def test_grib_of_the_store_is_read_in_kelvin(era5):
    assert dict(era5.sizes) == {"time": 2, "level": 37, "y": 41, "x": 81}
    np.testing.assert_array_equal(era5["time"], np.array(["2010-10-17T14", "2011-01-17T14"], "datetime64[ns]"))
    assert era5["level"].values[[0, 1, -1]].tolist() == [1.0, 2.0, 1000.0]
    assert (era5["y"].values[[0, -1]].tolist(), era5["x"].values[[0, -1]].tolist()) == ([40.0, 30.0], [120.0, 140.0])
    assert 180.0 < float(era5["temperature"].min()) < float(era5["temperature"].max()) < 310.0
    assert float(era5["geopotential"][0, 0, 0, 0]) == 465599.6875
    assert float(era5["temperature"][0, 0, 0, 0]) == pytest.approx(260.26837158, abs=1e-4)


@pytest.fixture
def constants_of_pyaps(monkeypatch):
    """It takes 9.81 m s-2 for both gravities."""
    monkeypatch.setattr(delay, "GRAVITY_MEAN", 9.81)
    monkeypatch.setattr(delay, "GRAVITY_STANDARD", 9.81)


def test_delays_are_those_of_pyaps_without_its_shift(era5, radar, constants_of_pyaps):
    np.testing.assert_allclose([zenith(era5, place) for place in radar], UNSHIFTED, atol=1e-3)


def test_delays_are_those_of_pyaps_with_its_shift(era5, radar, constants_of_pyaps):
    """The dry delay at the height and the wet one a step above it: up to 11 mm less, where air is moist."""
    dry = era5.assign(specific_humidity=0.0 * era5["specific_humidity"])
    for (height, *place), theirs in zip(radar, PYAPS, strict=True):
        wet = [
            zenith(era5, (height + step, *place))[k] - zenith(dry, (height + step, *place))[k]
            for k, step in enumerate(STEPS)
        ]
        np.testing.assert_allclose(zenith(dry, (height, *place)) + wet, theirs, atol=1e-3)


def test_delays_between_dates_are_those_of_pyaps_by_our_constants(era5, radar):
    """The constants of Jolivet et al. (2011) move all delays by some 6 mm; between dates next to nothing is left."""
    found, theirs = np.array([zenith(era5, place) for place in radar]), np.array(UNSHIFTED)
    assert 4e-3 < np.mean(found - theirs) < 8e-3
    np.testing.assert_allclose(np.diff(found), np.diff(theirs), atol=1.2e-3)


def test_netcdf_of_the_former_store(real_data):
    """NetCDF-3, levels in millibars, packed as int16; the means of docs and files."""
    data = load.era5(real_data / "era5_legacy_netcdf" / "ERA-5_2018_03_27_T13_00_00.nc").load()
    assert dict(data.sizes) == {"time": 1, "level": 37, "y": 24, "x": 67}
    means = {"geopotential": 127980.842, "temperature": 254.87507, "specific_humidity": 0.00279358}
    for name, mean in means.items():
        assert float(data[name].mean()) == pytest.approx(mean, rel=1e-6)
    assert data["time"].values[0] == np.datetime64("2018-03-27T13")


def test_delays_of_gacos_go_out_as_the_formula_says(real_data):
    """Zenith, m, two dates over Bhutan: 4 pi / wavelength times the later less the earlier, by the cosine."""
    zenith = load.gacos(sorted((real_data / "gacos_everest").glob("*.ztd")), registration="corner").load()
    part = zenith[:, 100:200, 300:400]
    pairs = {"reference": ("pair", zenith["time"].values[:1]), "secondary": ("pair", zenith["time"].values[1:])}
    still = xr.zeros_like(part[:1]).rename(time="pair").drop_vars("pair").assign_coords(pairs)
    angle = xr.DataArray(39.0, attrs={"units": "degree"})
    flat = correct.remove_delay(still.assign_attrs(units="rad"), correct.delay_phase(part, incidence=angle))
    expected = -4 * np.pi / 0.05546576 / np.cos(np.deg2rad(39.0)) * (part[1] - part[0]).values
    np.testing.assert_allclose(flat[0], expected, atol=1e-3)
    assert float(flat.mean()) == pytest.approx(-9.26, abs=0.01)
