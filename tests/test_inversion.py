"""From pairs to dates: L1, weighted and plain least squares."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import defaults, noted, refuse_strangers, without_note
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


def vector():
    observed = forward(VECTOR_PAIRS, VECTOR_PHASE)
    observed[3] += CYCLE
    observed[7] -= CYCLE
    return stack_of(VECTOR_PAIRS, observed[:, None])


def test_closed_form_science_vector():
    """Twelve pairs, two of them off by a cycle."""
    phase = vector()
    least = inversion.invert(phase, norm="l2")
    np.testing.assert_allclose(least.phase.values[1:, 0], [-1.870796, 0.932596, -1.461799, -2.570796, -0.4], atol=1e-6)
    robust = inversion.invert(phase, reweightings=60, epsilon=(1e-3, 1e-3))
    np.testing.assert_allclose(
        robust.phase.values[1:, 0], [-0.300545, -0.899364, -1.200091, -1.000545, -0.4], atol=2e-6
    )
    exact = inversion.invert(phase, snap=True)
    np.testing.assert_allclose(exact.phase.values[:, 0], VECTOR_PHASE, atol=1e-12)
    assert float(exact.temporal_coherence[0]) == pytest.approx(1.0, abs=1e-6)


def test_closed_form_monte_carlo_of_the_notes(rng):
    """Noise of 0.15 rad and one cycle error: RMSE of L2 near 1.3 rad, of L1 near 0.155."""
    clean = forward(VECTOR_PAIRS, VECTOR_PHASE)
    observed = clean[:, None] + rng.normal(0, 0.15, (12, 2000))
    observed[rng.integers(12, size=2000), np.arange(2000)] += CYCLE
    phase = stack_of(VECTOR_PAIRS, observed)
    rmse = {
        norm: float(
            np.sqrt(((inversion.invert(phase, norm=norm).phase.values[1:] - VECTOR_PHASE[1:, None]) ** 2).mean())
        )
        for norm in ("l1", "l2")
    }
    assert rmse["l1"] < 0.18
    assert 1.1 < rmse["l2"] < 1.5


def test_closed_form_result_is_described():
    phase = vector().assign_attrs(provenance_note="synthetic scene")
    out = inversion.invert(phase, reference_date="2020-02-06")
    assert out.phase.dims == ("time", "pixel")
    assert out.phase.attrs["units"] == "rad"
    assert out.attrs["reference_date"] == out.phase.attrs["reference_date"] == "2020-02-06"
    assert out.phase.attrs["provenance_note"] == "synthetic scene"
    assert out.reason.dtype == np.uint8
    assert out.phase.sel(time="2020-02-06").item() == 0


def test_closed_form_reference_date_only_shifts():
    first = inversion.invert(vector()).phase
    middle = inversion.invert(vector(), reference_date=np.datetime64("2020-02-06")).phase
    np.testing.assert_allclose(middle, first - first.sel(time="2020-02-06"), atol=1e-9)
    with pytest.raises(QtpDataError, match=r"nearest one is 2020-02-06"):
        inversion.invert(vector(), reference_date="2020-02-07")


def test_closed_form_temporal_coherence():
    rows = [(0, 1), (1, 2), (0, 2)]
    out = inversion.invert(stack_of(rows, np.array([[0.0], [0.0], [0.9]])), norm="l2")
    residual = np.array([-0.3, -0.3, 0.3])
    assert float(out.temporal_coherence[0]) == pytest.approx(abs(np.exp(1j * residual).mean()), abs=1e-6)


def test_closed_form_reasons():
    rows = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    clean = forward(rows, np.array([0.0, 1.0, 3.0, 4.0]))
    values = np.repeat(clean[:, None], 5, axis=1)
    values[:, 1] = np.nan
    values[[2, 4], 2] = np.nan
    values[[0, 2, 3, 4], 3] = np.nan
    values[[0, 3], 4] = np.inf
    out = inversion.invert(stack_of(rows, values))
    assert out.reason.values.tolist() == [0, 7, 6, 4, 6]
    np.testing.assert_allclose(out.phase[:, 0], [0, 1, 3, 4], atol=1e-9)
    assert np.isnan(out.phase[:, 1]).all()
    np.testing.assert_allclose(out.phase[:, 2], [0, 1, 3, np.nan], atol=1e-9)
    assert np.isnan(out.phase[:, 3]).all()
    assert np.isnan(out.phase[:, 4]).all()
    assert np.isnan(out.temporal_coherence[1])


def test_closed_form_coherence_marks_missing_pairs():
    rows = [(0, 1), (1, 2), (0, 2)]
    phase = stack_of(rows, np.array([[1.0], [1.0], [50.0]]))
    for missing in (np.nan, 0.0):
        coherence = stack_of(rows, np.array([[0.6], [0.7], [missing]]), units="1")
        np.testing.assert_allclose(inversion.invert(phase, coherence).phase[:, 0], [0, 1, 2], atol=1e-9)
        np.testing.assert_allclose(inversion.invert(phase, coherence, norm="l2").phase[:, 0], [0, 1, 2], atol=1e-9)


def test_closed_form_phase_variance():
    """Rodriguez and Martin at high coherence; uniform phase at none."""
    variance = inversion.phase_variance(np.array([0.0, 0.8, 0.95]), looks=60)
    assert variance[0] == pytest.approx(np.pi**2 / 3, rel=1e-4)
    np.testing.assert_allclose(np.sqrt(variance[1:]), [0.06847, 0.03000], rtol=0.02)
    np.testing.assert_allclose(np.sqrt(1 / inversion.weight_table("fisher", looks=60)[128]), 0.15811, rtol=1e-4)


def test_closed_form_refusals():
    phase = vector()
    coherence = stack_of(VECTOR_PAIRS, np.full((12, 1), 0.5), units="1")
    with pytest.raises(QtpDataError, match=r"groups.*2020-01-01, 2020-01-13, gap of 36 d.*2020-02-18"):
        inversion.invert(stack_of([(0, 1), (4, 5)], np.zeros((2, 1))))
    with pytest.raises(QtpDataError, match="reference after secondary"):
        inversion.invert(stack_of([(0, 1), (2, 1)], np.zeros((2, 1))))
    with pytest.raises(QtpDataError, match="2 times"):
        inversion.invert(stack_of([(0, 1), (0, 1)], np.zeros((2, 1))))
    with pytest.raises(QtpDataError, match="unit"):
        inversion.invert(phase.assign_attrs(units="m"))
    with pytest.raises(QtpDataError, match="real"):
        inversion.invert(phase.astype(complex).assign_attrs(units="rad"))
    with pytest.raises(QtpDataError, match="physical range"):
        inversion.invert(phase, coherence * 255)
    with pytest.raises(QtpDataError, match=r"missing.*2020-02-18/2020-03-01"):
        inversion.invert(phase, coherence.isel(pair=slice(0, 11)))
    with pytest.raises(QtpDataError, match="one of"):
        inversion.invert(phase, norm="l0")
    with pytest.raises(QtpDataError, match="reweightings"):
        inversion.invert(phase, reweightings=0)
    with pytest.raises(QtpDataError, match="from 1 to below 2"):
        inversion.invert(phase, relaxation=2.0)


def test_closed_form_disconnected_network_on_request():
    out = inversion.invert(stack_of([(0, 1), (4, 5)], np.ones((2, 1))), allow_disconnected=True)
    np.testing.assert_array_equal(out.phase[:, 0], [0, 1, np.nan, np.nan])
    assert out.reason.values.tolist() == [4]


@pytest.mark.parametrize("seed", range(6))
def test_oracle_l1_reaches_the_linear_programme(seed):
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, 7, 9)
    observed = rng.laplace(0, 1, (len(rows), 4))
    weight = rng.uniform(0.2, 1, observed.shape)
    phase, coherence = stack_of(rows, observed), stack_of(rows, weight, units="1")
    out = inversion.invert(phase, coherence, reweightings=120, epsilon=(0.5, 1e-5)).phase
    matrix = network.incidence_matrix(phase).values
    for pixel in range(4):
        exact = linear_programme(matrix, observed[:, pixel], weight[:, pixel])
        cost = (weight[:, pixel] * np.abs(matrix @ out.values[:, pixel] - observed[:, pixel])).sum()
        assert cost == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize("weights", ["coherence", "fisher", "variance", "unit"])
def test_oracle_least_squares(weights, rng):
    rows = random_connected(rng, 8, 10)
    observed, gamma = rng.normal(0, 3, (len(rows), 5)), rng.integers(1, 250, (len(rows), 5)) / 256
    phase, coherence = stack_of(rows, observed), stack_of(rows, gamma, units="1")
    out = inversion.invert(phase, coherence, norm="wl2", weights=weights).phase
    matrix = network.incidence_matrix(phase).values[:, 1:]
    table = inversion.weight_table(weights)
    for pixel in range(5):
        root = np.sqrt(table[(gamma[:, pixel] * 256).astype(int)])
        expected = np.linalg.lstsq(root[:, None] * matrix, root * observed[:, pixel], rcond=None)[0]
        np.testing.assert_allclose(out.values[1:, pixel], expected, atol=1e-9)
    plain = inversion.invert(phase, coherence, norm="l2").phase
    expected = np.linalg.lstsq(matrix, observed, rcond=None)[0]
    np.testing.assert_allclose(plain.values[1:], expected, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n_dates=st.integers(2, 9))
def test_property_noise_free_phases_come_back(seed, n_dates):
    """In any order of the pairs, with swapped pairs canonicalised, and whatever is common to all dates drops out."""
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, n_dates, 6)
    series = rng.normal(0, 5, n_dates)
    clean = forward(rows, series)[:, None]
    flip = rng.random(len(rows)) < 0.5
    swapped = [(b, a) if change else (a, b) for (a, b), change in zip(rows, flip, strict=True)]
    phase = network.canonicalise(stack_of(swapped, np.where(flip[:, None], -clean, clean)))
    ground = int(rng.integers(n_dates))
    for norm in ("l1", "l2"):
        out = inversion.invert(phase, norm=norm, reference_date=days(ground)).phase
        np.testing.assert_allclose(out.values[:, 0], series - series[ground], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_property_connected_if_and_only_if_finite(seed):
    rng = np.random.default_rng(seed)
    rows = random_connected(rng, 7, 4)
    values = rng.normal(size=(len(rows), 12))
    values[rng.random(values.shape) < 0.4] = np.nan
    out = inversion.invert(stack_of(rows, values))
    for pixel in range(12):
        valid = [row for row, value in zip(rows, values[:, pixel], strict=True) if np.isfinite(value)]
        reached = {0}
        for _ in range(7):
            reached |= {end for row in valid if reached & set(row) for end in row}
        expected = np.isin(np.arange(7), sorted(reached)) if len(reached) > 1 else np.zeros(7, bool)
        np.testing.assert_array_equal(np.isfinite(out.phase.values[:, pixel]), expected)
        assert (out.reason.values[pixel] == 0) == expected.all()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), jumps=st.integers(1, 3))
def test_property_few_cycle_errors_do_no_harm(seed, jumps):
    """Any three of the pairs off by a cycle, in a network where every date has six: the dates come back."""
    rng = np.random.default_rng(seed)
    rows = [(a, b) for a in range(10) for b in range(a + 1, 10)]
    series = rng.normal(0, 3, 10)
    observed = forward(rows, series)
    observed[rng.permutation(len(rows))[:jumps]] += CYCLE
    out = inversion.invert(stack_of(rows, observed[:, None]), snap=True).phase
    np.testing.assert_allclose(out.values[:, 0], series - series[0], atol=1e-9)


def test_property_dims_of_the_input_are_kept(rng):
    values = rng.normal(size=(12, 4, 5)).astype(np.float32)
    grid = stack_of(VECTOR_PAIRS, values, dims=("pair", "y", "x")).assign_coords(y=np.arange(4.0), x=np.arange(5.0))
    out = inversion.invert(grid)
    assert out.phase.dims == ("time", "y", "x")
    assert out.phase.dtype == np.float32
    flat = inversion.invert(grid.stack(pixel=("y", "x")).drop_vars(["pixel", "y", "x"]))
    np.testing.assert_array_equal(out.phase.values.reshape(6, -1), flat.phase.values)
    other = inversion.invert(grid.transpose("y", "x", "pair"))
    xr.testing.assert_identical(out, other)


@pytest.mark.parametrize("chunks", [{}, {"y": 2}])
def test_property_the_coordinate_system_survives(rng, chunks):
    phase = stack_of(VECTOR_PAIRS, rng.normal(size=(12, 4, 5)), dims=("pair", "y", "x"))
    phase = phase.assign_coords(y=4.0 - np.arange(4.0), x=np.arange(5.0)).rio.write_crs("EPSG:32646")
    phase = phase.chunk(chunks) if chunks else phase
    out = inversion.invert(phase, abs(phase).clip(max=1))
    assert out.phase.rio.crs == out.reason.rio.crs == phase.rio.crs
    assert network.closure_phase(phase).rio.crs == phase.rio.crs
    assert network.canonicalise(phase).rio.crs == phase.rio.crs


def test_lazy(no_compute, rng):
    values = rng.normal(size=(12, 6, 7)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    phase = stack_of(VECTOR_PAIRS, values, dims=("pair", "y", "x"))
    coherence = stack_of(VECTOR_PAIRS, rng.uniform(0.1, 1, values.shape), dims=("pair", "y", "x"), units="1")
    before = phase.copy(deep=True)
    eager = inversion.invert(phase, coherence, snap=True)
    xr.testing.assert_identical(phase, before)
    chunks = {"y": 4, "x": 3}
    with no_compute():
        lazy = inversion.invert(phase.chunk(chunks), coherence.chunk(chunks), snap=True)
    assert all(da.chunks is not None for da in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute(scheduler="threads"), eager)


def test_property_no_pixels_at_all():
    assert inversion.invert(stack_of(VECTOR_PAIRS, np.zeros((12, 0, 3)), dims=("pair", "y", "x"))).phase.shape == (
        6,
        0,
        3,
    )


def test_lazy_asks_for_one_chunk_of_pairs():
    with pytest.raises(ValueError, match="pair"):
        inversion.invert(vector().chunk(pair=3))


def test_lazy_import_compiles_nothing():
    """Numba is imported by the first inversion, not by the import of the module."""
    code = (
        "import sys, qtp_toolkit.inversion, qtp_toolkit.network, qtp_toolkit.correct; sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_closed_form_defaults_are_the_promised_ones():
    assert defaults(inversion) == {
        "compare_short": {"longest": 40.0, "wavelength": 0.05546576},
        "invert": {
            "norm": "l1",
            "weights": "coherence",
            "snap": False,
            "reweightings": 3,
            "relaxation": 1.9,
            "looks": 57.0,
            "std": False,
            "allow_disconnected": False,
        },
        "phase_variance": {"looks": 57.0},
        "weight_table": {"looks": 57.0},
    }


def test_strangers_are_refused():
    phase = stack_of([(0, 1), (1, 2), (0, 2)], np.ones((3, 1)))
    gamma = stack_of([(0, 1), (1, 2), (0, 2)], np.full((3, 1), 0.5), units="1")
    refuse_strangers(inversion.invert, {"phase": phase, "coherence": gamma}, units="phase", dims="phase coherence")
    given = {"phase": phase, "series": inversion.invert(phase).phase}
    refuse_strangers(inversion.pair_misfit, given, units="phase series", dims="phase series")


def test_results_say_that_they_are_synthetic():
    phase = noted(stack_of([(0, 1), (1, 2), (0, 2)], np.ones((3, 1))))
    series = inversion.invert(phase)
    assert without_note(series=series, misfit=inversion.pair_misfit(phase, series.phase)) == []


@pytest.mark.parametrize("looks", [0, -1.0, np.nan])
@pytest.mark.parametrize("weights", ["fisher", "variance"])
def test_closed_form_looks_that_are_none_are_refused(looks, weights):
    """I25: all NaN, or weights of the wrong sign."""
    days = np.array(["2020-01-01", "2020-01-13"], "datetime64[ns]")
    ends = {"reference": ("pair", days[:1]), "secondary": ("pair", days[1:])}
    phase = xr.DataArray([[1.0]], ends, ("pair", "pixel"), attrs={"units": "rad"})
    with pytest.raises(QtpDataError, match="looks"):
        inversion.invert(phase, xr.full_like(phase, 0.5), weights=weights, looks=looks)


def test_closed_form_pairs_without_a_date_are_refused():
    """I28."""
    ends = {
        "reference": ("pair", np.array(["NaT"], "M8[ns]")),
        "secondary": ("pair", np.array(["2020-01-13"], "M8[ns]")),
    }
    with pytest.raises(QtpDataError, match="lack a date") as told:
        inversion.invert(xr.DataArray([[1.0]], ends, ("pair", "pixel"), attrs={"units": "rad"}))
    assert told.value.code == "I28"
