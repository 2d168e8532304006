"""What files of stacks say, and do not say: bands, scales, masks, tags, names, companions, extents."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from small_files import refused, tif

from qtp_toolkit import load

DAYS = ("20180106", "20180118", "20180130")
PAIR = "20180106_20180118"
VALUES = np.linspace(1, 40, 48, dtype="float32").reshape(6, 8)


def bands(path, *layers, **tags):
    """GeoTIFF of several bands, with scales, offsets or a mask."""
    rows = np.stack(layers)
    tif(path, rows[0])
    with rasterio.open(path) as one:
        profile = one.profile | {"count": len(rows), "dtype": rows.dtype}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(rows)
        for name, value in tags.items():
            setattr(dataset, name, value)
    return path


def dates(stack):
    return [str(stack[end].values[0])[:10] for end in ("reference", "secondary")]


@pytest.mark.parametrize(
    "fill", [-9999.0, -99999.0, 32767.0, -32768.0, 1e20, 9.969209968386869e36, -3.4028235e38, np.inf, np.nan]
)
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_fill_values_that_nobody_declared_are_no_phase(tmp_path, fill, kind):
    """I23, I24: most of a file may be fill, the rest tells what it is."""
    values = VALUES.astype(kind)
    values[:5] = fill
    phase = tif(tmp_path / f"{PAIR}.unw.tif", values)
    gamma = tif(tmp_path / f"{PAIR}.cc.tif", np.where(values == VALUES, 0.8, fill).astype(kind))
    stack = load.interferograms([phase], coherence=[gamma]).compute()
    for name, right in (("phase", VALUES[5]), ("coherence", 0.8)):
        assert np.isnan(stack[name].values[0, :5]).all()
        np.testing.assert_allclose(stack[name].values[0, 5], right)


def test_doubles_beyond_float32_are_no_phase(tmp_path):
    """I24."""
    values = VALUES.astype("float64")
    values[0] = -1.7976931348623157e308
    stack = load.interferograms([tif(tmp_path / f"{PAIR}.tif", values)]).compute()
    assert np.isnan(stack["phase"].values[0, 0]).all()
    np.testing.assert_allclose(stack["phase"].values[0, 1:], VALUES[1:])


def test_of_several_bands_one_is_chosen(tmp_path):
    """I11: amplitude and phase of ISCE in one file."""
    phase = bands(tmp_path / f"{PAIR}.unw.tif", 300 + VALUES, VALUES)
    gamma = bands(tmp_path / f"{PAIR}.cc.tif", 300 + VALUES, VALUES / 100)
    assert "parameters.band" in refused(load.interferograms, [phase], code="I11")
    assert "coherence_band" in refused(load.interferograms, [phase], coherence=[gamma], band=2, code="I11")
    stack = load.interferograms([phase], coherence=[gamma], band=2, coherence_band=2).compute()
    np.testing.assert_array_equal(stack["phase"].values[0], VALUES)
    np.testing.assert_allclose(stack["coherence"].values[0], VALUES / 100)
    assert "has 2 bands" in refused(load.interferograms, [phase], band=3, code="I11")


def test_scales_of_whole_numbers_hold_and_those_of_decimals_are_asked_about(tmp_path):
    """M11: 1000 rad is what a forgotten scale makes of one."""
    packed = bands(tmp_path / f"{PAIR}.unw.tif", (100 * VALUES).astype("int16"), scales=(0.01,), offsets=(2.0,))
    gamma = bands(tmp_path / f"{PAIR}.cc.tif", np.full((6, 8), 80, "uint8"), scales=(0.01,))
    stack = load.interferograms([packed], coherence=[gamma], nodata=None).compute()
    np.testing.assert_allclose(stack["phase"].values[0], VALUES + 2, atol=0.01)
    np.testing.assert_allclose(stack["coherence"], 0.8, rtol=1e-6)
    decimals = bands(tmp_path / "float" / f"{PAIR}.tif", VALUES, scales=(0.5,))
    assert "parameters.scale_factor" in refused(load.interferograms, [decimals], code="M11")
    for scale in (0.5, 1.0):
        if scale == 1.0:
            with pytest.warns(UserWarning, match="overrules the tags"):
                stack = load.interferograms([decimals], scale_factor=scale)
        else:
            stack = load.interferograms([decimals], scale_factor=scale)
        np.testing.assert_allclose(stack["phase"].values[0], VALUES * scale)
    other = bands(tmp_path / "20180118_20180130.unw.tif", (100 * VALUES).astype("int16"), scales=(0.1,))
    assert "unlike" in refused(load.interferograms, [packed, other], code="M11")
    unscaled = tif(tmp_path / "int" / f"{PAIR}.tif", VALUES.astype("int16"))
    refused(load.interferograms, [unscaled], code="I11")


@pytest.mark.parametrize("inside", [True, False])
def test_masks_of_files_are_heeded(tmp_path, inside):
    """I23: in the file, or beside it as .msk; also where another file of the stack has none."""
    masked = tif(tmp_path / f"{PAIR}.tif", VALUES)
    plain = tif(tmp_path / "20180118_20180130.tif", VALUES)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(masked, "r+") as dataset:
        dataset.write_mask(VALUES > 10)
    assert (tmp_path / f"{PAIR}.tif.msk").exists() is not inside
    stack = load.interferograms([plain, masked], chunks={"y": 4})
    np.testing.assert_array_equal(stack["phase"].values[0], np.where(VALUES > 10, VALUES, np.nan))
    np.testing.assert_array_equal(stack["phase"].values[1], VALUES)


def test_zeros_are_phase_where_the_setting_says_so(tmp_path):
    """I23: at the reference pixel of HyP3 the phase is 0, and so is its tag; other tags hold on."""
    values = VALUES - VALUES[2, 2]
    tagged = tif(tmp_path / f"{PAIR}.tif", values, nodata=0)
    with pytest.warns(UserWarning, match="zeros are phase"):
        stack = load.interferograms([tagged], nodata=None)
    np.testing.assert_array_equal(stack["phase"].values[0], values)
    assert np.isnan(load.interferograms([tagged])["phase"].values).sum() == 1


@pytest.mark.parametrize("options", [{}, {"compress": "deflate"}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_coherence_of_another_extent_is_cropped_with_its_phase(tmp_path, options):
    """I06: never pixels of another place, whichever of the two is smaller."""
    ground = np.add.outer(np.arange(40), np.arange(50)).astype("float32")
    places = {"phase": (4, 6, 30, 40), "coherence": (10, 0, 25, 35)}  # first row, first column, rows, columns
    paths = {}
    for name, (top, left, height, width) in places.items():
        scale = 1.0 if name == "phase" else 0.01
        path = tif(
            tmp_path / name / f"{PAIR}.tif",
            scale * ground[top : top + height, left : left + width] + scale,
            origin=(400000.0 + 80 * left, 3800000.0 - 80 * top),
        )
        with rasterio.open(path) as dataset:
            values, profile = dataset.read(), dataset.profile | options
        with rasterio.open(path, "w", **profile) as dataset:
            dataset.write(values)
        paths[name] = path
    refused(load.interferograms, [paths["phase"]], coherence=[paths["coherence"]], code="I06")
    stack = load.interferograms([paths["phase"]], coherence=[paths["coherence"]], extent="intersection").compute()
    assert stack["phase"].shape == (1, 24, 29)
    np.testing.assert_array_equal(stack["phase"].values[0], ground[10:34, 6:35] + 1)
    np.testing.assert_allclose(stack["coherence"], 0.01 * stack["phase"], rtol=1e-5)
    assert stack["x"].values[0] == 400040.0 + 80 * 6


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("2018-01-06_2018-01-18.unw.tif", None),
        ("ifg_06Jan2018_18Jan2018.tif", None),
        ("20180106_20180118/filt_fine.unw.tif", None),
        ("S1_IW2_20180106T234712-20180118T234712.tif", None),
        ("20180106T234712Z_20180118T234712Z.tif", None),
        ("20180106t2347_20180118t2347_unw.tif", None),
        ("180106-180118.unw.tif", r"(?P<reference>\d{6})-(?P<secondary>\d{6})"),
        ("2018006_2018018_unwrap.tif", r"(?P<reference>\d{7})_(?P<secondary>\d{7})"),
        ("2018.01.06_2018.01.18.tif", r"(?P<reference>\d{4}\.\d\d\.\d\d)_(?P<secondary>\d{4}\.\d\d\.\d\d)"),
        ("20180106 to 20180118.tif", r"(?P<reference>\d{8}) to (?P<secondary>\d{8})"),
    ],
)
def test_dates_in_any_usual_spelling(tmp_path, name, pattern):
    """I27: in names, and in the names of folders."""
    assert dates(load.interferograms([tif(tmp_path / name, VALUES)], pattern=pattern)) == ["2018-01-06", "2018-01-18"]


def test_dates_that_may_be_others_are_refused(tmp_path):
    """I27: the day before the year, a run of more digits, no dates; the error says what to set."""
    six = r"(?P<reference>\d{6})_(?P<secondary>\d{6})"
    day_first = tif(tmp_path / "060118_180118.tif", VALUES)
    assert "day first" in refused(load.interferograms, [day_first], pattern=six, code="I27")
    for name in ("120180106_201801180.tif", "filt_fine.unw.tif", "180106_180118.tif"):
        message = refused(load.interferograms, [tif(tmp_path / "a" / name, VALUES)], code="I27")
        assert "parameters.pattern" in message


def hyp3(folder, first, second, *, ending="", baseline=None):
    name = f"S1AA_{first}T234712_{second}T234712_VVP012_INT80_G_ueF_AB12"
    phase = tif(folder / name / f"{name}_unw_phase{ending}.tif", VALUES)
    tif(folder / name / f"{name}_corr{ending}.tif", np.full((6, 8), 0.8, "float32"))
    if baseline is not None:
        (folder / name / f"{name}.txt").write_text(f"Reference Granule: x\n{baseline}\n")
    return phase


@pytest.mark.parametrize("ending", ["", "_clip", "_clipped"])
def test_companions_are_found_by_the_name_and_never_the_phase_itself(tmp_path, ending):
    """I03: files that users clipped; a folder that has the word in its name."""
    phase = hyp3(tmp_path / "my_unw_phase.tif", *DAYS[:2], ending=ending, baseline="Baseline: 12.5")
    stack = load.hyp3([phase])
    np.testing.assert_allclose(stack["coherence"], 0.8, rtol=1e-6)
    assert stack["perpendicular_baseline"].values.tolist() == [12.5]
    wrapped = tif(phase.with_name(phase.name.replace("unw", "wrapped")), VALUES)
    assert "_unw_phase" in refused(load.hyp3, [wrapped], code="I03")
    assert ".geo.unw" in refused(load.licsar, [wrapped], code="I03")


def test_baselines_of_turned_pairs_are_turned(tmp_path):
    """I17: as the phase; whatever the key looks like, and unknown where there is no number."""
    spelled = ["Baseline: 100.5", "baseline : -1.0e2", "Baseline: 12,5", "  BASELINE: -7"]
    pairs = [(0, 1), (2, 0), (1, 2), (2, 1)]
    folders = [tmp_path / str(k) for k in range(4)]
    phase = [
        hyp3(folder, DAYS[a], DAYS[b], baseline=text)
        for folder, (a, b), text in zip(folders, pairs, spelled, strict=True)
    ]
    found = load.hyp3(phase[:3])["perpendicular_baseline"].values
    np.testing.assert_array_equal(found, [100.5, 100.0, np.nan])
    assert load.hyp3(phase[3:])["perpendicular_baseline"].values.tolist() == [7.0]


def test_empty_lists_and_small_grids(tmp_path):
    """C10, I06: nothing, one row, one column, one pixel, three by three."""
    for loader in (load.interferograms, load.hyp3, load.licsar):
        refused(loader, [], code="C10")
    for shape in ((3, 3), (1, 8), (6, 1), (1, 1)):
        path = tif(tmp_path / str(shape) / f"{PAIR}.tif", VALUES[: shape[0], -shape[1] :])
        stack = load.interferograms([path])
        np.testing.assert_array_equal(stack["phase"].values[0], VALUES[: shape[0], -shape[1] :])
