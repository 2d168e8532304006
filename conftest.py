"""Names that the examples in docstrings may use: np, pd, xr, and ``folder``, an empty one of their own."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _names_of_examples(doctest_namespace, tmp_path, monkeypatch):
    doctest_namespace.update(np=np, pd=pd, xr=xr, folder=tmp_path)
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "output"))  # nothing goes to the working folder
