"""The ``qtp`` command: thin, and quick to answer: everything heavy is imported inside the command that needs it."""

from qtp_toolkit.cli import _runs, _stacks  # noqa: F401  (they add their commands)
from qtp_toolkit.cli._shared import app

__all__ = ["app"]
