"""Numbers of a run that statements of the paper are held against, and when the two agree.

A number agrees within half of the paper's (R2 within 0.1, an area within a tenth); a tendency where it has the paper's
direction.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qtp_toolkit.report import _read as read


class Found(NamedTuple):
    """What a run says."""

    text: str
    agrees: bool | None
    """None where the paper says nothing to hold it against."""


def near(value: float, paper: float, share: float = 0.5) -> bool:
    """Whether a value lies within a share of that of the paper."""
    return bool(abs(value - paper) <= share * abs(paper))


def number(value: float, unit: str = "", digits: int = 1) -> str:
    """Write a number with its unit."""
    return f"{value:.{digits}f} {unit}".rstrip()


def pairs(_: Path) -> Found:
    """Interferograms of the network."""
    count = read.product("network").sizes["pair"]
    return Found(str(count), count == 466)


def area(_: Path) -> Found:
    """Square kilometers with a value."""
    area = read.square_kilometers(read.product("deformation")["linear_rate"])
    return Found(f"{area:,.0f}", near(area, 140_000, 0.1))


def pixel(_: Path) -> Found:
    """Side of a square that is as large as a pixel."""
    da = read.product("deformation")["linear_rate"]
    side = 1000.0 * float(np.sqrt(read.square_kilometers(da) / read.known(da.values).size))
    return Found(f"{side:.0f} m", near(side, 90.0))


def rates(_: Path) -> Found:
    """Limits that nearly all rates lie between."""
    low, high = np.percentile(read.values("linear_rate"), (0.5, 99.5))
    return Found(f"{low:.0f} to {high:.0f}", near(low, -15.0) and near(high, 15.0))


def amplitude(_: Path) -> Found:
    """Mean and largest amplitude."""
    values = read.values("seasonal_amplitude")
    mean, top = values.mean(), np.percentile(values, 99.9)
    return Found(f"{mean:.0f}, 99.9 % below {top:.0f}", near(mean, 10.0) and near(top, 80.0))


def mostly_below(name: str, limit: float, unit: str, _: Path) -> Found:
    """Share of the pixels whose value is below a limit."""
    values = read.values(name)
    share = float(np.mean(values < limit))
    return Found(f"{share:.0%} below {limit:g} {unit}, median {np.median(values):.2f}", share > 0.5)


def leading(name: str, expected: str, folder: Path) -> Found:
    """First factor of a map by its q."""
    first = read.factors(folder, name).iloc[0]
    words = f"{str(first['factor']).replace('_', ' ')}: q {first['q']:.2f}, p {first['p']:.2f}"
    return Found(words, first["factor"] == expected)


def second(folder: Path) -> Found:
    """Place of latitude among the factors of the amplitude."""
    found = read.factors(folder, "seasonal_amplitude")
    place = found.index[found["factor"] == "latitude"][0] + 1
    return Found(f"place {place} of {len(found)}, q {found['q'][place - 1]:.2f}", place <= 2)


def beyond_chance(folder: Path) -> Found:
    """How many factors explain more than 95 % of maps without a cause do."""
    counts = []
    for name, words in (("linear_rate", "rate"), ("seasonal_amplitude", "amplitude")):
        found = read.factors(folder, name)
        counts.append(f"{words} {(found['q'] > found['q_null_95']).sum()} of {len(found)}")
    return Found(", ".join(counts), None)


def falls(factor: str, first: float, second: float, unit: str, folder: Path) -> Found:
    """Medians of two classes of a factor, of which the second shall be lower."""
    high, low = (read.median_at(folder, factor, edge) for edge in (first, second))
    return Found(f"{high:.1f} and {low:.1f} {unit}", low < high)


def rises(factor: str, first: float, second: float, unit: str, folder: Path) -> Found:
    """Medians of two classes of a factor, of which the second shall be higher."""
    found = falls(factor, first, second, unit, folder)
    return found._replace(agrees=not found.agrees)


def both(factor: str, ends: tuple[float, float], paper: tuple[float, float], unit: str, folder: Path) -> Found:
    """Medians of two classes, each held against the paper."""
    found = [read.median_at(folder, factor, edge) for edge in ends]
    agrees = all(near(one, other) for one, other in zip(found, paper, strict=True))
    return Found(f"{found[0]:.1f} and {found[1]:.1f} {unit}", agrees)


def level(folder: Path) -> Found:
    """Spread of the medians on slopes of 9 to 15 degrees."""
    spread = float(np.ptp(read.medians(folder, "slope", 9.0, 14.0)))
    return Found(f"medians differ by {spread:.1f} mm", spread <= 1.0)


def steep(folder: Path) -> Found:
    """Amplitude on slopes beyond 16 degrees less that at 9 to 15."""
    last = read.medians(folder, "slope").index.max() + 1
    if last <= 16:
        return Found(f"too few pixels beyond {last:g} degrees", agrees=False)
    more = float(read.medians(folder, "slope", 16.0).mean() - read.medians(folder, "slope", 9.0, 14.0).mean())
    return Found(f"{more:+.1f} mm", more > 0)


def ice(edge: float, paper: float, folder: Path) -> Found:
    """Median subsidence of a class of ground ice; within 0.5 mm/yr of zero counts as zero."""
    found = read.median_at(folder, "ice", edge)
    return Found(f"{found:.1f} mm/yr", abs(found - paper) <= max(0.5 * paper, 0.5))


def warm(folder: Path) -> Found:
    """Subsidence of ground above -2 degC less that of colder ground."""
    cold, warm = read.medians(folder, "magt", high=-3.0).mean(), read.medians(folder, "magt", low=-2.0).mean()
    return Found(f"{warm - cold:.1f} mm/yr, means of the classes' medians", near(warm - cold, 2.2))


def sinks_with_seasons(_: Path) -> Found:
    """Rate where the seasons are strong, less that where they are weak."""
    ds = read.product("deformation")
    rate, amplitude = (np.asarray(ds[name].values, dtype="float64") for name in ("linear_rate", "seasonal_amplitude"))
    strong, weak = (np.median(read.known(rate[where])) for where in (amplitude > 30, amplitude < 10))
    return Found(f"{strong - weak:.1f} mm/yr", abs(strong - weak) < 1.0)


def checked(
    label: str, agrees: Callable[[float], bool], unit: str, digits: int, folder: Path, *, as_share: bool = False
) -> Found:
    """Value of a check of a notebook."""
    value = read.checked(folder, label)
    return Found(f"{value:.0%}" if as_share else number(value, unit, digits), bool(agrees(value)))


def share(label: str, agrees: Callable[[float], bool], folder: Path) -> Found:
    """Value of a check that is a share, in percent."""
    return checked(label, agrees, "", 0, folder, as_share=True)


def local(region: int, name: str, paper: float, unit: str, folder: Path) -> Found:
    """How far a map reaches in a local region, up where the paper's number is positive, else down."""
    reach = read.table(folder, "local_extremes")
    reach = reach[reach["map"] == name]
    value = float(reach["high" if paper > 0 else "low"].iloc[region])
    return Found(f"{abs(value):.0f} {unit}", near(value, paper))


def thickness(column: str, r2: float, rmse: float, folder: Path) -> Found:
    """Fit of the amplitude by a thickness of the active layer."""
    found = read.line_through(folder, column)
    agrees = abs(found["r2"] - r2) <= 0.1 and near(found["rmse"], rmse)
    return Found(f"R2 {found['r2']:.2f}, RMSE {found['rmse']:.1f} mm, {found['n']} stations", agrees)
