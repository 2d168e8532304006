"""Coregistered complex images: what is cut short, flat phase of any size, pixels that are the same."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from radar_files import radar
from small_files import refused, tif

from qtp_toolkit import load
from qtp_toolkit.load.insar.slc import open_image

DATES = ("20180106", "20180118")
SHAPE = (12, 40)


def image(seed=0):
    noise = np.random.default_rng(seed).normal(size=(2, *SHAPE))
    return (noise[0] + 1j * noise[1]).astype("complex64")


def images(folder, **where):
    return [tif(folder / f"slc_{day}.tif", image(k), **where) for k, day in enumerate(DATES)]


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def over(path, *sources):
    """A VRT that takes its pixels from other rasters."""
    height, width = SHAPE
    inside = "".join(
        f'<SimpleSource><SourceFilename relativeToVRT="0">{source}</SourceFilename><SourceBand>1</SourceBand>'
        f"</SimpleSource>"
        for source in sources
    )
    path.write_text(
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><VRTRasterBand dataType="CFloat32" band="1">'
        f"{inside}</VRTRasterBand></VRTDataset>"
    )
    return path


def test_bare_numbers_that_end_early_are_no_zeros(tmp_path):
    """Behind a VRT, behind a VRT of VRTs as of merged bursts, and behind the header of ENVI."""
    one, two = (radar(tmp_path, image(), day) for day in DATES)
    merged = over(tmp_path / "merged_20180130.slc.vrt", two)
    assert np.count_nonzero(load.slc_stack({"slc": [one, two, merged]})["slc"].values) == 3 * image().size
    raw = halve(two.with_suffix(""))
    told = refused(load.slc_stack, {"slc": [one, two, merged]}, code="M05")
    assert "2 of 3 files" in told
    assert str(raw) in told
    assert f"{image().nbytes} bytes expected, {image().nbytes // 2} on disk" in told
    raw.unlink()
    assert "there is no such file" in refused(load.slc_stack, {"slc": [one, two]}, code="M05")
    envi = tmp_path / "20180211.slc"
    with open_image(envi, "w", driver="ENVI", height=12, width=40, count=1, dtype="complex64") as dataset:
        dataset.write(image(), 1)
    load.slc_stack({"slc": [envi]})
    halve(envi)
    assert "bytes expected" in refused(load.slc_stack, {"slc": [envi]}, code="M05")


def test_a_geotiff_cut_short_is_named_at_open_or_when_it_is_read(tmp_path):
    paths = [tmp_path / f"slc_{day}.tif" for day in DATES]
    for path in paths:  # the directory stands before the pixels
        with open_image(path, "w", driver="GTiff", height=12, width=40, count=1, dtype="complex64") as dataset:
            dataset.write(image(), 1)
    opened = load.slc_stack({"slc": paths})["slc"]
    halve(paths[1])
    told = refused(load.slc_stack, {"slc": paths}, code="M05")
    assert "slc_20180118.tif: slc_20180118.tif is truncated" in told
    assert "slc_20180106" not in told
    paths[1].write_bytes(paths[1].read_bytes()[:8])
    assert str(paths[1]) in refused(opened.compute, code="M05")


@pytest.mark.parametrize("size", [0.0, 1e4, 1e8])
def test_closed_form_flat_phase_of_any_size_is_taken_out(tmp_path, size):
    ramp = size + np.tile(np.linspace(0, 50, SHAPE[1]), (SHAPE[0], 1))
    (slc,) = [tif(tmp_path / "slc_20180106.tif", np.exp(1j * ramp).astype("complex64"))]
    flat = tif(tmp_path / "flat_20180106.tif", ramp)
    left = load.slc_stack({"slc": [slc], "flat": [flat]})["slc"]
    assert left.dtype == np.complex64
    assert np.abs(np.angle(left.values)).max() < 1e-6


def test_flat_phase_that_its_type_has_rounded_is_refused(tmp_path):
    slc = images(tmp_path)[:1]
    flat = tif(tmp_path / "flat_20180106.tif", np.full(SHAPE, 1.9e8, "float32"))
    stack = load.slc_stack({"slc": slc, "flat": [flat]})
    assert "float32 of up to 1.9e+08 rad" in refused(stack.compute, code="I32")
    values = np.full(SHAPE, 9e4, "float32")
    values[3, 4] = np.nan
    stack = load.slc_stack({"slc": slc, "flat": [tif(tmp_path / "flat_20180106.tif", values)]}).compute()
    assert np.argwhere(stack["slc"].values[0] == 0).tolist() == [[3, 4]]


def test_closed_form_pixels_that_differ_by_rounding_are_the_same(tmp_path):
    """Another spelling of the CRS, corners that differ by rounding, and axes of HDF5 beside a GeoTIFF."""
    first = tif(tmp_path / "slc_20180106.tif", image(), pixel=10.0, origin=(500000.0, 3900000.0))
    near = tif(tmp_path / "slc_20180118.tif", image(), pixel=10.0 + 1e-9, origin=(500000.0 + 1e-6, 3900000.0))
    spelled = over(tmp_path / "slc_20180130.vrt", first)
    text = "<SRS>+proj=utm +zone=46 +datum=WGS84 +units=m +no_defs</SRS><GeoTransform>500000,10,0,3900000,0,-10"
    spelled.write_text(spelled.read_text().replace("<VRTRasterBand", f"{text}</GeoTransform><VRTRasterBand", 1))
    with h5py.File(tmp_path / "cslc_20180211.h5", "w") as file:
        file["data/VV"], file["data/projection"] = image(), 32646
        file["data/x_coordinates"] = 500005.0 + 10 * np.arange(SHAPE[1]) - 1e-6
        file["data/y_coordinates"] = 3899995.0 - 10 * np.arange(SHAPE[0])
    land = tif(tmp_path / "land.tif", np.ones(SHAPE, "u1"), pixel=10.0, origin=(500000.0 - 1e-6, 3900000.0))
    stack = load.slc_stack({"slc": [first, near, spelled, tmp_path / "cslc_20180211.h5"], "land": [land]})
    assert stack["land"].shape == SHAPE
    assert stack["slc"].sizes["time"] == 4
    assert stack["x"].values[0] == 500005.0
    away = tif(tmp_path / "b/slc_20180223.tif", image(), pixel=10.0, origin=(500005.0, 3900000.0))
    assert "corner (500010.0" in refused(load.slc_stack, {"slc": [first, near, away]}, code="I06")
    zone = tif(tmp_path / "b/slc_20180223.tif", image(), pixel=10.0, origin=(500000.0, 3900000.0), crs="EPSG:32647")
    told = refused(load.slc_stack, {"slc": [first, near, zone]}, code="I06")
    assert "CRS WGS 84 / UTM zone 47N and not WGS 84 / UTM zone 46N" in told
