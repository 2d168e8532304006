"""Quality control of the composites: decode the byte, mask, count."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, is_lazy
from qtp_toolkit.lst.axis import temperatures

# Value of the four bit fields of a QC byte, in the units of the product documentation.
QC_EMISSIVITY = (0.01, 0.02, 0.04, np.inf)
QC_LST_ERROR = (1.0, 2.0, 3.0, np.inf)
_QC_BYTES = np.arange(256, dtype=np.uint8)
QC_TABLE = {
    "mandatory": _QC_BYTES & 3,
    "data_quality": (_QC_BYTES >> 2) & 3,
    "emissivity_error": np.array(QC_EMISSIVITY, dtype="f4")[(_QC_BYTES >> 4) & 3],
    "lst_error": np.array(QC_LST_ERROR, dtype="f4")[(_QC_BYTES >> 6) & 3],
}


def decode_qc(qc: xr.DataArray) -> xr.Dataset:
    """Decode the quality control byte of MOD11A2/MYD11A2 into its four fields.

    Bits, least significant first: 0-1 mandatory flag, 2-3 data quality, 4-5 emissivity error, 6-7 temperature error.

    Parameters
    ----------
    qc : xarray.DataArray
        uint8, any dims. A float array is refused: NaN cast to integer reads as "good".

    Returns
    -------
    xarray.Dataset
        ``mandatory`` (0 good, 1 other, 2 cloud, 3 not produced), ``data_quality`` (0 good), ``emissivity_error``
        (upper bound: 0.01, 0.02, 0.04, inf), ``lst_error`` (upper bound in K: 1, 2, 3, inf). Same dims; lazy if the
        input is lazy.

    Raises
    ------
    QtpDataError
        If ``qc`` is not uint8.

    Examples
    --------
    >>> qc = xr.DataArray(np.array([0b00000000, 0b10000001], "u1"), dims="time")
    >>> decode_qc(qc)["lst_error"].values.tolist()  # bits 6 and 7 of the second are 2: at most 3 K
    [1.0, 3.0]
    """
    return xr.Dataset({name: describe(_look_up(qc, table), name, like=qc) for name, table in QC_TABLE.items()})


def _look_up(qc: xr.DataArray, table: np.ndarray) -> xr.DataArray:
    """Answer (256,) to each quality byte; lazy if the input is lazy."""
    if qc.dtype != np.uint8:
        raise QtpDataError(
            "the quality byte is not uint8",
            variable=str(qc.name),
            expected="uint8",
            found=qc.dtype,
            code="M14",
            hint="Read it without masking and without a fill value of 0: 0 means good.",
        )
    return xr.apply_ufunc(_take, qc, kwargs={"table": table}, dask="parallelized", output_dtypes=[table.dtype])


def _take(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    return table[values]


def mask_quality(
    lst: xr.Dataset,
    *,
    max_error_K: float = 2.0,
    mandatory: Sequence[int] = (0, 1),
    data_quality: Sequence[int] = (0, 1, 2, 3),
    max_emissivity_error: float = np.inf,
    valid_range: tuple[float, float] = (-80.0, 80.0),
) -> xr.Dataset:
    """Mask (never resample) what the quality byte or the physical range rejects.

    Parameters
    ----------
    lst : xarray.Dataset
        Temperature variables in degC with a ``time`` dim and, where known, their quality bytes ``qc_<variable>``
        (uint8). A variable without quality byte is only held to the valid range.
    max_error_K : float
        Largest accepted upper bound of the temperature error; the product knows 1, 2 and 3 K. ``inf`` accepts the
        class beyond 3 K, too.
    mandatory : sequence of int
        Accepted mandatory flags. 2 and 3 mean "not produced" and are never accepted.
    data_quality : sequence of int
        Accepted data quality flags: 0 good, 1 other; 2 and 3 are not assigned by the product.
    max_emissivity_error : float
        Largest accepted upper bound of the emissivity error; the product knows 0.01, 0.02 and 0.04.
    valid_range : (float, float)
        degC; values outside are masked whatever the quality byte says (fill values carry "good" quality in places).

    Returns
    -------
    xarray.Dataset
        The temperature variables only, NaN where rejected. Same dims and dtype; lazy if the input is lazy. Each says
        in its attributes by what rule it was masked (``quality_rule``, ``valid_range``) and, where the input is in
        memory, how many values were missing before (``quality_missing``) and how many the byte and the range removed
        (``quality_rejected``, ``quality_out_of_range``). For lazy input :func:`quality_report` counts lazily.

    Raises
    ------
    QtpDataError
        If a variable is not in degC, has no time dim, or nothing in the Dataset is a temperature.

    Warns
    -----
    UserWarning
        If the nights of a satellite are warmer than its days (medians; in memory only): the two are swapped.

    Examples
    --------
    >>> lst = xr.Dataset({"terra_day": ("time", [-9.0, -8.0, 99.0], {"units": "degC"})})
    >>> lst["qc_terra_day"] = "time", np.array([0, 0b10000001, 0], "u1")
    >>> mask_quality(lst)["terra_day"].values  # an error of up to 3 K, and out of range
    array([-9., nan, nan])
    """
    # One answer for each of 256 bytes: a look-up a value instead of shifts and comparisons.
    accepted = np.isin(QC_TABLE["mandatory"], [flag for flag in mandatory if flag in (0, 1)])
    accepted &= np.isin(QC_TABLE["data_quality"], list(data_quality))
    accepted &= QC_TABLE["lst_error"] <= max_error_K
    accepted &= QC_TABLE["emissivity_error"] <= np.float32(max_emissivity_error)
    rule = (
        f"mandatory {list(mandatory)}, data quality {list(data_quality)}, error at most {max_error_K:g} K, "
        f"emissivity error at most {max_emissivity_error:g}"
    )
    out = {}
    for name in temperatures(lst):
        da = lst[name]
        qc = lst.get(f"qc_{name}")
        good = True if qc is None else _look_up(qc, accepted)
        # Fill values carry good quality in places (M07), so the byte alone is not enough.
        within = (da >= valid_range[0]) & (da <= valid_range[1])
        told: dict[str, object] = {
            "quality_rule": rule if qc is not None else "no quality byte",
            "valid_range": list(valid_range),
        }
        if not (is_lazy(da) or (qc is not None and is_lazy(qc))):
            present = np.isfinite(da)
            passed = present & good
            told["quality_missing"] = int((~present).sum())
            told["quality_rejected"] = int((present & ~passed).sum())
            told["quality_out_of_range"] = int((passed & ~within).sum())
        out[name] = describe(da.where(within & good), name, like=(lst, da), **told)
    _warn_if_swapped(out)
    return xr.Dataset(out, attrs=lst.attrs)


def _warn_if_swapped(masked: dict[str, xr.DataArray]) -> None:
    for satellite in ("terra", "aqua"):
        pair = [masked[name] for part in ("day", "night") if (name := f"{satellite}_{part}") in masked]
        if len(pair) < 2 or any(is_lazy(da) or not np.isfinite(da).any() for da in pair):
            continue
        day, night = (float(np.nanmedian(da.values)) for da in pair)
        if night > day:
            text = (
                f"{satellite}: the median night ({night:.1f} degC) is warmer than the median day ({day:.1f} degC). "
                "Are day and night swapped? (M22)"
            )
            warnings.warn(text, UserWarning, stacklevel=3)


def quality_report(raw: xr.Dataset, masked: xr.Dataset) -> xr.Dataset:
    """Count what is there, what the mask removed and what remains, per temperature variable.

    Parameters
    ----------
    raw, masked : xarray.Dataset
        Before and after :func:`mask_quality`.

    Returns
    -------
    xarray.Dataset
        Dim ``variable``: ``total``, ``missing`` (NaN before), ``not_produced`` (of those present or missing, by the
        mandatory flag; 0 without quality byte), ``out_of_range`` and ``rejected`` (removed by the mask: in all, and
        because of the valid range alone), ``kept`` (counts), ``kept_share`` (0..1), ``mean`` (degC, of what was
        kept) and ``swapped`` (the mean night of this satellite is warmer than its mean day). ``to_dataframe()`` makes
        a table. Lazy if the inputs are lazy.

    Notes
    -----
    ``total = missing + rejected + kept``; ``rejected`` includes ``out_of_range``.

    Examples
    --------
    >>> raw = xr.Dataset({"terra_day": ("time", [-9.0, np.nan, 99.0, -7.0], {"units": "degC"})})
    >>> report = quality_report(raw, mask_quality(raw)).to_dataframe()
    >>> print(*report.loc["terra_day", ["total", "missing", "rejected", "kept"]])
    4 1 1 2
    """
    names = temperatures(masked)
    means = {name: masked[name].mean(dtype=float) for name in names}
    rows = []
    for name in names:
        before, kept = np.isfinite(raw[name]), np.isfinite(masked[name]).sum()
        low, high = masked[name].attrs.get("valid_range", (-np.inf, np.inf))
        qc = raw.get(f"qc_{name}")
        satellite = name.partition("_")[0]
        night, day = means.get(f"{satellite}_night", -np.inf), means.get(f"{satellite}_day", np.inf)
        row = {
            "total": before.size,
            "missing": (~before).sum(),
            "not_produced": 0 if qc is None else _look_up(qc, QC_TABLE["mandatory"] > 1).sum(),
            "out_of_range": (before & ((raw[name] < low) | (raw[name] > high))).sum(),
            "rejected": before.sum() - kept,
            "kept": kept,
            "kept_share": kept / before.size,
            "mean": means[name],
            "swapped": night > day,
        }
        rows.append({key: xr.DataArray(value).reset_coords(drop=True).drop_attrs() for key, value in row.items()})
    table = {key: xr.concat([row[key] for row in rows], "variable").rename(key) for key in rows[0]}
    return xr.Dataset(table, coords={"variable": names})
