"""What the paper says in numbers or tendencies, by figure, and where a run says it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from qtp_toolkit.report import _found as found
from qtp_toolkit.report._found import Found, near


class Statement(NamedTuple):
    """One statement of the paper and how to find it in a run."""

    figure: str
    what: str
    paper: str
    where: str
    found: Callable[[Path], Found]


def _of_check(
    figure: str, label: str, paper: str, where: str, *, agrees: Callable[[float], bool], unit: str = "", digits: int = 1
) -> Statement:
    """Statement that a check of the same words holds the number of."""
    what = label if label.startswith("q ") else label[:1].upper() + label[1:]
    return Statement(figure, what, paper, where, partial(found.checked, label, agrees, unit, digits))


_S, _L, _LOCAL = "Section 4.2.1", "Section 4.2.2", "Section 4.2.4"

STATEMENTS = (
    Statement("fig01", "Area of the maps (km2)", "about 140,000", "Abstract", found.area),
    Statement("fig02", "Interferograms", "466", "Section 3.7", found.pairs),
    Statement("fig03", "Side of a pixel", "approximately 90 m", "Section 3.7", found.pixel),
    Statement("fig03", "Linear rate (mm/yr), 0.5 to 99.5 %", "around -15 to 15", "Section 4.1", found.rates),
    Statement(
        "fig03", "Amplitude (mm), mean and largest", "around 10, up to around 80", "Section 4.1", found.amplitude
    ),
    Statement(
        "fig04",
        "Leading factor of the rate",
        "latitude",
        "Section 4.2",
        partial(found.leading, "linear_rate", "latitude"),
    ),
    Statement(
        "fig04",
        "Leading factor of the amplitude",
        "slope",
        "Section 4.2",
        partial(found.leading, "seasonal_amplitude", "slope"),
    ),
    Statement("fig04", "Latitude and the amplitude", "second", "Section 4.2", found.second),
    Statement("fig04", "Factors beyond 95 % of maps without a cause", "not asked", "Section 4.2", found.beyond_chance),
    Statement(
        "fig05",
        "Median amplitude at slopes of 0 to 1 and 4 to 5 degrees",
        "falls up to 5 degrees",
        _S,
        partial(found.falls, "slope", 0.0, 4.0, "mm"),
    ),
    Statement("fig05", "Median amplitude at slopes of 9 to 15 degrees", "unchanging", _S, found.level),
    Statement("fig05", "Median amplitude at 16 to 30 degrees less that at 9 to 15", "slightly larger", _S, found.steep),
    _of_check(
        "fig05", "amplitude, north minus south slopes", "2 mm", _S, agrees=lambda value: near(value, 2.0), unit="mm"
    ),
    _of_check(
        "fig05c",
        "rank correlation, amplitude and slope along QQ'",
        "valleys and basins move more",
        _S,
        agrees=lambda value: value < -0.3,
        digits=2,
    ),
    Statement(
        "fig06", "Median amplitude at NDVI 0.10 and 0.35", "falls", _S, partial(found.falls, "ndvi", 0.1, 0.35, "mm")
    ),
    Statement(
        "fig06",
        "Median amplitude at NDVI 0.40 and 0.55",
        "rises slightly",
        _S,
        partial(found.rises, "ndvi", 0.4, 0.55, "mm"),
    ),
    Statement(
        "fig06",
        "Median amplitude at 1250 and 1500 kg m-3",
        "11 and 4 mm",
        _S,
        partial(found.both, "density", (1250.0, 1500.0), (11.0, 4.0), "mm"),
    ),
    _of_check(
        "fig06",
        "effect of density, above over below NDVI 0.3",
        "weak below, strong above",
        _S,
        agrees=lambda value: value > 1.4,
        digits=2,
    ),
    _of_check(
        "fig07",
        "rate, south minus north of the Kunlun fault",
        "increases rapidly",
        _L,
        agrees=lambda value: value > 0,
        unit="mm/yr",
    ),
    _of_check(
        "fig07",
        "q of the side of the fault, rate over amplitude",
        "a pattern of the rate alone",
        _L,
        agrees=lambda value: value >= 2,
    ),
    Statement("fig08", "Median subsidence below 20 % ice", "around 0 mm/yr", _L, partial(found.ice, 0.0, 0.0)),
    Statement("fig08", "Median subsidence above 60 % ice", "2.5 mm/yr", _L, partial(found.ice, 0.6, 2.5)),
    Statement("fig08", "Subsidence above less below -2 degC", "2.2 mm/yr", _L, found.warm),
    _of_check(
        "fig08",
        "warm permafrost: growth with ice",
        "around 4 mm/yr",
        _L,
        agrees=lambda value: near(value, 4.0),
        unit="mm/yr",
    ),
    Statement(
        "fig08",
        "Growth with ice, cold over warm permafrost",
        "none or weak",
        _L,
        partial(found.share, "cold permafrost: share of that growth", lambda value: value <= 0.4),
    ),
    _of_check(
        "fig09",
        "amplitude, fast minus slow subsidence",
        "stronger where it sinks fast",
        "Section 4.2.3",
        agrees=lambda value: value > 0,
        unit="mm",
    ),
    Statement(
        "fig09",
        "Median rate at amplitudes above 30 less that below 10 mm",
        "not correlated",
        "Section 4.2.3",
        found.sinks_with_seasons,
    ),
    Statement(
        "fig10",
        "Zonag and Yanhu: uplift reaches (99.5 %)",
        "10 mm/yr",
        _LOCAL,
        partial(found.local, 0, "rate", 10.0, "mm/yr"),
    ),
    Statement(
        "fig10",
        "Zonag and Yanhu: subsidence reaches (0.5 %)",
        "15 mm/yr",
        _LOCAL,
        partial(found.local, 0, "rate", -15.0, "mm/yr"),
    ),
    Statement(
        "fig10",
        "Zonag and Yanhu: amplitude reaches (99.5 %)",
        "85 mm",
        _LOCAL,
        partial(found.local, 0, "amplitude", 85.0, "mm"),
    ),
    _of_check(
        "fig10",
        "late-winter residual of the drained basin",
        "5 to 10 mm",
        "Section 5.2",
        agrees=lambda value: 5 <= value <= 10,
        unit="mm",
    ),
    Statement(
        "fig11",
        "Tanggula: subsidence reaches (0.5 %)",
        "15 mm/yr",
        _LOCAL,
        partial(found.local, 1, "rate", -15.0, "mm/yr"),
    ),
    Statement(
        "fig11",
        "Tanggula: amplitude reaches (99.5 %)",
        "45 mm",
        _LOCAL,
        partial(found.local, 1, "amplitude", 45.0, "mm"),
    ),
    _of_check(
        "fig11",
        "correlation of rate and amplitude in the second region",
        "similar patterns",
        _LOCAL,
        agrees=lambda value: value < -0.3,
        digits=2,
    ),
    Statement(
        "fig11",
        "Share of the highway that sinks",
        "extensive",
        _LOCAL,
        partial(found.share, "share of the highway that sinks", lambda value: value >= 0.5),
    ),
    Statement(
        "fig12",
        "Tuotuo: subsidence reaches (0.5 %)",
        "18 mm/yr",
        _LOCAL,
        partial(found.local, 2, "rate", -18.0, "mm/yr"),
    ),
    Statement(
        "fig12", "Tuotuo: amplitude reaches (99.5 %)", "40 mm", _LOCAL, partial(found.local, 2, "amplitude", 40.0, "mm")
    ),
    _of_check(
        "fig12",
        "median rate, flattest less steepest quarter",
        "flat ground sinks, mountains hardly",
        _LOCAL,
        agrees=lambda value: value < 0,
        unit="mm/yr",
    ),
    Statement(
        "fig13",
        "Amplitude against thickness",
        "R2 0.43, RMSE 9 mm",
        "Section 4.3",
        partial(found.thickness, "alt_m", 0.43, 9.0),
    ),
    Statement(
        "fig13",
        "Amplitude against thickness calibrated by water content",
        "R2 0.82, RMSE 3 mm",
        "Section 4.3",
        partial(found.thickness, "alt_calibrated_m", 0.82, 3.0),
    ),
    Statement(
        "figS1",
        "Uncertainty of the rate",
        "mostly below 0.5 mm/yr",
        "Section 4.1",
        partial(found.mostly_below, "linear_rate_std", 0.5, "mm/yr"),
    ),
    Statement(
        "figS1",
        "Uncertainty of the amplitude",
        "mostly below 5 mm",
        "Section 4.1",
        partial(found.mostly_below, "seasonal_amplitude_std", 5.0, "mm"),
    ),
    _of_check(
        "figS2",
        "amplitude, spread of the medians over ice",
        "no obvious control",
        _S,
        agrees=lambda value: value <= 3,
        unit="mm",
    ),
    _of_check(
        "figS3",
        "rate, spread of the medians over classes of slope",
        "no obvious control",
        "Section 5.2",
        agrees=lambda value: value <= 2,
        unit="mm/yr",
    ),
)
"""In the order of the figures."""
