"""Appending to a store: what is read afterwards is what a whole ingest gives, and nothing that was there is touched."""

from __future__ import annotations

import errno
import os
import pickle
import re
import shutil
import signal
import tempfile
from pathlib import Path

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import refused
from small_stacks import (
    PAIRS,
    chunks_of,
    die_after,
    digest,
    lazy,
    open_pairs,
    processes,
    slow_append,
    write_pairs,
)
from typer.testing import CliRunner

from qtp_toolkit import cli, open_catalog, prospects, store
from qtp_toolkit._atomic import put_file
from qtp_toolkit.conventions import CYCLES, MissingSourceError
from qtp_toolkit.reproduce import _inputs
from qtp_toolkit.store import append, ingest, join, open_store, write_blocks
from qtp_toolkit.store.chunks import BlockArray
from qtp_toolkit.store.fingerprint import identify
from qtp_toolkit.store.joined import JoinedArray
from qtp_toolkit.store.lock import locked

SPLITS = {
    "later": [[0, 1, 2, 3], [4, 5]],
    "earlier": [[2, 3, 4, 5], [0, 1]],
    "between": [[0, 2, 5], [1, 3, 4]],
    "several": [[1, 4], [0, 2], [3], [5]],
}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


def stages(stack, split):
    """What the stack was at each stage: the pairs so far, in its own order."""
    so_far = []
    for some in split:
        so_far = sorted([*so_far, *some])
        yield stack.isel(pair=so_far)


def grow(stack, folder, split, **options):
    """Ingest the first pairs, then append the others, stage by stage."""
    first, *others = stages(stack, split)
    ingest(first, folder, **options)
    for more in others:
        append(more, folder)
    return folder


def same(folder, whole, **options):
    """Everything that is read is identical: values to the bit, coordinates, attributes, order."""
    for quicklook in (False, True):
        ours, theirs = (open_store(path, quicklook=quicklook, **options) for path in (folder, whole))
        xr.testing.assert_identical(ours.load(), theirs.load())
        for key in theirs:
            assert ours[key].values.tobytes() == theirs[key].values.tobytes()
            assert ours[key].dtype == theirs[key].dtype
            assert ours[key].encoding == theirs[key].encoding
    return True


# What is read is what a whole ingest gives


@pytest.fixture(scope="module")
def at_once(tmp_path_factory):
    """One stack, and the stores that are written of it at once, by storage."""
    stack = lazy(40, 45).chunk(pair=1).assign_attrs(wavelength=0.0555, pairs_turned_round=2)
    stack = stack.assign_coords(perpendicular_baseline=("pair", np.arange(6.0), {"units": "m"}))
    folder = tmp_path_factory.mktemp("at_once")
    return stack, {kind: ingest(stack, folder / kind, storage=kind, block=16) for kind in ("float32", "compact")}


@pytest.mark.parametrize(
    ("split", "storage"),
    [("later", "float32"), ("earlier", "compact"), ("between", "compact"), ("several", "float32")],
)
def test_an_appended_store_reads_like_one_written_at_once(at_once, tmp_path, no_compute, storage, split):
    stack, whole = at_once
    grow(stack, tmp_path / "grown", SPLITS[split], storage=storage, block=16)
    with no_compute():
        back = open_store(tmp_path / "grown")
    assert back["phase"].chunks == open_store(whole[storage])["phase"].chunks == ((6,), (16, 16, 8), (16, 16, 13))
    assert same(tmp_path / "grown", whole[storage])
    assert open_store(tmp_path / "grown").rio.crs == stack.rio.crs
    assert open_store(tmp_path / "grown", verify=True)
    told = store.describe(tmp_path / "grown")
    assert told["pairs"].tolist() == [len(some) for some in SPLITS[split]]
    assert set(told["storage"]) == {storage}
    assert set(told["block"]) == {16}


@pytest.mark.filterwarnings("ignore:.*nothing tells whether sign")  # the one pixel of the smallest has no data
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_property_any_split_of_any_pairs_gives_the_same(data):
    stage = data.draw(st.lists(st.integers(0, 3), min_size=6, max_size=6))
    split = [some for k in range(4) if (some := [pair for pair in range(6) if stage[pair] == k])]
    storage = data.draw(st.sampled_from(["float32", "compact"]))
    height, width = data.draw(st.integers(1, 20)), data.draw(st.integers(1, 20))
    stack = lazy(height, width).compute()
    with tempfile.TemporaryDirectory() as folder:
        ingest(stack, Path(folder, "whole"), storage=storage, block=8)
        grow(stack, Path(folder, "grown"), split, storage=storage, block=8)
        assert same(Path(folder, "grown"), Path(folder, "whole"))


def test_on_any_scheduler_and_eager_the_files_are_the_same(tmp_path):
    """Threads, one after the other, a cluster, and arrays in memory; readers travel to workers."""
    stack = lazy(40, 45)[["phase"]].compute()
    ways = {"eager": {}, "synchronous": {"scheduler": "synchronous"}}
    found = {}
    for way, config in ways.items():
        with dask.config.set(**config):
            grow(stack.chunk(pair=1) if config else stack, tmp_path / way, SPLITS["between"], block=16)
            found[way] = open_store(tmp_path / way).compute()
    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as made, Client(made):
        grow(stack.chunk(pair=1), tmp_path / "cluster", SPLITS["between"], block=16)
        found["cluster"] = open_store(tmp_path / "cluster").compute()
    for way, back in found.items():
        xr.testing.assert_identical(back, found["eager"])
        for file in ("data.zarr", "quicklook.zarr", "whole.zarr"):
            one, other = (sorted(tmp_path.glob(f"{name}/runs/*/*/{file}/*/*")) for name in (way, "eager"))
            assert sorted(map(Path.read_bytes, filter(Path.is_file, one))) == sorted(
                map(Path.read_bytes, filter(Path.is_file, other))
            )


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Three parts of one array of numbers, out of order; and the numbers."""
    folder = tmp_path_factory.mktemp("parts")
    numbers = np.arange(7 * 13 * 10, dtype="int16").reshape(7, 13, 10)
    at = ((5, 0, 3), (1, 2), (4, 6))
    arrays = []
    for k, planes in enumerate(at):
        array = BlockArray(str(folder / str(k)), (len(planes), 13, 10), (2, 4, 4), "int16", -1)
        array.write(numbers[list(planes)], (0, 0, 0))
        arrays.append(array)
    return JoinedArray(tuple(arrays), at), numbers


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_property_any_region_of_joined_parts_is_what_numpy_gives(parts, data):
    array, numbers = parts
    assert (array.shape, array.dtype, array.ndim) == (numbers.shape, numbers.dtype, 3)
    step = st.sampled_from([None, 1, 2, 3, -1, -2])
    cut = [
        data.draw(st.one_of(st.integers(-size, size - 1), st.slices(size), step.map(lambda k: slice(None, None, k))))
        for size in numbers.shape
    ]
    found = pickle.loads(pickle.dumps(array))[tuple(cut)]
    np.testing.assert_array_equal(found, numbers[tuple(cut)])
    assert found.dtype == numbers.dtype


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_property_blocks_of_all_planes_are_those_of_the_whole(data):
    """What the inversion reads: the largest part is decoded in place, planes of others come between."""
    owner = np.array(data.draw(st.lists(st.integers(0, 2), min_size=3, max_size=12)))
    scale = data.draw(st.sampled_from([None, 0.001]))
    kind = "float32" if scale is None else "int16"
    numbers = np.arange(owner.size * 8 * 12).reshape(owner.size, 8, 12).astype(kind)
    with tempfile.TemporaryDirectory() as folder:
        at = [np.flatnonzero(owner == k) for k in np.unique(owner)]
        arrays = []
        for k, planes in enumerate(at):
            shape = planes.size, 8, 12
            array = BlockArray(
                f"{folder}/{k}", shape, (planes.size, 4, 4), kind, np.nan if scale is None else -1, scale
            )
            array.write(numbers[planes], (0, 0, 0))
            arrays.append(array)
        joined = JoinedArray(tuple(arrays), tuple(tuple(planes.tolist()) for planes in at))
        expected = numbers if scale is None else np.multiply(numbers, np.float32(scale), dtype="float32")
        for rows, columns in ((slice(0, 4), slice(4, 8)), (slice(4, 8), slice(0, 4)), (slice(2, 8), slice(0, 12))):
            np.testing.assert_array_equal(joined[:, rows, columns], expected[:, rows, columns])


def test_the_largest_part_is_not_copied(tmp_path, monkeypatch):
    numbers = np.arange(5 * 4 * 4, dtype="float32").reshape(5, 4, 4)
    at, arrays, seen, chunk = ((0, 2, 3, 4), (1,)), [], [], BlockArray._chunk
    for k, planes in enumerate(at):
        arrays.append(BlockArray(str(tmp_path / str(k)), (len(planes), 4, 4), (len(planes), 4, 4), "float32", np.nan))
        arrays[k].write(numbers[list(planes)], (0, 0, 0))
    monkeypatch.setattr(BlockArray, "_chunk", lambda self, place, *to: seen.append(to) or chunk(self, place, *to))
    found = JoinedArray(tuple(arrays), at)[:, 0:4, 0:4]
    np.testing.assert_array_equal(found, numbers)
    assert np.shares_memory(seen[0][0], found)


def test_a_map_of_one_pair_opens_the_files_of_its_part_only(tmp_path, monkeypatch):
    """The quicklook serves maps: parts without the pair are left alone."""
    monkeypatch.setattr("qtp_toolkit.store.stack._LOOK_BYTES", 0)  # one map a file
    grow(lazy(40, 45).chunk(pair=1), tmp_path, SPLITS["several"], block=16)
    seen, chunk = [], BlockArray._chunk
    monkeypatch.setattr(BlockArray, "_chunk", lambda self, *to: (seen.append(self.path), chunk(self, *to))[1])
    look = open_store(tmp_path, quicklook=True)["phase"].isel(pair=2)
    with dask.config.set(scheduler="synchronous"):
        look.compute()
    assert len(seen) == 1


def test_what_was_computed_of_the_earlier_version_is_known_to_be_of_it(tmp_path):
    """R08: maps from the store have another fingerprint once pairs were appended; their files are those of all."""
    stack = lazy(40, 45).chunk(pair=1)
    grow(stack, tmp_path / "grown", [[0, 1, 2, 3, 4]], block=16)

    def maps(folder):
        return open_store(folder, name="interferograms")["phase"].mean("pair")

    def written(folder):
        write_blocks(maps(folder), folder, name="mean", block=32)
        return next(folder.glob("runs/mean/*")).name

    before = written(tmp_path / "grown")
    assert written(tmp_path / "grown") == before
    append(stack, tmp_path / "grown")
    assert written(tmp_path / "grown") != before
    assert len(identify(maps(tmp_path / "grown").to_dataset(), {}, code=False)["files"]) == 2
    ingest(stack, tmp_path / "whole", block=16)
    xr.testing.assert_identical(
        open_store(tmp_path / "grown", name="mean")["phase"].load(), maps(tmp_path / "whole").load()
    )


def test_a_whole_ingest_makes_one_part_again_and_leaves_nothing_of_the_others(tmp_path):
    stack = lazy(40, 45).chunk(pair=1)
    grow(stack, tmp_path / "grown", SPLITS["later"], block=16)
    assert len(list(tmp_path.glob("grown/runs/*/*"))) == 2
    for folder in ("grown", "whole"):
        ingest(stack, tmp_path / folder, block=16)
    assert digest(tmp_path / "grown").keys() == digest(tmp_path / "whole").keys()
    assert same(tmp_path / "grown", tmp_path / "whole")


# Files: only those of new pairs are read, and the others must be what they were


@pytest.fixture
def grown(tmp_path):
    """A store of the first pairs, and true files of all."""
    write_pairs(tmp_path / "files", PAIRS[:4])
    ingest(open_pairs(tmp_path / "files"), tmp_path / "store", block=16)
    write_pairs(tmp_path / "files", PAIRS[4:])
    return tmp_path


def test_only_files_of_new_pairs_are_read_but_for_one_block(grown, monkeypatch):
    from qtp_toolkit.load.files import tiff  # noqa: PLC0415

    seen, real = [], tiff.read_window

    def reading(file, window, *arguments):
        seen.append((Path(file.path).stem, window[0]))
        return real(file, window, *arguments)

    monkeypatch.setattr(tiff, "read_window", reading)
    append(open_pairs(grown / "files"), grown / "store")
    new = {"_".join(pair) for pair in PAIRS[4:]}
    assert {name for name, _ in seen} == new | {"20180113_20180125"}
    others = [rows for name, rows in seen if name not in new]
    assert others == [(16, 32)] * 2  # phase and coherence of one pair, one block of rows
    ingest(open_pairs(grown / "files"), grown / "whole", block=16)
    assert same(grown / "store", grown / "whole")


def test_chunks_that_hold_earlier_pairs_too_are_warned_of(grown):
    stack = open_pairs(grown / "files", chunks={})
    assert store.by_pair(stack, 2) == {"pair": 1, "y": 40, "x": -1}
    with pytest.warns(UserWarning, match="4 earlier pairs are read along with 2 new ones"):
        append(stack, grown / "store")
    ingest(stack, grown / "whole", block=16)
    assert same(grown / "store", grown / "whole")


@pytest.mark.parametrize("change", ["time", "size"])
def test_a_changed_file_of_an_earlier_pair_is_refused_by_name(grown, change):
    """R08: nothing is read of it, so nothing is known of it."""
    path = grown / "files" / "phase" / "20180101_20180125.tif"
    if change == "time":
        os.utime(path, ns=(1, 1))
    else:
        path.write_bytes(path.read_bytes() + b" ")
    before = digest(grown / "store")
    message = refused(append, open_pairs(grown / "files"), grown / "store", code="R08")
    assert str(path) in message
    assert "write the store anew" in message
    refused(append, open_pairs(grown / "files"), grown / "store", archived=True, code="R08")
    assert digest(grown / "store") == before


def test_files_that_are_gone_are_refused_unless_they_were_put_away(grown):
    """R08, R16: with the choice; from then on the store knows, and what comes back must be what it was."""
    ingest(open_pairs(grown / "files"), grown / "whole", block=16)
    (grown / "away").mkdir()
    gone = sorted((grown / "files").glob("*/20180101_*.tif"))
    for path in gone:
        (grown / "away" / path.parent.name).mkdir(exist_ok=True)
        shutil.move(path, grown / "away" / path.parent.name)
    stack = open_pairs(grown / "files")
    message = refused(append, stack, grown / "store", code="R16")
    assert "the stack lacks 3 of 4 pairs of the store" in message
    assert "2018-01-01/2018-01-13" in message
    assert "--archived" in message
    append(stack, grown / "store", archived=True)
    assert same(grown / "store", grown / "whole")
    assert store.describe(grown / "store")["archived"].tolist() == [0, 6]
    write_pairs(grown / "files", [("20180125", "20180302")])
    append(open_pairs(grown / "files"), grown / "store", archived=True)
    assert open_store(grown / "store").sizes["pair"] == 7
    back = grown / "files" / "phase" / gone[-1].name
    shutil.copy2(grown / "away" / "phase" / gone[-1].name, back)
    shutil.copy2(grown / "away" / "coherence" / gone[-1].name, grown / "files" / "coherence")
    append(open_pairs(grown / "files"), grown / "store", archived=True)
    os.utime(back, ns=(1, 1))
    assert back.name in refused(append, open_pairs(grown / "files"), grown / "store", archived=True, code="R08")


def test_files_of_pairs_that_were_opened_before_they_went_are_refused(grown):
    """R08: the stack still has the pair, its file is no longer there."""
    stack = open_pairs(grown / "files")
    path = grown / "files" / "coherence" / "20180101_20180113.tif"
    path.unlink()
    message = refused(append, stack, grown / "store", code="R08")
    assert "1 of 8 files of earlier pairs are gone" in message
    assert str(path) in message


def test_another_reading_of_the_same_files_is_noticed(grown):
    """R08: a catalog that changed its sign; the files did not."""
    stack = open_pairs(grown / "files")
    turned = stack.assign(phase=(-stack["phase"]).assign_attrs(stack["phase"].attrs))
    message = refused(append, turned, grown / "store", code="R08")
    assert "an earlier pair reads otherwise than it was stored" in message
    assert "2018-01-13/2018-01-25" in message
    scaled = stack.assign(coherence=(stack["coherence"] / 2).assign_attrs(stack["coherence"].attrs))
    assert "coherence" in refused(append, scaled, grown / "store", code="R08")


@pytest.mark.parametrize("empty", ["block", "pair"])
@pytest.mark.parametrize("storage", ["float32", "compact"])
def test_another_sign_is_noticed_where_the_middle_is_empty(tmp_path, empty, storage):
    """R08: nothing compared is nothing alike: a block with values is looked for, of an older pair if need be."""
    stack = lazy(48, 48).chunk(pair=1)
    inside = (abs(stack["y"] - stack["y"].mean()) < 720) & (abs(stack["x"] - stack["x"].mean()) < 720)
    gone = inside if empty == "block" else stack["secondary"] == stack["secondary"][3]
    stack = stack.map(lambda da: da.where(~gone).transpose(*da.dims).assign_attrs(da.attrs), keep_attrs=True)
    ingest(stack.isel(pair=slice(4)), tmp_path / "store", block=16, storage=storage)
    before = digest(tmp_path / "store")
    turned = stack.assign(phase=(-stack["phase"]).assign_attrs(stack["phase"].attrs))
    assert "phase" in refused(append, turned, tmp_path / "store", code="R08")
    scaled = stack.assign(coherence=(stack["coherence"] / 2).assign_attrs(stack["coherence"].attrs))
    assert "coherence" in refused(append, scaled, tmp_path / "store", code="R08")
    assert digest(tmp_path / "store") == before
    append(stack, tmp_path / "store")
    ingest(stack, tmp_path / "whole", block=16, storage=storage)
    assert same(tmp_path / "store", tmp_path / "whole")


def test_what_cannot_be_compared_is_said(tmp_path):
    """Earlier pairs without any coherence: those of later pairs may be read in any way."""
    stack = lazy(40, 45).chunk(pair=1)
    early = stack["secondary"] <= stack["secondary"][0]
    coherence = stack["coherence"].where(~early).transpose("pair", "y", "x").assign_attrs(stack["coherence"].attrs)
    stack = stack.assign(coherence=coherence)
    ingest(stack.isel(pair=early.values), tmp_path / "store", block=16)
    with pytest.warns(UserWarning, match="no value of coherence in a pair that store and stack have"):
        append(stack, tmp_path / "store")


def test_without_new_pairs_nothing_is_written(grown):
    append(open_pairs(grown / "files"), grown / "store")
    before = digest(grown / "store")
    append(open_pairs(grown / "files"), grown / "store")
    assert digest(grown / "store") == before
    assert store.new_pairs(open_pairs(grown / "files"), grown / "store") == []


def test_who_opened_the_parts_before_they_were_joined_is_told_to_open_again(grown):
    """R12: what was read of is gone; nothing is to be restored, or deleted."""
    append(open_pairs(grown / "files"), grown / "store")
    earlier = open_store(grown / "store")
    join(grown / "store")
    message = refused(earlier["phase"].compute, code="R12")
    assert "open it again" in message
    assert "delete" not in message
    chunks_of(grown / "store")[0].unlink()
    assert "Restore it from a copy" in refused(open_store, grown / "store", code="R12")


def test_joined_the_parts_are_one_and_more_can_be_appended(grown):
    """Sources that were put away meanwhile are not needed."""
    stack = open_pairs(grown / "files")
    ingest(stack, grown / "whole", block=16)
    append(stack, grown / "store")
    for path in (grown / "files").glob("*/20180101_*.tif"):
        path.unlink()
    assert join(grown / "store") == join(grown / "store")
    assert len(list(grown.glob("store/runs/*/*"))) == 1
    assert same(grown / "store", grown / "whole")
    assert store.describe(grown / "store")["pairs"].tolist() == [6]
    write_pairs(grown / "files", [("20180125", "20180302")])
    refused(append, open_pairs(grown / "files"), grown / "store", code="R16")
    append(open_pairs(grown / "files"), grown / "store", archived=True)
    assert store.describe(grown / "store")["archived"].tolist() == [0, 6]
    assert open_store(grown / "store", verify=True).sizes["pair"] == 7


# What does not belong together


def _moved(stack, by):
    return stack.assign_coords(x=stack["x"] + by)


OTHERS = {
    "size": (lambda ds: ds.isel(y=slice(0, 32)), "I06", "expected: 40 x 45; found: 32 x 45"),
    "shift": (lambda ds: _moved(ds, 45.0), "I05", "0.5"),
    "place": (lambda ds: _moved(ds, 900.0), "I06", "the store has another grid"),
    "upward": (lambda ds: ds.assign_coords(y=ds["y"].values[::-1]), "I05", "direction of y"),
    "CRS": (lambda ds: ds.rio.write_crs(32645), "I07", "the store has another grid"),
    "no CRS": (lambda ds: ds.drop_vars("spatial_ref"), "R16", "another grid; expected: spatial_ref; found: none"),
    "wavelength": (lambda ds: ds.assign_attrs(wavelength=0.2362), "R16", "expected: 0.0555 m; found: 0.2362 m"),
    "variables": (lambda ds: ds[["phase"]], "R16", "expected: coherence, phase; found: phase"),
    "coordinates": (lambda ds: ds.assign_coords(frame=("pair", np.arange(6))), "R16", "frame"),
    "twice": (lambda ds: ds.isel(pair=[0, 1, 2, 3, 4, 4]), "I19", "2018-01-13/2018-02-06"),
    "no dates": (lambda ds: ds.drop_vars("reference"), None, "pairs lack coords ['reference']"),
    "fewer": (lambda ds: ds.isel(pair=[0, 1, 2, 5]), "R16", "the stack lacks 1 of 4 pairs of the store"),
    "late coherence": (
        lambda ds: ds.assign_attrs(pairs_without_coherence=0),
        "R08",
        "earlier pairs have a coherence now that they had not",
    ),
    "level": (
        lambda ds: ds.assign(phase=ds["phase"].assign_attrs({CYCLES: {}})),
        "R16",
        "components of the stack were brought to one level, and those of the other were not",
    ),
}


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A stack, a store of its first pairs to which nothing is appended, and the files of that."""
    folder = tmp_path_factory.mktemp("closed")
    stack = lazy(40, 45).compute().assign_attrs(wavelength=0.0555, pairs_without_coherence=1)
    ingest(stack.isel(pair=[0, 1, 2, 3]), folder, block=16)
    return stack, folder, digest(folder)


@pytest.mark.parametrize("other", OTHERS)
def test_another_stack_is_refused_with_what_differs(closed, other):
    """R16: before anything is written."""
    stack, folder, before = closed
    change, code, told = OTHERS[other]
    message = refused(append, change(stack), folder, code=code)
    assert told in message
    assert digest(folder) == before


@pytest.mark.parametrize("options", [{"storage": "compact"}, {"block": 32}])
def test_storage_and_block_are_those_of_the_store(closed, options):
    """R16: other ones are refused; the same may be said."""
    stack, folder, before = closed
    message = refused(append, stack, folder, **options, code="R16")
    ((what, asked),) = options.items()
    assert f"the store has another {what}" in message
    assert f"found: {what}={asked!r}" in message
    append(stack.isel(pair=slice(0, 4)), folder, storage="float32", block=16)
    assert digest(folder) == before


def test_there_must_be_a_finished_store_of_interferograms(tmp_path, monkeypatch):
    """R01: what was not stored, what was interrupted, and what is none."""
    stack = lazy(40, 45).compute()
    with pytest.raises(MissingSourceError, match=r"no such store.*qtp ingest"):
        append(stack, tmp_path / "absent")
    write_blocks(stack.map(abs), tmp_path / "maps", name="interferograms", block=16)
    assert "no store of interferograms" in refused(append, stack, tmp_path / "maps")

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("qtp_toolkit.store.stack._turn", stop)
        with pytest.raises(KeyboardInterrupt):
            ingest(stack, tmp_path / "begun", block=16)
    with pytest.raises(MissingSourceError, match="interrupted"):
        append(stack, tmp_path / "begun")


def test_components_on_the_level_that_they_were_stored_on_can_be_appended(tmp_path):
    """R16: cycles that new triangles add to an earlier pair would not be in the store."""
    stack = lazy(40, 45).compute()

    def levelled(cycles):
        return stack.assign(phase=stack["phase"].assign_attrs({CYCLES: cycles, "components": str(cycles)}))

    one = {"2018-01-01/2018-01-25": {"2": -1}}
    ingest(levelled(one).isel(pair=[0, 1, 2, 3]), tmp_path, block=16)
    more = one | {"2018-01-01/2018-01-13": {"3": 1}}
    message = refused(append, levelled(more), tmp_path, code="R16")
    assert "brought to another level; where: 2018-01-01/2018-01-13." in message
    append(levelled(one | {"2018-01-25/2018-02-06": {"3": 1}}), tmp_path)
    assert open_store(tmp_path)["phase"].attrs[CYCLES].keys() == {"2018-01-01/2018-01-25", "2018-01-25/2018-02-06"}


# The promises of the store


@pytest.fixture
def four(tmp_path):
    """A store of four pairs, as it was before two more are appended."""
    ingest(lazy(24, 20, rows=8).isel(pair=[0, 2, 3, 5]), tmp_path / "four", block=8)
    shutil.copytree(tmp_path / "four", tmp_path / "before")
    return tmp_path


def as_before(four, folder):
    """The earlier version opens as it was, and each of its files is what it was."""
    before = digest(four / "before")
    assert digest(folder).items() >= before.items()
    xr.testing.assert_identical(open_store(folder, verify=True).load(), open_store(four / "before").load())
    return True


def test_killed_at_any_moment_the_earlier_version_stays_and_the_outcome_is_bit_identical(four):
    """R01, R14: true kills, from the first file to the pointer."""
    shutil.copytree(four / "four", four / "whole")
    steps = die_after(slow_append, four / "whole")
    context, folder = processes(), four / "four"
    for at in (steps // 3, steps // 2):
        process = context.Process(target=die_after, args=(slow_append, folder, int(at)))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert as_before(four, folder)
    slow_append(folder)
    assert digest(folder) == digest(four / "whole")


def test_whatever_step_fails_the_earlier_version_stays_and_the_same_call_resumes(four, monkeypatch):
    """R02: a disk that is full at any step, one after the other, up to the pointer."""
    shutil.copytree(four / "four", four / "whole")
    slow_append(four / "whole")
    folder, count, real = four / "four", {"left": 0, "all": 0}, Path.replace

    def step(self, target):
        count["left"] -= 1
        if count["left"] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", step)
    with dask.config.set(scheduler="synchronous"):
        for at in (1, 10, 40, 20):
            count["left"] = at
            message = refused(slow_append, folder, code="R02")
            assert "Make room" in message
            assert as_before(four, folder)
        count["left"] = 0
        slow_append(folder)
    assert digest(folder) == digest(four / "whole")


def test_up_to_the_pointer_the_earlier_version_is_read_and_afterwards_by_who_opened_it(four, monkeypatch):
    """One step: before it the old version, after it the new one, of which its files are a part. R15: without links."""
    folder, seen = four / "four", []
    monkeypatch.delattr("os.link")
    monkeypatch.delattr("os.symlink")
    opened = open_store(folder)

    def naming(path, *content, **options):
        if path.name == "interferograms.json":
            seen.append(as_before(four, folder))
        put_file(path, *content, **options)

    monkeypatch.setattr("qtp_toolkit.store.run.put_file", naming)
    slow_append(folder)
    assert seen == [True]
    assert open_store(folder).sizes["pair"] == 6
    xr.testing.assert_identical(opened.load(), open_store(four / "before").load())
    runs = {key: value for key, value in digest(four / "before").items() if key.startswith("runs")}
    assert digest(folder).items() >= runs.items()


def test_of_two_writers_one_is_refused(four):
    """R03"""
    with locked(four / "four" / "interferograms.lock"):
        refused(slow_append, four / "four", code="R03")
    assert as_before(four, four / "four")


def test_a_store_that_is_written_anew_meanwhile_is_not_appended_to(four, monkeypatch):
    """R08: between the look at it and the lock."""
    from qtp_toolkit.store import appending  # noqa: PLC0415

    real = appending.foresee

    def meanwhile(*arguments, **options):
        ingest(lazy(24, 20, rows=8).isel(pair=[0, 2]), four / "four", block=8)
        return real(*arguments, **options)

    monkeypatch.setattr(appending, "foresee", meanwhile)
    assert "written anew meanwhile" in refused(slow_append, four / "four", code="R08")
    assert open_store(four / "four", verify=True).sizes["pair"] == 2


def test_a_disk_that_is_too_small_is_refused_by_the_room_of_the_new_pairs(four, monkeypatch):
    """R02: one byte less than their numbers take."""
    needed, usage = int(2 * 2 * 24 * 20 * (4 + 2 * 4 / 64)), shutil.disk_usage(four)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed - 1))
    refused(slow_append, four / "four", code="R02")
    assert as_before(four, four / "four")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=needed))
    slow_append(four / "four")


def test_an_unfinished_run_of_other_pairs_is_not_mixed_in(four, monkeypatch):
    """R08: until told to discard it."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    stack, folder = lazy(24, 20, rows=8).chunk(pair=1), four / "four"
    with monkeypatch.context() as patch:
        patch.setattr("qtp_toolkit.store.stack._turn", stop)
        with pytest.raises(KeyboardInterrupt):
            append(stack.isel(pair=[0, 1, 2, 3, 5]), folder)
    assert "an unfinished run of 'interferograms'" in refused(append, stack, folder, code="R08")
    assert "appended_to" in refused(ingest, stack, folder, block=8, code="R08")
    append(stack, folder, restart=True)
    assert store.describe(folder)["pairs"].tolist() == [4, 2]
    ingest(stack, four / "whole", block=8)
    assert same(folder, four / "whole")


@pytest.mark.parametrize("part", [0, 1])
def test_damage_of_any_part_is_told(four, part):
    """R12: a lost file when it is opened, a flipped bit when it is read, by its name."""
    folder = four / "four"
    slow_append(folder)
    run = store.describe(folder)["run"][part]
    path = next(path for path in chunks_of(folder) if run in path.parts)
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    assert str(path) in refused(open_store, folder, verify=True, code="R12")
    path.unlink()
    assert "1 of 9 files are missing" in refused(open_store, folder, code="R12")
    refused(append, lazy(24, 20).compute(), folder, code="R12")


def test_lost_coordinates_of_all_pairs_are_told(four):
    """R12: those of each part are still there, but not in this order."""
    slow_append(four / "four")
    path = next(path for path in four.glob("four/runs/*/*/whole.zarr/secondary/c/*") if path.is_file())
    content = path.read_bytes()
    path.write_bytes(content[:8] + bytes([content[8] ^ 1]) + content[9:])
    assert str(four) in refused(open_store, four / "four", code="R12")
    path.unlink()
    assert "whole.zarr/secondary" in refused(open_store, four / "four", code="R12")


def test_joining_can_be_stopped_and_goes_on(four, monkeypatch):
    """The parts are read until the joined store takes their name."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    folder = four / "four"
    slow_append(folder)
    parts = open_store(folder).load()
    with monkeypatch.context() as patch:
        patch.setattr("qtp_toolkit.store.run.Run.publish", stop)
        with pytest.raises(KeyboardInterrupt):
            join(folder)
    xr.testing.assert_identical(open_store(folder, verify=True).load(), parts)
    join(folder)
    assert len(list(folder.glob("runs/*/*"))) == 1
    xr.testing.assert_identical(open_store(folder, verify=True).load(), parts)
    stack = xr.Dataset({"phase": xr.DataArray(da.zeros((2, 8, 8)), dims=("pair", "y", "x"), attrs={"units": "rad"})})
    ingest(stack, four / "plain")
    assert join(four / "plain") == four / "plain"


# On the command line


CATALOG = (
    "catalog_version: 1\ntitle: t\nroots: [files]\nsources:\n  interferograms: {description: d, kind: ifg_stack, "
    "driver: geotiff_stack, uri: {phase: phase/*.tif, coherence: coherence/*.tif}, provenance: observed}\n"
)


@pytest.fixture
def catalog(tmp_path):
    write_pairs(tmp_path / "files", PAIRS[:4])
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG)
    return path


def test_the_lines_of_the_scaling_page_append(grown, monkeypatch):
    """docs/scaling.md, as it is written there."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "scaling.md").read_text(encoding="utf-8")
    lines = re.search(r"opened pair by pair.*?```python\n(.*?)```", page, re.DOTALL)[1]
    (grown / "catalog.yaml").write_text(CATALOG)
    (grown / "store").rename(grown / "area")
    monkeypatch.chdir(grown)
    exec(lines, {"catalog": open_catalog(grown / "catalog.yaml"), "store": store})
    assert store.describe("area")["pairs"].tolist() == [4, 2]


def test_the_command_appends_and_check_tells_what_there_is(tmp_path, catalog, monkeypatch):
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "out"))
    words = ["ingest", "--catalog", str(catalog)]

    def told(*more):
        said = CliRunner().invoke(cli.app, [*words, *more])
        assert said.exit_code == 0, said.output
        return said.stdout

    assert prospects.look_at_stores(open_catalog(catalog)) == []
    told("--storage", "compact", "--block", "16")
    before = _inputs(open_catalog(catalog))
    write_pairs(tmp_path / "files", PAIRS[4:])
    assert _inputs(open_catalog(catalog)) != before  # products of the earlier pairs are stale for qtp reproduce
    (one, beyond) = prospects.look_at_stores(open_catalog(catalog))
    assert one.startswith("store interferograms: 4 pairs, 2018-01-01 to 2018-02-06, ")
    assert beyond == "2 of 6 pairs of interferograms are not in the store: qtp ingest --append adds them"
    said = told("--append")
    assert "2 of 6 pairs are new to the store" in said
    assert "slab = 4 * n_pair * rows * width = 4 * 2 * 40 * 30" in said
    assert "store interferograms: 6 pairs in 2 parts (4 + 2), 2018-01-01 to 2018-02-06" in said
    assert "warning" not in said
    assert "0 of 6 pairs are new to the store" in told("--append")
    checked = CliRunner().invoke(cli.app, ["check", "--quick", "--catalog", str(catalog)])
    assert "store interferograms: 6 pairs in 2 parts (4 + 2)" in checked.stdout
    monkeypatch.setattr("qtp_toolkit.prospects._stores._MANY", 1)
    assert "qtp ingest --join makes one part of them" in prospects.look_at_stores(open_catalog(catalog))
    told("--join")
    assert "6 pairs, 2018" in prospects.look_at_stores(open_catalog(catalog))[0]
    for path in (tmp_path / "files").glob("*/20180101_*.tif"):
        path.unlink()
    refused_so = CliRunner().invoke(cli.app, [*words, "--append"])
    assert refused_so.exit_code == 1
    assert refused_so.stderr.startswith("error: the stack lacks 3 of 6 pairs of the store")
    assert CliRunner().invoke(cli.app, [*words, "--archived"]).exit_code == 2
    for more in (
        ["--append"],
        ["--storage", "float32"],
        ["--block", "32"],
    ):  # passed over in silence: nothing was appended
        told_so = CliRunner().invoke(cli.app, [*words, "--join", *more])
        assert told_so.exit_code == 2
        assert more[0] in told_so.stderr


def test_the_first_line_says_that_a_finished_store_is_replaced(tmp_path, catalog):
    words = ["ingest", "--catalog", str(catalog), "--out", str(tmp_path / "store"), "--block"]

    def first_line(block):
        said = CliRunner().invoke(cli.app, [*words, block])
        assert said.exit_code == 0, said.output
        return said.stdout.splitlines()[0]

    assert "replaced" not in first_line("16")
    assert "replaced" not in first_line("16")  # the very same: nothing is written
    assert re.fullmatch(r"a finished store of 4 pairs, written [-0-9]{10} [:0-9]{5}, is replaced", first_line("8"))
    write_pairs(tmp_path / "files", PAIRS[4:])
    more = "; all of them are in the stack: --append would add the 2 that it lacks and keep them"
    assert first_line("8").endswith(f"is replaced{more}")
    for path in (tmp_path / "files").glob("*/20180101_*.tif"):
        path.unlink()
    assert first_line("8").startswith("a finished store of 6 pairs, ")
    assert store.describe(tmp_path / "store")["pairs"].tolist() == [3]
    next((tmp_path / "store" / "runs" / "interferograms").glob("*/run.json")).unlink()
    assert first_line("16").startswith("a finished 'interferograms' of ")


def test_what_is_no_stack_is_refused_in_a_line(tmp_path):
    """A table, with and without --append."""
    (tmp_path / "p.csv").write_text("station,longitude,latitude,elevation,vegetation\na,93,35,4600,meadow\n")
    path = tmp_path / "catalog.yaml"
    path.write_text(
        "catalog_version: 1\ntitle: t\nroots: [.]\nsources:\n  stations: {description: d, kind: table, driver: csv, "
        "uri: p.csv, parameters: {table: stations, angle: degrees}, provenance: observed}\n"
    )
    for more, message in (([], "no stack of interferograms"), (["--append"], "there is no such store")):
        words = ["ingest", "--catalog", str(path), "--source", "stations", "--out", str(tmp_path / "store"), *more]
        told = CliRunner().invoke(cli.app, words)
        assert told.exit_code == 1
        assert told.stderr.startswith(f"error: {message}")


def test_a_damaged_store_and_a_broken_source_are_told_by_check(tmp_path, catalog, monkeypatch):
    """R12: in a line, not by an exception."""
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "out"))
    assert CliRunner().invoke(cli.app, ["ingest", "--catalog", str(catalog), "--block", "16"]).exit_code == 0
    chunks_of(tmp_path / "out" / "store")[0].unlink()
    damaged = prospects.look_at_stores(open_catalog(catalog))
    assert damaged[0].startswith("store interferograms: the store is incomplete: 1 of 6 files are missing")
