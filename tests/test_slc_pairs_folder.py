"""What lies in a folder of pairs: of which pixels and recipe it was made, what the catalog opens, what was left out."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import rasterio
from radar_files import radar
from small_files import refused, tif
from typer.testing import CliRunner

from qtp_toolkit import cli, load, open_catalog
from qtp_toolkit.slc_pairs import write_interferograms

DATES = ("20180106", "20180118", "20180130", "20180211")
SHAPE = (64, 160)
RECIPE = {"looks_y": 4, "looks_x": 4, "method": "least_squares", "tile": 0}
CATALOG = (
    "catalog_version: 1\ntitle: images\nroots: ['.']\nsources:\n  slc: {description: images, kind: dataset, "
    "driver: slc_stack, uri: 'slc/slc_*.tif', provenance: observed, access: here}\n"
)


def image(seed):
    noise = np.random.default_rng(seed).normal(size=(2, *SHAPE))
    return (noise[0] + 1j * noise[1]).astype("complex64")


def ramp(*steep):
    """Images of one speckle, on one of them a plane of 1.6 rad a pixel of four looks."""
    turn = np.tile(0.4 * np.arange(SHAPE[1]), (SHAPE[0], 1))
    return [(image(0) * np.exp(1j * turn * (day in steep))).astype("complex64") for day in DATES]


def stack(folder, values):
    return load.slc_stack(
        {"slc": [tif(folder / f"slc_{day}.tif", v, pixel=10.0) for day, v in zip(DATES, values, strict=False)]}
    )


def days(path):
    found = open_catalog(path)["interferograms"]
    return [
        "_".join(str(end.values)[:10] for end in pair) for pair in zip(found.reference, found.secondary, strict=True)
    ]


def test_bare_numbers_replaced_behind_their_vrt_are_other_images(tmp_path):
    paths = [radar(tmp_path, image(k), day) for k, day in enumerate(DATES[:2])]
    out = write_interferograms(load.slc_stack({"slc": paths}), tmp_path / "out", windows=[(0, 12)], **RECIPE)
    write_interferograms(load.slc_stack({"slc": paths}), out, windows=[(0, 12)], **RECIPE)
    image(0).tofile(paths[1].with_suffix(""))
    told = refused(write_interferograms, load.slc_stack({"slc": paths}), out, windows=[(0, 12)], **RECIPE, code="R08")
    assert "20180118.slc.full" in told
    write_interferograms(load.slc_stack({"slc": paths}), out, windows=[(0, 12)], restart=True, **RECIPE)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(next(out.glob("*/*_corr.tif"))) as file:
        np.testing.assert_allclose(file.read(1), 1.0, atol=1e-6)


def test_other_pixels_and_another_layer_of_the_same_files_are_other_images(tmp_path):
    paths = []
    for k, day in enumerate(DATES[:2]):
        paths.append(tmp_path / f"cslc_{day}.h5")
        with h5py.File(paths[-1], "w") as file:
            file["data/VV"], file["data/VH"], file["data/projection"] = image(k), image(k + 5), 32646
            file["data/x_coordinates"] = 500005.0 + 10 * np.arange(SHAPE[1])
            file["data/y_coordinates"] = 3899995.0 - 10 * np.arange(SHAPE[0])
    images = load.slc_stack({"slc": paths})
    write_interferograms(images, tmp_path / "out", windows=[(0, 12)], **RECIPE)
    again = {"windows": [(0, 12)], "code": "R08", **RECIPE}
    other = load.slc_stack({"slc": paths}, layer="data/VH")
    assert "layer='data/VV' then, 'data/VH' now" in refused(write_interferograms, other, tmp_path / "out", **again)
    for part in ({"x": slice(0, 80)}, {"y": slice(None, None, 2)}, {"x": slice(8, None)}):
        assert "size=" in refused(write_interferograms, images.isel(part), tmp_path / "out", **again)
    shifted = images.assign_coords(x=images["x"] + 10.0)
    assert "ends=" in refused(write_interferograms, shifted, tmp_path / "out", **again)


def test_pairs_of_another_recipe_are_not_opened_with_these(tmp_path):
    images = stack(tmp_path, [image(k) for k in range(4)])
    first = write_interferograms(images, tmp_path / "out", windows=[(0, 12)], **RECIPE)
    assert len(days(first)) == 3
    other = RECIPE | {"alpha": 0.0, "wavelength": 0.24}
    told = refused(write_interferograms, images, tmp_path / "out", windows=[(20, 30)], **other, code="R08")
    assert "3 pairs beside those of this network" in told
    assert "alpha=0.5 then, 0.0 now" in told
    assert not list((tmp_path / "out").glob("20180106_20180130"))
    both = write_interferograms(images, tmp_path / "out", windows=[(20, 30)], **RECIPE)
    assert days(both) == ["2018-01-06_2018-01-30", "2018-01-18_2018-02-11"]
    anew = write_interferograms(images, tmp_path / "out", windows=[(20, 30)], restart=True, **other)
    assert len(days(anew)) == 2
    assert open_catalog(anew)["interferograms"].attrs["wavelength"] == 0.24


def test_pairs_that_are_listed_are_opened_and_must_be_there(tmp_path):
    made = write_interferograms(
        stack(tmp_path, [image(k) for k in range(3)]), tmp_path / "out", windows=[(0, 12)], **RECIPE
    )
    text = made.read_text()
    made.write_text(text.replace("20180106_20180118", "20180106_20180119"))
    assert "20180106_20180119" in refused(open_catalog(made).open, "interferograms", code="I03")
    made.write_text(text.replace("'20180106_20180118'", "'20180118_20180130'"))
    assert days(made) == ["2018-01-18_2018-01-30"]


def test_pairs_that_look_unflattened_keep_no_other_from_being_made(tmp_path):
    images = stack(tmp_path, ramp("20180118"))
    told = refused(write_interferograms, images, tmp_path / "out", windows=[(0, 24)], **RECIPE, code="I32")
    assert "3 of 5 interferograms" in told
    assert "20180106_20180118, 20180118_20180130, 20180118_20180211" in told
    assert "All of them have 20180118" in told
    assert "along x" in told
    catalog = tmp_path / "out" / "data_catalog.yaml"
    assert days(catalog) == ["2018-01-06_2018-01-30", "2018-01-30_2018-02-11"]
    assert not list((tmp_path / "out").glob(".*"))
    write_interferograms(images, tmp_path / "out", windows=[(0, 24)], allow_fringes=True, **RECIPE)
    assert len(days(catalog)) == 5
    write_interferograms(images, tmp_path / "out", windows=[(0, 24)], **RECIPE)


def test_no_date_is_blamed_where_all_images_look_unflattened(tmp_path):
    turns = [k * np.tile(0.4 * np.arange(SHAPE[1]), (SHAPE[0], 1)) for k in range(3)]
    images = stack(tmp_path, [(image(0) * np.exp(1j * turn)).astype("complex64") for turn in turns])
    told = refused(write_interferograms, images, tmp_path / "out", windows=[(0, 24)], **RECIPE, code="I32")
    assert "All of them" not in told
    assert not (tmp_path / "out" / "data_catalog.yaml").exists()


def test_the_command_takes_real_gradients(tmp_path):
    stack(tmp_path / "slc", ramp("20180118"))
    (tmp_path / "data_catalog.yaml").write_text(CATALOG)
    words = ["interferograms", "--catalog", str(tmp_path / "data_catalog.yaml"), "--out", str(tmp_path / "out")]
    words += ["--looks-y", "4", "--looks-x", "4", "--unwrap", "least_squares", "--window", "0-24"]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 1
    assert "--allow-fringes" in told.output
    told = CliRunner().invoke(cli.app, [*words, "--allow-fringes"])
    assert told.exit_code == 0, told.output
    assert "4 dates, 5 pairs, 1 group(s)" in told.output


def test_the_command_chooses_pairs_as_the_other_does(tmp_path):
    days = ("20180106", "20180118", "20180605", "20180617", "20180920")
    for k, day in enumerate(days):
        tif(tmp_path / f"slc/slc_{day}.tif", image(k), pixel=10.0)
    (tmp_path / "data_catalog.yaml").write_text(CATALOG)
    words = ["interferograms", "--catalog", str(tmp_path / "data_catalog.yaml"), "--out", str(tmp_path / "out")]
    words += ["--looks-y", "4", "--looks-x", "4", "--unwrap", "least_squares"]
    told = CliRunner().invoke(cli.app, words)
    assert told.exit_code == 0, told.output
    assert "5 dates, 4 pairs, 1 group(s)" in told.output
    told = CliRunner().invoke(cli.app, [*words, "--no-connect"])
    assert "5 dates, 2 pairs, 2 group(s)" in told.output
    assert "without a pair: 2018-09-20" in told.output
    (tmp_path / "pairs.txt").write_text("20180118_20180605\n20180106_20180617\n\n")
    (tmp_path / "drop.txt").write_text("20180617\n")
    told = CliRunner().invoke(cli.app, [*words, "--pairs", str(tmp_path / "pairs.txt")])
    assert "5 dates, 2 pairs, 2 group(s)" in told.output
    assert (tmp_path / "out" / "20180106_20180617").is_dir()
    told = CliRunner().invoke(
        cli.app, [*words, "--pairs", str(tmp_path / "pairs.txt"), "--drop", str(tmp_path / "drop.txt")]
    )
    assert "5 dates, 1 pairs" in told.output
    assert CliRunner().invoke(cli.app, [*words, "--pairs", "pairs.txt", "--most", "2"]).exit_code == 2
    (tmp_path / "pairs.txt").write_text("20180118\n")
    told = CliRunner().invoke(cli.app, [*words, "--pairs", str(tmp_path / "pairs.txt")])
    assert told.exit_code == 1
    assert "dates where pairs are needed" in told.output
