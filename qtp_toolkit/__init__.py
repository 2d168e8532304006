"""Permafrost ground deformation on the Qinghai-Tibet Plateau from Sentinel-1 InSAR and MODIS land surface temperature.

Everything is imported when first named: ``from qtp_toolkit import open_catalog, lst, pecm`` brings in just these.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "catalog", "cli", "conventions", "correct", "export", "geodetector", "grid", "interactive", "interferogram",
    "inversion", "kernels", "load", "lst", "network", "pecm", "plot", "products", "prospects", "regions", "report",
    "reproduce", "seasons", "slc_pairs", "soil", "store", "synthetic", "validation", "walk",
)  # fmt: skip
_NAMES = {
    "open_catalog": "catalog",
    "QtpDataError": "conventions",
    "MissingSourceError": "conventions",
    "check": "report",
}
__all__ = [*_MODULES, *_NAMES, "__version__"]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
