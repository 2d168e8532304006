"""The bar that long work shows on request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Bar(NamedTuple):
    """A bar on the screen, or none: it takes the same calls."""

    screen: Progress
    line: TaskID

    def advance(self, parts: float) -> None:
        """Move it on."""
        self.screen.advance(self.line, parts)

    def describe(self, text: str) -> None:
        """Say what is under way."""
        self.screen.update(self.line, description=text)

    def say(self, text: str) -> None:
        """Print a line above it, if it is shown."""
        if not self.screen.disable:
            self.screen.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, text: str) -> None:
        """Print a line where there is no terminal, on which the bar itself would say it."""
        if not self.screen.console.is_terminal:
            self.say(text)


@contextmanager
def progress_bar(text: str, *, total: float, done: int = 0, progress: bool, stderr: bool = True) -> Iterator[Bar]:
    """Show a bar if asked for, on stderr or on stdout."""
    from rich.console import Console  # noqa: PLC0415  (takes its time)
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=stderr, force_jupyter=False)
    with Progress(*columns, console=console, disable=not progress) as screen:
        yield Bar(screen, screen.add_task(text, total=total, completed=done))
