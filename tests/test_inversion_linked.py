"""Networks that fall apart: for all pixels (groups joined by a model) or for some (NaN with a reason)."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from small_networks import days, forward, stack_of

from qtp_toolkit import inversion, network, pecm
from qtp_toolkit.conventions import QtpDataError, phase_to_displacement

LINEAR = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 1.2, 1.5, 2.0])
SEASONAL = np.array([0.0, 10.0, 5.0, 20.0, 12.0, 0.0, 22.0, 3.0])
TRUTH = -5.0 * LINEAR - 0.8 * SEASONAL
ROWS = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5), (4, 6), (5, 6), (5, 7), (6, 7)]


def column(values, name):
    return xr.DataArray(values, dims="time", coords={"time": days(range(8))}, name=name, attrs={"units": "1"})


COLUMNS = (column(LINEAR, "linear_index"), column(SEASONAL, "composite_index"))


def extra_rows(observed, gamma):
    """The usual way: rows gamma (phi_k - v L_k - d I_k - c) = 0 for every date, in one dense least squares."""
    system = np.zeros((len(ROWS) + 8, 11))
    for k, (a, b) in enumerate(ROWS):
        system[k, [b, a]] = 1, -1
    system[len(ROWS) :, :8] = gamma * np.eye(8)
    system[len(ROWS) :, 8:] = -gamma * np.stack([LINEAR, SEASONAL, np.ones(8)], axis=1)
    system = np.delete(system, 0, axis=1)
    right = np.concatenate([observed, np.zeros(8)])
    return np.concatenate([[0.0], np.linalg.lstsq(system, right, rcond=1e-14)[0][:7]])


def test_closed_form_vector_of_the_notes():
    """I01: two groups, v = -5 and d = -0.8: minimum norm misses by 15, the two ways to link recover both exactly."""
    phase = stack_of(ROWS, forward(ROWS, TRUTH)[:, None])
    out = inversion.invert_linked(phase, columns=COLUMNS)
    expected = TRUTH - TRUTH[0]
    np.testing.assert_allclose(out.phase[:, 0], expected, atol=1e-9)
    design = np.stack([LINEAR, SEASONAL, np.ones(8)], axis=1)
    rates = np.linalg.lstsq(design, out.phase.values[:, 0], rcond=None)[0]
    np.testing.assert_allclose(rates[:2], [-5.0, -0.8], atol=1e-9)
    assert out.attrs["linked"] == 2
    assert out.attrs["linked_by"] == "linear_index, composite_index"
    assert out.group.values.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert out.reason.item() == 0
    moved = phase_to_displacement(phase)
    scale = float(moved[0, 0] / phase[0, 0])
    direct = pecm.fit_pairs(moved, *COLUMNS, min_dates=3, uncertainty="formal")
    assert float(direct.linear_rate[0]) == pytest.approx(-5.0 * scale, rel=1e-6)
    assert float(direct.seasonal_coefficient[0]) == pytest.approx(-0.8 * scale, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_oracle_the_limit_of_small_extra_rows(seed):
    rng = np.random.default_rng(seed)
    observed = forward(ROWS, TRUTH) + rng.normal(0, 0.3, len(ROWS))
    out = inversion.invert_linked(stack_of(ROWS, observed[:, None]), columns=COLUMNS, norm="l2")
    np.testing.assert_allclose(out.phase[:, 0], extra_rows(observed, 1e-4), atol=1e-4)


def test_property_inside_a_group_the_model_changes_nothing(rng):
    observed = forward(ROWS, TRUTH)[:, None] + rng.normal(0, 0.3, (len(ROWS), 5))
    phase = stack_of(ROWS, observed)
    out = inversion.invert_linked(phase, columns=COLUMNS, reference_date=days(4), std=True)
    alone = inversion.invert(phase.isel(pair=slice(3, None)), reference_date=days(4))
    np.testing.assert_allclose(out.phase[3:], alone.phase, atol=1e-9)
    first = inversion.invert(phase.isel(pair=slice(0, 3)))
    together = 0.3 * first.temporal_coherence + 0.7 * alone.temporal_coherence
    np.testing.assert_allclose(out.temporal_coherence, together, atol=1e-6)
    np.testing.assert_array_equal(out.redundancy, first.redundancy + alone.redundancy)
    np.testing.assert_array_equal(out.last_step, np.maximum(first.last_step, alone.last_step))
    assert (out.phase.sel(time=days(4)) == 0).all()
    assert out.attrs["reference_date"] == out.phase.attrs["reference_date"] == str(days(4))[:10]
    assert out.phase_std.dims == ("time", "pixel")
    np.testing.assert_array_equal(out.groups, 2)


def test_property_what_the_model_cannot_place_stays_unknown():
    """A column that is constant in each group says nothing of the gap: only the reference group is kept."""
    step = column(np.repeat([0.0, 1.0], [3, 5]), "step")
    out = inversion.invert_linked(stack_of(ROWS, forward(ROWS, TRUTH)[:, None]), columns=[step])
    np.testing.assert_allclose(out.phase[:3, 0], TRUTH[:3] - TRUTH[0], atol=1e-9)
    assert np.isnan(out.phase[3:, 0]).all()
    assert out.reason.item() == 3


def test_closed_form_refusals():
    phase = stack_of(ROWS, forward(ROWS, TRUTH)[:, None])
    with pytest.raises(QtpDataError, match=r"lacks dates.*2020-03-25"):
        inversion.invert_linked(phase, columns=[COLUMNS[0].isel(time=slice(0, 7))])
    with pytest.raises(QtpDataError, match="not a date of the"):
        inversion.invert_linked(phase, columns=COLUMNS, reference_date="2019-01-01")


def test_closed_form_a_pixel_that_lost_a_group_keeps_the_reason():
    """I02: all that one group of dates has is missing at the second pixel."""
    values = np.repeat(forward(ROWS, TRUTH)[:, None], 2, axis=1)
    values[3:, 1] = np.nan
    out = inversion.invert_linked(stack_of(ROWS, values), columns=COLUMNS)
    assert out.reason.values.tolist() == [0, 7]
    assert np.isnan(out.phase[3:, 1]).all()


def test_lazy(no_compute, rng):
    values = forward(ROWS, TRUTH)[:, None, None] + rng.normal(0, 0.2, (len(ROWS), 4, 3))
    phase = stack_of(ROWS, values, dims=("pair", "y", "x"))
    eager = inversion.invert_linked(phase, columns=COLUMNS)
    with no_compute():
        lazy = inversion.invert_linked(phase.chunk({"y": 2}), columns=COLUMNS)
    assert all(da.chunks is not None for da in lazy.data_vars.values())
    xr.testing.assert_allclose(lazy.compute(), eager)


def test_closed_form_disconnected_networks_are_refused_with_dates_and_gap():
    """I01: the error lists the groups, their dates and the days between; one group is inverted only on request."""
    phase = stack_of([(0, 1), (4, 5)], np.ones((2, 1)))
    with pytest.raises(QtpDataError, match=r"2 groups.*2020-01-13, gap of 36 d; 2020-02-18") as error:
        inversion.invert(phase)
    assert error.value.code == "I01"
    out = inversion.invert(phase, allow_disconnected=True)
    np.testing.assert_array_equal(out.phase[:, 0], [0, 1, np.nan, np.nan])
    assert out.groups.item() == 2


def test_closed_form_pixels_that_fall_apart():
    """I02: missing pairs cut dates off in one pixel: NaN and reason 6 there; groups and redundancy are counted."""
    rows = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5)]
    values = np.repeat(forward(rows, np.arange(6.0))[:, None], 3, axis=1)
    values[3, 1] = np.nan
    values[[0, 1, 2], 2] = np.nan
    out = inversion.invert(stack_of(rows, values))
    assert out.reason.values.tolist() == [0, 6, 4]
    assert out.groups.values.tolist() == [1, 2, 3]
    assert out.redundancy.values.tolist() == [2, 2, 1]
    np.testing.assert_array_equal(np.isfinite(out.phase.values).sum(axis=0), [6, 3, 0])


def test_closed_form_islands_of_missing_values():
    """I13: the map of groups shows where the link to the reference date is lost, and how large a share that is."""
    rows = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (2, 4)]
    values = np.repeat(forward(rows, np.arange(5.0))[:, None], 100, axis=1).reshape(6, 10, 10)
    values[np.ix_([3, 5], np.arange(3, 6), np.arange(4, 8))] = np.nan
    out = inversion.invert(stack_of(rows, values, dims=("pair", "y", "x")))
    assert float((out.groups > 1).mean()) == 0.12
    assert ((out.groups > 1) == (out.reason > 0)).all()
    assert np.isnan(out.phase.isel(time=-1, y=slice(3, 6), x=slice(4, 8))).all()


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_closed_form_pixels_without_any_usable_pair(missing):
    """I25: no valid pair, or all weights zero, is NaN with reason 7; fewer pairs than dates is reason 4; no warning."""
    rows = [(0, 1), (1, 2), (0, 2)]
    values = np.ones((3, 3))
    values[:, 0] = missing
    values[1:, 2] = missing
    coherence = stack_of(rows, np.array([[0.5, 0.0, 0.5]] * 3), units="1")
    out = inversion.invert(stack_of(rows, values), coherence)
    assert out.reason.values.tolist() == [7, 7, 4]
    assert np.isnan(out.phase.values[:, :2]).all()
    assert np.isnan(out.temporal_coherence.values[:2]).all()


def test_closed_form_coherence_of_other_pairs():
    """I03: the pairs that only one of the two stacks has are listed."""
    rows = [(0, 1), (1, 2), (0, 2)]
    phase = stack_of(rows, np.ones((3, 1)))
    with pytest.raises(QtpDataError, match=r"missing: \['2020-01-13/2020-01-25'\]; extra: none") as error:
        inversion.invert(phase, stack_of(rows, np.ones((3, 1)), units="1").isel(pair=[0, 2]))
    assert error.value.code == "I03"
    coherence = stack_of(rows, np.ones((3, 1)), units="1")
    for other in (coherence.isel(pair=[1, 0, 2]), coherence.isel(pair=[0, 2]).drop_vars(["reference", "secondary"])):
        with pytest.raises(QtpDataError, match=r"same order|another number") as error:
            inversion.invert(phase, other)
        assert error.value.code == "I03"
    assert inversion.invert(phase).attrs["weights"] == "unit"
    with pytest.raises(QtpDataError, match="lacks dates of the pairs"):
        inversion.pair_misfit(phase, inversion.invert(phase).phase.isel(time=[0, 1]))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param([(0, 1), (2, 1), (0, 2)], r"reference after secondary: 2020-01-25/2020-01-13", id="I17"),
        pytest.param([(0, 1), (1, 1), (0, 2)], r"zero span: 2020-01-13/2020-01-13", id="I18"),
        pytest.param([(0, 1), (0, 1), (0, 2)], r"2 times: 2020-01-01/2020-01-13", id="I19"),
        pytest.param([(0, 1), (1, 0), (0, 2)], r"2 times: 2020-01-01/2020-01-13", id="I19-both-orders"),
    ],
)
def test_closed_form_pairs_that_cannot_be_used_are_named(rows, words, request):
    for function in (inversion.invert, network.components):
        with pytest.raises(QtpDataError, match=words) as caught:
            function(stack_of(rows, np.ones((3, 1))))
        assert caught.value.code == request.node.callspec.id[:3]


def test_closed_form_phase_without_units_or_in_millimeters_is_refused():
    """I16: sign and unit are one convention; displacement and bare numbers are not taken for phase."""
    values = np.ones((3, 1))
    for units in ("mm", "m", "degree"):
        with pytest.raises(QtpDataError, match="wrong unit"):
            inversion.invert(stack_of([(0, 1), (1, 2), (0, 2)], values, units=units))
    sinking = stack_of([(0, 1)], np.array([[2.26561]]))
    moved = phase_to_displacement(inversion.invert(sinking).phase)
    assert float(moved[1, 0]) == pytest.approx(-10.0, abs=1e-3)


def test_closed_form_dates_are_dates():
    """I28: dates held as float32 (20191231 becomes 20191232) are not dates."""
    phase = stack_of([(0, 1), (1, 2)], np.ones((2, 1)))
    broken = phase.assign_coords(secondary=("pair", np.array([20191231, 20200112], np.float32)))
    with pytest.raises(QtpDataError, match="dates"):
        inversion.invert(broken)
