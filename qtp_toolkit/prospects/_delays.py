"""A look at the corrections that a catalog has for the delay of the air: whether they lower the variance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from qtp_toolkit import correct, grid
from qtp_toolkit.catalog import Catalog, named
from qtp_toolkit.conventions import PAIR, QtpDataError, xnp
from qtp_toolkit.prospects._looks import thin
from qtp_toolkit.prospects._sources import Finding

_MOST_PIXELS = 0.99
"""Share of the pixels from which on a correction is said to cover them."""
_SHORT, _PAIRS = 40, 12
"""Days, and how many pairs of no more of them are looked at."""


def look_at_delays(catalog: Catalog) -> list[Finding]:
    """Say what the delays of the catalog do to the variance of short pairs, on a thinned copy. This one computes.

    The first one is what notebook 05 takes out: if it raises the median variance, it will not do.

    Parameters
    ----------
    catalog : Catalog
        With a source ``interferograms`` that opens.
    """
    try:
        with named("interferograms", catalog.files("interferograms")):
            stack = thin(catalog["interferograms"])
            span = (stack["secondary"] - stack["reference"]).dt.days.values
            short = np.flatnonzero(span <= max(_SHORT, span.min()))
            stack = stack.isel({PAIR: short[:: max(short.size // _PAIRS, 1)]})
            tried = dict(_delays(catalog, stack))
            if not tried:
                return []
            gain = correct.correction_gain(stack["phase"].compute(), tried)
    except QtpDataError as error:
        return [Finding(False, f"the delays of the catalog: {error}")]
    found: list[Finding] = []
    each = zip(tried, gain["median_ratio"].values, gain["valid_share"].values, strict=True)
    for name, ratio, share in each:
        good = bool(ratio <= 1.0)  # NaN is not
        raised = "" if good else ", RAISED: are the hours, the heights and the sign right?"
        raised = raised if np.isfinite(ratio) else ", UNKNOWN: has the phase any variance there?"
        part = f" on the {share:.0%} of pixels that it covers" if share < _MOST_PIXELS else ""
        text = f"takes the variance of {stack.sizes[PAIR]} short pairs to {ratio:.2f} of what it was{part}{raised}"
        text = text if share else "has no value on any pixel of the interferograms: does it cover the area?"
        found.append(Finding(good or bool(found), f"delay {name}: {text}"))
    return found


def _delays(catalog: Catalog, stack: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    """Corrections by weather models in the order in which notebook 05 prefers them."""
    wavelength = stack.attrs.get("wavelength", catalog.settings.wavelength)
    angle = xr.DataArray(catalog.settings.incidence or np.nan, attrs={"units": "degree"})
    angle = stack["incidence"].compute() if "incidence" in stack else angle
    if catalog.available("incidence"):
        angle = grid.match(catalog["incidence"], stack).compute()
    if bool(xnp.isfinite(angle).any()):
        days = np.union1d(stack["reference"].values, stack["secondary"].values)
        dates = [f"{str(day)[:10]}T{stack.attrs.get('overpass', '00:00:00')}" for day in days]
        for name in ("era5", "opera_tropo"):
            if catalog.available(name) and catalog.available("dem"):
                dem = grid.match(catalog["dem"], stack).compute()
                air = catalog[name]
                yield name, correct.tropospheric_delay(air, dem, angle, dates=dates, wavelength=wavelength)
        if catalog.available("gacos"):
            zenith = grid.match(catalog["gacos"], stack["phase"])
            yield "gacos", correct.delay_phase(zenith, incidence=angle, wavelength=wavelength)
    if "tropospheric_phase" in stack:
        yield "troposphere", stack["tropospheric_phase"]
