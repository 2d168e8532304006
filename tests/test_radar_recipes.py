"""The entries of docs/data.md, word for word, read what the producers leave on disk."""

from __future__ import annotations

import re
import shutil
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
import yaml
from radar_files import (
    PAIRS,
    delay,
    disp_product,
    mintpy_attrs,
    mintpy_stack,
    stripmap_stack,
    tops_stack,
    truth,
)
from small_files import tif

from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.synthetic import formats

SECTIONS = ("## Complex images: `slc`\n", "## Radar geometry, MintPy, OPERA, GACOS\n", "## Weather: `era5`\n")


def recipes():
    text = (Path(__file__).resolve().parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    found = {}
    for title in SECTIONS:
        section = text.partition(title)[2].partition("\n## ")[0]
        found |= dict(re.findall(r"\*\*([^*]+)\*\*.*?```yaml\n(.*?)```", section, re.DOTALL))
    return found


def series(folder, made):
    days = np.array(["20180819", "20180831", "20180912"], "S8")
    with h5py.File(folder / "timeseries.h5", "w") as file:
        file["timeseries"], file["date"] = made.phase / 100, days
        file.attrs.update(mintpy_attrs(made, kind="timeseries", mapped=True) | {"UNIT": "m"})
    with h5py.File(folder / "velocity.h5", "w") as file:
        file["velocity"] = made.phase[0] / 100
        file.attrs.update(mintpy_attrs(made, kind="velocity", mapped=True) | {"UNIT": "m/year"})
    with h5py.File(folder / "temporalCoherence.h5", "w") as file:
        file["temporalCoherence"] = made.coherence[0]
        file.attrs.update(mintpy_attrs(made, kind="temporalCoherence", mapped=True) | {"UNIT": "1"})


def opera(folder, made):
    days = "20180819", "20180831", "20180912"
    for first, second in pairwise(days):
        name = f"OPERA_L3_DISP-S1_IW_F08882_VV_{first}T005104Z_{second}T005103Z_v1.0_20250917T184125Z.nc"
        disp_product(folder / name, made.phase[0] / 1000)


def opera_tropo(folder, made):
    """Two passes as opera-utils cuts them out."""
    axes = {"height": [0.0, 5000.0], "latitude": [35.1, 35.0, 34.9], "longitude": [92.9, 93.0, 93.1]}
    cube = xr.DataArray(np.full((2, 3, 3), 2.3, "f4"), axes, tuple(axes), attrs={"units": "meters"})
    (folder / "tropo").mkdir()
    for day in ("20180819", "20180831"):
        path = folder / "tropo" / f"tropo_cropped_{day}T000500.nc"
        cube.to_dataset(name="total_delay").to_netcdf(path, engine="h5netcdf")


def era5(folder, made):
    """Two dates of two hours each, as the store delivers them."""
    axes = {"level": [500.0, 1000.0], "y": [35.25, 35.0], "x": [93.0, 93.25]}
    for day in ("2018-08-19", "2018-08-31"):
        hours = np.array([f"{day}T00", f"{day}T01"], "datetime64[ns]")
        one = xr.DataArray(np.ones((2, 2, 2, 2)), {"time": hours, **axes}, ("time", *axes))
        names = ("geopotential", "temperature", "specific_humidity")
        formats.era5(folder / "era5" / f"{day.replace('-', '')}.nc", xr.Dataset(dict.fromkeys(names, one)))


def gacos(folder, made):
    (folder / "gacos").mkdir()
    for day in ("20180819", "20180831"):
        delay(folder / "gacos" / f"{day}.ztd", made.coherence[0] + 1)


def geotiffs(folder, made):
    for (first, second), phase, coherence in zip(PAIRS, made.phase, made.coherence, strict=True):
        for kind, values in (("unw", phase), ("cc", coherence)):
            path = folder / "pairs" / f"S1_{first}_to_{second}_{kind}.tif"
            tif(path, values, crs="EPSG:4326", origin=(93.0, 35.0), pixel=0.001)


def stripmap(folder, made):
    """Stripmap keeps its geometry beside Igrams."""
    tops_stack(folder / "tops", made)
    shutil.move(folder / "tops" / "merged" / "geom_reference", folder / "geom_reference")
    shutil.rmtree(folder / "tops")
    stripmap_stack(folder, made, ascending=False)


def complex_images(made):
    rng = np.random.default_rng(3)
    parts = rng.normal(size=(2, 3, *made.latitude.shape))
    return dict(zip(("20180819", "20180831", "20180912"), (parts[0] + 1j * parts[1]).astype("c8"), strict=True))


def bare(path, values):
    """Raw numbers with a VRT beside them, as ISCE writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values.tofile(path)
    kind = {"c": "CFloat32", "f": "Float64", "u": "Byte"}[values.dtype.kind]
    (rows, columns), size = values.shape, values.dtype.itemsize
    path.with_name(path.name + ".vrt").write_text(
        f'<VRTDataset rasterXSize="{columns}" rasterYSize="{rows}"><VRTRasterBand dataType="{kind}" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">{path.name}</SourceFilename>'
        f"<ByteOrder>LSB</ByteOrder><ImageOffset>0</ImageOffset><PixelOffset>{size}</PixelOffset>"
        f"<LineOffset>{size * columns}</LineOffset></VRTRasterBand></VRTDataset>"
    )


def tops_images(folder, made):
    for day, values in complex_images(made).items():
        bare(folder / "merged" / "SLC" / day / f"{day}.slc.full", values)
    maps = {"lat": made.latitude, "lon": made.longitude, "waterMask": np.ones(made.latitude.shape, "u1")}
    for name, values in maps.items():
        bare(folder / "merged" / "geom_reference" / f"{name}.rdr.full", values.astype("u1" if name[0] == "w" else "f8"))


def cslc(folder, made):
    (folder / "cslc").mkdir()
    for day, values in complex_images(made).items():
        name = f"OPERA_L2_CSLC-S1_T064-135518-IW1_{day}T005104Z_20240613T010203Z_S1A_VV_v1.1.h5"
        with h5py.File(folder / "cslc" / name, "w") as file:
            file["data/VV"], file["data/projection"] = values, 32613
            file["data/x_coordinates"] = 717602.5 + 5.0 * np.arange(values.shape[1])
            file["data/y_coordinates"] = 3481725.0 - 10.0 * np.arange(values.shape[0])


WRITTEN = {
    "ISCE2 topsStack, complex images": tops_images,
    "OPERA CSLC-S1": cslc,
    "ISCE2 topsStack": tops_stack,
    "ISCE2 stripmapStack": stripmap,
    "MintPy, stack": lambda folder, made: mintpy_stack(folder / "inputs", made),
    "MintPy, time series and velocity": series,
    "OPERA DISP-S1": opera,
    "OPERA TROPO-ZENITH": opera_tropo,
    "GACOS": gacos,
    "ERA5 by cdsapi": era5,
    "Anything else as GeoTIFF": geotiffs,
}


IN_LINES = ("ISCE2 topsStack, complex images",)
"""Whose entry leaves lines and samples as they are."""


def test_every_recipe_is_held_to_files():
    assert set(recipes()) == set(WRITTEN)


@pytest.mark.parametrize("producer", WRITTEN)
def test_an_entry_reads_what_its_producer_leaves(producer, tmp_path):
    made = truth()
    WRITTEN[producer](tmp_path, made)
    entries = recipes()[producer]
    indented = "".join(f"  {line}\n" for line in entries.splitlines())
    catalog = tmp_path / "data_catalog.yaml"
    catalog.write_text(f"catalog_version: 1\nroots: ['.']\nsources:\n{indented}", encoding="utf-8")
    found = open_catalog(catalog)
    assert set(found) == set(yaml.safe_load(entries))
    for name in found:
        data = found[name]
        one = data if isinstance(data, xr.DataArray) else data[next(iter(data))]
        assert np.isfinite(one).any()
        assert found.check(name)["problem"] == ""
        assert (data.rio.crs is None) == (producer in IN_LINES)
        if name == "slc":
            np.testing.assert_array_equal(data["slc"], list(complex_images(made).values()))
    if "interferograms" in found:
        # the same truth through every entry
        phase = found["interferograms"]["phase"]
        want = np.where(made.phase == 0, np.nan, made.phase)[[0, 2, 1]]
        np.testing.assert_allclose(phase, want, atol=1e-6)
        for name in set(found) & {"incidence", "dem"}:
            np.testing.assert_allclose(found[name]["y"], phase["y"], atol=1e-12)
            np.testing.assert_allclose(found[name], getattr(made, {"dem": "elevation"}.get(name, name)), rtol=1e-6)
