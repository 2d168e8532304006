"""Windows of pixels of TIFFs, against GDAL: every layout, any window; and files that are damaged or hostile."""

from __future__ import annotations

import contextlib
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import refused, tif

from qtp_toolkit import load
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.directory import read_directory
from qtp_toolkit.load.files.headers import headers
from qtp_toolkit.load.files.pixels import Placed, Rows, read_window

TILES = {"tiled": True, "blockxsize": 64, "blockysize": 64}
DEFLATED = {"compress": "deflate"}
FOREIGN = "BIG" if sys.byteorder == "little" else "LITTLE"
LAYOUTS = {  # creation options, type, and how it is read
    "rows": ({}, "float32", Rows),
    "rows, two a strip": ({"blockysize": 2}, "float32", Rows),
    "rows, BigTIFF": ({"BIGTIFF": "YES"}, "float32", Rows),
    "rows of bytes": ({}, "uint8", Rows),
    "tiles": (TILES, "float32", None),
    "tiles of doubles": (TILES, "float64", None),
    "deflated tiles": (TILES | DEFLATED, "float32", None),
    "deflated tiles, BigTIFF": (TILES | DEFLATED | {"BIGTIFF": "YES"}, "float32", None),
    "deflated tiles, float predictor": (TILES | DEFLATED | {"predictor": 3}, "float32", None),
    "deflated tiles, predictor": (TILES | DEFLATED | {"predictor": 2}, "int32", None),
    "deflated tiles of decimals, predictor": (TILES | DEFLATED | {"predictor": 2}, "float32", None),
    "large deflated tiles of bytes": (
        {"tiled": True, "blockxsize": 128, "blockysize": 128, "predictor": 2} | DEFLATED, "uint8", None,
    ),
    "large deflated strips, float predictor": (DEFLATED | {"blockysize": 50, "predictor": 3}, "float32", None),
    "deflated strips, predictor": (DEFLATED | {"blockysize": 40, "predictor": 2}, "uint16", None),
    "deflated strips of decimals": (DEFLATED | {"blockysize": 20}, "float32", None),
    "deflated strips, float predictor": (DEFLATED | {"blockysize": 20, "predictor": 3}, "float32", None),
    "small deflated strips": (DEFLATED | {"blockysize": 1, "predictor": 3}, "float32", None),
    "small deflated tiles of bytes": (TILES | DEFLATED, "uint8", None),
    "doubles, float predictor": (TILES | DEFLATED | {"predictor": 3}, "float64", None),
    "LZW": (TILES | {"compress": "lzw"}, "float32", None),
    "foreign byte order": ({"ENDIANNESS": FOREIGN}, "float32", None),
    "deflated tiles of foreign byte order": (TILES | DEFLATED | {"ENDIANNESS": FOREIGN}, "float32", None),
    "few bits": (TILES | {"nbits": 12}, "uint16", None),
}  # fmt: skip
HEIGHT, WIDTH = 117, 141


def written(path: Path, values: np.ndarray, **options) -> Path:
    profile = {"driver": "GTiff", "height": values.shape[-2], "width": values.shape[-1], "dtype": values.dtype}
    bands = values if values.ndim == 3 else values[None]
    grid = rasterio.Affine(80, 0, 4e5, 0, -80, 3.8e6)
    with rasterio.open(path, "w", crs="EPSG:32646", transform=grid, count=len(bands), **profile, **options) as dataset:
        dataset.write(bands)
    return path


def window_of(path: Path, window, *, lie: object = "own", band: int = 1) -> np.ndarray:
    (header,) = headers([path])
    file = Placed(
        str(path), 0, 0, header.height, header.width, False, header.dtype, header.layout if lie == "own" else lie, 1.0
    )
    (top, bottom), (left, right) = window
    out = np.full((bottom - top, right - left), 77, header.dtype)
    read_window(file, window, out, band)
    return out


@pytest.fixture(scope="module", params=LAYOUTS)
def case(request, tmp_path_factory):
    options, dtype, kind = LAYOUTS[request.param]
    rng = np.random.default_rng(7)
    values = np.cumsum(rng.normal(0, 3, (HEIGHT, WIDTH)), axis=1) + 90
    return written(tmp_path_factory.mktemp("tif") / "a.tif", values.astype(dtype), **options), kind


def test_layouts_are_told_apart(case):
    path, kind = case
    (header,) = headers([path])
    assert header.layout is None if kind is None else type(header.layout) is kind


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_window_holds_what_gdal_reads(case, data):
    path, _ = case
    spans = [st.lists(st.integers(0, size), min_size=2, max_size=2, unique=True) for size in (HEIGHT, WIDTH)]
    window = tuple(tuple(sorted(data.draw(span))) for span in spans)
    with rasterio.open(path) as dataset:
        expected = dataset.read(1, window=window)
    np.testing.assert_array_equal(window_of(path, window), expected)


def test_bits_of_the_float_predictor_are_kept(tmp_path):
    """Closed form: four numbers whose bits are known, NaN payloads and signed zeros among them."""
    bits = np.array([[0x3F800000, 0x80000000, 0x7FC00001, 0xFF7FFFFF]], "u4")
    path = written(tmp_path / "a.tif", bits.view("float32"), predictor=3, **DEFLATED)
    np.testing.assert_array_equal(window_of(path, ((0, 1), (0, 4))).view("u4"), bits)


def test_rows_out_of_order_are_left_to_gdal(tmp_path):
    """Strips that were written from the bottom up."""
    path, values = tmp_path / "a.tif", np.arange(1, 16001, dtype="float32").reshape(40, 400)
    profile = {"driver": "GTiff", "height": 40, "width": 400, "count": 1, "dtype": "float32", "crs": "EPSG:32646"}
    grid = rasterio.Affine(80, 0, 4e5, 0, -80, 3.8e6)
    with (
        rasterio.open(path, "w", transform=grid, blockysize=4, **profile) as dataset,
        rasterio.Env(GDAL_CACHEMAX=0),
    ):
        for top in range(36, -1, -4):
            dataset.write(values[top : top + 4], 1, window=((top, top + 4), (0, 400)))
    assert headers([path])[0].layout is None
    np.testing.assert_array_equal(window_of(path, ((3, 38), (7, 390))), values[3:38, 7:390])


def test_holes_and_bands_are_left_to_gdal(tmp_path):
    """Tiles that were never written hold the nodata value; of several bands the one asked for is read."""
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "height": 128, "width": 128, "count": 1, "dtype": "float32", "crs": "EPSG:32646"}
    grid = rasterio.Affine(80, 0, 4e5, 0, -80, 3.8e6)
    with rasterio.open(path, "w", transform=grid, nodata=-5, sparse_ok=True, **profile, **TILES) as dataset:
        dataset.write(np.ones((64, 64), "float32"), 1, window=((0, 64), (0, 64)))
    assert headers([path])[0].layout is None
    found = window_of(path, ((0, 128), (0, 128)))
    assert (found[:64, :64] == 1).all()
    assert (found[64:] == -5).all()
    bands = written(tmp_path / "b.tif", np.arange(2 * 70 * 70, dtype="float32").reshape(2, 70, 70), **TILES)
    assert window_of(bands, ((1, 3), (2, 4)), band=2).tolist() == [[4972, 4973], [5042, 5043]]


def test_gdal_opens_only_the_first_of_files_that_are_alike(tmp_path, monkeypatch):
    paths = [tif(tmp_path / f"{k}.tif", np.full((4, 3), k, "float32"), tags={"PLACE": "here"}) for k in range(5)]
    paths.append(tif(tmp_path / "5.tif", np.full((4, 3), 5, "float32"), tags={"PLACE": "there"}))
    paths.append(tif(tmp_path / "6.tif", np.full((4, 3), 6, "float32"), origin=(0, 0), tags={"PLACE": "here"}))
    opened, plain = [], rasterio.open
    monkeypatch.setattr(rasterio, "open", lambda path, *a, **k: opened.append(Path(path).name) or plain(path, *a, **k))
    found = headers(paths)
    assert opened == ["0.tif", "5.tif", "6.tif"]
    assert [header.path for header in found] == paths
    assert [header.tags["PLACE"] for header in found] == ["here"] * 5 + ["there", "here"]
    assert [header.corner[0] for header in found] == [4e5] * 6 + [0]


@pytest.mark.parametrize("options", [{}, TILES | DEFLATED])
def test_one_that_is_cut_short_is_named_among_files_that_are_alike(tmp_path, rng, options):
    """M05, wherever it is cut: not only in its last strip or tile."""
    paths = [written(tmp_path / f"{k}.tif", rng.normal(size=(130, 70)).astype("float32"), **options) for k in range(4)]
    size = paths[2].stat().st_size
    for kept in (size - 1, size // 2, 300, 40, 9, 3):
        paths[2].write_bytes(paths[3].read_bytes()[:kept])
        message = refused(headers, paths, code="M05")
        assert "1 of 4" in message
        assert "2.tif" in message


def test_pixels_that_cannot_be_decoded_name_the_file(tmp_path, rng):
    """M05: bytes that changed after the header was read; a tile that holds less than it should."""
    path = written(tmp_path / "20180101_20180113.tif", rng.normal(size=(70, 70)).astype("float32"), **TILES, **DEFLATED)
    data = load.interferograms([path])
    at = int(read_directory(path).offsets[1])
    content = bytearray(path.read_bytes())
    content[at + 40 : at + 60] = bytes(20)
    path.write_bytes(content)
    message = refused(data["phase"].compute, code="M05")
    assert path.name in message
    assert "rows 0 to 70" in message
    taller = bytearray(path.read_bytes())
    at = taller.index(struct.pack("<HHI", 323, 3, 1))  # a tile that holds less than it should
    taller[at + 8 : at + 12] = struct.pack("<I", 128)
    path.write_bytes(taller)
    assert path.name in refused(window_of, path, ((0, 9), (0, 9)), code="M05")


def _tagged(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(entries))
    return head + b"".join(struct.pack(order + "HHII", *entry) for entry in entries) + bytes(4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"II*\0",
        b"no TIFF at all, but a long line of text",
        b"II*\0" + struct.pack("<IH", 8, 65535),
        _tagged((273, 4, 2**32 - 1, 8), (279, 4, 2**32 - 1, 8)),
        _tagged((273, 4, 1, 8)),
        _tagged((273, 99, 1, 8)),
        _tagged((273, 4, 1, 8), (279, 5, 1, 8)),
        _tagged((273, 4, 1, 8), (279, 3, 2, 8)),
        b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2**60),
        b"II\1\0" + bytes(60),
    ],
)
def test_directories_that_make_no_sense(tmp_path, content):
    """Too many tags, values beyond the end, unknown types, one table without the other: left to GDAL, which refuses."""
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    assert read_directory(path) is None


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_few_changed_bytes_give_an_error_or_numbers(tmp_path_factory, data):
    """Whatever a directory says, it ends in pixels or in our error: never in another one, never in a huge array."""
    path = tmp_path_factory.mktemp("tif") / "a.tif"
    written(path, np.ones((70, 70), "float32"), **data.draw(st.sampled_from([{}, TILES | DEFLATED])))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(2, 400))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(QtpDataError):
        (header,) = headers([path])
        window_of(path, ((0, min(header.height, 100)), (0, min(header.width, 100))))


@pytest.mark.parametrize("start", [2**63 - 1, 2**63, 2**64 - 1, 10**6])
def test_a_directory_that_begins_beyond_the_end_is_none(tmp_path, start):
    """M05: offsets of damaged headers that no file has, and that the system refuses to go to."""
    path = tmp_path / "a.tif"
    path.write_bytes(b"II+\x00\x08\x00\x00\x00" + start.to_bytes(8, "little") + bytes(64))
    assert read_directory(path) is None
