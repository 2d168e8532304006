"""Vegetation index: MOD13 and MOD09 granules, AppEEARS NetCDF and GeoTIFF."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from small_files import core_metadata, hdf4_tile, refused, tif

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog

DN = np.array([[-3000, 4000], [-2000, 10001]], "int16")
EXPECTED = np.array([[np.nan, 0.4], [-0.2, np.nan]])
SCALED = {"scale_factor": 10000.0, "_FillValue": -3000, "units": "NDVI"}


def vegetation(folder, product, date, *, reliability=None, tile=(25, 5), length="250m", dn=DN, tags=None):
    layers = {f"{length} 16 days NDVI": (dn, SCALED | (tags or {})), f"{length} 16 days EVI": (dn, {})}
    if reliability is not None:
        layers[f"{length} 16 days pixel reliability"] = (np.full(dn.shape, reliability, "int8"), {})
    name = f"{product}_{date}_h{tile[0]}.hdf"
    return hdf4_tile(folder / name, layers, tile=tile, core=core_metadata(product, date))


def reflectance(folder, date, *, product="MOD09Q1", red=1000, nir=3000, state=None, qc=None, length="250m", tags=None):
    tags = {"scale_factor": 10000.0, "_FillValue": -28672} | (tags or {})
    side = max(np.shape(v)[-1] for v in (red, nir, state, qc, [0, 0]) if np.shape(v))
    shape = (side, side)
    layers = {
        f"sur_refl_b0{band}": (np.broadcast_to(values, shape).astype("int16"), tags)
        for band, values in ((1, red), (2, nir))
    }
    for name, values in ((f"sur_refl_state_{length}", state), (f"sur_refl_qc_{length}", qc)):
        if values is not None:
            layers[name] = (np.broadcast_to(values, shape).astype("uint16"), {})
    return hdf4_tile(folder / f"{product}_{date}.hdf", layers, tile=(25, 5), core=core_metadata(product, date))


@pytest.mark.parametrize(("product", "length"), [("13Q1", "250m"), ("13A1", "500m"), ("13A2", "1 km")])
def test_granules_of_both_sensors_by_the_center_of_their_sixteen_days(tmp_path, no_compute, product, length):
    files = [
        vegetation(tmp_path, f"MYD{product}", "2019-08-05", length=length),
        vegetation(tmp_path, f"MOD{product}", "2019-07-28", length=length),
        vegetation(tmp_path, f"MOD{product}", "2019-12-19", length=length),
    ]
    with no_compute():
        out = load.ndvi(files)
    assert out.name == "ndvi"
    assert out.attrs["units"] == "1"
    assert [str(t)[:13] for t in out["time"].values] == ["2019-08-04T12", "2019-08-12T12", "2019-12-25T00"]
    np.testing.assert_allclose(out.values[0], EXPECTED, atol=1e-6)
    assert out.attrs["missing_composites_terra"] == 8
    assert out.attrs["composites_aqua"] == 1
    assert out.attrs["quality_mask"] == "none: no quality layer among the files"


def test_pixel_reliability_masks_snow_and_cloud(tmp_path):
    files = [
        vegetation(tmp_path, "MOD13Q1", f"2019-{date}", reliability=value, dn=np.full((2, 2), 4000, "int16"))
        for value, date in enumerate(("01-01", "01-17", "02-02", "02-18"))
    ]
    masked = load.ndvi(files)
    assert np.isfinite(masked.values[:, 0, 0]).tolist() == [True, True, False, False]
    assert masked.attrs["quality_mask"] == "pixel reliability 0 and 1"
    whole = load.ndvi(files, quality_mask=False)
    assert np.isfinite(whole.values).all()
    assert whole.attrs["quality_mask"] == "none: not asked for"


def test_tiles_are_joined_and_a_missing_one_is_nan(tmp_path):
    files = [
        vegetation(tmp_path, "MOD13Q1", "2019-01-01"),
        vegetation(tmp_path, "MOD13Q1", "2019-01-01", tile=(26, 5)),
        vegetation(tmp_path, "MOD13Q1", "2019-01-17", tile=(26, 5)),
    ]
    out = load.ndvi(files)
    assert dict(out.sizes) == {"time": 2, "y": 2, "x": 4}
    assert np.isnan(out.values[1, :, :2]).all()
    assert out.values[1, 0, 3] == pytest.approx(0.4)
    assert out.attrs["missing_dates_terra"] == "2019-01-17"
    assert "2019-01-17" in refused(load.ndvi, files, max_gap=0, code="M01")


def test_index_from_reflectances(tmp_path, no_compute):
    red = np.array([[1000, 1000], [-28672, 0]])
    nir = np.array([[3000, 16001], [3000, 0]])
    with no_compute():
        out = load.ndvi([reflectance(tmp_path, "2019-07-28", red=red, nir=nir)])
    np.testing.assert_allclose(out.values[0], [[0.5, np.nan], [np.nan, np.nan]], atol=1e-6)
    assert str(out["time"].values[0])[:13] == "2019-07-31T12"  # the center of eight days
    assert out.dtype == np.float32


STATES = {
    "clear": (0, True), "assumed clear": (3, True), "cloudy": (1, False), "mixed": (2, False), "shadow": (4, False),
    "internal cloud": (1 << 10, False), "MOD35 snow": (1 << 12, False), "snow": (1 << 15, False),
    "land, some aerosol": (1 << 3 | 1 << 6, True),
}  # fmt: skip


def test_state_word_masks_what_is_no_clear_ground(tmp_path):
    words = np.array([word for word, _ in STATES.values()])
    out = load.ndvi([reflectance(tmp_path, "2019-07-28", state=words)])
    assert dict(zip(STATES, np.isfinite(out.values[0, 0]).tolist(), strict=True)) == {
        k: v for k, (_, v) in STATES.items()
    }
    assert out.attrs["quality_mask"] == "clear by the state word"


def test_quality_word_masks_bands_that_are_not_of_the_highest_quality(tmp_path):
    words = np.array([0, 1, 2, 3, 0x0070, 0x0C00, 0x1000, 0x0004, 0x000C])
    out = load.ndvi([reflectance(tmp_path, "2019-07-28", qc=words)])
    assert np.isfinite(out.values[0, 0]).tolist() == [True, True, False, False, False, False, True, False, True]


def test_quality_word_of_half_a_kilometer_has_other_bits(tmp_path):
    words = np.array([0, 1, 2, 0x0004, 0x0040, 0x0400, 0x1000])
    out = load.ndvi([reflectance(tmp_path, "2019-07-28", product="MOD09A1", qc=words, length="500m")])
    assert np.isfinite(out.values[0, 0]).tolist() == [True, True, False, False, False, True, True]


def test_a_mask_that_only_some_files_have_is_refused(tmp_path):
    """M27: otherwise the others would be masked away."""
    files = [reflectance(tmp_path, "2019-07-28", state=0), reflectance(tmp_path, "2019-08-05")]
    assert "state" in refused(load.ndvi, files, code="M27")


def test_terra_and_aqua_of_the_same_days_are_not_stacked(tmp_path):
    """M02: both sensors give MOD09Q1 of the same eight days."""
    files = [reflectance(tmp_path, "2019-07-28", product=product) for product in ("MOD09Q1", "MYD09Q1")]
    message = refused(load.ndvi, files, code="M02")
    assert "MOD09Q1_2019-07-28.hdf and MYD09Q1_2019-07-28.hdf" in message
    assert "sensors" in message
    assert load.ndvi(files, sensors=["aqua"]).attrs["composites_aqua"] == 1


def test_scale_that_contradicts_the_product_and_other_products(tmp_path):
    """M11: MOD13 divides by 10000 in its granules and multiplies by 0.0001 elsewhere; nothing else is right."""
    good = vegetation(tmp_path, "MOD13Q1", "2019-01-01", tags={"scale_factor": 0.0001})
    assert load.ndvi([good]).values[0, 0, 1] == pytest.approx(0.4)
    wrong = vegetation(tmp_path, "MOD13Q1", "2019-01-17", tags={"scale_factor": 0.01})
    assert "0.01" in refused(load.ndvi, [wrong], code="M11")
    assert "M?D13Q1" in refused(load.modis_lst, [good], sensors=["terra"], code="M27")


def appeears_netcdf(path, starts, *, reliability=None, crs=None):
    days = (np.array(starts, "datetime64[D]") - np.datetime64("2000-01-01")).astype(int)
    dims = ("time", "lat", "lon") if crs is None else ("time", "ydim", "xdim")
    shape = (len(days), 2, 2)
    data = {
        "_250m_16_days_NDVI": (dims, np.broadcast_to(DN, shape), {"scale_factor": 1e-4, "_FillValue": np.int16(-3000)})
    }
    if reliability is not None:
        data["_250m_16_days_pixel_reliability"] = (dims, np.full(shape, reliability, "int8"))
    coords = {"time": ("time", days, {"units": "days since 2000-01-01"}), dims[1]: [35.0, 34.9], dims[2]: [93.0, 93.1]}
    raw = xr.Dataset(data, coords)
    raw["crs"] = ((), np.int8(0), {"grid_mapping_name": crs or "latitude_longitude"})
    raw.to_netcdf(path, engine="h5netcdf")
    return path


def test_appeears_netcdf_of_both_sensors(tmp_path, no_compute):
    files = [
        appeears_netcdf(tmp_path / "MYD13Q1.061_250m_aid0001.nc", ["2019-08-05", "2019-08-21"]),
        appeears_netcdf(tmp_path / "MOD13Q1.061_250m_aid0001.nc", ["2019-07-28", "2019-08-13"]),
    ]
    with no_compute():
        out = load.ndvi(files)
    assert (np.diff(out["time"].values) == np.timedelta64(8, "D")).all()
    np.testing.assert_allclose(out.values, np.broadcast_to(EXPECTED, (4, 2, 2)), atol=1e-6)
    assert out.rio.crs.to_epsg() == 4326
    snow = appeears_netcdf(tmp_path / "MOD13Q1.061_snow.nc", ["2019-07-28"], reliability=2)
    assert np.isnan(load.ndvi([snow]).values).all()


def test_appeears_netcdf_on_other_grids(tmp_path):
    native = appeears_netcdf(tmp_path / "MOD13Q1.061_a.nc", ["2019-07-28"], crs="sinusoidal")
    assert "sinu" in load.ndvi([native]).rio.crs.to_proj4()
    other = appeears_netcdf(tmp_path / "MOD13Q1.061_b.nc", ["2019-07-28"], crs="albers_conical_equal_area")
    assert "neither geographic nor sinusoidal" in refused(load.ndvi, [other], code="I07")


def test_appeears_geotiff_with_reliability_and_layers_that_play_no_role(tmp_path):
    stem = "MOD13Q1.061__250m_16_days_{}_doy2019209000000_aid0001.tif"
    layers = {"NDVI": DN, "pixel_reliability": np.array([[0, 3], [1, 0]], "int8"), "VI_Quality": DN.astype("uint16")}
    files = [tif(tmp_path / stem.format(name), values) for name, values in layers.items()]
    np.testing.assert_allclose(load.ndvi(files).values[0], [[np.nan, np.nan], [-0.2, np.nan]], atol=1e-6)


def test_one_driver_reads_temperature_and_vegetation_by_product(tmp_path):
    vegetation(tmp_path, "MOD13Q1", "2019-08-13")
    (tmp_path / "data_catalog.yaml").write_text(
        'catalog_version: 1\nroots: ["."]\nsources:\n  ndvi:\n    kind: granules\n    driver: modis_hdf4\n'
        "    uri: '*.hdf'\n    provenance: observed\n    parameters: {quality_mask: false}\n"
    )
    assert open_catalog(tmp_path)["ndvi"].dims == ("time", "y", "x")
