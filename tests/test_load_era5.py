"""ERA5 in each of the forms in which the Climate Data Store delivers it: NetCDF, GRIB, archives, several files."""

from __future__ import annotations

import zipfile
from itertools import pairwise

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import from_origin

from qtp_toolkit import load
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.grib import why_cut

# affine 3.1 warns at what rasterio does
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")

TIMES = ("2018-08-31T11:00:00", "2018-09-12T11:00:00")
LEVELS = (500, 1000)
NUMBERS = {"z": (3, 4), "t": (0, 0), "q": (1, 0)}
"""Category and number of the fields in the second edition of GRIB."""


def field(name, time, level):
    """Values whose rows, columns, levels and times can be told apart."""
    rows, columns = np.mgrid[:3, :2]
    base = {"z": 100.0 * (1013 - level), "t": 200.0 + level / 20, "q": level / 1e6}[name]
    return (base + (rows + 10 * columns + 100 * time) * {"z": 1.0, "t": 0.01, "q": 1e-7}[name]).astype("f4")


def messages(times=TIMES, levels=LEVELS, names="ztq"):
    return [(name, time, level) for time in times for level in levels for name in names]


def grib(path, wanted):
    """GRIB of the second edition, written by GDAL."""
    options = {}
    for k, (name, time, level) in enumerate(wanted, 1):
        category, number = NUMBERS[name]
        options |= {
            f"BAND_{k}_DISCIPLINE": 0,
            f"BAND_{k}_IDS": "CENTER=98 SUBCENTER=0 MASTER_TABLE=20 LOCAL_TABLE=0 SIGNF_REF_TIME=0 "
            f"REF_TIME={time}Z PROD_STATUS=0 TYPE=0",
            f"BAND_{k}_PDS_PDTN": 0,
            f"BAND_{k}_PDS_TEMPLATE_ASSEMBLED_VALUES": f"{category} {number} 0 0 0 0 0 1 0 100 0 {level * 100} 255 0 0",
            f"BAND_{k}_DATA_ENCODING": "IEEE_FLOATING_POINT",
            f"BAND_{k}_INPUT_UNIT": "K",
        }
    values = np.stack([field(name, TIMES.index(time), level) for name, time, level in wanted])
    with rasterio.open(
        path,
        "w",
        driver="GRIB",
        count=len(wanted),
        height=3,
        width=2,
        dtype="float32",
        crs="EPSG:4326",
        transform=from_origin(91.5, 36.5, 1, 1),
        **options,
    ) as file:
        file.write(values)
    return path


def netcdf(path, times=TIMES, *, x=(92.0, 93.0)):
    """NetCDF as the present store delivers it: falling levels, a member, versions as text."""
    coords = {
        "valid_time": np.array(times, "datetime64[ns]"),
        "pressure_level": ("pressure_level", [1000.0, 500.0], {"units": "hPa"}),
        "latitude": [36.0, 35.0, 34.0],
        "longitude": list(x),
        "number": 0,
        "expver": ("valid_time", ["0001"] * len(times)),
    }
    dims = ("valid_time", "pressure_level", "latitude", "longitude")
    data = {
        name: (dims, np.array([[field(name, TIMES.index(t), p) for p in (1000, 500)] for t in times])) for name in "ztq"
    }
    xr.Dataset(data, coords).to_netcdf(path, engine="h5netcdf")
    return path


def packed(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.write(member, member.name)
    return path


def assert_same(found, path):
    expected = load.era5(path)
    xr.testing.assert_allclose(found.compute(), expected.compute(), rtol=1e-6)


def test_oracle_grib_is_what_the_same_fields_are_in_netcdf(tmp_path, no_compute):
    with no_compute():
        found = load.era5(grib(tmp_path / "era5.grib", messages()))
    assert found["temperature"].attrs["units"] == "K"
    assert_same(found, netcdf(tmp_path / "era5.nc"))
    np.testing.assert_allclose(found["temperature"].sel(level=500.0, y=36.0, x=92.0), [225.0, 226.0], rtol=1e-6)


def test_property_the_order_of_messages_is_all_one(tmp_path):
    shuffled = [messages()[k] for k in np.random.default_rng(0).permutation(12)]
    xr.testing.assert_equal(
        load.era5(grib(tmp_path / "a.grb", shuffled)), load.era5(grib(tmp_path / "b.grb", messages()))
    )


@pytest.mark.parametrize("left", [-40, -1, 4, 40])
def test_grib_that_ends_within_a_message_is_refused_at_open(tmp_path, left):
    """GDAL opened it, said nothing, and failed when values were read; in whole levels it was half an atmosphere."""
    whole = grib(tmp_path / "whole.grib", messages()).read_bytes()
    starts = [k for k in range(len(whole)) if whole[k : k + 4] == b"GRIB"]
    (tmp_path / "cut.grib").write_bytes(whole[: starts[len(starts) // 2] + left])
    refuse(tmp_path / "cut.grib", f"truncated: {len(starts) // 2 - (left < 0)} whole messages", "M05")
    padded = tmp_path / "padded.grib"
    padded.write_bytes(b"".join(whole[a:b] + bytes(700) for a, b in pairwise([*starts, len(whole)])))
    assert why_cut(padded) is None


def test_netcdf_3_that_is_cut_short_is_told_as_such(tmp_path):
    """Its header stands at its head, so that it was taken for dates that nobody can decode."""
    xr.Dataset({"t": ("x", np.arange(4000.0))}).to_netcdf(tmp_path / "whole.nc", engine="scipy")
    whole = (tmp_path / "whole.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(QtpDataError, match="is truncated") as told:
        load.netcdf(tmp_path / "cut.nc")
    assert told.value.code == "M05"


def test_lazy_chunks_of_grib_are_those_asked_for(tmp_path, no_compute):
    path = grib(tmp_path / "era5.grib", messages())
    with no_compute():
        usual, asked = load.era5(path), load.era5(path, chunks={"time": 2, "level": 1, "y": 2})
    assert usual["temperature"].chunks == ((1, 1), (2,), (3,), (2,))
    assert asked["temperature"].chunks == ((2,), (1, 1), (2, 1), (2,))
    xr.testing.assert_equal(usual, asked)


def test_lazy_chunks_of_netcdf_are_those_asked_for(tmp_path, no_compute):
    """By our names of the dims, whatever the store calls them."""
    path = netcdf(tmp_path / "era5.nc")
    with no_compute():
        asked = load.era5(path, chunks={"time": 1, "level": 1, "y": 2})
    assert asked["temperature"].chunks == ((1, 1), (1, 1), (2, 1), (2,))
    xr.testing.assert_equal(load.era5(path).compute(), asked.compute())


def test_grib_that_is_incomplete_double_or_broken_is_refused(tmp_path):
    refuse(grib(tmp_path / "less.grib", messages()[:-1]), "lacks messages")
    refuse(grib(tmp_path / "wind.grib", messages(names="zt")), "not ERA5")
    refuse(grib(tmp_path / "twice.grib", [*messages(), messages()[0]]), "a field twice")
    (tmp_path / "cut.grib").write_bytes((tmp_path / "less.grib").read_bytes()[:60])
    with pytest.raises(QtpDataError) as told:
        load.era5(tmp_path / "cut.grib")
    assert told.value.code in {"M05", "M27"}


def refuse(path, words, code="M27"):
    with pytest.raises(QtpDataError, match=words) as told:
        load.era5(path)
    assert told.value.code == code


@pytest.mark.parametrize("kind", ["nc", "grib"])
def test_oracle_archives_hold_what_their_members_do(tmp_path, kind):
    """The store packs a request into a zip, whatever its name says; a member for each half of the times, or one."""
    write = {"nc": netcdf, "grib": lambda path, times=TIMES: grib(path, messages(times))}[kind]
    whole = write(tmp_path / f"whole.{kind}")
    halves = [write(tmp_path / f"half{k}.{kind}", times=[time]) for k, time in enumerate(TIMES)]
    for members in ([whole], halves, halves[::-1]):
        assert_same(load.era5(packed(tmp_path / "download.nc", *members)), whole)


def test_old_netcdf_in_an_archive(tmp_path):
    xr.load_dataset(netcdf(tmp_path / "era5.nc")).drop_vars("expver").to_netcdf(
        tmp_path / "old.nc", engine="scipy", format="NETCDF3_64BIT"
    )
    assert_same(load.era5(packed(tmp_path / "old.zip", tmp_path / "old.nc")), tmp_path / "era5.nc")


def test_archives_without_fields_are_refused(tmp_path):
    (tmp_path / "readme.txt").write_text("nothing")
    refuse(packed(tmp_path / "text.zip", tmp_path / "readme.txt"), "without NetCDF and GRIB", "M04")
    (tmp_path / "z.nc").write_bytes(b"PK\x03\x04" + bytes(100))
    refuse(tmp_path / "z.nc", "damaged", "M04")


def test_oracle_files_of_single_times_are_joined(tmp_path, no_compute):
    parts = [netcdf(tmp_path / "b.nc", TIMES[1:]), grib(tmp_path / "a.grb", messages(TIMES[:1]))]
    with no_compute():
        found = load.era5(parts)
    assert_same(found, netcdf(tmp_path / "whole.nc"))


def test_files_that_do_not_fit_together_are_refused(tmp_path):
    first = netcdf(tmp_path / "a.nc")
    refuse([first, netcdf(tmp_path / "b.nc", TIMES[:1])], "the same times")
    refuse([first, netcdf(tmp_path / "c.nc", x=(93.0, 94.0))], "differ in x")
