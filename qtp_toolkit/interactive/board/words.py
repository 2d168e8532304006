"""What the dashboard says in words and numbers: HTML, every text of the data escaped."""

from __future__ import annotations

import html
import math

from qtp_toolkit.interactive.board.apart import ESTIMATES, how_known
from qtp_toolkit.interactive.board.curves import error_of
from qtp_toolkit.interactive.board.difference import Difference, difference_with_distance
from qtp_toolkit.interactive.board.maps import PICKED
from qtp_toolkit.interactive.board.pixel import Change, Reading
from qtp_toolkit.interactive.board.prepared import Prepared
from qtp_toolkit.interactive.board.region import Region
from qtp_toolkit.interactive.page import safe

SHOWN = {
    "linear_rate": ("rate", "mm/yr", 2),
    "seasonal_amplitude": ("seasonal amplitude", "mm", 1),
    "rms": ("rms", "mm", 1),
}
HINT = "Click on a map for the series of a pixel; shift-click, or switch to B, for a second one."
DRAW = "Choose <b>Draw a region</b> above the maps and circle an area with the mouse."


def text(words: object) -> str:
    """Text of the data as HTML."""
    return html.escape(safe(words))


def place(prepared: Prepared, x: float, y: float, digits: int = 4) -> str:
    """Latitude and longitude of a place."""
    lon, lat = (float(value) for value in prepared.frame.lonlat(x, y))
    return f"{abs(lat):.{digits}f}° {'S' if lat < 0 else 'N'}, {abs(lon):.{digits}f}° {'W' if lon < 0 else 'E'}"


def number(value: float, digits: int, sigma: float = math.nan) -> str:
    """Write a number with its standard deviation if that is known."""
    if not math.isfinite(value):
        return "–"
    said = f"{value:.{digits}f}"
    return f"{said} ± {sigma:.{digits}f}" if math.isfinite(sigma) else said


def title_of(prepared: Prepared, first: Reading | None, second: Reading | None) -> str:
    """Title of the series (plain text)."""
    note = prepared.about["note"]
    if first is None:
        return "Click on a map"
    digits = 4 if second is None else 2
    said = f"A {place(prepared, first.x, first.y, digits)}"
    if second is not None:
        said += f"; B {place(prepared, second.x, second.y, digits)}"
    elif first.why:
        said += f": {first.why}"
    return " · ".join(part for part in (safe(said), safe(note)) if part)


def describe_points(prepared: Prepared, first: Reading | None, second: Reading | None, change: Change) -> str:
    """Table of the clicked points: the maps there, the model as the sliders have it, the difference."""
    if first is None:
        return f"<p>{HINT}</p>"
    points = [point for point in (first, second) if point is not None]
    live = change != Change()
    head = "".join(
        f"<th style='color:{color}'>{name}</th>" + (f"<th>{name}, sliders</th>" if live else "")
        for name, color, _ in zip("AB", PICKED, points, strict=False)
    )
    head += "<th>A − B</th>" if second is not None else ""
    rows = [_row("", [_where(prepared, point) for point in points], live, second is not None)]
    km, apart = (0.0, {}) if second is None else difference_with_distance(prepared, first, second)
    for name, (word, unit, digits) in SHOWN.items():
        cells = []
        for point in points:
            value, sigma = (prepared.value(key, point.row, point.column) for key in (name, f"{name}_std"))
            cells.append(number(value, digits, sigma))
            if live:
                cells.append(number(point.estimate(name), digits))
        if second is not None:
            cells.append(number(apart[name].value, digits, apart[name].sigma) if name in apart else "")
        rows.append(f"<tr><td>{word} ({unit})</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    factors = _factors(prepared, first)
    reasons = [f"{name}: no deformation, {text(p.why)}" for name, p in zip("AB", points, strict=False) if p.why]
    notes = [f"<b>{'; '.join(reasons)}.</b>"] if reasons else []
    if not first.why and first.displacement is not None:
        notes.append(f"Bars: one standard deviation, {error_of(first)[1]}.")
    notes += _say_apart(prepared, km, apart) if apart else []
    return f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table><p>{' '.join(notes)}</p>{factors}"


def _say_apart(prepared: Prepared, km: float, apart: dict[str, Difference]) -> list[str]:
    """Say how well the difference is known, without and with the errors that places share."""
    if not all(math.isfinite(apart[name].alone) for name in ESTIMATES):
        return []
    alone, shared = (
        " and ".join(f"{getattr(apart[name], key):.{SHOWN[name][2]}f} {SHOWN[name][1]}" for name in ESTIMATES)
        for key in ("alone", "shared")
    )
    said = [f"<br><b>A and B are {km:.1f} km apart.</b> A − B is known to ± {alone} by their two series alone."]
    how = text(how_known(prepared, km))
    if math.isfinite(sum(apart[name].shared for name in ESTIMATES)):
        said.append(f"With what places share (air, ramps), to ± {shared}: so much do {how}. The table has the larger.")
    else:
        said.append(f"What places share of their errors is {how}.")
    return said


def _where(prepared: Prepared, point: Reading) -> str:
    return text(place(prepared, point.x, point.y)).replace(", ", "<br>")


def _row(word: str, cells: list[str], live: bool, apart: bool) -> str:
    span = " colspan=2" if live else ""
    out = "".join(f"<td{span}>{cell}</td>" for cell in cells) + ("<td></td>" if apart else "")
    return f"<tr><td>{word}</td>{out}</tr>"


def _factors(prepared: Prepared, point: Reading) -> str:
    """Factors at the pixel, one line."""
    known = {*SHOWN, "reason", "intercept", "seasonal_coefficient", "longitude", "latitude"}
    said = []
    for name, layer in prepared.layers.items():
        value = prepared.value(name, point.row, point.column)
        if name in known or name.endswith("_std") or not math.isfinite(value):
            continue
        if "classes" in layer:
            said.append(text(layer["classes"].get(str(int(value)), int(value))))
            continue
        word = text(layer["label"].rsplit(" (", 1)[0].lower().replace("los ", "LOS ").replace("ndvi", "NDVI"))
        unit = text(layer["label"].rsplit(" (", 1)[1][:-1]) if " (" in layer["label"] else ""
        said.append(f"{word} {value:.4g}{'' if unit == '°' else ' '}{unit}".strip())
    return f"<details><summary>Factors here</summary>{'; '.join(said)}.</details>" if said else ""


def describe_region(prepared: Prepared, region: Region | None, value: str, factor: str) -> str:
    """Say what the region holds."""
    if region is None:
        return f"<p>{DRAW}</p>"
    if region.table is None:
        return f"<p><b>No box plot: {text(region.why)}.</b> {DRAW}</p>"
    every = f", one row and column in {region.step}" if region.step > 1 else ""
    q = region.q.get(factor, math.nan)
    chance = (region.table.sizes["stratum"] - 1) / max(region.pixels - 1, 1)
    name, other = (text(prepared.layers[key]["label"]) for key in (value, factor))
    return (
        f"<p>{name} by {other}: <b>q = {q:.3f}</b>; {region.pixels:,} pixels with a value{every}. Of unrelated pixels "
        f"{chance:.4f} is expected; of smooth maps, which these are, far more: notebook 07 has the test.</p>"
    )
