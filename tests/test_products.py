"""Products: whole or not at all, lazy again, and maps that other programs can read."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr

from qtp_toolkit import products
from qtp_toolkit.conventions import MissingSourceError, QtpDataError, describe, is_lazy


@pytest.fixture
def maps():
    y, x = 4_000_000.0 - 1000.0 * np.arange(30), 300_000.0 + 1000.0 * np.arange(40)
    rate = xr.DataArray(
        np.linspace(-20, 20, 1200, dtype="float32").reshape(30, 40), dims=("y", "x"), coords={"y": y, "x": x}
    )
    rate[:3, :3] = np.nan
    time = pd.date_range("2016-01-01", periods=5).astype("datetime64[ns]")
    series = xr.concat([rate] * 5, dim=pd.Index(time, name="time")).rename("displacement")
    ds = xr.Dataset(
        {
            "linear_rate": describe(rate, "linear_rate", provenance_note="synthetic scene"),
            "reason": describe(np.isnan(rate).astype("uint8"), "reason"),
            "kind": (rate > 0).astype("int16").assign_attrs(units="1", long_name="kind", classes={0: "low", 1: "high"}),
            "mask": rate > 0,
            "displacement": describe(series, "displacement"),
        }
    )
    ds = ds.assign_coords(season=("time", ["winter", "winter", "spring", "summer", "autumn"]))
    return ds.rio.write_crs(32646)


def test_a_product_comes_back_lazy_and_equal(maps):
    products.save(maps, "deformation")
    back = products.open("deformation")
    assert is_lazy(back)
    assert list(back) == list(maps)
    assert back.rio.crs == maps.rio.crs
    assert back["linear_rate"].attrs == maps["linear_rate"].attrs
    assert back["kind"].attrs["classes"] == {"0": "low", "1": "high"}
    assert back.attrs["qtp_toolkit_version"]
    xr.testing.assert_equal(back.load(), maps)


def test_lazy_input_of_uneven_blocks_is_saved(maps):
    products.save(maps.chunk({"y": (7, 20, 3), "x": 11}), "deformation")
    xr.testing.assert_equal(products.open("deformation").load(), maps)


def test_units_that_look_like_time_stay_numbers(maps):
    maps["thaw_onset_std"] = describe(abs(maps["linear_rate"]), "thaw_onset_std")
    products.save(maps, "freeze_thaw")
    assert products.open("freeze_thaw")["thaw_onset_std"].dtype == np.float32


def test_empty_blocks_are_written(maps):
    path = products.save((maps[["linear_rate"]] * np.nan).chunk({"y": 10, "x": 10}), "deformation")
    assert len(list((path / "linear_rate" / "c").rglob("*"))) >= 12


def _fails(block):
    raise OSError(28, "No space left on device")


def test_a_failing_write_leaves_the_earlier_product(maps):
    products.save(maps, "deformation")
    broken = maps[["linear_rate"]].chunk({"y": 10}).map(lambda da: da.copy(data=da.data.map_blocks(_fails, dtype="f4")))
    with pytest.raises(OSError, match="No space left"):
        products.save(broken, "deformation")
    xr.testing.assert_equal(products.open("deformation").load(), maps)
    assert [path.name for path in products.path_of("deformation").parent.iterdir()] == ["deformation.zarr"]


def test_a_product_may_be_made_from_itself(maps):
    products.save(maps, "deformation")
    products.save(products.open("deformation") * 2, "deformation")
    np.testing.assert_array_equal(products.open("deformation")["linear_rate"], 2 * maps["linear_rate"])


def test_a_swap_cut_short_loses_nothing(maps):
    path = products.save(maps, "deformation")
    path.rename(path.with_name(path.name + ".previous"))
    assert products.exists("deformation")
    xr.testing.assert_equal(products.open("deformation").load(), maps)
    products.save(maps * 2, "deformation")
    assert [each.name for each in path.parent.iterdir()] == ["deformation.zarr"]


def test_no_hard_links_are_needed(maps, monkeypatch):
    """R15: some file systems have none."""
    monkeypatch.delattr("os.link")
    products.save(maps, "deformation")
    xr.testing.assert_equal(products.open("deformation").load(), maps)


def test_a_missing_product_names_the_notebook_that_makes_it():
    with pytest.raises(MissingSourceError, match=r"product 'freeze_thaw' is not in .*: run notebook 02_freeze_thaw"):
        products.open("freeze_thaw")
    with pytest.raises(MissingSourceError, match="products of the workflow: lst_mean"):
        products.open("onsets")
    assert not products.exists("freeze_thaw")


@pytest.mark.parametrize("name", ["", "../up", "a b", "a.b"])
def test_names_stay_in_the_folder(name, maps):
    with pytest.raises(QtpDataError, match="not fit for a file"):
        products.save(maps, name)


def test_the_output_folder_follows_the_environment(monkeypatch, tmp_path):
    assert products.output_folder() == tmp_path / "output"
    monkeypatch.delenv("QTP_OUTPUT")
    monkeypatch.chdir(tmp_path)
    assert products.output_folder() == tmp_path / "qtp_output"


def test_the_output_folder_is_the_same_from_the_folders_below(monkeypatch, tmp_path):
    """Notebooks opened in ``notebooks/`` find what ``qtp reproduce`` made at the root."""
    monkeypatch.delenv("QTP_OUTPUT")
    below = tmp_path / "clone" / "notebooks"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert products.output_folder() == below / "qtp_output"
    (tmp_path / "clone" / "data_catalog.yaml").touch()
    assert products.output_folder() == tmp_path / "clone" / "qtp_output"
    (tmp_path / "qtp_output").mkdir()
    assert products.output_folder() == tmp_path / "clone" / "qtp_output"
    (below / "qtp_output").mkdir()
    assert products.output_folder() == below / "qtp_output"


def test_tables_keep_a_named_index():
    path = products.save_table(pd.DataFrame({"q": [0.5]}, index=pd.Index(["slope"], name="factor")), "q")
    assert path.read_text().splitlines() == ["factor,q", "slope,0.5"]
    assert products.save_table(pd.DataFrame({"q": [0.5]}), "q").read_text().splitlines() == ["q", "0.5"]


def test_maps_are_cloud_optimized_with_crs_units_and_nodata(maps):
    files = products.export_maps(maps.chunk({"y": 10}), "deformation")
    assert [path.name for path in files] == [
        "deformation_linear_rate.tif",
        "deformation_reason.tif",
        "deformation_kind.tif",
        "deformation_mask.tif",
        "deformation.nc",
    ]
    with rasterio.open(files[0]) as raster:
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert raster.crs.to_epsg() == 32646
        assert np.isnan(raster.nodata)
        assert raster.tags()["units"] == "mm/yr"
        assert raster.units == ("mm/yr",)
        assert "linear deformation rate" in raster.descriptions[0]
        assert raster.tags()["provenance_note"] == "synthetic scene"
        assert tuple(raster.transform)[:6] == (1000.0, 0.0, 299_500.0, 0.0, -1000.0, 4_000_500.0)
        np.testing.assert_array_equal(raster.read(1), maps["linear_rate"])
    with rasterio.open(files[2]) as raster:
        assert json.loads(raster.tags()["classes"]) == {"0": "low", "1": "high"}


def test_the_netcdf_follows_cf(maps):
    path = products.export_maps(maps, "deformation")[-1]
    with xr.open_dataset(path, engine="h5netcdf", decode_coords="all") as back:
        assert back.attrs["Conventions"].startswith("CF-")
        assert back.rio.crs.to_epsg() == 32646
        assert back["linear_rate"].encoding["grid_mapping"] == "spatial_ref"
        assert back["x"].attrs["standard_name"] == "projection_x_coordinate"
        assert back["linear_rate"].attrs["units"] == "mm/yr"
        np.testing.assert_array_equal(back["displacement"], maps["displacement"])


def test_maps_without_crs_are_refused(maps):
    with pytest.raises(QtpDataError, match="write_crs"):
        products.export_maps(maps.drop_vars("spatial_ref"), "deformation")


def test_text_comes_back_as_numpy_has_it():
    words = np.array(["thaw", "freeze"], dtype=object)
    ds = xr.Dataset({"season": ("n", words), "day": ("n", [130, 280])}).chunk()
    out = products.with_words(ds)
    assert out["season"].dtype.kind == "U"
    assert not is_lazy(out["season"])
    assert out["season"].values.tolist() == ["thaw", "freeze"]
    assert is_lazy(out["day"])
