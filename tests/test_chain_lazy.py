"""The whole chain on dask-backed input: nothing is computed on the way, and the result is that of arrays in memory."""

from __future__ import annotations

import pickle

import pytest
import xarray as xr

from qtp_toolkit import conventions, correct, grid, inversion, lst, pecm, seasons, soil, synthetic

COEFFICIENTS = {"intercept": -0.2, "terra_day": 0.2, "terra_night": 0.3, "aqua_day": 0.2, "aqua_night": 0.3}
WATER = {
    "alpine swamp meadow": 0.34, "alpine meadow": 0.19, "alpine steppe": 0.17, "alpine desert": 0.155, "barren": 0.105,
    "water": 1.0, "glacier": 1.0,
}  # fmt: skip


def maps(seen: dict, times: xr.DataArray, template: xr.Dataset) -> xr.Dataset:
    """From what the sensors saw to the two maps."""
    daily = lst.to_daily(lst.daily_mean(lst.fill_gaps(lst.mask_quality(seen["modis_lst"])), coefficients=COEFFICIENTS))
    onset = seasons.onsets(daily)
    means = onset["thaw_onset_mean"], onset["freeze_onset_mean"]
    sums = seasons.degree_days(daily, *means, dates=times)
    thaw, freeze = (grid.match(mean, template) for mean in means)
    fine = grid.match(sums[["addt", "addf", "addt_end", "addf_end"]], template)
    year = grid.match(sums["permafrost_year"].astype(float), template, resampling="nearest")

    density, sand = (grid.match(soil.depth_mean(seen[name]), template) for name in ("bulk_density", "sand"))
    classes = grid.match(seen["vegetation"], template, resampling="nearest")
    wet = soil.saturation(soil.water_content_by_class(classes, WATER), soil.porosity(density))
    options = [
        soil.thermal_conductivity(density, soil.quartz_from_sand(sand), wet, state=s) for s in ("frozen", "thawed")
    ]
    ratio = soil.conductivity_ratio(*options)

    elevation = grid.match(seen["dem"], template)
    delay = correct.tropospheric_delay(seen["era5"], elevation, seen["incidence"], dates=times)
    flat = correct.deramp(correct.remove_delay(seen["interferograms"]["phase"], delay))
    bounds = seen["interferograms"].rio.bounds()
    phase = correct.set_reference(flat, bounds)
    series = inversion.invert(phase, seen["interferograms"]["coherence"])
    linear = pecm.linear_index(times, thaw, freeze)
    composite = pecm.composite_index(
        fine["addt"], fine["addf"], ratio, addt_end=fine["addt_end"], addf_end=fine["addf_end"], permafrost_year=year
    )
    moved = conventions.phase_to_displacement(series["phase"])
    return pecm.fit(moved, linear, composite, peak_index=pecm.amplitude_factor(fine["addt_end"]))


@pytest.fixture(scope="module")
def scene():
    truth = synthetic.scene("tiny", window=(slice(40, 52), slice(14, 26)))
    seen = synthetic.observe(truth)
    fields = ("modis_lst", "bulk_density", "sand", "vegetation", "dem", "era5", "incidence", "interferograms")
    return truth, {name: seen[name].compute() for name in fields}


def test_lazy_chain_computes_nothing_and_equals_the_eager_one(scene, no_compute):
    truth, seen = scene
    template, times = truth[["elevation"]].compute(), truth["time"]
    core = {"modis_lst": {"time": -1, "y": 3, "x": -1}, "interferograms": {"pair": -1, "y": 6, "x": 6}}
    lazy = {name: da.chunk(core.get(name, {})) for name, da in seen.items()}
    with no_compute():
        out = maps(lazy, times, template)
    assert all(conventions.is_lazy(da) for da in out.data_vars.values())
    eager = maps(seen, times, template)
    assert not any(conventions.is_lazy(da) for da in eager.data_vars.values())
    assert float(eager["linear_rate"].count()) > 50
    assert out.rio.crs == eager.rio.crs == truth.rio.crs
    travelled = pickle.loads(pickle.dumps(out["linear_rate"]))
    xr.testing.assert_identical(travelled.compute(scheduler="threads"), out["linear_rate"].compute(scheduler="threads"))
    xr.testing.assert_allclose(out.compute(scheduler="threads"), eager, rtol=1e-4, atol=1e-3)
    xr.testing.assert_allclose(out.compute(scheduler="synchronous"), eager, rtol=1e-4, atol=1e-3)
