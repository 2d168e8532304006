"""Geographical detector: the toolkit beside pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from common import cpu, row

from qtp_toolkit import geodetector


def rows(rng: np.random.Generator) -> list[dict[str, object]]:
    n, k = 1_000_000, 8
    names = [f"factor {i}" for i in range(15)]
    y = xr.DataArray(rng.normal(size=(1000, 1000)), dims=("y", "x"), name="amplitude", attrs={"units": "mm"})
    strata = xr.Dataset({name: (("y", "x"), rng.integers(0, k, (1000, 1000)).astype(np.int16)) for name in names})
    table = pd.DataFrame({name: strata[name].values.ravel() for name in names}).assign(y=y.values.ravel())

    def plain() -> list[float]:
        total = table["y"].var(ddof=0) * n
        return [1 - (g.var(ddof=0) * g.size()).sum() / total for g in (table.groupby(name)["y"] for name in names)]

    ours = n / cpu(lambda: geodetector.factors(y, strata))
    return [row("q of 15 factors", "pixels", ours, n / cpu(plain), "plain: pandas groupby")]
