"""Temperature side on measured data: station climatologies of the plateau, and a year of 8-day composites."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import lst, seasons

pytestmark = pytest.mark.real


def daily(table, column, *, scale=1.0):
    """Daily series with every day present, NaN where the table has none."""
    days = pd.to_datetime({"year": table["Year"], "month": table["Mon"], "day": table["Day"]})
    values = pd.Series(table[column].to_numpy(dtype=float) * scale, index=days).asfreq("D")
    return xr.DataArray(
        values.to_numpy(), dims="time", coords={"time": values.index.values}, name="lst", attrs={"units": "degC"}
    )


@pytest.fixture
def golmud(real_data):
    folder = real_data / "qtp_golmud_xidatan_daily"
    expected = pd.read_csv(folder / "maat_magst_expected_golmud.csv")
    expected = expected[expected["Index"] == "MAGST"].set_index("Year")["Value"]
    return daily(pd.read_csv(folder / "golmud_daily.csv"), "GT", scale=0.1), expected


def test_golmud_published_mean_surface_temperature(golmud):
    """Thawing minus freezing index over 365 is the published mean, in leap years and years with gaps, too."""
    ground, expected = golmud
    out = seasons.annual_degree_days(ground, max_missing=366, min_days=1)
    mean = ((out["ddt"] - out["ddf"]) / 365).to_series()
    np.testing.assert_allclose(mean.loc[expected.index], expected, atol=1e-8)
    assert len(expected) == 63


def test_golmud_strict_years_have_no_gap(golmud):
    ground, expected = golmud
    out = seasons.annual_degree_days(ground)
    complete = np.isfinite(ground).groupby("time.year").all()
    valid = np.isfinite(out["ddt"])
    np.testing.assert_array_equal(valid, complete)
    assert 45 < valid.sum() < 63
    difference = (out["ddt"] - out["ddf"]).to_series().dropna() / 365
    np.testing.assert_allclose(difference, expected.loc[difference.index], atol=1e-8)


def test_golmud_onsets_of_the_three_methods_agree(golmud):
    """Golmud (2800 m, no permafrost): thaw in March, freeze in November, whatever the rule; it gets warmer."""
    ground, _ = golmud
    found = {method: seasons.onsets(ground, method=method) for method in seasons.METHODS}
    for out in found.values():
        assert 55 < out["thaw_onset_mean"] < 85
        assert 305 < out["freeze_onset_mean"] < 330
        assert out["years"] >= 60
    for name in ("thaw_onset_mean", "freeze_onset_mean"):
        assert np.ptp([out[name].item() for out in found.values()]) < 10
    smooth = found["smoothed"]
    first, last = slice(1956, 1985), slice(1989, 2018)
    assert smooth["thaw_onset"].sel(thaw_year=last).mean() < smooth["thaw_onset"].sel(thaw_year=first).mean() - 4


def test_degree_days_of_a_cycle_cover_the_year(golmud):
    """Sums by permafrost year and by calendar year tell the same climate."""
    ground, _ = golmud
    recent = ground.sel(time=slice("2012-01-01", "2018-12-31"))
    onsets = seasons.onsets(recent)
    out = seasons.degree_days(recent, onsets["thaw_onset_mean"], onsets["freeze_onset_mean"])
    annual = seasons.annual_degree_days(recent)
    # Warm days before the mean thaw onset and after the mean freeze onset belong to no thaw season.
    assert 0.97 < out["addt_end"].mean() / annual["ddt"].mean() < 1.0
    assert 0.85 < out["addf_end"].mean() / annual["ddf"].mean() < 1.01


def test_xidatan_freezes_and_thaws_as_the_paper_says(real_data):
    """Air temperature at the northern edge of the study area: thaw in spring, freeze in early autumn."""
    table = pd.read_csv(real_data / "qtp_golmud_xidatan_daily" / "xidatan_airtemp_daily.csv")
    out = seasons.onsets(daily(table, "Temperature"), min_days=200)
    assert 110 < out["thaw_onset_mean"] < 140
    assert 265 < out["freeze_onset_mean"] < 290
    assert out["thaw_onset_std"] < 15


def test_station_tables_are_consistent_with_our_definition(real_data):
    """52 stations: thawing minus freezing index of the ground, over 365, is the mean surface temperature."""
    folder = real_data / "qtp_stations_pic"
    names = ("MAGST", "Thawing_index_ground", "Freezing_index_ground")
    magst, ddt, ddf = (pd.read_csv(folder / f"{name}_QTP.csv", index_col=0) for name in names)
    difference = ((ddt - ddf) / 365 - magst).abs()
    assert difference.count().sum() == 2299
    assert difference.max().max() < 1e-9


def test_mohe_indices(real_data):
    """A cold station outside the plateau: freezing exceeds thawing, and a winter is not cut in two."""
    table = pd.read_csv(real_data / "qtp_stations_pic" / "d50136.csv")
    ground = daily(table, "GT")
    calendar = seasons.annual_degree_days(ground, max_missing=5)
    winter = seasons.annual_degree_days(ground, max_missing=5, freezing_year="july")
    assert (calendar["ddf"] > calendar["ddt"]).sum() > 35
    np.testing.assert_allclose(winter["ddf"].mean(), calendar["ddf"].mean(), rtol=0.02)
    assert winter["ddf"].std() != calendar["ddf"].std()


@pytest.fixture
def istria(real_data):
    table = pd.read_csv(real_data / "modis_lst_8day_istra2008" / "LST.csv")
    columns = [name for name in table if name.startswith("LST2008")]
    start = pd.to_datetime([name[3:] for name in columns], format="%Y_%m_%d")
    length = np.minimum(8, (pd.Timestamp(2009, 1, 1) - start).days)
    times = start + pd.to_timedelta((length - 1) / 2, unit="D")
    return xr.DataArray(
        table[columns].to_numpy(dtype="f4").T,
        dims=("time", "cell"),
        coords={"time": times},
        name="lst",
        attrs={"units": "degC"},
    )


def test_istria_gap_fill_of_hidden_values(istria):
    """Hide every seventh composite of every cell, each at its own phase: error near the scatter of the data."""
    phase = (np.arange(istria.sizes["time"])[:, None] + np.arange(istria.sizes["cell"])) % 7 == 3
    hidden = xr.DataArray(phase, dims=istria.dims) & np.isfinite(istria)
    filled = lst.fill_gaps(istria.where(~hidden))
    error = (filled - istria).where(hidden)
    rmse = np.sqrt(float((error**2).mean()))
    season = float(istria.mean("cell").std())
    assert hidden.sum() > 40_000
    assert rmse < 3.2
    assert rmse < 0.45 * season


def test_istria_every_cell_is_filled(istria):
    report = lst.fill_gaps(istria.to_dataset())
    valid = report["reason"] == 0
    assert valid.mean() > 0.99
    assert np.isfinite(report["lst"]).all("time").where(valid, True).all()
    assert (report["lst_max_gap"].where(valid) < 200).where(valid, True).all()
    daily_series = lst.to_daily(report["lst"])
    assert daily_series.sizes["time"] == 366
    ddt = seasons.annual_degree_days(daily_series.where(valid, drop=True), min_days=365)["ddt"].squeeze("year")
    mean = daily_series.where(valid, drop=True).mean("time")
    assert (ddt >= 365 * mean).all()
    assert np.corrcoef(ddt, mean)[0, 1] > 0.99


def test_istria_hold_out_chooses_the_settings(istria):
    """Cells with all 46 composites, 30 % hidden in runs: what docs/gap_fill.md says of the defaults."""
    truth = istria.dropna("cell")
    assert truth.sizes["cell"] == 2010
    truth = truth.isel(cell=slice(None, None, 4))
    held = lst.hold_out(truth, share=0.3, seed=5)
    options = {
        "default": {},
        "third": {"harmonics": 3},
        "strict": {"tolerance_K": 3.0},
        "smooth": {"method": "whittaker"},
    }
    found = {
        name: lst.gap_errors(truth, lst.fill_gaps(held["masked"], **some), held["gap"]).set_index(gap_length="label")
        for name, some in options.items()
    }
    days = (truth["time"].values - truth["time"].values[0]) / np.timedelta64(1, "D")
    known = np.isfinite(held["masked"].values.T)
    lines = [np.interp(days, days[k], row[k]) for k, row in zip(known, truth.values.T, strict=True)]
    found["lines"] = lst.gap_errors(truth, truth.copy(data=np.array(lines).T), held["gap"]).set_index(
        gap_length="label"
    )
    rmse = {name: errors["rmse"] for name, errors in found.items()}
    assert rmse["default"].sel(gap_length="all") < 2.85
    assert rmse["default"].sel(gap_length="all") < rmse["lines"].sel(gap_length="all") - 0.15
    assert rmse["default"].sel(gap_length="6-8") < rmse["third"].sel(gap_length="6-8") - 0.3
    assert rmse["smooth"].sel(gap_length="all") < rmse["default"].sel(gap_length="all") + 0.02
    assert abs(found["default"]["bias"].sel(gap_length="all")) < 0.15
    assert found["strict"]["bias"].sel(gap_length="all") > 0.5
