"""Quality control of the composites: decode the byte, mask, count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe
from qtp_toolkit.lst.axis import provenance, temperatures

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
_QC_ATTRS = {
    "mandatory": {"long_name": "0 good, 1 other quality, 2 not produced (cloud), 3 not produced (other)", "units": "1"},
    "data_quality": {"long_name": "0 good, 1 other quality, 2 and 3 not assigned", "units": "1"},
    "emissivity_error": {"long_name": "upper bound of the emissivity error", "units": "1"},
    "lst_error": {"long_name": "upper bound of the temperature error", "units": "K"},
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
    """
    if qc.dtype != np.uint8:
        raise QtpDataError(
            "the quality byte is not uint8", variable=str(qc.name), expected="uint8", found=qc.dtype,
            hint="Read it without masking and without a fill value of 0: 0 means good.",
        )  # fmt: skip
    fields = {
        name: xr.apply_ufunc(_look_up, qc, kwargs={"table": table}, dask="parallelized", output_dtypes=[table.dtype])
        for name, table in QC_TABLE.items()
    }
    return xr.Dataset({name: field.rename(name).assign_attrs(_QC_ATTRS[name]) for name, field in fields.items()})


def _look_up(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    return table[values]


def mask_quality(
    lst: xr.Dataset,
    *,
    max_error_K: float = 2.0,
    mandatory: Sequence[int] = (0, 1),
    valid_range: tuple[float, float] = (-80.0, 80.0),
) -> xr.Dataset:
    """Mask (never resample) what the quality byte or the physical range rejects.

    Parameters
    ----------
    lst : xarray.Dataset
        Temperature variables in degC with a ``time`` dim and, where known, their quality bytes ``qc_<variable>``
        (uint8). A variable without quality byte is only held to the valid range.
    max_error_K : float
        Largest accepted upper bound of the temperature error; the product knows 1, 2 and 3 K.
    mandatory : sequence of int
        Accepted mandatory flags. 2 and 3 mean "not produced" and are never accepted.
    valid_range : (float, float)
        degC; values outside are masked whatever the quality byte says (fill values carry "good" quality in places).

    Returns
    -------
    xarray.Dataset
        The temperature variables only, NaN where rejected. Same dims and dtype; lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If a variable is not in degC, has no time dim, or nothing in the Dataset is a temperature.
    """
    accepted = np.isin(QC_TABLE["mandatory"], [flag for flag in mandatory if flag in (0, 1)])
    accepted &= QC_TABLE["lst_error"] <= max_error_K
    out = {}
    for name in temperatures(lst):
        da = lst[name]
        good = (da >= valid_range[0]) & (da <= valid_range[1])
        if f"qc_{name}" in lst:
            good &= _accept(lst[f"qc_{name}"], accepted)
        out[name] = describe(da.where(good), name, **provenance(lst, da))
    return xr.Dataset(out, attrs=lst.attrs)


def _accept(qc: xr.DataArray, accepted: np.ndarray) -> xr.DataArray:
    """Whether each quality byte is accepted: one look-up in a table of 256 answers.

    Parameters
    ----------
    qc : xarray.DataArray
        uint8, any dims.
    accepted : ndarray (256,), bool
        Answer for each value of the byte.

    Returns
    -------
    xarray.DataArray
        bool, same dims, lazy if the input is lazy.
    """
    if qc.dtype != np.uint8:
        return _accept(decode_qc(qc), accepted)  # raises with the reason
    return xr.apply_ufunc(_look_up, qc, kwargs={"table": accepted}, dask="parallelized", output_dtypes=[bool])


def quality_report(raw: xr.Dataset, masked: xr.Dataset) -> xr.Dataset:
    """Count what is there, what the mask removed and what remains, per temperature variable.

    Parameters
    ----------
    raw, masked : xarray.Dataset
        Before and after :func:`mask_quality`.

    Returns
    -------
    xarray.Dataset
        Dim ``variable``: ``total``, ``missing`` (NaN before), ``rejected`` (removed by the mask), ``kept`` (counts),
        ``kept_share`` (0..1) and ``mean`` (degC, of what was kept). ``to_dataframe()`` makes a table. Lazy if the
        inputs are lazy.
    """
    names = temperatures(masked)
    before = [np.isfinite(raw[name]).sum() for name in names]
    after = [np.isfinite(masked[name]).sum() for name in names]
    total = xr.DataArray([masked[name].size for name in names], dims="variable")
    present, kept = xr.concat(before, "variable"), xr.concat(after, "variable")
    mean = xr.concat([masked[name].mean(dtype=float) for name in names], "variable")
    table = {
        "total": total, "missing": total - present, "rejected": present - kept, "kept": kept,
        "kept_share": kept / total, "mean": mean,
    }  # fmt: skip
    drop = {key: value.drop_vars([c for c in value.coords if c != "variable"]) for key, value in table.items()}
    return xr.Dataset({key: value.rename(key) for key, value in drop.items()}, coords={"variable": names})
