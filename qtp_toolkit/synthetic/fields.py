"""Climate, soil, water, ice and the two deformation maps: the causal rules of the scene.

Every field is (ny, nx) on a :class:`~qtp_toolkit.synthetic.frame.Frame`. The seasonal amplitude is a fixed share of
the heave of the active layer's water, ``amplitude = c * thickness * water content``; what the paper found about
slope, aspect, vegetation and soil therefore enters through water and thaw depth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qtp_toolkit.synthetic import places
from qtp_toolkit.synthetic.frame import Frame, rise
from qtp_toolkit.synthetic.terrain import Terrain

HEAVE = 25.5
"""Line-of-sight amplitude in mm per m of water column that takes part, in unsaturated ground."""

VEGETATION = {
    1: "alpine swamp meadow", 2: "alpine meadow", 3: "alpine steppe", 4: "alpine desert", 5: "barren", 6: "water",
    7: "glacier",
}  # fmt: skip
PERMAFROST = {1: "permafrost", 2: "seasonally frozen ground", 3: "unfrozen ground"}


class Fields(NamedTuple):
    """Static fields of a frame, all (ny, nx)."""

    mean_lst: np.ndarray
    magt: np.ndarray
    ndvi: np.ndarray
    bulk_density: np.ndarray
    sand: np.ndarray
    ground_ice: np.ndarray
    water_content: np.ndarray
    active_layer_thickness: np.ndarray
    seasonal_amplitude: np.ndarray
    ice_rate: np.ndarray
    tectonic_rate: np.ndarray
    vegetation: np.ndarray
    permafrost: np.ndarray


def facing(frame: Frame, ground: Terrain) -> np.ndarray:
    """Northness where the ground is steep enough to have one; 0 with the rule off."""
    if not frame.on("aspect"):
        return np.zeros(frame.shape)
    return ground.northness * rise(ground.slope, 1.5, 5.0)


def _climate(frame: Frame, ground: Terrain) -> tuple[np.ndarray, np.ndarray]:
    """Mean annual surface temperature and mean annual ground temperature, degC."""
    lst = -2.75 - 0.0042 * (ground.elevation - 4700.0) + 1.1 * (frame.southing - 0.5) - 0.7 * facing(frame, ground)
    lst += (
        1.6 * rise(frame.southing + 0.02 * frame.noise("border", 40e3), 0.86, 0.99)
        + 0.70 * frame.noise("lst", 30e3)
        + 0.35 * frame.noise("lst", 6e3)
        + 0.30 * frame.noise("lst", 2e3)
    )
    magt = 0.75 * lst + 0.25 + 0.55 * frame.noise("magt", 25e3)
    return lst, magt


def _greenness(frame: Frame, ground: Terrain) -> np.ndarray:
    ndvi = 0.275 + 0.10 * (frame.southing - 0.5) + 0.05 * (frame.easting - 0.5)
    ndvi += 0.085 * frame.noise("ndvi", 22e3) + 0.05 * frame.noise("ndvi", 7e3) + 0.02 * frame.noise("ndvi", 2e3)
    ndvi -= 0.05 * rise(ground.elevation, 4900.0, 5700.0)
    ndvi -= 0.14 * places.weight(frame, places.DRAINED, end=1.4)
    for blob in places.LAKES:
        ndvi -= 0.08 * places.shore(frame, blob, width_km=6.0)
    # Bent near its ends instead of clipped: no two places share a value.
    return 0.06 + 0.62 * (0.5 + 0.5 * np.tanh(2.0 * ((ndvi - 0.06) / 0.62 - 0.5)) / np.tanh(2.0))


def _soil(frame: Frame, ground: Terrain) -> tuple[np.ndarray, np.ndarray]:
    """Bulk density (kg m-3) and sand fraction of the upper 2 m."""
    density = 1362.0 + 48.0 * frame.noise("density", 24e3) + 38.0 * frame.noise("density", 8e3)
    density += 18.0 * rise(ground.slope, 0.0, 6.0)
    sand = 0.50 - 0.10 * (frame.southing - 0.5) + 0.07 * frame.noise("sand", 30e3) + 0.04 * frame.noise("sand", 8e3)
    return np.clip(density, 1100.0, 1600.0), np.clip(sand, 0.15, 0.85)


def _water(frame: Frame, ground: Terrain, ndvi: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Volumetric water content of the active layer before local springs and sites."""
    drained = -np.expm1(-ground.slope / 1.7) if frame.on("slope") else 0.52
    log_water = np.log(0.297) - 1.22 * drained
    if frame.on("bulk_density"):
        strength = 0.55 + 0.45 * rise(ndvi, 0.24, 0.36)
        log_water -= strength * (density - 1362.0) / 215.0
    if frame.on("ndvi"):
        log_water += 2.0 * np.clip(ndvi - 0.37, 0.0, 0.25) - 1.5 * np.clip(ndvi - 0.22, 0.0, 0.15)
    patchy = 0.12 * frame.noise("water", 22e3) + 0.17 * frame.noise("water", 6e3) + 0.06 * frame.noise("water", 2e3)
    log_water += np.clip(1.25 - ndvi, 0.6, 1.15) * patchy
    log_water += 0.28 * np.square(np.maximum(frame.noise("seeps", 5e3) - 0.3, 0.0))
    log_water += 0.015 * (frame.southing - 0.5) + 0.15 * (frame.easting - 0.5)
    return np.exp(log_water) + 0.023 * facing(frame, ground)


def _sites(
    frame: Frame, water: np.ndarray, thickness: np.ndarray, density: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Set water content and thaw depth at springs, in the drained basin, at stations and on the references' bedrock."""
    water = np.clip(water, 0.02, 0.45)
    # Water that comes from elsewhere, into the southern basins and the shore of Yanhu, and the deeper thaw there.
    springs = (
        (places.weight(frame, places.TANGGULA_BASIN, plateau=0.45, end=1.2), 0.43),
        (places.weight(frame, places.TUOTUO_BASIN, plateau=0.35, end=1.2), 0.37),
        (places.shore(frame, places.LAKES[1], width_km=6.0), 0.43),
    )
    for share, target in springs:
        water += 0.8 * share * (target - water)
        thickness *= 1.0 + 0.36 * share
    share = places.weight(frame, places.DRAINED, plateau=0.95, end=1.3)
    water += share * (0.47 - water)
    thickness += share * (4.2 - thickness)
    for station in places.STATIONS:
        share = places.spot(frame, station.longitude, station.latitude, radius_km=1.0)
        water += share * (station.water_content - water)
        thickness += share * (station.active_layer_thickness - thickness)
    for point in places.LOCAL_REFERENCES.values():
        water *= 1.0 - 0.9 * places.spot(frame, *point, radius_km=1.5)
    water *= 1.0 - 0.98 * places.spot(frame, *places.REFERENCE_POINT, radius_km=places.ROCK_KM)
    return np.minimum(water, 0.97 * (1.0 - density / 2700.0)), np.clip(thickness, 1.2, 5.0)


def _thickness(frame: Frame, magt: np.ndarray, ndvi: np.ndarray) -> np.ndarray:
    """Active layer thickness in m: deeper in warm and in bare ground."""
    bare = np.clip((0.36 - ndvi) / 0.25, 0.0, 1.2) if frame.on("ndvi") else 0.35
    depth = (2.05 + 0.13 * np.clip(magt + 2.0, -3.0, 2.5)) * (1.0 + 0.62 * bare)
    return np.clip(depth * np.exp(0.10 * frame.noise("thickness", 10e3)), 1.2, 5.0)


def _amplitude(frame: Frame, water: np.ndarray, thickness: np.ndarray) -> np.ndarray:
    """Peak-to-trough line-of-sight amplitude, mm; saturated ground has no air to heave into."""
    saturated = 0.52 * places.weight(frame, places.DRAINED, plateau=0.95, end=1.3)
    saturated *= 1.0 + 0.12 * frame.noise("polygons", 3e3)
    return HEAVE * (1.0 + saturated) * thickness * water


def _ice_rate(frame: Frame, ice: np.ndarray, magt: np.ndarray, moist: np.ndarray) -> np.ndarray:
    """Rate that accrues in thaw seasons, mm/yr: loss of ice in warm permafrost, and what lakes do to their shores."""
    warm = 1.0 / (1.0 + np.exp(-(magt + 1.85) / 0.08))
    stored = np.maximum(ice - 0.13, 0.0) if frame.on("ground_ice") else 0.27
    rate = -6.8 * stored * warm * np.clip(0.55 + moist / 30.0, 0.6, 1.5)
    rate += 0.35 * frame.noise("rate", 9e3) + 0.25 * frame.noise("rate", 4e3)
    thaw = frame.noise("thaw", 9e3)
    rate -= 14.0 * places.weight(frame, places.TANGGULA_BASIN, plateau=0.2, end=1.1) * rise(thaw, -0.8, 1.2)
    rate -= 19.0 * places.weight(frame, places.TUOTUO_BASIN, plateau=0.3, end=1.1) * rise(thaw, -1.2, 1.0)
    rate -= 13.5 * places.shore(frame, places.LAKES[1], width_km=5.0)
    for blob in places.LAKES:
        if blob.name in places.UPLIFT_LAKES:
            rate += 4.5 * places.shore(frame, blob, width_km=4.0)
    share = places.weight(frame, places.DRAINED, plateau=0.8, end=1.4)
    rate += share * (7.5 + 0.8 * frame.noise("rate", 4e3) - rate)
    return np.clip(rate, -19.0, 14.0)


def _tectonic_rate(frame: Frame) -> np.ndarray:
    """Post-seismic motion, mm/yr: away from the satellite north of the Kunlun fault, a rapid rise, a slow decrease."""
    if not frame.on("latitude"):
        return np.zeros(frame.shape)
    south = -places.line_offset(frame, "Kunlun") / 1000.0
    return 7.6 / (1.0 + np.exp(-(south - 6.0) / 9.0)) - 0.0079 * np.maximum(south, 0.0) - 2.2


def _vegetation(frame: Frame, ground: Terrain, water: np.ndarray, ndvi: np.ndarray) -> np.ndarray:
    """Codes of :data:`VEGETATION`; wetness decides only in part."""
    moist = np.log(np.maximum(water, 0.01) / 0.17)
    green = ndvi + 0.03 * frame.noise("vegetation", 10e3) + 0.06 * moist
    wet = moist + 0.35 * frame.noise("vegetation", 14e3)
    out = np.select(
        [(green > 0.20) & (wet > 0.62), green > 0.315, green > 0.19, green > 0.12], [1, 2, 3, 4], default=5
    ).astype(np.int16)
    for station in places.STATIONS:
        code = next(key for key, name in VEGETATION.items() if name == station.vegetation)
        out[places.spot(frame, station.longitude, station.latitude, radius_km=1.0) > 0.5] = code
    out[ground.glacier] = 7
    out[ground.lake] = 6
    return out


def fields(frame: Frame, ground: Terrain) -> Fields:
    """All static fields of a frame."""
    lst, magt = _climate(frame, ground)
    ndvi = _greenness(frame, ground)
    density, sand = _soil(frame, ground)
    ice = np.clip(0.40 + 0.19 * frame.noise("ice wedge", 26e3) + 0.10 * frame.noise("ice wedge", 8e3), 0.02, 0.85)
    water, thickness = _sites(frame, _water(frame, ground, ndvi, density), _thickness(frame, magt, ndvi), density)
    amplitude = _amplitude(frame, water, thickness)
    rock = 1.0 - places.spot(frame, *places.REFERENCE_POINT, radius_km=places.ROCK_KM)
    ice_rate = _ice_rate(frame, ice, magt, amplitude) * rock
    tectonic = _tectonic_rate(frame) - _tectonic_rate(frame.around(*places.project(*places.REFERENCE_POINT)))
    frozen = np.where(magt < 0.0, 1, 2).astype(np.int16)
    for station in places.STATIONS:
        frozen[places.spot(frame, station.longitude, station.latitude, radius_km=1.0) > 0.5] = 1
    frozen[ground.glacier | ground.lake] = 0
    vegetation = _vegetation(frame, ground, water, ndvi)
    return Fields(
        lst, magt, ndvi, density, sand, ice, water, thickness, amplitude, ice_rate, tectonic, vegetation, frozen
    )
