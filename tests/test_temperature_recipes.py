"""The entries of docs/data.md for temperature after Terra and Aqua, word for word, read what their clients leave."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml
from small_files import appeears, day_number
from viirs_files import granule

from qtp_toolkit import lst
from qtp_toolkit.catalog import open_catalog

SECTION = "## Temperature after Terra and Aqua: `viirs_lst`, `era5_land`\n"
DN, GOOD = np.full((6, 6), 13957, "u2"), 0b11110000  # 5.99 degC, excellent


def recipes():
    text = (Path(__file__).resolve().parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    return dict(re.findall(r"\*\*([^*]+)\*\*:(?:(?!\n\*\*).)*?```yaml\n(.*?)```", section, re.DOTALL))


def granules(folder):
    for product, first in (("VNP21A2", 1), ("VJ121A2", 9)):
        for tile in ("h25v05", "h26v05"):
            for doy in range(first, 26, 8):
                granule(folder / "viirs", f"{product}.A2019{doy:03d}.{tile}.002.2021125061217.h5", DN, qc=GOOD)


def cut_outs(folder):
    (folder / "appeears").mkdir()
    for product in ("VNP21A2", "VJ121A2"):
        path = folder / "appeears" / f"{product}.002_1km_aid0001.nc"
        days = day_number("2019-01-01", "2019-01-09")
        with xr.open_dataset(appeears(path, days, qc=GOOD, dn=DN[:3, :4]), engine="h5netcdf", decode_cf=False) as file:
            raw = file.load()
        names = {f"LST_{part}_1km": f"LST_{part}_1KM" for part in ("Day", "Night")}
        raw.rename(names).to_netcdf(path, engine="h5netcdf")


def skin(path, times):
    """As the store delivers it."""
    coords = {"valid_time": times, "latitude": [35.1, 35.0], "longitude": [92.9, 93.0], "number": 0}
    coords |= {"expver": ("valid_time", ["0001"] * len(times))}
    dims = ("valid_time", "latitude", "longitude")
    data = {"skt": (dims, np.full((len(times), 2, 2), 279.14, "f4"), {"units": "K", "GRIB_paramId": 235})}
    path.parent.mkdir(exist_ok=True)
    xr.Dataset(data, coords).to_netcdf(path, engine="h5netcdf")
    return path


def hours(folder):
    """One month plain, one in an archive that is called NetCDF."""
    for month in ("2019-01", "2019-02"):
        name = folder / "era5_land" / f"{month.replace('-', '')}.nc"
        path = skin(name, pd.date_range(f"{month}-01", periods=72, freq="h").values)
    with zipfile.ZipFile(folder / "packed", "w") as archive:
        archive.write(path, "data_0.nc")
    (folder / "packed").replace(path)


def mean_days(folder):
    months = pd.date_range("2019-01-01", periods=3, freq="MS").values
    skin(folder / "era5_land" / "monthly.nc", (months[:, None] + np.arange(24) * np.timedelta64(1, "h")).ravel())


WRITTEN = {
    "VIIRS granules by earthaccess": granules,
    "VIIRS from AppEEARS": cut_outs,
    "ERA5-Land skin temperature by cdsapi": hours,
    "ERA5-Land, mean days of months": mean_days,
}


def test_every_recipe_is_held_to_files():
    assert set(recipes()) == set(WRITTEN)


@pytest.mark.parametrize("client", WRITTEN)
def test_an_entry_reads_what_its_client_leaves(client, tmp_path, no_compute):
    WRITTEN[client](tmp_path)
    entry = recipes()[client]
    indented = "".join(f"  {line}\n" for line in entry.splitlines())
    path = tmp_path / "data_catalog.yaml"
    path.write_text(f"catalog_version: 1\nroots: ['.']\nsources:\n{indented}", encoding="utf-8")
    catalog = open_catalog(path)
    (name,) = yaml.safe_load(entry)
    with no_compute():
        data = catalog[name]
    assert catalog.check(name)["problem"] == ""
    assert data.rio.crs is not None
    if name == "era5_land":
        mean = lst.mean_of_hours(data["skin_temperature"])
        found = mean.values[np.isfinite(mean.values)]
        assert mean.sizes["time"] == {"ERA5-Land, mean days of months": 3}.get(client, 8)
    else:
        kept = lst.mask_quality(data, max_error_K=1.0)
        assert {"snpp_day", "noaa20_night"} <= set(kept)
        found = kept["noaa20_night"].values[np.isfinite(kept["noaa20_night"].values)]
    assert found.size
    np.testing.assert_allclose(found, 5.99, atol=1e-3)
