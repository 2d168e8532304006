"""What the modules promise to users who say nothing."""

from __future__ import annotations

import inspect


def defaults(module):
    """Numbers and words that stand in the signatures of a module's public functions."""
    found = {}
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name[0] != "_" and function.__module__.startswith(module.__name__):
            given = inspect.signature(function).parameters.values()
            found[name] = {p.name: p.default for p in given if isinstance(p.default, int | float | str)}
    return {name: own for name, own in found.items() if own}
