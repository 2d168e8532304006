"""The block store: what goes in comes out, lazily, whole, and with its error stated."""

from __future__ import annotations

import json
import re
import tracemalloc
import weakref
from concurrent.futures import ThreadPoolExecutor

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
import zarr
from dask.highlevelgraph import HighLevelGraph
from hypothesis import given, settings
from hypothesis import strategies as st
from small_files import refused
from small_stacks import chunks_of, digest, lazy, raster_stack
from typer.testing import CliRunner

from qtp_toolkit import cli, inversion
from qtp_toolkit._atomic import named_together, put_file
from qtp_toolkit._progress import progress_bar
from qtp_toolkit.conventions import describe
from qtp_toolkit.store import blocks as blocks_module
from qtp_toolkit.store import ingest, open_store, slab_memory, write_blocks
from qtp_toolkit.store import stack as stack_module
from qtp_toolkit.store.chunks import BlockArray
from qtp_toolkit.store.compact import encode, summarize
from qtp_toolkit.store.stack import Target, write_window
from qtp_toolkit.store.windows import pieces

ALIVE = {"now": 0, "most": 0}


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def rasters(tmp_path):
    return raster_stack(tmp_path / "rasters")


# What goes in comes out


@pytest.mark.parametrize("rows", [40, 16, 7])
def test_round_trip(rasters, tmp_path, no_compute, rows):
    stack = rasters(chunks={"y": rows, "x": 11})
    before, given = digest(tmp_path / "rasters"), stack.copy()
    ingest(stack, tmp_path / "store", block=16)
    xr.testing.assert_identical(stack, given)
    with no_compute():
        back = open_store(tmp_path / "store")
    assert back["phase"].chunks == ((6,), (16, 16, 8), (16, 14))
    assert back.attrs.items() >= stack.attrs.items()
    assert back.attrs["storage"] == "float32"
    assert back.rio.crs == stack.rio.crs
    xr.testing.assert_identical(back.assign_attrs(stack.attrs).drop_attrs(deep=False), stack.drop_attrs(deep=False))
    assert digest(tmp_path / "rasters") == before


def test_compact_storage_states_its_error(rasters, tmp_path):
    stack = rasters()
    ingest(stack, tmp_path / "store", storage="compact", block=16)
    back = open_store(tmp_path / "store")
    assert back["phase"].dtype == back["coherence"].dtype == np.float32
    assert "0.00051 rad" in back.attrs["storage_error"]
    np.testing.assert_allclose(back["phase"], stack["phase"], rtol=0, atol=5.1e-4)
    np.testing.assert_allclose(back["coherence"], stack["coherence"], rtol=0, atol=4e-3)
    np.testing.assert_allclose(back["coherence"][:, :10], stack["coherence"][:, :10], rtol=0, atol=2.01e-3)
    assert np.array_equal(back["coherence"] == 0, stack["coherence"] == 0)
    (data,) = tmp_path.glob("store/runs/*/*/data.zarr")
    assert sum(path.stat().st_size for path in chunks_of(tmp_path / "store")) < 0.8 * stack["phase"].nbytes
    foreign = xr.open_zarr(data, consolidated=False, decode_coords="all")
    np.testing.assert_allclose(foreign["phase"], back["phase"], rtol=1e-6)
    assert foreign.rio.crs == stack.rio.crs


@pytest.mark.parametrize(("value", "told"), [(32.8, "32.8"), (-33.0, "-33"), (np.inf, "inf")])
def test_phase_beyond_compact_storage_is_refused_with_its_pair(tmp_path, value, told):
    """I12: displacement in mm passed as phase does not fit; nothing is clipped."""
    stack = lazy().compute()
    stack["phase"][3, 40, 5] = value
    message = refused(ingest, stack, tmp_path, storage="compact", block=16, code="I12")
    assert told in message
    assert "2018-01-13 2018-01-25" in message
    ingest(stack, tmp_path, storage="float32", block=16, restart=True)
    assert open_store(tmp_path)["phase"].values[3, 40, 5] == np.float32(value)


@pytest.mark.parametrize("storage", ["float32", "compact"])
@pytest.mark.parametrize(("scale", "told"), [(255, "0 to 2"), (-1, "-0.99")])
def test_coherence_in_bytes_is_refused(tmp_path, storage, scale, told):
    """I04: 0..255 where 0..1 should be, however it would be stored."""
    stack = lazy()
    stack["coherence"] = (stack["coherence"] * scale).assign_attrs(units="1")
    with dask.config.set(scheduler="synchronous"):
        message = refused(ingest, stack, tmp_path, storage=storage, block=16, code="I04")
    assert "coherence leaves 0..1" in message
    assert "2018-01-01 2018-01-13" in message
    assert told in message


def test_quicklook_is_means_of_8_by_8_pixels_pair_by_pair(tmp_path):
    stack = lazy()
    ingest(stack, tmp_path, block=16)
    look = open_store(tmp_path, quicklook=True)
    assert look["phase"].chunks[1:] == ((9,), (6,))
    oracle = stack["phase"].coarsen(y=8, x=8, boundary="pad").mean()
    np.testing.assert_allclose(look["phase"], oracle, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(look["y"][:-1], oracle["y"][:-1])
    np.testing.assert_allclose(look["x"][:-1], oracle["x"][:-1])
    assert look.rio.crs == stack.rio.crs
    assert np.isnan(look["phase"]).any()


def test_inversion_from_the_store_equals_inversion_from_the_rasters(rasters, tmp_path):
    stack = rasters()
    ingest(stack, tmp_path / "store", block=16)
    back = open_store(tmp_path / "store")
    direct = inversion.invert(stack["phase"], stack["coherence"])
    stored = inversion.invert(back["phase"], back["coherence"])
    write_blocks(stored, tmp_path / "store", name="time_series", parameters={"norm": "l1"}, block=32)
    again = open_store(tmp_path / "store", name="time_series")
    xr.testing.assert_identical(stored.load(), direct.load())
    xr.testing.assert_identical(again.load(), direct)


def test_blocks_without_a_value_are_files_too(tmp_path):
    stack = lazy()
    ingest(stack.map(_emptied), tmp_path, block=16)
    assert len(chunks_of(tmp_path)) == 5 * 3
    assert np.isnan(open_store(tmp_path)["phase"]).all()


def _emptied(da_):
    return (da_ * np.float32(np.nan)).assign_attrs(da_.attrs)


@pytest.mark.parametrize("change", ["wrapped", "mm", "transposed"])
def test_what_is_no_stack_is_refused(tmp_path, change):
    stack = lazy()
    stack = {
        "wrapped": lambda: stack.rename(phase="wrapped_phase"),
        "mm": lambda: stack.assign(phase=stack["phase"].assign_attrs(units="mm")),
        "transposed": lambda: stack.transpose("y", "x", "pair"),
    }[change]()
    refused(ingest, stack, tmp_path)
    assert not list(tmp_path.iterdir())


def test_maps_beside_the_interferograms_are_left_out_with_a_word(tmp_path):
    """Whatever their dims; the store is that of the stack without them."""
    stack = lazy()
    layers = {"incidence": stack["phase"][0], "component": stack["phase"]}
    with pytest.warns(UserWarning, match="incidence, component"):
        ingest(stack.assign(layers), tmp_path / "more", block=16)
    ingest(stack, tmp_path / "plain", block=16)
    more, plain = open_store(tmp_path / "more"), open_store(tmp_path / "plain")
    assert more.attrs.pop("layers_left_out") == "incidence, component"
    xr.testing.assert_identical(more.compute(), plain.compute())


@pytest.mark.parametrize(
    ("change", "code"), [({"pair": slice(0, 0)}, "I06"), ({"y": slice(0, 0)}, "I06"), (None, "I11")]
)
def test_stacks_that_are_empty_or_complex_are_refused(tmp_path, change, code):
    """I06, I11: before a library divides by their size, or drops the imaginary part."""
    stack = lazy() if change is None else lazy().isel(change)
    if change is None:
        stack["phase"] = stack["phase"].astype("complex64").assign_attrs(units="rad")
    refused(ingest, stack, tmp_path / "store", code="I11" if change is None else "I06")


@pytest.mark.parametrize("options", [{"storage": "zip"}, {"block": 20}, {"block": 0}, {"name": "../up"}])
def test_unfit_options_are_refused(tmp_path, options):
    refused(ingest, lazy(), tmp_path / "store", **options)
    refused(write_blocks, lazy(), tmp_path / "store", name="a b")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("source", ["unaligned", "memory", "one"])
def test_results_of_any_kind_come_back(tmp_path, source):
    stack = lazy(rows=13, columns=17)
    rate = stack["phase"].mean("pair").drop_attrs()
    ds = xr.Dataset(
        {
            "rate": rate.astype("float64").assign_attrs(units="mm/yr", classes={1: "a"}),
            "mask": rate > 0,
            "reason": (rate > 1).astype("uint8"),
            "kind": (rate > 1).astype("int16"),
            "series": stack["phase"].rename(pair="time").drop_vars(["reference", "secondary"]),
            "dates": ("time", pd.date_range("2018-01-01", periods=6).astype("datetime64[ns]")),
            "lazy_number": stack["coherence"].max(),
        }
    )
    ds = ds.assign_coords(season=("time", list("wwssaa")), slope=(("y", "x"), np.ones((70, 45))))
    ds = ds.compute() if source == "memory" else ds.chunk({"y": -1, "x": -1}) if source == "one" else ds
    write_blocks(ds, tmp_path, name="maps", block=32)
    back = open_store(tmp_path)
    assert list(back) == list(ds)
    assert back["rate"].attrs == {"units": "mm/yr", "classes": {"1": "a"}}
    assert {key: var.dtype for key, var in back.items()} == {key: var.dtype for key, var in ds.items()}
    xr.testing.assert_equal(back.load(), ds.compute())


def test_a_data_array_and_large_leading_dims(tmp_path):
    long = xr.DataArray(da.ones((4000, 40, 40), chunks=(4000, 40, 40), dtype="float32"), dims=("time", "y", "x"))
    write_blocks(long.rename("displacement"), tmp_path, name="long", block=64)
    back = open_store(tmp_path)
    assert back["displacement"].chunks == ((4000,), (16, 16, 8), (16, 16, 8))
    assert (back["displacement"] == 1).all()


def test_blocks_that_are_not_numbers_or_not_last_dims_are_refused(tmp_path):
    rate = lazy()["phase"].mean("pair").to_dataset(name="rate")
    refused(write_blocks, rate.transpose("x", "y"), tmp_path, name="a")
    refused(write_blocks, rate.astype(str), tmp_path, name="a")
    refused(write_blocks, rate.mean("x"), tmp_path, name="a")
    refused(write_blocks, rate, tmp_path, name="a", parameters={"when": np.array([1])}, code="C09")


def test_the_command_says_its_memory_and_goes_on_where_it_was(tmp_path, rasters):
    rasters()
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(
        "catalog_version: 1\ntitle: t\nroots: [rasters]\nsources:\n  pairs: {description: d, kind: ifg_stack, "
        "driver: geotiff_stack, uri: {phase: phase/*.tif, coherence: coherence/*.tif}, provenance: observed}\n"
    )
    words = ["ingest", "--source", "pairs", "--catalog", str(catalog), "--storage", "compact", "--block", "16"]
    for _ in range(2):
        told = CliRunner().invoke(cli.app, [*words, "--out", str(tmp_path / "store")])
        assert told.exit_code == 0, told.output
        assert "slab = 4 * n_pair * rows * width = 4 * 6 * 40 * 30 = 0.0 MB" in told.stdout
    assert open_store(tmp_path / "store", name="pairs").attrs["storage"] == "compact"
    told = CliRunner().invoke(cli.app, [*words, "--memory", "0.000001"])
    assert told.exit_code == 1
    assert told.stderr.startswith("error: a slab does not fit into half of the memory budget")


# Memory


def test_the_memory_formula_is_told_and_held(tmp_path, no_compute, monkeypatch):
    """R13: what does not fit is refused before anything is read, with the size of chunks that would fit."""
    monkeypatch.setattr("qtp_toolkit.store.windows.CPU_COUNT", 2)
    zeros = xr.DataArray(da.zeros((466, 6444, 2778), chunks=(466, 24, 2778), dtype="f4"), dims=("pair", "y", "x"))
    full = describe(zeros, "phase").to_dataset()
    with no_compute():
        text = "slab = 4 * n_pair * rows * width = 4 * 466 * 64 * 2778 = 331.4 MB"
        assert slab_memory(full.chunk(y=64)) == f"{text}, 3 at once"
        assert "* 64 * 1024 = 122.2 MB, 3 at once" in slab_memory(full.chunk(y=64, x=1024), memory_budget=8e8)
        assert "* 64 * 2778" in slab_memory(full.chunk(y=64, x=1000))  # no multiple of the blocks
        assert "* 96 * 2778 = 497.1 MB, 2" in slab_memory(full)  # 64 rows touch up to four chunks of 24
        assert "* 192 * 2778 = 994.2 MB, 2" in slab_memory(full, memory_budget=4e9)  # no row is read twice
        monkeypatch.setattr("qtp_toolkit.store.windows.CPU_COUNT", 1)
        assert "* 192 * 2778" in slab_memory(full)  # alone, a processor is better off with whole chunks
        message = refused(ingest, full.chunk(y=64), tmp_path / "store", memory_budget=6e8, code="R13")
        assert "chunks={'y': 64}" in message
        assert "331.4 MB" in message
        assert "300.0 MB at most" in message
        assert "* 6444 * 2778" in refused(ingest, full.chunk(y=-1), tmp_path / "store", code="R13")
        refused(write_blocks, full, tmp_path / "store", name="copy", memory_budget=1e9, code="R13")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("storage", ["float32", "compact"])
def test_however_the_stack_is_cut_the_blocks_are_the_same_files(tmp_path, storage):
    """Chunks of the pairs, off the blocks, or none: bit by bit what one piece gives, quicklook included."""
    whole = lazy().compute()
    cuts = [{}, {"pair": 4, "y": 16, "x": 16}, {"y": 7, "x": 11}, {"pair": 1, "y": 48}]
    found = []
    for k, cut in enumerate(cuts):
        ingest(whole.chunk(cut) if cut else whole, tmp_path / str(k), block=16, storage=storage)
        (data,) = tmp_path.glob(f"{k}/runs/*/*/data.zarr")
        found.append(digest(data) | {"look": digest(data.with_name("quicklook"))})
    assert found.count(found[0]) == len(cuts)
    np.testing.assert_allclose(open_store(tmp_path / "1")["phase"], whole["phase"], atol=5.1e-4)


def test_a_window_is_held_once_while_it_is_written(tmp_path):
    """A slab of pieces takes its own bytes and some blocks, not those of a second slab put together from them."""
    pairs = [(str(year), str(year + 1)) for year in range(2000, 2040)]
    stack = lazy(64, 1600, rows=16, pairs=pairs)[["phase"]].drop_vars(["reference", "secondary"])
    values = stack["phase"].to_numpy()
    corners, chunks = pieces(stack["phase"].data)
    assert corners == [(0, row, 0) for row in (0, 16, 32, 48)]
    assert len(chunks) == len(corners)
    parts = [values[:, row : row + 16] for _, row, _ in corners]
    blocks = BlockArray(str(tmp_path / "a"), values.shape, (40, 64, 64), "float32", np.nan)
    look = BlockArray(str(tmp_path / "b"), (40, 8, 200), (40, 8, 200), "float32", np.nan)
    target = Target("phase", blocks, look, str(tmp_path), "mark", ())
    tracemalloc.start()
    write_window(target, 0, 0, ("phase_0_0",), corners, *parts)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 0.5 * values.nbytes
    np.testing.assert_array_equal(blocks[:, :, :], values)


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    """One array of numbers that say where they are, in ragged chunks; and the numbers."""
    path = tmp_path_factory.mktemp("array")
    numbers = np.arange(3 * 13 * 10, dtype="int16").reshape(3, 13, 10)
    array = BlockArray(str(path), numbers.shape, (3, 4, 4), "int16", -1)
    array.write(numbers, (0, 0, 0))
    return array, numbers


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_property_any_region_is_what_numpy_gives(on_disk, data):
    array, numbers = on_disk
    step = st.sampled_from([None, 1, 2, 3, -1, -2])
    cut = [
        data.draw(st.one_of(st.integers(-size, size - 1), st.slices(size), step.map(lambda k: slice(None, None, k))))
        for size in numbers.shape
    ]
    np.testing.assert_array_equal(array[tuple(cut)], numbers[tuple(cut)])


def test_by_default_a_block_is_64_by_64_pixels_with_all_pairs(tmp_path):
    ingest(lazy(), tmp_path)
    assert open_store(tmp_path)["phase"].chunks == ((6,), (64, 6), (45,))
    (meta,) = tmp_path.glob("runs/*/*/data.zarr/phase/zarr.json")
    about = json.loads(meta.read_text())
    assert about["chunk_grid"]["configuration"]["chunk_shape"] == [6, 64, 64]
    assert [codec["name"] for codec in about["codecs"]] == ["bytes", "blosc", "crc32c"]


@pytest.mark.parametrize("work", ["ingest", "write_blocks"])
def test_blocks_under_way_at_once_fit_into_their_share_of_the_budget(tmp_path, monkeypatch, work):
    """R13: three fit into half (ingest) or a third, on however many processors; the next ones wait for these."""
    monkeypatch.setattr("qtp_toolkit.store.blocks.CPU_COUNT", 8)
    monkeypatch.setattr("qtp_toolkit.store.windows.CPU_COUNT", 8)
    workers, under_way = [], []
    pool = "qtp_toolkit.store.work.ThreadPoolExecutor"
    monkeypatch.setattr(pool, lambda number: (workers.append(number), ThreadPoolExecutor(number))[1])
    room = {"ingest": stack_module, "write_blocks": blocks_module}[work]
    name = {"ingest": "write_window", "write_blocks": "write_block"}[work]
    writes, now = getattr(room, name), []

    def counted(*arguments):
        now.append(1)
        under_way.append(len(now))
        out = writes(*arguments)
        now.pop()
        return out

    monkeypatch.setattr(room, name, counted)
    if work == "ingest":
        ingest(lazy(), tmp_path, block=16, memory_budget=2 * 3.5 * 4 * 6 * 16 * 45)
    else:
        write_blocks(lazy()["phase"], tmp_path, name="maps", block=16, memory_budget=3 * 3.5 * 4 * 6 * 16 * 16)
    assert set(workers) == {3}
    assert len(under_way) == (10 if work == "ingest" else 15)
    assert max(under_way) <= 3


@pytest.mark.parametrize("work", ["ingest", "write_blocks"])
def test_the_graph_of_all_is_cut_once_for_a_group_of_tasks(tmp_path, monkeypatch, work):
    """It is as large as the stack: cut once for each block, it costs the square of their number."""
    monkeypatch.setattr("qtp_toolkit.store.blocks.CPU_COUNT", 2)
    monkeypatch.setattr("qtp_toolkit.store.windows.CPU_COUNT", 2)
    ends = [(str(year), str(year + 1)) for year in range(2000, 2006)]
    stack = lazy(160, 45, rows=16, pairs=ends)
    cuts, cull = [], HighLevelGraph.cull
    monkeypatch.setattr(HighLevelGraph, "cull", lambda graph, keys: (cuts.append(len(graph)), cull(graph, keys))[1])
    if work == "ingest":
        ingest(stack, tmp_path, block=16, memory_budget=2 * 3.5 * 4 * 6 * 16 * 45)
    else:
        write_blocks(stack["phase"] + 1, tmp_path, name="maps", block=16)
    assert len(list(tmp_path.glob("runs/*/*/done/*"))) >= 20
    assert 1 <= len(cuts) <= 2


def _counted(block):
    """Count the arrays of this kind that exist."""
    out = block + 0
    ALIVE["now"] += 1
    ALIVE["most"] = max(ALIVE.values())
    weakref.finalize(out, lambda: ALIVE.update(now=ALIVE["now"] - 1))
    return out


@pytest.mark.parametrize("work", ["ingest", "write_blocks"])
def test_what_is_written_is_let_go(tmp_path, work):
    """R13: one after the other, if only one fits."""
    stack = lazy(160, 16)[["phase"]]
    stack["phase"] = stack["phase"].copy(data=stack["phase"].data.map_blocks(_counted, dtype="float32"))
    ALIVE.update(now=0, most=0)
    with dask.config.set(scheduler="threads"):
        if work == "ingest":
            ingest(stack, tmp_path, block=16, memory_budget=3 * 1.5 * 4 * 6 * 16 * 16)
        else:
            write_blocks(stack, tmp_path, name="maps", block=16, memory_budget=3 * 1.5 * 4 * 6 * 16 * 16)
    assert 1 <= ALIVE["most"] <= 2


def test_progress_is_shown_on_request_and_begins_where_the_work_was_left(tmp_path, capsys):
    write_blocks(lazy(), tmp_path, name="maps", block=32)
    assert not capsys.readouterr().err
    (marker,) = tmp_path.glob("runs/maps/*/done/32_0")
    marker.unlink()
    (tmp_path / "maps.json").unlink()
    write_blocks(lazy(), tmp_path, name="maps", block=32, progress=True)
    assert re.search(r"writing maps.*6/6", capsys.readouterr().err)
    with progress_bar("writing", total=6, done=5, progress=True):
        pass
    assert "5/6" in capsys.readouterr().err


@pytest.mark.parametrize("storage", ["float32", "compact"])
def test_zarr_reads_and_writes_the_same_files(tmp_path, storage):
    ingest(lazy(), tmp_path, block=16, storage=storage)
    (path,) = tmp_path.glob("runs/*/*/data.zarr")
    foreign = zarr.open_array(path / "coherence", mode="r+").with_config({"write_empty_chunks": True})
    before = digest(path)
    foreign[...] = foreign[...]
    assert digest(path) == before
    assert foreign.nchunks_initialized == foreign.nchunks == len(chunks_of(tmp_path, "coherence"))


@settings(max_examples=20, deadline=None)
@given(height=st.integers(1, 20), width=st.integers(1, 20), level=st.floats(-30, 30, width=32))
def test_property_the_mean_of_a_constant_is_the_constant(height, width, level):
    plane = np.full((height, width), level, "float32")
    (out,) = summarize(plane[None]).means
    assert out.shape == (-(-height // 8), -(-width // 8))
    np.testing.assert_allclose(out, level, rtol=1e-6)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 27), width=st.integers(1, 27))
def test_property_means_and_limits_of_tiles_with_holes(seed, height, width):
    """Oracle: tile by tile, over what is finite; limits hold 0 and pass over NaN, not over infinities."""
    rng = np.random.default_rng(seed)
    values = rng.normal(rng.normal(0, 3), 1, (3, height, width)).astype("float32")
    values[rng.random(values.shape) < rng.choice([0, 0.1, 0.97])] = np.nan
    values[0][rng.random((height, width)) < 0.02] = np.inf
    seen = summarize(values)
    finite = np.where(np.isfinite(values), values, np.nan)
    for k, i, j in np.ndindex(seen.means.shape):
        tile = finite[k, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8]
        expected = np.nanmean(tile, dtype=float) if np.isfinite(tile).any() else np.nan
        np.testing.assert_allclose(seen.means[k, i, j], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(seen.least, np.fmin.reduce(values, axis=(1, 2), initial=0))
    np.testing.assert_array_equal(seen.largest, np.fmax.reduce(values, axis=(1, 2), initial=0))


def test_integers_of_compact_storage():
    """Closed form: halves go to the even neighbor, a coherence above 0 never becomes 0, NaN has its own integer."""
    phase = np.array([[[-32.767, -0.0015, 0, 0.0005, 0.0015, 32.767, np.nan]]], "float32")
    assert encode(phase, "phase").tolist() == [[[-32767, -2, 0, 0, 2, 32767, -32768]]]
    coherence = np.array([[[0, 1e-7, 0.0019, 0.5, 1, np.nan]]], "float32")
    assert encode(coherence, "coherence").tolist() == [[[0, 1, 1, 125, 250, 255]]]


def test_files_get_their_names_together_or_not_at_all(tmp_path):
    old = tmp_path / "maps" / "a"
    put_file(old, b"old")
    with named_together(old.parent) as put:
        put(old, b"ne", b"w")
        put(old.with_name("b"), b"b")
        assert old.read_bytes() == b"old"
        assert not old.with_name("b").exists()
    assert {path.name: path.read_bytes() for path in old.parent.iterdir()} == {"a": b"new", "b": b"b"}

    def broken():
        with named_together(old.parent) as put:
            put(old, b"third")
            put(old.with_name("c"), b"c")
            raise ValueError("the next block cannot be made")

    with pytest.raises(ValueError, match="cannot be made"):
        broken()
    assert {path.name: path.read_bytes() for path in old.parent.iterdir()} == {"a": b"new", "b": b"b"}
