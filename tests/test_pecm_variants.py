"""The same displacement under other curves: what a choice does to the maps."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from pecm_cases import displacement, six_years

from qtp_toolkit import pecm
from qtp_toolkit.conventions import QtpDataError


@pytest.fixture
def case():
    """A series of the model on three pixels, and its curves as they are, and with an index half as high."""
    model = six_years()
    moved = displacement(model, intercept=3.0).expand_dims(x=3).transpose("time", ...)
    curves = xr.Dataset(
        {"linear_index": model["normalized"], "composite_index": model["I"], "peak_index": model["I"].max()}
    )
    half = curves.assign(composite_index=curves["composite_index"] / 2, peak_index=curves["peak_index"] / 2)
    return moved, {"plain": curves, "half": half}


# closed form


def test_an_index_half_as_high_doubles_the_coefficient_and_leaves_the_maps(case):
    moved, curves = case
    maps = pecm.fit_variants(moved, curves)
    change = pecm.median_change(maps, base="plain")
    assert list(change["variant"]) == ["half"]
    for name in ("linear_rate", "seasonal_amplitude", "percent"):
        assert abs(float(change[name].squeeze())) < 1e-9
    ratio = maps["seasonal_coefficient"].sel(variant="half") / maps["seasonal_coefficient"].sel(variant="plain")
    np.testing.assert_allclose(ratio, 2.0)


def test_percent_counts_large_amplitudes_only(case):
    moved, curves = case
    maps = pecm.fit_variants(moved, curves)
    maps["seasonal_amplitude"] = xr.DataArray([[4.0, 10.0, 20.0], [8.0, 11.0, 24.0]], dims=("variant", "x"))
    change = pecm.median_change(maps, base="plain", above=5.0).squeeze()
    assert float(change["percent"]) == pytest.approx(15.0)  # of 10 % and 20 %; the doubled small one does not count
    assert float(change["seasonal_amplitude"]) == 4.0


# oracle


def test_each_variant_is_a_fit_of_its_own(case):
    moved, curves = case
    maps = pecm.fit_variants(moved, curves, without_intercept="half")
    assert list(maps["variant"]) == ["plain", "half", "no intercept"]
    for name, kind, intercept in (("plain", "plain", "estimate"), ("no intercept", "half", "none")):
        ds = curves[kind]
        one = pecm.fit(moved, ds["linear_index"], ds["composite_index"], peak_index=ds["peak_index"],
                       intercept=intercept, uncertainty="formal")  # fmt: skip
        xr.testing.assert_identical(maps.sel(variant=name, drop=True)["linear_rate"], one["linear_rate"])


# lazy


def test_lazy_in_lazy_out(case, no_compute):
    moved, curves = case
    with no_compute():
        maps = pecm.fit_variants(moved.chunk(x=1), curves)
        change = pecm.median_change(maps, base="plain")
    xr.testing.assert_allclose(change.compute(), pecm.median_change(pecm.fit_variants(moved, curves), base="plain"))


def test_names_that_are_not_there_are_refused(case):
    moved, curves = case
    with pytest.raises(QtpDataError, match="expected: plain, half"):
        pecm.fit_variants(moved, curves, without_intercept="other")
    with pytest.raises(QtpDataError, match="plain, half"):
        pecm.median_change(pecm.fit_variants(moved, curves), base="other")
