"""conventions: the variable table, describe, require, errors and the phase-displacement pair."""

from __future__ import annotations

import pickle
import warnings

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from qtp_toolkit.conventions import (
    SYNTHETIC,
    VARIABLES,
    MissingSourceError,
    QtpDataError,
    carry_provenance,
    check_wavelength,
    coordinate,
    decoded_times,
    describe,
    displacement_to_phase,
    is_lazy,
    many_blocks,
    phase_to_displacement,
    require,
    require_covered,
    require_option,
    to_vertical,
)


def series(values, units, name="a"):
    return xr.DataArray(np.asarray(values, float), dims="time", name=name, attrs={"units": units})


class TestClosedForm:
    def test_ten_millimeters_of_subsidence(self):
        phase = displacement_to_phase(series([-10.0], "mm"))
        assert phase.item() == pytest.approx(2.26561, abs=5e-6)
        assert phase.attrs["units"] == "rad"

    def test_one_radian_and_one_cycle(self):
        out = phase_to_displacement(series([1.0, 2 * np.pi], "rad"))
        np.testing.assert_allclose(out, [-4.413825, -27.73288], atol=5e-6)

    def test_vertical_at_39_degrees(self):
        incidence = xr.DataArray(39.0, attrs={"units": "degree"})
        out = to_vertical(series([1.0], "mm"), incidence)
        assert out.item() == pytest.approx(1.2868, abs=1e-4)

    def test_describe_replaces_attributes_that_arithmetic_left_behind(self):
        addt = series([4.0], "degC d")
        out = describe(np.sqrt(addt), "composite_index")
        assert out.attrs["units"] == VARIABLES["composite_index"].units
        assert out.name == "composite_index"
        assert addt.attrs == {"units": "degC d"}

    def test_describe_leaves_its_input_alone(self):
        addt = series([4.0], "degC d")
        out = describe(addt, "linear_rate", provenance_note=SYNTHETIC)
        assert (addt.name, addt.attrs) == ("a", {"units": "degC d"})
        assert np.shares_memory(out.values, addt.values)

    def test_every_variable_has_a_unit_and_a_long_name(self):
        assert all(row.units and row.long_name for row in VARIABLES.values())


class TestErrors:
    def test_wrong_dims_are_named(self):
        with pytest.raises(QtpDataError, match=r"'a' lacks dims \['pair'\].*found: \('time',\)"):
            require(series([1.0], "mm"), dims=("pair",))

    def test_wrong_unit_says_what_to_do(self):
        with pytest.raises(QtpDataError, match=r"expected: 'rad'; found: 'mm'.*Convert"):
            phase_to_displacement(series([1.0], "mm"))

    def test_percent_given_as_fraction(self):
        porosity = series([43.1], "1", "porosity")
        with pytest.raises(QtpDataError, match=r"expected: 0 to 1.*43\.1 to 43\.1, 100\.0% of values outside"):
            require(porosity, between=(0.0, 1.0))

    def test_a_quantity_brings_its_unit_and_its_range(self):
        with pytest.raises(QtpDataError, match=r"expected: '1'; found: 'percent'"):
            require(series([43.1], "percent", "porosity"), quantity="porosity")
        with pytest.raises(QtpDataError, match=r"expected: 0 to 1; .*Per cent\?") as found:
            require(series([43.1], "1", "porosity"), quantity="porosity", code="S01", hint="Per cent?")
        assert found.value.code == "S01"
        require(series([43.1], "1", "porosity"), quantity="porosity", between=(0.0, 100.0))

    def test_an_option_outside_its_list(self):
        require_option("method", "nearest", {"nearest": 0, "mode": 1})
        with pytest.raises(QtpDataError, match="unknown method; expected: nearest, mode; found: 'cubic'"):
            require_option("method", "cubic", ("nearest", "mode"))

    def test_dates_beyond_the_temperature_and_times_that_are_no_dates(self):
        times = np.arange("2016-01-01", "2016-02-01", dtype="datetime64[D]").astype("datetime64[ns]")
        wanted = times[[0, 30]] + np.timedelta64(1, "D")
        require_covered(wanted, wanted > np.datetime64("2016-03-01"), times)
        words = r"1 dates .*where: \['2016-02-01'\]; expected: 2016-01-01 to 2016-01-31"
        with pytest.raises(QtpDataError, match=words) as found:
            require_covered(wanted, wanted > times[-1], times)
        assert found.value.code == "M28"
        with pytest.raises(QtpDataError, match="datetime64") as found:
            decoded_times(xr.DataArray([0.0], {"time": [1]}, "time"))
        assert found.value.code == "M24"

    def test_wavelength_in_centimeters(self):
        with pytest.raises(QtpDataError, match="not in meters"):
            phase_to_displacement(series([1.0], "rad"), wavelength=5.5466)

    def test_missing_source_is_a_file_not_found_error(self):
        error = MissingSourceError("no file", path="a.tif", hint="Get it.")
        assert isinstance(error, FileNotFoundError)
        assert str(error) == "no file; file: a.tif. Get it."


class TestProperty:
    @given(st.floats(-500, 500), st.floats(0.01, 1.0))
    def test_round_trip(self, value, wavelength):
        there = displacement_to_phase(series([value], "mm"), wavelength=wavelength)
        back = phase_to_displacement(there, wavelength=wavelength)
        assert back.item() == pytest.approx(value, abs=1e-9)


class TestLazy:
    def test_stays_lazy_and_equals_numpy(self, no_compute):
        eager = series(np.linspace(-3, 3, 7), "rad")
        lazy = eager.chunk(time=3)
        with no_compute():
            require(lazy, between=(0, 1))
            out = phase_to_displacement(lazy)
        assert isinstance(out.data, da.Array)
        assert is_lazy(out)
        assert not is_lazy(eager)
        xr.testing.assert_allclose(out.compute(), phase_to_displacement(eager))


@pytest.mark.parametrize("hint", [None, "Look.", "Set extent: intersection"])
@pytest.mark.parametrize("kind", [QtpDataError, MissingSourceError])
def test_errors_travel_between_processes_whole(kind, hint):
    error = kind("no such file", path="a.tif", where=3, expected="one", found="none", hint=hint, code="M03")
    error.add_note("3 of 6 blocks are done")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is kind
    assert str(back) == str(error)
    assert vars(back) == vars(error)


class TestHelpers:
    def test_a_note_is_carried_to_every_variable_and_never_overwritten(self):
        ds = xr.Dataset({"a": series([1.0], "mm"), "b": series([2.0], "mm").assign_attrs(provenance_note="own")})
        out = carry_provenance(ds, None, xr.DataArray(0, attrs={"provenance_note": SYNTHETIC, "units": "K"}))
        assert [out[name].attrs["provenance_note"] for name in "ab"] == [SYNTHETIC, "own"]
        assert out.attrs == {"provenance_note": SYNTHETIC}
        assert out["a"].attrs["units"] == "mm"
        assert "provenance_note" not in ds["a"].attrs
        assert is_lazy(carry_provenance(ds.chunk(), ds))

    def test_a_lazy_coordinate_is_read_whatever_scheduler_the_data_have(self, no_compute):
        dates = np.array(["2018-08-19", "2018-08-31"], "datetime64[ns]")
        pairs = xr.Dataset(coords={"reference": ("pair", da.from_array(dates))})
        with no_compute():
            np.testing.assert_array_equal(coordinate(pairs, "reference"), dates)

    def test_only_growing_blocks_are_silenced(self):
        growing, other = "Increasing number of chunks by factor of 100", "something else"
        with many_blocks():
            warnings.warn(growing, UserWarning, stacklevel=1)
        with pytest.warns(UserWarning, match=growing):
            warnings.warn(growing, UserWarning, stacklevel=1)
        with many_blocks(), pytest.warns(UserWarning, match=other):
            warnings.warn(other, UserWarning, stacklevel=1)

    @pytest.mark.parametrize("wavelength", [0.01, 0.05546576, 0.2384, 1.0])
    def test_wavelengths_in_meters_pass(self, wavelength):
        check_wavelength(wavelength)

    @pytest.mark.parametrize("wavelength", [5.546576, 55.46576, 0.0, -0.05, float("nan")])
    def test_wavelengths_in_another_unit_are_refused(self, wavelength):
        with pytest.raises(QtpDataError, match="not in meters") as caught:
            check_wavelength(wavelength)
        assert caught.value.code == "I15"
