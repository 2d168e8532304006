"""The house style: fonts, one row of colors and limits per variable, labels from attributes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import cmcrameri  # noqa: F401  (registers the color maps as "cmc.<name>")
import matplotlib as mpl
import numpy as np
import xarray as xr
from cycler import cycler
from matplotlib.colors import ListedColormap

from qtp_toolkit import conventions

DPI, PRINT_DPI = 200, 300
"""Resolution of the PNG that a page shows, and of maps within the PDF; maps are thinned to the finer one."""

ENDS = (2.0, 98.0)
"""Percentiles of the data at which color bars end, where the table names no limits: outliers must not bleach a map."""

ONE_SIDED = 0.2
"""A map of signed values whose smaller side is less than this share of the larger shows the colors it uses only."""

LIMITS = "limits"
"""Keyword of a map for what the foot of the figure says about its color limits."""

TEXT = {"title": 8.0, "label": 8.0, "tick": 7.0, "legend": 7.0, "note": 6.0}
"""Sizes of text in points, at the size that is printed; interactive twins use the same in their proportion."""

SHORTER = (
    ("line-of-sight", "LOS"),
    (", positive toward the satellite", ""),
    (", positive upward", ""),
    ("rate of the horizontal motion to the east", "east rate"),
    (", peak to trough", ""),
    ("linear deformation rate", "linear rate"),
    ("seasonal deformation amplitude", "seasonal amplitude"),
    (", positive away from the satellite", ""),
    ("depth-weighted mean volumetric water content of the active layer", "mean water content"),
)
"""What a label says shorter than the variable table does."""

UNITS = {
    "1": "",
    "degC": "°C",
    "degree": "°",
    "degrees_east": "°E",
    "degrees_north": "°N",
    "degC d": "°C d",
    "kg m-3": "kg m$^{-3}$",
    "W m-1 K-1": "W m$^{-1}$ K$^{-1}$",
    "degC0.5 d0.5": "(°C d)$^{0.5}$",
    "mm degC-0.5 d-0.5": "mm (°C d)$^{-0.5}$",
}
"""Units of the variable table as they are typeset; others stay as they are."""

FACTORS = {
    "magt": "MAGT",
    "ndvi": "NDVI",
    "ddt_max": "max. DDT",
    "ddf_max": "max. DDF",
    "ddt_ddf_ratio": "DDT/DDF",
    "sand": "sand fraction",
    "linear_rate": "linear rate",
    "seasonal_amplitude": "amplitude",
}
"""Factors by the short names of axes with many of them; others lose their underscores."""

NEUTRAL, ACCENT, LINE, FAULT = "#8c96a0", "#c1440e", "#1f4e79", "#d7191c"
GROUP_COLORS = (LINE, "#e08a3c", "#1b6e6a", "#a58ac9", "#b8b8b8")
STATION_COLORS = ("#1b6e6a", "#a58ac9", "#e3c567", "#7a3b10", "#b8b8b8")
CLASS_COLORS = ("#1b6e6a", "#8fb339", "#e3c567", "#c98b5b", "#b8b8b8", "#5b9bd5", "#dfefff", "#6a4c93", "#33415c")
"""Colors of compared groups, of classes of stations and of those of maps, told apart with color blindness, too."""

HOUSE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.formatter.use_locale": False,
    "axes.labelsize": TEXT["label"],
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=[LINE, "#e08a3c", "#1b6e6a", "#a58ac9", NEUTRAL, ACCENT]),
    "axes.titlesize": TEXT["title"],
    "figure.dpi": 120,
    "figure.titlesize": 9,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": TEXT["label"],
    "grid.color": "0.85",
    "grid.linewidth": 0.4,
    "hatch.linewidth": 0.4,
    "legend.fontsize": TEXT["legend"],
    "legend.title_fontsize": TEXT["legend"],
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.1,
    "lines.markersize": 3,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,
    "savefig.dpi": DPI,
    "xtick.labelsize": TEXT["tick"],
    "xtick.major.width": 0.6,
    "ytick.labelsize": TEXT["tick"],
    "ytick.major.width": 0.6,
}


WARM = ListedColormap(mpl.colormaps["cmc.lajolla_r"](np.linspace(0.03, 0.86, 256)), "qtp.warm")
"""lajolla without its black end, which hid the hillshade."""

LAND = ListedColormap(mpl.colormaps["cmc.oleron"](np.linspace(0.55, 0.9, 256)), "qtp.land")
"""The land half of oleron without its white end, which is that of glaciers."""

for _cmap in (WARM, LAND):
    mpl.colormaps.register(_cmap, force=True)


class Style(NamedTuple):
    """How one variable is colored; limits left at None are taken from the data, at the percentiles ``ends``."""

    cmap: str
    vmin: float | None = None
    vmax: float | None = None
    symmetric: bool = False
    """Zero has the middle color."""
    ends: tuple[float, float] = ENDS


_WIDE = (0.5, 99.5)
"""For the maps whose extremes are the finding: lakes that rise and basins that sink."""
_SIGNED = Style("cmc.vik_r", symmetric=True)
_MOTION = Style("cmc.vik_r", symmetric=True, ends=_WIDE)
_THERMAL = Style("cmc.vik", symmetric=True)
_ERROR = Style("cmc.oslo_r", vmin=0.0)
_WARM = Style("qtp.warm", vmin=0.0)
_COLD = Style("cmc.devon_r", vmin=0.0)
_SOIL = Style("cmc.bilbao_r")
_UNIT = Style("cmc.navia", 0.0, 1.0)

STYLE: dict[str, Style] = {
    "linear_rate": _MOTION,
    "displacement": _MOTION,
    "intercept": _SIGNED,
    "seasonal_coefficient": _SIGNED,
    "seasonal_amplitude": Style("qtp.warm", vmin=0.0, ends=_WIDE),
    "vertical_rate": _MOTION,
    "east_rate": _MOTION,
    "vertical_amplitude": Style("qtp.warm", vmin=0.0, ends=_WIDE),
    "signed_amplitude": Style("cmc.vik", symmetric=True, ends=_WIDE),
    "linear_rate_std": _ERROR,
    "amplitude_trend": Style("cmc.vik", symmetric=True),
    "late_season_loss": Style("cmc.lapaz_r", vmin=0.0, ends=_WIDE),
    "loss_probability": _UNIT,
    "seasonal_amplitude_std": _ERROR,
    "vertical_rate_std": _ERROR,
    "east_rate_std": _ERROR,
    "vertical_amplitude_std": _ERROR,
    "amplitude_trend_std": _ERROR,
    "late_season_loss_std": _ERROR,
    "rms": _ERROR,
    "rate_difference": _SIGNED,
    "amplitude_difference": Style("qtp.warm", vmin=0.0),
    "phase": _SIGNED,
    "tropospheric_phase": _SIGNED,
    "closure_phase": _SIGNED,
    "wrapped_phase": Style("cmc.romaO", -float(np.pi), float(np.pi)),
    "coherence": _UNIT,
    "temporal_coherence": Style("cmc.navia"),  # near 1 nearly everywhere: a bar from 0 would be blank
    "lst": _THERMAL,
    "terra_day": _THERMAL,
    "terra_night": _THERMAL,
    "aqua_day": _THERMAL,
    "aqua_night": _THERMAL,
    "magt": _THERMAL,
    "thaw_onset": Style("cmc.batlow"),
    "freeze_onset": Style("cmc.batlow"),
    "thaw_onset_std": _ERROR,
    "freeze_onset_std": _ERROR,
    "addt": _WARM,
    "ddt": _WARM,
    "ddt_max": _WARM,
    "addf": _COLD,
    "ddf": _COLD,
    "ddf_max": _COLD,
    "ddt_ddf_ratio": Style("qtp.warm"),
    "bulk_density": _SOIL,
    "sand": _SOIL,
    "water_content": Style("cmc.davos_r"),
    "mean_water_content": Style("cmc.davos_r"),
    "conductivity_thawed": Style("cmc.imola"),
    "conductivity_frozen": Style("cmc.imola"),
    "conductivity_ratio": Style("cmc.imola"),
    "elevation": Style("qtp.land", ends=(0.0, 100.0)),
    "slope": _WARM,
    "aspect": Style("cmc.romaO", 0.0, 360.0),
    "northness": Style("cmc.vik", -1.0, 1.0),
    "ndvi": Style("cmc.bamako_r"),
    "ground_ice": _COLD,
    "active_layer_thickness": Style("cmc.lapaz_r"),
    "active_layer_thickness_std": _ERROR,
    "mean_water_content_std": _ERROR,
    "water_column": Style("cmc.davos_r", vmin=0.0),
    "water_column_std": _ERROR,
}


def house() -> AbstractContextManager[None]:
    """Return the context in which every panel is drawn; usable around own matplotlib calls too.

    >>> with house():
    ...     mpl.rcParams["savefig.dpi"]
    200.0
    """
    return mpl.rc_context(HOUSE)


def label(da: xr.DataArray) -> str:
    """Axis or color bar label of ``da``, ``long name (unit)``, from its attributes alone.

    >>> label(xr.DataArray(0.0, attrs={"long_name": "active layer thickness", "units": "m"}))
    'Active layer thickness (m)'
    """
    name = str(da.attrs.get("long_name", da.name or "")).replace("_", " ")
    for long, short in SHORTER:
        name = name.replace(long, short)
    unit = UNITS.get(unit := str(da.attrs.get("units", "")), unit)
    name = name[:1].upper() + name[1:]
    return f"{name} ({unit})" if unit else name


def minus(text: str) -> str:
    """Typeset the sign of negative numbers in a text.

    >>> minus("-2 to 0.5, mid-July")
    '−2 to 0.5, mid-July'
    """
    return re.sub(r"(?<!\w)-(?=[\d.])", "\N{MINUS SIGN}", text)


def style_of(da: xr.DataArray, **override: Any) -> dict[str, Any]:
    """``cmap``, ``vmin`` and ``vmax`` of a variable in memory: the table, then its percentiles, then ``override``.

    Where zero has the middle color, the bar reaches equally far to both sides; a map that lies on one side of zero
    leaves out the colors of the other.
    """
    row = STYLE.get(str(da.name), Style("cmc.batlow"))
    out: dict[str, Any] = {"cmap": row.cmap, "vmin": row.vmin, "vmax": row.vmax}
    out |= {key: value for key, value in override.items() if key in out and value is not None}
    values = np.asarray(da.values, dtype="float64")
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, override.get("ends") or row.ends) if values.size else (0.0, 1.0)
    if row.symmetric and out["vmin"] is None and out["vmax"] is None:
        reach = max(abs(low), abs(high))
        if min(-low, high) < ONE_SIDED * reach and low < high:
            out["cmap"] = _side(out["cmap"], low / reach, high / reach)
        else:
            reach = _round_up(reach)
            low, high = -reach, reach
    elif row.symmetric:
        low, high = (-out["vmax"], out["vmax"]) if out["vmin"] is None else (out["vmin"], -out["vmin"])
    out["vmin"] = float(low) if out["vmin"] is None else out["vmin"]
    out["vmax"] = float(high) if out["vmax"] is None else out["vmax"]
    if not out["vmax"] > out["vmin"]:
        out["vmax"] = out["vmin"] + 1.0  # a constant map
    return out


def limits(*maps: xr.DataArray, ends: tuple[float, float] | None = None) -> dict[str, Any]:
    """Color limits that maps which are compared share: from all their values together.

    Parameters
    ----------
    *maps : xarray.DataArray
        Of one variable. Lazy ones are computed; each counts by its pixels.
    ends : (float, float), optional
        Percentiles at which the color bars end; by default those of the variable's row in :data:`STYLE`.

    Returns
    -------
    dict
        Keywords of :func:`qtp_toolkit.plot.deformation_map`, with what the foot of the figure says about them.

    Examples
    --------
    >>> calm, lively = (xr.DataArray(np.linspace(-top, top, 101), name="linear_rate") for top in (2, 8))
    >>> shared = limits(calm, lively)
    >>> shared["vmin"], shared["vmax"], shared["limits"]
    (-8.0, 8.0, 'color bars end at percentiles 0.5 and 99.5 of the panels together')
    """
    values = np.concatenate([np.asarray(da.values, dtype="float64").ravel() for da in maps])
    name = maps[0].name
    row = STYLE.get(str(name), Style("cmc.batlow"))
    ends = ends or row.ends
    inside = values[np.isfinite(values)]
    inside = np.percentile(inside, ends) if inside.size else inside
    how = style_of(xr.DataArray(inside, dims="end", name=name), ends=(0.0, 100.0))
    return {**how, LIMITS: f"{said_of(ends)} of the panels together"}


def said_of(ends: tuple[float, float]) -> str:
    """Say at which percentiles color bars end.

    >>> said_of((2.0, 98.0))
    'color bars end at percentiles 2 and 98'
    """
    if ends == (0.0, 100.0):
        return "color bars span all values"
    return f"color bars end at percentiles {ends[0]:g} and {ends[1]:g}"


def provenance(*objects: Any) -> str | None:
    """First provenance note of arrays, Datasets, tables and mappings of them."""
    for obj in objects:
        plain = isinstance(obj, Mapping) and not isinstance(obj, xr.Dataset)
        note = provenance(*obj.values()) if plain else conventions.provenance(obj).get(conventions.NOTE)
        if note:
            return str(note)
    return None


def _side(cmap: Any, low: float, high: float) -> ListedColormap:
    """Colors between two places of a diverging color map that runs from -1 to 1."""
    whole = mpl.colormaps[cmap] if isinstance(cmap, str) else cmap
    return ListedColormap(whole(np.linspace(0.5 + low / 2, 0.5 + high / 2, 256)), f"{whole.name}.side")


def _round_up(value: float) -> float:
    """Round up to one of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten, so that color bars end on a readable number."""
    if not value > 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(value))
    steps = np.array([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10])
    return float(steps[np.searchsorted(steps, value / power * (1 - 1e-9))] * power)
