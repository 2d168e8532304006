"""The real Sentinel-1 stack over Mexico City: coherence statistics, closure, and L1 against least squares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rioxarray
import xarray as xr

from qtp_toolkit import correct, inversion, network, open_catalog
from qtp_toolkit.conventions import phase_to_displacement

# affine 3.1 warns at what rioxarray 0.19 does
pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")]


@pytest.fixture(scope="module")
def stack(real_data):
    return open_catalog(Path(__file__).with_name("real_catalog.yaml"))["interferograms"].load()


@pytest.fixture(scope="module")
def referenced(stack):
    """Interferograms relative to 5 x 5 coherent pixels."""
    best = stack.coherence.min("pair").rolling(y=5, x=5, center=True).min()
    y, x = np.unravel_index(np.nanargmax(best.values), best.shape)
    inside = xr.zeros_like(best, dtype=bool)
    inside[y - 2 : y + 3, x - 2 : x + 3] = True
    return correct.set_reference(stack.phase, inside)


def misfit(series, phase, coherence):
    residual = phase - correct.pair_difference(series, phase)
    return (coherence * np.abs(residual)).sum("pair", dtype=np.float64)


def test_stack_is_the_one_of_the_files(stack):
    assert dict(stack.sizes) == {"pair": 30, "y": 60, "x": 100}
    assert len(network.components(stack)) == 1
    assert network.incidence_matrix(stack).shape == (30, 13)
    assert stack.attrs["wavelength"] == pytest.approx(0.0555042, abs=1e-7)


@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning")  # older NumPy, of pixels without a value
@pytest.mark.parametrize("statistic", ["mean", "median", "std"])
def test_coherence_statistics(stack, real_data, statistic):
    """The stored per-pixel statistics of PyRate, to 1e-6."""
    with rioxarray.open_rasterio(real_data / "s1_cropA_mexico" / f"coh_{statistic}.tif") as file:
        stored = file.squeeze("band", drop=True).values
    own = getattr(stack.coherence, statistic)("pair").values
    np.testing.assert_array_equal(np.isnan(own), np.isnan(stored))
    assert np.nanmax(np.abs(own - stored)) < 1e-6


def test_closure_phases(stack):
    """24 triangles; their spread (after the median) was measured as 0.18 to 1.2 rad on the first five."""
    closure = network.closure_phase(stack.phase)
    assert closure.sizes["triplet"] == 24
    spread = np.sqrt(((closure - closure.median(("y", "x"))) ** 2).mean(("y", "x"))).values
    assert spread[:5].min() == pytest.approx(0.18, abs=0.01)
    assert spread[:5].max() == pytest.approx(1.2, abs=0.01)
    assert 0.09 < spread.min() <= spread.max() < 1.25


def test_l1_residuals_are_no_worse_than_least_squares(referenced, stack):
    """In the weighted L1 norm: in sum, and pixel by pixel."""
    robust = inversion.invert(referenced, stack.coherence)
    least = inversion.invert(referenced, stack.coherence, norm="l2")
    weighted = inversion.invert(referenced, stack.coherence, norm="wl2")
    l1, l2, wl2 = (misfit(out.phase, referenced, stack.coherence) for out in (robust, least, weighted))
    assert float(l1.sum()) < float(wl2.sum())
    assert float(l1.sum()) < float(l2.sum())
    done = robust.reason == 0
    assert float((l1 <= l2 * (1 + 1e-3)).where(done).mean()) > 0.99
    assert int(done.sum()) > 5800
    assert set(np.unique(robust.reason)) <= {0, 4, 6, 7}


def test_l1_comes_close_to_full_convergence(referenced, stack):
    quick = misfit(inversion.invert(referenced, stack.coherence).phase, referenced, stack.coherence)
    slow = inversion.invert(referenced, stack.coherence, reweightings=80, epsilon=(0.5, 1e-3))
    exact = misfit(slow.phase, referenced, stack.coherence)
    assert float(quick.sum()) < 1.05 * float(exact.sum())


def test_time_series_has_the_subsidence_of_mexico_city(referenced, stack):
    """Rates of decimeters a year between parts of the city are known; half a year shows more than 50 mm."""
    series = inversion.invert(referenced, stack.coherence, reference_date="2018-01-06").phase
    moved = phase_to_displacement(series, wavelength=stack.attrs["wavelength"]).isel(time=-1)
    assert float(moved.quantile(0.98) - moved.quantile(0.02)) > 50


def test_diagnostics_agree_with_each_other(referenced, stack):
    """Pairs whose triangles do not close are those that the inversion overrules; redundancy gives a deviation."""
    out = inversion.invert(referenced, stack.coherence, std=True)
    misfit = inversion.pair_misfit(referenced, out.phase)
    ranking = network.rank_pairs(referenced)
    assert float(misfit.overruled_share.max()) < 0.1
    assert float(misfit["count"].min()) > 4000
    assert sorted(ranking["rank"].values.tolist()) == list(range(1, 31))
    errors = network.closure_errors(referenced)
    closed = (errors == 0) & (out.reason == 0)
    assert float(out.overruled.where(closed).mean()) <= float(out.overruled.where(errors > 0).mean())
    done = (out.reason == 0) & (out.redundancy > 0)
    deviation = out.phase_std.isel(time=slice(1, None))
    assert bool((deviation > 0).where(done, True).all())
    assert 0.01 < float(deviation.where(done).median()) < 2.0
    assert float(out.last_step.where(done).median()) < 0.2
