"""Exports: what other programs read back is what was there, in their units, whole or not at all."""

from __future__ import annotations

import sqlite3
import struct

import dask
import dask.array
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from qtp_toolkit import export, load
from qtp_toolkit.conventions import QtpDataError, describe

DAYS = ["20180831", "20180912", "20180924"]
HEIGHT, WIDTH = 13, 17


def scene(*, crs=32646, rising=False):
    """Displacement of three dates with a hole and a date missing in a pixel, with maps and geometry."""
    rng = np.random.default_rng(5)
    y, x = 4_000_000.0 - 90.0 * np.arange(HEIGHT), 300_000.0 + 90.0 * np.arange(WIDTH)
    if crs == 4326:
        y, x = 35.0 - 0.001 * np.arange(HEIGHT), 92.0 + 0.001 * np.arange(WIDTH)
    moved = rng.normal(scale=20, size=(3, HEIGHT, WIDTH)).astype("float32")
    moved[0], moved[:, 2:4, 5], moved[1, 7, 7] = 0.0, np.nan, np.nan
    axes = {"time": pd.DatetimeIndex(DAYS), "y": y, "x": x}
    displacement = describe(xr.DataArray(moved, axes, ("time", "y", "x")), "displacement")
    flat = displacement[0].drop_vars("time")
    layer = {name: describe(flat + k, name) for k, name in enumerate(("linear_rate", "seasonal_amplitude"), 3)}
    lay = {name: describe(flat.fillna(0) + k, name) for k, name in ((4500, "elevation"), (39, "incidence"))}
    area = xr.zeros_like(flat).fillna(0)
    area[4:7, 8:11] = 1
    series = xr.Dataset({"displacement": displacement, "mask": np.isnan(flat), "reference_area": area})
    series["temporal_coherence"] = describe(flat + 0.75, "temporal_coherence")
    out = [ds.rio.write_crs(crs) for ds in (series, xr.Dataset(layer), xr.Dataset(lay))]
    out = [ds.isel(y=slice(None, None, -1)) if rising else ds for ds in out]
    return out[0].assign_attrs(reference_date="2018-08-31"), *out[1:]


class TestMintpy:
    def write(self, folder, **options):
        ds, maps, geometry = scene(**options)
        export.mintpy(ds, folder, maps=maps, geometry=geometry, heading=-169.0)
        return ds, maps

    def test_closed_form_meters_dates_and_attributes(self, tmp_path):
        ds, _ = self.write(tmp_path)
        with h5py.File(tmp_path / "timeseries.h5") as file:
            np.testing.assert_allclose(file["timeseries"], ds["displacement"] / 1000, rtol=1e-6)
            assert file["date"][:].tolist() == [day.encode() for day in DAYS]
            attrs = dict(file.attrs)
        assert all(isinstance(value, str) for value in attrs.values())
        wanted = {"FILE_TYPE": "timeseries", "UNIT": "m", "LENGTH": "13", "WIDTH": "17", "REF_DATE": "20180831"}
        wanted |= {"X_FIRST": "299955.0", "Y_FIRST": "4000045.0", "X_STEP": "90.0", "Y_STEP": "-90.0"}
        wanted |= {"X_UNIT": "meters", "EPSG": "32646", "UTM_ZONE": "46N", "REF_Y": "5", "REF_X": "9"}
        wanted |= {"ORBIT_DIRECTION": "DESCENDING", "HEADING": "-169.0", "WAVELENGTH": "0.05546576"}
        assert wanted.items() <= attrs.items()

    def test_closed_form_maps_geometry_and_masks(self, tmp_path):
        ds, maps = self.write(tmp_path)
        with h5py.File(tmp_path / "velocity.h5") as file:
            np.testing.assert_allclose(file["velocity"], maps["linear_rate"] / 1000, rtol=1e-6)
            assert (file.attrs["FILE_TYPE"], file.attrs["UNIT"]) == ("velocity", "m/year")
            assert file["seasonalAmplitude"].attrs["UNIT"] == "m"
            assert "annualAmplitude" not in file
        with h5py.File(tmp_path / "geometryGeo.h5") as file:
            assert (file["height"][0, 0], file["incidenceAngle"][0, 0]) == (4500, 39)
            assert file["azimuthAngle"][0, 0] == pytest.approx(-101.0)
            assert (file.attrs["FILE_TYPE"], file["incidenceAngle"].attrs["UNIT"]) == ("geometry", "degree")
        with h5py.File(tmp_path / "maskTempCoh.h5") as file:
            np.testing.assert_array_equal(file["mask"], ~ds["mask"])
            assert file["mask"].dtype == bool
        with h5py.File(tmp_path / "temporalCoherence.h5") as file:
            assert file["temporalCoherence"][0, 0] == 0.75

    def test_closed_form_degrees(self, tmp_path):
        self.write(tmp_path, crs=4326)
        with h5py.File(tmp_path / "velocity.h5") as file:
            assert (file.attrs["X_UNIT"], file.attrs["EPSG"]) == ("degrees", "4326")
            assert float(file.attrs["Y_FIRST"]) == pytest.approx(35.0005)
            assert "UTM_ZONE" not in file.attrs

    def test_property_grids_that_run_north_are_turned(self, tmp_path):
        self.write(tmp_path / "south")
        self.write(tmp_path / "north", rising=True)
        for name in ("timeseries.h5", "velocity.h5", "geometryGeo.h5", "maskTempCoh.h5"):
            with h5py.File(tmp_path / "south" / name) as one, h5py.File(tmp_path / "north" / name) as two:
                assert dict(one.attrs) == dict(two.attrs)
                for key in one:
                    np.testing.assert_array_equal(one[key], two[key])

    @pytest.mark.parametrize(
        ("heading", "direction", "corners"),
        [
            (349.0, "ASCENDING", [("S", "W"), ("S", "E"), ("N", "W"), ("N", "E")]),
            (190.0, "DESCENDING", [("N", "E"), ("N", "W"), ("S", "E"), ("S", "W")]),
        ],
    )
    def test_closed_form_what_the_pass_adds(self, tmp_path, heading, direction, corners):
        """Said by the series itself: corners in the order of flight, seconds of the day, range by the law of sines."""
        ds, _, geometry = scene()
        ds = ds.assign_attrs(heading=heading, overpass="23:08:49.5")
        export.mintpy(ds, tmp_path, geometry=geometry)
        edges = {"N": 4000045.0, "S": 4000045.0 - 13 * 90, "W": 299955.0, "E": 299955.0 + 17 * 90}
        with h5py.File(tmp_path / "geometryGeo.h5") as file:
            attrs, distance = dict(file.attrs), file["slantRangeDistance"][0, 0]
            assert file["slantRangeDistance"].attrs["UNIT"] == "m"
        found = [(float(attrs[f"LAT_REF{k}"]), float(attrs[f"LON_REF{k}"])) for k in (1, 2, 3, 4)]
        assert found == [(edges[y], edges[x]) for y, x in corners]
        assert (attrs["ORBIT_DIRECTION"], attrs["CENTER_LINE_UTC"], attrs["PLATFORM"]) == (direction, "83329.5", "Sen")
        radius, height = float(attrs["EARTH_RADIUS"]), float(attrs["HEIGHT"])
        look = np.arcsin(radius / (radius + height) * np.sin(np.radians(39.0)))
        right = radius * np.sin(np.radians(39.0) - look) / np.sin(look)
        assert distance == pytest.approx(right, rel=1e-6)
        assert distance == pytest.approx(868e3, rel=0.01)  # middle of the swath of Sentinel-1
        with pytest.raises(QtpDataError, match="no time of the day"):
            export.mintpy(ds, tmp_path, overpass="11h45")
        export.mintpy(ds, tmp_path / "l", geometry=geometry, wavelength=0.236)
        with h5py.File(tmp_path / "l" / "geometryGeo.h5") as file:
            assert "slantRangeDistance" not in file
            assert "PLATFORM" not in file.attrs

    @pytest.mark.parametrize("crs", [32646, 4326])
    def test_oracle_the_reader_takes_back_what_was_written(self, tmp_path, crs):
        """Out and in: values to the last digit of float32, holes, zeros, dates, place, pass; both kinds of CRS."""
        ds, maps, geometry = scene(crs=crs)
        maps["linear_rate"][2, 1] = 0.0
        ds = ds.assign_attrs(heading=190.5, overpass="11:45:12")
        ds["displacement"][:, 3, 1] = 0.0  # no motion is none that is missing
        export.mintpy(ds, tmp_path, maps=maps, geometry=geometry)
        series = load.mintpy(tmp_path / "timeseries.h5")
        np.testing.assert_allclose(series["displacement"], ds["displacement"], rtol=3e-7)
        np.testing.assert_allclose(load.mintpy(tmp_path / "velocity.h5")["linear_rate"], maps["linear_rate"], rtol=3e-7)
        back = load.mintpy(tmp_path / "geometryGeo.h5")
        for name in ("elevation", "incidence"):
            np.testing.assert_array_equal(back[name], geometry[name].astype("f4"))
        around = np.degrees(np.arctan2(back["look_north"], back["look_east"])).values
        np.testing.assert_allclose(around, 180 - 190.5, atol=1e-4)
        for dim in ("y", "x"):
            np.testing.assert_allclose(series[dim], ds[dim], rtol=1e-12)
        assert series.rio.crs == ds.rio.crs
        assert (series["time"] == ds["time"]).all()
        told = ("heading", "orbit_direction", "overpass", "reference_date")
        assert [series.attrs[key] for key in told] == [190.5, "descending", "11:45:12", "2018-08-31"]

    def test_closed_form_baselines_of_the_dates(self, tmp_path):
        ds, *_ = scene()
        given = describe(xr.DataArray([0.0, 40.0, -20.0], {"time": ds["time"]}, ("time",)), "perpendicular_baseline")
        export.mintpy(ds, tmp_path, perpendicular_baseline=given, attributes={"PLATFORM": "Env"})
        with h5py.File(tmp_path / "timeseries.h5") as file:
            np.testing.assert_array_equal(file["bperp"], given)
            assert file.attrs["PLATFORM"] == "Env"
            assert "HEADING" not in file.attrs

    def test_oracle_attributes_are_those_of_a_real_file(self, tmp_path, real_data):
        """What a geocoded file of MintPy has of place, reference, sign and unit, ours has too, in the same form."""
        self.write(tmp_path, crs=4326)
        wanted = (
            "FILE_TYPE UNIT LENGTH WIDTH X_FIRST Y_FIRST X_STEP Y_STEP X_UNIT Y_UNIT WAVELENGTH HEADING REF_Y REF_X"
        )
        wanted += (
            " ORBIT_DIRECTION PROCESSOR REF_DATE REF_LAT REF_LON START_DATE END_DATE DATE12 ANTENNA_SIDE NO_DATA_VALUE"
        )
        with (
            h5py.File(real_data / "mintpy_cadia" / "geo_velocity.h5") as real,
            h5py.File(tmp_path / "velocity.h5") as ours,
        ):
            assert set(wanted.split()) <= set(real.attrs)
            assert set(wanted.split()) <= set(ours.attrs)
            same = ("FILE_TYPE", "UNIT", "X_UNIT", "Y_UNIT", "WAVELENGTH", "ORBIT_DIRECTION", "ANTENNA_SIDE")
            assert [ours.attrs[key] for key in same] == [real.attrs[key] for key in same]
            assert (ours["velocity"].dtype, ours["velocity"].attrs["UNIT"]) == (
                real["velocity"].dtype,
                real["velocity"].attrs["UNIT"],
            )

    def test_what_would_mislead_is_refused(self, tmp_path):
        ds, maps, _ = scene()
        unsaid = ds.copy()
        unsaid.attrs = {}
        bad = {
            "not known": {"ds": unsaid},
            "no acquisition": {"ds": ds, "reference_date": "2018-09-01"},
            "not zero": {"ds": ds, "reference_date": "2018-09-24"},
            "wrong unit": {"ds": ds, "maps": maps.assign(linear_rate=maps["linear_rate"].assign_attrs(units="m/yr"))},
            "has a place": {"ds": ds, "maps": maps[["seasonal_amplitude"]].rename(seasonal_amplitude="swing")},
            "no word": {"ds": ds.rio.write_crs("+proj=laea +lat_0=35 +lon_0=92")},
            "no time series": {"ds": maps},
            "rise": {"ds": ds.isel(time=[0, 2, 1])},
            "on the grid": {"ds": ds, "maps": maps.assign_coords(x=maps["x"] + 45)},
        }
        for words, arguments in bad.items():
            with pytest.raises(QtpDataError, match=words):
                export.mintpy(folder=tmp_path, **arguments)
        assert not [*tmp_path.iterdir()]

    def test_lazy_series_are_computed_once_and_equal(self, tmp_path):
        ds, maps, _ = scene()
        seen = []

        def noted(block):
            seen.append(block.shape)
            return block

        lazy = ds.chunk({"time": 2, "y": 5, "x": 8})
        lazy["displacement"] = lazy["displacement"].copy(
            data=dask.array.map_blocks(noted, lazy["displacement"].data, dtype="float32", meta=np.empty((0, 0, 0)))
        )
        export.mintpy(lazy, tmp_path / "lazy", maps=maps.chunk({"y": 4}))
        export.mintpy(ds, tmp_path / "eager", maps=maps)
        assert len(seen) == 2 * 3 * 3
        for name in ("timeseries.h5", "velocity.h5", "temporalCoherence.h5"):
            assert (tmp_path / "lazy" / name).exists()
            with h5py.File(tmp_path / "lazy" / name) as one, h5py.File(tmp_path / "eager" / name) as two:
                assert list(one) == list(two)
                for key in one:
                    np.testing.assert_array_equal(one[key], two[key])


class TestGeotiffs:
    def test_oracle_rasterio_reads_what_was_there(self, tmp_path):
        ds, *_ = scene(rising=True)
        files = export.geotiffs(ds.chunk({"y": 5, "x": 8}), tmp_path)
        assert [file.name for file in files] == [f"displacement_{day}.tif" for day in DAYS]
        assert sorted(tmp_path.iterdir()) == files
        for file, day in zip(files, ds["time"], strict=True):
            with rasterio.open(file) as raster:
                wanted = ds["displacement"].sel(time=day).sortby("y", ascending=False)
                np.testing.assert_array_equal(raster.read(1), wanted)
                assert raster.transform[:6] == (90.0, 0.0, 299955.0, 0.0, -90.0, 4000045.0)
                assert (raster.units, raster.crs.to_epsg()) == (("mm",), 32646)
                assert np.isnan(raster.nodata)
                assert raster.tags()["reference_date"] == "2018-08-31"
                assert raster.tags()["TIFFTAG_DATETIME"].startswith(f"{day.dt.strftime('%Y:%m:%d').item()}")
                assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"

    def test_a_failing_date_leaves_earlier_files_alone(self, tmp_path):
        ds, *_ = scene()
        export.geotiffs(ds, tmp_path)
        before = {file: file.read_bytes() for file in tmp_path.iterdir()}

        def broken(block):
            raise OSError(28, "No space left on device")

        data = dask.array.map_blocks(broken, ds.chunk()["displacement"].data, dtype="float32", meta=np.empty((0, 0, 0)))
        with pytest.raises(OSError, match="space"):
            export.geotiffs(ds.assign(displacement=ds["displacement"].copy(data=data)), tmp_path)
        assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


class TestPoints:
    def table_of(self, path):
        """An independent look into a GeoPackage: columns, and points from their well-known binary."""
        with sqlite3.connect(path) as base:
            (name,) = base.execute("SELECT table_name FROM gpkg_geometry_columns WHERE srs_id = 4326").fetchone()
            table = pd.read_sql_query('SELECT * FROM "{}"'.format(name.replace('"', '""')), base)
        base.close()
        geometry = table.pop("geom").tolist()
        assert all(blob[:8] == b"GP\0\1" + struct.pack("<i", 4326) for blob in geometry)
        place = [struct.unpack("<BIdd", blob[8:]) for blob in geometry]
        assert {point[:2] for point in place} == {(1, 1)}
        return table.drop(columns="fid").assign(
            longitude=[point[2] for point in place], latitude=[point[3] for point in place]
        )

    def test_closed_form_small_numbers_of_maps_are_kept(self, tmp_path):
        ds, maps, _ = scene()
        small = maps["linear_rate"].drop_attrs() * 0 + 0.000423456789
        named = maps.assign(seasonal_coefficient_std=small, none=small * 0, large=small * 0 - 123456.789)
        first = pd.read_csv(export.points(ds, tmp_path / "points.csv", maps=named)).iloc[0]
        assert first["seasonal_coefficient_std"] == 0.000423457
        assert first["none"] == 0
        assert first["large"] == -123457.0

    def test_closed_form_columns_of_insar_explorer(self, tmp_path):
        ds, maps, _ = scene()
        table = pd.read_csv(export.points(ds, tmp_path / "points.csv", maps=maps))
        dates = [f"D{day}" for day in DAYS]
        assert list(table) == ["longitude", "latitude", "coherence", "velocity", "seasonal_amplitude", *dates]
        assert len(table) == HEIGHT * WIDTH - 2
        assert table["D20180912"].isna().sum() == 1
        first = table.iloc[0]
        np.testing.assert_allclose(first[dates].to_numpy(float), ds["displacement"][:, 0, 0], atol=6e-4)
        turn = Transformer.from_crs(32646, 4326, always_xy=True).transform(300_000.0, 4_000_000.0)
        np.testing.assert_allclose(first[["longitude", "latitude"]].to_numpy(float), turn, atol=1e-7)

    @pytest.mark.parametrize("every", [1, 4])
    def test_oracle_both_formats_and_lazy_data_hold_the_same(self, tmp_path, every):
        ds, maps, _ = scene(rising=True)
        plain = pd.read_csv(export.points(ds, tmp_path / "one.csv", maps=maps, every=every))
        lazy = export.points(ds.chunk({"y": 5, "x": 8}), tmp_path / "two.gpkg", maps=maps.chunk({"x": 3}), every=every)
        key = ["latitude", "longitude"]
        other = self.table_of(lazy)[list(plain)].sort_values(key, ignore_index=True)
        pd.testing.assert_frame_equal(plain.sort_values(key, ignore_index=True), other)
        assert len(plain) == np.isfinite(ds["displacement"][:, ::-1][:, ::every, ::every]).any("time").sum()

    def test_closed_form_a_geopackage_says_what_it_is(self, tmp_path):
        path = export.points(scene()[0], tmp_path / 'the "points".gpkg')
        assert path.read_bytes()[:16] == b"SQLite format 3\0"
        assert path.read_bytes()[68:72] == b"GPKG"
        base = sqlite3.connect(path)
        assert base.execute("PRAGMA user_version").fetchone() == (10300,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not base.execute("PRAGMA foreign_key_check").fetchall()
        known = base.execute("SELECT srs_id FROM gpkg_spatial_ref_sys ORDER BY srs_id").fetchall()
        assert known == [(-1,), (0,), (4326,)]
        ((name, west, south, east, north, about),) = base.execute(
            "SELECT table_name, min_x, min_y, max_x, max_y, description FROM gpkg_contents"
        )
        assert about.endswith("positive toward the satellite; 0 on 2018-08-31")
        base.close()
        assert name == 'the "points"'
        table = self.table_of(path)
        edges = [table[name].agg(way) for way in ("min", "max") for name in ("longitude", "latitude")]
        assert [west, south, east, north] == edges

    def test_what_has_no_place_is_refused(self, tmp_path):
        ds, maps, _ = scene()
        empty = ds.assign(displacement=ds["displacement"] * np.nan).assign_attrs(ds.attrs)
        empty["displacement"].attrs = ds["displacement"].attrs
        bad = {
            "ending": {"ds": ds, "path": tmp_path / "points.shp"},
            "no pixel": {"ds": empty, "path": tmp_path / "points.gpkg"},
            "wrong unit": {
                "ds": ds,
                "path": tmp_path / "p.csv",
                "maps": maps.assign(linear_rate=maps["linear_rate"].assign_attrs(units="m/yr")),
            },
            "coordinate reference": {"ds": ds.drop_vars("spatial_ref"), "path": tmp_path / "points.csv"},
            "on the grid": {"ds": ds, "path": tmp_path / "p.gpkg", "maps": maps.assign_coords(x=maps["x"] + 45)},
        }
        for words, arguments in bad.items():
            with pytest.raises(QtpDataError, match=words):
                export.points(**arguments)
        assert not [*tmp_path.iterdir()]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.lists(st.integers(1, 9), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_property_windows_cover_every_pixel_once(rows, columns):
    from qtp_toolkit.export._blocks import windows  # noqa: PLC0415

    seen = np.zeros((sum(rows), sum(columns)), dtype=int)
    lazy = xr.DataArray(dask.array.zeros(seen.shape, chunks=(tuple(rows), tuple(columns))), dims=("y", "x"))
    for da in (lazy, lazy.compute()):
        seen[:] = 0
        for at in windows(da):
            seen[at["y"], at["x"]] += 1
        assert (seen == 1).all()
