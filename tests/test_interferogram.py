"""From two complex images to an unwrapped interferogram."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import rioxarray  # noqa: F401  (registers the .rio accessor)
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from qtp_toolkit import interferogram
from qtp_toolkit.conventions import SENTINEL1_WAVELENGTH, QtpDataError, phase_to_displacement
from qtp_toolkit.interferogram.kernels import gradients


def image(values, **attrs):
    values = np.asarray(values)
    coords = {"y": -np.arange(values.shape[0], dtype=float), "x": np.arange(values.shape[1], dtype=float)}
    return xr.DataArray(values, dims=("y", "x"), coords=coords, name="image", attrs=attrs)


def speckle(rng, shape):
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


def correlated(rng, shape, gamma, phase=0.0):
    """Two circular Gaussian images of a given coherence, the second one later by a phase."""
    first, other = speckle(rng, shape), speckle(rng, shape)
    second = (gamma * first + np.sqrt(1 - gamma**2) * other) * np.exp(-1j * phase)
    return image(first), image(second)


def bowl(n=64, peak=25.0):
    y, x = np.mgrid[:n, :n] / n - 0.5
    return peak * np.exp(-(x**2 + 1.5 * y**2) / 0.08)


def same_up_to_cycles(unwrapped, truth):
    shift = np.nanmean(unwrapped - truth)
    assert abs(shift / (2 * np.pi) - round(shift / (2 * np.pi))) < 1e-3
    np.testing.assert_allclose(unwrapped - 2 * np.pi * round(shift / (2 * np.pi)), truth, atol=1e-3)


def test_closed_form_sign_subsidence_is_positive_phase():
    """10 mm of subsidence, simulated as range, is +2.26561 rad and comes back as -10 mm."""
    distance = 900_000.0

    def echo(meters):
        return np.exp(-4j * np.pi / SENTINEL1_WAVELENGTH * meters)

    formed = interferogram.form(image([[echo(distance)]]), image([[echo(distance + 0.010)]]))
    phase = image(np.angle(formed.values), units="rad")
    assert float(phase[0, 0]) == pytest.approx(2.26561, abs=1e-4)
    assert float(phase_to_displacement(phase)[0, 0]) == pytest.approx(-10.0, abs=1e-3)


def test_closed_form_multilook():
    values = np.arange(24.0).reshape(4, 6) + 1j
    out = interferogram.multilook(image(values), looks_y=2, looks_x=3)
    np.testing.assert_allclose(out, [[4 + 1j, 7 + 1j], [16 + 1j, 19 + 1j]])
    np.testing.assert_allclose(out.x, [1, 4])
    np.testing.assert_allclose(out.y, [-0.5, -2.5])
    values[0, 0] = np.nan
    assert np.isfinite(interferogram.multilook(image(values), looks_y=2, looks_x=4)).all()
    assert interferogram.multilook(image(values.astype(np.complex64)), looks_y=4, looks_x=6).dtype == np.complex64


def test_closed_form_simulated_pair_has_its_phase_and_coherence():
    phase = image(np.full((300, 300), -1.2), units="rad")
    pair = interferogram.simulate(phase, image(np.full((300, 300), 0.7)), seed=3)
    formed = interferogram.form(pair.reference, pair.secondary)
    assert float(np.angle(formed.values.mean())) == pytest.approx(-1.2, abs=0.02)
    estimate = interferogram.coherence(pair.reference, pair.secondary, looks_y=300, looks_x=300)
    assert float(estimate[0, 0]) == pytest.approx(0.7, abs=0.01)
    xr.testing.assert_identical(pair, interferogram.simulate(phase, image(np.full((300, 300), 0.7)), seed=3))


@pytest.mark.parametrize("gamma", [0.3, 0.6, 0.9])
def test_closed_form_coherence_and_phase_noise(rng, gamma):
    """The estimate is the coherence, and the phase noise is sqrt((1 - g^2) / (2 L g^2)) for L looks."""
    first, second = correlated(rng, (600, 600), gamma, phase=0.7)
    estimate = interferogram.coherence(first, second, looks_y=10, looks_x=10)
    assert float(estimate.mean()) == pytest.approx(gamma, abs=0.015)
    looked = interferogram.multilook(interferogram.form(first, second), looks_y=10, looks_x=10)
    phase = np.angle(looked)
    assert float(phase.mean()) == pytest.approx(0.7, abs=0.02)
    assert float(phase.std()) == pytest.approx(np.sqrt((1 - gamma**2) / (200 * gamma**2)), rel=0.1)


def test_closed_form_coherence_limits(rng):
    first = image(speckle(rng, (20, 20)))
    same = interferogram.coherence(first, first * (2 * np.exp(0.3j)), looks_y=5, looks_x=5)
    np.testing.assert_allclose(same, 1, atol=1e-6)
    assert same.attrs["units"] == "1"
    silent = interferogram.coherence(first, first * 0, looks_y=5, looks_x=5)
    assert np.isnan(silent).all()
    _, other = correlated(rng, (600, 600), 0.0)
    bias = interferogram.coherence(image(speckle(rng, (600, 600))), other, looks_y=10, looks_x=10).mean()
    assert float(bias) == pytest.approx(np.sqrt(np.pi / 400), rel=0.05)


def test_closed_form_goldstein_keeps_fringes_and_lowers_noise(rng):
    truth = 0.35 * np.mgrid[:96, :96][1] + 0.1 * np.mgrid[:96, :96][0]
    noisy = np.exp(1j * (truth + rng.normal(0, 0.8, truth.shape)))
    noisy[40:44, 40:44] = np.nan
    out = interferogram.goldstein(image(noisy), alpha=0.8)
    error = np.angle(out.values * np.exp(-1j * truth))
    before = np.angle(noisy * np.exp(-1j * truth))
    assert np.nanstd(error) < 0.5 * np.nanstd(before)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(noisy))
    pure = np.exp(1j * truth)
    same = interferogram.goldstein(image(pure), alpha=0.0)
    np.testing.assert_allclose(same, pure, atol=1e-9)


def test_closed_form_pixels_without_amplitude_are_no_data(rng):
    """I31: zeros outside the swath, as ISCE, GAMMA and HyP3 write them, stay zeros or become NaN."""
    values = np.exp(1j * 0.15 * np.mgrid[:64, :96][1])
    values[:, :36] = 0
    filtered = interferogram.goldstein(image(values)).values
    assert (filtered[:, :36] == 0).all()
    assert (abs(filtered[:, 36:]) > 0).all()
    looks = interferogram.multilook(image(values * 3), looks_y=8, looks_x=8)
    assert np.isnan(looks[:, :4]).all()
    edge = looks.values[0, 4], 3 * np.exp(1j * 0.15 * np.arange(36, 40)).mean()
    np.testing.assert_allclose(*edge)
    unwrapped = interferogram.unwrap(image(values))
    assert np.isnan(unwrapped[:, :36]).all()
    assert np.isfinite(unwrapped[:, 36:]).all()
    pair = interferogram.simulate(image(np.zeros((64, 96)), units="rad"), image(np.ones((64, 96))))
    for hole in (0, np.nan):
        late = pair["secondary"].copy(data=np.where(np.arange(96) < 36, hole, pair["secondary"]))
        gamma = interferogram.coherence(pair["reference"], late, looks_y=8, looks_x=8)
        assert np.isnan(gamma[:, :4]).all()
        np.testing.assert_allclose(gamma[:, 4:], 1, rtol=1e-5)


@pytest.mark.parametrize("attrs", [{"name": "wrapped_phase"}, {"long_name": "wrapped phase"}])
def test_closed_form_looks_of_wrapped_phase_are_those_of_unit_vectors(attrs):
    """I31: near pi the mean of numbers is 0, which no pixel has; unwrapped phase is averaged as numbers."""
    values = np.where(np.arange(8)[:, None] % 2, np.pi - 0.05, -np.pi + 0.05) * np.ones((8, 8))
    wrapped = image(values, units="rad").rename(attrs.get("name")).assign_attrs(attrs)
    np.testing.assert_allclose(abs(interferogram.multilook(wrapped, looks_y=4, looks_x=4)), np.pi, atol=1e-6)
    plain = image(values, units="rad", long_name="unwrapped interferometric phase")
    np.testing.assert_allclose(interferogram.multilook(plain, looks_y=4, looks_x=4), 0, atol=1e-6)


def test_closed_form_unwrap_smooth_surface():
    truth = bowl()
    wrapped = image(np.exp(1j * truth))
    out = interferogram.unwrap(wrapped)
    assert np.ptp(gradients.wrap(truth)) < np.ptp(truth)
    same_up_to_cycles(out.values, truth)
    assert out.attrs["units"] == "rad"
    from_phase = interferogram.unwrap(image(gradients.wrap(truth), units="rad"))
    same_up_to_cycles(from_phase.values, truth)


def test_closed_form_unwrap_around_a_lake_of_noise(rng):
    """Pixels of no coherence carry no weight; missing ones stay missing."""
    truth = bowl()
    values, gamma = np.exp(1j * truth), np.full(truth.shape, 0.9)
    lake = np.hypot(*(np.mgrid[:64, :64] - 40)) < 8
    values[lake], gamma[lake] = np.exp(2j * np.pi * rng.random(lake.sum())), 0.0
    values[:3, :3] = np.nan
    out = interferogram.unwrap(image(values), image(gamma)).values
    assert np.isnan(out[:3, :3]).all()
    keep = ~lake & np.isfinite(out)
    same_up_to_cycles(out[keep], truth[keep])


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_property_unwrapped_is_congruent(seed):
    rng = np.random.default_rng(seed)
    wrapped = gradients.wrap(rng.normal(0, 3, (12, 17)))
    out = interferogram.unwrap(image(wrapped, units="rad")).values
    cycles = (out - wrapped) / (2 * np.pi)
    np.testing.assert_allclose(cycles, np.rint(cycles), atol=1e-5)


def test_oracle_poisson_solver(rng):
    field = rng.normal(size=(9, 14))
    field -= field.mean()
    flows = [np.diff(field, axis=axis) for axis in (0, 1)]
    np.testing.assert_allclose(gradients._solve_poisson(gradients._divergence(flows, field.shape)), field, atol=1e-12)


def test_closed_form_refusals(monkeypatch, rng):
    first, second = correlated(rng, (8, 8), 0.5)
    with pytest.raises(QtpDataError, match="not complex"):
        interferogram.form(first, abs(second))
    with pytest.raises(QtpDataError, match="same pixels"):
        interferogram.form(first, second.assign_coords(x=second.x + 1))
    with pytest.raises(QtpDataError, match="looks"):
        interferogram.multilook(first, looks_y=9, looks_x=1)
    with pytest.raises(QtpDataError, match="alpha"):
        interferogram.goldstein(first, alpha=2.0)
    with pytest.raises(QtpDataError, match="one of"):
        interferogram.unwrap(first, method="magic")
    monkeypatch.setitem(sys.modules, "snaphu", None)
    with pytest.raises(QtpDataError, match=r"qtp-toolkit\[unwrap\]"):
        interferogram.unwrap(first, method="snaphu")


def test_closed_form_the_filter_spares_what_is_coherent(rng):
    """Alpha times one minus the coherence: nothing happens at 1, all of alpha at 0; NaN is no coherence."""
    noisy = image(np.exp(1j * (0.3 * np.mgrid[:64, :64][1] + rng.normal(0, 0.7, (64, 64)))))
    whole, none = (image(np.full((64, 64), gamma)) for gamma in (1.0, 0.0))
    np.testing.assert_allclose(interferogram.goldstein(noisy, whole, alpha=0.8), noisy, atol=1e-12)
    plain = interferogram.goldstein(noisy, alpha=0.8)
    np.testing.assert_allclose(interferogram.goldstein(noisy, none, alpha=0.8), plain, atol=1e-12)
    half = image(np.full((64, 64), 0.5))
    half[:5, :5] = np.nan
    between = interferogram.goldstein(noisy, half, alpha=0.8)
    np.testing.assert_allclose(between, interferogram.goldstein(noisy, alpha=0.4), atol=1e-9)
    with pytest.raises(QtpDataError):
        interferogram.goldstein(noisy, image(np.full((64, 64), 90.0)))


@pytest.mark.parametrize("shape", [(61, 90), (20, 70), (64, 33)])
def test_oracle_the_filter_patch_by_patch(rng, shape):
    """Straight from the definition: patches one by one on the mirrored image, blended by triangles."""
    values = speckle(rng, shape)
    values[3:7, 5:9], values[10, 10] = 0, np.nan
    gamma = rng.uniform(0, 1, shape)
    size, step, hole = 32, 8, ~np.isfinite(values) | (values == 0)
    margin = [(size, size + (-n) % step) for n in shape]
    mode = "symmetric" if min(shape) >= size else "constant"
    padded = np.pad(np.where(hole, 0, values), margin, mode=mode)
    low, known = np.pad(np.where(hole, 0, 1 - gamma), margin), np.pad(~hole, margin)
    total, share = np.zeros_like(padded), np.zeros(padded.shape)
    ramp = 1 - abs((np.arange(size) - 15.5) / 16)
    for i in range(0, padded.shape[0] - size + 1, step):
        for j in range(0, padded.shape[1] - size + 1, step):
            at = np.s_[i : i + size, j : j + size]
            line = np.fft.fft2(padded[at])
            strength = ndimage.uniform_filter(abs(line), 3, mode="wrap")
            alpha = 0.7 * low[at].sum() / max(known[at].sum(), 1)
            total[at] += np.outer(ramp, ramp) * np.fft.ifft2(line * (strength / max(strength.max(), 1e-30)) ** alpha)
            share[at] += np.outer(ramp, ramp)
    expected = np.where(hole, values, (total / share)[size : size + shape[0], size : size + shape[1]])
    for kind, accuracy in (("complex128", 1e-6), ("complex64", 1e-5)):
        found = interferogram.goldstein(image(values.astype(kind)), image(gamma), alpha=0.7)
        assert found.dtype == kind
        np.testing.assert_allclose(found, expected, atol=accuracy)


@pytest.mark.parametrize("method", ["whirlwind", "least_squares"])
def test_closed_form_pieces_are_components(method):
    """Each piece is right in itself, and says which one it is."""
    truth = bowl(96)
    values = np.exp(1j * truth)
    values[:, 40:48] = 0
    made = interferogram.unwrap_components(image(values), method=method)
    left, right = made["component"].values[10, 10], made["component"].values[10, 80]
    assert left != right
    assert left * right != 0
    assert (made["component"].values[:, 40:48] == 0).all()
    for part in np.s_[:, :40], np.s_[:, 48:]:
        same_up_to_cycles(made["phase"].values[part], truth[part])
    assert (
        (made["phase"] == interferogram.unwrap(image(values), method=method)).where(made["component"] > 0, True).all()
    )


def test_closed_form_an_empty_interferogram_stays_empty():
    made = interferogram.unwrap_components(image(np.zeros((8, 8), complex)))
    assert made["phase"].isnull().all()
    assert (made["component"] == 0).all()


def test_property_the_coordinate_system_survives(rng):
    first, second = (da.rio.write_crs("EPSG:32646") for da in correlated(rng, (40, 40), 0.8))
    formed = interferogram.form(first, second)
    looked = interferogram.multilook(formed, looks_y=2, looks_x=2)
    gamma = interferogram.coherence(first, second, looks_y=2, looks_x=2)
    for result in (
        formed,
        looked,
        gamma,
        interferogram.goldstein(looked, patch=8),
        interferogram.unwrap(looked, gamma),
    ):
        assert result.rio.crs == first.rio.crs


def test_lazy(no_compute, rng):
    first, second = correlated(rng, (64, 64), 0.8, phase=bowl())

    def chain(one, two):
        looked = interferogram.multilook(interferogram.form(one, two), looks_y=2, looks_x=2)
        gamma = interferogram.coherence(one, two, looks_y=2, looks_x=2)
        return interferogram.unwrap(
            interferogram.goldstein(looked.chunk(y=-1, x=-1), patch=16), gamma.chunk(y=-1, x=-1)
        )

    with no_compute():
        lazy = chain(first.chunk(y=32), second.chunk(y=32))
    eager = chain(first, second)
    assert lazy.chunks is not None
    xr.testing.assert_allclose(lazy.compute(), eager.compute(), atol=1e-4)


def test_closed_form_looks_of_whole_numbers_are_means():
    """Means of 1 and 2 are no whole numbers, and shares of a mask are no truth values."""
    whole = image(np.array([[1, 2], [2, 1]], "int16"))
    assert interferogram.multilook(whole, looks_y=2, looks_x=2).item() == 1.5
    assert interferogram.multilook(whole > 1, looks_y=2, looks_x=2).item() == 0.5
    assert interferogram.multilook(whole.astype("float32"), looks_y=2, looks_x=2).dtype == np.float32
    with pytest.raises(QtpDataError, match="looks do not fit"):
        interferogram.multilook(whole, looks_y=1.5, looks_x=2)


@pytest.mark.parametrize("change", [{"y": slice(0, 4)}, None])
def test_closed_form_speckle_of_another_grid_is_refused(change):
    phase = image(np.zeros((6, 8)), units="rad")
    gamma = xr.full_like(phase, 0.5)
    gamma = gamma.assign_coords(x=gamma["x"] + 9) if change is None else gamma.isel(change)
    with pytest.raises(QtpDataError, match="is not on the grid"):
        interferogram.simulate(phase, gamma)


@pytest.mark.parametrize("none", [0.0, np.nan])
def test_closed_form_nothing_is_unwrapped_without_coherence(none):
    """I31: the wrapped phase would come back as if it were unwrapped."""
    truth = bowl()
    gamma = np.full(truth.shape, 0.9)
    gamma[:, :5] = none
    out = interferogram.unwrap(image(np.exp(1j * truth)), image(gamma)).values
    assert np.isnan(out[:, :5]).all()
    same_up_to_cycles(out[:, 5:], truth[:, 5:])
    assert np.isnan(interferogram.unwrap(image(np.exp(1j * truth)), image(np.full(truth.shape, none)))).all()
