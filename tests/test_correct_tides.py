"""Tides of the solid earth in the line of sight."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import plain_tides
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from promised import noted, without_note

from qtp_toolkit import correct, grid
from qtp_toolkit.conventions import QtpDataError, phase_to_displacement

PASSES = ["2020-01-01T23:47", "2020-01-13T23:47"]


def terrain(rows=12, columns=15):
    coords = {"y": 3_900_000.0 - 15_000 * np.arange(rows), "x": 450_000.0 + 15_000 * np.arange(columns)}
    dem = xr.DataArray(np.zeros((rows, columns)), coords, ("y", "x"), "elevation", {"units": "m"})
    return dem.rio.write_crs("EPSG:32646")


def angle(value=39.0):
    return xr.DataArray(value, attrs={"units": "degree"}, name="incidence")


def linear(moment, about, *, step_size, verbose):
    """A tide that is linear in place and day: bilinear interpolation loses nothing of it."""
    rows = about["Y_FIRST"] + about["Y_STEP"] * np.arange(about["LENGTH"])
    columns = about["X_FIRST"] + about["X_STEP"] * np.arange(about["WIDTH"])
    lat, lon = np.meshgrid(rows, columns, indexing="ij")
    return 0.01 * (lat - 30) * moment.day, 0.02 * (lon - 90), 0.1 + 0.001 * (lat + lon) + moment.hour / 1000


@pytest.fixture
def made(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysolid", SimpleNamespace(calc_solid_earth_tides_grid=linear))


def tide_of(dem, *, incidence=39.0, heading=190.0):
    return correct.solid_earth_tide(dem, PASSES, angle(incidence), heading=heading)


def test_closed_form_tide_in_the_line_of_sight(made):
    """Descending, looking west: what moves east moves toward the satellite, which stands in the east."""
    dem = terrain()
    lonlat = grid.lonlat(dem)
    seen = phase_to_displacement(tide_of(dem))
    np.testing.assert_array_equal(seen.time, np.array(["2020-01-01", "2020-01-13"], "datetime64[ns]"))
    theta, flight = np.deg2rad(39.0), np.deg2rad(190.0)
    for k, day in enumerate((1, 13)):
        east, north = 0.01 * (lonlat.latitude - 30) * day, 0.02 * (lonlat.longitude - 90)
        up = 0.1 + 0.001 * (lonlat.latitude + lonlat.longitude) + 0.023
        toward = np.sin(theta) * (-np.cos(flight) * east + np.sin(flight) * north) + np.cos(theta) * up
        np.testing.assert_allclose(seen[k], 1000 * toward, rtol=1e-5)
    assert -np.cos(flight) > 0.9


def test_closed_form_ground_that_rises_is_less_phase(made):
    phase = tide_of(terrain(), incidence=0.0)
    assert (phase < 0).all()
    assert (phase.name, phase.attrs["units"], phase.dtype) == ("tidal_phase", "rad", np.float32)


def test_tides_need_moments(made):
    for passes in (["2020-01-01", "2020-01-13"], ["2020-01-01T05:00", "2020-01-01T23:00"]):
        with pytest.raises(QtpDataError, match="moments"):
            correct.solid_earth_tide(terrain(), passes, angle(), heading=190.0)


def test_without_the_package_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pysolid", None)
    with pytest.raises(QtpDataError, match="pysolid") as told:
        tide_of(terrain())
    assert "qtp-toolkit[tides]" in told.value.hint


def test_oracle_one_place_by_pysolid():
    """34.927 N, 92.945 E: 22 mm west, 29 mm south, 69 mm up, computed once with pysolid 0.3.4."""
    pytest.importorskip("pysolid")
    dem = terrain(2, 2).assign_coords(y=[3_865_000.0, 3_864_900.0], x=[495_000.0, 495_100.0])
    theta, flight = np.deg2rad(39.0), np.deg2rad(190.0)
    east, north, up = -22.250028, -29.181365, 69.326986
    toward = np.sin(theta) * (-np.cos(flight) * east + np.sin(flight) * north) + np.cos(theta) * up
    assert float(phase_to_displacement(tide_of(dem))[0, 0, 0]) == pytest.approx(toward, abs=0.02)


@pytest.mark.parametrize("heading", [190.05, 349.95])
def test_oracle_degree_two_by_hand(heading):
    """Textbook tides that know nothing of pysolid: within what they leave out, of 7 to 19 cm, in both orbits."""
    pytest.importorskip("pysolid")
    passes = ["2016-03-09T12:00", "2018-08-31T00:05", "2019-06-21T06:30", "2020-01-01T23:47"]
    dem = terrain(2, 2).assign_coords(y=[3_865_000.0, 3_864_900.0], x=[495_000.0, 495_100.0])
    seen = correct.solid_earth_tide(dem, passes, angle(), heading=heading)
    place = grid.lonlat(dem)
    where = float(place.latitude[0, 0]), float(place.longitude[0, 0])
    theta, flight = np.deg2rad(39.0), np.deg2rad(heading)
    vector = np.array([-np.sin(theta) * np.cos(flight), np.sin(theta) * np.sin(flight), np.cos(theta)])
    plain = [1000 * plain_tides.tide(np.datetime64(moment), *where) @ vector for moment in passes]
    found = phase_to_displacement(seen)[:, 0, 0].values
    np.testing.assert_allclose(found, plain, atol=13.0)
    assert np.ptp(plain) > 200
    across = np.abs(np.corrcoef(found, plain)[0, 1])
    assert across > 0.998


def test_lazy_tide(made, no_compute):
    dem = terrain()
    with no_compute():
        lazy = tide_of(dem.chunk(y=5, x=6))
    assert lazy.chunks == ((2,), (5, 5, 2), (6, 6, 3))
    xr.testing.assert_allclose(lazy.compute(), tide_of(dem))
    pairs = {"reference": ("pair", lazy.time.values[:1]), "secondary": ("pair", lazy.time.values[1:])}
    zeros = xr.zeros_like(dem, np.float32).expand_dims("pair").assign_coords(pairs).assign_attrs(units="rad")
    out = correct.remove_delay(zeros.chunk(y=5, x=6), lazy)
    np.testing.assert_allclose(out[0], (lazy[0] - lazy[1]).compute(), rtol=1e-5)


def test_property_made_data_are_told_as_such(made):
    assert not without_note(tide=tide_of(noted(terrain())))
