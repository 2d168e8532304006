"""Names that the examples in docstrings may use: np, pd, xr, load, ``folder``, an empty one, and ``geotiff``."""

from functools import partial

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr

from qtp_toolkit import load

mpl.use("Agg")


def _geotiff(folder, name, values):
    """Write a small GeoTIFF into the folder of the example, and return its path."""
    values, path = np.asarray(values), folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    grid = rasterio.Affine(80, 0, 4e5, 0, -80, 3.8e6)
    with rasterio.open(path, "w", driver="GTiff", crs="EPSG:32646", transform=grid, **shape) as dataset:
        dataset.write(values, 1)
    return path


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace, tmp_path, monkeypatch):
    doctest_namespace.update(np=np, pd=pd, xr=xr, folder=tmp_path, load=load, geotiff=partial(_geotiff, tmp_path))
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "output"))  # nothing goes to the working folder
