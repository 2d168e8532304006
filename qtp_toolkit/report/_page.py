"""The report as a page that a person reads: data, maps, paper against run, figures, times, checks, red ones first."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from qtp_toolkit.report._figures import FIGURES
from qtp_toolkit.report._images import inline, words_of

_STYLE = """
body{font:16px/1.55 system-ui,sans-serif;color:#1c1c1c;max-width:62rem;margin:0 auto;padding:1rem}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.2rem 0 .6rem;border-bottom:1px solid #ddd}
h3{font-size:1.05rem;margin:1.4rem 0 .3rem}a{color:#1f4e79}
.banner{background:#fff3d6;border-left:6px solid #e0a100;padding:.7rem 1rem;margin:1rem 0}
.bad{background:#fdeaea;border-left-color:#c1121f}.red{color:#c1121f;font-weight:600}.green{color:#1a7f37}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}
td,th{border-bottom:1px solid #ddd;padding:.3rem .6rem .3rem 0;text-align:left;vertical-align:top}
figure{margin:1rem 0 1.6rem}img{max-width:100%;height:auto;display:block}
figcaption{font-size:.92rem;color:#333;margin-top:.4rem}
details{margin:.4rem 0;border:1px solid #ddd;border-radius:4px;padding:.4rem .8rem}summary{cursor:pointer}
ul{padding-left:1.2rem}li,td{overflow-wrap:break-word}
.wide table:has(th){min-width:34rem}
"""


def page(run: dict[str, Any], folder: Path) -> str:
    """Return the whole page; ``run`` is what the report's JSON holds."""
    title = f"Report: {run.get('title') or 'a region without a title'}"
    parts = [f"<h1>{_safe(title)}</h1>", _banner(run), _overview(run), _red(run), _maps(run, folder), _paper(run)]
    parts += [_figures(run, folder), _notebooks(run), _checks(run), _files(run)]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    head += f"<title>{_safe(title)}</title><style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _safe(text: object) -> str:
    return html.escape(str(text), quote=True)


def _banner(run: dict[str, Any]) -> str:
    kinds = set(run.get("provenance", ()))
    if "synthetic" not in kinds:
        return ""
    whose = "All data" if kinds == {"synthetic"} else "Part of the data"
    return (
        f'<p class="banner"><b>{whose} are synthetic.</b> The scene was made by the rules that the paper finds: what '
        "agrees below shows that the toolkit finds what was put in, not what the ground does.</p>"
    )


def _overview(run: dict[str, Any]) -> str:
    red = sum(not row["passed"] for row in run["checks"])
    status = [nb["status"] for nb in run["notebooks"]]
    rows = [
        ("Result", "passed" if run["ok"] else "FAILED"),
        ("Notebooks", ", ".join(f"{status.count(word)} {word}" for word in ("done", "skipped", "failed"))),
        ("Checks", f"{len(run['checks']) - red} passed, {red} red"),
        ("Time", _time(run)),
        ("Data", ", ".join(run.get("provenance", ())) or "not said"),
        *([("Scene", run["scene"])] if run.get("scene") else []),
    ]
    return _table([], [[_safe(name), _safe(value)] for name, value in rows])


def _time(run: dict[str, Any]) -> str:
    notebooks = sum(nb["seconds"] for nb in run["notebooks"])
    whole = f"; {_minutes(run['seconds'])} in all" if run.get("seconds") else ""
    return f"{_minutes(notebooks)} in notebooks{whole}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _red(run: dict[str, Any]) -> str:
    failed = [nb for nb in run["notebooks"] if nb["status"] == "failed"]
    red = [row for row in run["checks"] if not row["passed"]]
    if not failed and not red:
        return ""
    items = [f"{_link(nb['name'])}: {_safe(nb['reason'])} (cell {_safe(nb['cell'])})" for nb in failed]
    items += [_line(row) for row in red]
    return f'<h2>What is red</h2><div class="banner bad"><ul>{"".join(f"<li>{item}</li>" for item in items)}</ul></div>'


def _line(row: dict[str, Any]) -> str:
    mark = '<span class="green">&#10003;</span>' if row["passed"] else '<span class="red">&#10007;</span>'
    means = "" if row["passed"] or not row.get("means") else f"<br>{_safe(row['means'])}"
    words = _safe(row["line"])
    return f"{mark} {words if row['passed'] else f'<b>{words}</b>'}{means}"


def _maps(run: dict[str, Any], folder: Path) -> str:
    if "figures/fig03.png" not in run["figures"]:
        return ""
    return f"<h2>The maps</h2>{_figure('figures/fig03.png', run, folder)}"


def _paper(run: dict[str, Any]) -> str:
    if not run["paper"]:
        return ""
    rows = [[_safe(cell) for cell in row] for row in run["paper"]]
    return "<h2>Paper and this run</h2>" + _table(["", "paper", "where", "this run"], rows)


def _figures(run: dict[str, Any], folder: Path) -> str:
    shown = [path for name in FIGURES if (path := f"figures/{name}.png") in run["figures"] and name != "fig03"]
    others = [path for path in run["figures"] if Path(path).stem not in FIGURES]
    parts = ["<h2>Figures</h2>", *(_figure(path, run, folder) for path in shown)]
    for nb in run["notebooks"]:
        of_it = [path for path in others if _notebook_of(path, run) == nb["name"]]
        parts.append(_folded(f"{nb['name']}: {len(of_it)} more", [_figure(path, run, folder) for path in of_it]))
    rest = [path for path in others if _notebook_of(path, run) is None]
    parts.append(_folded(f"{len(rest)} others", [_figure(path, run, folder) for path in rest]))
    return "".join(parts) if run["figures"] else ""


def _folded(summary: str, parts: list[str], *, unfolded: bool = False) -> str:
    start = "<details open>" if unfolded else "<details>"
    return f"{start}<summary>{summary}</summary>{''.join(parts)}</details>" if parts else ""


def _notebook_of(path: str, run: dict[str, Any]) -> str | None:
    """Name of the notebook that makes a figure."""
    stem = Path(path).stem
    for nb in run["notebooks"]:
        if stem in nb.get("figures", ()) or stem.startswith(f"nb{nb['name'][:2]}_"):
            return str(nb["name"])
    return None


def _figure(path: str, run: dict[str, Any], folder: Path) -> str:
    stem, notebook = Path(path).stem, _notebook_of(path, run)
    known = FIGURES.get(stem)
    try:
        source, words = inline(folder / path), words_of(folder / path)
    except OSError:  # not a picture: listed all the same
        source, words = _safe(path), ""
    caption = (
        f"<b>{_safe(known.title)}.</b> {_safe(known.caption)}" if known else f"<b>{_safe(stem)}.</b> {_safe(words)}"
    )
    link = f" Made by {_link(notebook)}." if notebook else ""
    pdf = f' <a href="{_safe(Path(path).with_suffix(".pdf").as_posix())}">PDF</a>'
    image = f'<img src="{source}" alt="{_safe(words or stem)}" loading="lazy">'
    return f"<figure>{image}<figcaption>{caption}{link}{pdf}</figcaption></figure>"


def _link(notebook: str) -> str:
    name = _safe(notebook)
    return f'<a href="notebooks/{name}.html">{name}</a>'


def _notebooks(run: dict[str, Any]) -> str:
    rows = []
    for nb in run["notebooks"]:
        name = _link(nb["name"]) if nb["status"] != "skipped" else _safe(nb["name"])
        state = f'<span class="red">{nb["status"]}</span>' if nb["status"] == "failed" else _safe(nb["status"])
        rows.append([name, _safe(nb.get("title", "")), state, f"{nb['seconds']:.1f} s", _safe(nb["reason"])])
    return "<h2>Notebooks</h2>" + _table(["notebook", "", "status", "time", "reason"], rows)


def _checks(run: dict[str, Any]) -> str:
    names = dict.fromkeys(row["notebook"] for row in sorted(run["checks"], key=lambda row: row["passed"]))
    parts = []
    for name in names:
        rows = sorted((row for row in run["checks"] if row["notebook"] == name), key=lambda row: row["passed"])
        red = sum(not row["passed"] for row in rows)
        count = f'{len(rows)} checks, <span class="red">{red} red</span>' if red else f"{len(rows)} checks passed"
        items = f"<ul>{''.join(f'<li>{_line(row)}</li>' for row in rows)}</ul>"
        parts.append(_folded(f"{_safe(name)}: {count}", [items], unfolded=bool(red)))
    return f"<h2>Checks</h2>{''.join(parts)}" if parts else ""


def _files(run: dict[str, Any]) -> str:
    kinds = [kind for kind in ("maps", "tables", "products") if run[kind]]
    rows = [[_safe(kind), ", ".join(_safe(path) for path in run[kind])] for kind in kinds]
    rows.append(["catalog", _safe(run.get("catalog", ""))])
    rows.append(["versions", _safe(", ".join(f"{name} {version}" for name, version in run["versions"].items()))])
    return "<h2>Files and versions</h2>" + _table([], rows)


def _table(header: Iterable[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{cell}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table>{f"<tr>{head}</tr>" if head else ""}{body}</table></div>'
