"""The elimination plan and the pair graph: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from qtp_toolkit.inversion.kernels.elimination import minimum_fill_order, plan_elimination
from qtp_toolkit.inversion.kernels.irls import invert_network
from qtp_toolkit.kernels import pairs


def random_graph(seed, n_dates, density):
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(n_dates, 1)
    keep = rng.random(len(first)) < density
    keep[rng.integers(len(first))] = True
    return first[keep], second[keep]


def paper_dates():
    early = np.arange("2014-10-13", "2017-03-01", 24, dtype="datetime64[D]")
    late = np.arange("2017-03-01", "2019-12-31", 12, dtype="datetime64[D]")
    return np.union1d(early, late)


def test_closed_form_chain_needs_no_fill():
    first = np.arange(9)
    plan = plan_elimination(10, first, first + 1, 0)
    assert len(plan.neighbor) == 9
    assert len(plan.target) == 0
    assert plan.order[-1] == 0


def test_closed_form_star_removes_the_leaves_first():
    order, later = minimum_fill_order(6, np.zeros(5, int), np.arange(1, 6), 3)
    assert order[-1] == 3
    assert max(len(dates) for dates in later) == 1


def test_closed_form_paper_network_is_sparse():
    dates = paper_dates()
    span = (dates[None, :] - dates[:, None]).astype(int)
    wanted = (span > 0) & ((span <= 40) | ((span >= 350) & (span <= 380)) | ((span >= 725) & (span <= 735)))
    first, second = np.nonzero(wanted)
    plan = plan_elimination(len(dates), first, second, 90)
    dense = len(dates) ** 3 / 6
    assert len(plan.target) < dense / 12


def test_closed_form_faults_name_every_pair():
    days = np.array(["2020-01-01", "2020-01-13", "2020-01-25"], dtype="datetime64[ns]")
    first, second = days[[0, 0, 1, 2, 0]], days[[1, 1, 1, 0, 2]]
    code, text = pairs.find_faults(first, second)
    assert code == "I18"
    assert "zero span: 2020-01-13/2020-01-13" in text
    assert "reference after secondary: 2020-01-25/2020-01-01" in text
    assert "2 times: 2020-01-01/2020-01-13" in text
    assert "2 times: 2020-01-01/2020-01-25" in text
    assert pairs.find_faults(days[[0, 1]], days[[1, 2]]) is None


def test_closed_form_description_gives_dates_and_gap():
    days = np.array(["2020-01-01", "2020-01-13", "2020-03-01", "2020-03-13"], dtype="datetime64[ns]")
    text = pairs.describe_components(days, np.array([0, 0, 1, 1]))
    assert "2020-01-01, 2020-01-13, gap of 48 d" in text


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n_dates=st.integers(2, 9), density=st.floats(0.05, 1.0))
def test_oracle_components_against_scipy(seed, n_dates, density):
    first, second = random_graph(seed, n_dates, density)
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n_dates, n_dates))
    number, labels = connected_components(graph, directed=False)
    own = pairs.label_components(n_dates, first, second)
    assert own.max() + 1 == number
    assert len(set(zip(own.tolist(), labels.tolist(), strict=True))) == number


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n_dates=st.integers(2, 9), density=st.floats(0.1, 1.0))
def test_property_plan_solves_any_laplacian(seed, n_dates, density):
    """Oracle: dense least squares; dates without a path to the ground are NaN and counted."""
    first, second = random_graph(seed, n_dates, density)
    rng = np.random.default_rng(seed)
    ground = int(rng.integers(n_dates))
    plan = plan_elimination(n_dates, first, second, ground)
    observed, weight = rng.normal(0, 3, (len(first), 3)), rng.uniform(0.1, 1, (len(first), 3))
    out = invert_network(observed, weight, plan, table=np.array([0.0, 1.0]), epsilons=np.empty(0))
    labels = pairs.label_components(n_dates, first, second)
    with_ground = labels == labels[ground]
    assert (out.cut == (~with_ground).sum()).all()
    expected_finite = with_ground if with_ground.sum() > 1 else np.zeros(n_dates, bool)
    np.testing.assert_array_equal(np.isfinite(out.series), np.repeat(expected_finite[:, None], 3, axis=1))
    matrix = np.zeros((len(first), n_dates))
    matrix[np.arange(len(first)), first], matrix[np.arange(len(first)), second] = -1, 1
    columns = expected_finite & (np.arange(n_dates) != ground)
    for pixel in range(3):
        root = np.sqrt(weight[:, pixel])
        solution = np.linalg.lstsq(root[:, None] * matrix[:, columns], root * observed[:, pixel], rcond=None)[0]
        if expected_finite.any():
            np.testing.assert_allclose(out.series[columns, pixel], solution, atol=1e-9)


def test_property_float32_stays_close_to_float64_with_weights_over_six_decades(rng):
    dates = paper_dates()[:60]
    span = (dates[None, :] - dates[:, None]).astype(int)
    first, second = np.nonzero((span > 0) & ((span <= 60) | ((span >= 350) & (span <= 380))))
    plan = plan_elimination(len(dates), first, second, 30)
    truth = np.cumsum(rng.normal(0, 1, (len(dates), 70)), axis=0)
    observed = truth[second] - truth[first] + rng.normal(0, 0.3, (len(first), 70))
    weight = 10.0 ** rng.uniform(-6, 0, observed.shape)
    rules = {"table": np.array([0.0, 1.0]), "epsilons": np.geomspace(0.5, 0.05, 5)}
    double = invert_network(observed, weight, plan, **rules)
    single = invert_network(observed.astype(np.float32), weight.astype(np.float32), plan, **rules)
    assert single.series.dtype == np.float32
    assert np.abs(single.series - double.series).max() < 2e-2
    assert np.median(np.abs(single.series - double.series)) < 1e-5


@pytest.mark.parametrize("n_pixels", [1, 63, 64, 65, 130])
def test_property_pixels_do_not_see_each_other(rng, n_pixels):
    first, second = random_graph(4, 7, 0.8)
    plan = plan_elimination(7, first, second, 0)
    observed = rng.normal(0, 1, (len(first), n_pixels))
    rules = {"table": np.ones(2), "epsilons": np.array([0.5, 0.1])}
    together = invert_network(observed, None, plan, **rules)
    alone = [invert_network(observed[:, [k]], None, plan, **rules).series[:, 0] for k in range(n_pixels)]
    np.testing.assert_array_equal(together.series, np.stack(alone, axis=1))
