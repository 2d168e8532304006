"""Which gap fill, with which settings: hide valid values in runs, fill, compare; writes docs/gap_fill.md.

Run ``uv run python benchmarks/holdout.py [FOLDER]``. FOLDER holds the real series, not part of the repository:
``modis_lst_8day_istra2008/LST.csv`` and ``qtp_golmud_xidatan_daily/golmud_daily.csv``; without them only the embedded
scene is tried. The text around the tables stands in this file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from qtp_toolkit import lst, synthetic

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "gap_fill.md"
SHARES = (0.1, 0.2, 0.3, 0.4)
SEED = 2008


def composites_of(years: range) -> pd.DataFrame:
    """Start and length of the 8-day composites of some years."""
    start = np.concatenate([pd.date_range(f"{year}-01-01", periods=46, freq="8D") for year in years])
    end = [pd.Timestamp(day.year + 1, 1, 1) for day in pd.DatetimeIndex(start)]
    return pd.DataFrame({"start": start, "days": np.minimum(8, (pd.DatetimeIndex(end) - start).days)})


def labelled(values: np.ndarray, start: pd.Series, days: pd.Series) -> xr.DataArray:
    """Series (time, cell) at the centers of the composites."""
    centers = pd.DatetimeIndex(start) + pd.to_timedelta((np.asarray(days) - 1) / 2, unit="D")
    attrs = {"units": "degC"}
    return xr.DataArray(values.astype("f4"), {"time": centers}, ("time", "cell"), name="lst", attrs=attrs)


def istria(folder: Path) -> xr.DataArray:
    """Cells of the Istria series that have all 46 composites of 2008."""
    table = pd.read_csv(folder / "modis_lst_8day_istra2008" / "LST.csv")
    values = table[[name for name in table if name.startswith("LST2008")]].to_numpy().T
    dates = composites_of(range(2008, 2009))
    return labelled(values[:, np.isfinite(values).all(axis=0)], dates["start"], dates["days"])


def golmud(folder: Path) -> xr.DataArray:
    """Ground surface temperature at Golmud as 8-day means, in ten pieces of six years."""
    table = pd.read_csv(folder / "qtp_golmud_xidatan_daily" / "golmud_daily.csv")
    days = pd.to_datetime({"year": table["Year"], "month": table["Mon"], "day": table["Day"]})
    daily = pd.Series(table["GT"].to_numpy(float) * 0.1, index=days).asfreq("D")
    pieces = []
    for first in range(1956, 2016, 6):
        dates = composites_of(range(first, first + 6))
        parts = [daily[a : a + pd.Timedelta(days=n - 1)] for a, n in zip(dates["start"], dates["days"], strict=True)]
        pieces.append([part.mean() if part.count() == part.size else np.nan for part in parts])
    return labelled(np.array(pieces).T, dates["start"], dates["days"])


def scene() -> xr.DataArray:
    """Every sixth pixel of the embedded scene, Terra at day, after the quality mask."""
    seen = synthetic.observe(synthetic.scene("tiny"))["modis_lst"]
    masked = lst.mask_quality(seen)["terra_day"].compute()
    values = masked.transpose("time", "y", "x").values.reshape(masked.sizes["time"], -1)[:, ::6]
    return xr.DataArray(values, {"time": masked["time"]}, ("time", "cell"), name="lst", attrs=masked.attrs)


def linear(masked: xr.DataArray) -> xr.DataArray:
    """Straight lines between the neighbors: the baseline."""
    days = (masked["time"].values - masked["time"].values[0]) / np.timedelta64(1, "D")
    out = masked.copy()
    for i, series in enumerate(masked.values.T):
        known = np.isfinite(series)
        out[:, i] = np.interp(days, days[known], series[known])
    return out


def fills() -> dict[str, Callable[[xr.DataArray], xr.DataArray]]:
    """Name and function of every candidate."""

    def harmonic(**options: float) -> Callable[[xr.DataArray], xr.DataArray]:
        return lambda masked: lst.fill_gaps(masked, **options)

    def whittaker(**options: float) -> Callable[[xr.DataArray], xr.DataArray]:
        return lambda masked: lst.fill_gaps(masked, method="whittaker", **options)

    table = {"straight lines": linear}
    for k in (2, 3, 4):
        table[f"{k} harmonics"] = harmonic(harmonics=k)
    for stiffness, word in ((None, "one curve for all years"), (1.0, "drift penalty 1"), (16.0, "drift penalty 16")):
        table[f"2 harmonics, {word}"] = harmonic(harmonics=2, interannual=stiffness)
    for tolerance in (3, 4, 6, 10):
        table[f"2 harmonics, tolerance {tolerance} K"] = harmonic(harmonics=2, tolerance_K=tolerance)
    for smoothing in (1, 10, 100):
        table[f"Whittaker alone, smoothing {smoothing}"] = whittaker(harmonics=0, smoothing=smoothing, pull=0.0)
    for smoothing in (0.1, 1, 10):
        for pull in (0, 0.1, 0.3, 1):
            name = f"2 harmonics + Whittaker, smoothing {smoothing:g}, pull {pull:g}"
            table[name] = whittaker(harmonics=2, smoothing=smoothing, pull=pull)
    return table


def trial(truth: xr.DataArray) -> list[str]:
    """Lines of a table: errors of every candidate by share hidden, and by gap length over all shares."""
    held = {share: lst.hold_out(truth, share=share, seed=SEED + i) for i, share in enumerate(SHARES)}
    errors = {}
    for name, fill in fills().items():
        parts = [lst.gap_errors(truth, fill(h["masked"]), h["gap"]).reset_coords("label") for h in held.values()]
        errors[name] = xr.concat(parts, pd.Index(SHARES, name="share"))
    labels = [str(label) for label in errors["straight lines"]["label"].isel(share=0).values[:-1]]
    heads = ["fill", *(f"{share:.0%}" for share in SHARES), *labels, "bias", "not filled"]
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for name, found in errors.items():
        whole = found.isel(gap_length=-1)
        weight = found["n"] / found["n"].sum("share")
        by_length = np.sqrt((found["rmse"] ** 2 * weight).sum("share")).where(found["n"].sum("share") > 0)
        numbers = [*whole["rmse"].values, *by_length.values[:-1]]
        bias = float((whole["bias"] * whole["n"]).sum() / whole["n"].sum())
        cells = [f"{x:.2f}" if np.isfinite(x) else "" for x in numbers]
        unfilled = f"{float(whole['unfilled'].sum() / (whole['unfilled'] + whole['n']).sum()):.1%}"
        lines.append("| " + " | ".join([name, *cells, f"{bias:+.2f}", unfilled]) + " |")
    return lines


HEAD = """# Which gap fill

Made by `benchmarks/holdout.py`; tables are not edited by hand.

`lst.hold_out` hides 10, 20, 30 or 40 % of the valid values of every series, in runs of 1, 2, 3, 5 and 8 composites that
hide about as many values each. The gap that results is often longer, because a run may touch a gap that was there.
`lst.gap_errors` compares the fill with what was hidden. Columns: root-mean-square error in K by share hidden, then,
over all shares, by length of the gap in composites; bias (filled minus hidden) in K; share of hidden values that were
not filled. What was hidden holds the weather of its eight days, and undetected cloud: no fill can do much better than
the scatter of the data about a smooth curve. Unless a row says otherwise rejection is 8 K below the curve and the
penalty on drifts between years is 4 (series of one year have none).
"""

TAIL = """
## What was chosen, and why

- **Two harmonics of the year.** With one year of data a third one costs 0.1 to 0.5 K in gaps of two composites and
  more, where it rings; with six years it makes hardly any difference. It was three before this experiment.
- **Rejection 8 K below the curve.** At 3 or 4 K the fill is 0.2 to 0.9 K too warm, because real cold spells are dropped
  with the clouds; at 6 K there is still a bias in one year of data; above 8 K nothing changes.
- **Drifts between years with a penalty of 4.** On the scene, whose years differ, one curve for all years costs 0.1 K,
  and 4 is the best of the penalties tried. At the station, whose years differ less, a stiffer penalty gains 0.03 K and
  one curve does no worse; but one curve fills an unusual year with the usual one, and degree days are what is wanted.
- **Whittaker only about the waves.** Alone it invents parabolas in gaps of a month and more, and the best smoothing is
  not the same for each series. Smoothing what the waves leave, with a pull toward them, it is as good as the waves in
  long gaps and a little better in short ones, where it follows the weather of the neighbors. Smoothing and pull 1.
- **The waves alone are the default.** The gain of the smoother is a few hundredths of a kelvin, it costs about twice
  the time, and the paper uses harmonic analysis.
- **Any length is filled by default.** Errors of the waves grow slowly with the length of the gap; `max_gap_days` leaves
  longer gaps open.
"""


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "data"
    parts = [HEAD]
    if folder.is_dir():
        series = istria(folder)
        size = f"{series.sizes['cell']} cells with all 46 composites of 2008"
        parts += [f"\n## MODIS, Istria: {size}\n", *trial(series)]
        series = golmud(folder)
        parts += ["\n## Station Golmud: ground surface temperature 1956 to 2015, 8-day means, six years at a time\n"]
        parts += trial(series)
    parts += ["\n## Embedded scene (synthetic), tiny: Terra at day, six years, clouds of its own\n", *trial(scene())]
    PAGE.write_text("\n".join(parts) + "\n" + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main()
