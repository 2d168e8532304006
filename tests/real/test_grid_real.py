"""Slope and aspect of the real SRTM heights at the Chumar River."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray

from qtp_toolkit import grid

# affine 3.1 warns at what rioxarray 0.19 does
pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")]


def test_aspect_of_the_chumar_dem(real_data):
    folder = real_data / "qtp_chumar_dem_vectors"
    dem = rioxarray.open_rasterio(folder / "srtm_studyarea_dem.tif", masked=True).squeeze("band", drop=True)
    with rioxarray.open_rasterio(folder / "study_area_aspect.tif") as file:
        stored = file.squeeze("band", drop=True).where(lambda a: a > -1e38).values
    out = grid.slope_aspect(dem.assign_attrs(units="m"))
    both = np.isfinite(stored) & np.isfinite(out.aspect.values)
    assert both.sum() > 130_000
    difference = np.abs((out.aspect.values - stored + 180) % 360 - 180)[both]
    assert np.median(difference) < 0.1
    slope = out.slope.values[both]
    np.testing.assert_allclose(np.percentile(slope, [5, 50, 95, 99]), [0.37, 1.94, 10.99, 16.78], rtol=0.02)
