"""Numeric checks of the notebooks: a number is held against its limits, shown, and written down."""

from __future__ import annotations

import html
import json
import math
import numbers
import os
from pathlib import Path
from typing import Any

from qtp_toolkit import products
from qtp_toolkit._notebook import EarlyEnd, QuietText, show
from qtp_toolkit.conventions import QtpDataError


def check(
    label: str,
    value: Any,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    equals: Any = None,
    tolerance: float = 0.0,
    unit: str = "",
    means: str = "",
    stop: bool | None = None,
) -> str:
    """Hold a number (or a word) against its limits: show the line, and write it into the run's report.

    A broken *input* stops: what follows would be nonsense. Where *physics or statistics* come out otherwise, there is
    something to learn: give ``means``, and the line is shown in red with it, the notebook goes on, and the report lists
    the check first.

    Parameters
    ----------
    label : str
        What is checked, in words.
    value : float, bool, str or 0-d array
        What was found. NaN never passes. A lazy value is computed.
    at_most, at_least : float, optional
        Closed limits, in the unit of ``value``.
    equals : float, bool or str, optional
        The expected value, within ``tolerance`` (absolute) for numbers.
    tolerance : float
        Same unit as ``value``; only used by ``equals``.
    unit : str
        Printed behind the numbers.
    means : str
        What a broken limit means, and what to look at.
    stop : bool, optional
        Raise when a limit is broken; by default if there is no ``means``.

    Returns
    -------
    str
        One line: label, value and limits. In a notebook it was shown already: as the last line of a cell it shows
        nothing more.

    Raises
    ------
    AssertionError
        With that line, if a limit is broken and the check stops. The line is in the report all the same.
    QtpDataError
        If no limit is given: a check that cannot fail is none.
    """
    if at_most is None and at_least is None and equals is None:
        raise QtpDataError(f"check({label!r}) has no limit", hint="Give at_most, at_least or equals.")
    found = _scalar(value)
    limits = {"at_most": at_most, "at_least": at_least, "equals": _scalar(equals)}
    passed = _passes(found, limits, tolerance)
    line = _line(label, found, limits, tolerance, unit)
    said = {"value": found, **limits, "tolerance": tolerance, "unit": unit, "passed": passed, "line": line}
    notebook = os.environ.get("QTP_NOTEBOOK") or "interactive"
    path = products.output_folder() / "checks" / f"{notebook}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"label": label, **said, "means": means}, default=str) + "\n")
    _show(line, "" if passed else means, passed)
    if not passed and (not means if stop is None else stop):
        raise AssertionError(f"{line}. {means}" if means else line)
    return QuietText(line)


def _show(line: str, meaning: str, passed: bool) -> None:
    """Show a check under the cell as one line, a broken one in red and with what it means."""
    mark, color = ("\N{CHECK MARK}", "#1a7f37") if passed else ("\N{BALLOT X}", "#c1121f")
    words = html.escape(line)
    if not passed:
        words = f'<b style="color:{color}">{words}</b>' + f"<br>{html.escape(meaning)}" * bool(meaning)
    told = f'<div style="padding-left:.6em"><b style="color:{color}">{mark}</b> {words}</div>'
    show({"text/plain": "\n    ".join(filter(None, (f"{mark} {line}", meaning))), "text/html": told})


def end_here(reason: str) -> None:
    """End a notebook early and well: what follows lacks a source. Running all cells stops here, with this line.

    Parameters
    ----------
    reason : str
        What is lacking, and what was done in its place.

    Raises
    ------
    EarlyEnd
        Always. A run counts the notebook as done, and the report gives the reason.
    """
    raise EarlyEnd(reason)


def checks(folder: Path | None = None) -> list[dict[str, Any]]:
    """Return the checks in ``folder`` (by default the output folder) by notebook; the last of each label counts."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted(((folder or products.output_folder()) / "checks").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = {"notebook": path.stem, **json.loads(line)}
            rows[path.stem, row["label"]] = row
    return list(rows.values())


def _scalar(value: Any) -> Any:
    """Python's own bool, int, float or str of a 0-d anything."""
    if hasattr(value, "compute"):
        value = value.compute()
    if hasattr(value, "item"):
        value = value.item()
    return value


def _passes(found: Any, limits: dict[str, Any], tolerance: float) -> bool:
    at_most, at_least, equals = limits.values()
    ok = not (isinstance(found, float) and math.isnan(found))
    if at_most is not None:
        ok = ok and found <= at_most
    if at_least is not None:
        ok = ok and found >= at_least
    if all(isinstance(value, numbers.Real) for value in (equals, found)):
        return bool(ok and abs(found - equals) <= tolerance)
    return bool(ok and (equals is None or found == equals))


def _line(label: str, found: Any, limits: dict[str, Any], tolerance: float, unit: str) -> str:
    words = {"at_most": "at most", "at_least": "at least", "equals": "expected"}
    said = ", ".join(f"{words[key]} {_number(limit)}" for key, limit in limits.items() if limit is not None)
    within = f" within {_number(tolerance)}" if tolerance else ""
    return f"{label}: {_number(found)}{' ' if unit else ''}{unit} ({said}{within})"


def _number(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"  # 145147, not 1.451e+05
