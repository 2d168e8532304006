"""The images of ``slc_chain.py``: ground that sinks and heaves, air, fading speckle, a lake, and their truth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter

from qtp_toolkit import conventions, grid, pecm, seasons

LINES, SAMPLES, LOOKS_Y, LOOKS_X = 4000, 3000, 6, 20
DATES = pd.date_range("2018-03-06", periods=27, freq="24D")
GROUPS = (6, 5, 9, 7)
"""So many dates are there when the command runs for the first time, so many more the second time, and so on."""
ROWS = 250
"""Lines that are made at a time, of all dates."""
AIR = 1.0
"""Standard deviation of the phase that air adds to a date, rad."""
ORIGIN, STEP_LINE, STEP_SAMPLE = (34.4, 92.9), (1.26e-4, -1.5e-5), (1.0e-5, 5.0e-5)
"""Latitude and longitude of the first pixel, and what a line and a sample add to them: an ascending pass."""


def indices(like: xr.DataArray) -> xr.Dataset:
    """Curves of the deformation model for one temperature everywhere."""
    days = pd.date_range("2017-01-01", "2020-12-31")
    warm = -4.0 + 14.0 * np.sin(2 * np.pi * (days.dayofyear.values - 110) / 365.25)
    axes = {"time": days, "y": [35.5, 34.0], "x": [92.0, 94.0]}
    values = np.broadcast_to(warm[:, None, None], (days.size, 2, 2)).astype("float32")
    lst = xr.DataArray(values, axes, ("time", "y", "x"), attrs={"units": "degC"}).rio.write_crs(4326)
    onsets = seasons.onsets(lst)
    found = seasons.degree_days(lst, onsets["thaw_onset_mean"], onsets["freeze_onset_mean"])
    return pecm.indices(xr.merge([found, onsets], compat="override"), 1.2, like=like, dates=DATES.values)


def curves() -> tuple[np.ndarray, np.ndarray, float]:
    """Linear and composite index at the dates, and the composite index at its peak."""
    axes = {"y": [34.9, 34.8], "x": [92.9, 93.0]}
    found = indices(xr.DataArray(np.zeros((2, 2), "float32"), axes, ("y", "x")).rio.write_crs(4326)).isel(y=0, x=0)
    return found["linear_index"].values, found["composite_index"].values, float(found["peak_index"])


def ground(line: np.ndarray, sample: np.ndarray) -> dict[str, np.ndarray]:
    """Rate (mm/yr), amplitude (mm), quality (0..1) and lake of pixels; what does not move is in the first corner."""
    v, u = line / LINES, sample / SAMPLES

    def hill(at: float, across: float, wide: float) -> np.ndarray:
        return np.exp(-((v - at) ** 2 + (0.5 * (u - across)) ** 2) / wide)

    bowls = hill(0.35, 0.6, 0.01) + 0.6 * hill(0.75, 0.3, 0.02)
    away = 1 - np.exp(-(v**2 + u**2) / 0.03)
    lake = ((v - 0.55) / 0.08) ** 2 + ((u - 0.55) / 0.3) ** 2 < 1
    quality = 0.35 + 0.65 * (0.5 + 0.5 * np.sin(9 * v + 2) * np.cos(5 * u)) ** 0.7
    return {
        "rate": -22.0 * bowls * away,
        "amplitude": 25.0 * away * (0.5 + 0.5 * np.sin(4 * v + 3 * u)),
        "quality": np.where(lake, 0.0, quality),
        "lake": lake,
    }


def air() -> np.ndarray:
    """Phase that the air adds to each date, on a grid of 101 x 76, rad."""
    noise = np.random.default_rng(1).normal(size=(DATES.size, 101, 76))
    smooth = sum(gaussian_filter(noise, (0, width, width), mode="nearest") * width**1.5 for width in (4, 8, 16))
    return (AIR * smooth / smooth.std(axis=(1, 2), keepdims=True)).astype("float32")


def phases(line: np.ndarray, sample: np.ndarray, delay: np.ndarray, curve: tuple) -> Iterator[np.ndarray]:
    """Phase of each date, rad."""
    here, (linear, composite, peak) = ground(line, sample), curve
    for k in range(DATES.size):
        moved = here["rate"] * linear[k] - here["amplitude"] / peak * composite[k]
        yield -4e-3 * np.pi / conventions.SENTINEL1_WAVELENGTH * moved + delay[k]


def raw_raster(path: Path, dtype: str, kind: str) -> np.memmap:
    """Make room for raw pixels, with a VRT beside them, as ISCE writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = np.dtype(dtype).itemsize
    path.with_name(path.name + ".vrt").write_text(
        f'<VRTDataset rasterXSize="{SAMPLES}" rasterYSize="{LINES}"><VRTRasterBand dataType="{kind}" band="1" '
        f'subClass="VRTRawRasterBand"><SourceFilename relativeToVRT="1">{path.name}</SourceFilename>'
        f"<ByteOrder>LSB</ByteOrder><ImageOffset>0</ImageOffset><PixelOffset>{size}</PixelOffset>"
        f"<LineOffset>{size * SAMPLES}</LineOffset></VRTRasterBand></VRTDataset>"
    )
    return np.memmap(path, dtype, "w+", shape=(LINES, SAMPLES))


def image_paths(folder: Path) -> list[Path]:
    group = np.repeat(np.arange(len(GROUPS)), GROUPS)
    names = DATES.strftime("%Y%m%d")
    return [folder / f"SLC/{g}/{name}/{name}.slc.full" for g, name in zip(group, names, strict=True)]


def make_images(folder: Path) -> None:
    """Speckle that a date shares with the one before it and with all others, turned by its phase; and the geometry."""
    if (folder / "made").exists():
        return
    rng, curve, delay = np.random.default_rng(7), curves(), air()
    images = [raw_raster(path, "complex64", "CFloat32") for path in image_paths(folder)]
    maps = {"lat": "float64", "lon": "float64", "land": "uint8"}
    kinds = {"float64": "Float64", "uint8": "Byte"}
    geometry = {name: raw_raster(folder / f"geom/{name}.rdr", kind, kinds[kind]) for name, kind in maps.items()}
    held = np.exp(-24 / 60)

    def draw(*shape: int) -> np.ndarray:
        return (rng.standard_normal((*shape, 2), "float32") * np.float32(np.sqrt(0.5))).view("complex64")[..., 0]

    for top in range(0, LINES, ROWS):
        line, sample = np.ogrid[top : top + ROWS, :SAMPLES]
        here = ground(line, sample)
        still, fading = (np.sqrt(share * here["quality"]).astype("float32") for share in (0.35, 0.6))
        own = np.sqrt(1 - 0.95 * here["quality"]).astype("float32")
        wide = np.stack([_at(field, line, sample) for field in delay])
        common, changing = draw(ROWS, SAMPLES), draw(ROWS, SAMPLES)
        for image, phase in zip(images, phases(line, sample, wide, curve), strict=True):
            changing = np.float32(held) * changing + np.float32(np.sqrt(1 - held**2)) * draw(ROWS, SAMPLES)
            speckle = still * common + fading * changing + own * draw(ROWS, SAMPLES)
            image[top : top + ROWS] = speckle * np.exp(-1j * phase.astype("float32"))
        for name, k in (("lat", 0), ("lon", 1)):
            geometry[name][top : top + ROWS] = ORIGIN[k] + line * STEP_LINE[k] + sample * STEP_SAMPLE[k]
        geometry["land"][top : top + ROWS] = ~here["lake"]
    for array in (*images, *geometry.values()):
        array.flush()
    (folder / "made").touch()


def _at(field: np.ndarray, line: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Coarse field at pixels, linear in between; by rows and columns, for it is a grid in both."""
    y, x = line.ravel() * (field.shape[0] - 1) / LINES, sample.ravel() * (field.shape[1] - 1) / SAMPLES
    i, j = y.astype(int), x.astype(int)
    rows = field[i] * (1 - y + i)[:, None] + field[i + 1] * (y - i)[:, None]
    return (rows[:, j] * (1 - x + j) + rows[:, j + 1] * (x - j)).astype("float32")


def truth(like: xr.Dataset) -> xr.Dataset:
    """Rate, amplitude and the phase of each date on the pixels of the maps."""
    size = LINES // LOOKS_Y, SAMPLES // LOOKS_X
    line, sample = (
        (np.arange(n) * looks + (looks - 1) / 2).reshape(shape)
        for n, looks, shape in ((size[0], LOOKS_Y, (-1, 1)), (size[1], LOOKS_X, (1, -1)))
    )
    place = [ORIGIN[k] + line * STEP_LINE[k] + sample * STEP_SAMPLE[k] for k in (0, 1)]
    lookup = grid.geocoding(*(xr.DataArray(degrees, dims=("y", "x")) for degrees in place))
    wide = np.stack([_at(field, line, sample) for field in air()])
    here = ground(line, sample)

    def placed(values: np.ndarray) -> xr.DataArray:
        return grid.geocode(xr.DataArray(values.astype("float32"), dims=("y", "x")), lookup)

    out = xr.Dataset({name: placed(here[name]) for name in ("rate", "amplitude")})
    out["phase"] = xr.concat([placed(values) for values in phases(line, sample, wide, curves())], "time")
    xr.testing.assert_allclose(out["y"], like["y"])
    return out.assign_coords(time=DATES.values)
