"""A region as a researcher has it, and its truth: LiCSAR pairs, AppEEARS NetCDF, one soil layer, no DEM, no vegetation.

Made by other physics than ``qtp_toolkit.synthetic``: fronts of thaw and freeze are followed from day to day, ice melts
in warm weather, the crust moves steadily, and every field is noise of a power-law spectrum. Small and seeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit.synthetic import formats

SHAPE, STEP, WEST, NORTH = (60, 80), 0.01, 91.6, 35.2
PER_MM = 4e-3 * np.pi / 0.05546576
DAYS = pd.date_range("2014-01-01", "2019-12-31")
OVERPASSES = {"terra_day": 11.0, "terra_night": -9.0, "aqua_day": 15.0, "aqua_night": -12.0}
HEADING, INCIDENCE = -168.0, np.deg2rad(np.linspace(36.5, 41.5, SHAPE[1]))


@dataclass(frozen=True)
class Region:
    """What is known of a region, and what is not."""

    phase: xr.DataArray
    """rad, (pair, y, x), NaN where missing; positive away from the satellite."""
    coherence: xr.DataArray
    """0..1, (pair, y, x)."""
    temperature: xr.DataArray
    """degC, (time, y, x), daily mean of the ground surface."""
    ratio: xr.DataArray
    """1, (y, x), conductivity frozen over thawed."""
    truth: xr.Dataset
    """``linear_rate`` mm/yr and ``seasonal_amplitude`` mm (y, x), neither relative to anything."""
    reference: tuple[float, float]
    """Longitude and latitude of a place that hardly moves."""
    seed: int

    @property
    def composites(self) -> xr.DataArray:
        """Means of eight days at their centers, degC: what careful work makes of the files."""
        start = _starts()
        number = np.searchsorted(start, self.temperature["time"].values, side="right") - 1
        mean = self.temperature.groupby(xr.DataArray(number, dims="time", name="eighth")).mean()
        center = start + (np.append(start[1:], start[-1] + np.timedelta64(6, "D")) - start) / 2
        return mean.rename(eighth="time").assign_coords(time=center.astype("datetime64[ns]")).assign_attrs(units="degC")


def region(seed: int, *, ramp: float = 0.0, long_waves: float = 2.0, tilt: float = 0.0, air: float = 4.0) -> Region:
    """Make a region.

    Parameters
    ----------
    seed : int
    ramp : float
        rad from the middle to the edge: standard deviation of the ramp of a date, along x and along y.
    long_waves : float
        mm/yr, size of the steady motion, most of it at long wavelengths.
    tilt : float
        mm/yr from the middle to the edge, size of a steady plane besides.
    air : float
        mm, size of the delay at a date.
    """
    rng = np.random.default_rng([2022, seed])
    relief, wet = rough(rng, 3.2), rough(rng, 3.0)
    valley = 1 / (1 + np.exp(2 * relief))
    temperature, thawed, warmth, ratio = _seasons(rng, relief)
    rows, columns = (np.linspace(-1, 1, n) for n in SHAPE)
    amplitude = np.clip(5 + 22 * valley * np.exp(0.5 * wet), 3, 45)
    bowls, plane = _bowls(rng, valley), np.add.outer(rng.normal() * rows, rng.normal() * columns)
    steady = long_waves * rough(rng, 3.6) + tilt * plane
    dates = _dates(rng)
    day = (dates - DAYS[0]).days.to_numpy()
    years = (day / 365.25)[:, None, None]
    swing = amplitude / _yearly_peak(thawed)
    moved = steady * years + bowls * warmth[day] - swing * thawed[day]
    moved -= moved[:1]
    delay = np.stack([air * rough(rng, 2.7) + 0.3 * air * rng.normal() * relief for _ in dates])
    tilted = ramp * np.stack([np.add.outer(*(rng.normal() * axis for axis in (rows, columns))) for _ in dates])
    still = np.abs(bowls) / 2 + amplitude / 10 + np.hypot.outer(rows, columns)
    at = np.unravel_index(still.argmin(), SHAPE)
    first, second = _pairs(rng, dates)
    ground = np.clip(0.93 - 0.25 * valley + 0.08 * rough(rng, 2.5), 0.3, 0.98)
    lake = (rough(rng, 3) > 2.6) & (still > 1)
    coherence = _coherence(rng, dates[first], dates[second], np.where(lake, 0, ground))
    phase = np.take(tilted - PER_MM * (moved + delay), second, 0) - np.take(tilted - PER_MM * (moved + delay), first, 0)
    phase = _observed(rng, phase, coherence)
    ends = {"reference": ("pair", dates[first]), "secondary": ("pair", dates[second])}
    truth = {"linear_rate": steady + bowls, "seasonal_amplitude": amplitude}
    place = {"y": NORTH - STEP * (np.arange(SHAPE[0]) + 0.5), "x": WEST + STEP * (np.arange(SHAPE[1]) + 0.5)}

    def labelled(values: np.ndarray, units: str, *lead: str, **coords: object) -> xr.DataArray:
        da = xr.DataArray(values, {**place, **coords}, (*lead, "y", "x"), attrs={"units": units})
        return da.rio.write_crs("EPSG:4326")

    return Region(
        labelled(phase, "rad", "pair", **ends),
        labelled(coherence, "1", "pair", **ends),
        labelled(temperature, "degC", "time", time=DAYS),
        labelled(ratio, "1"),
        xr.Dataset({name: labelled(v, "mm" if "seas" in name else "mm/yr") for name, v in truth.items()}),
        (float(place["x"][at[1]]), float(place["y"][at[0]])),
        seed,
    )


def rough(rng: np.random.Generator, slope: float, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Noise whose power falls like wave number ** -slope, cut out of a field of four times the area and variance 1."""
    size = tuple(2 * n for n in shape)
    k = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1]))
    k[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=size)) * k ** (-slope / 2), s=size)
    return (field / field.std())[: shape[0], : shape[1]]


def write(made: Region, folder: Path) -> Path:
    """Write a region as its real counterparts are delivered; returns the catalog beside the files."""
    rng = np.random.default_rng([7, made.seed])
    stack = xr.Dataset({"phase": made.phase, "coherence": made.coherence.where(np.isfinite(made.phase))})
    for number in range(stack.sizes["pair"]):
        formats.licsar(folder / "GEOC", stack, number=number)
    incidence = made.phase.isel(pair=0, drop=True).copy(data=np.broadcast_to(np.rad2deg(INCIDENCE), SHAPE))
    formats.licsar_look(folder / "GEOC/metadata", incidence, heading=HEADING)
    soil = {"bulk_density": 1350 + 120 * rough(rng, 3), "sand": np.clip(45 + 10 * rough(rng, 3), 5, 90)}
    for name, values in soil.items():
        formats.geotiff(folder / f"soil/{name}.tif", values.astype("float32"), like=stack, nodata=None)
    formats.modis_lst(folder / "modis", _overpasses(rng, made))
    catalog = folder / "catalog.yaml"
    words = {"west": WEST, "north": NORTH, "east": WEST + STEP * SHAPE[1], "south": NORTH - STEP * SHAPE[0]}
    date = str(np.sort(made.phase["secondary"].values)[made.phase.sizes["pair"] // 2])[:10]
    catalog.write_text(CATALOG.format(folder=folder, date=date, point=list(made.reference), **words), encoding="utf-8")
    return catalog


CATALOG = """\
catalog_version: 1
title: A region of my own
roots: ["{folder}"]
settings:
  region: my region
  crs: EPSG:4326
  bounds: [{west}, {south:.2f}, {east:.2f}, {north}]
  period: [2014-10-01, 2019-12-31]
  lst_period: [2014-01-01, 2019-12-31]
  wavelength: 0.05546576
  reference_date: {date}
  reference_point: {point}
  reference_radius_m: 3000
sources:
  modis_lst:
    kind: granules
    driver: appeears_netcdf
    uri: {{terra: modis/MOD11A2.061_1km_aid0001.nc, aqua: modis/MYD11A2.061_1km_aid0001.nc}}
    provenance: synthetic
  interferograms:
    kind: ifg_stack
    driver: licsar
    uri: "GEOC/*/*.geo.unw.tif"
    provenance: synthetic
  bulk_density:
    kind: raster
    driver: geotiff
    uri: soil/bulk_density.tif
    parameters: {{variable: bulk_density, units: kg m-3}}
    provenance: synthetic
  sand:
    kind: raster
    driver: geotiff
    uri: soil/sand.tif
    parameters: {{variable: sand, units: "%"}}
    provenance: synthetic
"""


def _seasons(rng: np.random.Generator, relief: np.ndarray) -> tuple[np.ndarray, ...]:
    """Daily temperature, thickness that is thawed (in roots of degree days), yearly units of warmth, and the ratio."""
    t = np.arange(len(DAYS))
    year = DAYS.year.to_numpy() - DAYS.year[0]
    weather = np.convolve(rng.normal(size=t.size + 60), np.exp(-np.arange(60) / 4.0), "valid")[: t.size]
    wave = np.sin(2 * np.pi * (t - 115) / 365.25) * (1 + 0.05 * rng.normal(size=6))[year]
    mean = -3.5 - 0.9 * relief + 0.3 * rough(rng, 3)
    swing = 13.5 + 0.5 * rough(rng, 3.5)
    temperature = (mean + swing * wave[:, None, None] + 0.8 * weather[:, None, None]).astype("float32")
    ratio = (1.5 * np.exp(0.15 * rough(rng, 3))).astype("float32")
    thawed, state, frozen = np.empty_like(temperature), np.zeros_like(ratio), np.zeros_like(ratio)
    for k, now in enumerate(temperature):
        warm, cold = np.maximum(now, 0), np.maximum(-now, 0)
        crust = np.minimum(frozen, ratio * warm)
        frozen += np.where(state > 0, ratio * cold, 0) - crust
        state += warm - crust / ratio
        closed = frozen >= state
        state[closed] = frozen[closed] = 0
        thawed[k] = np.sqrt(state) - np.sqrt(frozen)
    warmth = np.cumsum(np.maximum(temperature, 0), axis=0)
    return temperature, thawed, warmth * (6 / warmth[-1]), ratio


def _yearly_peak(thawed: np.ndarray) -> np.ndarray:
    """Mean over the years of the thickest thaw."""
    return np.mean([thawed[DAYS.year == year].max(0) for year in DAYS.year.unique()], axis=0)


def _bowls(rng: np.random.Generator, valley: np.ndarray) -> np.ndarray:
    """Subsidence by ice that melts for good, mm/yr: a few bowls, deepest in valleys."""
    out = np.zeros(SHAPE)
    for _ in range(9):
        row, column, radius = rng.uniform(0, SHAPE[0]), rng.uniform(0, SHAPE[1]), rng.uniform(2, 7)
        reach = np.add.outer((np.arange(SHAPE[0]) - row) ** 2, (np.arange(SHAPE[1]) - column) ** 2)
        out -= rng.uniform(2, 8) * np.exp(-reach / (2 * radius**2))
    return out * (0.4 + 0.9 * valley)


def _dates(rng: np.random.Generator) -> pd.DatetimeIndex:
    """Every 24 days, every 12 from March 2017, four lost."""
    every = pd.date_range("2014-10-13", "2017-02-28", freq="24D").append(
        pd.date_range("2017-03-01", "2019-12-26", freq="12D")
    )
    lost = rng.choice(np.arange(1, every.size - 1), 4, replace=False)
    return every.delete(lost)


def _pairs(rng: np.random.Generator, dates: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Up to 40 days, one year and two years apart; a tenth of the longer ones is lost."""
    days = (dates - dates[0]).days.to_numpy()
    span = days[None] - days[:, None]
    long = ((span >= 350) & (span <= 380)) | ((span >= 725) & (span <= 735))
    return np.nonzero(((span > 0) & (span <= 40)) | (long & (rng.random(span.shape) > 0.1)))


def _coherence(rng: np.random.Generator, first: pd.DatetimeIndex, second: pd.DatetimeIndex, ground: np.ndarray):
    """Falls with time and between unlike seasons; 0 where the ground is water."""
    unlike = np.abs(np.cos(np.pi * (second.day_of_year - first.day_of_year).to_numpy() / 365.25))
    fade = np.exp(-(second - first).days.to_numpy() / 1500) * (0.75 + 0.25 * unlike)
    out = ground * fade[:, None, None] + 0.04 * rng.normal(size=(fade.size, *SHAPE))
    return np.where(ground == 0, 0, np.clip(out, 0.05, 0.99)).astype("float32")


def _observed(rng: np.random.Generator, phase: np.ndarray, coherence: np.ndarray, looks: int = 40) -> np.ndarray:
    """Noise by coherence, lost cycles in patches of a few pairs, a constant a pair; NaN in lakes."""
    sure = np.maximum(coherence, 0.05)
    out = phase + np.sqrt((1 - sure**2) / (2 * looks)) / sure * rng.normal(size=phase.shape)
    for k in rng.choice(len(out), len(out) // 30, replace=False):
        patch = (rough(rng, 3.5) > 1.3) & (coherence[k] < np.quantile(coherence[k], 0.6))
        out[k][patch] += 2 * np.pi * rng.choice([-1, 1])
    out += rng.uniform(-20, 20, size=(len(out), 1, 1))
    return np.where(coherence > 0, out, np.nan).astype("float32")


def _starts() -> np.ndarray:
    """First days of the composites: 46 a year, anew each January."""
    years = [pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="8D") for year in DAYS.year.unique()]
    return np.concatenate([each.values for each in years]).astype("datetime64[D]")


def _overpasses(rng: np.random.Generator, made: Region) -> xr.Dataset:
    """What both satellites see at their four hours: NaN under clouds, quality bytes, a margin around the region."""
    wide = made.composites.pad(y=3, x=3, mode="edge")
    day = made.composites["time"].dt.dayofyear.values
    season = 1 + 0.25 * np.sin(2 * np.pi * (day - 115) / 365)
    layers = {}
    for name, above in OVERPASSES.items():
        skin = wide.values + (above * season)[:, None, None] + rng.normal(size=wide.shape)
        cloudy = np.stack([rough(rng, 3, wide.shape[1:]) + 0.4 * rng.normal() > 1.0 for _ in skin])
        layers[name] = np.where(cloudy, np.nan, skin)
        layers[f"qc_{name}"] = np.where(cloudy, 2, np.where(rng.random(skin.shape) < 0.1, 65, 0)).astype("uint8")
    coords = {
        "time": made.composites["time"].values,
        "y": NORTH - STEP * (np.arange(wide.sizes["y"]) - 2.5),
        "x": WEST + STEP * (np.arange(wide.sizes["x"]) - 2.5),
    }
    return xr.Dataset({name: (("time", "y", "x"), values) for name, values in layers.items()}, coords)
