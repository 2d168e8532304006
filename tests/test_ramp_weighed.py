"""Planes of interferograms: what is deformation in them is given back, and what that leaves unknown is stated."""

from __future__ import annotations

import numpy as np
import own_region
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial import legendre
from scipy.special import stdtrit
from scipy.stats import norm

from qtp_toolkit import correct, pecm, seasons
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.correct.kernels import slopes

MM_PER_RAD = -1 / own_region.PER_MM
DATES = pd.date_range("2014-10-13", periods=160, freq="12D")
YEARS = xr.DataArray((DATES - DATES[0]).days / 365.25, {"time": DATES}, "time")
SEASON = 30.0 * np.sqrt(np.maximum(np.sin(2 * np.pi * (YEARS - 0.6)), 0))
STEPS = (1, 2, 3, 30, 31)
FIRST, SECOND = np.array([(i, i + k) for i in range(DATES.size) for k in STEPS if i + k < DATES.size]).T
ACROSS, ALONG = np.linspace(-1, 1, 24), np.linspace(1, -1, 18)


def pairs_of(series):
    """Interferograms of a series (time, y, x), rad."""
    coords = {"reference": ("pair", DATES[FIRST]), "secondary": ("pair", DATES[SECOND]), "y": ALONG, "x": ACROSS}
    return xr.DataArray(series[SECOND] - series[FIRST], coords, ("pair", "y", "x"), attrs={"units": "rad"})


def planes(rng, size, shape=DATES.size):
    """Random ramps of the dates."""
    return size * (rng.normal(size=(shape, 1, 1)) * ACROSS + rng.normal(size=(shape, 1, 1)) * ALONG[:, None])


def moving(rate, coefficient=0.0):
    """Series in rad of maps in rad/yr and rad per unit of the seasonal index."""
    return YEARS.values[:, None, None] * rate + SEASON.values[:, None, None] * coefficient


def weigh(phase, **options):
    return correct.weigh_ramp(correct.fit_ramp(phase, degree=4), YEARS, SEASON, **options)


TILT = 0.8 * ACROSS - 0.3 * ALONG[:, None]
HILLS = 0.5 * legendre.legval(ACROSS, [0, 0, 1]) + 0.4 * legendre.legval(ALONG, [0, 0, 0, 0, 1])[:, None]


def test_closed_form_waves_are_legendre_products():
    surface = 2.0 + 3.0 * ACROSS + HILLS + 0.3 * ACROSS * legendre.legval(ALONG, [0, 0, 0, 1])[:, None]
    ramp = correct.fit_ramp(pairs_of(np.zeros((DATES.size, 1, 1)) + 0 * surface)[:1] + surface, degree=4)
    expected = [0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.3, 0.4]
    np.testing.assert_allclose(ramp["waves"].squeeze(), expected, atol=1e-9)
    plain = correct.fit_ramp(pairs_of(np.zeros((DATES.size, 1, 1)) + 0 * surface)[:1] + surface)
    np.testing.assert_allclose(ramp["ramp_x"], plain["ramp_x"], atol=1e-12)
    assert "waves" not in plain


def test_closed_form_leak():
    """Waves of size 1 under a mask: the plane that dense least squares finds in each, added up by squares."""
    mask = xr.DataArray(np.add.outer(ALONG, ACROSS) > -0.6, {"y": ALONG, "x": ACROSS}, ("y", "x"))
    powers = [(n - k, k) for n in range(2, 5) for k in range(n + 1)]
    unit = np.eye(5)
    waves = np.stack([np.outer(legendre.legval(ALONG, unit[j]), legendre.legval(ACROSS, unit[i])) for i, j in powers])
    phase = xr.DataArray(waves, {"y": ALONG, "x": ACROSS}, ("pair", "y", "x"), attrs={"units": "rad"})
    alone, leak = correct.fit_ramp(phase, mask=mask), correct.fit_ramp(phase, mask=mask, degree=4)["leak"]
    expected = [float(np.sqrt((alone[name] ** 2).sum())) for name in ("ramp_x", "ramp_y")]
    np.testing.assert_allclose(leak, np.broadcast_to(expected, (len(waves), 2)))
    assert float(correct.fit_ramp(phase, degree=4)["leak"].max()) < 0.3 < float(leak.min())


@pytest.mark.parametrize("shape", [(3, 40), (40, 3), (2, 2), (8, 8)])
@pytest.mark.parametrize("degree", [1, 4])
def test_lazy_planes_of_grids_with_fewer_rows_than_powers(rng, shape, degree):
    axes = {"y": np.arange(shape[0], 0, -1.0), "x": np.arange(shape[1], dtype=float)}
    phase = xr.DataArray(rng.normal(size=(5, *shape)), axes, ("pair", "y", "x"), attrs={"units": "rad"})
    lazy = correct.fit_ramp(phase.chunk(y=64, x=-1), degree=degree)
    assert lazy["ramp_x"].chunks is not None
    xr.testing.assert_allclose(lazy.compute(), correct.fit_ramp(phase, degree=degree))


def test_closed_form_deformation_without_ramps_is_kept():
    phase = pairs_of(moving(TILT + HILLS, 0.02 * TILT + 0.01 * HILLS))
    weighed = weigh(phase)
    assert float(abs(weighed["rate_share"] - 1).max()) < 1e-6
    assert float(abs(weighed["coefficient_share"] - 1).max()) < 1e-6
    np.testing.assert_allclose(weighed["rate_slope"], MM_PER_RAD * np.array([0.8, -0.3]))
    flat = correct.deramp(phase, ramp=weighed)
    offset = (phase - flat).mean(("y", "x"))
    np.testing.assert_allclose(flat, phase - offset, atol=1e-6)
    assert flat.attrs["units"] == "rad"


def test_closed_form_ramps_are_taken_out(rng):
    """Large ramps over hills that are small: the maps are nearly those of a plane."""
    still = moving(0.1 * HILLS, 0.002 * HILLS)
    phase = pairs_of(still + planes(rng, 20.0))
    weighed = weigh(phase)
    assert float(weighed["rate_share"].max()) < 0.1
    assert float(weighed["coefficient_share"].max()) < 0.1
    flat = correct.deramp(phase, ramp=weighed)
    assert float(abs(phase - pairs_of(still)).std()) > 10
    assert float(abs(flat - pairs_of(still)).std()) < 0.1


def test_closed_form_what_is_clear_is_believed(rng):
    """A tectonic tilt ten times as large as the hills, seen at many standard errors, stays."""
    weighed = weigh(pairs_of(moving(TILT + 0.05 * HILLS) + planes(rng, 0.5)))
    assert float(weighed["rate_share"].min()) > 0.9
    assert float(weighed["coefficient_share"].max()) < 0.9


def test_closed_form_nothing_and_all(rng):
    phase = pairs_of(moving(TILT + HILLS, 0.01 * HILLS) + planes(rng, 3.0))
    nothing, part, everything = (weigh(phase, give_back=option) for option in ("nothing", "share", "all"))
    np.testing.assert_allclose(correct.deramp(phase, ramp=nothing), correct.deramp(phase), atol=1e-9)
    assert (everything["rate_share"] == 1).all()
    assert (nothing["rate_share"] == 0).all()
    np.testing.assert_array_equal(nothing["rate_slope"], everything["rate_slope"])
    for other in (nothing, everything):
        assert (other["rate_slope_std"] > part["rate_slope_std"]).all()
        assert (other["coefficient_slope_std"] > part["coefficient_slope_std"]).all()


def test_oracle_slopes_against_a_dense_fit(rng):
    """Series of the slopes by the very dates, fitted by numpy; also where the network falls into two groups."""
    noise = rng.normal(size=(DATES.size, 3))
    series = np.outer(YEARS, [2.0, -1.0, 0.3]) + np.outer(SEASON, [0.1, 0.0, -0.2]) + noise
    inside = (FIRST < 70) == (SECOND < 70)
    for keep, levels in ((np.ones(FIRST.size, bool), [0]), (inside, [0, 1])):
        first, second = FIRST[keep], SECOND[keep]
        network = slopes.Network(first, second, DATES.year.to_numpy())
        found, std = slopes.follow(series[second] - series[first], network, YEARS.values, SEASON.values)
        constants = [np.arange(DATES.size) // 70 > 0, np.arange(DATES.size) // 70 == 0]
        columns = constants if len(levels) == 2 else [np.ones(DATES.size)]
        design = np.stack([YEARS.values, SEASON.values, *np.array(columns, dtype=float)], axis=1)
        expected, squares = np.linalg.lstsq(design, series, rcond=None)[:2]
        np.testing.assert_allclose(found, expected[:2], atol=1e-9)
        formal = np.sqrt(
            np.outer(np.diag(np.linalg.inv(design.T @ design))[:2], squares / (len(design) - design.shape[1]))
        )
        widening = std / formal
        np.testing.assert_allclose(widening, widening[0, 0])
        student = stdtrit(6, norm.cdf(1.0))  # of seven calendar years
        assert 1.05 < student < 1.12
        assert student * (1 - 1e-9) <= widening[0, 0] < 2 * student


@settings(max_examples=60, deadline=None)
@given(
    seen=st.lists(st.floats(-50, 50), min_size=2, max_size=2),
    std=st.lists(st.floats(0, 20), min_size=2, max_size=2),
    scale=st.floats(0, 20),
)
def test_property_belief(seen, std, scale):
    """A share from 0 to 1; sign and scale do not matter; more is believed of what is larger."""
    seen, std = np.array(seen), np.array(std)
    belief = slopes.believe(seen, std, scale)
    share = belief.mean_share()
    assert ((share >= 0) & (share <= 1)).all()
    width = belief.half_width(share)
    assert np.isfinite(width).all()
    assert (width >= 0).all()
    assert (belief.half_width(0 * share) >= abs(share * seen) * 0.4 - 1e-9).all()
    np.testing.assert_allclose(slopes.believe(-seen, std, scale).mean_share(), share)
    np.testing.assert_allclose(slopes.believe(seen[::-1], std[::-1], scale).mean_share(), share[::-1])
    if scale > 1e-3 and (std > 1e-3).all():
        larger = slopes.believe(10 * seen, 10 * std, 10 * scale)
        np.testing.assert_allclose(larger.mean_share(), share, rtol=1e-9)
        np.testing.assert_allclose(larger.half_width(share), 10 * width, rtol=1e-6)
        assert (slopes.believe(2 * seen, std, scale).mean_share() >= share - 1e-12).all()
        assert (slopes.believe(seen, std, scale / 2).mean_share() <= share + 1e-12).all()


def test_closed_form_belief_at_its_ends():
    near = slopes.believe(np.array([1.0, 2.0]), np.zeros(2), 0.5)
    np.testing.assert_allclose(near.mean_share(), 1)
    np.testing.assert_allclose(near.half_width(np.ones(2)), 0, atol=1e-9)
    np.testing.assert_allclose(near.half_width(np.array([0.5, 0.0])), [0.5, 2.0], rtol=1e-6)
    lost = slopes.believe(np.array([1.0, 2.0]), np.full(2, 1e6), 1.0)
    np.testing.assert_allclose(lost.mean_share(), 0, atol=1e-9)


def test_oracle_half_width_holds_68_percent(rng):
    """Draws of the mixture: sizes first, then slopes of that size."""
    seen, std, scale = np.array([2.0, -1.0]), np.array([1.5, 0.7]), 1.0
    belief = slopes.believe(seen, std, scale)
    kind = rng.choice(len(belief.weight), size=200_000, p=belief.weight[:, 0])
    drawn = belief.share[kind] * seen + belief.std[kind] * rng.normal(size=(kind.size, 2))
    for share in (belief.mean_share(), np.zeros(2), np.ones(2)):
        held = abs(drawn - share * seen) <= belief.half_width(share)
        np.testing.assert_allclose(held.mean(axis=0), 0.6827, atol=0.005)
    # No estimate: slopes of the prior, k log-normal around 1.
    size = scale * 1.6 ** rng.normal(size=200_000)
    bare = slopes.believe(np.zeros(1), np.full(1, 1e6), scale).half_width(np.zeros(1))
    assert abs(float(np.mean(abs(size * rng.normal(size=size.size)) <= bare)) - 0.6827) < 0.005


def test_closed_form_usual_size():
    np.testing.assert_allclose(slopes.usual_size(np.array([3.0, -5.0]), np.array([1.0, 1.0])), 4.0)
    np.testing.assert_allclose(slopes.usual_size(np.array([3.0, -3.0]), np.array([9.0, 9.0])), 1.5)


def test_closed_form_std_grows_from_the_reference(rng):
    phase = pairs_of(moving(TILT + HILLS, 0.01 * HILLS) + planes(rng, 3.0))
    weighed = weigh(phase)
    area = xr.zeros_like(phase[0], dtype=bool)
    area[8:10, 4:7] = True
    std = correct.ramp_std(weighed, area)
    x, y = ACROSS - ACROSS[5], ALONG - ALONG[8:10].mean()
    slope = weighed["rate_slope_std"].values
    np.testing.assert_allclose(std["linear_rate_std"], np.hypot(slope[0] * x, slope[1] * y[:, None]), atol=1e-12)
    assert std["seasonal_coefficient_std"].attrs["units"] == "mm degC-0.5 d-0.5"
    where = {"time": DATES, "y": ALONG, "x": ACROSS}
    moved = xr.DataArray(rng.normal(size=(DATES.size, 18, 24)), where, tuple(where))
    arguments = moved.assign_attrs(units="mm"), YEARS, SEASON
    bare, wide = pecm.fit(*arguments), pecm.fit(*arguments, ramp_std=std)
    np.testing.assert_allclose(wide["linear_rate_std"], np.hypot(bare["linear_rate_std"], std["linear_rate_std"]))
    squares = wide["seasonal_amplitude_std"] ** 2 - bare["seasonal_amplitude_std"] ** 2
    peak = np.sqrt(squares) / std["seasonal_coefficient_std"]
    np.testing.assert_allclose(peak, float(peak[0, 0]))
    assert 28 < float(peak[0, 0]) <= 30  # the mean annual maximum of the index
    with pytest.raises(QtpDataError, match="not on the grid"):
        pecm.fit(*arguments, ramp_std=std.isel(x=slice(0, 20)))


def test_lazy_weighed(no_compute, rng):
    phase = pairs_of(moving(TILT + HILLS) + planes(rng, 3.0))
    weighed = weigh(phase)
    lazy = phase.chunk(y=6, x=8)
    with no_compute():
        flat = correct.deramp(lazy, ramp=weighed)
    assert flat.data.numblocks == (1, 3, 3)
    np.testing.assert_allclose(flat, correct.deramp(phase, ramp=weighed), atol=1e-12)
    xr.testing.assert_allclose(correct.weigh_ramp(correct.fit_ramp(lazy, degree=4), YEARS, SEASON), weighed)


def test_closed_form_refusals(rng):
    phase = pairs_of(moving(HILLS) + planes(rng, 1.0))
    with pytest.raises(QtpDataError, match="without shorter waves"):
        correct.weigh_ramp(correct.fit_ramp(phase), YEARS, SEASON)
    with pytest.raises(QtpDataError, match="give_back"):
        weigh(phase, give_back="some")
    ramp = correct.fit_ramp(phase, degree=4)
    with pytest.raises(QtpDataError, match="lacks dates"):
        correct.weigh_ramp(ramp, YEARS[5:].rename("linear_index"), SEASON)
    with pytest.raises(QtpDataError, match="too few dates"):
        correct.weigh_ramp(ramp, YEARS, 0 * SEASON)
    with pytest.raises(QtpDataError, match=r"no date of the interferograms has indices.*temperature lie where"):
        correct.weigh_ramp(ramp, np.nan * YEARS, np.nan * SEASON)
    partly = correct.weigh_ramp(ramp, YEARS.where(YEARS > 0.5), SEASON.where(YEARS > 0.5))
    assert np.isfinite(partly["ramp_x"]).all()


@pytest.fixture(scope="module")
def regions():
    """Planes of six regions without ramps, the indices of their mean temperature, and the true slopes."""
    out = []
    for seed in range(1, 7):
        made = own_region.region(seed)
        daily = made.temperature.mean(("y", "x")).assign_attrs(units="degC")
        onset = seasons.onsets(daily)
        ends = onset["thaw_onset_mean"], onset["freeze_onset_mean"]
        dates = np.union1d(made.phase["reference"], made.phase["secondary"])
        sums = seasons.degree_days(daily, *ends, dates=dates)
        ends_of_years = {name: sums[name] for name in ("addt_end", "addf_end", "permafrost_year")}
        composite = pecm.composite_index(sums["addt"], sums["addf"], 1.0, **ends_of_years)
        peak = float(pecm.amplitude_factor(sums["addt_end"]))
        truth = correct.fit_ramp(made.truth.to_dataarray("map").assign_attrs(units="rad"))
        true = np.stack([truth["ramp_x"], truth["ramp_y"]], axis=1)
        ramp = correct.fit_ramp(made.phase, weight=made.coherence, degree=4)
        out.append((ramp, pecm.linear_index(dates, *ends), composite, peak, true))
    return out


@pytest.mark.parametrize("size", [0.0, 2.0, 10.0])
def test_share_is_never_much_worse_than_all_or_nothing(regions, size):
    """Error of the slopes of both maps within 1.3 times that of the better choice, and within sigma as often."""
    rng = np.random.default_rng(5)
    errors, held = [], []
    for ramp, linear, composite, peak, true in regions:
        for _ in range(4 if size else 1):
            tilts = size * rng.normal(size=(2, linear.size))
            at = [np.searchsorted(linear["time"], ramp[name]) for name in ("reference", "secondary")]
            steps = tilts[:, at[1]] - tilts[:, at[0]]
            tilted = ramp.assign(ramp_x=ramp["ramp_x"] + steps[0], ramp_y=ramp["ramp_y"] + steps[1])
            out = correct.weigh_ramp(tilted, linear, composite)
            seen = np.stack([out["rate_slope"], -peak * out["coefficient_slope"]])
            kept = seen * np.stack([out["rate_share"], out["coefficient_share"]])
            std = np.stack([out["rate_slope_std"], peak * out["coefficient_slope_std"]])
            errors.append([np.hypot(*(slope - true).T) for slope in (seen, 0 * seen, kept)])
            held.append(abs(kept - true) < std)
    everything, nothing, share = np.mean(errors, axis=0)
    assert (share <= 1.3 * np.minimum(everything, nothing)).all(), (everything, nothing, share)
    # Without ramps the slopes err by what the pixels show themselves, not by what is stated for planes.
    assert size == 0 or 0.55 < np.mean(held) < 0.85


def test_closed_form_choice(rng):
    """Every setting takes out what it says, states what that leaves unknown, and says what stands in for it."""
    phase = pairs_of(moving(TILT + HILLS, 0.01 * HILLS) + planes(rng, 3.0))
    grid = xr.ones_like(phase[0])
    indices = xr.Dataset({"linear_index": YEARS * grid, "composite_index": SEASON * grid})
    fitted = correct.fit_ramp(phase, degree=4)
    expected = {"plane": "nothing", "weighed": "share"}
    for ramp, part in expected.items():
        found = correct.choose_ramp(phase, ramp, indices=indices)
        xr.testing.assert_allclose(found, correct.weigh_ramp(fitted, YEARS, SEASON, give_back=part))
        assert found.attrs["ramp"] == ramp
    none = correct.choose_ramp(phase, "none", indices=indices)
    np.testing.assert_array_equal(correct.deramp(phase, ramp=none), phase)
    assert float(none["rate_slope_std"].max()) == 0
    stable = (grid.x < 0).broadcast_like(grid)
    on_stable = correct.choose_ramp(phase, "stable", indices=indices, stable=stable)
    ours = correct.deramp(phase, ramp=on_stable)
    np.testing.assert_allclose(ours, correct.deramp(phase, mask=~stable), atol=1e-9)
    alone = correct.choose_ramp(phase, "stable", indices=indices)
    xr.testing.assert_allclose(alone, correct.choose_ramp(phase, "weighed", indices=indices))
    assert "no ground" in alone.attrs["ramp"]
    for seen, why in ((None, "no indices"), (indices.where(False), "has indices")):
        plane = correct.choose_ramp(phase, "weighed", indices=seen)
        np.testing.assert_allclose(correct.deramp(phase, ramp=plane), correct.deramp(phase), atol=1e-9)
        assert why in plane.attrs["ramp"]
    with pytest.raises(QtpDataError, match="ramp"):
        correct.choose_ramp(phase, "quadratic")


def test_lazy_nothing_to_take_out_reads_nothing(no_compute, rng):
    """With "none" no plane is fitted, and planes that are known are not fitted again."""
    phase = pairs_of(moving(TILT + HILLS, 0.01 * HILLS) + planes(rng, 3.0))
    grid = xr.ones_like(phase[0])
    indices = xr.Dataset({"linear_index": YEARS * grid, "composite_index": SEASON * grid})
    fitted = correct.fit_ramp(phase, degree=4)
    with no_compute():
        none = correct.choose_ramp(phase.chunk(y=5), "none", indices=indices)
        known = correct.choose_ramp(phase.chunk(y=5), "weighed", indices=indices, fitted=fitted)
    xr.testing.assert_identical(known, correct.choose_ramp(phase, "weighed", indices=indices))
    assert set(none) == {"offset", "ramp_x", "ramp_y", "rate_slope_std", "coefficient_slope_std"}
    assert all(float(abs(none[name]).max()) == 0 for name in none)
    xr.testing.assert_equal(correct.deramp(phase, ramp=none), phase)
    assert none["ramp_x"].attrs == fitted["ramp_x"].attrs
    with pytest.raises(QtpDataError):
        correct.choose_ramp(phase.assign_attrs(units="mm"), "none")


def test_planes_of_all_ground_are_no_planes_of_stable_ground(rng):
    phase = pairs_of(moving(TILT + HILLS, 0.01 * HILLS) + planes(rng, 3.0))
    stable = (phase[0].x < 0).broadcast_like(phase[0])
    found = correct.choose_ramp(phase, "stable", stable=stable, fitted=correct.fit_ramp(phase, degree=4))
    xr.testing.assert_allclose(found, correct.choose_ramp(phase, "stable", stable=stable))
