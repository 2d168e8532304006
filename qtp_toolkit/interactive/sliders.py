"""What if? Figures with sliders, for a notebook that runs: each move calls the functions that the notebook typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import geodetector, inversion, pecm, regions, seasons, walk
from qtp_toolkit.conventions import PAIR, PERCENTILE, TIME, QtpDataError, X, Y, phase_to_displacement, require
from qtp_toolkit.interactive.loading import holoviews, with_styles
from qtp_toolkit.interactive.page import caption, heading, safe
from qtp_toolkit.interactive.twins import SIZE, time_series
from qtp_toolkit.plot.style import ACCENT, GROUP_COLORS, LINE, NEUTRAL

CYCLE = 2.0 * np.pi
LOOK = SIZE | {"fontsize": {"title": 10}}


class Sliders:
    """A figure below its sliders. In an executed page, where no kernel answers, it shows how they stood.

    ``draw(**values)`` makes the figure without sliders, for the values that are given and the first ones of the rest.
    """

    def __init__(self, figure: Callable[..., Any], **widgets: Any) -> None:
        hv = holoviews()
        import panel as pn  # noqa: PLC0415

        self._figure, self.widgets = figure, widgets
        moving = hv.DynamicMap(pn.bind(figure, **widgets)).opts(framewise=True)
        self.panel = pn.Column(pn.Row(*widgets.values()), pn.pane.HoloViews(moving, linked_axes=False))

    def draw(self, **values: Any) -> Any:
        """Return the figure for these values."""
        return self._figure(**{name: widget.value for name, widget in self.widgets.items()} | values)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Show it as panel does, with panel's style sheets inside, which it would fetch."""
        bundle = self.panel._repr_mimebundle_(include, exclude)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {kind: with_styles(text) if isinstance(text, str) else text for kind, text in data.items()}, metadata


def _slider(name: str, low: float, high: float, step: float, value: float) -> Any:
    import panel as pn  # noqa: PLC0415

    kind = pn.widgets.IntSlider if isinstance(step, int) else pn.widgets.FloatSlider
    return kind(**_called(kind, name), start=low, end=high, step=step, value=value, width=220)


def _menu(name: str, options: tuple[str, ...]) -> Any:
    import panel as pn  # noqa: PLC0415

    return pn.widgets.Select(**_called(pn.widgets.Select, name), options=list(options), width=160)


def _called(kind: Any, name: str) -> dict[str, str]:
    """Keyword of a widget's heading, which panel 1.9 renamed."""
    return {"label" if "label" in kind.param else "name": safe(name)}


def season_sliders(daily: xr.DataArray) -> Sliders:
    """Show onsets and degree days of one place, under a temperature that is some kelvin off and by other rules.

    Parameters
    ----------
    daily : xarray.DataArray
        (time,) degC, one value a day, whole years.

    Returns
    -------
    Sliders
        ``warmer`` (K) and ``rule``; the figure shows the mean year, zero, and the mean onsets.

    Examples
    --------
    >>> days = pd.date_range("2017-01-01", periods=730)
    >>> wave = -3.5 + 13.5 * np.sin(2 * np.pi * (np.arange(730) - 114) / 365)
    >>> moved = season_sliders(xr.DataArray(wave, {"time": days}, "time", attrs={"units": "degC"}))
    >>> moved.draw(warmer=3.0).opts.get().kwargs["title"]
    'thaw 27 Apr, freeze 22 Oct · 1478 degree days of thaw, 1661 of frost'
    """
    require(daily, dims=(TIME,), units="degC")
    hv = holoviews()

    def figure(warmer: float, rule: str) -> Any:
        changed = (daily + warmer).assign_attrs(daily.attrs)
        onsets, sums = seasons.onsets(changed, method=rule), seasons.annual_degree_days(changed).mean("year")
        year = changed.groupby("time.dayofyear").mean()
        data = {"day": year["dayofyear"].values, "value": year.values}
        ends = [float(onsets[name]) for name in walk.ENDS]
        words = "thaw {}, freeze {}".format(*map(_date, ends))
        words += f" · {float(sums['ddt']):.0f} degree days of thaw, {float(sums['ddf']):.0f} of frost"
        how = {"xlabel": "Day of year", "ylabel": "Mean year (°C)", "title": heading(words, daily), **LOOK}
        marks = [hv.VLine(end).opts(color=ACCENT, line_dash="dashed") for end in ends if np.isfinite(end)]
        curve = hv.Curve(data, "day", "value").opts(color=LINE)
        return hv.Overlay([curve, hv.HLine(0.0).opts(color=NEUTRAL, line_width=1), *marks]).opts(**how)

    return Sliders(
        figure, warmer=_slider("Warmer by (K)", -5.0, 5.0, 0.5, 0.0), rule=_menu("Rule of the onset", seasons.METHODS)
    )


def _date(day_of_year: float) -> str:
    if not np.isfinite(day_of_year):
        return "never"
    date = pd.Timestamp("2017-01-01") + pd.Timedelta(days=int(day_of_year) - 1)
    return f"{date.day} {date:%b}"


def network_sliders(
    phase: xr.DataArray, coherence: xr.DataArray, *, wavelength: float, reference_date: Any = None, seed: int = 0
) -> Sliders:
    """Solve one pixel by two norms, while some of its pairs are unwrapped a cycle too high.

    Parameters
    ----------
    phase, coherence : xarray.DataArray
        (pair,) rad and 0..1, with the dates of the pairs.
    wavelength : float
        m.
    reference_date : datetime64, optional
        Date of zero displacement, by default the first. One that many pairs tie to the others shows the errors where
        they are; those of a date that hangs by few pairs would shift the whole series.
    seed : int
        Which pairs are broken first.

    Returns
    -------
    Sliders
        ``broken`` (percent of the pairs); the figure shows both series, and how far each is from the unbroken L1.
    """
    require(phase, dims=(PAIR,), quantity="phase")
    if phase.ndim != 1:
        raise QtpDataError("one pixel is wanted", expected="dims (pair,)", found=str(phase.dims))
    hv = holoviews()
    order = np.random.default_rng(seed).permutation(phase.size)
    rank = xr.DataArray(np.argsort(order), dims=PAIR)

    def solve(broken: float, norm: str) -> xr.DataArray:
        wrong = (phase + CYCLE * (rank < broken / 100.0 * phase.size)).assign_attrs(phase.attrs)
        solved = inversion.invert(wrong, None if norm == "l2" else coherence, norm=norm, reference_date=reference_date)
        return phase_to_displacement(solved["phase"], wavelength=wavelength)

    kept = solve(0.0, "l1")

    def figure(broken: float) -> Any:
        found = {norm: solve(broken, norm) for norm in ("l1", "l2")}
        off = {norm: float(np.sqrt(((da - kept) ** 2).mean())) for norm, da in found.items()}
        words = "off by {l1:.1f} mm (L1) and {l2:.1f} mm (L2)".format(**off)
        times = kept[TIME].values
        lines = [
            hv.Curve((times, found[norm].values), "time", "value", label=norm.upper()).opts(color=color)
            for norm, color in (("l2", GROUP_COLORS[1]), ("l1", LINE))
        ]
        points = hv.Scatter((times, kept.values), "time", "value", label="unbroken, L1").opts(color=NEUTRAL, size=5)
        how = {"xlabel": "Date", "ylabel": caption(kept), "title": heading(words, phase), **LOOK}
        return hv.Overlay([points, *lines]).opts(legend_position="right", **how)

    return Sliders(figure, broken=_slider("Pairs a cycle too high (%)", 0.0, 20.0, 1.0, 3.0))


def model_sliders(displacement: xr.DataArray, daily: xr.DataArray) -> Sliders:
    """Fit the model at one place with other soil, other onsets, or without intercept.

    Parameters
    ----------
    displacement : xarray.DataArray
        (time,) mm.
    daily : xarray.DataArray
        (time,) degC at the same place, one value a day, around all dates.

    Returns
    -------
    Sliders
        ``ratio`` (frozen over thawed conductivity), ``later`` (days, both onsets) and ``intercept``; the figure shows
        the points, and the model on every day that the temperature covers.
    """
    require(displacement, dims=(TIME,), quantity="displacement")
    require(daily, dims=(TIME,), units="degC")
    days = daily[TIME].sel({TIME: slice(displacement[TIME].values[0], displacement[TIME].values[-1])})

    def figure(ratio: float, later: float, intercept: str) -> Any:
        sums = walk.thermal(daily, dates=days, later=later)
        ends: dict[str, Any] = {name: sums[name] for name in ("addt_end", "addf_end", "permafrost_year")}
        linear = pecm.linear_index(days, *(sums[name] for name in walk.ENDS))
        season = pecm.composite_index(sums["addt"], sums["addf"], ratio, **ends)
        peak = pecm.amplitude_factor(sums["addt_end"])
        at = {TIME: displacement[TIME]}
        options: dict[str, Any] = {"intercept": intercept, "uncertainty": "formal", "peak_index": peak}
        fit = pecm.fit(displacement, linear.sel(at), season.sel(at), **options)
        words = "rate {:.1f} mm/yr, amplitude {:.1f} mm, misfit {:.1f} mm"
        words = words.format(*(float(fit[name]) for name in ("linear_rate", "seasonal_amplitude", "rms")))
        return time_series(displacement, fit=pecm.forward(fit, linear, season), title=words, fontsize=LOOK["fontsize"])

    return Sliders(
        figure,
        ratio=_slider("Conductivity, frozen over thawed", 0.5, 3.0, 0.1, 1.0),
        later=_slider("Onsets later by (days)", -40.0, 40.0, 5.0, 0.0),
        intercept=_menu("Intercept", ("estimate", "none")),
    )


def strata_sliders(values: xr.DataArray, factor: xr.DataArray) -> Sliders:
    """Divide a map by the classes of a factor, with more of them, or while the map lies elsewhere.

    Parameters
    ----------
    values : xarray.DataArray
        (y, x), the map that is explained.
    factor : xarray.DataArray
        (y, x), numbers.

    Returns
    -------
    Sliders
        ``classes``, ``moved`` (percent of the height: the map is turned round upward, as on a cylinder, so that the
        cause is gone and the patches stay) and ``method``; the figure shows median and quartiles of each class, and q.
    """
    require(values, dims=(Y, X))
    require(factor, dims=(Y, X))
    hv = holoviews()

    def figure(classes: int, moved: float, method: str) -> Any:
        rows = round(moved / 100.0 * values.sizes[Y])
        shifted = values.copy(data=np.roll(values.values, -rows, axis=values.get_axis_num(Y)))
        strata = geodetector.stratify(factor, method=method, k=classes)
        q = float(geodetector.factor(shifted, strata)["q"])
        box = regions.box_table(shifted, strata)["quantile"].sel({PERCENTILE: [25, 50, 75]}).transpose(PERCENTILE, ...)
        low, middle, high = box.values
        place = np.arange(1, middle.size + 1)
        bars = hv.ErrorBars((place, middle, middle - low, high - middle), "class", ["value", "below", "above"])
        points = hv.Scatter((place, middle), "class", "value").opts(color=LINE, size=9)
        words = f"q = {q:.3f} of {safe(factor.name)}"
        how = {
            "xlabel": f"Class of {caption(factor)}",
            "ylabel": caption(values),
            "title": heading(words, values),
            **LOOK,
        }
        return (bars * points).opts(**how)

    return Sliders(
        figure,
        classes=_slider("Classes", 2, 30, 1, 8),
        moved=_slider("Map moved by (% of its height)", 0.0, 95.0, 5.0, 0.0),
        method=_menu("Division", ("quantile", "equal")),
    )
