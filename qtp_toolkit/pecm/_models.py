"""Linear models of displacement that are worth comparing."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.conventions import THAW_YEAR, TIME, on_pixels_of, require
from qtp_toolkit.pecm._index import FORMS, linear_index
from qtp_toolkit.pecm._late import late_season_index, split_years
from qtp_toolkit.pecm._run import elapsed_years

NOISE, YEARS_DIFFER, LOSS = 3.0, 0.1, 20.0
"""Prior of the yearly candidates: noise of a date (mm), standard deviations of coefficients (mm degC-0.5 d-0.5; 3 mm of
amplitude) about their mean and of losses (mm) about 0."""


class Shrunk(NamedTuple):
    """Columns whose coefficients have a normal prior: what a model needs to predict a year that it has not seen."""

    columns: tuple[int, ...]
    """Their places in the model."""
    ratio: float
    """Variance of an observation of weight 1 over that of a coefficient."""
    toward: Literal["mean", "zero"] = "mean"
    """The mean of the group, which is fitted, or 0."""


class Model(NamedTuple):
    """A linear model of displacement: curves times one coefficient each."""

    columns: tuple[xr.DataArray, ...]
    """(time, ...) each, or (time,) for a curve that all pixels share."""
    intercept: bool = True
    """Whether a constant is fitted too."""
    shrunk: tuple[Shrunk, ...] = ()
    """Groups of columns with a prior."""

    @property
    def penalty(self) -> np.ndarray | None:
        """What the priors add to the normal equations, (K, K)."""
        if not self.shrunk:
            return None
        size = len(self.columns) + self.intercept
        out = np.zeros((size, size))
        for columns, ratio, toward in self.shrunk:
            inside = np.eye(len(columns)) - (1.0 / len(columns) if toward == "mean" else 0.0)
            out[np.ix_(columns, columns)] += ratio * inside
        return out


def candidates(
    composite: xr.DataArray, thaw_onset: xr.DataArray, freeze_onset: xr.DataArray, *, yearly: bool = False
) -> dict[str, Model]:
    """Build the models that are worth comparing, by name.

    ``index``: the default, ``v L + d I + c``. ``printed L``: Eq. 3 by the letter. ``calendar L``: a rate that is steady
    in calendar time. ``index + steady``: both kinds of rate. ``no intercept``: Eq. 7 by the letter. ``index +
    half-year``: with a sine and cosine of half a year. ``sinusoid``, ``sinusoid + half-year``: no temperature at all.

    With ``yearly`` two more, the model of :func:`fit_years` under a plain prior that is the same for all pixels:
    ``yearly``, a coefficient for each permafrost year, drawn to their mean (noise 3 mm, coefficients within 0.1), so
    that a year that was left out is predicted by the mean of the others; and ``yearly + losses``, with a late-season
    loss of each year besides, drawn to 0 (within 20 mm).

    Parameters
    ----------
    composite : xarray.DataArray
        (time, ...) :func:`composite_index` on the dates of the displacement.
    thaw_onset, freeze_onset : xarray.DataArray
        (...) mean day of year.
    yearly : bool
        Make the two yearly models, too: two columns more for every year.

    Returns
    -------
    dict of str to Model
        Lazy if the inputs are lazy. Add models of your own, or take some away.

    Examples
    --------
    >>> composite = xr.DataArray(np.zeros(3), {"time": pd.date_range("2015", periods=3, freq="YS")}, "time")
    >>> thaw, freeze = (xr.DataArray(day, attrs={"units": "day of year"}) for day in (130.0, 280.0))
    >>> list(candidates(composite, thaw, freeze))[:4]
    ['index', 'printed L', 'calendar L', 'index + steady']
    """
    require(composite, dims=(TIME,))
    for onset in (thaw_onset, freeze_onset):
        require(onset, quantity="thaw_onset")
    thaw_onset = on_pixels_of(thaw_onset, composite, name="thaw_onset")
    freeze_onset = on_pixels_of(freeze_onset, composite, name="freeze_onset")
    dates = composite[TIME]
    normalized, printed, calendar = (linear_index(dates, thaw_onset, freeze_onset, form=form) for form in FORMS)
    years = elapsed_years(pd.DatetimeIndex(dates.values))
    steady, *waves = (
        xr.DataArray(curve, {TIME: dates.values}, (TIME,))
        for curve in (years, *(f(2 * np.pi * k * years) for k in (1, 2) for f in (np.sin, np.cos)))
    )
    models = {
        "index": Model((normalized, composite)),
        "printed L": Model((printed, composite)),
        "calendar L": Model((calendar, composite)),
        "index + steady": Model((normalized, composite, steady)),
        "no intercept": Model((normalized, composite), intercept=False),
        "index + half-year": Model((normalized, composite, *waves[2:])),
        "sinusoid": Model((steady, *waves[:2])),
        "sinusoid + half-year": Model((steady, *waves)),
    }
    return models | _yearly_models(normalized, composite, thaw_onset, freeze_onset) if yearly else models


def _yearly_models(
    linear: xr.DataArray, composite: xr.DataArray, thaw_onset: xr.DataArray, freeze_onset: xr.DataArray
) -> dict[str, Model]:
    parts = split_years(composite, thaw_onset)
    late = late_season_index(composite[TIME], thaw_onset, freeze_onset, years=list(parts))
    ramps = tuple(late.isel({THAW_YEAR: i}, drop=True) for i in range(len(parts)))
    number = len(parts)
    columns = (linear, *parts.values())
    together = Shrunk(tuple(range(1, 1 + number)), (NOISE / YEARS_DIFFER) ** 2)
    small = Shrunk(tuple(range(1 + number, 1 + 2 * number)), (NOISE / LOSS) ** 2, "zero")
    return {
        "yearly": Model(columns, shrunk=(together,)),
        "yearly + losses": Model((*columns, *ramps), shrunk=(together, small)),
    }
