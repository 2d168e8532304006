"""A region whose interferograms hold known delays, written with the delays as others deliver them. Small and seeded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from radar_files import delay as gacos_file
from small_files import tif

from qtp_toolkit.synthetic import formats

SHAPE, STEP, WEST, NORTH = (30, 36), 0.02, 92.0, 35.0
GEO = {"crs": "EPSG:4326", "origin": (WEST, NORTH), "pixel": STEP}
PER_M = 4 * np.pi / 0.05546576
HEADING = {"ascending": 349.95, "descending": 190.05}
CLOCK = "11:45:12"
DATES = pd.date_range("2018-03-01", periods=15, freq="12D").delete(6)
PAIRS = [(a, b) for a in range(14) for b in range(a + 1, 14) if (DATES[b] - DATES[a]).days <= 24]
CATALOG = """\
catalog_version: 1
roots: ['.']
settings:
  bounds: [92.0, 34.4, 92.72, 35.0]
  reference_point: [92.3, 34.7]
  reference_radius_m: 6000
  ramp: none
sources:
"""


@dataclass(frozen=True)
class Delayed:
    """What lies between ground and satellite, in places given as latitude, longitude (degree) and height (m)."""

    orbit: str
    seed: int = 4

    @cached_property
    def waves(self) -> np.ndarray:
        """(date, 10) sizes of what follows."""
        return np.random.default_rng(self.seed).normal(size=(len(DATES), 10))

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Latitude and longitude of the pixels."""
        rows, columns = (np.arange(n) + 0.5 for n in SHAPE)
        lat, lon = np.meshgrid(NORTH - STEP * rows, WEST + STEP * columns, indexing="ij")
        return lat, lon

    def height(self, lat, lon):
        """Elevation, m."""
        return 4600 + 250 * np.sin(13 * lat) * np.cos(11 * lon)

    def incidence(self, lon):
        """Degree; the far range lies where the radar looks."""
        across = (lon - WEST) / (SHAPE[1] * STEP)
        return 36 + 5 * (across if self.orbit == "ascending" else 1 - across)

    def zenith(self, k, lat, lon, height):
        """Delay of the troposphere at a date, m."""
        a, b, c = self.waves[k, :3]
        field = a * np.sin(4 * lat + b) * np.cos(3.5 * lon + c)
        return 1.3 + 0.012 * field + (2 + self.waves[k, 3]) * 1e-5 * (4600 - height)

    def slant(self, k, lat, lon, height):
        """The same in the line of sight, rad."""
        return PER_M * self.zenith(k, lat, lon, height) / np.cos(np.deg2rad(self.incidence(lon)))

    def ionosphere(self, k, lat, lon):
        """Delay of the ionosphere at a date, rad."""
        return 1.5 * self.waves[k, 4] * np.sin(5 * lat + self.waves[k, 5]) * np.sin(5 * lon)

    def tide(self, k, lat, lon):
        """East, north and up of the ground at a date, m. More curved than a tide, so that no plane takes it."""
        east, up = (size * np.cos(4 * lat - 3 * lon) for size in 0.012 * self.waves[k, 6:8])
        return east, 0 * up, up

    def toward(self, k, lat, lon):
        """The tide toward the satellite, rad."""
        theta, flight = np.deg2rad(self.incidence(lon)), np.deg2rad(HEADING[self.orbit])
        east, north, up = self.tide(k, lat, lon)
        vector = -np.sin(theta) * np.cos(flight), np.sin(theta) * np.sin(flight), np.cos(theta)
        return PER_M * sum(part * along for part, along in zip((east, north, up), vector, strict=True))

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """Phase (date, y, x) of each, rad, more for what is farther away; ``rest`` is motion and noise."""
        rng, (lat, lon) = np.random.default_rng(self.seed + 1), self.places
        every, height = range(len(DATES)), self.height(lat, lon)
        out = {"troposphere": [self.slant(k, lat, lon, height) for k in every]}
        out["ionosphere"] = [self.ionosphere(k, lat, lon) for k in every]
        out["tide"] = [-self.toward(k, lat, lon) for k in every]
        out["rest"] = [0.02 * k * np.cos(9 * lat) + 0.1 * rng.normal(size=SHAPE) for k in every]
        return {name: np.stack(maps) for name, maps in out.items()}

    def phase(self, *names: str) -> np.ndarray:
        """Phase (pair, y, x) of the named parts, rad."""
        of_date = sum(self.parts[name] for name in names)
        return np.stack([of_date[b] - of_date[a] for a, b in PAIRS])

    @property
    def stack(self) -> xr.Dataset:
        """Interferograms with all of it, in memory."""
        lat, lon = self.places
        ends = {
            "reference": ("pair", DATES[[a for a, _ in PAIRS]]),
            "secondary": ("pair", DATES[[b for _, b in PAIRS]]),
        }
        phase = xr.DataArray(self.phase(*self.parts), ends | {"y": lat[:, 0], "x": lon[0]}, ("pair", "y", "x"))
        return xr.Dataset({"phase": phase, "coherence": xr.full_like(phase, 0.8)}).rio.write_crs(4326)


def source(name: str, kind: str, driver: str, uri: str, **parameters: object) -> str:
    """Entry of a catalog."""
    said = ", ".join(f"{key}: {value}" for key, value in parameters.items())
    return f"  {name}: {{kind: {kind}, driver: {driver}, uri: {uri}, parameters: {{{said}}}, provenance: synthetic}}\n"


def licsar(folder: Path, made: Delayed, *, layers: str = "[]") -> str:
    """Write LiCSAR with slant delays of the dates, as LiCSBAS fetches it; returns its entries."""
    for number in range(len(PAIRS)):
        formats.licsar(folder / "GEOC", made.stack, number=number)
    angle = made.stack["phase"][0].copy(data=np.broadcast_to(made.incidence(made.places[1]), SHAPE))
    formats.licsar_look(folder / "GEOC", angle, heading=HEADING[made.orbit])
    (folder / "GEOC" / "metadata.txt").write_text(f"center_time={CLOCK}.0\nheading={HEADING[made.orbit]}\n")
    for day, values in zip(DATES, made.parts["troposphere"], strict=True):
        tif(folder / "GACOS" / f"{day:%Y%m%d}.sltd.geo.tif", values.astype("float32"), **GEO)
    look = source("incidence", "raster", "licsar_look", '"GEOC/*.geo.U.tif"')
    return source("interferograms", "ifg_stack", "licsar", '"GEOC/*/*.geo.unw.tif"', layers=layers) + look


def gacos(folder: Path, made: Delayed) -> str:
    """Write zenith delays on the ground, on another grid than the interferograms; returns the entry."""
    (folder / "gacos").mkdir()
    west, north, step = WEST - 0.1, NORTH + 0.1, 0.0125
    rows, columns = (np.arange(int((n * STEP + 0.2) / step)) + 0.5 for n in SHAPE)
    lat, lon = np.meshgrid(north - step * rows, west + step * columns, indexing="ij")
    for k, day in enumerate(DATES):
        values = made.zenith(k, lat, lon, made.height(lat, lon))
        gacos_file(folder / "gacos" / f"{day:%Y%m%d}.ztd", values, hour=11.75, place=(west, north, step, -step))
    return source("gacos", "dataset", "gacos", '"gacos/*.ztd"', registration="corner")


def dem(folder: Path, made: Delayed) -> str:
    """Write the terrain; returns the entry."""
    tif(folder / "dem.tif", made.height(*made.places).astype("float32"), **GEO)
    return source("dem", "raster", "geotiff", "dem.tif", variable="elevation")


def opera_tropo(folder: Path, made: Delayed) -> str:
    """Write the weather of noon and six hours earlier, around the region; returns the entry."""
    axes = {"latitude": np.arange(35.84, 33.5, -0.07), "longitude": np.arange(91.1, 93.7, 0.07)}
    heights = np.array([0.0, 2000, 4000, 4500, 5000, 6000, 9000])
    lat, lon, height = np.meshgrid(*axes.values(), heights, indexing="ij")
    for k, day in enumerate(DATES):
        for hour in ("06", "12"):
            # linear in time: at a pass of 11:45:12 it is what it should be
            late = made.zenith(k, lat, lon, height) + 0.02 * ((11 + 45.2 / 60 - float(hour)) / 6) * np.sin(9 * lat)
            cubes = dict.fromkeys(("wet_delay", "hydrostatic_delay"), (*axes, "height"))
            data = {"wet_delay": 0.1 * late, "hydrostatic_delay": 0.9 * late}
            ds = xr.Dataset({n: (dims, data[n].astype("f4"), {"units": "meters"}) for n, dims in cubes.items()})
            ds = ds.assign_coords(**axes, height=heights).expand_dims(time=[day + pd.Timedelta(f"{hour}h")])
            name = f"OPERA_L4_TROPO-ZENITH_{day:%Y%m%d}T{hour}0000Z_20250901T000000Z_HRES_v1.0.nc"
            (folder / "tropo").mkdir(exist_ok=True)
            ds.to_netcdf(folder / "tropo" / name, engine="h5netcdf")
    return source("opera_tropo", "dataset", "opera_tropo", '"tropo/*.nc"')


def aria(folder: Path, made: Delayed, *, layers: str) -> str:
    """Write S1-GUNW products, (later, earlier), with all of their corrections; returns the entry."""
    lat, lon = made.places
    (folder / "aria").mkdir()
    tif(folder / "dem.tif", made.height(lat, lon).astype("float32"), **GEO)
    for (a, b), phase in zip(PAIRS, made.phase(*made.parts), strict=True):
        letter, late, early = made.orbit[0].upper(), f"{DATES[b]:%Y%m%d}", f"{DATES[a]:%Y%m%d}"
        name = f"S1-GUNW-{letter}-R-048-tops-{late}_{early}-114512-00092E_00035N-PP-ab1{a:x}-v3_0_1.nc"
        axes = {"latitude": lat[:, 0], "longitude": lon[0]}
        maps = {"unwrappedPhase": -phase, "coherence": 0.8 + 0 * phase, "unfilteredCoherence": 0.6 + 0 * phase}
        data = xr.Dataset({key: (tuple(axes), v.astype("f4")) for key, v in maps.items()}, axes)
        data.to_netcdf(folder / "aria" / name, group="/science/grids/data", engine="h5netcdf")
        _corrections(folder / "aria" / name, made, a, b)
    uri = '{data: "aria/S1-GUNW-*.nc", dem: dem.tif}'
    return source("interferograms", "ifg_stack", "aria", uri, layers=layers)


def _corrections(path: Path, made: Delayed, a: int, b: int) -> None:
    """Angles and corrections of the pair of dates a and b, which is (b, a) there."""
    cube = {"heightsMeta": [-1500.0, 0, 3000, 9000], "latitudeMeta": np.arange(35.1, 34.2, -0.1)}
    cube["longitudeMeta"] = np.arange(91.9, 92.95, 0.1)
    height, lat, lon = np.meshgrid(*cube.values(), indexing="ij")
    geometry = {"incidenceAngle": made.incidence(lon), "azimuthAngle": 180.0 - HEADING[made.orbit] + 0 * lon}
    _add(path, "imagingGeometry", cube, geometry)
    flat = {"latitude": np.arange(35.05, 34.3, -0.02), "longitude": np.arange(91.95, 92.8, 0.02)}
    place = np.meshgrid(*flat.values(), indexing="ij")
    later = made.ionosphere(b, *place) - made.ionosphere(a, *place)
    _add(path, "corrections/derived/ionosphere", flat, {"ionosphere": -later})
    for end, k in (("reference", b), ("secondary", a)):
        tide = {"solidEarthTide": made.toward(k, lat, lon)}
        _add(path, f"corrections/external/tides/solidEarth/{end}", cube, tide)
        whole = made.slant(k, lat, lon, height)
        weather = {"troposphereWet": 0.1 * whole, "troposphereHydrostatic": 0.9 * whole}
        _add(path, f"corrections/external/troposphere/HRRR/{end}", cube, weather)


def _add(path: Path, group: str, axes: dict, layers: dict[str, np.ndarray]) -> None:
    data = xr.Dataset({name: (tuple(axes), values.astype("f4")) for name, values in layers.items()}, axes)
    fills = {name: {"_FillValue": np.float32(0)} for name in layers}
    data.to_netcdf(path, group=f"/science/grids/{group}", mode="a", engine="h5netcdf", encoding=fills)
