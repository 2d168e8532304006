"""Series that others inverted, in the form of notebook 05."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import xarray as xr

from qtp_toolkit import correct, network
from qtp_toolkit.conventions import (
    PAIR,
    REFERENCE,
    SECONDARY,
    TIME,
    QtpDataError,
    X,
    Y,
    describe,
    displacement_to_phase,
    phase_to_displacement,
    require,
)
from qtp_toolkit.kernels import reasons

_THEIRS = "the producer's reference"
_MOST_STILL = 0.05
"""Share of the pixels that a producer's reference may be: of more, 0 means that there is nothing."""


def ready_series(
    series: xr.Dataset,
    settings: Any,
    *,
    ramp: Any = "none",
    indices: xr.Dataset | None = None,
    mask: xr.DataArray | None = None,
    stable: xr.DataArray | None = None,
) -> xr.Dataset:
    """Bring displacement that others inverted to the form of notebook 05, as notebook 05b does.

    Parameters
    ----------
    series : xarray.Dataset
        ``displacement`` (time, y, x), mm, positive toward the satellite, with a CRS, as the drivers ``mintpy``,
        ``licsbas_series`` and ``opera_disp`` open it.
    settings : Settings
        Of a catalog: ``reference_point`` or ``reference_area``.
    ramp : {"none", "plane", "stable", "weighed"}
        Planes to take out of each date, see :func:`qtp_toolkit.correct.choose_ramp`. Most producers did so before.
    indices : xarray.Dataset, optional
        Of :func:`qtp_toolkit.pecm.indices`, for ramps that are weighed.
    mask : xarray.DataArray, optional
        bool, (y, x): pixels that are left out of planes, and blanked.
    stable : xarray.DataArray, optional
        bool, (y, x): ground that stands still; the reference where the settings have none.

    Returns
    -------
    xarray.Dataset
        ``displacement`` (time, y, x), mm, relative to ``reference_area`` (y, x): that of the settings, else ``stable``,
        else that of the producer, by its attributes or where all dates are 0. ``reason`` (y, x) is 7 where no date is
        valid. Besides ``mask``, and what :func:`qtp_toolkit.correct.choose_ramp` says of the ramps. The date of
        reference is the producer's: a constant takes it up in ``pecm.fit``. Lazy if the input is, but for the planes.

    Raises
    ------
    QtpDataError
        I22: nothing says what the series is relative to, or no pixel of the reference is valid on a date.

    Examples
    --------
    >>> axes = {"time": np.array(["2018-01-01", "2018-07-01"], "M8[ns]"), "y": [35.1, 35.0], "x": [93.0, 93.1]}
    >>> moved = xr.DataArray([[[0.0, 0], [0, 0]], [[0, -3], [2, 4]]], axes, ("time", "y", "x"), attrs={"units": "mm"})
    >>> theirs = moved.rio.write_crs(4326).to_dataset(name="displacement")
    >>> from qtp_toolkit.catalog import Settings
    >>> ours = ready_series(theirs, Settings(reference_area=(92.95, 34.95, 93.05, 35.05)))
    >>> ours["displacement"][1].values.tolist()
    [[-2.0, -5.0], [0.0, 2.0]]
    """
    moved = series["displacement"]
    require(moved, dims=(TIME, Y, X), units="mm")
    moved = moved.transpose(TIME, Y, X)
    area = _reference_of(series, settings, stable)
    since = displacement_to_phase(moved, wavelength=settings.wavelength)
    days = moved[TIME].values
    about = {"mask": mask, "stable": stable, "indices": indices, "wavelength": settings.wavelength}
    pairs = network.listed_pairs([(days[0], day) for day in days[1:]])
    planes = correct.choose_ramp(correct.pair_difference(since, pairs), ramp, **about)
    if ramp != "none":
        flat = correct.deramp(since, ramp=_by_date(planes, days))
        moved = phase_to_displacement(flat, wavelength=settings.wavelength)
    moved = correct.set_reference(moved, area)
    reason = xr.where(moved.notnull().any(TIME), reasons.OK, reasons.MASKED).astype("uint8")
    out = xr.Dataset({"displacement": moved, "reason": describe(reason, "reason", like=moved), "reference_area": area})
    if mask is not None:
        out = correct.apply_mask(out, mask).assign(mask=mask, reference_area=area)
    return out.assign(planes.drop_dims(PAIR)).assign_attrs(planes.attrs)


def _by_date(planes: xr.Dataset, days: np.ndarray) -> xr.Dataset:
    """Planes of pairs that all begin on the first day, as planes of the days."""
    terms = planes[["offset", "ramp_x", "ramp_y"]].drop_vars([REFERENCE, SECONDARY]).rename({PAIR: TIME})
    terms = terms.assign_coords({TIME: days[1:]}).reindex({TIME: days}, fill_value=0.0)
    return terms.assign_attrs(planes.attrs)


def _reference_of(series: xr.Dataset, settings: Any, stable: xr.DataArray | None) -> xr.DataArray:
    """Mark what displacement is made relative to: as the settings say, stable ground, or the producer's reference."""
    moved = series["displacement"]
    layer = moved.isel({TIME: 0}, drop=True)
    blank = layer.copy(data=np.zeros(layer.shape, dtype=bool))
    if settings.reference_point or settings.reference_area or stable is not None:
        place = {"point": settings.reference_point, "radius_m": settings.reference_radius_m, "stable": stable}
        return correct.choose_reference(blank, bounds=settings.reference_area, **place)
    corners = re.fullmatch(r"(\d+):(\d+)/(\d+):(\d+)", series.attrs.get("reference_area", ""))
    area, most = blank, 1.0
    if corners:
        left, right, top, bottom = map(int, corners.groups())
        area.values[top:bottom, left:right] = True
    elif "reference_xy" in series.attrs:
        x, y = series.attrs["reference_xy"]
        area.values[np.abs(blank[Y].values - y).argmin(), np.abs(blank[X].values - x).argmin()] = True
    else:
        area, most = (moved == 0).all(TIME).compute(), _MOST_STILL
    if not area.any() or area.mean() > most:
        raise QtpDataError(
            "nothing says what the series is relative to",
            variable="displacement",
            expected="settings.reference_point or reference_area, a source stable_ground, or a few pixels that are 0 "
            "on all dates: the producer's reference",
            found=f"{int(area.sum())} pixels that are 0 on all dates",
            hint="Set settings.reference_point or settings.reference_area to ground that stands still.",
            code="I22",
        )
    return describe(area, "reference_area", like=moved).assign_attrs(chosen=_THEIRS)
