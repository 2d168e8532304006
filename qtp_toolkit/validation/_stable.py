"""Ground that is taken to stand still, where errors can be seen, and how it was chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from qtp_toolkit import grid
from qtp_toolkit.conventions import QtpDataError, X, Y, as_mask, carry_provenance, require_same_grid, xnp

if TYPE_CHECKING:
    import pandas as pd

VALUES = ("linear_rate", "seasonal_amplitude")


def stable_ground(
    deformation: xr.Dataset,
    *,
    known: xr.DataArray | pd.DataFrame | None = None,
    permafrost: xr.DataArray | None = None,
    quietest: float = 0.1,
    min_pixels: int = 1000,
) -> xr.DataArray:
    """Choose the pixels that are taken to stand still: known ones, else what is no permafrost, else the quietest.

    Parameters
    ----------
    deformation : xarray.Dataset
        (y, x) ``linear_rate`` and ``seasonal_amplitude``, as ``pecm.fit`` returns them.
    known : xarray.DataArray or pandas.DataFrame, optional
        Ground that is known to stand still: a mask (y, x) on the same grid, or polygons (the source
        ``stable_ground``).
    permafrost : xarray.DataArray, optional
        (y, x) True, or a number above 0, where there is permafrost; bare rock and unfrozen ground do not heave.
    quietest : float
        Share of the pixels with the smallest amplitude, 0 to 1, that counts where nothing better is known.
    min_pixels : int
        A choice with fewer pixels of both maps is passed over for the next one.

    Returns
    -------
    xarray.DataArray
        ``stable`` (y, x), bool, in memory; this one computes. ``attrs["chosen"]`` says in words by what; ``pixels``
        how many. The quietest pixels are returned however few they are.

    Raises
    ------
    QtpDataError
        Maps that lack one of the two, a share outside 0 to 1, masks of another grid.

    Notes
    -----
    The quietest pixels are no proof that anything stands still: what they move by counts as error, so that errors are
    rather too large than too small. Of the amplitude itself it is the other way round: pixels that are chosen by it
    differ by no more than the choice lets them. Known ground is better than both.

    Examples
    --------
    >>> amplitude = xr.DataArray(np.arange(100.0).reshape(10, 10), dims=("y", "x"))
    >>> still = stable_ground(xr.Dataset({"linear_rate": 0 * amplitude, "seasonal_amplitude": amplitude}))
    >>> int(still.sum()), still.attrs["chosen"]
    (10, 'the quietest 10 % of the pixels, with amplitudes up to 9.9 mm')
    """
    missing = [name for name in VALUES if name not in deformation]
    if missing:
        raise QtpDataError("the maps lack what ground is chosen by", expected=list(VALUES), found=[*deformation])
    if not 0.0 < quietest <= 1.0:
        raise QtpDataError("the share of the quietest pixels is no share", expected="above 0, up to 1", found=quietest)
    amplitude = deformation["seasonal_amplitude"].transpose(Y, X).compute()
    valid = xnp.isfinite(amplitude) & xnp.isfinite(deformation["linear_rate"].transpose(Y, X).compute())
    passed: list[str] = []
    for name, mask in _candidates(amplitude, known, permafrost):
        found: xr.DataArray = valid & mask
        pixels = int(found.sum())
        if pixels >= min_pixels:
            return _told(found, name, passed, deformation)
        passed.append(f"{name} has {pixels}")
    limit = float(amplitude.where(valid).quantile(quietest)) if bool(valid.any()) else np.nan
    chosen = f"the quietest {100 * quietest:.3g} % of the pixels, with amplitudes up to {limit:.1f} mm"
    return _told(valid & (amplitude <= limit), chosen, passed, deformation)


def _candidates(
    like: xr.DataArray, known: xr.DataArray | pd.DataFrame | None, permafrost: xr.DataArray | None
) -> Iterator[tuple[str, xr.DataArray]]:
    """Yield what may be taken for stable, the best first."""
    if known is not None:
        mask = known if isinstance(known, xr.DataArray) else grid.rasterize(known, like)
        yield "the stable ground given", as_mask(require_same_grid(mask, like, name="known")).transpose(Y, X).compute()
    if permafrost is not None:
        frozen = as_mask(require_same_grid(permafrost, like, name="permafrost"))
        yield "the ground outside permafrost", ~frozen.transpose(Y, X).compute()


def _told(found: xr.DataArray, chosen: str, passed: list[str], like: xr.Dataset) -> xr.DataArray:
    words = f"{chosen} ({', '.join(passed)} pixels: too few)" if passed else chosen
    attrs = {"units": "1", "long_name": "ground taken to stand still", "chosen": words, "pixels": int(found.sum())}
    return carry_provenance(found.drop_attrs(deep=False).assign_attrs(attrs).to_dataset(name="stable"), like)["stable"]
