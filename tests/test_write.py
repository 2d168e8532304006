"""The scene on disk: in the formats of real data, whole or not at all, the same bytes for the same seed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import namedtuple

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from qtp_toolkit import catalog as catalogs
from qtp_toolkit import grid
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.synthetic import formats, observe, scene, write
from qtp_toolkit.synthetic.interferograms import interferograms


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write.write_scene(tmp_path_factory.mktemp("scenes") / "scene-tiny", size="tiny", progress=False)


@pytest.fixture(scope="module")
def observed():
    return observe(scene("tiny"))


@pytest.fixture
def opened(folder, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(folder.parent))
    monkeypatch.setenv("QTP_SCENE", "tiny")
    return catalogs.open_catalog()


def test_every_source_of_the_catalog_is_written(opened):
    own = [name for name in opened if opened.source(name).root is None]  # others are of the scene beyond
    assert len(own) == len(opened) - 5
    assert [name for name in own if not opened.available(name)] == []
    assert [name for name in own if opened.check(name)["status"] != "found"] == []


def test_the_same_seed_gives_the_same_bytes(folder, tmp_path):
    again = write.write_scene(tmp_path / "again", size="tiny", progress=False)
    assert hashes(again) == hashes(folder)


def test_land_surface_temperature_comes_back_to_half_a_count(opened, observed):
    back, given = opened["modis_lst"].compute(), observed["modis_lst"].compute()
    for name in ("terra_day", "aqua_night"):
        np.testing.assert_allclose(back[name], given[name], atol=0.0101)
        np.testing.assert_array_equal(back[f"qc_{name}"], given[f"qc_{name}"])
    np.testing.assert_array_equal(back["time"], given["time"])
    np.testing.assert_allclose(back["y"], given["y"])


def test_interferograms_come_back_with_their_holes_and_baselines(opened, observed):
    back, given = opened["interferograms"].compute(), observed["interferograms"].compute()
    np.testing.assert_array_equal(back["reference"], given["reference"])
    np.testing.assert_array_equal(back["secondary"], given["secondary"])
    np.testing.assert_allclose(back["phase"], given["phase"], atol=1.51 * formats.PHASE_STEP)
    seen = np.isfinite(given["coherence"].values)
    np.testing.assert_allclose(
        back["coherence"].values[seen], given["coherence"].values[seen], atol=1.51 * formats.COHERENCE_STEP
    )
    np.testing.assert_allclose(back["perpendicular_baseline"], given["perpendicular_baseline"], atol=1e-3)
    assert np.isnan(back["phase"]).any()


@pytest.mark.parametrize(
    ("name", "step"),
    [("bulk_density", 10), ("sand", 1e-3), ("dem", 1.0), ("ndvi", 1e-4), ("ground_ice", 1e-6), ("incidence", 1e-4)],
)
def test_maps_come_back_to_half_a_step(opened, observed, name, step):
    back, given = opened[name].compute(), observed[name].compute()
    np.testing.assert_allclose(back.values, given.values, atol=0.51 * step, rtol=1e-6)
    np.testing.assert_allclose(grid.lonlat(back)["latitude"], grid.lonlat(given)["latitude"], atol=1e-6)


def test_classes_come_back_as_classes(opened, observed):
    for name in ("permafrost", "vegetation"):
        back, given = opened[name].values, observed[name].values
        np.testing.assert_array_equal(back[given > 0], given[given > 0])
        assert (back[given == 0] == -1).all()
        assert opened[name].attrs["classes"]


def test_the_truth_comes_back(opened):
    truth = scene("tiny")
    back = opened["truth"]
    assert set(back.data_vars) == set(truth.data_vars)
    np.testing.assert_array_equal(back["displacement"], truth["displacement"])


def test_weather_and_stations_come_back(opened, observed):
    np.testing.assert_allclose(opened["era5"]["temperature"].values, observed["era5"]["temperature"].values, rtol=1e-6)
    assert len(opened["stations"]) == len(observed["stations"])
    given = observed["station_soil_temperature"]["soil_temperature"].mean()
    assert float(opened["station_soil_temperature"]["soil_temperature"].mean()) == pytest.approx(given, abs=0.2)


def test_slabs_of_rows_make_the_same_pixels(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "SLAB_BYTES", 0)
    monkeypatch.setattr(write, "_write_rest", lambda *_: None)
    monkeypatch.setattr(write, "interferograms", lambda truth: interferograms(truth).isel(pair=slice(None, None, 50)))
    slabs = write.write_scene(tmp_path / "slabs", size="tiny", progress=False)
    written = sorted((slabs / "insar").rglob("*.tif"))
    assert len(written) == 20
    for path in written:
        with rasterio.open(path) as one, rasterio.open(folder / path.relative_to(slabs)) as other:
            assert one.profile == other.profile
            np.testing.assert_array_equal(one.read(1), other.read(1))


def quick(stage, *, size, seed, without, advance):
    stage.mkdir()
    (stage / "made").write_text(f"{size} {seed} {without}")


def test_a_scene_is_written_once(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(tmp_path))
    monkeypatch.setattr(write, "_write", quick)
    first = write.ensure_scene("tiny", progress=False)
    assert first == tmp_path / "scene-tiny"
    monkeypatch.setattr(write, "_write", None)
    assert write.ensure_scene("tiny", progress=False) == first


def test_a_scene_of_other_code_is_written_again(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(tmp_path))
    monkeypatch.setattr(write, "_write", quick)
    folder = write.ensure_scene("tiny", progress=False)
    (folder / "made").write_text("old")
    monkeypatch.setattr(write, "__version__", "9.9")
    assert (write.ensure_scene("tiny", progress=False) / "made").read_text() == "tiny 2022 ()"
    assert [path.name for path in tmp_path.iterdir()] == ["scene-tiny"]


def fails(stage, **_):
    stage.mkdir()
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "_write", quick)
    folder = write.write_scene(tmp_path / "mine", size="tiny", progress=False)
    monkeypatch.setattr(write, "_write", fails)
    with pytest.raises(OSError, match="No space"):
        write.write_scene(folder, size="tiny", seed=1, progress=False)
    assert (folder / "made").read_text() == "tiny 2022 ()"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_two_processes_at_once_end_with_one_scene(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(tmp_path))

    def slower(stage, **options):
        quick(stage, **options)
        monkeypatch.setattr(write, "_write", quick)
        write.write_scene(tmp_path / "scene-tiny", size="tiny", progress=False)  # the other process

    monkeypatch.setattr(write, "_write", slower)
    assert (write.ensure_scene("tiny", progress=False) / "made").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["scene-tiny"]


def test_other_peoples_folders_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(QtpDataError, match="something else"):
        write.write_scene(tmp_path, size="tiny", progress=False)


def test_a_small_disk_is_told_before_the_work(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1))
    with pytest.raises(QtpDataError, match="too small"):
        write.write_scene(tmp_path / "scene", progress=False)


def test_packing_rounds_and_fills():
    values = np.array([np.nan, 0.01, -10.004, 20.01])
    packed = formats.pack(values, dtype="uint16", fill=0, scale=0.02, offset=-273.15)
    np.testing.assert_array_equal(packed, [0, 13658, 13157, 14658])


def test_a_true_zero_is_no_hole(tmp_path):
    y, x = 4e6 - 1000.0 * np.arange(70), 3e5 + 1000.0 * np.arange(5)
    phase = np.zeros((1, 70, 5), "float32")
    phase[0, 0, 0] = np.nan
    date = pd.to_datetime(["2018-01-01", "2018-01-13"]).values.astype("datetime64[ns]")
    stack = xr.Dataset(
        {"phase": (("pair", "y", "x"), phase), "coherence": (("pair", "y", "x"), phase)},
        coords={
            "y": y,
            "x": x,
            "reference": ("pair", date[:1]),
            "secondary": ("pair", date[1:]),
            "perpendicular_baseline": ("pair", [12.5]),
        },
    ).rio.write_crs(32646)
    formats.hyp3(tmp_path, stack, number=0, like=stack)
    (path,) = tmp_path.rglob("*_unw_phase.tif")
    assert path.parent.name.startswith("S1AA_20180101T000500_20180113T000500_VVP012_")
    with rasterio.open(path) as raster:
        assert (raster.read(1) == 0).sum() == 1
        assert raster.nodata == 0.0
        assert raster.block_shapes == [(64, 5)]
    assert "Baseline: 12.5000" in next(tmp_path.rglob("*.txt")).read_text()


def test_the_stamp_says_what_it_is(folder):
    said = json.loads((folder / write.STAMP).read_text())
    assert (said["size"], said["seed"], said["without"]) == ("tiny", 2022, [])
