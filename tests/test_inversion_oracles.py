"""The inversion against solvers that know nothing of it: linear programming, ADMM, dense least squares."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import (
    CYCLE,
    VECTOR_PAIRS,
    VECTOR_PHASE,
    days,
    forward,
    linear_programme,
    random_connected,
    stack_of,
)

from qtp_toolkit import inversion, network
from qtp_toolkit.conventions import QtpDataError


def admm(matrix, observed, weight, *, rho=1.0, iterations=4000):
    """Weighted L1 by alternating directions: z = A x - b, its soft threshold, and the running misfit of the two."""
    solver = np.linalg.pinv(matrix)
    z, dual = np.zeros_like(observed), np.zeros_like(observed)
    for _ in range(iterations):
        x = solver @ (observed + z - dual)
        shifted = matrix @ x - observed + dual
        z = np.sign(shifted) * np.maximum(np.abs(shifted) - weight / rho, 0)
        dual = shifted - z
    return x


def dense_deviation(matrix, observed, weight):
    """Formal standard deviations of weighted least squares, by the inverse of the full normal matrix."""
    normal = matrix.T @ (weight[:, None] * matrix)
    x = np.linalg.solve(normal, matrix.T @ (weight * observed))
    residual = observed - matrix @ x
    scale = (weight * residual**2).sum() / (len(observed) - len(x))
    return x, np.sqrt(scale * np.diag(np.linalg.inv(normal)))


def dense_reweighting(matrix, observed, weight, epsilons, paces):
    """Reweighted least squares by full normal matrices, steps stretched by their pace; the smoothed cost after each."""
    x, costs = np.zeros(matrix.shape[1]), []
    for epsilon, pace in zip([None, *epsilons], [1.0, *paces], strict=True):
        residual = observed - matrix @ x
        scaled = weight if epsilon is None else weight / np.maximum(np.abs(residual), epsilon)
        x += pace * np.linalg.solve(matrix.T @ (scaled[:, None] * matrix), matrix.T @ (scaled * residual))
        size, least = np.abs(observed - matrix @ x), epsilons[-1]
        costs.append((weight * np.where(size > least, size, (size**2 / least + least) / 2)).sum())
    return x, costs


def cost(matrix, series, observed, weight):
    return (weight * np.abs(matrix @ series - observed)).sum()


def test_oracle_science_vector_by_linear_programming():
    """Twelve pairs, two of them off by a cycle: the exact minimum is the truth, at a cost of two cycles."""
    observed = forward(VECTOR_PAIRS, VECTOR_PHASE)
    observed[[3, 7]] += [CYCLE, -CYCLE]
    matrix = network.incidence_matrix(stack_of(VECTOR_PAIRS, observed[:, None])).values
    weight = np.ones(12)
    assert linear_programme(matrix[:, 1:], observed, weight) == pytest.approx(4 * np.pi, abs=1e-9)
    assert cost(matrix, VECTOR_PHASE, observed, weight) == pytest.approx(4 * np.pi, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_oracle_l1_and_alternating_directions_reach_the_same_cost(seed):
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, 8, 12)
    observed = forward(rows, rng.normal(0, 2, 8)) + rng.normal(0, 0.2, len(rows))
    observed[rng.permutation(len(rows))[:2]] += CYCLE
    weight = rng.uniform(0.3, 1, len(rows))
    phase, gamma = stack_of(rows, observed[:, None]), stack_of(rows, weight[:, None], units="1")
    own = inversion.invert(phase, gamma, reweightings=120, epsilon=(0.5, 1e-5)).phase.values[:, 0]
    matrix = network.incidence_matrix(phase).values
    other = admm(matrix, observed, weight)
    assert cost(matrix, own, observed, weight) == pytest.approx(cost(matrix, other, observed, weight), rel=2e-3)


@pytest.mark.parametrize(("count", "paces"), [(1, [1]), (3, [1, 1.7, 1]), (4, [1.7, 1, 1.7, 1])])
def test_oracle_relaxed_reweighting_by_full_matrices(count, paces, rng):
    """The last step is plain, the one before it goes too far, and so on backward."""
    rows = random_connected(rng, 9, 14)
    observed, gamma = rng.laplace(0, 1, (len(rows), 3)), rng.uniform(0.2, 1, (len(rows), 3))
    phase, coherence = stack_of(rows, observed), stack_of(rows, gamma, units="1")
    out = inversion.invert(phase, coherence, reweightings=count, relaxation=1.7)
    matrix = network.incidence_matrix(phase).values[:, 1:]
    for pixel in range(3):
        series, _ = dense_reweighting(
            matrix, observed[:, pixel], gamma[:, pixel], np.geomspace(0.5, 0.05, count), paces
        )
        np.testing.assert_allclose(out.phase[1:, pixel], series, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), relaxation=st.floats(1, 1.99))
def test_property_steps_that_go_too_far_still_go_down(seed, relaxation):
    """With one epsilon the smoothed L1 cost never rises; and the kernel ends where the dense scheme does."""
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, 7, 9)
    observed, gamma = rng.laplace(0, 2, len(rows)), rng.uniform(0.2, 1, len(rows))
    phase, coherence = stack_of(rows, observed[:, None]), stack_of(rows, gamma[:, None], units="1")
    matrix = network.incidence_matrix(phase).values[:, 1:]
    paces = [1.0, relaxation, 1.0, relaxation, 1.0]
    series, costs = dense_reweighting(matrix, observed, gamma, [0.1] * 5, paces)
    assert (np.diff(costs) < 1e-9).all()
    out = inversion.invert(phase, coherence, reweightings=5, epsilon=(0.1, 0.1), relaxation=relaxation)
    np.testing.assert_allclose(out.phase[1:, 0], series, atol=1e-8)


def test_property_three_relaxed_reweightings_are_worth_five_plain_ones(rng):
    """On a year of 12-day pairs with noise and 5 % cycle errors: median error and RMSE within 2 %."""
    rows = [(a, b) for a in range(30) for b in range(a + 1, min(a + 4, 30))]
    truth = np.cumsum(rng.normal(0, 0.4, (30, 4000)), axis=0)
    observed = truth[np.array(rows)[:, 1]] - truth[np.array(rows)[:, 0]] + rng.normal(0, 0.2, (len(rows), 4000))
    observed += CYCLE * (rng.random(observed.shape) < 0.05) * rng.choice([-1, 1], observed.shape)
    phase = stack_of(rows, observed)
    relaxed, plain, hasty = (
        np.abs(inversion.invert(phase, **options).phase.values - truth + truth[0])
        for options in ({}, {"reweightings": 5, "relaxation": 1.0}, {"relaxation": 1.0})
    )
    for size in (np.median, lambda error: np.sqrt((error**2).mean())):
        assert size(relaxed) < 1.02 * size(plain)
    assert np.median(hasty) > 1.04 * np.median(plain)


@pytest.mark.parametrize(("norm", "snap"), [("l2", False), ("wl2", False), ("wl2", True)])
def test_oracle_standard_deviation(norm, snap, rng):
    """The inverse on the elimination pattern has the diagonal of the full inverse."""
    rows = random_connected(rng, 9, 12)
    observed, gamma = rng.normal(0, 0.4, (len(rows), 3)), rng.uniform(0.3, 0.9, (len(rows), 3))
    stack, coherence = stack_of(rows, observed), stack_of(rows, gamma, units="1")
    options = {"norm": norm, "weights": "coherence", "snap": snap, "std": True}
    out = inversion.invert(stack, coherence, **options)
    matrix = network.incidence_matrix(stack).values[:, 1:]
    for pixel in range(3):
        bounded = gamma[:, pixel]
        weight = np.ones(len(rows)) if norm == "l2" else bounded
        if snap:
            first = np.linalg.lstsq(
                np.sqrt(weight)[:, None] * matrix, np.sqrt(weight) * observed[:, pixel], rcond=None
            )[0]
            assert np.abs(observed[:, pixel] - matrix @ first).max() < np.pi
            weight = np.interp(bounded, np.linspace(0, 1, 257), inversion.weight_table("fisher"))
        series, deviation = dense_deviation(matrix, observed[:, pixel], weight)
        np.testing.assert_allclose(out.phase[1:, pixel], series, atol=1e-9)
        np.testing.assert_allclose(out.phase_std[1:, pixel], deviation, rtol=1e-9)
    assert (out.phase_std[0] == 0).all()
    assert out.phase_std.attrs["units"] == "rad"


def test_oracle_standard_deviation_with_missing_pairs(rng):
    rows = random_connected(rng, 7, 12)
    observed = rng.normal(0, 0.3, (len(rows), 1))
    keep = np.array([k for k, row in enumerate(rows) if row != (0, 6)][3:])
    holes = np.full_like(observed, np.nan)
    holes[keep] = observed[keep]
    out = inversion.invert(stack_of(rows, holes), norm="l2", std=True)
    matrix = network.incidence_matrix(stack_of(rows, holes)).values
    live = np.isfinite(out.phase.values[:, 0]) & (np.arange(7) > 0)
    used = keep[np.abs(matrix[keep][:, live]).sum(axis=1) > 0]
    _, deviation = dense_deviation(matrix[used][:, live], observed[used, 0], np.ones(len(used)))
    np.testing.assert_allclose(out.phase_std.values[live, 0], deviation, rtol=1e-9)
    assert np.isnan(out.phase_std.values[~live & (np.arange(7) > 0), 0]).all()


def test_oracle_standard_deviation_beside_dates_that_are_cut_off(rng):
    """Pairs among dates without a way to the reference date count for nothing."""
    rows = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (3, 4), (4, 5), (4, 6), (5, 6)]
    observed = rng.normal(0, 0.4, (len(rows), 1))
    observed[6] = np.nan
    out = inversion.invert(stack_of(rows, observed), norm="l2", std=True)
    matrix = network.incidence_matrix(stack_of(rows, observed)).values[:6, 1:4]
    _, deviation = dense_deviation(matrix, observed[:6, 0], np.ones(6))
    np.testing.assert_allclose(out.phase_std.values[1:4, 0], deviation, rtol=1e-9)
    assert np.isnan(out.phase_std.values[4:, 0]).all()


def test_oracle_temporal_coherence(rng):
    rows = random_connected(rng, 9, 12)
    observed = rng.normal(0, 1.5, (len(rows), 4))
    out = inversion.invert(stack_of(rows, observed), norm="l2", reference_date=days(4))
    residual = observed - network.incidence_matrix(stack_of(rows, observed)).values @ out.phase.values
    np.testing.assert_allclose(out.temporal_coherence, abs(np.exp(1j * residual).mean(axis=0)), atol=1e-6)


def test_property_standard_deviation_needs_redundancy():
    out = inversion.invert(stack_of([(0, 1), (1, 2)], np.ones((2, 1))), std=True)
    assert np.isnan(out.phase_std.values[1:]).all()
    assert out.redundancy.item() == 0


def test_property_standard_deviation_is_that_of_repeated_noise(rng):
    """Monte Carlo: 4000 pixels of known noise scatter as their standard deviation says, within 4 %."""
    rows = [(a, b) for a in range(6) for b in range(a + 1, min(a + 4, 6))]
    phase = stack_of(rows, rng.normal(0, 0.2, (len(rows), 4000)))
    out = inversion.invert(phase, norm="l2", std=True)
    claimed = np.sqrt((out.phase_std.values[1:] ** 2).mean(axis=1))
    np.testing.assert_allclose(out.phase.values[1:].std(axis=1), claimed, rtol=0.04)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_property_order_sign_and_offsets_change_nothing(seed):
    """Pairs in another order and swapped ends, or a constant at all dates: the same series."""
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, 7, 8)
    observed, gamma = rng.normal(0, 1, (len(rows), 2)), rng.uniform(0.2, 1, (len(rows), 2))
    out = inversion.invert(stack_of(rows, observed), stack_of(rows, gamma, units="1"))
    order, flip = rng.permutation(len(rows)), rng.random(len(rows)) < 0.5
    again = [tuple(reversed(rows[k])) if flip[k] else rows[k] for k in order]
    turned = network.canonicalise(stack_of(again, np.where(flip[order][:, None], -1, 1) * observed[order]))
    other = inversion.invert(turned, stack_of([rows[k] for k in order], gamma[order], units="1"))
    np.testing.assert_allclose(other.phase, out.phase, atol=1e-9)
    negative = inversion.invert(stack_of(rows, -observed), stack_of(rows, gamma, units="1"))
    np.testing.assert_allclose(negative.phase, -out.phase, atol=1e-9)
    shifted = stack_of(rows, forward(rows, np.full(7, 40.0))[:, None] + observed)
    np.testing.assert_allclose(inversion.invert(shifted, stack_of(rows, gamma, units="1")).phase, out.phase, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_property_float32_is_close_to_float64(seed):
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, 9, 12)
    observed = forward(rows, rng.normal(0, 20, 9))[:, None] + rng.normal(0, 0.3, (len(rows), 40))
    double = inversion.invert(stack_of(rows, observed))
    single = inversion.invert(stack_of(rows, observed.astype(np.float32)))
    assert single.phase.dtype == np.float32
    assert np.abs(single.phase - double.phase).max() < 2e-3
    assert np.median(np.abs(single.phase - double.phase)) < 2e-5


def test_closed_form_overruled_pairs_are_counted():
    """I14: pairs that are off by a cycle are absorbed, counted per pixel, and named by the misfit per pair."""
    rows = [(a, b) for a in range(7) for b in range(a + 1, 7)]
    series = np.linspace(0, 3, 7)
    values = np.repeat(forward(rows, series)[:, None], 4, axis=1)
    values[5, 1:] += CYCLE
    values[9, 3] -= CYCLE
    phase = stack_of(rows, values)
    for snap in (False, True):
        out = inversion.invert(phase, snap=snap)
        assert out.overruled.values.tolist() == [0, 1, 1, 2]
        np.testing.assert_allclose(out.phase, np.repeat(series[:, None], 4, axis=1), atol=1e-9 if snap else 0.1)
    worst = inversion.pair_misfit(phase, inversion.invert(phase).phase)
    assert worst.overruled_share.values.argsort()[-2:].tolist() == [9, 5]
    assert worst.overruled_share.values[[5, 9]].tolist() == [0.75, 0.25]
    assert worst.misfit.attrs["units"] == "rad"
    assert worst["count"].values.tolist() == [4] * 21


def test_closed_form_missing_pairs_are_not_overruled():
    rows = [(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)]
    values = np.repeat(forward(rows, np.array([0.0, 9.0, 20.0, 33.0]))[:, None], 2, axis=1)
    values[4, 0] = np.nan
    coherence = stack_of(rows, np.array([[0.8, 0.8]] * 4 + [[0.8, 0.0]]), units="1")
    assert inversion.invert(stack_of(rows, values), coherence).overruled.values.tolist() == [0, 0]


def test_closed_form_last_step_tells_how_far_from_converged():
    """I26: the number of reweightings is fixed; a layer says what the last one still changed."""
    phase = stack_of(VECTOR_PAIRS, (forward(VECTOR_PAIRS, VECTOR_PHASE) + CYCLE * (np.arange(12) == 3))[:, None])
    steps = [float(inversion.invert(phase, reweightings=n, epsilon=(0.1, 0.1)).last_step[0]) for n in (1, 5, 40)]
    assert steps[0] > steps[1] > steps[2]
    assert steps[2] < 1e-4
    assert float(inversion.invert(phase, norm="l2").last_step[0]) > 0.5


def test_lazy_coherence_in_bytes_is_refused_when_computed(no_compute):
    """I04: lazy arrays are looked at block by block; infinite values are missing, not out of range."""
    rows = [(0, 1), (1, 2), (0, 2)]
    phase, gamma = stack_of(rows, np.ones((3, 4))), np.full((3, 4), 0.5)
    gamma[1, 1] = np.inf
    assert inversion.invert(phase, stack_of(rows, gamma, units="1")).phase.notnull().all()
    for odd in (200.0, -0.1):
        with no_compute():
            out = inversion.invert(phase.chunk(pixel=2), stack_of(rows, np.full((3, 4), odd), units="1").chunk(pixel=2))
        with pytest.raises(QtpDataError, match="physical range") as caught:
            out.phase.compute(scheduler="synchronous")
        assert caught.value.code == "I04"


def test_lazy_misfit_and_deviation(no_compute, rng):
    values = rng.normal(size=(12, 4, 5)).astype(np.float32)
    phase = stack_of(VECTOR_PAIRS, values, dims=("pair", "y", "x"))
    eager = inversion.invert(phase, std=True)
    with no_compute():
        lazy = inversion.invert(phase.chunk({"y": 2}), std=True)
        misfit = inversion.pair_misfit(phase.chunk({"y": 2}), lazy.phase)
    assert all(da.chunks is not None for da in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute(), eager)
    xr.testing.assert_allclose(misfit.compute(), inversion.pair_misfit(phase, eager.phase))
