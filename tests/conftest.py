"""Fixtures that every test may use."""

from __future__ import annotations

import shutil
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


CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or put one on the PATH")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as play:
        chrome = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chrome
        chrome.close()


@pytest.fixture
def watched(browser):
    """A page, and a dictionary of what it fetched from elsewhere and of the errors it met."""
    page, seen = browser.new_page(viewport={"width": 1500, "height": 950}), {"elsewhere": [], "errors": []}
    page.on("request", lambda request: seen["elsewhere"].append(request.url) if not local(request.url) else None)
    page.on("pageerror", lambda error: seen["errors"].append(str(error)))
    yield page, seen
    page.close()


def local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "file:", "data:", "blob:", "about:"))
