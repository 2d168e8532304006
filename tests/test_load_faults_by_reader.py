"""I01 to I29, reader by reader: each fault is provoked in the files of each, or a line says why it cannot be there.

Pairs are read by the readers of ``READERS``, series of dates by those of ``SERIES``. ERA5 has no pairs and no phase:
what can be wrong with it is I30.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import producers
import pytest
import rasterio
from producers import DAYS
from pyproj import CRS
from radar_files import delay, isce_xml
from reader_cases import ALL, READERS, SERIES, edit, files_of, opened, pair_days, redate, written
from small_files import refused, tif

from qtp_toolkit import correct, inversion, load, network

TIFS = [name for name, row in READERS.items() if row.kind == "tif"]
ON_UTM = [name for name in TIFS if name not in ("licsar", "geotiff, degrees")]
MINTPY = ["mintpy", "mintpy, UTM", "mintpy, radar"]
ISCE = ["isce2", "stripmap"]
DATES_IN_NAMES = [name for name in READERS if name not in MINTPY]

ELSEWHERE = {
    "I03": "test_missing_coherence_is_refused",
    "I04": "test_coherence_of_another_scale_is_refused",
    "I06": "test_a_pair_of_another_size_is_refused",
    "I09": "test_rows_from_south_to_north_are_turned",
    "I10": "test_wrapped_phase_and_lengths_are_told",
    "I12": "test_wrapped_phase_and_lengths_are_told",
    "I16": "test_one_truth_by_every_reader",
    "I17": "test_a_pair_called_the_other_way_round_is_turned_once",
    "I18": "test_a_pair_twice_or_of_one_date_is_refused",
    "I19": "test_a_pair_twice_or_of_one_date_is_refused",
    "I23": "test_zeros_and_infinite_values_are_missing",
    "I24": "test_zeros_and_infinite_values_are_missing",
    "I27": "test_dates_that_are_none_are_refused",
}
"""Faults that test_load_one_truth.py provokes in the files of every reader of pairs."""

NO_PAIRS = "a series of dates has no pairs, and no network"
ONE_GRID = "one grid for all pairs, told once"
CANNOT = {
    ("I01", "licsbas series"): NO_PAIRS,
    ("I01", "mintpy series"): NO_PAIRS,
    ("I01", "gacos"): NO_PAIRS,
    **{(fault, name): NO_PAIRS for fault in ("I02", "I13", "I14", "I21", "I25") for name in SERIES},
    **{(fault, name): "a series brings no coherence" for fault in ("I03", "I04") for name in SERIES},
    ("I05", "licsbas"): f"{ONE_GRID} in EQA.dem_par; of several folders: test_strangers",
    **{("I05", name): "one lookup table for all pairs" for name in (*ISCE, "mintpy, radar")},
    **{(fault, name): "one file, one grid" for fault in ("I05", "I20") for name in ("licsbas series", "mintpy series")},
    **{("I07", name): "places are latitude and longitude, by definition" for name in (*ISCE, "mintpy, radar")},
    **{("I07", name): "its header tells degrees only" for name in ("licsbas series", "gacos")},
    **{("I09", name): "bare numbers have one order" for name in ("licsbas", "licsbas series")},
    ("I09", "aria_tools"): "map info of ENVI runs from north to south",
    **{("I09", name): "lines and samples have no north; the lookup table says where they lie" for name in ISCE},
    ("I09", "mintpy, radar"): "lines and samples have no north; the lookup table says where they lie",
    **{("I10", name): "displacement, or a delay, has no cycles" for name in SERIES},
    ("I12", "licsbas series"): "the file tells no unit; it is mm by definition",
    ("I15", "aria_tools"): "its files tell no wavelength",
    ("I15", "licsbas series"): "displacement in mm needs no wavelength",
    ("I15", "mintpy series"): "displacement in m needs no wavelength",
    ("I15", "gacos"): "delays in m have no wavelength",
    ("I16", "gacos"): "a delay is never negative: M11",
    **{("I17", name): "a series has no pairs to exchange" for name in ("licsbas series", "mintpy series", "gacos")},
    **{("I18", name): "a series has no pairs" for name in ("licsbas series", "mintpy series", "gacos")},
    ("I20", "licsbas"): "one grid for all pairs: files of other looks are of another size, I06",
    **{("I20", name): "files of other looks are of another size, I06" for name in ISCE},
    ("I22", "gacos"): "delays have no reference",
    **{("I23", name): "NaN is missing there, and 0 is no motion" for name in ("opera", "licsbas series")},
    **{("I26", name): "the number of reweightings is fixed, whatever the files hold" for name in ALL},
    **{("I28", name): "dates are text, in names" for name in (*DATES_IN_NAMES, "opera", "gacos")},
    **{("I29", name): "the linear index is made of dates, not of files" for name in ALL},
}
"""Why a fault has no place in the files of a reader."""


# What is done to files.


def remake(path, values=None, **profile):
    """Write a GeoTIFF again, otherwise."""
    with rasterio.open(path) as dataset:
        own, old = dataset.read(1), dataset.profile
    values = own if values is None else values
    with rasterio.open(path, "w", **old | {"dtype": values.dtype.name} | profile) as dataset:
        dataset.write(values, 1)


def placed_at(path, dx=0.0, dy=0.0, size=1.0):
    """Shift the raster by parts of a pixel, and make its pixels larger."""
    with rasterio.open(path) as dataset:
        t = dataset.transform
    moved = rasterio.Affine(t.a * size, 0, t.c + dx * t.a, 0, t.e * size, t.f + dy * t.e)
    remake(path, transform=moved)


def set_attributes(path, **said):
    with h5py.File(path, "r+") as file:
        file.attrs.update(said)


def replace(path, name, change):
    """Put a dataset of an HDF5 file through ``change``; its attributes stay."""
    with h5py.File(path, "r+") as file:
        said, values = dict(file[name].attrs), change(file[name][()])
        plain = {key: value for key, value in said.items() if key not in ("DIMENSION_LIST", "_FillValue")}
        del file[name]
        file[name] = values
        file[name].attrs.update(plain)


def substitute(path, pattern, text):
    before = path.read_text()
    after = re.sub(pattern, text, before)
    assert after != before
    path.write_text(after)


def map_info(path, change):
    """Put the numbers of ENVI's map info (left, top, steps) through ``change``."""
    header = path.with_name(path.name + ".hdr")
    words = re.search(r"map info = \{([^}]*)\}", header.read_text())[1].split(",")
    words[3:7] = [repr(value) for value in change([float(word) for word in words[3:7]])]
    substitute(header, r"map info = \{[^}]*\}", f"map info = {{{','.join(words)}}}")


def geometry_of(path):
    return next(path.parent.glob("geometry*.h5"))


def move(folder, reader, *, shift=0.0, size=1.0):
    """Put the second file elsewhere by parts of a pixel, or give it larger pixels; of MintPy the geometry."""
    paths = files_of(folder, reader)
    path = paths[min(1, len(paths) - 1)]
    if reader in TIFS:
        placed_at(path, dx=shift, size=size)
    elif reader == "aria":
        axis = "science/grids/data/longitude"
        with h5py.File(path, "r+") as file:
            file[axis][...] = (file[axis][()] - 93.0) * size + 93.0 + shift * 0.001
    elif reader == "aria_tools":
        map_info(path, lambda p: [p[0] + shift * p[2], p[1], p[2] * size, p[3] * size])
    elif reader == "gmtsar":
        values = producers.truth()[0][1]
        producers.grd(path, values, west=93.0 + shift * 0.001, step=0.001 * size)
    elif reader in MINTPY:
        with h5py.File(geometry_of(path), "r+") as file:
            left, step = (float(file.attrs[key]) for key in ("X_FIRST", "X_STEP"))
            file.attrs.update({"X_FIRST": repr(left + shift * step), "X_STEP": repr(step * size)})
    elif reader == "opera":
        replace(path, "x", lambda x: x[0] + (x - x[0]) * size + shift * 30.0)
    else:
        delay(path, np.full(producers.SHAPE, 1.6), place=(93.0 + shift * 0.001, 35.0, 0.001 * size, -0.001 * size))


def open_with_geometry(folder, reader):
    """Open the stack; of MintPy with a layer of its geometry, whose place counts then."""
    return opened(folder, reader, **({"layers": ["land"]} if reader in MINTPY else {}))


# The faults.


def falls_apart(folder, reader):
    """I01: two groups of dates that no pair connects."""
    if reader == "opera":
        for path in files_of(folder, reader)[:1]:
            path.rename(path.with_name(path.name.replace(DAYS[0], "20180701").replace(DAYS[1], "20180713")))
        assert "20180819" in refused(opened, folder, reader).replace("-", "")
        return
    redate(folder, reader, pair_days(1), ("20190111", "20190123"))
    stack = opened(folder, reader)
    assert "2019-01-11" in refused(inversion.invert, stack["phase"], stack["coherence"], code="I01")


def lose_pixels(folder, reader):
    """I02, I13, I14, I25: missing in two pairs, in all pairs, and a cycle off in one."""

    def change(k):
        def spoilt(values):
            values[3, 4] = np.nan
            if k:
                values[2, 3] = np.nan
            if k == 1:
                values[4, 5] += np.float32(2 * np.pi)
            return values

        return spoilt

    for k in range(3):
        edit(folder, reader, change(k), k=k)
    stack = opened(folder, reader).compute()
    out = inversion.invert(stack["phase"], stack["coherence"], norm="l2")
    right = np.concatenate([np.zeros((1, *producers.SHAPE)), producers.truth()[0][:2]])
    np.testing.assert_allclose(out["phase"][:, 1, 1], right[:, 1, 1], atol=1e-5)
    assert out["groups"].values[2, 3] == 2
    assert out["phase"].isnull().values[:, 2, 3].tolist() == [False, False, True]
    assert out["phase"].isnull().values[:, 3, 4].all()
    assert out["reason"].values[3, 4] == 7
    assert out["reason"].values[2, 3] in (4, 6)
    closed = network.closure_errors(stack["phase"])
    assert (closed.values == 1).nonzero() == (np.array([4]), np.array([5]))


def shift(folder, reader):
    """I05: by rounding it is one grid, by a third of a pixel it is another."""
    move(folder, reader, shift=1e-6)
    assert open_with_geometry(folder, reader).sizes["x"] == 8
    move(folder, reader, shift=0.3)
    assert "shift" in refused(open_with_geometry, folder, reader, code="I05")


def other_size(folder, reader):
    """I06: of another size than the others, or than the file says."""
    path = files_of(folder, reader)[-1]
    if reader == "opera":
        for name in ("displacement", "x"):
            replace(path, name, lambda values: values[..., :5])
    elif reader == "licsbas series":
        replace(path, "imdates", lambda days: days[:2])
    elif reader == "mintpy series":
        set_attributes(path, WIDTH="7")
    else:
        delay(path, np.full((6, 7), 1.5))
    refused(opened, folder, reader, code="I06")


def other_crs(folder, reader):
    """I07: another zone, or no degrees where degrees are read."""
    paths = files_of(folder, reader)
    path, code = paths[-1], "I07"
    if reader in TIFS:
        remake(path, crs="EPSG:32647")
    elif reader == "aria":
        with h5py.File(path, "r+") as file:
            data = file["science/grids/data"]
            data["crs"] = 0
            data["crs"].attrs["grid_mapping_name"] = np.bytes_("transverse_mercator")
            data["unwrappedPhase"].attrs["grid_mapping"] = np.bytes_("crs")
    elif reader == "aria_tools":
        substitute(path.with_name(path.name + ".hdr"), "Geographic Lat/Lon", "UTM")
    elif reader == "gmtsar":  # without degrees it is a grid in radar geometry
        with h5py.File(path, "r+") as file:
            del file["lon"].attrs["units"], file["lat"].attrs["units"]
        code = "M05"
    elif reader == "licsbas":
        with (folder / "GEOCml1" / "EQA.dem_par").open("a") as stream:
            stream.write("DEM_projection:     UTM\n")
    elif reader == "mintpy series":
        with h5py.File(path, "r+") as file:
            del file.attrs["UTM_ZONE"]
    elif reader in MINTPY:
        set_attributes(geometry_of(path), EPSG="32647")
    else:
        with h5py.File(path, "r+") as file:
            file["spatial_ref"].attrs["crs_wkt"] = CRS.from_epsg(32614).to_wkt()
    refused(open_with_geometry, folder, reader, code=code)


def exchange_hdf5(path, reader):
    """Exchange the axes of one file of HDF5."""
    with h5py.File(path if reader != "mintpy, radar" else geometry_of(path), "r+") as file:
        if reader == "aria":
            data = file["science/grids/data"]
            data["latitude"][...], data["longitude"][...] = 93.0 - np.arange(6) / 1000, 35.0 + np.arange(8) / 1000
        elif reader == "licsbas series":
            file["corner_lat"][...], file["corner_lon"][...] = file["corner_lon"][()], file["corner_lat"][()]
        elif reader == "mintpy, radar":
            for old, new in (("latitude", "place"), ("longitude", "latitude"), ("place", "longitude")):
                file.move(old, new)
        elif reader == "opera":
            file["y"][...] = 717615.0 - 30.0 * np.arange(6)
            file["x"][...] = 3481725.0 + 30.0 * np.arange(8)
        else:
            file.attrs.update(X_FIRST=file.attrs["Y_FIRST"], Y_FIRST=file.attrs["X_FIRST"])


def exchange_other(path, reader):
    """Exchange the axes of one file that is no HDF5."""
    if reader in TIFS:
        for layer in [path.with_name(path.name.replace("unw", "cc")), path] if "geotiff" in reader else [path]:
            with rasterio.open(layer) as dataset:
                t = dataset.transform
            remake(layer, transform=rasterio.Affine(t.a, 0, t.f, 0, t.e, t.c))
    elif reader == "aria_tools":
        map_info(path, lambda p: [p[1], p[0], *p[2:]])
    elif reader == "gmtsar":
        producers.grd(path, producers.truth()[0][1], west=35.0, north=93.0)
    elif reader == "gacos":
        substitute(path.with_name(path.name + ".rsc"), r"(X_FIRST\s+)\S+(\s+Y_FIRST\s+)\S+", r"\g<1>35.0\g<2>93.0")


def exchange(folder, reader):
    """I08: latitude along x, longitude along y; or easting and northing."""
    for path in files_of(folder, reader):
        (exchange_hdf5 if ALL[reader].kind == "h5" else exchange_other)(path, reader)
    if reader == "licsbas":
        corners = r"corner_lat: (\S+)( [^\n]*\n)corner_lon: (\S+)"
        substitute(folder / "GEOCml1" / "EQA.dem_par", corners, r"corner_lat: \3\2corner_lon: \1")
    for place in sorted(folder.rglob("geom_reference")) if reader in ISCE else ():
        for old, new in (("lat", "place"), ("lon", "lat"), ("place", "lon")):
            (place / f"{old}.rdr").rename(place / f"{new}.rdr")
    refused(opened, folder, reader, code="I08")


def no_phase(folder, reader):
    """I11: complex numbers, or a unit that is none of phase; of bare numbers, degrees as they look."""
    path, code = files_of(folder, reader)[0], "I11"
    plane = np.ones(producers.SHAPE, "c8")
    if reader in TIFS:
        remake(path, values=plane, nodata=None)
    elif reader == "aria":
        replace(path, "science/grids/data/unwrappedPhase", lambda values: values.astype("c8"))
    elif reader == "aria_tools":
        plane.tofile(path)
        substitute(path.with_name(path.name + ".hdr"), r"data type = \d+", "data type = 6")
    elif reader == "licsbas":
        plane.tofile(path)
        code = "M05"  # of twice the size
    elif reader == "gmtsar":
        producers.grd(path, producers.truth()[0][0], units="degrees")
    elif reader in ISCE:
        isce_xml(path, plane, kind="CFLOAT")
    elif reader in MINTPY:
        replace(path, "unwrapPhase", lambda values: values.astype("c8"))
    elif reader == "gacos":
        plane.tofile(path)
        code = "M05"
    else:
        name = {"opera": "displacement", "licsbas series": "cum", "mintpy series": "timeseries"}[reader]
        replace(path, name, lambda values: values.astype("c8"))
    refused(opened, folder, reader, code=code)


def degrees(folder, reader):
    """I11: nothing tells but the numbers."""
    for k in range(3):
        edit(folder, reader, lambda values: values * np.float32(180 / np.pi), k=k)
    stack = opened(folder, reader)
    with pytest.warns(UserWarning, match="I11"):
        load.check_stack(stack, every=1)


def other_length(folder, reader):
    """I12: another unit than the product has is refused or converted, by its tag (M11) or its size."""
    path = files_of(folder, reader)[0]
    if reader == "gacos":
        (np.fromfile(path, "<f4") * 1000).tofile(path)
        refused(opened(folder, reader).compute, code="M11")
        return
    if reader == "opera":
        with h5py.File(path, "r+") as file:
            file["displacement"].attrs["units"] = "radians"
    else:
        set_attributes(path, UNIT="radian")
    refused(opened, folder, reader, code="M11")


def long_wave(folder, reader):
    """I15: in mm, or a frequency in GHz."""
    text = str(producers.WAVELENGTH)
    for path in files_of(folder, reader):
        if reader in TIFS:
            with rasterio.open(path, "r+") as dataset:
                dataset.update_tags(WAVELENGTH_METRES="55.46576")
        elif reader == "aria":
            with h5py.File(path, "r+") as file:
                file["science/radarMetaData/wavelength"][...] = 55.46576
        elif reader == "gmtsar":
            substitute(path.with_name("S1.PRM"), text, "55.46576")
        elif reader in MINTPY:
            set_attributes(path, WAVELENGTH="5.546576")
        elif reader == "opera":
            with h5py.File(path, "r+") as file:
                file["identification/radar_wavelength"] = 55.46576
    if reader == "licsbas":
        substitute(folder / "GEOCml1" / "slc.mli.par", r"radar_frequency: \S+ Hz", "radar_frequency: 5.405 GHz")
    elif reader == "isce2":
        substitute(folder / "reference" / "IW1.xml", text, "55.46576")
    elif reader == "stripmap":
        (folder / "reference").mkdir()
        (folder / "reference" / "data.rsc").write_text("WAVELENGTH 236.0571\n")
        refused(opened, folder, reader, wavelength=None, code="I15")
        return
    refused(opened, folder, reader, code="I15")


def unlike_waves(folder):
    """I15: one product tells another wavelength than the others."""
    path = files_of(folder, "aria")[-1]
    with h5py.File(path, "r+") as file:
        file["science/radarMetaData/wavelength"][...] = 0.2360571
    refused(opened, folder, "aria", code="I15")


def turned(folder, reader):
    """I17, I18: a product whose reference is the later date, or its own."""
    path = files_of(folder, reader)[0]
    path.rename(path.with_name(path.name.replace(f"{DAYS[0]}T", "20180901T")))
    refused(opened, folder, reader, code="I18")


def other_pixels(folder, reader):
    """I20: pixels of twice the size, in as many rows and columns."""
    if reader == "mintpy, radar":
        (path,) = files_of(folder, reader)
        set_attributes(path, ALOOKS="3", RLOOKS="9")
        set_attributes(geometry_of(path), ALOOKS="5", RLOOKS="15")
    else:
        move(folder, reader, size=2.0)
    refused(open_with_geometry, folder, reader, code="I20")


def nothing_valid(folder, reader):
    """I21: a pair without a valid pixel."""
    edit(folder, reader, lambda values: values * np.float32(np.nan), k=1)
    first, second = (f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in pair_days(1))
    assert f"{first} {second}" in refused(load.check_stack, opened(folder, reader), every=1, code="I21")


def off_the_grid(folder, reader):
    """I22: east and north count as the grid counts them, and beyond it there is nothing."""
    data = opened(folder, reader)
    name = "phase" if "phase" in data else "displacement"
    x, y, size = float(data["x"][5]), float(data["y"][2]), abs(float(data["x"][1] - data["x"][0])) / 4
    out = correct.set_reference(data[name], (x - size, y - size, x + size, y + size))
    np.testing.assert_allclose(out[:, 2, 5], 0.0, atol=1e-6)
    assert float(abs(out[-1, 2, 4])) > 1e-3
    refused(correct.set_reference, data[name], (y - size, x - size, y + size, x + size), code="I22")


def zeros(folder, reader):
    """I23: 0 at all dates away from the reference; a delay of 0."""
    path = files_of(folder, reader)[0]
    if reader == "gacos":
        values = np.fromfile(path, "<f4")
        values[0] = 0.0
        values.tofile(path)
        assert int(opened(folder, reader).isnull().sum()) == 1
        return
    replace(path, "timeseries", lambda values: np.where(np.arange(8) == 3, 0.0, values).astype("f4"))
    lost = opened(folder, reader)["displacement"].isnull().all("time")
    assert lost.values[:, 3].all()
    assert int(lost.sum()) == producers.SHAPE[0]


def infinite(folder, reader):
    """I24: becomes NaN, and spoils nothing beside it."""
    path = files_of(folder, reader)[0]

    def spoilt(values):
        values[..., 2, 3] = np.inf
        return values

    if reader == "gacos":
        spoilt(np.fromfile(path, "<f4").reshape(producers.SHAPE)).tofile(path)
    else:
        name = {"opera": "displacement", "licsbas series": "cum", "mintpy series": "timeseries"}[reader]
        replace(path, name, spoilt)
    data = opened(folder, reader)
    values = (data if reader == "gacos" else data["displacement"]).values
    assert np.isnan(values[:, 2, 3]).any()
    assert np.isfinite(values[:, 3:, 4:]).all()
    assert not np.isinf(values).any()


def twice(folder, reader):
    """I19: a date that stands twice."""
    path = files_of(folder, reader)[-1]
    if reader == "opera":
        path.rename(path.with_name(path.name.replace(DAYS[1], "20180801").replace(DAYS[2], DAYS[1])))
    elif reader == "gacos":
        path.rename(path.with_name(f"{DAYS[0]}_again.ztd"))
        path.with_name(path.name + ".rsc").rename(path.with_name(f"{DAYS[0]}_again.ztd.rsc"))
    else:
        name = "imdates" if reader == "licsbas series" else "date"
        replace(path, name, lambda days: days[[0, 1, 1]])
    refused(opened, folder, reader, code="I19")


def no_date(folder, reader):
    """I27: a day that no calendar has."""
    path = files_of(folder, reader)[-1]
    if reader in ("opera", "gacos"):
        path.rename(path.with_name(path.name.replace(DAYS[2], "20181399")))
        beside = path.with_name(path.name + ".rsc")
        if beside.is_file():
            beside.rename(beside.with_name("20181399.ztd.rsc"))
    elif reader == "licsbas series":
        replace(path, "imdates", lambda days: np.array([*days[:2], 20181399], "i4"))
    else:
        replace(path, "date", lambda days: np.array([*days[:2], b"20181399"], "S8"))
    assert "20181399" in refused(opened, folder, reader, code="I27")


def decimals(folder, reader):
    """I28: float32 makes 20180820 of 20180819."""
    name = "imdates" if reader == "licsbas series" else "date"
    replace(files_of(folder, reader)[0], name, lambda days: days.astype("f4"))
    refused(opened, folder, reader, code="I28")


def upward(folder, reader):
    """I09: rows from south to north are turned."""
    right = opened(folder, reader)
    right = (right if reader == "gacos" else right["displacement"]).compute()
    for path in files_of(folder, reader):
        if reader == "opera":
            for name in ("y", "displacement"):
                replace(path, name, lambda values: values[::-1])
        elif reader == "mintpy series":
            replace(path, "timeseries", lambda values: values[:, ::-1])
            with h5py.File(path, "r+") as file:
                top, step = float(file.attrs["Y_FIRST"]), float(file.attrs["Y_STEP"])
                file.attrs.update({"Y_FIRST": str(top + step * 6), "Y_STEP": str(-step)})
        else:
            values = np.fromfile(path, "<f4").reshape(producers.SHAPE)
            values[::-1].tofile(path)
            substitute(path.with_name(path.name + ".rsc"), r"Y_FIRST.*\n", "Y_FIRST 34.994\n")
            substitute(path.with_name(path.name + ".rsc"), r"Y_STEP.*\n", "Y_STEP 0.001\n")
    data = opened(folder, reader)
    data = data if reader == "gacos" else data["displacement"]
    np.testing.assert_allclose(data, right, atol=1e-6)
    np.testing.assert_allclose(data["y"], right["y"])


def one_motion(folder, reader):
    """I16: the numbers themselves; their sign and unit are those of test_one_motion_by_every_reader_of_displacement."""
    np.testing.assert_allclose(opened(folder, reader)["displacement"], 1000 * producers.motion(), rtol=1e-6, atol=1e-5)


OF_SERIES = ["opera", "licsbas series", "mintpy series"]
NOT_PLACED = [*ISCE, "mintpy, radar"]
PLACED = [name for name in READERS if name not in (*NOT_PLACED, "licsbas")]
PROVOKED = {
    ("I01", falls_apart): [*READERS, "opera"],
    ("I02", lose_pixels): [*READERS],
    ("I05", shift): [*PLACED, "opera", "gacos"],
    ("I06", other_size): [*SERIES],
    ("I07", other_crs): [*PLACED, "licsbas", "opera", "mintpy series"],
    ("I08", exchange): [*READERS, *SERIES],
    ("I09", upward): ["opera", "mintpy series", "gacos"],
    ("I11", no_phase): [*READERS, *SERIES],
    ("I11", degrees): [*READERS],
    ("I12", other_length): ["opera", "mintpy series", "gacos"],
    ("I15", long_wave): [*(name for name in READERS if name != "aria_tools"), "opera"],
    ("I16", one_motion): OF_SERIES,
    ("I17", turned): ["opera"],
    ("I18", turned): ["opera"],
    ("I19", twice): [*SERIES],
    ("I20", other_pixels): [*PLACED, "mintpy, radar", "opera", "gacos"],
    ("I21", nothing_valid): [*READERS],
    ("I22", off_the_grid): [*READERS, *OF_SERIES],
    ("I23", zeros): ["mintpy series", "gacos"],
    ("I24", infinite): [*SERIES],
    ("I27", no_date): [*SERIES],
    ("I28", decimals): [*MINTPY, "licsbas series", "mintpy series"],
}
"""What provokes which fault in the files of which readers; ``lose_pixels`` stands for I13, I14 and I25 too."""
TOGETHER = {"I02": ("I13", "I14", "I25")}
CASES = [(fault, provoke, reader) for (fault, provoke), readers in PROVOKED.items() for reader in readers]


@pytest.mark.parametrize(
    ("fault", "provoke", "reader"), CASES, ids=[f"{fault}-{reader}-{f.__name__}" for fault, f, reader in CASES]
)
def test_a_fault_in_the_files_of_a_reader(tmp_path, fault, provoke, reader):
    """Refused by its code, missing with a reason, or mended: never a number without a word."""
    written(tmp_path, reader)
    provoke(tmp_path, reader)


def test_one_product_of_another_wavelength_is_refused(tmp_path):
    written(tmp_path, "aria")
    unlike_waves(tmp_path)


@pytest.mark.parametrize(
    ("reader", "decimal"), [("licsar", False), ("licsar", True), ("licsbas", False), ("hyp3", False)]
)
def test_voids_of_licsar_are_missing_in_phase_and_coherence(tmp_path, reader, decimal):
    """I23: 0 is how LiCSAR and HyP3 write no data, of both; LiCSBAS turns NaN of the coherence into the byte 0."""
    paths = written(tmp_path, reader)
    for path in paths if reader == "hyp3" else ():  # clipped, and the tags are gone
        for layer in (path, path.with_name(path.name.replace("unw_phase", "corr"))):
            remake(layer, nodata=None)
    if decimal:
        producers.licsar(tmp_path, "descending", decimal=True)

    def holed(values):
        values[0, 0] = values[2, 3] = 0
        return values

    for k in range(3):
        edit(tmp_path, reader, holed, k=k)
        edit(tmp_path, reader, holed, k=k, what="coherence")
    stack = opened(tmp_path, reader).compute()
    void = np.zeros(producers.SHAPE, bool)
    void[0, 0] = void[2, 3] = True
    np.testing.assert_array_equal(stack["phase"].isnull(), np.broadcast_to(void, (3, *void.shape)))
    np.testing.assert_array_equal(stack["coherence"].isnull(), np.broadcast_to(void, (3, *void.shape)))
    assert float(stack["coherence"].min()) > 0.19
    if reader in ("licsar", "hyp3"):
        kept = opened(tmp_path, reader, coherence_nodata=None)
        assert (kept["coherence"].values[:, 2, 3] == 0).all()


def test_products_of_opera_a_pixel_apart_are_no_series(tmp_path):
    """I06, I33: 30 m are less than a hundred thousandth of a northing, and a pixel all the same."""
    paths = written(tmp_path, "opera")
    replace(paths[1], "y", lambda y: y - 30.0)
    assert "shift +1 rows" in refused(load.opera_disp, paths, code="I06")
    replace(paths[1], "y", lambda y: y + 30.0)
    other = paths[1].rename(paths[1].with_name(paths[1].name.replace("F08882", "F08883")))
    assert "F08883" in refused(load.opera_disp, [paths[0], other], code="I33")


@pytest.mark.parametrize(("unit", "factor"), [("", 1e-3), ("meters", 1e-3), ("mm", 1.0), ("cm", 0.1)])
def test_layers_of_opera_as_geotiff_are_read_by_their_unit(tmp_path, unit, factor):
    """I12, M11: one tag is one unit, and no unit is the m of the products."""
    moved = 1000 * producers.motion()
    for k in (1, 2):
        path = tmp_path / f"displacement_{DAYS[k - 1]}_{DAYS[k]}.tif"
        tif(path, ((moved[k] - moved[k - 1]) * factor).astype("f4"), **producers.UTM)
        with rasterio.open(path, "r+") as dataset:
            dataset.units = (unit,)
    paths = sorted(tmp_path.glob("*.tif"))
    np.testing.assert_allclose(load.opera_disp(paths)["displacement"], moved, rtol=1e-5, atol=1e-4)
    with rasterio.open(paths[0], "r+") as dataset:
        dataset.units = ("radians",)
    assert "radians" in refused(load.opera_disp, paths, code="M11")


def test_delays_whose_rows_run_both_ways_are_no_series(tmp_path):
    """I09: all may run from south to north, some may not."""
    paths = written(tmp_path, "gacos")
    delay(paths[1], np.full(producers.SHAPE, 1.6), place=(93.0, 34.994, 0.001, 0.001))
    assert paths[1].name in refused(opened, tmp_path, "gacos", code="I09")


def test_parts_of_a_file_of_mintpy_belong_together(tmp_path):
    """I06, I11, I12: as many dates as maps, a geometry cut out where the stack is, a unit of phase."""
    (path,) = written(tmp_path, "mintpy, radar")
    set_attributes(path, SUBSET_YMIN="100", SUBSET_XMIN="40")
    set_attributes(geometry_of(path), SUBSET_YMIN="90", SUBSET_XMIN="40")
    assert "another image" in refused(opened, tmp_path, "mintpy, radar", code="I06")
    set_attributes(geometry_of(path), SUBSET_YMIN="100")
    assert opened(tmp_path, "mintpy, radar", layers=["land"]).sizes["pair"] == 3
    set_attributes(path, UNIT="degree")
    refused(opened, tmp_path, "mintpy, radar", code="I11")
    set_attributes(path, UNIT="radian")
    replace(path, "bperp", lambda lengths: lengths[:2])
    assert "'bperp': 2" in refused(opened, tmp_path, "mintpy, radar", code="I06")


def test_grids_of_gmt_are_read_by_the_scale_that_packed_them(tmp_path):
    """I11, M11: GMT packs as whole numbers with a scale and a fill value, and NaN becomes that."""
    paths = written(tmp_path, "gmtsar")
    right = producers.truth()[0]
    for path, plane in zip(paths, right, strict=True):
        axes = load.gmtsar([path]).coords
        packed = np.where(np.isnan(plane), -32768, np.round(plane / 0.001)).astype("i2")
        said = {"scale_factor": 0.001, "_FillValue": np.int16(-32768)}
        path.unlink()
        producers.grd(path, packed, kind="i2", **said)
        np.testing.assert_allclose(load.gmtsar([path])["y"], axes["y"])
    np.testing.assert_allclose(opened(tmp_path, "gmtsar")["phase"], right, atol=6e-4)
    with h5py.File(paths[0], "r+") as file:
        file["z"].attrs["scale_factor"] = 1.0
    refused(opened, tmp_path, "gmtsar", code="I11")
    for path, plane in zip(paths, right, strict=True):
        path.unlink()
        producers.grd(path, plane, scale_factor=0.5)
    assert "without a scale" in refused(opened, tmp_path, "gmtsar", code="M11")


def multilooked(folder, looks, step=0.001):
    """Pairs, look vector and series of a plane that LiCSBAS averages, placed by its rule: the first pixel of LiCSAR."""
    rows, columns = np.mgrid[:6, :8] * looks + (looks - 1) / 2
    plane = (5.0 + rows + columns / 7).astype("<f4")  # means of blocks
    producers.licsbas(folder)
    home = folder / f"GEOCml{looks}"
    if looks > 1:
        (folder / "GEOCml1").rename(home)
        (folder / "TS_GEOCml1").rename(folder / f"TS_GEOCml{looks}")
    for path in home.glob("*/*.unw"):
        plane.tofile(path)
    np.full(plane.shape, 0.777, "<f4").tofile(home / "U.geo")
    place = {"corner_lat": 35.0 - step / 2, "corner_lon": 93.0 + step / 2, "post_lat": -step * looks}
    place["post_lon"] = step * looks
    lines = ["width: 8", "nlines: 6", *(f"{key}: {value} decimal degrees" for key, value in place.items())]
    (home / "EQA.dem_par").write_text("\n".join(lines) + "\n")
    with h5py.File(folder / f"TS_GEOCml{looks}" / "cum.h5", "r+") as file:
        for key, value in place.items():
            file[key][...] = value
    return home


@pytest.mark.parametrize("looks", [1, 2, 10])
def test_averaged_pixels_of_licsbas_lie_where_they_are(tmp_path, looks):
    """I05: a plane over latitude and longitude is the same plane after averaging, to its place on the ground."""
    home = multilooked(tmp_path, looks)
    phase = load.licsbas(sorted(home.glob("*/*.unw")))["phase"].isel(pair=0)
    row, column = (35.0 - phase["y"]) / 0.001 - 0.5, (phase["x"] - 93.0) / 0.001 - 0.5
    np.testing.assert_allclose(phase, 5.0 + row + column / 7, atol=1e-4)
    series = load.licsbas_series(home.parent / f"TS_{home.name}" / "cum.h5")
    angle = load.licsar_look([home / "U.geo"])
    for other in (series, angle):
        np.testing.assert_allclose(other["x"], phase["x"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(other["y"], phase["y"], rtol=0, atol=1e-9)


def test_places_of_licsbas_count_where_nothing_says_how_many_pixels_were_averaged(tmp_path):
    home = multilooked(tmp_path, 10, step=0.0003)  # no pixels of LiCSAR
    phase = load.licsbas(sorted(home.glob("*/*.unw")))["phase"]
    assert float(phase["x"][0]) == pytest.approx(93.0 + 0.0003 / 2)


@pytest.mark.parametrize("ending", ["_icu", "_snaphu2stage", ""])
def test_coherence_is_found_whatever_unwrapped_the_pair(tmp_path, ending):
    """I03: ISCE2 calls the phase after the program, the coherence not."""
    for path in written(tmp_path, "stripmap"):
        for beside in (path, path.with_name(path.name + ".xml")):
            beside.rename(beside.with_name(beside.name.replace("_snaphu", ending)))
    paths = sorted(tmp_path.glob("Igrams/*/filt_*.unw"))
    stack = load.isce2(paths, geometry="radar", wavelength=producers.WAVELENGTH)
    assert float(stack["coherence"].min()) == pytest.approx(0.2, abs=1e-6)


def test_every_fault_has_its_place_in_every_reader():
    """Provoked here, or in test_load_one_truth.py, or a line says why not; and no line is idle."""
    text = Path(__file__).with_name("test_load_one_truth.py").read_text(encoding="utf-8")
    done = {(fault, reader) for fault, _, reader in CASES}
    done |= {(other, reader) for fault, reader in done for other in TOGETHER.get(fault, ())}
    for fault, name in ELSEWHERE.items():
        assert f"def {name}(" in text
        done |= {(fault, reader) for reader in READERS if (fault, reader) not in CANNOT}
    wanted = {(f"I{k:02d}", reader) for k in range(1, 30) for reader in ALL}
    assert sorted(wanted - done - set(CANNOT)) == []
    assert sorted(done & set(CANNOT)) == []
    assert sorted(set(CANNOT) - wanted) == []
