"""The notebook runner: order, skipping, failing, and what it leaves behind. Uses small notebooks made here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import nbformat
import pytest

from qtp_toolkit import open_catalog, products, prospects, reproduce
from qtp_toolkit._execute import Kernels
from qtp_toolkit.conventions import QtpDataError

CATALOG = """
catalog_version: 1
title: three files
roots: ["."]
sources:
  dem: {description: lines, kind: vector, driver: geojson, uri: dem.geojson, provenance: observed, access: ask}
  magt: {description: others, kind: vector, driver: geojson, uri: magt.geojson, provenance: observed, access: ask}
"""
SAVE = "import os\nos.makedirs(os.path.join(os.environ['QTP_OUTPUT'], 'products', '%s.zarr'), exist_ok=True)"
MAKE = "import xarray\nfrom qtp_toolkit import products\nproducts.save(xarray.Dataset({'v': ('n', [1.0])}), '%s')"
OPEN = "from qtp_toolkit import check, products\ncheck('v', products.open('%s')['v'].sum(), equals=1.0)"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data_catalog.yaml").write_text(CATALOG)
    (tmp_path / "dem.geojson").write_bytes(b"")
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def write(folder, name, *cells, **said):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata={"qtp": said})
    nbformat.write(nb, folder / "notebooks" / f"{name}.ipynb")


def run(folder, **options):
    return reproduce.reproduce(
        catalog=folder / "data_catalog.yaml", folder=folder / "notebooks", progress=False, **options
    )


def told(done):
    return {nb["name"]: nb["status"] for nb in done["notebooks"]}


def test_the_workflow_runs_in_order_of_products_and_reports(folder):
    write(folder, "01_late", OPEN % "onsets", products_in=["onsets"])
    write(folder, "02_early", MAKE % "onsets", needs=["dem"], products_out=["onsets"])
    done = run(folder)
    assert done["ok"]
    assert told(done) == {"01_late": "done", "02_early": "done"}
    out = products.output_folder()
    page = (out / "report.html").read_text()
    assert "<h1>Report: three files</h1>" in page
    assert "<td>Data</td><td>observed</td>" in page
    assert "<td>Scene</td>" not in page
    assert "**Agrees:**" not in (out / "gallery" / "index.md").read_text()  # nothing is known of observed data
    assert (out / "notebooks" / "01_late.html").exists()
    assert [row["notebook"] for row in json.loads((out / "report.json").read_text())["checks"]] == ["01_late"]


def test_skipped_failed_and_independent(folder):
    """N03: what lacks data is skipped and says which."""
    write(folder, "00_absent", "1", needs=["ndvi"])
    write(folder, "01_missing", "1", needs=["dem", "magt"], products_out=["a"])
    write(folder, "02_fails", "x = 1", "raise ValueError('first\\nthe last line')", products_out=["b"])
    write(folder, "03_after_skipped", "1", products_in=["a"])
    write(folder, "04_after_failed", "1", products_in=["b"])
    write(folder, "05_independent", "1")
    done = run(folder)
    assert not done["ok"]
    rows = {nb["name"]: nb for nb in done["notebooks"]}
    assert list(told(done).values()) == ["skipped", "skipped", "failed", "skipped", "skipped", "done"]
    assert rows["00_absent"]["reason"] == "the catalog has no ndvi"
    assert "not on disk: magt" in rows["01_missing"]["reason"]
    assert rows["02_fails"]["reason"] == "ValueError: the last line"
    assert rows["02_fails"]["cell"].startswith("1 (")
    assert rows["03_after_skipped"]["reason"] == "needs product a of 01_missing, which was skipped"
    assert rows["04_after_failed"]["reason"] == "needs product b of 02_fails, which failed"
    assert "the last line" in (products.output_folder() / "report.md").read_text()


def test_another_source_stands_in_for_one_that_is_not_there(folder):
    """The notebook that can makes the product; where both can, the first one does, and is waited for."""
    write(folder, "01_usual", MAKE % "onsets", needs=["magt"], products_out=["onsets"])
    other = {"instead": {"dem": "01_usual"}, "products_used": ["onsets"], "needs": ["magt | dem"]}
    write(folder, "01b_other", MAKE % "onsets", **other)
    write(folder, "02_late", OPEN % "onsets", products_in=["onsets"])
    done = run(folder)
    assert told(done) == {"01_usual": "skipped", "01b_other": "done", "02_late": "done"}
    found = reproduce.find_notebooks(folder / "notebooks")
    assert [nb.products_out for nb in found] == [("onsets",), (), ()]
    catalog = open_catalog(folder / "data_catalog.yaml")
    assert [nb.products_out for nb in reproduce.stand_in(found, catalog)] == [(), ("onsets",), ()]
    plan = {nb.name: nb for nb in prospects.foresee(catalog, found, {"dem": "found", "magt": "missing"})}
    assert {name: nb.verdict for name, nb in plan.items()} == told(done) | {"01b_other": "runs", "02_late": "runs"}
    (folder / "magt.geojson").write_bytes(b"")
    assert reproduce.stand_in(found, open_catalog(folder / "data_catalog.yaml")) == found
    (folder / "dem.geojson").unlink()
    other = reproduce.stand_in(found, open_catalog(folder / "data_catalog.yaml"))[1]
    assert (other.products_in, other.products_used, other.products_out) == (("onsets",), (), ())


def test_a_dead_kernel_and_a_slow_cell_are_failures(folder):
    """N01: the run is not ok, so the command ends with an error."""
    write(folder, "00_dead", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    write(folder, "01_slow", "import time\ntime.sleep(60)")
    dead, slow = run(folder, only=["00"]), run(folder, only=["01"], cell_timeout=4)
    reasons = [done["notebooks"][0]["reason"] for done in (dead, slow)]
    assert told(dead) | told(slow) == {"00_dead": "failed", "01_slow": "failed"}
    assert "kernel died" in reasons[0]
    assert "longer than 4 s" in reasons[1]


def test_only_first_makes_what_is_missing_and_keeps_what_is_good(folder):
    """N02: alone, twice or after others, a notebook starts from the catalog and from products on disk."""
    write(folder, "01_first", SAVE % "lst_mean", products_out=["lst_mean"])
    made = {"products_in": ["lst_mean"], "products_out": ["freeze_thaw"]}
    write(folder, "02_second", SAVE % "freeze_thaw", **made)
    write(folder, "03_third", "1", products_in=["freeze_thaw"])
    assert list(told(run(folder, only=["03"]))) == ["01_first", "02_second", "03_third"]
    assert list(told(run(folder, only=["3"]))) == ["03_third"]
    with (folder / "data_catalog.yaml").open("a") as stream:
        stream.write("# edited: products of the earlier catalog must not be mixed in\n")
    assert list(told(run(folder, only=["02_second"]))) == ["01_first", "02_second"]
    with pytest.raises(QtpDataError, match="01_first, 02_second, 03_third"):
        run(folder, only=["09"])


def test_the_kernel_knows_where_it_is(folder, monkeypatch):
    monkeypatch.setenv("QTP_SCENE", "default")
    lines = [
        "import os, sys, json, pathlib",
        "keys = ['QTP_OUTPUT', 'QTP_CATALOG', 'QTP_NOTEBOOK', 'QTP_SCENE', 'OMP_NUM_THREADS']",
        "said = {key: os.environ[key] for key in keys} | {'python': sys.executable, 'cwd': os.getcwd()}",
        "pathlib.Path('said.json').write_text(json.dumps(said))",
    ]
    write(folder, "00_where", "\n".join(lines))
    before = dict(os.environ)
    assert run(folder, scene="tiny", out=folder / "elsewhere", jobs=2)["ok"]
    assert dict(os.environ) == before
    said = json.loads((folder / "elsewhere" / "said.json").read_text())
    assert said["QTP_OUTPUT"] == said["cwd"] == str(folder / "elsewhere")
    assert said["QTP_CATALOG"] == str(folder / "data_catalog.yaml")
    assert (said["QTP_NOTEBOOK"], said["QTP_SCENE"], said["OMP_NUM_THREADS"]) == ("00_where", "tiny", "1")
    assert said["python"] == sys.executable


def test_a_given_scheduler_serves_the_notebooks(folder):
    code = (
        "import dask, sys\nfrom distributed import LocalCluster\n"
        "from qtp_toolkit.reproduce import reproduce\nfrom pathlib import Path\n"
        "if __name__ == '__main__':\n"
        "    here = Path(sys.argv[1])\n"
        "    with LocalCluster(n_workers=1, processes=False, dashboard_address='127.0.0.1:0', protocol='tcp://',\n"
        "                      host='127.0.0.1') as cluster:\n"
        "        done = reproduce(catalog=here / 'data_catalog.yaml', folder=here / 'notebooks', progress=False,\n"
        "                         out=here / 'out', scheduler=cluster.scheduler_address)\n"
        "    sys.exit(0 if done['ok'] else done['notebooks'][0]['reason'])\n"
    )
    lines = "import dask.array as da, distributed", "assert distributed.get_client()", "da.ones(4).sum().compute()"
    write(folder, "00_dask", "\n".join(lines))
    script = folder / "with_cluster.py"
    script.write_text(code)
    subprocess.run([sys.executable, str(script), str(folder)], check=True)


def test_an_interrupt_ends_the_kernels(folder, monkeypatch):
    lines = (
        "import os, time",
        "print(os.getpid(), file=open('pid.partial', 'w'), flush=True)",
        "os.rename('pid.partial', 'pid')",
        "time.sleep(3000)",
    )
    write(folder, "00_sleeps", "\n".join(lines))

    def interrupted(futures, return_when):
        while not (products.output_folder() / "pid").exists():
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    pid = int((products.output_folder() / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_kernel_that_only_starts_when_all_is_over_ends_too():
    """Its process is known from its first cell on."""
    kernels = Kernels()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as late:
        kernels.kill()
        kernels.add(late.pid)
    assert late.returncode != 0


def test_a_kernel_that_ended_is_not_killed_again():
    """Its number may be another process's by then."""
    kernels = Kernels()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        kernels.add(other.pid)
        kernels.discard(other.pid)
        kernels.kill()
        other.communicate(b"\n")
    assert other.returncode == 0


def test_a_broken_notebook_file_is_named(folder):
    (folder / "notebooks" / "00_broken.ipynb").write_text("{")
    with pytest.raises(QtpDataError, match="00_broken"):
        run(folder)


def test_notebooks_that_wait_for_each_other_are_refused(folder):
    write(folder, "00_egg", "1", products_in=["a"], products_out=["b"])
    write(folder, "01_hen", "1", products_in=["b"], products_out=["a"])
    with pytest.raises(QtpDataError, match="wait for each other"):
        run(folder)


def test_a_notebook_that_breaks_its_promise_fails(folder):
    write(folder, "00_forgets", "1", products_out=["lst_mean"])
    assert run(folder)["notebooks"][0]["reason"] == "it did not save lst_mean"


COUNT = "import pathlib\np = pathlib.Path('%s')\np.write_text(p.read_text() + '.' if p.exists() else '.')"


def test_resume_keeps_what_the_same_inputs_finished(folder):
    for number, word in ((1, "lst_mean"), (2, "freeze_thaw")):
        made = {"products_out": [word], "products_in": ["lst_mean"] if number == 2 else []}
        write(folder, f"0{number}_made", MAKE % word, COUNT % f"{number}.txt", **made)
    write(folder, "03_fails", "1 / 0", products_in=["freeze_thaw"])
    out = folder / "out"

    def runs():
        done = told(run(folder, out=out, resume=True))
        return done["03_fails"], [len((out / f"{k}.txt").read_text()) for k in (1, 2)]

    assert runs() == ("failed", [1, 1])
    write(folder, "03_fails", "1", products_in=["freeze_thaw"])
    assert runs() == ("done", [1, 1])
    shutil.rmtree(out / "products" / "lst_mean.zarr")
    assert runs() == ("done", [2, 2])
    (folder / "magt.geojson").write_bytes(b"new")
    assert runs() == ("done", [3, 3])
    run(folder, out=out)
    assert len((out / "1.txt").read_text()) == 4


def test_without_a_terminal_a_line_says_when_a_notebook_begins(folder, capsys):
    write(folder, "01_one", "1")
    reproduce.reproduce(catalog=folder / "data_catalog.yaml", folder=folder / "notebooks", progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["begins", "01_one"]
    assert lines[1].split()[:2] == ["done", "01_one"]


def test_a_notebook_may_end_early_and_well(folder):
    write(folder, "01_one", MAKE % "onsets", "from qtp_toolkit import report\nreport.end_here('no soil')", "1 / 0")
    (row,) = run(folder)["notebooks"]
    assert (row["status"], row["reason"]) == ("done", "no soil")
    page = (products.output_folder() / "notebooks" / "01_one.html").read_text()
    assert "no soil" in page
    assert "Traceback" not in page


def test_an_unknown_scene_is_refused_before_anything_is_written(folder):
    with pytest.raises(QtpDataError, match="gigantic"):
        run(folder, scene="gigantic", out=folder / "out")
    assert not (folder / "out").exists()


USE = "from qtp_toolkit import products\nassert products.exists('onsets') is %s"


def test_products_used_are_made_first_and_can_do_without(folder):
    """A notebook waits for what it uses, is chosen with its maker, and runs where there is none."""
    write(folder, "01_user", USE % True, products_used=["onsets"])
    write(folder, "02_maker", MAKE % "onsets", needs=["dem"], products_out=["onsets"])
    assert told(run(folder, only=["01"])) == {"01_user": "done", "02_maker": "done"}
    user = reproduce.find_notebooks(folder / "notebooks")[0]
    assert (user.products_in, user.products_used, user.awaits) == ((), ("onsets",), ("onsets",))
    write(folder, "01_user", USE % False, products_used=["onsets"])
    write(folder, "02_maker", MAKE % "onsets", needs=["magt"], products_out=["onsets"])
    (folder / "dem.geojson").write_bytes(b"new")
    assert told(run(folder, out=folder / "out")) == {"01_user": "done", "02_maker": "skipped"}
    write(folder, "02_maker", "1 / 0", needs=["dem"], products_out=["onsets"])
    assert told(run(folder, out=folder / "out")) == {"01_user": "done", "02_maker": "failed"}


def test_resume_runs_a_user_again_with_its_maker(folder):
    write(folder, "01_user", "1", COUNT % "user.txt", products_used=["onsets"])
    write(folder, "02_maker", MAKE % "onsets", needs=["magt"], products_out=["onsets"])
    out = folder / "out"

    def runs():
        done = told(run(folder, out=out, resume=True))
        return done["02_maker"], len((out / "user.txt").read_text())

    assert runs() == ("skipped", 1)
    assert runs() == ("skipped", 1)
    write(folder, "02_maker", MAKE % "onsets", needs=["dem"], products_out=["onsets"])
    assert runs() == ("done", 1)  # kept: it was finished without
    shutil.rmtree(out / "products" / "onsets.zarr")
    write(folder, "02_maker", MAKE % "onsets", "1", needs=["dem"], products_out=["onsets"])
    assert runs()[0] == "done"


def test_scenes_that_there_are_pass():
    reproduce.check_scene(None)
    reproduce.check_scene("tiny")
    with pytest.raises(QtpDataError, match="tiny, default, 90m"):
        reproduce.check_scene("gigantic")
