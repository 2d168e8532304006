"""Loaders of interferogram stacks against small true files, under every scheduler."""

from __future__ import annotations

import pickle
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from small_files import granule, refused, tif

from qtp_toolkit import load


@pytest.fixture
def stack(tmp_path, rng):
    """Three HyP3 products in true layout."""
    for first, second in (("20180831", "20180912"), ("20180819", "20180831"), ("20180819", "20180912")):
        name = f"S1AA_{first}T114512_{second}T114512_VVP012_INT80_G_ueF_ABCD"
        phase = rng.normal(0, 4, (5, 4)).astype("float32")
        phase[0, 0] = 0.0
        phase[1, 1] = np.inf
        tif(tmp_path / name / f"{name}_unw_phase.tif", phase, nodata=0)
        tif(tmp_path / name / f"{name}_corr.tif", rng.uniform(0.2, 1, (5, 4)).astype("float32"), nodata=0)
        (tmp_path / name / f"{name}.txt").write_text(f"Reference Granule: x\nBaseline: {int(second[-2:])}.5\n")
    return tmp_path


def unwrapped(folder):
    return sorted(folder.glob("S1*/*_unw_phase.tif"))


def test_hyp3_stack(stack, no_compute):
    with no_compute():
        data = load.hyp3(unwrapped(stack))
    assert data["phase"].dims == ("pair", "y", "x")
    assert data["reference"].dtype == "datetime64[ns]"
    assert [str(t)[:10] for t in data["reference"].values] == ["2018-08-19", "2018-08-19", "2018-08-31"]
    assert [str(t)[:10] for t in data["secondary"].values] == ["2018-08-31", "2018-09-12", "2018-09-12"]
    assert data["perpendicular_baseline"].values.tolist() == [31.5, 12.5, 12.5]
    assert np.isnan(data["phase"].values[:, 0, 0]).all()
    assert np.isnan(data["phase"].values[:, 1, 1]).all()
    assert np.isfinite(data["phase"].values).sum() == 3 * 18
    assert data["phase"].attrs["units"] == "rad"
    assert data.attrs["wavelength"] == pytest.approx(0.05546576)
    assert data.rio.crs.to_epsg() == 32646
    assert data["phase"].dtype == data["coherence"].dtype == np.float32


def test_pairs_written_backward_are_turned_round(tmp_path):
    forward = tif(tmp_path / "20180101_20180113.unw.tif", np.full((2, 2), 2.0, "float32"))
    backward = tif(tmp_path / "20180125_20180113.unw.tif", np.full((2, 2), 3.0, "float32"))
    data = load.interferograms([forward, backward])
    assert data["phase"].values[:, 0, 0].tolist() == [2.0, -3.0]
    assert (data["reference"] < data["secondary"]).all()
    assert data.attrs["pairs_turned_round"] == 1
    toward = load.interferograms([forward, backward], phase_sign="positive_toward")
    assert toward["phase"].values[:, 0, 0].tolist() == [-2.0, 3.0]
    assert toward["phase"].attrs["units"] == "rad"


def test_licsar_coherence_is_0_to_255(tmp_path):
    folder = tmp_path / "GEOC" / "20180101_20180113"
    phase = tif(
        folder / "20180101_20180113.geo.unw.tif",
        np.full((2, 2), 5.0, "float32"),
        crs="EPSG:4326",
        origin=(93, 35),
        pixel=0.001,
    )
    tif(
        folder / "20180101_20180113.geo.cc.tif",
        np.array([[0, 51], [102, 255]], "uint8"),
        crs="EPSG:4326",
        origin=(93, 35),
        pixel=0.001,
    )
    data = load.licsar([phase])
    np.testing.assert_allclose(data["coherence"].values[0], [[0, 0.2], [0.4, 1]], atol=1e-6)
    assert data.attrs["coherence_scale"] == pytest.approx(1 / 255)


def test_upward_file_is_turned_round(tmp_path):
    values = np.arange(1, 13, dtype="float32").reshape(4, 3)
    down = tif(tmp_path / "20180101_20180113.tif", values)
    up = tif(tmp_path / "20180113_20180125.tif", values, upward=True)
    data = load.interferograms([down, up], chunks={"y": 2})
    np.testing.assert_array_equal(data["phase"].values[0], values)
    np.testing.assert_array_equal(data["phase"].values[1], values)
    assert (np.diff(data["y"]) < 0).all()


def test_grids_that_jitter_are_one_and_others_are_refused_with_a_table(tmp_path):
    values = np.ones((4, 4), "float32")
    a = tif(tmp_path / "20180101_20180113.tif", values)
    jitter = tif(tmp_path / "20180113_20180125.tif", values, origin=(400000.0 + 1e-6, 3800000.0 - 1e-6))
    assert load.interferograms([a, jitter])["phase"].shape == (2, 4, 4)
    shifted = tif(tmp_path / "20180125_20180206.tif", values, origin=(400020.0, 3800000.0))
    message = refused(load.interferograms, [a, jitter, shifted], code="I05")
    assert "+0.25 columns" in message
    assert shifted.name in message
    smaller = tif(tmp_path / "20180206_20180218.tif", values[:3])
    message = refused(load.interferograms, [a, smaller], code="I06")
    assert "3 x 4" in message
    assert "intersection" in message
    zone = tif(tmp_path / "20180218_20180302.tif", values, crs="EPSG:32645")
    refused(load.interferograms, [a, zone], code="I07")
    coarse = tif(tmp_path / "20180302_20180314.tif", values, pixel=160.0)
    refused(load.interferograms, [a, coarse], code="I20")


def test_aligned_grids_may_be_cropped_to_what_they_share(tmp_path):
    values = np.arange(1, 17, dtype="float32").reshape(4, 4)
    a = tif(tmp_path / "20180101_20180113.tif", values)
    b = tif(tmp_path / "20180113_20180125.tif", values, origin=(400080.0, 3799920.0))
    data = load.interferograms([a, b], extent="intersection")
    np.testing.assert_array_equal(data["phase"].values[0], values[1:, 1:])
    np.testing.assert_array_equal(data["phase"].values[1], values[:3, :3])
    assert data["x"].values[0] == 400120.0
    assert data["y"].values[0] == 3799880.0


def test_stack_refusals(tmp_path, stack):
    files = unwrapped(stack)
    Path(str(files[0]).replace("_unw_phase", "_corr")).unlink()
    message = refused(load.hyp3, files, code="I03")
    assert "2018-08-19 2018-08-31" in message
    free = load.hyp3(files, require_coherence=False)
    assert free.attrs["pairs_without_coherence"] == 1
    assert (free["coherence"].values[0] == 1).all()
    values = np.ones((2, 2), "float32")
    same = tif(tmp_path / "20180101_20180101.tif", values)
    refused(load.interferograms, [same], code="I18")
    both = [tif(tmp_path / name, values) for name in ("20180101_20180113.tif", "20180113_20180101.tif")]
    assert both[1].name in refused(load.interferograms, both, code="I19")
    unnamed = tif(tmp_path / "first.tif", values)
    assert "first.tif" in refused(load.interferograms, [unnamed], code="I27")
    refused(load.interferograms, [tif(tmp_path / "20180101_20180231.tif", values)], code="I27")
    integer = tif(tmp_path / "20180101_20180125.tif", values.astype("int16"))
    refused(load.interferograms, [integer], code="I11")
    wavy = tif(tmp_path / "20180113_20180206.tif", values, tags={"WAVELENGTH_METRES": "5.5"})
    refused(load.interferograms, [wavy], code="I15")


def test_check_stack(stack):
    data = load.hyp3(unwrapped(stack))
    table = load.check_stack(data, every=1)
    assert len(table) == 3
    assert table["valid"].tolist() == [0.9, 0.9, 0.9]
    wrapped = data.assign(phase=(np.mod(data["phase"] + np.pi, 2 * np.pi) - np.pi).assign_attrs(units="rad"))
    assert "unwrapped" in refused(load.check_stack, wrapped, every=1, code="I10")
    assert "0.00392" in refused(load.check_stack, data.assign(coherence=data["coherence"] * 255), every=1, code="I04")
    empty = data.assign(
        phase=data["phase"].where(data["pair"] != 1)
        if "pair" in data.coords
        else data["phase"] * [[[1]], [[np.nan]], [[1]]]
    )
    assert "2018-09-12" in refused(load.check_stack, empty, every=1, code="I21")


def test_lazy_same_numbers_under_threads_and_processes(stack, tmp_path):
    dn = np.arange(13000, 13036, dtype="uint16").reshape(6, 6)
    tiles = [granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2020000000001.hdf", dn)]
    lazy = [
        load.hyp3(unwrapped(stack), chunks={"y": 2})["phase"],
        load.modis_lst(tiles, sensors=["terra"])["terra_day"],
    ]
    for array in lazy:
        assert len(pickle.dumps(array)) < 100_000
        one = array.compute(scheduler="sync")
        xr.testing.assert_identical(pickle.loads(pickle.dumps(array)).compute(scheduler="threads"), one)
    with dask.config.set({"multiprocessing.context": "spawn"}):
        outs = dask.compute(*lazy, scheduler="processes", num_workers=1)
    for array, out in zip(lazy, outs, strict=True):
        xr.testing.assert_identical(out, array.compute(scheduler="sync"))
