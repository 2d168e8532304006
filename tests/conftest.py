"""Fixtures that every test may use."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import dask
import numpy as np
import pytest

from qtp_toolkit import synthetic

REAL_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


class NoCompute:
    """A dask scheduler that fails: what runs under it must stay lazy."""

    def __call__(self, dsk, keys, **kwargs):
        raise AssertionError("computed: this function must stay lazy")


@contextmanager
def no_compute():
    """Fail on any dask computation inside the block."""
    with dask.config.set(scheduler=NoCompute()):
        yield


@pytest.fixture(name="no_compute")
def no_compute_fixture():
    return no_compute


@pytest.fixture
def rng():
    return np.random.default_rng(20220531)


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real data sets, or a skip that says so."""
    if not REAL_DATA.is_dir():
        pytest.skip("real data sets are not beside the repository (../shared/data)")
    return REAL_DATA


@pytest.fixture(scope="session")
def truth():
    """Truth of the tiny embedded scene."""
    return synthetic.scene("tiny")


@pytest.fixture(scope="session")
def seen(truth):
    """What is observed of the tiny embedded scene."""
    return synthetic.observe(truth)


@pytest.fixture(scope="session")
def stack(seen):
    """Interferograms of the tiny embedded scene, in memory."""
    return seen["interferograms"].compute()
