"""One truth through every reader, both orbits; and the faults of files, reader by reader."""

from __future__ import annotations

import cloudpickle
import dask
import h5py
import numpy as np
import producers
import pytest
import rasterio
from producers import DAYS, GEO, HEADING, INCIDENCE, PAIRS, UTM
from radar_files import seen
from reader_cases import ANGLES, READERS, edit, gray_of, opened, redate, written
from small_files import refused

from qtp_toolkit import grid, load

ORBITS = ("ascending", "descending")
SAY_WHERE_NORTH_IS = [reader for reader, row in READERS.items() if row.kind != "raw" and "radar" not in reader]


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


@pytest.mark.parametrize("producer", ["opera", "mintpy series", "licsbas series"])
def test_one_motion_by_every_reader_of_displacement(tmp_path, producer):
    """I16: mm toward the satellite, 0 at the first date; none of them has a phase."""
    moved = producers.motion()
    written(tmp_path, producer)
    data = opened(tmp_path, producer)
    if producer == "opera":
        np.testing.assert_allclose(data["perpendicular_baseline"], producers.BASELINES, atol=1e-4)
        assert data.attrs["overpass"] == "00:51:04"
    elif producer == "mintpy series":
        assert data.rio.crs.to_epsg() == 32646
    assert list(data) == ["displacement"]
    np.testing.assert_allclose(data["displacement"], 1000 * moved, rtol=1e-6, atol=1e-5)
    assert data["displacement"].attrs["units"] == "mm"


# Faults: what is done to the files of one pair, and what becomes of the stack.


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
        assert np.isnan(phase).sum() == 3 + 1 + READERS[reader].zero_is_missing
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
        assert ("2018999" if reader == "gmtsar" else "20181399") in refused(opened, tmp_path, reader, code="I27")

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
        paths = written(tmp_path, reader)
        if reader == "licsar":  # whose bytes, of which 255 is 1, have one scale only
            producers.licsar(tmp_path, "descending", decimal=True)
        for path in [gray_of(path, reader) for path in paths] if reader == "licsbas" else ():
            (np.fromfile(path, "u1") / 255).astype("<f4").tofile(path)  # as before version 1.4
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
                for name in list(file):
                    values = file[name][:5]
                    del file[name]
                    file[name] = values
            refused(opened, tmp_path, reader, layers=["land"], code="I06")
            return
        elif row.kind == "grd":
            producers.grd(path, producers.truth()[0][1][:5])
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


@pytest.mark.parametrize("reader", SAY_WHERE_NORTH_IS)
def test_rows_from_south_to_north_are_turned(tmp_path, reader):
    """I09: where a file may say so, and GMTSAR's rows from north to south."""
    paths = written(tmp_path, reader)
    if reader == "gmtsar":
        for path in tmp_path.rglob("*.grd"):
            with h5py.File(path, "r+") as file:
                file["z"][...], file["lat"][...] = file["z"][()][::-1], file["lat"][()][::-1]
    elif "mintpy" in reader:
        for path in paths[0].parent.iterdir():
            with h5py.File(path, "r+") as file:
                for name in (name for name in file if file[name].shape[-2:] == producers.SHAPE):
                    file[name][...] = file[name][()][..., ::-1, :]
                top, step = float(file.attrs["Y_FIRST"]), float(file.attrs["Y_STEP"])
                file.attrs.update({"Y_FIRST": str(top + step * producers.SHAPE[0]), "Y_STEP": str(-step)})
    for path in tmp_path.rglob("*.tif") if READERS[reader].kind == "tif" else ():
        with rasterio.open(path) as dataset:
            values, profile, t = dataset.read(1), dataset.profile, dataset.transform
        upward = rasterio.Affine(t.a, 0, t.c, 0, -t.e, t.f + t.e * values.shape[0])
        with rasterio.open(path, "w", **profile | {"transform": upward}) as dataset:
            dataset.write(values[::-1], 1)
    for path in paths if reader == "aria" else ():
        with h5py.File(path, "r+") as file:
            for name in ("latitude", "unwrappedPhase", "coherence"):
                file[f"science/grids/data/{name}"][...] = file[f"science/grids/data/{name}"][()][::-1]
    stack = opened(tmp_path, reader)
    np.testing.assert_allclose(stack["phase"], producers.truth()[0], atol=1e-6)
    assert float(stack["y"][0]) > float(stack["y"][1])
