"""ISCE2, MintPy, OPERA and GACOS as others wrote them; the numbers are those of each set's own PROVENANCE.md."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer

from qtp_toolkit import load
from qtp_toolkit.load.files.raw import raw_bands, read_raw
from qtp_toolkit.load.insar.pairs import heading_of, orbit_of

pytestmark = pytest.mark.real


def whole(band):
    return read_raw(band, (0, band.height), (0, band.width))


def known(values):
    return values[values != 0]


def test_geometry_of_isce2(real_data):
    folder = real_data / "isce2_geometry"
    latitude, longitude = (whole(raw_bands(folder / f"{name}.rdr")[0]) for name in ("lat", "lon"))
    incidence, azimuth = (whole(band) for band in raw_bands(folder / "los.rdr"))
    assert latitude.shape == (45, 226)
    assert known(latitude).size == 9782
    assert (known(latitude).min(), known(latitude).max()) == pytest.approx((15.76377, 21.49367), abs=5e-6)
    assert (known(longitude).min(), known(longitude).max()) == pytest.approx((-101.63837, -98.24184), abs=5e-6)
    assert (known(incidence).min(), known(incidence).max()) == pytest.approx((30.89764, 46.26584), abs=5e-6)
    assert known(incidence).mean(dtype=float) == pytest.approx(39.29112, abs=5e-6)
    assert (known(azimuth).min(), known(azimuth).max()) == pytest.approx((-259.71976, -258.69138), abs=5e-6)
    heading = heading_of(known(azimuth))
    assert heading == pytest.approx(349.17, abs=0.01)
    assert orbit_of(heading) == "ascending"


def test_a_stack_with_a_real_geometry(real_data, tmp_path):
    """Ascending over Mexico: places outside are none, the vector points west, up and a little south; and on a map."""
    geometry = tmp_path / "merged" / "geom_reference"
    shutil.copytree(real_data / "isce2_geometry", geometry)
    phase = tmp_path / "merged" / "interferograms" / "20180819_20180831" / "filt_fine.unw"
    phase.parent.mkdir(parents=True)
    latitude = whole(raw_bands(geometry / "lat.rdr")[0])
    np.stack([latitude != 0, latitude], 1).astype("<f4").tofile(phase)
    phase.with_name("filt_fine.unw.rsc").write_text("WIDTH 226\nFILE_LENGTH 45\n")
    options = {"require_coherence": False, "layers": ["incidence", "look"]}
    data = load.isce2([phase], geometry="radar", **options).compute()
    for name in ("latitude", "longitude", "incidence", "look_up"):
        assert int(data[name].notnull().sum()) == 9782
    assert data.attrs["heading"] == pytest.approx(349.17, abs=0.1)
    assert data.attrs["orbit_direction"] == "ascending"
    assert float(data["look_east"].max()) < -0.5
    assert -0.2 < float(data["look_north"].min()) <= float(data["look_north"].max()) < 0
    np.testing.assert_allclose(data["look_up"], np.cos(np.deg2rad(data["incidence"])), atol=1e-6)
    # the phase is the latitude: on the map it is that of the row, to half a pixel
    mapped = load.isce2([phase], geometry="geocoded", resampling="bilinear", **options).compute()
    step = float(mapped["x"][1] - mapped["x"][0])
    apart = (mapped["phase"][0] - mapped["y"]).values
    assert np.isfinite(apart).sum() * step**2 == pytest.approx(12.98, rel=0.1)  # square degrees between known places
    assert np.nanmax(np.abs(apart)) < 0.02 * step  # a pixel of the image is no parallelogram
    assert (float(mapped["incidence"].min()), float(mapped["incidence"].max())) == pytest.approx((30.9, 46.3), abs=0.1)


def test_geometry_of_another_satellite(real_data):
    folder = real_data / "era5_pyaps_japan"
    incidence, azimuth = (whole(band) for band in raw_bands(folder / "los.rdr"))
    height = whole(raw_bands(folder / "hgt.rdr")[0])
    assert (incidence.min(), incidence.max()) == pytest.approx((36.52653, 40.97435), abs=5e-6)
    assert (azimuth.min(), azimuth.max()) == pytest.approx((-259.8306, -259.392), abs=5e-4)
    assert (height.min(), height.max()) == pytest.approx((-0.01917, 1718.26474), abs=5e-6)


@pytest.fixture
def unwrapped(real_data, tmp_path):
    """Files of the set as pairs of a topsStack: true phase, what SNAPHU made of it, and after bridging."""
    source, out = real_data / "isce2_unw_truth", {}
    dates = {"sim": "20180819_20180831", "snf": "20180819_20180912", "bdg_snf": "20180831_20180912"}
    for name, pair in dates.items():
        folder = tmp_path / "merged" / "interferograms" / pair
        folder.mkdir(parents=True)
        for path in source.glob(f"{name}.*"):
            shutil.copy(path, folder / path.name.replace(name, "filt_fine"))
        for path in source.glob("sim.cor*"):
            shutil.copy(path, folder / path.name.replace("sim", "filt_fine"))
        out[name] = folder / "filt_fine.unw"
    return out


def test_unwrapped_phase_of_isce2(unwrapped, real_data):
    data = load.isce2(list(unwrapped.values()), geometry="radar").compute()
    # snf is 0 where SNAPHU says so, as in any product
    true, snaphu, bridged = (data["phase"].values[k].astype(float) for k in range(3))
    assert true.shape == (300, 300)
    assert (np.nanmin(true), np.nanmax(true)) == pytest.approx((-49.388653, 7.04175), abs=5e-6)
    assert np.isnan(true).sum() == 1  # a pixel of 0 whose amplitude is 0 too
    assert np.nansum(true) / true.size == pytest.approx(-19.927002, abs=5e-6)
    assert (np.nanmin(snaphu), np.nanmax(snaphu)) == pytest.approx((-24.255909, 32.17449), abs=5e-6)
    gray = data["coherence"].values[0]
    assert (np.nanmin(gray), np.nanmax(gray)) == pytest.approx((0.001, 0.6), abs=1e-6)
    component = whole(raw_bands(unwrapped["snf"].with_name("filt_fine.unw.conncomp"))[0])
    assert (component > 0).sum() == 57_356
    assert component.max() == 20
    cycles = (snaphu - true) / (2 * np.pi)
    assert np.nanmax(np.abs(cycles - np.round(cycles))) < 4e-6
    # two pixels of the first component are on another cycle in the file itself
    for number, pixels, jump, odd in ((1, 13_647, 5, 2), (2, 34_595, 4, 0)):
        here = component == number
        assert here.sum() == pixels
        here &= np.isfinite(cycles) & np.isfinite(bridged)
        assert (np.round(cycles[here]) != jump).sum() == odd
        assert set(np.round((bridged - snaphu)[here] / (2 * np.pi))) == {-jump}


def test_velocity_and_coherence_of_mintpy(real_data):
    folder = real_data / "mintpy_cadia"
    data = load.mintpy(folder / "geo_velocity.h5")
    rate = data["linear_rate"].astype(float).values / 1000  # back to m/yr
    assert (np.nanmin(rate), np.nanmax(rate)) == pytest.approx((-0.04296009, 0.02143017), abs=1e-8)
    assert (np.nanmean(rate), np.nanmedian(rate)) == pytest.approx((-0.00244570, -0.00126739), abs=1e-8)
    assert np.isnan(rate).sum() == 16_728
    assert rate.shape == (253, 224)
    # X_FIRST, Y_FIRST are the outer corner of the first pixel; the steps are unlike
    assert float(data["x"][0]) == pytest.approx(148.96131294233828 + 0.000439300870306791 / 2, abs=1e-12)
    assert float(data["y"][0]) == pytest.approx(-33.45294129812149 - 0.0003292567843630537 / 2, abs=1e-12)
    assert data.rio.crs.to_epsg() == 4326
    assert data.attrs["heading"] == pytest.approx(193.0781, abs=1e-4)
    assert rate[112, 101] == pytest.approx(-1.19e-4, abs=5e-7)  # at its reference: geocoding moved it
    shares = load.mintpy(folder / "geo_temporalCoherence.h5")["temporal_coherence"].astype(float)
    assert float(shares.min()) == pytest.approx(7.5263e-4, abs=1e-8)
    assert float(shares.max()) == 1.0
    assert float(shares.mean()) == pytest.approx(0.34882293, abs=1e-7)
    gray = load.mintpy(folder / "geo_avgSpatialCoh.h5")["coherence"].astype(float)
    assert (float(gray.min()), float(gray.max())) == pytest.approx((0.26558664, 0.95743078), abs=1e-8)
    assert float(gray.mean()) == pytest.approx(0.41113936, abs=1e-7)


def test_displacement_of_opera(real_data):
    data = load.opera_disp(sorted((real_data / "opera_disp_s1").glob("displacement_*.tif")))
    assert data["displacement"].sizes == {"time": 9, "y": 362, "x": 357}
    assert data.rio.crs.to_epsg() == 32613
    for day, low, high, mean in (
        ("2016-12-23", -0.04547119, 0.04028320, 0.00287403),
        ("2016-08-01", -0.03387451, 0.04626465, 0.00683941),
    ):
        one = data["displacement"].sel(time=day).astype(float) / 1000
        assert (float(one.min()), float(one.max())) == pytest.approx((low, high), abs=1e-8)
        assert float(one.mean()) == pytest.approx(mean, abs=1e-7)
    assert int(data["displacement"][-1].isnull().sum()) == 123


def test_layers_of_opera(real_data):
    path = real_data / "opera_disp_s1" / "displacement_20160708_20161223.tif"
    data = load.opera_disp([path], layers=["component", "temporal_coherence"])
    shares = data["temporal_coherence"].astype(float)
    assert int(shares[0].notnull().sum()) == 0  # nothing led to the first reference
    assert (float(shares.min()), float(shares.max())) == pytest.approx((0.29785, 1.0), abs=5e-6)
    assert float(shares[1].mean()) == pytest.approx(0.83720769, abs=1e-7)
    labels = data["component"].values
    assert labels.dtype == "int16"
    assert np.unique(labels[0]).tolist() == [-1]
    assert np.unique(labels[1]).tolist() == [0, 1]
    assert labels[1].mean() == pytest.approx(0.98884, abs=5e-6)


def test_delays_of_gacos(real_data):
    """The repository's own map at 25 m is met where X_FIRST is a corner, and missed where it is a center."""
    folder = real_data / "gacos_everest"
    data = load.gacos(sorted(folder.glob("*.ztd")), registration="corner").astype(float)
    for k, (low, high, mean) in enumerate(((1.1399561, 1.9986508, 1.5769376), (1.1630608, 2.0397727, 1.606736))):
        one = data[k]
        assert (float(one.min()), float(one.max())) == pytest.approx((low, high), abs=1e-7)
        assert float(one.mean()) == pytest.approx(mean, abs=2e-6)
    theirs = load.raster(folder / "20070218_gacos.tif", variable="zenith_delay")
    x, y = np.meshgrid(theirs["x"], theirs["y"])
    to_degrees = Transformer.from_crs(theirs.rio.crs.to_wkt(), "EPSG:4326", always_xy=True)
    lon, lat = (xr.DataArray(part, dims=("row", "column")) for part in to_degrees.transform(x, y))
    rms = {}
    for registration in ("corner", "center"):
        ours = load.gacos([folder / "20070218.ztd"], registration=registration)[0].astype(float).compute()
        apart = ours.interp(x=lon, y=lat).values - theirs.values
        rms[registration] = float(np.sqrt(np.nanmean(apart**2)))
    assert rms == pytest.approx({"corner": 0.0016, "center": 0.0046}, abs=5e-5)
