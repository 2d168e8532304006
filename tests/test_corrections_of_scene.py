"""Corrections on the embedded scene, whose truth says what they can and cannot take out."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from qtp_toolkit import check, conventions, correct, grid, inversion, network, report
from qtp_toolkit.reproduce import notebooks_folder
from qtp_toolkit.synthetic import atmosphere
from qtp_toolkit.synthetic.acquisitions import dates
from qtp_toolkit.synthetic.interferograms import interferograms
from qtp_toolkit.synthetic.observe import incidence_map
from qtp_toolkit.synthetic.truth import frame_of


@pytest.fixture(scope="module")
def frame(truth):
    return frame_of(truth)


@pytest.fixture(scope="module")
def terrain(truth, frame):
    return truth["elevation"], incidence_map(frame)


@pytest.fixture(scope="module")
def stack(truth):
    """Every second row and column, in memory."""
    return interferograms(truth).isel(y=slice(None, None, 2), x=slice(None, None, 2)).compute()


def short(stack, every):
    days = (stack["secondary"] - stack["reference"]).dt.days.values
    return np.flatnonzero(days <= 40)[::every]


def true_delay(frame, terrain):
    """Phase of the air at each date, rad (time, y, x)."""
    values = atmosphere.delays(frame, range(len(dates())), *(da.values for da in terrain))
    maps = np.stack([atmosphere.phase_of(delay) for delay in values])
    coords = {"time": dates().values.astype("datetime64[ns]"), "y": terrain[0]["y"], "x": terrain[0]["x"]}
    return xr.DataArray(maps, coords, ("time", "y", "x"), attrs={"units": "rad"}).rio.write_crs(terrain[0].rio.crs)


def of_stack(da, stack):
    return da.sel(y=stack["y"], x=stack["x"])


@pytest.fixture(scope="module")
def layered(frame, terrain):
    """The part of the air that a reanalysis could know: all but turbulence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atmosphere, "_TURBULENCE", tuple((space, 0.0) for space, _ in atmosphere._TURBULENCE))
        return true_delay(frame, terrain)


def test_era5_takes_out_what_is_predictable_and_no_more(stack, frame, terrain, layered):
    """The best that a weather model could do is all but turbulence: most of that is reached, nothing beyond it."""
    phase = stack["phase"].isel(pair=short(stack, 8))
    dem, angle = (of_stack(da, stack) for da in terrain)
    delay = correct.tropospheric_delay(atmosphere.reanalysis(frame), dem, angle)
    gain = correct.correction_gain(phase, {"era5": delay, "perfect": of_stack(layered, stack)})
    before = float(gain["variance_before"].mean())
    after, floor = (float(gain["variance_after"].sel(correction=name).mean()) for name in ("era5", "perfect"))
    predictable = 1 - floor / before
    assert 0.25 < predictable < 0.75
    assert 0.8 * predictable < 1 - after / before < 1.02 * predictable
    assert gain.attrs["raised"] == ""


def test_slopes_with_elevation_that_are_put_in_come_out(stack, terrain, layered, rng):
    """One slope a pair, and slopes that change from west to east, in windows; the air that is layered is out before."""
    phase = stack["phase"].isel(pair=short(stack, 20))
    phase = correct.remove_delay(phase, of_stack(layered, stack))
    dem = of_stack(terrain[0], stack)
    made = xr.DataArray(rng.normal(0, 4.0, phase.sizes["pair"]), dims="pair")
    above = (dem - dem.mean()) / 1000
    one = correct.fit_elevation((phase + made * above).assign_attrs(units="rad"), dem)["slope"].squeeze(drop=True)
    own = correct.fit_elevation(phase, dem)["slope"].squeeze(drop=True)
    np.testing.assert_allclose(one - own, made, atol=1e-3)
    assert float(np.sqrt((own**2).mean())) < 0.2 * float(np.sqrt((made**2).mean())), "what else follows the terrain"
    across = (dem["x"] - dem["x"][0]) / (dem["x"][-1] - dem["x"][0])
    bent = (phase + made * across * above).assign_attrs(units="rad")
    gain = {
        windows: correct.correction_gain(
            bent, {"slopes": correct.elevation_phase(correct.fit_elevation(bent, dem, windows=windows), dem)}
        )["variance_after"].median()
        for windows in ((1, 1), (2, 3))
    }
    plain = correct.correction_gain(phase, {"nothing": xr.zeros_like(phase)})["variance_after"].median()
    assert gain[2, 3] - plain < 0.5 * (gain[1, 1] - plain)


def test_errors_of_the_elevation_that_are_put_in_come_out(stack, terrain, rng):
    """30 m up or down in most pixels, through the inversion; as well as the air of the series allows."""
    few = stack.isel(y=slice(None, None, 6), x=slice(None, None, 2))
    far = few["perpendicular_baseline"].assign_attrs(units="m")
    angle = terrain[1].sel(y=few["y"], x=few["x"])
    height = few["phase"][0].drop_vars(["reference", "secondary"])
    height = height.copy(data=rng.choice([-30.0, 0.0, 30.0], height.shape)).assign_attrs(units="m")
    made = correct.dem_error_phase(height, far, angle)
    found = []
    for extra in (0.0, made):
        phase = (few["phase"] + extra).astype("float32").assign_attrs(units="rad")
        series = inversion.invert(phase, few["coherence"], reference_date="2018-08-31")["phase"]
        found.append(correct.fit_dem_error(conventions.phase_to_displacement(series), far, angle))
    known = found[0]["dem_error"].notnull()
    back = (found[1] - found[0])["dem_error"].where(known)
    assert float(np.sqrt(((back - height) ** 2).mean())) < 3.0
    stated = found[1]["dem_error_std"].where(known)
    assert float(abs(found[1]["dem_error"] - height).median()) < 2.5 * float(stated.median())


def test_motion_that_follows_the_terrain_goes_with_it_and_is_told(stack, terrain, tmp_path, monkeypatch):
    """Basins that settle: the slope takes them away, weather does not, and notebook 05 says that it may be so."""
    monkeypatch.setenv("QTP_OUTPUT", str(tmp_path))
    days = np.union1d(stack["reference"], stack["secondary"])
    season = 0.5 - 0.5 * np.cos(2 * np.pi * (xr.DataArray(days, {"time": days}, "time").dt.dayofyear - 60) / 365.25)
    dem = of_stack(terrain[0], stack)
    moved = (season * 4.0 * (dem.max() - dem) / 1000).assign_attrs(units="rad").rio.write_crs(dem.rio.crs)
    pairs = stack["phase"].isel(pair=short(stack, 8))
    motion = correct.pair_difference(moved.transpose("time", "y", "x"), pairs).rename("phase").assign_attrs(units="rad")
    slopes = correct.fit_elevation(motion, dem)
    lost = correct.correction_gain(motion, {"elevation": correct.elevation_phase(slopes, dem)})
    assert float(lost["median_ratio"].squeeze()) < 0.01
    flat = moved.isel(y=[0], x=[0]) * 0 + season
    index = xr.Dataset({"composite_index": flat})
    told = exec_cells("alike = 0.0", 'if "elevation" in taken:', slopes=slopes, index=index)
    assert told["alike"] > 0.9
    (row,) = report.checks()
    assert not row["passed"]
    assert "may be deformation" in row["means"]


@pytest.mark.parametrize("switched", [False, True])
def test_the_notebook_takes_the_bias_of_short_pairs_out_and_sees_it_before(capsys, switched):
    """A bias of 0.05 rad in 12 days: their triangles close to one side, and hardly after the correction."""
    days = np.datetime64("2017-01-01", "ns") + 12 * np.arange(92) * np.timedelta64(1, "D")
    pairs = network.select_pairs(days, windows=[(0, 36), (350, 380)])
    length = pairs["temporal_baseline"].values
    added = xr.DataArray(correct.bias_shares(length) * 0.05 * length / 12, pairs.coords, "pair")
    room = xr.DataArray(np.zeros((32, 32)), {"y": -90.0 * np.arange(32), "x": 90.0 * np.arange(32)}, ("y", "x"))
    noise = np.random.default_rng(0).normal(0, 0.01, (added.size, 32, 32))
    phase = (added + room + noise).assign_attrs(units="rad").astype("float32").rio.write_crs(32646)
    told = exec_cells("if phase_bias:", observed=phase, phase_bias=switched, used="none")
    names = {"few": told["observed"], "both": True, "mask": room > 0, "network": network, "np": np}
    told = exec_cells("if both:\n    loops", "if both and yearly.size:", **names)
    mean, said = float(told["of_year"].mean()), capsys.readouterr().out
    assert "triangles of short pairs" in said
    assert told["off"] < 0.002
    assert abs(mean) < 0.003 if switched else mean > 0.03


def exec_cells(*begins, **names):
    """Run the cells of notebook 05 that begin so, with these names."""
    nb = json.loads((notebooks_folder() / "05_time_series.ipynb").read_text(encoding="utf-8"))
    texts = ["".join(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code"]
    space = {"xr": xr, "correct": correct, "grid": grid, "check": check, "seasons": True, "taken": ["elevation"]}
    space |= {"delays": {"elevation": None}, **names}
    for begin in begins:
        (text,) = (text for text in texts if text.startswith(begin))
        exec(text, space)
    return space
