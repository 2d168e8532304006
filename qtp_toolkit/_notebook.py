"""What a notebook shows: one display in a Jupyter kernel, and nothing anywhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def in_kernel() -> bool:
    """Whether this runs in a kernel behind a page, not in a script or a terminal."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def show(data: dict[str, Any], **metadata: Any) -> None:
    """Display a bundle (MIME type to content) under the running cell; outside of a kernel do nothing."""
    if in_kernel():
        from IPython.display import display  # noqa: PLC0415  (a kernel has it loaded)

        display(data, metadata=metadata, raw=True)


class _Quiet:
    """What is not displayed as the last line of a cell."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        """Stay silent in a kernel; a terminal, which was shown nothing, prints the value as usual."""
        if not in_kernel():
            raise NotImplementedError


# Before Python 3.12 only the class of this system can be derived from, and a checker cannot know which one that is.
class QuietPath(_Quiet, type(Path())):  # type: ignore[misc]
    """A path that nobody has to read on a page."""

    __slots__ = ()


class QuietText(_Quiet, str):
    """A line that was shown already."""

    __slots__ = ()


class EarlyEnd(Exception):  # noqa: N818  (nothing went wrong)
    """The rest of a notebook has nothing to work on; shown as one line."""

    def _render_traceback_(self) -> list[str]:
        """Show the reason in place of a traceback."""
        return [str(self)]
