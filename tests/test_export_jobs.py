"""Pairs for those who make interferograms: HyP3's jobs, lists and options of ISCE2."""

from __future__ import annotations

import json
import re
from itertools import chain

import h5py
import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401  (registers .rio)
import xarray as xr
from test_export import scene
from typer.testing import CliRunner

from qtp_toolkit import cli, export, network, products
from qtp_toolkit.conventions import QtpDataError

# What the service holds a job to.
SCENE = re.compile(r"S1[A-D]_IW_SLC__1S[SD][VH]_[\dT]{15}_[\dT]{15}_\d{6}_[\dA-F]{6}_[\dA-F]{4}")
BURST = re.compile(r"S1_\d{6}_IW\d_\d{8}T\d{6}_[VH]{2}_([\dA-F]){4}-BURST")


def scenes(days, *, starts=("234712", "234737"), seconds=27):
    """Two scenes of each day, of two satellites by turns, a second later every day."""
    names = []
    for k, day in enumerate(days):
        orbit = f"{(20041 if k % 2 == 0 else 9145):06d}"
        for start in starts:
            begin = pd.Timestamp(f"{day}T{start}") + pd.Timedelta(seconds=k % 3)
            ends = [f"{time:%Y%m%dT%H%M%S}" for time in (begin, begin + pd.Timedelta(seconds=seconds))]
            names.append(f"S1{'AB'[k % 2]}_IW_SLC__1SDV_{'_'.join(ends)}_{orbit}_02224B_F7C{k % 10}")
    return names


def bursts(days, places=("004211_IW2", "004212_IW2", "004211_IW3")):
    return [f"S1_{place}_{day}T2347{10 + k}_VV_7C{k:02X}-BURST" for day in days for k, place in enumerate(places)]


DAYS = ["20180106", "20180112", "20180118", "20180211"]


def planned(names, **options):
    granules = network.read_granules(names)
    pairs = network.select_pairs(granules["date"].unique(), windows=[(0, 24)])
    return pairs, export.hyp3_jobs(pairs, granules, name="plateau", **options)


def test_closed_form_a_job_for_each_pair_and_scene():
    pairs, jobs = planned(scenes(DAYS), water_mask=True)
    assert pairs.sizes["pair"] == 4
    assert len(jobs) == 8
    assert {job["job_type"] for job in jobs} == {"INSAR_GAMMA"}
    assert all(SCENE.fullmatch(granule) for job in jobs for granule in job["job_parameters"]["granules"])
    for job in jobs:
        first, second = job["job_parameters"]["granules"]
        assert first[17:25] < second[17:25]
        assert abs(int(first[26:32]) - int(second[26:32])) <= 2, "the same part of the track"
        assert (job["name"], job["job_parameters"]["looks"]) == ("plateau", "20x4")
        assert job["job_parameters"]["apply_water_mask"] is True
    assert [job["job_parameters"].get("include_dem", False) for job in jobs] == [True] + 7 * [False]


def test_closed_form_scenes_that_straddle_midnight_are_matched():
    """Framing moves by a few seconds: 23:59:58 and 00:00:01 are the same place."""
    names = [
        "S1A_IW_SLC__1SDV_20180106T235958_20180107T000025_020041_02224B_F7C1",
        "S1A_IW_SLC__1SDV_20180119T000001_20180119T000028_020216_02224B_F7C2",
    ]
    _, jobs = planned(names)
    assert jobs[0]["job_parameters"]["granules"] == [name for name in names]  # noqa: C416


def test_closed_form_bursts_of_a_pair_are_one_job_in_one_order():
    _, jobs = planned(bursts(DAYS)[::-1], looks="5x1")
    assert len(jobs) == 4
    for job in jobs:
        assert job["job_type"] == "INSAR_ISCE_MULTI_BURST"
        ends = [job["job_parameters"][end] for end in ("reference", "secondary")]
        assert [name[:14] for name in ends[0]] == [name[:14] for name in ends[1]]
        assert all(BURST.fullmatch(name) for name in chain(*ends))
        assert len(ends[0]) == 3
        assert {*job["job_parameters"]} == {"reference", "secondary", "looks", "apply_water_mask"}


def test_what_the_service_would_refuse_is_refused():
    granules = network.read_granules(scenes(DAYS))
    pairs = network.select_pairs(granules["date"].unique(), windows=[(0, 24)])
    assert not export.hyp3_jobs(pairs, granules, name="plateau")[0]["job_parameters"]["apply_water_mask"]
    with pytest.raises(QtpDataError, match="looks"):
        export.hyp3_jobs(pairs, granules, name="plateau", looks="5x1")
    with pytest.raises(QtpDataError, match="name"):
        export.hyp3_jobs(pairs, granules, name="x" * 101)
    with pytest.raises(QtpDataError, match="2018-02-11") as told:
        export.hyp3_jobs(pairs, network.read_granules(scenes(DAYS[:3])), name="plateau")
    assert told.value.code == "I03"
    with pytest.raises(QtpDataError, match="overlap by half"):
        planned([*scenes(DAYS[:1], starts=["234712"]), *scenes(DAYS[2:3], starts=["234727"])])
    with pytest.raises(QtpDataError, match="polarizations"):
        planned([name.replace("1SDV_20180118", "1SDH_20180118") for name in scenes(DAYS)])
    with pytest.raises(QtpDataError, match="004211_IW3"):
        planned(bursts(DAYS)[:-1])
    assert len(planned(bursts(DAYS, [f"0042{k}_IW1" for k in range(10, 25)]))[1]) == 4
    with pytest.raises(QtpDataError, match="too many bursts"):
        planned(bursts(DAYS, [f"0042{k}_IW1" for k in range(10, 26)]))


def test_property_every_job_is_in_one_file_of_two_hundred_at_most(tmp_path):
    jobs = [{"name": str(k)} for k in range(401)]
    files = export.write_hyp3_jobs(jobs, tmp_path)
    assert [file.name for file in files] == ["hyp3_jobs_001.json", "hyp3_jobs_002.json", "hyp3_jobs_003.json"]
    parts = [json.loads(file.read_text()) for file in files]
    assert [len(part["jobs"]) for part in parts] == [200, 200, 1]
    assert list(chain(*(part["jobs"] for part in parts))) == jobs


def test_jobs_of_an_earlier_list_are_not_left_to_be_sent(tmp_path):
    """Files of just these names go, others that are alike stay."""
    export.write_hyp3_jobs([{"name": str(k)} for k in range(450)], tmp_path)
    others = ["hyp3_jobs_mine.json", "hyp3_jobs_002.json.bak", "hyp3_jobs_02.json"]
    for name in others:
        (tmp_path / name).write_text("{}")
    (file,) = export.write_hyp3_jobs([{"name": "new"}], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file.name, *others])


def test_one_acquisition_under_two_product_ids_is_refused():
    names = scenes(DAYS[:2], starts=("234712",))
    again = names[0][:-4] + "A0B1"
    with pytest.raises(QtpDataError, match="several product ids") as told:
        planned([*names, again])
    assert told.value.code == "I19"
    assert names[0] in str(told.value)
    assert again in str(told.value)
    own = bursts(DAYS[:2])
    with pytest.raises(QtpDataError, match="several product ids"):
        network.read_granules([*own, own[0].replace("_7C00-", "_A0B1-")])


@pytest.mark.parametrize("which", [1, 3])
def test_a_scene_without_a_partner_is_told(which):
    names = scenes(DAYS[:2])
    lone = names[which ^ 2]
    with pytest.warns(UserWarning, match=f"1 scenes have no partner of the other date, and no job: {lone}"):
        _, jobs = planned([name for k, name in enumerate(names) if k != which])
    assert len(jobs) == 1


def test_oracle_the_stack_processor_plans_all_pairs():
    """Its own rule, done by hand: each date with so many later ones of those that are not excluded."""
    days = np.arange("2018-01-06", "2019-03-01", 12, dtype="datetime64[D]")
    pairs = network.select_pairs(days, windows=[(0, 24), (350, 380)], drop=[days[5]])
    words = export.isce2_options(pairs, days).split()
    left = [day for day in days if str(day).replace("-", "") not in words[3].split(",")]
    planned = {(a, b) for i, a in enumerate(left) for b in left[i + 1 : i + 1 + int(words[1])]}
    ends = [pairs[end].values.astype("datetime64[D]") for end in ("reference", "secondary")]
    wanted = {*zip(*ends, strict=True)}
    assert wanted < planned
    assert words[3] == "20180307"
    narrower = {(a, b) for i, a in enumerate(left) for b in left[i + 1 : i + int(words[1])]}
    assert not wanted <= narrower


def test_closed_form_pairs_by_the_command_line(tmp_path):
    (tmp_path / "scenes.txt").write_text("\n".join(scenes(DAYS)) + "\n")
    (tmp_path / "drop.txt").write_text("20180112\n\n")
    words = ["pairs", tmp_path / "scenes.txt", "--drop", tmp_path / "drop.txt", "--to", tmp_path / "order"]
    told = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert told.exit_code == 0, told.output
    assert "4 dates, 3 pairs, 1 group(s), 6 jobs" in told.stdout
    assert "--num_connections 2 --exclude_dates 20180112" in told.stdout
    lines = (tmp_path / "order" / "pairs.txt").read_text().split()
    assert lines == ["20180106_20180118", "20180106_20180211", "20180118_20180211"]
    assert len(json.loads((tmp_path / "order" / "hyp3_jobs_001.json").read_text())["jobs"]) == 6
    rows = [f'"{name}","SLC"' for name in scenes(DAYS)] + ['"S1A_IW_GRDH_1SDV_20180106T234712","GRD_HD"']
    (tmp_path / "scenes.txt").write_text("\n".join(['"Granule Name","Processing Level"', *rows]), encoding="utf-8-sig")
    told = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert "4 dates, 3 pairs, 1 group(s), 6 jobs" in told.stdout
    assert "left out: 1 row" in told.stdout
    (tmp_path / "scenes.txt").write_bytes(b"PK\x03\x04\xff\xfe")
    assert CliRunner().invoke(cli.app, [str(word) for word in words]).exit_code == 1
    (tmp_path / "scenes.txt").write_text("nothing\n")
    assert CliRunner().invoke(cli.app, [str(word) for word in words]).exit_code == 1


class TestResults:
    @pytest.fixture
    def run(self, tmp_path, monkeypatch):
        monkeypatch.setenv("QTP_OUTPUT", str(tmp_path / "run"))
        ds, maps, _ = scene()
        products.save(ds, "time_series")
        products.save(maps, "deformation")
        return ds, maps

    def test_oracle_points_and_rasters_of_a_run(self, run, tmp_path):
        ds, _ = run
        for kind in ("geotiff", "gpkg", "csv"):
            told = CliRunner().invoke(cli.app, ["export", kind])
            assert told.exit_code == 0, told.output
        with rasterio.open(tmp_path / "run" / "export" / "geotiff" / "displacement_20180912.tif") as raster:
            np.testing.assert_array_equal(raster.read(1), ds["displacement"][1])
        table = pd.read_csv(tmp_path / "run" / "export" / "csv" / "points.csv")
        assert {"velocity", "coherence", "D20180924"} <= {*table}
        told = CliRunner().invoke(cli.app, ["export", "csv", "--every", "5", "--to", str(tmp_path / "few")])
        assert 0 < len(pd.read_csv(tmp_path / "few" / "points.csv")) < len(table) / 10
        assert CliRunner().invoke(cli.app, ["export", "shapefile"]).exit_code == 1

    @pytest.mark.parametrize(
        ("words", "name"),
        [
            (["geotiff", "--every", "2"], "every"),
            (["mintpy", "--every", "1"], "every"),
            (["csv", "--heading", "-169"], "heading"),
            (["gpkg", "--catalog", "data_catalog.yaml"], "catalog"),
        ],
    )
    def test_an_option_that_would_change_nothing_is_refused(self, run, tmp_path, monkeypatch, words, name):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "data_catalog.yaml").write_text('catalog_version: 1\ntitle: none\nroots: ["."]\nsources: {}\n')
        told = CliRunner().invoke(cli.app, ["export", *words])
        assert told.exit_code == 1
        assert f"the format {words[0]} knows no {name}" in told.output
        assert not (tmp_path / "run" / "export").exists()

    def test_every_is_one_or_more(self, run, tmp_path):
        with pytest.raises(QtpDataError, match="1 or more"):
            export.results("csv", tmp_path, every=0)

    def test_oracle_mintpy_takes_its_geometry_from_the_catalog(self, run, tmp_path):
        ds, _ = run
        height = xr.full_like(ds["temporal_coherence"], 4500).coarsen(y=2, x=2, boundary="pad").mean().fillna(4500)
        height.rio.write_crs(32646).rio.to_raster(tmp_path / "dem.tif")
        (tmp_path / "data_catalog.yaml").write_text(
            'catalog_version: 1\ntitle: geometry\nroots: ["."]\nsettings: {incidence: 39.5, wavelength: 0.236}\n'
            "sources:\n  dem: {description: heights, kind: raster, driver: geotiff, uri: dem.tif, access: ask,\n"
            "    provenance: observed, parameters: {variable: elevation, units: m}}\n"
        )
        words = ["export", "mintpy", "--heading", "190", "--catalog", str(tmp_path / "data_catalog.yaml")]
        told = CliRunner().invoke(cli.app, [*words, "--out", str(tmp_path / "run")])
        assert told.exit_code == 0, told.output
        folder = tmp_path / "run" / "export" / "mintpy"
        with h5py.File(folder / "geometryGeo.h5") as file:
            assert np.unique(file["incidenceAngle"]).tolist() == [39.5]
            assert np.unique(file["height"]).tolist() == [4500]
            assert file["height"].shape == ds["mask"].shape
            assert file["azimuthAngle"][0, 0] == -100
        with h5py.File(folder / "timeseries.h5") as file:
            np.testing.assert_allclose(file["timeseries"], ds["displacement"] / 1000, rtol=1e-6)
            assert (file.attrs["HEADING"], file.attrs["WAVELENGTH"]) == ("-170.0", "0.236")

    def test_closed_form_the_interferograms_tell_their_pass(self, run, tmp_path):
        """Heading, overpass, baselines of the dates; a heading that is given wins."""
        ds, _ = run
        days = ds["time"].values
        ends = {"reference": ("pair", days[:2]), "secondary": ("pair", days[1:])}
        stack = xr.Dataset({"phase": (("pair", "y", "x"), np.zeros((2, 13, 17), "f4"), {"units": "rad"})}, ends)
        stack = stack.assign_coords(ds.drop_dims("time").coords).rio.write_crs(32646)
        stack = stack.assign_coords(perpendicular_baseline=("pair", [40.0, -60.0], {"units": "m"}))
        stack = stack.assign_attrs(heading=349.5, overpass="11:45:12", wavelength=0.236)

        class Known:
            settings = type("Settings", (), {"incidence": 39.0, "wavelength": 0.05546576})

            def available(self, name):
                return name == "interferograms"

            def __getitem__(self, name):
                return stack

        export.results("mintpy", tmp_path / "a", catalog=Known())
        with h5py.File(tmp_path / "a" / "timeseries.h5") as file:
            np.testing.assert_allclose(file["bperp"], [0, 40, -20], atol=1e-5)
            said = [file.attrs[key] for key in ("HEADING", "ORBIT_DIRECTION", "CENTER_LINE_UTC", "WAVELENGTH")]
        assert said == ["-10.5", "ASCENDING", "42312.0", "0.236"]
        stack["perpendicular_baseline"][0] = np.nan
        export.results("mintpy", tmp_path / "b", catalog=Known(), heading=190.0)
        with h5py.File(tmp_path / "b" / "timeseries.h5") as file:
            assert file.attrs["HEADING"] == "-170.0"
            assert "bperp" not in file

    def test_closed_form_without_a_catalog_it_is_sentinel_1(self, run, tmp_path):
        files = export.results("mintpy", tmp_path / "bare")
        assert "geometryGeo.h5" not in [file.name for file in files]
        with h5py.File(files[0]) as file:
            assert file.attrs["WAVELENGTH"] == "0.05546576"

    def test_a_run_without_series_is_told_what_makes_them(self, tmp_path, monkeypatch):
        monkeypatch.setenv("QTP_OUTPUT", str(tmp_path))
        told = CliRunner().invoke(cli.app, ["export", "csv"])
        assert told.exit_code == 1
        assert "05_time_series" in told.output
