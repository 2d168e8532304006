"""Numbers of the paper beside those of a run, taken from its products and tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import products


class Row(NamedTuple):
    """One statement of the paper and how to find it in a run."""

    what: str
    paper: str
    where: str
    found: Callable[[Path], str]


def beside_paper(folder: Path) -> list[list[str]]:
    """Quantity, paper, place in the paper, this run: for every row whose products or tables the run has."""
    out = []
    for row in ROWS:
        try:
            out.append([row.what, row.paper, row.where, row.found(folder)])
        except (FileNotFoundError, KeyError, IndexError):  # a notebook that did not run, or a factor there is not
            continue
    return out


def _map(name: str) -> np.ndarray:
    if not products.exists("deformation"):
        raise FileNotFoundError(name)
    values = np.asarray(products.open("deformation")[name].values, dtype="float64")
    return values[np.isfinite(values)]


def _pairs(_: Path) -> str:
    if not products.exists("network"):
        raise FileNotFoundError("network")
    return str(products.open("network").sizes["pair"])


def _range(name: str, low: float, high: float) -> str:
    bottom, top = np.percentile(_map(name), (low, high))
    return f"{bottom:.0f} to {top:.0f}"


def _below(name: str, limit: float, unit: str) -> str:
    values = _map(name)
    return f"{np.mean(values < limit):.0%} below {limit:g} {unit}, median {np.median(values):.2f}"


def _amplitude(_: Path) -> str:
    values = _map("seasonal_amplitude")
    return f"{values.mean():.0f}, 99.9 % below {np.percentile(values, 99.9):.0f}"


def _leading(folder: Path, name: str) -> str:
    table = pd.read_csv(folder / "tables" / "q_statistic.csv")
    first = table[table["map"] == name].sort_values("q", ascending=False).iloc[0]
    return f"{str(first['factor']).replace('_', ' ')}: q {first['q']:.2f}, p {first['p']:.2f}"


def _medians(folder: Path, factor: str) -> pd.Series:
    """Medians of the boxes of a factor, by the lower edge of their class."""
    table = pd.read_csv(folder / "tables" / "box_plots.csv")
    chosen = table[(table["factor"] == factor) & (table["percentile"] == 50)].dropna(subset="quantile")
    if chosen.empty:
        raise KeyError(factor)
    return chosen.set_index("left")["quantile"].sort_index()


def _ends(folder: Path, factor: str, first: float, second: float, unit: str) -> str:
    medians = _medians(folder, factor)
    near = [float(medians.iloc[int(np.abs(medians.index - edge).argmin())]) for edge in (first, second)]
    return f"{near[0]:.1f} and {near[1]:.1f} {unit}"


def _thickness(folder: Path, column: str) -> str:
    table = pd.read_csv(folder / "tables" / "alt_validation.csv").dropna(subset=[column, "amplitude_mm"])
    x, y = table[column].to_numpy(), table["amplitude_mm"].to_numpy()
    left = y - np.polyval(np.polyfit(x, y, 1), x)
    return f"R2 {1 - left.var() / y.var():.2f}, RMSE {np.sqrt(np.mean(left**2)):.1f} mm, {x.size} stations"


def _area(_: Path) -> str:
    values = products.open("deformation")["linear_rate"] if products.exists("deformation") else None
    if values is None:
        raise FileNotFoundError("deformation")
    return f"{_square_kilometers(values):,.0f}"


def _square_kilometers(da: xr.DataArray) -> float:
    """Area of the pixels that have a value."""
    x, y = da["x"].values, da["y"].values
    size = abs((x[1] - x[0]) * (y[1] - y[0]))
    degrees = max(abs(x[0]), abs(x[-1])) <= 360.0
    weight = 111.195**2 * np.cos(np.deg2rad(y)) if degrees else np.full(y.size, 1e-6)
    return float((np.isfinite(da.transpose("y", "x").values).sum(axis=1) * weight).sum() * size)


ROWS = (
    Row("Interferograms", "466", "Section 3.7", _pairs),
    Row("Area of the maps (km2)", "about 140,000", "Abstract", _area),
    Row(
        "Linear rate (mm/yr), 0.5 to 99.5 %",
        "around -15 to 15",
        "Section 4.1",
        lambda _: _range("linear_rate", 0.5, 99.5),
    ),
    Row(
        "Uncertainty of the rate",
        "mostly below 0.5 mm/yr",
        "Section 4.1",
        lambda _: _below("linear_rate_std", 0.5, "mm/yr"),
    ),
    Row("Amplitude (mm), mean and largest", "around 10, up to around 80", "Section 4.1", _amplitude),
    Row(
        "Uncertainty of the amplitude",
        "mostly below 5 mm",
        "Section 4.1",
        lambda _: _below("seasonal_amplitude_std", 5.0, "mm"),
    ),
    Row("Leading factor of the rate", "latitude", "Section 4.2", lambda folder: _leading(folder, "linear_rate")),
    Row(
        "Leading factor of the amplitude",
        "slope, then latitude",
        "Section 4.2",
        lambda folder: _leading(folder, "seasonal_amplitude"),
    ),
    Row(
        "Median amplitude at slopes of 0 to 1 and 4 to 5 degrees",
        "falls up to 5 degrees",
        "Section 4.2.1",
        lambda folder: _ends(folder, "slope", 0.0, 4.0, "mm"),
    ),
    Row(
        "Median amplitude of southern and northern slopes",
        "2 mm more in the north",
        "Section 4.2.1",
        lambda folder: _ends(folder, "northness", -1.0, 0.8, "mm"),
    ),
    Row(
        "Median amplitude at 1250 and 1500 kg m-3",
        "11 and 4 mm",
        "Section 4.2.1",
        lambda folder: _ends(folder, "density", 1250.0, 1500.0, "mm"),
    ),
    Row(
        "Median subsidence below 20 and above 60 % ice",
        "0 and 2.5 mm/yr",
        "Section 4.2.2",
        lambda folder: _ends(folder, "ice", 0.0, 0.6, "mm/yr"),
    ),
    Row(
        "Amplitude against thickness",
        "R2 0.43, RMSE 9 mm",
        "Section 4.3",
        lambda folder: _thickness(folder, "alt_m"),
    ),
    Row(
        "The same, calibrated by water content",
        "R2 0.82, RMSE 3 mm",
        "Section 4.3",
        lambda folder: _thickness(folder, "alt_calibrated_m"),
    ),
)
