"""Rules for every notebook, and one run of all of them on the tiny scene, solutions included."""

from __future__ import annotations

import ast
import html
import itertools
import json
import os
import re
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab
import numpy as np
import pytest
import yaml

from qtp_toolkit import open_catalog, pecm, products, report, store, walk
from qtp_toolkit._execute import Kernels, execute
from qtp_toolkit.catalog import Settings
from qtp_toolkit.reproduce import find_notebooks, notebooks_folder, reproduce

NOTEBOOKS = sorted(notebooks_folder().glob("*.ipynb"))
NAMES = (
    "00_start_here", "01_modis_lst", "02_freeze_thaw", "03_soil_conductivity", "04_interferograms", "05_time_series",
    "05b_ready_series", "06_deformation_maps", "07_controls", "08_box_plots", "09_profiles", "10_local_regions",
    "11_alt_validation", "12_your_own_data", "13_year_by_year", "14_two_tracks",
)  # fmt: skip
HEADINGS = ("## Goals", "## You need", "## Exercises", "## Summary", "## What next", "## Links")
FIGURES = {f"fig{number:02d}" for number in range(1, 14)} | {"figS1", "figS2", "figS3"}
VARIANTS = [
    ("02", {"method": "consecutive"}),
    ("02", {"method": "cumulative"}),
    ("03", {"texture": "coarse"}),
    ("05", {"norm": "wl2", "weights": "fisher", "snap": True, "ramp": "plane", "delay": "elevation"}),
    ("05", {"norm": "l2", "weights": "variance", "ramp": "none", "delay": "none"}),
    ("05", {"weights": "unit", "ramp": "stable", "delay": "gacos"}),
    ("05", {"phase_bias": True}),
    ("05b", {"ramp": "plane"}),
    ("05b", {"ramp": "stable"}),
    ("06", {"intercept": "reference", "uncertainty": "formal"}),
    ("06", {"intercept": "none", "uncertainty": "bootstrap"}),
    ("07", {"method": "natural"}),
    ("12", {"ramp": "none"}),
    ("12", {"ramp": "plane"}),
]
"""Every value that the comments of the parameters cells offer beside the one that is set."""
FALLBACK_SOURCES = ("gacos", "opera_tropo", "stable_ground", "water_content", "viirs_lst", "era5_land", "series",
                    "temporal_coherence")  # fmt: skip
"""What only the catalog of an own region has."""
WORKSHOP = sorted((notebooks_folder() / "workshop").glob("*.ipynb"))
NEEDS = ("Before", "Reading", "Words", "Sources", "Products", "Settings", "Leaves", "Time, memory")
"""Rows of the table "You need", in this order; those of sources, products and settings may be lacking."""
MISTAKES = (
    "a fill value that is not masked", "the quality byte ignored", "least squares with unwrapping errors",
    "the missing intercept", "a reference that moves", "ramps over deformation",
    "a p value that takes pixels for independent",
)  # fmt: skip
KEYS = {"title", "paper", "needs", "uses", "products_in", "products_out", "figures"}


def source(cell):
    return "".join(cell["source"])


def code(nb):
    return [cell for cell in nb["cells"] if cell["cell_type"] == "code"]


def prose(nb):
    return "\n".join(source(cell) for cell in nb["cells"] if cell["cell_type"] == "markdown")


def lines(cell):
    """Lines of code: neither blank nor comment."""
    return [line for line in source(cell).splitlines() if line.strip() and not line.lstrip().startswith("#")]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def nb(request):
    return json.loads(request.param.read_text(encoding="utf-8"))


def test_the_walk_is_complete():
    assert tuple(path.stem for path in NOTEBOOKS) == NAMES


def test_no_outputs_are_stored(nb):
    """N08: nor paths and names of whoever ran it."""
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code(nb))
    assert "widgets" not in nb["metadata"]


def test_it_opens_anywhere(nb, request):
    assert (nb["nbformat"], nb["nbformat_minor"]) == (4, 5)
    assert nb["metadata"]["kernelspec"]["name"] == "python3"
    number = request.node.callspec.params["nb"].stem[:2]
    assert [cell["id"] for cell in nb["cells"]] == [f"{number}-{k:03d}" for k in range(len(nb["cells"]))]


def test_it_has_the_headings_in_order(nb):
    found = [line.strip() for line in prose(nb).splitlines() if line.strip() in HEADINGS]
    assert tuple(found) == HEADINGS
    assert source(nb["cells"][0]).startswith("# ")


def test_it_says_what_to_know_before_and_how_long_it_takes(nb):
    told = dict(re.findall(r"^\| (Before|Reading|Words) \| (.+) \|$", prose(nb), re.MULTILINE))
    minutes = int(re.fullmatch(r"(\d+) minutes", told["Reading"])[1])
    needed = len(re.findall(r"\w+", prose(nb))) / 200 + 0.3 * len(code(nb))  # words a minute; a look at each cell
    assert minutes % 5 == 0
    assert abs(minutes - needed) <= 5
    assert told["Before"]
    assert_words_are_explained(told["Words"])


def test_what_it_needs_is_told_in_the_same_words_everywhere(nb):
    (cell,) = (source(cell) for cell in nb["cells"] if "## You need" in source(cell))
    rows = re.findall(r"^\| ([A-Z].*?) \|", cell, re.MULTILINE)
    assert len(set(rows)) == len(rows)
    assert set(NEEDS) - {"Sources", "Products", "Settings"} <= set(rows) <= set(NEEDS)
    if nb["cells"][0]["id"][:2] <= "12":
        assert rows == [row for row in NEEDS if row in rows]


def assert_words_are_explained(row):
    """Each word of the row stands in the glossary, to which the row links."""
    glossary = (notebooks_folder() / "glossary.md").read_text(encoding="utf-8")
    known = " ".join(re.findall(r"^\| \*\*(.+?)\*\*", glossary, re.MULTILINE)).replace("*", "").lower()
    link, _, words = row.partition(": ")
    assert re.fullmatch(r"\[glossary\]\((\.\./)?glossary\.md\)", link)
    assert [word for word in words.split(", ") if word.lower() not in known] == []


def test_a_picture_comes_before_the_formula(nb):
    first = {
        kind: next((k for k, cell in enumerate(nb["cells"]) if mark in source(cell)), None)
        for kind, mark in (("picture", "plot.save("), ("formula", "$$"))
    }
    if first["formula"] is not None:
        assert first["picture"] < first["formula"]


def test_every_answer_is_closed_and_says_why(nb):
    cells = nb["cells"][next(k for k, cell in enumerate(nb["cells"]) if source(cell).startswith("## Exercises")) :]
    numbered = sum(len(re.findall(r"^\*\*\d\.\*\*", source(cell), re.MULTILINE)) for cell in cells)
    kinds = "".join("s" if "solution" in tags(cell) else "w" if "why" in tags(cell) else "-" for cell in cells)
    assert len(re.findall("-s+w", kinds)) == numbered == kinds.count("w") >= 3
    for before, cell in itertools.pairwise(cells):
        if "solution" in tags(cell) and "solution" not in tags(before):
            assert source(cell).startswith("# A solution")  # the line that JupyterLab shows of a closed cell
        if "why" in tags(cell):
            words = r"<details><summary>Answer and why</summary>\n\n(.+)\n\n</details>"
            assert len(re.fullmatch(words, source(cell), re.DOTALL)[1].split()) >= 10


def tags(cell):
    return cell["metadata"].get("tags", [])


def test_links_lead_somewhere(nb, request):
    folder = request.node.callspec.params["nb"].parent
    found = re.findall(r"\]\((?!http)([^)#]+)\)", prose(nb))
    assert [link for link in found if not (folder / link).exists()] == []
    assert re.search(r"^## Links\n\n\[.+\]\(https://doi\.org/10\..+\)", prose(nb), re.MULTILINE)


def test_common_mistakes_are_shown_going_wrong_with_a_number():
    shown = []
    for path in (*NOTEBOOKS, *WORKSHOP):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for k, cell in enumerate(cells):
            for mistake in re.findall(r"^### A common mistake: (.+)$", source(cell), re.MULTILINE):
                shown.append(mistake)
                after = next(j for j, c in enumerate([*cells, cells[0]]) if j > k and source(c).startswith("#"))
                assert any("check(" in source(c) for c in cells[k:after] if c["cell_type"] == "code"), mistake
                told = "\n".join(source(c) for c in cells[k : after + 1] if c["cell_type"] == "markdown")
                told = re.split(r"^#{2,3} ", told.partition(mistake)[2], maxsplit=1, flags=re.MULTILINE)[0]
                assert len(re.findall(r"^\*\*How to see it\.\*\* .{60}", told, re.MULTILINE)) == 1, mistake
    assert set(shown) == set(MISTAKES)


def test_the_teaching_page_says_where_each_mistake_is_made():
    page = (notebooks_folder().parent / "docs" / "teaching.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| (.+?) \| (workshop \d, \d\d) \|", page, re.MULTILINE))
    made = {mistake: [] for mistake in MISTAKES}
    for path in (*WORKSHOP, *NOTEBOOKS):
        told = prose(json.loads(path.read_text(encoding="utf-8")))
        for mistake in re.findall(r"^### A common mistake: (.+)$", told, re.MULTILINE):
            made[mistake].append(f"workshop {path.stem[0]}" if path in WORKSHOP else path.stem[:2])
    assert listed == {mistake: ", ".join(places) for mistake, places in made.items()}


def test_it_teaches(nb):
    assert len(re.findall(r"\w+", prose(nb))) >= 500


def test_its_cells_are_short_and_define_nothing(nb):
    for cell in code(nb):
        assert len(lines(cell)) <= 5, source(cell)
        tree = ast.parse(source(cell))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert not [node for node in ast.walk(tree) if isinstance(node, kinds)], source(cell)


def test_its_code_is_no_wider_than_a_page(nb):
    assert [line for cell in code(nb) for line in source(cell).splitlines() if len(line) > 100] == []


def test_it_has_one_imports_cell_and_one_parameters_cell(nb):
    importing = [k for k, cell in enumerate(code(nb)) if re.search(r"^(import|from) ", source(cell), re.MULTILINE)]
    assert importing == [0]
    marks = Counter(tag for cell in code(nb) for tag in tags(cell))
    assert marks["parameters"] == 1
    assert marks["solution"] >= 1


def test_solutions_are_hidden(nb):
    for cell in code(nb):
        if "solution" in cell["metadata"].get("tags", []):
            assert cell["metadata"]["jupyter"]["source_hidden"] is True


def test_it_asserts_numbers(nb):
    assert sum("check(" in source(cell) or "assert " in source(cell) for cell in code(nb)) >= 2


def test_it_names_no_path_of_a_machine(nb):
    text = "\n".join(source(cell) for cell in nb["cells"])
    assert not re.search(r"/(?:home|root|Users|work|tmp|mnt|data)/\w|[A-Z]:\\\\", text)


def test_its_metadata_says_what_it_needs_and_makes(nb):
    said = nb["metadata"]["qtp"]
    assert set(said) - {"fallbacks", "products_used", "instead"} == KEYS
    sources = yaml.safe_load((notebooks_folder().parent / "data_catalog.yaml").read_text())["sources"]
    words = {word for words in said["needs"] for word in words.split(" | ")}
    needed = {word for word in words if not word.startswith("settings.")}
    assert {*needed, *said["uses"]} <= {*sources, *FALLBACK_SOURCES}
    assert {word.removeprefix("settings.") for word in words - needed} <= set(Settings.model_fields)
    optional = {word for key in said.get("fallbacks", {}) for word in re.split(r"[ ,|]+", key)}
    assert {word for word in optional if not word.startswith("settings.")} <= set(said["uses"])
    named = {*said["products_in"], *said.get("products_used", ()), *said["products_out"]}
    assert named <= set(products.PRODUCTS)
    text = "\n".join(source(cell) for cell in code(nb))
    assert all(re.search(rf"[\"']{figure}[\"']", text) for figure in said["figures"])
    assert all(re.search(rf"[\"']{name}[\"']", text) for name in named)


def test_sources_that_it_opens_are_declared(nb):
    said = nb["metadata"]["qtp"]
    text = "\n".join(source(cell) for cell in code(nb))
    opened = set(re.findall(r"catalog\[[\"'](\w+)[\"']\]", text))
    assert opened <= {word for words in (*said["needs"], *said["uses"]) for word in words.split(" | ")}


def test_every_product_has_one_maker_and_every_figure_a_notebook():
    notebooks = find_notebooks()
    made = Counter(product for nb in notebooks for product in nb.products_out)
    assert made == Counter(products.PRODUCTS.keys())
    assert {product: nb.name for nb in notebooks for product in nb.products_out} == products.PRODUCTS
    assert {figure for nb in notebooks for figure in nb.figures} >= FIGURES


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All notebooks on the tiny scene: what the run says of them, and its folder (``QTP_TEST_RUN`` keeps it)."""
    out = Path(os.environ.get("QTP_TEST_RUN") or tmp_path_factory.mktemp("run"))
    catalog = notebooks_folder().parent / "data_catalog.yaml"
    return reproduce(scene="tiny", catalog=catalog, out=out, progress=False), out


@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_all_notebooks_run_on_the_tiny_scene(run):
    done, out = run
    assert [nb for nb in done["notebooks"] if nb["status"] != "done"] == []
    assert {path.stem for path in (out / "figures").glob("*.png")} >= FIGURES
    assert len(list((out / "maps").glob("*.tif"))) >= 2
    told = json.loads((out / "report.json").read_text())
    assert {row["notebook"] for row in told["checks"]} == set(NAMES)
    assert all(row["passed"] for row in told["checks"])


@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_the_program_of_the_scaling_page_makes_the_maps_of_the_notebooks(run, tmp_path, monkeypatch):
    """The notebooks' functions from a compact store, as docs/scaling.md writes them.

    Its ramps come from the 105 points that the quicklook has of so small a scene.
    """
    page = (notebooks_folder().parent / "docs" / "scaling.md").read_text(encoding="utf-8")
    monkeypatch.setenv("QTP_SCENE", "tiny")
    monkeypatch.setenv("QTP_OUTPUT", str(run[1]))
    monkeypatch.chdir(tmp_path)
    exec(compile(re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1), "scaling.md", "exec"), {})
    stored, saved = store.open_store("area", name="deformation").load(), products.open("deformation").load()
    valid = (stored["reason"] == 0) & (saved["reason"] == 0)
    assert valid.sum() > 0.9 * (saved["reason"] == 0).sum()
    for name in ("linear_rate", "seasonal_amplitude"):
        assert abs(stored[name] - saved[name]).where(valid).median() < 0.25


@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_the_walk_in_a_few_calls_makes_the_series_of_the_notebooks(run, monkeypatch):
    monkeypatch.setenv("QTP_SCENE", "tiny")
    monkeypatch.setenv("QTP_OUTPUT", str(run[1]))
    short = walk.displacement(open_catalog(notebooks_folder().parent / "data_catalog.yaml"))["displacement"]
    long = products.open("time_series")["displacement"].load()
    both = np.isfinite(short) & np.isfinite(long)
    assert float(both.sum() / np.isfinite(long).sum()) > 0.99
    assert float(abs(short - long).where(both).max()) < 0.01


@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_every_saved_figure_is_seen_finished_in_its_page(run):
    seen = []
    for path in NOTEBOOKS:
        text = "\n".join(source(cell) for cell in code(json.loads(path.read_text(encoding="utf-8"))))
        saved = re.findall(r"plot\.save\(.*, \"(\w+)\"\)", text)
        page = (run[1] / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert len(re.findall(r"<img [^>]*src=\"data:image/png", page)) == len(saved)
        assert re.findall(r"<img alt=\"(\w+)", page) == saved
        seen += saved
    assert len(seen) >= 41
    assert sorted(seen) == sorted(path.stem for path in (run[1] / "figures").glob("*.png"))


@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_pages_show_checks_and_neither_paths_nor_reprs_nor_warnings(run):
    rows = Counter(row["notebook"] for row in json.loads((run[1] / "report.json").read_text())["checks"])
    for path in NOTEBOOKS:
        page = (run[1] / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        plain = re.findall(
            r"<pre>(.*?)</pre>", re.sub(r"<div class=\"highlight.*?</pre>", "", page, flags=re.DOTALL), re.DOTALL
        )
        shown = html.unescape("\n".join(plain))
        assert not re.findall(r"PosixPath|Warning: |<\w+[^>]* at 0x|^<Axes|^\(?np\.\w+\(|^'.*'$", shown, re.MULTILINE)
        assert str(run[1]) not in shown
        assert page.count(f"{chr(10003)}</b> ") >= rows[path.stem]


@pytest.mark.browser
@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_pages_fetch_nothing(run):
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium, or put one on the PATH")
    api = pytest.importorskip("playwright.sync_api")
    asked = []
    with api.sync_playwright() as play:
        page = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page()
        page.on("request", lambda request: asked.append(request.url))
        for path in NOTEBOOKS:
            page.goto((run[1] / "notebooks" / f"{path.stem}.html").as_uri())
            page.wait_for_timeout(1000)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@lab.TRY_AGAIN
@pytest.mark.browser
@pytest.mark.notebooks
@pytest.mark.timeout(1800)
def test_notebooks_run_in_jupyterlab(watched, run, tmp_path):
    """The first, the longest and the last of the paper, from the products of the run, and nothing is fetched."""
    page, seen = watched
    room = tmp_path / "clone"
    shutil.copytree(notebooks_folder(), room / "notebooks", ignore=shutil.ignore_patterns(".*", "qtp_output"))
    shutil.copytree(run[1] / "products", room / "qtp_output" / "products")
    shutil.copy(notebooks_folder().parent / "data_catalog.yaml", room)
    where = {"QTP_SCENE": "tiny", "QTP_OUTPUT": str(room / "qtp_output")}
    with lab.served(room / "notebooks", tmp_path / "lab.log", **where) as address:
        lab.open_lab(page, address)
        for name in ("00_start_here", "06_deformation_maps", "11_alt_validation"):
            cells, errors = lab.run_all(page, f"{name}.ipynb")
            assert errors == [], name
            assert all(cell["execution_count"] for cell in cells if cell["cell_type"] == "code"), name
            folder = os.environ.get("QTP_SCREENSHOTS", tmp_path)
            page.screenshot(path=os.path.join(folder, f"{name}.png"))  # noqa: PTH118
            page.evaluate(lab.END)
    assert seen["elsewhere"] == []


def parameters(nb):
    """Names of the parameters cell, their values, and the words that its comments offer for them."""
    (cell,) = (cell for cell in code(nb) if "parameters" in cell["metadata"].get("tags", []))
    for line in source(cell).splitlines():
        told, _, comment = line.partition("#")
        name, _, value = told.partition(" = ")
        yield name.strip(), value.strip(), set(re.findall(r"\"(\w+)\"", comment))


def test_every_value_that_is_offered_is_tried():
    tried = {(number, name, value) for number, values in VARIANTS for name, value in values.items()}
    for path in NOTEBOOKS:
        for names, values, offered in parameters(json.loads(path.read_text(encoding="utf-8"))):
            for name, set_to in zip(names.split(", "), values.split(", "), strict=False):
                others = {value for value in offered if set_to[0] == '"' and json.dumps(value) != set_to}
                others |= {"True": {False}, "False": {True}}.get(set_to, set())
                assert {(path.stem.split("_")[0], name, value) for value in others} <= tried


@pytest.mark.notebooks
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("number", "values"), VARIANTS)
def test_every_value_that_is_offered_runs_through(run, tmp_path, number, values):
    (path,) = (path for path in NOTEBOOKS if path.stem.startswith(f"{number}_"))
    nb = json.loads(path.read_text(encoding="utf-8"))
    (cell,) = (cell for cell in code(nb) if "parameters" in cell["metadata"].get("tags", []))
    for name, value in values.items():
        text = re.sub(rf"^{name}(, \w+)? = [\w\"]+", rf"{name}\1 = {value!r}", source(cell), flags=re.MULTILINE)
        text = re.sub(rf"^(\w+, {name} = \w+, )\w+", rf"\g<1>{value!r}", text, flags=re.MULTILINE)
        assert text != source(cell)
        cell["source"] = [text]
    changed, out = tmp_path / path.name, tmp_path / "out"
    changed.write_text(json.dumps(nb), encoding="utf-8")
    shutil.copytree(run[1] / "products", out / "products")
    catalog = notebooks_folder().parent / "data_catalog.yaml"
    ours = {"QTP_OUTPUT": str(out), "QTP_SCENE": "tiny", "QTP_CATALOG": str(catalog), "QTP_NOTEBOOK": path.stem}
    env = {**os.environ, **ours, "OMP_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    options = {"out": out, "env": env, "timeout": 300, "kernels": Kernels(), "on_cell": lambda: None}
    with ThreadPoolExecutor(1) as pool:  # the browser of another test keeps an event loop in this thread
        done = pool.submit(execute, changed, **options).result()
    assert (done.status, done.reason, done.cell) == ("done", "", "")


@pytest.mark.notebooks
@pytest.mark.timeout(1200)
def test_a_stack_of_the_other_sign_is_noticed(run, monkeypatch):
    """I16: inversion and fit are linear, so the maps of a stack turned round are those of the run times -1."""
    monkeypatch.setenv("QTP_SCENE", "tiny")
    cells = code(json.loads((notebooks_folder() / "06_deformation_maps.ipynb").read_text(encoding="utf-8")))
    (cell,) = (source(cell) for cell in cells if "thaw settles" in source(cell))
    monkeypatch.setenv("QTP_OUTPUT", str(run[1]))
    maps = products.open("deformation").load()
    monkeypatch.setenv("QTP_OUTPUT", str(run[1] / "turned"))
    names = {"check": report.check, "pecm": pecm, "peak": None}
    exec(cell, {**names, "deformation": maps})
    assert [row["passed"] for row in report.checks()] == [True]
    exec(cell, {**names, "deformation": -maps[["seasonal_coefficient"]]})
    assert [(row["passed"], "sign or pair order" in row["means"]) for row in report.checks()] == [(False, True)]
