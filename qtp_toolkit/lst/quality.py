"""Quality control of the composites: decode the byte, mask, count."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from qtp_toolkit.conventions import QtpDataError, describe, is_lazy, require_option
from qtp_toolkit.lst.axis import OVERPASSES, VIIRS, temperatures


class Bits(NamedTuple):
    """What the fields of a quality byte say, in the units of the product documentation."""

    emissivity_error: tuple[float, ...]
    """Upper bound by bits 4-5."""
    lst_error: tuple[float, ...]
    """Upper bound (K) by bits 6-7."""
    data_quality: tuple[int, ...]
    """Flags of bits 2-3 that are accepted unless told otherwise."""

    @property
    def table(self) -> dict[str, np.ndarray]:
        """The four fields of all 256 bytes."""
        byte = np.arange(256, dtype=np.uint8)
        return {
            "mandatory": byte & 3,
            "data_quality": (byte >> 2) & 3,
            "emissivity_error": np.array(self.emissivity_error, dtype="f4")[(byte >> 4) & 3],
            "lst_error": np.array(self.lst_error, dtype="f4")[(byte >> 6) & 3],
        }


BITS = {
    "MOD11": Bits((0.01, 0.02, 0.04, np.inf), (1.0, 2.0, 3.0, np.inf), (0, 1, 2, 3)),
    "VNP21": Bits((np.inf, 0.02, 0.015, 0.01), (np.inf, 2.0, 1.5, 1.0), (0, 2)),
}
"""By family of products. MOD11 counts from good to bad, VNP21 from poor to excellent: the same byte says the reverse.

Of VNP21 (and VJ121) data quality 1 is a missing pixel and 3 a poor calibration, after which no temperature was sought.
"""
QC_TABLE = {name: bits.table for name, bits in BITS.items()}


def decode_qc(qc: xr.DataArray, *, bits: str | None = None) -> xr.Dataset:
    """Decode the quality control byte of MOD11A2/MYD11A2 or of VNP21A2/VJ121A2 into its four fields.

    Bits, least significant first: 0-1 mandatory flag, 2-3 data quality, 4-5 emissivity error, 6-7 temperature error.
    The fields lie alike in both families of products; what their values mean does not.

    Parameters
    ----------
    qc : xarray.DataArray
        uint8, any dims. A float array is refused: NaN cast to integer reads as "good".
    bits : {"MOD11", "VNP21"}, optional
        Whose byte it is; by default what its attribute ``quality_bits`` says, as :func:`qtp_toolkit.load.viirs_lst`
        writes it, else MOD11.

    Returns
    -------
    xarray.Dataset
        ``mandatory`` (0 good, 1 other, 2 cloud, 3 not produced), ``data_quality`` (0 good; of VNP21 1 missing pixel, 2
        fairly, 3 poorly calibrated), ``emissivity_error`` (upper bound; MOD11: 0.01, 0.02, 0.04, inf; VNP21: inf,
        0.02, 0.015, 0.01), ``lst_error`` (upper bound in K; MOD11: 1, 2, 3, inf; VNP21: inf, 2, 1.5, 1). Same dims;
        lazy if the input is lazy.

    Raises
    ------
    QtpDataError
        If ``qc`` is not uint8, or says that it is of another family than ``bits`` (M14).

    References
    ----------
    Wan (2019), Collection-6 MODIS LST Products Users' Guide, Table 13; Hulley et al. (2019), MxD21 LST&E User Guide,
    Table 12, whose algorithm and flags those of VNP21 are.

    Examples
    --------
    >>> qc = xr.DataArray(np.array([0b00000000, 0b10000001], "u1"), dims="time")
    >>> decode_qc(qc)["lst_error"].values.tolist()  # bits 6 and 7 of the second are 2: at most 3 K
    [1.0, 3.0]
    >>> decode_qc(qc, bits="VNP21")["lst_error"].values.tolist()  # more than 2 K, and at most 1.5 K
    [inf, 1.5]
    """
    said = qc.attrs.get("quality_bits")
    own = _agreed(bits or said or "MOD11", said, str(qc.name))
    return xr.Dataset({name: describe(_look_up(qc, table), name, like=qc) for name, table in QC_TABLE[own].items()})


def _agreed(asked: str, said: str | None, variable: str) -> str:
    """Family of a byte; raise if it is unknown, or not the one that the byte itself names."""
    require_option("family of quality bits", asked, BITS)
    if said not in (None, asked):
        raise QtpDataError(
            "the quality byte is of another product",
            variable=variable,
            expected=asked,
            found=said,
            code="M14",
            hint="Name variables by their satellite: terra and aqua are of MODIS, snpp and noaa20 of VIIRS.",
        )
    return asked


def _bits_of(variable: str, qc: xr.DataArray) -> str:
    """Family of the byte that belongs to a variable: by its name, and by what the byte says of itself."""
    said = qc.attrs.get("quality_bits")
    known = "VNP21" if variable in VIIRS else "MOD11" if variable in OVERPASSES else said or "MOD11"
    return _agreed(known, said, f"qc_{variable}")


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
    data_quality: Sequence[int] | None = None,
    max_emissivity_error: float = np.inf,
    valid_range: tuple[float, float] = (-80.0, 80.0),
) -> xr.Dataset:
    """Mask (never resample) what the quality byte or the physical range rejects.

    Parameters
    ----------
    lst : xarray.Dataset
        Temperature variables in degC with a ``time`` dim and, where known, their quality bytes ``qc_<variable>``
        (uint8). A variable without quality byte is only held to the valid range. By the name of the variable the byte
        is read as that of MODIS or of VIIRS, see :func:`decode_qc`.
    max_error_K : float
        Largest accepted upper bound of the temperature error; MODIS knows 1, 2 and 3 K, VIIRS 1, 1.5 and 2 K. ``inf``
        accepts the class beyond, too.
    mandatory : sequence of int
        Accepted mandatory flags. 2 and 3 mean "not produced" and are never accepted.
    data_quality : sequence of int, optional
        Accepted data quality flags. By default all of MODIS (0 good, 1 other; 2 and 3 are not assigned), and of VIIRS 0
        and 2 (good and fairly calibrated; 1 is a missing pixel, 3 poorly calibrated).
    max_emissivity_error : float
        Largest accepted upper bound of the emissivity error; MODIS knows 0.01, 0.02 and 0.04, VIIRS 0.01, 0.015, 0.02.
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
        If a variable is not in degC, has no time dim, or nothing in the Dataset is a temperature; if a byte says that
        it is of another family than the name of its variable (M14).

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
    errors = max_error_K, max_emissivity_error
    rules = {bits: _rule(bits, *errors, mandatory=mandatory, data_quality=data_quality) for bits in BITS}
    out = {}
    for name in temperatures(lst):
        da = lst[name]
        qc = lst.get(f"qc_{name}")
        good: bool | xr.DataArray = True
        rule = "no quality byte"
        if qc is not None:
            accepted, rule = rules[_bits_of(name, qc)]
            good = _look_up(qc, accepted)
        # Fill values carry good quality in places (M07), so the byte alone is not enough.
        within = (da >= valid_range[0]) & (da <= valid_range[1])
        told: dict[str, object] = {
            "quality_rule": rule,
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


def _rule(
    bits: str,
    max_error_K: float,
    max_emissivity_error: float,
    *,
    mandatory: Sequence[int],
    data_quality: Sequence[int] | None,
) -> tuple[np.ndarray, str]:
    """Answer for each of 256 bytes (a look-up a value instead of shifts and comparisons), and the rule in words."""
    table = QC_TABLE[bits]
    flags = list(BITS[bits].data_quality if data_quality is None else data_quality)
    accepted = np.isin(table["mandatory"], [flag for flag in mandatory if flag in (0, 1)])
    accepted &= np.isin(table["data_quality"], flags)
    accepted &= table["lst_error"] <= max_error_K
    accepted &= table["emissivity_error"] <= np.float32(max_emissivity_error)
    rule = (
        f"mandatory {list(mandatory)}, data quality {flags}, error at most {max_error_K:g} K, "
        f"emissivity error at most {max_emissivity_error:g}"
    )
    return accepted, rule if bits == "MOD11" else f"{rule}, by the bits of {bits}"


def _warn_if_swapped(masked: dict[str, xr.DataArray]) -> None:
    for satellite in dict.fromkeys(name.partition("_")[0] for name in masked):
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
            "not_produced": 0 if qc is None else _look_up(qc, QC_TABLE["MOD11"]["mandatory"] > 1).sum(),
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
