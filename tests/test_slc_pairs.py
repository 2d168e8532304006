"""From complex images on disk to a catalog of unwrapped interferograms, pair by pair."""

from __future__ import annotations

import pickle

import dask
import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from distributed import Client, LocalCluster
from radar_files import radar
from small_files import refused, tif
from typer.testing import CliRunner

from qtp_toolkit import cli, grid, interferogram, load, network, open_catalog, slc_pairs
from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH
from qtp_toolkit.slc_pairs import _pair

DATES = ("20180106", "20180118", "20180211")
SHAPE = (96, 160)
RECIPE = {"looks_y": 2, "looks_x": 4, "alpha": 0.3, "method": "least_squares"}
LEFT_OUT = np.s_[40:48, 60:80]


def distances():
    """Phase of each date, rad: a bowl that sinks from date to date."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    bowl = np.exp(-(((y / SHAPE[0] - 0.5) ** 2 + (x / SHAPE[1] - 0.5) ** 2) / 0.05))
    return [depth * bowl for depth in (0.0, 9.0, 16.0)]


def draw(gamma=0.95):
    """Images of the three dates with one ground speckle, and noise of their own."""
    rng = np.random.default_rng(1)
    noise = [(rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE)) / np.sqrt(2) for _ in range(4)]
    out = []
    for own, phase in zip(noise[1:], distances(), strict=True):
        image = (np.sqrt(gamma) * noise[0] + np.sqrt(1 - gamma) * own) * np.exp(-1j * phase)
        image[LEFT_OUT] = 0
        out.append(image.astype(np.complex64))
    return out


@pytest.fixture
def files(tmp_path):
    return [tif(tmp_path / f"slc/slc_{d}.tif", v, pixel=10.0) for d, v in zip(DATES, draw(), strict=True)]


@pytest.fixture
def images(files):
    return load.slc_stack({"slc": files}, chunks={"y": 40})


def bytes_below(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_closed_form_images_of_any_format_are_the_same(tmp_path, files, images):
    values = draw()
    vrt = [radar(tmp_path / "merged/SLC", v, d) for d, v in zip(DATES, values, strict=True)]
    for d, v in zip(DATES, values, strict=True):
        with h5py.File(tmp_path / f"t064_135518_iw1_{d}.h5", "w") as file:
            group = file.create_group("data")
            group["VV"], group["projection"] = v, 32646
            group["x_coordinates"], group["y_coordinates"] = images["x"].values, images["y"].values
    cslc = load.slc_stack({"slc": sorted(tmp_path.glob("t064*.h5"))})
    same = ["spatial_ref", "file"]
    xr.testing.assert_equal(cslc["slc"].drop_vars(same), images["slc"].drop_vars(same))
    assert cslc.rio.crs == images.rio.crs == "EPSG:32646"
    told = refused(load.slc_stack, {"slc": sorted(tmp_path.glob("t064*.h5"))}, layer="data/HH", code="M05")
    assert "'data/HH'; complex ones are ['data/VV']" in told
    assert "parameters.layer" in told
    lines = load.slc_stack({"data": vrt[::-1]})
    np.testing.assert_array_equal(lines["slc"], images["slc"])
    assert lines["slc"].rio.crs is None
    np.testing.assert_array_equal(images["slc"].values, values)
    assert images["slc"].dtype == np.complex64


def test_closed_form_whole_numbers_are_complex_too(tmp_path):
    """CInt16, as Sentinel-1 is delivered in."""
    stored = np.arange(24, dtype="<i2").reshape(3, 4, 2)
    path = radar(tmp_path, stored[..., 0].astype("complex64"), "20180106")
    (path.parent / "20180106.slc.full").write_bytes(stored.tobytes())
    text = path.read_text().replace("CFloat32", "CInt16").replace(">8<", ">4<").replace(">32<", ">16<")
    path.write_text(text)
    values = load.slc_stack({"slc": [path]})["slc"].values
    np.testing.assert_array_equal(values[0], stored[..., 0] + 1j * stored[..., 1])


def test_closed_form_what_is_no_stack_of_images_is_told(tmp_path, files):
    refused(load.slc_stack, {"slc": [*files, tif(tmp_path / "real_20180307.tif", np.ones(SHAPE))]}, code="I11")
    odd = tif(tmp_path / "slc_20180307.tif", np.ones((3, 4), "complex64"), pixel=10.0)
    assert "3 x 4" in refused(load.slc_stack, {"slc": [*files, odd]}, code="I06")
    refused(load.slc_stack, {"slc": [*files, tif(tmp_path / "b/slc_20180106.tif", draw()[0])]}, code="I18")
    refused(load.slc_stack, {"slc": files, "latitude": files[:1]}, code="C10")
    refused(load.slc_stack, {"slc": files, "flat": files[:2]}, code="I03")
    (tmp_path / "slc_20180331.tif").write_bytes(b"II*\x00nothing")
    refused(load.slc_stack, {"slc": [tmp_path / "slc_20180331.tif"]}, code="M05")


def test_closed_form_flat_phase_is_taken_out(tmp_path, files, images):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    ramps = [k * 0.6 * x + k * 0.1 * y for k in range(3)]
    steep = [tif(tmp_path / f"a/slc_{d}.tif", (v * np.exp(1j * r)).astype("complex64"), pixel=10.0)
             for d, v, r in zip(DATES, draw(), ramps, strict=True)]  # fmt: skip
    flat = [tif(tmp_path / f"a/flat_{d}.tif", r, pixel=10.0) for d, r in zip(DATES, ramps, strict=True)]
    found = load.slc_stack({"slc": steep, "flat": flat})["slc"]
    assert found.chunks is not None
    np.testing.assert_allclose(found, images["slc"], atol=1e-4)
    raw = load.slc_stack({"slc": steep})
    told = refused(slc_pairs.write_interferograms, raw, tmp_path / "out", windows=[(0, 20)], **RECIPE, code="I32")
    assert "along x" in told
    assert "flattened" in told


def test_images_with_nothing_in_common_are_no_fringes(tmp_path):
    """The phase of noise steps somewhere too, on average; such a pair is made, and its coherence tells."""
    noise = np.random.default_rng(3).normal(size=(2, 2, *SHAPE))
    noise = (noise[0] + 1j * noise[1]).astype("complex64")
    paths = [tif(tmp_path / f"{d}.tif", v) for d, v in zip(DATES[:2], noise, strict=True)]
    images = load.slc_stack({"slc": paths})
    made = slc_pairs.write_interferograms(images, tmp_path / "out", windows=[(0, 20)], **RECIPE)
    gamma = open_catalog(made)["interferograms"]["coherence"]
    assert float(gamma.mean()) == pytest.approx(np.sqrt(np.pi / 4 / 8), abs=0.03)


def test_oracle_pairs_are_the_chain_step_by_step(tmp_path, images):
    """Each file against the functions of the room, called one after another."""
    made = slc_pairs.write_interferograms(images, tmp_path / "out", windows=[(0, 40)], **RECIPE)
    stack = open_catalog(made)["interferograms"]
    assert dask.config.get("scheduler", None) is None  # threads share dask's settings: none is left behind
    assert stack.sizes["pair"] == 3
    assert stack.attrs["wavelength"] == SENTINEL1_WAVELENGTH
    first, _, last = draw()
    like = images["slc"].isel(time=0, drop=True).load()
    looks = {"looks_y": 2, "looks_x": 4}
    one, two = like.copy(data=first), like.copy(data=last)
    gamma = interferogram.coherence(one, two, **looks)
    filtered = interferogram.goldstein(interferogram.multilook(interferogram.form(one, two), **looks), alpha=0.3)
    expected = interferogram.unwrap(filtered, gamma, method="least_squares")
    pair = stack.isel(pair=1).load()
    np.testing.assert_allclose(pair["phase"], expected, atol=1e-4)
    np.testing.assert_allclose(pair["coherence"], gamma, atol=1e-5)
    np.testing.assert_allclose(pair["x"], filtered["x"])
    np.testing.assert_allclose(pair["y"], filtered["y"])
    assert np.isnan(pair["phase"].values[20:24, 15:20]).all()


@pytest.mark.parametrize("method", ["whirlwind", "least_squares"])
def test_closed_form_cycles_are_those_of_the_truth(tmp_path, images, method):
    made = slc_pairs.write_interferograms(images, tmp_path / "out", windows=[(0, 40)], **RECIPE | {"method": method})
    stack = open_catalog(made)["interferograms"].load()
    depths = np.stack(distances())
    truth = np.stack([depths[1] - depths[0], depths[2] - depths[0], depths[2] - depths[1]])
    truth = truth.reshape(3, 48, 2, 40, 4).mean((2, 4))
    error = stack["phase"] - truth
    error = error - 2 * np.pi * np.round(error.median(("y", "x")) / (2 * np.pi))
    clear = stack["coherence"] > 0.4
    assert float((abs(error) > np.pi).where(clear).mean()) < 0.005


def test_property_what_was_killed_is_resumed_to_the_same_bits(tmp_path, images, monkeypatch):
    whole = slc_pairs.write_interferograms(images, tmp_path / "whole", windows=[(0, 40)], **RECIPE).parent
    write, calls = _pair._write, []

    def dies(*arguments):
        calls.append(arguments)
        if len(calls) == 6:
            raise KeyboardInterrupt
        write(*arguments)

    monkeypatch.setattr(_pair, "_write", dies)
    with dask.config.set(scheduler="synchronous"), pytest.raises(KeyboardInterrupt):
        slc_pairs.write_interferograms(images, tmp_path / "cut", windows=[(0, 40)], **RECIPE)
    assert len(list((tmp_path / "cut").glob("2018*/made.json"))) == 1
    (tmp_path / "cut" / ".20180106_20180211.aa.partial").mkdir()  # what a kill leaves, who has no time to tidy up
    calls.clear()
    monkeypatch.setattr(_pair, "_write", lambda *a: (calls.append(a), write(*a)))
    slc_pairs.write_interferograms(images, tmp_path / "cut", windows=[(0, 40)], **RECIPE)
    assert len(calls) == 8
    assert bytes_below(tmp_path / "cut") == bytes_below(whole)


def test_property_another_date_adds_pairs_and_another_recipe_is_refused(tmp_path, files, images, monkeypatch):
    two = load.slc_stack({"slc": files[:2]}, chunks={"y": 40})
    out = slc_pairs.write_interferograms(two, tmp_path / "out", windows=[(0, 40)], **RECIPE).parent
    before = (out / "20180106_20180118" / "20180106_20180118_unw_phase.tif").stat().st_mtime_ns
    slc_pairs.write_interferograms(images, out, windows=[(0, 40)], **RECIPE)
    assert len(list(out.glob("2018*"))) == 3
    assert (out / "20180106_20180118" / "20180106_20180118_unw_phase.tif").stat().st_mtime_ns == before
    other = RECIPE | {"alpha": 0.9}
    told = refused(slc_pairs.write_interferograms, images, out, windows=[(0, 40)], **other, code="R08")
    assert "alpha=0.3 then, 0.9 now" in told
    slc_pairs.write_interferograms(images, out, windows=[(0, 40)], restart=True, **other)
    land = images.assign(land=xr.ones_like(images["slc"].isel(time=0, drop=True), dtype="uint8"))
    assert "land" in refused(slc_pairs.write_interferograms, land, out, windows=[(0, 40)], **other, code="R08")
    slc_pairs.write_interferograms(images, out, windows=[(0, 40)], **other)


def test_closed_form_radar_geometry_comes_to_the_ground(tmp_path):
    """Ascending: the first line lies in the south. Water and a lake have no phase."""
    lines, samples = np.mgrid[: SHAPE[0], : SHAPE[1]]
    latitude, longitude = 34.0 + lines * 2e-4, 93.0 + samples * 1e-4
    land = np.ones(SHAPE, "uint8")
    land[:20] = 0
    paths = {"slc": [radar(tmp_path / "SLC", v, d) for d, v in zip(DATES, draw(), strict=True)]}
    maps = {"latitude": latitude, "longitude": longitude, "land": land}
    paths |= {name: [radar(tmp_path / "geom", v, name, "rdr")] for name, v in maps.items()}
    ring = [[93.010, 34.012], [93.011, 34.012], [93.011, 34.014], [93.010, 34.014], [93.010, 34.012]]
    lake = pd.DataFrame({"geometry": [{"type": "Polygon", "coordinates": [ring]}]})
    images = load.slc_stack(paths)
    made = slc_pairs.write_interferograms(
        images, tmp_path / "out", windows=[(0, 20)], masks=[lake], pixel_m=44.0, **RECIPE
    )
    pair = open_catalog(made)["interferograms"].isel(pair=0).load()
    phase = pair["phase"]
    assert pair.rio.crs == "EPSG:4326"
    low = float(phase.sel(y=34.0195, x=93.001, method="nearest"))
    top = float(phase.sel(y=34.0096, x=93.008, method="nearest"))
    assert top - low == pytest.approx(9.0, abs=0.6)
    assert np.isnan(phase.sel(y=slice(34.0035, 34.0)).values).all()
    assert np.isnan(phase.sel(y=34.013, x=93.0105, method="nearest"))
    assert np.isfinite(phase.sel(y=34.0168, x=93.0105, method="nearest"))


def test_radar_geometry_without_a_place_stays_as_it_is(tmp_path):
    images = load.slc_stack({"slc": [radar(tmp_path / "SLC", v, d) for d, v in zip(DATES, draw(), strict=True)]})
    out = slc_pairs.write_interferograms(images, tmp_path / "out", windows=[(0, 20)], **RECIPE)
    assert out.is_dir()
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(next(out.glob("*/*_unw_phase.tif"))) as f:
        assert (f.height, f.width) == (48, 40)


def test_lazy_stack_of_interferograms(no_compute, images):
    pairs = network.select_pairs(images["time"], windows=[(0, 40)])
    with no_compute():
        lazy = interferogram.form_stack(images["slc"], pairs, looks_y=2, looks_x=4)
    eager = interferogram.form_stack(images["slc"].load(), pairs, looks_y=2, looks_x=4)
    xr.testing.assert_allclose(lazy.compute(), eager, rtol=1e-5)
    assert eager["coherence"].attrs["coherence_of_noise"] == pytest.approx(np.sqrt(np.pi / 4 / 3.8), abs=1e-3)
    refused(interferogram.form_stack, images["slc"].isel(time=[0]), pairs, code="I03")


def test_the_command(tmp_path, files):
    (tmp_path / "data_catalog.yaml").write_text(
        "catalog_version: 1\ntitle: images\nroots: ['.']\nsources:\n  slc: {description: images, kind: dataset, "
        "driver: slc_stack, uri: 'slc/slc_*.tif', provenance: observed, access: here}\n"
    )
    words = ["interferograms", "--catalog", str(tmp_path / "data_catalog.yaml"), "--out", str(tmp_path / "out")]
    words += ["--looks-y", "2", "--looks-x", "4", "--unwrap", "least_squares", "--window", "0-20", "--no-connect"]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 0, told.output
    assert open_catalog(told.stdout.strip())["interferograms"].sizes["pair"] == 1
    assert CliRunner().invoke(cli.app, [*words, "--window", "soon"]).exit_code == 2


def test_a_cluster_writes_the_same_bits(tmp_path, images):
    """Tasks travel to the workers pickled: paths, and no pixels."""
    here = slc_pairs.write_interferograms(images, tmp_path / "here", windows=[(0, 40)], **RECIPE).parent
    where = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**where) as made, Client(made):
        there = slc_pairs.write_interferograms(images, tmp_path / "there", windows=[(0, 40)], **RECIPE).parent
    assert bytes_below(there) == bytes_below(here)
    assert len(pickle.dumps(images)) < images["slc"].nbytes / 10


def test_closed_form_each_pixel_on_the_ground_sees_its_nearest_radar_pixel():
    """By brute force, with a hole in the image; what is far from all is -1, and NaN or 0 afterwards."""
    lines, samples = np.mgrid[:9, :12]
    latitude = xr.DataArray(34.0 + lines * 1e-3 + samples * 2e-4, dims=("y", "x"))
    longitude = xr.DataArray(93.0 + samples * 1e-3, dims=("y", "x"))
    longitude[2:8, 3:9] = np.nan
    lookup = grid.geocoding(latitude, longitude, pixel_m=80.0)
    assert (np.diff(lookup["y"]) < 0).all()
    y, x = (da.values.ravel() for da in xr.broadcast(lookup["y"], lookup["x"]))
    north = 110_922.0 * (y[:, None] - latitude.values.ravel())
    east = 92_400.0 * (x[:, None] - longitude.values.ravel())
    away = np.nan_to_num(np.hypot(north, east), nan=np.inf)
    found, nearest = lookup.values.ravel(), away.min(axis=1)
    np.testing.assert_allclose(away[found >= 0, found[found >= 0]], nearest[found >= 0], rtol=1e-3)
    assert (nearest[found < 0] > 0.99 * 120).all()
    assert (nearest[found >= 0] < 1.01 * 120).all()
    assert (found < 0).any()
    whole = grid.geocode(xr.DataArray(np.ones((9, 12), "uint16"), dims=("y", "x")), lookup)
    assert whole.dtype == np.uint16
    np.testing.assert_array_equal(whole == 0, lookup < 0)
    refused(grid.geocoding, latitude * 0, longitude.fillna(0) * 0)
