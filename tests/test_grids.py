"""Arrays of different sources on the same pixels: snapped, cropped, turned, resampled, or refused with the shift."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import refused

from qtp_toolkit import (
    conventions,
    correct,
    geodetector,
    grid,
    interferogram,
    inversion,
    pecm,
    regions,
    seasons,
    soil,
    validation,
)
from qtp_toolkit._grids import on_pixels_of

ROWS, COLUMNS = 3899955 - 90.0 * np.arange(12), 500045 + 90.0 * np.arange(15)
ENDS = {
    name: ("pair", np.array(days, "datetime64[ns]"))
    for name, days in (("reference", ["2018-01-06", "2018-01-18"]), ("secondary", ["2018-01-18", "2018-01-30"]))
}


def layer(values=None, *, move=0.0, crs=None, units="degree", name="incidence", rows=ROWS, columns=COLUMNS):
    values = np.add.outer(rows, columns + move) / 1e5 if values is None else values
    out = xr.DataArray(values, {"y": rows, "x": columns + move}, ("y", "x"), name, {"units": units})
    return out if crs is None else out.rio.write_crs(crs)


def stack(crs=None):
    values = np.random.default_rng(0).normal(size=(2, ROWS.size, COLUMNS.size))
    out = xr.DataArray(values, {**ENDS, "y": ROWS, "x": COLUMNS}, ("pair", "y", "x"), "phase", {"units": "rad"})
    return out if crs is None else out.rio.write_crs(crs)


def delays(move=0.0, crs=None):
    times = np.array(["2018-01-06", "2018-01-18", "2018-01-30"], "datetime64[ns]")
    one = layer(move=move, crs=crs, units="rad", name="delay")
    return (one.expand_dims(time=times) * xr.DataArray([1.0, 2.0, 4.0], dims="time")).assign_attrs(units="rad")


def jobs(move, crs=None):
    """Each join of a stack with another family, on a grid that is moved by so many meters."""
    phase, mask = stack(crs), layer(np.zeros((ROWS.size, COLUMNS.size), bool), move=move, crs=crs)
    gamma = xr.full_like(stack(crs), 0.8).assign_coords(x=COLUMNS + move).assign_attrs(units="1").rename("coherence")
    signal = layer(np.exp(1j * np.ones((ROWS.size, COLUMNS.size))), crs=crs)
    angle = layer(np.full((ROWS.size, COLUMNS.size), 39.0), move=move, crs=crs)
    area = ~mask.rename("area")
    return {
        "apply_mask": lambda: correct.apply_mask(phase, mask),
        "remove_delay": lambda: correct.remove_delay(phase, delays(move, crs)),
        "set_reference": lambda: correct.set_reference(phase, area),
        "deramp": lambda: correct.deramp(phase, mask=mask),
        "to_vertical": lambda: conventions.to_vertical(conventions.phase_to_displacement(phase), angle),
        "weight": lambda: correct.deramp(phase, weight=gamma),
        "invert": lambda: inversion.invert(phase, gamma)["reason"],
        "unwrap": lambda: interferogram.unwrap(signal, gamma.isel(pair=0, drop=True)),
        "form": lambda: interferogram.form(signal, signal.assign_coords(x=COLUMNS + move)),
        "coherence": lambda: interferogram.coherence(
            signal, signal.assign_coords(x=COLUMNS + move), looks_y=1, looks_x=1
        ),
    }


@pytest.mark.parametrize("name", list(jobs(0.0)))
def test_layers_that_differ_by_rounding_are_one_grid(name):
    """I05: a micrometer, or the rounding of float32, takes no pixel away."""
    for move in (1e-6, 0.03):
        out = jobs(move)[name]()
        assert out.shape[-2:] == (ROWS.size, COLUMNS.size)
        np.testing.assert_array_equal(out["x"], COLUMNS)
        xr.testing.assert_allclose(out, jobs(0.0)[name](), rtol=1e-5)


@pytest.mark.parametrize("move", [45.0, 900.0])
@pytest.mark.parametrize("name", list(jobs(0.0)))
def test_layers_of_other_pixels_are_refused_with_the_shift(name, move):
    """I05, I06: without a coordinate system nothing can be resampled."""
    assert f"{move / 90:+g} pixels" in refused(jobs(move)[name])


@pytest.mark.parametrize("name", ["apply_mask", "remove_delay", "set_reference", "deramp"])
def test_masks_and_delays_are_resampled_where_the_grids_are_known(name, no_compute):
    """I05: masks by the nearest pixel, delays bilinearly; half a pixel off they cover all of the stack."""
    out = jobs(45.0, 32646)[name]()
    assert out.shape == (2, ROWS.size, COLUMNS.size)
    assert out.notnull().all()
    with no_compute():
        lazy = correct.remove_delay(stack(32646).chunk({"y": 4}), delays(45.0, 32646).chunk({"y": 5}))
    xr.testing.assert_allclose(lazy.compute(), jobs(45.0, 32646)["remove_delay"]())
    refused(jobs(900.0, 32646)[name])
    refused(correct.apply_mask, stack(32646), layer(move=9e6, crs=32646))


def test_delays_of_another_grid_are_those_of_the_place():
    """I05: a delay that rises evenly is the same however its pixels lie."""
    inner = {"x": slice(1, -1)}
    moved, exact = (jobs(move, 32646)["remove_delay"]().isel(inner) for move in (45.0, 0.0))
    np.testing.assert_allclose(moved, exact, atol=1e-9)


def test_another_zone_is_refused_for_phase_and_resampled_for_angles():
    """I07."""
    with_crs, other = stack(32646), layer(crs=32645)
    refused(on_pixels_of, other, with_crs, code="I07")
    wide = layer(
        np.full((80, 90), 39.0),
        rows=ROWS[0] + 3000 - 90.0 * np.arange(80),
        columns=COLUMNS[0] - 3000 + 90.0 * np.arange(90),
        crs=32646,
    )
    turned = wide.rio.reproject("EPSG:4326", nodata=np.nan)
    np.testing.assert_allclose(grid.align(turned, with_crs, resampling="bilinear"), 39.0)
    refused(grid.align, turned, with_crs, code="I07")


@settings(max_examples=40, deadline=None)
@given(
    corner=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 12)),
    turned=st.tuples(st.booleans(), st.booleans()),
    jitter=st.floats(-9e-4, 9e-4),
)
def test_property_larger_grids_are_cropped_whichever_way_they_run(corner, size, turned, jitter):
    """I06: also to a single row, or a single pixel."""
    (top, left), (height, width), (up, back) = corner, size, turned
    whole = layer()
    like = whole.isel(y=slice(top, top + height), x=slice(left, left + width))
    other = whole.assign_coords(x=COLUMNS + 90 * jitter, y=ROWS - 90 * jitter)
    other = other.isel(y=slice(None, None, -1 if up else 1), x=slice(None, None, -1 if back else 1))
    xr.testing.assert_identical(on_pixels_of(other, like), like)


def test_what_has_no_coordinates_is_compared_by_size():
    """I06, I20: and scalars are no grid."""
    bare = xr.DataArray(np.zeros((12, 15)), dims=("y", "x"))
    assert on_pixels_of(bare, stack()).shape == (12, 15)
    refused(on_pixels_of, bare[1:], stack(), code="I06")
    assert on_pixels_of(xr.DataArray(39.0), stack()).item() == 39.0
    refused(on_pixels_of, layer(columns=500045 + 91.0 * np.arange(15)), stack(), code="I20")
    refused(on_pixels_of, layer()[:0], stack(), code="I06")


def formulas(move):
    """Each formula of several maps, the others on a grid that is moved by so many meters."""

    def flat(value, units, shift=0.0, **dims):
        one = layer(np.full((ROWS.size, COLUMNS.size), value), move=shift, units=units, name=None)
        return one.expand_dims(dims).assign_attrs(units=units) if dims else one

    days = np.arange("2018-01-01", "2019-01-01", dtype="datetime64[D]").astype("datetime64[ns]")
    daily = flat(1.0, "degC", time=days[::1])
    day, ends = days[[200]], {"thaw_year": [2018]}
    station = {"longitude": [93.0005], "latitude": [35.2]}
    aspect, slope = flat(90.0, "degree"), flat(9.0, "degree", move)
    rate = layer(crs=32646, units="mm/yr", name="linear_rate")
    return {
        "conductivity": lambda: soil.thermal_conductivity(
            flat(1300.0, "kg m-3"), flat(0.4, "1", move), flat(0.5, "1"), texture=flat(1.0, "1", move) > 0
        ),
        "ratio": lambda: soil.conductivity_ratio(flat(1.8, "W m-1 K-1"), flat(1.2, "W m-1 K-1", move)),
        "saturation": lambda: soil.saturation(flat(0.2, "1"), flat(0.5, "1", move)),
        "degree_days": lambda: seasons.degree_days(
            daily, flat(120.0, "day of year", move), flat(280.0, "day of year", move)
        )["addt"],
        "annual": lambda: seasons.mean_annual_temperature(flat(300.0, "degC d"), flat(900.0, "degC d", move)),
        "linear_index": lambda: pecm.linear_index(
            ["2018-07-01"], flat(120.0, "day of year"), flat(280.0, "day of year", move)
        ),
        "composite_index": lambda: pecm.composite_index(
            flat(400.0, "degC d", time=day), flat(0.0, "degC d", move, time=day), flat(1.2, "1", move)
        ),
        "closing_ratio": lambda: pecm.closing_ratio(
            flat(900.0, "degC d", **ends), flat(900.0, "degC d", **ends), flat(1.2, "1", move)
        )["conductivity_ratio"],
        "yearly_amplitude": lambda: pecm.yearly_amplitude(
            flat(0.5, "mm degC-0.5 d-0.5"), flat(900.0, "degC d", move, **ends)
        ),
        "stefan_alt": lambda: validation.stefan_alt(
            flat(900.0, "degC d"), flat(1.2, "W m-1 K-1", move), flat(0.3, "1", move)
        ),
        "mean_water_content": lambda: validation.mean_water_content(
            flat(0.3, "1", depth=[0.5, 1.5]), flat(1.5, "m", move)
        ),
        "calibrate_alt": lambda: validation.calibrate_alt(flat(2.0, "m"), flat(0.3, "1", move)),
        "settlement": lambda: validation.pore_water_settlement(flat(2.0, "m"), flat(0.3, "1", move)),
        "block_average": lambda: validation.block_average(
            rate, **station, sigma=flat(1.0, "mm/yr", move).rename("sigma")
        )["value"],
        "aspect": lambda: geodetector.stratify(aspect, method="aspect", k=4, slope=slope),
        "rereference": lambda: regions.rereference(rate, flat(1.0, "1", move) > 0),
    }


@pytest.mark.parametrize("name", list(formulas(0.0)))
def test_formulas_of_several_maps_lose_no_pixel(name):
    """I05: maps of several sources whose coordinates are rounded otherwise; others are refused, not cropped."""
    for move in (1e-6, 0.03):
        xr.testing.assert_identical(formulas(move)[name](), formulas(0.0)[name]())
    for move in (45.0, 900.0):
        assert f"{move / 90:+g} pixels" in refused(formulas(move)[name])


def test_formulas_of_lazy_maps_stay_lazy(no_compute):
    with no_compute():
        wet, room = (layer(move=move, units="1").chunk({"y": 4}) for move in (0.0, 1e-6))
        out = soil.saturation(wet, room)
    assert out.compute().shape == (ROWS.size, COLUMNS.size)


def test_numbers_and_names_of_stations_are_left_alone():
    thickness = xr.DataArray([1.0, 2.0], {"station": ["A", "B"]}, "station", attrs={"units": "m"})
    water = xr.DataArray([0.2, 0.3], {"station": ["B", "A"]}, "station")
    out = validation.calibrate_alt(thickness, water)
    np.testing.assert_allclose(out.sel(station=["A", "B"]), [1.0, 4 / 3])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("none", [np.nan, -1.0])
def test_no_data_of_a_mask_marks_nothing(none, lazy):
    """S06: as truth, NaN and -1 would be yes."""
    values = np.zeros((ROWS.size, COLUMNS.size))
    values[:3], values[5, 5] = none, 1.0
    mask, yes, phase = layer(values, name="mask"), layer(values == 1, name="mask"), stack()
    mask = mask.chunk() if lazy else mask
    heights = layer(np.random.default_rng(3).normal(4500.0, 200.0, values.shape), units="m", name="elevation")
    for job in (
        lambda mask: correct.apply_mask(phase, mask),
        lambda mask: correct.set_reference(phase, mask),
        lambda mask: correct.deramp(phase, mask=mask),
        lambda mask: correct.choose_reference(phase.rio.write_crs(32646), stable=mask),
        lambda mask: correct.fit_elevation(phase, heights, mask=mask),
        lambda mask: correct.correction_gain(phase, {"half": phase / 2}, mask=mask),
    ):
        xr.testing.assert_equal(
            job(mask).compute().drop_vars("spatial_ref", errors="ignore"),
            job(yes).drop_vars("spatial_ref", errors="ignore"),
        )


def test_one_crs_in_other_words_is_one_grid():
    """I07: with heights beside it, or with axes in another order; another zone is another grid."""
    plain = stack("EPSG:32646")
    assert on_pixels_of(layer(crs="EPSG:32646+5773"), plain).shape == (ROWS.size, COLUMNS.size)
    degrees = {"rows": 35 - 0.01 * np.arange(5), "columns": 92 + 0.01 * np.arange(6), "values": np.zeros((5, 6))}
    for other in ("OGC:CRS84", "EPSG:4979"):
        assert on_pixels_of(layer(crs=other, **degrees), layer(crs="EPSG:4326", **degrees)).shape == (5, 6)
    refused(on_pixels_of, layer(crs="EPSG:32647+5773"), plain, code="I07")


@pytest.mark.parametrize("turn", [-360.0, 360.0])
def test_masks_by_another_longitude_meet(turn):
    """West of Greenwich a grid may count to 360 and its mask to -180."""
    rows, columns = 35 - 0.01 * np.arange(5), 272 + 0.01 * np.arange(6)
    phase = layer(np.ones((5, 6)), rows=rows, columns=columns, crs=4326, units="rad", name="phase")
    mask = layer(np.tile(np.arange(6) < 2, (5, 1)), rows=rows, columns=columns + turn, crs=4326)
    np.testing.assert_array_equal(correct.apply_mask(phase, mask).isnull(), mask)


def test_places_are_the_same_in_any_projection():
    """Only y and x are of a CRS: values by region or by date may have been sampled on another grid."""
    curve = xr.DataArray([1.0, 2.0], {"region": ["a", "b"]}, "region").rio.write_crs(4326)
    moved = xr.DataArray([3.0, 4.0], {"region": ["a", "b"]}, "region").rio.write_crs(32646)
    assert conventions.on_pixels_of(curve, moved).values.tolist() == [1.0, 2.0]
    grids = [xr.DataArray([[1.0]], {"y": [1.0], "x": [1.0]}, ("y", "x")).rio.write_crs(code) for code in (4326, 32646)]
    with pytest.raises(conventions.QtpDataError, match="another coordinate reference"):
        conventions.on_pixels_of(*grids)
