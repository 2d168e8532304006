"""`qtp reproduce` on real files only: what their sources allow runs, the rest is skipped and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from qtp_toolkit import reproduce

CATALOG = Path(__file__).with_name("real_catalog.yaml")
RUN = {f"0{k}" for k in range(6)} | {"05b", "12"}


@pytest.mark.usefixtures("real_data")
def test_notebooks_run_on_real_sources_and_the_others_say_why_not(tmp_path):
    done = reproduce.reproduce(catalog=CATALOG, out=tmp_path, progress=False)
    told = {nb["name"].split("_")[0]: (nb["status"], nb["reason"]) for nb in done["notebooks"]}
    assert {number for number, (status, _) in told.items() if status == "done"} == RUN
    assert "conductivity ratio is 1" in told["03"][1]
    # the temperatures are of another place and ten years older than the images: no map, and the dates that lack
    assert told["06"][0] == "failed"
    assert "temperature covers: 0" in told["06"][1]
    rest = {number: why for number, (status, why) in told.items() if status == "skipped"}
    assert sorted(rest) == ["07", "08", "09", "10", "11", "14"]
    assert rest.pop("14") == "the catalog has no settings.tracks"
    assert all("06_deformation_maps, which failed" in why for why in rest.values())
    assert done["ok"] is False
    assert (tmp_path / "report.html").is_file()


@pytest.mark.usefixtures("real_data")
def test_a_catalog_of_temperature_alone_runs_the_notebook_that_comes_first(tmp_path):
    content = (
        "catalog_version: 1\nroots: ['{}']\nsources:\n  modis_lst: {{kind: granules, driver: lst_table, uri: {}}}\n"
    )
    source = "modis_lst_8day_istra2008/LST.csv, provenance: observed"
    (tmp_path / "catalog.yaml").write_text(content.format(CATALOG.parents[3] / "shared" / "data", source))
    done = reproduce.reproduce(catalog=tmp_path / "catalog.yaml", only=["00"], out=tmp_path / "out", progress=False)
    assert [(nb["name"][:2], nb["status"]) for nb in done["notebooks"]] == [("00", "done")]
    assert done["ok"] is True
