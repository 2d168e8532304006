"""The bar that long work shows on request: it moves on a terminal; a log gets its end, a notebook one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from qtp_toolkit._notebook import in_kernel, show

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar(NamedTuple):
    """A bar on the screen, or none: it takes the same calls."""

    screen: Progress
    line: TaskID
    asked: bool

    def advance(self, parts: float) -> None:
        """Move it on."""
        self.screen.advance(self.line, parts)

    def describe(self, text: str) -> None:
        """Say what is under way."""
        self.screen.update(self.line, description=text)

    def say(self, text: str) -> None:
        """Print a line above it, if it was asked for."""
        if self.asked:
            self.screen.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, text: str) -> None:
        """Print a line where there is no terminal, on which the bar itself would say it."""
        if not self.screen.console.is_terminal:
            self.say(text)


@contextmanager
def progress_bar(text: str, *, total: float, done: int = 0, progress: bool, stderr: bool = True) -> Iterator[Bar]:
    """Show a bar if asked for, on stderr or on stdout; in a kernel a line says what is under way, and no more.

    Whether there is a terminal is asked of the stream itself: a kernel sets ``FORCE_COLOR``, and so do some logs, which
    says nothing of a cursor that goes back over its line.
    """
    from rich.console import Console  # noqa: PLC0415  (takes its time)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    stream = sys.stderr if stderr else sys.stdout
    console = Console(stderr=stderr, force_jupyter=False, force_terminal=stream.isatty())
    quiet = in_kernel()
    if progress and quiet:
        show({"text/plain": f"{text} ..."})
    with Progress(*columns, console=console, disable=quiet or not progress) as screen:
        yield Bar(screen, screen.add_task(text, total=total, completed=done), progress)
