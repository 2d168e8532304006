"""One truth through every reader, both orbits; and the faults of files, reader by reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import cloudpickle
import dask
import h5py
import numpy as np
import producers
import pytest
import rasterio
from producers import DAYS, GEO, HEADING, INCIDENCE, PAIRS, UTM
from radar_files import disp_product, mintpy_attrs, seen
from small_files import refused

from qtp_toolkit import grid, load

ORBITS = ("ascending", "descending")
ANGLES = ("incidence", "look")


class Reader(NamedTuple):
    """Writer of the truth, files of the phase, their opening, how the phase lies in them, and what they do not tell."""

    write: Callable[[Path, str], Any]
    find: str
    open: Callable[..., Any]
    kind: str
    without: tuple[str, ...] = ()


def plain(paths, **_):
    gamma = [path.with_name(path.name.replace("unw", "cc")) for path in paths]
    return load.interferograms(paths, coherence=[path for path in gamma if path.is_file()])


def on_the_map(paths, *, layers=(), **_):
    return load.isce2(paths, geometry="geocoded", resolution=0.001, layers=layers)


def mintpy_in_radar(paths, *, layers=(), **_):
    return load.mintpy(paths[0], geometry="geocoded", resolution=0.001, layers=layers)


def stripmap(paths, *, layers=()):
    return load.isce2(paths, geometry="geocoded", resolution=0.001, wavelength=producers.WAVELENGTH, layers=layers)


READERS = {
    "hyp3": Reader(producers.hyp3, "S1*/*_unw_phase.tif", load.hyp3, "tif"),
    "hyp3 burst": Reader(lambda f, o: producers.hyp3(f, o, "SINGLE"), "S1*/*_unw_phase.tif", load.hyp3, "tif"),
    "aria": Reader(producers.aria, "*.nc", lambda p, **k: load.aria(p, elevation=4600.0, **k), "h5"),
    "aria_tools": Reader(
        producers.aria_tools, "unwrappedPhase/????????_????????", load.aria_tools, "raw", ("overpass",)
    ),
    "licsar": Reader(producers.licsar, "GEOC/*/*.geo.unw.tif", load.licsar, "tif"),
    "licsbas": Reader(
        lambda f, _: producers.licsbas(f), "GEOCml1/*/*.unw", lambda p, **_: load.licsbas(p), "raw", ANGLES
    ),
    "geotiff": Reader(producers.geotiffs, "*_unw.tif", plain, "tif", (*ANGLES, "overpass", "baseline")),
    "geotiff, degrees": Reader(
        lambda f, o: producers.geotiffs(f, o, GEO), "*_unw.tif", plain, "tif", (*ANGLES, "overpass", "baseline")
    ),
    "isce2": Reader(producers.isce2, "merged/*/*/filt_fine.unw", on_the_map, "raw"),
    "stripmap": Reader(producers.stripmap, "Igrams/*/filt_*_snaphu.unw", stripmap, "raw", ("overpass",)),
    "mintpy": Reader(producers.mintpy, "inputs/ifgramStack.h5", lambda p, **k: load.mintpy(p[0], **k), "h5"),
    "mintpy, UTM": Reader(
        lambda f, o: producers.mintpy(f, o, UTM), "inputs/ifgramStack.h5", lambda p, **k: load.mintpy(p[0], **k), "h5"
    ),
    "mintpy, radar": Reader(
        lambda f, o: producers.mintpy(f, o, mapped=False), "inputs/ifgramStack.h5", mintpy_in_radar, "h5"
    ),
}


def written(folder, reader, orbit="descending"):
    READERS[reader].write(folder, orbit)
    return sorted(folder.glob(READERS[reader].find))


def opened(folder, reader, **options):
    row = READERS[reader]
    return row.open(sorted(folder.glob(row.find)), **options)


@pytest.mark.parametrize("orbit", ORBITS)
@pytest.mark.parametrize("reader", READERS)
def test_one_truth_by_every_reader(tmp_path, reader, orbit, no_compute):
    """I16: to 1e-6 rad, with sign, coherence, baselines, pass and look vector."""
    row = READERS[reader]
    written(tmp_path, reader, orbit)
    with no_compute():
        stack = opened(tmp_path, reader, **({} if set(ANGLES) & set(row.without) else {"layers": ANGLES}))
    phase, coherence, baselines = producers.truth()
    np.testing.assert_allclose(stack["phase"], phase, atol=1e-6)
    np.testing.assert_allclose(stack["coherence"], coherence, atol=1e-6)
    assert [str(t)[:10].replace("-", "") for t in stack["secondary"].values] == [DAYS[b] for _, b in PAIRS]
    assert stack.attrs["wavelength"] == pytest.approx(producers.WAVELENGTH, rel=1e-6)
    if "baseline" not in row.without:
        np.testing.assert_allclose(stack["perpendicular_baseline"], baselines, atol=1e-4)
    if "overpass" not in row.without:
        assert stack.attrs["overpass"] == "11:45:12"
    if "look" not in row.without:
        assert stack.attrs["orbit_direction"] == orbit
        assert stack.attrs["heading"] == pytest.approx(HEADING[orbit], abs=1e-3)
        np.testing.assert_allclose(stack["incidence"], INCIDENCE, atol=1e-4)
        for name, right in zip(("look_east", "look_north", "look_up"), producers.vector(orbit), strict=True):
            np.testing.assert_allclose(stack[name], right, atol=1e-6)
    size, origin = (80.0, UTM["origin"]) if stack.rio.crs.is_projected else (0.001, GEO["origin"])
    np.testing.assert_allclose(stack["x"], origin[0] + size * (np.arange(8) + 0.5), rtol=1e-9)
    np.testing.assert_allclose(stack["y"], origin[1] - size * (np.arange(6) + 0.5), rtol=1e-9)


@pytest.mark.parametrize("reader", ["aria", "aria_tools", "isce2", "mintpy", "mintpy, radar", "licsbas"])
def test_tasks_carry_paths_and_numbers(tmp_path, reader):
    """Sent to a worker and back, windows of any blocks are the same."""
    written(tmp_path, reader)
    stack = opened(tmp_path, reader)
    right = stack["phase"].values
    sent = cloudpickle.loads(cloudpickle.dumps(stack["phase"].chunk({"y": 4, "x": 5})))
    with dask.config.set(scheduler="threads"):
        np.testing.assert_array_equal(sent.isel(y=slice(3, 6), x=slice(1, 7)), right[:, 3:6, 1:7])


@pytest.mark.parametrize("orbit", ORBITS)
@pytest.mark.parametrize("reader", ["isce2", "mintpy, radar"])
def test_the_truth_in_radar_geometry(tmp_path, reader, orbit):
    """As it lies, with the place of each pixel; beyond the image there is none."""
    paths = written(tmp_path, reader, orbit)
    stack = load.isce2(paths, geometry="radar") if reader == "isce2" else load.mintpy(paths[0], geometry="radar")
    flown = {"ascending": orbit == "ascending"}
    np.testing.assert_allclose(seen(stack["phase"].values, **flown), producers.truth()[0], atol=1e-6)
    np.testing.assert_allclose(seen(stack["latitude"].values, **flown)[:, 0], producers.LAT)
    np.testing.assert_allclose(seen(stack["longitude"].values, **flown)[0], producers.LON)
    assert "lines and samples" in refused(grid.pixel_size, stack["phase"], code="I05")


@pytest.mark.parametrize("producer", ["opera", "mintpy", "licsbas"])
def test_one_motion_by_every_reader_of_displacement(tmp_path, producer):
    """I16: mm toward the satellite, 0 at the first date; none of them has a phase."""
    moved = producers.motion()
    if producer == "opera":
        for (_, first), (k, day) in pairwise(enumerate(DAYS)):
            name = f"OPERA_L3_DISP-S1_IW_F08882_VV_{first}T005104Z_{day}T005103Z_v1.0_20250917T184125Z.nc"
            disp_product(tmp_path / name, moved[k] - moved[k - 1])
            with h5py.File(tmp_path / name, "r+") as file:
                apart = producers.BASELINES[k] - producers.BASELINES[k - 1]
                file["corrections/perpendicular_baseline"] = np.full(moved.shape[1:], apart, "f4")
        data = load.opera_disp(sorted(tmp_path.glob("*.nc")))
        np.testing.assert_allclose(data["perpendicular_baseline"], producers.BASELINES, atol=1e-4)
        assert data.attrs["overpass"] == "00:51:04"
    elif producer == "mintpy":
        with h5py.File(tmp_path / "timeseries.h5", "w") as file:
            file["timeseries"], file["date"] = moved.astype("f4"), np.array(DAYS, "S8")
            said = mintpy_attrs(producers.radar("ascending", UTM), kind="timeseries", mapped=True)
            file.attrs.update(said | {"UNIT": "m", "REF_DATE": DAYS[0]})
        data = load.mintpy(tmp_path / "timeseries.h5")
        assert data.rio.crs.to_epsg() == 32646
    else:
        producers.licsbas(tmp_path)
        data = load.licsbas_series(tmp_path / "TS_GEOCml1" / "cum.h5")
    assert list(data) == ["displacement"]
    np.testing.assert_allclose(data["displacement"], 1000 * moved, rtol=1e-6, atol=1e-5)
    assert data["displacement"].attrs["units"] == "mm"


# Faults: what is done to the files of one pair, and what becomes of the stack.


def edit(folder, reader, change, *, k=0, what="phase"):
    """Put the phase, or the coherence, of pair ``k`` through ``change``, wherever it is stored."""
    path, row = sorted(folder.glob(READERS[reader].find))[min(k, 0) if "mintpy" in reader else k], READERS[reader]
    if what == "coherence":
        path = gray_of(path, reader)
    if row.kind == "tif":
        with rasterio.open(path, "r+") as dataset:
            dataset.write(change(dataset.read(1)), 1)
    elif row.kind == "h5":
        name = {"phase": "unwrapPhase", "coherence": "coherence"}[what]
        with h5py.File(path, "r+") as file:
            if "mintpy" in reader:
                file[name][k] = change(file[name][k])
            else:
                name = f"science/grids/data/{'unwrappedPhase' if what == 'phase' else what}"
                file[name][...] = change(file[name][()])
    else:
        values = np.fromfile(path, "<f4")
        both = reader in ("isce2", "stripmap") and what == "phase"
        plane = values.reshape(6, 2, 8)[:, 1] if both else values.reshape(6, 8)
        plane[...] = change(plane.copy())
        if both:
            values.reshape(6, 2, 8)[:, 0] = plane != 0
        values.tofile(path)


def gray_of(path, reader):
    """File of the coherence of a pair."""
    if reader == "aria_tools":
        return path.parents[1] / "coherence" / path.name
    name = path.name
    for own, other in (
        ("_unw_phase", "_corr"),
        (".geo.unw", ".geo.cc"),
        ("_unw.tif", "_cc.tif"),
        ("_snaphu.unw", ".cor"),
        ("filt_fine.unw", "filt_fine.cor"),
        (".unw", ".cc"),
    ):
        if own in name:
            return path.with_name(name.replace(own, other))
    return path


def redate(folder, reader, old, new):
    """Call a pair by other dates, in the names of its files and folders, or where the file tells them."""
    if "mintpy" in reader:
        with h5py.File(folder / "inputs" / "ifgramStack.h5", "r+") as file:
            rows = [tuple(day.decode() for day in row) for row in file["date"][()]]
            file["date"][rows.index(old)] = np.array(new, "S8")
        return
    if reader in ("aria", "aria_tools"):
        old, new = old[::-1], new[::-1]
    pattern = rf"{old[0]}(T\d{{6}})?_{old[1]}"
    for path in sorted(folder.rglob("*"), key=lambda path: -len(path.parts)):
        name = re.sub(pattern, lambda m: f"{new[0]}{m[1] or ''}_{new[1]}", path.name)
        if name != path.name and "baselines" not in path.parts:
            path.rename(path.with_name(name))


def look_for(stack):
    """Compute it, as any later step does."""
    return load.check_stack(stack, every=1)


@pytest.mark.parametrize("reader", READERS)
class TestFaults:
    def test_zeros_and_infinite_values_are_missing(self, tmp_path, reader):
        """I23, I24."""
        written(tmp_path, reader)

        def spoilt(values):
            values[2, 3], values[3, 4] = 0.0, np.inf
            return values

        edit(tmp_path, reader, spoilt)
        phase = opened(tmp_path, reader)["phase"].values
        assert np.isnan(phase).sum() == 3 + 2
        assert np.isfinite(phase[1:, 1:]).all()

    def test_a_pair_called_the_other_way_round_is_turned_once(self, tmp_path, reader):
        """I17."""
        written(tmp_path, reader)
        redate(tmp_path, reader, (DAYS[0], DAYS[1]), (DAYS[1], DAYS[0]))
        stack = opened(tmp_path, reader)
        right = producers.truth()[0]
        np.testing.assert_allclose(stack["phase"][0], -right[0], atol=1e-6)
        np.testing.assert_allclose(stack["phase"][1:], right[1:], atol=1e-6)

    @pytest.mark.parametrize(("new", "code"), [((DAYS[1], DAYS[0]), "I19"), ((DAYS[0], DAYS[0]), "I18")])
    def test_a_pair_twice_or_of_one_date_is_refused(self, tmp_path, reader, new, code):
        written(tmp_path, reader)
        redate(tmp_path, reader, (DAYS[0], DAYS[2]), new)
        refused(opened, tmp_path, reader, code=code)

    def test_dates_that_are_none_are_refused(self, tmp_path, reader):
        """I27."""
        written(tmp_path, reader)
        redate(tmp_path, reader, (DAYS[0], DAYS[2]), (DAYS[0], "20181399"))
        assert "20181399" in refused(opened, tmp_path, reader)

    def test_wrapped_phase_and_lengths_are_told(self, tmp_path, reader):
        """I10, I12."""
        written(tmp_path, reader)
        for k in range(3):
            edit(tmp_path, reader, lambda values: np.angle(np.exp(1j * (3 * values + 0.1))).astype("f4"), k=k)
        refused(look_for, opened(tmp_path, reader), code="I10")
        for k in range(3):
            edit(tmp_path, reader, lambda values: values * np.float32(0.0044), k=k)
        refused(look_for, opened(tmp_path, reader), code="I12")

    def test_coherence_of_another_scale_is_refused(self, tmp_path, reader):
        """I04."""
        if "lics" in reader:
            pytest.skip("bytes, of which 255 is 1")
        written(tmp_path, reader)
        edit(tmp_path, reader, lambda values: values * 200, what="coherence")
        refused(look_for, opened(tmp_path, reader), code="I04")

    def test_missing_coherence_is_refused(self, tmp_path, reader):
        """I03."""
        path = written(tmp_path, reader)[0]
        if READERS[reader].kind == "h5":
            with h5py.File(path, "r+") as file:
                del file["coherence" if "mintpy" in reader else "science/grids/data/coherence"]
            assert "coherence" in refused(opened, tmp_path, reader)
        else:
            gray = gray_of(path, reader)
            gray.unlink()
            gray.with_name(gray.name + ".vrt").unlink(missing_ok=True)
            refused(opened, tmp_path, reader, code="I03")

    def test_a_pair_of_another_size_is_refused(self, tmp_path, reader):
        """I06."""
        path, row = written(tmp_path, reader)[1 if "mintpy" not in reader else 0], READERS[reader]
        if row.kind == "tif":
            with rasterio.open(path) as dataset:
                values, profile = dataset.read(1), dataset.profile
            with rasterio.open(path, "w", **profile | {"height": 5}) as dataset:
                dataset.write(values[:5], 1)
        elif "mintpy" in reader:
            with h5py.File(
                path.parent / ("geometryGeo.h5" if "radar" not in reader else "geometryRadar.h5"), "r+"
            ) as file:
                file.attrs["LENGTH"] = "5"
            refused(opened, tmp_path, reader, layers=["land"], code="I06")
            return
        elif reader == "aria":
            with h5py.File(path, "r+") as file:
                data = file["science/grids/data"]
                for name in ("latitude", "unwrappedPhase", "coherence"):
                    values = data[name][:5]
                    del data[name]
                    data[name] = values
        else:
            path.write_bytes(path.read_bytes()[: -8 * 4])
        refused(opened, tmp_path, reader)

    def test_rows_from_south_to_north_are_turned(self, tmp_path, reader):
        """I09: where a file may say so."""
        if READERS[reader].kind == "tif":
            READERS[reader].write(tmp_path, "descending")
            for path in sorted(tmp_path.rglob("*.tif")):
                with rasterio.open(path) as dataset:
                    values, profile, t = dataset.read(1), dataset.profile, dataset.transform
                upward = rasterio.Affine(t.a, 0, t.c, 0, -t.e, t.f + t.e * values.shape[0])
                with rasterio.open(path, "w", **profile | {"transform": upward}) as dataset:
                    dataset.write(values[::-1], 1)
        elif reader == "aria":
            for path in written(tmp_path, reader):
                with h5py.File(path, "r+") as file:
                    for name in ("latitude", "unwrappedPhase", "coherence"):
                        file[f"science/grids/data/{name}"][...] = file[f"science/grids/data/{name}"][()][::-1]
        else:
            pytest.skip("bare numbers have one order")
        stack = opened(tmp_path, reader)
        np.testing.assert_allclose(stack["phase"], producers.truth()[0], atol=1e-6)
        assert float(stack["y"][0]) > float(stack["y"][1])


def test_wavelengths_in_another_unit_are_refused(tmp_path):
    """I15: where files tell it."""
    for path in written(tmp_path / "aria", "aria"):
        with h5py.File(path, "r+") as file:
            file["science/radarMetaData/wavelength"][...] = 55.46576
    refused(opened, tmp_path / "aria", "aria", code="I15")
    (path,) = written(tmp_path / "mintpy", "mintpy")
    with h5py.File(path, "r+") as file:
        file.attrs["WAVELENGTH"] = "5.546576"
    refused(load.mintpy, path, code="I15")
    written(tmp_path / "isce2", "isce2")
    text = (tmp_path / "isce2" / "reference" / "IW1.xml").read_text()
    (tmp_path / "isce2" / "reference" / "IW1.xml").write_text(text.replace(str(producers.WAVELENGTH), "55.46576"))
    refused(opened, tmp_path / "isce2", "isce2", code="I15")


def test_dates_as_decimals_are_refused(tmp_path):
    """I28: float32 makes 20180820 of 20180819."""
    (path,) = written(tmp_path, "mintpy")
    with h5py.File(path, "r+") as file:
        values = file["date"][()].astype("f4")
        del file["date"]
        file["date"] = values
    refused(load.mintpy, path, code="I28")
