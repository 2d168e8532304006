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


def test_p_by_the_names_of_packages(ntds):
    """Single samples there are none, so that GD and gdverse print the same; R's upper tail is good to 1e-9."""
    by_name = {
        "gdverse": [0.372145486, 0.000128803, 0.043382244],
        "GD": [0.372145486, 0.000128803, 0.043382244],
        "geodetector": [0.3632363, 0.0001169914, 0.04080407],
    }
    for name, expected in by_name.items():
        with pytest.warns(UserWarning, match="depends on a constant"):
            p = gd.significance(ntds.incidence, ntds[["soiltype", "watershed", "elevation"]], method=name).p
        np.testing.assert_allclose(p, expected, rtol=2e-7, atol=2e-9, err_msg=name)


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


@pytest.fixture(scope="module")
def vegetation_change(real_data):
    path = real_data / "geodetector_ndvi" / "ndvi_40.csv"
    if not path.is_file():
        pytest.skip("the data of R GD and gdverse are not among the real data sets (geodetector_ndvi)")
    frame = pd.read_csv(path)
    codes = {name: pd.factorize(frame[name])[0] for name in ("Climatezone", "Mining")}
    return xr.Dataset({name: ("sample", codes.get(name, frame[name].to_numpy())) for name in frame})


BREAKS = [88.69, 136.79, 180.47, 221.81, 270.75, 319.34, 358.32, 397.98, 431.93, 468.4, 515.13, 565.96, 608.36]
"""Natural breaks as gdverse finds them: the largest value is left out, and a break belongs to the class above it."""


@pytest.fixture(scope="module")
def published_strata(vegetation_change):
    ds = vegetation_change
    rain = ds.Precipitation
    return xr.Dataset(
        {
            "Climatezone": ds.Climatezone,
            "Mining": ds.Mining,
            "GDP": gd.stratify(ds.GDP, method="quantile_gdverse", k=15),
            "Popdensity": gd.stratify(ds.Popdensity, method="quantile_gdverse", k=15),
            "Precipitation": gd.stratify(rain, edges=[rain.min(), *BREAKS, rain.max()], closed="left"),
            "Tempchange": gd.stratify(ds.Tempchange, method="equal", k=14),
        }
    )


def test_optimal_classes_of_gdverse_to_all_printed_digits(vegetation_change, published_strata):
    out = gd.factors(vegetation_change.NDVIchange, published_strata, singletons="drop")
    expected = [0.8218335, 0.1411154, 0.1096213, 0.2100134, 0.8809405, 0.3478433]
    np.testing.assert_allclose(out.q, expected, atol=5e-8)
    exact = gd.stratify(vegetation_change.Precipitation, method="natural", k=14)
    assert gd.factor(vegetation_change.NDVIchange, exact, singletons="drop").q.item() == pytest.approx(
        0.8811989, abs=1e-7
    )


def test_interactions_of_gdverse(vegetation_change, published_strata):
    out = gd.interaction(vegetation_change.NDVIchange, published_strata, singletons="drop").interaction
    beyond = {("Mining", "GDP"), ("Mining", "Popdensity"), ("GDP", "Tempchange")}
    for i, first in enumerate(published_strata):
        for other in list(published_strata)[i + 1 :]:
            kind = "Enhance, nonlinear" if {(first, other), (other, first)} & beyond else "Enhance, bi-"
            assert str(out.sel(factor=first, other=other).item()) == kind, (first, other)


@pytest.mark.parametrize(("name", "k", "expected"), [("Precipitation", 8, 0.8883955), ("Tempchange", 8, 0.3722571)])
def test_robust_classes_of_gdverse(vegetation_change, name, k, expected):
    """Where few values tie. GDP and Popdensity, with many, are cut in the middle of ties there and not here."""
    y, factor = vegetation_change.NDVIchange, vegetation_change[name]
    strata = gd.stratify(factor, edges=gd.robust_edges(y, factor, k=k))
    assert gd.factor(y, strata, singletons="drop").q.item() == pytest.approx(expected, abs=5e-8)
