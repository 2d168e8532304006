"""Hourly skin temperature of ERA5-Land: read as the store delivers it, to daily means and to hours of satellites."""

from __future__ import annotations

import struct
import zipfile

import dask
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from rasterio.transform import from_origin
from small_files import refused

from qtp_toolkit import load, lst
from qtp_toolkit.load.files.dates import centers

pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")  # of affine 3.1

LAT, LON = np.array([35.2, 35.1, 35.0]), np.array([92.0, 92.1])


def sun(times, longitude, warm=5.0):
    """Daily wave in degC whose warmest hour is 14 h local solar time."""
    hours = (times - times.astype("datetime64[D]")) / np.timedelta64(1, "h")
    return -2.0 + warm * np.cos(2 * np.pi * (hours[:, None] + np.asarray(longitude) / 15 - 14) / 24)


def skt(times, lat=LAT, lon=LON):
    """Kelvin, rows a degree apart."""
    times = np.asarray(times, "datetime64[ns]")
    return (sun(times, lon)[:, None, :] + np.arange(lat.size)[:, None] + 273.15).astype("f4")


def hourly(days=3, start="2018-07-01"):
    return pd.date_range(start, periods=24 * days, freq="h").values


def netcdf(path, times, *, name="skt", units="K", versions="0001", values=None):
    """As the present store delivers hours and monthly means by hour of day: falling latitudes, a member, versions."""
    coords = {
        "valid_time": np.asarray(times, "datetime64[ns]"),
        "latitude": LAT,
        "longitude": LON,
        "number": 0,
        "expver": ("valid_time", [versions] * len(times)),
    }
    dims = ("valid_time", "latitude", "longitude")
    found = skt(times) if values is None else values
    data = {name: (dims, found, {"units": units, "GRIB_paramId": 235})}
    xr.Dataset(data, coords).to_netcdf(path, engine="h5netcdf")
    return path


def grib(path, times):
    """GRIB of the second edition, written by GDAL: temperature of the skin (0, 17) at the surface (1)."""
    times = np.asarray(times, "datetime64[s]")
    options = {}
    for k, time in enumerate(times, 1):
        options |= {
            f"BAND_{k}_DISCIPLINE": 0,
            f"BAND_{k}_IDS": "CENTER=98 SUBCENTER=0 MASTER_TABLE=20 LOCAL_TABLE=0 SIGNF_REF_TIME=0 "
            f"REF_TIME={time}Z PROD_STATUS=0 TYPE=0",
            f"BAND_{k}_PDS_PDTN": 0,
            f"BAND_{k}_PDS_TEMPLATE_ASSEMBLED_VALUES": "0 17 0 0 0 0 0 1 0 1 0 0 255 0 0",
            f"BAND_{k}_DATA_ENCODING": "IEEE_FLOATING_POINT",
            f"BAND_{k}_INPUT_UNIT": "K",
        }
    shape = {"count": len(times), "height": 3, "width": 2, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        path, "w", driver="GRIB", transform=from_origin(91.95, 35.25, 0.1, 0.1), **shape, **options
    ) as file:
        file.write(skt(times))
    return path


def grib_1(times, *, sea=(), element=235):
    """GRIB of the first edition, byte by byte, as hours of the land model are delivered.

    Each message is a forecast of 1 to 24 hours from 00 UTC, with a bit for each pixel that is land; 16 bits a value.
    """
    out = b""
    for time, values in zip(np.asarray(times, "datetime64[h]"), skt(times), strict=True):
        begin = (time - np.timedelta64(1, "h")).astype("datetime64[D]")
        step = int((time - begin.astype("datetime64[h]")).astype(int))
        year, month, day = (int(part) for part in str(begin).split("-"))
        of_century = [(year - 1) % 100 + 1, month, day, 0, 0, 1, step, 0, 0, 0, 0, 0, (year - 1) // 100 + 1, 0]
        what = bytes([128, 98, 142, 255, 0xC0, element, 1, 0, 0, *of_century]) + b"\0\0"
        corners = [_signed(round(1000 * end)) for end in (LAT[0], LON[0], LAT[-1], LON[-1])]
        axes = struct.pack(">HH", len(LON), len(LAT)) + b"".join([*corners[:2], b"\x80", *corners[2:]])
        where = bytes([0, 255, 0]) + axes + struct.pack(">HHB", 100, 100, 0) + bytes(4)
        land = ~np.isin(np.arange(values.size), sea)
        bits = bytes(1) + bytes(2) + np.packbits(np.pad(land, (0, 16 - land.size))).tobytes()
        bits = bytes([16 - land.size]) + bits[1:]
        number = np.rint((values.ravel()[land] - 256.0) * 2**9).astype(">u2").tobytes()
        packed = struct.pack(">H", 0x8000 | 9) + bytes([0x43, 0x10, 0, 0]) + bytes([16]) + number
        packed = bytes([0 if len(packed) % 2 == 0 else 8]) + packed
        packed += bytes((3 + len(packed)) % 2)
        parts = b"".join((3 + len(part)).to_bytes(3, "big") + part for part in (what, where, bits, packed))
        out += b"GRIB" + (12 + len(parts)).to_bytes(3, "big") + b"\1" + parts + b"7777"
    return out


def _signed(value):
    return (abs(value) | (0x800000 if value < 0 else 0)).to_bytes(3, "big")


def series(times, longitude=(92.0, 92.1), **attrs):
    """Stations on a wave of the sun, degC."""
    axes = {"time": np.asarray(times, "datetime64[ns]"), "station": np.arange(len(longitude))}
    data = xr.DataArray(sun(axes["time"], longitude), axes, ("time", "station"), attrs={"units": "degC"} | attrs)
    return data.assign_coords(longitude=("station", list(longitude)))


# the loader -----------------------------------------------------------------------------------------------------------


def test_hours_are_lazy_in_degrees_and_placed(tmp_path, no_compute):
    """Closed form: K - 273.15, names and order of ours, nothing beside."""
    path = netcdf(tmp_path / "skt.nc", hourly())
    with no_compute():
        data = load.era5_land(path)
    skin = data["skin_temperature"]
    assert (skin.dims, skin.dtype, skin.attrs["units"]) == (("time", "y", "x"), np.float32, "degC")
    assert set(data.coords) == {"time", "y", "x", "spatial_ref"}
    assert data["y"].values.tolist() == LAT.tolist()
    np.testing.assert_allclose(skin, skt(hourly()) - 273.15, atol=1e-4)
    assert data.rio.crs.to_epsg() == 4326


def test_oracle_grib_zip_and_old_netcdf_are_what_netcdf_is(tmp_path):
    whole = load.era5_land(netcdf(tmp_path / "whole.nc", hourly(1)))
    others = [grib(tmp_path / "a.grib", hourly(1)), tmp_path / "packed.zip", tmp_path / "old.nc"]
    with zipfile.ZipFile(others[1], "w") as archive:
        archive.write(tmp_path / "whole.nc", "data_0.nc")
    plain = xr.load_dataset(tmp_path / "whole.nc").drop_vars("expver").rename(valid_time="time")
    plain.to_netcdf(others[2], engine="scipy", format="NETCDF3_64BIT")
    for path in others:
        xr.testing.assert_allclose(load.era5_land(path).compute(), whole.compute(), atol=1e-4)
    parts = [netcdf(tmp_path / f"{k}.nc", hourly(1)[12 * k : 12 * k + 12]) for k in (1, 0)]
    xr.testing.assert_equal(load.era5_land(parts).compute(), whole.compute())


def test_oracle_forecasts_in_the_first_edition_of_grib_are_what_netcdf_is(tmp_path):
    """Hours 1 to 24 of forecasts, the sea left out by a map of bits, another field beside."""
    hours = hourly(2)[1:]
    (tmp_path / "skt.grib").write_bytes(grib_1(hours, sea=[0, 3]) + grib_1(hours, element=167))
    found = load.era5_land(tmp_path / "skt.grib")["skin_temperature"]
    whole = load.era5_land(netcdf(tmp_path / "skt.nc", hours))["skin_temperature"].values
    whole[:, 0, 0] = whole[:, 1, 1] = np.nan
    assert (found["time"].values == hours).all()
    np.testing.assert_allclose(found, whole, atol=1.1e-3)


def test_sea_stays_empty_and_preliminary_fills_final(tmp_path):
    values = skt(hourly(1))
    values[:, 0] = np.nan
    data = load.era5_land(netcdf(tmp_path / "sea.nc", hourly(1), values=values))["skin_temperature"].compute()
    assert np.isnan(data.isel(y=0)).all()
    assert np.isfinite(data.isel(y=1)).all()
    final, early = values.copy(), values + 1
    final[12:] = np.nan
    both = xr.DataArray(
        np.stack([early, final]), {"expver": [5, 1], "time": hourly(1), "latitude": LAT, "longitude": LON}
    )
    both.assign_attrs(units="K").to_dataset(name="skt").to_netcdf(tmp_path / "two.nc", engine="h5netcdf")
    found = load.era5_land(tmp_path / "two.nc")["skin_temperature"].values[:, 1, 1]
    np.testing.assert_allclose(found, np.where(np.arange(24) < 12, values[:, 1, 1], early[:, 1, 1]) - 273.15, atol=1e-4)


def test_what_is_no_skin_temperature_is_refused(tmp_path):
    """M27, M11, M05, M04: by what it is, by its unit, cut short, no NetCDF."""
    assert "t2m" in refused(load.era5_land, netcdf(tmp_path / "air.nc", hourly(1), name="t2m"), code="M27")
    assert "K" in refused(load.era5_land, netcdf(tmp_path / "c.nc", hourly(1), units="degC"), code="M11")
    celsius = netcdf(tmp_path / "kelvin.nc", hourly(1), values=skt(hourly(1)) - 273.15)
    refused(load.era5_land(celsius)["skin_temperature"].compute, code="M11")
    path = netcdf(tmp_path / "cut.nc", hourly(1))
    path.write_bytes(path.read_bytes()[:-500])
    assert "cut.nc" in refused(load.era5_land, path, code="M05")
    (tmp_path / "page.nc").write_text("<html>")
    refused(load.era5_land, tmp_path / "page.nc", code="M04")
    twice = [netcdf(tmp_path / f"{k}.nc", hourly(1)) for k in "ab"]
    message = refused(load.era5_land, twice, code="M27")
    assert "same times" in message
    assert "2018-07-01T00, 2018-07-01T01, 2018-07-01T02, ... (24 in all)" in message
    double = netcdf(tmp_path / "double.nc", np.append(hourly(1), hourly(1)[:1]))
    message = refused(load.era5_land, double, code="M27")
    assert "holds times twice" in message
    assert "double.nc" in message


def test_longitudes_within_the_globe_stay_to_the_bit(tmp_path):
    """Of 93.1, turned round and back, 93.10000000000002 was left, which no longitude of another file equals."""
    path, other = (netcdf(tmp_path / f"{k}.nc", hourly(1)) for k in "ab")
    with xr.open_dataset(path) as found:
        turned = found.assign_coords(longitude=[93.1, 93.2, 93.3][: found.sizes["longitude"]]).load()
    turned.to_netcdf(other, engine="h5netcdf", mode="w")
    assert load.era5_land(other)["x"].values.tolist() == turned["longitude"].values.tolist()


# days -----------------------------------------------------------------------------------------------------------------


def test_closed_form_days_are_those_of_the_sun_on_the_plateau(tmp_path):
    """Six hours ahead of UTC: the two ends are no whole days."""
    skin = load.era5_land(netcdf(tmp_path / "skt.nc", hourly()))["skin_temperature"]
    mean = lst.mean_of_hours(skin)
    assert [str(t)[:10] for t in mean["time"].values] == ["2018-07-01", "2018-07-02", "2018-07-03", "2018-07-04"]
    counted = [18, 24, 24, 6]
    assert np.isnan(mean).all(("y", "x")).values.tolist() == [count < 20 for count in counted]
    np.testing.assert_allclose(
        mean.isel(time=slice(1, 3)), np.broadcast_to([[-2.0], [-1.0], [0.0]], (2, 3, 2)), atol=1e-4
    )
    assert lst.mean_of_hours(skin, utc_offset=0).sizes["time"] == 3
    assert np.isfinite(lst.mean_of_hours(skin, min_hours=18).isel(time=0)).all()
    assert mean.attrs["daily_mean"] == "mean of the hours of a reanalysis"


def test_oracle_days_are_those_of_pandas(rng):
    times = hourly(40)
    values = xr.DataArray(rng.normal(0, 5, (960, 2)), {"time": times}, ("time", "x"), attrs={"units": "degC"})
    values = values.where(rng.random((960, 2)) > 0.1).assign_attrs(units="degC")
    got = lst.mean_of_hours(values, utc_offset=5.5, min_hours=20)
    table = values.to_pandas()
    table.index += pd.Timedelta("5.5h")
    want = table.resample("D").mean().where(table.resample("D").count() >= 20)
    np.testing.assert_allclose(got, want.values)
    assert got["time"].values.tolist() == want.index.values.astype("M8[ns]").tolist()


def test_months_by_hour_of_day_are_told_by_their_dates():
    """Closed form: a mean day goes round; its month has one center."""
    times = (
        pd.date_range("2018-01-01", periods=12, freq="MS").values[:, None] + np.arange(24) * np.timedelta64(1, "h")
    ).ravel()
    data = series(times)
    mean = lst.mean_of_hours(data)
    assert mean.sizes["time"] == 12
    assert [str(t)[:13] for t in mean["time"].values[:2]] == ["2018-01-16T00", "2018-02-14T12"]
    np.testing.assert_allclose(mean, -2.0, atol=1e-9)
    warm = lst.at_local_hours(data, [14.0, 2.0])
    assert np.isfinite(warm).all()
    np.testing.assert_allclose(warm.sel(hour=14.0), 3.0, atol=0.06)  # linear between hours cuts the peak
    np.testing.assert_allclose(warm.sel(hour=2.0), -7.0, atol=0.06)


# hours of satellites --------------------------------------------------------------------------------------------------


def test_oracle_local_hours_are_numpy_interpolation(rng):
    """Pixel by pixel, each at its longitude; NaN before the first hour and beside a missing one."""
    times, longitude = hourly(5), np.array([0.0, 92.37, 179.9, -93.3])
    data = series(times, longitude)
    data = (data + rng.normal(0, 2, data.shape)).assign_attrs(units="degC")
    data[50, 1] = np.nan
    got = lst.at_local_hours(data, [1.5, 10.5, 13.5, 22.5])
    since = np.arange(120.0)
    for k, place in enumerate(longitude):
        for hour in got["hour"].values:
            want = np.interp(24 * np.arange(5) + hour - place / 15, since, data[:, k].values, left=np.nan, right=np.nan)
            np.testing.assert_allclose(got.sel(hour=hour)[:, k], want, atol=1e-9)
    assert bool(np.isnan(got.sel(hour=1.5)[0, 1]))


def test_a_hole_in_the_hours_is_no_bridge():
    data = series(hourly(3)).drop_isel(time=[30, 31, 32])
    got = lst.at_local_hours(data, [12.0, 13.5])  # 05:52 and 07:22 UTC; hours 6 to 8 of the second day are gone
    assert np.isnan(got.isel(station=0)).values.tolist() == [[False, True, False], [False, True, False]]
    assert not np.isnan(lst.at_local_hours(series(hourly(3)), [12.0])).any()


def test_on_a_grid_every_column_has_its_own_hour(tmp_path):
    skin = load.era5_land(netcdf(tmp_path / "skt.nc", hourly(3)))["skin_temperature"]
    got = lst.at_local_hours(skin, [13.5]).compute()
    assert got.dims == ("hour", "time", "y", "x")
    want = np.interp(24 + 13.5 - LON[1] / 15, np.arange(72), skin.values[:, 2, 1])
    assert float(got[0, 1, 2, 1]) == pytest.approx(want, abs=1e-4)


@given(st.floats(-180, 180), st.floats(0, 24))
def test_property_the_sun_stands_alike_everywhere(longitude, hour):
    """A wave of local solar time is the same number at every longitude, to what is cut off between two hours."""
    got = lst.at_local_hours(series(hourly(4), [longitude]), [hour])[0, :, 0]
    want = -2.0 + 5.0 * np.cos(2 * np.pi * (hour - 14) / 24)
    np.testing.assert_allclose(got[1:3], want, atol=5 * (1 - np.cos(np.pi / 24)) + 1e-9)


def test_what_has_no_hours_or_no_place_is_refused():
    data = series(hourly())
    assert "full hours" in refused(
        lst.mean_of_hours, data.assign_coords(time=data["time"] + np.timedelta64(30, "m")), code="M23"
    )
    refused(lst.mean_of_hours, data.isel(time=slice(None, None, -1)), code="M23")
    refused(lst.mean_of_hours, data.assign_coords(time=np.arange(72.0)), code="M23")
    refused(lst.mean_of_hours, data.assign_attrs(units="K"))
    assert "longitude" in refused(lst.at_local_hours, data.drop_vars("longitude"))
    assert "0 to 24" in refused(lst.at_local_hours, data, [25.0])
    for offset in (360, 21600, np.nan):
        assert "utc_offset is in hours" in refused(lst.mean_of_hours, data, utc_offset=offset)
    assert "at most 8 a day" in refused(lst.mean_of_hours, data[::3], utc_offset=0, code="M23")
    assert np.isfinite(lst.mean_of_hours(data[::3], utc_offset=0, min_hours=8)).all()


@pytest.mark.parametrize("scheduler", ["threads", "sync"])
def test_lazy_is_eager_and_nothing_computes_early(tmp_path, no_compute, scheduler):
    path = netcdf(tmp_path / "skt.nc", hourly(4))
    eager = load.era5_land(path)["skin_temperature"].load()
    with no_compute():
        lazy = load.era5_land(path, chunks={"time": 20, "y": 2, "x": 1})["skin_temperature"]
        passed = lst.at_local_hours(lazy, [10.5, 13.5])
        mean = lst.mean_of_hours(lazy, utc_offset=6)
    with dask.config.set(scheduler=scheduler):
        xr.testing.assert_allclose(passed.compute(), lst.at_local_hours(eager, [10.5, 13.5]))
        xr.testing.assert_allclose(mean.compute(), lst.mean_of_hours(eager))


def test_the_reanalysis_carries_a_series_of_composites_on(rng):
    """Hours to days to composites to a bridge: below 0.1 K where the reanalysis is 3 K too cold."""
    times = hourly(3 * 366, "2014-01-01")
    wave = -4 - 12 * np.cos(2 * np.pi * np.arange(times.size) / 24 / 365.25)
    skin = xr.DataArray(
        (wave + rng.normal(0, 1, times.size))[:, None], {"time": times}, ("time", "x"), attrs={"units": "degC"}
    )
    days = lst.mean_of_hours(skin, utc_offset=6)
    coarse = lst.to_composites(days, lst.composite_centers(days))
    first = (3.0 + 1.02 * coarse + rng.normal(0, 0.3, coarse.shape)).assign_attrs(units="degC")
    out = lst.bridge(first.isel(time=slice(90)), coarse, names=["terra aqua", "era5-land"])
    late = out["sensor"] == "era5-land"
    assert abs(float((out["lst"] - first).where(late).mean())) < 0.1
    assert abs(float((coarse - first).where(late).mean())) > 2.5


def test_closed_form_composites_end_with_the_year():
    """M20: 46 a year, the last of five or six days, as the loader stamps them."""
    daily = series(pd.date_range("2015-01-01", "2016-12-31").values)
    got = lst.composite_centers(daily)
    assert got.sizes["time"] == 92
    starts = np.concatenate([np.arange(f"{y}-01-01", f"{y + 1}-01-01", 8, "M8[D]") for y in (2015, 2016)])
    np.testing.assert_array_equal(got, centers(starts, 8))
    short = lst.composite_centers(daily.isel(time=slice(3, 20)))
    assert [str(t)[:13] for t in short.values] == ["2015-01-12T12"]


def test_months_become_days_before_composites():
    """A value a month is no day: composites of such are refused, and days between months lie on straight lines."""
    months = pd.date_range("2018-01-01", periods=24, freq="MS")
    hours = (months.values[:, None] + np.arange(24) * np.timedelta64(1, "h")).ravel()
    mean = -3 - 12 * np.cos(2 * np.pi * np.arange(24) / 12)
    wave = np.repeat(mean, 24) + np.tile(4 * np.sin(2 * np.pi * np.arange(24) / 24), 24)
    monthly = lst.mean_of_hours(xr.DataArray(wave, {"time": hours}, "time", attrs={"units": "degC"}), utc_offset=6)
    centers = lst.composite_centers(monthly)
    assert "to_daily" in refused(lst.to_composites, monthly, centers, code="M28")
    days = lst.to_daily(monthly)
    out = lst.to_composites(days, centers)
    assert np.isfinite(out).all()
    want = np.interp(out["time"].astype(float), monthly["time"].astype(float), mean)
    np.testing.assert_allclose(out, want, atol=0.3)  # means of eight days cut corners
    assert lst.to_daily(days) is days  # a day is a day
