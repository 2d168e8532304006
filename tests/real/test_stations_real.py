"""Published permafrost indices of weather stations on the plateau, and boreholes far from it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import yaml

from qtp_toolkit import open_catalog, seasons, soil, validation

pytestmark = pytest.mark.real
WATER_DENSITY = 1000.0


@pytest.fixture
def tables(real_data):
    folder = real_data / "qtp_stations_pic"

    def read(name):
        table = pd.read_csv(folder / f"{name}_QTP.csv", index_col="Year")
        return xr.DataArray(table, dims=("year", "station"), attrs={"units": "degC d"})

    return read, pd.read_csv(folder / "Station_Info.csv", index_col="SNameEN")


def daily(table, column, *, scale=1.0):
    """Daily series with every day present, NaN where the table has none."""
    days = pd.to_datetime({"year": table["Year"], "month": table["Mon"], "day": table["Day"]})
    return series(pd.Series(table[column].to_numpy(dtype=float) * scale, index=days))


def series(values):
    values = values.asfreq("D")
    return xr.DataArray(
        values.to_numpy(), dims="time", coords={"time": values.index.values}, name="lst", attrs={"units": "degC"}
    )


def borehole(real_data, name, number, depth):
    table = pd.read_csv(real_data / "gtnp_multi" / name, parse_dates=["date"])
    table = table[(table["dataset_id"] == number) & (table["depth"] == depth)]
    return series(table.set_index("date")["temperature"])


def test_published_stefan_depths(tables):
    """All station-years. Water is in % of the dry mass there: times dry density over water density it is volumetric."""
    read, info = tables
    index, published = read("Thawing_index_air"), read("Thaw_depth_Stefan")
    info = info.loc[published["station"].values]
    volumetric = xr.DataArray((info["W"] - info["Wu"]) / 100 * info["Y"] / WATER_DENSITY, dims="station")
    conductivity = xr.DataArray(info["COT"], dims="station", attrs={"units": "W m-1 K-1"})
    ours = validation.stefan_alt(index, conductivity, volumetric.drop_vars("SNameEN", errors="ignore"))
    ours = ours.transpose("year", "station").values
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(published))
    assert np.isfinite(ours).sum() == 2691
    np.testing.assert_allclose(ours, published, rtol=5e-15)


def test_published_stefan_depths_from_their_settlement_alone(tables):
    """Water and depth of all station-years out of one number each, with neither told: published depths come back."""
    read, info = tables
    index, published = read("Thawing_index_air"), read("Thaw_depth_Stefan")
    info = info.loc[published["station"].values]
    share = xr.DataArray((info["W"] - info["Wu"]) / 100 * info["Y"] / WATER_DENSITY, dims="station")
    share = share.drop_vars("SNameEN", errors="ignore")
    conductivity = xr.DataArray(info["COT"], dims="station", attrs={"units": "W m-1 K-1"})
    settled = validation.pore_water_settlement(published.assign_attrs(units="m"), share)
    sigma = (0.1 * settled).assign_attrs(units="mm")
    out = soil.water_and_depth(settled, sigma, index, incidence=None, conductivity=conductivity)
    depth = out["active_layer_thickness"].transpose("year", "station").values
    np.testing.assert_array_equal(np.isfinite(depth), np.isfinite(published))
    assert np.isfinite(depth).sum() == 2691
    np.testing.assert_allclose(depth, published, rtol=1e-12)
    found = out["mean_water_content"].transpose("year", "station")
    np.testing.assert_allclose(found.fillna(share), share.broadcast_like(found), rtol=1e-12)
    assert set(np.unique(out["flag"])) == {0, 1}
    assert 0.05 < float(found.median()) < 0.5


@pytest.mark.parametrize(("kind", "mean", "count"), [("air", "MAAT", 2691), ("ground", "MAGST", 2299)])
def test_published_means_are_the_balance_of_the_published_indices(tables, kind, mean, count):
    read, _ = tables
    ours = seasons.mean_annual_temperature(read(f"Thawing_index_{kind}"), read(f"Freezing_index_{kind}"))
    published = read(mean)
    known = np.isfinite(ours.values) & np.isfinite(published.values)
    assert known.sum() == np.isfinite(published.values).sum() == count
    np.testing.assert_allclose(ours.values[known], published.values[known], atol=1e-12)


@pytest.mark.parametrize(("column", "index"), [("Temperature", "MAAT"), ("GT", "MAGST")])
def test_golmud_to_the_printed_digit(real_data, column, index):
    """63 years of days give the published means of air and ground surface to every digit that is printed."""
    folder = real_data / "qtp_golmud_xidatan_daily"
    printed = pd.read_csv(folder / "maat_magst_expected_golmud.csv", dtype={"Value": str})
    printed = printed[printed["Index"] == index].set_index("Year")["Value"]
    days = daily(pd.read_csv(folder / "golmud_daily.csv"), column, scale=0.1)
    out = seasons.annual_degree_days(days, max_missing=366, min_days=1)
    ours = seasons.mean_annual_temperature(out["ddt"], out["ddf"]).to_series()
    assert len(printed) == 63
    assert [f"{ours[year]:.{len(text.partition('.')[2])}f}" for year, text in printed.items()] == list(printed)


def test_golmud_gaps_are_not_zero_degrees(real_data):
    """M25: years with missing days are NaN unless the gap is allowed; the published sums allow it."""
    ground = daily(pd.read_csv(real_data / "qtp_golmud_xidatan_daily" / "golmud_daily.csv"), "GT", scale=0.1)
    complete = np.isfinite(ground).groupby("time.year").all()
    strict, lenient = seasons.annual_degree_days(ground), seasons.annual_degree_days(ground, max_missing=366)
    np.testing.assert_array_equal(np.isfinite(strict["ddt"]), complete)
    assert 0 < (~complete).sum() < 20
    assert (strict["ddt"] == lenient["ddt"]).where(complete, True).all()


def test_mohe_days_against_plain_sums(real_data):
    """41 years of a station without published indices: pandas sums the same, to the last bit that matters."""
    table = pd.read_csv(real_data / "qtp_stations_pic" / "d50136.csv")
    for column in ("Temperature", "GT"):
        days = daily(table, column)
        out = seasons.annual_degree_days(days, max_missing=366, min_days=1)
        year = days["time"].dt.year.values
        values = pd.Series(days.values)
        np.testing.assert_allclose(out["ddt"], values.clip(lower=0).groupby(year).sum(), atol=1e-9)
        np.testing.assert_allclose(out["ddf"], -values.clip(upper=0).groupby(year).sum(), atol=1e-9)


@pytest.mark.parametrize("method", seasons.METHODS)
def test_an_antarctic_summer_is_one_season(real_data, method):
    """P04: Molodyozhnaya thaws in December and freezes in February; the gap from March 2009 on is no year."""
    out = seasons.onsets(borehole(real_data, "gtnp2026.csv", 2128, 0.0), method=method, min_days=120)
    assert list(out["thaw_year"].values) == [2008, 2009, 2010]
    assert list(out["reason_of_year"].values) == [0, 5, 5]
    assert 340 < out["thaw_onset"][0] < 366
    assert 366 + 20 < out["freeze_onset"][0] < 366 + 50


def test_an_alpine_slope_under_snow(real_data):
    """Snow holds the ground at zero for weeks: the rules part by a month in spring, by days in autumn."""
    ground = borehole(real_data, "gtnp2026-multi.csv", 2005, 0.25)
    found = {method: seasons.onsets(ground, method=method) for method in seasons.METHODS}
    for out in found.values():
        assert list(out["thaw_year"].values) == list(range(2003, 2011))
        assert int(out["years"]) == 8
        assert 140 < out["thaw_onset_mean"] < 175
        assert 295 < out["freeze_onset_mean"] < 325
    apart = found["consecutive"] - found["smoothed"]
    assert apart["thaw_onset_mean"] > 5
    assert abs(apart["freeze_onset_mean"]) < 5


def test_index_maps_agree_with_the_surveyed_permafrost(real_data):
    """Thawing and freezing indices from satellites: the surface is colder where permafrost was mapped in the field."""

    def read(name):
        with rasterio.open(real_data / "qtp_ddt_ddf_modis" / f"{name}.tif") as raster:
            values = raster.read(1, masked=True)
        return xr.DataArray(values.astype(float).filled(np.nan), dims=("y", "x"), attrs={"units": "degC d"})

    mean = seasons.mean_annual_temperature(read("DDT_mean_annual"), read("DDF_mean_annual"))
    survey = read("investigation_map")
    permafrost, without = (float(mean.where(survey == code).median()) for code in (1, 2))
    assert -5 < permafrost < without - 1.0
    assert float((mean.where(survey == 1) < 2.0).sum() / (survey == 1).sum()) > 0.5


def test_entries_of_the_docs_open_real_stations(real_data, tmp_path):
    text = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    (entry,) = re.findall(r"```yaml\n(.*?)```", text.partition("\n## Stations\n")[2].partition("\n## ")[0], re.DOTALL)
    sources = yaml.safe_load(entry)
    sources["station_soil_temperature"]["root"] = str(real_data / "gtnp_multi")
    sources["station_surface_temperature"]["root"] = str(real_data / "qtp_golmud_xidatan_daily")
    content = {"catalog_version": 1, "roots": [str(real_data)], "sources": sources}
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(content))
    catalog = open_catalog(tmp_path / "catalog.yaml")
    soil_temperature = catalog["station_soil_temperature"]["soil_temperature"]
    assert (soil_temperature["depth"].values.tolist(), int(soil_temperature.count())) == ([0.0], 437)
    assert (float(soil_temperature.min()), float(soil_temperature.max())) == (-29.88, 5.23)
    surface = catalog["station_surface_temperature"]["ground_surface_temperature"]
    assert surface["station"].values.tolist() == ["Golmud"]
    assert surface.sizes["time"] == 22980
    published = pd.read_csv(real_data / "qtp_golmud_xidatan_daily" / "maat_magst_expected_golmud.csv")
    annual = pd.read_csv(real_data / "qtp_golmud_xidatan_daily" / "maat_magst_expected_golmud.csv")
    published = annual.query("Index == 'MAGST' and Year == 2016")["Value"].item()
    assert float(surface.sel(time="2016").sum()) / 365 == pytest.approx(published, abs=1e-8)
