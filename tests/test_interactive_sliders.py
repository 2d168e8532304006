"""Figures with sliders: each answers with the numbers of the functions that it calls."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import panel as pn
import pytest
import xarray as xr

from qtp_toolkit import geodetector, interactive, network, pecm, seasons, walk
from qtp_toolkit.conventions import QtpDataError, describe

WAVELENGTH = 0.0554658
DAYS = pd.date_range("2016-01-01", "2019-12-31")


@pytest.fixture(scope="module")
def daily():
    wave = -3.5 + 13.5 * np.sin(2 * np.pi * (DAYS.day_of_year.to_numpy() - 115) / 365.25)
    return xr.DataArray(wave, {"time": DAYS}, "time", attrs={"units": "degC"})


def title(figure):
    return figure.opts.get().kwargs["title"]


def numbers(figure):
    return [float(word) for word in re.findall(r"-?\d+\.?\d*", title(figure))]


# oracle


def test_seasons_answer_with_onsets_and_degree_days(daily):
    sliders = interactive.season_sliders(daily)
    for warmer in (0.0, 2.0):
        warm = (daily + warmer).assign_attrs(daily.attrs)
        sums = seasons.annual_degree_days(warm).mean("year")
        thaw = float(seasons.onsets(warm)["thaw_onset_mean"])
        shown = title(sliders.draw(warmer=warmer))
        assert f"{float(sums['ddt']):.0f} degree days of thaw, {float(sums['ddf']):.0f} of frost" in shown
        assert f"thaw {pd.Timestamp('2017-01-01') + pd.Timedelta(days=int(thaw) - 1):%d %b}".replace(" 0", " ") in shown


def test_a_place_that_never_thaws_says_so(daily):
    cold = (daily - 40.0).assign_attrs(daily.attrs)
    assert title(interactive.season_sliders(cold).draw()).startswith("thaw never, freeze never · 0 degree days")


def test_votes_beat_squares(rng):
    pairs = network.select_pairs(pd.date_range("2017-03-01", periods=40, freq="12D"))
    moved = xr.DataArray(np.cumsum(rng.normal(0, 0.3, 40)), dims="time")
    ends = [np.searchsorted(np.unique([pairs["reference"], pairs["secondary"]]), pairs[end]) for end in
            ("reference", "secondary")]  # fmt: skip
    phase = xr.DataArray(moved.values[ends[1]] - moved.values[ends[0]], pairs.coords, "pair", attrs={"units": "rad"})
    coherence = xr.full_like(phase, 0.7).assign_attrs(units="1")
    sliders = interactive.network_sliders(phase, coherence, wavelength=WAVELENGTH)
    assert numbers(sliders.draw(broken=0.0))[0] == 0.0
    votes, _, squares, _ = numbers(sliders.draw(broken=5.0))
    assert squares > 2 * votes
    with pytest.raises(QtpDataError, match="one pixel"):
        interactive.network_sliders(phase.expand_dims(y=2), coherence, wavelength=WAVELENGTH)


def test_the_model_answers_with_its_own_fit(daily):
    dates = DAYS[120::12]
    sums = walk.thermal(daily, dates=dates)
    ends = {name: sums[name] for name in ("addt_end", "addf_end", "permafrost_year")}
    linear = pecm.linear_index(sums["time"], sums["thaw_onset_mean"], sums["freeze_onset_mean"])
    season = pecm.composite_index(sums["addt"], sums["addf"], 1.0, **ends)
    moved = describe(-4.0 * linear - 0.5 * season + 7.0, "displacement")
    sliders = interactive.model_sliders(moved, daily)
    peak = float(pecm.amplitude_factor(walk.thermal(daily, dates=DAYS[120:])["addt_end"]))
    rate, amplitude, misfit = numbers(sliders.draw())
    assert (rate, misfit) == (-4.0, 0.0)
    assert amplitude == pytest.approx(0.5 * peak, abs=0.051)
    assert numbers(sliders.draw(later=30.0))[2] > 0.5
    assert abs(numbers(sliders.draw(intercept="none"))[0] + 4.0) > 0.5


def test_strata_answer_with_q_and_a_moved_map_loses_its_cause(rng):
    rows = {"y": -np.arange(40.0), "x": np.arange(30.0)}
    factor = xr.DataArray(rng.normal(size=(40, 30)), rows, name="slope", attrs={"units": "degree"})
    values = describe(factor + rng.normal(0, 0.5, (40, 30)), "linear_rate")
    sliders = interactive.strata_sliders(values, factor)
    strata = geodetector.stratify(factor, method="quantile", k=5)
    found = numbers(sliders.draw(classes=5))[0]
    assert found == pytest.approx(float(geodetector.factor(values, strata)["q"]), abs=5e-4)
    assert numbers(sliders.draw(classes=5, moved=50.0))[0] < 0.05 < found


# page


def test_moving_a_slider_redraws_and_nothing_is_fetched(daily):
    sliders = interactive.season_sliders(daily)
    sliders.panel.get_root()
    before = title(sliders.panel[1].object[()])
    sliders.widgets["warmer"].value = 3.0
    assert title(sliders.panel[1].object[()]) != before
    assert title(sliders.draw()) == title(sliders.draw(warmer=3.0))
    data, _ = sliders._repr_mimebundle_()
    assert pn.io.resources.CDN_DIST not in "".join(text for text in data.values() if isinstance(text, str))


def test_one_series_is_wanted(daily):
    with pytest.raises(QtpDataError, match="dims"):
        interactive.season_sliders(daily.rename(time="day"))
