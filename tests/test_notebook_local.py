"""The cells of notebook 10 that choose months, on both sides of the equator."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit.reproduce import notebooks_folder


def lines(*begins):
    """Lines of code of the notebook that begin so, in its order."""
    nb = json.loads((notebooks_folder() / "10_local_regions.ipynb").read_text(encoding="utf-8"))
    code = [line for cell in nb["cells"] if cell["cell_type"] == "code" for line in "".join(cell["source"]).split("\n")]
    return "\n".join(line for line in code if line.startswith(begins))


@pytest.mark.parametrize(
    ("latitude", "late", "summer"), [(34.0, (1, 2, 3), (7, 8, 9, 10)), (-22.6, (7, 8, 9), (1, 2, 3, 4))]
)
def test_months_are_those_of_the_hemisphere(latitude, late, summer):
    days = xr.DataArray(np.arange(24.0), {"time": pd.date_range("2018-01-15", periods=24, freq="MS")}, ("time",))
    known = {
        "areas": {"here": SimpleNamespace(reference=(92.0, latitude))},
        "first": "here",
        "recent": days,
        "model": 0.0,
        "observed": days,
    }
    exec(lines("late_months", "turn", "late =", "month =", "summer ="), known)
    month = days["time"].dt.month
    assert set(month.values[known["late"].values]) == set(late)
    assert set(known["summer"]["time"].dt.month.values) == set(summer)
