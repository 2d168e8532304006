"""Codes and edges of classes: looked at here, in one place, before any compiled code trusts them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError

MAX_STRATA = 100
"""More classes than this are refused: a continuous factor was not discretized."""


def labelled_codes(da: xr.DataArray, *, name: str | None = None) -> tuple[xr.DataArray, list[str]]:
    """Codes of strata that say their labels, and the labels.

    Parameters
    ----------
    da : xarray.DataArray
        Codes 0, 1, ... of ``attrs["labels"]``; -1 or NaN for none.
    name : str, optional
        How errors call it; by default its own name.

    Returns
    -------
    xarray.DataArray
        int16 codes, -1 for none; lazy if the input is lazy.
    list of str

    Raises
    ------
    QtpDataError
        No number, no label or more than 100, and (when computed) codes that no label belongs to.
    """
    label = name or str(da.name)
    labels = da.attrs["labels"]
    if not isinstance(labels, (str, list, tuple, np.ndarray)):
        raise QtpDataError(f"labels of {label!r} are no list of text", found=repr(labels)[:60])
    labels = [labels] if isinstance(labels, str) else [str(one) for one in labels]  # files keep a list of one as text
    require_numbers(da)
    check_count(len(labels), da)
    codes = xr.apply_ufunc(
        _as_codes,
        da,
        kwargs={"count": len(labels), "name": label},
        dask="parallelized",
        output_dtypes=[np.int16],
        keep_attrs=True,
    )
    return codes, labels


def _as_codes(values: np.ndarray, *, count: int, name: str) -> np.ndarray:
    whole = values.dtype.kind in "iub"
    if whole and values.min(initial=0) >= -1 and values.max(initial=0) < count:
        return values.astype(np.int16, copy=False)
    none = (values == -1) if whole else (~np.isfinite(values) | (values == -1))
    with np.errstate(invalid="ignore"):
        bad = ~none & ((values < 0) | (values >= count) | (values % 1 != 0))
    if bad.any():
        raise QtpDataError(
            f"strata {name!r} hold codes without a label",
            expected=f"0 to {count - 1} for its {count} labels, -1 or NaN for none",
            found=np.unique(values[bad])[:20].tolist(),
            hint="Were strata combined or changed by hand? Set attrs['labels'] anew, or drop them to take each code as "
            "a class.",
        )
    return np.where(none, -1, np.where(none, 0, values)).astype(np.int16)


def class_names(da: xr.DataArray) -> dict[int, str]:
    """Names of the classes of a raster by code, from ``attrs["classes"]`` (a mapping, or its JSON); empty without."""
    classes = da.attrs.get("classes") or {}
    try:
        classes = json.loads(classes) if isinstance(classes, str) else classes
        return {int(code): str(name) for code, name in classes.items()}
    except (ValueError, TypeError, AttributeError):
        raise QtpDataError(
            f"attrs['classes'] of {da.name!r} are no codes and names",
            expected="{code: name, ...}, or its JSON",
            found=repr(classes)[:60],
        ) from None


def require_numbers(da: xr.DataArray) -> None:
    """Refuse strata that are no numbers."""
    if da.dtype.kind not in "iufb":
        raise QtpDataError(
            f"strata of {da.name!r} must be numbers",
            found=da.dtype,
            hint="Number the classes, names in attrs['classes'].",
        )


def check_count(count: int, da: xr.DataArray) -> None:
    """Refuse a factor without classes, or with more than a factor can have."""
    if count > MAX_STRATA:
        raise QtpDataError(
            f"{da.name!r} has {da.size} values in {count} classes",
            expected=f"at most {MAX_STRATA} strata",
            hint="A continuous factor must be discretized first: stratify(da, method='quantile', k=8).",
        )
    if count == 0:
        raise QtpDataError(f"{da.name!r} has no class", hint="Check nodata and attrs['classes'].")


def check_edges(edges: Sequence[float] | np.ndarray | None, variable: object) -> np.ndarray:
    """Class edges as floats; refuses those that do not ascend. The first two may be equal: a class of one value."""
    limits = np.asarray([] if edges is None else edges, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # two infinite edges
        steps = np.diff(limits) if limits.ndim == 1 else np.array([np.nan])
    if limits.size < 2 or not (steps >= 0).all() or (steps[1:] == 0).any():
        raise QtpDataError("class edges must ascend, at least two", variable=str(variable), found=limits.tolist())
    return limits
