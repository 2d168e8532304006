"""Depth mean of soil profiles."""

from __future__ import annotations

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import DEPTH, QtpDataError, X, Y, coordinate, require


def depth_mean(profile: xr.DataArray, *, to_m: float = 2.0) -> xr.DataArray:
    """Mean of a soil profile down to a depth: layers weighted by thickness, point values by the trapezoidal rule.

    Parameters
    ----------
    profile : xarray.DataArray
        Dim ``depth`` with coordinates ``depth_top`` and ``depth_bottom`` (m); equal where values hold at points. A map
        without ``depth`` is taken for the mean already.
    to_m : float
        Lower limit of the mean; a layer that reaches below it counts with its part above.

    Returns
    -------
    xarray.DataArray
        Without ``depth``; same name and attributes. A NaN layer leaves the mean to the other layers. Lazy if the
        input is lazy.

    Raises
    ------
    QtpDataError
        If the layer limits are missing, layers overlap, or no layer lies above ``to_m``.

    Examples
    --------
    >>> layers = {"depth_top": ("depth", [0.0, 0.5]), "depth_bottom": ("depth", [0.5, 2.0])}
    >>> depth_mean(xr.DataArray([1000.0, 1400.0], layers, "depth"), to_m=1.0).item()
    1200.0
    """
    if set(profile.dims) == {Y, X}:
        return profile
    require(profile, dims=(DEPTH,))
    missing = [name for name in ("depth_top", "depth_bottom") if name not in profile.coords]
    if missing:
        raise QtpDataError("layer limits are missing", variable=str(profile.name), expected=missing)
    top, bottom = coordinate(profile, "depth_top"), coordinate(profile, "depth_bottom")
    _refuse_overlap(top, bottom)
    share = _point_weights(top, to_m) if (top == bottom).all() else np.minimum(bottom, to_m) - np.minimum(top, to_m)
    if not (share > 0).any():
        raise QtpDataError("no layer lies above the depth", expected=f"a top above {to_m} m", found=top)
    thickness = xr.DataArray(share, dims=DEPTH)
    # Layers that are NaN get no weight instead of making the mean NaN.
    weight = thickness.where(np.isfinite(profile), 0.0)
    total = weight.sum(DEPTH)
    mean = (profile.fillna(0.0) * weight).sum(DEPTH) / total.where(total > 0)
    return mean.astype(profile.dtype).rename(profile.name).assign_attrs(profile.attrs)


def _refuse_overlap(top: np.ndarray, bottom: np.ndarray) -> None:
    """Refuse layers of which one lies in another: what they share would count twice."""
    order = np.argsort(top)
    if (bottom[order][:-1] > top[order][1:] + 1e-6).any():
        limits = [f"{a:g} to {b:g}" for a, b in zip(top[order], bottom[order], strict=True)]
        raise QtpDataError("layers overlap", expected="one above the other, m", found=limits, hint="Leave one set out.")


def _point_weights(points: np.ndarray, to_m: float) -> np.ndarray:
    """Trapezoidal weights of point values, the last segment cut at ``to_m``."""
    order = np.argsort(points)
    knots = np.append(points[order][points[order] < to_m], to_m)
    hats = np.stack([np.interp(knots, points[order], hat) for hat in np.eye(len(points))[:, order]])
    return (0.5 * (hats[:, 1:] + hats[:, :-1]) * np.diff(knots)).sum(axis=1)
