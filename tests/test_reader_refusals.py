"""Files that lack a part or have it otherwise, and settings that a file has no use for: read or refused by name."""

from __future__ import annotations

import re

import h5py
import numpy as np
import producers
import pytest
import rasterio
import xarray as xr
import yaml
from producers import DAYS
from reader_cases import READERS, written
from small_files import refused, tif

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.catalog.options import options_of
from qtp_toolkit.conventions import VARIABLES


@pytest.mark.parametrize("setting", [{"layers": ["incidence"]}, {"dataset": "nonsense"}, {"dropped": "keep"}])
def test_settings_of_stacks_are_refused_of_a_series(setting, tmp_path):
    (path,) = written(tmp_path, "mintpy series")
    message = refused(load.mintpy, path, code="M27", **setting)
    assert next(iter(setting)) in message
    assert "timeseries" in message


def test_settings_of_stacks_are_refused_of_a_geometry(tmp_path):
    written(tmp_path, "mintpy")
    path = next(tmp_path.rglob("geometry*.h5"))
    assert list(load.mintpy(path, layers=["incidence"])) == ["incidence"]
    assert "component" in refused(load.mintpy, path, layers=["component"], code="M27")
    assert "dropped" in refused(load.mintpy, path, dropped="keep", code="M27")


def test_a_stack_of_mintpy_without_a_kept_pair_says_so(tmp_path):
    (path,) = written(tmp_path, "mintpy")
    with h5py.File(path, "r+") as file:
        file["dropIfgram"][...] = False
    message = refused(load.mintpy, path, code="M27")
    assert "dropIfgram" in message
    assert "dropped: keep" in message
    assert load.mintpy(path, dropped="keep").sizes["pair"] == 3


def test_layers_of_opera_come_beside_or_are_named(tmp_path, no_compute):
    """I03: labels of 65535 are outside; nothing is told of the first reference."""
    paths = written(tmp_path, "opera")
    what = ["component", "temporal_coherence"]
    assert "temporal_coherence" in refused(load.opera_disp, paths, layers=what[1:], code="I03")
    for k, path in enumerate(paths):
        with h5py.File(path, "r+") as file:
            labels = np.full(file["displacement"].shape, k + 1, "u2")
            labels[0, 0], labels[-1, -1] = 65535, 0
            file["connected_component_labels"] = labels
            file["temporal_coherence"] = np.full(labels.shape, 0.25 * (k + 1), "f4")
    with no_compute():
        data = load.opera_disp(paths, layers=what)
    assert data["component"].dtype == np.int16
    assert data["component"][:, 1, 1].values.tolist() == [-1, *range(1, len(paths) + 1)]
    assert data["component"][:, 0, 0].values.tolist() == [-1] * (len(paths) + 1)
    assert data["component"][1:, -1, -1].values.tolist() == [0] * len(paths)
    assert np.isnan(data["temporal_coherence"][0]).all()
    np.testing.assert_array_equal(data["temporal_coherence"][1:, 2, 2], 0.25 * np.arange(1, len(paths) + 1))
    xr.testing.assert_equal(data["displacement"], load.opera_disp(paths)["displacement"])


@pytest.mark.parametrize("registration", ["corner", "center"])
def test_delays_as_geotiff_are_not_told_where_they_lie(registration, tmp_path):
    paths = [tif(tmp_path / f"{day}.ztd.tif", np.full((6, 8), 2.3, "f4"), **producers.GEO) for day in DAYS[:2]]
    assert "registration" not in load.gacos(paths).attrs
    assert "registration" in refused(load.gacos, paths, registration=registration, code="I05")


def test_baselines_of_another_number_than_dates_are_refused(tmp_path):
    (path,) = written(tmp_path, "licsbas series")
    with h5py.File(path, "r+") as file:
        own = file["bperp"][:2]
        del file["bperp"]
        file["bperp"] = own
    message = refused(load.licsbas_series, path, code="I06")
    assert "bperp" in message
    assert path.name in message


def without_places(folder):
    for name in ("lat", "lon"):
        for path in folder.glob(f"merged/geom_reference/{name}.rdr*"):
            path.unlink()


def test_heights_in_lines_and_samples_need_no_places(tmp_path):
    paths = written(tmp_path, "isce2")
    whole = load.isce2(paths, geometry="radar", layers=["elevation"])["elevation"].compute()
    hgt = tmp_path / "merged" / "geom_reference" / "hgt.rdr"
    without_places(tmp_path)
    bare = load.isce2(paths, geometry="radar", layers=["elevation"])
    known = whole.notnull().values
    np.testing.assert_array_equal(bare["elevation"].values[known], whole.values[known])
    assert "latitude" not in bare.coords
    one = load.isce2_layer(hgt, variable="elevation", geometry="radar")
    np.testing.assert_array_equal(one, bare["elevation"])
    message = refused(load.isce2, paths, geometry="geocoded", code="I03")
    assert "geometry: geocoded needs it" in message
    assert "beside merged/interferograms" not in message


def test_cubes_of_aria_find_their_axes_by_either_name(tmp_path):
    """Axes that are attached to no dimension, called heightsMeta ... or height ..."""
    producers.aria(tmp_path, "descending")
    paths = sorted(tmp_path.glob("*.nc"))
    attached = load.aria(paths, layers=["tide"], elevation=4600.0)["tidal_phase"]
    for path in paths:
        with h5py.File(path, "r+") as file:
            for end in ("reference", "secondary"):
                group = file[f"science/grids/corrections/external/tides/solidEarth/{end}"]
                for dim in group["solidEarthTide"].dims:
                    for scale in list(dim.values()):
                        dim.detach_scale(scale)
                if end == "reference":
                    for own, other in (("heights", "height"), ("latitude", "latitude"), ("longitude", "longitude")):
                        group.move(f"{own}Meta", other)
    found = load.aria(paths, layers=["tide"], elevation=4600.0)["tidal_phase"]
    np.testing.assert_array_equal(found, attached)


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("TS_GEOCml1/cum.h5", "licsbas_series"),
        ("TS_GEOCml1/cum_filt.h5", "licsbas_series"),
        ("velocity.h5", "mintpy"),
        ("geo/geo_velocityERA5.h5", "mintpy"),
        ("inputs/geometryGeo.h5", "mintpy"),
        ("inputs/geometryRadar.h5", "mintpy"),
    ],
)
def test_what_is_made_of_interferograms_is_recognized(name, driver, tmp_path):
    """I35: where there are no interferograms beside it; of a folder of MintPy the series."""
    assert load.recognize([tmp_path / name]).driver == driver
    assert load.recognize([tmp_path / name, tmp_path / "inputs/ifgramStack.h5"]).files[0].name == "ifgramStack.h5"
    if driver == "mintpy":
        found = load.recognize([tmp_path / name, tmp_path / "timeseries.h5"])
        assert [path.name for path in found.files] == ["timeseries.h5"]


@pytest.mark.parametrize("driver", ["licsbas series", "mintpy series"])
def test_a_series_is_opened_by_what_it_is_recognized_for(driver, tmp_path):
    (path,) = written(tmp_path, driver)
    row = {"kind": "dataset", "driver": "auto", "uri": str(path.relative_to(tmp_path)), "provenance": "observed"}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"catalog_version": 1, "roots": ["."], "sources": {"series": row}}))
    assert "displacement" in open_catalog(tmp_path / "c.yaml")["series"]


@pytest.mark.parametrize("name", ["20180819.ztd", "20180819.tif", "notes.h5", "20180819_20180831.int"])
def test_a_reader_of_geotiffs_is_named_where_there_are_some(name, tmp_path):
    """I35."""
    assert "geotiff_stack" not in refused(load.recognize, [tmp_path / name], code="I35")
    pair = tmp_path / "pairs" / "20180819_20180831_unw.tif"
    assert "geotiff_stack" in refused(load.recognize, [tmp_path / name, pair], code="I35")


@pytest.mark.parametrize(("orbit", "heading"), producers.HEADING.items())
def test_the_vector_of_opera_gives_incidence_and_heading(orbit, heading, tmp_path, no_compute):
    """I11: one band, or the vector to the ground, is refused."""
    vector = np.stack([np.full((6, 8), part, "f4") for part in producers.vector(orbit)])
    vector[:, 0, 0] = 0
    path = tmp_path / "los_enu.tif"
    place = {"crs": "EPSG:32613", "transform": rasterio.Affine(30, 0, 717600, 0, -30, 3481740)}
    with rasterio.open(path, "w", driver="GTiff", height=6, width=8, count=3, dtype="float32", **place) as file:
        file.write(vector)
    with no_compute():
        angle = load.opera_look(path)
    assert np.isnan(angle[0, 0])
    np.testing.assert_allclose(angle.values[1:], producers.INCIDENCE, atol=1e-3)
    assert angle.attrs["heading"] == pytest.approx(heading, abs=1e-3)
    refused(load.opera_look, tif(tmp_path / "one.tif", vector[2], **producers.UTM), code="I11")
    with rasterio.open(path, "r+") as file:
        file.write(-vector)
    refused(lambda: load.opera_look(path).compute(), code="I11")


DRIVERS = ("hyp3", "aria", "aria_tools", "licsar", "licsbas", "gmtsar", "isce2", "mintpy")


@pytest.mark.parametrize(("reader", "variable"), [*((name, "coherence") for name in DRIVERS), ("hyp3", "incidence")])
def test_the_remedy_is_a_parameter_that_the_driver_has(reader, variable, tmp_path, monkeypatch):
    """I04, I11: beyond a range that is moved away; what the driver cannot be told is to be converted."""
    monkeypatch.setitem(VARIABLES, variable, VARIABLES[variable]._replace(valid=(80.0, 88.0), held=None))
    stack = READERS[reader].open(
        written(tmp_path, reader), **({} if variable == "coherence" else {"layers": [variable]})
    )
    message = refused(stack[variable].compute)
    told = {f"{variable}_scale"} & set(options_of(reader).model_fields)
    assert set(re.findall(r"parameters\.([a-z_]+)", message)) == told
    assert told or re.search("convert the files|takes no other unit", message)


def test_a_scale_tag_on_decimals_of_a_look_has_no_setting(tmp_path):
    """M11: the driver licsar_look takes no parameters."""
    path = tif(tmp_path / "152D.geo.U.tif", np.full((2, 2), 0.777, "float32"))
    with rasterio.open(path, "r+") as file:
        file.scales = (0.5,)
    assert "parameters" not in refused(load.licsar_look, [path], code="M11")
