"""Loaders of maps, NetCDF, Zarr, ERA5, tables and vectors against small true files."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import xarray as xr
from promised import defaults
from small_files import UTM, refused, tif
from small_stacks import raster_stack

from qtp_toolkit import load, store


def test_raster_units_nodata_and_scale(tmp_path, no_compute):
    angle = tif(tmp_path / "inc.tif", np.array([[0.0, np.pi / 6], [np.pi / 4, np.pi / 3]], "float32"))
    with no_compute():
        out = load.raster(angle, variable="incidence", units="radian", nodata=0)
    np.testing.assert_allclose(out.values, [[np.nan, 30], [45, 60]], rtol=1e-6)
    assert out.attrs["units"] == "degree"
    assert out.attrs["converted"] == "radian to degree"
    assert out.dims == ("y", "x")
    kelvin = tif(tmp_path / "t.tif", np.array([[2700, 2731]], "int16"))
    scaled = load.raster(kelvin, variable="magt", units="K", scale_factor=0.1)
    np.testing.assert_allclose(scaled.values, [[-3.15, -0.05]], atol=1e-4)
    assert "no conversion" in refused(load.raster, kelvin, variable="magt", units="furlong")
    ice = tif(tmp_path / "ice.tif", np.array([[np.nan, 20.0, -9999.0]], "float32"), nodata=-9999)
    np.testing.assert_allclose(
        load.raster(ice, variable="ground_ice", units="%").values, [[np.nan, 0.2, np.nan]], rtol=1e-6
    )


UNITS = [
    ("incidence", "radian", 0.5, 28.6478898),
    ("magt", "K", 270.0, -3.15),
    ("sand", "%", 43.1, 0.431),
    ("sand", "permille", 431.0, 0.431),
    ("quartz", "g/kg", 431.0, 0.431),
    ("bulk_density", "cg/cm3", 130.0, 1300.0),
    ("bulk_density", "g/cm3", 1.3, 1300.0),
    ("bulk_density", "kg/m3", 1300.0, 1300.0),
    ("elevation", "cm", 450_000.0, 4500.0),
    ("seasonal_amplitude", "m", 0.012, 12.0),
    ("seasonal_amplitude", "cm", 1.2, 12.0),
]


@pytest.mark.parametrize(("variable", "units", "stored", "expected"), UNITS)
def test_closed_form_units_of_maps(tmp_path, variable, units, stored, expected):
    path = tif(tmp_path / "map.tif", np.full((2, 2), stored, "float32"))
    np.testing.assert_allclose(load.raster(path, variable=variable, units=units).values, expected, rtol=2e-6)


RANGES = {
    "bulk_density": (100.0, 2650.0),
    "sand": (0.0, 1.0),
    "quartz": (0.0, 1.0),
    "ground_ice": (0.0, 1.0),
    "water_content": (0.0, 1.0),
    "magt": (-40.0, 40.0),
    "ndvi": (-1.0, 1.0),
    "elevation": (-500.0, 9000.0),
    "incidence": (2.0, 90.0),
    "coherence": (0.0, 1.0),
}


@pytest.mark.parametrize("variable", RANGES)
def test_closed_form_ranges_of_maps(tmp_path, variable):
    """What lies further beyond than rounding takes it, a thousandth of the larger end, is no value; estimates of the
    coherence go further (I04)."""
    low, high = RANGES[variable]
    beyond = 0.06 if variable == "coherence" else 2e-3 * max(-low, high)
    values = np.array([[low, high, low - beyond, high + beyond, *[(low + high) / 2] * 4]], "float32")
    found = load.raster(tif(tmp_path / "map.tif", values), variable=variable).values[0]
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, True, *[False] * 4])


def test_class_map_is_integer_with_its_table(tmp_path):
    path = tif(tmp_path / "v.tif", np.array([[0, 1], [2, 255]], "uint8"), nodata=255)
    out = load.raster(path, variable="vegetation", classes={1: "meadow", 2: "steppe"}, nodata=0)
    assert out.dtype == np.int16
    assert out.values.tolist() == [[-1, 1], [2, -1]]
    assert json.loads(out.attrs["classes"]) == {"1": "meadow", "2": "steppe"}
    turned = load.raster(path, variable="vegetation", classes={2: "steppe", 1: "meadow"}, nodata=0)
    assert turned.attrs["classes"] == out.attrs["classes"]  # in the order of the codes


@pytest.mark.parametrize(
    ("pattern", "name", "words"),
    [
        ("%Y%j", "ndvi_12018006.tif", "year 1201 "),
        (r"ndvi_(?P<year>\d{4})(?P<doy>\d{3})", "ndvi_0201006.tif", "year 201 "),
        (r"ndvi_(?P<year>\d{2})(?P<doy>\d{3})", "ndvi_18006.tif", "year 18 "),
    ],
)
def test_numbers_that_are_no_years(tmp_path, pattern, name, words):
    """I27, M19: digits before a year make another number of it; years of two digits are not guessed."""
    path = tif(tmp_path / name, np.full((2, 2), 0.3, "float32"))
    assert words in refused(load.series, [path], variable="ndvi", pattern=pattern, code="I27")


def test_dem_void_is_nan(tmp_path):
    path = tif(tmp_path / "dem.tif", np.array([[-32768, 4600], [5100, 12000]], "int16"))
    np.testing.assert_array_equal(load.dem(path).values, [[np.nan, 4600], [5100, np.nan]])


def test_geotiff_without_crs_or_rotated_is_refused(tmp_path):
    bare = tif(tmp_path / "bare.tif", np.ones((2, 2), "float32"), crs=None)
    assert "coordinate reference system" in refused(load.raster, bare, variable="elevation")
    turned = tmp_path / "turned.tif"
    with rasterio.open(
        turned,
        "w",
        driver="GTiff",
        height=2,
        width=2,
        count=1,
        dtype="float32",
        crs=UTM,
        transform=rasterio.Affine(1, 0.5, 0, 0.5, -1, 0),
    ) as dataset:
        dataset.write(np.ones((2, 2), "float32"), 1)
    assert "rotated" in refused(load.raster, turned, variable="elevation")


def test_series_by_date(tmp_path):
    files = [tif(tmp_path / f"N_2016_{doy:03d}.tif", np.full((2, 2), doy, "int16"), nodata=32767) for doy in (353, 1)]
    pattern = r"_(?P<year>\d{4})_(?P<doy>\d{3})\.tif$"
    out = load.series(files, variable="ndvi", pattern=pattern, scale_factor=1e-3, composite_days=16)
    assert [str(t)[:13] for t in out["time"].values] == ["2016-01-08T12", "2016-12-24T12"]  # 353 to 366 is 14 days
    np.testing.assert_allclose(out.values[:, 0, 0], [0.001, 0.353])


SOILGRIDS = {
    "v2 bulk_density": (["bdod_5-15cm_mean.tif", "bdod_0-5cm_mean.tif"], 130, 1300.0, [0, 0.05], [0.05, 0.15]),
    "v2 sand": (["sand_0-5cm_mean.tif", "sand_100-200cm_mean.tif"], 450, 0.45, [0, 1.0], [0.05, 2.0]),
    "v1 bulk_density": (["BLDFIE_M_sl1_250m.tif", "BLDFIE_M_sl7_250m.tif"], 1300, 1300.0, [0, 2.0], [0, 2.0]),
    "v1 sand": (["SNDPPT_M_sl2_250m.tif", "SNDPPT_M_sl1_250m.tif"], 45, 0.45, [0, 0.05], [0, 0.05]),
}


@pytest.mark.parametrize("case", SOILGRIDS)
def test_soilgrids(tmp_path, case, no_compute):
    version, quantity = case.split()
    names, stored, expected, top, bottom = SOILGRIDS[case]
    files = [tif(tmp_path / name, np.array([[stored, -32768]], "int16")) for name in names]
    with no_compute():
        out = load.soilgrids(files, version=version, quantity=quantity)
    np.testing.assert_allclose(out.values[:, 0, 0], expected, rtol=1e-6)
    assert np.isnan(out.values[:, 0, 1]).all()
    assert out["depth_top"].values.tolist() == pytest.approx(top)
    assert out["depth_bottom"].values.tolist() == pytest.approx(bottom)
    other = "v1" if version == "v2" else "v2"
    assert names[0] in refused(load.soilgrids, files, version=other, quantity=quantity)
    again = tif(tmp_path / "again" / names[0], np.full((2, 2), 100, "int16"))
    message = refused(load.soilgrids, [*files, again], version=version, quantity=quantity, code="S02")
    assert "depth stands twice" in message
    assert message.count(names[0]) == 2


def test_soilgrids_uncertainty_is_no_sand(tmp_path):
    """S02: files that lie beside those of the mean; their numbers would pass for fractions."""
    path = tif(tmp_path / "sand_0-5cm_uncertainty.tif", np.full((2, 2), 120, "int16"))
    assert "an uncertainty" in refused(load.soilgrids, [path], version="v2", quantity="sand", code="S02")


def era5_file(path, *, new=True, units="hPa"):
    time, level = ("valid_time", "pressure_level") if new else ("time", "level")
    coords = {
        time: np.array(["2018-08-31T11", "2018-08-19T11"], "datetime64[ns]"),
        level: (level, np.array([1000.0, 500.0]), {"units": units}),
        "latitude": [36.0, 35.0, 34.0],
        "longitude": [92.0, 93.0],
    }
    shape = (2, 2, 3, 2)
    data = {name: ((time, level, "latitude", "longitude"), np.arange(24.0).reshape(shape)) for name in "ztq"}
    xr.Dataset(data, coords=coords).to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.parametrize("new", [True, False])
def test_era5_old_and_new_naming(tmp_path, new, no_compute):
    path = era5_file(tmp_path / "e.nc", new=new)
    with no_compute():
        data = load.era5(path)
    assert data["geopotential"].dims == ("time", "level", "y", "x")
    assert data["geopotential"].attrs["units"] == "m2 s-2"
    assert data["level"].values.tolist() == [500.0, 1000.0]
    assert (np.diff(data["time"].values) > np.timedelta64(0)).all()
    assert data["geopotential"].sel(time="2018-08-31T11", level=1000, y=36, x=92).values == 0.0


def test_era5_levels_in_pascal_and_refusal(tmp_path):
    assert load.era5(era5_file(tmp_path / "e.nc", units="Pa"))["level"].values.tolist() == [5.0, 10.0]
    xr.Dataset({"z": ("latitude", [1.0])}, coords={"latitude": [1.0]}).to_netcdf(tmp_path / "s.nc", engine="h5netcdf")
    refused(load.era5, tmp_path / "s.nc", code="M27")


@pytest.mark.parametrize("labelled", [True, False])
def test_era5_of_final_and_preliminary_data_is_joined(tmp_path, labelled, no_compute):
    """I30: expver is a dim where both versions stand in one file; the other one's slot is empty."""
    whole = xr.load_dataset(era5_file(tmp_path / "e.nc"), engine="h5netcdf")
    first = whole["valid_time"] == whole["valid_time"][0]
    both = [whole.where(~first), whole.where(first)]
    versions = xr.DataArray([5, 1], dims="expver", name="expver") if labelled else "expver"
    data = xr.concat(both, versions).transpose("valid_time", "expver", ...)
    data.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with no_compute():
        found = load.era5(tmp_path / "b.nc")
    xr.testing.assert_identical(found.compute(), load.era5(tmp_path / "e.nc").compute())


def test_final_values_of_era5_win_over_preliminary_ones(tmp_path):
    """I30."""
    whole = xr.load_dataset(era5_file(tmp_path / "e.nc"), engine="h5netcdf")
    both = xr.concat([whole + 100, whole], xr.DataArray(["0005", "0001"], dims="expver", name="expver"))
    both.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    xr.testing.assert_equal(load.era5(tmp_path / "b.nc"), load.era5(tmp_path / "e.nc"))


def test_era5_of_the_old_store_one_time_and_members(tmp_path):
    """I30: NetCDF-3, a time without its dim, an ensemble: read, or refused with the reason."""
    whole = xr.load_dataset(era5_file(tmp_path / "e.nc", new=False), engine="h5netcdf")
    whole["level"].attrs["units"] = "millibars"
    whole.to_netcdf(tmp_path / "old.nc", engine="scipy", format="NETCDF3_64BIT")
    old = load.era5(tmp_path / "old.nc")
    assert old["level"].values.tolist() == [500.0, 1000.0]
    xr.testing.assert_equal(old.compute(), load.era5(tmp_path / "e.nc").compute())
    whole.isel(time=0).to_netcdf(tmp_path / "one.nc", engine="h5netcdf")
    assert load.era5(tmp_path / "one.nc").sizes["time"] == 1
    for members in (1, 2):
        several = whole.expand_dims(number=np.arange(members))
        several.to_netcdf(tmp_path / f"m{members}.nc", engine="h5netcdf")
    assert load.era5(tmp_path / "m1.nc")["temperature"].dims == ("time", "level", "y", "x")
    assert "number" in refused(load.era5, tmp_path / "m2.nc", code="M27")
    whole.isel(level=0).to_netcdf(tmp_path / "level.nc", engine="h5netcdf")
    assert "single level" in refused(load.era5, tmp_path / "level.nc", code="M27")
    (tmp_path / "cut.nc").write_bytes((tmp_path / "old.nc").read_bytes()[:60])
    refused(load.era5, tmp_path / "cut.nc")


def test_netcdf_and_zarr_are_lazy_renamed_and_complex(tmp_path, no_compute):
    data = xr.Dataset(
        {
            "a": (("lat", "lon"), np.array([[1.0, 2.0], [3.0, 4.0]], "float32")),
            "b": (("lat", "lon"), np.ones((2, 2), "float32")),
        },
        {"lat": [1.0, 2.0], "lon": [5.0, 6.0]},
    )
    data.to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    data.to_zarr(tmp_path / "d.zarr", consolidated=False, zarr_format=3)
    for read, path in ((load.netcdf, "d.nc"), (load.zarr, "d.zarr")):
        with no_compute():
            out = read(tmp_path / path, complex_pairs={"slc": ["a", "b"]}, crs="EPSG:4326")
        assert out["slc"].dtype == np.complex64
        assert out["slc"].values.tolist() == [[3 + 1j, 4 + 1j], [1 + 1j, 2 + 1j]]
        assert out["y"].values.tolist() == [2.0, 1.0]
        assert out.rio.crs.to_epsg() == 4326
        renamed = read(tmp_path / path, variables=["a"], rename={"a": "elevation"})
        assert list(renamed.data_vars) == ["elevation"]
        assert "nope" in refused(read, tmp_path / path, variables=["nope"], code="M27")
    (tmp_path / "bad.nc").write_bytes((tmp_path / "d.nc").read_bytes()[:400])
    assert "bad.nc" in refused(load.netcdf, tmp_path / "bad.nc", code="M05")
    for magic, words in ((b"GRIB", "but GRIB"), (b"II*\x00", "but a TIFF"), (b"\x0e\x03\x13\x01", "but HDF4")):
        (tmp_path / "other").write_bytes(magic + bytes(99))
        said = refused(load.netcdf, tmp_path / "other", code="M04")
        assert words in said
        assert said.endswith("Name the driver that reads them, or narrow the uri.")
    assert "open_store" not in refused(load.zarr, tmp_path / "none.zarr")
    store.ingest(raster_stack(tmp_path)(), tmp_path / "store", block=16)
    assert refused(load.zarr, tmp_path / "store").endswith("qtp ingest wrote: store.open_store opens it.")


@pytest.mark.parametrize("read", [load.netcdf, load.zarr])
def test_quantities_of_datasets_are_held_to_their_range(tmp_path, no_compute, read):
    """S06, M11: undeclared fill values of a series that is opened as it is; unknown quantities and units stay."""
    series = xr.Dataset(
        {
            "lst": (("time", "x"), [[-3.0, -9999.0], [2.0, 6999.0]], {"units": "degC"}),
            "sand": (("time", "x"), [[0.4, 0.2], [255.0, 0.3]], {"units": "1"}),
            "magt": (("time", "x"), [[270.0, 271.0], [255.0, 273.0]], {"units": "K"}),
            "mine": (("time", "x"), [[1.0, -9999.0], [2.0, 3.0]], {"units": "degC"}),
        },
        {"time": np.array(["2018-01-01", "2018-01-02"], "datetime64[ns]")},
    )
    write = {load.netcdf: series.to_netcdf, load.zarr: series.to_zarr}[read]
    write(tmp_path / "d.nc", **({"engine": "h5netcdf"} if read is load.netcdf else {"consolidated": False}))
    with no_compute():
        found = read(tmp_path / "d.nc")
    np.testing.assert_array_equal(found["lst"], [[-3, np.nan], [2, np.nan]])
    np.testing.assert_array_equal(found["sand"], [[0.4, 0.2], [np.nan, 0.3]])
    xr.testing.assert_identical(found[["magt", "mine"]].compute(), series[["magt", "mine"]])
    assert found["lst"].attrs["units"] == "degC"
    kelvin = (series[["lst"]] * 0 + 271.0).assign(lst=lambda ds: ds["lst"].assign_attrs(units="degC"))
    kelvin.to_netcdf(tmp_path / "k.nc", engine="h5netcdf")
    assert "k.nc" in refused(load.netcdf(tmp_path / "k.nc")["lst"].compute, code="M11")


@pytest.mark.parametrize("units", ["Celsius", "degree_Celsius", "deg C", "\u00b0C", "degC"])
def test_units_of_datasets_in_any_spelling(tmp_path, units):
    """The same unit, spelled as the variable table does; unknown quantities and other units stay as they are."""
    lst, own = (xr.DataArray([1.0, -9999.0], dims="x", attrs={"units": units}) for _ in range(2))
    xr.Dataset({"lst": lst, "own": own}).to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    found = load.netcdf(tmp_path / "t.nc")
    assert found["lst"].attrs["units"] == "degC"
    np.testing.assert_array_equal(found["lst"], [1, np.nan])
    assert found["own"].attrs["units"] == units


def test_columns_of_datasets_run_eastward(tmp_path):
    data = xr.Dataset({"t": (("lat", "lon"), [[1.0, 2.0]])}, {"lat": [34.0], "lon": [94.0, 93.0]})
    data.to_netcdf(tmp_path / "t.nc", engine="h5netcdf")
    assert load.netcdf(tmp_path / "t.nc", crs="EPSG:4326")["t"].values.tolist() == [[2.0, 1.0]]


def test_stations(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("\ufeffName,Lon,Lat\nA,93.083,35.22\nB,91.94,33.07\n", encoding="utf-8")
    out = load.stations(path, rename={"Name": "station", "Lon": "longitude", "Lat": "latitude"})
    assert out["station"].tolist() == ["A", "B"]
    assert out["longitude"].tolist() == [93.083, 91.94]
    assert "rename" in refused(load.stations, path)
    path.write_text("station,longitude,latitude\nA,93,35\nA,93,35\n")
    assert "twice" in refused(load.stations, path)
    path.write_text("station,longitude,latitude\nA,35,193\n")
    assert "swapped" in refused(load.stations, path, code="I08")
    path.write_text("station,longitude,latitude\nA,x,35\n")
    assert "row 2" in refused(load.stations, path)


def test_tables_are_held_to_physical_ranges(tmp_path):
    """S06, M11: undeclared fill values and strays are NaN and counted, another unit is an error."""
    path = tmp_path / "s.csv"
    path.write_text("station,longitude,latitude,elevation\nA,93,35,-9999\nB,92,33,4600\nC,92,34,12000\n")
    out = load.stations(path)
    np.testing.assert_array_equal(out["elevation"], [np.nan, 4600, np.nan])
    assert out.attrs["outside_range"] == {"elevation": 2}
    path.write_text("time,soil_temperature,depth_note\n2018-01-01,-52,1\n2018-01-02,-9999,2\n")
    tenths = load.station_series(path, index=["time"], scale={"soil_temperature": 0.1})
    np.testing.assert_allclose(tenths["soil_temperature"], [-5.2, np.nan])
    assert tenths.attrs["outside_range"] == {"soil_temperature": 1}
    path.write_text("time,soil_temperature\n2018-01-01,271\n2018-01-02,272\n")
    assert "It looks like K" in refused(load.station_series, path, index=["time"], code="M11")
    kelvin = load.station_series(path, index=["time"], units={"soil_temperature": "K"})
    assert kelvin["soil_temperature"].values.tolist() == [271, 272]


def test_degrees_minutes_are_not_guessed(tmp_path):
    path = tmp_path / "s.csv"
    rows = [f"S{k},{90 + k}.{(7 * k) % 60:02d},{30 + k}.{(11 * k) % 60:02d}" for k in range(12)]
    path.write_text("station,longitude,latitude\n" + "\n".join(rows))
    assert "degrees_minutes" in refused(load.stations, path)
    minutes = load.stations(path, angle="degrees_minutes")
    assert minutes["longitude"].tolist()[:3] == pytest.approx([90.0, 91 + 7 / 60, 92 + 14 / 60], abs=1e-6)
    assert load.stations(path, angle="degrees")["longitude"][1] == 91.07
    path.write_text("station,longitude,latitude\nA,93.75,35.10\n")
    assert "minutes below 60" in refused(load.stations, path, angle="degrees_minutes")


def test_series_long_wide_and_split_dates(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "date,station,depth,soil_temperature\n2018-01-01,A,0.05,-5\n2018-01-02,A,0.05,-99\n2018-01-01,B,0.10,-3\n"
    )
    out = load.station_series(path, index=["time", "station", "depth"], rename={"date": "time"}, missing=[-99])
    assert out["soil_temperature"].dims == ("time", "station", "depth")
    assert out["soil_temperature"].attrs["units"] == "degC"
    assert out["soil_temperature"].sel(time="2018-01-01", station="A", depth=0.05) == -5
    assert np.isfinite(out["soil_temperature"]).sum() == 2
    assert out["time"].dtype == "datetime64[ns]"
    path.write_text("Year,A,B\n1951,1.5,\n1952,2.5,3\n")
    wide = load.station_series(
        path, index=["time", "station"], rename={"Year": "time"}, wide="station", value="alt", units={"alt": "m"}
    )
    assert wide["alt"].sel(station="B", time="1952-01-01") == 3
    path.write_text("Year,Mon,Day,T\n1956,1,1,-91\n1956,1,2,-122\n")
    daily = load.station_series(
        path,
        index=["time"],
        date_columns=["Year", "Mon", "Day"],
        rename={"T": "t"},
        scale={"t": 0.1},
        units={"t": "degC"},
    )
    assert daily["t"].values.tolist() == pytest.approx([-9.1, -12.2])
    path.write_text("time,v\n2018-01-01,1\n2018-01-01,2\n")
    assert "twice" in refused(load.station_series, path, index=["time"])
    path.write_text("time,v\n2018001,1\n")
    refused(load.station_series, path, index=["time"], code="M24")
    path.write_text("time,v\n2018-02-30,1\n")
    assert "2018-02-30" in refused(load.station_series, path, index=["time"], code="M24")


def test_lst_table_grid_and_stations(tmp_path):
    path = tmp_path / "LST.csv"
    path.write_text('"LST2008_12_26","LST2008_01_01",lon,lat\n3.0,NA,13.0127,45.0089\n4.0,1.0,13.0000,45.0000\n')
    out = load.lst_table(path)["lst"]
    assert out.shape == (2, 2, 2)
    np.testing.assert_array_equal(out.values[1], [[np.nan, 3], [4, np.nan]])
    assert [str(t)[:13] for t in out["time"].values] == ["2008-01-04T12", "2008-12-28T12"]
    assert out.attrs["units"] == "degC"
    by_letters = load.lst_table(path, pattern="LST%Y_%m_%d")
    xr.testing.assert_identical(by_letters, load.lst_table(path))
    assert by_letters.attrs["missing_composites"] == 44
    assert load.lst_table(path, grid=False)["lst"].dims == ("time", "station")
    assert "degC taken for kelvin" in refused(load.lst_table, path, units="K", code="M11")
    path.write_text("LST2008_01_01,lon,lat\n-9999,13.0,45.0\n1.5,13.01,45.0\n2,13.02,45.0\n")
    filled = load.lst_table(path)
    np.testing.assert_array_equal(filled["lst"].values.ravel(), [np.nan, 1.5, 2])
    assert filled.attrs["outside_range"] == {"lst": 1}
    path.write_text("LST2008_12_26,LST2008_01_01,lon,lat\n271.0,275,13.0127,45.0089\n272.0,270,13.0,45.0\n")
    kelvin = load.lst_table(path, grid=False, units="K")["lst"]
    assert float(kelvin[0, 1]) == pytest.approx(270 - 273.15, abs=1e-3)
    path.write_text("LST2008_01_01,lon,lat\n1,13.0,45.0\n1,13.01,45.0\n1,13.0163,45.0\n")
    assert "grid: false" in refused(load.lst_table, path)
    # the middle one of five cells beside its place: the best line leaves four fifths of that
    cells = "LST2008_01_01,lon,lat\n271,13.0,45.0\n271,13.01,45.0\n271,{},45.0\n271,13.03,45.0\n271,13.04,45.0\n"
    path.write_text(cells.format(13.0206))
    assert load.lst_table(path, units="K")["lst"].sizes["x"] == 5
    path.write_text(cells.format(13.0207))
    assert "up to 0.06 of a step off" in refused(load.lst_table, path, units="K")
    path.write_text("LST2008_01_01,lon,lat,A2008_01_01\n1,13.0,45.0,2\n")
    assert "2008-01-01" in refused(load.lst_table, path, code="M02")
    path.write_text("LST2008_01_01,lon,lat\n1,13.0,45.0\n2,13.0,45.0\n")
    assert "cell twice" in refused(load.lst_table, path)
    path.write_text("LST2008_01_01,lon,lat\n271,13.0,45.0\n")
    assert "kelvin" in refused(load.lst_table, path, code="M11")
    path.write_text("LST2008_01_01,lon,lat\ncold,13.0,45.0\n")
    assert "row 2" in refused(load.lst_table, path)


KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><Placemark><name>Road</name>
<LineString><coordinates> 93.1,35.2,0 93.2,35.3,0 </coordinates></LineString></Placemark>
<Placemark><name>Lake</name><Polygon>
<outerBoundaryIs><LinearRing><coordinates>93,35 94,35 94,36 93,35</coordinates></LinearRing></outerBoundaryIs>
<innerBoundaryIs><LinearRing><coordinates>93.5,35.1 93.6,35.1 93.6,35.2 93.5,35.1</coordinates></LinearRing>
</innerBoundaryIs>
</Polygon></Placemark></Folder></Document></kml>"""


def test_kml(tmp_path):
    path = tmp_path / "v.kml"
    path.write_text(KML)
    out = load.vectors(path)
    assert out["name"].tolist() == ["Road", "Lake"]
    assert out["geometry"][0] == {"type": "LineString", "coordinates": [[93.1, 35.2], [93.2, 35.3]]}
    assert len(out["geometry"][1]["coordinates"]) == 2
    assert out.attrs["crs"] == "EPSG:4326"


def test_kml_with_entities_is_refused(tmp_path):
    path = tmp_path / "v.kml"
    path.write_text('<!DOCTYPE lolz [<!ENTITY lol "lol">]>' + KML.partition("?>")[2])
    assert "entities" in refused(load.vectors, path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8"])
def test_kml_with_entities_is_refused_in_any_encoding(tmp_path, encoding):
    head = '<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "93,35 94,36">]>'
    body = "<kml><Placemark><LineString><coordinates>&a;</coordinates></LineString></Placemark></kml>"
    (tmp_path / "v.kml").write_bytes((head + body).encode(encoding))
    assert "entities" in refused(load.vectors, tmp_path / "v.kml")


def test_geojson(tmp_path):
    path = tmp_path / "v.geojson"
    geometry = {"type": "LineString", "coordinates": [[93.0, 35.0], [94.0, 36.0]]}
    collection = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"name": "F"}, "geometry": geometry}],
    }
    path.write_text(json.dumps(collection))
    out = load.vectors(path)
    assert out.loc[0, "name"] == "F"
    assert out.loc[0, "geometry"] == geometry
    geometry["coordinates"][0] = [400000.0, 3800000.0]
    path.write_text(json.dumps(collection))
    assert "swapped" in refused(load.vectors, path, code="I08")
    path.write_text(
        json.dumps(collection | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32646"}}})
    )
    assert "32646" in refused(load.vectors, path, code="I07")
    path.write_text("{")
    assert "not GeoJSON" in refused(load.vectors, path)
    for odd in (["a", "b"], [[93.0], [94.0]], None, {"x": 1}):
        path.write_text(json.dumps({"type": "LineString", "coordinates": odd}))
        assert "feature 0" in refused(load.vectors, path)


def test_geojson_of_other_programs(tmp_path):
    """Byte order marks, features without a place (the standard allows null), CGCS2000: the rest of the file is good."""
    path = tmp_path / "v.geojson"
    here = {"type": "Feature", "properties": {"name": "A"}, "geometry": {"type": "Point", "coordinates": [93, 35]}}
    nowhere = here | {"geometry": None}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [here]}), encoding="utf-8-sig")
    assert load.vectors(path)["name"].tolist() == ["A"]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4490"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [nowhere, here]}))
    with pytest.warns(UserWarning, match="1 features lie nowhere"):
        assert len(load.vectors(path)) == 1
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}}]}))
    assert "feature 0" in refused(load.vectors, path)
    crs["properties"]["name"] = "EPSG:14326"
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [here]}))
    assert "14326" in refused(load.vectors, path, code="I07")


def test_geojson_without_features(tmp_path):
    """No glacier in the region: clipping an inventory leaves none."""
    path = tmp_path / "v.geojson"
    for features in ([], None):
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        out = load.vectors(path)
        assert len(out) == 0
        assert list(out["geometry"]) == []
        assert out.attrs["crs"] == "EPSG:4326"


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [
        ("Polygon", []),
        ("Polygon", [[]]),
        ("Polygon", [[[93, 35], [94, 35], [93, 35]]]),
        ("MultiPolygon", [[]]),
        ("LineString", [[93.0, 35.0]]),
        ("LineString", []),
        ("MultiLineString", [[[93.0, 35.0]]]),
        ("LineString", [[[93.0, 35.0], [94.0, 35.0]]]),
        ("Point", []),
        ("MultiPoint", []),
    ],
)
def test_geometries_that_cannot_be_drawn_are_named(tmp_path, kind, coordinates):
    path = tmp_path / "v.geojson"
    path.write_text(json.dumps({"type": kind, "coordinates": coordinates}))
    message = refused(load.vectors, path)
    assert "v.geojson" in message
    assert "feature 0" in message


def test_geojson_whose_side_members_are_odd(tmp_path):
    path = tmp_path / "v.geojson"
    point = {"type": "Feature", "properties": ["x"], "geometry": {"type": "Point", "coordinates": [93, 35]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": "EPSG:4326", "features": [point]}))
    assert load.vectors(path)["geometry"][0]["coordinates"] == [93, 35]


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(load) == {
        "aria": {"coherence_from": "filtered", "extent": "same"},
        "aria_tools": {"extent": "same"},
        "isce2": {"crs": "EPSG:4326", "resampling": "nearest", "require_coherence": True},
        "isce2_layer": {"crs": "EPSG:4326", "resampling": "nearest"},
        "mintpy": {"resampling": "nearest", "dataset": "unwrapPhase", "dropped": "leave_out"},
        "opera_disp": {"masked": False},
        "slc_stack": {"pattern": "(?<!\\d)(?P<year>\\d{4})(?P<month>\\d{2})(?P<day>\\d{2})(?!\\d)", "layer": "data/VV"},
        "check_incidence": {"wavelength": 0.05546576},
        "check_lst": {"every": 4, "max_empty": 0.5, "max_hollow": 0.1},
        "check_stack": {"every": 4},
        "gmtsar": {
            "first_day": 0,
            "require_coherence": True,
            "extent": "same",
            "usual_wavelength": 0.05546576,
        },
        "hyp3": {"read_coherence": True},
        "interferograms": {
            "nodata": 0.0,
            "phase_sign": "positive_away",
            "require_coherence": True,
            "usual_wavelength": 0.05546576,
            "extent": "same",
        },
        "licsar": {"read_coherence": True},
        "look_at_stack": {"every": 4},
        "lst_table": {
            "longitude": "lon",
            "latitude": "lat",
            "pattern": "(?P<year>\\d{4})_(?P<month>\\d{2})_(?P<day>\\d{2})",
            "units": "degC",
            "scale": 1.0,
            "stamp": "start",
            "composite_days": 8,
            "grid": True,
        },
        "modis_lst": {"max_gap": 3, "duplicates": "error", "mixed_collections": False, "view_times": False},
        "viirs_lst": {"max_gap": 3, "duplicates": "error", "mixed_collections": False, "view_times": False},
        "ndvi": {"duplicates": "error", "mixed_collections": False, "quality_mask": True},
        "raster": {"add_offset": 0.0, "band": 1},
        "series": {"pattern": "doy(?P<year>\\d{4})(?P<doy>\\d{3})", "composite_days": 1, "add_offset": 0.0, "band": 1},
    }


@pytest.mark.parametrize(("name", "unit"), [("t", "degC"), ("z", "m"), ("q", "g kg-1")])
def test_era5_of_another_unit_is_refused(tmp_path, name, unit):
    """M11, by the tag; the usual spellings of ours pass."""
    whole = xr.load_dataset(era5_file(tmp_path / "e.nc"), engine="h5netcdf")
    usual = (("m**2 s**-2", "K", "kg kg**-1"), ("m2 s-2", "kelvin", "kg/kg"), ("J kg-1", "K", "1"))
    for k, spelled in enumerate(usual):
        for short, units in zip("ztq", spelled, strict=True):
            whole[short].attrs["units"] = units
        whole.to_netcdf(tmp_path / f"{k}.nc", engine="h5netcdf")
        load.era5(tmp_path / f"{k}.nc")
    whole[name].attrs["units"] = unit
    whole.to_netcdf(tmp_path / "odd.nc", engine="h5netcdf")
    assert f"found: {unit}" in refused(load.era5, tmp_path / "odd.nc", code="M11")


@pytest.mark.parametrize(
    ("longitude", "right"),
    [
        ([170.0, 180.0, 190.0], [170.0, 180.0, 190.0]),
        ([-180.0, -170.0, 170.0], [170.0, 180.0, 190.0]),
        ([350.0, 0.0, 10.0], [-10.0, 0.0, 10.0]),
        ([92.0, 93.0], [92.0, 93.0]),
        (np.arange(0.0, 360.0, 30.0), np.arange(-180.0, 180.0, 30.0)),
    ],
)
def test_era5_across_the_date_line_stays_in_one_piece(tmp_path, longitude, right):
    """Between -170 and 170 lies the rest of the world, which nobody asked for."""
    whole = xr.load_dataset(era5_file(tmp_path / "e.nc"), engine="h5netcdf").isel(longitude=0, drop=True)
    whole.expand_dims(longitude=np.asarray(longitude)).to_netcdf(tmp_path / "d.nc", engine="h5netcdf")
    assert load.era5(tmp_path / "d.nc")["x"].values.tolist() == list(right)


@pytest.mark.parametrize("name", ["latitude", "pressure_level", "valid_time"])
def test_era5_without_coordinates_is_refused(tmp_path, name):
    """M27: rows are no degrees, and their numbers no pressures."""
    xr.load_dataset(era5_file(tmp_path / "e.nc"), engine="h5netcdf").drop_vars(name).to_netcdf(
        tmp_path / "n.nc", engine="h5netcdf"
    )
    assert "no coordinates" in refused(load.era5, tmp_path / "n.nc", code="M27")
