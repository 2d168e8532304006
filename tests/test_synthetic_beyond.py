"""The scene beyond: its motion by an independent account, its two tracks, its files, and the main scene left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import network, prospects, synthetic
from qtp_toolkit.catalog import open_catalog
from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.synthetic import atmosphere, beyond, beyond_files, formats, interferograms, places, tracks
from qtp_toolkit.synthetic.frame import whole_frame
from qtp_toolkit.synthetic.truth import frame_of, ground

DESCENDING = tracks.TRACKS["descending"]
STEP_MM = 55.46576 / (4 * np.pi)
MAIN_PHASE = [-13.83189, -9.94832, 6.67200, 0.59427]
MAIN_COHERENCE = [0.673199, 0.682830, 0.634272, 0.556087]
MAIN_MEAN = -1.42571


@pytest.fixture(scope="module")
def beyond_truth():
    return synthetic.beyond_scene("tiny")


@pytest.fixture(scope="module")
def stacks(beyond_truth):
    return {name: synthetic.track_stack(beyond_truth, name).compute() for name in tracks.TRACKS}


# the motion


def plain_motion(truth, main, row, column):
    """Vertical motion of a pixel at the dates, mm, from its maps and its daily temperature, in float64."""
    pixel, here = truth.isel(y=row, x=column), main.isel(y=[row], x=[column])
    degrees = synthetic.truth_lst(main).isel(y=row, x=column).values.astype(float)
    start = pd.Timestamp("2014-01-01")
    new_year = np.array([(pd.Timestamp(int(year), 1, 1) - start).days for year in pixel["thaw_year"]])
    thaw = new_year + pixel["thaw_onset"].values.astype(int)
    freeze = new_year + pixel["freeze_onset"].values.astype(int)
    stop = np.append(thaw[1:], degrees.size)
    addt = np.array([np.maximum(degrees[a:b], 0).sum() for a, b in zip(thaw, freeze, strict=True)])
    addf = np.array([np.maximum(-degrees[b:c], 0).sum() for b, c in zip(freeze, stop, strict=True)])
    ratio = here["conductivity_ratio"].item()
    closed = np.where(ratio * addf < addt, np.maximum(addt / addf, ratio), ratio)
    closed[-1] = ratio
    out = []
    for day in (pd.DatetimeIndex(truth["time"]) - start).days:
        year = max(int((day + 1 > thaw).sum()) - 1, 0)
        melted = np.maximum(degrees[thaw[year] : min(day + 1, freeze[year])], 0).sum()
        frozen = np.maximum(-degrees[freeze[year] : day + 1], 0).sum()
        index = max(np.sqrt(melted) - np.sqrt(closed[year] * frozen), 0.0)
        elapsed = (addt[:year].sum() + melted) / addt[1:].mean()
        season = pixel["yearly_amplitude"].values[year] * index / np.sqrt(addt[year])
        out.append(pixel["vertical_rate"].item() * elapsed - season)
    late = (truth["time"] - np.datetime64("2017-01-01")) / np.timedelta64(1, "D") + 1
    begun, ended = pixel["thaw_onset"].values[3], pixel["freeze_onset"].values[3]
    share = np.interp(late, [ended - (ended - begun) / 3, ended], [0.0, 1.0])
    moved = np.array(out) - pixel["late_season_loss"].item() * share
    return moved - moved[int(np.argmax(truth["time"].values == np.datetime64("2018-08-31")))]


@pytest.mark.parametrize("place", [(92.95, 34.98), (91.7, 33.9), (92.6, 33.0)])
def test_the_vertical_motion_follows_from_the_maps(beyond_truth, truth, place):
    x, y = places.project(*place)
    row, column = (int(abs(beyond_truth[dim].values - at).argmin()) for dim, at in (("y", y), ("x", x)))
    got = beyond_truth["vertical_displacement"][:, row, column]
    assert np.isfinite(got).all()
    np.testing.assert_allclose(got, plain_motion(beyond_truth, truth, row, column), atol=0.02)


@pytest.mark.parametrize("name", tracks.TRACKS)
def test_a_track_sees_up_and_east_and_north(beyond_truth, name):
    frame, track = frame_of(beyond_truth), tracks.TRACKS[name]
    seen = synthetic.line_of_sight(beyond_truth, name)
    angle, heading = np.deg2rad(tracks.incidence_of(frame, track)), np.deg2rad(track.flight.heading)
    years = (seen["time"] - np.datetime64("2018-08-31")) / np.timedelta64(1, "D") / 365.25
    east = -np.sin(angle) * np.cos(heading) * beyond_truth["east_rate"]
    north = np.sin(angle) * np.sin(heading) * beyond_truth["north_rate"]
    up = np.cos(angle) * beyond_truth["vertical_displacement"].sel(time=seen["time"])
    xr.testing.assert_allclose(seen.drop_attrs(), (years * (east + north) + up).drop_attrs(), atol=1e-3)


def test_seen_lazily_it_is_the_same(beyond_truth, no_compute):
    with no_compute():
        lazy = synthetic.line_of_sight(beyond_truth.chunk({"y": 40}), "ascending")
    np.testing.assert_array_equal(lazy, synthetic.line_of_sight(beyond_truth, "ascending"))


def test_the_seasonal_strength_grows_by_five_percent(beyond_truth):
    frame = frame_of(beyond_truth)
    strength = beyond.growing_strengths(frame)
    slope = np.polyfit(np.arange(6), strength.reshape(6, -1), 1)[0]
    assert np.median(slope) == pytest.approx(0.05, abs=0.006)
    assert slope.std() < 0.012
    years = np.arange(2015, 2020)
    amplitudes = beyond_truth["yearly_amplitude"].sel(thaw_year=years)[:, 40, 20]
    assert beyond_truth["amplitude_trend"][40, 20].item() == pytest.approx(
        np.polyfit(years, amplitudes, 1)[0], rel=1e-4
    )


def test_ice_is_lost_in_one_year_and_one_place(beyond_truth, truth):
    loss = beyond_truth["late_season_loss"]
    lost = loss.values > 20
    assert 400 < lost.sum() * 25 < 900  # km2
    assert 35 < loss.max() < 50
    assert (truth["permafrost"].values[lost] == 1).all()
    assert (loss.values[np.isfinite(loss.values)] > 0).mean() < 0.02
    x, y = places.project(beyond.ICE_RICH.longitude, beyond.ICE_RICH.latitude)
    rows, columns = np.nonzero(lost)
    assert np.hypot(beyond_truth["x"].values[columns] - x, beyond_truth["y"].values[rows] - y).max() < 25e3
    before, after = (beyond_truth["vertical_displacement"].sel(time=str(year)).mean("time") for year in (2016, 2018))
    assert ((after - before).where(loss > 30).mean() - (after - before).where(loss == 0).mean()) < -25


def test_the_fault_moves_sideways_only(beyond_truth):
    column = beyond_truth["east_rate"][:, 20]
    offset = places.line_offset(frame_of(beyond_truth), "Kunlun")[:, 20]
    north, south = (float(column[abs(offset - at).argmin()]) for at in (60e3, -60e3))
    assert north - south == pytest.approx(-8.0 * 2 / np.pi * np.arctan(4.0), abs=0.15)
    frame = frame_of(beyond_truth)
    x, y = places.project(*places.REFERENCE_POINT)
    row, at = abs(frame.y - y).argmin(), abs(frame.x - x).argmin()
    for name in ("east_rate", "north_rate", "vertical_rate"):
        assert abs(beyond_truth[name][row, at].item()) < 0.02, name
    assert abs(beyond_truth["north_rate"]).max() < 0.7
    upright = ground(frame).fields.ice_rate / np.cos(np.deg2rad(39.0))  # of ice alone
    seen = np.isfinite(beyond_truth["vertical_rate"].values)
    np.testing.assert_allclose(beyond_truth["vertical_rate"].values[seen], upright[seen], rtol=1e-5, atol=1e-6)


def test_a_window_is_cut_from_the_whole(beyond_truth):
    part = {"y": slice(70, 90), "x": slice(10, 30)}
    window = synthetic.beyond_scene("tiny", window=tuple(part.values()))
    xr.testing.assert_allclose(window.drop_attrs(), beyond_truth.isel(part).drop_attrs(), rtol=1e-5, atol=1e-4)


def test_same_seed_same_values_other_seed_other_values(beyond_truth):
    window = (slice(0, 20), slice(0, 20))
    again, other = (synthetic.beyond_scene("tiny", seed=seed, window=window) for seed in (2022, 7))
    xr.testing.assert_allclose(again.drop_attrs(), beyond_truth.isel(y=window[0], x=window[1]).drop_attrs(), atol=1e-4)
    assert abs(again["yearly_amplitude"] - other["yearly_amplitude"]).mean() > 1.0


# the tracks


def test_look_vectors_of_both_tracks():
    """V of the guide: incidence of 39 degrees, headings of -12 and -168."""
    sign = {-12.0: -1.0, -168.0: 1.0}
    for heading, side in sign.items():
        got = formats.look_vector(39.0, heading)
        np.testing.assert_allclose(got, [side * 0.615568, -0.130843, 0.777146], atol=1e-6)
    seen = [np.dot(formats.look_vector(39.0, heading), [2.0, 0.0, -5.0]) for heading in sign]
    np.testing.assert_allclose(seen, [-5.116866, -2.654593], atol=1e-6)


@pytest.mark.parametrize("heading", [-170.0, -168.0, -12.0])
def test_near_range_lies_below_the_satellite(heading):
    """From where the vector to the satellite points on the ground the incidence grows the other way, in every track."""
    frame = whole_frame("tiny", seed=2022)
    known = {-170.0: interferograms.incidence(frame)}
    known |= {track.flight.heading: tracks.incidence_of(frame, track) for track in tracks.TRACKS.values()}
    angle = known[heading]
    assert angle.min() > 29.0
    assert angle.max() < 46.0
    away = np.array([np.gradient(angle, axis, axis=k).mean() for k, axis in ((1, frame.x), (0, frame.y))])
    toward = np.array(formats.look_vector(39.0, heading)[:2])
    np.testing.assert_allclose(away / np.hypot(*away), -toward / np.hypot(*toward), atol=1e-9)


@pytest.mark.parametrize("track", tracks.TRACKS.values(), ids=tracks.TRACKS)
def test_look_vectors_are_of_length_one(track):
    frame = whole_frame("tiny", seed=2022)
    np.testing.assert_allclose(np.square(tracks.look_of(frame, track)).sum(axis=0), 1.0)


def test_tracks_share_no_date(stacks):
    dates = {name: network_dates(stack) for name, stack in stacks.items()}
    assert not set(dates["ascending"]) & set(dates["descending"])
    assert len(dates["ascending"]) < len(dates["descending"]) == 118
    gap = min(abs(dates["ascending"][:, None] - dates["descending"][None, :]).min(axis=1))
    assert gap == np.timedelta64(5, "D")
    for stack in stacks.values():
        assert len(network.components(stack)) == 1
        assert float(np.isfinite(stack["phase"]).mean()) > 0.9


def network_dates(stack):
    return np.union1d(stack["reference"], stack["secondary"]).astype("datetime64[D]")


def test_pairs_show_the_motion_between_their_dates(stacks, beyond_truth):
    """What the same noise over still ground leaves is the motion: away from the satellite is more phase."""
    part = {"y": slice(70, 80), "x": slice(10, 20)}
    moving = beyond_truth.isel(part).assign_attrs(first_row=70, first_column=10)
    still = moving.assign({name: 0 * moving[name] for name in ("vertical_displacement", "east_rate", "north_rate")})
    for name in tracks.TRACKS:
        both = [synthetic.track_stack(ds, name)["phase"].compute() for ds in (moving, still)]
        moved = synthetic.line_of_sight(moving, name)
        change = moved.sel(time=both[0]["secondary"]).values - moved.sel(time=both[0]["reference"]).values
        np.testing.assert_allclose((both[0] - both[1]).values, -change / STEP_MM, atol=2e-3)
        assert np.nanmax(abs(change)) > 20


def test_noise_belongs_to_its_track(stacks):
    first = [stack["coherence"].values[0].ravel() for stack in stacks.values()]
    known = np.isfinite(first[0])
    assert not np.array_equal(first[0][known], first[1][known])


def test_another_draw_is_other_noise_over_the_same_ground(stacks, beyond_truth):
    first, other = stacks["descending"], synthetic.track_stack(beyond_truth, "descending", draw=1).compute()
    np.testing.assert_array_equal(other["coherence"], first["coherence"])
    np.testing.assert_array_equal(other["reference"], first["reference"])
    change = other["phase"] - first["phase"]
    assert float((change - change.mean(("y", "x"))).std()) > 1.0
    shared = xr.corr(change, first["phase"], dim=("y", "x"))
    assert -0.75 < float(shared.median()) < -0.3  # noise that is gone, motion that is not


def test_what_a_correction_leaves_of_the_air_is_small():
    frame = whole_frame("tiny", seed=2022)
    high, low = (np.full(frame.shape, at, np.float32) for at in (5700.0, 4700.0))
    keys = [f"any {n}" for n in range(60)]
    straight = np.zeros(frame.shape)
    above, below = (np.stack(list(atmosphere.leftovers(frame, keys, at, straight))) for at in (high, low))
    assert (above - below).std() == pytest.approx(1.5, rel=0.25)
    assert below.std() == pytest.approx(np.sqrt(2.0**2 + 1.5**2 + 1.0**2), rel=0.15)
    oblique = np.stack(list(atmosphere.leftovers(frame, keys[:1], low, straight + 60.0)))
    np.testing.assert_allclose(oblique[0], 2 * below[0], rtol=1e-5)


def test_stacks_of_windows_and_lazy_truths_are_the_same(stacks, beyond_truth, no_compute):
    part = {"y": slice(50, 75), "x": slice(10, 20)}
    with no_compute():
        lazy = synthetic.track_stack(beyond_truth.chunk({"y": 30}), "ascending")
    whole = stacks["ascending"]
    np.testing.assert_array_equal(lazy["phase"][::40].compute(), whole["phase"][::40])
    window = synthetic.beyond_scene("tiny", window=tuple(part.values()))
    small = synthetic.track_stack(window, "ascending")["phase"].compute()
    np.testing.assert_allclose(small, whole["phase"].isel(part), atol=2e-4)


# the phase bias


def test_bias_of_a_pair_is_the_share_of_the_sum_of_its_steps():
    days = tracks.dates_of(DESCENDING)
    table, got = tracks.pair_table(DESCENDING, 2022), tracks.pair_biases(DESCENDING, 2022)
    for row in range(0, len(table), 7):
        first, last = days[table["first"][row]], days[table["second"][row]]
        steps = pd.date_range(first, last, freq="12D")[:-1]
        base = 1.0 + np.cos(2 * np.pi * (steps.day_of_year + 6 - 215) / 365.25)
        share = {12: 1.0, 24: 0.494, 36: 0.297}.get(int(table["days"][row]), 0.0)
        assert got[row] == pytest.approx(share * float(np.sum(base)), abs=1e-9)


def test_a_bias_opens_the_triangles_of_green_ground(stacks, beyond_truth):
    biased = synthetic.track_stack(beyond_truth, "descending", bias=0.05)["phase"].compute()
    added = biased - stacks["descending"]["phase"]
    x, y = places.project(*places.REFERENCE_POINT)
    assert abs(added.sel(x=x, y=y, method="nearest")).max() < 1e-5
    pixel = added[:, 70, 30].values
    table = tracks.pair_table(DESCENDING, 2022)
    assert abs(pixel[table["days"].to_numpy() > 40]).max() < 1e-4
    assert pixel[table["days"].to_numpy() == 12].mean() / 0.05 > 0.5
    closed = network.closure_phase(added.assign_attrs(units="rad"))[:, 70, 30]
    assert closed.min() > -1e-4
    assert closed.max() > 0.05


# on disk


EVERY = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny scene with every twelfth pair: 48 products do what 564 do."""
    target = tmp_path_factory.mktemp("scenes") / "beyond-tiny"
    with pytest.MonkeyPatch.context() as patch:
        whole = beyond_files.track_stack
        patch.setattr(beyond_files, "track_stack", lambda *a, **k: whole(*a, **k).isel(pair=slice(None, None, EVERY)))
        return synthetic.write_beyond(target, size="tiny", progress=False)


@pytest.fixture
def opened(folder, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(folder.parent))
    monkeypatch.setenv("QTP_SCENE", "tiny")
    return open_catalog()


BEYOND = [
    "interferograms_beyond",
    "incidence_beyond",
    "interferograms_ascending",
    "incidence_ascending",
    "truth_beyond",
]


def test_sources_of_the_catalog_come_back(opened, stacks, beyond_truth):
    assert [opened.check(name)["status"] for name in BEYOND] == ["found"] * 5
    for name, track in (("interferograms_beyond", "descending"), ("interferograms_ascending", "ascending")):
        back, given = opened[name].compute(), stacks[track].isel(pair=slice(None, None, EVERY))
        np.testing.assert_array_equal(back["reference"], given["reference"])
        np.testing.assert_allclose(back["phase"], given["phase"], atol=1.51 * formats.PHASE_STEP)
        assert back.attrs["orbit_direction"] == track
        assert back.attrs["heading"] == tracks.TRACKS[track].flight.heading % 360
        angle = opened[f"incidence_{name.removeprefix('interferograms_')}"]
        np.testing.assert_allclose(angle, tracks.incidence_of(frame_of(beyond_truth), tracks.TRACKS[track]), atol=1e-4)
    back = opened["truth_beyond"].compute()
    assert set(back.data_vars) == set(beyond_truth.data_vars)
    np.testing.assert_array_equal(back["vertical_displacement"], beyond_truth["vertical_displacement"])
    assert back["melt_year"].item() == beyond_truth["melt_year"].item() == 2017


def test_the_look_vector_lies_in_the_first_product(opened, folder):
    from qtp_toolkit import load  # noqa: PLC0415

    for track in tracks.TRACKS.values():
        phase = sorted((folder / track.folder).glob("S1*/*_unw_phase.tif"))[:2]
        stack = load.hyp3(phase, layers=["look"])
        expected = tracks.look_of(whole_frame("tiny", seed=2022), track)
        for part, name in zip(expected, ("look_east", "look_north", "look_up"), strict=True):
            np.testing.assert_allclose(stack[name], part, atol=1e-4)


def quick(stage, *, size, seed, bias, draw, advance):
    stage.mkdir()
    (stage / "made").write_text(f"{size} {seed} {bias} {draw}")


def test_a_look_at_dates_and_places_does_not_write_it(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_SCENE", "tiny")
    root = open_catalog().root()
    (tmp_path / root.name).symlink_to(root)
    monkeypatch.setenv("QTP_DATA", str(tmp_path))
    monkeypatch.setattr(beyond_files, "_write", None)  # whoever writes fails
    catalog = open_catalog()
    assert all(catalog.waits(name) for name in BEYOND)
    assert all(found.good for found in prospects.look_at_dates(catalog))
    assert not synthetic.beyond_written("tiny")


def test_it_is_written_on_first_use_only(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(tmp_path))
    monkeypatch.setenv("QTP_SCENE", "tiny")
    monkeypatch.setattr(beyond_files, "_write", None)  # whoever writes fails
    catalog = open_catalog()
    assert all(catalog.waits(name) for name in BEYOND)
    assert not catalog.waits("dem")
    row = catalog.check("truth_beyond")
    assert (row["status"], row["files"]) == ("found", 0)
    assert "written when it is first asked for" in row["later"]
    assert not synthetic.beyond_written("tiny")
    monkeypatch.setattr(beyond_files, "_write", quick)
    assert catalog.root("truth_beyond") == tmp_path / "beyond-tiny"
    assert (tmp_path / "beyond-tiny" / "made").read_text() == "tiny 2022 0.0 0"
    assert not any(catalog.waits(name) for name in BEYOND)
    monkeypatch.setattr(beyond_files, "_write", None)
    assert synthetic.ensure_beyond("tiny", progress=False) == tmp_path / "beyond-tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["beyond-tiny"]


def test_other_code_or_another_bias_is_another_scene(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(tmp_path))
    monkeypatch.setattr(beyond_files, "_write", quick)
    folder = synthetic.ensure_beyond("tiny", progress=False)
    synthetic.write_beyond(folder, size="tiny", bias=0.05, progress=False)
    assert not synthetic.beyond_written("tiny")
    synthetic.write_beyond(folder, size="tiny", draw=3, progress=False)
    assert (folder / "made").read_text() == "tiny 2022 0.0 3"
    assert not synthetic.beyond_written("tiny")
    synthetic.ensure_beyond("tiny", progress=False)
    assert (folder / "made").read_text() == "tiny 2022 0.0 0"
    monkeypatch.setattr("qtp_toolkit.synthetic.write.__version__", "9.9")
    assert not synthetic.beyond_written("tiny")


def test_of_ninety_meters_it_is_the_default_one(tmp_path, monkeypatch):
    monkeypatch.setenv("QTP_DATA", str(tmp_path))
    monkeypatch.setattr(beyond_files, "_write", quick)
    assert synthetic.ensure_beyond("90m", progress=False).name == "beyond-default"


def test_wrong_requests_are_refused(tmp_path, truth):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(QtpDataError, match="something else"):
        synthetic.write_beyond(tmp_path, size="tiny", progress=False)
    with pytest.raises(QtpDataError, match="no such size"):
        synthetic.write_beyond(tmp_path / "new", size="90m", progress=False)
    with pytest.raises(QtpDataError, match="no such size"):
        synthetic.beyond_scene("90m")
    with pytest.raises(QtpDataError, match="unknown track"):
        synthetic.track_stack(truth, "sideways")
    with pytest.raises(QtpDataError, match="not the truth of the scene beyond"):
        synthetic.line_of_sight(truth, "ascending")


def test_the_main_scene_is_what_it_was(truth):
    """Numbers of the main scene before there was another one."""
    frame = frame_of(truth)
    pairs = slice(0, 466, 150)
    phase = interferograms.phase_block(frame, truth["displacement"].values, numbers=pairs)
    coherence = interferograms.coherence_block(frame, numbers=pairs)
    np.testing.assert_allclose(phase[:, 60, 20], MAIN_PHASE, atol=2e-4)
    np.testing.assert_allclose(coherence[:, 60, 20], MAIN_COHERENCE, atol=1e-5)
    np.testing.assert_allclose(np.nanmean(phase), MAIN_MEAN, atol=1e-4)
