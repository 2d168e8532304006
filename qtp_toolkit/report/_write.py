"""The report of a run: one page that needs nothing beside it, the same in Markdown, and all numbers as JSON."""

from __future__ import annotations

import contextlib
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from qtp_toolkit.report._checks import checks
from qtp_toolkit.report._page import page
from qtp_toolkit.report._paper import beside_paper

_LISTED = {"figures": "*.png", "maps": "*.*", "tables": "*.csv", "products": "[!.]*.zarr"}


def write(run: dict[str, Any], folder: Path) -> Path:
    """Write the report of a run as ``report.html``, ``report.md`` and ``report.json`` into ``folder``.

    Parameters
    ----------
    run : dict
        What :func:`qtp_toolkit.reproduce.reproduce` returns: ``ok``, ``title``, ``provenance``, ``catalog``, ``scene``,
        ``notebooks``, ``seconds``.
    folder : pathlib.Path
        Output folder of the run; its checks, figures and maps are listed.

    Returns
    -------
    pathlib.Path
        The HTML report. It holds its pictures, and links to the executed notebooks beside it.
    """
    listed = {kind: sorted((folder / kind).glob(pattern)) for kind, pattern in _LISTED.items()}
    files = {kind: [path.relative_to(folder).as_posix() for path in paths] for kind, paths in listed.items()}
    full = {**run, "versions": versions(), "checks": checks(folder), "paper": beside_paper(folder), **files}
    (folder / "report.json").write_text(json.dumps(full, indent=1, default=str), encoding="utf-8")
    (folder / "report.md").write_text(_markdown(full), encoding="utf-8")
    target = folder / "report.html"
    target.write_text(page(full, folder), encoding="utf-8")
    return target


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that the numbers depend on."""
    names = ("qtp-toolkit", "xarray", "dask", "numpy", "scipy", "numba", "rasterio", "zarr")
    found = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return {"python": platform.python_version(), **found}


def _markdown(run: dict[str, Any]) -> str:
    """Headed tables of the report."""
    failed = [row for row in run["checks"] if not row["passed"]]
    status = [nb["status"] for nb in run["notebooks"]]
    overview = [
        ["what", "value"],
        ["region", run.get("title") or "without a title"],
        ["data", ", ".join(run.get("provenance", ()))],
        ["result", "passed" if run["ok"] else "FAILED"],
        ["notebooks", ", ".join(f"{status.count(word)} {word}" for word in ("done", "skipped", "failed"))],
        ["checks", f"{len(run['checks']) - len(failed)} passed, {len(failed)} red"],
        ["catalog", str(run.get("catalog", ""))],
        *([["scene", run["scene"]]] if run.get("scene") else []),
        ["versions", ", ".join(f"{name} {version}" for name, version in run["versions"].items())],
    ]
    notebooks = [["notebook", "status", "seconds", "cell", "reason"]]
    notebooks += [
        [nb["name"], nb["status"], f"{nb['seconds']:.1f}", nb["cell"], nb["reason"]] for nb in run["notebooks"]
    ]
    rows = [["notebook", "check", "result"]]
    for row in sorted(run["checks"], key=lambda row: row["passed"]):
        meaning = "" if row["passed"] or not row.get("means") else f": {row['means']}"
        rows.append([row["notebook"], row["line"] + meaning, "passed" if row["passed"] else "RED"])
    files = [["kind", "files"]] + [[kind, ", ".join(run[kind])] for kind in _LISTED]
    paper = [["quantity", "paper", "where", "this run"], *run["paper"]]
    tables = {"Run": overview, "Paper and this run": paper, "Notebooks": notebooks, "Checks": rows, "Files": files}
    parts = ["# qtp_toolkit: report of a run", *(f"## {title}\n\n{_table(table)}" for title, table in tables.items())]
    parts.append("## Figures\n\n" + "\n".join(f"![{path}]({path})" for path in run["figures"]))
    return "\n\n".join(parts) + "\n"


def _table(rows: list[list[str]]) -> str:
    header, *rest = rows
    lines = [header, ["---"] * len(header), *rest]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines
    )
