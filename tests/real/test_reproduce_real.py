"""`qtp reproduce` on real files only: what their sources allow runs, the rest is skipped and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtp_toolkit import reproduce

CATALOG = Path(__file__).with_name("real_catalog.yaml")
RUN = {"00_start_here", "01_modis_lst", "02_freeze_thaw", "04_interferograms", "05_time_series", "12_your_own_data"}


@pytest.mark.usefixtures("real_data")
def test_notebooks_run_on_real_sources_and_the_others_say_why_not(tmp_path):
    done = reproduce.reproduce(catalog=CATALOG, out=tmp_path, progress=False)
    assert done["ok"]
    assert {nb["name"] for nb in done["notebooks"] if nb["status"] == "done"} == RUN
    skipped = {nb["name"]: nb["reason"] for nb in done["notebooks"] if nb["status"] == "skipped"}
    assert len(skipped) + len(RUN) == len(done["notebooks"])
    assert "bulk_density, sand, vegetation" in skipped["03_soil_conductivity"]
    assert "03_soil_conductivity" in skipped["06_deformation_maps"]
    assert (tmp_path / "report.html").is_file()
