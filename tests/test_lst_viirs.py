"""Quality bits of VIIRS, coefficients of its own, and overpasses that drift."""

from __future__ import annotations

import datetime as dt
import re
import warnings

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from small_files import appeears, day_number, refused

from qtp_toolkit import lst, prospects
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.lst.overpasses import STEADY_UNTIL

BYTES = xr.DataArray(np.arange(256, dtype="u1"), dims="time")
GUIDE = {
    "mandatory": {"00": 0, "01": 1, "10": 2, "11": 3},
    "data_quality": {"00": 0, "01": 1, "10": 2, "11": 3},
    "emissivity_error": {"00": np.inf, "01": 0.02, "10": 0.015, "11": 0.01},
    "lst_error": {"00": np.inf, "01": 2.0, "10": 1.5, "11": 1.0},
}
"""Fields of QC_Day and QC_Night from bits 1-0 up to bits 7-6: poor, marginal, good, excellent."""


def pairs(byte):
    """Read the four fields from the text of a byte, lowest first."""
    text = f"{byte:08b}"
    return dict(zip(GUIDE, (text[6:], text[4:6], text[2:4], text[:2]), strict=True))


def looks(values=(-9.0,) * 256, name="snpp_day", **attrs):
    data = xr.Dataset({name: ("time", np.array(values), {"units": "degC"})})
    return data.assign({f"qc_{name}": BYTES.assign_attrs(attrs)})


# bits -----------------------------------------------------------------------------------------------------------------


def test_closed_form_all_256_bytes_against_the_guide():
    """M14: written out again by hand, read from the text of the bits."""
    decoded = lst.decode_qc(BYTES, bits="VNP21")
    for byte in range(256):
        for field, bits in pairs(byte).items():
            assert float(decoded[field][byte]) == pytest.approx(GUIDE[field][bits]), (byte, field)


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, {"mandatory": "00 01", "data_quality": "00 10", "lst_error": "01 10 11"}),
        ({"max_error_K": 1.5}, {"mandatory": "00 01", "data_quality": "00 10", "lst_error": "10 11"}),
        ({"max_error_K": 1}, {"mandatory": "00 01", "data_quality": "00 10", "lst_error": "11"}),
        ({"max_error_K": np.inf, "data_quality": range(4)}, {"mandatory": "00 01"}),
        (
            {"mandatory": range(4), "max_error_K": np.inf, "data_quality": [0]},
            {"mandatory": "00 01", "data_quality": "00"},
        ),
        (
            {"max_emissivity_error": 0.015},
            {"mandatory": "00 01", "data_quality": "00 10", "lst_error": "01 10 11", "emissivity_error": "10 11"},
        ),
    ],
)
def test_closed_form_masks_of_all_256_bytes(options, kept):
    """M14: what passes, said in the bits themselves; what was not produced never does."""
    masked = lst.mask_quality(looks(), **options)["snpp_day"]
    for byte in range(256):
        found = pairs(byte)
        want = all(found[field] in bits.split() for field, bits in kept.items())
        assert bool(np.isfinite(masked[byte])) == want, byte
    assert "VNP21" in masked.attrs["quality_rule"]


def test_the_same_byte_is_not_the_same_of_the_two_families():
    """M14: the best byte of one is among the worst of the other, and each is read by the name of its variable."""
    data = xr.merge([looks(name="terra_day"), looks(name="snpp_day")], compat="no_conflicts")
    masked = lst.mask_quality(data, max_error_K=1.0)
    best = 0b00000000, 0b11110000
    assert [bool(np.isfinite(masked["terra_day"][byte])) for byte in best] == [True, False]
    assert [bool(np.isfinite(masked["snpp_day"][byte])) for byte in best] == [False, True]
    assert "VNP21" not in masked["terra_day"].attrs["quality_rule"]


def test_a_byte_of_another_family_than_its_name_is_refused():
    """M14: a name that was changed by hand does not change what the bits say."""
    message = refused(lst.mask_quality, looks(name="terra_day", quality_bits="VNP21"), code="M14")
    assert "qc_terra_day" in message
    assert "snpp" in message
    refused(lst.decode_qc, BYTES.assign_attrs(quality_bits="VNP21"), bits="MOD11", code="M14")
    assert lst.decode_qc(BYTES.assign_attrs(quality_bits="VNP21"))["lst_error"][0] == np.inf
    refused(lst.decode_qc, BYTES, bits="MOD21")


def test_lazy_masks_are_eager_ones(no_compute):
    data = looks()
    with no_compute():
        lazy = lst.mask_quality(data.chunk(time=50))
    assert lazy["snpp_day"].chunks is not None
    np.testing.assert_array_equal(lazy["snpp_day"], lst.mask_quality(data)["snpp_day"])
    report = lst.quality_report(data, lst.mask_quality(data)).to_dataframe().loc["snpp_day"]
    assert (report["total"], report["not_produced"]) == (256, 128)
    assert report["kept"] == 256 * 1 / 2 * 1 / 2 * 3 / 4


# coefficients of its own ----------------------------------------------------------------------------------------------


def test_oracle_coefficients_are_fitted_to_its_own_passes(rng):
    """Against dense least squares; those of another sensor cannot be taken for them."""
    axes = {"time": pd.date_range("2016-01-04T12", periods=46, freq="8D"), "station": ["a", "b", "c"]}
    values = {name: rng.normal(-3, 9, (46, 3)) for name in ("snpp_day", "snpp_night")}
    data = xr.Dataset({name: (tuple(axes), v, {"units": "degC"}) for name, v in values.items()}, axes)
    ground = (0.7 + 0.42 * data["snpp_day"] + 0.51 * data["snpp_night"] + rng.normal(0, 1, (46, 3))).assign_attrs(
        units="degC"
    )
    fit = lst.fit_daily_mean(data, ground, overpasses="snpp")
    design = np.stack([np.ones(138), *(v.ravel() for v in values.values())], axis=1)
    np.testing.assert_allclose(fit["coefficient"], np.linalg.lstsq(design, ground.values.ravel(), rcond=None)[0])
    assert fit["view_hour"].sel(term=["snpp_day", "snpp_night"]).values.tolist() == [13.5, 1.5]
    mean = lst.daily_mean(data, coefficients=fit)
    assert mean.attrs["overpasses"] == "snpp_day snpp_night"
    assert "aqua_day" in refused(lst.daily_mean, data, coefficients={"intercept": 0.0, "aqua_day": 1.0}, code="M21")
    assert "terra_day" in refused(lst.daily_mean, data, code="M21")
    even = lst.daily_mean(data, overpasses="snpp")
    np.testing.assert_allclose(even, (data["snpp_day"] + data["snpp_night"]) / 2, rtol=1e-6)
    assert "unknown amount" in even.attrs["daily_mean"]


# drift ----------------------------------------------------------------------------------------------------------------


def passes(start, end, *names, hours=None):
    """Temperatures of some passes; with their view times, where hours says them by date."""
    times = pd.date_range(start, end, freq="8D")
    data = xr.Dataset({n: ("time", np.full(times.size, -3.0), {"units": "degC"}) for n in names}, {"time": times})
    for name, function in (hours or {}).items():
        data[f"view_time_{name}"] = ("time", "x"), function(times)[:, None] + np.array([-0.4, 0.4]), {"units": "h"}
    return data


def test_closed_form_hours_of_the_missions():
    """The knots of the table, half a day later by night, constant outside."""
    dates = np.array(["2003-01-01", "2021-04-01", "2022-10-15", "2025-12-15", "2030-01-01"], "datetime64[D]")
    assert lst.crossing_hours("terra_day", dates).tolist() == [10.5, 10.5, 10.25, 9.0, 8.5]
    assert lst.crossing_hours("terra_night", dates).tolist() == [22.5, 22.5, 22.25, 21.0, 20.5]
    assert lst.crossing_hours("aqua_day", dates[:1]).tolist() == [13.5]
    assert lst.crossing_hours("aqua_night", np.array(["2023-02-15"], "M8[D]")).tolist() == [1.75]
    assert lst.crossing_hours("noaa20_night", dates).tolist() == [1.5] * 5
    refused(lst.crossing_hours, "landsat_day", dates)


def test_drift_by_the_table_begins_in_2023():
    """M29: Terra is half an hour early in June 2023, Aqua half an hour late in July."""
    drift = lst.overpass_drift(passes("2018-01-05", "2025-12-31", *lst.LOOKS))
    assert drift.loc[["terra_day", "terra_night"], "first"].tolist() == ["2023-06-04"] * 2
    assert drift.loc[["aqua_day", "aqua_night"], "first"].str[:7].tolist() == ["2023-07"] * 2
    assert drift.loc["terra_night", "largest"] == pytest.approx(-91, abs=1)
    assert drift.loc["aqua_day", "largest"] == pytest.approx(118, abs=2)
    assert (drift.loc[["snpp_day", "noaa20_night"], "beyond"] == 0).all()
    assert (drift["by"] == "table").all()


def test_daily_means_warn_of_late_dates_and_of_no_others():
    """M29: up to 2019 never, whatever the coefficients are."""
    late = passes("2023-01-05", "2024-12-31", "terra_day", "terra_night")
    early = passes("2003-01-05", "2019-12-31", "terra_day", "terra_night")
    table = {"intercept": 0.0, "terra_day": 0.5, "terra_night": 0.5}
    with pytest.warns(UserWarning, match=r"terra_(day|night): from 2023-06") as told:
        lst.daily_mean(late, coefficients=table)
    assert len(told) == 2
    assert told[0].filename == __file__
    words = r"terra_day.* \(10:30\), up to \d\d minutes earlier by the table.* lst.bridge"
    assert re.search(words, str(told[0].message))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lst.daily_mean(early, coefficients=table)
        lst.daily_mean(late.isel(time=slice(10)), coefficients=table)


def test_coefficients_of_late_dates_fit_late_dates(rng):
    """M29: the hour of a fit is that of its dates."""
    data = passes("2025-01-05", "2025-12-31", "terra_day")
    shape = data.sizes["time"], 3
    seen = xr.DataArray(rng.normal(size=shape), {"time": data["time"]}, ("time", "station"), attrs={"units": "degC"})
    fit = lst.fit_daily_mean(seen.to_dataset(name="terra_day"), seen, overpasses=["terra_day"])
    assert 9.0 < float(fit["view_hour"][1]) < 9.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lst.daily_mean(data, coefficients=fit)


def test_view_times_overrule_the_table():
    """M29: they are held against what they were up to 2019, on this ground and in this half of the swath."""
    shift = {"terra_day": lambda t: np.where(t.year < 2024, 10.9, 10.3), "aqua_day": lambda t: np.full(t.size, 13.1)}
    data = passes("2017-01-05", "2025-12-31", "terra_day", "aqua_day", hours=shift)
    drift = lst.overpass_drift(data)
    assert drift["by"].tolist() == ["view times"] * 2
    assert drift["usual"].tolist() == pytest.approx([10.9, 13.1])
    assert drift.loc["terra_day", "first"] == "2024-01-01"
    assert drift.loc["terra_day", "largest"] == pytest.approx(-36)
    assert drift.loc["aqua_day", "beyond"] == 0
    assert lst.overpass_drift(data, tolerance_minutes=40)["beyond"].sum() == 0


@pytest.mark.parametrize("first_year", [2015, 2021])
@pytest.mark.parametrize("told", ["both", "fit", "series"])
def test_the_hours_of_a_fit_and_of_a_series_are_one_hour(rng, first_year, told):
    """M29: 23 minutes lie between the equator and 35 degrees north; 20 more are 20, whoever has view times."""
    over = 10.5 + 23.2 / 60
    kept, late = (
        passes(f"{first_year}-01-05", "2022-12-31", "terra_day", hours={"terra_day": clock})
        for clock in (lambda t: np.full(t.size, over), lambda t: over - np.where(t.year < 2022, 0.0, 20 / 60))
    )
    kept, late = (data.assign_coords(latitude=35.0) for data in (kept, late))
    shape = kept.sizes["time"], 3
    seen = xr.DataArray(rng.normal(size=shape), {"time": kept["time"]}, ("time", "station"), attrs={"units": "degC"})
    stations = seen.to_dataset(name="terra_day").assign_coords(latitude=("station", [34.0, 35.0, 36.0]))
    if told != "series":
        stations["view_time_terra_day"] = kept["view_time_terra_day"].mean("x")
    fit = lst.fit_daily_mean(stations, seen, overpasses=["terra_day"])
    assert float(fit["view_hour"][1]) == pytest.approx(10.5, abs=0.13)  # by the table, 2022 is early
    late = late.drop_vars("view_time_terra_day") if told == "fit" else late
    hours = fit["view_hour"].to_series().to_dict()
    assert lst.overpass_drift(kept, hours=hours).loc["terra_day", "largest"] == pytest.approx(0, abs=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lst.daily_mean(late, coefficients=fit)
    if told != "fit":
        assert lst.overpass_drift(late, hours=hours).loc["terra_day", "largest"] == pytest.approx(-20, abs=8)


def test_daily_means_look_at_view_times():
    """M29: a pass that leaves its hour before the plans say so."""
    early = {"terra_day": lambda t: np.where(t.year < 2021, 10.9, 10.9 - 45 / 60)}
    data = passes("2018-01-05", "2022-12-31", "terra_day", hours=early)
    with pytest.warns(UserWarning, match=r"terra_day: from 2021-01-05.* up to 45 minutes earlier by the view times"):
        lst.daily_mean(data, coefficients={"intercept": 0.0, "terra_day": 1.0})


def test_without_steady_dates_view_times_are_held_against_the_nominal_hour():
    """Closed form: a pass over 35 degrees north is 23 minutes from its crossing, later downward, earlier upward."""
    hours = {"terra_day": lambda t: np.full(t.size, 10.5 + 23.2 / 60)}
    hours |= {"aqua_day": lambda t: np.full(t.size, 13.5 - 23.2 / 60)}
    data = passes("2022-01-05", "2022-12-31", "terra_day", "aqua_day", hours=hours)
    assert lst.overpass_drift(data, latitude=35.0)["largest"].abs().max() < 0.5
    assert lst.overpass_drift(data)["largest"].round().tolist() == [23, -23]


@given(st.dates(dt.date(2000, 2, 24), STEADY_UNTIL.item()), st.integers(0, 23))
def test_property_nothing_up_to_2019_is_ever_off(day, hour):
    """M29: however far the view times are from anything."""
    clock = {name: lambda t, h=hour: np.full(t.size, float(h)) for name in ("terra_day", "aqua_night")}
    data = passes(day, STEADY_UNTIL, "terra_day", "aqua_night", hours=clock)
    assert (lst.overpass_drift(data, hours={"terra_day": 3.0})["beyond"] == 0).all()


def test_hours_and_places_that_are_none_are_refused():
    """M29: what is misspelled must not leave a drift untold."""
    times = pd.date_range("2021-01-05", "2025-12-31", freq="8D")
    clock = xr.DataArray(np.full(times.size, 9.9), {"time": times}, "time")
    looks = xr.Dataset({"terra_day": xr.zeros_like(clock).assign_attrs(units="degC"), "view_time_terra_day": clock})
    for options, words in (
        ({"hours": {"terra": 9.0}}, "hours are those of overpasses"),
        ({"hours": {"terra_day": 630.0}}, "hours are those of overpasses"),
        ({"latitude": 95.0}, "beyond the poles"),
    ):
        assert words in refused(lst.overpass_drift, looks, **options)
    assert "no hours of the day" in refused(lst.overpass_drift, looks.assign(view_time_terra_day=60 * clock))
    assert np.isfinite(lst.overpass_drift(looks, latitude=85.0).loc["terra_day", "usual"])


def test_passes_around_midnight_are_averaged_as_hours_of_the_day():
    """Closed form: 23:30 and 0:30 are midnight, not noon."""
    times = pd.date_range("2019-01-05", periods=4, freq="8D")
    clock = xr.DataArray(np.tile([23.5, 0.5], (4, 1)), {"time": times}, ("time", "x"))
    looks = xr.Dataset({"aqua_night": xr.zeros_like(clock).assign_attrs(units="degC"), "view_time_aqua_night": clock})
    assert lst.overpass_drift(looks).loc["aqua_night", "usual"] % 24 == pytest.approx(0.0, abs=1e-9)


def test_lazy_dates_are_all_that_is_looked_at(no_compute):
    """Without view times no value is read."""
    data = passes("2023-01-05", "2024-12-31", "terra_day", "terra_night").chunk(time=10)
    with no_compute(), pytest.warns(UserWarning, match="terra_"):
        mean = lst.daily_mean(data, overpasses="terra")
    assert isinstance(mean.data, da.Array)


def test_the_look_before_the_work_tells_of_drift():
    """M29: in the lines of `qtp check`, by the table and by view times."""
    data = passes("2022-01-05", "2024-12-31", "terra_day").expand_dims(y=2, x=3)
    said = prospects.look_at_pixels(data)
    assert [line for line in said if line.startswith("warning: terra_day: from 2023-06") and "by the table" in line]
    early = passes("2014-01-05", "2019-12-31", "terra_day").expand_dims(y=2, x=3)
    assert not [line for line in prospects.look_at_pixels(early) if "from" in line]


CATALOG = """catalog_version: 1
roots: ['.']
sources:
  modis_lst:
    {kind: granules, driver: appeears_netcdf, uri: 'MOD*.nc', parameters: {sensors: [terra]}, provenance: observed}
"""


@pytest.mark.parametrize("quick", [True, False])
def test_a_check_of_the_catalog_tells_of_drift(tmp_path, quick):
    """M29: from the headers alone, too."""
    days = [day for year in (2022, 2023) for day in day_number(f"{year}-01-01") + np.arange(0, 365, 8)]
    appeears(tmp_path / "MOD11A2.061_1km_aid0001.nc", days, qc=0)
    (tmp_path / "data_catalog.yaml").write_text(CATALOG, encoding="utf-8")
    row = prospects.look(open_catalog(tmp_path / "data_catalog.yaml"), "modis_lst", quick=quick)
    assert row["status"] == "found", row
    assert len([note for note in row["notes"] if "seen at another hour" in note]) == 2  # day and night


def test_a_second_source_covers_later_acquisitions():
    """What notebook 01 carries on is not told to be missing."""
    ends = pd.date_range("2022-01-02", "2024-12-30", freq="36D").values
    axes = {"reference": ("pair", ends[:-1]), "secondary": ("pair", ends[1:])}
    grid = {"y": [34.1, 34.0], "x": [92.0, 92.1]}
    phase = xr.DataArray(np.zeros((ends.size - 1, 2, 2)), grid | axes, ("pair", "y", "x"), attrs={"units": "rad"})

    class Catalog(dict):
        settings = type("Settings", (), {"reference_date": None, "ramp": "none", "wavelength": 0.0554658, "crs": None})

        def files(self, name):
            return {}

        def available(self, name):
            return name in self

    catalog = Catalog(
        interferograms=phase.to_dataset(name="phase"), modis_lst=passes("2021-01-04", "2023-05-30", "terra_day")
    )
    alone = [finding.text for finding in prospects.look_at_dates(catalog)]
    catalog["viirs_lst"] = passes("2021-01-04", "2025-01-05", "snpp_day")
    both = [finding.text for finding in prospects.look_at_dates(catalog)]
    assert [text for text in alone if "to 2023-05-29 covers 15 of 31" in text]
    assert not [text for text in both if "covers" in text]
