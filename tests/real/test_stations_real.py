"""Published permafrost indices of 52 weather stations on the plateau."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import validation

pytestmark = pytest.mark.real
WATER_DENSITY = 1000.0


@pytest.fixture
def tables(real_data):
    folder = real_data / "qtp_stations_pic"

    def read(name):
        return pd.read_csv(folder / f"{name}_QTP.csv", index_col="Year")

    return read, pd.read_csv(folder / "Station_Info.csv", index_col="SNameEN")


def test_published_stefan_depths(tables):
    """Water content there is in % of the dry mass: times dry density over water density it is volumetric."""
    read, info = tables
    index, depth = read("Thawing_index_air"), read("Thaw_depth_Stefan")
    names = [name for name in depth.columns if name in info.index and name in index.columns]
    info = info.loc[names]
    volumetric = (info["W"] - info["Wu"]) / 100 * info["Y"] / WATER_DENSITY
    addt = xr.DataArray(index[names].to_numpy(), dims=("year", "station"), attrs={"units": "degC d"})
    conductivity = xr.DataArray(info["COT"].to_numpy(), dims="station", attrs={"units": "W m-1 K-1"})
    ours = (
        validation.stefan_alt(addt, conductivity, xr.DataArray(volumetric.to_numpy(), dims="station"))
        .transpose("year", "station")
        .values
    )
    published = depth[names].to_numpy()
    both = np.isfinite(ours) & np.isfinite(published) & (published > 0)
    assert both.sum() >= 2600
    np.testing.assert_allclose(ours[both], published[both], rtol=5e-15)


def test_mean_annual_ground_surface_temperature_is_the_index_balance(tables):
    read, _ = tables
    thaw, freeze, published = read("Thawing_index_ground"), read("Freezing_index_ground"), read("MAGST")
    names = [name for name in published.columns if name in thaw.columns]
    balance = ((thaw[names] - freeze[names]) / 365).to_numpy()
    both = np.isfinite(balance) & np.isfinite(published[names].to_numpy())
    assert both.sum() > 1000
    np.testing.assert_allclose(balance[both], published[names].to_numpy()[both], atol=1e-9)
