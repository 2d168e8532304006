"""What a start imports: slow libraries come when they are first used. No test here is timed."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import qtp_toolkit
from qtp_toolkit._later import later

ROOT = Path(__file__).resolve().parents[1]
LATE = ("interactive", "plot", "grid")
"""Packages whose names are imported when they are first used."""

FIGURES = {"matplotlib", "hvplot", "holoviews", "panel", "bokeh", "datashader"}
MAPS = {"rasterio", "rioxarray", "pyproj", "pyhdf", "h5py", "netCDF4"}
ENGINES = {"numba", "scipy", "dask", "distributed", "zarr"}
ARRAYS = {"numpy", "pandas", "xarray"}
SMALL_MAP = """
import numpy as np, xarray as xr
grid = {"y": np.arange(3.0, 0.0, -1.0), "x": np.arange(4.0)}
rate = xr.DataArray(np.ones((3, 4)), grid, ("y", "x"), name="linear_rate", attrs={"units": "mm/yr"})
"""
STARTS = {
    "import qtp_toolkit": FIGURES | MAPS | ENGINES | ARRAYS | {"yaml", "pydantic"},
    "from qtp_toolkit import pecm, plot": FIGURES | MAPS | ENGINES | {"yaml", "pydantic"},
    "from qtp_toolkit import grid, interactive, plot": FIGURES | MAPS | ENGINES | ARRAYS,
    "from qtp_toolkit import lst, seasons, soil, network, inversion, geodetector, pecm, products, report": (
        FIGURES | MAPS | ENGINES
    ),
    "from qtp_toolkit import correct, regions, validation, walk": FIGURES | ENGINES | {"rasterio", "rioxarray"},
    "from qtp_toolkit import open_catalog; open_catalog()": FIGURES | MAPS | ENGINES,
    "from qtp_toolkit import prospects, store": FIGURES | {"numba", "scipy", "dask.array", "distributed", "rasterio"},
    "from qtp_toolkit import interactive; interactive.setup()": (
        {"hvplot", "holoviews", "datashader", "matplotlib", "xarray"} | MAPS | ENGINES
    ),
    f"{SMALL_MAP}\nfrom qtp_toolkit import plot; plot.deformation_map(rate, coordinates='axes', scale=False)": (
        {"hvplot", "holoviews", "panel", "bokeh", "numba", "zarr", "distributed"}
    ),
    "from qtp_toolkit import cli\ntry: cli.app(['--help'], standalone_mode=False)\nexcept SystemExit: pass": (
        FIGURES | MAPS | ENGINES | ARRAYS | {"yaml", "pydantic"}
    ),
}


def in_child(text: str) -> list[str]:
    """Words that a program prints."""
    child = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=False, cwd=ROOT, timeout=240
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.split()


@pytest.mark.parametrize("start", STARTS, ids=[name.strip().splitlines()[-1] for name in STARTS])
def test_a_start_imports_nothing_that_it_does_not_use(start):
    loaded = in_child(f"{start}\nimport sys\nprint(*sys.modules)")
    assert not STARTS[start] & set(loaded)


def test_the_list_of_what_is_slow_would_notice():
    loaded = in_child("from qtp_toolkit import grid, plot\n_ = grid.match, plot.save\nimport sys\nprint(*sys.modules)")
    assert {"matplotlib", "rasterio", "xarray"} <= set(loaded)


@pytest.mark.parametrize("first", ["", "interactive.setup()", "import holoviews", "import hvplot.xarray"])
def test_a_small_map_is_drawn_whatever_was_loaded_before(first):
    start = f"from qtp_toolkit import interactive\n{first}\n{SMALL_MAP}\nimport sys\nbefore = set(sys.modules)\n"
    start += "figure = interactive.deformation_map(rate)\n"
    loaded = in_child(f"{start}import holoviews as hv\nhv.render(figure)\nprint(*set(sys.modules) - before)")
    assert not {"hvplot", "datashader", "numba", "zarr", "distributed", "rasterio", "rioxarray"} & set(loaded)


class TestLateNames:
    @pytest.mark.parametrize("name", LATE)
    def test_what_a_checker_reads_is_what_a_program_gets(self, name):
        package = importlib.import_module(f"qtp_toolkit.{name}")
        tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
        read = {
            alias.name: node.module
            for block in tree.body
            if isinstance(block, ast.If)
            for node in block.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        assert set(read) == set(package.__all__)
        for key, module in read.items():
            assert getattr(package, key) is getattr(importlib.import_module(module), key)

    @pytest.mark.parametrize("name", LATE)
    def test_no_name_is_that_of_a_module_which_would_take_its_place(self, name):
        package = importlib.import_module(f"qtp_toolkit.{name}")
        modules = {path.stem for path in Path(package.__file__).parent.iterdir()}
        assert not modules & set(package.__all__)
        assert set(package.__all__) <= set(dir(package))

    @pytest.mark.parametrize("name", LATE)
    def test_an_unknown_name_is_an_attribute_error(self, name):
        package = importlib.import_module(f"qtp_toolkit.{name}")
        with pytest.raises(AttributeError, match=f"qtp_toolkit.{name}' has no attribute 'nothing'"):
            _ = package.nothing

    def test_a_module_of_the_table_is_found_by_its_name_too(self):
        get, names = later("qtp_toolkit.plot", {"figure": ("save",)})
        assert get("figure") is importlib.import_module("qtp_toolkit.plot.figure")
        assert names() == ["figure", "save"]

    def test_what_was_found_stays(self):
        assert qtp_toolkit.plot.save is vars(qtp_toolkit.plot)["save"]


class TestAccessor:
    STRICT = (
        "import warnings, xarray as xr\n"
        "warnings.simplefilter('error', xr.core.extensions.AccessorRegistrationWarning)\n"
        "from qtp_toolkit import conventions\n"
        "da = xr.DataArray([[1.0]], {'y': [0.0], 'x': [0.0]}, ('y', 'x'))\n"
    )

    def test_it_is_there_without_an_import_and_loads_once(self):
        words = in_child(
            f"{self.STRICT}import sys; before = 'rioxarray' in sys.modules\n"
            "print(before, da.rio.write_crs(4326).rio.crs, da.to_dataset(name='a').rio.x_dim, type(da.rio).__name__)"
        )
        assert words == ["False", "EPSG:4326", "x", "RasterArray"]

    def test_whoever_imports_rioxarray_meets_no_other_accessor(self):
        assert in_child(f"{self.STRICT}print(hasattr(xr.DataArray, 'rio'))\nimport rioxarray; print(da.rio.x_dim)") == [
            "False",
            "x",
        ]
        swapped = "import rioxarray, xarray as xr\nown = xr.Dataset.rio\nfrom qtp_toolkit import conventions\n"
        assert in_child(f"{swapped}print(xr.Dataset.rio is own)") == ["True"]

    def test_threads_that_ask_at_once_all_get_it(self):
        words = in_child(
            f"{self.STRICT}from concurrent.futures import ThreadPoolExecutor\nfrom threading import Barrier\n"
            "gate = Barrier(8)\n"
            "def ask(k):\n    gate.wait()\n    return da.copy().rio.x_dim\n"
            "with ThreadPoolExecutor(8) as pool: print(*pool.map(ask, range(8)))"
        )
        assert words == ["x"] * 8
