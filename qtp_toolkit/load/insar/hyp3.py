"""HyP3 (GAMMA and ISCE bursts): one folder a pair with phase, coherence, further layers and a text file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import PAIR, QtpDataError, describe, require_option, xnp
from qtp_toolkit.load.files.checks import as_paths
from qtp_toolkit.load.files.headers import Header, headers
from qtp_toolkit.load.files.tiff import Decode
from qtp_toolkit.load.insar.convention import companion, interferograms
from qtp_toolkit.load.insar.look import angles_to_vector
from qtp_toolkit.load.insar.stack import Orbit, beside, opened_from, with_orbit

Hyp3Layer = Literal["incidence", "look", "land", "component", "elevation"]
_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?![\d.,])", re.IGNORECASE)
_GAMMA, _BURST = re.compile(r"_INT\d{2}_G_"), re.compile(r"_INT\d{2}_[0-9A-F]{4}(?![0-9A-Za-z])")
_ZERO, _OUTSIDE = Decode((0.0,)), Decode(dtype="int16", fill=-1)
_ORDERED = {
    "lv_theta": "look vectors",
    "lv_phi": "look vectors",
    "water_mask": "the water mask",
    "dem": "the elevation model",
    "conncomp": "an ISCE burst product: GAMMA's has no components",
}
"""What to ask for when a product is ordered, by the layer that it then brings."""


def hyp3(
    phase: Sequence[Path], *, layers: Sequence[Hyp3Layer] = (), read_coherence: bool = True, **options: Any
) -> xr.Dataset:
    """Open HyP3 InSAR products: ``<name>/<name>_unw_phase.tif`` beside ``_corr.tif`` and ``<name>.txt``.

    GAMMA's of whole frames, ISCE's of one burst and of several, under their old and new names; clipped files count as
    well: ``_unw_phase_clipped.tif`` beside ``_corr_clipped.tif``.

    Parameters
    ----------
    phase : sequence of path
        The ``_unw_phase`` files.
    layers : sequence of {"incidence", "look", "land", "component", "elevation"}
        Which maps to open beside phase and coherence: from ``_lv_theta``, that and ``_lv_phi``, ``_water_mask``,
        ``_conncomp`` and ``_dem``. All but the components, one a pair, are of the first pair that brings them: others
        have the same.
    read_coherence : bool
        Whether the coherence is opened at all.
    **options
        As for :func:`interferograms`; a coherence of 0 is no data unless ``coherence_nodata`` says otherwise.

    Returns
    -------
    xarray.Dataset
        As :func:`interferograms`, with ``perpendicular_baseline`` (pair), and in attrs ``heading``,
        ``orbit_direction`` and ``overpass``, from the text files where they say it (the overpass is that of the first
        line). The coherence says what it was estimated from: of GAMMA ``unfiltered`` interferograms, of ISCE
        ``filtered`` ones, which reads higher, unless ``coherence_from`` says otherwise. Layers asked for:
        ``incidence``, degree; ``look_east``, ``look_north``, ``look_up``; ``land``, True but for water; ``component``
        (pair, y, x), int16, 0 without one or outside; ``elevation``, m above the ellipsoid. Lazy.

    Raises
    ------
    QtpDataError
        As :func:`interferograms`; I03: a layer that the product does not have; I33: pairs of several tracks; I34: of
        several processors.

    Notes
    -----
    GAMMA sets the phase of the most coherent pixel to 0, which reads as missing: one pixel a pair.

    Examples
    --------
    >>> name = "S1AA_20180819T114512_20180831T114512_VVP012_INT80_G_ueF_ABCD"
    >>> phase = geotiff(f"{name}/{name}_unw_phase.tif", np.full((2, 3), 4.0, "float32"))
    >>> coherence = geotiff(f"{name}/{name}_corr.tif", np.full((2, 3), 0.8, "float32"))
    >>> list(load.hyp3([phase]))
    ['phase', 'coherence']
    """
    phase = as_paths(phase)
    beside_phase = [companion(path, "_unw_phase", "_corr") for path in phase]
    said = {path: _parameters(path.with_name(path.name.partition("_unw_phase")[0] + ".txt")) for path in phase}
    found = [_number(said[path], "baseline") for path in phase]
    known = None if np.isnan(found).all() else found
    options = {"coherence_nodata": 0.0} | options  # tags are lost by clipping
    gamma = [path for path in beside_phase if path.is_file()] if read_coherence else None
    stack = interferograms(phase, coherence=gamma, baselines=known, **options)
    grid, files = opened_from(stack)
    orbits = [Orbit(_number(said[path], "heading") % 360, _number(said[path], "utctime")) for path in files]
    processor = _one_processor(files, said)
    filtered = {"GAMMA": "unfiltered", "ISCE": "filtered"}.get(processor)
    out = with_orbit(stack, orbits, producer=f"HyP3 {processor}".rstrip(), estimated_from=filtered)
    for layer in dict.fromkeys(layers):
        require_option("layer", layer, _LAYERS)
        out = out.assign(_LAYERS[layer](stack, grid, files))
    return out


def _parameters(path: Path) -> dict[str, str]:
    """Lines ``key: value`` of the text of a product; keys in small letters without blanks, as they vary."""
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    parts = (line.partition(":") for line in lines)
    return {re.sub(r"[\W_]", "", key).lower(): value.strip() for key, colon, value in parts if colon}


def _number(parameters: dict[str, str], key: str) -> float:
    match = _NUMBER.match(parameters.get(key, ""))
    return float(match[1]) if match else float("nan")


def _processor(name: str, parameters: dict[str, str]) -> str:
    """GAMMA or ISCE, by the name of the product, else by how its text says that it was unwrapped; else nothing."""
    if _GAMMA.search(name):
        return "GAMMA"
    if _BURST.search(name) or parameters.get("unwrappingtype", "").startswith("snaphu"):
        return "ISCE"
    return "GAMMA" if parameters.get("unwrappingtype") == "mcf" else ""


def _one_processor(files: Sequence[Path], said: dict[Path, dict[str, str]]) -> str:
    """Processor of all products; two of them estimate the coherence in two ways, and place pixels otherwise."""
    found = {path: _processor(path.name, said[path]) for path in files}
    kinds = sorted(set(found.values()) - {""})
    if len(kinds) > 1:
        told = [f"{list(found.values()).count(kind)} of {kind}" for kind in kinds]
        raise QtpDataError(
            "products of several processors: their coherence is not one thing",
            found=", ".join(told),
            expected="GAMMA's alone, or ISCE's alone",
            hint="Narrow the uri: S1*_G_*/ for GAMMA's; open the others as a source of their own.",
            code="I34",
        )
    return kinds[0] if kinds else ""


def _layer_headers(files: Sequence[Path], ending: str) -> list[Header]:
    paths = [companion(path, "_unw_phase", f"_{ending}") for path in files]
    lacking = [path.name for path in paths if not path.is_file()]
    if lacking:
        raise QtpDataError(
            f"{len(lacking)} of {len(paths)} products have no {ending}",
            path=files[0].parent,
            found="; ".join(lacking[:5]),
            hint=f"Order {_ORDERED[ending]}, or leave the layer out.",
            code="I03",
        )
    return headers(paths)


def _one(stack: xr.Dataset, grid: Header, files: Sequence[Path], ending: str, **how: Any) -> xr.DataArray:
    """Layer (y, x) of the first pair that brings it: it may have been ordered with one of them only."""
    owners = [path for path in files if companion(path, "_unw_phase", f"_{ending}").is_file()]
    found = _layer_headers(owners[:1] or files, ending)
    return beside(stack, grid, found, **how).isel({PAIR: 0})


def _incidence(stack: xr.Dataset, grid: Header, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    to_degrees = Decode((0.0,), -180.0 / np.pi, 90.0)
    angle = _one(stack, grid, files, "lv_theta", decode=to_degrees, variable="incidence", held="incidence")
    return {"incidence": angle}


def _look(stack: xr.Dataset, grid: Header, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    # a satellite due east has an azimuth of 0, which is no missing value; theta tells where data are, and is in rad
    up = xnp.deg2rad(90.0 - _incidence(stack, grid, files)["incidence"])
    around = _one(stack, grid, files, "lv_phi", decode=Decode(), variable="look_east")
    return angles_to_vector(up, around)


def _land(stack: xr.Dataset, grid: Header, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    array = _one(stack, grid, files, "water_mask", decode=Decode(dtype="uint8", fill=0), variable="land")
    return {"land": describe(array == 1, "land")}


def _component(stack: xr.Dataset, grid: Header, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    return {"component": beside(stack, grid, _layer_headers(files, "conncomp"), _OUTSIDE, variable="component")}


def _elevation(stack: xr.Dataset, grid: Header, files: Sequence[Path]) -> dict[str, xr.DataArray]:
    height = _one(stack, grid, files, "dem", decode=_ZERO, variable="elevation", held="elevation")
    return {"elevation": height.assign_attrs(datum="ellipsoid")}


_LAYERS: dict[str, Callable[[xr.Dataset, Header, Sequence[Path]], dict[str, xr.DataArray]]] = {
    "incidence": _incidence,
    "look": _look,
    "land": _land,
    "component": _component,
    "elevation": _elevation,
}
