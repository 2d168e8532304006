"""Loaders of interferogram stacks against small true files, under every scheduler."""

from __future__ import annotations

import pickle
from pathlib import Path

import dask
import numpy as np
import pytest
import rasterio
import xarray as xr
from small_files import granule, refused, tif

from qtp_toolkit import load
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.pixels import Rows
from qtp_toolkit.load.files.tiff import Decode, lazy_stack


@pytest.fixture
def stack(tmp_path, rng):
    """Three HyP3 products in true layout."""
    for first, second in (("20180831", "20180912"), ("20180819", "20180831"), ("20180819", "20180912")):
        name = f"S1AA_{first}T114512_{second}T114512_VVP012_INT80_G_ueF_ABCD"
        phase = rng.normal(0, 4, (5, 4)).astype("float32")
        phase[0, 0] = 0.0
        phase[1, 1] = np.inf
        tif(tmp_path / name / f"{name}_unw_phase.tif", phase, nodata=0)
        tif(tmp_path / name / f"{name}_corr.tif", rng.uniform(0.2, 1, (5, 4)).astype("float32"), nodata=0)
        (tmp_path / name / f"{name}.txt").write_text(f"Reference Granule: x\nBaseline: {int(second[-2:])}.5\n")
    return tmp_path


def unwrapped(folder):
    return sorted(folder.glob("S1*/*_unw_phase.tif"))


def test_hyp3_stack(stack, no_compute):
    """I23, I24: zeros that stand for no data and infinite values are NaN; I28: dates stay dates."""
    with no_compute():
        data = load.hyp3(unwrapped(stack))
    assert data["phase"].dims == ("pair", "y", "x")
    assert data["reference"].dtype == "datetime64[ns]"
    assert [str(t)[:10] for t in data["reference"].values] == ["2018-08-19", "2018-08-19", "2018-08-31"]
    assert [str(t)[:10] for t in data["secondary"].values] == ["2018-08-31", "2018-09-12", "2018-09-12"]
    assert data["perpendicular_baseline"].values.tolist() == [31.5, 12.5, 12.5]
    assert np.isnan(data["phase"].values[:, 0, 0]).all()
    assert np.isnan(data["phase"].values[:, 1, 1]).all()
    assert np.isfinite(data["phase"].values).sum() == 3 * 18
    assert data["phase"].attrs["units"] == "rad"
    assert data.attrs["wavelength"] == pytest.approx(0.05546576)
    assert data.rio.crs.to_epsg() == 32646
    assert data["phase"].dtype == data["coherence"].dtype == np.float32


def test_files_in_any_order_make_one_stack(stack):
    """Baselines and coherence go with their pairs."""
    xr.testing.assert_identical(load.hyp3(unwrapped(stack)[::-1]).compute(), load.hyp3(unwrapped(stack)).compute())


def test_pairs_written_backward_are_turned_round(tmp_path):
    """I16, I17: one order of dates, one meaning of the sign."""
    forward = tif(tmp_path / "20180101_20180113.unw.tif", np.full((2, 2), 2.0, "float32"))
    backward = tif(tmp_path / "20180125_20180113.unw.tif", np.full((2, 2), 3.0, "float32"))
    data = load.interferograms([forward, backward])
    assert data["phase"].values[:, 0, 0].tolist() == [2.0, -3.0]
    assert (data["reference"] < data["secondary"]).all()
    assert data.attrs["pairs_turned_round"] == 1
    toward = load.interferograms([forward, backward], phase_sign="positive_toward")
    assert toward["phase"].values[:, 0, 0].tolist() == [-2.0, 3.0]
    assert toward["phase"].attrs["units"] == "rad"


def test_baselines_follow_their_pairs(tmp_path):
    """Whatever order the files are given in, pairs are sorted and every layer goes with them."""
    pairs = ["20180113_20180125", "20180101_20180125", "20180101_20180113", "20180125_20180206"]
    phase = [tif(tmp_path / f"{pair}.tif", np.full((2, 2), k + 1, "float32")) for k, pair in enumerate(pairs)]
    coherence = [
        tif(tmp_path / f"{pair}.cc.tif", np.full((2, 2), (k + 1) / 10, "float32")) for k, pair in enumerate(pairs)
    ]
    data = load.interferograms(phase, coherence=coherence, baselines=[10.0, 20.0, 30.0, np.nan])
    assert data["phase"].values[:, 0, 0].tolist() == [3, 2, 1, 4]
    np.testing.assert_allclose(data["coherence"].values[:, 0, 0], [0.3, 0.2, 0.1, 0.4])
    np.testing.assert_array_equal(data["perpendicular_baseline"], [30.0, 20.0, 10.0, np.nan])
    assert data["perpendicular_baseline"].attrs["units"] == "m"


def test_licsar_coherence_is_0_to_255(tmp_path):
    """I04: bytes are scaled; I08: x is the longitude, whatever order the coordinate system declares."""
    folder = tmp_path / "GEOC" / "20180101_20180113"
    phase = tif(
        folder / "20180101_20180113.geo.unw.tif",
        np.full((2, 2), 5.0, "float32"),
        crs="EPSG:4326",
        origin=(93, 35),
        pixel=0.001,
    )
    tif(
        folder / "20180101_20180113.geo.cc.tif",
        np.array([[0, 51], [102, 255]], "uint8"),
        crs="EPSG:4326",
        origin=(93, 35),
        pixel=0.001,
    )
    data = load.licsar([phase])
    np.testing.assert_allclose(data["coherence"].values[0], [[np.nan, 0.2], [0.4, 1]], atol=1e-6)  # 0 is no data
    assert data.attrs["coherence_scale"] == pytest.approx(1 / 255)
    assert 93 < data["x"][0] < 93.01
    assert 34.99 < data["y"][0] < 35


def test_upward_file_is_turned_round(tmp_path):
    """I09: y always runs from north to south."""
    values = np.arange(1, 13, dtype="float32").reshape(4, 3)
    down = tif(tmp_path / "20180101_20180113.tif", values)
    up = tif(tmp_path / "20180113_20180125.tif", values, upward=True)
    data = load.interferograms([down, up], chunks={"y": 2})
    np.testing.assert_array_equal(data["phase"].values[0], values)
    np.testing.assert_array_equal(data["phase"].values[1], values)
    assert (np.diff(data["y"]) < 0).all()


def test_grids_that_jitter_are_one_and_others_are_refused_with_a_table(tmp_path):
    """I05, I06, I07, I20: shifted, of another size, zone or pixel size."""
    values = np.ones((4, 4), "float32")
    a = tif(tmp_path / "20180101_20180113.tif", values)
    jitter = tif(tmp_path / "20180113_20180125.tif", values, origin=(400000.0 + 1e-6, 3800000.0 - 1e-6))
    assert load.interferograms([a, jitter])["phase"].shape == (2, 4, 4)
    snapped = tif(tmp_path / "20180113_20180206.tif", values, origin=(400000.0 + 0.0008 * 80, 3800000.0))
    assert load.interferograms([a, snapped])["phase"].shape == (2, 4, 4)
    barely = tif(tmp_path / "20180125_20180218.tif", values, origin=(400000.0, 3800000.0 + 0.002 * 80))
    assert "-0.002 rows" in refused(load.interferograms, [a, jitter, barely], code="I05")
    shifted = tif(tmp_path / "20180125_20180206.tif", values, origin=(400020.0, 3800000.0))
    message = refused(load.interferograms, [a, jitter, shifted], code="I05")
    assert "+0.25 columns" in message
    assert shifted.name in message
    smaller = tif(tmp_path / "20180206_20180218.tif", values[:3])
    message = refused(load.interferograms, [a, smaller], code="I06")
    assert "3 x 4" in message
    assert "intersection" in message
    zone = tif(tmp_path / "20180218_20180302.tif", values, crs="EPSG:32645")
    refused(load.interferograms, [a, zone], code="I07")
    coarse = tif(tmp_path / "20180302_20180314.tif", values, pixel=160.0)
    refused(load.interferograms, [a, coarse], code="I20")


def test_the_table_of_grids_counts_them_and_tells_the_majority_first(tmp_path):
    """I06: two against one, whatever their order."""
    names = "20180101_20180113", "20180113_20180125", "20180125_20180206"
    values = np.ones((4, 4), "float32")
    for odd in range(3):
        paths = [
            tif(tmp_path / f"{name}.tif", values[k == odd :], origin=(400000.0 + 80 * (k == odd), 3800000.0))
            for k, name in enumerate(names)
        ]
        message = refused(load.interferograms, paths, code="I06")
        assert "2 files: 4 x 4 of 80 x 80, shift +0 rows +0 columns" in message
        assert f"1 files: 3 x 4 of 80 x 80, shift +0 rows +1 columns (e.g. {paths[odd].name})" in message


def test_coherence_on_another_grid_is_refused(tmp_path):
    """I05, I06: it must lie on the pixels of the phase."""
    values = np.ones((4, 4), "float32")
    phase = tif(tmp_path / "phase" / "20180101_20180113.tif", values)
    for code, change in {"I05": {"origin": (400020.0, 3800000.0)}, "I07": {"crs": "EPSG:32645"}}.items():
        other = tif(tmp_path / code / "20180101_20180113.tif", values, **change)
        refused(load.interferograms, [phase], coherence=[other], code=code)
    smaller = tif(tmp_path / "I06" / "20180101_20180113.tif", values[1:])
    refused(load.interferograms, [phase], coherence=[smaller], code="I06")


def test_aligned_grids_may_be_cropped_to_what_they_share(tmp_path):
    values = np.arange(1, 17, dtype="float32").reshape(4, 4)
    a = tif(tmp_path / "20180101_20180113.tif", values)
    b = tif(tmp_path / "20180113_20180125.tif", values, origin=(400080.0, 3799920.0))
    data = load.interferograms([a, b], extent="intersection")
    np.testing.assert_array_equal(data["phase"].values[0], values[1:, 1:])
    np.testing.assert_array_equal(data["phase"].values[1], values[:3, :3])
    assert data["x"].values[0] == 400120.0
    assert data["y"].values[0] == 3799880.0


def test_stack_refusals(tmp_path, stack):
    """I03, I11, I15, I18, I19, I27: with the files or pairs by name."""
    files = unwrapped(stack)
    Path(str(files[0]).replace("_unw_phase", "_corr")).unlink()
    message = refused(load.hyp3, files, code="I03")
    assert "2018-08-19 2018-08-31" in message
    free = load.hyp3(files, require_coherence=False)
    assert free.attrs["pairs_without_coherence"] == 1
    assert (free["coherence"].values[0] == 1).all()
    values = np.ones((2, 2), "float32")
    same = tif(tmp_path / "20180101_20180101.tif", values)
    refused(load.interferograms, [same], code="I18")
    both = [tif(tmp_path / name, values) for name in ("20180101_20180113.tif", "20180113_20180101.tif")]
    assert both[1].name in refused(load.interferograms, both, code="I19")
    unnamed = tif(tmp_path / "first.tif", values)
    assert "first.tif" in refused(load.interferograms, [unnamed], code="I27")
    refused(load.interferograms, [tif(tmp_path / "20180101_20180231.tif", values)], code="I27")
    integer = tif(tmp_path / "20180101_20180125.tif", values.astype("int16"))
    refused(load.interferograms, [integer], code="I11")
    wavy = tif(tmp_path / "20180113_20180206.tif", values, tags={"WAVELENGTH_METRES": "5.5"})
    refused(load.interferograms, [wavy], code="I15")
    bands = [
        tif(tmp_path / f"2018010{day}_20180113.tif", values, tags={"WAVELENGTH_METRES": str(wavelength)})
        for day, wavelength in ((1, 0.0555), (2, 0.2362))
    ]
    assert "['0.0555', '0.2362']" in refused(load.interferograms, bands)
    refused(load.interferograms, bands, wavelength=0.0555, code="I15")
    assert load.interferograms(bands[1:]).attrs["wavelength"] == 0.2362


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param({"dtype": "complex64"}, "I11", id="I11-complex"),
        pytest.param({"unit": "degree"}, "I11", id="I11-degrees"),
        pytest.param({"unit": "m"}, "I12", id="I12-meters"),
        pytest.param({"unit": "mm"}, "I12", id="I12-millimeters"),
        pytest.param({"wavelength": 55.46576}, "I15", id="I15-mm"),
        pytest.param({"wavelength": 5.546576}, "I15", id="I15-cm"),
        pytest.param({"phase_sign": "toward"}, "I16", id="I16-sign"),
    ],
)
def test_what_is_no_phase_in_rad_is_refused(tmp_path, change, code):
    change = dict(change)
    path = tif(tmp_path / "20180101_20180113.tif", np.ones((2, 2), change.pop("dtype", "float32")))
    unit = change.pop("unit", "radian")
    with rasterio.open(path, "r+") as dataset:
        dataset.units = [unit]
    refused(load.interferograms, [path], code=code, **change)


@pytest.mark.parametrize("name", ["20191231.0_20200112.tif", "2019.12.31_2020.01.12.tif", "20191232_20200112.tif"])
def test_dates_are_never_guessed(tmp_path, name):
    """I27, I28: a date that is no eight digits, or no date, is an error, not another day."""
    path = tif(tmp_path / name, np.ones((2, 2), "float32"))
    assert name in refused(load.interferograms, [path], code="I27")
    exact = tif(tmp_path / "20191231T235959_20200112T000001.tif", np.ones((2, 2), "float32"))
    assert load.interferograms([exact])["reference"].values[0] == np.datetime64("2019-12-31", "ns")


def test_a_file_that_shrinks_after_it_was_opened_is_named(tmp_path):
    path = tif(tmp_path / "20180101_20180113.tif", np.ones((50, 50), "float32"))
    data = load.interferograms([path])
    path.write_bytes(path.read_bytes()[:6000])
    assert path.name in refused(data["phase"].compute, code="M05")


@pytest.mark.parametrize(
    ("layout", "width", "rows", "columns"),
    [
        ("plain", 6000, 64, 448),
        ("plain", 200, 128, 200),
        ("strips", 2778, 16, 2778),
        ("strips", 2000, 32, 2000),
        ("tiles", 6000, 256, 256),
    ],
)
def test_default_chunks_cut_no_block_of_the_files(layout, width, rows, columns):
    """Of 1100 pairs; 128 MB, thrice that for whole rows; in the store's blocks of 64 where the layout allows it."""
    blocks = {"plain": (1, width), "strips": (1, width), "tiles": (256, 256)}[layout]
    header = Header(
        Path("a.tif"),
        4000,
        width,
        (1.0, 0.0, 0.0, 0.0, -1.0, 4000.0),
        "EPSG:32646",
        "float32",
        None,
        blocks,
        Rows(8) if layout == "plain" else None,
        {},
    )
    stack = lazy_stack([header] * 1100, header, Decode(), dim="pair")
    assert stack.data.chunksize == (1100, rows, columns)


def test_check_stack(stack):
    """I04, I10, I12, I21, I23: what only the pixels tell."""
    data = load.hyp3(unwrapped(stack))
    table = load.check_stack(data, every=1)
    assert len(table) == 3
    assert table["valid"].tolist() == [0.9, 0.9, 0.9]
    wrapped = data.assign(phase=(np.mod(data["phase"] + np.pi, 2 * np.pi) - np.pi).assign_attrs(units="rad"))
    assert "unwrapped" in refused(load.check_stack, wrapped, every=1, code="I10")
    assert "0.00392" in refused(load.check_stack, data.assign(coherence=data["coherence"] * 255), every=1, code="I04")
    meters = data.assign(phase=(data["phase"] * 0.005).assign_attrs(units="rad"))
    assert "displacement in m" in refused(load.check_stack, meters, every=1, code="I12")
    with pytest.warns(UserWarning, match="exactly 0"):
        load.check_stack(data.fillna(0), every=1)
    empty = data.assign(phase=data["phase"] * [[[1]], [[np.nan]], [[1]]])
    assert "2018-09-12" in refused(load.check_stack, empty, every=1, code="I21")


def test_check_stack_at_the_very_limits(stack):
    """I04, I10, I23: rounding may lift pi a little; values beyond, or a few zeros, are nothing to complain of."""
    data = load.hyp3(unwrapped(stack)).compute()
    cycle = data["phase"].where(data["phase"].isnull(), np.pi + 9e-4).assign_attrs(units="rad")
    refused(load.check_stack, data.assign(phase=cycle), every=1, code="I10")
    load.check_stack(data.assign(phase=(cycle * 1.01).assign_attrs(units="rad")), every=1)
    refused(load.check_stack, data.assign(coherence=-data["coherence"]), every=1, code="I04")
    wide = data.pad(y=(0, 95), mode="edge")
    wide["phase"][0, 50, :2] = 0.0
    load.check_stack(wide, every=1)
    wide["phase"][0, 50:60] = 0.0
    with pytest.warns(UserWarning, match="exactly 0"):
        load.check_stack(wide, every=1)


def test_zeros_are_no_data_by_the_tag_or_by_the_option(tmp_path):
    """I23: HyP3, GAMMA and ISCE write 0 without a tag; others tag another value."""
    values = np.array([[0, 1], [2, -9999]], "float32")
    bare = tif(tmp_path / "20180101_20180113.tif", values)
    tagged = tif(tmp_path / "20180113_20180125.tif", values, nodata=-9999)
    assert np.isnan(load.interferograms([bare])["phase"].values).tolist() == [[[True, False], [False, True]]]
    assert np.isnan(load.interferograms([tagged])["phase"].values).tolist() == [[[True, False], [False, True]]]
    assert np.isnan(load.interferograms([tagged], nodata=None)["phase"].values).sum() == 1


def test_stacks_are_held_to_physical_ranges(tmp_path, no_compute):
    """I04, I11, I24: undeclared fill values and strays are NaN, another unit is an error that names the file."""
    phase = np.array([[-9999, 4], [32767, -7], [1500, 2]], "float32")
    name = "20180101_20180113.tif"
    good = tif(tmp_path / name, phase)
    coherence = tif(tmp_path / "cc" / name, np.array([[-1, 0.5], [1.0005, 0.25], [255, 0]], "float32"))
    with no_compute():
        data = load.interferograms([good], coherence=[coherence])
    np.testing.assert_array_equal(data["phase"].values[0], [[np.nan, 4], [np.nan, -7], [np.nan, 2]])
    np.testing.assert_allclose(data["coherence"].values[0], [[np.nan, 0.5], [1, 0.25], [np.nan, 0]], rtol=1e-7)
    counts = tif(tmp_path / "20180113_20180125.tif", np.full((3, 2), 5e4, "float32"))
    stack = load.interferograms([good, counts])
    message = refused(stack["phase"].compute, code="I11")
    assert counts.name in message
    assert "-1000 to 1000 rad" in message
    assert "A unit is told with parameters.scale_factor." in message
    percent = tif(tmp_path / "percent" / name, np.full((3, 2), 80, "float32"))
    message = refused(load.interferograms([good], coherence=[percent])["coherence"].compute, code="I04")
    assert "0 to 255; say so with parameters.coherence_scale." in message
    assert "scale_factor" not in message


def test_lazy_same_numbers_under_threads_and_processes(stack, tmp_path):
    dn = np.arange(13000, 13036, dtype="uint16").reshape(6, 6)
    tiles = [granule(tmp_path, "MOD11A2.A2016001.h25v05.061.2020000000001.hdf", dn)]
    lazy = [
        load.hyp3(unwrapped(stack), chunks={"y": 2})["phase"],
        load.modis_lst(tiles, sensors=["terra"])["terra_day"],
    ]
    for array in lazy:
        assert len(pickle.dumps(array)) < 100_000
        one = array.compute(scheduler="sync")
        xr.testing.assert_identical(pickle.loads(pickle.dumps(array)).compute(scheduler="threads"), one)
    with dask.config.set({"multiprocessing.context": "spawn"}):
        outs = dask.compute(*lazy, scheduler="processes", num_workers=1)
    for array, out in zip(lazy, outs, strict=True):
        xr.testing.assert_identical(out, array.compute(scheduler="sync"))


def test_incidence_from_licsar_and_hyp3(tmp_path):
    up, theta = (np.full((2, 3), value, "float32") for value in (np.cos(np.deg2rad(39.0)), np.deg2rad(51.6)))
    up[0, 0] = theta[0, 0] = 0.0
    both = tif(tmp_path / "152D.geo.U.tif", up), tif(tmp_path / "x_lv_theta.tif", theta)
    for angle, value in ((load.licsar_look([both[0]]), 39.0), (load.hyp3_look(both[1]), 38.4)):
        assert (angle.name, angle.attrs["units"]) == ("incidence", "degree")
        assert np.isnan(angle[0, 0])
        np.testing.assert_allclose(angle[1], value, atol=1e-4)
        assert load.check_incidence(angle) == pytest.approx((value, value), abs=1e-4)
    with pytest.raises(QtpDataError, match="one file"):
        load.licsar_look([both[1]])


@pytest.mark.parametrize(("name", "driver"), [("152D.geo.U.tif", "licsar_look"), ("152D.geo.N.tif", "licsar_look"),
                                              ("S1AA_lv_theta.tif", "hyp3_look")])  # fmt: skip
def test_look_vectors_are_no_incidence(tmp_path, name, driver):
    path = tif(tmp_path / name, np.full((2, 3), 0.8, "float32"))
    with pytest.raises(QtpDataError, match=driver):
        load.raster(path, variable="incidence", units="radian")


@pytest.mark.parametrize(
    ("value", "guess"), [(51.6, "lv_theta"), (0.777, "Radians"), (5.0, "slope"), (70.0, "satellite")]
)
def test_implausible_incidence_is_told_with_a_guess(value, guess):
    with pytest.raises(QtpDataError, match=guess):
        load.check_incidence(xr.DataArray(np.full((3, 3), value)))
    with pytest.raises(QtpDataError, match="no valid pixel"):
        load.check_incidence(xr.DataArray(np.full((3, 3), np.nan)))
    assert load.check_incidence(xr.DataArray([[30.9, 46.3]])) == (30.9, 46.3)  # the whole swath, near the equator


def test_incidence_of_another_radar():
    """I11: the advice to set the wavelength helps; what no radar can have is refused all the same."""
    low = xr.DataArray(np.full((3, 3), 22.0))
    with pytest.raises(QtpDataError, match=r"settings\.wavelength"):
        load.check_incidence(low)
    assert load.check_incidence(low, wavelength=0.2424) == (22.0, 22.0)
    with pytest.raises(QtpDataError, match="another angle") as told:
        load.check_incidence(low / 5, wavelength=0.2424)
    assert "settings.wavelength" not in str(told.value)
