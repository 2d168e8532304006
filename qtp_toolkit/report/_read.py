"""Numbers of a finished run, as its statements need them: of maps, tables and checks. KeyError where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import products
from qtp_toolkit.report._checks import checks


def product(name: str) -> xr.Dataset:
    """Open a product of the run."""
    if not products.exists(name):
        raise FileNotFoundError(name)
    return products.open(name)


def values(name: str) -> np.ndarray:
    """Known values of one of the maps of deformation."""
    return known(product("deformation")[name].values)


def known(found: np.ndarray) -> np.ndarray:
    """Finite values, of which there must be one."""
    finite = np.asarray(found, dtype="float64")[np.isfinite(found)]
    if not finite.size:
        raise KeyError("no known value")
    return finite


def table(folder: Path, name: str) -> pd.DataFrame:
    """Read a table of the run."""
    return pd.read_csv(folder / "tables" / f"{name}.csv")


def checked(folder: Path, label: str) -> float:
    """Value of a check that a notebook made."""
    return float({row["label"]: row["value"] for row in checks(folder)}[label])


def medians(folder: Path, factor: str, low: float = -np.inf, high: float = np.inf) -> pd.Series:
    """Medians of the boxes of a factor whose classes begin within limits, by the lower edge of their class."""
    boxes = table(folder, "box_plots")
    chosen = boxes[(boxes["factor"] == factor) & (boxes["percentile"] == 50)].dropna(subset="quantile")
    found = chosen.set_index("left")["quantile"].sort_index()
    found = found[(found.index >= low - 1e-6) & (found.index <= high + 1e-6)]
    if found.empty:
        raise KeyError(factor)
    return found


def median_at(folder: Path, factor: str, edge: float) -> float:
    """Median of the box of a factor whose class begins at an edge, or nearest to it."""
    found = medians(folder, factor)
    return float(found.iloc[int(np.abs(found.index - edge).argmin())])


def factors(folder: Path, name: str) -> pd.DataFrame:
    """Factors of one map by their q, the greatest first."""
    found = table(folder, "q_statistic")
    found = found[found["map"] == name].sort_values("q", ascending=False, ignore_index=True)
    if found.empty:
        raise KeyError(name)
    return found


def line_through(folder: Path, column: str) -> dict[str, Any]:
    """R2 and RMSE (mm) of the amplitude against a thickness of the stations, and how many there are."""
    found = table(folder, "alt_validation").dropna(subset=[column, "amplitude_mm"])
    x, y = found[column].to_numpy(), found["amplitude_mm"].to_numpy()
    left = y - np.polyval(np.polyfit(x, y, 1), x)
    return {"r2": 1 - left.var() / y.var(), "rmse": float(np.sqrt(np.mean(left**2))), "n": x.size}


def square_kilometers(da: xr.DataArray) -> float:
    """Area of the pixels that have a value."""
    x, y = da["x"].values, da["y"].values
    size = abs((x[1] - x[0]) * (y[1] - y[0]))
    degrees = max(abs(x[0]), abs(x[-1])) <= 360.0
    weight = 111.195**2 * np.cos(np.deg2rad(y)) if degrees else np.full(y.size, 1e-6)
    return float((np.isfinite(da.transpose("y", "x").values).sum(axis=1) * weight).sum() * size)
