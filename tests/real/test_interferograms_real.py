"""Interferograms as producers deliver them; the numbers are those of each set's own PROVENANCE.md."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from qtp_toolkit import load

pytestmark = pytest.mark.real

MULTI = "S1_044_000000s1n00-093117s2n01-093118s3n01_IW_20250718_20250730_VV_INT80_B4FA"
SINGLE = "S1_056072_IW2_20220814_20220907_VV_INT80_E09B"
GAMMA = "S1AC_20251001T204513_20251007T204359_HHR006_INT40_G_ueF_1DBE"


def product(real_data, folder, name):
    """A product of this name with the phase, mask and text that are at hand."""
    source = real_data / "hyp3_isce_multiburst"
    folder = folder / name
    folder.mkdir()
    shutil.copy(source / f"{name}.txt", folder)
    shutil.copy(source / "test_unw_phase.tif", folder / f"{name}_unw_phase.tif")
    shutil.copy(source / "test_water_mask.tif", folder / f"{name}_water_mask.tif")
    return folder / f"{name}_unw_phase.tif"


def test_hyp3_phase_of_a_multi_burst_product(real_data, tmp_path):
    stack = load.hyp3([product(real_data, tmp_path, MULTI)], layers=["land"], require_coherence=False)
    phase = stack["phase"].values
    assert phase.shape == (1, 718, 2314)
    valid = np.isfinite(phase)
    assert valid.sum() == 184_897
    assert phase[valid].min() == pytest.approx(-27.415604, abs=1e-5)
    assert phase[valid].max() == pytest.approx(-6.6463003, abs=1e-6)
    assert phase[valid].mean(dtype=float) == pytest.approx(-15.821340, abs=1e-5)
    assert stack.rio.crs.to_epsg() == 32602
    assert [float(stack[dim][0]) for dim in "xy"] == [660960 + 40, 5950880 - 40]
    # the mask has one column more
    assert stack["land"].shape == (718, 2314)
    assert 354_343 - 718 <= int(stack["land"].sum()) <= 354_343


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (SINGLE, (158.57439820410497, -13.310112268820319, "ascending", "12:58:29")),
        (MULTI, (33.88969537726557, -164.275514873119, "descending", "17:21:22")),
        (GAMMA, (48.0195, -18.150511100000017, "ascending", "20:45:15")),
    ],
)
def test_hyp3_texts(real_data, tmp_path, name, said):
    baseline, heading, *words = said
    stack = load.hyp3([product(real_data, tmp_path, name)], require_coherence=False)
    assert stack["perpendicular_baseline"].values.tolist() == [baseline]
    assert stack.attrs["heading"] == pytest.approx(heading % 360, abs=1e-4)
    assert [stack.attrs["orbit_direction"], stack.attrs["overpass"]] == words
    assert "estimated_from" not in stack["coherence"].attrs  # weights that nobody measured
    assert str(stack["reference"].values[0])[:10].replace("-", "") in name
    assert str(stack["secondary"].values[0])[:10].replace("-", "") in name
