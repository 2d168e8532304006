"""What MODIS and VIIRS products hold: which layer plays which role, how it is stored, and what its tags must say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from qtp_toolkit.conventions import QtpDataError
from qtp_toolkit.load.files.tiff import QC, Decode


class Product(NamedTuple):
    """A product: which roles its layers play, how many days a composite covers, and of which instruments it is."""

    family: str
    days: int
    prefixes: tuple[str, ...] = ("MOD", "MYD")


PRODUCTS = {
    "11A1": Product("lst", 1), "11B1": Product("lst", 1), "11A2": Product("lst", 8), "11B2": Product("lst", 8),
    "13Q1": Product("ndvi", 16), "13A1": Product("ndvi", 16), "13A2": Product("ndvi", 16),
    "09Q1": Product("reflectance", 8), "09A1": Product("reflectance", 8),
    "21A2": Product("viirs", 8, ("VNP", "VJ1")),
}  # fmt: skip
"""Products by their short name without MOD, MYD, VNP or VJ1. M?D21A2 has other layers than its namesakes of VIIRS."""

SENSORS = {"MOD": "terra", "MYD": "aqua", "VNP": "snpp", "VJ1": "noaa20"}
SHORT_NAME = r"(?P<product>(?:M[OY]D|VNP|VJ1)\d\d[A-Z]\d)"
"""Short names as they stand in names of files."""


class Stored(NamedTuple):
    """How a file stores one layer."""

    dtype: str
    attrs: Mapping[str, Any]


class Role(NamedTuple):
    """A layer that a reader looks for.

    ``name`` is matched with the layer's name; ``title`` with its long name, for files that spell names their own way.
    ``scales``, ``units`` and ``fills`` are what the tags may say; the values used are those of ``decode``.
    """

    name: str
    decode: Decode
    dtypes: tuple[str, ...]
    title: str | None = None
    scales: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    fills: tuple[float, ...] = ()
    needed: bool = True
    extra: bool = False
    """Looked for, and needed, only where it is asked for."""


LST = Decode(nodata=(0.0,), scale=0.02, offset=-273.15, valid=(7500, 65535))
"""MOD11 by its product specification, whatever the file's own tags say: K x 50, fill 0, valid from 7500."""

NDVI = Decode(nodata=(-3000.0,), scale=1e-4, valid=(-2000, 10000))
"""MOD13 by its product specification; what leaves the valid range is NaN, so any other fill value is too."""

RELIABILITY = Decode(dtype="int8", fill=-1.0)
VIEW_TIME = Decode(nodata=(255.0,), scale=0.1, valid=(0, 240))
"""Local solar time of the view by both product specifications: hours x 10, fill 255."""
REFLECTANCE = Decode(nodata=(-28672.0,), scale=1e-4, valid=(-100, 16000))
STATE = Decode(dtype="uint16", fill=1.0)
"""State word of MOD09; where there is no file: 1, cloudy."""
BAND_QC = Decode(dtype="uint16", fill=3.0)
"""Quality word of MOD09, as far as the red and the near infrared band go; where there is no file: 3, not produced."""

_KELVIN = ("K", "Kelvin", "kelvin")
_OTHER = "night|qc|quality|view|angl|time|err|clear|emis|cov"
_SURFACE = r"(?:lst|land.?surface.?temperature)"


def _temperature(part: str) -> Role:
    other = _OTHER if part == "day" else _OTHER.replace("night|", "")
    looks = rf"^(?=.*{_SURFACE})(?=.*{part})"
    return Role(
        looks + rf"(?!.*(?:{other}))",
        LST,
        ("uint16",),
        title=looks + ("(?!.*night)" if part == "day" else ""),
        scales=(0.02,),
        units=_KELVIN,
        fills=(0.0,),
    )


def _byte(part: str) -> Role:
    other = "(?!.*night)" if part == "day" else ""
    return Role(rf"^(?=.*(?:qc|quality))(?=.*{part}){other}", QC, ("uint8", "int8"))


def _clock(part: str) -> Role:
    other = "(?!.*night)" if part == "day" else ""
    return Role(
        rf"^(?=.*view)(?=.*time)(?=.*{part}){other}", VIEW_TIME, ("uint8",), scales=(0.1,), fills=(255.0,), extra=True
    )


_WORD = ("uint16", "int16", "uint32", "int32")
_LOOKS = {
    "day": _temperature("day"), "night": _temperature("night"), "qc_day": _byte("day"), "qc_night": _byte("night"),
    "view_time_day": _clock("day"), "view_time_night": _clock("night"),
}  # fmt: skip
"""Layers of surface temperature: MODIS and VIIRS store them alike, and mean other things by the bits of the bytes."""

FAMILIES: dict[str, dict[str, Role]] = {
    "lst": _LOOKS,
    "viirs": _LOOKS,
    "ndvi": {
        "ndvi": Role(r"ndvi$", NDVI, ("int16",), scales=(1e-4, 1e4), fills=(-3000.0,)),
        "reliability": Role(r"pixel.reliability$", RELIABILITY, ("int8", "uint8"), needed=False),
    },
    "reflectance": {
        "red": Role(r"^sur_refl_b01", REFLECTANCE, ("int16",), scales=(1e-4, 1e4), fills=(-28672.0,)),
        "nir": Role(r"^sur_refl_b02", REFLECTANCE, ("int16",), scales=(1e-4, 1e4), fills=(-28672.0,)),
        "state": Role(r"^sur_refl_state", STATE, _WORD, needed=False),
        "qc_250m": Role(r"^sur_refl_qc_250m", BAND_QC, _WORD, needed=False),
        "qc_500m": Role(r"^sur_refl_qc_500m", BAND_QC, _WORD, needed=False),
    },
}  # fmt: skip


def product_named(short_name: str) -> Product:
    """Product of a short name such as MOD11A2; an error that lists the readable ones if it is none of them."""
    product = PRODUCTS.get(short_name[3:])
    if product is not None and short_name[:3] in product.prefixes:
        return product
    raise QtpDataError(
        f"product {short_name!r} is not read",
        expected=", ".join(map(spelled, PRODUCTS)),
        code="M27",
        hint="Other products have other quality flags or calendars; see docs/data.md.",
    )


def spelled(key: str) -> str:
    """Short names of a product in words: ``M?D11A2``, ``VNP21A2, VJ121A2``."""
    own = PRODUCTS[key].prefixes
    return f"M?D{key}" if own == ("MOD", "MYD") else ", ".join(f"{prefix}{key}" for prefix in own)


def find(stored: Mapping[str, Stored], family: str, *, extras: bool = False) -> dict[str, str]:
    """Layers by role: found by name, else by their long name and unit, and held against the product specification.

    Parameters
    ----------
    stored : mapping of layer name to Stored
    family : {"lst", "viirs", "ndvi", "reflectance"}
    extras : bool
        Whether the layers that are not for everyday use are wanted: the times of the views.

    Returns
    -------
    dict
        Role to layer name; roles that are not needed only where the file has them.

    Raises
    ------
    QtpDataError
        M27: no layer, or several, for a role: lists what there is; M11, M07, M12: a layer's type or tags contradict
        the specification.
    """
    roles = {role: wanted for role, wanted in FAMILIES[family].items() if extras or not wanted.extra}
    found = {role: _candidates(stored, wanted) for role, wanted in roles.items()}
    lacking = [role for role, names in found.items() if not names and roles[role].needed]
    unclear = {role: names for role, names in found.items() if len(names) > 1}
    if lacking or unclear:
        what = f"no layer for {', '.join(lacking)}" if lacking else f"several layers for {unclear}"
        raise QtpDataError(what, found=f"layers {sorted(stored)}", expected=_WANTED[family], code="M27")
    picked = {role: names[0] for role, names in found.items() if names}
    for role, name in picked.items():
        hold_to_specification(name, stored[name], roles[role])
    return picked


_TEMPERATURES = "day and night land surface temperature in K and the quality byte of each, e.g. "
_WANTED = {
    "lst": _TEMPERATURES + "LST_Day_1km, QC_Day, LST_Night_1km, QC_Night",
    "viirs": _TEMPERATURES + "LST_Day_1KM, QC_Day, LST_Night_1KM, QC_Night",
    "ndvi": "a layer whose name ends in NDVI",
    "reflectance": "sur_refl_b01 and sur_refl_b02",
}


def _candidates(stored: Mapping[str, Stored], role: Role) -> list[str]:
    named = [name for name in stored if re.search(role.name, name, re.IGNORECASE)]
    if not named and role.title is not None:
        titles = {name: str(layer.attrs.get("long_name", "")) for name, layer in stored.items()}
        named = [
            name
            for name, title in titles.items()
            if re.search(role.title, title, re.IGNORECASE) and str(stored[name].attrs.get("units")) in role.units
        ]
    shortest = min(named, key=len, default="")
    return [shortest] if shortest and all(name.startswith(shortest) for name in named) else sorted(named)


def hold_to_specification(name: str, stored: Stored, role: Role) -> None:
    """Raise if type or tags of a layer contradict the product: scaled already, another unit, a quality byte as float.

    Parameters
    ----------
    name : str
    stored : Stored
    role : Role
    """
    attrs = stored.attrs
    if stored.dtype not in role.dtypes:
        code = "M11" if role.scales else "M12"
        hint = "Scaled already, or saved again by a program?" if role.scales else "NaN in a quality byte reads as good."
        _contradicts(name, f"type {stored.dtype}", " or ".join(role.dtypes), code, hint + " Get the original file.")
    if not role.scales:
        return
    scale, offset = _number(attrs.get("scale_factor")), _number(attrs.get("add_offset"))
    if scale is not None and not any(np.isclose(scale, one, rtol=1e-6) for one in role.scales):
        _contradicts(name, f"scale_factor {scale:g}", " or ".join(f"{one:g}" for one in role.scales), "M11")
    if offset not in (None, 0.0):
        _contradicts(name, f"add_offset {offset:g}", "0", "M11")
    units = attrs.get("units")
    if role.units and units not in (None, "", *role.units):
        _contradicts(name, f"units {units}", role.units[0], "M11")
    fill = _number(attrs.get("_FillValue", attrs.get("_Fillvalue")))  # so VIIRS spells it in its specification
    if fill is not None and fill not in role.fills:
        _contradicts(name, f"_FillValue {fill:g}", " or ".join(f"{one:g}" for one in role.fills), "M07")


def _contradicts(name: str, found: str, expected: str, code: str, hint: str | None = None) -> None:
    raise QtpDataError(
        "a layer is not stored as its product is",
        variable=name,
        found=found,
        expected=expected,
        code=code,
        hint=hint or "Read files that were converted with the driver geotiff_series or netcdf, and say how.",
    )


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(np.ravel(value)[0])
    except ValueError:  # text such as "n/a"
        return None


def used_by_all(picked: Iterable[Mapping[str, str]], family: str) -> list[str]:
    """Roles that every file has; one that only some have is an error: as a mask it would drop the others."""
    sets = [set(layers) for layers in picked]
    shared, known = set.intersection(*sets), set.union(*sets)
    if shared != known:
        raise QtpDataError(
            f"some files have the layers {sorted(known - shared)} and others do not",
            code="M27",
            hint="Give them to all files, or to none.",
        )
    return [role for role in FAMILIES[family] if role in shared]
