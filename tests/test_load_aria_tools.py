"""What ARIA-tools extracts; tracks, frames and signs of the products; and whose files are recognized."""

from __future__ import annotations

import h5py
import numpy as np
import producers
import pytest
import yaml
from producers import DAYS, GEO
from radar_files import disp_product, mintpy_attrs
from small_files import refused
from test_load_producers import recipes, through_a_catalog

from qtp_toolkit import load
from qtp_toolkit.catalog import open_catalog


def test_a_catalog_reads_what_aria_tools_leaves(tmp_path):
    """By the entry of the docs, headers and virtual rasters beside."""
    producers.aria_tools(tmp_path, "ascending")
    stack = through_a_catalog(tmp_path, recipes()["ARIA-tools"])
    np.testing.assert_allclose(stack["phase"], producers.truth()[0], atol=1e-6)
    assert stack["coherence"].attrs["estimated_from"] == "filtered"
    assert stack.attrs["pairs_turned_round"] == 3
    component = load.aria_tools(sorted(tmp_path.glob("unwrappedPhase/*[0-9]")), layers=["component"])["component"]
    assert component.dtype == np.int16
    assert component.values[:, 0, 0].tolist() == [-1, -1, -1]
    outside = tmp_path / "outside"
    (tmp_path / "coherence").rename(outside)
    (tmp_path / "data").mkdir()
    (tmp_path / "unwrappedPhase").rename(tmp_path / "data" / "unwrappedPhase")
    (tmp_path / "data" / "coherence").symlink_to(outside)
    entry = recipes()["ARIA-tools"]
    entry["interferograms"] |= {"root": "data"}
    refused(through_a_catalog, tmp_path, entry, code="C06")


def test_what_aria_tools_left_virtual_or_elsewhere_is_named(tmp_path):
    producers.aria_tools(tmp_path, "ascending")
    paths = sorted(tmp_path.glob("unwrappedPhase/*[0-9]"))
    gray = tmp_path / "coherence" / paths[0].name
    gray.unlink()
    assert "-of ENVI" in refused(load.aria_tools, paths, code="M05")
    gray.with_name(gray.name + ".vrt").unlink()
    assert "-l coherence" in refused(load.aria_tools, paths, code="I03")
    header = paths[1].with_name(paths[1].name + ".hdr")
    header.write_text(header.read_text().replace("Geographic Lat/Lon, 1, 1", "UTM, 1, 1"))
    assert "in degrees" in refused(load.aria_tools, paths, code="I07")
    header.write_text(header.read_text().replace("byte order = 0", "byte order = 1"))
    assert "little-endian" in refused(load.aria_tools, paths, code="M05")


def test_tracks_and_products_that_stand_twice_are_refused(tmp_path):
    """I33, I19: also of one direction; another version of a product is no other frame."""
    producers.aria(tmp_path, "ascending")
    paths = sorted(tmp_path.glob("*.nc"))
    newer = paths[0].with_name(paths[0].name.replace("v3_0_1", "v3_0_2"))
    newer.write_bytes(paths[0].read_bytes())
    assert "newest version" in refused(load.aria, [*paths, newer], code="I19")
    frame = newer.rename(newer.with_name(newer.name.replace("00035N", "00036N")))
    assert "aria_tools" in refused(load.aria, [*paths, frame], code="I19")
    other = paths[0].rename(paths[0].with_name(paths[0].name.replace("R-048", "R-121")))
    assert "A 121" in refused(load.aria, [other, *paths[1:]], code="I33")


def test_baselines_of_old_products_keep_the_sign_of_their_majority(tmp_path):
    """Some cubes of the second version change sign within a frame."""
    producers.aria(tmp_path, "ascending")
    for path in tmp_path.glob("*.nc"):
        with h5py.File(path, "r+") as file:
            cube = file["science/grids/imagingGeometry/perpendicularBaseline"]
            cube[:, :, :1] = -cube[:, :, :1]
    stack = load.aria(sorted(tmp_path.glob("*.nc")))
    np.testing.assert_allclose(stack["perpendicular_baseline"], producers.truth()[2], atol=1e-4)


def test_cubes_without_attached_axes_and_another_weather_model(tmp_path):
    """As written by plain HDF5: axes are found by their names, the model by its group, and it is told."""
    producers.aria(tmp_path, "ascending")
    paths = sorted(tmp_path.glob("*.nc"))
    right = load.aria(paths, layers=["incidence", "troposphere", "ionosphere"], elevation=4600.0).compute()
    assert right["tropospheric_phase"].attrs["weather_model"] == "HRRR"
    for path in paths:
        with h5py.File(path, "r+") as file:
            weather = file["science/grids/corrections/external/troposphere"]
            weather.move("HRRR", "GMAO")
            for group in ("science/grids/imagingGeometry", "science/grids/corrections/derived/ionosphere"):
                for dataset in [part for part in file[group].values() if part.ndim > 1]:
                    for dim in dataset.dims:
                        dim.detach_scale(dim[0])
    found = load.aria(paths, layers=["incidence", "troposphere", "ionosphere"], elevation=4600.0)
    for name in ("incidence", "tropospheric_phase", "ionospheric_phase"):
        np.testing.assert_array_equal(found[name], right[name])
    assert found["tropospheric_phase"].attrs["weather_model"] == "GMAO"


def opera(folder, orbit, frame="08882"):
    moved = producers.motion()
    folder.mkdir(exist_ok=True)
    for k in (1, 2):
        name = f"OPERA_L3_DISP-S1_IW_F{frame}_VV_{DAYS[0]}T005104Z_{DAYS[k]}T005103Z_v1.0_20250917T184125Z.nc"
        disp_product(folder / name, moved[k])


def auto(folder, **parameters):
    entry = {"kind": "ifg_stack", "driver": "auto", "uri": "**/*", "provenance": "observed", "parameters": parameters}
    catalog = folder / "data_catalog.yaml"
    said = {"catalog_version": 1, "roots": ["."], "sources": {"interferograms": entry}}
    catalog.write_text(yaml.safe_dump(said))
    return open_catalog(catalog)["interferograms"]


@pytest.mark.parametrize(
    ("write", "driver", "parameters"),
    [
        (producers.aria_tools, "aria_tools", {}),
        (producers.isce2, "isce2", {"geometry": "geocoded"}),
        (producers.stripmap, "isce2", {"geometry": "geocoded"}),
        (producers.mintpy, "mintpy", {}),
    ],
)
def test_folders_are_recognized_and_told(tmp_path, write, driver, parameters):
    """I35: among all their files; what cannot be guessed, the geometry of radar images, is asked for."""
    write(tmp_path, "descending")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert load.recognize(files).driver == driver
    if parameters:
        assert "geocoded" in refused(auto, tmp_path, code="C09")
    if write is producers.stripmap:
        return  # its wavelength is not told
    stack = auto(tmp_path, **parameters)
    assert f"driver {driver}" in stack.attrs["recognized"]
    phase = stack["phase"]
    assert np.nanmax(phase) == pytest.approx(np.nanmax(producers.truth()[0]), abs=1e-6)


def test_ambiguous_folders_are_refused_with_the_candidates(tmp_path):
    """I35: two stacks, two frames, two producers."""
    producers.mintpy(tmp_path / "a", "ascending")
    producers.mintpy(tmp_path / "b", "ascending")
    message = refused(load.recognize, sorted(tmp_path.rglob("*.h5")), code="I35")
    assert "a/inputs/ifgramStack.h5" in message
    assert "b/inputs/ifgramStack.h5" in message
    opera(tmp_path / "c", "ascending")
    opera(tmp_path / "c", "ascending", frame="08883")
    assert "F08883" in refused(load.recognize, sorted(tmp_path.glob("c/*.nc")), code="I35")
    producers.isce2(tmp_path / "d", "ascending")
    producers.isce2(tmp_path / "e", "ascending")
    assert "d/merged" in refused(load.recognize, sorted(tmp_path.glob("[de]/merged/*/*/*.unw")), code="I35")
    producers.geotiffs(tmp_path / "f", "ascending", GEO)
    refused(load.recognize, sorted(tmp_path.glob("f/*.tif")), code="I35")
    mixed = [*tmp_path.glob("a/inputs/*.h5"), *tmp_path.glob("d/merged/*/*/*.unw")]
    message = refused(load.recognize, mixed, code="I35")
    assert "mintpy" in message
    assert "isce2" in message


@pytest.mark.parametrize("producer", ["opera", "mintpy", "licsbas"])
def test_displacement_in_the_place_of_phase_is_refused_with_the_remedy(tmp_path, producer):
    """I12: by a driver's name and, where it is recognized, by itself."""
    driver, uri = {"opera": ("opera_disp", "*.nc"), "licsbas": ("licsbas_series", "TS_GEOCml1/cum.h5")}.get(
        producer, ("mintpy", "timeseries.h5")
    )
    if producer == "opera":
        opera(tmp_path, "ascending")
        assert "kind: dataset" in refused(auto, tmp_path, code="I12")
    elif producer == "licsbas":
        producers.licsbas(tmp_path)
    else:
        with h5py.File(tmp_path / "timeseries.h5", "w") as file:
            file["timeseries"], file["date"] = producers.motion().astype("f4"), np.array(DAYS, "S8")
            file.attrs.update(mintpy_attrs(producers.radar("ascending"), kind="timeseries", mapped=True))
        assert "kind: dataset" in refused(auto, tmp_path, code="I12")
        steps = [tmp_path / "timeseries.h5", tmp_path / "timeseries_ERA5_demErr.h5"]
        assert load.recognize(steps[:1]).driver == "mintpy"
        assert "timeseries_ERA5_demErr.h5" in refused(load.recognize, steps, code="I35")
    entry = {"interferograms": {"kind": "ifg_stack", "driver": driver, "uri": uri, "provenance": "observed"}}
    message = refused(through_a_catalog, tmp_path, entry, code="I12")
    assert "pecm.fit" in message
    entry = {"series": entry["interferograms"] | {"kind": "dataset"}}
    assert list(through_a_catalog(tmp_path, entry)) == ["displacement"]


def test_layers_of_opera_that_are_not_there_are_named(tmp_path):
    """I03: and no damaged file is spoken of; what a product says of its pass is told."""
    opera(tmp_path, "ascending")
    paths = sorted(tmp_path.glob("*.nc"))
    assert "ionospheric_delay" in refused(load.opera_disp, paths, subtract=["ionospheric_delay"], code="I03")
    with h5py.File(paths[0], "r+") as file:
        del file["recommended_mask"]
        file["identification/radar_wavelength"] = 0.05546576
        file["identification/orbit_pass_direction"] = np.bytes_("Descending")
    assert "recommended_mask" in refused(load.opera_disp, paths, masked=True, code="I03")
    attrs = load.opera_disp(paths).attrs
    assert (attrs["wavelength"], attrs["orbit_direction"]) == (0.05546576, "descending")
