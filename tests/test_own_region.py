"""The generator of own regions: what it writes is what it says, and the loaders read it."""

from __future__ import annotations

import numpy as np
import own_region
import pytest

from qtp_toolkit import open_catalog


@pytest.fixture(scope="module")
def made():
    return own_region.region(3, ramp=2.0)


def test_region_is_what_it_says(made):
    """Seeded; the paper's network; deformation of the size and shape that permafrost has."""
    again = own_region.region(3, ramp=2.0)
    np.testing.assert_array_equal(made.phase.values, again.phase.values)
    days = (made.phase["secondary"] - made.phase["reference"]).dt.days.values
    assert np.union1d(made.phase["reference"], made.phase["secondary"]).size == 119
    assert (((days <= 40) | ((days >= 350) & (days <= 380)) | ((days >= 725) & (days <= 735))) & (days > 0)).all()
    assert 420 < days.size < 500
    lowest, highest = (float(limit) for limit in made.truth["seasonal_amplitude"].quantile([0, 1]))
    assert 3 <= lowest < 8
    assert 25 < highest <= 45
    assert 0.5 < float(made.truth["linear_rate"].std()) < 4
    assert 0.3 < float(made.coherence.median()) < 0.9


def test_ramps_are_all_that_ramps_change(made):
    """Two regions that differ in ramps only differ by planes, other ones at every date."""
    without = own_region.region(3)
    planes = (made.phase - without.phase).values.astype(float)
    bent = planes[:, 1:-1] - (planes[:, 2:] + planes[:, :-2]) / 2
    assert np.abs(bent).max() < 1e-4
    sides = planes[:, 30, -1] - planes[:, 30, 0]
    assert 2 < sides.std() < 12
    np.testing.assert_array_equal(made.truth["linear_rate"], without.truth["linear_rate"])


def test_files_are_read_back(made, tmp_path):
    """LiCSAR and AppEEARS by the catalog that docs/data.md teaches."""
    catalog = open_catalog(own_region.write(made, tmp_path))
    stack = catalog["interferograms"].load()
    np.testing.assert_array_equal(stack["phase"].values, made.phase.values)
    np.testing.assert_allclose(stack["coherence"].values, made.coherence.values, atol=0.5 / 255 + 1e-6)
    lst = catalog["modis_lst"].load()
    inner = lst["terra_day"].sel(y=made.phase["y"], x=made.phase["x"], method="nearest")
    assert 0.05 < float(inner.isnull().mean()) < 0.5
    offset = (inner - made.composites.values).median()
    assert 8 < float(offset) < 14
    assert catalog["bulk_density"].attrs["units"] == "kg m-3"
    assert 0.05 <= float(catalog["sand"].min()) < float(catalog["sand"].max()) <= 0.9
