"""The loader of MODIS HDF4-EOS granules against small true tiles, under every scheduler."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr
from small_files import TILE, granule, refused

from qtp_toolkit import load

SINU = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs"


@pytest.fixture
def tiles(tmp_path):
    dn = np.arange(13000, 13000 + 36, dtype="uint16").reshape(6, 6)
    dn[0, 0] = 0
    return [
        granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2020000000001.hdf", dn),
        granule(tmp_path, "MOD11A2.A2016009.h25v05.061.2020000000001.hdf", dn + 100),
        granule(tmp_path, "MOD11A2.A2016001.h26v05.061.2020000000001.hdf", dn + 1000, qc=17),
    ]


def test_hdf4_tiles_are_placed_and_joined(tiles, no_compute):
    with no_compute():
        data = load.modis_lst(tiles, sensors=["terra"])
    assert dict(data.sizes) == {"time": 2, "y": 6, "x": 12}
    pixel = TILE / 6
    assert data["x"].values[0] == pytest.approx(7 * TILE + pixel / 2)
    assert data["y"].values[0] == pytest.approx(4 * TILE - pixel / 2)
    day = data["terra_day"].values
    assert np.isnan(day[0, 0, 0])
    assert day[0, 0, 1] == pytest.approx(13001 * 0.02 - 273.15, abs=1e-3)
    assert day[0, 5, 6] == pytest.approx(14030 * 0.02 - 273.15, abs=1e-3)
    assert day[1, 0, 0] == pytest.approx(100 * 0.02 - 273.15, abs=1e-3) or np.isnan(day[1, 0, 0])
    assert np.isnan(day[1, :, 6:]).all()  # the neighbor has no second composite
    quality = data["qc_terra_day"]
    assert quality.dtype == np.uint8
    assert quality.values[0, 0].tolist() == [0] * 6 + [17] * 6
    assert (quality.values[1, :, 6:] == 3).all()
    assert [str(t)[:13] for t in data["time"].values] == ["2016-01-04T12", "2016-01-12T12"]
    assert data.attrs["tiles"] == "h25v05, h26v05"
    lon, lat = rasterio.warp.transform(SINU, "EPSG:4326", [8455395.58], [3916289.73])
    assert (lon[0], lat[0]) == pytest.approx((93.08, 35.22), abs=1e-6)


@pytest.mark.parametrize("chunks", [{"time": 1, "y": 2, "x": 5}, {"time": -1, "y": 6, "x": 12}, None])
def test_hdf4_chunks_do_not_matter(tiles, chunks):
    whole = load.modis_lst(tiles, sensors=["terra"], chunks={"time": 1}).compute(scheduler="sync")
    xr.testing.assert_identical(
        load.modis_lst(tiles, sensors=["terra"], chunks=chunks).compute(scheduler="threads"), whole
    )


def test_hdf4_all_bad_files_at_once(tiles, tmp_path):
    tiles[0].write_bytes(tiles[0].read_bytes()[:300])
    page = tmp_path / "MOD11A2.A2016017.h25v05.061.2020000000001.hdf"
    page.write_text("<!DOCTYPE html><html>")
    empty = tmp_path / "MOD11A2.A2016025.h25v05.061.2020000000001.hdf"
    empty.touch()
    emission = granule(
        tmp_path, "MOD11A2.A2016033.h25v05.061.2020000000001.hdf", np.zeros((6, 6), "uint16"), layers=("Emis_31",)
    )
    message = refused(load.modis_lst, [*tiles, page, empty, emission], sensors=["terra"], code="M03")
    assert "4 of 6" in message
    for part in (tiles[0].name, "truncated", page.name, "login", empty.name, "zero bytes", "Emis_31"):
        assert part in message


def test_hdf4_doubles(tiles, tmp_path):
    newer = granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2021000000001.hdf", np.full((6, 6), 14000, "uint16"))
    message = refused(load.modis_lst, [*tiles, newer], sensors=["terra"], code="M02")
    assert newer.name in message
    assert tiles[0].name in message
    out = load.modis_lst([newer, *tiles], sensors=["terra"], duplicates="newest")
    assert float(out["terra_day"][0, 3, 3]) == pytest.approx(6.85, abs=1e-3)
