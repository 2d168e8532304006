"""Geographical detector: the toolkit beside pandas, and beside the package py-geodetector."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd
import xarray as xr
from common import cpu, row

from qtp_toolkit import geodetector

FACTORS, STRATA = 15, 8
SIDE, FEW = 1000, 1_000_000
"""Pixels on a side of the toolkit's map, and samples that the package gets."""


def maps(rng: np.random.Generator) -> tuple[xr.DataArray, xr.Dataset]:
    """A map, and strata of factors that it depends on."""
    dims, shape = ("y", "x"), (SIDE, SIDE)
    raw = {f"factor {i}": xr.DataArray(rng.normal(size=shape), dims=dims) for i in range(FACTORS)}
    y = sum(da / (2 + i) for i, da in enumerate(raw.values())) + rng.normal(size=shape)
    y = y.rename("amplitude").assign_attrs(units="mm").astype(np.float32)
    return y, xr.Dataset({name: geodetector.stratify(da, k=STRATA) for name, da in raw.items()})


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    """Rates of the q of all factors, and of all their pairs."""
    y, strata = maps(rng)
    n = y.size
    table = pd.DataFrame({name: code.values.ravel() for name, code in strata.items()}).assign(y=y.values.ravel())
    names = list(strata)

    def by_pandas() -> list[float]:
        total = table["y"].var(ddof=0) * n
        return [1 - (g.var(ddof=0) * g.size()).sum() / total for g in (table.groupby(name)["y"] for name in names)]

    all_q = n / cpu(lambda: geodetector.factors(y, strata))
    all_pairs = n / cpu(lambda: geodetector.interaction(y, strata))
    found, plain = geodetector.factors(y, strata)["q"].values, by_pandas()
    agreement = f"q agrees to {abs(found - plain).max():.0e}"
    out = [row(f"q of {FACTORS} factors", "pixels", all_q, n / cpu(by_pandas), f"plain: pandas groupby; {agreement}")]

    from geodetector import GeoDetector  # noqa: PLC0415  a development dependency

    peer = GeoDetector(table.head(FEW).astype(dict.fromkeys(names, int)), "y", names)
    with contextlib.redirect_stdout(io.StringIO()):
        single = FEW / cpu(peer.factor_detector, repeat=1)
        double = FEW / cpu(peer.interaction_detector, repeat=1)
    note = f"plain: py-geodetector on {FEW:,} of the samples"
    out.append(row(f"q of {FACTORS} factors", "pixels", all_q, single, note))
    pairs = FACTORS * (FACTORS - 1) // 2
    return [*out, row(f"q of {pairs} interactions", "pixels", all_pairs, double, note)]
