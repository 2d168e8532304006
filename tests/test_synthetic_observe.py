"""What is observed of the embedded scene: the errors and gaps that real data carry, of the size that is claimed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from qtp_toolkit import correct, grid, interferogram, lst, network, soil, synthetic, validation
from qtp_toolkit.kernels.terrain import horn
from qtp_toolkit.synthetic import acquisitions, atmosphere, interferograms, modis, places
from qtp_toolkit.synthetic.frame import generator, whole_frame
from qtp_toolkit.synthetic.truth import frame_of, ground
from qtp_toolkit.synthetic.vectors import vectors

# acquisitions and interferograms


def test_dates_and_pairs_follow_the_paper(stack):
    dates = acquisitions.dates()
    assert 117 <= len(dates) <= 120
    assert pd.Timestamp(places.REFERENCE_DATE) in dates
    assert stack.sizes["pair"] == 466
    allowed = network.select_pairs(dates.to_numpy().astype("datetime64[ns]"))
    kept = set(zip(stack["reference"].values, stack["secondary"].values, strict=True))
    assert kept <= set(zip(allowed["reference"].values, allowed["secondary"].values, strict=True))
    assert len(network.components(stack["phase"])) == 1


def test_errors_have_the_size_that_is_claimed(truth, stack):
    """Whole cycles: closing a pair against truth and atmosphere leaves what unwrapping got wrong."""
    frame = frame_of(truth)
    made = ground(frame)
    surface = interferograms.surface_of(frame, made)
    states = interferograms.states_of(acquisitions.dates(), generator(2022, "snow"))
    wrong, low = [], []
    for row in interferograms.pair_table(2022).itertuples():
        coherence = interferograms.coherence_of(surface, states, row.first, row.second, row.days)
        patches = frame.noise(f"unwrapping {row.Index}", 9e3)
        cycles = interferograms._unwrapping(patches, coherence, np.zeros(frame.shape))
        wrong.append((cycles != 0).mean())
        low.append(coherence.mean())
    assert 0.02 < np.mean(wrong) < 0.04
    assert np.corrcoef(wrong, low)[0, 1] < -0.5
    assert 0.3 < float(stack["coherence"].median()) < 0.8


def test_interferograms_are_empty_over_water_and_ice(truth, stack):
    masked = truth["lake"] | truth["glacier"]
    np.testing.assert_array_equal(np.isnan(stack["phase"]).all("pair"), masked)


def test_reanalysis_explains_part_of_the_delay(truth, seen):
    frame = frame_of(truth)
    numbers = [3, 40, 60, 90]
    true = np.stack(list(atmosphere.delays(frame, numbers, truth["elevation"].values, seen["incidence"].values)))
    stamps = acquisitions.dates()[numbers].to_numpy().astype("datetime64[ns]")
    believed = correct.tropospheric_delay(seen["era5"], truth["elevation"], seen["incidence"], dates=stamps)
    phase = atmosphere.phase_of(true)
    true, believed = (
        xr.DataArray(a, dims=("time", "y", "x")) for a in (phase, believed.transpose("time", "y", "x").values)
    )
    before, after = (a.diff("time") - a.diff("time").mean(("y", "x")) for a in (true, true - believed))
    # The stratified part nearly goes; turbulence stays.
    assert float(after.std()) < 0.85 * float(before.std())
    assert float(after.std()) > 0.3
    height = xr.DataArray(truth["elevation"].values, dims=("y", "x"))
    assert abs(float(xr.corr(height, after[0]))) < abs(float(xr.corr(height, before[0])))


def test_incidence_is_that_of_a_descending_orbit(seen):
    look = seen["incidence"]
    assert 31.0 < float(look.min()) < 35.0
    assert 42.0 < float(look.max()) < 46.0
    assert float(look[:, 0].mean()) > float(look[:, -1].mean())


# temperature


def test_clouds_hide_a_third_and_say_so(seen):
    data = seen["modis_lst"]
    assert data.sizes["time"] == 276
    for name in modis.OVERPASSES:
        lost = np.isnan(data[name])
        assert 0.2 < float(lost.mean()) < 0.4
        summer = lost.groupby("time.month").mean(...)
        assert float(summer.sel(month=7)) > float(summer.sel(month=1))
        decoded = lst.decode_qc(data[f"qc_{name}"])
        assert bool(((decoded["mandatory"] >= 2) == lost).all())
    outage = data["terra_day"].sel(time=modis.OUTAGE + pd.Timedelta("3D"), method="nearest")
    assert bool(np.isnan(outage).all())


def test_plain_mean_of_the_overpasses_is_too_warm(truth, seen):
    mean = sum(seen["modis_lst"][name].mean() for name in modis.OVERPASSES) / 4
    days = pd.date_range("2014-01-01", "2019-12-31", freq="8D")
    assert 2.0 < float(mean - synthetic.truth_lst(truth, dates=days).mean()) < 3.6


# maps, soil, stations, vectors, images


@pytest.mark.parametrize("name", ["bulk_density", "sand"])
def test_soil_profiles_average_to_the_truth(truth, seen, name):
    mean = grid.match(soil.depth_mean(seen[name]), truth)
    assert float(abs(mean / truth[name] - 1).median()) < 0.01


def test_elevation_model_gives_the_slope(truth, seen):
    slope = grid.slope_aspect(grid.match(seen["dem"], truth))["slope"]
    inner = slope.isel(y=slice(2, -2), x=slice(2, -2))
    assert (
        float(
            np.corrcoef(inner.values.ravel(), truth["slope"].isel(y=slice(2, -2), x=slice(2, -2)).values.ravel())[0, 1]
        )
        > 0.97
    )


def test_vegetation_tells_water_only_in_part(truth, seen):
    classes = grid.match(seen["vegetation"], truth, resampling="nearest")
    means = [float(truth["water_content"].where(classes == code).mean()) for code in range(1, 6)]
    assert np.all(np.diff(means) < 0.02)
    assert float(truth["water_content"].where(classes == 2).std()) > 0.03


def test_stations_measure_their_thaw_depth_and_water(seen):
    table = seen["station_soil_temperature"].set_index(["date", "station", "depth"])["soil_temperature"]
    depth = validation.alt_from_temperature(table.to_xarray().rename(date="time").assign_attrs(units="degC"))
    moisture = seen["station_soil_moisture"].set_index(["station", "depth"])["water_content"].to_xarray()
    water = validation.mean_water_content(moisture.assign_attrs(units="1"), depth)
    assert len(seen["stations"]) == 14
    for site in places.STATIONS:
        assert float(depth.sel(station=site.name)) == pytest.approx(site.active_layer_thickness, abs=0.35)
        assert float(water.sel(station=site.name)) == pytest.approx(site.water_content, rel=0.3)


def test_outlines_are_those_of_the_masks():
    frame = whole_frame("default", seed=2022)
    template = synthetic.scene("default", window=(slice(60, 180), slice(0, 250)))
    features = vectors()["lakes"]["features"]
    rows = pd.DataFrame([{**f["properties"], "geometry": f["geometry"]} for f in features])
    rows.attrs["crs"] = "EPSG:4326"
    drawn = grid.rasterize(rows, template)
    assert (drawn.values != template["lake"].values).mean() < 0.002
    assert places.inside(frame, places.LAKES).sum() > 500


def test_vectors_hold_what_the_figures_need(seen):
    names = {name: [f["properties"].get("name") for f in layer["features"]] for name, layer in seen["vectors"].items()}
    assert {"Zonag", "Yanhu", "Cuodarima", "Cuorendejia"} <= set(names["lakes"])
    assert names["faults"] == ["Kunlun", "Yushu-Fenghuoshan"]
    assert names["regions"] == ["R1", "R2", "R3"]
    assert names["profiles"] == ["PP'", "QQ'"]
    assert {f"P{number}" for number in range(1, 7)} <= set(names["points"])


def test_image_pair_holds_its_fringes(seen):
    pair = seen["slc_pair"]
    first = pair["reference_real"] + 1j * pair["reference_imag"]
    second = pair["secondary_real"] + 1j * pair["secondary_imag"]
    looks = interferogram.multilook(interferogram.form(first, second), looks_y=8, looks_x=8)
    truth = np.exp(1j * pair["phase"].values.reshape(64, 8, 64, 8)).mean(axis=(1, 3))
    assert float(np.abs(np.angle(looks.values * np.conj(truth))).mean()) < 0.2


def test_terrain_follows_horn():
    east, north = np.meshgrid(np.arange(5) * 100.0, -np.arange(5) * 100.0)
    slope, aspect = horn(0.05 * east + 0.03 * north, 100.0, 100.0)
    steepness = np.tan(np.deg2rad(slope))
    dz_east, dz_north = (-steepness * turn(np.deg2rad(aspect)) for turn in (np.sin, np.cos))
    np.testing.assert_allclose(dz_east, 0.05)
    np.testing.assert_allclose(dz_north, 0.03)
