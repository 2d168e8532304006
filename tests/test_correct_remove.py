"""Delays as others deliver them, corrections by date and by pair, and what they gain."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from promised import noted, without_note

from qtp_toolkit import correct
from qtp_toolkit.conventions import QtpDataError

DATES = np.array(["2018-08-31", "2018-09-12", "2018-09-24"], "datetime64[ns]")
WAVELENGTH = 4 * np.pi / 100
"""1 cm is one radian."""


def maps(values, *, dim="pair", name="phase", units="rad", step=1000.0):
    values = np.asarray(values, np.float32)
    rows, columns = values.shape[-2:]
    coords = {"y": 3_900_000.0 - step * np.arange(rows), "x": 450_000.0 + step * np.arange(columns)}
    if dim == "time":
        coords["time"] = DATES[: len(values)]
    else:
        coords |= {"reference": ("pair", DATES[:-1][: len(values)]), "secondary": ("pair", DATES[1:][: len(values)])}
    return xr.DataArray(values, coords, (dim, "y", "x"), name, {"units": units}).rio.write_crs("EPSG:32646")


def angle(values=60.0):
    return xr.DataArray(values, attrs={"units": "degree"}, name="incidence")


@pytest.fixture
def zenith(rng):
    return maps(rng.normal(2.3, 0.02, (3, 6, 5)), dim="time", name="zenith_delay", units="m")


def test_closed_form_zenith_delay_in_meters(zenith):
    phase = correct.delay_phase(zenith, incidence=angle(60.0), wavelength=WAVELENGTH)
    np.testing.assert_allclose(phase, 200 * zenith, rtol=1e-6)
    assert (phase.name, phase.attrs["units"], phase.dtype) == ("tropospheric_phase", "rad", np.float32)
    flat = zenith.isel(time=0, drop=True)
    tilted = (60.0 + 0.0 * flat).assign_attrs(units="degree")
    xr.testing.assert_allclose(correct.delay_phase(zenith, incidence=tilted, wavelength=WAVELENGTH), phase)


def test_closed_form_slant_delay_in_meters_and_phase_as_it_is(zenith):
    slant = zenith.rename("slant_delay")
    np.testing.assert_allclose(correct.delay_phase(slant, wavelength=WAVELENGTH), 100 * zenith, rtol=1e-6)
    for name in ("tropospheric_phase", "tidal_phase"):
        given = zenith.rename(name).assign_attrs(units="rad")
        out = correct.delay_phase(given)
        np.testing.assert_array_equal(out, given)
        assert out.name == name
    # rad at the zenith, by another name
    tilted = correct.delay_phase(zenith.rename("ztd").assign_attrs(units="rad"), incidence=angle(60.0))
    np.testing.assert_allclose(tilted, 2 * zenith, rtol=1e-6)


def test_delays_that_could_be_either_are_refused(zenith):
    with pytest.raises(QtpDataError, match="needs the incidence"):
        correct.delay_phase(zenith)
    for name in ("slant_delay", "tropospheric_phase"):
        with pytest.raises(QtpDataError, match="in the line of sight"):
            correct.delay_phase(zenith.rename(name), incidence=angle())
    with pytest.raises(QtpDataError, match=r"m or rad.*mm"):
        correct.delay_phase(zenith.assign_attrs(units="mm"), incidence=angle())
    with pytest.raises(QtpDataError, match="incidence"):
        correct.delay_phase(zenith, incidence=angle(95.0))
    with pytest.raises(QtpDataError, match="wavelength"):
        correct.delay_phase(zenith, incidence=angle(), wavelength=5.5)


def test_property_zenith_slant_and_phase_remove_the_same(zenith):
    phase = maps(np.ones((2, 6, 5)))
    slant = (zenith / np.cos(np.deg2rad(39.0))).rename("slant_delay").assign_attrs(units="m")
    radians = (slant * 4 * np.pi / 0.05546576).rename("tropospheric_phase").assign_attrs(units="rad")
    results = [correct.delay_phase(zenith, incidence=angle(39.0)), correct.delay_phase(slant), radians]
    first, *others = (correct.remove_delay(phase, delay) for delay in results)
    for other in others:
        xr.testing.assert_allclose(other, first, atol=1e-4)
    assert float(abs(first - phase).max()) > 1.0


def test_closed_form_delay_on_another_grid_is_interpolated():
    """As delays of GACOS come: finer or coarser than the interferograms."""
    plane = np.add.outer(np.arange(12.0), np.arange(12.0)) - 2.0
    coarse = maps([0 * plane, plane, plane], dim="time", step=1000.0)
    coarse = coarse.assign_coords(y=coarse.y + 1000, x=coarse.x - 1000)
    phase = maps(np.zeros((2, 8, 8)), step=500.0)
    out = correct.remove_delay(phase, coarse)
    expected = np.add.outer(np.arange(8.0), np.arange(8.0)) / 2
    np.testing.assert_allclose(out[0], -expected, atol=1e-4)
    np.testing.assert_allclose(out[1], 0.0, atol=1e-4)


def test_closed_form_corrections_of_pairs_are_subtracted_as_they_are(rng):
    phase = maps(rng.normal(size=(2, 4, 4)))
    slope = maps(rng.normal(size=(2, 4, 4)), name="elevation_phase")
    np.testing.assert_allclose(correct.remove_delay(phase, slope), phase.values - slope.values, rtol=1e-6)
    with pytest.raises(QtpDataError, match="of other pairs") as told:
        correct.remove_delay(phase, slope.isel(pair=[1, 0]))
    assert told.value.code == "I03"
    with pytest.raises(QtpDataError, match="wrong unit"):
        correct.remove_delay(phase, slope.assign_attrs(units="m"))


def test_closed_form_gain_names_what_raises_the_variance(rng):
    noise = rng.normal(size=(2, 40, 50))
    tilt = 5.0 * np.linspace(-1, 1, 50)
    phase = maps(noise + tilt)
    half = maps(0.5 * noise)
    gain = correct.correction_gain(phase, {"half": half, "wrong sign": -half, "tilt": maps(noise * 0 + tilt)})
    np.testing.assert_allclose(gain["variance_before"], noise.var(axis=(1, 2)), rtol=5e-3)
    np.testing.assert_allclose(gain["median_ratio"], [0.25, 2.25, 1.0], atol=1e-5)
    np.testing.assert_allclose(gain["variance_ratio"].sel(correction="half"), 0.25, atol=1e-5)
    assert gain["variance_after"].dims == ("correction", "pair")
    assert "wrong sign" in gain.attrs["raised"].split(", ")
    assert "half" not in gain.attrs["raised"]
    assert correct.correction_gain(phase, {"half": half}).attrs["raised"] == ""
    both = correct.correction_gain(phase, {"both": (half, 0.8 * half)})
    np.testing.assert_allclose(both["median_ratio"], 0.01, atol=1e-5)


HALF = np.arange(20) < 10


def test_a_correction_without_a_valid_pixel_is_named_and_hides_no_other(rng):
    """I22: it would leave no pixel to judge the one by that raises the variance."""
    phase = maps(rng.normal(size=(2, 20, 20)))
    gain = correct.correction_gain(phase, {"wrong": -phase, "empty": phase * np.nan})
    np.testing.assert_allclose(gain["median_ratio"], [4.0, np.nan])
    np.testing.assert_allclose(gain["valid_share"], [1.0, 0.0])
    assert gain.attrs == {"raised": "wrong", "empty": "empty"}
    left, right = (maps(np.where(part, 0.0, np.nan) * np.ones((2, 20, 20))) for part in (HALF, ~HALF))
    for data, given in ((phase, {"left": left, "right": right}), (phase * np.nan, {"left": left})):
        with pytest.raises(QtpDataError, match="no valid pixel in common") as told:
            correct.correction_gain(data, given)
        assert told.value.code == "I22"
    shares = correct.correction_gain(phase, {"wrong": -phase, "left": left})["valid_share"]
    np.testing.assert_allclose(shares, [1.0, 0.5])


def test_property_gain_is_told_on_the_pixels_that_all_have(rng):
    """A correction that knows a part of the scene only is not flattered by it."""
    noise = rng.normal(size=(2, 20, 20)) * np.where(np.arange(20) < 10, 1.0, 10.0)
    phase, part = maps(noise), maps(np.where(np.arange(20) < 10, 0.0, np.nan) * noise)
    gain = correct.correction_gain(phase, {"part": part})
    np.testing.assert_allclose(gain["variance_ratio"], 1.0)
    hidden = maps(np.arange(20) >= 10 + 0 * noise[:1]).isel(pair=0, drop=True).astype(bool)
    masked = correct.correction_gain(phase, {"nothing": 0 * phase}, mask=hidden)
    np.testing.assert_allclose(masked["variance_before"], gain["variance_before"])
    with pytest.raises(QtpDataError, match="no correction"):
        correct.correction_gain(phase, {})


def test_lazy_delays(no_compute, zenith, rng):
    phase = maps(rng.normal(size=(2, 6, 5)))
    tilt = (zenith.isel(time=0, drop=True) * 10).assign_attrs(units="degree")
    with no_compute():
        delay = correct.delay_phase(zenith.chunk(y=3), incidence=tilt.chunk(y=3))
        out = correct.remove_delay(phase.chunk(y=3), delay)
        pairs = correct.remove_delay(phase.chunk(y=3), 0.5 * phase)
    eager = correct.delay_phase(zenith, incidence=tilt)
    assert out.dtype == delay.dtype == np.float32
    assert out.chunks == pairs.chunks == phase.chunk(y=3).chunks
    xr.testing.assert_allclose(delay.compute(), eager)
    xr.testing.assert_allclose(out.compute(), correct.remove_delay(phase, eager))
    lazy, plain = (correct.correction_gain(p, {"era5": eager}) for p in (phase.chunk(y=3), phase))
    xr.testing.assert_allclose(lazy, plain)


def test_property_made_data_are_told_as_such(zenith, rng):
    phase = noted(maps(rng.normal(size=(2, 6, 5))))
    delay = correct.delay_phase(noted(zenith), incidence=angle())
    gain = correct.correction_gain(phase, {"era5": delay})
    assert not without_note(delay=delay, out=correct.remove_delay(phase, delay), gain=gain)
