"""Looks into the pixels of stacks: wrapped, tiny, missing, other scales; and what is good passes."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from small_files import refused

from qtp_toolkit import load

PAIRS = [("2018-01-06", "2018-01-18"), ("2018-01-06", "2018-01-30"), ("2018-01-18", "2018-01-30")]
Y, X = np.mgrid[:40, :60]


def stack_of(values, coherence=None):
    values = np.asarray(values, "float32")
    ends = np.array(PAIRS[: len(values)], "datetime64[ns]").T
    coords = {name: ("pair", dates) for name, dates in zip(("reference", "secondary"), ends, strict=True)}
    out = {"phase": (("pair", "y", "x"), values, {"units": "rad"})}
    if coherence is not None:
        out["coherence"] = (("pair", "y", "x"), np.broadcast_to(coherence, values.shape).astype("float32"))
    return xr.Dataset(out, coords)


def ramps(scale):
    """Unwrapped phase: a slope and a bowl, noisy as real ones are."""
    noise = np.random.default_rng(1).normal(0, 0.1, (3, *X.shape))
    return np.array([1.0, 2.0, 1.0])[:, None, None] * scale * (X / 60 + 0.4 * np.sin(Y / 9)) + noise


def wrap(values):
    return np.angle(np.exp(1j * values))


@pytest.mark.parametrize("scale", [2.0, 6.0, 60.0])
@pytest.mark.parametrize("every", [1, 4, 50])
def test_wrapped_stacks_are_known_by_their_fringes(scale, every):
    """I10: also where a reference was taken out of them, pair by pair."""
    wrapped = wrap(ramps(scale) + 2.0)
    assert "wrapped" in refused(load.look_at_stack, stack_of(wrapped), every=every, code="I10")
    moved = wrapped - wrapped[:, 5, 5][:, None, None]
    assert "wrapped" in refused(load.check_stack, stack_of(moved), every=every, code="I10")


@pytest.mark.parametrize("every", [1, 4])
def test_little_motion_is_no_reason_to_refuse(every):
    """I10, I12: 11 mm and 2 mm are told apart from fringes and from meters."""
    with pytest.warns(UserWarning, match="taken for unwrapped"):
        load.check_stack(stack_of(ramps(0.8).clip(-2.5, 2.5)), every=every)
    with pytest.warns(UserWarning, match="little motion"):
        load.check_stack(stack_of(ramps(0.05).clip(-0.4, 0.4)), every=every)
    refused(load.check_stack, stack_of(ramps(6.0) * 0.0044), every=every, code="I12")
    load.check_stack(stack_of(ramps(6.0)), every=every)


@pytest.mark.parametrize("fill", [0.0, -999.0, -99.0, 255.0])
def test_one_number_again_and_again_is_missing_data(fill):
    """I23: the number, and the setting that makes it missing."""
    values = ramps(6.0)
    values[:, :8] = fill
    setting = "0" if fill == 0 else rf"\[{fill:g}, {-fill:g}, 0\]"  # the other sign in files that were turned round
    with pytest.warns(UserWarning, match=rf"parameters.nodata: {setting}\."):
        load.check_stack(stack_of(values))


def test_coherence_beyond_one_is_told_with_the_remedy_that_fits():
    """I04: rounding passes; a scale is advised where all values are on another scale only."""
    good = stack_of(ramps(6.0), 0.8)
    good["coherence"][0, 3, 4] = 1.0021
    load.check_stack(good, every=1)
    good["coherence"][0, 3, 4] = 7.0
    message = refused(load.check_stack, good, every=1, code="I04")
    assert "1 of 7200 outside" in message
    assert "scale: 0" not in message
    assert "0.00392157" in refused(load.check_stack, stack_of(ramps(6.0), 204.0), code="I04")
    assert "coherence_scale: 0.01" in refused(load.check_stack, stack_of(ramps(6.0), 80.0), code="I04")


def test_small_and_empty_stacks():
    """I06, I21: three by three pixels, one row, one pair, none."""
    for shape in ((3, 3), (1, 60), (40, 1), (1, 1)):
        values = 9 + ramps(6.0)[:1, : shape[0], : shape[1]]
        assert len(load.check_stack(stack_of(values))) == 1
    assert "empty" in refused(load.check_stack, stack_of(ramps(6.0)[:, :0]), code="I06")
    refused(load.check_stack, stack_of(np.full((1, 3, 3), np.nan)), code="I21")


def test_of_large_stacks_some_rows_are_read(monkeypatch):
    """A wrapped stack is found in any part; what lies between the slabs is not computed."""
    monkeypatch.setattr("qtp_toolkit.load.insar.checks._MOST", 3 * 60 * 32)
    read = []

    def note(block, block_info=None):
        read.append(block_info[0]["chunk-location"][1])
        return block

    stack = stack_of(np.concatenate([ramps(6.0)] * 30, axis=1)).chunk({"y": 4})
    stack["phase"] = stack["phase"].copy(data=stack["phase"].data.map_blocks(note, dtype="float32"))
    assert len(load.look_at_stack(stack)) == 3
    assert 16 <= len(set(read)) < 100


@pytest.mark.parametrize("every", [1, 4])
def test_fringes_along_y_alone_are_seen(every):
    """I10: columns that do not change along x, with a reference taken out."""
    wrapped = wrap(np.array([1.0, 2.0, 1.0])[:, None, None] * 0.4 * Y + 0.6 + 0.0 * X)
    refused(load.check_stack, stack_of(wrapped - wrapped[:, :1, :1]), every=every, code="I10")


def test_few_fringes_of_another_range_are_not_passed_over():
    """I10: 0 to 2 pi is refused for a single fringe; where the range says less, there is a word."""
    slope = 0.05 * np.arange(400.0) * np.ones((40, 1)) + 5.0 + np.zeros((3, 1, 1))
    refused(load.check_stack, stack_of(np.mod(slope, 2 * np.pi)), code="I10")
    few = np.mod(slope, 2 * np.pi) - 2.0
    few[:, :, 150:] = few[:, :, 140:141]
    with pytest.warns(UserWarning, match="wrapped?"):
        load.check_stack(stack_of(few))


def test_degrees_are_told():
    """I11: wrapped ones are refused; of others neighbors differ too much."""
    refused(load.check_stack, stack_of(np.rad2deg(wrap(ramps(20.0)))), code="I11")
    with pytest.warns(UserWarning, match="degrees, or another quantity"):
        load.check_stack(stack_of(np.rad2deg(ramps(20.0))))


@pytest.mark.parametrize("largest", [1e9, 3 * 60 * 32])
def test_islands_between_the_rows_that_are_read_count_as_valid(monkeypatch, largest):
    """I21: nothing is said of a pair before all of it was read."""
    monkeypatch.setattr("qtp_toolkit.load.insar.checks._MOST", largest)
    values = np.concatenate([ramps(60.0)] * 30, axis=1)
    values[0] = np.nan
    values[0, 21:23, 5:7] = 9.0
    table = load.look_at_stack(stack_of(values).chunk({"y": 40}))
    assert table["valid"][0] == 4 / values[0].size
    assert table["smallest"][0] == 9.0
    values[0] = np.nan
    assert "1 pairs hold no valid pixel" in refused(load.look_at_stack, stack_of(values), code="I21")


def test_coherence_of_nothing_and_of_percent():
    """I04: pairs that weights leave out, and bytes on another scale, are told."""
    none = stack_of(ramps(60.0), 0.8)
    none["coherence"][1] = 0
    with pytest.warns(UserWarning, match="coherence is 0 or missing in all of 1 pairs"):
        load.check_stack(none)
    percent = stack_of(ramps(60.0), (40 + X) / 255).assign_attrs(coherence_scale=1 / 255)
    with pytest.warns(UserWarning, match=r"coherence_scale: 0\.01"):
        load.check_stack(percent)
    load.check_stack(stack_of(ramps(60.0), (80 + X) / 255).assign_attrs(coherence_scale=1 / 255))
    load.check_stack(percent.drop_attrs())
