"""MintPy's files: stacks as of any reader, series and rates as displacement."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr
from radar_files import WAVELENGTH, mintpy_attrs, mintpy_stack, tops_stack, truth
from small_files import refused, tif

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog

BY_DATE = [0, 2, 1]


@pytest.fixture(scope="module")
def made():
    return truth()


def test_a_geocoded_stack_is_what_any_map_would_be(tmp_path, made, no_compute):
    path = mintpy_stack(tmp_path, made)
    with no_compute():
        data = load.mintpy(path, layers=["incidence", "look", "elevation", "land", "component"])
    plain = load.interferograms(
        [
            tif(tmp_path / f"{name}.tif", phase, crs="EPSG:4326", origin=(93.0, 35.0), pixel=0.001)
            for name, phase in zip(
                ("20180819_20180831", "20180831_20180912", "20180819_20180912"), made.phase, strict=True
            )
        ]
    )
    np.testing.assert_allclose(data["phase"], plain["phase"], atol=1e-6)
    np.testing.assert_allclose(data["y"], plain["y"], atol=1e-9)
    np.testing.assert_allclose(data["x"], plain["x"], atol=1e-9)
    assert data.rio.crs == plain.rio.crs
    np.testing.assert_array_equal(data["coherence"], made.coherence[BY_DATE])
    np.testing.assert_array_equal(data["component"], made.component[BY_DATE])
    np.testing.assert_array_equal(data["land"], made.land == 1)
    np.testing.assert_allclose(data["incidence"], made.incidence)
    assert data["perpendicular_baseline"].values == pytest.approx(made.baselines[BY_DATE])
    assert data.attrs["wavelength"] == WAVELENGTH
    assert (data.attrs["heading"], data.attrs["overpass"]) == (190.25, "11:45:12")
    assert data["coherence"].attrs["estimated_from"] == "filtered"


def test_the_same_stack_as_isce2_wrote_it(tmp_path, made):
    """In radar geometry and on the map, by either reader."""
    isce = tops_stack(tmp_path / "isce", made)
    path = mintpy_stack(tmp_path / "mintpy" / "inputs", made, mapped=False)
    for geometry in ("radar", "geocoded"):
        options = {"geometry": geometry, "resolution": 0.001, "layers": ["incidence", "land", "component"]}
        one, other = load.isce2(isce, **options), load.mintpy(path, **options)
        for name in ("phase", "coherence", "incidence", "land", "component"):
            np.testing.assert_allclose(one[name], other[name], atol=1e-6)
            np.testing.assert_array_equal(one["y"], other["y"])
    assert "geometry: radar" in refused(load.mintpy, path, code="I05")


def test_a_flag_of_false_means_dropped(tmp_path, made):
    path = mintpy_stack(tmp_path, made, dropped=(1,))
    data = load.mintpy(path)
    np.testing.assert_array_equal(data["coherence"], made.coherence[[0, 2]])
    assert data["perpendicular_baseline"].values == pytest.approx(made.baselines[[0, 2]])
    assert data.attrs["pairs_left_out"] == 1
    assert load.mintpy(path, dropped="keep").sizes["pair"] == 3


def series(path, made, *, unit="m", mapped=True, kind="timeseries", **sets):
    with h5py.File(path, "w") as file:
        for name, values in sets.items():
            file[name] = values
        file.attrs.update(mintpy_attrs(made, kind=kind, mapped=mapped) | {"UNIT": unit, "REF_DATE": "20180819"})
        file.attrs.update({"REF_Y": "20", "REF_X": "15"})
    return path


def test_a_series_is_displacement_and_no_phase(tmp_path, made):
    values = np.stack([0 * made.phase[0], made.phase[0] / 100, made.phase[1] / 100]).astype("f4")
    values[:, 3, 4] = 0.0  # missing: 0 at all dates
    values[:, 20, 15] = 0.0  # the reference
    dates = np.array(["20180819", "20180831", "20180912"], "S8")
    sets = {"timeseries": values, "date": dates, "bperp": np.array([0.0, 5.0, 7.0])}
    data = load.mintpy(series(tmp_path / "timeseries.h5", made, **sets))
    assert list(data) == ["displacement"]
    assert data["displacement"].attrs["units"] == "mm"
    want = values * 1000
    want[:, 3, 4] = np.nan
    np.testing.assert_allclose(data["displacement"], want, rtol=1e-6)
    assert data.attrs["reference_date"] == "2018-08-19"
    assert data["perpendicular_baseline"].values.tolist() == [0.0, 5.0, 7.0]
    in_cm = load.mintpy(series(tmp_path / "cm.h5", made, unit="cm", **sets))
    np.testing.assert_allclose(in_cm["displacement"], want / 100, rtol=1e-6)
    delays = series(tmp_path / "ERA5.h5", made, **sets)
    with h5py.File(delays, "r+") as file:
        del file.attrs["REF_DATE"]
    assert "delays" in refused(load.mintpy, delays, code="I12")
    twice = series(tmp_path / "twice.h5", made, **sets | {"date": dates[[0, 1, 1]]})
    assert "2018-08-31" in refused(load.mintpy, twice, code="I19")
    assert "radian" in refused(load.mintpy, series(tmp_path / "rad.h5", made, unit="radian", **sets), code="M11")


def test_a_velocity_is_a_rate(tmp_path, made):
    rate, std = (made.phase[0] / 1000).astype("f4"), np.full(made.land.shape, 0.002, "f4")
    rate[5, 5], std[5, 5], rate[6, 6] = 0.0, 0.0, 0.0  # missing; a rate of 0
    path = series(
        tmp_path / "velocity.h5", made, unit="m/year", kind="velocity", velocity=rate, velocityStd=std, residue=std
    )
    data = load.mintpy(path)
    assert set(data) == {"linear_rate", "linear_rate_std"}
    want = np.where(std == 0, np.nan, rate * 1000)
    np.testing.assert_allclose(data["linear_rate"], want, rtol=1e-6)
    assert data["linear_rate_std"].attrs["units"] == "mm/yr"
    with h5py.File(path, "r+") as file:
        file.attrs["NO_DATA_VALUE"] = (
            "nan"  # as of the series; what MintPy fits is 0 with an error of 0 where it has none
        )
    np.testing.assert_allclose(load.mintpy(path)["linear_rate"], want, rtol=1e-6)
    with h5py.File(path, "r+") as file:
        del file["velocityStd"]  # nothing but the word of the file tells then: a 0 is one
    np.testing.assert_allclose(load.mintpy(path)["linear_rate"], rate * 1000, rtol=1e-6)


@pytest.mark.parametrize(
    ("said", "crs"),
    [
        ({"EPSG": "32646"}, 32646),
        ({"UTM_ZONE": "46N"}, 32646),
        ({"UTM_ZONE": "19S"}, 32719),
        ({"X_UNIT": "degrees"}, 4326),
    ],
)
def test_the_place_is_told_in_several_ways(tmp_path, made, said, crs):
    path = series(tmp_path / "v.h5", made, unit="m/year", kind="velocity", velocity=made.phase[0])
    with h5py.File(path, "r+") as file:
        file.attrs["X_UNIT"] = "meters"
        file.attrs.update(said)
    assert load.mintpy(path).rio.crs.to_epsg() == crs
    with h5py.File(path, "r+") as file:
        for key in ("EPSG", "UTM_ZONE", "X_UNIT"):
            file.attrs.pop(key, None)
        file.attrs["UTM_ZONE"] = "19"  # north or south?
    assert "parameters.crs" in refused(load.mintpy, path, code="I07")
    assert load.mintpy(path, crs="EPSG:32645").rio.crs.to_epsg() == 32645


def test_what_is_wrong_is_said(tmp_path, made):
    path = mintpy_stack(tmp_path, made)
    assert "unwrapPhase_bridging" in refused(load.mintpy, path, dataset="unwrapPhase_bridging", code="M27")
    ionosphere = path.rename(path.with_name("ionStack.h5"))
    assert "ionosphere" in refused(load.mintpy, ionosphere, code="I12")
    ionosphere.rename(path)
    assert "shadowMask" in refused(load.mintpy, path, layers=["layover_shadow"], code="M27")
    other = series(tmp_path / "x.h5", made, kind="HDFEOS", velocity=made.phase[0])
    assert "HDFEOS" in refused(load.mintpy, other, code="M27")
    (tmp_path / "geometryGeo.h5").unlink()
    assert "no geometry beside" in refused(load.mintpy, path, layers=["land"], code="I03")
    path.write_bytes(path.read_bytes()[:900])
    refused(load.mintpy, path, code="M05")


def test_a_catalog_opens_it(tmp_path, made):
    mintpy_stack(tmp_path / "inputs", made, mapped=False)
    catalog = tmp_path / "data_catalog.yaml"
    catalog.write_text(
        "catalog_version: 1\nroots: [.]\nsources:\n  interferograms:\n    kind: ifg_stack\n    driver: mintpy\n"
        "    uri: {data: inputs/ifgramStack.h5, geometry: inputs/geometryRadar.h5}\n    provenance: observed\n"
        "    parameters: {geometry: geocoded, layers: [incidence]}\n"
    )
    data = open_catalog(catalog)["interferograms"]
    assert isinstance(data, xr.Dataset)
    assert {"phase", "coherence", "incidence"} == set(data)
