"""What a run says beside what the paper says, for every statement whose numbers it has."""

from __future__ import annotations

from pathlib import Path

from qtp_toolkit.report._found import Found
from qtp_toolkit.report._statements import STATEMENTS, Statement

_LACKING = (FileNotFoundError, KeyError, IndexError)
"""A notebook that did not run, a factor that there is not, a class without pixels."""


def beside_paper(folder: Path) -> list[list[str]]:
    """Quantity, paper, place in the paper, this run: for every statement whose numbers the run has."""
    return [[row.what, row.paper, row.where, found.text] for row, found in found_in(folder)]


def found_in(folder: Path, figure: str | None = None) -> list[tuple[Statement, Found]]:
    """Statements (of one figure) with what the run found; what it does not have is left out."""
    out = []
    for row in STATEMENTS:
        if figure in (None, row.figure):
            try:
                out.append((row, row.found(folder)))
            except _LACKING:
                continue
    return out
