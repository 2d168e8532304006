"""Damage of a store is never silent: lost, cut, flipped; nor is a block written where it does not belong."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import xarray as xr
from small_files import refused
from small_stacks import chunks_of, lazy

from qtp_toolkit.conventions import MissingSourceError, QtpDataError
from qtp_toolkit.store import ingest, open_store, write_blocks
from qtp_toolkit.store.chunks import BlockArray


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture
def stored(tmp_path):
    ingest(lazy(), tmp_path, block=16)
    return tmp_path


def test_a_flipped_bit_is_found_when_it_is_read(stored):
    """R12: the checksum tells, and the message names the file."""
    path = chunks_of(stored)[3]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    data = open_store(stored)
    with pytest.raises(QtpDataError, match="damaged") as caught:
        data["phase"].compute()
    assert str(path) in str(caught.value)
    assert caught.value.code == "R12"
    refused(open_store, stored, verify=True, code="R12")
    data["coherence"].compute()


@pytest.mark.parametrize("damage", ["lost", "cut", "coordinate", "metadata", "folder"])
def test_a_damaged_store_does_not_open(stored, damage):
    """R12: lost, cut short, or damaged elsewhere than in the blocks."""
    path = chunks_of(stored)[3]
    data = open_store(stored)
    if damage == "lost":
        path.unlink()
        with pytest.raises(QtpDataError, match="missing"):
            data["phase"].compute()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "coordinate":
        chunks_of(stored, "y")[0].write_bytes(bytes(len(chunks_of(stored, "y")[0].read_bytes())))
    elif damage == "metadata":
        next(stored.glob("runs/*/*/data.zarr/phase/zarr.json")).write_text("{")
    else:
        shutil.rmtree(stored / "runs")
    message = refused(open_store, stored, code="R12")
    assert str(stored) in message
    assert ("1 of 15 files are missing" in message) == (damage == "lost")
    if damage not in ("folder", "metadata"):
        assert "write the store again" in message
    if damage != "folder":
        refused(ingest, lazy(), stored, block=16, code="R12") if damage in ("lost", "cut") else None
        shutil.rmtree(stored / "runs")
    ingest(lazy(), stored, block=16)
    xr.testing.assert_equal(open_store(stored, verify=True).load(), lazy().compute())


def test_any_flipped_bit_of_a_coordinate_is_found_when_the_store_opens(stored):
    """R12: pixels would lie elsewhere."""
    (path,) = chunks_of(stored, "y")
    content = path.read_bytes()
    for k in range(0, len(content), 37):
        path.write_bytes(content[:k] + bytes([content[k] ^ 16]) + content[k + 1 :])
        assert str(stored) in refused(open_store, stored, code="R12")
    path.write_bytes(content)
    open_store(stored)


def test_a_missing_store_is_told(tmp_path, stored):
    with pytest.raises(MissingSourceError, match="no such store"):
        open_store(tmp_path / "absent")
    with pytest.raises(MissingSourceError, match="does not hold 'maps'"):
        open_store(stored, name="maps")
    write_blocks(lazy().map(abs), stored, name="maps")
    (stored / "notes.json").write_text("[1]")
    assert "interferograms" in refused(open_store, stored)
    refused(open_store, stored, name="maps", quicklook=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingSourceError, match="nothing complete"):
        open_store(tmp_path / "empty")


@pytest.mark.parametrize(
    ("start", "shape"), [((8, 0), (8, 16)), ((0, 0), (16, 8)), ((0, 8), (16, 37)), ((64, 32), (16, 16))]
)
def test_a_block_off_the_chunks_is_refused(tmp_path, start, shape):
    """R04: half a chunk is never read, merged and written back."""
    array = BlockArray(str(tmp_path), (6, 70, 45), (6, 16, 16), "float32", float("nan"))
    refused(array.write, np.zeros((6, *shape), "float32"), (0, *start), code="R04")
    assert not list(tmp_path.iterdir())
    array.write(np.zeros((6, 6, 13), "float32"), (0, 64, 32))
    assert len(list(tmp_path.iterdir())) == 1
