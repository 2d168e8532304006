"""Options of the commands that choose pairs, and what they choose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

DropOption = Annotated[Path | None, typer.Option("--drop", help="Text file of dates and pairs to leave out.")]
MostOption = Annotated[
    int | None, typer.Option("--most", min=1, help="Later partners of a date in each window, at most.")
]
ConnectOption = Annotated[bool, typer.Option(help="Join what missing dates leave apart.")]
PairsOption = Annotated[
    Path | None, typer.Option("--pairs", help="Text file of the pairs themselves, as `qtp pairs` writes it.")
]


def windows_of(words: Sequence[str]) -> list[tuple[float, float]]:
    """Ranges of days as they are typed, 0-40."""
    try:
        return [(float(low), float(high)) for low, high in (word.split("-") for word in words)]
    except ValueError:
        raise typer.BadParameter(f"windows are ranges of days such as 0-40, not {' '.join(words)}") from None


def choose(dates: Any, *, drop: Path | None, most: int | None, connect: bool, windows: Sequence = ()) -> Any:
    """Network of the dates by the rule of the paper, or by other windows."""
    from qtp_toolkit import network  # noqa: PLC0415

    windows = windows or network.PAPER_WINDOWS
    return network.select_pairs(dates, windows=windows, most=most, drop=_lines(drop), connect=connect)


def listed(pairs: Path, *, drop: Path | None) -> Any:
    """Network of a list of pairs."""
    from qtp_toolkit import network  # noqa: PLC0415

    chosen = network.listed_pairs(_lines(pairs))
    return network.drop_pairs(chosen, _lines(drop)) if drop is not None else chosen


def told(pairs: Any, dates: Any) -> list[str]:
    """Say how many dates, pairs and groups there are, and which dates have no pair."""
    import numpy as np  # noqa: PLC0415

    from qtp_toolkit import network  # noqa: PLC0415

    days = np.unique(np.asarray(dates, dtype="datetime64[D]"))
    used = np.union1d(*(pairs[end].values.astype("datetime64[D]") for end in ("reference", "secondary")))
    idle = np.setdiff1d(days, used).astype(str)
    groups = len(network.components(pairs))
    said = [f"{days.size} dates, {pairs.sizes['pair']} pairs, {groups} group(s)"]
    return [*said, *([f"without a pair: {', '.join(idle)}"] if idle.size else [])]


def _lines(path: Path | None) -> list[str]:
    return path.read_text(encoding="utf-8-sig").splitlines() if path is not None else []
