"""ARIA's geocoded unwrapped Sentinel-1 interferograms (S1-GUNW): one NetCDF file a pair and frame."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import PAIR, SENTINEL1_WAVELENGTH, QtpDataError, describe, require_option, xnp
from qtp_toolkit.load.files.blocks import Chunks
from qtp_toolkit.load.files.checks import AS_DELIVERED, as_paths, first_bytes_problem, refuse_bad
from qtp_toolkit.load.files.dates import match_names, ymd
from qtp_toolkit.load.files.grids import geographic
from qtp_toolkit.load.files.hdf5 import MAGIC, number_of, opened, text_of
from qtp_toolkit.load.files.headers import Header
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.cubes import Term, at_pixels, medians
from qtp_toolkit.load.insar.look import angles_to_vector
from qtp_toolkit.load.insar.quantity import Quantity, refuse_not_phase
from qtp_toolkit.load.insar.stack import Orbit, Pair, Stored, beside, opened_from, stack_of, with_orbit

if TYPE_CHECKING:
    import h5py

AriaLayer = Literal["incidence", "look", "component", "ionosphere", "tide", "troposphere"]
NAME = (
    r"S1-GUNW(?:_CUSTOM)?-(?P<direction>[AD])-R-(?P<track>\d{3})-tops-"
    r"(?P<reference>\d{8})_(?P<secondary>\d{8})-(?P<clock>\d{6})-"
)
"""Name of a product: of its two dates the first is the later one, and is ARIA's reference."""
_PLACE = 8
"""Part of a name, counted from 0 and split at its hyphens, that says which frame it is."""
_GRIDS = "/science/grids"
_COHERENCE = {"filtered": f"{_GRIDS}/data/coherence", "unfiltered": f"{_GRIDS}/data/unfilteredCoherence"}
_GEOMETRY, _CORRECTIONS = f"{_GRIDS}/imagingGeometry", f"{_GRIDS}/corrections"
_WAVELENGTH = "/science/radarMetaData/wavelength"
_ZERO, _OUTSIDE = Decode((0.0,)), Decode((-1.0,), dtype="int16", fill=-1)


def aria(
    products: Sequence[Path],
    *,
    layers: Sequence[AriaLayer] = (),
    elevation: xr.DataArray | float | None = None,
    coherence_from: Literal["filtered", "unfiltered"] = "filtered",
    extent: Literal["same", "intersection"] = "same",
    chunks: Chunks | None = None,
) -> xr.Dataset:
    """Open ARIA S1-GUNW products, one frame: ``S1-GUNW-D-R-...-tops-20180831_20180819-....nc``.

    Parameters
    ----------
    products : sequence of path
        Names as they were delivered: they tell the dates.
    layers : sequence of {"incidence", "look", "component", "ionosphere", "tide", "troposphere"}
        Which maps to open beside phase and coherence.
    elevation : xarray.DataArray or float, optional
        m above the ellipsoid, (y, x) on the pixels of the stack or one number: angles, tides and troposphere are
        delivered at a few heights and interpolated there. Needed for these layers.
    coherence_from : {"filtered", "unfiltered"}
        Which of the two coherences to read: that of the filtered interferogram reads higher.
    extent : {"same", "intersection"}
        Whether products of unlike extent are refused or cropped to what they share.
    chunks : dict, optional
        By default all pairs and rows to about 128 MB.

    Returns
    -------
    xarray.Dataset
        ``phase`` and ``coherence`` (pair, y, x) as :func:`interferograms`, ``perpendicular_baseline`` (pair), the
        median over the frame, which is right where less than half of an old product has the wrong sign; attrs
        ``wavelength``, ``heading`` (from the azimuth, to the degree: that is on a local grid), ``orbit_direction``,
        ``overpass``. Layers asked for: ``incidence``, degree, ``look_east``, ``look_north``, ``look_up`` (y, x) of the
        first pair; ``component`` (pair, y, x), int16, 0 not reliable, -1 outside; ``ionospheric_phase``,
        ``tidal_phase``, ``tropospheric_phase`` (pair, y, x), rad, none of which is taken out of the phase: later minus
        earlier, to be subtracted. Lazy.

    Raises
    ------
    QtpDataError
        Names that are none of this product (I27); unreadable files (M05); a pair of one date (I18); a pair twice, or in
        several frames (I19); a layer that products lack, or that needs an elevation (I03); unlike grids (I05 to I08,
        I20); complex numbers or another unit than rad (I11, I12); wavelengths that differ (I15); pairs of several
        tracks (I33).

    Notes
    -----
    Frames of one pair are not joined here: each has a constant and whole cycles of its own, component by component.
    ARIA-tools joins them, and :func:`aria_tools` reads what it writes.

    ARIA's pairs are (later, earlier), and positive phase means motion toward the satellite. Turning them round by their
    dates does for phase, baseline and corrections alike; there is no other sign to set, so none can be turned twice.

    Examples
    --------
    >>> path = folder / "S1-GUNW-D-R-048-tops-20180831_20180819-114512-00093E_00035N-PP-ab12-v3_0_1.nc"
    >>> axes = {"latitude": [35.001, 35.0], "longitude": [93.0, 93.001, 93.002]}
    >>> values = {name: (tuple(axes), np.full((2, 3), 0.5, "f4")) for name in ("unwrappedPhase", "coherence")}
    >>> xr.Dataset(values, axes).to_netcdf(path, group="/science/grids/data", engine="h5netcdf")
    >>> float(load.aria([path])["phase"].mean())  # turned round: (earlier, later)
    -0.5
    """
    require_option("extent", extent, ("same", "intersection"))
    require_option("coherence_from", coherence_from, _COHERENCE)
    paths = as_paths(products)
    if not paths:
        raise QtpDataError("no product is given", expected="one file or more", code="C10")
    matches = match_names(
        paths, NAME, "is no name of an S1-GUNW product", "S1-GUNW product by its name", hint=AS_DELIVERED
    )
    _refuse_tracks(matches)
    found = _headers(paths, [f"{_GRIDS}/data/unwrappedPhase"])
    if coherence_from == "unfiltered":  # which came with version 3
        _require_layer(paths, [_COHERENCE[coherence_from]], "unfiltered coherence")
    grays = _headers(paths, [_COHERENCE[coherence_from]])
    rows = sorted(
        (
            (Pair(ymd(m["reference"], path), ymd(m["secondary"], path), phase), gamma, m)
            for path, m, (phase,), (gamma,) in zip(paths, matches, found, grays, strict=True)
        ),
        key=lambda row: row[0].dates,
    )
    pairs = [pair for pair, _, _ in rows]
    refuse_not_phase([Quantity.of(pair.header) for pair in pairs])
    _refuse_frames(pairs)
    baselines, azimuths = _geometry(pairs)
    zero = Stored(_ZERO)
    stack = stack_of(
        pairs,
        zero,
        [gamma for _, gamma, _ in rows],
        zero,
        extent=extent,
        baselines=None if np.isnan(baselines).all() else baselines,
        wavelength=_wavelength(_paths(pairs)),
        chunks=chunks,
    )
    orbits = [
        Orbit((180.0 - azimuth) % 360 if np.isfinite(azimuth) else np.nan, _seconds(m["clock"]))
        for azimuth, (_, _, m) in zip(azimuths, rows, strict=True)
    ]
    out = with_orbit(stack, orbits, producer="ARIA S1-GUNW", estimated_from=coherence_from)
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, _LAYERS)
        out = out.assign(_LAYERS[layer](stack, pairs, elevation))
    return out


def _headers(paths: Sequence[Path], names: Sequence[str]) -> list[tuple[Header, ...]]:
    """Headers of the named datasets of each file; all files that cannot be read are listed."""
    bad, found = [], []
    for path in paths:
        problem = first_bytes_problem(path, (MAGIC,), "NetCDF-4")
        try:
            found.append(() if problem else tuple(_header(path, name) for name in names))
        except QtpDataError as error:
            problem = error.what
        if problem:
            bad.append((path, problem))
    refuse_bad(bad, "readable S1-GUNW product", total=len(paths), code="M05")
    return found


def _header(path: Path, name: str) -> Header:
    with opened(path) as file:
        dataset = file[name]
        group = name.rpartition("/")[0]
        latitude, longitude = (file[f"{group}/{axis}"][()] for axis in ("latitude", "longitude"))
        blocks = dataset.chunks or (1, dataset.shape[1])
        how = {"dtype": dataset.dtype.name, "blocks": blocks, "dataset": name}
        return geographic(path, latitude, longitude, **how, units=text_of(dataset.attrs.get("units", "")))


def _refuse_tracks(matches: Sequence[re.Match[str]]) -> None:
    """Refuse pairs of several tracks, by their names: each looks from another side (I33)."""
    tracks = Counter(f"{m['direction']} {m['track']}" for m in matches)
    if len(tracks) > 1:
        raise QtpDataError(
            f"pairs of {len(tracks)} tracks",
            found=dict(tracks),
            expected="one track: one line of sight",
            hint="Open each as a source of its own: S1-GUNW-D-R-048-*.nc.",
            code="I33",
        )


def _refuse_frames(pairs: Sequence[Pair]) -> None:
    """Refuse a pair that comes twice, or in several frames: whole cycles that only their overlap tells lie between."""
    frames: dict[Any, list[str]] = defaultdict(list)
    for pair in pairs:
        frames[pair.dates].append(pair.header.path.name)
    several = {dates: names for dates, names in frames.items() if len(names) > 1}
    if not several:
        return
    (earlier, later), names = next(iter(several.items()))
    again = len({name.split("-")[_PLACE] for name in names}) == 1
    stitched = (
        "Narrow the uri to one frame, or join them by ariaTSsetup.py of ARIA-tools and open its unwrappedPhase/* "
    )
    raise QtpDataError(
        f"{len(several)} pairs come {'twice' if again else 'in several frames'}",
        path=pairs[0].header.path.parent,
        found=f"{earlier} {later}: {', '.join(names)}",
        expected="one product a pair" if again else "one frame a pair: between frames lie whole cycles and offsets",
        hint="Keep one of them, the newest version." if again else f"{stitched}by driver aria_tools.",
        code="I19",
    )


def _geometry(pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray]:
    """Median perpendicular baseline, m, and azimuth, degree, of each product."""
    names = [f"{_GEOMETRY}/perpendicularBaseline", f"{_GEOMETRY}/azimuthAngle"]
    values = np.array([medians(str(pair.header.path), names) for pair in pairs])
    return values[:, 0], values[:, 1]


def _wavelength(paths: Sequence[Path]) -> float:
    """Wavelength of all products, m; that of Sentinel-1 where none tells it; unlike ones are refused (I15)."""
    said = set()
    for path in paths:
        with opened(path) as file:
            _refuse_map(file[f"{_GRIDS}/data/unwrappedPhase"], path)
            said |= {round(number_of(file[_WAVELENGTH][()]), 9)} if _WAVELENGTH in file else set()
    if said and max(said) > min(said) * 1.001:
        raise QtpDataError("the products give different wavelengths", found=sorted(said), expected="one", code="I15")
    return min(said, default=SENTINEL1_WAVELENGTH)


def _refuse_map(dataset: h5py.Dataset, path: Path) -> None:
    """Refuse a grid that is none of latitude and longitude, where the product says so (I07)."""
    mapping = text_of(dataset.attrs.get("grid_mapping", ""))
    own = dataset.parent[mapping].attrs if mapping and mapping in dataset.parent else {}
    said = text_of(own.get("grid_mapping_name", "latitude_longitude"))
    if said != "latitude_longitude":
        hint = "Open them as GeoTIFF by driver geotiff_stack."
        raise QtpDataError(f"on a map of its own: {said}", path=path, expected="degrees", hint=hint, code="I07")


def _seconds(clock: str) -> float:
    return int(clock[:2]) * 3600.0 + int(clock[2:4]) * 60 + int(clock[4:])


Maps = dict[str, xr.DataArray]
Elevation = xr.DataArray | float | None


def _paths(pairs: Sequence[Pair]) -> list[Path]:
    return [pair.header.path for pair in pairs]


def _has(path: Path, names: Sequence[str]) -> bool:
    with opened(path) as file:
        # former versions have a text in the place of a layer that later ones bring
        return all(name in file and file[name].dtype.kind in "iuf" for name in names)


def _require_layer(paths: Sequence[Path], names: Sequence[str], layer: str, *, one_will_do: bool = False) -> str:
    """Path of the first product that has a layer; refused if others lack it, or, where one will do, all."""
    whole = [path for path in paths if _has(path, names)]
    lacking = [path.name for path in paths if path not in whole]
    if lacking and not (one_will_do and whole):
        raise QtpDataError(
            f"{len(lacking)} of {len(paths)} products have no {layer}",
            path=paths[0].parent,
            found="; ".join(lacking[:5]),
            hint="Only some versions and regions have it: leave it out.",
            code="I03",
        )
    return str(whole[0])


def _incidence(stack: xr.Dataset, pairs: Sequence[Pair], elevation: Elevation) -> Maps:
    names = [f"{_GEOMETRY}/incidenceAngle"]
    path = _require_layer(_paths(pairs), names, "incidence angle", one_will_do=True)
    angle = at_pixels([Term(path, names[0])], stack, elevation)
    return {"incidence": describe(angle, "incidence")}


def _look(stack: xr.Dataset, pairs: Sequence[Pair], elevation: Elevation) -> Maps:
    names = [f"{_GEOMETRY}/incidenceAngle", f"{_GEOMETRY}/azimuthAngle"]
    path = _require_layer(_paths(pairs), names, "look angles", one_will_do=True)
    incidence, azimuth = (at_pixels([Term(path, name)], stack, elevation) for name in names)
    return angles_to_vector(xnp.deg2rad(90.0 - incidence), xnp.deg2rad(azimuth))


def _component(stack: xr.Dataset, pairs: Sequence[Pair], _: Elevation) -> Maps:
    name = f"{_GRIDS}/data/connectedComponents"
    _require_layer(_paths(pairs), [name], "connected components")
    grid, files = opened_from(stack)
    found = [row[0] for row in _headers(files, [name])]
    return {"component": beside(stack, grid, found, _OUTSIDE, variable="component")}


def _correction(
    variable: str, layer: str, names: Sequence[tuple[str, float]]
) -> Callable[[xr.Dataset, Sequence[Pair], Elevation], Maps]:
    """Correction (pair, y, x) of terms ``(dataset, factor)`` in the sense of the products, turned as their phase is."""

    def opened_layer(stack: xr.Dataset, pairs: Sequence[Pair], elevation: Elevation) -> Maps:
        _require_layer(_paths(pairs), [f"{_CORRECTIONS}/{name}" for name, _ in names], layer)
        maps = []
        for pair in pairs:
            turn = -1.0 if pair.first > pair.second else 1.0
            terms = [Term(str(pair.header.path), f"{_CORRECTIONS}/{name}", turn * factor) for name, factor in names]
            maps.append(at_pixels(terms, stack, elevation))
        return {variable: describe(xr.concat(maps, PAIR), variable)}

    return opened_layer


_TIDE, _WEATHER = "external/tides/solidEarth", "external/troposphere"


def _troposphere(stack: xr.Dataset, pairs: Sequence[Pair], elevation: Elevation) -> Maps:
    """Delays by the weather model that all products have, HRRR where there are several."""
    shared: set[str] | None = None
    for pair in pairs:
        with opened(pair.header.path) as file:
            own = set(file.get(f"{_CORRECTIONS}/{_WEATHER}", {}))
        shared = own if shared is None else shared & own
    model = min(shared or {"HRRR"}, key=lambda name: (name != "HRRR", name))
    names = [
        (f"{_WEATHER}/{model}/{end}/troposphere{part}", factor)
        for part in ("Wet", "Hydrostatic")
        for end, factor in (("reference", -1.0), ("secondary", 1.0))
    ]
    maps = _correction("tropospheric_phase", "tropospheric delays", names)(stack, pairs, elevation)
    return {name: da.assign_attrs(weather_model=model) for name, da in maps.items()}


_LAYERS: dict[str, Callable[[xr.Dataset, Sequence[Pair], Elevation], Maps]] = {
    "incidence": _incidence,
    "look": _look,
    "component": _component,
    "ionosphere": _correction("ionospheric_phase", "ionosphere", [("derived/ionosphere/ionosphere", 1.0)]),
    # a tide toward the satellite is positive, a delay away from it: their differences are taken the other way round
    "tide": _correction(
        "tidal_phase",
        "solid earth tides",
        [(f"{_TIDE}/reference/solidEarthTide", 1.0), (f"{_TIDE}/secondary/solidEarthTide", -1.0)],
    ),
    "troposphere": _troposphere,
}
