"""Phase bias of short pairs: what it does to rate and season, how it is told, and how it is taken out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pecm_cases as cases
import pytest
import xarray as xr

from qtp_toolkit import correct, inversion, network, pecm, synthetic
from qtp_toolkit.conventions import QtpDataError, phase_to_displacement
from qtp_toolkit.correct.kernels import closures
from qtp_toolkit.kernels.pairs import find_triplets
from qtp_toolkit.synthetic import places

BIAS = 0.05
MM = 55.46576 / (4 * np.pi)
SHARES = {12: 1.0, 24: 0.494, 36: 0.297}


def paper_dates():
    """The dates of the guide: day 290 of 2014 and every 24 days, from the 37th on every 12 days to day 2189."""
    days = np.concatenate([290 + 24 * np.arange(37), np.arange(1154 + 12, 2190, 12)])
    return np.datetime64("2014-01-01", "ns") + (days - 1) * np.timedelta64(1, "D")


def steady(day):
    return np.full(day.shape, BIAS)


def seasonal(day):
    """A mean of 0.05 rad in 12 days, and twice as much that comes and goes with the year."""
    return BIAS * (1 + 2 * np.cos(2 * np.pi * (day - 215) / 365.25))


def biased(pairs, base):
    """Phase of pairs that carry nothing but biases: shares of the sums of their steps, one step after the other."""
    out = []
    for first, last in zip(pairs["reference"].values, pairs["secondary"].values, strict=True):
        starts = pd.date_range(first, last, freq="12D")[:-1]
        share = SHARES.get((last - first).astype("timedelta64[D]").astype(int), 0.0)
        out.append(share * base(starts.day_of_year.to_numpy() + 6.0).sum())
    return xr.DataArray(np.array(out), pairs.coords, "pair", attrs={"units": "rad"})


@pytest.fixture(scope="module")
def paper():
    return network.select_pairs(paper_dates())


def rate_of(phase):
    series = inversion.invert(phase, norm="l2")["phase"]
    years = (series["time"].values - series["time"].values[0]) / np.timedelta64(1, "D") / 365.25
    return -MM * np.polyfit(years, series, 1)[0]


# what a bias does


@pytest.mark.parametrize(("days", "rate"), [(12, -6.717), (24, -3.318), (36, -1.995)])
def test_chains_drift(days, rate):
    """V of the guide: 0.05 rad in 12 days."""
    chain = network.select_pairs(pd.date_range("2017-01-01", periods=40, freq=f"{days}D"), windows=[(0, days)])
    assert rate_of(biased(chain, steady)) == pytest.approx(rate, abs=5e-4)


def test_annual_pairs_hold_the_rate(paper):
    """V of the guide: the paper's network with its short pairs only, and with all."""
    phase = biased(paper, steady)
    short = paper["temporal_baseline"].values <= 40
    assert len(phase) == 512
    assert rate_of(phase.isel(pair=short)) == pytest.approx(-2.94, abs=5e-3)
    assert rate_of(phase) == pytest.approx(-0.014, abs=5e-4)


def test_a_triangle_opens_by_what_the_long_pair_lacks():
    """V of the guide: 2 b (1 - a_24) for equal biases."""
    three = network.select_pairs(pd.date_range("2020-01-01", periods=3, freq="12D"))
    closed = network.closure_phase(biased(three, steady))
    assert closed.item() == pytest.approx(2 * BIAS * (1 - 0.494), abs=1e-12)


# the diagnosis


def test_short_pairs_tell_the_bias_of_the_rate(paper):
    phase = biased(paper, steady)
    for norm in ("l2", "l1"):
        out = inversion.compare_short(phase, norm=norm)
        assert float(out["rate_difference"]) == pytest.approx(-2.94 + 0.014, abs=0.01), norm
    assert (out.attrs["short_pairs"], out.attrs["pairs"], out.attrs["groups"]) == (292, 512, 1)


def test_what_belongs_to_dates_is_no_bias(paper, rng):
    dates = paper_dates()
    series = xr.DataArray(np.cumsum(rng.normal(0, 3, (dates.size, 4)), axis=0), {"time": dates}, ("time", "pixel"))
    moved = correct.pair_difference(series.assign_attrs(units="rad"), paper)
    out = inversion.compare_short(moved + biased(paper, steady).assign_attrs(units="rad"))
    np.testing.assert_allclose(out["rate_difference"], -2.93, atol=0.02)


def test_a_gap_between_groups_of_dates_is_no_rate(paper):
    """Dates that are missing part the short pairs; each group has its offset."""
    whole = biased(paper, steady)
    gone = paper_dates()[[10, 11, 12, 60, 61, 62]]
    kept = ~(np.isin(paper["reference"], gone) | np.isin(paper["secondary"], gone))
    out = inversion.compare_short(whole.isel(pair=kept), norm="l2")
    assert out.attrs["groups"] == 3
    assert float(out["rate_difference"]) == pytest.approx(-2.93, abs=0.15)


def indices(pairs):
    model = cases.six_years()
    every = np.unique(np.concatenate([pairs["reference"], pairs["secondary"]]))
    return {name: model[key].sel(time=every) for name, key in (("linear", "normalized"), ("composite", "I"))}


@pytest.fixture(scope="module")
def six():
    return network.select_pairs(cases.six_years()["I"]["time"].values)


def amplitude(phase, pairs, **options):
    """Seasonal amplitude of the model, mm, from the whole network."""
    model = indices(pairs)
    moved = phase_to_displacement(inversion.invert(phase, **options)["phase"])
    out = pecm.fit(moved, model["linear"], model["composite"], uncertainty="formal")
    return out["seasonal_amplitude"]


def test_the_season_of_short_pairs_is_told_by_the_model(six):
    model = indices(six)
    phase = biased(six, seasonal)
    out = inversion.compare_short(phase, **model, norm="l2")
    short = six["temporal_baseline"].values <= 40
    moved = [phase_to_displacement(inversion.invert(da, norm="l2")["phase"]) for da in (phase.isel(pair=short), phase)]
    fits = [pecm.fit(da, model["linear"], model["composite"], uncertainty="formal") for da in moved]
    rate, season = (fits[0][name] - fits[1][name] for name in ("linear_rate", "seasonal_coefficient"))
    assert float(out["rate_difference"]) == pytest.approx(float(rate), abs=1e-6)
    peak = float(model["composite"].max())
    assert float(out["amplitude_difference"]) == pytest.approx(abs(float(season)) * peak, abs=1e-6)
    half = inversion.compare_short(phase, **model, norm="l2", peak_index=xr.DataArray(peak / 2))
    assert float(half["amplitude_difference"]) == pytest.approx(abs(float(season)) * peak / 2, abs=1e-6)


@pytest.mark.parametrize("norm", ["l2", "l1"])
@pytest.mark.parametrize("longer", [1.0, 2.0])
def test_stated_sigmas_cover_what_noise_of_pairs_makes(paper, rng, norm, longer):
    """Errors of short pairs add up to a walk: a formal sigma covers one pixel in fifteen."""
    sigma = np.where(paper["temporal_baseline"].values > 300, 0.2 * longer, 0.2)
    phase = xr.DataArray(rng.normal(0, sigma, (2000, sigma.size)), paper.coords, ("pixel", "pair"))
    out = inversion.compare_short(phase.assign_attrs(units="rad"), norm=norm)
    share = float((abs(out["rate_difference"]) < out["rate_difference_std"]).mean())
    assert 0.6 < share < 0.75
    assert float(out["amplitude_difference"].mean()) < 2 * float(out["amplitude_difference_std"].mean())


def test_a_year_of_dates_does_not_tell_how_sure_it_is(paper, rng):
    """Where pairs are lost, few dates stay connected; the spread of two or three blocks is no sigma."""
    noise = rng.normal(0, 0.2, (3, len(paper["pair"])))
    noise[1:, 40:44] = np.nan
    phase = xr.DataArray(noise, paper.coords, ("pixel", "pair"), attrs={"units": "rad"})
    out = inversion.compare_short(phase, norm="l2")
    assert np.isfinite(out["rate_difference"]).all()
    assert np.isfinite(out["rate_difference_std"]).values.tolist() == [True, False, False]


def test_oracle_sigma_is_the_sum_over_steps_of_a_dense_fit(paper, rng):
    """Independent: pseudo-inverse of the design, its row summed to weights of steps, blocks of 120 days."""
    phase = xr.DataArray(rng.normal(0, 0.3, (2, len(paper["pair"]))), paper.coords, ("pixel", "pair"))
    phase = phase.assign_attrs(units="rad")
    short = paper["temporal_baseline"].values <= 40
    series = [inversion.invert(da, norm="l2")["phase"] for da in (phase.isel(pair=short), phase)]
    moved = -MM * (series[0] - series[1]).transpose("pixel", "time").values
    days = (series[0]["time"].values - series[0]["time"].values[0]) / np.timedelta64(1, "D")
    t = days / 365.25
    design = np.column_stack([t, np.cos(2 * np.pi * t), np.sin(2 * np.pi * t), np.ones(t.size)])
    row = np.linalg.pinv(design)[0]
    left = moved - moved @ np.linalg.pinv(design).T @ design.T
    weight = -np.cumsum(row)[:-1]
    block = (days[:-1] // 120).astype(int)
    errors = np.array([np.bincount(block, weight * np.diff(one)) for one in left])
    share = np.bincount(block, weight * np.diff(t))
    expected = np.sqrt(((errors / (1 - share)) ** 2).sum(axis=1))
    np.testing.assert_allclose(inversion.compare_short(phase, norm="l2")["rate_difference_std"], expected, rtol=1e-6)


def test_the_diagnosis_is_lazy(paper, no_compute, rng):
    noise = rng.normal(0, 0.2, (len(paper["pair"]), 3, 4))
    phase = (biased(paper, steady) + xr.DataArray(noise, dims=("pair", "y", "x"))).assign_attrs(units="rad")
    phase[5:9, 0, 0] = np.nan
    coherence = xr.full_like(phase, 0.5).assign_attrs(units="1")
    blocks = {"pair": -1, "y": 2, "x": 3}
    with no_compute():
        lazy = inversion.compare_short(phase.chunk(blocks), coherence.chunk(blocks))
    eager = inversion.compare_short(phase, coherence)
    xr.testing.assert_allclose(lazy.compute(), eager)
    assert not eager.chunks
    series = inversion.invert(phase, coherence)["phase"]
    xr.testing.assert_identical(inversion.compare_short(phase, coherence, series=series), eager)


def test_networks_with_nothing_to_compare_say_so(paper):
    phase = biased(paper, steady)
    short = paper["temporal_baseline"].values <= 40
    with pytest.raises(QtpDataError, match="all are short"):
        inversion.compare_short(phase.isel(pair=short))
    with pytest.raises(QtpDataError, match="none is short"):
        inversion.compare_short(phase.isel(pair=~short))
    with pytest.raises(QtpDataError, match="go together"):
        inversion.compare_short(phase, linear=cases.six_years()["normalized"])


def test_a_series_and_indices_must_be_of_the_same_dates_pixels_and_unit(six):
    """I05, I06: else the difference is of something else, or pixels vanish without a word."""
    place = {"y": [90.0, 0.0], "x": [0.0, 90.0]}
    phase = biased(six, steady).expand_dims({"y": 2, "x": 2}).transpose("pair", "y", "x").assign_coords(place)
    series = inversion.invert(phase, norm="l2")["phase"]
    rough = series.assign_coords(x=[1e-6, 90.000001])
    xr.testing.assert_allclose(
        inversion.compare_short(phase, series=rough, norm="l2"), inversion.compare_short(phase, norm="l2")
    )
    model = indices(six)
    index = model["composite"].expand_dims({"y": 2, "x": 2}).assign_coords(place)
    for wrong, words in (
        ({"series": series.assign_coords(x=[90.0, 180.0])}, "series"),
        ({"series": (series * 4.4).assign_attrs(units="mm")}, "'series' has the wrong unit"),
        ({"series": series[5:]}, "series lacks dates of the network.*5 missing"),
        ({**model, "composite": model["composite"][3:]}, "an index lacks dates of the network"),
        ({**model, "composite": index.assign_coords(x=[90.0, 180.0])}, "an index"),
    ):
        with pytest.raises(QtpDataError, match=words):
            inversion.compare_short(phase, norm="l2", **wrong)
    with pytest.raises(QtpDataError, match="a column of the link"):
        inversion.invert_linked(phase, columns=[series.assign_coords(x=[90.0, 180.0])], norm="l2")


def test_where_nothing_was_seen_no_sigma_is_zero(paper):
    phase = biased(paper, steady).expand_dims(x=2).copy()
    phase[0] = np.nan
    out = inversion.compare_short(phase, norm="l2")
    assert all(np.isnan(out[name][0]) for name in out)
    assert np.isfinite(out["rate_difference_std"][1])


# the correction


def maps(phase, shape=(1, 1)):
    return phase.expand_dims({"y": shape[0], "x": shape[1]}, axis=(1, 2)).copy()


def test_biases_without_noise_come_back(paper):
    """Where triangles tell of every step, and nothing is damped."""
    late = paper["reference"].values >= np.datetime64("2017-06-01")
    phase = biased(paper.isel(pair=late), seasonal)
    out = correct.fit_phase_bias(maps(phase), cell=1, stiffness=1e-9)
    middle = pd.DatetimeIndex(out["start"].values + (out["end"] - out["start"]).values / 2)
    assert out.attrs == {"triplets": out.attrs["triplets"], "intervals_without_triplet": 0, "pairs_unknown": 0}
    np.testing.assert_allclose(out["base_bias"][:, 0, 0], seasonal(middle.day_of_year.to_numpy()), atol=2e-3)
    left = correct.remove_delay(maps(phase), out["bias_phase"])
    assert abs(left).max() < 2e-3


def test_early_years_have_the_bias_of_their_season(paper):
    """Every 24 days there is no triangle: the season of later years stands for it."""
    phase = biased(paper, seasonal)
    out = correct.fit_phase_bias(maps(phase), cell=1)
    assert out.attrs["intervals_without_triplet"] > 25
    left = correct.remove_delay(maps(phase), out["bias_phase"])[:, 0, 0]
    early = paper["secondary"].values < np.datetime64("2017-01-01")
    assert abs(left[early]).max() < 0.01 < abs(phase[early]).max() / 5


def test_the_false_season_falls_below_a_third_of_a_millimeter(six, rng):
    """A seasonal bias under the noise of pairs and lost cycles; cells of 64 pixels."""
    clean = maps(biased(six, seasonal), (16, 16))
    noisy = clean + rng.normal(0.0, 0.2, clean.shape)
    noisy += 2 * np.pi * (rng.random(clean.shape) < 0.02)
    noisy = noisy.assign_coords(y=1000.0 - 10.0 * np.arange(16), x=10.0 * np.arange(16)).rio.write_crs(32646)
    noisy = noisy.astype(np.float32).assign_attrs(units="rad")
    mended = correct.remove_delay(noisy, correct.fit_phase_bias(noisy)["bias_phase"])
    left = (clean + mended - noisy).assign_attrs(units="rad")  # without the noise, whose own season is no bias
    before, after = (float(amplitude(da.mean(("y", "x"), keep_attrs=True), six)) for da in (clean, left))
    assert 0.8 < before < 1.1
    assert after < 0.3


def test_equal_to_dense_least_squares(rng):
    """Independent: rows for closures and for damping in one matrix, per cell, by numpy's lstsq."""
    pairs = network.select_pairs(pd.date_range("2018-01-01", periods=40, freq="12D"))
    phase = maps(biased(pairs, seasonal), (2, 3)) + rng.normal(0, 0.1, (len(pairs["pair"]), 2, 3))
    phase[:, 1, 1] = np.nan
    phase[3:20:3, 0, 1] = np.nan
    out = correct.fit_phase_bias(phase.assign_attrs(units="rad"), cell=1, stiffness=0.7, harmonics=1)
    dates = np.unique(np.concatenate([pairs["reference"], pairs["secondary"]]))
    first, second = (np.searchsorted(dates, pairs[end]) for end in ("reference", "secondary"))
    length = pairs["temporal_baseline"].values
    share = np.array([SHARES.get(int(n), 0.0 if n >= 300 else np.nan) for n in length])
    number = np.arange(len(dates) - 1)
    of_pairs = share[:, None] * ((number >= first[:, None]) & (number < second[:, None]))
    rows = find_triplets(first, second)
    matrix = of_pairs[rows[:, 0]] + of_pairs[rows[:, 1]] - of_pairs[rows[:, 2]]
    angle = 2 * np.pi * (1 + 6 + 12 * number) / 365.25
    season = np.column_stack([np.ones(number.size), np.cos(angle), np.sin(angle)])
    damped = np.sqrt(np.concatenate([[0.0], [1e-4] * 2, [0.7] * number.size]))
    stacked = np.vstack([np.hstack([matrix @ season, matrix]), np.diag(damped)])
    for y, x in ((0, 0), (0, 1), (1, 2)):
        values = phase.values[:, y, x]
        closed = values[rows[:, 0]] + values[rows[:, 1]] - values[rows[:, 2]]
        seen = np.concatenate([np.isfinite(closed), np.ones(damped.size, bool)])
        right = np.concatenate([closed, np.zeros(damped.size)])
        solved = np.linalg.lstsq(stacked[seen], right[seen], rcond=None)[0]
        np.testing.assert_allclose(out["base_bias"][:, y, x], season @ solved[:3] + solved[3:], atol=1e-4)
    beside = [out["base_bias"].values[:, y, x] for y, x in ((0, 1), (1, 0), (1, 2))]
    assert any(np.array_equal(out["base_bias"].values[:, 1, 1], of) for of in beside)  # the nearest


def test_cells_average_what_is_there():
    rows = np.array([[0, 1, 2]])
    phase = np.zeros((3, 5, 4), np.float32)
    phase[0] = np.arange(20).reshape(5, 4) / 100
    phase[1, 0, 0] = np.nan
    phase[2, 1, 1] = 2 * np.pi  # a lost cycle
    got = closures.cell_closures(phase, rows, cell=2)
    assert got.shape == (1, 3, 2)
    assert got[0, 0, 0] == pytest.approx(np.mean([0.01, 0.04, 0.05]), abs=1e-6)
    assert got[0, 2, 1] == pytest.approx(np.mean([0.18, 0.19]), abs=1e-6)
    phase[0, :2, :2] = np.nan
    assert np.isnan(closures.cell_closures(phase, rows, cell=2)[0, 0, 0])


def test_the_correction_is_lazy_on_a_coarser_grid(six, no_compute, rng):
    noise = xr.DataArray(rng.normal(0, 0.1, (len(six["pair"]), 11, 9)), dims=("pair", "y", "x"))
    where = {"y": 5000.0 - 100.0 * np.arange(11), "x": 100.0 * np.arange(9)}
    phase = (biased(six, seasonal) + noise).assign_coords(where).rio.write_crs(32646).assign_attrs(units="rad")
    with no_compute():
        lazy = correct.fit_phase_bias(phase.chunk({"pair": -1, "y": 5, "x": 7}), cell=4)
        mended = correct.remove_delay(phase.chunk({"pair": -1, "y": 5, "x": 7}), lazy["bias_phase"])
    eager = correct.fit_phase_bias(phase, cell=4)
    assert dict(eager.sizes) == {"interval": eager.sizes["interval"], "pair": len(six["pair"]), "y": 5, "x": 5}
    np.testing.assert_allclose(eager["x"], [-250.0, 150.0, 550.0, 950.0, 1350.0])
    xr.testing.assert_allclose(lazy.compute(), eager)
    xr.testing.assert_allclose(mended.compute(), correct.remove_delay(phase, eager["bias_phase"]), atol=1e-6)
    assert np.isfinite(mended).all()


def test_biases_are_found_block_by_block(six, monkeypatch):
    """What belongs to a block of cells is all that is in memory of their closures; unknown cells are filled across."""
    phase = biased(six, seasonal) + xr.DataArray(np.zeros((len(six["pair"]), 12, 8)), dims=("pair", "y", "x"))
    phase = phase.assign_attrs(units="rad")
    phase[:, :4] = np.nan
    cells, solve = [], closures.solve
    monkeypatch.setattr(
        closures, "solve", lambda given, *how, **kw: cells.append(given.shape[1]) or solve(given, *how, **kw)
    )
    found = correct.fit_phase_bias(phase.chunk({"y": 4, "x": 4}), cell=2)["base_bias"].compute()
    assert cells == [4] * 6
    np.testing.assert_allclose(found[:, 0], found[:, 3])
    xr.testing.assert_allclose(found, correct.fit_phase_bias(phase, cell=2)["base_bias"])


def test_pairs_of_unknown_share_are_left_alone():
    dates = pd.date_range("2020-01-01", periods=12, freq="12D")
    pairs = network.select_pairs(dates, windows=[(0, 48)])
    out = correct.fit_phase_bias(maps(biased(pairs, steady)), cell=1, harmonics=0)
    unknown = pairs["temporal_baseline"].values == 48
    assert out.attrs["pairs_unknown"] == unknown.sum() == 8
    assert (out["bias_phase"].values[unknown] == 0).all()
    np.testing.assert_allclose(out["base_bias"], BIAS, atol=1e-6)
    known = correct.fit_phase_bias(maps(biased(pairs, steady)), cell=1, shares=SHARES | {48: 0.2})
    assert known.attrs["pairs_unknown"] == 0


@pytest.mark.parametrize(("freq", "windows"), [("12D", [(0, 12)]), ("6D", [(0, 12)]), ("24D", [(0, 24), (360, 360)])])
def test_networks_that_tell_nothing_say_so(freq, windows):
    pairs = network.select_pairs(pd.date_range("2020-01-01", periods=40, freq=freq), windows=windows)
    phase = xr.DataArray(np.zeros(len(pairs["pair"])), pairs.coords, "pair", attrs={"units": "rad"})
    with pytest.raises(QtpDataError, match="no triangle of pairs tells of a phase bias"):
        correct.fit_phase_bias(maps(phase))


def test_where_nothing_closes_nothing_is_known(six):
    phase = xr.full_like(maps(biased(six, steady), (2, 2)), np.nan).assign_attrs(units="rad")
    out = correct.fit_phase_bias(phase, cell=1)
    assert np.isnan(out["base_bias"]).all()


def test_in_the_scene_the_false_season_falls_below_a_third_of_a_millimeter():
    """Maps of the biased stack against those of the same stack without bias: air, ramps and lost cycles in both."""
    truth = synthetic.beyond_scene("default", window=(slice(226, 266), slice(112, 152)))
    x, y = places.project(*places.REFERENCE_POINT)
    rock = np.hypot(truth["x"] - x, truth["y"] - y).transpose("y", "x") < 3000
    stacks = [synthetic.track_stack(truth, "descending", bias=bias).compute() for bias in (0.0, 0.1)]
    clean, spoiled = (correct.set_reference(stack["phase"], rock) for stack in stacks)
    mended = correct.remove_delay(spoiled, correct.fit_phase_bias(spoiled)["bias_phase"])
    series = [inversion.invert(phase, stacks[0]["coherence"])["phase"] for phase in (clean, spoiled, mended)]
    before, after = (
        pecm.sinusoid(phase_to_displacement((da - series[0]).assign_attrs(units="rad")))["seasonal_amplitude"]
        for da in series[1:]
    )
    assert float(before.median()) > 0.7
    assert float(after.median()) < 0.3
    assert float(after.quantile(0.9)) < 0.5 * float(before.quantile(0.9))
    told = [inversion.compare_short(phase, stacks[0]["coherence"]) for phase in (clean, spoiled)]
    still, drifts = (float(out["rate_difference"].median()) for out in told)
    assert abs(still) < 0.3
    assert drifts < -1.5
