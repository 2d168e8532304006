"""Pair rules, incidence matrix, components, closure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from promised import noted, refuse_strangers, without_note

from qtp_toolkit import export, network
from qtp_toolkit._pairs import pair_difference
from qtp_toolkit.conventions import QtpDataError


def nominal_dates():
    early = np.arange("2014-10-13", "2017-03-01", 24, dtype="datetime64[D]")
    return np.concatenate([early, np.arange(early[-1] + 12, "2020-01-01", 12, dtype="datetime64[D]")])


def stack_of(pairs, values, *, units="rad"):
    days = np.datetime64("2020-01-01", "ns") + 12 * np.arange(20) * np.timedelta64(1, "D")
    first, second = np.array(pairs).T
    coords = {"reference": ("pair", days[first]), "secondary": ("pair", days[second])}
    dims = ("pair", "pixel")[: np.ndim(values)]
    return xr.DataArray(values, dims=dims, coords=coords, name="phase", attrs={"units": units})


def test_closed_form_the_paper_rule_gives_512_pairs():
    dates = nominal_dates()
    pairs = network.select_pairs(dates)
    span = pairs.temporal_baseline
    assert len(dates) == 123
    assert pairs.sizes["pair"] == 512
    assert [int(((span >= low) & (span <= high)).sum()) for low, high in network.PAPER_WINDOWS] == [292, 164, 56]
    assert set(np.unique(span)) == {12, 24, 36, 360, 372, 732}


@pytest.mark.parametrize(
    "dates",
    [[20180130, 20180211, 20180223], ["20180130", "20180211", "2018-02-23"], ["30Jan2018", "11Feb2018", 20180223]],
)
def test_closed_form_dates_of_lists_are_those_days(dates):
    """I28: as InSAR lists have them."""
    np.testing.assert_array_equal(network.select_pairs(dates)["temporal_baseline"], [12, 24, 12])


@pytest.mark.parametrize("dates", [[20180130.0, 20180211.0], [17500, 17512], ["30/01/2018", "11/02/2018"]])
def test_closed_form_what_is_no_date_is_refused(dates):
    """I28."""
    with pytest.raises(QtpDataError) as told:
        network.select_pairs(dates)
    assert told.value.code == "I28"


def test_closed_form_pairs_are_sorted_and_carry_baselines():
    dates = np.array(["2020-02-18", "2020-01-01", "2020-01-13"], dtype="datetime64[ns]")
    baseline = xr.DataArray([30.0, 0.0, -20.0], dims="time", coords={"time": dates}, attrs={"units": "m"})
    pairs = network.select_pairs(dates, perpendicular_baseline=baseline)
    assert pairs.temporal_baseline.values.tolist() == [12, 36]
    assert pairs.perpendicular_baseline.values.tolist() == [-20.0, 50.0]
    assert (pairs.reference < pairs.secondary).all()


def test_closed_form_refusals():
    with pytest.raises(QtpDataError, match=r"twice.*2020-01-01"):
        network.select_pairs(["2020-01-01", "2020-01-01", "2020-01-13"])
    with pytest.raises(QtpDataError, match="window"):
        network.select_pairs(["2020-01-01", "2020-06-01"])
    with pytest.raises(QtpDataError, match=r"zero span: 2020-01-01/2020-01-01.*2 times: 2020-01-01/2020-01-13"):
        network.components(stack_of([(0, 0), (0, 1), (1, 0)], np.zeros(3)))
    with pytest.raises(QtpDataError, match="lack coords"):
        network.incidence_matrix(xr.DataArray(np.zeros(3), dims="pair"))


def test_closed_form_incidence_matrix():
    pairs = stack_of([(0, 1), (1, 2), (0, 2)], np.zeros(3))
    matrix = network.incidence_matrix(pairs)
    assert matrix.dims == ("pair", "time")
    np.testing.assert_array_equal(matrix, [[-1, 1, 0], [0, -1, 1], [-1, 0, 1]])
    assert np.linalg.matrix_rank(matrix) == 2


def test_closed_form_components():
    groups = network.components(stack_of([(0, 1), (1, 2), (5, 7)], np.zeros(3)))
    assert [len(group) for group in groups] == [3, 2]
    assert groups[1][0] == np.datetime64("2020-03-01")


def test_closed_form_closure_of_a_cycle_error():
    values = np.array([[0.4, 1.0], [0.3, 2.0], [0.7 + 2 * np.pi, 3.0]])
    closure = network.closure_phase(stack_of([(0, 1), (1, 2), (0, 2)], values))
    assert closure.dims == ("triplet", "pixel")
    np.testing.assert_allclose(closure.values, [[-2 * np.pi, 0.0]], atol=1e-12)
    assert closure.middle.values[0] == np.datetime64("2020-01-13")
    assert closure.attrs["units"] == "rad"
    with pytest.raises(QtpDataError, match="triangle"):
        network.closure_phase(stack_of([(0, 1), (1, 2)], values[:2]))


def test_closed_form_closure_errors_count_the_triangles_that_are_there():
    """Of four triangles three open where one pair is wrong; two of them remain where another pair is missing."""
    rows = [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (0, 3)]
    values = np.zeros((6, 3))
    values[0] = 7.0
    values[3, 1] = np.nan
    values[[0, 1, 2, 3], 2] = np.nan
    wrong = network.closure_errors(stack_of(rows, values).assign_attrs(provenance_note="scene"))
    np.testing.assert_array_equal(wrong, [2, 2, np.nan])
    assert wrong.attrs["provenance_note"] == "scene"


def test_closed_form_mean_by_pair():
    rows = [(0, 1), (1, 2), (0, 2), (2, 3), (1, 3), (5, 6)]
    values = np.zeros((6, 1))
    values[0] = 7.0
    phase = stack_of(rows, values)
    blame = network.mean_by_pair(abs(network.closure_phase(phase)) > 3, phase)
    assert blame.dims == ("pair", "pixel")
    np.testing.assert_array_equal(blame[:, 0], [1, 0.5, 1, 0, 0, np.nan])
    np.testing.assert_array_equal(blame.secondary, phase.secondary)


def test_closed_form_canonicalise():
    phase = stack_of([(0, 1), (2, 1)], np.array([[1.0], [2.0]]))
    mended = network.canonicalise(phase)
    np.testing.assert_array_equal(mended.values, [[1.0], [-2.0]])
    assert (mended.reference < mended.secondary).all()
    assert mended.attrs == phase.attrs
    assert phase.values[1, 0] == 2.0
    stack = xr.Dataset({"phase": phase, "coherence": stack_of([(0, 1), (2, 1)], np.full((2, 1), 0.5), units="1")})
    both = network.canonicalise(stack)
    np.testing.assert_array_equal(both.phase.values, mended.values)
    np.testing.assert_array_equal(both.coherence.values, 0.5)
    assert (both.reference < both.secondary).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), number=st.integers(3, 9))
def test_property_what_happens_at_the_dates_closes(seed, number):
    rng = np.random.default_rng(seed)
    rows = [(a, b) for a in range(number) for b in range(a + 1, number)]
    rows = [rows[k] for k in rng.permutation(len(rows))]
    series = rng.normal(0, 5, number)
    closure = network.closure_phase(stack_of(rows, np.array([series[b] - series[a] for a, b in rows])))
    assert closure.sizes["triplet"] == number * (number - 1) * (number - 2) // 6
    np.testing.assert_allclose(closure, 0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_property_rank_is_dates_minus_components(seed):
    rng = np.random.default_rng(seed)
    rows = [(a, b) for a in range(8) for b in range(a + 1, 8) if rng.random() < 0.25] or [(0, 1)]
    pairs = stack_of(rows, np.zeros(len(rows)))
    matrix = network.incidence_matrix(pairs)
    assert np.linalg.matrix_rank(matrix) == matrix.sizes["time"] - len(network.components(pairs))


def test_lazy(no_compute, rng):
    eager = stack_of([(0, 1), (2, 1), (0, 2)], rng.normal(size=(3, 10)))
    with no_compute():
        mended = network.canonicalise(eager.chunk(pixel=5))
        lazy = network.closure_phase(mended)
    assert lazy.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), network.closure_phase(network.canonicalise(eager)))


def triangle_stack(rng, wrong=(2, 5)):
    """All pairs of seven dates on 6 x 5 pixels; pair ``wrong`` is off by a cycle in the upper two rows."""
    rows = [(a, b) for a in range(7) for b in range(a + 1, 7)]
    series = rng.normal(0, 3, (7, 6, 5))
    values = np.stack([series[b] - series[a] for a, b in rows]) + rng.normal(0, 0.1, (len(rows), 6, 5))
    values[rows.index(wrong), :2] += 2 * np.pi
    flat = stack_of(rows, values.reshape(len(rows), -1))
    grid = xr.DataArray(values, dims=("pair", "y", "x"), coords=flat.coords, name="phase", attrs={"units": "rad"})
    return rows, grid


def test_closed_form_closure_errors_per_pixel(rng):
    """I14: five triangles hold the wrong pair; they are counted where it is wrong, and nowhere else."""
    _, phase = triangle_stack(rng)
    errors = network.closure_errors(phase)
    assert errors.dims == ("y", "x")
    assert (errors[:2] == 5).all()
    assert (errors[2:] == 0).all()
    holes = phase.copy()
    holes[:, 0, 0] = np.nan
    assert np.isnan(network.closure_errors(holes)).sum() == 1


def test_closed_form_the_wrong_pair_ranks_first(rng):
    """I17: so does one whose dates were swapped without its sign."""
    rows, phase = triangle_stack(rng)
    ranking = network.rank_pairs(phase)
    assert rows[int(np.argmin(ranking["rank"].values))] == (2, 5)
    assert float(ranking.closure_error_share[rows.index((2, 5))]) == pytest.approx(1 / 3)
    assert sorted(ranking["rank"].values.tolist()) == list(range(1, len(rows) + 1))
    _, clean = triangle_stack(rng)
    clean = clean.isel(y=slice(2, None)) * 3
    swapped = xr.where(np.arange(len(rows)) == rows.index((1, 4)), -1, 1) * np.ones(len(rows))
    turned = (clean * xr.DataArray(swapped, dims="pair")).assign_attrs(units="rad")
    assert rows[int(np.argmin(network.rank_pairs(turned)["rank"].values))] == (1, 4)


def test_closed_form_pairs_without_triangle_rank_last(rng):
    phase = stack_of([(0, 1), (1, 2), (0, 2), (2, 3)], rng.normal(0, 0.1, (4, 3)))
    ranking = network.rank_pairs(phase)
    assert np.isnan(ranking.closure_error_share[3])
    assert ranking["rank"].values[3] == 4


def test_closed_form_a_chain_has_nothing_to_rank_by():
    ranking = network.rank_pairs(stack_of([(0, 1), (1, 2), (2, 3)], np.zeros((3, 2))))
    assert np.isnan(ranking["closure_error_share"]).all()
    assert ranking["rank"].values.tolist() == [1, 2, 3]


def test_closed_form_dates_must_be_dates():
    """I28: numbers are refused; as float32, 20191231 has become 20191232."""
    pairs = stack_of([(0, 1), (1, 2)], np.zeros(2))
    broken = pairs.assign_coords(reference=("pair", np.array([20191231, 20200112], np.float32)))
    with pytest.raises(QtpDataError, match="datetime64"):
        network.incidence_matrix(broken)


def test_lazy_closure_errors_and_ranking(no_compute, rng):
    _, phase = triangle_stack(rng)
    with no_compute():
        errors, ranking = (f(phase.chunk({"y": 2})) for f in (network.closure_errors, network.rank_pairs))
    assert errors.chunks is not None
    assert ranking["rank"].chunks is not None
    xr.testing.assert_identical(errors.compute(), network.closure_errors(phase))
    xr.testing.assert_allclose(ranking.compute(), network.rank_pairs(phase))


def test_strangers_are_refused():
    phase = stack_of([(0, 1), (1, 2), (0, 2)], np.zeros((3, 1)))
    for call in (network.closure_phase, network.closure_errors, network.rank_pairs):
        refuse_strangers(call, {"phase": phase}, units="phase", dims="phase")
    closure = network.closure_phase(phase)
    refuse_strangers(lambda values: network.mean_by_pair(values, phase), {"values": closure}, dims="values")
    dates = ["2020-01-01", "2020-01-13"]
    baseline = xr.DataArray([3.0, 5.0], {"time": np.array(dates, "datetime64[ns]")}, ("time",), attrs={"units": "m"})
    given = {"perpendicular_baseline": baseline}
    refuse_strangers(
        lambda **given: network.select_pairs(dates, **given), given, units=" ".join(given), dims=" ".join(given)
    )


def test_closed_form_windows_of_the_paper_are_closed():
    spans = [1, 40, 41, 349, 350, 380, 381, 724, 725, 735, 736]
    kept = [span for span in spans if pairs_of(span)]
    assert kept == [1, 40, 350, 380, 725, 735]


def pairs_of(span):
    days = np.array([0, span, 2000, 2001]) * np.timedelta64(1, "D")
    found = network.select_pairs(np.datetime64("2014-01-01", "ns") + days)
    return span in found.temporal_baseline.values


def test_results_say_that_they_are_synthetic():
    phase = noted(stack_of([(0, 1), (1, 2), (0, 2)], np.ones((3, 1))))
    closure = network.closure_phase(phase)
    results = {"closure": closure, "errors": network.closure_errors(phase), "rank": network.rank_pairs(phase)}
    results |= {"mean": network.mean_by_pair(closure, phase), "mended": network.canonicalise(phase)}
    assert without_note(**results) == []


def test_closed_form_all_that_turns_with_a_pair_is_turned():
    """I17: baselines beside the data, complex interferograms; misfits have no sign."""
    pairs = [(1, 0), (1, 2), (2, 0)]
    signs = np.array([-1.0, 1.0, -1.0])
    stack = stack_of(pairs, np.array([1.0, 2.0, 3.0])).to_dataset()
    stack["interferogram"] = ("pair", np.exp(1j * stack["phase"].values), {"units": "1"})
    stack["misfit"] = ("pair", np.full(3, 0.3), {"units": "rad"})
    stack["temporal_baseline"] = ("pair", 12 * np.array([-1, 1, -2]), {"units": "d"})
    stack = stack.assign_coords(perpendicular_baseline=("pair", np.full(3, 50.0), {"units": "m"}))
    out = network.canonicalise(stack)
    np.testing.assert_array_equal(out["phase"], signs * stack["phase"])
    np.testing.assert_allclose(np.angle(out["interferogram"]), signs * np.angle(stack["interferogram"]))
    np.testing.assert_array_equal(out["misfit"], 0.3)
    np.testing.assert_array_equal(out["temporal_baseline"], [12, 12, 24])
    np.testing.assert_array_equal(out["perpendicular_baseline"], 50 * signs)
    assert out["perpendicular_baseline"].attrs == {"units": "m"}
    xr.testing.assert_identical(out.chunk().pipe(network.canonicalise).compute(), out)


def test_closed_form_a_day_of_several_values_is_refused():
    """P12: the first of them would have been taken, whatever its hour."""
    times = np.array(["2020-01-01T00", "2020-01-01T12", "2020-01-13", "2020-01-25", "2020-01-25"], "datetime64[ns]")
    series = xr.DataArray(np.arange(5.0), {"time": times}, "time", "delay", {"units": "rad"})
    pairs = stack_of([(0, 1)], [0.0])
    with pytest.raises(QtpDataError, match="2020-01-01") as told:
        pair_difference(series, pairs)
    assert told.value.code == "P12"
    assert pair_difference(series[1:], pairs).item() == 1.0  # the days of no pair do not matter


@pytest.mark.parametrize("function", [network.components, network.incidence_matrix, network.closure_phase])
def test_closed_form_no_pair_is_refused(function):
    with pytest.raises(QtpDataError, match="there is no pair"):
        function(stack_of([(0, 1)], [0.0])[:0])


def test_closed_form_windows_are_pairs_of_days():
    with pytest.raises(QtpDataError, match="windows are pairs of days"):
        network.select_pairs(["2020-01-01", "2020-01-13"], windows=(0, 40))


@pytest.mark.parametrize("wanted", ["20200113", 20200113, "13Jan2020", np.datetime64("2020-01-13T23:47")])
def test_closed_form_an_acquisition_in_any_spelling(wanted):
    """I28."""
    for dates in (["20200101", "20200113"], [20200101, 20200113], np.array(["2020-01-01", "2020-01-13T11"], "M8[ns]")):
        assert network.acquisition(dates, wanted) == np.datetime64("2020-01-13")


def names_of(pairs):
    days = [pairs[end].values.astype("datetime64[D]").astype(str) for end in ("reference", "secondary")]
    return ["_".join(pair).replace("-", "") for pair in zip(*days, strict=True)]


def test_closed_form_two_satellites_keep_three_partners_a_window():
    """Every 6 days: the first three within 40 days, and the three nearest to a year."""
    dates = np.arange("2018-01-01", "2019-06-01", 6, dtype="datetime64[D]")
    pairs = network.select_pairs(dates, windows=[(0, 40), (350, 380)], most=3)
    own = pairs.temporal_baseline[pairs.reference == np.datetime64("2018-01-01")]
    np.testing.assert_array_equal(own, [6, 12, 18, 360, 366, 372])


def test_closed_form_a_gap_is_joined_by_its_shortest_pair():
    dates = ["2020-01-01", "2020-01-13", "2020-06-01", "2020-06-13"]
    assert len(network.components(network.select_pairs(dates))) == 2
    pairs = network.select_pairs(dates, connect=True)
    assert names_of(pairs) == ["20200101_20200113", "20200113_20200601", "20200601_20200613"]


def test_closed_form_a_date_that_no_window_takes_is_joined_too():
    pairs = network.select_pairs(["2020-01-01", "2020-06-01"], connect=True)
    assert pairs.temporal_baseline.values.tolist() == [152]


def test_property_a_real_calendar_keeps_the_rule_and_holds_together():
    """Years, two satellites from 2017 on, a tenth of the passes and one winter lost."""
    rng = np.random.default_rng(3)
    one = np.arange("2015-01-05", "2020-01-01", 12, dtype="datetime64[D]")
    two = np.arange("2017-01-12", "2020-01-01", 12, dtype="datetime64[D]")
    dates = np.sort(np.concatenate([one, two]))
    dates = dates[
        (rng.random(dates.size) > 0.1)
        & ((dates < np.datetime64("2015-11-01")) | (dates.astype("M8[Y]") > np.datetime64("2015")))
    ]
    joined, plain = (network.select_pairs(dates, windows=[(0, 40)], connect=way) for way in (True, False))
    assert len(network.components(joined)) == 1
    assert joined.sizes["pair"] == plain.sizes["pair"] + len(network.components(plain)) - 1
    assert set(names_of(plain)) < set(names_of(joined))


def test_closed_form_a_network_is_read_from_the_list_that_is_written(tmp_path):
    pairs = network.select_pairs([20180106, 20180118, 20180211], windows=[(0, 40)])
    lines = export.pair_list(pairs, tmp_path / "pairs.txt").read_text().splitlines()
    again = network.listed_pairs([*lines[::-1], ""])
    xr.testing.assert_identical(again, pairs)
    for listed, code in (([""], "C10"), (["20180106"], "I27"), ([lines[0]] * 2, "I19"), (["soon_later"], "I28")):
        with pytest.raises(QtpDataError) as caught:
            network.listed_pairs(listed)
        assert caught.value.code == code


@pytest.mark.parametrize(
    "listed",
    [
        ["20200125"],
        [np.datetime64("2020-01-25")],
        ["", "2020-01-13/2020-01-25", ("20200125", 20200206), "20200101-20200125"],
    ],
)
def test_closed_form_drop_lists_name_dates_and_pairs(listed):
    stack = stack_of([(0, 1), (1, 2), (0, 2), (2, 3), (1, 3)], np.arange(5.0))
    np.testing.assert_array_equal(network.drop_pairs(stack, listed), [0, 4])


def test_closed_form_drop_lists_that_miss_are_refused():
    stack = stack_of([(0, 1), (1, 2)], np.zeros(2))
    with pytest.raises(QtpDataError, match="20200114, 20200101_20200125") as told:
        network.drop_pairs(stack, ["20200113", "20200114", "20200101_20200125"])
    assert told.value.code == "I03"
    with pytest.raises(QtpDataError, match="all pairs"):
        network.drop_pairs(stack, ["20200113"])
    with pytest.raises(QtpDataError, match="neither a date nor a pair"):
        network.drop_pairs(stack, [("20200101", "20200113", "20200125")])
    with pytest.raises(QtpDataError) as told:
        network.drop_pairs(stack, ["13/01/2020"])
    assert told.value.code == "I28"


def gray_of(pairs, values):
    return xr.DataArray(values, pairs.coords, ("pair",), attrs={"units": "1"})


def test_closed_form_pruning_keeps_the_coherent_and_the_best_bridge():
    """Dates 0-1 and 2-3 are coherent; three pairs could join them, the best of the bad does."""
    stack = stack_of([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)], np.arange(5.0))
    kept = network.prune(stack, gray_of(stack, [0.9, 0.1, 0.2, np.nan, 0.5]), at_least=0.5)
    np.testing.assert_array_equal(kept, [0, 2, 4])
    assert kept.attrs == {"units": "rad", "bridges": ["2020-01-13/2020-01-25"]}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_property_pruning_never_parts_dates_and_no_bridge_is_idle(data):
    size = data.draw(st.integers(2, 7))
    edges = sorted(data.draw(st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), min_size=1)))
    edges = [edge for edge in edges if edge[0] < edge[1]] or [(0, 1)]
    stack = stack_of(edges, np.zeros(len(edges)))
    values = data.draw(st.lists(st.floats(0, 1, width=32), min_size=len(edges), max_size=len(edges)))
    kept = network.prune(stack, gray_of(stack, values), at_least=0.5)
    before = network.components(stack)
    assert [group.tolist() for group in network.components(kept)] == [group.tolist() for group in before]
    assert sum(value >= 0.5 for value in values) + len(kept.attrs["bridges"]) == kept.sizes["pair"]
    for k, name in enumerate(names_of(kept)):
        if f"{name[:4]}-{name[4:6]}-{name[6:8]}/{name[9:13]}-{name[13:15]}-{name[15:]}" in kept.attrs["bridges"]:
            rest = np.delete(np.arange(kept.sizes["pair"]), k)
            lost = not rest.size or len(network.components(kept[rest])) != len(before)
            lost |= bool(rest.size) and sum(map(len, network.components(kept[rest]))) < sum(map(len, before))
            assert lost


def test_closed_form_pruning_refuses_coherence_of_something_else():
    stack = stack_of([(0, 1), (1, 2)], np.zeros(2))
    for bad, words in [
        (gray_of(stack, [0.5, 1.5]), "range"),
        (gray_of(stack, [0.5, 0.5])[::-1], "other pairs"),
        (gray_of(stack, [0.5, 0.5])[:1], "one number a pair"),
        (gray_of(stack, [0.5, 0.5]).expand_dims(x=2), "one number a pair"),
    ]:
        with pytest.raises(QtpDataError, match=words):
            network.prune(stack, bad)


def test_lazy_stacks_stay_lazy_when_pairs_go(no_compute):
    stack = stack_of([(0, 1), (1, 2), (0, 2)], np.zeros((3, 4))).chunk({"pixel": 2})
    with no_compute():
        pruned = network.prune(stack, gray_of(stack[:, 0].drop_vars("pixel", errors="ignore"), [0.9, 0.9, 0.1]))
        dropped = network.drop_pairs(stack, ["20200113_20200125"])
    assert pruned.chunks is not None
    assert dropped.sizes["pair"] == pruned.sizes["pair"] == 2


def test_closed_form_what_is_dropped_is_not_used_to_join_either():
    """Without the third date the second and the fourth are joined; a pair that is dropped is replaced by the next."""
    dates = ["2020-01-01", "2020-01-13", "2020-02-18", "2020-06-01"]
    rule = {"windows": [(0, 40)], "connect": True}
    assert names_of(network.select_pairs(dates, **rule)) == [
        "20200101_20200113",
        "20200113_20200218",
        "20200218_20200601",
    ]
    assert names_of(network.select_pairs(dates, drop=["20200218"], **rule)) == [
        "20200101_20200113",
        "20200113_20200601",
    ]
    assert names_of(network.select_pairs(dates, drop=["20200218_20200601"], **rule))[-1] == "20200113_20200601"
    with pytest.raises(QtpDataError, match="20200219"):
        network.select_pairs(dates, drop=["20200219"])


SCENES = [
    "S1A_IW_SLC__1SDV_20180106T235945_20180107T000012_020041_02224B_F7C1.zip",
    "folder/S1A_IW_SLC__1SDV_20180107T000010_20180107T000037_020041_02224B_AAAA.SAFE",
    "S1B_IW_SLC__1SSV_20180112T235910_20180112T235937_009145_0105E2_0B1C",
]


def test_closed_form_granules_are_acquisitions_of_a_track():
    """A pass across midnight is one date; satellites number their orbits each by its own count."""
    table = network.read_granules([*SCENES, "", SCENES[0]])
    assert table["date"].dt.strftime("%Y%m%d").tolist() == ["20180106", "20180106", "20180112"]
    assert table["satellite"].tolist() == ["S1A", "S1A", "S1B"]
    assert set(table["track"]) == {19}
    assert all(len(name) == 67 for name in table.index)
    assert table["stop"].iloc[0] - table["start"].iloc[0] == np.timedelta64(27, "s")


@pytest.mark.parametrize(
    ("satellite", "orbit", "track"), [("S1C", 8018, 147), ("S1C", 8019, 46), ("S1D", 42, 1), ("S1A", 72, 175)]
)
def test_closed_form_tracks_of_each_satellite(satellite, orbit, track):
    """By hand: orbits since the first of track 1, modulo 175."""
    name = SCENES[2].replace("S1B", satellite).replace("009145", f"{orbit:06d}")
    assert network.read_granules([name])["track"].tolist() == [track]


def test_closed_form_bursts_have_a_place():
    names = [
        f"S1_{place}_IW2_20200604T0223{second}_VV_7C85-BURST" for place, second in (("136231", 12), ("136232", 15))
    ]
    assert network.read_granules(names)["place"].tolist() == ["136231_IW2", "136232_IW2"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["S1A_IW_GRDH_1SDV_20180106T234712_20180106T234739_020041_02224B_F7C1"], "no Sentinel-1 granules"),
        ([], "no Sentinel-1 granules"),
        ([SCENES[0], SCENES[2].replace("009145", "009146")], "several tracks"),
        ([SCENES[0], "S1_136231_IW2_20200604T022312_VV_7C85-BURST"], "scenes and bursts"),
    ],
)
def test_closed_form_other_granules_are_refused(names, words):
    with pytest.raises(QtpDataError, match=words):
        network.read_granules(names)


HEAD = ["Granule Name", "Platform", "Beam Mode", "Orbit", "Path Number", "Acquisition Date", "Processing Level"]
HEAD += ["Start Time", "Center Lat", "Center Lon", "Ascending or Descending?", "URL", "Size (MB)", "Pointing Angle"]
"""Some columns of the CSV that ASF's Vertex and asf_search write."""


def archive(*rows, mark=","):
    """Lines of such a table, all cells in quotation marks, of (granule, level, track)."""
    lines = [HEAD]
    for granule, level, track in rows:
        cells = dict.fromkeys(HEAD, "") | {"Granule Name": granule, "Processing Level": level, "Path Number": track}
        lines.append([*(cells | {"URL": f"https://archive/{granule}.zip"}).values()])
    return [mark.join(f'"{cell}"' for cell in line) for line in lines]


def test_closed_form_a_table_of_the_archive_is_a_list():
    """With the raw data and metadata that a search finds beside the images; from a spreadsheet with semicolons, too."""
    plain = network.read_granules(SCENES)
    kinds = [(name, "SLC", 19) for name in plain.index] + [(plain.index[0], "METADATA_SLC", 19)]
    kinds.append(("S1A_IW_RAW__0SDV_20180106T235941_20180107T000014_020041_02224B_1A2B", "RAW", 19))
    for mark in ",;":
        table = network.read_granules(archive(*kinds, mark=mark))
        pd.testing.assert_frame_equal(table, plain)
        assert table.attrs["left_out"] == 2
    pd.testing.assert_frame_equal(network.read_granules(["Granule Name", *SCENES]), plain)


def test_closed_form_a_table_tells_the_tracks_of_bursts():
    names = [f"S1_{place}_IW2_202006{day:02d}T022312_VV_7C85-BURST" for place, day in (("136231", 4), ("250001", 6))]
    assert network.read_granules(archive((names[0], "BURST", 64)))["track"].tolist() == [64]
    with pytest.raises(QtpDataError, match="several tracks"):
        network.read_granules(archive((names[0], "BURST", 64), (names[1], "BURST", 117)))


def test_closed_form_tables_without_granules_are_refused():
    with pytest.raises(QtpDataError, match="column of granules"):
        network.read_granules(["date,orbit", "20180106,20041"])
    with pytest.raises(QtpDataError, match="cut short"):
        network.read_granules([*archive((SCENES[0], "SLC", 19)), '"S1A_IW_SLC__1SDV_2018'])
    with pytest.raises(QtpDataError, match="no Sentinel-1 granules"):
        network.read_granules(archive((SCENES[0], "RAW", 19)))
