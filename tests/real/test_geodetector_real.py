"""Geographical detector on real tables and rasters that nobody on this project made."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rioxarray
import xarray as xr

from qtp_toolkit import geodetector as gd
from qtp_toolkit import regions

# affine 3.1 warns at what rioxarray 0.19 does
pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")]


@pytest.fixture(scope="module")
def ntds(real_data):
    frame = pd.read_csv(real_data / "geodetector_ntds" / "CollectData.csv")
    return xr.Dataset({name: ("sample", frame[name].to_numpy()) for name in frame})


def test_q_and_p_of_the_neural_tube_defects(ntds):
    factors = ntds[["soiltype", "watershed", "elevation"]]
    out = gd.factors(ntds.incidence, factors)
    np.testing.assert_allclose(out.q, [0.38571684, 0.63777367, 0.60670871], atol=5e-9)
    for ddof, expected in ((0, [0.372145486, 0.000128803, 0.043382244]), (1, [0.3632363, 0.0001169914, 0.04080407])):
        with pytest.warns(UserWarning, match="independent"):
            p = gd.significance(ntds.incidence, factors, method="noncentral", center=False, ddof=ddof).p
        np.testing.assert_allclose(p, expected, rtol=1e-5)


def test_interactions_of_the_neural_tube_defects(ntds):
    out = gd.interaction(ntds.incidence, ntds[["soiltype", "watershed", "elevation"]])
    expected = [0.735680548139531, 0.663523698335635, 0.71359677853471]
    np.testing.assert_allclose([out.q[0, 1], out.q[0, 2], out.q[1, 2]], expected, rtol=1e-12)


def test_risk_of_the_neural_tube_defects(ntds):
    out = gd.risk(ntds.incidence, ntds.soiltype)
    np.testing.assert_allclose(out["mean"], [6.340000, 6.687500, 6.583279, 5.843810, 6.347073], atol=5e-7)
    assert float(out.t[0, 1]) == pytest.approx(-3.835231, abs=1e-6)
    assert float(out.degrees_of_freedom[0, 1]) == pytest.approx(14.893, abs=1e-3)
    assert float(out.p[0, 1]) == pytest.approx(0.00164140, rel=1e-5)
    published = np.array([[0, 1, 1, 1, 0], [1, 0, 0, 1, 1], [1, 0, 0, 1, 1], [1, 1, 1, 0, 1], [0, 1, 1, 1, 0]], bool)
    np.testing.assert_array_equal(out.p_holm < 0.05, published)


def test_degree_days_by_soil_class(real_data, no_compute):
    folder = real_data / "qtp_ddt_ddf_modis"
    with rioxarray.open_rasterio(folder / "DDT_mean_annual.tif") as file:
        ddt = file.squeeze("band", drop=True).where(lambda a: a > -1e38).rename("ddt").assign_attrs(units="degC d")
    with rioxarray.open_rasterio(folder / "soil_cluster.tif") as file:
        soil = file.squeeze("band", drop=True).rename("soil").load()
    strata = gd.stratify(soil, method="classes", nodata=15)
    assert strata.attrs["labels"] == ["1", "2", "3", "4", "6", "7", "8"]
    out = gd.factor(ddt, strata)
    assert 0.05 < float(out.q) < 1.0
    assert int(out.n) + int(out.dropped) == ddt.size
    table = regions.box_table(ddt, strata)
    assert int(table["count"].sum()) == int(out.n)
    with no_compute():
        lazy = gd.factor(ddt.chunk({"y": 50, "x": 50}), strata), regions.box_table(ddt.chunk({"y": 50}), strata)
    xr.testing.assert_allclose(lazy[0].compute(), out)
    xr.testing.assert_identical(lazy[1].compute(), table)
    surrogates = gd.significance(ddt, strata, n=19)
    assert float(surrogates.q_null_95.item()) > 0.01  # smooth maps share variance by chance
