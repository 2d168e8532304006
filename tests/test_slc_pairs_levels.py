"""Components of own interferograms: written, opened again, and brought to one level by triangles."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr
from small_files import refused, tif
from typer.testing import CliRunner

from qtp_toolkit import cli, inversion, load, open_catalog, prospects, slc_pairs, store
from qtp_toolkit.conventions import ESTIMATED_FROM

CYCLE = 2 * np.pi
DATES = ("2018-01-06", "2018-01-18", "2018-01-30", "2018-02-11")
SHAPE, LAKE = (192, 160), np.s_[88:104]


def phases():
    """Phase of each date, rad: a step of 0.8 cycles, all of it on the lake, between the first and the next two."""
    line = np.arange(SHAPE[0], dtype=float)[:, None]
    step = np.clip((line - 88) / 16, 0, 1) * np.ones(SHAPE)
    return [depth * CYCLE * step for depth in (0.0, 0.8, 1.6, 1.0)]


@pytest.fixture
def images(tmp_path):
    """On the lake dates 1 and 3 share one speckle, 2 and 3 another, date 2 a bit of both."""
    rng = np.random.default_rng(4)

    def draw():
        return (rng.normal(size=SHAPE) + 1j * rng.normal(size=SHAPE)) / np.sqrt(2)

    common, other, noise = draw(), draw(), [draw() for _ in DATES]
    half = (common + other) / np.sqrt(2)
    lakes = [common, half, other, half]
    paths = []
    for day, own, lake, phase in zip(DATES, noise, lakes, phases(), strict=True):
        image = np.sqrt(0.9) * common + np.sqrt(0.1) * own
        image[LAKE] = (np.sqrt(0.98) * lake + np.sqrt(0.02) * own)[LAKE]
        paths.append(
            tif(
                tmp_path / f"slc/slc_{day.replace('-', '')}.tif", (image * np.exp(-1j * phase)).astype("c8"), pixel=10.0
            )
        )
    return load.slc_stack({"slc": paths})


@pytest.fixture
def catalog(tmp_path, images):
    return slc_pairs.write_interferograms(
        images, tmp_path / "out", windows=[(0, 40)], looks_y=2, looks_x=4, alpha=0.3, tile=0
    )


def south_over_north(phase):
    """Cycles between the two shores that each pair has beyond the truth."""
    depths = np.array([date[-1, 0] for date in phases()])
    first, second = (np.searchsorted(np.array(DATES, "M8[D]"), phase[end].values) for end in ("reference", "secondary"))
    step = phase.isel(y=slice(56, None)).median(("y", "x")) - phase.isel(y=slice(0, 40)).median(("y", "x"))
    return ((step.values - (depths[second] - depths[first])) / CYCLE).round(1).tolist()


def test_a_lake_cuts_one_pair_in_two_and_triangles_join_them(tmp_path, catalog):
    stack = open_catalog(catalog)["interferograms"]
    pair = [str(d)[:10] for d in stack["secondary"].values].index(DATES[2])
    assert stack["reference"].values[pair] == np.datetime64(DATES[0])
    pieces = [np.unique(label[label > 0]).size for label in stack["component"].values]
    assert pieces[pair] == 2
    assert sum(pieces) == len(pieces) + 1
    before = south_over_north(stack["phase"].load())
    assert before[pair] in {-2, -1, 1}
    assert not any(np.delete(before, pair))
    level, told = prospects.level_components(stack)
    assert south_over_north(level["phase"].load()) == [0] * len(pieces)
    assert told == [f"components: 1 beside the largest of {len(pieces)} pairs; triangles decide on 1 and move 1"]
    assert "component" not in level
    assert level["phase"].attrs["components"] == told[0]
    (moved,) = level["phase"].attrs["component_cycles"].items()
    assert moved == (f"{DATES[0]}/{DATES[2]}", {"2": int(before[pair])})  # the north, which is the smaller part
    words = ["ingest", "--catalog", str(catalog), "--out", str(tmp_path / "store"), "--block", "16"]
    said = CliRunner().invoke(cli.app, words)
    assert said.exit_code == 0, said.output
    assert told[0] in said.stdout
    kept = store.open_store(tmp_path / "store")["phase"].load()
    np.testing.assert_array_equal(kept, level["phase"])
    assert kept.attrs["components"] == told[0]
    assert kept.attrs["component_cycles"] == dict([moved])
    store.ingest(level.isel(pair=slice(0, -1)), tmp_path / "grown", block=16)
    more = CliRunner().invoke(
        cli.app, ["ingest", "--catalog", str(catalog), "--out", str(tmp_path / "grown"), "--append"]
    )
    assert more.exit_code == 0, more.output
    assert f"1 of {len(pieces)} pairs are new to the store" in more.stdout
    assert "warning" not in more.stdout
    grown, whole = (store.open_store(tmp_path / name).load() for name in ("grown", "store"))
    xr.testing.assert_identical(grown, whole)


def test_what_no_triangle_decides_stays_or_goes_and_is_counted(catalog):
    stack = open_catalog(catalog)["interferograms"].isel(pair=[1]).load()
    for drop, words in ((False, "stay as they were unwrapped"), (True, "are left out")):
        level, told = prospects.level_components(stack, drop=drop)
        assert "triangles decide on 0 and move 0; 1" in told[0]
        assert words in told[0]
        smaller = stack["component"].values == 2
        assert smaller.sum() > 500
        assert np.isnan(level["phase"].values[smaller]).all() == drop
    plain = stack.drop_vars("component")
    assert prospects.level_components(plain) == (plain, [])


def test_small_components_that_the_thinned_copy_lacks_stay(monkeypatch, catalog):
    """Numbers beyond those of the copy, and -1 outside of a file, are none of its components."""
    monkeypatch.setattr("qtp_toolkit.prospects._level._SIDE", 16)
    stack = open_catalog(catalog)["interferograms"].load()
    stack["component"][:, 1, 1], stack["component"][:, 1, 3] = 400, -1
    level, _ = prospects.level_components(stack)
    np.testing.assert_array_equal(level["phase"][:, 1, :4], stack["phase"][:, 1, :4])
    level, _ = prospects.level_components(stack, drop=True)
    assert np.isnan(level["phase"].values[:, 1, [1, 3]]).all()
    assert np.isfinite(level["phase"].values[:, 1, 2]).all()


def test_lazy_levels(no_compute, catalog):
    stack = open_catalog(catalog)["interferograms"]
    level, _ = prospects.level_components(stack)
    assert level["phase"].chunks is not None


def test_coherence_says_that_no_filter_came_before_it(tmp_path, catalog):
    """I34: by a tag of the files, that a setting overrules; weights that need it of the noise take it as it is."""
    stack = open_catalog(catalog)["interferograms"]
    assert stack["coherence"].attrs[ESTIMATED_FROM] == "unfiltered"
    assert stack["coherence"].attrs["coherence_of_noise"] == pytest.approx(0.455, abs=1e-3)
    inversion.invert(stack["phase"], stack["coherence"], weights="fisher")
    paths = {kind: sorted((tmp_path / "out").glob(f"*/*_{kind}.tif")) for kind in ("unw_phase", "corr")}
    said = load.interferograms(paths["unw_phase"], coherence=paths["corr"], coherence_from="filtered")
    with pytest.warns(UserWarning, match="I34"):
        inversion.invert(said["phase"], said["coherence"], weights="fisher")
    with rasterio.open(paths["corr"][0], "r+") as dataset:
        dataset.update_tags(COHERENCE_FROM="filtered")
    mixed = load.interferograms(paths["unw_phase"], coherence=paths["corr"])
    assert mixed["coherence"].attrs[ESTIMATED_FROM] == "filtered"
    for path in paths["corr"]:
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(COHERENCE_FROM="", coherence_of_noise="none")
    silent = load.interferograms(paths["unw_phase"], coherence=paths["corr"])
    assert not {ESTIMATED_FROM, "coherence_of_noise"} & set(silent["coherence"].attrs)


def test_components_are_those_of_their_pairs(tmp_path, catalog):
    """By the dates of the names, in any order; a pair without a file, or with two, is named."""
    stack = open_catalog(catalog)["interferograms"].load()
    moved = tmp_path / "out/20180106_20180118/20180106_20180118_conncomp.tif"
    second = tmp_path / "out/20180118_20180130/20180106_20180118_conncomp.tif"
    moved.rename(second)
    np.testing.assert_array_equal(open_catalog(catalog)["interferograms"]["component"], stack["component"])
    moved.write_bytes(second.read_bytes())
    refused(lambda: open_catalog(catalog)["interferograms"], code="I19")
    second.unlink()
    moved.unlink()
    assert "2018-01-06 2018-01-18" in refused(lambda: open_catalog(catalog)["interferograms"], code="I03")
